//! The native module: what only it has. That it does what the Wasm module does, the other tests say, run with
//! `TOOLGATE_HOST=native`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::introspection::asked;
use super::weather::{policy, token};
use crate::support::answer::{Answer, Latch};
use crate::support::at_root;
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::native;
use crate::support::process::Scratch;
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::AUDIENCE;
use crate::support::upstream::Upstream;
use crate::support::wait_until;

/// A bootstrap of the project, without what the kinds of modules need each for themselves.
fn bootstrap(path: &str) -> Value {
    let text = std::fs::read_to_string(at_root(path)).unwrap();
    let mut bootstrap = serde_norway::from_str(&text).unwrap();
    native::replace(&mut bootstrap);
    bootstrap.as_object_mut().unwrap().remove("stats_config");
    bootstrap.as_object_mut().unwrap().remove("layered_runtime");
    const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let filters = bootstrap.pointer_mut(FILTERS).and_then(Value::as_array_mut).unwrap();
    let filter = filters.iter_mut().find(|filter| filter["name"] == "toolgate").unwrap();
    filter["typed_config"]["dynamic_module_config"]["module"]["local"]["filename"] = Value::Null;
    let value = &mut filter["typed_config"]["filter_config"]["value"];
    value.as_object_mut().unwrap().remove("hold_request_headers");
    bootstrap
}

#[test]
fn both_bootstraps_are_the_same_but_for_the_filter() {
    assert_eq!(bootstrap("envoy/envoy-native.yaml"), bootstrap("envoy/envoy.yaml"));
}

/// The module that panics where a request asks for it. `make test-native` builds it.
fn panicking() -> Option<PathBuf> {
    let path = native::module().with_file_name("libtoolgate_panic.so");
    if native::is_it() && path.exists() {
        return Some(path);
    }
    println!("SKIPPED, nothing was tested: `make test-native` builds {}", path.display());
    None
}

/// How often a panic was counted. Envoy 1.38 takes counts from the module with the next request only.
fn panics(envoy: &Envoy) -> u64 {
    envoy.client().get("/.well-known/oauth-protected-resource/mcp");
    envoy.stat("wasmcustom.toolgate.events.panic")
}

/// An Envoy with the module that panics.
fn panicking_envoy(upstream: &Upstream, provider: &Provider, configuration: &Value) -> Option<Envoy> {
    let module = panicking()?;
    let setup = setup(upstream, Mode::Held, configuration).provider(provider);
    Some(setup.plugin(|plugin| plugin["vm_config"]["code"]["local"]["filename"] = json!(module)).start())
}

/// The keys that good tokens are signed with.
fn keys() -> Value {
    key_set([&Key::rsa_a()])
}

fn good() -> Request {
    Request::call("get_forecast").bearer(&token("weather:read"))
}

