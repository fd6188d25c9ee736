//! The manifest of the live tools reaches a control plane: once per change, however many workers saw it, and whenever
//! that is back.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use toolgate::manifest::Manifest;
use toolgate::node::Node;

use super::remote_policy::{keys, start};
use super::weather::{policy, token};
use crate::support::answer::Answer;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::configuration;
use crate::support::provider::{Behaviour, Provider};
use crate::support::upstream::Upstream;
use crate::support::{wait_for, wait_until};

/// A server whose tools are what the test puts there.
fn server(tools: &Arc<Mutex<Value>>) -> Upstream {
    let tools = Arc::clone(tools);
    Upstream::start_with(move |request: &crate::support::upstream::Recorded| {
        let id = request.json()["id"].clone();
        let tools = tools.lock().unwrap().clone();
        Answer::json(&json!({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}}))
    })
}

fn tool(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "inputSchema": {"type": "object"}})
}

fn publishing(endpoint: &Value) -> Value {
    let mut configuration = configuration(&policy());
    let mut all = json!({"uri": "http://plane.example.com/manifest", "cluster": "plane", "timeout": "2s"});
    all.as_object_mut().unwrap().extend(endpoint.as_object().unwrap().clone());
    configuration["resources"][0]["publish"] = all;
    configuration
}

/// Several callers of several workers look at the list; each sees what it may call.
fn look(envoy: &Envoy, seen: usize) {
    for _ in 0..20 {
        let list = envoy.client().send(&Request::rpc("tools/list", json!({})).bearer(&token("weather:read")));
        assert_eq!(list.json()["result"]["tools"].as_array().unwrap().len(), seen, "{}", list.text());
    }
}

fn events(envoy: &Envoy, name: &str) -> Vec<Value> {
    envoy.events().into_iter().filter(|event| event["event"] == name).collect()
}

fn summary(tools: &Value) -> Manifest {
    let node: Node = serde_json::from_str(&tools.to_string()).unwrap();
    Manifest::of_tools(node.as_list().unwrap()).unwrap()
}

#[test]
fn each_change_is_published_once_by_one_of_four_workers_and_can_be_rebuilt_from_its_line() {
    let tools = Arc::new(Mutex::new(json!([tool("echo", "says it"), tool("get_forecast", "a"), tool("secret", "x")])));
    let (upstream, keys) = (server(&tools), keys());
    let plane = Provider::start(Behaviour::Json(json!({"status": "ok"})));
    let envoy = start(&upstream, &keys, &plane, 4, &publishing(&json!({})));
    for change in 1..=3 {
        look(&envoy, 2);
        wait_until("the manifest to arrive", || events(&envoy, "manifest_published").len() == change);
        look(&envoy, 2);
        let shown = tools.lock().unwrap().clone();
        let request = plane.requests().pop().unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("PUT", "/manifest"));
        assert_eq!(String::from_utf8(request.body).unwrap(), summary(&shown).json(), "what nobody is shown as well");
        let line = events(&envoy, "manifest").pop().unwrap();
        assert_eq!(line["resource"], "https://mcp.example.com/mcp");
        let rebuilt: Node = serde_json::from_str(&line["manifest"].to_string()).unwrap();
        assert_eq!(Manifest::read(&rebuilt), Ok(summary(&shown)));
        *tools.lock().unwrap() = if change == 1 {
            json!([tool("echo", "says it"), tool("get_forecast", "b"), tool("secret", "x")])
        } else {
            json!([tool("echo", "says it"), tool("get_forecast", "b")])
        };
    }
    assert_eq!((plane.fetches(), events(&envoy, "manifest").len()), (3, 3));
}

#[test]
fn an_endpoint_that_is_down_gets_it_when_it_is_back_and_no_request_notices() {
    let tools = Arc::new(Mutex::new(json!([tool("echo", "says it")])));
    let (upstream, keys) = (server(&tools), keys());
    let mut plane = Provider::start(Behaviour::Json(json!({"status": "ok"})));
    plane.stop();
    let envoy = start(&upstream, &keys, &plane, 2, &publishing(&json!({})));
    look(&envoy, 1);
    // The words are Envoy's own.
    let line = envoy.wait_for_log("was not published: PUT ");
    assert!(line.contains("\": 503: upstream connect error or disconnect/reset before headers"), "{line}");
    look(&envoy, 1);
    plane.restart();
    wait_until("the manifest to arrive", || events(&envoy, "manifest_published").len() == 1);
    assert_eq!((plane.fetches(), events(&envoy, "manifest").len()), (1, 1));
}

#[test]
fn authsecs_manifest_has_the_texts_and_what_the_policy_asks_for_and_is_never_empty() {
    let tools = Arc::new(Mutex::new(json!([])));
    let (upstream, keys) = (server(&tools), keys());
    let plane = Provider::start(Behaviour::Json(json!({"status": "ok", "tools_seen": 2, "generation": 41})));
    let endpoint = json!({"format": "authsec", "client_id": "gate", "client_secret": "s3cret"});
    let envoy = start(&upstream, &keys, &plane, 1, &publishing(&endpoint));
    look(&envoy, 0);
    *tools.lock().unwrap() = json!([
        {"name": "get_forecast", "title": "Forecast", "description": "tells \"it\"\n", "_meta": {"x": 1},
            "inputSchema": {"type": "object", "properties": {"n": {"maximum": 1e2}}}, "annotations": {"readOnlyHint": true}},
        {"name": "unheard_of"},
    ]);
    look(&envoy, 1);
    let event = wait_for("the manifest to arrive", || events(&envoy, "manifest_published").pop());
    assert_eq!(event["detail"], "manifest of https://mcp.example.com/mcp: accepted, generation 41");
    assert_eq!(plane.fetches(), 1, "the empty list was not sent");
    let request = plane.requests().pop().unwrap();
    assert_eq!(request.headers.all("authorization"), ["Basic Z2F0ZTpzM2NyZXQ="]);
    assert_eq!(request.headers.all("content-type"), ["application/json"]);
    let expected = json!({"tools": [
        {"name": "get_forecast", "title": "Forecast", "description": "tells \"it\"\n",
            "input_schema": {"type": "object", "properties": {"n": {"maximum": 100}}},
            "annotations": {"readOnlyHint": true}, "suggested_scopes": ["weather:read"]},
        {"name": "unheard_of", "suggested_scopes": []},
    ]});
    assert_eq!(request.json(), expected);
    assert!(!envoy.log().contains("s3cret"));
}
