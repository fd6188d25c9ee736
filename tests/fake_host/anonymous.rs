//! Anonymous callers beyond one message: batches, the records of several callers, streams, and changes of the policy.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake::{End, Part, STAMP, Stream, Worker, ok};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use toolgate::config::SubjectForm;

const NOW: i64 = 1_800_000_000;

fn policy(public: bool) -> Value {
    let help = if public { json!({"public": true}) } else { json!({"scopes": []}) };
    json!({
        "base_scopes": ["base"],
        "tools": {"help": help, "read": {"scopes": ["read"]}, "write": {"scopes": ["write"]}, "drop": {"scopes": []}},
        "matrix": [{"deny_tools": ["drop"]}],
    })
}

fn worker(policy: &Value, more: Value) -> Worker {
    let mut resource = json!({"resource": AUDIENCE, "policy": policy});
    resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let configuration = json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"keys": key_set(&[Key::ed25519()])["keys"]}}],
        "resources": [resource], "hold_request_headers": true, "batches": "authorize_each",
    });
    Worker::new(&configuration, true, NOW)
}

/// A request with this body, or a GET without one, and with these further fields.
fn send(worker: &mut Worker, body: Option<String>, more: &[(&str, &str)]) -> Stream {
    let url = toolgate::url::Url::parse(AUDIENCE).unwrap();
    let method = if body.is_some() { "POST" } else { "GET" };
    let (path, host) = (url.request_target(), url.authority().to_owned());
    let fields = [(":method", method), (":path", &path), (":authority", &host), ("content-type", "application/json")];
    let fields = fields.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let stream = Stream::open(worker, fields.collect(), if body.is_some() { End::More } else { End::Last });
    if let Some(body) = body {
        stream.receive(worker, Part::Data(body.into_bytes(), End::Last));
    }
    stream
}

fn call(id: usize, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}})
}

/// The reasons of the records, the status of toolgate's answer, and the scope of its challenge.
fn outcome(stream: &Stream) -> (Vec<&'static str>, u16, String) {
    let reasons = stream.records().iter().map(|record| record.reason.as_str()).collect();
    let Some(answer) = stream.client() else { return (reasons, 0, String::new()) };
    let field = |name: &str| {
        let found = answer.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).unwrap_or_default()
    };
    let scope = field("www-authenticate");
    let scope = scope.split_once(" scope=\"").map(|(_, rest)| rest.split('"').next().unwrap().to_owned());
    (reasons, field(":status").parse().unwrap_or_default(), scope.unwrap_or_default())
}

#[test]
fn a_batch_goes_on_if_all_of_it_is_public_and_what_no_token_unlocks_wins() {
    let (lost, public) = ("batch_companion_denied", "public");
    for (tools, reasons, status, scope) in [
        (&["help", "help"][..], &[public, public][..], 0, ""),
        (&["help", "read"], &[lost, "no_token"], 401, "base read"),
        (&["write", "help", "read"], &["no_token", lost, "no_token"], 401, "base read write"),
        (&["read", "drop"], &["no_token", "matrix_denies_tool"], 403, ""),
        (&["other", "read"], &["unlisted", "no_token"], 403, ""),
        (&["help", "drop"], &[lost, "matrix_denies_tool"], 403, ""),
    ] {
        let mut worker = worker(&policy(true), json!({}));
        let batch: Vec<_> = tools.iter().enumerate().map(|(n, tool)| call(n, tool)).collect();
        let stream = send(&mut worker, Some(json!(batch).to_string()), &[]);
        assert_eq!(outcome(&stream), (reasons.to_vec(), status, scope.to_owned()), "{tools:?}");
        assert_eq!(stream.server().is_some(), status == 0, "{tools:?}");
    }
}

#[test]
fn what_a_403_says_of_what_a_token_could_unlock_is_what_it_needs() {
    let mut worker = worker(&policy(true), json!({}));
    let stream = send(&mut worker, Some(json!([call(1, "read"), call(2, "drop")]).to_string()), &[]);
    let body: Value = serde_json::from_slice(&stream.client().unwrap().body).unwrap();
    let data = |n: usize| (body[n]["error"]["data"]["error"].clone(), body[n]["error"]["data"]["missing"].clone());
    assert_eq!(data(0), (json!("insufficient_scope"), json!(["base", "read"])));
    assert_eq!(data(1), (json!("access_denied"), json!([])));
}

