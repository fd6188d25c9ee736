//! Faults: all at once, each at its path.

use super::{GONE, Refusal, assert_refused, changed, full};
use crate::support::core::{accepted, faults, minimal, node, parse, set, to_struct};
use crate::support::keys::Key;
use serde_json::json;
use toolgate::node::{Node, Number};

#[test]
fn bad_settings_are_refused_at_their_path() {
    let cases: Vec<Refusal> = vec![
        ("an empty path to pass", vec![("/pass", json!(["/a", ""]))], &["pass[1]"]),
        ("a path to pass without a slash", vec![("/pass", json!(["healthz"]))], &["pass[0]"]),
        ("any path to pass", vec![("/pass", json!(["*"]))], &["pass[0]"]),
        ("an unknown word for batches", vec![("/batches", json!("allow"))], &["batches"]),
        ("no body", vec![("/limits", json!({"body": 0}))], &["limits.body"]),
        ("a negative body", vec![("/limits", json!({"body": -1}))], &["limits.body"]),
        ("a fraction of a byte", vec![("/limits", json!({"list": 0.5}))], &["limits.list"]),
        ("a body beyond all memory", vec![("/limits", json!({"body": 1e15}))], &["limits.body"]),
        ("no token", vec![("/limits", json!({"token": 0}))], &["limits.token"]),
        ("no depth", vec![("/limits", json!({"depth": 0}))], &["limits.depth"]),
        ("no batch", vec![("/limits", json!({"batch": 0}))], &["limits.batch"]),
        ("no time for a stream", vec![("/limits", json!({"stream": "0s"}))], &["limits.stream"]),
        ("a time that is a number", vec![("/limits", json!({"stream": 3600}))], &["limits.stream"]),
        ("a size in words", vec![("/limits", json!({"body": "1MB"}))], &["limits.body"]),
        ("a negative cache", vec![("/token_cache", json!({"entries": -1}))], &["token_cache.entries"]),
        (
            "an unknown part of the filter state",
            vec![("/records", json!({"filter_state": "some"}))],
            &["records.filter_state"],
        ),
        ("an unknown field of the records", vec![("/records", json!({"state": "all"}))], &["records.state"]),
        ("unknown decisions", vec![("/audit", json!({"decisions": "some"}))], &["audit.decisions"]),
        (
            "a sink without a cluster",
            vec![("/audit", json!({"sink": {"uri": "https://a/x"}}))],
            &["audit.sink.cluster"],
        ),
        ("a sink that is no URL", vec![("/audit", json!({"sink": {"uri": "x", "cluster": "a"}}))], &["audit.sink.uri"]),
        ("an unknown form of the subject", vec![("/audit", json!({"subject": "masked"}))], &["audit.subject"]),
    ];
    assert_refused(&minimal(), &cases);
    assert_eq!(
        accepted(&set(minimal(), "/token_cache", json!({"entries": 0}))).token_cache_entries,
        0,
        "0 turns it off"
    );
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let Node::Object(mut members) = node(&minimal()) else { panic!("an object") };
        members
            .push(("limits".to_owned(), Node::Object(vec![("body".to_owned(), Node::Number(Number::Double(number)))])));
        let found = parse(&to_struct(&Node::Object(members))).unwrap_err();
        assert_eq!(found.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), ["limits.body"], "{number}");
    }
}

#[test]
fn all_faults_are_given_at_once_and_in_one_line_each() {
    let value = changed(
        full(),
        &[
            ("/issuers/0/leeway", json!("-1s")),
            ("/issuers/0/jwks/uri", json!("nowhere")),
            ("/issuers/1/introspection/client_secret_env", json!("NOT_SET")),
            ("/resources/0/hosts/0", json!(7)),
            ("/resources/0/policy/tools/admin_*", json!({})),
            ("/resources/0/policy/hierarchy/weather:read", json!(["weather:admin"])),
            ("/resources/0/policy/matrix/0/scopes/0", json!("a b")),
            ("/resources/0/surprise", json!(1)),
            ("/batches", json!("maybe")),
            ("/limits/depth", json!(0)),
            ("/audit/sink", json!("x")),
        ],
    );
    let found = faults(&node(&value));
    let found: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "audit.sink",
        "batches",
        "issuers[0].jwks.uri",
        "issuers[0].leeway",
        "issuers[1].introspection.client_secret_env",
        "limits.depth",
        "resources[0].hosts[0]",
        "resources[0].policy.hierarchy.weather:admin",
        "resources[0].policy.matrix[0].scopes[0]",
        "resources[0].policy.tools.admin_*",
        "resources[0].surprise",
    ];
    assert_eq!(found, expected);
    for fault in parse(value.to_string().as_bytes()).unwrap_err() {
        let line = fault.to_string();
        assert_eq!(line, format!("{}: {}", fault.path, fault.message));
        assert!(!line.contains('\n') && !fault.message.is_empty(), "{line:?}");
    }
}

#[test]
fn a_fault_does_not_move_the_paths_of_others_or_bring_false_ones() {
    let issuer = |name: &str| json!({"issuer": format!("https://{name}.example"), "name": name, "jwks": {"keys": [Key::p256().jwk()]}});
    let resource =
        |host: &str| json!({"resource": format!("https://{host}.example/mcp"), "issuers": ["two"], "policy": {}});
    let base = json!({
        "issuers": [issuer("one"), issuer("two"), issuer("three")],
        "resources": [resource("a"), resource("b"), resource("c")],
    });
    let cases: Vec<Refusal> = vec![
        ("an issuer that is used is faulty", vec![("/issuers/1/issuer", json!("https://u@x"))], &["issuers[1].issuer"]),
        ("an issuer that is used has no keys", vec![("/issuers/1/jwks", json!(GONE))], &["issuers[1]"]),
        (
            "the first issuer is faulty, and the last has the name of the second",
            vec![("/issuers/0/issuer", json!("https://u@x")), ("/issuers/2/name", json!("two"))],
            &["issuers[0].issuer", "issuers[2].name"],
        ),
        (
            "the first resource is faulty, and the last matches as the second",
            vec![("/resources/0/resource", json!("x")), ("/resources/2/resource", json!("https://b.example/mcp"))],
            &["resources[0].resource", "resources[2]"],
        ),
        (
            "a row names an issuer that is faulty",
            vec![
                ("/issuers/1/issuer", json!("https://u@x")),
                ("/resources/0/policy/matrix", json!([{"issuers": ["two"], "scopes": []}])),
            ],
            &["issuers[1].issuer"],
        ),
    ];
    assert_refused(&base, &cases);
}
