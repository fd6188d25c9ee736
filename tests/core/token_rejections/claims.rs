//! The comparison of single claims: absent ones, times, audiences, types.

use super::{config, good, judge, signed};
use crate::support::core::{NOW, accepted, at, at_millis, minimal, set, verify};
use crate::support::keys::Key;
use crate::support::tokens::{ISSUER, Token};
use serde_json::{Value, json};
use toolgate::token::TokenError;

#[test]
fn an_id_tokens_nonce_is_allowed_where_the_configuration_says_so() {
    for (profile, nonce, accepts) in [
        ("generic", None, false),
        ("generic", Some("allow"), true),
        ("auth0", Some("allow"), true),
        ("keycloak", None, true),
        ("keycloak", Some("refuse"), false),
        ("authentik", None, true),
        ("authentik", Some("refuse"), false),
    ] {
        let mut issuer = json!({"issuer": ISSUER, "profile": profile, "jwks": {"keys": [Key::ed25519().jwk()]}});
        if let Some(nonce) = nonce {
            issuer["nonce"] = json!(nonce);
        }
        let config = accepted(&set(minimal(), "/issuers/0", issuer));
        let token = signed(&good().typ("JWT").claim("nonce", "n"));
        let expected = if accepts { Ok(()) } else { Err(TokenError::NotAnAccessToken) };
        assert_eq!(verify(&config, &token, at(NOW)).map(|_| ()), expected, "{profile}, {nonce:?}");
        let id_token = signed(&good().typ("JWT").claim("nonce", "n").claim("at_hash", "h"));
        assert!(verify(&config, &id_token, at(NOW)).is_err(), "{profile}, {nonce:?}: at_hash");
    }
}

#[test]
fn times_are_compared_with_leeway_and_fractions_count() {
    let millis = NOW * 1000;
    let accepted_or = |ok: bool, error| if ok { Ok(()) } else { Err(error) };
    // Each claim's offset from now in milliseconds, with 30 s of leeway.
    let cases: &[(&str, i64, TokenError, bool)] = &[
        ("exp", 1, TokenError::Expired, true),
        ("exp", 0, TokenError::Expired, true),
        ("exp", -29_999, TokenError::Expired, true),
        ("exp", -30_000, TokenError::Expired, false),
        ("exp", -30_001, TokenError::Expired, false),
        ("nbf", 0, TokenError::NotYetValid, true),
        ("nbf", 30_000, TokenError::NotYetValid, true),
        ("nbf", 30_001, TokenError::NotYetValid, false),
        ("iat", 29_500, TokenError::IssuedInFuture, true),
        ("iat", 30_000, TokenError::IssuedInFuture, true),
        ("iat", 31_000, TokenError::IssuedInFuture, false),
        ("iat", -1_000_000_000, TokenError::IssuedInFuture, true),
    ];
    for (claim, offset, error, accepts) in cases {
        #[allow(clippy::cast_precision_loss)]
        let moment = (millis + offset) as f64 / 1000.0;
        let verdict = verify(&config("generic"), &signed(&good().claim(claim, moment)), at_millis(millis));
        assert_eq!(verdict.map(|_| ()), accepted_or(*accepts, *error), "{claim} at now {offset:+} ms");
    }
    let strict = accepted(&set(minimal(), "/issuers/0/leeway", json!("0s")));
    for (offset, accepts) in [(1, true), (0, false), (-1, false)] {
        #[allow(clippy::cast_precision_loss)]
        let moment = (millis + offset) as f64 / 1000.0;
        let verdict = verify(&strict, &signed(&good().claim("exp", moment)), at_millis(millis));
        assert_eq!(verdict.map(|_| ()), accepted_or(accepts, TokenError::Expired), "no leeway, now {offset:+} ms");
    }
}

#[test]
fn an_audience_is_one_of_a_string_or_an_array_but_for_one_trailing_slash() {
    let accepted_as: &[(&str, Value)] = &[
        ("the identifier", json!("https://mcp.example.com/mcp")),
        ("with a slash", json!("https://mcp.example.com/mcp/")),
        ("one of several", json!(["https://other.example", "https://mcp.example.com/mcp"])),
        ("one of several with a slash", json!(["x", "https://mcp.example.com/mcp/"])),
        ("another of the configured ones", json!("api://default")),
    ];
    for (name, aud) in accepted_as {
        assert!(judge("generic", &signed(&good().audience(aud.clone()))).is_ok(), "{name}");
    }
    let slashed = accepted(&set(minimal(), "/resources/0/audiences", json!(["https://mcp.example.com/"])));
    for (aud, accepts) in [
        ("https://mcp.example.com/", true),
        ("https://mcp.example.com", true),
        ("https://mcp.example.com//", false),
        ("/", false),
    ] {
        let verdict = verify(&slashed, &signed(&good().audience(aud)), at(NOW));
        assert_eq!(verdict.is_ok(), accepts, "{aud} where the audience has a slash");
    }
}

#[test]
fn a_type_is_compared_without_case_and_prefix() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt", "JWT", "jwt", "application/jwt"] {
        assert!(judge("generic", &signed(&good().typ(typ))).is_ok(), "{typ}");
    }
    assert!(judge("generic", &signed(&good().without_header("typ"))).is_ok(), "none");
}

#[test]
fn the_configuration_overrides_the_profile() {
    let base = |rules: Value| {
        let mut issuer = json!({"issuer": ISSUER, "profile": "okta", "jwks": {"keys": [Key::ed25519().jwk()]}});
        issuer.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
        accepted(&set(minimal(), "/issuers/0", issuer))
    };
    let token = || {
        Token::at(NOW)
            .typ("special")
            .claim("perms", json!(["p"]))
            .claim("app", "a")
            .claim("uid", "u")
            .claim("org", "acme")
    };
    let rules = json!({
        "token_types": ["Special"], "scope_claims": ["nothing", "perms"], "client_claims": ["app"],
        "subject_claim": "uid", "required_claims": {"org": "acme"},
    });
    let read = verify(&base(rules.clone()), &signed(&token()), at(NOW)).unwrap();
    assert_eq!((read.subject(), read.client(), read.scopes()), (Some("u"), Some("a"), &["p".to_owned()][..]));
    let cases = [
        ("the profile's type", token().typ("JWT"), TokenError::TypeNotAllowed),
        ("no type", token().without_header("typ"), TokenError::TypeNotAllowed),
        ("another value", token().claim("org", "other"), TokenError::RequiredClaim),
        ("a list without the value", token().claim("org", json!(["other"])), TokenError::RequiredClaim),
        ("no value", token().without_claim("org"), TokenError::RequiredClaim),
        ("a value of another type", token().claim("org", true), TokenError::RequiredClaim),
    ];
    for (name, token, expected) in cases {
        assert_eq!(verify(&base(rules.clone()), &signed(&token), at(NOW)).map(|_| ()), Err(expected), "{name}");
    }
    let listed = token().claim("org", json!(["x", "acme"]));
    assert!(verify(&base(rules), &signed(&listed), at(NOW)).is_ok(), "membership in a list");
    let pinned = base(json!({"algorithms": ["ES256"], "token_types": ["at+jwt"]}));
    let verdict = verify(&pinned, &signed(&good()), at(NOW));
    assert_eq!(verdict.map(|_| ()), Err(TokenError::AlgorithmNotAllowed), "an algorithm that is not listed");
}
