//! Who calls, in headers for the server.

use serde_json::{Value, json};

use super::config::{BASE, FORWARD};
use super::expect::*;
use super::request::{Grant, Request, call, post, request, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let by = |grant: Grant| -> Request { call("echo").at(FORWARD).bearer(grant) };
    let roles = |value: Value| by(token("").claim("roles", value));
    let gets_roles =
        |name, value: Value, header: &str| row(name, roles(value), forwarded().server_gets("x-mcp-roles", &[header]));
    let unforwardable = |name, request: Request| {
        let ahead = denied("tools/call", "echo", "identity_unforwardable").on_headers(json!(null), json!(null));
        row(name, request, denied("tools/call", "echo", "identity_unforwardable")).ahead(ahead)
    };
    vec![
        row(
            "who calls is told to the server",
            by(token("weather:read email")),
            forwarded()
                .server_gets("x-mcp-subject", &["alice"])
                .server_gets("x-mcp-issuer", &["https://auth.example.com"])
                .server_gets("x-mcp-client", &["test-client"])
                .server_gets("x-mcp-scopes", &["weather:read email"]),
        ),
        row(
            "who opens a stream is told as well",
            request("GET").at(FORWARD).bearer(token("")),
            forwarded().server_gets("x-mcp-subject", &["alice"]),
        ),
        row(
            "what the token does not say is left out",
            by(token("").without("sub").without("client_id")),
            forwarded()
                .server_gets("x-mcp-subject", &[])
                .server_gets("x-mcp-client", &[])
                .server_gets("x-mcp-org", &[])
                .server_gets("x-mcp-scopes", &[]),
        ),
        row(
            "a claim is found step by step",
            by(token("").claim("org", json!({"id": "acme"}))),
            forwarded().server_gets("x-mcp-org", &["acme"]),
        ),
        row(
            "a claim of the whole name comes first",
            by(token("").claim("org.id", "whole").claim("org", json!({"id": "steps"}))),
            forwarded().server_gets("x-mcp-org", &["whole"]),
        ),
        row(
            "a claim may have a URL for a name",
            by(token("").claim("https://x.example/level", 3)),
            forwarded().server_gets("x-mcp-level", &["3"]),
        ),
        row(
            "a text that is not ASCII is forwarded as UTF-8",
            by(token("").claim("sub", "Zo\u{eb}")),
            forwarded().server_gets("x-mcp-subject", &["Zo\u{eb}"]),
        ),
        gets_roles("an array is joined by spaces", json!(["admin", 7, true]), "admin 7 true"),
        gets_roles("a flag is forwarded", json!(false), "false"),
        gets_roles("a text with spaces is forwarded as it is", json!("two words"), "two words"),
        gets_roles("a value of 1024 bytes is forwarded", json!("x".repeat(1024)), &"x".repeat(1024)),
        unforwardable("a value of 1025 bytes denies", roles(json!("x".repeat(1025)))),
        unforwardable("an empty value denies", roles(json!(""))),
        unforwardable("a value with a line end denies", roles(json!("a\r\nx-mcp-subject: root"))),
        unforwardable("an array element with a space denies", roles(json!(["a b"]))),
        unforwardable("an array element with a comma denies", roles(json!(["a,b"]))),
        unforwardable("an object denies", roles(json!({"a": 1}))),
        row(
            "an identity that cannot be forwarded opens no stream",
            request("GET").at(FORWARD).bearer(token("").claim("sub", "a\nb")),
            denied("GET", json!(null), "identity_unforwardable").on_headers("GET", json!(null)),
        ),
        row(
            "a broken body is refused before an identity where it is read first",
            post("{").at(FORWARD).bearer(token("").claim("sub", "")),
            rpc_refusal(-32700, json!(null), "json_syntax"),
        )
        .ahead(denied("tools/call", "echo", "identity_unforwardable").on_headers(json!(null), json!(null))),
        row(
            "an identity that is not forwarded denies nothing",
            call("echo").at(BASE).bearer(token("mcp:connect").claim("sub", "a\nb")),
            forwarded(),
        ),
    ]
}
