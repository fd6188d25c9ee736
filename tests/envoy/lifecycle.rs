//! Plugins and their configurations come and go: those of one VM share what does not differ, and nothing else; an update
//! loses no request and no key.
//!
//! The sequence in Envoy 1.40 when a listener with a changed plugin configuration replaces another: a copy of the
//! module checks the new configuration and ends; each worker then has two root contexts in one VM. The old one goes
//! on, with its timer and its callouts, until Envoy has drained the old listener; then Envoy would call `on_done`, deletes
//! it, and stops its timer. The copy that checks is never told that it is done, and its timer never ticks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::weather::{policy, token};
use crate::support::answer::Latch;
use crate::support::bootstrap::{Setup, module_bytes};
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::native;
use crate::support::provider::{Behaviour, Provider};
use crate::support::raw::Raw;
use crate::support::tokens::Token;
use crate::support::upstream::Upstream;
use crate::support::wait_until;

/// Adds a cluster of this name that reaches a provider.
fn reaching(setup: Setup, name: &str, provider: &Provider) -> Setup {
    let (name, port) = (name.to_owned(), provider.address().port());
    setup.edit(|bootstrap| {
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
        let mut cluster = clusters.iter().find(|cluster| cluster["name"] == "auth").unwrap().clone();
        cluster["name"] = json!(name);
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
            json!({"address": "127.0.0.1", "port_value": port});
        cluster.as_object_mut().unwrap().remove("transport_socket");
        clusters.push(cluster);
    })
}

/// The configuration whose keys are reached through `cluster`.
fn through(cluster: &str) -> Value {
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["jwks"]["cluster"] = json!(cluster);
    configuration["issuers"][0]["jwks"]["max_age"] = json!("1s");
    configuration["issuers"][0]["jwks"]["timeout"] = json!("30s");
    configuration
}

/// One Envoy whose configuration can change from the provider `old` to the provider `new`.
struct Updated {
    envoy: Envoy,
    old: Provider,
    new: Provider,
    after: Setup,
    _upstream: Upstream,
}

impl Updated {
    fn start(mode: Mode, old: Behaviour, drain: u32) -> Self {
        let upstream = Upstream::start();
        let (old, new) = (Provider::start(old), Provider::start(Behaviour::Json(key_set([&Key::rsa_a()]))));
        let [before, after] = ["old", "new"].map(|name| {
            let setup = reaching(setup(&upstream, mode, &through(name)), "old", &old);
            reaching(setup, "new", &new).concurrency(2).updatable(drain)
        });
        Self { envoy: before.start(), old, new, after, _upstream: upstream }
    }

    fn update(&self) {
        self.envoy.update(&self.after);
        self.new.wait_for_fetches(1);
    }
}

