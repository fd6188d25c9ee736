//! Challenges inside results, for clients that look for them only there, and `securitySchemes` in lists.

use serde_json::{Value, json};

use super::config::{IN_BAND, IN_BAND_CLOSED, MAIN};
use super::expect::*;
use super::request::{Grant, Request, answer_events, answer_json, call, list_tools, post, request, rpc, token};
use super::{Scenario, row};

const NEEDED: &str = "An access token is required";
const STEP_UP: &str = "More scope is needed for this operation";
const SIGN_IN: &str = "A more recent or a stronger sign-in is needed for this operation";

/// 200 with a result that holds this challenge, which ends in the description.
fn told(host: &str, id: &str, reason: &'static str, (error, scope): (&str, &str), description: &str) -> Expected {
    let scope = if scope.is_empty() { String::new() } else { format!(r#"scope=\"{scope}\", "#) };
    let more = if error == "insufficient_user_authentication" { r#"acr_values=\"urn:x:mfa\", "# } else { "" };
    let challenge = format!(
        r#"Bearer error=\"{error}\", {scope}{more}resource_metadata=\"https://{host}/.well-known/oauth-protected-resource/mcp\", error_description=\"{description}\""#
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"isError":true,"content":[{{"type":"text","text":"{description}"}}],"_meta":{{"mcp/www_authenticate":["{challenge}"]}}}}}}"#
    );
    let told =
        error_free(reason).text(&body).with("content-type", "application/json").with("cache-control", "no-store");
    told.audit("status", 200).audit("in_band", true)
}

/// A denial with status 200, of which the server saw no body.
fn error_free(reason: &'static str) -> Expected {
    let expected = error(200, "", reason);
    Expected { challenge: Challenge::None, server: Server::HeadersAhead, ..expected }
}

fn sign_in(scope: &str) -> Expected {
    unauthorized().scope(scope).server(Server::HeadersAhead)
}

pub fn rows() -> Vec<Scenario> {
    [calls(), tokens(), as_ever(), lists()].concat()
}

fn chat(request: Request) -> Request {
    request.at(IN_BAND).header("user-agent", "ChatClient/1.0 (test)")
}

fn by(scope: &str) -> Grant {
    token(scope).claim("client_id", "chat-7")
}

