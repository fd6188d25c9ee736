//! JSON-RPC arrays under `batches: authorize_each`: decided element by element, and one that is denied refuses all.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::weather::{asked_scope, policy, token};
use crate::support::answer::Answer;
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::upstream::State;
use crate::support::wait_until;

fn gate(mode: Mode) -> &'static Gate {
    static AHEAD: LazyLock<Gate> = LazyLock::new(|| start(Mode::Ahead));
    static HELD: LazyLock<Gate> = LazyLock::new(|| start(Mode::Held));
    match mode {
        Mode::Ahead => &AHEAD,
        Mode::Held => &HELD,
    }
}

fn start(mode: Mode) -> Gate {
    let mut configuration = configuration(&policy());
    configuration["batches"] = json!("authorize_each");
    configuration["limits"] = json!({"batch": 4});
    Gate::start(mode, &configuration)
}

fn call(id: impl Into<Value>, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": {"name": tool}})
}

fn list(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"})
}

fn post(body: impl Into<Vec<u8>>) -> Request {
    Request::post("/mcp", &json!(null)).bearer(&token("weather:read")).body(body)
}

#[test]
fn an_allowed_batch_goes_on_as_it_is_with_a_record_for_each_element() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let scenario = gate.upstream.scenario(|_| Answer::json(&json!([])));
        let notification = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}});
        let body = format!(" [{}, {},\n{notification}]", call(1, "get_forecast"), call("1", "echo"));
        assert_eq!(gate.envoy.client().send(&post(body.clone()).scenario(&scenario)).status, 200, "{mode:?}");
        assert_eq!(scenario.request().body, body.as_bytes(), "{mode:?}");
        wait_until("a record for each", || {
            let targets = ["get_forecast", "echo"].map(|tool| gate.envoy.audit().iter().any(|r| r["target"] == tool));
            let notified = gate.envoy.audit().iter().any(|r| r["method"] == "notifications/cancelled");
            targets == [true; 2] && notified
        });
    }
}

#[test]
fn one_denied_element_refuses_the_whole_with_an_error_for_each() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        for (tools, causes, scope) in [
            (["echo", "set_alert"], ["access_denied", "insufficient_scope"], Some("weather:read weather:write")),
            (["delete_city", "set_alert"], ["insufficient_scope"; 2], Some("weather:admin weather:read weather:write")),
            (["unheard_of", "set_alert"], ["access_denied", "insufficient_scope"], None),
        ] {
            let scenario = gate.upstream.scenario(|_| Answer::json(&json!([])));
            let batch = json!([call(1, tools[0]), call("b", tools[1])]);
            let response = gate.envoy.client().send(&post(batch.to_string()).scenario(&scenario));
            assert_eq!(response.status, 403, "{mode:?} {tools:?}");
            assert_eq!(asked_scope(&response).as_deref(), scope, "{mode:?} {tools:?}");
            let errors = response.json();
            assert_eq!((&errors[0]["id"], &errors[1]["id"]), (&json!(1), &json!("b")), "{mode:?} {tools:?}");
            let found = [0, 1].map(|n| errors[n]["error"]["data"]["error"].as_str().unwrap());
            assert_eq!(found, causes, "{mode:?} {tools:?}");
            let ids = [0, 1].map(|n| errors[n]["error"]["data"]["decision_id"].clone());
            wait_until("a record of each refusal", || {
                ids.iter()
                    .all(|id| gate.envoy.audit().iter().any(|r| r["decision_id"] == *id && r["decision"] == "deny"))
            });
            assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{mode:?} {tools:?}");
        }
    }
}

#[test]
fn a_batch_that_is_none_is_refused() {
    let open = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#.to_owned();
    let echo = |id: &str| call(0, "echo").to_string().replace("\"id\":0", &format!("\"id\":{id}"));
    let cases = [
        ("[]".to_owned(), -32600),
        (format!("[{}]", [1, 2, 3, 4, 5].map(|id| call(id, "echo").to_string()).join(",")), -32600),
        (format!("[{},{}]", echo("1"), echo("1.0")), -32600),
        (format!("[{},{}]", echo("\"a\""), echo("\"\\u0061\"")), -32600),
        (format!("[{},{open}]", echo("2")), -32600),
        (format!("[[{}]]", echo("2")), -32600),
        (format!("[{},1]", echo("2")), -32600),
        (format!("[{},]", echo("2")), -32700),
        (format!("[{}", echo("2")), -32700),
        (format!("[{}]{}", echo("2"), call(3, "delete_city")), -32700),
        (format!("[{},{{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\"}}]", echo("2")), -32602),
    ];
    for mode in Mode::ALL {
        let gate = gate(mode);
        for (body, code) in &cases {
            let scenario = gate.upstream.scenario(|_| Answer::json(&json!([])));
            let response = gate.envoy.client().send(&post(body.clone()).scenario(&scenario));
            assert_eq!((response.status, &response.json()["error"]["code"]), (400, &json!(code)), "{mode:?} {body}");
            assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{mode:?} {body}");
        }
    }
}

#[test]
fn lists_inside_an_array_are_trimmed_and_what_cannot_be_read_has_an_error_for_each() {
    let result = |id: u64, names: &[&str]| {
        let tools: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
        json!({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}})
    };
    for mode in Mode::ALL {
        let gate = gate(mode);
        let batch = json!([list(1), list(2)]).to_string();
        let answer = json!([result(1, &["echo", "delete_city"]), result(2, &["delete_city"])]);
        let scenario = gate.upstream.scenario(move |_| Answer::json(&answer));
        let response = gate.envoy.client().send(&post(batch.clone()).scenario(&scenario));
        assert_eq!(response.json(), json!([result(1, &["echo"]), result(2, &[])]), "{mode:?}");

        let broken =
            |_: &_| Answer::new(200).header("content-type", "application/json").body("[{\"result\":{\"tools\":");
        let scenario = gate.upstream.scenario(broken);
        let response = gate.envoy.client().send(&post(batch).scenario(&scenario));
        match mode {
            Mode::Held => assert_eq!((response.status, response.json()), (502, json!({"error": "bad_gateway"}))),
            Mode::Ahead => {
                let errors = response.json();
                let found = [0, 1].map(|n| (errors[n]["id"].clone(), errors[n]["error"]["code"].clone()));
                assert_eq!(found, [(json!(1), json!(502)), (json!(2), json!(502))]);
            }
        }
    }
}
