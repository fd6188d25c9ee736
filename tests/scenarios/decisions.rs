//! Tools: all of the scopes, any of the alternatives, patterns, and what is listed nowhere.

use super::config::{OPEN, SHADOW};
use super::expect::*;
use super::request::{call, list_tools, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let allowed = |name, tool: &str, scope: &str| row(name, call(tool).bearer(token(scope)), forwarded());
    let open = |name, tool: &str, scope: &str| row(name, call(tool).at(OPEN).bearer(token(scope)), forwarded());
    let near = |name, tool: &str| {
        row(name, call(tool).at(OPEN).bearer(token("weather:delete")), denied("tools/call", tool, "near_name"))
    };
    let lacks = |name, tool: &str, scope: &str, required: &str, missing: &str, ask: &str| {
        row(name, call(tool).bearer(token(scope)), step_up("tools/call", tool, required, missing, ask))
    };
    let unlisted =
        |name, tool: &str| row(name, call(tool).bearer(token("weather:admin")), denied("tools/call", tool, "unlisted"));
    let shadow = |tool: &str, scope: &str| call(tool).at(SHADOW).bearer(token(scope));
    vec![
        allowed("a tool of no scope is any valid token's", "echo", ""),
        allowed("all of the scopes open a tool", "merge", "alerts:write weather:write"),
        lacks("one of two scopes is not all", "merge", "weather:write", "alerts:write weather:write", "alerts:write", "alerts:write weather:write"),
        allowed("the first alternative opens a tool", "set_alert", "weather:write"),
        allowed("the second alternative opens a tool", "set_alert", "alerts:write weather:read"),
        lacks("half of an alternative does not", "set_alert", "alerts:write", "weather:write", "weather:write", "alerts:write weather:write"),
        allowed("a broader scope implies a narrower one", "get_forecast", "weather:write"),
        allowed("and so on transitively", "get_forecast", "weather:admin"),
        allowed("an implied scope counts in an alternative", "set_alert", "weather:admin"),
        lacks("a narrower scope implies no broader one", "admin_restart", "weather:write", "weather:admin", "weather:admin", "weather:admin weather:write"),
        allowed("a pattern opens what it matches", "admin_restart", "weather:admin"),
        allowed("an exact name wins over a pattern", "admin_help", ""),
        allowed("the pattern with most literal characters wins", "admin_audit_log", "audit:read"),
        lacks("and only that one", "admin_audit_log", "weather:admin", "audit:read", "audit:read", "audit:read weather:admin"),
        allowed("where two patterns tie, both open", "drop_data", "data:run drop:run"),
        lacks("where two patterns tie, one is not enough", "drop_data", "drop:run", "data:run drop:run", "data:run", "data:run drop:run"),
        lacks("where two patterns tie, both are asked for", "drop_data", "", "data:run drop:run", "data:run drop:run", "data:run drop:run"),
        unlisted("an unlisted tool is nobody's", "format_disk"),
        unlisted("names are compared byte for byte", "Echo"),
        unlisted("a name with a space is another name", "echo "),
        unlisted("a pattern is no name", "get_*"),
        unlisted("a name that only holds a pattern is not matched", "xadmin_restart"),
        open("an unlisted tool is any caller's where that is said", "echo", ""),
        open("a listed tool is not", "delete_all", "weather:delete"),
        row("a listed tool wants its scope there too", call("delete_all").at(OPEN).bearer(token("")), step_up("tools/call", "delete_all", "weather:delete", "weather:delete", "weather:delete")),
        near("a name that differs by case is denied there", "Delete_All"),
        near("a name that differs by white space is denied there", " delete_all\t"),
        near("a name that differs by what cannot be seen is denied there", "delete\u{200b}_all"),
        near("a name that differs by a letter's fold is denied there", "DELETE_ALL"),
        open("a pattern has no near names", "Admin_x", ""),
        row("shadow mode lets through what it records", shadow("write", "mcp:connect"), shadowed("insufficient_scope").audit("target", "write")),
        row("shadow mode lets an unlisted tool through", shadow("format_disk", "mcp:connect"), shadowed("unlisted")),
        row("shadow mode lets missing base scopes through", shadow("echo", ""), shadowed("insufficient_scope")),
        row("shadow mode allows what is allowed", shadow("echo", "mcp:connect"), forwarded()),
        row("shadow mode is no excuse for a bad token", shadow("echo", "").bearer(token("").tampered()), invalid_token("bad_signature")),
        row("shadow mode is no excuse for a broken body", super::request::post("{").at(SHADOW).bearer(token("")), rpc_refusal(-32700, serde_json::json!(null), "json_syntax")),
        row("an enforcing row wins over a policy in shadow", call("delete_all").at(SHADOW).bearer(token("mcp:connect").claim("sub", "bot")), denied("tools/call", "delete_all", "matrix_denies_tool").audit("matrix_row", "no deletion")),
        row("shadow mode leaves lists whole but private", list_tools().at(SHADOW).bearer(token("")), shadowed("insufficient_scope")
            .text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"},{"name":"format_disk"}],"cacheScope":"private"}}"#))
            .answered(super::request::answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"},{"name":"format_disk"}],"cacheScope":"public"}}"#)),
    ]
}
