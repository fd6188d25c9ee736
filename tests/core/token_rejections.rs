//! Tokens: each rejection fails exactly one check, and each acceptance is the
//! shape that one kind of provider issues.

mod claims;
mod providers;

use crate::support::core::{NOW, accepted, at, minimal, set, verify};
use crate::support::forgeries::{self, Forgery};
use crate::support::keys::{Key, base64url};
use crate::support::tokens::{AUDIENCE, ISSUER, Token, sign_raw};
use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate::token::{AccessToken, TokenError, UntrustedJwt};

/// An issuer of this profile with every test key, and its resource.
fn config(profile: &str) -> Config {
    let keys: Vec<Value> = forgeries::keys().iter().map(Key::jwk).collect();
    let issuer = json!({"issuer": ISSUER, "name": "main", "profile": profile, "jwks": {"keys": keys}});
    let value = set(minimal(), "/issuers/0", issuer);
    accepted(&set(value, "/resources/0/audiences", json!([AUDIENCE, "api://default", "client-7"])))
}

fn judge(profile: &str, token: &str) -> Result<AccessToken, TokenError> {
    verify(&config(profile), token, at(NOW))
}

/// Signed by the issuer's quickest key.
fn signed(token: &Token) -> String {
    token.sign(&Key::ed25519())
}

fn good() -> Token {
    Token::at(NOW).scope("read")
}

/// Asserts that each token of the table is refused for exactly that reason,
/// and gives how many there were.
fn assert_rejected(profile: &str, cases: &[(&str, String, TokenError)]) -> usize {
    for (name, token, expected) in cases {
        assert_eq!(judge(profile, token).map(|_| "accepted"), Err(*expected), "{name} ({profile})");
    }
    cases.len()
}

/// `{part}` of a good token replaced.
fn with_part(place: usize, part: &str) -> String {
    let token = signed(&good());
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[place] = part;
    parts.join(".")
}

#[test]
fn the_good_token_of_these_tests_is_good() {
    for key in forgeries::keys() {
        let token = judge("generic", &good().sign(&key)).unwrap();
        assert_eq!((token.issuer(), token.issuer_name()), (ISSUER, "main"), "{}", key.kid());
        assert_eq!((token.subject(), token.client()), (Some("alice"), Some("test-client")));
        assert_eq!((token.scopes(), token.expires_at()), (&["read".to_owned()][..], 1_800_000_300.0));
    }
}

#[test]
fn eighty_tokens_and_more_are_each_refused_for_one_reason() {
    let count = assert_rejected("generic", &form())
        + assert_forgeries_rejected()
        + assert_rejected("generic", &claims())
        + assert_rejected("generic", &kinds())
        + assert_rejected("generic", &times());
    println!("{count} rejections");
    assert!(count >= 80, "only {count} rejections");
}

fn assert_forgeries_rejected() -> usize {
    let forgeries = forgeries::all(NOW);
    for Forgery { name, token, reason } in &forgeries {
        assert_eq!(
            judge("generic", token).map(|_| "accepted").map_err(|error| error.reason().as_str()),
            Err(*reason),
            "{name}"
        );
    }
    forgeries.len()
}

