//! The scope matrix: who calls through which client, each row only narrowing.

use super::config::{MATRIX, SHADOW};
use super::expect::*;
use super::request::{Grant, answer_json, call, list_tools, rpc, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    [of_scenarios(), of_clients_at_a_host()].concat()
}

/// Clients whose ids are URLs, and a row for `https://apps.example.net/*`. Nothing is normalised: the authorization server
/// compares the id of a client with its document byte for byte too.
fn of_clients_at_a_host() -> Vec<Scenario> {
    let deletes = |name, client: &str| {
        let token = token("mcp:connect").claim("client_id", client);
        row(name, call("delete_all").at(MATRIX).bearer(token), forwarded())
    };
    let stays = |name, client: &str| Scenario {
        expected: denied("tools/call", "delete_all", "matrix_denies_tool")
            .audit("matrix_row", "apps of one host delete nothing")
            .audit("client", client),
        ..deletes(name, client)
    };
    vec![
        stays("a pattern for a host has its clients", "https://apps.example.net/client.json"),
        stays("a star crosses slashes", "https://apps.example.net/mcp/2/client.json"),
        stays("a star has a query", "https://apps.example.net/client.json?version=2"),
        stays("a star may be empty", "https://apps.example.net/"),
        stays("a star keeps dots that the path has", "https://apps.example.net/../client.json"),
        deletes("a host without a slash is no match", "https://apps.example.net"),
        deletes("a host in capitals is another", "https://APPS.example.net/client.json"),
        deletes("a scheme in capitals is another", "HTTPS://apps.example.net/client.json"),
        deletes("another scheme is no match", "http://apps.example.net/client.json"),
        deletes("the default port makes another", "https://apps.example.net:443/client.json"),
        deletes("a user makes another", "https://user@apps.example.net/client.json"),
        deletes("the host as a user is no match", "https://apps.example.net@evil.test/client.json"),
        deletes("the host as a password is no match", "https://x:apps.example.net@evil.test/client.json"),
        deletes("the host within a longer one is no match", "https://apps.example.net.evil.test/client.json"),
        deletes("a final dot makes another host", "https://apps.example.net./client.json"),
        deletes("a backslash is no slash", "https://apps.example.net\\client.json"),
        deletes("an encoded host is another", "https://apps%2Eexample.net/client.json"),
        deletes("the URL in another's path is no match", "https://evil.test/https://apps.example.net/client.json"),
    ]
}

fn of_scenarios() -> Vec<Scenario> {
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
