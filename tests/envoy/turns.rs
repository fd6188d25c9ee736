//! Requests that all wait for one answer are tried again in turns, so that no other client waits for all of them.

use serde_json::{Value, json};

use super::weather::{policy, token};
use crate::support::answer::{Answer, Latch};
use crate::support::client::Request;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::proofs::{Proof, thumbprint};
use crate::support::provider::{Behaviour, Provider};
use crate::support::raw::Raw;
use crate::support::tokens::{AUDIENCE, ISSUER, Token, now, tampered};
use crate::support::upstream::Upstream;
use crate::support::wait_until;

/// Where opaque tokens come from.
const ASKED: &str = "https://asked.example.com";

/// As many requests wait. What one wake-up does is a few of them.
const WAITING: usize = 60;

/// Two issuers: one whose keys are fixed, and one that is asked about each token, each time.
fn asked() -> Value {
    let mut configuration = configuration(&policy());
    configuration["issuers"] = json!([
        {"issuer": ISSUER, "name": "main", "jwks": {"keys": key_set([&Key::rsa_a()])["keys"]}},
        {"issuer": ASKED, "name": "asked", "dpop": "optional", "introspection": {
            "uri": format!("{ASKED}/introspect"), "cluster": "auth", "cache_ttl": "0s", "timeout": "30s",
        }},
    ]);
    configuration
}

/// One issuer, whose keys the module verifies and which is slow to tell them.
fn fetched() -> Value {
    configuration(&policy())
}

#[test]
fn all_that_waited_for_one_answer_are_answered_by_it() {
    for mode in Mode::ALL {
        let latch = Latch::new();
        let upstream = Upstream::start();
        let active = json!({
            "active": true, "aud": AUDIENCE, "scope": "weather:read", "sub": "alice",
            "cnf": {"jkt": thumbprint(&Key::p256())},
        });
        let answer = Answer::json(&active);
        let opens = latch.clone();
        let provider = Provider::start(Behaviour::Script(std::sync::Arc::new(move |_| {
            let _ = opens.pass();
            answer.clone()
        })));
        // The module verifies the proofs itself, which takes it most of a millisecond for each.
        let envoy = setup(&upstream, mode, &asked()).provider(&provider).without_foreign_functions().start();
        let proven = |tampers: bool| {
            let proof = Proof::new(Key::p256(), AUDIENCE, "opaque", now()).sign();
            let proof = if tampers { tampered(&proof) } else { proof };
            Request::call("get_forecast").header("authorization", "DPoP opaque").header("dpop", proof)
        };
        let mut waiting: Vec<(Raw, u16)> = (0..WAITING)
            .map(|n| {
                let mut connection = envoy.client().raw();
                connection.send(proven(n % 3 == 2).bytes());
                (connection, if n % 3 == 2 { 401 } else { 200 })
            })
            .collect();
        wait_until("all to wait", || envoy.stat("http.mcp.downstream_rq_active") == WAITING as u64);
        latch.open();
        for (n, (connection, expected)) in waiting.iter_mut().enumerate() {
            let response = connection.response();
            assert_eq!(response.status, *expected, "{mode:?}: {n}: {}", response.text());
        }
        assert_eq!(provider.fetches(), 1, "{mode:?}: one answer is for all who waited for it");
        assert_eq!(envoy.client().send(&proven(false)).status, 200);
        assert_eq!(provider.fetches(), 2, "{mode:?}: and for nobody who came later");
        let good = Request::call("get_forecast").bearer(&token("weather:read"));
        assert_eq!(envoy.client().send(&good).status, 200, "{mode:?}");
        assert!(!envoy.log().contains("panicked"), "{}", envoy.log());
    }
}

#[test]
fn forged_tokens_that_come_at_once_are_refused_in_turns_and_good_ones_pass() {
    for mode in Mode::ALL {
        let upstream = Upstream::start();
        let mut configuration = configuration(&policy());
        configuration["issuers"][0]["jwks"] = json!({"keys": key_set([&Key::ed25519()])["keys"]});
        let envoy = setup(&upstream, mode, &configuration).start();
        let sign = |n: usize| Token::new().subject(&n.to_string()).scope("weather:read").sign(&Key::ed25519());
        let known = Request::call("get_forecast").bearer(&sign(WAITING));
        assert_eq!(envoy.client().send(&known).status, 200, "{mode:?}");
        let mut sent: Vec<(Raw, u16)> = (0..WAITING)
            .map(|n| {
                let token = if n % 3 == 2 { sign(n) } else { tampered(&sign(n)) };
                (envoy.client().raw(), token, if n % 3 == 2 { 200 } else { 401 })
            })
            // All of them are there before the first is sent.
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(mut connection, token, status)| {
                connection.send(Request::call("get_forecast").bearer(&token).bytes());
                (connection, status)
            })
            .collect();
        assert_eq!(envoy.client().send(&known).status, 200, "{mode:?}");
        for (n, (connection, expected)) in sent.iter_mut().enumerate() {
            assert_eq!(connection.response().status, *expected, "{mode:?}: {n}");
        }
        assert!(!envoy.log().contains("panicked"), "{}", envoy.log());
    }
}

#[test]
fn all_that_waited_for_keys_are_answered_by_them() {
    for mode in Mode::ALL {
        let latch = Latch::new();
        let upstream = Upstream::start();
        let provider = Provider::start(Behaviour::Latched(latch.clone(), key_set([&Key::p256()])));
        let envoy = setup(&upstream, mode, &fetched()).provider(&provider).without_foreign_functions().start();
        let call = |n: usize| {
            let key = if n % 3 == 2 { Key::ed25519().named("p256") } else { Key::p256() };
            let token = Token::new().subject(&n.to_string()).scope("weather:read").sign(&key);
            Request::call("get_forecast").bearer(&token)
        };
        let mut waiting: Vec<Raw> = (0..WAITING)
            .map(|n| {
                let mut connection = envoy.client().raw();
                connection.send(call(n).bytes());
                connection
            })
            .collect();
        wait_until("all to wait", || envoy.stat("http.mcp.downstream_rq_active") == WAITING as u64);
        latch.open();
        for (n, connection) in waiting.iter_mut().enumerate() {
            assert_eq!(connection.response().status, if n % 3 == 2 { 401 } else { 200 }, "{mode:?}: {n}");
        }
        assert!(!envoy.log().contains("panicked"), "{}", envoy.log());
    }
}
