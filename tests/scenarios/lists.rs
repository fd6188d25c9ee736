//! Lists in JSON: an entry stays exactly if using it would be allowed, and a list that cannot be read never passes.

use serde_json::json;

use super::config::{BASE, LIST_LIMIT, MAIN, OFFER, OPEN};
use super::expect::*;
use super::request::{Request, answer_events, answer_json, call, list_tools, rpc, token};
use super::{Scenario, row};

const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin_x"}, {"x":1.0,"name":"get_forecast"} ,{"name":"echo"},{"name":"format_disk"}],"nextCursor":"c","unknown":[1, 2]}}"#;

fn result(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#)
}

pub fn rows() -> Vec<Scenario> {
    let read = |request: Request| request.bearer(token("weather:read"));
    let read_uri = |uri: &str| rpc("resources/read", json!({"uri": uri})).header("accept-encoding", "gzip");
    let tools = || read(list_tools());
    let trimmed = |name, request: Request, from: &str, to: &str| {
        row(name, request, forwarded().text(&result(to))).answered(answer_json(result(from)))
    };
    let unreadable =
        |name, body: &str| row(name, tools(), bad_gateway()).ahead(bad_gateway_in_body()).answered(answer_json(body));
    let refused = |name, answer| row(name, tools(), bad_gateway()).answered(answer);
    let typed = |kind: &str| answer_json(TOOLS).without("content-type").header("content-type", kind);
    let long = |size: usize| {
        result(&format!(r#""tools":[],"x":"{}""#, "x".repeat(size - result(r#""tools":[],"x":"""#).len())))
    };
    vec![
        row("a list that is null passes as it is", list_tools().bearer(token("")), forwarded())
            .answered(answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":null,"ttlMs":1}}"#)),
        row("a list keeps what the caller may use, byte for byte", tools(), forwarded()
            .text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"x":1.0,"name":"get_forecast"},{"name":"echo"}],"nextCursor":"c","unknown":[1, 2]}}"#).without("content-length"))
            .answered(answer_json(TOOLS)),
        row("a list in pieces is trimmed", tools(), forwarded()
            .text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"x":1.0,"name":"get_forecast"},{"name":"echo"}],"nextCursor":"c","unknown":[1, 2]}}"#))
            .answered(answer_json(TOOLS).chunks(11)),
        row("a list of what the caller may use comes as it was", read(list_tools()), forwarded()).answered(answer_json(result(r#""tools":[ {"name":"echo"} ]"#))),
        trimmed("an untouched caller sees little", list_tools().bearer(token("")), r#""tools":[{"name":"get_forecast"},{"name":"echo"}]"#, r#""tools":[{"name":"echo"}]"#),
        trimmed("an entry without a usable name goes", tools(), r#""tools":[{"name":1},{"Name":"echo"},"echo",{"name":"echo","NAME":"x"},{"name":"echo"}]"#, r#""tools":[{"name":"echo"}]"#),
        trimmed("a list of prompts is trimmed by name", read(rpc("prompts/list", json!({}))), r#""prompts":[{"name":"other"},{"name":"brief"}]"#, r#""prompts":[{"name":"brief"}]"#),
        trimmed("a list of resources is trimmed by uri", rpc("resources/list", json!({})).bearer(token("")), r#""resources":[{"uri":"weather://a","name":"x"},{"uri":"weather://public/a"},{"uri":"weather://public/../a"}]"#, r#""resources":[{"uri":"weather://public/a"}]"#),
        trimmed("a list of templates is trimmed by all they cover", rpc("resources/templates/list", json!({})).bearer(token("")), r#""resourceTemplates":[{"uriTemplate":"weather://{a}"},{"uriTemplate":"weather://public/{a}"},{"uriTemplate":"weather://public/{a"}]"#, r#""resourceTemplates":[{"uriTemplate":"weather://public/{a}"}]"#),
        trimmed("a list becomes private", tools(), r#""cacheScope":"public","tools":[{"name":"echo"}]"#, r#""cacheScope":"private","tools":[{"name":"echo"}]"#),
        trimmed("a list does not outlive the token", list_tools().bearer(token("").time("exp", -5)), r#""tools":[],"ttlMs":60000,"cacheScope":"private""#, r#""tools":[],"ttlMs":0,"cacheScope":"private""#),
        trimmed("a list that is cached for less stays so", tools(), r#""cacheScope":"private","tools":[],"ttlMs":10"#, r#""cacheScope":"private","tools":[],"ttlMs":10"#),
        trimmed("a list that is cached by nobody knows whom becomes private", tools(), r#""ttlMs":10,"tools":[]"#, r#""ttlMs":10,"cacheScope":"private","tools":[]"#),
        trimmed("whatever list comes is trimmed", tools(), r#""prompts":[{"name":"other"}],"tools":[{"name":"echo"}]"#, r#""prompts":[],"tools":[{"name":"echo"}]"#),
        trimmed("what a step-up could unlock is offered where that is said", list_tools().at(OFFER).bearer(token("")), r#""tools":[{"name":"admin_x"},{"name":"format_disk"},{"name":"echo"}]"#, r#""tools":[{"name":"admin_x"},{"name":"echo"}]"#),
        trimmed("a list shows no near names", list_tools().at(OPEN).bearer(token("")), r#""tools":[{"name":"DELETE_ALL"},{"name":"delete_all"},{"name":"any"}]"#, r#""tools":[{"name":"any"}]"#),
        row("an error in place of a list passes", tools(), forwarded()).answered(answer_json(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#)),
        row("a refusal of the server in place of a list passes", tools(), forwarded().status(500)).answered(answer_json("<p>").status(500).without("content-type").header("content-type", "text/html")),
        row("a 202 with a list is trimmed too", tools(), forwarded().status(202).text(&result(r#""tools":[]"#))).answered(answer_json(result(r#""tools":[{"name":"admin_x"}]"#)).status(202)),
        row("a 202 that is no list goes without its body", tools(), forwarded().status(202).text("")).answered(answer_json("Accepted").status(202).without("content-type")),
        row("a compressed 202 is a bad answer", tools(), bad_gateway()).answered(answer_json("x").status(202).header("content-encoding", "gzip")),
        row("a list in the answer to a call is the call's own", read(call("echo")), forwarded()).answered(answer_json(result(r#""tools":[{"name":"admin_x"}]"#))),
        row("an answer to a call streams in any coding", read(call("echo")), forwarded().with("content-encoding", "x-own")).answered(answer_json("\u{1}\u{2}").header("content-encoding", "x-own")),
        row("a list in identity is no compressed one", tools(), forwarded().text(&result(r#""tools":[]"#)))
            .answered(answer_json(result(r#""tools":[{"name":"admin_x"}]"#)).header("content-encoding", "identity")),
        refused("a compressed list is a bad answer", answer_json("x").header("content-encoding", "gzip")),
        refused("a partial list is a bad answer", answer_json(TOOLS).status(206)),
        refused("a list of another type is a bad answer", answer_json(TOOLS).without("content-type").header("content-type", "text/plain")),
        refused("a list in another charset is a bad answer", typed("application/json; charset=utf-7")),
        refused("a list of the type of several documents is a bad answer", typed("application/x-ndjson")),
        refused("a list of the type of a sequence is a bad answer", typed("application/json-seq")),
        refused("a list of the type of any bytes is a bad answer", typed("application/octet-stream")),
        refused("a list in one of several parts is a bad answer", typed("multipart/mixed; boundary=x")),
        refused("a list in a part that replaces others is a bad answer", typed("multipart/x-mixed-replace; boundary=x")),
        refused("a list of no type is a bad answer", answer_json(TOOLS).without("content-type")),
        refused("a list that is declared as too long is a bad answer", answer_json(long(LIST_LIMIT + 1))),
        row("a list of just the limit is read", tools(), forwarded()).answered(answer_json(long(LIST_LIMIT))),
        row("a list that grows too long is a bad answer", tools(), bad_gateway()).ahead(bad_gateway_in_body()).answered(answer_json(long(LIST_LIMIT + 1)).chunks(1_000)),
        unreadable("a list that is no JSON is a bad answer", "<p>"),
        unreadable("a list that breaks off is a bad answer", &TOOLS[..60]),
        unreadable("a list given twice is a bad answer", &result(r#""tools":[],"tools":[{"name":"admin_x"}]"#)),
        unreadable("a look-alike of a list is a bad answer", &result(r#""Tools":[{"name":"admin_x"}]"#)),
        unreadable("a list that is no array is a bad answer", &result(r#""tools":{"name":"admin_x"}"#)),
        unreadable("two lists are a bad answer", &[TOOLS, TOOLS].concat()),
        unreadable("a byte order mark before a list is a bad answer", &["\u{feff}", TOOLS].concat()),
        row("a list whose connection breaks off never passes", tools(), forwarded().status(502).body(Body::Hosts)).ahead(forwarded().body(Body::CutOff)).answered(answer_json(&TOOLS[..60]).cut()),
        row("a request for a list goes on without what would hide it", read(list_tools()).header("accept-encoding", "gzip").header("range", "bytes=0-").header("if-none-match", "\"x\"").at(MAIN), forwarded()
            .server_gets("accept-encoding", &[]).server_gets("range", &[]).server_gets("if-none-match", &[])).answered(answer_json(result(r#""tools":[]"#))),
        row("the list that a task ended with is trimmed", rpc("tasks/result", json!({"taskId": "7"})).header("accept-encoding", "gzip").bearer(token("tasks:run")), forwarded()
            .text(&result(r#""tools":[{"name":"echo"}],"_meta":{}"#)).server_gets("accept-encoding", &[])).answered(answer_json(result(r#""tools":[{"name":"admin_x"},{"name":"echo"}],"_meta":{}"#))),
        row("the list that a task ended with is trimmed on a stream", rpc("tasks/result", json!({"taskId": "7"})).bearer(token("tasks:run")), forwarded()
            .text(&format!("data: {}\n\n", result(r#""tools":[]"#)))).answered(answer_events(&[&format!("data: {}\n\n", result(r#""tools":[{"name":"admin_x"}]"#))])),
        row("the list that a task ended with is trimmed for a server that ignores case", rpc(" Tasks/Result", json!({"taskId": "7"})).at(OPEN).bearer(token("")), forwarded()
            .text(&result(r#""tools":[]"#))).answered(answer_json(result(r#""tools":[{"name":"delete_all"}]"#))),
        row("the list within a task is trimmed", rpc("tasks/get", json!({"taskId": "7"})).bearer(token("tasks:run")), forwarded()
            .text(&result(r#""status":"completed","result":{"prompts":[]}"#))).answered(answer_json(result(r#""status":"completed","result":{"prompts":[{"name":"brief"}]}"#))),
        row("the result of a call that was a task passes", rpc("tasks/result", json!({"taskId": "7"})).bearer(token("tasks:run")), forwarded())
            .answered(answer_json(result(r#""content":[{"type":"text","text":"x"}],"isError":false"#))),
        row("a list on the stream of a subscription is trimmed", rpc("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})).bearer(token("")), forwarded()
            .text(&format!("data: {}\n\n", result(r#""tools":[]"#))).server_gets("accept-encoding", &[]))
            .answered(answer_events(&[&format!("data: {}\n\n", result(r#""tools":[{"name":"admin_x"}]"#))])),
        row("an update of a resource that is denied is dropped from the stream of a subscription", rpc("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})).bearer(token("")), forwarded()
            .text(": beat\n\n"))
            .answered(answer_events(&["data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"weather://a\"}}\n\n", ": beat\n\n"])),
        row("a resource that not everybody may read becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded()
            .text(&result(r#""contents":[{"uri":"weather://a","text":"\"cacheScope\":\"public\""}],"ttlMs":10,"cacheScope":"private""#)).without("content-length").server_gets("accept-encoding", &[]))
            .answered(answer_json(result(r#""contents":[{"uri":"weather://a","text":"\"cacheScope\":\"public\""}],"ttlMs":10,"cacheScope":"public""#)).chunks(7)),
        row("a resource does not outlive the token", read_uri("weather://a").bearer(token("weather:read").time("exp", -5)), forwarded()
            .text(&result(r#""cacheScope":"private","ttlMs":0,"contents":[]"#)))
            .answered(answer_json(result(r#""cacheScope":"public","ttlMs":60000,"contents":[]"#))),
        row("a resource on a stream becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded()
            .text(&format!(": x\r\n\r\nevent: message\r\ndata: {}\r\n\r\n", result(r#""cacheScope":"private","contents":[]"#))))
            .answered(answer_events(&[": x\r\n\r\nevent: message\r\n", &format!("data: {}\r\n\r\n", result(r#""cacheScope":"public","contents":[]"#))])),
        row("a resource that is longer than lists may be passes", read_uri("weather://a").bearer(token("weather:read")), forwarded())
            .answered(answer_json(long(4 * LIST_LIMIT))),
        row("a resource that any token reads stays public", read_uri("weather://public/a").bearer(token("")), forwarded())
            .answered(answer_json(result(r#""contents":[],"cacheScope":"public","ttlMs":1e9"#))),
        row("a resource that base scopes guard becomes private", read_uri("weather://public/a").at(BASE).bearer(token("mcp:connect")), forwarded().text(&result(r#""cacheScope":"private""#)))
            .answered(answer_json(result(r#""cacheScope":"public""#))),
        row("a resource of another type becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded().text(&result(r#""cacheScope":"private""#)))
            .answered(answer_json(result(r#""cacheScope":"public""#)).without("content-type").header("content-type", "text/plain")),
        row("a resource of two types becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded().text(&result(r#""cacheScope":"private""#)))
            .answered(answer_json(result(r#""cacheScope":"public""#)).header("content-type", "text/plain")),
        row("a resource of no type becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded().text(&result(r#""cacheScope":"private""#)))
            .answered(answer_json(result(r#""cacheScope":"public""#)).without("content-type")),
        row("a resource on a stream of two types becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded().text(&format!("data: {}\n\n", result(r#""cacheScope":"private""#))))
            .answered(answer_events(&[&format!("data: {}\n\n", result(r#""cacheScope":"public""#))]).header("content-type", "application/json")),
        row("a resource on a stream that begins with a byte order mark becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded().text(&format!("\u{feff}data: {}\n\n", result(r#""cacheScope":"private""#))))
            .answered(answer_events(&["\u{feff}", &format!("data: {}\n\n", result(r#""cacheScope":"public""#))])),
        row("a resource that comes as plain JSON on a stream becomes private", read_uri("weather://a").bearer(token("weather:read")), forwarded().text(&result(r#""cacheScope":"private""#)))
            .answered(answer_events(&[&result(r#""cacheScope":"public""#)])),
        row("a page in the place of a resource passes", read_uri("weather://a").bearer(token("weather:read")), forwarded())
            .answered(answer_json("<p class=\"x\">:{}]]").without("content-type").header("content-type", "text/html")),
        row("a resource in another charset that is to be private is a bad answer", read_uri("weather://a").bearer(token("weather:read")), bad_gateway())
            .answered(answer_json("x").without("content-type").header("content-type", "application/json; charset=utf-7")),
        row("a compressed resource that is to be private is a bad answer", read_uri("weather://a").bearer(token("weather:read")), bad_gateway())
            .answered(answer_json("x").header("content-encoding", "gzip")),
        row("a request for something else keeps it where its body was read first", read(rpc("ping", json!({}))).header("accept-encoding", "gzip").header("mcp-method", "ping"), forwarded().server_gets("accept-encoding", &["gzip"])),
    ]
}