fn calls() -> Vec<Scenario> {
    let missing = || told(IN_BAND, "1", "no_token", ("invalid_token", "mcp:connect weather:read"), NEEDED);
    let step_up = |host, ask| told(host, "1", "insufficient_scope", ("insufficient_scope", ask), STEP_UP);
    let with_id =
        |id: &str| post(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"read"}}}}"#));
    vec![
        row(
            "a call without a token is told of it in its result",
            chat(call("read")),
            missing().audit("target", "read").audit("subject", Value::Null),
        ),
        row(
            "a pattern of the user agent matches anywhere it says",
            call("read").at(IN_BAND).header("user-agent", "An Agent of Kit 2"),
            missing(),
        ),
        row(
            "a result repeats the id exactly",
            chat(with_id(r#""\u0061 b""#)),
            told(IN_BAND, r#""\u0061 b""#, "no_token", ("invalid_token", "mcp:connect weather:read"), NEEDED),
        ),
        row(
            "a call that lacks scope is told of it in its result, by its user agent",
            chat(call("read")).bearer(token("mcp:connect")),
            step_up(IN_BAND, "mcp:connect weather:read")
                .audit("missing", json!(["weather:read"]))
                .audit("subject", "alice"),
        ),
        row(
            "a call that lacks scope is told of it in its result, by its client",
            call("read").at(IN_BAND).bearer(by("")),
            step_up(IN_BAND, "mcp:connect weather:read"),
        ),
        row(
            "a call that needs another sign-in is told of it in its result",
            chat(call("erase")).bearer(token("mcp:connect weather:read")),
            told(IN_BAND, "1", "insufficient_user_authentication", ("insufficient_user_authentication", ""), SIGN_IN),
        ),
        row(
            "a call that lacks scope is told of it in its result although nothing is public",
            call("read").at(IN_BAND_CLOSED).header("user-agent", "ChatClient/2").bearer(token("mcp:connect")),
            step_up(IN_BAND_CLOSED, "mcp:connect weather:read"),
        ),
        row("a call in chunks is told of it in its result", chat(call("read")).chunks(9), missing()),
        row(
            "a call that ends in trailers is told of it in its result",
            chat(call("read")).trailer("x-sum", "1"),
            missing(),
        ),
        row(
            "a call that headers declare is told of it where they are held",
            chat(call("read")).header("mcp-method", "tools/call").header("mcp-name", "read"),
            missing(),
        )
        .ahead(sign_in("mcp:connect weather:read").on_headers("tools/call", "read")),
        row("a public call goes on", chat(call("help")), forwarded().reason("public")),
        row("a call with its scopes goes on", chat(call("read")).bearer(by("mcp:connect weather:read")), forwarded()),
    ]
}

fn tokens() -> Vec<Scenario> {
    let bad = |request: Request| chat(request).bearer(by("").tampered());
    let refused = |reason, description| {
        told(IN_BAND, "1", reason, ("invalid_token", "weather:read"), description).server(Server::Nothing)
    };
    let plain = || invalid_token("bad_signature");
    vec![
        row(
            "a call with a bad token is told of it in its result where its body is seen",
            bad(call("help")),
            refused("bad_signature", NOT_VALID),
        )
        .ahead(plain()),
        row(
            "a call with an expired token is told of it in its result",
            chat(call("help")).bearer(token("").time("exp", -60)),
            refused("token_expired", EXPIRED),
        )
        .ahead(invalid_token("token_expired")),
        row(
            "a call in chunks with a bad token is told of it in its result",
            bad(call("help")).chunks(7),
            refused("bad_signature", NOT_VALID),
        )
        .ahead(plain()),
        row(
            "a call that ends in trailers with a bad token is told of it in its result",
            bad(call("help")).trailer("x-sum", "1"),
            refused("bad_signature", NOT_VALID),
        )
        .ahead(plain()),
        row("a bad token names no client", call("help").at(IN_BAND).bearer(by("").tampered()), plain()),
        row("a list with a bad token is refused as ever", bad(list_tools()), plain()),
        row(
            "a notification with a bad token is refused as ever",
            bad(post(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"help"}}"#)),
            plain(),
        ),
        row(
            "a batch with a bad token is refused as ever",
            bad(post(r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"help"}}]"#)),
            plain(),
        ),
        row("what is no JSON is refused for its bad token as ever", bad(post("{")), plain()),
        row(
            "an answer with a bad token is refused as ever",
            bad(post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)),
            plain(),
        ),
        row(
            "a body that is declared as too long is refused for its bad token as ever",
            bad(post("x".repeat(super::config::BODY_LIMIT + 1))),
            plain(),
        ),
        row(
            "a body that grows too long is refused for its bad token as ever",
            bad(post("x".repeat(super::config::BODY_LIMIT + 1))).chunks(3_000),
            plain(),
        ),
        row(
            "a body of another type is refused for its bad token as ever",
            bad(call("help").without("content-type")),
            plain(),
        ),
        row("a stream with a bad token is refused as ever", bad(request("GET")), plain()),
        row(
            "a bad token where nothing is public is refused as ever",
            call("help").at(IN_BAND_CLOSED).header("user-agent", "ChatClient/1").bearer(token("").tampered()),
            plain().scope("weather:read"),
        ),
        row(
            "a bad token of another user agent is refused as ever",
            call("help").at(IN_BAND).header("user-agent", "curl/8").bearer(token("").tampered()),
            plain(),
        ),
    ]
}

