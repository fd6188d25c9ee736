//! Proofs of possession on a real Envoy with several workers, with tokens that a real authorization server bound to the
//! client's key.

use std::collections::HashSet;
use std::thread;

use serde_json::{Value, json};

use super::introspection::before;
use super::weather::policy;
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration};
use crate::support::keys::Key;
use crate::support::oidc::{JWT_AUDIENCE, Oidc};
use crate::support::proofs::Proof;
use crate::support::raw::{Raw, Response};
use crate::support::tokens::{AUDIENCE, ISSUER, now};
use crate::support::upstream::Upstream;
use crate::support::wait_until;

/// A client with a key and a token that is bound to it.
struct Client {
    key: Key,
    token: String,
    url: &'static str,
}

impl Client {
    fn proof(&self) -> Proof {
        Proof::new(self.key.clone(), self.url, &self.token, now())
    }

    fn call(&self, proof: &Proof) -> Request {
        let request = Request::call("get_forecast").header("authorization", format!("DPoP {}", self.token));
        let host = self.url.trim_start_matches("https://").trim_end_matches("/mcp");
        request.host(host).header("dpop", proof.sign())
    }
}

/// Two resources, for which the server's tokens are opaque and JWTs.
fn both(dpop: &str) -> Value {
    let mut configuration = configuration(&policy());
    configuration["issuers"] = json!([{
        "issuer": ISSUER, "dpop": dpop, "validation": "jwt_or_introspection",
        "jwks": {"uri": format!("{ISSUER}/jwks"), "cluster": "auth"},
        "introspection": {
            "uri": format!("{ISSUER}/token/introspection"), "cluster": "auth", "client_id": "gate",
            "client_secret": "gate-s3cret",
        },
    }]);
    let second = json!({"resource": JWT_AUDIENCE, "policy": policy()});
    configuration["resources"].as_array_mut().unwrap().push(second);
    configuration
}

fn start(oidc: &Oidc, upstream: &Upstream, mode: Mode, change: impl FnOnce(Setup) -> Setup) -> Envoy {
    change(before(oidc, upstream, mode, &both("required"))).start()
}

fn clients(oidc: &Oidc) -> [Client; 2] {
    [AUDIENCE, JWT_AUDIENCE].map(|url| {
        let key = Key::p256();
        Client { token: oidc.bound_token(url, "weather:read", &key), key, url }
    })
}

fn nonce(response: &Response) -> String {
    assert_eq!(response.status, 401, "{}", response.text());
    assert!(response.challenge().unwrap().starts_with("DPoP error=\"use_dpop_nonce\""));
    response.header("dpop-nonce").expect("a nonce")
}

#[test]
fn a_token_that_a_real_server_bound_is_worth_nothing_without_its_key() {
    let oidc = Oidc::start();
    for mode in Mode::ALL {
        let upstream = Upstream::start();
        let envoy = start(&oidc, &upstream, mode, |setup| setup);
        for client in clients(&oidc) {
            let send = |request: &Request| envoy.client().send(request).status;
            let good = client.proof();
            let scenario = upstream.scenario(|_| crate::support::answer::Answer::json(&json!({})));
            assert_eq!(send(&client.call(&good).scenario(&scenario)), 200, "{mode:?}: {}", client.url);
            let seen = scenario.request();
            for name in ["dpop", "authorization"] {
                assert_eq!(seen.headers.get(name), None, "{mode:?}: the server gets no {name}");
            }
            let host =
                |request: Request| request.host(client.url.trim_start_matches("https://").trim_end_matches("/mcp"));
            let thief = Client { key: Key::rsa_a(), token: client.token.clone(), url: client.url };
            let plain = Request::call("get_forecast").bearer(&client.token);
            let bare = Request::call("get_forecast").header("authorization", format!("DPoP {}", client.token));
            for (name, request) in [
                ("used again", client.call(&good)),
                ("with the thief's own key", thief.call(&thief.proof())),
                ("as a bearer token", host(plain.clone())),
                ("as a bearer token with a good proof", host(plain.header("dpop", client.proof().sign()))),
                ("without a proof", host(bare)),
                ("with two proofs", client.call(&client.proof()).header("dpop", client.proof().sign())),
                ("for another server", client.call(&client.proof().claim("htu", "https://evil.example.com/mcp"))),
                ("for another method", client.call(&client.proof().claim("htm", "GET"))),
            ] {
                assert_eq!(send(&request), 401, "{mode:?}: {}: {name}", client.url);
            }
            let get = client.proof().claim("htm", "GET");
            let stream = host(Request::get("/mcp"))
                .header("authorization", format!("DPoP {}", client.token))
                .header("dpop", get.sign());
            assert_eq!(envoy.client().open(&stream).status, 200, "{mode:?}: {}: a stream", client.url);
        }
        assert!(!envoy.log().contains("eyJ"), "{mode:?}: a proof or a token in the log");
    }
}

