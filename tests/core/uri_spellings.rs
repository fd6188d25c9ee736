//! No spelling of a URI gets more than the URI itself.

use std::fmt::Write;

use crate::support::core::{alice, occasion, with_policy};
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate::mcp::Access;
use toolgate::policy::Outcome;
use toolgate::uri::check_uri;

/// None of them speaks of what a server may leave out.
const RULES: [&str; 14] = [
    "*",
    "docs*",
    "docs://*",
    "docs://h/*",
    "docs://h/a/*",
    "docs://h/a/k",
    "docs://*/k",
    "docs://h*",
    "docs://h",
    "*/k",
    "https://*",
    "https://h/a/k",
    "https://h/a/*",
    "file*",
];
const FILE_RULES: [&str; 2] = ["file:///a/*", "file:///a/k"];

const RESOURCES: [(&str, &str, &[&str]); 7] = [
    ("docs", "h", &["a", "k"]),
    ("docs", "h", &["a"]),
    ("docs", "h", &[]),
    ("https", "h", &["a", "k"]),
    ("https", "h", &[]),
    ("file", "", &["a", "k"]),
    ("docs", "g", &["b", "k"]),
];

/// The parts of one spelling that a server ignores. An ignored part may hold a separator.
#[derive(Clone, Debug)]
struct Noise {
    user: &'static str,
    host: (&'static str, &'static str),
    port: &'static str,
    slashes: (&'static str, &'static str),
    parameters: &'static str,
    all_segments: bool,
    query: &'static str,
    fragment: &'static str,
    /// Blanks that URL parsers leave out once they are decoded: before it, and beside its scheme.
    blank: (&'static str, &'static str),
    /// How often `encoded` is percent-encoded: not, once, or twice.
    depth: usize,
    encoded: &'static str,
}

fn any_noise() -> impl Strategy<Value = Noise> {
    let often = |pieces: &'static [&'static str]| prop_oneof![3 => Just(""), 2 => prop::sample::select(pieces)];
    let host = prop::sample::select(vec![
        ("", ""),
        ("", ""),
        ("", ""),
        ("", "."),
        ("%20", ""),
        ("", "%20"),
        ("\u{200b}", ""),
        ("", "\u{ad}"),
        ("", "%C2%A0"),
    ]);
    let slashes =
        prop::sample::select(vec![("//", "/"), ("//", "/"), ("//", "//"), ("/", "/"), ("", "/"), ("///", "/")]);
    let place = (often(&["u@", "u:p@", "u;v@"]), host, often(&[":1", ":81"]), slashes);
    let blank = prop::sample::select(vec![("", ""), ("", ""), ("", ""), ("%20", ""), ("", "%0A"), ("%09", "%0D")]);
    let rest = (often(&[";", ";x", ";x=1;y"]), any::<bool>(), often(&["?", "?x", "?x=/a"]), often(&["#", "#x", "#/a"]));
    let encoding = (0usize..3, prop::sample::select(vec!["/", "/:", "/?", "/;", "/#", ";", "@", "?#", ":/@;?#"]));
    (place, rest, blank, encoding).prop_map(
        |((user, host, port, slashes), (parameters, all_segments, query, fragment), blank, code)| {
            let (depth, encoded) = code;
            Noise { user, host, port, slashes, parameters, all_segments, query, fragment, blank, depth, encoded }
        },
    )
}

/// One resource, of a bare authority with and without its slash.
fn plain((scheme, host, path): (&str, &str, &[&str])) -> Vec<String> {
    let uri = format!("{scheme}://{host}/{}", path.join("/"));
    let bare = path.is_empty().then(|| format!("{scheme}://{host}"));
    bare.into_iter().chain([uri]).collect()
}

fn spelled((scheme, host, path): (&str, &str, &[&str]), noise: &Noise) -> String {
    let (before, after) = noise.host;
    // With other slashes a file has no host.
    let slashes = if scheme == "file" { "//" } else { noise.slashes.0 };
    let mut uri = format!("{}{scheme}:{}{slashes}{}", noise.blank.0, noise.blank.1, noise.user);
    let host = if host.is_empty() { "x" } else { host };
    // Elsewhere it is that of another server.
    let port = if scheme == "docs" { noise.port } else { "" };
    write!(uri, "{before}{host}{after}{port}").unwrap();
    for (place, segment) in path.iter().enumerate() {
        let has_some = noise.all_segments || place + 1 == path.len();
        write!(uri, "{}{segment}{}", noise.slashes.1, if has_some { noise.parameters } else { "" }).unwrap();
    }
    let mark = format!("%{}", "25".repeat(noise.depth.saturating_sub(1)));
    let uri = uri + noise.query + noise.fragment;
    uri.chars().fold(String::new(), |mut text, c| {
        if noise.depth > 0 && noise.encoded.contains(c) {
            write!(text, "{mark}{:02X}", u32::from(c)).unwrap();
        } else {
            text.push(c);
        }
        text
    })
}

fn any_rules() -> impl Strategy<Value = Value> {
    let rules: Vec<_> = RULES.into_iter().chain(FILE_RULES).collect();
    let count = rules.len();
    let scopes = prop::sample::select(vec![json!([]), json!([]), json!(["a"]), json!(["b"])]);
    (prop::sample::subsequence(rules, 1..=count), prop::collection::vec(scopes, count)).prop_map(|(names, scopes)| {
        names.into_iter().zip(scopes).map(|(name, scopes)| (name.to_owned(), json!({ "scopes": scopes }))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spelling_of_a_uri_gets_more_than_the_uri(
        rules in any_rules(), scopes in prop::sample::select(vec!["", "a", "b"]),
        noises in prop::collection::vec(any_noise(), 8),
    ) {
        let caller = alice(scopes);
        let policy = with_policy(json!({ "resources": rules })).resources[0].policy.clone();
        for resource in RESOURCES {
            let allows = |uri: &str| {
                let access = Access::Resources(vec![uri]);
                check_uri(uri).is_ok() && policy.decide(&caller, &access, &occasion()).outcome() != Outcome::Deny
            };
            let uris = plain(resource);
            if uris.iter().any(|uri| allows(uri)) {
                continue;
            }
            for noise in &noises {
                let spelled = spelled(resource, noise);
                prop_assert!(!allows(&spelled), "{uris:?} is denied, but {spelled:?} is allowed");
            }
        }
    }
}
