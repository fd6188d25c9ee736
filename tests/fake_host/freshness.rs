//! Rules that want a word of the issuer's that is recent: recent is counted from the end of the request, whatever the
//! issuer was asked meanwhile.

use crate::support::fake::{End, Part, Response, Stream, Worker, ok};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn configuration(validation: &str) -> Value {
    json!({
        "issuers": [{
            "issuer": ISSUER, "validation": validation, "jwks": {"keys": key_set([&Key::ed25519()])["keys"]},
            "introspection": {"uri": format!("{ISSUER}/introspect"), "cluster": "auth"},
        }],
        "resources": [{"resource": AUDIENCE, "policy": {"tools": {
            "read": {"scopes": []}, "archive": {"scopes": [], "fresh": "1m"}, "erase": {"scopes": [], "fresh": "0s"},
        }}}],
        "hold_request_headers": true,
    })
}

fn active() -> Response {
    ok(&json!({"active": true, "aud": AUDIENCE}))
}

fn revoked() -> Response {
    ok(&json!({"active": false}))
}

/// When a request ends, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    BeforeTheQuestion,
    BeforeTheAnswer,
    BeforeTheAnswerInTrailers,
    AfterTheAnswer,
}

/// A call whose token is revoked once its issuer was asked about it: the reason, and how often that one was asked.
fn call(validation: &str, tool: &str, ends: Ends) -> (&'static str, usize) {
    let mut worker = Worker::new(&configuration(validation), true, NOW);
    worker.settle(&|_| None);
    let token = Token::at(NOW).sign(&Key::ed25519());
    let fields = [
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "mcp.example.com"),
        ("content-type", "application/json"),
        ("authorization", &format!("Bearer {token}")),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let stream = Stream::open(&mut worker, fields.into(), End::More);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}).to_string();
    let (begin, end) = body.split_at(9);
    stream.receive(&mut worker, Part::Data(begin.into(), End::More));
    if ends != Ends::BeforeTheQuestion {
        worker.tick();
    }
    if ends == Ends::AfterTheAnswer {
        worker.answer_all(&|_| Some(active()));
    }
    let last = if ends == Ends::BeforeTheAnswerInTrailers { End::More } else { End::Last };
    stream.receive(&mut worker, Part::Data(end.into(), last));
    if last == End::More {
        stream.receive(&mut worker, Part::Trailers(vec![("x-sum".into(), b"1".into())]));
    }
    if ends == Ends::BeforeTheQuestion {
        worker.tick();
    }
    for sent in worker.take(|_| true) {
        worker.answer(sent.call, Some(&active()));
    }
    worker.settle(&|_| Some(revoked()));
    (stream.records()[0].reason.as_str(), worker.asked)
}

#[test]
fn what_was_asked_before_a_request_ended_is_not_of_now_and_is_enough_for_all_but_now() {
    for ends in [Ends::BeforeTheQuestion, Ends::BeforeTheAnswer, Ends::BeforeTheAnswerInTrailers, Ends::AfterTheAnswer]
    {
        let of_now = if ends == Ends::BeforeTheQuestion { ("allowed", 1) } else { ("token_inactive", 2) };
        for validation in ["introspection", "jwt_and_introspection"] {
            for (tool, expected) in [("read", ("allowed", 1)), ("archive", ("allowed", 1)), ("erase", of_now)] {
                assert_eq!(call(validation, tool, ends), expected, "{validation}, {ends:?}: {tool}");
            }
        }
        // Where nobody was asked about the token, the one question is of now.
        assert_eq!(call("jwt", "read", ends), ("allowed", 0), "{ends:?}");
        let (_, asked) = call("jwt", "erase", ends);
        assert_eq!(asked, 1, "{ends:?}");
    }
}
