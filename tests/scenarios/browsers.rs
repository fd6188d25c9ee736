//! Browsers: what pages may call, and what they may read of the answers.

use serde_json::json;

use super::config::{BROWSERS, MAIN};
use super::expect::*;
use super::request::{Request, answer_json, call, post, request, token};
use super::{Scenario, row};

const PAGE: &str = "https://app.example.com";

fn readable(expected: Expected) -> Expected {
    expected
        .with("access-control-allow-origin", PAGE)
        .with("vary", "Origin")
        .with("access-control-expose-headers", "WWW-Authenticate, Mcp-Session-Id")
}

pub fn rows() -> Vec<Scenario> {
    let from = |request: Request, origin: &str| request.at(BROWSERS).header("origin", origin);
    let preflight = |origin: &str| from(request("OPTIONS"), origin).header("access-control-request-method", "POST");
    let forbidden = || error(403, "forbidden_origin", "forbidden_origin").without("access-control-allow-origin");
    let answered = || {
        readable(own(204, "preflight", Body::Any).audited())
            .with("access-control-allow-methods", "GET, POST, DELETE")
            .with("access-control-max-age", "600")
    };
    const HEADERS: &str = "authorization, content-type, accept, last-event-id, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name";
    vec![
        row("a listed page is answered so that it can read", from(call("echo"), PAGE).bearer(token("")), readable(forwarded())),
        row("it can read a challenge", from(call("echo"), PAGE), readable(unauthorized())),
        row("it can read a denial", from(call("format_disk"), PAGE).bearer(token("")), readable(denied("tools/call", "format_disk", "unlisted"))),
        row("it can read that its body is broken", from(post("{"), PAGE).bearer(token("")), readable(rpc_refusal(-32700, json!(null), "json_syntax"))),
        row("a page is not told apart by its scheme alone", from(call("echo"), "http://app.example.com").bearer(token("")), forbidden()),
        row("a page is compared with its port", from(call("echo"), "http://localhost:6275").bearer(token("")), forbidden()),
        row("another listed page is answered with its own name", from(call("echo"), "http://localhost:6274").bearer(token("")), forwarded().with("access-control-allow-origin", "http://localhost:6274")),
        row("a page of no origin is refused", from(call("echo"), "null").bearer(token("")), forbidden()),
        row("who is no page needs no origin", call("echo").at(BROWSERS).bearer(token("")), forwarded().without("access-control-allow-origin")),
        row("an origin means nothing where none is configured", call("echo").at(MAIN).header("origin", "https://evil.example").bearer(token("")), forwarded().without("access-control-allow-origin")),
        row("what the server says of origins stays", from(call("echo"), PAGE).bearer(token("")), forwarded().with("access-control-allow-origin", "*"))
            .answered(answer_json("{}").header("access-control-allow-origin", "*")),
        row("a preflight is answered", preflight(PAGE), answered().with("access-control-allow-headers", HEADERS)),
        row("a preflight is allowed the parameters it asks for", preflight(PAGE).header("access-control-request-headers", "Mcp-Param-City, x-own"), answered()
            .with("access-control-allow-headers", "authorization, content-type, accept, last-event-id, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, mcp-param-city")),
        row("a preflight of another page is refused", preflight("https://evil.example"), forbidden()),
        row("a preflight with a body is none", preflight(PAGE).body("{}"), readable(unauthorized())),
        row("a preflight where no page is configured wants a token", request("OPTIONS").at(MAIN).header("origin", PAGE).header("access-control-request-method", "POST"), unauthorized()),
    ]
}
