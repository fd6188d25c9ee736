//! The answers' table from top to bottom, and that of two faults the earlier row answers.

use serde_json::json;

use super::config::{BASE, BODY_LIMIT, BROWSERS, DOWN, DOWN_ISSUER, QUIET};
use super::expect::*;
use super::request::{Request, answer_events, call, list_tools, post, request, rpc, token};
use super::{Scenario, row};

const READ: &str = "weather:read";
const BROKEN: &str = "{";

fn read(request: Request) -> Request {
    request.bearer(token(READ))
}

pub fn rows() -> Vec<Scenario> {
    let tunnel = || error(400, "bad_request", "tunnel_refused");
    let upgrade = |kind| request("GET").header("connection", "upgrade").header("upgrade", kind);
    let stream = || answer_events(&["data: {}\n\n"]);
    let too_large = || error(413, "payload_too_large", "payload_too_large");
    let large = "x".repeat(BODY_LIMIT + 1);
    vec![
        row("CONNECT to a resource's host is refused", request("CONNECT").at("mcp.example.com:443"), tunnel().unaudited()),
        row("an upgrade is refused", read(upgrade("websocket")), tunnel()),
        row("an upgrade without a token is refused as one", upgrade("websocket"), tunnel()),
        row("an upgrade on a path that passes is refused", upgrade("websocket").path("/open"), tunnel().unaudited()),
        row("an offer of h2c is no upgrade", read(upgrade("h2c")), forwarded()).answered(stream()),
        row("what no resource matches is not found", read(call("echo")).path("/elsewhere"), not_found()),
        row("a host that no resource has is not found", read(call("echo")).at("elsewhere.example.com"), not_found()),
        row("a token of bad syntax is an invalid request", call("echo").authorization(&["Bearer a b"]), invalid_request("malformed_credentials")),
        row("a scheme without a token is an invalid request", call("echo").authorization(&["Bearer"]), invalid_request("malformed_credentials")),
        row("two Authorization fields are an invalid request", call("echo").authorization(&["Bearer a", "Bearer a"]), invalid_request("several_credentials")),
        row("two credentials in one field are an invalid request", call("echo").authorization(&["Bearer a, Bearer b"]), invalid_request("several_credentials")),
        row("a bearer token behind another scheme is an invalid request", call("echo").authorization(&["Basic dTpw, Bearer b"]), invalid_request("several_credentials")),
        row("a token in the query is an invalid request", call("echo").path("/mcp?access_token=x"), invalid_request("token_in_query")),
        row("a token in the query is found behind percent signs", read(call("echo")).path("/mcp?a=b&access%5ftoken=x"), invalid_request("token_in_query")),
        row("the challenge of an invalid request is this one, byte for byte", request("GET").authorization(&["Bearer ="]), invalid_request("malformed_credentials")
            .challenge(r#"Bearer error="invalid_request", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp""#)),
        row("a request without a token is challenged", call("echo"), unauthorized()),
        row("the challenge is this one, byte for byte", request("GET"), unauthorized()
            .challenge(r#"Bearer scope="weather:read", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp""#)),
        row("another scheme is no token", call("echo").authorization(&["Basic dTpw"]), unauthorized()),
        row("an empty Authorization is no token", call("echo").authorization(&[""]), unauthorized()),
        row("a challenge asks for the base scopes by default", call("echo").at(BASE), unauthorized().scope("mcp:connect")),
        row("a challenge without scopes asks for none", call("echo").at(QUIET), unauthorized().scope("")),
        row("a HEAD without a token is challenged without a body", request("HEAD"), unauthorized()),
        row("garbage is an invalid token", call("echo").authorization(&["Bearer garbage"]), invalid_token("token_malformed")),
        row("the scheme is read without case", call("echo").authorization(&["bEARER garbage"]), invalid_token("token_malformed")),
        row("a method that MCP does not use is not allowed", read(request("PUT")), method_not_allowed()),
        row("OPTIONS is not allowed where browsers are not", read(request("OPTIONS")), method_not_allowed()),
        row("OPTIONS with a token that is no preflight is not allowed", read(request("OPTIONS")).at(BROWSERS), method_not_allowed()),
        row("a GET may have no body", read(request("GET")).body("{}"), rpc_error(400, -32600, "body_not_allowed")),
        row("a DELETE may have no body", read(request("DELETE")).body("{}"), rpc_error(400, -32600, "body_not_allowed")),
        row("a GET may have no body in chunks", read(request("GET")).body("{}").chunks(1), rpc_error(400, -32600, "body_not_allowed").server(Server::HeadersAhead)),
        row("a DELETE may have no body that ends in trailers", read(request("DELETE")).body("{}").chunks(2).trailer("x-sum", "1"), rpc_error(400, -32600, "body_not_allowed").server(Server::HeadersAhead)),
        row("a GET may be framed with an empty body", read(request("GET")).body("").chunks(1), forwarded()),
        row("a HEAD may be framed with an empty body", read(request("HEAD")).body("").chunks(1), forwarded()),
        row("a DELETE may be framed with an empty body", read(request("DELETE")).body("").chunks(1), forwarded().audit("method", "DELETE")),
        row("a DELETE may be framed with an empty body and trailers", read(request("DELETE")).body("").chunks(1).trailer("x-sum", "1"), forwarded().server_gets_trailer("x-sum", &["1"])),
        row("an empty body on another method is not allowed either", read(request("PUT")).body("").chunks(1), method_not_allowed()),
        row("a GET that names a method is refused on its headers", read(request("GET")).header("mcp-method", "tools/call").body("").chunks(1), rpc_error(400, -32020, "mcp_header_mismatch")),
        row("a body that is not JSON is unsupported", typed("text/plain"), unsupported()),
        row("a body of no type is unsupported", read(call("echo")).without("content-type"), unsupported()),
        row("a body of two types is unsupported", read(call("echo")).header("content-type", "application/json"), unsupported()),
        row("JSON in another charset is unsupported", typed("application/json; charset=utf-16"), unsupported()),
        row("a type that only begins with JSON's is unsupported", typed("application/json-seq"), unsupported()),
        row("JSON beside another type is unsupported", typed("application/json; a=b, text/html"), unsupported()),
        row("JSON with a space of another script is unsupported", typed("application/json\u{a0}"), unsupported()),
        row("JSON in an extended charset is unsupported", typed("application/json; charset*=utf-16''utf-8"), unsupported()),
        row("a form is unsupported", typed("application/x-www-form-urlencoded"), unsupported()),
        row("JSON in one of several parts is unsupported", typed("multipart/form-data; boundary=x"), unsupported()),
        row("JSON with its charset is taken", typed("Application/JSON; charset=\"UTF-8\""), forwarded()),
        row("UTF-8 has a second name", typed("application/json;charset=utf8"), forwarded()),
        row("UTF-8's second name may be quoted and in capitals", typed("application/json; charset=\"UTF8\""), forwarded()),
        row("a charset that only begins so is unsupported", typed("application/json; charset=utf-8859"), unsupported()),
        row("identity is no encoding", read(call("echo")).header("content-encoding", "Identity"), forwarded()),
        row("identity and an encoding are one", read(call("echo")).header("content-encoding", "identity, gzip"), rpc_error(415, -32600, "unsupported_content_encoding")),
        row("identity on one line and an encoding on another are one", read(call("echo")).header("content-encoding", "identity").header("content-encoding", "br"), rpc_error(415, -32600, "unsupported_content_encoding")),
        row("an encoded body is unsupported", read(call("echo")).header("content-encoding", "gzip"), rpc_error(415, -32600, "unsupported_content_encoding")),
        row("a body declared as too large is refused on its headers", read(post(large.clone())), too_large()),
        row("a body that grows too large is refused", read(post(large)).chunks(6_000), too_large().server(Server::HeadersAhead)),
        row("a body of just the limit is read", read(post(padded(BODY_LIMIT))), forwarded()),
        row("a body of just the limit may come in pieces", read(post(padded(BODY_LIMIT))).chunks(7_000), forwarded()),
        row("a body that is not JSON in fact is refused", read(post(BROKEN)), rpc_refusal(-32700, json!(null), "json_syntax")),
        row("a POST without a body is refused", read(request("POST")).header("content-type", "application/json"), rpc_error(400, -32700, "json_syntax")),
        row("a call that the scopes do not cover can step up", call("get_forecast").bearer(token("other")), step_up("tools/call", "get_forecast", READ, READ, READ)),
        row("the step-up challenge is this one, byte for byte", call("get_forecast").bearer(token("")), step_up("tools/call", "get_forecast", READ, READ, READ)
            .challenge(r#"Bearer error="insufficient_scope", scope="weather:read", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", error_description="More scope is needed for this operation""#)),
        row("a call that nobody may make is denied", read(call("format_disk")), denied("tools/call", "format_disk", "unlisted")),
        row("a denial that no scope can cure has no challenge", read(call("")), denied("tools/call", "", "unlisted").without("www-authenticate")),
        row("a call that is covered goes on", read(call("get_forecast")), forwarded()
            .audit("method", "tools/call").audit("target", "get_forecast").audit("subject", "alice").audit("client", "test-client")
            .audit("issuer", "https://auth.example.com").audit("resource", "https://mcp.example.com/mcp").audit("scopes", json!([READ]))),
        row("the server's own refusals come back as they are", read(rpc("ping", json!({}))), forwarded().status(404)).answered(super::request::answer_json("no").status(404)),
        row("an answer before the verdict never reaches the client", read(call("echo")).chunks(20), forwarded().body(Body::Servers))
            .ahead(error(502, "bad_gateway", "answer_before_verdict").server(Server::Headers)).answered(super::request::Answer::default().early()),
        row("an answer that upgrades never passes", read(call("echo")), bad_gateway()).answered(super::request::answer_json("").status(101).without("content-type").header("upgrade", "websocket").header("connection", "upgrade")),
        row("an upgrade that says it is gRPC is refused with its status", grpc(upgrade("websocket")), tunnel().text("").without("content-type")),
        row("gRPC where nothing is is not found", grpc(call("echo")).path("/elsewhere"), not_found().text("").without("content-type")),
        row("gRPC of a foreign page is refused with its status", grpc(call("echo")).at(BROWSERS).header("origin", "https://evil.example"), error(403, "forbidden_origin", "forbidden_origin").text("").without("content-type")),
        row("gRPC with two credentials is refused with its status", grpc(call("echo")).authorization(&["Bearer a", "Bearer b"]), invalid_request("several_credentials").text("").without("content-type")),
        row("gRPC without a token is challenged", grpc(call("echo")), unauthorized().text("").without("content-type")),
        row("gRPC with a bad token is challenged", grpc(call("echo")).bearer(token(READ).tampered()), invalid_token("bad_signature").text("").without("content-type")),
        row("gRPC without keys is told to come again", grpc(call("echo")).at(DOWN).bearer(token(READ).claim("iss", DOWN_ISSUER)), unavailable("keys_unavailable").text("").without("content-type")),
        row("gRPC by another method is not allowed", grpc(read(request("PUT"))), method_not_allowed().text("").without("content-type")),
        row("a GET of gRPC with a body is refused for its body", grpc(read(request("GET"))).body("{}"), rpc_error(400, -32600, "body_not_allowed").text("").without("content-type")),
        row("gRPC with a good token is unsupported", grpc(read(call("echo"))), unsupported().text("").without("content-type")),
        row("gRPC in JSON is unsupported", read(call("echo")).without("content-type").header("content-type", "application/grpc+json"), unsupported().text("").without("content-type")),
        row("a GET that says it is gRPC is unsupported", grpc(read(request("GET"))), unsupported().text("").without("content-type")),
        row("a look-alike path of gRPC is not found", grpc(read(call("echo"))).path("/mcp/"), not_found().audited().text("").without("content-type")),
        row("a server's answer to a refused expectation never comes", read(call("echo")).header("expect", "200-ok"), error(417, "expectation_failed", "expectation_failed"))
            .ahead(forwarded()),
        row("claims of a refused token are not recorded", call("echo").bearer(token(READ).tampered()), invalid_token("bad_signature").audit("subject", json!(null)).audit("jti", json!(null))),
    ]
}

fn typed(media: &str) -> Request {
    read(call("echo")).without("content-type").header("content-type", media)
}

fn grpc(request: Request) -> Request {
    request.without("content-type").header("content-type", "application/grpc")
}

fn unsupported() -> Expected {
    rpc_error(415, -32600, "unsupported_media_type")
}

fn method_not_allowed() -> Expected {
    error(405, "method_not_allowed", "method_not_allowed").with("allow", "GET, HEAD, POST, DELETE")
}

/// A call of `echo` with this many bytes.
fn padded(size: usize) -> String {
    let call = |text: &str| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": text}}}).to_string()
    };
    call(&"x".repeat(size - call("").len()))
}

pub fn pairs() -> Vec<Scenario> {
    let upgrade = |request: Request| request.header("connection", "upgrade").header("upgrade", "websocket");
    let evil = |request: Request| request.at(BROWSERS).header("origin", "https://evil.example");
    let preflight = || {
        request("OPTIONS")
            .at(BROWSERS)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
    };
    let down = token(READ).claim("iss", DOWN_ISSUER);
    let doubled = |request: Request| request.header("mcp-method", "tools/call").header("mcp-method", "tools/list");
    let forbidden = || error(403, "forbidden_origin", "forbidden_origin");
    let base = || step_up("tools/call", "echo", "mcp:connect", "mcp:connect", "mcp:connect weather:read");
    let base_ahead = || base().on_headers(json!(null), json!(null));
    vec![
        row(
            "an upgrade from a foreign page: the upgrade answers",
            upgrade(evil(request("GET"))),
            error(400, "bad_request", "tunnel_refused"),
        ),
        row("an upgrade where nothing is: nothing is found", upgrade(request("GET")).path("/elsewhere"), not_found()),
        row(
            "a token in the query where nothing is: nothing is found",
            request("GET").path("/elsewhere?access_token=x"),
            not_found(),
        ),
        row(
            "a foreign page with two credentials: the page answers",
            evil(call("echo")).authorization(&["Bearer a", "Bearer b"]),
            forbidden(),
        ),
        row(
            "a foreign page's preflight: the page answers",
            evil(request("OPTIONS")).header("access-control-request-method", "POST"),
            forbidden(),
        ),
        row("a foreign page without a token: the page answers", evil(call("echo")), forbidden()),
        row(
            "a preflight with a token in the query: the preflight answers",
            preflight().path("/mcp?access_token=x"),
            own(204, "preflight", Body::Any).audited(),
        ),
        row(
            "a token in the query and none elsewhere: the query answers",
            request("PUT").path("/mcp?access_token=x"),
            invalid_request("token_in_query"),
        ),
        row(
            "two credentials with a wrong method: the credentials answer",
            request("PUT").authorization(&["Bearer a", "Bearer b"]),
            invalid_request("several_credentials"),
        ),
        row("no token with a wrong method: the token answers", request("PUT"), unauthorized()),
        row("no token with a broken body: the token answers", post(BROKEN), unauthorized()),
        row(
            "an expired token with a wrong method: the token answers",
            request("PUT").bearer(token(READ).time("exp", -60)),
            invalid_token("token_expired"),
        ),
        row(
            "a bad token with a body too large: the token answers",
            post("x".repeat(BODY_LIMIT + 1)).bearer(token(READ).claim("aud", "x")),
            invalid_token("audience_mismatch"),
        ),
        row(
            "an expired token whose keys cannot be had: the token answers",
            call("echo").at(DOWN).bearer(down.clone().time("exp", -60)),
            invalid_token("token_expired"),
        ),
        row(
            "no keys with a wrong method: the keys answer",
            request("PUT").at(DOWN).bearer(down.clone()),
            unavailable("keys_unavailable"),
        ),
        row(
            "no keys with a broken body: the keys answer",
            post(BROKEN).at(DOWN).bearer(down),
            unavailable("keys_unavailable"),
        ),
        row("a wrong method with a body: the method answers", read(request("PUT")).body("{}"), method_not_allowed()),
        row(
            "a wrong method with a doubled header: the method answers",
            doubled(read(request("PATCH"))),
            method_not_allowed(),
        ),
        row(
            "a body on a GET that is no JSON: the GET answers",
            read(request("GET")).header("content-type", "text/plain").body("x"),
            rpc_error(400, -32600, "body_not_allowed"),
        ),
        row("a wrong type with a doubled header: the type answers", doubled(typed("text/plain")), unsupported()),
        row(
            "a wrong type with a body too large: the type answers",
            read(post("x".repeat(BODY_LIMIT + 1))).without("content-type"),
            unsupported(),
        ),
        row(
            "a doubled header with a body too large: the header answers",
            doubled(read(post("x".repeat(BODY_LIMIT + 1)))),
            rpc_error(400, -32020, "mcp_header_doubled"),
        ),
        row(
            "a doubled header with a broken body: the header answers",
            doubled(read(post(BROKEN))),
            rpc_error(400, -32020, "mcp_header_doubled"),
        ),
        row(
            "a body too large that is broken: its size answers",
            read(post("{".repeat(BODY_LIMIT + 1))).chunks(BODY_LIMIT),
            error(413, "payload_too_large", "payload_too_large").server(Server::HeadersAhead),
        ),
        row(
            "a broken body that a header contradicts: the body answers",
            read(post(BROKEN)).header("mcp-method", "tools/list"),
            rpc_refusal(-32700, json!(null), "json_syntax"),
        ),
        row(
            "a missing name that a header contradicts: the name answers",
            read(rpc("tools/call", json!({}))).header("mcp-method", "tools/list"),
            rpc_refusal(-32602, 1, "target_missing"),
        ),
        row(
            "a contradicting method with a denied name: the method answers",
            read(call("format_disk")).header("mcp-method", "tools/list"),
            rpc_refusal(-32020, 1, "mcp_header_mismatch"),
        ),
        row(
            "a contradicting name that is denied: the name in the body counts, once it is read",
            read(call("echo")).header("mcp-method", "tools/call").header("mcp-name", "format_disk"),
            rpc_refusal(-32020, 1, "mcp_header_mismatch"),
        )
        .ahead(denied("tools/call", "format_disk", "unlisted").on_headers("tools/call", "format_disk")),
        row("missing base scopes with a wrong type: the type answers", typed("text/plain").at(BASE), unsupported()),
        row(
            "missing base scopes with a broken body: the body answers where it is read first",
            read(post(BROKEN)).at(BASE),
            rpc_refusal(-32700, json!(null), "json_syntax"),
        )
        .ahead(base_ahead()),
        row(
            "missing base scopes with a contradicting header: the header answers where the body is read first",
            read(call("echo")).at(BASE).header("mcp-method", "ping"),
            rpc_refusal(-32020, 1, "mcp_header_mismatch"),
        )
        .ahead(base_ahead().on_headers("ping", json!(null))),
        row(
            "missing base scopes with an unlisted name: the name answers where it is read first",
            read(call("format_disk")).at(BASE),
            denied("tools/call", "format_disk", "unlisted"),
        )
        .ahead(base_ahead()),
        row("missing base scopes alone can step up", read(call("echo")).at(BASE), base()).ahead(base_ahead()),
        row(
            "missing base scopes close lists too",
            read(list_tools()).at(BASE),
            step_up("tools/list", json!(null), "mcp:connect", "mcp:connect", "mcp:connect weather:read"),
        )
        .ahead(base_ahead()),
        row(
            "missing base scopes close the stream too",
            read(request("GET")).at(BASE),
            step_up("GET", json!(null), "mcp:connect", "mcp:connect", "mcp:connect weather:read")
                .on_headers("GET", json!(null)),
        ),
    ]
}
