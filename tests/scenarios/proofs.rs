//! Tokens that are bound to a key, and the proofs that come with them (RFC 9449).

use serde_json::{Value, json};

use super::config::{PROOFS, PROOFS_ONLY, PROVEN};
use super::expect::*;
use super::request::{Grant, Proving, Request, call, request, token};
use super::{Scenario, row};
use crate::support::keys::Key;
use crate::support::proofs::thumbprint;

const ALGORITHMS: &str = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA";
const PROOF: &str = "A fresh proof of possession of the token's key is required for this request";

/// A good token that is bound to the client's key.
fn bound() -> Grant {
    token("weather:read").claim("iss", PROVEN).claim("cnf", json!({"jkt": thumbprint(&Key::p256())}))
}

/// The same with what Keycloak says of the binding.
fn described(kind: Value) -> Grant {
    bound().claim("cnf", json!({"jkt": thumbprint(&Key::p256()), "kc-jkt-type": kind}))
}

/// After the challenge that all look for comes that of proofs.
fn and_proofs(expected: Expected, bearer: &str, dpop: &str) -> Expected {
    let metadata = format!("https://{PROOFS}/.well-known/oauth-protected-resource/mcp");
    let parameters = |text: &str| text.replace("METADATA", &format!("resource_metadata=\"{metadata}\""));
    expected.challenges(vec![
        format!("Bearer {}", parameters(bearer)),
        format!("DPoP {}, algs=\"{ALGORITHMS}\"", parameters(dpop)),
    ])
}

fn invalid_proof(reason: &'static str) -> Expected {
    let challenge =
        |error: &str| format!(r#"error="{error}", scope="weather:read", METADATA, error_description="{PROOF}""#);
    let expected = and_proofs(invalid_token(reason), &challenge("invalid_token"), &challenge("invalid_dpop_proof"));
    expected.body(Body::Json(json!({"error": "invalid_dpop_proof", "error_description": PROOF})))
}

fn invalid(reason: &'static str) -> Expected {
    let description = description(reason);
    let challenge =
        format!(r#"error="invalid_token", scope="weather:read", METADATA, error_description="{description}""#);
    and_proofs(invalid_token(reason), &challenge, &challenge)
}

pub fn rows() -> Vec<Scenario> {
    let read = || call("read").at(PROOFS);
    let proving = |name, proving: Proving, reason| row(name, read().dpop(bound(), proving), invalid_proof(reason));
    let denial = r#"error="insufficient_scope", scope="weather:read", METADATA, error_description="More scope is needed for this operation""#;
    let document = |host: &str, more: Value| {
        let mut document = json!({
            "resource": format!("https://{host}/mcp"), "scopes_supported": ["weather:read"],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ALGORITHMS.split(' ').collect::<Vec<_>>(),
        });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        own(200, "metadata", Body::Json(document))
    };
    let metadata =
        |host: &str| -> Request { request("GET").at(host).path("/.well-known/oauth-protected-resource/mcp") };
    let page = || read().header("origin", "https://app.example.com");
    vec![
        row(
            "a bound token with its proof is taken, and neither goes on",
            read().dpop(bound(), |proof| proof),
            forwarded().server_gets("dpop", &[]).server_gets("authorization", &[]),
        ),
        row("a bound token with its proof is taken on a request without a body", request("GET").at(PROOFS).dpop(bound(), |proof| proof), forwarded()),
        row("a bound token with its proof in pieces is taken", read().chunks(9).dpop(bound(), |proof| proof), forwarded()),
        row(
            "a binding may say that it is one of DPoP",
            read().dpop(described(json!("DPoP")), |proof| proof),
            forwarded(),
        ),
        row(
            "a binding that says anything else is refused",
            read().dpop(described(json!("other")), |proof| proof),
            invalid("token_bound"),
        ),
        row(
            "a proof whose nonce is null has none",
            read().dpop(bound(), |proof| proof.claim("nonce", json!(null))),
            forwarded(),
        ),
        row("a bound token is refused as that of whoever has it", read().bearer(bound()), invalid("bound_token_as_bearer")),
        row("an unbound token is taken where another issuer binds its own", read().bearer(token("weather:read")), forwarded()),
        row(
            "an unbound token is refused of an issuer that binds all",
            read().bearer(token("weather:read").claim("iss", PROVEN)),
            invalid("token_not_bound"),
        ),
        row("an unbound token is refused with a proof", read().dpop(token("weather:read"), |proof| proof), invalid("token_not_bound")),
        row(
            "a bound token is refused of an issuer that binds none",
            read().dpop(bound().claim("iss", crate::support::tokens::ISSUER), |proof| proof),
            invalid("token_bound"),
        ),
        row("a forged token is refused before its proof is looked at", read().dpop(bound().tampered(), |proof| proof.without("jti")), invalid("bad_signature")),
        proving("a proof for another method is refused", |proof| proof.claim("htm", "GET"), "dpop_method"),
        proving("a proof for another server is refused", |proof| proof.claim("htu", "https://evil.example.com/mcp"), "dpop_url"),
        proving("a proof for another token is refused", |proof| proof.claim("ath", "x"), "dpop_token"),
        proving("a proof for no token is refused", |proof| proof.without("ath"), "dpop_token"),
        proving("a proof of another key is refused", |proof| proof.header("jwk", Key::p384().jwk()), "dpop_other_key"),
        proving("a proof with a weak algorithm is refused", |proof| proof.header("alg", "HS256"), "dpop_algorithm"),
        proving("a proof of another type is refused", |proof| proof.header("typ", "at+jwt"), "dpop_type"),
        row(
            "a token that is sent without a proof is refused",
            read().authorization(&["DPoP x"]),
            invalid("token_malformed"),
        ),
        row(
            "who lacks scope is told how with a proof as well",
            read().dpop(bound().claim("scope", "other"), |proof| proof),
            and_proofs(step_up("tools/call", "read", "weather:read", "weather:read", "weather:read"), denial, denial),
        ),
        row(
            "who comes without a token is told of proofs",
            read(),
            and_proofs(unauthorized(), r#"scope="weather:read", METADATA"#, r#"scope="weather:read", METADATA"#),
        ),
        row(
            "a proof is kept where its token is",
            call("read").at(PROOFS_ONLY).dpop(bound(), |proof| proof),
            forwarded(),
        ),
        row("a proof goes on no further than a token", call("echo").bearer(token("")).header("dpop", "x"), forwarded().server_gets("dpop", &[])),
        row(
            "the metadata tells that proofs are taken",
            metadata(PROOFS),
            document(PROOFS, json!({"authorization_servers": ["https://auth.example.com", PROVEN]})),
        ),
        row(
            "the metadata tells that proofs are needed",
            metadata(PROOFS_ONLY),
            document(PROOFS_ONLY, json!({"authorization_servers": [PROVEN], "dpop_bound_access_tokens_required": true})),
        ),
        row(
            "a page can read what it needs for a proof",
            page().dpop(bound(), |proof| proof.without("ath")),
            invalid_proof("dpop_token").with("access-control-expose-headers", "WWW-Authenticate, Mcp-Session-Id, DPoP-Nonce"),
        ),
        row(
            "a page may send a proof",
            request("OPTIONS").at(PROOFS).header("origin", "https://app.example.com").header("access-control-request-method", "POST"),
            own(204, "preflight", Body::Any).audited().with(
                "access-control-allow-headers",
                "authorization, content-type, accept, last-event-id, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, dpop",
            ),
        ),
    ]
}