fn form() -> Vec<(&'static str, String, TokenError)> {
    let whole = signed(&good());
    let header = whole.split('.').next().unwrap().to_owned();
    let payload = whole.split('.').nth(1).unwrap().to_owned();
    let raw = |header: &str, payload: &str| sign_raw(header, payload, &Key::ed25519());
    let head = r#"{"alg":"EdDSA","kid":"ed25519","typ":"at+jwt"}"#;
    // Where the last character carries spare bits, another one decodes to the same bytes.
    let loose = (0..3).map(|n| signed(&good().claim("pad", "x".repeat(n))));
    let loose = loose.map(respelled).find(Option::is_some).flatten().expect("a payload with spare bits");
    vec![
        ("nothing", String::new(), TokenError::Malformed),
        ("garbage", "garbage".to_owned(), TokenError::Malformed),
        ("two parts", format!("{header}.{payload}"), TokenError::Malformed),
        ("one part", header.clone(), TokenError::Malformed),
        ("four parts", format!("{whole}.x"), TokenError::Malformed),
        ("an empty fourth part", format!("{whole}."), TokenError::Malformed),
        ("five parts, as an encrypted token has", format!("{whole}.x.y"), TokenError::Malformed),
        ("an empty header", with_part(0, ""), TokenError::Malformed),
        ("an empty payload", with_part(1, ""), TokenError::Malformed),
        ("three empty parts", "..".to_owned(), TokenError::Malformed),
        ("padding after the header", with_part(0, &format!("{header}=")), TokenError::Malformed),
        ("padding after the payload", with_part(1, &format!("{payload}==")), TokenError::Malformed),
        ("padding after the signature", format!("{whole}="), TokenError::Malformed),
        ("the other alphabet of base64", with_part(2, &"+".repeat(86)), TokenError::Malformed),
        ("a space in the payload", with_part(1, &format!(" {payload}")), TokenError::Malformed),
        ("a line end after the token", format!("{whole}\n"), TokenError::Malformed),
        ("a character beyond ASCII", with_part(1, "é"), TokenError::Malformed),
        ("a header that is no JSON", with_part(0, &base64url("nope")), TokenError::Malformed),
        ("a header that is an array", raw("[]", "{}"), TokenError::Malformed),
        ("a payload that is an array", raw(head, "[]"), TokenError::Malformed),
        ("a payload that is a string", raw(head, "\"x\""), TokenError::Malformed),
        ("a payload that is cut short", raw(head, "{\"iss\":"), TokenError::Malformed),
        ("a payload with something after it", raw(head, "{} {}"), TokenError::Malformed),
        ("a payload with a byte order mark", raw(head, "\u{feff}{}"), TokenError::Malformed),
        ("a header with a byte order mark", raw(&format!("\u{feff}{head}"), &good().payload()), TokenError::Malformed),
        ("a payload that is not UTF-8", sign_raw(head, b"{\"iss\":\"\xff\"}", &Key::ed25519()), TokenError::Malformed),
        (
            "a payload of a hundred arrays in one another",
            raw(head, &format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100))),
            TokenError::Malformed,
        ),
        (
            "two algorithms in the header",
            raw(&head.replace('{', "{\"alg\":\"none\","), &good().payload()),
            TokenError::Malformed,
        ),
        (
            "two kids in the header",
            raw(&head.replace('{', "{\"kid\":\"x\","), &good().payload()),
            TokenError::Malformed,
        ),
        (
            "an algorithm twice, once in an escaped spelling",
            raw(&head.replace('{', "{\"\\u0061lg\":\"none\","), &good().payload()),
            TokenError::Malformed,
        ),
        (
            "two audiences in the claims",
            raw(head, &good().payload().replacen('{', "{\"aud\":\"x\",", 1)),
            TokenError::Malformed,
        ),
        (
            "two scopes in the claims",
            raw(head, &good().payload().replacen('{', "{\"scope\":\"admin\",", 1)),
            TokenError::Malformed,
        ),
        (
            "a claim twice further down",
            raw(head, &good().payload().replacen('{', "{\"x\":{\"a\":1,\"a\":2},", 1)),
            TokenError::Malformed,
        ),
        ("base64url whose spare bits are not zero", loose, TokenError::Malformed),
    ]
}

/// `token` with the spare bits of its payload's last character set, if there are any.
fn respelled(token: String) -> Option<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let parts: Vec<&str> = token.split('.').collect();
    let (first, last) = parts[1].split_at(parts[1].len() - 1);
    let other = ALPHABET.chars().nth(ALPHABET.find(last).unwrap() ^ 1).unwrap();
    (!parts[1].len().is_multiple_of(4)).then(|| format!("{}.{first}{other}.{}", parts[0], parts[2]))
}

