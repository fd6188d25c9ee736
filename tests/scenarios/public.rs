//! Public operations: a request without any credential is anonymous, and may do what a public rule names.

use serde_json::{Value, json};

use super::config::{BASE, MAIN, PUBLIC, PUBLIC_SHADOW};
use super::expect::*;
use super::request::{Request, answer_events, answer_json, call, list_tools, post, request, rpc, token};
use super::{Scenario, row};

const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","ttlMs":60000,"tools":[{"name":"help"},{"name":"help_me"},{"name":"read"},{"name":"any_token"},{"name":"delete_all"},{"name":"Help"},{"name":"other"}]}}"#;

/// The request goes on, and no record names a caller.
fn open() -> Expected {
    forwarded().reason("public").audit("subject", Value::Null).audit("issuer", Value::Null).audit("scopes", Value::Null)
}

/// 401 without an error, for these scopes. Nothing of the body reaches the server.
fn sign_in(scope: &str) -> Expected {
    let required: Vec<_> = scope.split_whitespace().collect();
    let required = if required.is_empty() { Value::Null } else { json!(required) };
    unauthorized()
        .scope(scope)
        .server(Server::HeadersAhead)
        .audit("required", required.clone())
        .audit("missing", required)
        .audit("subject", Value::Null)
}

fn tool(name: &str, arguments: Value) -> Request {
    rpc("tools/call", json!({"name": name, "arguments": arguments}))
}

pub fn rows() -> Vec<Scenario> {
    [anonymous(), credentials(), signed_in(), lists(), streams(), headers(), shadow()].concat()
}

fn anonymous() -> Vec<Scenario> {
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

fn credentials() -> Vec<Scenario> {
    let help = || call("help").at(PUBLIC);
    let as_ever = |name, values: &[&str]| row(name, help().authorization(values), unauthorized());
    vec![
        as_ever("an empty Authorization is a credential", &[""]),
        as_ever("an Authorization of spaces is a credential", &["  "]),
        as_ever("an Authorization of another scheme is a credential", &["Basic dTpw"]),
        as_ever("an Authorization of the DPoP scheme is a credential", &["DPoP abc"]),
        as_ever("an Authorization of no scheme is a credential", &["\u{e9}"]),
        row("a DPoP header alone is a credential", help().header("dpop", "x"), unauthorized()),
        row("an empty DPoP header is a credential", help().header("DPoP", ""), unauthorized()),
        row(
            "a token in the query is a credential",
            help().path("/mcp?access_token=x"),
            invalid_request("token_in_query"),
        ),
        row(
            "an encoded name of a token in the query is a credential",
            help().path("/mcp?a=b&access%5ftoken"),
            invalid_request("token_in_query"),
        ),
        row(
            "Bearer without a token is a credential",
            help().authorization(&["Bearer"]),
            invalid_request("malformed_credentials"),
        ),
        row(
            "two credentials are not none",
            help().authorization(&["Bearer a", "Basic b"]),
            invalid_request("several_credentials"),
        ),
        row(
            "a token that is none is refused at a public tool",
            help().authorization(&["Bearer nonsense"]),
            invalid_token("token_malformed"),
        ),
        row(
            "an expired token is refused at a public tool",
            help().bearer(token("").time("exp", -60)),
            invalid_token("token_expired").described(EXPIRED),
        ),
        row(
            "a token with a bad signature is refused at a public tool",
            help().bearer(token("").tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "a bad token gets no public list",
            list_tools().at(PUBLIC).bearer(token("").tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "a bad token opens no stream",
            request("GET").at(PUBLIC).bearer(token("").tampered()),
            invalid_token("bad_signature"),
        ),
    ]
}

fn signed_in() -> Vec<Scenario> {
    let by = |request: Request, scope: &str| request.at(PUBLIC).bearer(token(scope));
    let bot = |tool: &str| call(tool).at(PUBLIC).bearer(token("").claim("sub", "bot"));
    let step = |tool: &str, required, missing, ask| step_up("tools/call", tool, required, missing, ask);
    vec![
        row(
            "a token without base scopes calls a public tool",
            by(call("help"), ""),
            forwarded().audit("subject", "alice").server_gets("x-mcp-subject", &["alice"]),
        ),
        row(
            "a token without base scopes may initialize where a rule is public",
            by(rpc("initialize", json!({})), ""),
            forwarded(),
        ),
        row("a token without base scopes opens a stream where a rule is public", by(request("GET"), ""), forwarded())
            .answered(answer_events(&[": beat\n\n"])),
        row(
            "a token without base scopes reads a public resource",
            by(rpc("resources/read", json!({"uri": "docs://open/b"})), ""),
            forwarded(),
        ),
        row(
            "a token without base scopes is asked to step up for the rest",
            by(call("any_token"), ""),
            step("any_token", "mcp:connect", "mcp:connect", "mcp:connect"),
        ),
        row(
            "a token with some scopes is asked to step up as ever",
            by(call("read"), "mcp:connect"),
            step("read", "mcp:connect weather:read", "weather:read", "mcp:connect weather:read"),
        ),
        row("a token with its scopes calls as ever", by(call("read"), "mcp:connect weather:read"), forwarded()),
        row(
            "a row takes a public tool from whom it selects",
            bot("help"),
            denied("tools/call", "help", "matrix_denies_tool").audit("matrix_row", "the bot asks nobody"),
        ),
        row(
            "a row without selectors takes a public tool from every token",
            by(call("delete_all"), "mcp:connect"),
            denied("tools/call", "delete_all", "matrix_denies_tool"),
        ),
        row(
            "a row of everybody named takes a public tool from every token",
            by(call("delete_none"), "mcp:connect"),
            denied("tools/call", "delete_none", "matrix_denies_tool"),
        ),
        row(
            "arguments of a public tool are checked of every token",
            tool("convert", json!({"amount": 101})).at(PUBLIC).bearer(token("")),
            denied("tools/call", "convert", "arguments_refused"),
        ),
    ]
}

fn lists() -> Vec<Scenario> {
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

fn streams() -> Vec<Scenario> {
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

fn headers() -> Vec<Scenario> {
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
            post("x".repeat(super::config::BODY_LIMIT + 1)).at(PUBLIC),
            error(413, "payload_too_large", "payload_too_large"),
        ),
    ]
}

fn shadow() -> Vec<Scenario> {
    let at = |request: Request| request.at(PUBLIC_SHADOW);
    vec![
        row("a public tool is public in shadow mode", at(call("help")), open()),
        row(
            "shadow mode opens nothing else to an anonymous caller",
            at(call("read")),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "a rule in shadow mode opens nothing to an anonymous caller",
            at(call("write")),
            sign_in("mcp:connect weather:write"),
        ),
        row(
            "what is unlisted is not opened by shadow mode",
            at(rpc("x/other", json!({}))),
            denied("x/other", Value::Null, "unlisted"),
        ),
        row(
            "a public rule in shadow mode checks the arguments of an anonymous caller",
            tool("convert", json!({"amount": 101})).at(PUBLIC_SHADOW),
            denied("tools/call", "convert", "arguments_refused"),
        ),
        row(
            "a row in shadow mode denies to an anonymous caller",
            at(call("delete_all")),
            denied("tools/call", "delete_all", "matrix_denies_tool"),
        ),
        row("a token has shadow mode as ever", at(call("read")).bearer(token("")), shadowed("insufficient_scope")),
        row(
            "a token without base scopes is not recorded at a public tool",
            at(call("help")).bearer(token("")),
            forwarded(),
        ),
    ]
}
