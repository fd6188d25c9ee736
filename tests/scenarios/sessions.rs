//! Sessions bound to their caller: the ids that the client sees, and those that the server gets.

mod transports;

use std::iter;

use ring::hmac;
use serde_json::json;

use self::transports::{older_transport, other_queries};
use super::config::{MAPPING, SECRETS, SESSIONS, SESSIONS_SHADOW};
use super::expect::*;
use super::request::{Answer, Request, answer_events, answer_json, call, list_tools, post, request, rpc, token};
use super::{Scenario, row};
use crate::support::keys::base64url;
use crate::support::tokens::{ISSUER, environment};

const ID: &str = "mcp-session-id";

pub fn rows() -> Vec<Scenario> {
    [accepted(), refused(), in_order(), answers(), older_transport(), other_queries()].concat()
}

/// An owner: a resource, its issuer, subject and client. Nobody has no issuer.
type Owner<'o> = (&'o str, Option<&'o str>, Option<&'o str>, Option<&'o str>);

const ALICE: Owner<'_> = (SESSIONS, Some(ISSUER), Some("alice"), Some("test-client"));
const NOBODY: Owner<'_> = (SESSIONS, None, None, None);

/// The id as its owner sees it.
pub fn tagged(secret: &str, (host, issuer, subject, client): Owner<'_>, id: &str) -> String {
    let resource = format!("https://{host}/mcp");
    let part = |part: Option<&str>| match part {
        Some(text) => [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat(),
        None => vec![0xff; 4],
    };
    let parts = [Some(resource.as_str()), issuer, subject, client, Some(id)].map(part).concat();
    let message: Vec<u8> = iter::once(u8::from(issuer.is_none())).chain(parts).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, environment(secret).expect("a secret").as_bytes());
    format!("{id}.{}", base64url(&hmac::sign(&key, &message).as_ref()[..16]))
}

fn seen(owner: Owner<'_>) -> String {
    tagged(SECRETS[0], owner, "abc")
}

fn alices() -> String {
    seen(ALICE)
}

fn with(id: &str) -> Request {
    echo().header(ID, id)
}

fn echo() -> Request {
    call("echo").at(SESSIONS).bearer(token(""))
}

fn mismatch() -> Expected {
    rpc_error(404, -32001, "session_mismatch").audit("subject", "alice")
}

fn untagged() -> Expected {
    rpc_error(404, -32001, "session_untagged").audit("subject", "alice")
}

fn not_found(reason: &'static str) -> Expected {
    error(404, "session_not_found", reason)
}

fn own() -> Expected {
    forwarded().server_gets(ID, &["abc"])
}

fn accepted() -> Vec<Scenario> {
    let method = |method: &str, id: &str| request(method).at(SESSIONS).bearer(token("")).header(ID, id);
    let called = |name, id: &str, server: &str| row(name, with(id), forwarded().server_gets(ID, &[server]));
    vec![
        row("a session of the caller goes on under the server's own id", with(&alices()), own()),
        row("a request without a session goes on as it is", echo(), forwarded().server_gets(ID, &[])),
        row("a GET of the caller's session goes on", method("GET", &alices()), own()),
        row("a DELETE of the caller's session goes on", method("DELETE", &alices()), own()),
        row("a session under the secret before goes on", with(&tagged(SECRETS[1], ALICE, "abc")), own()),
        row("equal session ids count as one", with(&alices()).header(ID, alices()), own()),
        row(
            "a refreshed token keeps its session",
            with(&alices()).bearer(token("other").claim("jti", "2").time("exp", 90)),
            own(),
        ),
        row("a session goes on with a body in pieces", with(&alices()).chunks(7), own()),
        row(
            "a session of nobody is of every request without a token",
            call("help").at(SESSIONS).header(ID, seen(NOBODY)),
            own().reason("public"),
        ),
        called("a session id may hold dots", &tagged(SECRETS[0], ALICE, "a.b."), "a.b."),
        called("a session id may hold a tag of another", &tagged(SECRETS[0], ALICE, &alices()), &alices()),
        called("a session id may hold every visible character", &tagged(SECRETS[0], ALICE, "!\"#,;=~"), "!\"#,;=~"),
        called("a long session id goes on", &tagged(SECRETS[0], ALICE, &"x".repeat(2000)), &"x".repeat(2000)),
        row(
            "another spelling of the header is removed",
            with(&alices()).header("mcp_session_id", "victim"),
            own().server_gets("mcp_session_id", &[]),
        ),
        row(
            "a session id in the trailers is removed",
            with(&alices()).chunks(20).trailer(ID, "victim"),
            own().server_gets_trailer(ID, &[]),
        ),
    ]
}

