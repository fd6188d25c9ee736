//! No spelling of a denied resource is allowed: not one that a URL parser
//! makes the denied URI of, nor one for which a server of an official SDK
//! serves the denied resource.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use toolgate::jsonrpc;
use toolgate::mcp::Operation;
use toolgate::policy::{Outcome, Policy};

use super::{Chance, ask};
use crate::support::core::{alice, occasion, with_policy};

/// Spellings made from each URI.
const VARIANTS: usize = 2_000;
/// How many of them are kept for each oracle.
const KEPT: usize = 300;
const FILE: &str = "tests/oracles/spellings.jsonl";

/// The URIs that the caller is denied: all with these prefixes, and one by its full name.
const DENIED: [&str; 9] = [
    "docs://secret/",
    "docs://caf%C3%A9/",
    "docs://caf\u{e9}/",
    "file:///srv/secret/",
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://[::ffff:7f00:1]/",
    "https://admin.example/",
    EXACT,
];
const EXACT: &str = "docs://public/key";

const PIECES: [&str; 45] = [
    "/",
    "//",
    "\\",
    "./",
    "../",
    "x/../",
    "%2E%2E/",
    "%2F",
    "%2f",
    "%252F",
    "%5C",
    "%00",
    "%",
    "\t",
    "\n",
    " ",
    "@",
    "u@",
    "u:p@",
    ":",
    ":80",
    ":443",
    ":0443",
    "?",
    "?x",
    "#",
    "#x",
    ";",
    ".",
    "\u{ad}",
    "\u{200b}",
    "\u{3002}",
    "{",
    "'",
    ";x",
    "%3Bx",
    ";x=1;y",
    "%20",
    "%09",
    "%0A",
    "%0D",
    "%C2%A0",
    "%E2%80%8B",
    "u%2Fv@",
    ";x%2Fy",
];

/// Other ways to write one host.
const HOSTS: [(&str, &str); 17] = [
    ("127.0.0.1", "127.1"),
    ("127.0.0.1", "0x7f.0.0.1"),
    ("127.0.0.1", "0177.0.0.1"),
    ("127.0.0.1", "2130706433"),
    ("127.0.0.1", "127.0.0.1."),
    ("[::1]", "[0:0:0:0:0:0:0:1]"),
    ("[::1]", "[0::1]"),
    ("[::1]", "[::0.0.0.1]"),
    ("admin", "\u{ff41}dmin"),
    ("//", "/"),
    ("//", ""),
    ("file://", "file://localhost"),
    ("file://", "file://x"),
    ("[::ffff:7f00:1]", "[::ffff:127.0.0.1]"),
    ("secret", "secret."),
    ("secret", "secret%20"),
    ("/key", ";x/key"),
];

fn is_denied(uri: &str) -> bool {
    DENIED.iter().any(|denied| if *denied == EXACT { uri == EXACT } else { uri.starts_with(denied) })
}

fn policy() -> Policy {
    let mut rules = json!({"*": {"scopes": []}});
    for denied in DENIED {
        let pattern = if denied == EXACT { denied.to_owned() } else { format!("{denied}*") };
        rules[pattern] = json!({"scopes": ["admin"]});
    }
    with_policy(json!({ "resources": rules })).resources[0].policy.clone()
}

/// Whether the gate lets a caller without scopes read `uri`.
fn allows(policy: &Policy, uri: &str) -> bool {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}}).to_string();
    let message = jsonrpc::read(body.as_bytes(), 64).expect("a message");
    Operation::of(&message)
        .is_ok_and(|operation| policy.decide(&alice(""), &operation.access, &occasion()).outcome() == Outcome::Allow)
}

