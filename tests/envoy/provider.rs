//! The provider fails as it says, its keys verify what they sign, and Envoy
//! trusts it only with the right certificate.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::bootstrap::Setup;
use crate::support::client::{Client, Request};
use crate::support::envoy::Envoy;
use crate::support::keys::{Key, key_set};
use crate::support::provider::{Behaviour, Provider};
use crate::support::raw::Raw;
use crate::support::tls::Authority;
use crate::support::tokens::{self, Token};
use crate::support::upstream::Upstream;

#[test]
fn a_provider_fails_as_it_is_told() {
    let keys = key_set([&Key::rsa_a()]);
    let provider = Provider::start(Behaviour::Json(keys.clone()));
    let ask = || {
        let mut connection = Raw::connect(provider.address());
        connection.send(Request::get("/jwks").bytes()).try_response()
    };
    let status = |behaviour| {
        provider.set(behaviour);
        ask().map(|response| (response.status, response.complete)).ok()
    };
    let redirect = Behaviour::Redirect("http://elsewhere.example/".into());

    assert_eq!(ask().unwrap().json(), keys);
    assert_eq!(status(Behaviour::Status(500)), Some((500, true)));
    assert_eq!(status(Behaviour::Html), Some((200, true)));
    assert_eq!(status(redirect), Some((302, true)));
    assert_eq!(status(Behaviour::Truncated(keys.clone())), Some((200, false)));
    assert_eq!(status(Behaviour::HangUp), None);
    assert_eq!(provider.fetches(), 6);

    provider.set(Behaviour::Padded(300_000, keys.clone()));
    assert_eq!(ask().unwrap().body.len(), 300_000);

    let start = Instant::now();
    provider.set(Behaviour::Slow(Duration::from_millis(50), keys.clone()));
    assert_eq!(ask().unwrap().json(), keys);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn keys_can_be_swapped_while_the_provider_runs() {
    let provider = Provider::start(Behaviour::Json(key_set([&Key::rsa_a()])));
    provider.set_keys(key_set([&Key::rsa_b(), &Key::ed25519()]));
    let served = Client::new(provider.address()).get("/jwks").json();
    let kids: Vec<_> = served["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, ["rsa-b", "ed25519"]);
}

#[test]
fn a_certificate_must_name_the_provider_and_come_from_the_trusted_root() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let cases = [
        ("all as it should be", &authority, "auth.example.com", "handshake"),
        ("another name", &authority, "evil.example.com", "fail_verify_san"),
        ("another root", &stranger, "auth.example.com", "fail_verify_error"),
    ];
    for (name, issuer, host, counter) in cases {
        let served = Behaviour::Json(json!({"keys": []}));
        let provider = Provider::start_tls(issuer, host, served);
        let envoy = proxy_to_provider(&provider, &authority);
        let response = envoy.client().get("/jwks");
        let status = if counter == "handshake" { 200 } else { 503 };
        assert_eq!(response.status, status, "{name}: {}", response.text());
        assert_eq!(envoy.stat(&format!("cluster.auth.ssl.{counter}")), 1, "{name}");
        assert_eq!(provider.fetches(), usize::from(status == 200), "{name}");
    }
}

/// Envoy with the cluster `auth` as the project's file has it, in the place of
/// the MCP server.
fn proxy_to_provider(provider: &Provider, authority: &Authority) -> Envoy {
    let setup = Setup::new(&Upstream::start()).without_filter();
    setup
        .provider_tls(provider, authority)
        .http_manager(|http| {
            let route = "/route_config/virtual_hosts/0/routes/0/route/cluster";
            *http.pointer_mut(route).unwrap() = json!("auth");
        })
        .start()
}

#[test]
fn every_key_verifies_what_it_signed_and_nothing_else() {
    let rsa = [Key::rsa_a().with_alg("PS256"), Key::rsa_b().with_alg("RS512")];
    for key in Key::all().into_iter().chain(rsa) {
        let token = Token::new().scope("a b").sign(&key);
        assert!(verifies(&token, &key.jwk()), "{}: {token}", key.alg());
        for bad in [tokens::tampered(&token), tokens::with_payload(&token, "{}")] {
            assert!(!verifies(&bad, &key.jwk()), "{}: {bad}", key.alg());
        }
    }
}

#[test]
fn a_token_is_good_by_default_and_wrong_as_asked() {
    let part = |token: &str, index: usize| -> Value {
        serde_json::from_slice(&decode(token.split('.').nth(index).unwrap())).unwrap()
    };
    let good = Token::at(1_000).scope("a b").expires_in(60).sign(&Key::rsa_a());
    assert_eq!(part(&good, 0), json!({"alg": "RS256", "kid": "rsa-a", "typ": "at+jwt"}));
    assert_eq!(part(&good, 1)["exp"], 1_060);

    let bad = Token::new().without_header("kid").header("alg", "HS256").without_claim("exp");
    let bad = bad.sign(&Key::secret(Key::rsa_a().rsa_public_der()));
    assert_eq!(part(&bad, 0), json!({"alg": "HS256", "typ": "at+jwt"}));
    assert!(part(&bad, 1).get("exp").is_none());
    assert!(Token::new().unsigned().ends_with('.'));
}

fn verifies(token: &str, jwk: &Value) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (signed, signature) = (signed.as_bytes(), decode(signature));
    let member = |name: &str| decode(jwk[name].as_str().unwrap());
    let point = || [vec![4], member("x"), member("y")].concat();
    let rsa = |parameters| {
        let public = signature::RsaPublicKeyComponents { n: member("n"), e: member("e") };
        public.verify(parameters, signed, &signature).is_ok()
    };
    let other = |algorithm, key| UnparsedPublicKey::<Vec<u8>>::new(algorithm, key).verify(signed, &signature).is_ok();
    match jwk["alg"].as_str().unwrap() {
        "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS512" => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        "ES256" => other(&signature::ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => other(&signature::ECDSA_P384_SHA384_FIXED, point()),
        "ES512" => {
            use p521::ecdsa::signature::Verifier as _;
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(&point()).unwrap();
            let signature = p521::ecdsa::Signature::from_slice(&signature);
            signature.is_ok_and(|signature| key.verify(signed, &signature).is_ok())
        }
        "EdDSA" => other(&signature::ED25519, member("x")),
        unknown => panic!("{unknown}"),
    }
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
