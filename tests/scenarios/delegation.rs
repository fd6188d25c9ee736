//! Who acts for whom: the `act` claim, in decisions, headers and records.

use serde_json::{Value, json};

use super::config::{DELEGATED, MAPPED, MAPPING, OPAQUE};
use super::endpoint::{Said, active};
use super::expect::*;
use super::request::{Grant, Request, answer_json, call, list_tools, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    [of_rows(), of_scopes(), of_records(), malformed()].concat()
}

fn person() -> Grant {
    token("").claim("iss", MAPPING)
}

fn acting(act: Value) -> Grant {
    person().claim("act", act)
}

fn by(actor: &str) -> Grant {
    acting(json!({"sub": actor}))
}

fn tool(name: &str, grant: Grant) -> Request {
    call(name).at(DELEGATED).bearer(grant)
}

/// An `act` of so many levels.
fn nested(levels: usize) -> Value {
    (1..levels).rev().fold(
        json!({"sub": format!("agent-{levels}")}),
        |inner, level| json!({"sub": format!("agent-{level}"), "act": inner}),
    )
}

fn of_rows() -> Vec<Scenario> {
    let refused = |name, grant, tool_name: &'static str, by_row: &'static str| {
        row(
            name,
            tool(tool_name, grant),
            denied("tools/call", tool_name, "matrix_denies_tool").audit("matrix_row", by_row),
        )
    };
    vec![
        refused("a row for the delegated selects who has an actor", by("agent"), "write", "agents do not write"),
        row("a row for the delegated does not select who has none", tool("write", person()), forwarded()),
        row("an act that is null is none", tool("write", acting(json!(null))), forwarded()),
        refused("a row for the others selects who has no actor", person(), "run", "people do not run"),
        row("a row for the others does not select who has one", tool("run", by("agent")), forwarded()),
        refused("a row selects an actor by a pattern", by("intern-3"), "drop", "the interns do not drop"),
        refused("a row selects an actor by its name", by("temp"), "drop", "the interns do not drop"),
        row("a row does not select another actor", tool("drop", by("agent")), forwarded()),
        row("a row does not select who has no actor by a name", tool("drop", person()), forwarded()),
        row(
            "an actor of before decides nothing",
            tool("drop", acting(json!({"sub": "agent", "act": {"sub": "intern-3"}}))),
            forwarded(),
        ),
        row("a subject is no actor", tool("drop", person().claim("sub", "temp")), forwarded()),
        refused("a pattern for everything selects an actor", by("agent"), "sweep", "nobody sweeps"),
        refused("a pattern for everything narrows who has no actor too", person(), "sweep", "nobody sweeps"),
        row(
            "a list is trimmed by who acts",
            list_tools().at(DELEGATED).bearer(by("agent")),
            forwarded().text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"}]}}"#),
        )
        .answered(answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"},{"name":"write"}]}}"#)),
    ]
}

fn of_scopes() -> Vec<Scenario> {
    let read = |grant: Grant| call("read").at(MAPPED).bearer(grant);
    let lacks = || step_up("tools/call", "read", "weather:read", "weather:read", "weather:read");
    let grouped = |grant: Grant| grant.claim("groups", "any-actor");
    vec![
        row("an actor is mapped to scopes", read(by("agent-7")), forwarded()),
        row("another actor is mapped to none", read(by("other")), lacks()),
        row("an actor of before is not", read(acting(json!({"sub": "other", "act": {"sub": "agent-7"}}))), lacks()),
        row("a pattern for everything maps an actor", read(grouped(by("any"))), forwarded()),
        row("a pattern for everything maps no absent actor", read(grouped(person())), lacks()),
    ]
}

fn of_records() -> Vec<Scenario> {
    vec![
        row(
            "the actor is recorded and told to the server",
            tool("echo", by("agent-7")),
            forwarded()
                .audit("actor", "agent-7")
                .audit("actors", json!(null))
                .audit("subject", "alice")
                .server_gets("x-mcp-actor", &["agent-7"])
                .server_gets("x-mcp-subject", &["alice"]),
        ),
        row(
            "without an actor none is told, and a forged one is removed",
            tool("echo", person()).header("x-mcp-actor", "agent-7"),
            forwarded().audit("actor", json!(null)).server_gets("x-mcp-actor", &[]),
        ),
        row(
            "the actors of before are recorded",
            tool("echo", acting(nested(3))),
            forwarded()
                .audit("actor", "agent-1")
                .audit("actors", json!(["agent-2", "agent-3"]))
                .server_gets("x-mcp-actor", &["agent-1"]),
        ),
        row(
            "four actors of before are recorded at most",
            tool("echo", acting(nested(8))),
            forwarded().audit("actors", json!(["agent-2", "agent-3", "agent-4", "agent-5"])),
        ),
        row(
            "a denied call is recorded with its actor",
            tool("write", by("agent-7")),
            denied("tools/call", "write", "matrix_denies_tool").audit("actor", "agent-7"),
        ),
        row(
            "an actor that no header can carry denies",
            tool("echo", by("agent\n7")),
            denied("tools/call", "echo", "identity_unforwardable"),
        )
        .ahead(denied("tools/call", "echo", "identity_unforwardable").on_headers(json!(null), json!(null))),
    ]
}

fn malformed() -> Vec<Scenario> {
    let refused = |name, act: Value| row(name, tool("echo", acting(act)), invalid_token("act_malformed"));
    let of_answer = |said: Said| call("echo").at(OPAQUE).opaque(said);
    vec![
        refused("an act that is a text is refused", json!("agent")),
        refused("an act that is a list is refused", json!([{"sub": "agent"}])),
        refused("an act that is a flag is refused", json!(false)),
        refused("an act without a subject is refused", json!({})),
        refused("an act whose subject is null is refused", json!({"sub": null})),
        refused("an act whose subject is a number is refused", json!({"sub": 7})),
        refused("an act whose subject is a list is refused", json!({"sub": ["agent"]})),
        refused("an inner act that is a text is refused", json!({"sub": "agent", "act": "planner"})),
        refused("an inner act without a subject is refused", json!({"sub": "agent", "act": {"iss": "x"}})),
        refused(
            "an innermost act without a subject is refused",
            json!({"sub": "a", "act": {"sub": "b", "act": {"sub": "c", "act": []}}}),
        ),
        refused("an act of nine levels is refused", nested(9)),
        row("an act of eight levels is taken", tool("echo", acting(nested(8))), forwarded()),
        row(
            "an inner act that is null ends the chain",
            tool("echo", acting(json!({"sub": "agent", "act": null}))),
            forwarded().audit("actor", "agent").audit("actors", json!(null)),
        ),
        row(
            "other members of an act are let be",
            tool("echo", acting(json!({"sub": "agent", "iss": "https://x.example", "client_id": "c"}))),
            forwarded(),
        ),
        row(
            "an act of an introspection answer is recorded",
            of_answer(active("").member("act", json!({"sub": "agent"}))),
            forwarded().audit("actor", "agent"),
        ),
        row(
            "an act of an introspection answer that is a text is refused",
            of_answer(active("").member("act", "agent")),
            invalid_token("act_malformed"),
        ),
        row(
            "an act of an introspection answer of nine levels is refused",
            of_answer(active("").member("act", nested(9))),
            invalid_token("act_malformed"),
        ),
    ]
}
