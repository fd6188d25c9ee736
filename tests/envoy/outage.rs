//! The provider fails, in every way it can: no client is let in or turned away
//! for it that should not be, nothing hangs, and it heals by itself.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::weather::{policy, token};
use crate::support::answer::{Answer, Latch};
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Gate, Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::provider::{Behaviour, Provider};
use crate::support::raw::Response;
use crate::support::tokens::Token;
use crate::support::upstream::Upstream;
use crate::support::wait_until;

/// One issuer of several, at a provider of its own.
struct Issuer {
    name: String,
    provider: Provider,
    /// Beside `uri` and `cluster`.
    jwks: Value,
}

impl Issuer {
    fn new(name: &str, behaviour: Behaviour) -> Self {
        let jwks = json!({"timeout": "700ms", "cooldown": "1s"});
        Self { name: name.replace(' ', "-"), provider: Provider::start(behaviour), jwks }
    }

    fn identifier(&self) -> String {
        format!("https://{}.example.com", self.name)
    }

    fn configuration(&self) -> Value {
        let mut issuer = json!({
            "issuer": self.identifier(),
            "jwks": {"uri": format!("{}/jwks", self.identifier()), "cluster": self.name},
        });
        issuer["jwks"].as_object_mut().unwrap().extend(self.jwks.as_object().unwrap().clone());
        issuer
    }

    fn token(&self) -> String {
        Token::new().issuer(&self.identifier()).scope("weather:read").sign(&Key::rsa_a())
    }

    fn call(&self, envoy: &Envoy) -> Response {
        envoy.client().send(&Request::call("get_forecast").bearer(&self.token()))
    }
}

/// One Envoy for several issuers: the resource takes the tokens of all.
fn start(upstream: &Upstream, mode: Mode, workers: usize, issuers: &[Issuer]) -> Envoy {
    let mut configuration = configuration(&policy());
    configuration["issuers"] = issuers.iter().map(Issuer::configuration).collect();
    let setup = setup(upstream, mode, &configuration).edit(|bootstrap| {
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
        let auth = clusters.iter().find(|cluster| cluster["name"] == "auth").unwrap().clone();
        for issuer in issuers {
            let mut cluster = auth.clone();
            cluster["name"] = json!(issuer.name);
            cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
                json!({"address": "127.0.0.1", "port_value": issuer.provider.address().port()});
            cluster.as_object_mut().unwrap().remove("transport_socket");
            clusters.push(cluster);
        }
    });
    setup.concurrency(workers).start()
}

fn good_keys() -> Value {
    key_set([&Key::rsa_a()])
}