fn refused() -> Vec<Scenario> {
    let of = |name, owner: Owner<'_>| row(name, with(&seen(owner)), mismatch());
    let (host, issuer, subject, client) = ALICE;
    let bare = |method: &str| request(method).at(SESSIONS).bearer(token(""));
    let tag = alices().split_once('.').unwrap().1.to_owned();
    vec![
        of("a session of another subject is not found", (host, issuer, Some("bob"), client)),
        of("a session of another client is not found", (host, issuer, subject, Some("other"))),
        of("a session of no client is not found", (host, issuer, subject, None)),
        of("a session of another issuer's subject is not found", (host, Some(MAPPING), subject, client)),
        of("a session of another resource is not found", (SESSIONS_SHADOW, issuer, subject, client)),
        of("a session of nobody is not that of a caller", NOBODY),
        row(
            "a session under another secret is not found",
            with(&tagged("SESSION_SECRET_OTHER", ALICE, "abc")),
            mismatch(),
        ),
        row("a tag of another id is not found", with(&format!("victim.{tag}")), mismatch()),
        row("a tag without an id is not found", with(&format!(".{tag}")), mismatch()),
        row("a tag in another case is not found", with(&format!("abc.{}", tag.to_uppercase())), mismatch()),
        row("two sessions in one field are not found", with(&format!("{0},{0}", alices())), mismatch()),
        row("a session without a tag is not found", with("abc"), untagged()),
        row("an empty session is not found", with(""), untagged()),
        row("a cut tag is not found", with(&alices()[..20]), untagged()),
        row("a tag and more is not found", with(&format!("{}=", alices())), untagged()),
        row(
            "the session of a caller is not found without a token",
            call("help").at(SESSIONS).header(ID, alices()),
            rpc_error(404, -32001, "session_mismatch").audit("subject", json!(null)),
        ),
        row(
            "a GET of another's session is not found",
            bare("GET").header(ID, seen(NOBODY)),
            not_found("session_mismatch"),
        ),
        row(
            "a DELETE of another's session is not found",
            bare("DELETE").header(ID, seen(NOBODY)),
            not_found("session_mismatch"),
        ),
        row(
            "a DELETE of a session without a tag is not found",
            bare("DELETE").header(ID, "abc"),
            not_found("session_untagged"),
        ),
        row(
            "a HEAD of a session without a tag is not found",
            bare("HEAD").header(ID, "abc"),
            not_found("session_untagged"),
        ),
        row(
            "shadow mode does not soften a session of another",
            call("echo").at(SESSIONS_SHADOW).bearer(token("")).header(ID, alices()),
            mismatch(),
        ),
        row(
            "shadow mode does not soften a session without a tag",
            call("echo").at(SESSIONS_SHADOW).bearer(token("")).header(ID, "abc"),
            untagged(),
        ),
        row(
            "a page that may call reads why its session is not found",
            with("abc").header("origin", "https://app.example.com"),
            untagged().with("access-control-allow-origin", "https://app.example.com"),
        ),
    ]
}

