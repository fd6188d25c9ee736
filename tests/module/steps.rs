//! Work is at most n log n in what comes: the instructions that the module runs
//! are counted, for inputs of every hostile shape and of growing size.
//!
//! `make build` first. `cargo test --test module steps -- --nocapture` prints the counts.

mod lists;
mod shapes;
mod uris;

use self::shapes::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::support::core::{NOW, minimal, set};
use crate::support::interpreter::{Fate, Fields, Worker};
use crate::support::keys::Key;
use crate::support::tokens::Token;
use serde_json::{Value, json};

/// Bytes of the smallest and of the largest input; `limits.body` and
/// `limits.list` are a little more than the largest.
const SMALL: usize = 1 << 16;
const LARGE: usize = 1 << 19;
/// Less is enough to see it where each entry is compared with all patterns, and
/// where the module is called for each byte.
const FEWER_ENTRIES: usize = 16;
const FEWER_CALLS: usize = 64;

/// From the smallest to the largest input, the work may grow as n log n does,
/// and a quarter more. Where it grew as the square, it would be seven times that.
const GROWTH: f64 = 1.25;
/// Instructions for each byte and each doubling of n: a bound on what one
/// message can cost a worker. The dearest shape takes about two thirds of it.
const PER_BYTE: f64 = 120.0;
/// A call of the module from outside, with all that it does besides reading.
const PER_CALL: f64 = 15_000.0;

/// To decide on an entry of a list that has a rule by its exact name.
const PER_LISTED_NAME: u64 = 4_100;
/// To trim a list of 1,000 tools, and to trim it again.
const NEW_LIST: u64 = 11_300_000;
const KNOWN_LIST: u64 = 4_550_000;
/// To decide on a short call with a token that was verified before.
const KNOWN_CALL: u64 = 107_500;
/// The same where the host verifies the token each time.
const VERIFIED_CALL: u64 = 202_000;

/// To decide on a plain URI by 200 exact rules and 200 patterns that begin alike, and on one in all its forms.
const PER_URI: u64 = 60_000;
const PER_MANY_FORMS: u64 = 1_400_000;
/// To decide on a template of 4 kB by those rules, or to leave out one that is far longer.
const PER_TEMPLATE: u64 = 26_000_000;

/// Rules with patterns, none of which is quick to fail. Every entry of a list
/// is compared with all of them.
fn configuration(held: bool, patterns: usize) -> Value {
    let pattern = |k: usize| format!("*ab*ab*ab*{k:03}");
    let rules: Value = (0..patterns).map(|k| (pattern(k), json!({"scopes": ["x"]}))).collect();
    let mut tools = rules.clone();
    tools["echo"] = json!({"scopes": []});
    let policy = json!({"tools": tools, "methods": rules, "resources": {"docs://public/*": {"scopes": []}}});
    let config = set(minimal(), "/resources/0/policy", policy);
    let config = set(config, "/hold_request_headers", json!(held));
    let config = set(config, "/limits", json!({"body": LARGE * 2, "list": LARGE * 2}));
    set(config, "/batches", json!("authorize_each"))
}

fn head(length: usize) -> Fields {
    static TOKEN: LazyLock<String> = LazyLock::new(|| Token::at(NOW).sign(&Key::ed25519()));
    head_with(&TOKEN, length)
}

fn head_with(token: &str, length: usize) -> Fields {
    let fields = [
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "mcp.example.com"),
        ("content-type", "application/json"),
        ("authorization", &format!("Bearer {token}")),
        ("content-length", &length.to_string()),
    ];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn answer_head(kind: &str) -> Fields {
    [(":status", "200"), ("content-type", kind)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// How an input comes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    /// Cut into so many bytes each.
    Pieces(usize),
}

impl Way {
    fn cut(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![bytes],
            Self::Pieces(size) => bytes.chunks(size).collect(),
        }
    }
}