#[test]
fn a_provider_that_is_down_at_the_start_costs_503s_and_then_heals_by_itself() {
    let too_many: Vec<_> = (0..101).map(|n| Key::rsa_a().named(&format!("k{n}"))).collect();
    let too_many = key_set(&too_many);
    thread::scope(|scope| {
        for (mode, workers) in [(Mode::Ahead, 1), (Mode::Held, 4)] {
            let too_many = &too_many;
            scope.spawn(move || {
                let mut issuers = vec![
                    Issuer::new("refused", Behaviour::Json(good_keys())),
                    Issuer::new("error", Behaviour::Status(500)),
                    Issuer::new(
                        "error with keys",
                        Behaviour::Script(std::sync::Arc::new(|_: &_| Answer::json(&good_keys()).status(404))),
                    ),
                    Issuer::new("html", Behaviour::Html),
                    Issuer::new("truncated", Behaviour::Truncated(good_keys())),
                    Issuer::new("large", Behaviour::Padded(10 << 20, good_keys())),
                    Issuer::new("over 256 kB", Behaviour::Padded(300_000, good_keys())),
                    Issuer::new("many", Behaviour::Json(too_many.clone())),
                    Issuer::new("slow", Behaviour::Slow(Duration::from_secs(2), good_keys())),
                    Issuer::new("silent", Behaviour::HangUp),
                    Issuer::new("no set", Behaviour::Json(json!([good_keys()]))),
                ];
                let elsewhere = Provider::start(Behaviour::Json(good_keys()));
                let url = format!("http://{}/jwks", elsewhere.address());
                issuers.push(Issuer::new("redirect", Behaviour::Redirect(url)));
                issuers[0].provider.stop();
                let upstream = Upstream::start();
                let envoy = start(&upstream, mode, workers, &issuers);

                let unavailable = |issuer: &Issuer| {
                    let response = issuer.call(&envoy);
                    let text = response.text();
                    assert_eq!(response.status, 503, "{mode:?} {}: {text}", issuer.name);
                    assert_eq!(
                        response.json(),
                        json!({"error": "temporarily_unavailable"}),
                        "{mode:?} {}",
                        issuer.name
                    );
                    assert!(response.header("retry-after").is_some() && response.challenge().is_none());
                };
                thread::scope(|scope| issuers.iter().for_each(|issuer| drop(scope.spawn(|| unavailable(issuer)))));
                assert_eq!(upstream.unclaimed().requests().len(), 0, "{mode:?}");
                assert_eq!(elsewhere.fetches(), 0, "{mode:?}: a redirect is not followed");

                issuers[0].provider.restart();
                for issuer in &issuers {
                    issuer.provider.set_keys(good_keys());
                }
                // Nobody asks meanwhile: it is the gate that tries again.
                let seen: Vec<_> = issuers.iter().map(|issuer| issuer.provider.fetches()).collect();
                for (issuer, seen) in issuers.iter().zip(seen) {
                    issuer.provider.wait_for_fetches(seen + 1);
                }
                for issuer in &issuers {
                    wait_until("an issuer to be back", || issuer.call(&envoy).status == 200);
                    // And then in every worker.
                    assert!((0..20).all(|_| issuer.call(&envoy).status == 200), "{workers} workers {}", issuer.name);
                }
            });
        }
    });
}

#[test]
fn requests_that_come_before_the_first_keys_wait_for_them_and_go_on() {
    for mode in Mode::ALL {
        let latch = Latch::new();
        let upstream = Upstream::start();
        let provider = Provider::start(Behaviour::Latched(latch.clone(), good_keys()));
        // The streams come to several workers; one of these fetches for all.
        let envoy = setup(&upstream, mode, &configuration(&policy())).provider(&provider).concurrency(4).start();
        let call = Request::call("get_forecast");
        let whole = call.clone().bearer(&token("weather:read"));
        let scenario = upstream.scenario(|_| Answer::json(&json!({})));
        let cases = [
            ("a call", whole.bytes(), 200),
            ("a call in chunks", whole.chunked(&[3, 30], &[]), 200),
            ("a call with trailers", whole.chunked(&[10], &[("x-sum", "1")]), 200),
            ("a stream", Request::get("/mcp").bearer(&token("")).bytes(), 200),
            ("a list", Request::rpc("tools/list", json!({})).bearer(&token("")).bytes(), 200),
            ("a scope short", call.clone().bearer(&token("")).scenario(&scenario).bytes(), 403),
            ("a bad body", call.clone().bearer(&token("")).scenario(&scenario).body("{").bytes(), 400),
            ("a bad signature", call.clone().bearer(&Token::new().sign(&Key::rsa_b().named("rsa-a"))).bytes(), 401),
            ("an unknown key", call.clone().bearer(&Token::new().sign(&Key::rsa_b())).bytes(), 401),
            // Cheap checks come first: these do not wait.
            ("expired", call.clone().bearer(&Token::new().expires_in(-300).sign(&Key::rsa_a())).bytes(), 401),
            ("no token", call.bytes(), 401),
        ];
        let mut open: Vec<_> = cases
            .into_iter()
            .map(|(name, bytes, status)| {
                let mut connection = envoy.client().raw();
                connection.send(bytes);
                (name, connection, status)
            })
            .collect();
        wait_until("nine to wait", || envoy.stat("http.mcp.downstream_rq_active") == 9);
        assert!(upstream.unclaimed().stays_empty(), "{mode:?}: they wait here");
        latch.open();
        for (name, connection, status) in &mut open {
            assert_eq!(connection.response().status, *status, "{mode:?} {name}");
        }
        assert!(scenario.requests().iter().all(|r| r.body.is_empty()), "{mode:?}: nothing denied went on");
        assert_eq!(provider.fetches(), 1, "{mode:?}");
    }
}