/// Connections that each worker of Envoy has one of, as far as it can be told: each is balanced to the least busy one.
fn connections(envoy: &Envoy, count: usize) -> Vec<Raw> {
    (0..count).map(|_| envoy.client().raw()).collect()
}

#[test]
fn a_proof_that_one_worker_took_no_other_takes() {
    const WORKERS: usize = 4;
    let oidc = Oidc::start();
    let upstream = Upstream::start();
    let envoy = start(&oidc, &upstream, Mode::Held, |setup| {
        // As many connections for each worker.
        let setup = setup.edit(|bootstrap| {
            bootstrap["static_resources"]["listeners"][0]["connection_balance_config"] = json!({"exact_balance": {}});
        });
        setup.concurrency(WORKERS)
    });
    let [_, client] = clients(&oidc);
    let mut open = connections(&envoy, WORKERS);
    // Envoy closes a connection on which it did not read a body.
    let bare = |proof: &Proof| {
        let request = Request::new("DELETE", "/mcp").host("jwt.example.com").header("dpop", proof.sign());
        request.header("authorization", format!("DPoP {}", client.token)).bytes()
    };
    let mut send = |n: usize, proof: &Proof| open[n].send(bare(proof)).response().status;
    for first in 0..WORKERS {
        let proof = client.proof().claim("htm", "DELETE");
        assert_eq!(send(first, &proof), 200);
        for n in 0..WORKERS {
            assert_eq!(send(n, &proof), 401, "used at {first}, again at {n}");
        }
    }
    let served = envoy.stats("listener.").into_iter().filter(|(name, count)| {
        name.contains("worker_") && name.ends_with("downstream_cx_total") && !name.contains("admin") && *count > 0
    });
    assert_eq!(served.count(), WORKERS, "every worker had a connection");

    // All at once: whoever is first.
    let taken: Vec<usize> = (0..10)
        .map(|_| {
            let request = client.call(&client.proof());
            thread::scope(|scope| {
                let senders: Vec<_> = (0..8).map(|_| scope.spawn(|| envoy.client().send(&request).status)).collect();
                senders.into_iter().map(|sender| sender.join().unwrap()).filter(|status| *status == 200).count()
            })
        })
        .collect();
    assert_eq!(taken, [1; 10], "of eight at once");
}

#[test]
fn a_client_whose_clock_is_wrong_gets_on_with_a_nonce_at_any_worker() {
    let oidc = Oidc::start();
    let upstream = Upstream::start();
    let envoy = start(&oidc, &upstream, Mode::Ahead, |setup| setup.concurrency(4));
    let [client, _] = clients(&oidc);
    let late = || client.proof().claim("iat", now() - 3600);
    let mut nonces = HashSet::new();
    for _ in 0..12 {
        nonces.insert(nonce(&envoy.client().send(&client.call(&late()))));
    }
    assert!(nonces.len() <= 2, "one for a minute, whoever gives it: {}", nonces.len());
    let nonce = nonces.into_iter().next().unwrap();
    for _ in 0..12 {
        let response = envoy.client().send(&client.call(&late().claim("nonce", nonce.clone())));
        assert_eq!(response.status, 200, "{}", response.text());
    }
    let other = envoy.client().send(&client.call(&client.proof().claim("nonce", "another")));
    assert!(other.header("dpop-nonce").is_some(), "a nonce of nobody");
    wait_until("a record", || envoy.audit().iter().any(|line| line["reason"] == "dpop_nonce"));
}
