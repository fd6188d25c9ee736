//! Keys that are found through the issuer's metadata, as providers of several kinds serve it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::weather::policy;
use crate::support::answer::Answer;
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::{Key, key_set};
use crate::support::provider::Behaviour;
use crate::support::tokens::Token;
use crate::support::upstream::Recorded;
use crate::support::wait_until;

const ISSUER: &str = "https://auth.example.com/tenant";

/// A provider that has these documents, and nothing else.
fn serving(documents: &[(&'static str, Value)]) -> Behaviour {
    let documents = documents.to_vec();
    Behaviour::Script(Arc::new(move |request: &Recorded| {
        let found = documents.iter().find(|(target, _)| *target == request.target);
        found.map_or_else(|| Answer::json(&json!({})).status(404), |(_, document)| Answer::json(document))
    }))
}

fn metadata(issuer: &str, keys: &str) -> Value {
    json!({"issuer": issuer, "jwks_uri": keys, "token_endpoint": "https://auth.example.com/token"})
}

fn discovering() -> Value {
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["issuer"] = json!(ISSUER);
    configuration["issuers"][0]["jwks"] = json!({"discover": true, "cluster": "auth", "cooldown": "1s"});
    configuration
}

fn call(gate: &Gate, key: &Key) -> u16 {
    let token = Token::new().issuer(ISSUER).scope("weather:read").sign(key);
    gate.envoy.client().send(&Request::call("get_forecast").bearer(&token)).status
}

#[test]
fn keys_are_found_wherever_the_metadata_is_and_only_there() {
    const KEYS: &str = "https://keys.example.com/sets/1?v=2";
    let keys = ("/sets/1?v=2", key_set([&Key::rsa_a()]));
    let good = metadata(ISSUER, KEYS);
    let cases = [
        ("OAuth", "/.well-known/oauth-authorization-server/tenant", good.clone(), 200),
        ("OpenID, inserted", "/.well-known/openid-configuration/tenant", good.clone(), 200),
        ("OpenID, appended", "/tenant/.well-known/openid-configuration", good.clone(), 200),
        ("another tenant's place", "/.well-known/oauth-authorization-server", good, 503),
        (
            "another issuer",
            "/.well-known/oauth-authorization-server/tenant",
            metadata("https://auth.example.com/Tenant", KEYS),
            503,
        ),
        (
            "keys in the clear",
            "/.well-known/oauth-authorization-server/tenant",
            metadata(ISSUER, "http://keys.example.com/sets/1?v=2"),
            503,
        ),
    ];
    for (name, target, document, expected) in cases {
        let gate = Gate::start_changed(Mode::Held, &discovering(), |setup| setup.concurrency(2));
        gate.provider.set(serving(&[(target, document), keys.clone()]));
        if expected == 200 {
            wait_until(name, || call(&gate, &Key::rsa_a()) == 200);
            let requests = gate.provider.requests();
            let asked = requests.iter().find(|request| request.target == keys.0).unwrap();
            assert_eq!(
                asked.headers.get("host").as_deref(),
                Some("keys.example.com"),
                "{name}: through the same cluster"
            );
            let asked = requests.iter().find(|request| request.target == target).unwrap();
            assert_eq!(asked.headers.get("host").as_deref(), Some("auth.example.com"), "{name}");
            assert_eq!(call(&gate, &Key::rsa_b().named("rsa-a")), 401, "{name}: a forgery");
        } else {
            let told = match name {
                "another issuer" => {
                    "its `issuer` is `https://auth.example.com/Tenant`, not `https://auth.example.com/tenant`"
                }
                "keys in the clear" => "its `jwks_uri` is `http` although the issuer is `https`",
                _ => "404: no metadata was found that names the issuer's keys",
            };
            // The provider answered something else until its documents were set.
            let line = gate.envoy.wait_for_log(told);
            assert!(line.contains("the keys of issuer main could not be fetched: GET https://"), "{name}: {line}");
            assert!(line.contains(" via cluster \"auth\": "), "{name}: {line}");
            assert_eq!(call(&gate, &Key::rsa_a()), 503, "{name}");
            assert!(gate.provider.requests().iter().all(|request| request.target != keys.0), "{name}: never asked");
            gate.provider.set(serving(&[
                ("/.well-known/oauth-authorization-server/tenant", metadata(ISSUER, KEYS)),
                keys.clone(),
            ]));
            wait_until("it to heal", || call(&gate, &Key::rsa_a()) == 200);
        }
    }
}

#[test]
fn a_provider_that_answers_elsewhere_with_anything_else_is_no_outage() {
    const KEYS: &str = "https://auth.example.com/sets/1";
    let page = |body: &str| Answer::new(200).header("content-type", "text/html").body(body);
    let cases: [(&str, Answer); 6] = [
        ("a page for every path", page("<!doctype html><title>Sign in</title>")),
        ("an object without anything", Answer::json(&json!({}))),
        ("an error as 200", Answer::json(&json!({"error": "not_found"}))),
        ("another issuer", Answer::json(&metadata("https://auth.example.com/", KEYS))),
        ("an error of the provider", Answer::json(&json!({})).status(500)),
        ("more than is read", page(&"x".repeat(300_000))),
    ];
    for (name, first) in cases {
        let gate = Gate::start(Mode::Held, &discovering());
        gate.provider.set(Behaviour::Script(Arc::new(move |request: &Recorded| match request.target.as_str() {
            "/tenant/.well-known/openid-configuration" => Answer::json(&metadata(ISSUER, KEYS)),
            "/sets/1" => Answer::json(&key_set([&Key::rsa_a()])),
            _ => first.clone(),
        })));
        wait_until(name, || call(&gate, &Key::rsa_a()) == 200);
        assert_eq!(call(&gate, &Key::rsa_b().named("rsa-a")), 401, "{name}: a forgery");
        let sets = gate.provider.requests().into_iter().filter(|asked| asked.target.starts_with("/sets/"));
        assert!(sets.into_iter().all(|asked| asked.target == "/sets/1"), "{name}");
    }
}

#[test]
fn a_rotation_is_found_by_one_request_and_a_move_by_a_refresh() {
    const METADATA: &str = "/tenant/.well-known/openid-configuration";
    let mut configuration = discovering();
    configuration["issuers"][0]["jwks"]["max_age"] = json!("3s");
    let gate = Gate::start_changed(Mode::Ahead, &configuration, |setup| setup.concurrency(2));
    let serve = |place: &'static str, keys: &[Key]| {
        let document = metadata(ISSUER, &format!("https://auth.example.com{place}"));
        gate.provider.set(serving(&[(METADATA, document), (place, key_set(keys))]));
    };
    serve("/old", &[Key::rsa_a()]);
    wait_until("the first keys", || call(&gate, &Key::rsa_a()) == 200);
    let found = gate.provider.fetches();

    serve("/old", &[Key::rsa_a(), Key::p256()]);
    wait_until("the new key", || call(&gate, &Key::p256()) == 200);

    serve("/new", &[Key::ed25519()]);
    wait_until("the move", || call(&gate, &Key::ed25519()) == 200);
    wait_until("the old key to be gone", || call(&gate, &Key::rsa_a()) == 401);
    let later = gate.provider.fetches();
    gate.provider.wait_for_fetches(later + 4);
    // The worker that found it first begins with the right document ever since; the other and Envoy's main thread may
    // each have looked in the two wrong places once.
    let useless = gate.provider.requests().split_off(found);
    let useless = useless.iter().filter(|asked| asked.target.starts_with("/.well-known/")).count();
    assert!(useless <= 4, "{useless} requests for documents that are not there");
}