/// The cost of a shape's input of `n` bytes. Also checks its outcome.
fn steps_of(worker: &mut Worker, kind: &str, shape: &Shape, n: usize, way: Way) -> (usize, usize, u64) {
    let (name, expected, make) = shape;
    let input = make(n);
    let pieces = way.cut(input.as_bytes());
    let status = |fate: Fate| match fate {
        Fate::GoesOn(_) => 200,
        Fate::Answered(status) => status,
    };
    let (before, found);
    if kind == "request" {
        before = worker.steps();
        found = status(worker.request(head(input.len()), &pieces));
    } else {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(status(worker.request(head(question.len()), &[question])), 200);
        before = worker.steps();
        found = status(worker.answer(answer_head(kind), &pieces));
    }
    let steps = worker.steps() - before;
    assert_eq!(found, *expected, "{name}: {n} bytes");
    (input.len(), pieces.len(), steps)
}

/// Counts each shape at both sizes and gives a line for each that costs too much.
fn too_dear(kind: &str, shapes: &[Shape], way: Way, held: bool) -> Vec<String> {
    let fewer = match (way, kind) {
        (Way::Pieces(1), _) => FEWER_CALLS,
        (_, "request") => 1,
        _ => FEWER_ENTRIES,
    };
    let sizes = [SMALL, LARGE].map(|n| n / fewer);
    let patterns = if kind == "request" { 200 } else { 20 };
    let mut worker = Worker::start(&configuration(held, patterns), NOW);
    // The first time, memory grows.
    steps_of(&mut worker, kind, &shapes[0], sizes[1], way);
    // The fixed cost of a request, its token above all, does not grow.
    let least: Shape = ("the least", 200, |_| call("echo", "{}"));
    let fixed = if kind == "request" { steps_of(&mut worker, kind, &least, 0, Way::Whole).2 } else { 0 };
    let mut found = Vec::new();
    for shape in shapes {
        let [small, large] = sizes.map(|n| {
            let (bytes, pieces, steps) = steps_of(&mut worker, kind, shape, n, way);
            (bytes, pieces, steps.saturating_sub(fixed))
        });
        let n_log_n = |n: usize| n as f64 * (n as f64).log2();
        let may_grow = n_log_n(large.0) / n_log_n(small.0) * GROWTH;
        // A body that is refused before it is read costs a few steps a byte, which proves nothing.
        let grows = large.2 as f64 / small.2.max(10 * small.0 as u64) as f64;
        let may_cost = n_log_n(large.0) * PER_BYTE + large.1 as f64 * PER_CALL;
        let line = format!(
            "{kind}, {way:?}: {}: {} bytes {} steps, {} bytes {} steps: {:.1} a byte, grows {grows:.1} of {may_grow:.1}",
            shape.0,
            small.0,
            small.2,
            large.0,
            large.2,
            large.2 as f64 / large.0 as f64
        );
        println!("{line}");
        if grows > may_grow || large.2 as f64 > may_cost {
            found.push(line);
        }
    }
    found
}

#[test]
fn a_request_costs_n_log_n_in_either_host_mode() {
    for held in [false, true] {
        let dear = too_dear("request", REQUESTS, Way::Whole, held);
        assert!(dear.is_empty(), "{dear:#?}");
    }
}

#[test]
fn a_request_costs_no_more_for_coming_byte_by_byte() {
    let dear = too_dear("request", &REQUESTS[..4], Way::Pieces(1), true);
    assert!(dear.is_empty(), "{dear:#?}");
}

#[test]
fn a_list_costs_n_log_n() {
    for way in [Way::Whole, Way::Pieces(100)] {
        let dear = too_dear("application/json", DOCUMENTS, way, true);
        assert!(dear.is_empty(), "{dear:#?}");
    }
}

#[test]
fn an_event_stream_costs_n_log_n_wherever_it_is_cut() {
    for way in [Way::Whole, Way::Pieces(100), Way::Pieces(1)] {
        let dear = too_dear("text/event-stream", STREAMS, way, true);
        assert!(dear.is_empty(), "{dear:#?}");
    }
}

/// Instructions until a token is refused with 401.
fn refused(worker: &mut Worker, token: &str) -> u64 {
    let body = call("echo", "{}");
    let before = worker.steps();
    let fate = worker.request(head_with(token, body.len()), &[body.as_bytes()]);
    assert_eq!(fate, Fate::Answered(401));
    worker.steps() - before
}

