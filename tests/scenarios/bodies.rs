//! Bodies: exactly one JSON-RPC message, read in one way only.

use serde_json::json;

use super::expect::*;
use super::request::{Request, call, post, rpc, token};
use super::{Scenario, row};

fn read(body: impl Into<Vec<u8>>) -> Request {
    post(body).bearer(token("weather:read"))
}

fn message(members: &str) -> Request {
    read(format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#))
}

fn echo_with(params: &str) -> Request {
    message(&format!(r#""method":"tools/call","params":{{{params}}}"#))
}

pub fn rows() -> Vec<Scenario> {
    const ECHO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    let unread = |code, reason| rpc_refusal(code, json!(null), reason);
    let invalid = |reason| rpc_refusal(-32602, 1, reason);
    let nested =
        |depth: usize| echo_with(&format!(r#""name":"echo","arguments":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    let long = |size: usize| {
        rpc("tools/call", json!({"name": format!("echo{}", "x".repeat(size - 4))})).bearer(token("weather:read"))
    };
    vec![
        row("a byte order mark is refused", read(["\u{feff}", ECHO].concat()), unread(-32700, "json_byte_order_mark")),
        row("bytes after the message are refused", read([ECHO, "x"].concat()), unread(-32700, "json_trailing_bytes")),
        row("a second message is refused", read([ECHO, ECHO].concat()), unread(-32700, "json_trailing_bytes")),
        row(
            "white space around the message is forwarded as it is",
            read(["\r\n\t ", ECHO, " \n"].concat()),
            forwarded(),
        ),
        row("a message that is cut short is refused", read(&ECHO[..ECHO.len() - 1]), unread(-32700, "json_syntax")),
        row("an empty body is refused", read(""), unread(-32700, "json_syntax").server(Server::HeadersAhead)),
        row(
            "a body that is not UTF-8 is refused",
            read(*b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}"),
            unread(-32700, "json_not_utf8"),
        ),
        row(
            "a name given twice is refused",
            echo_with(r#""name":"echo","name":"drop_table""#),
            unread(-32700, "json_duplicate_member"),
        ),
        row(
            "a name given twice in two spellings is refused",
            echo_with(r#""name":"echo","n\u0061me":"drop_table""#),
            unread(-32700, "json_duplicate_member"),
        ),
        row(
            "a member given twice anywhere is refused",
            echo_with(r#""name":"echo","arguments":{"deep":[{"a":1,"a":2}]}"#),
            unread(-32700, "json_duplicate_member"),
        ),
        row(
            "params given twice are refused",
            message(r#""method":"tools/call","params":{"name":"echo"},"params":{"name":"drop_table"}"#),
            unread(-32700, "json_duplicate_member"),
        ),
        row(
            "a look-alike of the name is refused",
            echo_with(r#""name":"echo","Name":"drop_table""#),
            rpc_refusal(-32600, 1, "json_look_alike"),
        ),
        row(
            "a look-alike of the method is refused",
            message(r#""method":"tools/call","METHOD":"ping","params":{"name":"echo"}"#),
            rpc_refusal(-32600, 1, "json_look_alike"),
        ),
        row(
            "a look-alike of params in another alphabet is refused",
            message(r#""method":"tools/call","params":{"name":"echo"},"param\u017f":{"name":"drop_table"}"#),
            rpc_refusal(-32600, 1, "json_look_alike"),
        ),
        row(
            "a look-alike of the uri is refused",
            rpc("resources/read", json!({"uri": "weather://public/a", "URI": "weather://b"})).bearer(token("")),
            rpc_refusal(-32600, 1, "json_look_alike"),
        ),
        row(
            "an invisible character makes a look-alike",
            echo_with("\"name\":\"echo\",\"na\u{200b}me\":\"drop_table\""),
            rpc_refusal(-32600, 1, "json_look_alike"),
        ),
        row(
            "a look-alike deep in the arguments is the server's own",
            echo_with(r#""name":"echo","arguments":{"Name":1,"METHOD":2}"#),
            forwarded(),
        ),
        row(
            "an escaped spelling of the name is that name",
            echo_with(r#""n\u0061me":"\u0065cho""#),
            forwarded().audit("target", "echo"),
        ),
        row("nesting up to the limit is read", nested(18), forwarded()),
        row("nesting beyond the limit is refused", nested(19), unread(-32700, "json_too_deep")),
        row("a batch is refused", read(["[", ECHO, "]"].concat()), unread(-32600, "batch_refused")),
        row("an empty batch is refused", read("[]"), unread(-32600, "batch_refused")),
        row("a lone value is no message", read("1"), unread(-32600, "not_json_rpc")),
        row(
            "a message of another version is refused",
            read(ECHO.replace("2.0", "1.0")),
            rpc_refusal(-32600, 1, "not_json_rpc"),
        ),
        row(
            "a message of no version is refused",
            read(r#"{"id":1,"method":"ping"}"#),
            rpc_refusal(-32600, 1, "not_json_rpc"),
        ),
        row(
            "a request that is a response too is refused",
            message(r#""method":"ping","result":{}"#),
            rpc_refusal(-32600, 1, "not_json_rpc"),
        ),
        row(
            "a method that is no string is refused",
            message(r#""method":["ping"]"#),
            rpc_refusal(-32600, 1, "not_json_rpc"),
        ),
        row(
            "an id that is an object is refused",
            read(r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#),
            unread(-32600, "not_json_rpc"),
        ),
        row(
            "params that are an array are refused",
            message(r#""method":"tools/call","params":["echo"]"#),
            invalid("params_malformed"),
        ),
        row("a call without a name is refused", echo_with(r#""arguments":{}"#), invalid("target_missing")),
        row("a call without params is refused", message(r#""method":"tools/call""#), invalid("target_missing")),
        row("a name that is no string is refused", echo_with(r#""name":["echo"]"#), invalid("target_missing")),
        row(
            "a name of 4096 bytes is decided",
            long(4096),
            denied("tools/call", format!("echo{}", "x".repeat(4092)), "unlisted"),
        ),
        row("a name of 4097 bytes is refused", long(4097), invalid("target_too_long")),
        row(
            "an id is repeated exactly",
            read(r#"{"jsonrpc":"2.0","id":"\u0061 \"b\"","method":"tools/call","params":{"name":"format_disk"}}"#),
            denied("tools/call", "format_disk", "unlisted").id("a \"b\""),
        ),
        row(
            "an id that is a long number is repeated",
            read(ECHO.replace(":1,", ":12345678901234567890,").replace("echo", "format_disk")),
            denied("tools/call", "format_disk", "unlisted").id(12_345_678_901_234_567_890_u64),
        ),
        row(
            "a notification goes on",
            read(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            forwarded().status(202).audit("method", "notifications/initialized"),
        )
        .answered(super::request::answer_json("").status(202)),
        row(
            "a client's response goes on",
            read(r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[]}}"#),
            forwarded().audit("method", "response"),
        ),
        row(
            "a client's error goes on",
            read(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no"}}"#),
            forwarded(),
        ),
        row(
            "a call without an id is decided like one with it",
            read(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"format_disk"}}"#),
            denied("tools/call", "format_disk", "unlisted").id(json!(null)),
        ),
        row("a body in pieces is one message", call("echo").bearer(token("")).chunks(7), forwarded()),
        row(
            "a request that ends in trailers is decided",
            call("echo").bearer(token("")).trailer("x-sum", "1"),
            forwarded().server_gets_trailer("x-sum", &["1"]),
        ),
        row(
            "a denied request that ends in trailers is denied",
            call("format_disk").bearer(token("")).trailer("x-sum", "1"),
            denied("tools/call", "format_disk", "unlisted"),
        ),
        row(
            "a denied request in pieces that ends in trailers is denied",
            call("format_disk").bearer(token("")).chunks(5).trailer("x-sum", "1"),
            denied("tools/call", "format_disk", "unlisted"),
        ),
    ]
}