#[test]
fn envoy_survives_a_panic_which_refuses_its_request_and_is_counted() {
    let (upstream, provider) = (Upstream::start(), Provider::start(Behaviour::Json(keys())));
    let Some(envoy) = panicking_envoy(&upstream, &provider, &configuration(&policy())) else { return };
    for (n, event) in ["request_headers", "request_body", "response_headers"].iter().enumerate() {
        assert_eq!(envoy.client().send(&good()).status, 200, "before {event}");
        let refused = envoy.client().send(&good().header("x-toolgate-panic", *event));
        assert_eq!((refused.status, refused.json()), (502, json!({"error": "bad_gateway"})), "{event}");
        assert_eq!(envoy.client().send(&good()).status, 200, "after {event}");
        wait_until("the count", || panics(&envoy) == n as u64 + 1);
    }
    let log = envoy.log();
    assert!(log.contains("panicked at ") && log.contains(r#"toolgate.event {"event":"panic","#), "{log}");
    assert!(!log.contains("as the request asks"), "a message may hold anything: {log}");
}

#[test]
fn a_panic_in_an_answer_that_has_begun_ends_its_stream() {
    let (upstream, provider) = (Upstream::start(), Provider::start(Behaviour::Json(keys())));
    let Some(envoy) = panicking_envoy(&upstream, &provider, &configuration(&policy())) else { return };
    let latch = Latch::new();
    let waits = latch.clone();
    let scenario = upstream.scenario(move |_| {
        let list = r#"data: {"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
        Answer::events([": hello\n\n"]).wait(&waits).body(format!("{list}\n\n"))
    });
    let list = Request::rpc("tools/list", json!({})).bearer(&token("weather:read")).scenario(&scenario);
    let stream = envoy.client().open(&list.header("x-toolgate-panic", "response_body"));
    assert_eq!(stream.status, 200);
    latch.open();
    assert!(!stream.rest().complete, "its end would be a lie");
    wait_until("the count", || panics(&envoy) == 1);
}

#[test]
fn a_panic_refuses_the_requests_that_waited_beside_it() {
    let (upstream, latch) = (Upstream::start(), Latch::new());
    let provider = Provider::start(Behaviour::Latched(latch.clone(), keys()));
    let Some(envoy) = panicking_envoy(&upstream, &provider, &configuration(&policy())) else { return };
    let mut waiting = envoy.client().raw();
    waiting.send(good().bytes());
    wait_until("it to wait", || envoy.stat("http.mcp.downstream_rq_active") == 1);
    let asked = good().header("x-toolgate-panic", "request_headers");
    assert_eq!(envoy.client().send(&asked).status, 502);
    assert_eq!(waiting.response().status, 502);
    latch.open();
    wait_until("it to serve again", || envoy.client().send(&good()).status == 200);
}

#[test]
fn an_answer_to_a_call_from_before_a_panic_is_for_nobody() {
    // The endpoint answers about the token of before only when the one after it has been asked about.
    let (before, after) = (Latch::new(), Latch::new());
    let (early, late) = (before.clone(), after.clone());
    let provider = Provider::start(Behaviour::Script(Arc::new(move |request| {
        let is_good = String::from_utf8_lossy(&request.body).starts_with("token=good");
        let _ = if is_good { early.pass() } else { late.pass() };
        Answer::json(&json!({"active": is_good, "aud": AUDIENCE, "scope": "weather:read", "sub": "alice"}))
    })));
    let upstream = Upstream::start();
    let Some(envoy) = panicking_envoy(&upstream, &provider, &asked(&json!({"timeout": "20s"}))) else { return };
    let call = |token: &str| Request::call("get_forecast").bearer(token);
    let waiting = |token: &str, fetches: usize| {
        let mut connection = envoy.client().raw();
        connection.send(call(token).bytes());
        provider.wait_for_fetches(fetches);
        connection
    };
    let mut good = waiting("good", 1);
    assert_eq!(envoy.client().send(&call("any").header("x-toolgate-panic", "request_headers")).status, 502);
    assert_eq!(good.response().status, 502);
    let mut revoked = waiting("revoked", 2);
    before.open();
    wait_until("the first answer to be there", || envoy.stat("cluster.auth.upstream_rq_completed") == 1);
    after.open();
    let answer = revoked.response();
    assert_eq!(answer.status, 401, "the first answer was about another token: {}", answer.text());
}

#[test]
fn a_panic_about_a_client_that_has_gone_answers_nobody() {
    let (upstream, latch) = (Upstream::start(), Latch::new());
    let provider = Provider::start(Behaviour::Latched(latch.clone(), keys()));
    let Some(envoy) = panicking_envoy(&upstream, &provider, &configuration(&policy())) else { return };
    let mut waiting = envoy.client().raw();
    waiting.send(good().header("x-toolgate-panic", "ended_by_client").bytes());
    wait_until("it to wait", || envoy.stat("http.mcp.downstream_rq_active") == 1);
    drop(waiting);
    wait_until("the count", || panics(&envoy) == 1);
    latch.open();
    wait_until("it to serve again", || envoy.client().send(&good()).status == 200);
    assert_eq!(envoy.stat("http.mcp.downstream_rq_5xx"), 0);
}

#[test]
fn a_panic_before_a_stream_exists_refuses_its_request_alone() {
    let (upstream, provider) = (Upstream::start(), Provider::start(Behaviour::Json(keys())));
    let Some(envoy) = panicking_envoy(&upstream, &provider, &configuration(&policy())) else { return };
    let passed = upstream.unclaimed();
    for body in [false, true] {
        assert_eq!(envoy.client().send(&good().header("x-toolgate-panic", "next_stream")).status, 200);
        let asked = passed.requests().len();
        let next = if body { good() } else { Request::get("/mcp").bearer(&token("weather:read")) };
        // Envoy's own answer, or that of the module, in versions of Envoy that have none.
        let refused = envoy.client().send(&next).status;
        assert!(matches!(refused, 500 | 502), "{refused}");
        assert_eq!(passed.requests().len(), asked, "nothing passes");
        assert_eq!(envoy.client().send(&good()).status, 200, "the next one has a stream");
    }
}

#[test]
fn a_panic_over_mail_leaves_the_answer_alone_whose_thread_opened_it() {
    let (upstream, latch) = (Upstream::start(), Latch::new());
    let provider = Provider::start(Behaviour::Latched(latch.clone(), keys()));
    let Some(envoy) = panicking_envoy(&upstream, &provider, &configuration(&policy())) else { return };
    // It waits for keys, so that mail is opened through it. Then its answer begins, which nobody watches.
    let end = Latch::new();
    let waits = end.clone();
    let scenario = upstream.scenario(move |_| {
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
        let half = answer.len() / 2;
        let begun = Answer::new(200).header("content-type", "application/json").chunked().body(&answer[..half]);
        begun.wait(&waits).body(&answer[half..])
    });
    let mut answered = envoy.client().raw();
    answered.send(good().scenario(&scenario).bytes());
    wait_until("it to wait", || envoy.stat("http.mcp.downstream_rq_active") == 1);
    latch.open();
    wait_until("its answer to begin", || scenario.requests().len() == 1);
    assert_eq!(envoy.client().send(&good().header("x-toolgate-panic", "next_mail")).status, 200);
    wait_until("the count", || panics(&envoy) == 1);
    end.open();
    let answer = answered.response();
    assert!(answer.text().ends_with(r#""result":{"content":[]}}"#), "it is whole: {}", answer.text());
}

/// A listener's filter that Envoy takes from a file, which can change.
struct Discovered {
    scratch: Scratch,
    filter: Value,
}

impl Discovered {
    /// Takes the filter out of a setup.
    fn of(setup: Setup) -> (Setup, Self) {
        let (scratch, mut filter) = (Scratch::new(), Value::Null);
        let path = scratch.path("filter.json");
        let setup = setup.http_manager(|http| {
            let filters = http["http_filters"].as_array_mut().unwrap();
            let place = filters.iter_mut().find(|filter| filter["name"] == "toolgate").unwrap();
            native::replace(place);
            filter = place["typed_config"].take();
            let source = json!({"path_config_source": {"path": path}, "resource_api_version": "V3"});
            let discovery = json!({"config_source": source, "type_urls": [filter["@type"]]});
            *place = json!({"name": "toolgate", "config_discovery": discovery});
        });
        let setup = setup.edit(|bootstrap| bootstrap["node"] = json!({"id": "test", "cluster": "test"}));
        let discovered = Self { scratch, filter };
        discovered.publish(|_| {});
        (setup, discovered)
    }

    /// Publishes the filter with another configuration.
    fn publish(&self, change: impl FnOnce(&mut Value)) {
        let mut filter = self.filter.clone();
        change(&mut filter["filter_config"]["value"]);
        let kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
        let resource = json!({"@type": kind, "name": "toolgate", "typed_config": filter});
        let new = self.scratch.write("new", &json!({"resources": [resource]}).to_string());
        // Envoy looks for files that are moved into their place.
        std::fs::rename(new, self.scratch.path("filter.json")).unwrap();
    }
}

#[test]
fn a_configuration_that_goes_with_its_last_stream_waits_for_the_calls_under_way() {
    if !native::is_it() {
        return;
    }
    const LATE: Duration = Duration::from_millis(400);
    let (upstream, provider) = (Upstream::start(), Provider::start(Behaviour::Json(keys())));
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["jwks"]["max_age"] = json!("1s");
    let (setup, discovered) = Discovered::of(setup(&upstream, Mode::Held, &configuration).provider(&provider));
    let envoy = setup.start();
    let scenario = upstream.scenario(|_| Answer::events([": hello\n\n"]).wait(&Latch::new()));
    for _ in 0..3 {
        // The last stream of its configuration.
        wait_until("a stream", || envoy.client().send(&good()).status == 200);
        let list = Request::rpc("tools/list", json!({})).bearer(&token("weather:read")).scenario(&scenario);
        let stream = envoy.client().open(&list);
        assert_eq!(stream.status, 200);
        // A configuration that fetches nothing takes its place. The old one goes on, for its stream.
        provider.set(Behaviour::Slow(LATE, keys()));
        discovered.publish(|new| new["issuers"][0]["jwks"] = keys());
        let before = provider.fetches();
        provider.wait_for_fetches(before + 2);
        drop(stream);
        wait_until("the stream to be gone", || envoy.stat("http.mcp.downstream_rq_active") == 0);
        std::thread::sleep(LATE * 2);
        assert_eq!(envoy.stat("cluster.auth.upstream_cx_destroy_local_with_active_rq"), 0, "its call was not cut off");
        assert_eq!(envoy.client().send(&good()).status, 200);
        provider.set(Behaviour::Json(keys()));
        discovered.publish(|_| {});
    }
}