/// The order of refusals.
fn in_order() -> Vec<Scenario> {
    vec![
        row(
            "no token with a session without a tag: the token answers",
            call("echo").at(SESSIONS_SHADOW).header(ID, "abc"),
            unauthorized(),
        ),
        row(
            "a bad token with a session without a tag: the token answers",
            with("abc").bearer(token("").tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "two sessions: the headers answer",
            with("abc").header(ID, alices()),
            rpc_error(400, -32020, "mcp_header_doubled"),
        ),
        row(
            "a session that is no visible text: the header answers",
            with("a b"),
            rpc_error(400, -32020, "mcp_header_unreadable"),
        ),
        row(
            "a session without a tag and a doubled method: the headers answer",
            with("abc").header("mcp-method", "tools/call").header("mcp-method", "tools/list"),
            rpc_error(400, -32020, "mcp_header_doubled"),
        ),
        row(
            "a session without a tag with a wrong method: the method answers",
            request("PUT").at(SESSIONS).bearer(token("")).header(ID, "abc"),
            error(405, "method_not_allowed", "method_not_allowed"),
        ),
        row(
            "a session without a tag with a broken body: the session answers",
            post("{").at(SESSIONS).bearer(token("")).header(ID, "abc"),
            untagged(),
        ),
        row(
            "a session without a tag with a body too large: the session answers",
            post("x".repeat(super::config::BODY_LIMIT + 1)).at(SESSIONS).bearer(token("")).header(ID, "abc"),
            untagged(),
        ),
        row(
            "a session without a tag and scopes missing: the session answers",
            call("read").at(SESSIONS).bearer(token("")).header(ID, "abc"),
            untagged(),
        ),
        row(
            "a session without a tag and base scopes missing: the session answers",
            call("echo").at(SESSIONS_SHADOW).bearer(token("").claim("sub", "guest")).header(ID, "abc"),
            rpc_error(404, -32001, "session_untagged").audit("subject", "guest"),
        ),
        row(
            "a session of the caller and scopes missing: the scopes answer",
            call("read").at(SESSIONS).bearer(token("")).header(ID, alices()),
            step_up("tools/call", "read", "weather:read", "weather:read", "weather:read"),
        ),
    ]
}

fn answers() -> Vec<Scenario> {
    let begin = || rpc("initialize", json!({})).at(SESSIONS).bearer(token(""));
    let issued = |answer: Answer| answer.header(ID, "abc");
    let told = |expected: Expected| expected.with(ID, &alices());
    let result = || answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let in_trailers = |answer: Answer| answer.trailer(ID, "abc").trailer("x-sum", "1");
    let bare_trailers = |expected: Expected| expected.trailer(ID, None).trailer("x-sum", Some("1"));
    let event = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n";
    vec![
        row("a new session is tagged for its caller", begin(), told(forwarded())).answered(issued(result())),
        row(
            "a new session of nobody is tagged so",
            rpc("initialize", json!({})).at(SESSIONS),
            forwarded().with(ID, &seen(NOBODY)).reason("public"),
        )
        .answered(issued(result())),
        row("the session of an error is tagged", begin(), told(forwarded().status(400)))
            .answered(issued(result()).status(400)),
        row("the session of an event stream is tagged", begin(), told(forwarded()))
            .answered(issued(answer_events(&[event]))),
        row(
            "the session of a list is tagged",
            list_tools().at(SESSIONS).bearer(token("")).header(ID, alices()),
            told(forwarded().body(Body::Any)),
        )
        .answered(issued(answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#))),
        row(
            "the session of an answer to a GET is tagged",
            request("GET").at(SESSIONS).bearer(token("")).header(ID, alices()),
            told(forwarded()),
        )
        .answered(issued(answer_events(&[": x\n\n"]))),
        row(
            "the session of an answer without content is tagged",
            request("DELETE").at(SESSIONS).bearer(token("")).header(ID, alices()),
            told(forwarded().status(204)),
        )
        .answered(issued(answer_json("").status(204).without("content-type"))),
        row("no session is made up", begin(), forwarded().without(ID)).answered(result()),
        row(
            "an answer under another secret than the client's is tagged under the current",
            with(&tagged(SECRETS[1], ALICE, "abc")),
            told(own()),
        )
        .answered(issued(result())),
        row("an empty session is tagged", begin(), forwarded().with(ID, &tagged(SECRETS[0], ALICE, "")))
            .answered(result().header(ID, "")),
        row(
            "a session in shadow mode is tagged",
            call("write").at(SESSIONS_SHADOW).bearer(token("mcp:connect")),
            shadowed("insufficient_scope").with(ID, &seen((SESSIONS_SHADOW, ALICE.1, ALICE.2, ALICE.3))),
        )
        .answered(issued(result())),
        row("a session in the trailers of an answer is removed", begin(), bare_trailers(told(forwarded())))
            .answered(in_trailers(issued(result()))),
        row(
            "a session in the trailers of a list is removed",
            list_tools().at(SESSIONS).bearer(token("")),
            bare_trailers(forwarded()),
        )
        .answered(in_trailers(answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#))),
        row(
            "a session in the trailers of an event stream is removed",
            request("GET").at(SESSIONS).bearer(token("")),
            bare_trailers(forwarded()),
        )
        .answered(in_trailers(answer_events(&[": x\n\n"]))),
        row(
            "a session in the trailers after a list that is refused is removed",
            list_tools().at(SESSIONS).bearer(token("")),
            bad_gateway(),
        )
        .ahead(bad_gateway_in_body().trailer(ID, None))
        .answered(in_trailers(answer_json("{"))),
        row(
            "trailers of an answer whose session is not bound stay",
            call("echo").bearer(token("")),
            forwarded().trailer(ID, Some("abc")),
        )
        .answered(in_trailers(result())),
        row(
            "a session is tagged for a page as well",
            begin().header("origin", "https://app.example.com"),
            told(forwarded()).with("access-control-allow-origin", "https://app.example.com"),
        )
        .answered(issued(result())),
    ]
}
