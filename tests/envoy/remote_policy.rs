//! A policy that a control plane sends: swapped under load, kept while the control plane is gone, and denied when that
//! lasts too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::weather::token;
use crate::support::answer::{Answer, Latch};
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::provider::{Behaviour, Provider};
use crate::support::upstream::{Recorded, Upstream};
use crate::support::{wait_for, wait_until};

/// Where the control plane has the policy.
const SOURCE: &str = "http://plane.example.com/policy";

/// A resource whose policy comes from the control plane, with no policy of its own.
pub fn remote(source: &Value) -> Value {
    let mut configuration = configuration(&json!({}));
    let mut all = json!({"uri": SOURCE, "cluster": "plane", "interval": "1s", "timeout": "2s"});
    all.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
    let resource = configuration["resources"][0].as_object_mut().unwrap();
    resource.remove("policy");
    resource.insert("policy_source".to_owned(), all);
    configuration
}

/// An Envoy whose cluster `plane` reaches the control plane.
pub fn start(upstream: &Upstream, keys: &Provider, plane: &Provider, workers: usize, configuration: &Value) -> Envoy {
    setup(upstream, Mode::Held, configuration).provider(keys).edit(with_plane(plane)).concurrency(workers).start()
}

fn with_plane(plane: &Provider) -> impl FnOnce(&mut Value) {
    let port = plane.address().port();
    move |bootstrap| {
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
        let mut cluster = clusters.iter().find(|cluster| cluster["name"] == "auth").unwrap().clone();
        cluster["name"] = json!("plane");
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
            json!({"address": "127.0.0.1", "port_value": port});
        cluster.as_object_mut().unwrap().remove("transport_socket");
        clusters.push(cluster);
    }
}

pub fn keys() -> Provider {
    Provider::start(Behaviour::Json(key_set([&Key::rsa_a()])))
}

/// A control plane that serves this document with this entity tag, and says 304 to who has it.
fn tagged(tag: &'static str, document: Value) -> Behaviour {
    Behaviour::Script(Arc::new(move |request: &Recorded| {
        if request.headers.all("if-none-match") == [tag] {
            return Answer::new(304).header("etag", tag);
        }
        Answer::json(&document).header("etag", tag)
    }))
}

fn call(envoy: &Envoy, tool: &str) -> u16 {
    envoy.client().send(&Request::call(tool).bearer(&token("weather:read"))).status
}

/// Waits until every one of several workers answers so: each call is a connection of its own, and goes to any.
fn wait_for_status(envoy: &Envoy, tool: &str, status: u16) {
    wait_until(&format!("{tool} to be {status} everywhere"), || (0..20).all(|_| call(envoy, tool) == status));
}

fn opening(tool: &str) -> Value {
    json!({"tools": {tool: {"scopes": ["weather:read"]}}})
}

