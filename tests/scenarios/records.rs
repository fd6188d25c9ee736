//! Records beside the decision: chosen arguments, and the trace.

use serde_json::{Value, json};

use super::config::CONDITIONS;
use super::expect::*;
use super::request::{Request, call, rpc, token};
use super::{Scenario, row};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub fn rows() -> Vec<Scenario> {
    [of_arguments(), of_traces()].concat()
}

fn pay(arguments: Value) -> Request {
    rpc("tools/call", json!({"name": "pay", "arguments": arguments})).at(CONDITIONS).bearer(token("weather:read"))
}

fn of_arguments() -> Vec<Scenario> {
    let good = |more: Value| {
        let mut arguments = json!({"amount": 12, "owner": "alice"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        pay(arguments)
    };
    let recorded = |name, more: Value, expected: Value| row(name, good(more), forwarded().audit("arguments", expected));
    let (all, long) = (json!({"/amount": 12, "/owner": "alice"}), "\u{e9}".repeat(100));
    vec![
        recorded("chosen arguments are recorded, and no others", json!({"secret": "x"}), all.clone()),
        recorded(
            "the arguments of all patterns are recorded",
            json!({"note": "lunch"}),
            json!({"/amount": 12, "/owner": "alice", "/note": "lunch"}),
        ),
        recorded(
            "an element of a list is recorded",
            json!({"nested": {"list": ["a", true]}}),
            json!({"/amount": 12, "/owner": "alice", "/nested/list/1": true}),
        ),
        recorded("a list is not recorded", json!({"note": ["x"]}), all.clone()),
        recorded("an object is not recorded", json!({"nested": {"a": 1}}), all.clone()),
        recorded(
            "a null is recorded",
            json!({"note": null}),
            json!({"/amount": 12, "/owner": "alice", "/note": null}),
        ),
        recorded(
            "a long text is cut",
            json!({"note": long}),
            json!({"/amount": 12, "/owner": "alice", "/note": "\u{e9}".repeat(64)}),
        ),
        recorded(
            "an argument is recorded though another looks like it",
            json!({"note": "x", "NOTE": "y"}),
            json!({"/amount": 12, "/owner": "alice", "/note": "x"}),
        ),
        row(
            "the arguments of a denied call are recorded",
            pay(json!({"amount": 1000, "owner": "bob"})),
            denied("tools/call", "pay", "arguments_refused").audit("arguments", json!({"/amount": 1000, "/owner": "bob"})),
        ),
        row(
            "a number is recorded as it was written",
            super::request::post(
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"amount": 123456789012345678901234567890 }}}"#,
            )
            .at(CONDITIONS)
            .bearer(token("weather:read")),
            denied("tools/call", "pay", "arguments_refused")
                .audit("arguments", serde_json::from_str::<Value>(r#"{"/amount":123456789012345678901234567890}"#).unwrap()),
        ),
        row("a call without arguments has none recorded", call("echo").bearer(token("")), forwarded().audit("arguments", json!(null))),
        row(
            "the arguments of another tool are not recorded",
            rpc("tools/call", json!({"name": "get_forecast", "arguments": {"amount": 1}})).bearer(token("weather:read")),
            forwarded().audit("arguments", json!(null)),
        ),
    ]
}

fn of_traces() -> Vec<Scenario> {
    let traced = |name, parent: String, id: Option<&str>| {
        row(name, call("echo").bearer(token("")).header("traceparent", parent), forwarded().audit("trace_id", id))
    };
    let own = |rest: &str| format!("00-{TRACE}-00f067aa0ba902b7-{rest}");
    vec![
        traced("a trace is recorded", own("01"), Some(TRACE)),
        traced("a trace of a later version is recorded", own("01-x").replacen("00", "cc", 1), Some(TRACE)),
        traced("a trace of no version is not", own("01").replacen("00", "ff", 1), None),
        traced("a trace with more parts than its version has is not", own("01-x"), None),
        traced("a trace in upper case is not", own("01").to_uppercase(), None),
        traced("a trace of zeros is not", own("01").replace(TRACE, &"0".repeat(32)), None),
        traced("a trace without a parent is not", own("01").replace("00f067aa0ba902b7", &"0".repeat(16)), None),
        traced("a trace without flags is not", format!("00-{TRACE}-00f067aa0ba902b7"), None),
        traced("a trace with short flags is not", own("1"), None),
        traced("a trace that is too long is not", own("01").replace(TRACE, &format!("{TRACE}0")), None),
        row(
            "two traces are none",
            call("echo").bearer(token("")).header("traceparent", own("01")).header("traceparent", own("00")),
            forwarded().audit("trace_id", json!(null)),
        ),
        row(
            "a refused request has its trace",
            call("echo").header("traceparent", own("01")),
            unauthorized().audit("trace_id", TRACE),
        ),
    ]
}