fn claims() -> Vec<(&'static str, String, TokenError)> {
    use TokenError::{AudienceMismatch, AudienceMissing, ClaimMalformed, IssuerMismatch, IssuerMissing};
    let with = |name: &str, value: Value| signed(&good().claim(name, value));
    vec![
        ("no iss", signed(&good().without_claim("iss")), IssuerMissing),
        ("another iss", with("iss", json!("https://evil.example")), IssuerMismatch),
        ("iss with a slash more", with("iss", json!("https://auth.example.com/")), IssuerMismatch),
        ("iss in upper case", with("iss", json!("https://AUTH.example.com")), IssuerMismatch),
        ("iss with a longer host", with("iss", json!("https://auth.example.com.evil.example")), IssuerMismatch),
        ("iss with a default port", with("iss", json!("https://auth.example.com:443")), IssuerMismatch),
        ("an empty iss", with("iss", json!("")), IssuerMismatch),
        ("iss that is an array", with("iss", json!([ISSUER])), ClaimMalformed),
        ("no aud", signed(&good().without_claim("aud")), AudienceMissing),
        ("an empty list of audiences", with("aud", json!([])), AudienceMissing),
        ("another aud", with("aud", json!("https://other.example/mcp")), AudienceMismatch),
        ("an empty aud", with("aud", json!("")), AudienceMismatch),
        ("a list of others", with("aud", json!(["a", "b"])), AudienceMismatch),
        ("aud in upper case", with("aud", json!("https://MCP.example.com/mcp")), AudienceMismatch),
        ("aud with two slashes more", with("aud", json!("https://mcp.example.com/mcp//")), AudienceMismatch),
        ("aud of the host alone", with("aud", json!("https://mcp.example.com")), AudienceMismatch),
        ("aud of a path below", with("aud", json!("https://mcp.example.com/mcp/x")), AudienceMismatch),
        ("aud with a query", with("aud", json!("https://mcp.example.com/mcp?x")), AudienceMismatch),
        ("aud with a space after it", with("aud", json!("https://mcp.example.com/mcp ")), AudienceMismatch),
        ("two audiences in one string", with("aud", json!(format!("{AUDIENCE} other"))), AudienceMismatch),
        ("the client as aud", with("aud", json!("test-client")), AudienceMismatch),
        ("aud that is a number", with("aud", json!(7)), ClaimMalformed),
        ("aud that is null", with("aud", json!(null)), AudienceMissing),
        ("aud with null in it", with("aud", json!([null])), ClaimMalformed),
        ("iss that is null", with("iss", json!(null)), IssuerMissing),
        ("aud that is an object", with("aud", json!({AUDIENCE: true})), ClaimMalformed),
        ("aud with a number in it", with("aud", json!([AUDIENCE, 7])), ClaimMalformed),
        ("cnf with a thumbprint", with("cnf", json!({"jkt": "x"})), TokenError::Bound),
        ("cnf with a certificate", with("cnf", json!({"x5t#S256": "x"})), TokenError::Bound),
        ("an empty cnf", with("cnf", json!({})), TokenError::Bound),
        ("a subject that is a number", with("sub", json!(7)), ClaimMalformed),
        ("a client that is an object", with("client_id", json!({})), ClaimMalformed),
        ("a scope that is a number", with("scope", json!(7)), ClaimMalformed),
        ("a scope with a number in it", with("scope", json!(["read", 7])), ClaimMalformed),
    ]
}