#[test]
fn nobody_chooses_the_dearest_signature() {
    // Many keys of each kind; the RSA keys do not name their algorithm.
    let keys = (0..8).flat_map(|n| {
        let mut any = Key::rsa_b().named(&format!("rsa-{n}")).jwk();
        any.as_object_mut().unwrap().remove("alg");
        any["e"] = json!(["AQAB", "Aw", "BQ", "Bw", "Cw", "DQ", "EQ", "Ew"][n]);
        let other = if n == 0 { Key::ed25519() } else { Key::ed25519().named(&format!("ed-{n}")) };
        [any, other.jwk()]
    });
    let config = set(minimal(), "/issuers/0/jwks/keys", keys.collect());
    let mut worker = Worker::start(&config, NOW);
    let forged = |alg: &'static str, kid: Option<&str>| {
        let token = Token::at(NOW).scope("x");
        let token = if let Some(kid) = kid { token.header("kid", kid) } else { token.without_header("kid") };
        // Signed by a key that the issuer does not have.
        let key = if alg == "EdDSA" { Key::ed25519() } else { Key::rsa_a().with_alg(alg) };
        crate::support::tokens::tampered(&token.sign(&key))
    };
    // The first time, memory grows.
    refused(&mut worker, &forged("EdDSA", Some("ed25519")));
    let one = refused(&mut worker, &forged("EdDSA", Some("ed25519")));
    let rsa = refused(&mut worker, &forged("RS256", Some("rsa-0")));
    println!("a forged token: {one} steps by EdDSA, {rsa} by RS256");
    for (name, token, most) in [
        ("EdDSA without kid", forged("EdDSA", None), one * 5 / 4),
        ("RS256 without kid", forged("RS256", None), rsa * 5 / 4),
        ("PS512 by a key that does not name it", forged("PS512", Some("rsa-0")), one / 2),
        ("PS512 without kid", forged("PS512", None), one / 2),
    ] {
        let steps = refused(&mut worker, &token);
        println!("{name}: {steps} steps");
        assert!(steps <= most, "{name}: {steps} steps, not {most}");
    }
}

/// The configuration of calls of the usual kind, which `echo` answers.
fn usual(more: &[(&str, Value)]) -> Value {
    let tools = json!({"echo": {"scopes": ["x"]}, "admin": {"scopes": ["y"]}, "read_*": {"scopes": ["x"]}});
    let config = set(minimal(), "/hold_request_headers", json!(true));
    let config = set(config, "/resources/0/policy", json!({"tools": tools}));
    more.iter().fold(config, |config, (path, value)| set(config, path, value.clone()))
}

/// Instructions for a call by `token` after the first one, its answer and its end, and the calls between host and module.
fn usual_call(mut worker: Worker, token: &str) -> (u64, u64, BTreeMap<String, u64>) {
    let body = call("echo", r#"{"city":"Bern","note":"xxxxxxxxxxxxxx"}"#);
    let mut steps = || {
        let before = worker.steps();
        worker.take_calls();
        // As Envoy shows a body of HTTP/1: its bytes, then its end.
        let fate = worker.request(head_with(token, body.len()), &[body.as_bytes(), b""]);
        assert_eq!(fate, Fate::GoesOn(body.clone().into_bytes()));
        let asked = worker.steps();
        let answer = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(worker.answer(answer_head("application/json"), &[answer, b""]), Fate::GoesOn(answer.to_vec()));
        worker.end();
        worker.delete();
        (asked - before, worker.steps() - asked, worker.take_calls())
    };
    // The first time, its signature is verified.
    steps();
    steps()
}

#[test]
fn a_call_costs_little_if_its_token_is_known() {
    let token = Token::at(NOW).scope("x").sign(&Key::ed25519());
    let (known, after, calls) = usual_call(Worker::start(&usual(&[]), NOW), &token);
    println!("a call with a known token: {known} steps, {after} for its answer; {calls:#?}");
    assert!(known < KNOWN_CALL, "{known} steps");
}

#[test]
fn a_call_costs_little_if_its_token_is_verified_by_the_host() {
    let token = Token::at(NOW).scope("x").sign(&Key::rsa_a());
    let changes = [("/issuers/0/jwks/keys", json!([Key::rsa_a().jwk()])), ("/token_cache", json!({"entries": 0}))];
    let worker = Worker::start_with_crypto(&usual(&changes), NOW);
    let (verified, after, calls) = usual_call(worker, &token);
    println!("a call whose token the host verifies: {verified} steps, {after} for its answer; {calls:#?}");
    assert!(verified < VERIFIED_CALL, "{verified} steps");
}
