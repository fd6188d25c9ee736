//! The native module: what only it has. That it does what the Wasm module does, the other tests say, run with
//! `TOOLGATE_HOST=native`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::weather::{policy, token};
use crate::support::answer::{Answer, Latch};
use crate::support::at_root;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::native;
use crate::support::provider::{Behaviour, Provider};
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

/// How often a panic was counted.
fn panics(envoy: &Envoy) -> u64 {
    envoy.stat("wasmcustom.toolgate.events.panic")
}

#[test]
fn envoy_survives_a_panic_which_refuses_its_request_and_is_counted() {
    let Some(module) = panicking() else { return };
    let (upstream, provider) = (Upstream::start(), Provider::start(Behaviour::Json(key_set([&Key::rsa_a()]))));
    let setup = setup(&upstream, Mode::Held, &configuration(&policy())).provider(&provider);
    let envoy = setup.plugin(|plugin| plugin["vm_config"]["code"]["local"]["filename"] = json!(module)).start();
    let good = || Request::call("get_forecast").bearer(&token("weather:read"));
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
    let Some(module) = panicking() else { return };
    let (upstream, provider) = (Upstream::start(), Provider::start(Behaviour::Json(key_set([&Key::rsa_a()]))));
    let setup = setup(&upstream, Mode::Held, &configuration(&policy())).provider(&provider);
    let envoy = setup.plugin(|plugin| plugin["vm_config"]["code"]["local"]["filename"] = json!(module)).start();
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
    let Some(module) = panicking() else { return };
    let (upstream, latch) = (Upstream::start(), Latch::new());
    let keys = key_set([&Key::rsa_a()]);
    let provider = Provider::start(Behaviour::Latched(latch.clone(), keys));
    let setup = setup(&upstream, Mode::Held, &configuration(&policy())).provider(&provider);
    let envoy = setup.plugin(|plugin| plugin["vm_config"]["code"]["local"]["filename"] = json!(module)).start();
    let good = Request::call("get_forecast").bearer(&token("weather:read"));
    let mut waiting = envoy.client().raw();
    waiting.send(good.bytes());
    wait_until("it to wait", || envoy.stat("http.mcp.downstream_rq_active") == 1);
    let asked = good.header("x-toolgate-panic", "request_headers");
    assert_eq!(envoy.client().send(&asked).status, 502);
    assert_eq!(waiting.response().status, 502);
    latch.open();
    let good = Request::call("get_forecast").bearer(&token("weather:read"));
    wait_until("it to serve again", || envoy.client().send(&good).status == 200);
}
