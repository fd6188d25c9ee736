//! The verified identity as headers: what is forwarded, what denies the
//! request instead, and what no client may say for itself.

use crate::support::core::{NOW, accepted, caller, minimal, set};
use crate::support::tokens::{ISSUER, Token};
use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate::identity::{Unforwardable, headers};

fn config(forwarded: Value) -> Config {
    accepted(&set(minimal(), "/resources/0/forward", json!({"headers": forwarded})))
}

/// The value that `what` gives for `token`; nothing: the header is left out.
fn forwarded(what: &str, token: &Token) -> Result<Option<String>, Unforwardable> {
    let config = config(json!({"X-Id": what}));
    let mut all = headers(&config.resources[0], &caller(token))?;
    assert!(all.iter().all(|(name, _)| name == "x-id"), "{all:?}");
    Ok(all.pop().map(|(_, value)| value))
}

#[test]
fn each_part_of_the_identity_becomes_its_header() {
    let token = Token::at(NOW).subject("alice@example.com").client("desk").scope("b a").claim("org", json!({"id": 7}));
    let all =
        json!({"x-sub": "sub", "x-iss": "issuer", "x-client": "client", "x-scopes": "scope", "x-org": "claims.org.id"});
    let found = headers(&config(all).resources[0], &caller(&token)).unwrap();
    let expected =
        [("x-client", "desk"), ("x-iss", ISSUER), ("x-org", "7"), ("x-scopes", "b a"), ("x-sub", "alice@example.com")];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_the_token_does_not_say_leaves_its_header_out() {
    let bare = Token::at(NOW).without_claim("sub").without_claim("client_id").claim("org", json!({"id": 7}));
    for what in
        ["sub", "client", "scope", "claims.team", "claims.org.name", "claims.org.id.x", "claims.team.id", "claims.sub"]
    {
        assert_eq!(forwarded(what, &bare), Ok(None), "{what}");
    }
    assert_eq!(forwarded("scope", &bare.clone().scope("")), Ok(None), "no scope was granted");
    assert_eq!(forwarded("issuer", &bare), Ok(Some(ISSUER.to_owned())));
}

#[test]
fn a_claim_becomes_text_or_denies_the_request() {
    let ok = |text: &str| Ok(Some(text.to_owned()));
    let cases: Vec<(&str, Value, Result<Option<String>, Unforwardable>)> = vec![
        ("a string", json!("acme"), ok("acme")),
        ("a string with a space and a comma", json!("Acme, Inc"), ok("Acme, Inc")),
        ("a string beyond ASCII", json!("Grün 東京"), ok("Grün 東京")),
        ("a number", json!(42), ok("42")),
        ("a negative number", json!(-7), ok("-7")),
        ("a fraction", json!(0.5), ok("0.5")),
        ("the largest whole number", json!(u64::MAX), ok("18446744073709551615")),
        ("true", json!(true), ok("true")),
        ("false", json!(false), ok("false")),
        ("a list of strings", json!(["a", "b"]), ok("a b")),
        ("a list of one", json!(["a"]), ok("a")),
        ("a list of several types", json!(["a", 1, true]), ok("a 1 true")),
        ("1024 bytes", json!("x".repeat(1024)), ok(&"x".repeat(1024))),
        ("1025 bytes", json!("x".repeat(1025)), Err(Unforwardable)),
        ("1024 characters of two bytes", json!("é".repeat(1024)), Err(Unforwardable)),
        // 205 elements of four bytes and 204 spaces.
        ("a list of 1024 bytes", json!(vec!["xxxx"; 205]), ok(&["xxxx"; 205].join(" "))),
        ("a list of 1029 bytes", json!(vec!["xxxx"; 206]), Err(Unforwardable)),
        ("an empty string", json!(""), Err(Unforwardable)),
        ("an empty list", json!([]), Err(Unforwardable)),
        ("null, which is absent", json!(null), Ok(None)),
        ("an object", json!({"a": 1}), Err(Unforwardable)),
        ("a list with an object", json!(["a", {}]), Err(Unforwardable)),
        ("a list in a list", json!([["a"]]), Err(Unforwardable)),
        ("a list with null", json!(["a", null]), Err(Unforwardable)),
        ("a list whose element has a space", json!(["a b"]), Err(Unforwardable)),
        ("a list whose element has a comma", json!(["a,b"]), Err(Unforwardable)),
        ("a list with an empty element", json!(["a", ""]), Err(Unforwardable)),
        ("a line feed", json!("a\nX-Admin: 1"), Err(Unforwardable)),
        ("a carriage return", json!("a\rb"), Err(Unforwardable)),
        ("a NUL", json!("a\u{0}"), Err(Unforwardable)),
        ("a tab", json!("a\tb"), Err(Unforwardable)),
        ("DEL", json!("a\u{7f}"), Err(Unforwardable)),
        ("a control character of Latin-1", json!("a\u{85}b"), Err(Unforwardable)),
        ("a list with a line feed", json!(["a", "b\n"]), Err(Unforwardable)),
    ];
    for (name, claim, expected) in cases {
        assert_eq!(forwarded("claims.x", &Token::at(NOW).claim("x", claim)), expected, "{name}");
    }
}

#[test]
fn a_bad_value_denies_wherever_it_comes_from() {
    let token = Token::at(NOW);
    let cases = [
        ("sub", token.clone().subject("a\r\nb")),
        ("sub", token.clone().subject("")),
        ("sub", token.clone().subject(&"x".repeat(1025))),
        ("client", token.clone().client("a\nb")),
        ("scope", token.clone().claim("scope", json!(["a b"]))),
        ("scope", token.clone().claim("scope", json!(["a,b"]))),
        ("scope", token.clone().claim("scope", json!(["a", "\u{7}"]))),
    ];
    for (what, token) in cases {
        assert_eq!(forwarded(what, &token), Err(Unforwardable), "{what} of {}", token.payload());
    }
    let two = config(json!({"x-a": "sub", "x-b": "claims.bad"}));
    let verdict = headers(&two.resources[0], &caller(&token.claim("bad", json!({}))));
    assert_eq!(verdict, Err(Unforwardable), "one bad header of several");
}

#[test]
fn the_whole_rest_of_a_path_is_tried_as_one_name_first() {
    let token = Token::at(NOW)
        .claim("org.id", "whole")
        .claim("org", json!({"id": "nested", "unit": {"id": "deep"}, "a.b": "dotted"}))
        .claim("https://acme.example/team", "namespaced")
        .claim("list", json!([{"id": "x"}]));
    const CASES: &[(&str, Option<&str>)] = &[
        ("claims.org.id", Some("whole")),
        ("claims.org.unit.id", Some("deep")),
        ("claims.https://acme.example/team", Some("namespaced")),
        ("claims.org.a.b", None),
        ("claims.list.0.id", None),
        ("claims.org.unit.id.x", None),
        ("claims.Org.id", None),
    ];
    for (what, expected) in CASES {
        assert_eq!(forwarded(what, &token), Ok(expected.map(str::to_owned)), "{what}");
    }
}

#[test]
fn no_client_says_for_itself_what_any_resource_forwards() {
    let second = json!({
        "resource": "https://b.example/mcp", "policy": {}, "forward": {"headers": {"X_Other_Id": "client"}},
    });
    let value = set(minimal(), "/resources/0/forward", json!({"headers": {"x-mcp-Subject": "sub"}}));
    let config = accepted(&set(value, "/resources/-", second));
    const REMOVED: &[&str] = &[
        "x-mcp-subject",
        "X-MCP-Subject",
        "x_mcp_subject",
        "x-mcp_subject",
        "X_Mcp-Subject",
        "x-other-id",
        "x_other_id",
        "X-OTHER_ID",
        "x-http-method-override",
        "X-HTTP-Method-Override",
        "x_http_method_override",
        "x-http-method",
        "x-method-override",
    ];
    for name in REMOVED {
        assert!(config.must_scrub(name), "{name}");
    }
    for name in ["x-mcp-subject2", "mcp-subject", "x-mcp", "authorization", "x-request-id", ""] {
        assert!(!config.must_scrub(name), "{name}");
    }
}
