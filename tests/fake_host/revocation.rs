//! Tokens that a control plane's policy revokes: what is open ends within a second, and what comes is refused.

use std::time::Duration;

use crate::support::fake::{End, Outcome, Part, Stream, Worker, ok};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;
const INTERVAL: u64 = 5;

/// The policy, which revokes these.
fn policy(revoked: &Value) -> Value {
    json!({
        "tools": {"echo": {"scopes": []}}, "resources": {"docs://*": {"scopes": []}}, "mode": "shadow",
        "revoked": revoked,
    })
}

/// A worker whose policy comes from a control plane, and does not revoke anything yet.
fn worker() -> Worker {
    let source = json!({
        "uri": "https://plane.example.com/policy", "cluster": "plane", "interval": format!("{INTERVAL}s"),
    });
    let keys = json!({"keys": key_set(&[Key::ed25519()])["keys"]});
    let mut worker = Worker::new(
        &json!({
            "issuers": [{"issuer": ISSUER, "name": "main", "jwks": keys}],
            "resources": [{"resource": AUDIENCE, "policy_source": source}],
            "hold_request_headers": true,
        }),
        true,
        NOW,
    );
    let first = policy(&json!([]));
    worker.settle(&|_| Some(ok(&first)));
    worker
}

/// A request with a token of `alice`.
fn send(worker: &mut Worker, body: Option<Value>) -> Stream {
    let token = Token::at(NOW).claim("jti", "token-1").claim("act", json!({"sub": "agent"})).sign(&Key::ed25519());
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut fields = vec![
        (":method", method.to_owned()),
        (":path", "/mcp".to_owned()),
        (":authority", "mcp.example.com".to_owned()),
        ("authorization", format!("Bearer {token}")),
    ];
    if body.is_some() {
        fields.push(("content-type", "application/json".to_owned()));
    }
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    let stream = Stream::open(worker, fields, if body.is_some() { End::More } else { End::Last });
    if let Some(body) = body {
        stream.receive(worker, Part::Data(body.to_string().into_bytes(), End::Last));
    }
    stream
}

fn call() -> Option<Value> {
    Some(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}))
}

fn listen() -> Option<Value> {
    let params = json!({"notifications": {"resourceSubscriptions": ["docs://1"]}});
    Some(json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}))
}

/// The server begins an answer of this type.
fn begin(worker: &mut Worker, stream: &Stream, content_type: &str) {
    stream.begin_answer(worker, 200, vec![("content-type".to_owned(), content_type.as_bytes().to_vec())]);
}

fn reasons(stream: &Stream) -> Vec<&'static str> {
    stream.records().iter().map(|record| record.reason.as_str()).collect()
}

/// The control plane has another policy. Milliseconds go by, of which it takes none to answer.
fn pass(worker: &mut Worker, policy: &Value, millis: u64) {
    worker.run(Duration::from_millis(millis), &|_| Some(ok(policy)));
}

#[test]
fn every_stream_of_a_revoked_token_ends_within_a_second_and_others_go_on() {
    let cases = [
        ("by subject", json!([{"subjects": ["al*"]}]), true),
        ("by client", json!([{"clients": ["test-client"]}]), true),
        ("by issuer", json!([{"issuers": ["main"]}]), true),
        ("by id", json!([{"jti": ["token-0", "token-1"]}]), true),
        ("by subject and actor", json!([{"subjects": ["alice"], "actors": ["agent"]}]), true),
        ("by time", json!([{"subjects": ["alice"], "issued_before": "2027-01-15T08:00:01Z"}]), true),
        ("another subject", json!([{"subjects": ["bob"]}]), false),
        ("another client of the subject", json!([{"subjects": ["alice"], "clients": ["other"]}]), false),
        ("another id", json!([{"jti": ["token-2"]}]), false),
        ("another actor", json!([{"subjects": ["alice"], "actors": ["other"]}]), false),
        ("tokens of before", json!([{"subjects": ["alice"], "issued_before": "2027-01-15T08:00:00Z"}]), false),
    ];
    for (name, revoked, ends) in cases {
        for (kind, body) in [("a GET", None), ("a listen", listen()), ("a call", call())] {
            let mut worker = worker();
            let stream = send(&mut worker, body);
            assert_eq!(reasons(&stream), ["allowed"], "{name} {kind}");
            begin(&mut worker, &stream, "text/event-stream; charset=utf-8");
            let revoking = policy(&revoked);
            pass(&mut worker, &revoking, INTERVAL * 1000 + 1000);
            assert_eq!(stream.is_reset(), ends, "{name}, {kind}");
            let events: Vec<_> =
                stream.events().iter().filter(|event| event.contains("stream_ended")).cloned().collect();
            assert_eq!(events.len(), usize::from(ends), "{name}, {kind}: {events:?}");
            assert!(events.iter().all(|event| event.contains("token_revoked")), "{name}, {kind}: {events:?}");
            let later = send(&mut worker, call());
            assert_eq!(reasons(&later), [if ends { "token_revoked" } else { "allowed" }], "{name}, {kind}");
        }
    }
}

#[test]
fn an_answer_that_is_no_stream_still_comes() {
    let mut worker = worker();
    let stream = send(&mut worker, call());
    begin(&mut worker, &stream, "application/json");
    pass(&mut worker, &policy(&json!([{"subjects": ["alice"]}])), INTERVAL * 1000 + 1000);
    assert!(!stream.is_reset());
}

#[test]
fn an_answer_that_begins_after_the_revocation_ends_too() {
    let mut worker = worker();
    let stream = send(&mut worker, call());
    pass(&mut worker, &policy(&json!([{"subjects": ["alice"]}])), INTERVAL * 1000 + 1000);
    assert!(!stream.is_reset());
    begin(&mut worker, &stream, "text/event-stream");
    worker.wait(Duration::from_secs(1));
    assert!(stream.is_reset());
}

#[test]
fn a_body_that_ends_after_the_revocation_is_refused() {
    let mut worker = worker();
    let whole = call().unwrap().to_string().into_bytes();
    let token = Token::at(NOW).sign(&Key::ed25519());
    let fields = [
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "mcp.example.com"),
        ("authorization", &format!("Bearer {token}")),
        ("content-type", "application/json"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    let stream = Stream::open(&mut worker, fields, End::More);
    stream.receive(&mut worker, Part::Data(whole[..10].to_vec(), End::More));
    pass(&mut worker, &policy(&json!([{"subjects": ["alice"]}])), INTERVAL * 1000 + 1000);
    stream.receive(&mut worker, Part::Data(whole[10..].to_vec(), End::Last));
    assert_eq!(reasons(&stream), ["token_revoked"]);
    assert!(matches!(stream.outcome(), Outcome::Replied(401, _)), "{:?}", stream.outcome());
    assert!(stream.server().is_none());
}