#[test]
fn an_update_under_load_fails_no_request_and_the_old_configuration_fetches_no_more() {
    for mode in Mode::ALL {
        let updated = Updated::start(mode, Behaviour::Json(key_set([&Key::rsa_a()])), 2);
        let (done, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
        let good = Request::call("get_forecast").bearer(&token("weather:read"));
        let statuses = thread::scope(|scope| {
            let client = || {
                let mut seen = BTreeSet::new();
                while !done.load(Ordering::SeqCst) {
                    seen.insert(updated.envoy.client().send(&good).status);
                    requests.fetch_add(1, Ordering::SeqCst);
                }
                seen
            };
            let clients: Vec<_> = (0..3).map(|_| scope.spawn(client)).collect();
            updated.old.wait_for_fetches(2);
            updated.update();
            // Of two seconds without a stream of the old configuration, nothing remains of it.
            wait_until("the old configuration to be gone", || {
                let (old, new) = (updated.old.fetches(), updated.new.fetches());
                updated.new.wait_for_fetches(new + 3);
                updated.old.fetches() == old
            });
            done.store(true, Ordering::SeqCst);
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<BTreeSet<_>>()
        });
        println!("{mode:?}: {} requests during an update, answered {statuses:?}", requests.load(Ordering::SeqCst));
        assert_eq!(statuses, BTreeSet::from([200]), "{mode:?}");
        assert!(!updated.envoy.log().contains("panicked"), "{}", updated.envoy.log());
    }
}

#[test]
fn streams_that_wait_for_keys_of_the_old_configuration_are_finished_by_it() {
    for mode in Mode::ALL {
        let latch = Latch::new();
        let updated = Updated::start(mode, Behaviour::Latched(latch.clone(), key_set([&Key::rsa_a()])), 60);
        let good = Request::call("get_forecast").bearer(&token("weather:read"));
        let forged = Request::call("get_forecast").bearer(&Token::new().sign(&Key::rsa_b().named("rsa-a")));
        let mut waiting: Vec<_> = [(&good, 200), (&forged, 401)]
            .map(|(request, status)| {
                let mut connection = updated.envoy.client().raw();
                connection.send(request.bytes());
                (connection, status)
            })
            .into();
        wait_until("both to wait", || updated.envoy.stat("http.mcp.downstream_rq_active") == 2);
        updated.update();
        latch.open();
        for (connection, status) in &mut waiting {
            assert_eq!(connection.response().status, *status, "{mode:?}");
        }
        assert_eq!(updated.envoy.client().send(&good).status, 200, "{mode:?}: and the new one serves");
        assert!(!updated.envoy.log().contains("panicked"), "{}", updated.envoy.log());
    }
}

/// Puts `setup` into force, until `takes` says that it is, and waits for the end of what it took the place of.
fn change(envoy: &Envoy, setup: &Setup, takes: impl FnMut() -> bool) {
    envoy.update(setup);
    wait_until("the new configuration to hold", takes);
    let draining = ["listeners", "filter_chains"].map(|what| format!("listener_manager.total_{what}_draining"));
    wait_until("the old one to be gone", || draining.iter().all(|name| envoy.stat(name) == 0));
}

/// The path of a module that does the same and is another one to Envoy: it has a custom section more.
fn another_module() -> Value {
    if native::is_it() {
        // Another file would be another module, with data of its own.
        return json!(native::module());
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("another.wasm");
    fs::write(&path, [module_bytes(), vec![0, 2, 1, b'x']].concat()).unwrap();
    json!(path)
}

#[test]
fn a_change_of_policy_keeps_the_keys_though_the_issuer_is_down() {
    for mode in Mode::ALL {
        let upstream = Upstream::start();
        let mut provider = Provider::start(Behaviour::Json(key_set([&Key::rsa_a()])));
        let with = |algorithm: &str, scope: &str, uri: &str| {
            let mut configuration = configuration(&json!({"tools": {"get_forecast": {"scopes": [scope]}}}));
            configuration["issuers"][0]["algorithms"] = json!([algorithm]);
            configuration["issuers"][0]["jwks"]["uri"] = json!(uri);
            setup(&upstream, mode, &configuration).provider(&provider).concurrency(2).updatable(1)
        };
        const JWKS: &str = "https://auth.example.com/jwks";
        let before = with("RS256", "weather:read", JWKS);
        let mut changes = ["one", "two", "three", "weather:read"].map(|scope| (scope, with("RS256", scope, JWKS)));
        // Two of them with another module, whose VM ends with the last.
        for (_, setup) in &mut changes[1..3] {
            *setup = setup.clone().plugin(|plugin| plugin["vm_config"]["code"]["local"]["filename"] = another_module());
        }
        let narrower = with("ES256", "weather:read", JWKS);
        let elsewhere = with("RS256", "weather:read", "https://auth.example.com/other");
        let envoy = before.start();
        let call = |scope: &str, key: &Key| {
            let token = Token::new().scope(scope).sign(key);
            envoy.client().send(&Request::call("get_forecast").bearer(&token)).status
        };
        // Asks whether a change has come. Envoy 1.40 with two workers was seen to reset connections that arrive while it
        // switches, with older modules too; what answers once it has is asserted below.
        let answers = |scope: &str, status: u16| {
            let request = Request::call("get_forecast").bearer(&Token::new().scope(scope).sign(&Key::rsa_a()));
            let response = envoy.client().raw().send(request.bytes()).try_response();
            response.is_ok_and(|response| response.status == status)
        };
        assert_eq!(call("weather:read", &Key::rsa_a()), 200);
        let fetches = provider.fetches();
        provider.stop();
        for (scope, changed) in &changes {
            change(&envoy, changed, || answers(scope, 200));
            for n in 0..10 {
                assert_eq!(call(scope, &Key::rsa_a()), 200, "{mode:?}: {scope}, {n}");
                assert_eq!(call("none", &Key::rsa_a()), 403, "{mode:?}: {scope}, {n}");
                let forged = Key::rsa_b().named("rsa-a");
                assert_eq!(call(scope, &forged), 401, "{mode:?}: {scope}, {n}: a forgery");
            }
        }
        // Fetched keys are read by the new configuration's rules.
        change(&envoy, &narrower, || answers("weather:read", 401));
        assert_eq!(provider.fetches(), fetches, "{mode:?}: nothing was fetched anew");
        assert!(!envoy.log().contains("could not be fetched"), "{mode:?}: {}", envoy.log());
        // Keys that no configuration uses any more are gone, and fetched again.
        provider.restart();
        change(&envoy, &elsewhere, || answers("weather:read", 200));
        let fetches = provider.fetches();
        // The native module may learn of the end of a configuration after the next one has begun, which then takes over.
        let fetched = || native::is_it() || provider.fetches() > fetches;
        change(&envoy, &before, || fetched() && answers("weather:read", 200));
        assert!(!envoy.log().contains("panicked"), "{}", envoy.log());
    }
}

/// Clients that send their bodies slowly, begun before and after a change of the configuration.
struct SlowSenders {
    mode: Mode,
    envoy: Envoy,
    /// For each, the body that it has not sent yet, and the status that it must get.
    senders: Vec<(Raw, Vec<u8>, u16)>,
    _upstream: Upstream,
    _provider: Provider,
}

impl SlowSenders {
    /// `changes`: what changes besides the configuration.
    fn begin(mode: Mode, changes: fn(Setup) -> Setup) -> Self {
        let upstream = Upstream::start();
        let provider = Provider::start(Behaviour::Json(key_set([&Key::rsa_a()])));
        let with = |scope: &str| {
            let mut configuration = configuration(&json!({"tools": {"get_forecast": {"scopes": [scope]}}}));
            configuration["resources"][0]["name"] = json!(scope);
            let setup = setup(&upstream, mode, &configuration).provider(&provider).concurrency(2).updatable(600);
            setup.http_manager(|http| http["request_timeout"] = json!("600s"))
        };
        let envoy = with("one").start();
        let call = |scope: &str| {
            let token = Token::new().scope(scope).sign(&Key::rsa_a());
            Request::call("get_forecast").bearer(&token).bytes()
        };
        let begin = |scope: &str, status: u16| {
            let bytes = call(scope);
            let body = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            let mut connection = envoy.client().raw();
            connection.send(&bytes[..body]);
            (connection, bytes[body..].to_vec(), status)
        };
        assert_eq!(envoy.client().raw().send(call("one")).response().status, 200);
        let mut senders = vec![begin("one", 200), begin("two", 403)];
        wait_until("both to wait", || envoy.stat("http.mcp.downstream_rq_active") == 2);
        envoy.update(&changes(with("two")));
        let metadata = Request::get("/.well-known/oauth-protected-resource/mcp");
        wait_until("the new configuration to hold", || envoy.client().send(&metadata).text().contains("\"two\""));
        // No body came to the new instance yet.
        senders.extend([begin("one", 403), begin("two", 200)]);
        Self { mode, envoy, senders, _upstream: upstream, _provider: provider }
    }

    fn finish(mut self) {
        let mode = self.mode;
        for (n, (connection, body, status)) in self.senders.iter_mut().enumerate() {
            let (half, rest) = body.split_at(body.len() / 2);
            connection.send_in_pieces([half, rest], Duration::from_millis(200));
            assert_eq!(connection.response().status, *status, "{mode:?}, sender {n}: {}", self.envoy.log());
        }
        assert!(!self.envoy.log().contains("misconfigured"), "{mode:?}: {}", self.envoy.log());
        let calls = self.envoy.audit().into_iter().filter(|record| record["method"] == "tools/call").count();
        assert_eq!(calls, 5, "{mode:?}: {}", self.envoy.log());
    }
}

#[test]
fn slow_senders_get_their_answers_though_the_configuration_or_the_module_changes_meanwhile() {
    let same: fn(Setup) -> Setup = |setup| setup;
    let other: fn(Setup) -> Setup =
        |setup| setup.plugin(|plugin| plugin["vm_config"]["code"]["local"]["filename"] = another_module());
    let cases = [(Mode::Held, same), (Mode::Held, other), (Mode::Ahead, same)];
    let slow = cases.map(|(mode, changes)| SlowSenders::begin(mode, changes));
    // Longer than a request waits for a body where none was ever shown.
    thread::sleep(Duration::from_secs(12));
    slow.into_iter().for_each(SlowSenders::finish);
}

#[test]
fn two_plugins_of_one_vm_with_one_issuer_share_no_key() {
    let upstream = Upstream::start();
    let providers =
        [Key::rsa_a(), Key::rsa_b()].map(|key| Provider::start(Behaviour::Json(key_set([&key.named("k")]))));
    let names = ["first", "second"];
    let mut setup = setup(&upstream, Mode::Held, &through("first")).concurrency(2);
    for (name, provider) in names.iter().zip(&providers) {
        setup = reaching(setup, name, provider);
    }
    // The second listener has a plugin of the same name, root and VM; the configurations differ by the cluster only.
    let setup = setup.edit(|bootstrap| {
        let listeners = bootstrap["static_resources"]["listeners"].as_array_mut().unwrap();
        let mut second: Value =
            serde_json::from_str(&listeners[0].to_string().replace("\"first\"", "\"second\"")).unwrap();
        second["name"] = json!("second");
        listeners.push(second);
    });
    let envoy = setup.start();
    let second = envoy.listener("second");
    let token = |key: Key| Token::new().scope("weather:read").sign(&key.named("k"));
    let call = |address, token: &str| {
        crate::support::client::Client::new(address).send(&Request::call("get_forecast").bearer(token)).status
    };
    let tokens = [token(Key::rsa_a()), token(Key::rsa_b())];
    // More than once each, so that every worker has seen both, and has had time to take over what it should not.
    for round in 0..20 {
        for (here, address) in [envoy.address(), second].into_iter().enumerate() {
            for (from, token) in tokens.iter().enumerate() {
                let expected = if here == from { 200 } else { 401 };
                assert_eq!(call(address, token), expected, "round {round}: a token of plugin {from} at plugin {here}");
            }
        }
    }
    assert!(providers.iter().all(|provider| provider.fetches() >= 1));
}
