//! Lists in event streams: trimmed event by event, and every other byte as it came.

use serde_json::json;

use super::config::LIST_LIMIT;
use super::expect::*;
use super::request::{Request, answer_events, answer_json, call, list_tools, request, token};
use super::{Scenario, row};

const MIXED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin_x"},{"name":"echo"}]}}"#;
const ECHO: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"}]}}"#;
const FAILED: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":502,"message":"The server's answer could not be read","data":{"error":"bad_gateway"}}}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"admin_x"}]}}"#;

const UPDATE: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"weather://public/a\"}}\n\n";

pub fn rows() -> Vec<Scenario> {
    let asked = || list_tools().bearer(token(""));
    let stream = || request("GET").header("accept", "text/event-stream").bearer(token(""));
    let events = |name, request: Request, from: &[&str], to: &str| {
        row(name, request, forwarded().text(to)).answered(answer_events(from))
    };
    let event = |data: &str| format!("event: message\ndata: {data}\n\n");
    let data = |data: &str| format!("data: {data}\n\n");
    let typed = |kind: &str, from: &[&str]| answer_events(from).without("content-type").header("content-type", kind);
    let foreign = |name, request: Request, kind: &str| {
        let escaped = format!(": x\\n\\ndata: {MIXED}\\n\\n\n\n");
        row(name, request, bad_gateway()).answered(typed(kind, &[&escaped]))
    };
    // The blank line stays.
    let stray = |name, line: &str| {
        events(name, asked(), &[": beat\n\n", line, "\n\n"], &format!(": beat\n\n{}\n", data(FAILED)))
    };
    let split: Vec<String> =
        event(MIXED).as_bytes().chunks(9).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
    let split: Vec<&str> = split.iter().map(String::as_str).collect();
    let long = format!("data: {{\"x\":\"{}\"}}\n\n", "x".repeat(LIST_LIMIT));
    let long_note = NOTE.replace("admin_x", &"x".repeat(LIST_LIMIT / 2));
    vec![
        events("a list in an event is trimmed", asked(), &[&event(MIXED)], &event(ECHO)),
        events("an event in pieces is trimmed", asked(), &split, &event(ECHO)),
        events(
            "lines may end in CR LF",
            asked(),
            &[&format!("id: 1\r\ndata: {MIXED}\r\n\r\n")],
            &format!("id: 1\r\ndata: {ECHO}\r\n\r\n"),
        ),
        events(
            "lines may end in CR",
            asked(),
            &[&format!("id: 1\rdata: {MIXED}\r\r")],
            &format!("id: 1\rdata: {ECHO}\r\r"),
        ),
        events(
            "several data lines are one list",
            asked(),
            &["data: {\"jsonrpc\":\"2.0\",\"id\":1,\ndata: \"result\":{\"tools\":[{\"name\":\"admin_x\"}]}}\n\n"],
            "data: {\"jsonrpc\":\"2.0\",\"id\":1,\ndata: \"result\":{\"tools\":[]}}\n\n",
        ),
        events(
            "a priming event passes",
            asked(),
            &["id: 7\ndata: \n\n", &event(MIXED)],
            &format!("id: 7\ndata: \n\n{}", event(ECHO)),
        ),
        events(
            "comments and retry times pass",
            asked(),
            &[": keep-alive\n\nretry: 100\n\n", &event(MIXED)],
            &format!(": keep-alive\n\nretry: 100\n\n{}", event(ECHO)),
        ),
        events("messages between pass", asked(), &[&event(NOTE), &event(MIXED)], &[event(NOTE), event(ECHO)].concat()),
        events(
            "the last event may lack its empty line",
            asked(),
            &[&format!("data: {MIXED}\n")],
            &format!("data: {ECHO}\n"),
        ),
        events(
            "a heartbeat that is no JSON becomes a comment",
            asked(),
            &["event: ping\r\ndata: ping\r\ndata: x\r\n\r\n", &event(MIXED)],
            &format!("event: ping\r\n:\r\n\r\n{}", event(ECHO)),
        ),
        events("an event that is too long is dropped", asked(), &[&long, &event(MIXED)], &event(ECHO)),
        events(
            "an event with a look-alike of a list is dropped",
            asked(),
            &[r#"data: {"result":{"Tools":[{"name":"admin_x"}]}}"#, "\n\n", &event(MIXED)],
            &event(ECHO),
        ),
        events(
            "an event that comes twice is trimmed twice",
            asked(),
            &[&event(MIXED), &event(MIXED)],
            &[event(ECHO), event(ECHO)].concat(),
        ),
        events("a list that comes as plain JSON on a stream is trimmed", asked(), &[MIXED], ECHO),
        events(
            "white space and a byte order mark may come before it",
            asked(),
            &["\u{feff} ", "\t", MIXED, "\n"],
            &format!("{ECHO}\n"),
        ),
        events("blank lines may come before it", asked(), &["\n\r\n", MIXED], &format!("\n\r\n{ECHO}")),
        events("a batch of answers as plain JSON is trimmed", asked(), &["[", MIXED, "]"], &format!("[{ECHO}]")),
        events("plain JSON on a stream that breaks off is an error", asked(), &[&MIXED[..60]], FAILED),
        events("plain JSON on a stream that is too long is an error", asked(), &[&long[6..]], FAILED),
        events("two documents on a stream are an error", asked(), &[MIXED, "\n", MIXED], FAILED),
        row("plain JSON on a stream may end in trailers", asked(), forwarded().text(ECHO))
            .answered(answer_events(&[MIXED]).trailer("x-sum", "1")),
        stray("a line with a space before its field goes", &format!(" data: {MIXED}")),
        stray("a line with a space after its field goes", &format!("data : {MIXED}")),
        stray("a line whose field is in upper case goes", &format!("DATA: {MIXED}")),
        stray("a line of plain JSON goes", MIXED),
        stray("a line of plain JSON with a space before it goes", &format!("\t{MIXED}")),
        stray("a line of an unknown field goes", &format!("json: {MIXED}")),
        stray("a line after a second byte order mark goes", &format!("\u{feff}data: {MIXED}")),
        stray("a line with a NUL in its field goes", &format!("\0data: {MIXED}")),
        stray("a comment that some clients split goes", &format!(": x\u{2028}data: {MIXED}")),
        stray("an id that some clients split goes", &format!("id: x\u{85}data: {MIXED}")),
        stray("a type that some clients split goes", &format!("event: x\u{c}data: {MIXED}")),
        stray("a time to retry that is no number goes", &format!("retry: {MIXED}")),
        events(
            "of an event with a stray line the rest is read",
            asked(),
            &[&format!("id: 7\n data: {MIXED}\ndata: {NOTE}\nping\n\n")],
            &format!("{}id: 7\ndata: {NOTE}\n\n", data(FAILED)),
        ),
        events(
            "a document on one of several data lines is read as a part of the whole",
            asked(),
            &[&format!("data: {{\"x\":\ndata: {MIXED}\ndata: }}\n\n")],
            &format!("data: {{\"x\": {MIXED} }}\n\n"),
        ),
        events(
            "what follows a CR is no part of the data to anybody",
            asked(),
            &["data: {\"id\":1,\"result\"\r: {\"tools\":[{\"name\":\"admin_x\"}]},\"x\"\ndata: :{}}\n\n"],
            "data: {\"id\":1,\"result\" :{}}\n\n",
        ),
        events(
            "an answer that is too long becomes an error with its id",
            asked(),
            &[&long.replace("{\"x\"", "{\"id\":1,\"result\""), &event(NOTE)],
            &format!("{}{}", data(FAILED), event(NOTE)),
        ),
        events(
            "an answer that cannot be read becomes an error with its id",
            asked(),
            &[&event(r#"{"result":{"tools":[],"tools":[{"name":"admin_x"}]},"jsonrpc":"2.0","id":1}"#), &event(NOTE)],
            &format!("{}{}", data(FAILED), event(NOTE)),
        ),
        events(
            "where it cannot be told what an event answers, the error comes at the end",
            asked(),
            &[&event(r#"{"result":{"Tools":[{"name":"admin_x"}]}}"#), &event(NOTE)],
            &format!("{}{}", event(NOTE), data(FAILED)),
        ),
        events(
            "a stream of nothing that can be read ends in an error",
            asked(),
            &["data: <p>\n\n"],
            &format!(":\n\n{}", data(FAILED)),
        ),
        events(
            "a stream that may be resumed ends without one",
            asked(),
            &["id: 1\ndata:\n\n", "data: ping\n\n"],
            "id: 1\ndata:\n\n:\n\n",
        ),
        events(
            "an error at the end comes after an event that has none",
            asked(),
            &["data: {\n\ndata: {}"],
            &format!("data: {{}}\n\n{}", data(FAILED)),
        ),
        events("a stream that ends before its answer ends so", asked(), &[&event(NOTE)], &event(NOTE)),
        row("a compressed stream that may hold a list is a bad answer", asked(), bad_gateway())
            .answered(answer_events(&["x"]).header("content-encoding", "gzip")),
        events(
            "a list that is replayed on the standing stream is trimmed",
            stream(),
            &[&event(MIXED), &event(NOTE)],
            &[event(ECHO), event(NOTE)].concat(),
        ),
        events("plain JSON on the standing stream is trimmed", stream(), &[MIXED], ECHO),
        events(
            "an answer on the standing stream that cannot be read becomes an error with its id",
            stream(),
            &[&event(r#"{"result":{"Tools":[]},"id":"x"}"#), "\tdata: x\n\n", &event(NOTE)],
            &format!("{}\n{}", data(&FAILED.replace("\"id\":1", "\"id\":\"x\"")), event(NOTE)),
        ),
        row("JSON in the place of the standing stream is trimmed", stream(), forwarded().text(ECHO))
            .answered(answer_json(MIXED)),
        row("JSON of another name in the place of the standing stream is trimmed", stream(), forwarded().text(ECHO))
            .answered(answer_json(MIXED).without("content-type").header("content-type", "application/x-ndjson")),
        row("JSON without a list in the place of the standing stream passes", stream(), forwarded())
            .answered(answer_json(r#"{"name":"weather", "tools":[{"name":"admin_x"}]}"#)),
        row("a page in the place of the standing stream is a bad answer", stream(), bad_gateway())
            .answered(typed("text/html; charset=iso-8859-1", &["<p>\n{\n"])),
        row("a standing stream of another declared type is a bad answer", stream(), bad_gateway())
            .answered(typed("text/plain", &[&event(MIXED)])),
        row("a standing stream in one of several parts is a bad answer", stream(), bad_gateway())
            .answered(typed("multipart/mixed; boundary=x", &[&event(MIXED)])),
        row("nothing of a page passes that says that a GET was accepted", stream(), forwarded().status(202).text(""))
            .answered(typed("text/html", &["<p>"]).status(202)),
        row("a page that tells that there is no standing stream passes", stream(), forwarded().status(405))
            .answered(typed("text/html", &["<p>"]).status(405)),
        row(
            "a standing stream is trimmed whose type only holds the name of one",
            stream(),
            forwarded().text(&format!("{}\n", data(FAILED).repeat(2))),
        )
        .answered(typed("xtext/event-stream", &[&format!("x\u{b}data: {MIXED}\u{b}\u{b}\n data: {MIXED}\n\n")])),
        row("a stream in UTF-8 is trimmed", asked(), forwarded().text(&event(ECHO)))
            .answered(typed("Text/Event-Stream; Charset=\"UTF-8\"", &[&event(MIXED)])),
        foreign("a stream in another charset is a bad answer", asked(), "text/event-stream; charset=unicode_escape"),
        foreign("a stream in two charsets is a bad answer", asked(), "text/event-stream; charset=utf-8; charset=utf-7"),
        foreign(
            "a stream in an extended charset is a bad answer",
            asked(),
            "text/event-stream; charset*=utf-16''utf-8",
        ),
        foreign(
            "a standing stream in another charset is a bad answer",
            stream(),
            "text/event-stream;charset=\"utf-16\"",
        ),
        foreign("a page in another charset is a bad answer", stream(), "text/event-streams; charset=utf-7"),
        foreign("JSON in another charset is no standing stream", stream(), "application/json; charset=utf-7"),
        row("a standing stream of two types in two charsets is a bad answer", stream(), bad_gateway()).answered(
            typed("text/event-stream; charset=utf-8", &["x"]).header("content-type", "text/html; charset=utf-7"),
        ),
        row("a compressed page in the place of the standing stream is a bad answer", stream(), bad_gateway()).answered(
            answer_json("x")
                .without("content-type")
                .header("content-type", "text/html")
                .header("content-encoding", "br"),
        ),
        row("compressed JSON in the place of the standing stream is a bad answer", stream(), bad_gateway())
            .answered(answer_json("x").header("content-encoding", "gzip")),
        events(
            "requests of the server pass on the standing stream",
            stream(),
            &["data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sampling/createMessage\"}\n\n"],
            "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sampling/createMessage\"}\n\n",
        ),
        events(
            "an update of a resource that is denied is dropped from the standing stream",
            stream(),
            &[&UPDATE.replace("public/", ""), UPDATE],
            UPDATE,
        ),
        row("a partial stream that may hold a list is a bad answer", asked(), bad_gateway())
            .answered(answer_events(&[&event(MIXED)]).status(206)),
        row("a standing stream of no declared type is trimmed", stream(), forwarded().text(&event(ECHO)))
            .answered(answer_events(&[&event(MIXED)]).without("content-type")),
        row("a standing stream of two declared types is trimmed", stream(), forwarded().text(&event(ECHO))).answered(
            answer_events(&[&event(MIXED)])
                .without("content-type")
                .header("content-type", "text/event-stream, text/event-stream"),
        ),
        row("a compressed standing stream is a bad answer", stream(), bad_gateway())
            .answered(answer_events(&["x"]).header("content-encoding", "br")),
        events(
            "the stream of a call passes byte for byte",
            call("echo").bearer(token("")),
            &["data: <p>\n\n", &event(MIXED)],
            &format!("data: <p>\n\n{}", event(MIXED)),
        ),
        row(
            "where it cannot be told what an event answers, the error comes before the trailers",
            asked(),
            forwarded().text(&format!("{}{}", event(NOTE), data(FAILED))),
        )
        .answered(
            answer_events(&[&event(r#"{"result":{"Tools":[{"name":"admin_x"}]}}"#), &event(NOTE)])
                .trailer("x-sum", "1"),
        ),
        row(
            "a stream of nothing that can be read ends in an error before trailers",
            asked(),
            forwarded().text(&format!(":\n\n\n{}", data(FAILED))),
        )
        .answered(answer_events(&["data: <p>\n\n", "<p>\n\n"]).trailer("x-sum", "1")),
        row(
            "a stray line before trailers becomes an error",
            asked(),
            forwarded().text(&format!("{}\n{}", event(NOTE), data(FAILED))),
        )
        .answered(answer_events(&[&event(NOTE), "<p>\n\n"]).trailer("x-sum", "1")),
        row(
            "noise before a list in trailers is none of its errors",
            asked(),
            forwarded().text(&format!(":\n\n{}", event(ECHO))),
        )
        .answered(answer_events(&["data: ping\n\n", &event(MIXED)]).trailer("x-sum", "1")),
        row(
            "a list after an answer that cannot be read passes before trailers",
            asked(),
            forwarded().text(&[event(NOTE), event(ECHO)].concat()),
        )
        .answered(
            answer_events(&[&event(r#"{"result":{"Tools":[]}}"#), &event(NOTE), &event(MIXED)]).trailer("x-sum", "1"),
        ),
        row(
            "the last event before trailers may lack its empty line",
            asked(),
            forwarded().text(&format!("data: {ECHO}\n")),
        )
        .answered(answer_events(&[&format!("data: {MIXED}\n")]).trailer("x-sum", "1")),
        row(
            "an answer that breaks off before trailers becomes an error with its id",
            asked(),
            forwarded().text(&data(FAILED)),
        )
        .answered(answer_events(&["data: {\"id\":1,\"result\":{\"tools\":[{"]).trailer("x-sum", "1")),
        row(
            "a list that is too long before trailers becomes an error with its id",
            asked(),
            forwarded().text(&data(FAILED)),
        )
        .answered(answer_events(&[long.replace("{\"x\"", "{\"id\":1,\"result\"").trim_end()]).trailer("x-sum", "1")),
        row(
            "what follows an answer that cannot be read is held up to the limit of a list",
            asked(),
            forwarded().text(&format!("{0}{0}{1}", event(&long_note), data(FAILED))),
        )
        .answered(
            answer_events(&[&event(r#"{"result":{"Tools":[]}}"#), &event(&long_note), &event(&long_note)])
                .trailer("x-sum", "1"),
        ),
        row("the answer to a call may end in trailers", call("echo").bearer(token("")), forwarded())
            .answered(answer_events(&["data: {}\n\n"]).trailer("x-sum", "1")),
        row(
            "the standing stream is recorded as what it is",
            stream(),
            forwarded().audit("method", "GET").audit("target", json!(null)),
        )
        .answered(answer_events(&[])),
    ]
}
