//! The access tokens of each provider, and its other tokens, which are refused.

use super::{good, judge, signed};
use crate::support::core::NOW;
use crate::support::keys::Key;
use crate::support::tokens::{AUDIENCE, Token, sign_raw};
use serde_json::{Value, json};
use toolgate::token::TokenError;

#[test]
fn null_is_absent_wherever_a_claim_or_a_parameter_is_optional() {
    let nulls = ["cnf", "nbf", "iat", "jti", "scope", "client_id", "sub", "nonce", "at_hash", "c_hash", "typ"];
    let nulls = nulls.iter().chain(&["token_use", "events", "azp", "acr", "auth_time"]);
    for profile in ["generic", "auth0", "authentik", "cognito", "entra", "hydra", "keycloak", "okta"] {
        let shape = shapes().into_iter().find(|shape| shape.profile == profile).unwrap();
        let bare = shape.token.payload();
        for name in nulls.clone().filter(|name| !bare.contains(&format!("\"{name}\":"))) {
            let token = shape.token.clone().claim(name, Value::Null);
            assert!(judge(profile, &signed(&token)).is_ok(), "{profile}: {name}");
        }
    }
    let token = good().claim("scope", Value::Null).claim("scp", json!(["a"])).claim("client_id", Value::Null);
    let token = judge("generic", &signed(&token.claim("azp", "b"))).unwrap();
    assert_eq!((token.scopes(), token.client()), (&["a".to_owned()][..], Some("b")), "the next name counts");
    let headers = [
        (r#"{"alg":"EdDSA","kid":null,"typ":"at+jwt"}"#, Ok("accepted")),
        (r#"{"alg":"EdDSA","kid":"ed25519","typ":null}"#, Ok("accepted")),
        (r#"{"alg":"Ed25519","kid":"ed25519","typ":"at+jwt"}"#, Ok("accepted")),
        (r#"{"alg":"Ed448","kid":"ed25519","typ":"at+jwt"}"#, Err(TokenError::AlgorithmNotAllowed)),
        (r#"{"alg":null,"kid":"ed25519","typ":"at+jwt"}"#, Err(TokenError::Malformed)),
        (r#"{"alg":"EdDSA","kid":"ed25519","typ":"at+jwt","crit":null}"#, Err(TokenError::CriticalHeader)),
        (r#"{"alg":"EdDSA","kid":"ed25519","typ":"at+jwt","b64":null}"#, Err(TokenError::CriticalHeader)),
    ];
    for (header, expected) in headers {
        let token = sign_raw(header, good().payload(), &Key::ed25519());
        assert_eq!(judge("generic", &token).map(|_| "accepted"), expected, "{header}");
    }
}

/// The shape of each provider's access token: header, claims, and what is to
/// be read of it.
struct Shape {
    profile: &'static str,
    name: &'static str,
    token: Token,
    subject: Option<&'static str>,
    client: Option<&'static str>,
    scopes: &'static [&'static str],
}

fn shape(profile: &'static str, name: &'static str, typ: Option<&str>, claims: Value) -> Shape {
    let bare =
        ["sub", "client_id", "jti", "iat", "aud"].iter().fold(Token::at(NOW), |token, name| token.without_claim(name));
    let bare = match typ {
        Some(typ) => bare.typ(typ),
        None => bare.without_header("typ"),
    };
    let claims = claims.as_object().unwrap().clone();
    let token = claims.into_iter().fold(bare.claim("iat", NOW), |token, (name, value)| token.claim(&name, value));
    Shape { profile, name, token, subject: None, client: None, scopes: &[] }
}

fn shapes() -> Vec<Shape> {
    vec![
        Shape {
            subject: Some("u-1"),
            client: Some("app-1"),
            scopes: &["mcp:read", "mcp:write"],
            ..shape(
                "rfc9068",
                "the standard's own",
                Some("at+jwt"),
                json!({
                "aud": AUDIENCE, "sub": "u-1", "client_id": "app-1", "jti": "j", "scope": "mcp:read mcp:write",
                "auth_time": NOW - 60, "acr": "1", "roles": ["admin"]}),
            )
        },
        Shape {
            subject: Some("auth0|5f"),
            client: Some("8HDZ"),
            scopes: &["openid", "mcp:read"],
            ..shape(
                "auth0",
                "its own format, for several audiences",
                Some("JWT"),
                json!({
                "aud": [AUDIENCE, "https://tenant.example/userinfo"], "sub": "auth0|5f", "azp": "8HDZ",
                "scope": "openid mcp:read", "permissions": ["mcp:admin"]}),
            )
        },
        Shape {
            subject: Some("auth0|5f"),
            client: Some("8HDZ"),
            scopes: &["mcp:read"],
            ..shape(
                "auth0",
                "its RFC 9068 format",
                Some("at+jwt"),
                json!({
                "aud": AUDIENCE, "sub": "auth0|5f", "client_id": "8HDZ", "jti": "j", "scope": "mcp:read"}),
            )
        },
        Shape {
            subject: Some("5a2b"),
            client: Some("mcp-client"),
            scopes: &["openid", "mcp:read"],
            ..shape(
                "authentik",
                "with nonce",
                Some("JWT"),
                json!({
                "aud": AUDIENCE, "sub": "5a2b", "azp": "mcp-client", "nonce": "n", "scope": "openid mcp:read",
                "uid": "x", "acr": "goauthentik.io/providers/oauth2/default", "auth_time": NOW - 60}),
            )
        },
        Shape {
            subject: Some("9f1c"),
            client: Some("client-7"),
            scopes: &["mcp/read"],
            ..shape(
                "cognito",
                "without an audience",
                None,
                json!({
                "sub": "9f1c", "client_id": "client-7", "token_use": "access", "scope": "mcp/read",
                "cognito:groups": ["g"], "version": 2, "username": "u"}),
            )
        },
        Shape {
            subject: Some("9f1c"),
            client: Some("unlisted"),
            scopes: &["mcp/read"],
            ..shape(
                "cognito",
                "bound to a resource",
                None,
                json!({
                "aud": AUDIENCE, "sub": "9f1c", "client_id": "unlisted", "token_use": "access", "scope": "mcp/read"}),
            )
        },
        Shape {
            subject: Some("AAA"),
            client: Some("6e74"),
            scopes: &["mcp.read", "mcp.write"],
            ..shape(
                "entra",
                "version 2",
                Some("JWT"),
                json!({
                "aud": "api://default", "sub": "AAA", "azp": "6e74", "azpacr": "1", "scp": "mcp.read mcp.write",
                "tid": "t", "oid": "o", "ver": "2.0", "uti": "x", "rh": "0.x"}),
            )
        },
        Shape {
            subject: Some("AAA"),
            client: Some("6e74"),
            scopes: &[],
            ..shape(
                "entra",
                "version 1, for an app alone",
                Some("JWT"),
                json!({
                "aud": "api://default", "sub": "AAA", "appid": "6e74", "roles": ["Mcp.All"], "ver": "1.0"}),
            )
        },
        Shape {
            subject: Some("foo@bar"),
            client: Some("hydra-app"),
            scopes: &["mcp:read", "offline"],
            ..shape(
                "hydra",
                "scopes as a list",
                Some("JWT"),
                json!({
                "aud": [AUDIENCE], "sub": "foo@bar", "client_id": "hydra-app", "scp": ["mcp:read", "offline"],
                "ext": {"team": "x"}, "jti": "j", "nbf": NOW}),
            )
        },
        Shape {
            subject: Some("foo@bar"),
            client: Some("hydra-app"),
            scopes: &["mcp:read"],
            ..shape(
                "hydra",
                "scopes as a string",
                Some("JWT"),
                json!({
                "aud": [AUDIENCE], "sub": "foo@bar", "client_id": "hydra-app", "scope": "mcp:read"}),
            )
        },
        Shape {
            subject: Some("f:1:u"),
            client: Some("claude"),
            scopes: &["openid", "mcp:read"],
            ..shape(
                "keycloak",
                "with nonce, as older ones",
                Some("JWT"),
                json!({
                "aud": [AUDIENCE, "account"], "sub": "f:1:u", "azp": "claude", "typ": "Bearer", "nonce": "n",
                "scope": "openid mcp:read", "sid": "s", "acr": "1", "realm_access": {"roles": ["r"]}}),
            )
        },
        Shape {
            subject: Some("f:1:u"),
            client: Some("claude"),
            scopes: &["mcp:read"],
            ..shape(
                "keycloak",
                "of the standard's type",
                Some("at+jwt"),
                json!({
                "aud": AUDIENCE, "sub": "f:1:u", "azp": "claude", "client_id": "other", "scope": "mcp:read"}),
            )
        },
        Shape {
            subject: Some("u@example.com"),
            client: Some("0oa1"),
            scopes: &["mcp:read"],
            ..shape(
                "okta",
                "of a custom server",
                None,
                json!({
                "aud": "api://default", "sub": "u@example.com", "cid": "0oa1", "uid": "00u1",
                "scp": ["mcp:read"], "ver": 1, "jti": "AT.x"}),
            )
        },
        Shape {
            subject: Some("u"),
            client: Some("c"),
            scopes: &["a"],
            ..shape(
                "generic",
                "scp where there is no scope",
                None,
                json!({"aud": AUDIENCE, "sub": "u", "appid": "c", "scp": ["a"]}),
            )
        },
        Shape {
            subject: None,
            client: None,
            scopes: &[],
            ..shape("generic", "as little as there may be", None, json!({"aud": AUDIENCE}))
        },
    ]
}

#[test]
fn the_tokens_of_each_provider_are_read() {
    let mut profiles: Vec<&str> = Vec::new();
    for shape in shapes() {
        let name = format!("{}: {}", shape.profile, shape.name);
        let token = judge(shape.profile, &signed(&shape.token)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(token.subject(), shape.subject, "{name}");
        assert_eq!(token.client(), shape.client, "{name}");
        assert_eq!(token.scopes(), shape.scopes, "{name}");
        profiles.push(shape.profile);
    }
    profiles.sort_unstable();
    profiles.dedup();
    assert_eq!(profiles, ["auth0", "authentik", "cognito", "entra", "generic", "hydra", "keycloak", "okta", "rfc9068"]);
}

#[test]
fn each_profile_refuses_what_its_provider_does_not_mean_as_an_access_token() {
    use TokenError::{
        AudienceMismatch, AudienceMissing, IssuerMismatch, NotAnAccessToken, RequiredClaim, TypeNotAllowed,
    };
    let of = |profile: &str| shapes().into_iter().find(|shape| shape.profile == profile).unwrap().token;
    let cases: Vec<(&str, &str, Token, TokenError)> = vec![
        ("rfc9068", "type JWT", of("rfc9068").typ("JWT"), TypeNotAllowed),
        ("rfc9068", "no type", of("rfc9068").without_header("typ"), TypeNotAllowed),
        ("rfc9068", "no sub", of("rfc9068").without_claim("sub"), RequiredClaim),
        ("rfc9068", "no client_id", of("rfc9068").without_claim("client_id"), RequiredClaim),
        ("rfc9068", "no iat", of("rfc9068").without_claim("iat"), RequiredClaim),
        ("rfc9068", "no jti", of("rfc9068").without_claim("jti"), RequiredClaim),
        ("rfc9068", "an empty jti", of("rfc9068").claim("jti", ""), RequiredClaim),
        ("auth0", "no type", of("auth0").without_header("typ"), TypeNotAllowed),
        ("auth0", "an ID token", of("auth0").audience("8HDZ").claim("nonce", "n"), NotAnAccessToken),
        ("auth0", "no audience", of("auth0").without_claim("aud"), AudienceMissing),
        (
            "auth0",
            "the audience of user info alone",
            of("auth0").audience("https://t.example/userinfo"),
            AudienceMismatch,
        ),
        ("authentik", "an ID token", of("authentik").claim("at_hash", "h"), NotAnAccessToken),
        ("authentik", "no type", of("authentik").without_header("typ"), TypeNotAllowed),
        ("authentik", "no audience", of("authentik").without_claim("aud"), AudienceMissing),
        ("cognito", "an ID token", of("cognito").claim("token_use", "id").audience("client-7"), NotAnAccessToken),
        ("cognito", "no token_use", of("cognito").without_claim("token_use"), RequiredClaim),
        ("cognito", "another client's", of("cognito").client("client-8"), AudienceMismatch),
        ("cognito", "nobody's", of("cognito").without_claim("client_id"), AudienceMismatch),
        ("cognito", "an empty audience", of("cognito").audience(json!([])), AudienceMissing),
        ("cognito", "type at+jwt", of("cognito").typ("at+jwt"), TypeNotAllowed),
        ("entra", "no type", of("entra").without_header("typ"), TypeNotAllowed),
        ("entra", "another API's", of("entra").audience("00000003-0000-0000-c000-000000000000"), AudienceMismatch),
        ("entra", "type at+jwt", of("entra").typ("at+jwt"), TypeNotAllowed),
        ("entra", "no audience", of("entra").without_claim("aud"), AudienceMissing),
        ("entra", "of version 1", of("entra").issuer("https://sts.windows.net/t/"), IssuerMismatch),
        ("entra", "of another tenant", of("entra").issuer("https://login.microsoftonline.com/t/v2.0"), IssuerMismatch),
        ("entra", "an ID token", of("entra").claim("nonce", "n"), NotAnAccessToken),
        ("hydra", "no audience granted", of("hydra").audience(json!([])), AudienceMissing),
        ("hydra", "no audience at all", of("hydra").without_claim("aud"), AudienceMissing),
        ("hydra", "the issuer with a slash", of("hydra").issuer("https://auth.example.com/"), IssuerMismatch),
        ("hydra", "a refresh token", of("hydra").claim("token_use", "refresh_token"), NotAnAccessToken),
        ("hydra", "no type", of("hydra").without_header("typ"), TypeNotAllowed),
        ("keycloak", "an ID token", of("keycloak").claim("typ", "ID"), NotAnAccessToken),
        ("keycloak", "a refresh token", of("keycloak").claim("typ", "Refresh"), NotAnAccessToken),
        ("keycloak", "an offline token", of("keycloak").claim("typ", "Offline"), NotAnAccessToken),
        ("keycloak", "a logout token", of("keycloak").claim("typ", "Logout"), NotAnAccessToken),
        ("keycloak", "an unknown payload type", of("keycloak").claim("typ", "Serialized-ID"), NotAnAccessToken),
        ("keycloak", "a payload type that is no string", of("keycloak").claim("typ", 1), NotAnAccessToken),
        ("keycloak", "at_hash, nonce or not", of("keycloak").claim("at_hash", "x"), NotAnAccessToken),
        ("keycloak", "the default audience alone", of("keycloak").audience("account"), AudienceMismatch),
        ("keycloak", "no audience mapper", of("keycloak").without_claim("aud"), AudienceMissing),
        ("keycloak", "no type", of("keycloak").without_header("typ"), TypeNotAllowed),
        ("keycloak", "of another realm", of("keycloak").issuer("https://kc.example/realms/x"), IssuerMismatch),
        ("okta", "of the organisation's server", of("okta").issuer("https://org.okta.com"), IssuerMismatch),
        ("okta", "no audience", of("okta").without_claim("aud"), AudienceMissing),
        ("okta", "type at+jwt", of("okta").typ("at+jwt"), TypeNotAllowed),
        ("okta", "an ID token", of("okta").claim("nonce", "n"), NotAnAccessToken),
        ("generic", "no audience", of("generic").without_claim("aud"), AudienceMissing),
        ("generic", "a client as audience", of("cognito"), AudienceMissing),
    ];
    for (profile, name, token, expected) in cases {
        assert_eq!(judge(profile, &signed(&token)).map(|_| "accepted"), Err(expected), "{profile}: {name}");
    }
    let keycloak_dpop = of("keycloak").claim("typ", "DPoP");
    assert!(judge("keycloak", &signed(&keycloak_dpop)).is_ok(), "a payload type of DPoP without cnf");
}

#[test]
fn no_profile_takes_another_kind_of_token_for_an_access_token() {
    let kinds: &[(&str, fn(Token) -> Token, TokenError)] = &[
        ("an ID token", |token| token.claim("nonce", "n").claim("at_hash", "h"), TokenError::NotAnAccessToken),
        ("an ID token of the hybrid flow", |token| token.claim("c_hash", "h"), TokenError::NotAnAccessToken),
        ("an ID token by its use", |token| token.claim("token_use", "id"), TokenError::NotAnAccessToken),
        ("an ID token by its payload", |token| token.claim("typ", "ID"), TokenError::NotAnAccessToken),
        ("a refresh token", |token| token.claim("typ", "Refresh"), TokenError::NotAnAccessToken),
        ("a refresh token by its use", |token| token.claim("token_use", "refresh_token"), TokenError::NotAnAccessToken),
        ("an offline token", |token| token.claim("typ", "Offline"), TokenError::NotAnAccessToken),
        ("a logout token", |token| token.typ("logout+jwt"), TokenError::TypeNotAllowed),
        (
            "a logout token without its type",
            |token| token.claim("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
            TokenError::NotAnAccessToken,
        ),
        ("a logout token by its payload", |token| token.claim("typ", "Logout"), TokenError::NotAnAccessToken),
        ("an ID-JAG", |token| token.typ("oauth-id-jag+jwt"), TokenError::TypeNotAllowed),
        (
            "a DPoP proof",
            |token| {
                let proof = token.typ("dpop+jwt").header("jwk", Key::ed25519().jwk());
                proof.claim("htm", "POST").claim("htu", AUDIENCE).claim("ath", "x")
            },
            TokenError::TypeNotAllowed,
        ),
        ("a bound token", |token| token.claim("cnf", json!({"jkt": "x"})), TokenError::Bound),
        ("a security event", |token| token.typ("secevent+jwt"), TokenError::TypeNotAllowed),
    ];
    let mut count = 0;
    for shape in shapes() {
        for (kind, change, expected) in kinds {
            let verdict = judge(shape.profile, &signed(&change(shape.token.clone()))).map(|_| "accepted");
            assert_eq!(verdict, Err(*expected), "{}, {}: {kind}", shape.profile, shape.name);
            count += 1;
        }
    }
    println!("{count} tokens of another kind");
}