#[test]
fn one_fetch_per_refresh_serves_every_worker() {
    const REFRESHES: usize = 4;
    for workers in [1, 4] {
        let mut configuration = configuration(&policy());
        configuration["issuers"][0]["jwks"]["max_age"] = json!("2s");
        let start = Instant::now();
        let gate = Gate::start_changed(Mode::Held, &configuration, |setup: Setup| setup.concurrency(workers));
        let good = token("weather:read");
        let call = || gate.envoy.client().send(&Request::call("get_forecast").bearer(&good)).status;
        // Enough connections to come to every worker.
        assert!((0..40).all(|_| call() == 200));
        gate.provider.wait_for_fetches(1 + REFRESHES);
        assert!((0..40).all(|_| call() == 200));
        let fetches = gate.provider.fetches();
        // None comes before 80 per cent of the age.
        let refreshes = start.elapsed().as_millis() / 1_600;
        println!("{workers} workers: {fetches} fetches, at most 1 at the start and {refreshes} refreshes since");
        assert!(fetches as u128 <= 1 + refreshes, "{workers} workers: {fetches} fetches");
    }
}

#[test]
fn unknown_keys_cost_all_workers_together_two_fetches_a_cooldown() {
    const WORKERS: usize = 4;
    let mut configuration = configuration(&policy());
    // No cooldown ends during the test.
    configuration["issuers"][0]["jwks"]["cooldown"] = json!("10m");
    let gate = Gate::start_changed(Mode::Held, &configuration, |setup: Setup| setup.concurrency(WORKERS));
    let call = |token: &str| gate.envoy.client().send(&Request::call("get_forecast").bearer(token));
    let good = token("weather:read");
    assert!((0..40).all(|_| call(&good).status == 200));
    let at_start = gate.provider.fetches();
    println!("{WORKERS} workers: {at_start} fetch at the start");
    assert_eq!(at_start, 1);

    let unknown = |n: usize| Token::new().scope("weather:read").sign(&Key::rsa_b().named(&format!("unknown-{n}")));
    let tokens: Vec<_> = (0..30).map(unknown).collect();
    thread::scope(|scope| {
        for part in tokens.chunks(5) {
            scope.spawn(|| part.iter().cycle().take(40).for_each(|token| assert_eq!(call(token).status, 401)));
        }
    });
    let cost = gate.provider.fetches() - at_start;
    println!("{WORKERS} workers: {cost} fetches for 240 requests with 30 unknown keys");
    assert_eq!(cost, 2);
    assert_eq!(call(&good).status, 200, "the others notice nothing");

    // While the provider fails and the cooldown runs, it is the token that is at fault, or the provider: never a hang.
    gate.provider.set(Behaviour::Status(500));
    let start = Instant::now();
    assert!([401, 503].contains(&call(&unknown(99)).status));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(call(&good).status, 200);
}

