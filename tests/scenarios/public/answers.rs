//! Lists, streams and headers of anonymous requests.

use super::*;

pub(super) fn lists() -> Vec<Scenario> {
    let result = |members: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#);
    let trimmed = |name, request: Request, expected: Expected, from: &str, to: &str| {
        row(name, request, expected.text(&result(to))).answered(answer_json(result(from)))
    };
    let list = |method: &str| rpc(method, json!({})).at(PUBLIC);
    let private = r#""cacheScope":"private","ttlMs":60000,"#;
    let tools = |kept: &str| result(&format!(r#"{private}"tools":[{kept}]"#));
    let contents = |scope: &str| result(&format!(r#""cacheScope":"{scope}","contents":[]"#));
    let read = |uri: &str| rpc("resources/read", json!({"uri": uri})).at(PUBLIC);
    vec![
        row(
            "an anonymous list holds the public tools, and is private",
            list_tools().at(PUBLIC),
            open().text(&tools(r#"{"name":"help"},{"name":"help_me"}"#)),
        )
        .answered(answer_json(TOOLS)),
        row(
            "the same list for a token holds more",
            list_tools().at(PUBLIC).bearer(token("mcp:connect weather:read")),
            forwarded().text(&tools(r#"{"name":"help"},{"name":"help_me"},{"name":"read"},{"name":"any_token"}"#)),
        )
        .answered(answer_json(TOOLS)),
        row(
            "the same list without a token again holds the public tools",
            list_tools().at(PUBLIC).header("x-again", "1"),
            open().text(&tools(r#"{"name":"help"},{"name":"help_me"}"#)),
        )
        .answered(answer_json(TOOLS)),
        row(
            "a list for a token without base scopes holds the public tools",
            list_tools().at(PUBLIC).bearer(token("")),
            forwarded().text(&tools(r#"{"name":"help"},{"name":"help_me"}"#)),
        )
        .answered(answer_json(TOOLS)),
        row(
            "a list that offers holds what signing in could unlock",
            list_tools().at(PUBLIC_SHADOW),
            open().text(&tools(
                r#"{"name":"help"},{"name":"help_me"},{"name":"read"},{"name":"any_token"},{"name":"other"}"#,
            )),
        )
        .answered(answer_json(TOOLS)),
        trimmed(
            "an anonymous list holds the public prompts",
            list("prompts/list"),
            open(),
            r#""prompts":[{"name":"secret"},{"name":"brief"}]"#,
            r#""prompts":[{"name":"brief"}]"#,
        ),
        trimmed(
            "an anonymous list holds the public resources",
            list("resources/list"),
            open(),
            r#""resources":[{"uri":"docs://open/a"},{"uri":"docs://open/b"},{"uri":"other://x"},{"uri":"docs://open/../b"}]"#,
            r#""resources":[{"uri":"docs://open/b"}]"#,
        ),
        trimmed(
            "an anonymous list holds the templates that stay public",
            list("resources/templates/list"),
            open(),
            r#""resourceTemplates":[{"uriTemplate":"docs://open/{x}"},{"uriTemplate":"docs://open/b/{x}"},{"uriTemplate":"other://x"}]"#,
            r#""resourceTemplates":[{"uriTemplate":"docs://open/b/{x}"}]"#,
        ),
        row(
            "an anonymous list on a stream holds the public tools",
            list_tools().at(PUBLIC),
            open().text(&format!("data: {}\n\n", tools(r#"{"name":"help"},{"name":"help_me"}"#))),
        )
        .answered(answer_events(&[&format!("data: {TOOLS}\n\n")])),
        row("a public resource may be cached for everybody", read("docs://open/b"), open().text(&contents("public")))
            .answered(answer_json(contents("public"))),
        row(
            "a resource that needs a token becomes private beside public ones",
            read("other://x").bearer(token("mcp:connect")),
            forwarded().text(&contents("private")),
        )
        .answered(answer_json(contents("public"))),
        row(
            "an anonymous request for a list goes on without what would hide it",
            list_tools().at(PUBLIC).header("accept-encoding", "gzip").header("if-none-match", "\"x\""),
            open().server_gets("accept-encoding", &[]).server_gets("if-none-match", &[]),
        )
        .answered(answer_json(result(r#""tools":[]"#))),
    ]
}

pub(super) fn streams() -> Vec<Scenario> {
    let stream = || request("GET").header("accept", "text/event-stream").at(PUBLIC);
    let event = |data: &str| format!("data: {data}\n\n");
    let updated = |uri: &str| {
        event(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#))
    };
    let kept = TOOLS
        .replace(r#""public""#, r#""private""#)
        .replace(r#",{"name":"read"},{"name":"any_token"},{"name":"delete_all"},{"name":"Help"},{"name":"other"}"#, "");
    vec![
        row(
            "a list that a stream brings an anonymous caller holds the public tools",
            stream(),
            open().text(&event(&kept)),
        )
        .answered(answer_events(&[&event(TOOLS)])),
        row("news of a resource that is not public are dropped", stream(), open().text(&updated("docs://open/b")))
            .answered(answer_events(&[&updated("docs://open/a"), &updated("docs://open/b"), &updated("other://x")])),
    ]
}

pub(super) fn headers() -> Vec<Scenario> {
    let declared = |method: &str, name: &str, request: Request| {
        request.at(PUBLIC).header("mcp-method", method).header("mcp-name", name)
    };
    let call_as = |name: &str, body: &str| declared("tools/call", name, call(body));
    let mismatch = || rpc_refusal(-32020, 1, "mcp_header_mismatch");
    vec![
        row("headers that declare a public tool agree with the body", call_as("help", "help"), open()),
        row("headers that declare a public tool do not hide another", call_as("help", "read"), mismatch()),
        row(
            "headers that declare an open method do not hide a call",
            call("read").at(PUBLIC).header("mcp-method", "ping"),
            mismatch(),
        ),
        row(
            "headers that declare what needs a token decide where they go ahead",
            call_as("read", "read"),
            sign_in("mcp:connect weather:read"),
        )
        .ahead(sign_in("mcp:connect weather:read").on_headers("tools/call", "read")),
        row(
            "headers that declare what no rule lists decide where they go ahead",
            call_as("nothing", "nothing"),
            denied("tools/call", "nothing", "unlisted"),
        )
        .ahead(denied("tools/call", "nothing", "unlisted").on_headers("tools/call", "nothing")),
        row(
            "headers that declare what needs a token do not borrow from a public body",
            call_as("read", "help"),
            mismatch(),
        )
        .ahead(sign_in("mcp:connect weather:read").on_headers("tools/call", "read")),
        row(
            "an encoded name that declares a public tool does not hide another",
            call_as("=?base64?aGVscA==?=", "read"),
            mismatch(),
        ),
        row(
            "two headers that declare different tools are refused",
            call_as("help", "help").header("mcp-name", "read"),
            rpc_error(400, -32020, "mcp_header_doubled"),
        ),
        row(
            "a stream that declares a message is refused",
            request("GET").at(PUBLIC).header("mcp-method", "tools/call"),
            rpc_error(400, -32020, "mcp_header_mismatch"),
        ),
        row(
            "an anonymous body over the limit is refused",
            post("x".repeat(BODY_LIMIT + 1)).at(PUBLIC),
            error(413, "payload_too_large", "payload_too_large"),
        ),
    ]
}
