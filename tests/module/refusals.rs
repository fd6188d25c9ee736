//! A host that refuses what the module asks of it.

use crate::support::core::{NOW, minimal, set};
use crate::support::interpreter::{Fate, Worker};
use crate::support::keys::Key;
use crate::support::tokens::Token;
use serde_json::json;

#[test]
fn every_decision_is_recorded_once_though_the_host_refuses_to_change_the_headers() {
    let configuration = set(minimal(), "/resources/0/policy", json!({"tools": {"echo": {"scopes": []}}}));
    let token = Token::at(NOW).sign(&Key::ed25519());
    for (holds, refuses, tool, expected) in [
        (false, false, "echo", None),
        (false, false, "other", Some(403)),
        (false, true, "echo", Some(502)),
        (false, true, "other", Some(502)),
        (true, false, "echo", None),
        (true, false, "other", Some(403)),
        (true, true, "echo", Some(502)),
        (true, true, "other", Some(403)),
    ] {
        let configuration = set(configuration.clone(), "/hold_request_headers", json!(holds));
        let mut worker = Worker::start(&configuration, NOW);
        if refuses {
            worker.refuse_edits();
        }
        let headers = [
            (":method", "POST"),
            (":path", "/mcp"),
            (":authority", "mcp.example.com"),
            ("content-type", "application/json"),
            ("authorization", &format!("Bearer {token}")),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}).to_string();
        let fate = worker.request(headers, &[body.as_bytes()]);
        worker.end();
        let answered = if let Fate::Answered(status) = fate { Some(status) } else { None };
        let records = worker.log().iter().filter(|line| line.starts_with("toolgate.audit ")).count();
        assert_eq!((answered, records), (expected, 1), "{holds}, {refuses}, {tool}: {:?}", worker.log());
    }
}
