//! The four mistakes that protected MCP servers are known for: a token for
//! somebody else, a scope that is nearly right, a header that is only looked
//! at, and a list that shows more than a call would allow.

mod lists;

use serde_json::{Value, json};

use super::weather::{METADATA, asked_scope, gate, token};
use crate::support::answer::Answer;
use crate::support::client::Request;
use crate::support::gate::Mode;
use crate::support::keys::Key;
use crate::support::tokens::{AUDIENCE, Token};
use crate::support::upstream::State;

#[test]
fn a_token_with_the_wrong_audience_is_401() {
    let wrong = [
        json!("https://other.example.com/mcp"),
        json!("https://mcp.example.com"),
        json!("https://mcp.example.com/mcp2"),
        json!("https://mcp.example.com/mcp//"),
        json!("https://MCP.example.com/mcp"),
        json!("http://mcp.example.com/mcp"),
        json!(["https://other.example.com/mcp", "mcp.example.com"]),
        json!("*"),
        json!(""),
        json!([]),
        json!({"0": AUDIENCE}),
        json!([[AUDIENCE]]),
        Value::Null,
    ];
    for mode in Mode::ALL {
        let gate = gate(mode);
        for audience in &wrong {
            let token = Token::new().scope("weather:read").audience(audience.clone()).sign(&Key::rsa_a());
            let scenario = gate.upstream.scenario(|_| Answer::json(&json!({})));
            let response = gate.envoy.client().send(&Request::call("get_forecast").bearer(&token).scenario(&scenario));
            assert_eq!(response.status, 401, "{mode:?} {audience}");
            let challenge = response.challenge().unwrap();
            let start = format!("Bearer error=\"invalid_token\", resource_metadata=\"{METADATA}\", error_description=");
            assert!(challenge.starts_with(&start), "{mode:?} {audience}: {challenge}");
            assert_eq!(response.json()["error"], "invalid_token");
            assert!(scenario.stays_empty(), "{mode:?} {audience}");
        }
        for audience in [json!(AUDIENCE), json!(["other", AUDIENCE]), json!(format!("{AUDIENCE}/"))] {
            let token = Token::new().scope("weather:read").audience(audience.clone()).sign(&Key::rsa_a());
            let response = gate.envoy.client().send(&Request::call("get_forecast").bearer(&token));
            assert_eq!(response.status, 200, "{mode:?} {audience}: the right one");
        }
    }
}

#[test]
fn a_scope_that_differs_by_one_character_is_403_with_the_right_scope_to_ask_for() {
    let nearly = [
        "weather:raed",
        "weather:Read",
        "weather:reads",
        "weather:rea",
        "weather.read",
        "weather-read",
        "Weather:read",
        "xweather:read",
        "weather :read",
        "weather:read,weather:write",
        "*",
        "weather:*",
        "",
    ];
    for mode in Mode::ALL {
        let gate = gate(mode);
        for scope in nearly {
            let scenario = gate.upstream.scenario(|_| Answer::json(&json!({})));
            let request = Request::call("get_forecast").bearer(&token(scope)).scenario(&scenario);
            let response = gate.envoy.client().send(&request);
            assert_eq!(response.status, 403, "{mode:?} {scope:?}: {}", response.text());
            assert_eq!(asked_scope(&response).as_deref(), Some("weather:read"), "{mode:?} {scope:?}");
            assert!(response.challenge().unwrap().starts_with("Bearer error=\"insufficient_scope\", scope="));
            let error = &response.json()["error"];
            assert_eq!(error["data"]["missing"], json!(["weather:read"]), "{mode:?} {scope:?}");
            assert_eq!(error["code"], 403);
            // Headers may have gone ahead; the call itself must not.
            let requests = scenario.requests();
            assert!(requests.iter().all(|r| r.body_state != State::Complete), "{mode:?} {scope:?}");
            assert!(
                mode == Mode::Ahead || scenario.stays_empty(),
                "{scope:?}: nothing goes ahead where headers are held"
            );
        }
        let response = gate.envoy.client().send(&Request::call("get_forecast").bearer(&token("x weather:read y")));
        assert_eq!(response.status, 200, "{mode:?}: the right one");
    }
}