/// `uri` with characters written otherwise, put in or taken out.
fn spelled(uri: &str, chance: &mut Chance) -> String {
    let mut uri = uri.to_owned();
    for _ in 0..=chance.below(3) {
        let chars: Vec<char> = uri.chars().collect();
        let at = chance.below(chars.len());
        let escape = |lead: &str, upper| {
            let mut bytes = [0; 4];
            chars[at].encode_utf8(&mut bytes).bytes().fold(String::new(), |mut text, byte| {
                let digits = if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
                write!(text, "{lead}{digits}").expect("a string");
                text
            })
        };
        let (found, other) = HOSTS[chance.below(HOSTS.len())];
        let piece = match chance.below(9) {
            0 | 1 => escape("%", true),
            2 => escape("%", false),
            3 => escape("%25", true),
            4 => chars[at].to_uppercase().collect(),
            5 => String::new(),
            6 => {
                uri = uri.replacen(found, other, 1);
                continue;
            }
            _ => format!("{}{}", PIECES[chance.below(PIECES.len())], chars[at]),
        };
        let (before, after) = (chars[..at].iter(), chars[at + 1..].iter());
        uri = before.collect::<String>() + &piece + &after.collect::<String>();
    }
    uri
}

#[test]
fn no_spelling_of_a_denied_resource_is_allowed() {
    let policy = policy();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)).unwrap();
    let mut count = 0;
    for line in text.lines() {
        let row: [String; 3] = serde_json::from_str(line).unwrap();
        let [uri, form, oracle] = &row;
        assert!(is_denied(form), "{line}");
        assert!(!allows(&policy, uri), "{uri:?} is allowed, and {oracle} makes {form:?} of it");
        count += 1;
    }
    assert!(count > 1_000, "{count}");
    for uri in
        ["docs://open/a%20b", "docs://open/caf\u{e9}", "https://a.example/b?c=%2F#d", "file:///srv/open/x", "urn:a:b"]
    {
        assert!(allows(&policy, uri), "{uri}");
    }
}

#[test]
#[ignore = "needs Go, Node.js, Python and the official SDKs"]
fn no_spelling_that_a_parser_or_a_server_takes_for_a_denied_resource_is_allowed() {
    let mut chance = Chance(2026);
    let seeds = ["docs://secret/key", EXACT, "docs://caf%C3%A9/x", "file:///srv/secret/key", "http://127.0.0.1/x"];
    let seeds = seeds.into_iter().chain([
        "http://[::1]/x",
        "http://[::ffff:7f00:1]/x",
        "https://admin.example/keys",
        "https://admin.example/",
    ]);
    let made: BTreeSet<String> =
        seeds.flat_map(|uri| (0..VARIANTS).map(|_| spelled(uri, &mut chance)).collect::<Vec<_>>()).collect();
    let uris: Vec<_> = made.iter().map(|uri| uri.clone().into_bytes()).collect();
    let oracles: [(&str, &[&str]); 6] = [
        ("node", &["node", "uris.mjs"]),
        ("python", &["python3", "uris.py"]),
        ("go", &["go/oracle", "uris"]),
        ("typescript-sdk", &["node", "sdk.mjs"]),
        ("python-sdk 1", &["../../.cache/oracles/1/bin/python", "sdk.py"]),
        ("python-sdk 2", &["../../.cache/oracles/2/bin/python", "sdk.py"]),
    ];
    let policy = policy();
    let (mut found, mut kept) = (Vec::new(), String::new());
    for (name, command) in oracles {
        let answers: Vec<Vec<String>> = ask(command, &uris);
        assert_eq!(answers.len(), uris.len(), "{name}");
        let denied = made.iter().zip(&answers);
        let denied = denied.filter_map(|(uri, forms)| Some((uri, forms.iter().find(|form| is_denied(form))?)));
        let denied: Vec<_> = denied.collect();
        println!("{name}: {} of {} spellings are a denied resource", denied.len(), made.len());
        // Only what is not the denied URI itself says something, and of that the kept ones say enough.
        let told: Vec<_> = denied.iter().filter(|(uri, _)| !is_denied(uri)).collect();
        for (uri, form) in told.iter().step_by(told.len() / KEPT + 1) {
            writeln!(kept, "{}", Value::from(vec![uri.as_str(), form, name])).unwrap();
        }
        let allowed = denied.iter().filter(|(uri, _)| allows(&policy, uri));
        found.extend(allowed.map(|(uri, form)| format!("{uri:?} is allowed, and {name} makes {form:?} of it")));
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE), kept).unwrap();
    }
    assert!(found.is_empty(), "{} spellings:\n{}", found.len(), found.join("\n"));
}