#[test]
fn records_of_anonymous_callers_name_nobody() {
    let mut worker = worker(&policy(true), json!({}));
    for (tool, reason) in [("help", "public"), ("read", "no_token"), ("drop", "matrix_denies_tool")] {
        let stream = send(&mut worker, Some(call(1, tool).to_string()), &[]);
        let records = stream.records();
        let state: Vec<_> = records[0].filter_state(SubjectForm::Plain).collect();
        let is = |name: &str, value: &str| state.iter().any(|(own, found)| *own == name && found == value);
        assert!(is("toolgate_reason", reason) && is("toolgate_target", tool), "{state:?}");
        assert!(!state.iter().any(|(name, _)| matches!(*name, "toolgate_subject" | "toolgate_client")), "{state:?}");
        let line = records[0].line(SubjectForm::Hash, &STAMP);
        for member in ["subject", "client", "issuer", "\"scopes\"", "jti"] {
            assert!(!line.contains(member), "{line}");
        }
    }
}

#[test]
fn a_list_that_one_caller_was_shown_is_trimmed_anew_for_the_next() {
    let mut worker = worker(&policy(true), json!({}));
    let token = Token::at(NOW).scope("base read").sign(&Key::ed25519());
    let bearer = format!("Bearer {token}");
    let list = r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","tools":[{"name":"help"},{"name":"read"},{"name":"write"}]}}"#;
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let mut shown = |more: &[(&str, &str)]| {
        let stream = send(&mut worker, Some(asked.clone()), more);
        let json =
            vec![(":status".to_owned(), b"200".to_vec()), ("content-type".to_owned(), b"application/json".to_vec())];
        stream.answer(&mut worker, 200, json, vec![Part::Data(list.into(), End::Last)], End::More);
        String::from_utf8(stream.client().unwrap().body).unwrap()
    };
    let result =
        |tools: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"cacheScope":"private","tools":[{tools}]}}}}"#);
    for _ in 0..3 {
        assert_eq!(shown(&[]), result(r#"{"name":"help"}"#));
        assert_eq!(shown(&[("authorization", &bearer)]), result(r#"{"name":"help"},{"name":"read"}"#));
    }
}

#[test]
fn a_stream_without_a_token_ends_at_the_limit_of_streams() {
    let mut worker = worker(&policy(true), json!({}));
    let stream = send(&mut worker, None, &[]);
    assert_eq!(outcome(&stream).0, ["public"]);
    worker.run(Duration::from_secs(3_598), &|_| None);
    assert!(!stream.is_reset());
    worker.run(Duration::from_secs(4), &|_| None);
    assert!(stream.is_reset() && stream.events()[0].contains("stream_limit"), "{:?}", stream.events());
}

#[test]
fn a_policy_without_public_rules_ends_anonymous_streams_and_calls() {
    let source =
        json!({"policy_source": {"uri": "https://plane.example.com/policy", "cluster": "plane", "interval": "1s"}});
    let mut worker = worker(&policy(true), source);
    worker.settle(&|_| Some(ok(&policy(true))));
    let stream = send(&mut worker, None, &[]);
    let before = send(&mut worker, Some(call(1, "help").to_string()), &[]);
    assert_eq!((outcome(&stream).0, outcome(&before).0), (vec!["public"], vec!["public"]));
    worker.run(Duration::from_secs(3), &|_| Some(ok(&policy(false))));
    assert!(stream.is_reset() && stream.events()[0].contains("policy_denies"), "{:?}", stream.events());
    let after = send(&mut worker, Some(call(1, "help").to_string()), &[]);
    assert_eq!(outcome(&after), (vec!["no_token"], 401, "base".to_owned()));
    worker.run(Duration::from_secs(3), &|_| Some(ok(&policy(true))));
    let again = send(&mut worker, Some(call(1, "help").to_string()), &[]);
    assert_eq!(outcome(&again).0, ["public"]);
}
