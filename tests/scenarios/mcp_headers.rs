//! Headers that repeat the body: they agree with it, or the request is refused.

use serde_json::json;

use super::expect::*;
use super::request::{Request, post, request, token};
use super::{Scenario, row};

const MODERN: &str = "2026-07-28";
const VERSION: &str = "mcp-protocol-version";

/// A message of a version, in its body and, with `headers`, repeated there.
fn message(version: &str, method: &str, params: &str, headers: &[(&str, &str)]) -> Request {
    let meta = match version {
        "" => String::new(),
        _ => format!(r#","_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}"#),
    };
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}{meta}}}}}"#);
    let request = post(body).bearer(token("weather:read tasks:run"));
    headers.iter().fold(request, |request, (name, value)| request.header(name, *value))
}

fn call(version: &str, headers: &[(&str, &str)]) -> Request {
    message(version, "tools/call", r#""name":"get_forecast""#, headers)
}

pub fn rows() -> Vec<Scenario> {
    let (method, name) = (("mcp-method", "tools/call"), ("mcp-name", "get_forecast"));
    let modern = (VERSION, MODERN);
    let mismatch = || rpc_refusal(-32020, 1, "mcp_header_mismatch");
    let missing = || rpc_refusal(-32020, 1, "mcp_header_missing");
    let on_headers = |reason| rpc_error(400, -32020, reason);
    let get = |headers: &[(&str, &[u8])]| {
        headers.iter().fold(request("GET").bearer(token("")), |request, (name, value)| request.header(name, *value))
    };
    vec![
        row("an old message needs no headers", call("", &[]), forwarded()),
        row("an old message may have them", call("", &[method, name]), forwarded()),
        row(
            "the old version header alone changes nothing",
            call("", &[(VERSION, "2025-11-25")]),
            forwarded().audit("protocol_version", "2025-11-25"),
        ),
        row("an old message's method header must agree", call("", &[("mcp-method", "tools/list")]), mismatch()),
        row("an old message's name header must agree", call("", &[("mcp-name", "get_Forecast")]), mismatch()),
        row("a method header is compared byte for byte", call("", &[("mcp-method", "Tools/call")]), mismatch()),
        row(
            "a modern call has all of its headers",
            call(MODERN, &[modern, method, name]),
            forwarded().audit("protocol_version", MODERN),
        ),
        row(
            "a version after that is modern too",
            call("2027-01-01", &[(VERSION, "2027-01-01"), method, name]),
            forwarded(),
        ),
        row("a modern call without the version header is refused", call(MODERN, &[method, name]), missing()),
        row(
            "a modern call without the version in its body is refused",
            call("", &[modern, method, name]),
            rpc_refusal(-32602, 1, "mcp_version_not_in_body"),
        ),
        row(
            "a call of a version that is no date is modern: its body has it, too",
            call("", &[(VERSION, "draft"), method, name]),
            rpc_refusal(-32602, 1, "mcp_version_not_in_body"),
        ),
        row(
            "a version that is no date goes on, so that the server can say which it has",
            call("v999.0.0", &[(VERSION, "v999.0.0"), method, name]),
            forwarded().audit("protocol_version", "v999.0.0"),
        ),
        row("a version that is no date needs the other headers", call("v999.0.0", &[(VERSION, "v999.0.0")]), missing()),
        row("a modern call without the method header is refused", call(MODERN, &[modern, name]), missing()),
        row("a modern call without the name header is refused", call(MODERN, &[modern, method]), missing()),
        row("two versions are refused", call(MODERN, &[(VERSION, "2025-11-25"), method, name]), mismatch()),
        row("a version in the body that is no date needs its header", call("draft", &[]), missing()),
        row(
            "a modern list needs no name",
            message(MODERN, "tools/list", r#""cursor":"c""#, &[modern, ("mcp-method", "tools/list")]),
            forwarded(),
        ),
        row(
            "a name header where there is no name is refused",
            message("", "ping", r#""x":1"#, &[("mcp-name", "get_forecast")]),
            mismatch(),
        ),
        row(
            "a name header may be in base64",
            message(
                MODERN,
                "prompts/get",
                r#""name":"brief \u00e9""#,
                &[modern, ("mcp-method", "prompts/get"), ("mcp-name", "=?base64?YnJpZWYgw6k=?=")],
            ),
            forwarded().audit("target", "brief \u{e9}"),
        ),
        row(
            "a name header in base64 that says another name is refused",
            call(MODERN, &[modern, method, ("mcp-name", "=?base64?ZWNobw==?=")]),
            mismatch(),
        ),
        row(
            "a name header that is no base64 is refused",
            call(MODERN, &[modern, method, ("mcp-name", "=?base64?*?=")]),
            on_headers("mcp_header_unreadable"),
        ),
        row(
            "a modern read repeats its uri",
            message(
                MODERN,
                "resources/read",
                r#""uri":"weather://a""#,
                &[modern, ("mcp-method", "resources/read"), ("mcp-name", "weather://a")],
            ),
            forwarded(),
        ),
        row(
            "a modern task repeats its id",
            message(
                MODERN,
                "tasks/get",
                r#""taskId":"t1""#,
                &[modern, ("mcp-method", "tasks/get"), ("mcp-name", "t1")],
            ),
            forwarded(),
        ),
        row(
            "a modern task without its id in a header is refused",
            message(MODERN, "tasks/get", r#""taskId":"t1""#, &[modern, ("mcp-method", "tasks/get")]),
            missing(),
        ),
        row(
            "a modern task is not updated without its id in a header",
            message(MODERN, "tasks/update", r#""taskId":"t1""#, &[modern, ("mcp-method", "tasks/update")]),
            missing(),
        ),
        row(
            "a modern task is not cancelled without its id in a header",
            message(MODERN, "tasks/cancel", r#""taskId":"t1""#, &[modern, ("mcp-method", "tasks/cancel")]),
            missing(),
        ),
        row(
            "a task's method for which no such header is defined needs none",
            message(MODERN, "tasks/result", r#""taskId":"t1""#, &[modern, ("mcp-method", "tasks/result")]),
            forwarded(),
        ),
        row(
            "where the header is there all the same it agrees",
            message(
                MODERN,
                "tasks/result",
                r#""taskId":"t1""#,
                &[modern, ("mcp-method", "tasks/result"), ("mcp-name", "t2")],
            ),
            mismatch(),
        ),
        row(
            "a modern notification needs only its version",
            post(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#)
                .bearer(token(""))
                .header(VERSION, MODERN),
            forwarded(),
        ),
        row(
            "a method header on a response is refused",
            post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).bearer(token("")).header("mcp-method", "ping"),
            mismatch(),
        ),
        row(
            "a denied name in the header is refused on the headers where they go ahead",
            message("", "tools/call", r#""name":"format_disk""#, &[method, ("mcp-name", "format_disk")]),
            denied("tools/call", "format_disk", "unlisted"),
        )
        .ahead(denied("tools/call", "format_disk", "unlisted").on_headers("tools/call", "format_disk")),
        row(
            "a name in the header that scopes do not cover is refused there where headers go ahead",
            message("", "tools/call", r#""name":"set_alert""#, &[method, ("mcp-name", "set_alert")]),
            step_up(
                "tools/call",
                "set_alert",
                "weather:write",
                "weather:write",
                "tasks:run weather:read weather:write",
            ),
        )
        .ahead(
            step_up(
                "tools/call",
                "set_alert",
                "weather:write",
                "weather:write",
                "tasks:run weather:read weather:write",
            )
            .on_headers("tools/call", "set_alert"),
        ),
        row(
            "two different versions are refused",
            call("", &[(VERSION, "2025-11-25"), (VERSION, "2025-06-18")]),
            on_headers("mcp_header_doubled"),
        ),
        row(
            "two different names are refused",
            call("", &[name, ("mcp-name", "echo")]),
            on_headers("mcp_header_doubled"),
        ),
        row(
            "two spellings of one name are refused",
            call("", &[name, ("mcp-name", "=?base64?Z2V0X2ZvcmVjYXN0?=")]),
            on_headers("mcp_header_doubled"),
        ),
        row(
            "two different methods are refused",
            call("", &[method, ("mcp-method", "tools/list")]),
            on_headers("mcp_header_doubled"),
        ),
        row(
            "equal repeats of a header count, and go on, as one",
            call(MODERN, &[modern, method, name, modern, method, name, name]),
            forwarded()
                .server_gets(VERSION, &[MODERN])
                .server_gets("mcp-method", &["tools/call"])
                .server_gets("mcp-name", &["get_forecast"]),
        ),
        row(
            "equal repeats of a session and a last event go on as one",
            get(&[
                ("mcp-session-id", b"s"),
                ("last-event-id", b"7"),
                ("mcp-session-id", b"s"),
                ("last-event-id", b"7"),
            ]),
            forwarded().server_gets("mcp-session-id", &["s"]).server_gets("last-event-id", &["7"]),
        ),
        row(
            "two different sessions are refused",
            get(&[("mcp-session-id", b"a"), ("mcp-session-id", b"b")]),
            on_headers("mcp_header_doubled"),
        ),
        row(
            "two different last events are refused",
            get(&[("last-event-id", b"1"), ("last-event-id", b"2")]),
            on_headers("mcp_header_doubled"),
        ),
        row(
            "a session that is no text is refused",
            get(&[("mcp-session-id", b"a\xff")]),
            on_headers("mcp_header_unreadable"),
        ),
        row(
            "a stream of a version that is no date goes on",
            get(&[(VERSION, b"latest")]),
            forwarded().server_gets(VERSION, &["latest"]),
        ),
        row("a version with a space is refused", get(&[(VERSION, b"2025 11")]), on_headers("mcp_header_unreadable")),
        row("a version of 32 characters goes on", get(&[(VERSION, &[b'v'; 32])]), forwarded()),
        row(
            "a version of 33 characters is refused",
            get(&[(VERSION, &[b'v'; 33])]),
            on_headers("mcp_header_unreadable"),
        ),
        row("an empty version is refused", get(&[(VERSION, b"")]), on_headers("mcp_header_unreadable")),
        row(
            "a session and a last event go on",
            get(&[("mcp-session-id", b"s-1"), ("last-event-id", b"e 1")]),
            forwarded().server_gets("mcp-session-id", &["s-1"]).server_gets("last-event-id", &["e 1"]),
        ),
        row(
            "a DELETE of a session goes on",
            request("DELETE").bearer(token("")).header("mcp-session-id", "s-1"),
            forwarded().audit("method", "DELETE").audit("target", json!(null)),
        ),
    ]
}