#[test]
fn a_policy_is_swapped_under_load_and_every_request_is_answered_by_the_old_or_the_new_one() {
    let (upstream, keys) = (Upstream::start(), keys());
    let plane = Provider::start(tagged("\"0\"", opening("get_forecast")));
    let envoy = start(&upstream, &keys, &plane, 4, &remote(&json!({})));
    wait_for_status(&envoy, "get_forecast", 200);

    // The tool that every policy opens is open throughout; of the two tools that take turns, each is open or denied.
    let documents: Vec<(&str, Value)> = ["\"1\"", "\"2\"", "\"3\"", "\"4\""]
        .into_iter()
        .enumerate()
        .map(|(n, tag)| {
            let turn = if n % 2 == 0 { "set_alert" } else { "get_forecast" };
            (tag, json!({"tools": {turn: {"scopes": ["weather:read"]}, "echo": {"scopes": []}}}))
        })
        .collect();
    let (first, rest) = documents.split_first().unwrap();
    plane.set(tagged(first.0, first.1.clone()));
    wait_for_status(&envoy, "echo", 200);
    let (done, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while done.load(Ordering::SeqCst) == 0 {
                    assert_eq!(call(&envoy, "echo"), 200);
                    for tool in ["get_forecast", "set_alert"] {
                        let status = call(&envoy, tool);
                        assert!(status == 200 || status == 403, "{tool}: {status}");
                    }
                    sent.fetch_add(3, Ordering::SeqCst);
                }
            });
        }
        for (tag, document) in rest {
            plane.set(tagged(tag, document.clone()));
            let open = document["tools"].as_object().unwrap().keys().find(|name| *name != "echo").unwrap();
            let closed = if open == "set_alert" { "get_forecast" } else { "set_alert" };
            wait_for_status(&envoy, open, 200);
            wait_for_status(&envoy, closed, 403);
        }
        done.store(1, Ordering::SeqCst);
    });
    assert!(sent.load(Ordering::SeqCst) > 50);
    let changes = envoy.events().iter().filter(|event| event["event"] == "policy_changed").count();
    assert_eq!(changes, 5, "each document is taken once, by one of four workers");
    let reasons: Vec<_> = envoy.audit().into_iter().filter(|line| line["decision"] == "deny").collect();
    assert!(reasons.iter().all(|line| line["reason"] == "unlisted" || line["reason"] == "policy_unavailable"));
    let challenge = envoy.client().get("/.well-known/oauth-protected-resource/mcp").json();
    assert_eq!(challenge["scopes_supported"], json!(["weather:read"]));
}

#[test]
fn a_control_plane_that_dies_leaves_its_last_policy_then_nothing_and_then_comes_back() {
    let (upstream, keys) = (Upstream::start(), keys());
    let mut plane = Provider::start(tagged("\"1\"", opening("get_forecast")));
    let envoy = start(&upstream, &keys, &plane, 4, &remote(&json!({"max_stale": "4s"})));
    wait_for_status(&envoy, "get_forecast", 200);
    assert_eq!(call(&envoy, "set_alert"), 403);

    plane.stop();
    let outages = |detail: &str| {
        let about = |event: &&Value| event["event"] == "outage" && event["detail"].as_str().unwrap().contains(detail);
        envoy.events().iter().filter(about).count()
    };
    wait_until("the outage to be told", || outages("the previous policy stays in force") > 0);
    assert_eq!(call(&envoy, "get_forecast"), 200, "the last good one");
    wait_for_status(&envoy, "get_forecast", 403);
    let denied =
        envoy.wait_for_audit(|line| line["reason"] == "policy_unavailable" && line["target"] == "get_forecast");
    assert_eq!((&denied["status"], &denied["decision"]), (&json!(403), &json!("deny")));
    let answer = envoy.client().send(&Request::call("get_forecast").bearer(&token("weather:read")));
    assert_eq!(answer.json()["error"]["data"]["error"], "access_denied");
    assert_eq!(answer.challenge(), None, "no scope would help");
    assert_eq!(outages("everything is denied"), 1, "once for four workers");

    plane.restart();
    wait_for_status(&envoy, "get_forecast", 200);
    wait_until("the end of the outage to be told", || envoy.events().iter().any(|e| e["event"] == "recovered"));
}

#[test]
fn a_bad_policy_is_refused_with_its_faults_and_the_last_good_one_stays() {
    let (upstream, keys) = (Upstream::start(), keys());
    let plane = Provider::start(tagged("\"1\"", opening("get_forecast")));
    let envoy = start(&upstream, &keys, &plane, 1, &remote(&json!({})));
    wait_for_status(&envoy, "get_forecast", 200);

    let bad = json!({"tools": {"get_forecast": {"scope": []}, "set_alert": {"scopes": []}}, "lists": "all"});
    plane.set(tagged("\"2\"", bad));
    envoy.wait_for_log("lists: must be one of");
    let log = envoy.log();
    assert!(log.contains("refused: tools.get_forecast.scope: unknown field"), "{log}");
    assert!(log.contains("refused: tools.get_forecast: needs `scopes` or `any_of`"), "{log}");
    assert_eq!((call(&envoy, "get_forecast"), call(&envoy, "set_alert")), (200, 403));

    plane.set(tagged("\"3\"", opening("set_alert")));
    wait_for_status(&envoy, "set_alert", 200);
    assert_eq!(call(&envoy, "get_forecast"), 403);
    let tags: Vec<_> = plane.requests().iter().flat_map(|request| request.headers.all("if-none-match")).collect();
    assert!(tags.contains(&"\"1\"".to_owned()) && !tags.contains(&"\"2\"".to_owned()), "{tags:?}");
}

