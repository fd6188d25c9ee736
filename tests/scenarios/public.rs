//! Public operations: a request without any credential is anonymous, and may do what a public rule names.

mod anonymous;
mod answers;

use serde_json::{Value, json};

use self::anonymous::anonymous;
use self::answers::{headers, lists, streams};
use super::config::{BASE, BODY_LIMIT, MAIN, PUBLIC, PUBLIC_SHADOW};
use super::expect::*;
use super::request::{Request, answer_events, answer_json, call, list_tools, post, request, rpc, token};
use super::{Scenario, row};

const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","ttlMs":60000,"tools":[{"name":"help"},{"name":"help_me"},{"name":"read"},{"name":"any_token"},{"name":"delete_all"},{"name":"Help"},{"name":"other"}]}}"#;

/// The request goes on, and no record names a caller.
fn open() -> Expected {
    forwarded().reason("public").audit("subject", Value::Null).audit("issuer", Value::Null).audit("scopes", Value::Null)
}

/// 401 without an error, for these scopes. Nothing of the body reaches the server.
fn sign_in(scope: &str) -> Expected {
    let required: Vec<_> = scope.split_whitespace().collect();
    let required = if required.is_empty() { Value::Null } else { json!(required) };
    unauthorized()
        .scope(scope)
        .server(Server::HeadersAhead)
        .audit("required", required.clone())
        .audit("missing", required)
        .audit("subject", Value::Null)
}

fn tool(name: &str, arguments: Value) -> Request {
    rpc("tools/call", json!({"name": name, "arguments": arguments}))
}

pub fn rows() -> Vec<Scenario> {
    [anonymous(), credentials(), signed_in(), lists(), streams(), headers(), shadow()].concat()
}

fn credentials() -> Vec<Scenario> {
    let help = || call("help").at(PUBLIC);
    let as_ever = |name, values: &[&str]| row(name, help().authorization(values), unauthorized());
    vec![
        as_ever("an empty Authorization is a credential", &[""]),
        as_ever("an Authorization of spaces is a credential", &["  "]),
        as_ever("an Authorization of another scheme is a credential", &["Basic dTpw"]),
        as_ever("an Authorization of the DPoP scheme is a credential", &["DPoP abc"]),
        as_ever("an Authorization of no scheme is a credential", &["\u{e9}"]),
        row("a DPoP header alone is a credential", help().header("dpop", "x"), unauthorized()),
        row("an empty DPoP header is a credential", help().header("DPoP", ""), unauthorized()),
        row(
            "a token in the query is a credential",
            help().path("/mcp?access_token=x"),
            invalid_request("token_in_query"),
        ),
        row(
            "an encoded name of a token in the query is a credential",
            help().path("/mcp?a=b&access%5ftoken"),
            invalid_request("token_in_query"),
        ),
        row(
            "Bearer without a token is a credential",
            help().authorization(&["Bearer"]),
            invalid_request("malformed_credentials"),
        ),
        row(
            "two credentials are not none",
            help().authorization(&["Bearer a", "Basic b"]),
            invalid_request("several_credentials"),
        ),
        row(
            "a token that is none is refused at a public tool",
            help().authorization(&["Bearer nonsense"]),
            invalid_token("token_malformed"),
        ),
        row(
            "an expired token is refused at a public tool",
            help().bearer(token("").time("exp", -60)),
            invalid_token("token_expired"),
        ),
        row(
            "a token with a bad signature is refused at a public tool",
            help().bearer(token("").tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "a bad token gets no public list",
            list_tools().at(PUBLIC).bearer(token("").tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "a bad token opens no stream",
            request("GET").at(PUBLIC).bearer(token("").tampered()),
            invalid_token("bad_signature"),
        ),
    ]
}

fn signed_in() -> Vec<Scenario> {
    let by = |request: Request, scope: &str| request.at(PUBLIC).bearer(token(scope));
    let bot = |tool: &str| call(tool).at(PUBLIC).bearer(token("").claim("sub", "bot"));
    let step = |tool: &str, required, missing, ask| step_up("tools/call", tool, required, missing, ask);
    vec![
        row(
            "a token without base scopes calls a public tool",
            by(call("help"), ""),
            forwarded().audit("subject", "alice").server_gets("x-mcp-subject", &["alice"]),
        ),
        row(
            "a token without base scopes may initialize where a rule is public",
            by(rpc("initialize", json!({})), ""),
            forwarded(),
        ),
        row("a token without base scopes opens a stream where a rule is public", by(request("GET"), ""), forwarded())
            .answered(answer_events(&[": beat\n\n"])),
        row(
            "a token without base scopes reads a public resource",
            by(rpc("resources/read", json!({"uri": "docs://open/b"})), ""),
            forwarded(),
        ),
        row(
            "a token without base scopes is asked to step up for the rest",
            by(call("any_token"), ""),
            step("any_token", "mcp:connect", "mcp:connect", "mcp:connect"),
        ),
        row(
            "a token with some scopes is asked to step up as ever",
            by(call("read"), "mcp:connect"),
            step("read", "mcp:connect weather:read", "weather:read", "mcp:connect weather:read"),
        ),
        row("a token with its scopes calls as ever", by(call("read"), "mcp:connect weather:read"), forwarded()),
        row(
            "a row takes a public tool from whom it selects",
            bot("help"),
            denied("tools/call", "help", "matrix_denies_tool").audit("matrix_row", "the bot asks nobody"),
        ),
        row(
            "a row without selectors takes a public tool from every token",
            by(call("delete_all"), "mcp:connect"),
            denied("tools/call", "delete_all", "matrix_denies_tool"),
        ),
        row(
            "a row of everybody named takes a public tool from every token",
            by(call("delete_none"), "mcp:connect"),
            denied("tools/call", "delete_none", "matrix_denies_tool"),
        ),
        row(
            "arguments of a public tool are checked of every token",
            tool("convert", json!({"amount": 101})).at(PUBLIC).bearer(token("")),
            denied("tools/call", "convert", "arguments_refused"),
        ),
    ]
}

fn shadow() -> Vec<Scenario> {
    let at = |request: Request| request.at(PUBLIC_SHADOW);
    vec![
        row("a public tool is public in shadow mode", at(call("help")), open()),
        row(
            "shadow mode opens nothing else to an anonymous caller",
            at(call("read")),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "a rule in shadow mode opens nothing to an anonymous caller",
            at(call("write")),
            sign_in("mcp:connect weather:write"),
        ),
        row(
            "what is unlisted is not opened by shadow mode",
            at(rpc("x/other", json!({}))),
            denied("x/other", Value::Null, "unlisted"),
        ),
        row(
            "a public rule in shadow mode checks the arguments of an anonymous caller",
            tool("convert", json!({"amount": 101})).at(PUBLIC_SHADOW),
            denied("tools/call", "convert", "arguments_refused"),
        ),
        row(
            "a row in shadow mode denies to an anonymous caller",
            at(call("delete_all")),
            denied("tools/call", "delete_all", "matrix_denies_tool"),
        ),
        row("a token has shadow mode as ever", at(call("read")).bearer(token("")), shadowed("insufficient_scope")),
        row(
            "a token without base scopes is not recorded at a public tool",
            at(call("help")).bearer(token("")),
            forwarded(),
        ),
    ]
}
