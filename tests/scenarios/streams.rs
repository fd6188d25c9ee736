//! Lists in event streams: trimmed event by event, and every other byte as it came.

use serde_json::json;

use super::config::LIST_LIMIT;
use super::expect::*;
use super::request::{Request, answer_events, call, list_tools, request, token};
use super::{Scenario, row};

const MIXED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin_x"},{"name":"echo"}]}}"#;
const ECHO: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"}]}}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"admin_x"}]}}"#;

const UPDATE: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"weather://public/a\"}}\n\n";

pub fn rows() -> Vec<Scenario> {
    let asked = || list_tools().bearer(token(""));
    let stream = || request("GET").header("accept", "text/event-stream").bearer(token(""));
    let events = |name, request: Request, from: &[&str], to: &str| {
        row(name, request, forwarded().text(to)).answered(answer_events(from))
    };
    let event = |data: &str| format!("event: message\ndata: {data}\n\n");
    let split: Vec<String> =
        event(MIXED).as_bytes().chunks(9).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
    let split: Vec<&str> = split.iter().map(String::as_str).collect();
    let long = format!("data: {{\"x\":\"{}\"}}\n\n", "x".repeat(LIST_LIMIT));
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
        events("an event that is no JSON is dropped", asked(), &["data: <p>\n\n", &event(MIXED)], &event(ECHO)),
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
        row("a compressed stream that may hold a list is a bad answer", asked(), bad_gateway())
            .answered(answer_events(&["x"]).header("content-encoding", "gzip")),
        events(
            "a list that is replayed on the standing stream is trimmed",
            stream(),
            &[&event(MIXED), &event(NOTE)],
            &[event(ECHO), event(NOTE)].concat(),
        ),
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
