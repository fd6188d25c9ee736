//! The scopes that a step-up challenge asks for: the missing ones, and the granted ones that the caller should keep.

use serde_json::json;

use super::config::{BASE, MAIN, PREFIXED};
use super::expect::*;
use super::request::{Request, call, rpc, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let at = |host: &str, tool: &str, scope: &str| -> Request { call(tool).at(host).bearer(token(scope)) };
    vec![
        row(
            "the alternative with the fewest missing scopes is asked for",
            at(MAIN, "set_alert", "alerts:write unknown"),
            step_up("tools/call", "set_alert", "weather:write", "weather:write", "alerts:write weather:write"),
        ),
        row(
            "where two miss as many, the first written is asked for",
            at(MAIN, "set_alert", "weather:read"),
            step_up("tools/call", "set_alert", "weather:write", "weather:write", "weather:read weather:write"),
        ),
        row(
            "a granted scope that the resource knows is kept",
            at(MAIN, "get_forecast", "tasks:run"),
            step_up("tools/call", "get_forecast", "weather:read", "weather:read", "tasks:run weather:read"),
        ),
        row(
            "a granted scope that it does not know is not",
            at(MAIN, "get_forecast", "email openid"),
            step_up("tools/call", "get_forecast", "weather:read", "weather:read", "weather:read"),
        ),
        row(
            "a granted scope is kept as it was issued",
            at(MAIN, "merge", "weather:admin"),
            step_up(
                "tools/call",
                "merge",
                "alerts:write weather:write",
                "alerts:write",
                "alerts:write weather:admin weather:write",
            ),
        ),
        row(
            "the base scopes are asked for as well",
            at(BASE, "get_forecast", "mcp:connect"),
            step_up(
                "tools/call",
                "get_forecast",
                "mcp:connect weather:read",
                "weather:read",
                "mcp:connect weather:read",
            )
            .scope("mcp:connect weather:read"),
        ),
        row(
            "each scope that is asked for has the prefix, those that are kept too",
            at(PREFIXED, "merge", "weather:write"),
            step_up(
                "tools/call",
                "merge",
                "alerts:write weather:read weather:write",
                "alerts:write",
                "api://gate/alerts:write api://gate/weather:read api://gate/weather:write",
            ),
        ),
        row(
            "a challenge before sign-in has the prefix, but for what is complete",
            call("echo").at(PREFIXED),
            unauthorized().scope("api://gate/weather:read https://x.example/all"),
        ),
        row("tokens have the scope without its prefix", at(PREFIXED, "get_forecast", "weather:read"), forwarded()),
        row(
            "a scope with the prefix is another one in a token",
            at(PREFIXED, "merge", "weather:read api://gate/weather:write"),
            step_up(
                "tools/call",
                "merge",
                "alerts:write weather:read weather:write",
                "alerts:write weather:write",
                "api://gate/alerts:write api://gate/weather:read api://gate/weather:write",
            ),
        ),
        row("a caller with the base scopes gets what is open", at(BASE, "echo", "mcp:connect"), forwarded()),
        row(
            "a caller with all of it gets the tool",
            at(BASE, "get_forecast", "mcp:connect weather:admin"),
            forwarded(),
        ),
        row(
            "a denial whatever the scopes asks for nothing",
            at(BASE, "format_disk", "mcp:connect"),
            denied("tools/call", "format_disk", "unlisted").audit("required", json!([])),
        ),
        row(
            "a method without a target is named all the same",
            rpc("tasks/result", json!({})).bearer(token("")),
            step_up("tasks/result", json!(null), "tasks:run", "tasks:run", "tasks:run"),
        ),
    ]
}
