//! The readers of the corpus, and the gate's own, against parsers of real
//! servers: see `tests/oracles/README.md`.

use crate::support::readers;
#[path = "../oracles/spellings.rs"]
mod spellings;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use readers::{METHODS, PROMPT, Reader, TOOL};
use serde::de::DeserializeOwned;
use serde_json::Value;
use toolgate::jsonrpc::{self, Message, MessageKind};
use toolgate::mcp::Operation;

/// Bodies made from each of the corpus.
const VARIANTS: usize = 200;
/// Larger ones say nothing new.
const MAX_BODY: usize = 4_000;

type Use = (String, Option<String>);

fn corpus() -> Vec<Vec<u8>> {
    let mut bodies = BTreeSet::new();
    for file in crate::support::corpus() {
        let case: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        match (&case["body"], &case["body_base64"]) {
            (Value::String(body), _) if case["repeat"].is_null() => bodies.insert(body.clone().into_bytes()),
            (_, Value::String(encoded)) => bodies.insert(STANDARD.decode(encoded).unwrap()),
            _ => false,
        };
    }
    bodies.into_iter().filter(|body| !body.is_empty() && body.len() < MAX_BODY).collect()
}

/// A pseudo-random sequence (SplitMix64), the same on every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((n ^ (n >> 31)) % limit as u64).unwrap()
    }
}

/// `body` with pieces put in, doubled, swapped or taken out.
fn variant(body: &[u8], chance: &mut Chance) -> Vec<u8> {
    const PIECES: [&[u8]; 32] = [
        b"\"name\":\"delete_all\",",
        b"\"Name\":\"delete_all\",",
        b",\"name\":\"echo\"",
        b"\"method\":\"tools/call\",",
        b"\"METHOD\":\"tools/call\",",
        b"\"params\":{\"name\":\"delete_all\"},",
        b"\"params\":null,",
        b"\"id\":null,",
        b"\\u0000",
        b"\\u006e",
        b"\\ud800",
        b"\\/",
        b"\x00",
        b"\x0b",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc0\xae",
        b"\xe2\x80\xa8",
        b" ",
        b"\n",
        b",",
        b":",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"//\n",
        b"/**/",
        b"1e999",
        b"-0",
        b"NaN",
    ];
    let mut out = body.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(out.len() + 1);
        let end = (at + chance.below(12)).min(out.len());
        match chance.below(4) {
            0 => drop(out.splice(at..at, PIECES[chance.below(PIECES.len())].iter().copied())),
            1 => drop(out.drain(at..end)),
            2 => {
                let copy = out[at..end].to_vec();
                drop(out.splice(end..end, copy));
            }
            _ => drop(out.splice(at..end, PIECES[chance.below(PIECES.len())].iter().copied())),
        }
    }
    out
}

/// The output of an oracle for each body, or for each URI.
fn ask<T: DeserializeOwned>(command: &[&str], bodies: &[Vec<u8>]) -> Vec<Vec<T>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles");
    let mut oracle = Command::new(command[0]);
    oracle.args(&command[1..]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut oracle = oracle.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut input = oracle.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            for body in bodies {
                writeln!(input, "{}", STANDARD.encode(body)).expect("an oracle that listens");
            }
        });
        oracle.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line))))
        .collect()
}

fn is_denied((method, target): &Use) -> bool {
    match (method.as_str(), target) {
        ("tools/call", Some(name)) => name == TOOL,
        ("prompts/get", Some(name)) => name == PROMPT,
        ("resources/read" | "resources/subscribe" | "resources/unsubscribe", Some(uri)) => readers::is_denied_uri(uri),
        (method, _) => method.starts_with(METHODS),
    }
}

/// The uses that the gate reads. `None` if it refuses the body, or a message of it.
fn gate(body: &[u8]) -> Option<Vec<Use>> {
    let mut body = jsonrpc::read_body(body, 64, Some(32)).ok()?;
    let target = |message: &Message<'_>| {
        let params = &message.params;
        let member = match message.method.as_ref() {
            "tools/call" | "prompts/get" => &params.name,
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => &params.uri,
            _ => return None,
        };
        member.text().map(str::to_owned)
    };
    let mut uses = Vec::new();
    for message in body.messages().iter().filter(|message| message.kind != MessageKind::Response) {
        Operation::of(message).ok()?;
        uses.push((message.method.to_string(), target(message)));
    }
    Some(uses)
}

#[test]
#[ignore = "needs Go, Node.js and Python"]
fn nothing_is_stricter_than_a_real_server() {
    let mut chance = Chance(2026);
    let mut bodies = corpus();
    let made: Vec<_> =
        bodies.iter().flat_map(|body| (0..VARIANTS).map(|_| variant(body, &mut chance)).collect::<Vec<_>>()).collect();
    bodies.extend(made);
    let oracles: [(&str, &[&str]); 4] = [
        ("go", &["go/oracle"]),
        ("go encoding/json", &["go/oracle", "encoding/json"]),
        ("node", &["node", "node.mjs"]),
        ("python", &["python3", "python.py"]),
    ];
    let mut found = Vec::new();
    for (name, command) in oracles {
        let answers: Vec<Vec<Use>> = ask(command, &bodies);
        assert_eq!(answers.len(), bodies.len(), "{name}");
        let (mut denied, mut agreed) = (0, 0);
        for (body, uses) in bodies.iter().zip(&answers) {
            let shown = || String::from_utf8_lossy(body).into_owned();
            if uses.iter().any(is_denied) {
                denied += 1;
                if !Reader::ALL.into_iter().any(|reader| reader.takes(body)) {
                    found.push(format!("{name} calls {uses:?}, no reader does: {}", shown()));
                }
            }
            if let Some(gate) = gate(body).filter(|_| !uses.is_empty()) {
                agreed += 1;
                // A target that either of them does not read leads to no call there.
                let same = gate.len() == uses.len()
                    && gate.iter().zip(uses).all(|(ours, theirs)| {
                        ours.0 == theirs.0 && (ours.1.is_none() || theirs.1.is_none() || ours.1 == theirs.1)
                    });
                if !same {
                    found.push(format!("{name} reads {uses:?}, the gate {gate:?}: {}", shown()));
                }
            }
        }
        println!("{name}: of {} bodies {denied} are the denied use, {agreed} pass the gate's reader", bodies.len());
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}