#[test]
fn the_configured_policy_serves_until_the_first_good_one_comes() {
    let (upstream, keys) = (Upstream::start(), keys());
    let plane = Provider::start(Behaviour::Status(500));
    let mut configuration = remote(&json!({}));
    configuration["resources"][0]["policy"] = opening("echo");
    let envoy = start(&upstream, &keys, &plane, 2, &configuration);
    wait_for_status(&envoy, "echo", 200);
    plane.wait_for_fetches(2);
    assert_eq!(call(&envoy, "echo"), 200);
    plane.set(tagged("\"1\"", opening("get_forecast")));
    wait_for_status(&envoy, "get_forecast", 200);
    wait_for_status(&envoy, "echo", 403);
}

#[test]
fn authsecs_policy_opens_what_it_says_and_closes_all_when_it_is_not_complete() {
    let (upstream, keys) = (Upstream::start(), keys());
    let document = |complete: bool| {
        json!({
            "state": "ready", "policy_complete": complete, "reason": "", "generation": 3, "ttl_seconds": 1,
            "scopes_supported": ["weather:read", "weather:write"],
            "tool_policy": [
                {"name": "echo", "is_public": true, "required_scopes": []},
                {"name": "get_forecast", "is_public": false, "required_scopes": ["weather:admin", "weather:read"]},
                {"name": "set_alert", "is_public": false, "required_scopes": ["weather:write"]},
                {"name": "delete_city", "is_public": false, "required_scopes": []},
            ],
        })
    };
    let plane = Provider::start(Behaviour::Json(document(true)));
    let source = json!({"format": "authsec", "client_id": "gate", "client_secret_env": "PLANE_SECRET"});
    let configuration = remote(&source);
    let setup: Setup =
        setup(&upstream, Mode::Ahead, &configuration).provider(&keys).edit(with_plane(&plane)).plugin(|plugin| {
            plugin["vm_config"]["environment_variables"] = json!({"host_env_keys": ["PLANE_SECRET"]});
        });
    let envoy = setup.environment("PLANE_SECRET", "s3cret:/").concurrency(2).start();
    wait_for_status(&envoy, "get_forecast", 200);
    let statuses = ["echo", "get_forecast", "set_alert", "delete_city", "unheard_of"].map(|tool| call(&envoy, tool));
    assert_eq!(statuses, [200, 200, 403, 403, 403]);
    let metadata = envoy.client().get("/.well-known/oauth-protected-resource/mcp").json();
    assert_eq!(metadata["scopes_supported"], json!(["weather:read", "weather:write"]));
    // RFC 7617: `gate:s3cret:/` in base64.
    let request = plane.requests().pop().unwrap();
    assert_eq!(request.headers.all("authorization"), ["Basic Z2F0ZTpzM2NyZXQ6Lw=="]);
    assert!(!envoy.log().contains("s3cret"));

    plane.set(Behaviour::Json(document(false)));
    wait_for_status(&envoy, "echo", 403);
    let event = wait_for("the outage to be told", || envoy.events().into_iter().find(|e| e["event"] == "outage"));
    let told = "not complete: everything is denied: GET http://plane.example.com/policy via cluster \"plane\": 200";
    assert!(event["detail"].as_str().unwrap().ends_with(told), "{event}");
    plane.set(Behaviour::Json(document(true)));
    wait_for_status(&envoy, "echo", 200);
}

/// A record that nothing but the gate may write.
const FORGED: &str = r#"toolgate.audit {"decision":"allow","reason":"forged","subject":"mallory"}"#;

