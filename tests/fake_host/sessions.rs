//! Sessions bound to their caller, at several hosts that share nothing but the secret.

use serde_json::{Value, json};

use crate::support::fake::{End, Fields, Message, Outcome, Part, Stream, Worker, ok};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};

const NOW: i64 = 1_800_000_000;
const ID: &str = "mcp-session-id";
const OPAQUE: &str = "https://opaque.example.com";

/// A host of its own.
fn host(sessions: &Value, hold: bool) -> Worker {
    let configuration = json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"keys": key_set(&[Key::ed25519()])["keys"]}}],
        "resources": [{
            "resource": AUDIENCE, "paths": ["/mcp", "/sse", "/messages"],
            "policy": {"tools": {"echo": {"scopes": []}}}, "sessions": sessions,
        }],
        "hold_request_headers": hold,
    });
    Worker::new(&configuration, hold, NOW)
}

fn bound(secret: &str) -> Value {
    json!({"bind": true, "secret_env": secret})
}

fn fields(method: &str, path: &str, token: &str, session: Option<&str>) -> Fields {
    let bearer = format!("Bearer {token}");
    let mut fields = vec![
        (":method", method),
        (":path", path),
        (":authority", "mcp.example.com"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    fields.extend(session.map(|session| (ID, session)));
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

fn token(subject: &str) -> String {
    Token::at(NOW).subject(subject).sign(&Key::ed25519())
}

/// A call of this session.
fn call(worker: &mut Worker, token: &str, session: Option<&str>) -> Stream {
    send_call(worker, fields("POST", "/mcp", token, session))
}

fn send_call(worker: &mut Worker, fields: Fields) -> Stream {
    let stream = Stream::open(worker, fields, End::More);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}).to_string();
    stream.receive(worker, Part::Data(body.into_bytes(), End::Last));
    stream
}

fn answer(stream: &Stream, worker: &mut Worker, session: &str) -> String {
    let headers = [("content-type", "application/json"), (ID, session)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    stream.answer(worker, 200, headers.into(), vec![Part::Data(b"{}".to_vec(), End::Last)], End::More);
    value(&stream.client().expect("an answer"))
}

fn value(message: &Message) -> String {
    let all: Vec<_> = message.headers.iter().filter(|(name, _)| name == ID).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    String::from_utf8(all[0].1.clone()).expect("text")
}

#[test]
fn replicas_with_one_secret_accept_the_sessions_of_each_other() {
    for hold in [true, false] {
        let [mut first, mut second] = [(); 2].map(|()| host(&bound("SESSION_SECRET"), hold));
        let begun = call(&mut first, &token("alice"), None);
        let seen = answer(&begun, &mut first, "abc");
        let other = call(&mut second, &token("alice"), Some(&seen));
        assert_eq!(value(&other.server().expect("a request")), "abc");
        assert_eq!(answer(&other, &mut second, "abc"), seen);
        for worker in [&mut first, &mut second] {
            let stolen = call(worker, &token("bob"), Some(&seen));
            assert_eq!(stolen.outcome(), Outcome::Replied(404, "session_mismatch"));
            assert_eq!(stolen.server().map(|seen| seen.body), None);
        }
    }
}

#[test]
fn a_secret_is_rotated_without_the_loss_of_a_session() {
    let rotating = json!({"bind": true, "secret_env": "SESSION_SECRET_NEW", "previous_secret_env": "SESSION_SECRET"});
    let [mut old, mut both, mut new] =
        [bound("SESSION_SECRET"), rotating, bound("SESSION_SECRET_NEW")].map(|sessions| host(&sessions, true));
    let alice = token("alice");
    let begun = call(&mut old, &alice, None);
    let first = answer(&begun, &mut old, "abc");
    assert_eq!(call(&mut new, &alice, Some(&first)).outcome(), Outcome::Replied(404, "session_mismatch"));
    let during = call(&mut both, &alice, Some(&first));
    let second = answer(&during, &mut both, "abc");
    assert_ne!(second, first, "the next answer has the tag under the new secret");
    let after = call(&mut new, &alice, Some(&second));
    assert_eq!(value(&after.server().expect("a request")), "abc");
    assert_eq!(call(&mut old, &alice, Some(&second)).outcome(), Outcome::Replied(404, "session_mismatch"));
}

/// Public tools beside protected ones: whoever learns the id of a caller who signed in, and drops the token.
#[test]
fn the_session_of_a_caller_is_of_no_use_without_a_token() {
    let configuration = |sessions: Option<Value>| {
        let mut configuration = json!({
            "issuers": [{"issuer": ISSUER, "jwks": {"keys": key_set(&[Key::ed25519()])["keys"]}}],
            "resources": [{
                "resource": AUDIENCE, "paths": ["/mcp", "/sse", "/messages"],
                "policy": {"tools": {"echo": {"public": true}, "write": {"scopes": ["write"]}}},
            }],
            "hold_request_headers": true,
        });
        configuration["resources"][0].as_object_mut().unwrap().extend(sessions.map(|own| ("sessions".to_owned(), own)));
        configuration
    };
    let uses = |seen: &str| {
        let of = |method: &'static str, path: String, header: bool| (method, path, header.then(|| seen.to_owned()));
        [
            of("GET", "/mcp".to_owned(), true),
            of("HEAD", "/mcp".to_owned(), true),
            of("DELETE", "/mcp".to_owned(), true),
            of("POST", "/mcp".to_owned(), true),
            of("GET", format!("/sse?sessionId={seen}"), false),
            of("POST", format!("/messages?sessionId={seen}"), false),
            of("POST", format!("/messages?session_id={seen}"), false),
        ]
    };
    let alice = token("alice");
    let mut host = Worker::new(&configuration(Some(bound("SESSION_SECRET"))), true, NOW);
    let seen = answer(&call(&mut host, &alice, None), &mut host, "abc");
    for (ids, reason) in [(uses(&seen), "session_mismatch"), (uses("abc"), "session_untagged")] {
        for (method, path, session) in ids {
            let stolen = nobodys(&mut host, method, &path, session.as_deref());
            assert_eq!(stolen.outcome(), Outcome::Replied(404, reason), "{method} {path}");
            assert!(stolen.server().is_none(), "{method} {path}");
        }
    }
    // Their own session is theirs, and is of no use to one who signs in.
    let own = answer(&nobodys(&mut host, "POST", "/mcp", None), &mut host, "abc");
    assert_ne!(own, seen);
    assert_eq!(nobodys(&mut host, "POST", "/mcp", Some(&own)).outcome(), Outcome::Forwarded);
    assert_eq!(call(&mut host, &alice, Some(&own)).outcome(), Outcome::Replied(404, "session_mismatch"));
    // What a warning says of the same resource without `sessions`.
    let mut open = Worker::new(&configuration(None), true, NOW);
    for (method, path, session) in uses("abc") {
        let stolen = nobodys(&mut open, method, &path, session.as_deref());
        assert_eq!(stolen.outcome(), Outcome::Forwarded, "{method} {path}");
    }
}

/// A request without a token: a call of the public tool, or one without a body.
fn nobodys(worker: &mut Worker, method: &str, path: &str, session: Option<&str>) -> Stream {
    let mut fields = fields(method, path, "", session);
    fields.retain(|(name, _)| name != "authorization");
    if method == "POST" { send_call(worker, fields) } else { Stream::open(worker, fields, End::Last) }
}

/// A proxy or a server that says two ids, or one that is no text.
#[test]
fn no_session_id_of_an_answer_passes_without_a_tag() {
    let mut worker = host(&bound("SESSION_SECRET"), true);
    let alice = token("alice");
    let begun = call(&mut worker, &alice, None);
    let [a, b] = ["a", "b"].map(|id| answer(&call(&mut worker, &alice, None), &mut worker, id).into_bytes());
    let headers = [b"a".to_vec(), b"\xff".to_vec(), b"b".to_vec()].map(|value| (ID.to_owned(), value));
    begun.answer(&mut worker, 200, headers.into(), Vec::new(), End::Last);
    let client = begun.client().expect("an answer");
    let found: Vec<_> = client.headers.iter().filter(|(name, _)| name == ID).map(|(_, value)| value.clone()).collect();
    assert_eq!(found, [a, b]);
}

/// Introspection for a rule comes after the check of the id. Whatever it adds to the caller is no part of the tag.
#[test]
fn a_session_holds_for_rules_that_want_the_issuer_asked_and_for_others() {
    let configuration = json!({
        "issuers": [{
            "issuer": OPAQUE, "validation": "jwt", "jwks": {"keys": key_set(&[Key::ed25519()])["keys"]},
            "introspection": {"uri": format!("{OPAQUE}/introspect"), "cluster": "opaque"},
        }],
        "resources": [{
            "resource": AUDIENCE, "sessions": bound("SESSION_SECRET"),
            "policy": {"tools": {"echo": {"scopes": [], "fresh": "0s"}, "read": {"scopes": []}}},
        }],
        "hold_request_headers": true,
    });
    let mut worker = Worker::new(&configuration, true, NOW);
    let token = Token::at(NOW).claim("iss", OPAQUE).without_claim("client_id").sign(&Key::ed25519());
    let said = json!({"active": true, "sub": "alice", "client_id": "desktop", "aud": AUDIENCE});
    let fresh = call(&mut worker, &token, None);
    worker.settle(&|_| Some(ok(&said)));
    let seen = answer(&fresh, &mut worker, "abc");
    let again = call(&mut worker, &token, Some(&seen));
    worker.settle(&|_| Some(ok(&said)));
    assert_eq!(value(&again.server().expect("a request")), "abc");
}

#[test]
fn the_endpoint_of_one_stream_is_tagged_wherever_it_is_cut() {
    let text = "\u{feff}: hello\r\n\r\nevent: endpoint\r\ndata: /messages?sessionId=abc\r\n\r\n";
    let alice = token("alice");
    for at in 1..text.len() {
        let mut worker = host(&bound("SESSION_SECRET"), at % 2 == 0);
        let stream = Stream::open(&mut worker, fields("GET", "/sse", &alice, None), End::Last);
        let headers = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
        let (before, after) = text.as_bytes().split_at(at);
        let parts = vec![Part::Data(before.to_vec(), End::More), Part::Data(after.to_vec(), End::Last)];
        stream.answer(&mut worker, 200, headers, parts, End::More);
        let body = String::from_utf8(stream.client().expect("an answer").body).expect("text");
        let (_, rest) = body.split_once("sessionId=").expect("an endpoint");
        let seen = rest.trim_end();
        assert_eq!(body, text.replace("=abc", &format!("={seen}")));
        let path = format!("/messages?sessionId={seen}");
        let message = Stream::open(&mut worker, fields("GET", &path, &alice, None), End::Last);
        let target = message.server().expect("a request").headers.into_iter().find(|(name, _)| name == ":path");
        assert_eq!(target.expect("a path").1, b"/messages?sessionId=abc", "cut at {at}");
    }
}
