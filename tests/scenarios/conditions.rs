//! The conditions of a rule besides scopes.

use serde_json::json;

use super::config::CONDITIONS;
use super::expect::*;
use super::request::{Grant, Request, answer_json, list_tools, rpc, token};
use super::{Scenario, row};

fn call(tool: &str, arguments: serde_json::Value) -> Request {
    rpc("tools/call", json!({"name": tool, "arguments": arguments})).at(CONDITIONS)
}

fn signed_in(acr: &str, seconds_ago: i64) -> Grant {
    token("weather:read").claim("acr", acr).time("auth_time", -seconds_ago)
}

pub fn rows() -> Vec<Scenario> {
    let read = || token("weather:read");
    let pay = |arguments| call("pay", arguments).bearer(read());
    // A denial by headers alone would come before this one; conditions need the body.
    let refused = |name, request| row(name, request, denied("tools/call", "pay", "arguments_refused"));
    vec![
        row(
            "a call with the arguments that its rule names is allowed",
            pay(json!({"amount": 100, "owner": "alice", "Note": "x"})),
            forwarded(),
        ),
        refused("a call with another argument is denied", pay(json!({"amount": 101, "owner": "alice"}))),
        refused("a call with another caller's argument is denied", pay(json!({"amount": 1, "owner": "bob"}))),
        refused("a call without the argument is denied", pay(json!({"owner": "alice"}))),
        refused(
            "a call without any argument is denied",
            rpc("tools/call", json!({"name": "pay"})).at(CONDITIONS).bearer(read()),
        ),
        refused(
            "a call with a look-alike of the argument is denied",
            pay(json!({"amount": 1, "AMOUNT": 1000, "owner": "alice"})),
        ),
        row(
            "a call whose argument no scope would mend asks for none",
            call("pay", json!({"amount": 101, "owner": "alice"})).bearer(token("")),
            denied("tools/call", "pay", "arguments_refused"),
        ),
        row(
            "a call of a fresh and strong sign-in is allowed",
            call("erase", json!({})).bearer(signed_in("urn:x:key", 200)),
            forwarded(),
        ),
        row(
            "a call of a weak sign-in is told which would do",
            call("erase", json!({})).bearer(signed_in("urn:x:pwd", 0)),
            sign_in("erase", &["urn:x:mfa", "urn:x:key"], 300).challenge(
                r#"Bearer error="insufficient_user_authentication", acr_values="urn:x:mfa urn:x:key", max_age="300", resource_metadata="https://conditions.example.com/.well-known/oauth-protected-resource/mcp", error_description="A more recent or a stronger sign-in is needed for this operation""#,
            ),
        ),
        row(
            "a call of an old sign-in is told how recent it must be",
            call("late", json!({})).bearer(signed_in("urn:x:key", 100)),
            sign_in("late", &[], 90).challenge(
                r#"Bearer error="insufficient_user_authentication", max_age="90", resource_metadata="https://conditions.example.com/.well-known/oauth-protected-resource/mcp", error_description="A more recent or a stronger sign-in is needed for this operation""#,
            ),
        ),
        row(
            "scopes are asked for before a sign-in",
            call("erase", json!({})).bearer(token("")),
            step_up("tools/call", "erase", "weather:read", "weather:read", "weather:read"),
        ),
        row(
            "what a rule in shadow mode denies goes on",
            call("trial", json!({})).bearer(read()),
            shadowed("insufficient_scope"),
        ),
        row(
            "a list shows what conditions on arguments may allow, and no tool that needs a sign-in",
            list_tools().at(CONDITIONS).bearer(read()),
            forwarded().text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"pay"},{"name":"trial"}]}}"#),
        )
        .answered(answer_json(
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"pay"},{"name":"erase"},{"name":"late"},{"name":"trial"},{"name":"other"}]}}"#,
        )),
    ]
}