#[test]
fn an_unknown_key_waits_for_one_refetch_which_may_bring_it() {
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["jwks"]["cooldown"] = json!("2s");
    let gate = Gate::start(Mode::Held, &configuration);
    let status = |key: &Key| {
        let token = Token::new().scope("weather:read").sign(key);
        gate.envoy.client().send(&Request::call("get_forecast").bearer(&token)).status
    };
    assert_eq!(status(&Key::rsa_a()), 200);
    let before = gate.provider.fetches();

    gate.provider.set_keys(key_set([&Key::rsa_a(), &Key::p256()]));
    assert_eq!(status(&Key::p256()), 200, "a rotation is noticed at once");
    assert_eq!(gate.provider.fetches(), before + 1);

    gate.provider.set(Behaviour::Status(503));
    assert_eq!(status(&Key::ed25519()), 503, "whether it is the issuer's key cannot be known");
    assert_eq!(status(&Key::p256()), 200);
    gate.provider.set_keys(key_set([&Key::p256(), &Key::ed25519()]));
    wait_until("the new key", || status(&Key::ed25519()) == 200);
    assert_eq!(status(&Key::rsa_a()), 401, "a key that was removed ends its tokens");
}

#[test]
fn a_rotation_with_overlapping_sets_loses_no_request() {
    let mut configuration = configuration(&policy());
    // Refreshes many times during the test.
    configuration["issuers"][0]["jwks"]["max_age"] = json!("1s");
    configuration["issuers"][0]["jwks"]["cooldown"] = json!("1s");
    let gate = Gate::start_changed(Mode::Ahead, &configuration, |setup| setup.concurrency(2));
    let (old, new) = (Key::rsa_a(), Key::p256());
    let call = |key: &Key| {
        let token = Token::new().scope("weather:read").sign(key);
        gate.envoy.client().send(&Request::call("get_forecast").bearer(&token)).status
    };
    let rotated = AtomicBool::new(false);
    let done = AtomicBool::new(false);
    let statuses = thread::scope(|scope| {
        let clients: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = BTreeSet::new();
                    while !done.load(Ordering::SeqCst) {
                        // The key that an issuer signs with is always in the set that it serves.
                        let key = if rotated.load(Ordering::SeqCst) { &new } else { &old };
                        seen.insert(call(key));
                        thread::sleep(Duration::from_millis(5));
                    }
                    seen
                })
            })
            .collect();
        let sets = [key_set([&old, &new]), key_set([&new])];
        gate.provider.set_keys(sets[0].clone());
        rotated.store(true, Ordering::SeqCst);
        let fetches = gate.provider.fetches();
        gate.provider.wait_for_fetches(fetches + 3);
        gate.provider.set_keys(sets[1].clone());
        let fetches = gate.provider.fetches();
        gate.provider.wait_for_fetches(fetches + 6);
        done.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<BTreeSet<_>>()
    });
    assert_eq!(statuses, BTreeSet::from([200]));
    wait_until("the old key to be gone", || call(&old) == 401);
}

#[test]
fn the_last_good_set_serves_while_fetches_fail_but_not_for_ever() {
    let upstream = Upstream::start();
    let issuers = [("patient", "1h"), ("strict", "1s")].map(|(name, max_stale)| {
        let jwks = json!({"max_age": "1s", "cooldown": "1s", "timeout": "500ms", "max_stale": max_stale});
        Issuer { jwks, ..Issuer::new(name, Behaviour::Json(good_keys())) }
    });
    let envoy = start(&upstream, Mode::Held, 2, &issuers);
    assert!(issuers.iter().all(|issuer| issuer.call(&envoy).status == 200));
    for issuer in &issuers {
        issuer.provider.set(Behaviour::Status(500));
    }
    wait_until("the strict one to be too old", || {
        assert_eq!(issuers[0].call(&envoy).status, 200, "the other serves on");
        issuers[1].call(&envoy).status == 503
    });
    let failed = issuers[0].provider.fetches();
    issuers[0].provider.wait_for_fetches(failed + 2);
    assert_eq!(issuers[0].call(&envoy).status, 200, "however often it fails");
    for issuer in &issuers {
        issuer.provider.set_keys(good_keys());
        wait_until("both to be back", || issuer.call(&envoy).status == 200);
    }
}
