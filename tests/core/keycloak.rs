//! Tokens that a real Keycloak issued, with its keys and its introspection
//! response (`tests/fixtures/keycloak/`).

use crate::support::core::{accepted, at, verify};
use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate::token::{AccessToken, Answer, Confirmation, Expectations, Thumbprint, TokenError, UntrustedJwt};

const DPOP: &str = include_str!("../fixtures/keycloak/dpop.token");
const LIGHTWEIGHT: &str = include_str!("../fixtures/keycloak/lightweight.token");
const RESPONSE: &str = include_str!("../fixtures/keycloak/lightweight.introspection.json");
/// Seconds after both were issued.
const THEN: i64 = 1_795_879_683;

fn config(validation: &str) -> Config {
    let keys: Value = serde_json::from_str(include_str!("../fixtures/keycloak/jwks.json")).unwrap();
    let issuer = "http://127.0.0.1:18080/realms/mcp";
    accepted(&json!({
        "issuers": [{
            "issuer": issuer, "profile": "keycloak", "dpop": "optional", "validation": validation,
            "jwks": {"keys": keys["keys"]},
            "introspection": {"uri": format!("{issuer}/protocol/openid-connect/token/introspect"), "cluster": "auth"},
        }],
        "resources": [{"resource": "http://127.0.0.1:18000/mcp", "policy": {}}],
    }))
}

/// The lightweight token as the response vouches for it, after `change`.
fn confirmed(validation: &str, change: impl FnOnce(&mut Value)) -> Result<AccessToken, TokenError> {
    let config = config(validation);
    let issuer = &config.issuers[0];
    let expected = Expectations {
        issuer: &issuer.identifier,
        issuer_name: &issuer.name,
        algorithms: issuer.algorithms.as_deref(),
        rules: &issuer.rules,
        audiences: &config.resources[0].audiences,
    };
    let mut response: Value = serde_json::from_str(RESPONSE).unwrap();
    change(&mut response);
    let Ok(Answer::Active(mut active)) = Answer::parse(response.to_string().as_bytes()) else { panic!("inactive") };
    let untrusted = UntrustedJwt::parse(LIGHTWEIGHT.trim_end())?;
    let token = untrusted.check(expected, at(THEN))?.confirmed_by(&mut active, expected)?;
    token.check(expected.audiences, expected.rules, at(THEN)).map(|()| token)
}

#[test]
fn a_token_that_is_bound_by_dpop_is_bound_to_its_key() {
    let token = verify(&config("jwt"), DPOP.trim_end(), at(THEN)).unwrap();
    let key = Thumbprint::from_base64url("qUJjFCkq1gcePWxfzOsBIuEP-7MlIxq8v-js7DOwFSY");
    assert_eq!(token.confirmations().collect::<Vec<_>>(), [Confirmation { certificate: None, key }]);
    assert_eq!((token.client(), token.scopes()), (Some("mcp-cli"), &["mcp:read".to_owned()][..]));
}

#[test]
fn what_a_lightweight_token_lacks_is_left_to_the_introspection_response() {
    let token = confirmed("introspection", |_| {}).unwrap();
    assert_eq!(token.subject(), Some("0e11a7c9-bc98-47c6-b5f5-99055a0e41e3"));
    assert_eq!((token.client(), token.scopes()), (Some("mcp-cli"), &["mcp:read".to_owned()][..]));
    for (validation, name, value, expected) in [
        ("introspection", "aud", Value::Null, TokenError::AudienceMissing),
        ("introspection", "aud", json!("https://other.example/mcp"), TokenError::AudienceMismatch),
        ("introspection", "exp", json!(THEN - 31), TokenError::Expired),
        ("introspection", "iss", json!("https://other.example"), TokenError::IssuerMismatch),
        ("jwt_and_introspection", "x", Value::Null, TokenError::AudienceMissing),
        ("jwt_or_introspection", "x", Value::Null, TokenError::AudienceMissing),
    ] {
        let verdict = confirmed(validation, |response| response[name] = value).map(|_| ());
        assert_eq!(verdict, Err(expected), "{validation}: {name}");
    }
}
