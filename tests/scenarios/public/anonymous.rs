//! Requests without any credential.

use super::*;

pub(super) fn anonymous() -> Vec<Scenario> {
    let at = |request: Request| request.at(PUBLIC);
    let message = |text: &str| at(post(text));
    let read = |uri: &str| at(rpc("resources/read", json!({"uri": uri})));
    let listen =
        |uris: Value| at(rpc("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": uris}})));
    vec![
        row(
            "an anonymous caller may call a public tool",
            at(call("help")),
            open().audit("target", "help").audit("method", "tools/call"),
        ),
        row("a public pattern opens what it matches", at(call("help_me")), open()),
        row(
            "a public tool without an id is public too",
            message(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"help"}}"#),
            open(),
        ),
        row("an anonymous caller may get a public prompt", at(rpc("prompts/get", json!({"name": "brief"}))), open()),
        row(
            "an anonymous caller may complete an argument of a public prompt",
            at(rpc("completion/complete", json!({"ref": {"type": "ref/prompt", "name": "brief"}}))),
            open(),
        ),
        row("an anonymous caller may read a public resource", read("docs://open/b"), open()),
        row(
            "an anonymous caller may subscribe to a public resource",
            at(rpc("resources/subscribe", json!({"uri": "docs://open/b"}))),
            open(),
        ),
        row("an anonymous caller may use a public method", at(rpc("x/open", json!({}))), open()),
        row(
            "an anonymous caller may ask for a task by a public method",
            at(rpc("tasks/get", json!({"taskId": "7"}))),
            open(),
        ),
        row("an anonymous caller may initialize", at(rpc("initialize", json!({}))), open()),
        row("an anonymous caller may ping", at(rpc("ping", json!({}))), open()),
        row("an anonymous caller may discover the server", at(rpc("server/discover", json!({}))), open()),
        row(
            "an anonymous caller may set the level of logging",
            at(rpc("logging/setLevel", json!({"level": "info"}))),
            open(),
        ),
        row(
            "an anonymous caller may send notifications",
            message(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            open().status(202),
        )
        .answered(answer_json("").status(202)),
        row(
            "an anonymous caller may answer the server",
            message(r#"{"jsonrpc":"2.0","id":9,"result":{"role":"assistant"}}"#),
            open().status(202),
        )
        .answered(answer_json("").status(202)),
        row("an anonymous caller may listen to nothing in particular", listen(json!([])), open()),
        row(
            "an anonymous caller may listen to public resources",
            listen(json!(["docs://open/b", "docs://open/c"])),
            open(),
        ),
        row(
            "an anonymous caller may open a stream",
            at(request("GET").header("accept", "text/event-stream")),
            open().audit("method", "GET"),
        )
        .answered(answer_events(&[": beat\n\n"])),
        row("an anonymous caller may ask for the head of a stream", at(request("HEAD")), open()),
        row("an anonymous caller may end a session", at(request("DELETE").header("mcp-session-id", "s1")), open()),
        row(
            "an anonymous caller may answer in a session of its own",
            at(call("help").header("mcp-session-id", "s1")),
            open().server_gets("mcp-session-id", &["s1"]),
        ),
        row("a query is no credential", at(call("help").path("/mcp?x=access_token")), open()),
        row(
            "what more scope unlocks is asked for with a sign-in that names all scopes",
            at(call("read")),
            sign_in("mcp:connect weather:read").audit("target", "read").audit("method", "tools/call"),
        ),
        row(
            "a sign-in names the alternative with the fewest scopes",
            at(call("write")),
            sign_in("mcp:connect weather:admin"),
        ),
        row("what any token unlocks is asked for with the base scopes", at(call("any_token")), sign_in("mcp:connect")),
        row("a level of sign-in is asked for with a sign-in", at(call("erase")), sign_in("mcp:connect weather:write")),
        row(
            "a prompt that is not public is asked for with a sign-in",
            at(rpc("prompts/get", json!({"name": "secret"}))),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "a closer rule of a public resource is asked for with a sign-in",
            read("docs://open/a"),
            sign_in("docs:read mcp:connect"),
        ),
        row(
            "one resource that is not public is asked for with a sign-in",
            listen(json!(["docs://open/b", "docs://open/a"])),
            sign_in("docs:read mcp:connect"),
        ),
        row(
            "a template that reaches a rule that is not public is asked for with a sign-in",
            at(rpc("completion/complete", json!({"ref": {"type": "ref/resource", "uri": "docs://open/{x}"}}))),
            sign_in("docs:read mcp:connect"),
        ),
        row("what only `unlisted` lets through needs a token", read("other://x"), sign_in("mcp:connect")),
        row(
            "a method that is not public is asked for with a sign-in",
            at(rpc("x/other", json!({}))),
            sign_in("mcp:connect x:run"),
        ),
        row(
            "a pattern that ties with a public one is asked for with a sign-in",
            at(call("help_staff")),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "what no rule lists is denied to anonymous callers",
            at(call("nothing")),
            denied("tools/call", "nothing", "unlisted").audit("subject", Value::Null),
        ),
        row("a name that resembles a public one is denied", at(call("Help")), denied("tools/call", "Help", "unlisted")),
        row(
            "a near name of a protected tool is denied although a public pattern matches it",
            at(call("help_Admin")),
            denied("tools/call", "help_Admin", "near_name"),
        ),
        row(
            "an exact name that is protected wins over a public pattern",
            at(call("help_admin")),
            sign_in("mcp:connect weather:admin"),
        ),
        row(
            "a near method is denied",
            at(rpc("Tools/Call", json!({"name": "help"}))),
            denied("Tools/Call", Value::Null, "near_name"),
        ),
        row(
            "a row without selectors denies a public tool to anonymous callers",
            at(call("delete_all")),
            denied("tools/call", "delete_all", "matrix_denies_tool").audit("matrix_row", "nothing is deleted"),
        ),
        row("a row with a selector of everybody does not match an anonymous caller", at(call("delete_none")), open()),
        row(
            "a row without selectors that leaves no scope to sign in for denies",
            at(call("audit")),
            denied("tools/call", "audit", "matrix_narrows_scopes").audit("matrix_row", "audits are elsewhere"),
        ),
        row("arguments of a public tool are checked", tool("convert", json!({"amount": 100})).at(PUBLIC), open()),
        row(
            "arguments that no sign-in unlocks are denied",
            tool("convert", json!({"amount": 101})).at(PUBLIC),
            denied("tools/call", "convert", "arguments_refused"),
        ),
        row(
            "arguments that are missing are denied",
            at(call("convert")),
            denied("tools/call", "convert", "arguments_refused"),
        ),
        row(
            "arguments that a claim may satisfy are asked for with a sign-in",
            tool("pay", json!({"amount": 1, "owner": "alice"})).at(PUBLIC),
            sign_in("mcp:connect pay:run"),
        ),
        row(
            "arguments that no claim satisfies are denied before a sign-in",
            tool("pay", json!({"amount": 101, "owner": "alice"})).at(PUBLIC),
            denied("tools/call", "pay", "arguments_refused"),
        ),
        row(
            "a public call with a name of another case in its body is refused",
            message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"help","Name":"read"}}"#),
            rpc_refusal(-32600, 1, "json_look_alike"),
        ),
        row(
            "a public call that names two tools is refused",
            message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"help","name":"read"}}"#),
            rpc_refusal(-32700, Value::Null, "json_duplicate_member"),
        ),
        row(
            "a batch of an anonymous caller is refused as ever",
            message(r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"help"}}]"#),
            rpc_refusal(-32600, Value::Null, "batch_refused"),
        ),
        row(
            "a method of another kind is refused as ever",
            at(request("PUT")),
            error(405, "method_not_allowed", "method_not_allowed"),
        ),
        row(
            "a body of another type is refused as ever",
            at(call("help").without("content-type").header("content-type", "text/plain")),
            rpc_error(415, -32600, "unsupported_media_type"),
        ),
        row(
            "forged identity is removed from what an anonymous caller sends",
            at(call("help").header("x-mcp-subject", "root").header("X_Mcp_Subject", "root")),
            open().server_gets("x-mcp-subject", &[]).server_gets("x_mcp_subject", &[]),
        ),
        row(
            "credentials in the trailers of an anonymous caller are removed",
            at(call("help").trailer("authorization", "Bearer x").trailer("x-sum", "1")),
            open().server_gets_trailer("authorization", &[]).server_gets_trailer("x-sum", &["1"]),
        ),
        row(
            "a page of a listed origin may read the answer to an anonymous caller",
            at(call("read").header("origin", "https://app.example.com")),
            sign_in("mcp:connect weather:read").with("access-control-allow-origin", "https://app.example.com"),
        ),
        row(
            "an anonymous page of another origin is refused",
            at(call("help").header("origin", "https://other.example.com")),
            error(403, "forbidden_origin", "forbidden_origin"),
        ),
        row("without a public rule no caller is anonymous", call("echo").at(BASE), unauthorized().scope("mcp:connect")),
        row("without a public rule no list is public", list_tools().at(MAIN), unauthorized()),
    ]
}