#[test]
fn the_scope_to_ask_for_keeps_what_the_client_has() {
    for mode in Mode::ALL {
        let request = Request::call("set_alert").bearer(&token("weather:read weather:wriet unrelated"));
        let response = gate(mode).envoy.client().send(&request);
        assert_eq!(response.status, 403, "{mode:?}");
        assert_eq!(asked_scope(&response).as_deref(), Some("weather:read weather:write"), "{mode:?}");
    }
}

#[test]
fn bearer_garbage_is_401_and_never_200() {
    let good = token("weather:read");
    let parts: Vec<_> = good.split('.').collect();
    let unsigned = Token::new().scope("weather:read").unsigned();
    let confused = Token::new().scope("weather:read").sign(&Key::secret(Key::rsa_a().rsa_public_der()).named("rsa-a"));
    let stranger = Token::new().scope("weather:read").sign(&Key::rsa_b().named("rsa-a"));
    let garbage = [
        "garbage",
        "null",
        "undefined",
        "true",
        "0",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "eyJhbGciOiJub25lIn0.e30.",
        &unsigned,
        &confused,
        &stranger,
        &good[..good.len() - 1],
        &good[1..],
        &format!("{good}A"),
        &format!("{good}."),
        &format!("{good}.{}", parts[2]),
        &format!("{}.{}.", parts[0], parts[1]),
        &format!("{}.{}", parts[0], parts[1]),
        &format!(".{}.{}", parts[1], parts[2]),
        &"A".repeat(20_000),
    ];
    for mode in Mode::ALL {
        let gate = gate(mode);
        for token in garbage {
            for request in [Request::call("echo"), Request::rpc("tools/list", json!({})), Request::get("/mcp")] {
                let scenario = gate.upstream.scenario(|_| Answer::json(&json!({})));
                let response = gate.envoy.client().send(&request.bearer(token).scenario(&scenario));
                assert_eq!(response.status, 401, "{mode:?} {token}: {}", response.text());
                assert!(response.challenge().unwrap().starts_with("Bearer error=\"invalid_token\""), "{token}");
                assert!(scenario.requests().is_empty(), "{mode:?} {token}");
            }
        }
    }
}

#[test]
fn a_credential_that_breaks_the_syntax_is_400_and_another_scheme_is_no_token() {
    let good = token("weather:read");
    type Case<'a> = (&'a str, Vec<(&'a str, String)>, u16);
    let cases: Vec<Case<'_>> = vec![
        ("a token in two words", vec![("authorization", "Bearer gar bage".into())], 400),
        ("no token", vec![("authorization", "Bearer".into())], 400),
        ("characters that no token has", vec![("authorization", "Bearer gar\"bage".into())], 400),
        ("two tokens in one", vec![("authorization", format!("Bearer {good}, Bearer {good}"))], 400),
        (
            "two headers",
            vec![("authorization", format!("Bearer {good}")), ("authorization", format!("Bearer {good}"))],
            400,
        ),
        ("another scheme", vec![("authorization", "Basic YTpi".into())], 401),
        ("no header", vec![], 401),
    ];
    for mode in Mode::ALL {
        let gate = gate(mode);
        for (name, headers, status) in &cases {
            let scenario = gate.upstream.scenario(|_| Answer::json(&json!({})));
            let mut request = Request::call("echo").scenario(&scenario);
            for (name, value) in headers {
                request = request.header(name, value.as_str());
            }
            let response = gate.envoy.client().send(&request);
            assert_eq!(response.status, *status, "{mode:?} {name}: {}", response.text());
            assert!(scenario.requests().is_empty(), "{mode:?} {name}");
        }
    }
}