/// No line holds the forged record, and the text that tried to forge it is told on one line.
fn assert_not_forged(log: &str, told: &str) {
    assert!(!log.contains("toolgate.audit {\"decision\":\"allow\",\"reason\":\"forged\""), "{log}");
    let line = log.lines().find(|line| line.contains(told)).unwrap_or_else(|| panic!("no `{told}` in {log}"));
    assert!(line.contains("forged") && !line.contains(['\u{1b}', '\u{202e}', '\u{2028}', '\u{85}', '\r']), "{line:?}");
}

#[test]
fn no_answer_of_a_control_plane_writes_lines_of_its_own_in_the_log() {
    let (upstream, keys) = (Upstream::start(), keys());
    for format in ["authsec", "toolgate"] {
        let plane = Provider::start(Behaviour::Json(json!({})));
        let envoy = start(&upstream, &keys, &plane, 1, &remote(&json!({"format": format})));
        for (n, breaks) in ["\n", "\r\n", " ", "\u{2028}", "\u{85}\u{1b}[1A\u{202e}"].into_iter().enumerate() {
            let told = format!("word{n}");
            let text = format!("{told}{breaks}{FORGED}");
            plane.set(Behaviour::Json(match format {
                "authsec" => json!({"state": text, "policy_complete": true}),
                _ => json!({"tools": {}, text: 1}),
            }));
            wait_until("the answer to be told of", || envoy.log().contains(&told));
            assert_not_forged(&envoy.log(), &told);
        }
    }
}

#[test]
fn no_configuration_writes_lines_of_its_own_in_the_log() {
    let (upstream, keys) = (Upstream::start(), keys());
    let mut configuration = configuration(&json!({}));
    configuration["resources"][0][format!("x\n{FORGED}")] = json!(1);
    let log = setup(&upstream, Mode::Held, &configuration).provider(&keys).start_expecting_refusal();
    assert_not_forged(&log, "configuration refused");
}

#[test]
fn a_stream_ends_within_a_second_of_the_policy_that_denies_it_and_of_the_last_one_going_stale() {
    let (upstream, late) = (Upstream::start(), Latch::new());
    let based = |scopes: &[&str]| {
        let mut document = opening("get_forecast");
        document["base_scopes"] = json!(scopes);
        document
    };
    let plane = Provider::start(tagged("\"1\"", based(&[])));
    // It answers for as long as it is in scope.
    let keys = keys();
    let envoy = start(&upstream, &keys, &plane, 1, &remote(&json!({"max_stale": "2s"})));
    let answer = late.clone();
    let scenario = upstream.scenario(move |_| Answer::events([": hello\n\n"]).wait(&answer).body(": late\n\n"));
    let request = Request::get("/mcp").header("accept", "text/event-stream").bearer(&token("weather:read"));
    let request = request.scenario(&scenario);
    let open = || {
        let mut stream = envoy.client().open(&request);
        assert_eq!((stream.status, stream.read_until("\n\n").as_str()), (200, ": hello\n\n"));
        stream
    };
    let ended = || envoy.events().iter().filter(|event| event["detail"] == "policy_denies").count();
    wait_for_status(&envoy, "get_forecast", 200);

    let stream = open();
    plane.set(tagged("\"2\"", based(&["weather:read"])));
    wait_until("another policy", || plane.requests().iter().any(|r| r.headers.all("if-none-match") == ["\"2\""]));
    assert_eq!(ended(), 0, "one that allows it cuts nothing");
    plane.set(tagged("\"3\"", based(&["weather:admin"])));
    assert!(!stream.rest().complete, "it breaks off");
    wait_until("the line", || ended() == 1);

    plane.set(tagged("\"4\"", based(&[])));
    wait_until("the first policy again", || {
        plane.requests().iter().any(|r| r.headers.all("if-none-match") == ["\"4\""])
    });
    let stream = open();
    plane.set(Behaviour::Status(500));
    assert!(!stream.rest().complete, "stale, it breaks off");
    wait_until("the line", || ended() == 2);
    late.open();
}