fn as_ever() -> Vec<Scenario> {
    vec![
        row(
            "another user agent is answered as ever",
            call("read").at(IN_BAND).header("user-agent", "chatclient/1"),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "a client without a user agent is answered as ever",
            call("read").at(IN_BAND),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "another client is answered as ever",
            call("read").at(IN_BAND).bearer(token("mcp:connect").claim("client_id", "chatter")),
            step_up("tools/call", "read", "mcp:connect weather:read", "weather:read", "mcp:connect weather:read"),
        ),
        row(
            "a prompt is answered as ever",
            chat(rpc("prompts/get", json!({"name": "secret"}))),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "a call without an id is answered as ever",
            chat(post(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read"}}"#)),
            sign_in("mcp:connect weather:read"),
        ),
        row(
            "a call that no token allows is answered as ever",
            chat(call("nothing")),
            denied("tools/call", "nothing", "unlisted"),
        ),
        row(
            "another scheme of credentials is answered as ever",
            chat(call("read")).authorization(&["Basic dTpw"]),
            unauthorized(),
        ),
        row(
            "a token in the query is answered as ever",
            chat(call("read")).path("/mcp?access_token=x"),
            invalid_request("token_in_query"),
        ),
        row(
            "a call without a token where nothing is public is answered as ever",
            call("read").at(IN_BAND_CLOSED).header("user-agent", "ChatClient/1"),
            unauthorized(),
        ),
        row(
            "a call that needs another sign-in where nothing is public is answered as ever",
            call("erase")
                .at(IN_BAND_CLOSED)
                .header("user-agent", "ChatClient/1")
                .bearer(token("mcp:connect weather:read")),
            {
                let message = SIGN_IN;
                let data = json!({"error": "insufficient_user_authentication", "method": "tools/call", "target": "erase", "acr_values": ["urn:x:mfa"]});
                let body = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 401, "message": message, "data": data}});
                error(401, "", "insufficient_user_authentication").body(Body::Json(body)).server(Server::HeadersAhead)
                .challenge(r#"Bearer error="insufficient_user_authentication", acr_values="urn:x:mfa", resource_metadata="https://in-band-closed.example.com/.well-known/oauth-protected-resource/mcp", error_description="A more recent or a stronger sign-in is needed for this operation""#)
            },
        ),
        row(
            "a resource that says nothing of it answers as ever",
            call("get_forecast").at(MAIN).header("user-agent", "ChatClient/1").bearer(token("")),
            step_up("tools/call", "get_forecast", "weather:read", "weather:read", "weather:read"),
        ),
    ]
}

fn lists() -> Vec<Scenario> {
    let list = |tools: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}],"nextCursor":"c"}}}}"#);
    let no_auth = r#""securitySchemes":[{"type":"noauth"}]"#;
    let all = r#"{"name":"help","_meta":{"a":1,"securitySchemes":[]}}, {"securitySchemes":[{"type":"noauth"}],"name":"any_token"},{"name":"read"} ,{"name":"write","x":1.0}"#;
    let schemed = format!(
        r#"{{"name":"help","_meta":{{"a":1,"securitySchemes":[{{"type":"noauth"}}]}},{no_auth}}}, {{"securitySchemes":[{{"type":"oauth2","scopes":["mcp:connect"]}}],"name":"any_token"}},{{"name":"read","securitySchemes":[{{"type":"oauth2","scopes":["mcp:connect","weather:read"]}}]}} ,{{"name":"write","x":1.0,"securitySchemes":[{{"type":"oauth2","scopes":["mcp:connect","weather:read","weather:write"]}},{{"type":"oauth2","scopes":["mcp:connect","weather:admin"]}}]}}"#
    );
    let full = || by("mcp:connect weather:read weather:write");
    let help = format!(r#"{{"name":"help",{no_auth}}}"#);
    vec![
        row(
            "tools in a list say what they need, and other bytes stay",
            list_tools().at(IN_BAND).bearer(full()),
            forwarded().text(&list(&schemed)).without("content-length"),
        )
        .answered(answer_json(list(all))),
        row(
            "tools in a list for an anonymous caller say what they need",
            chat(list_tools()),
            forwarded().reason("public").text(&list(&help)),
        )
        .answered(answer_json(list(r#" {"name":"read"},{"name":"help"} "#))),
        row(
            "tools in a list on a stream say what they need",
            chat(list_tools()),
            forwarded().reason("public").text(&format!("data: {}\n\n", list(&help))),
        )
        .answered(answer_events(&[&format!("data: {}\n\n", list(r#"{"name":"help"}"#))])),
        row(
            "tools in a list for another client say nothing more",
            list_tools().at(IN_BAND),
            forwarded().reason("public"),
        )
        .answered(answer_json(list(r#"{"name":"help","securitySchemes":[]}"#))),
        row(
            "tools in a list say nothing more where that is off",
            list_tools().at(IN_BAND_CLOSED).header("user-agent", "ChatClient/1").bearer(token("mcp:connect")),
            forwarded(),
        )
        .answered(answer_json(list(r#"{"name":"help"}"#))),
        row("prompts in a list say nothing more", chat(rpc("prompts/list", json!({}))).bearer(full()), forwarded())
            .answered(answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{"prompts":[{"name":"secret"}]}}"#)),
    ]
}
