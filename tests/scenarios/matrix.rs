//! The scope matrix: who calls through which client, each row only narrowing.

use super::config::{MATRIX, SHADOW};
use super::expect::*;
use super::request::{Grant, answer_json, call, list_tools, rpc, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let by = |tool: &str, grant: Grant| call(tool).at(MATRIX).bearer(grant);
    let all = || token("mcp:connect weather:write");
    let alice = |scope: &str| token(scope).claim("client_id", "desktop-1");
    let bot = || all().claim("sub", "bot");
    let guest = || token("mcp:connect weather:write").claim("sub", "guest");
    let subscribed =
        serde_json::json!({"notifications": {"resourceSubscriptions": ["weather://today"], "taskIds": ["1"]}});
    let acme = || all().claim("org", "acme");
    vec![
        row("whom no row selects is not narrowed", by("write", all().claim("sub", "carol")), forwarded()),
        row("a row with another client does not select", by("write", all()), forwarded()),
        row(
            "a row takes the scopes that do not count",
            by("write", alice("mcp:connect weather:read weather:write")),
            denied("tools/call", "write", "matrix_narrows_scopes")
                .audit("matrix_row", "alice only reads from the desktop"),
        ),
        row(
            "a row selects a client whose id is a URL by a pattern",
            by("write", all().claim("client_id", "https://app.example.com/mcp/client.json")),
            denied("tools/call", "write", "matrix_narrows_scopes").audit("matrix_row", "apps of example only read"),
        ),
        row(
            "a URL of another host is another client",
            by("write", all().claim("client_id", "https://app.example.org/mcp/client.json")),
            forwarded(),
        ),
        row(
            "a URL with a query is another client",
            by("write", all().claim("client_id", "https://app.example.com/mcp/client.json?v=2")),
            forwarded(),
        ),
        row(
            "a row selects a client whose id is a URL as it is written",
            by("delete_all", all().claim("client_id", "https://app.example.net/oauth")),
            denied("tools/call", "delete_all", "matrix_denies_tool").audit("matrix_row", "one app deletes nothing"),
        ),
        row(
            "a URL with a slash more is another client",
            by("delete_all", all().claim("client_id", "https://app.example.net/oauth/")),
            forwarded(),
        ),
        row("what counts under a row is counted", by("read", alice("mcp:connect weather:read")), forwarded()),
        row(
            "a row narrows before the hierarchy implies",
            by("read", alice("mcp:connect weather:write")),
            step_up(
                "tools/call",
                "read",
                "mcp:connect weather:read",
                "weather:read",
                "mcp:connect weather:read weather:write",
            )
            .audit("matrix_row", "alice only reads from the desktop"),
        ),
        row(
            "a step-up that would count is offered under a row",
            by("read", alice("mcp:connect")),
            step_up("tools/call", "read", "mcp:connect weather:read", "weather:read", "mcp:connect weather:read"),
        ),
        row("a row that leaves base scopes in leaves the rest open", by("echo", guest()), forwarded()),
        row(
            "a row that leaves no scope to step up to denies",
            by("read", guest()),
            denied("tools/call", "read", "matrix_narrows_scopes"),
        ),
        row(
            "a row without any scope denies the base scopes",
            by("echo", all().claim("sub", "nobody")),
            denied("tools/call", "echo", "matrix_narrows_scopes").audit("matrix_row", "nobody of no scope"),
        )
        .ahead(
            denied("tools/call", "echo", "matrix_narrows_scopes")
                .on_headers(serde_json::json!(null), serde_json::json!(null)),
        ),
        row(
            "a row denies tools by pattern",
            by("delete_all", bot()),
            denied("tools/call", "delete_all", "matrix_denies_tool").audit("matrix_row", "the bot deletes nothing"),
        ),
        row("and others not", by("write", bot()), forwarded()),
        row(
            "a row selects by a claim, and in shadow only records",
            by("echo", acme()),
            shadowed("matrix_denies_tool").audit("matrix_row", "acme is watched"),
        ),
        row(
            "a claim selects by membership",
            by("echo", all().claim("org", serde_json::json!(["x", "acme"]))),
            shadowed("matrix_denies_tool"),
        ),
        row("a claim of another value does not select", by("echo", all().claim("org", "other")), forwarded()),
        row(
            "an enforcing row wins over a shadow row",
            by("delete_all", bot().claim("org", "acme")),
            denied("tools/call", "delete_all", "matrix_denies_tool").audit("matrix_row", "the bot deletes nothing"),
        ),
        row(
            "what the policy denies a shadow row does not open",
            by("format_disk", acme()),
            denied("tools/call", "format_disk", "unlisted"),
        ),
        row(
            "what is unlisted hides nothing in shadow that an enforcing row takes away",
            rpc("subscriptions/listen", subscribed)
                .at(SHADOW)
                .bearer(token("mcp:connect weather:read").claim("sub", "guest")),
            denied("subscriptions/listen", "weather://today", "matrix_narrows_scopes")
                .audit("matrix_row", "guests do not read"),
        ),
        row(
            "a list is trimmed under a row",
            list_tools().at(MATRIX).bearer(bot()),
            forwarded().text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"write"}]}}"#),
        )
        .answered(answer_json(
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"delete_all"},{"name":"write"}]}}"#,
        )),
    ]
}
