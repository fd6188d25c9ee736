//! Tokens: what makes one invalid, and what does not.

use serde_json::json;

use super::config::{FORWARD, NAMED, NO_URL, QUIET};
use super::expect::*;
use super::request::{Grant, SignedBy, call, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let good = || token("weather:read");
    let refused = |name, grant: Grant, reason| row(name, call("echo").bearer(grant), invalid_token(reason));
    let taken = |name, grant: Grant| row(name, call("echo").bearer(grant), forwarded());
    vec![
        refused("a token for another resource is refused", good().claim("aud", "https://other.example.com/mcp"), "audience_mismatch"),
        refused("a token whose audience only begins like the resource is refused", good().claim("aud", "https://mcp.example.com/mcp2"), "audience_mismatch"),
        refused("a token for the resource's host is not one for the resource", good().claim("aud", "https://mcp.example.com"), "audience_mismatch"),
        refused("a token for nobody is refused", good().without("aud"), "audience_missing"),
        refused("a token of another issuer is refused", good().claim("iss", "https://evil.example.com"), "issuer_mismatch"),
        refused("an issuer is compared byte for byte", good().claim("iss", "https://auth.example.com/"), "issuer_mismatch"),
        refused("an issuer of another resource is refused", good().claim("iss", "https://both.example.com"), "issuer_mismatch"),
        refused("a token of nobody is refused", good().without("iss"), "issuer_missing"),
        refused("a token without an end is refused", good().without("exp"), "expiry_missing"),
        refused("a claim of the wrong type is refused", good().claim("exp", "tomorrow"), "claim_malformed"),
        refused("a token with another signature is refused", good().tampered(), "bad_signature"),
        refused("a token of a stranger under a known name is refused", good().signed_by(SignedBy::Stranger), "bad_signature"),
        refused("a token of an unknown key is refused", good().signed_by(SignedBy::Unknown), "key_unknown"),
        refused("a public key is no secret", good().signed_by(SignedBy::PublicKeyAsSecret), "algorithm_not_allowed"),
        refused("an unsigned token is refused", good().signed_by(SignedBy::Nobody), "algorithm_not_allowed"),
        refused("a key is not used for another algorithm", good().header("alg", "RS256"), "key_unknown"),
        refused("an RSA key that names no algorithm is none for PS512, which only its sender chose", good().signed_by(SignedBy::AnyRsa("PS512")), "key_unknown"),
        refused("nor is it for a token without a key's name", good().header("kid", json!(null)).signed_by(SignedBy::AnyRsa("PS256")), "key_unknown"),
        refused("a token of another type is refused", good().header("typ", "dpop+jwt"), "type_not_allowed"),
        refused("an ID token is refused", good().header("typ", "JWT").claim("nonce", "n"), "not_an_access_token"),
        refused("a refresh token is refused", good().claim("typ", "Refresh"), "not_an_access_token"),
        refused("a token for another use is refused", good().claim("token_use", "id"), "not_an_access_token"),
        refused("a bound token is refused", good().claim("cnf", json!({"jkt": "x"})), "token_bound"),
        refused("a token that is bound to a key is refused where no proof is taken", good().claim("cnf", json!({"jkt": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"})), "token_bound"),
        refused("a token that is bound to a certificate is refused without one", good().claim("cnf", json!({"x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"})), "certificate_missing"),
        row("a header cannot show the certificate of a bound token", call("echo").bearer(good().claim("cnf", json!({"x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}))).header("x-forwarded-client-cert", format!("Hash={}01", "00".repeat(31))), invalid_token("certificate_missing")),
        refused("a bound token with another signature is refused for that", good().claim("cnf", json!({"x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"})).tampered(), "bad_signature"),
        refused("a token with critical parameters is refused", good().header("crit", json!(["exp"])), "critical_header"),
        refused("a token that is too long is refused", good().claim("padding", "x".repeat(4_000)), "token_too_long"),
        row("an expired token is refused", call("echo").bearer(good().time("exp", -31)), invalid_token("token_expired")),
        row("a token is refused before its time", call("echo").bearer(good().time("nbf", 120)), invalid_token("token_not_yet_valid")),
        row("a token from the future is refused", call("echo").bearer(good().time("iat", 120)), invalid_token("issued_in_future")),
        row("the challenge of an invalid token is this one, byte for byte", call("echo").bearer(good().time("exp", -31).claim("sub", "bob")), invalid_token("token_expired")
            .challenge(r#"Bearer error="invalid_token", scope="weather:read", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", error_description="The access token has expired""#)),
        row("a challenge without scopes asks an invalid token for none", call("echo").at(QUIET).authorization(&["Bearer garbage"]), invalid_token("token_malformed").scope("")),
        row("a token that is no JSON is refused", call("echo").authorization(&["Bearer e30.e30x.e30"]), invalid_token("token_malformed")),
        row("a token of two parts is refused", call("echo").authorization(&["Bearer e30.e30"]), invalid_token("token_malformed")),
        row("the audience is the resource's, not the host's that is asked", call("echo").at(FORWARD).bearer(good().claim("aud", "https://forward.example.com/mcp")), invalid_token("audience_mismatch")),
        taken("an audience may have one trailing slash", good().claim("aud", "https://mcp.example.com/mcp/")),
        taken("one audience of several is enough", good().claim("aud", json!(["https://other.example.com", "https://mcp.example.com/mcp"]))),
        taken("a token has leeway after its end", good().time("exp", -5)),
        taken("a token has leeway before its time", good().time("nbf", 5)),
        taken("ES256 is taken", good().signed_by(SignedBy::P256)),
        taken("RS256 is taken", good().signed_by(SignedBy::Rsa)),
        taken("an RSA key that names no algorithm is one for RS512", good().signed_by(SignedBy::AnyRsa("RS512"))),
        taken("a token without a key's name is tried on the keys of its algorithm", good().header("kid", json!(null))),
        taken("an algorithm may have the name of its curve", good().header("alg", "Ed25519")),
        taken("claims that are null are absent", ["cnf", "nbf", "nonce", "at_hash", "typ", "token_use", "scp"].iter().fold(good(), |token, name| token.claim(name, json!(null)))),
        refused("a claim that is needed and null is missing", good().claim("exp", json!(null)), "expiry_missing"),
        row("an issuer need not be a URL", call("read").at(NAMED).bearer(good().claim("iss", NO_URL)), forwarded()),
        row("a token with a nonce is taken where that is allowed", call("read").at(NAMED).bearer(good().claim("iss", NO_URL).header("typ", "JWT").claim("nonce", "n")), forwarded()),
        row("an ID token is refused there too", call("read").at(NAMED).bearer(good().claim("iss", NO_URL).header("typ", "JWT").claim("nonce", "n").claim("at_hash", "h")), invalid_token("not_an_access_token")),
        taken("a type may have its prefix and any case", good().header("typ", "application/AT+JWT")),
        row("scopes may be an array under another name", call("get_forecast").bearer(token("").claim("scp", json!(["weather:read"]))), forwarded()),
        row("a scope that differs by one character is not that scope", call("get_forecast").bearer(token("weather:reed")), step_up("tools/call", "get_forecast", "weather:read", "weather:read", "weather:read")),
        row("a scope that differs by case is not that scope", call("get_forecast").bearer(token("Weather:read")), step_up("tools/call", "get_forecast", "weather:read", "weather:read", "weather:read")),
    ]
}