fn kinds() -> Vec<(&'static str, String, TokenError)> {
    use TokenError::NotAnAccessToken;
    let plain = |name: &str, value: Value| signed(&good().typ("JWT").claim(name, value));
    vec![
        ("an ID token with at_hash", plain("at_hash", json!("x")), NotAnAccessToken),
        ("an ID token with c_hash", plain("c_hash", json!("x")), NotAnAccessToken),
        ("an ID token with nonce", plain("nonce", json!("x")), NotAnAccessToken),
        (
            "an ID token with nonce and no type",
            signed(&good().without_header("typ").claim("nonce", "x")),
            NotAnAccessToken,
        ),
        ("an ID token that calls itself at+jwt", signed(&good().claim("at_hash", "x")), NotAnAccessToken),
        ("token_use: id", plain("token_use", json!("id")), NotAnAccessToken),
        ("token_use: refresh_token", plain("token_use", json!("refresh_token")), NotAnAccessToken),
        ("token_use in upper case", plain("token_use", json!("ACCESS")), NotAnAccessToken),
        ("token_use that is a list", plain("token_use", json!(["access"])), NotAnAccessToken),
        ("a payload of type ID", plain("typ", json!("ID")), NotAnAccessToken),
        ("a payload of type Refresh", plain("typ", json!("Refresh")), NotAnAccessToken),
        ("a payload of type Offline", plain("typ", json!("Offline")), NotAnAccessToken),
        ("a payload of type Logout", plain("typ", json!("Logout")), NotAnAccessToken),
        (
            "a logout token by its event",
            plain("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
            NotAnAccessToken,
        ),
    ]
}

fn times() -> Vec<(&'static str, String, TokenError)> {
    use TokenError::{ClaimMalformed, Expired, ExpiryMissing, IssuedInFuture, NotYetValid};
    let with = |name: &str, value: Value| signed(&good().claim(name, value));
    vec![
        ("no exp", signed(&good().without_claim("exp")), ExpiryMissing),
        ("exp long ago", with("exp", json!(0)), Expired),
        ("exp before 1970", with("exp", json!(-1)), Expired),
        ("exp that is a string", with("exp", json!((NOW + 300).to_string())), ClaimMalformed),
        ("exp that is null", with("exp", json!(null)), ExpiryMissing),
        ("exp that is a list", with("exp", json!([NOW + 300])), ClaimMalformed),
        ("nbf in an hour", with("nbf", json!(NOW + 3600)), NotYetValid),
        ("nbf that is a string", with("nbf", json!("now")), ClaimMalformed),
        ("iat in an hour", with("iat", json!(NOW + 3600)), IssuedInFuture),
        ("iat that is a string", with("iat", json!("now")), ClaimMalformed),
    ]
}

#[test]
fn keys_belong_to_one_issuer() {
    let value = json!({
        "issuers": [
            {"issuer": "https://a.example", "jwks": {"keys": [Key::p256().named("k").jwk()]}},
            {"issuer": "https://b.example", "jwks": {"keys": [Key::ed25519().named("k").jwk()]}},
        ],
        "resources": [{"resource": AUDIENCE, "policy": {}}],
    });
    let config = accepted(&value);
    let cases = [
        ("https://a.example", Key::p256(), true),
        ("https://b.example", Key::ed25519(), true),
        ("https://a.example", Key::ed25519(), false),
        ("https://b.example", Key::p256(), false),
    ];
    for (issuer, key, accepts) in cases {
        let token = good().issuer(issuer).sign(&key.clone().named("k"));
        assert_eq!(verify(&config, &token, at(NOW)).is_ok(), accepts, "{issuer} with {}", key.alg());
    }
}

#[test]
fn a_token_is_never_printed_with_its_claims() {
    let token = judge("generic", &signed(&good().subject("alice@example.com"))).unwrap();
    assert!(!format!("{token:?}").contains("alice"), "{token:?}");
}

#[test]
fn what_a_client_is_told_names_nothing_of_the_token() {
    for error in [
        TokenError::AlgorithmNotAllowed,
        TokenError::AudienceMismatch,
        TokenError::BadSignature,
        TokenError::Bound,
        TokenError::Expired,
        TokenError::IssuerMismatch,
        TokenError::KeyUnknown,
        TokenError::Malformed,
        TokenError::NotAnAccessToken,
        TokenError::NotYetValid,
        TokenError::RequiredClaim,
        TokenError::TypeNotAllowed,
    ] {
        let text = error.description();
        assert!(text.is_ascii() && !text.contains(['"', '=', '\\']) && !text.is_empty(), "{text}");
    }
}

#[test]
fn a_jwt_is_told_from_an_opaque_token_by_its_form_alone() {
    let whole = signed(&good());
    for (token, expected) in [
        (whole.as_str(), true),
        ("ory_at_x.y", false),
        ("garbage", false),
        ("a.b.c", false),
        ("e30.e30.", true),
        ("e30.x.y.z.w", false),
    ] {
        assert_eq!(UntrustedJwt::is_shaped_like(token), expected, "{token}");
    }
}
