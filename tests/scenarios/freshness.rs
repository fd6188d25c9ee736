//! Rules that want the issuer's word on the token, and a recent one.

use serde_json::{Value, json};

use super::config::{BOTH, FRESH, LOCAL};
use super::endpoint::{Said, active, inactive, text};
use super::expect::*;
use super::request::{Grant, Request, answer_json, list_tools, rpc, token};
use super::{Scenario, row};
use crate::support::tokens::ISSUER;

const BOTH_TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"},{"name":"erase"}]}}"#;

/// A good token that is verified, and of which the endpoint says this.
fn of(said: Said) -> Grant {
    token("weather:write").claim("iss", LOCAL).said(said)
}

fn call(tool: &str) -> Request {
    rpc("tools/call", json!({"name": tool})).at(FRESH)
}

/// The outcome if the decision depends on the body.
fn by_body(expected: Expected) -> Expected {
    expected.server(Server::HeadersAhead)
}

pub fn rows() -> Vec<Scenario> {
    let not_asked = || text("not asked");
    let gone = || by_body(invalid_token("token_inactive"));
    let erase = |said| call("erase").bearer(of(said));
    let refused = |name, request: Request| row(name, request.at(FRESH).bearer(of(inactive())), gone());
    vec![
        row("a rule that wants no word of the issuer asks for none", call("echo").bearer(of(not_asked())), forwarded()),
        row("a rule that wants the issuer's word gets it", erase(active("weather:write")), forwarded()),
        row(
            "a verified token that is revoked is refused where a rule asks",
            erase(inactive()),
            // Whose token it was is not recorded: it was refused.
            gone()
                .audit("method", "tools/call")
                .audit("target", "erase")
                .audit("subject", Value::Null)
                .audit("detail", "the introspection endpoint reports the token as inactive"),
        ),
        row(
            "a word that a rule wants and cannot have is nobody's fault",
            erase(active("weather:write").status(500)),
            by_body(unavailable("introspection_unavailable")),
        ),
        row(
            "a word that is garbage is none",
            erase(text("<p>Sign in")),
            by_body(unavailable("introspection_unavailable")),
        ),
        row(
            "a word that takes the scope away is decided on",
            erase(active("other")),
            step_up("tools/call", "erase", "weather:write", "weather:write", "weather:write"),
        ),
        row(
            "a word about somebody else is not believed",
            erase(active("weather:write").member("sub", "bob")),
            by_body(invalid_token("subject_mismatch")),
        ),
        row(
            "a word that binds the token holds",
            erase(active("weather:write").member("cnf", json!({"jkt": "x"}))),
            by_body(invalid_token("token_bound")),
        ),
        row(
            "nobody is asked about a call that is denied",
            call("erase").bearer(token("other").claim("iss", LOCAL).said(not_asked())),
            step_up("tools/call", "erase", "weather:write", "weather:write", "weather:write"),
        ),
        row(
            "a call is denied where its issuer cannot be asked",
            call("erase").bearer(token("weather:write").claim("iss", ISSUER)),
            denied("tools/call", "erase", "freshness_unverifiable"),
        ),
        row(
            "an issuer that is asked anyway is asked for the rule as well",
            call("erase").bearer(token("").claim("iss", BOTH).said(active("weather:write"))),
            forwarded(),
        ),
        refused("a rule in shadow mode asks as well, since tokens are refused as ever", call("trial")),
        refused("a prompt may want the issuer's word", rpc("prompts/get", json!({"name": "brief"}))),
        refused("a resource may want the issuer's word", rpc("resources/read", json!({"uri": "weather://secret"}))),
        refused(
            "a subscription to several resources wants what one of them does",
            rpc(
                "subscriptions/listen",
                json!({"notifications": {"resourceSubscriptions": ["weather://x", "weather://secret"]}}),
            ),
        ),
        refused("a method may want the issuer's word", rpc("tasks/cancel", json!({"taskId": "1"}))),
        refused("a request that ends in trailers waits for the word as well", call("erase").trailer("x-sum", "1")),
        refused("a request in pieces waits for the word as well", call("erase").chunks(20)),
        row(
            "a list shows what a call would want the issuer's word for",
            list_tools().at(FRESH).bearer(of(not_asked())),
            forwarded(),
        )
        .answered(answer_json(BOTH_TOOLS)),
        row(
            "a list hides it where the issuer cannot be asked",
            list_tools().at(FRESH).bearer(token("weather:write")),
            forwarded().text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"}]}}"#),
        )
        .answered(answer_json(BOTH_TOOLS)),
    ]
}
