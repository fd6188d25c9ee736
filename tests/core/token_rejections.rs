//! Tokens: each rejection fails exactly one check, and each acceptance is the
//! shape that one kind of provider issues.

use crate::support::core::{NOW, accepted, at, at_millis, minimal, set, verify};
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
