//! Clients that leave before there is a verdict: each of their requests leaves a record.

use std::sync::Arc;

use serde_json::{Value, json};

use super::weather::permissive;
use crate::support::answer::{Answer, Latch};
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::http2::Http2;
use crate::support::keys::{Key, key_set};
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use crate::support::upstream::{State, Upstream};
use crate::support::wait_until;

const MCP: &str = "http://mcp.example.com/mcp";

/// A provider that publishes keys, and says nothing of any token until the latch opens.
fn gate(mode: Mode, upstream: &Upstream, latch: &Latch) -> (Provider, Envoy) {
    let says = latch.clone();
    let provider = Provider::start(Behaviour::Script(Arc::new(move |request| match request.method.as_str() {
        "GET" => Answer::json(&key_set([&Key::rsa_a()])),
        _ => {
            let _ = says.pass();
            Answer::json(&json!({"active": true, "aud": AUDIENCE, "sub": "alice"}))
        }
    })));
    let tools = json!({"echo": {"scopes": []}, "erase": {"scopes": [], "fresh": "0s"}});
    let mut configuration = configuration(&json!({"tools": tools}));
    configuration["issuers"][0]["validation"] = json!("jwt_or_introspection");
    let endpoint = json!({"uri": format!("{ISSUER}/introspect"), "cluster": "auth", "timeout": "15s"});
    configuration["issuers"][0]["introspection"] = endpoint;
    let envoy = permissive(setup(upstream, mode, &configuration)).http_manager(|http| {
        http["preserve_external_request_id"] = json!(true);
    });
    let envoy = envoy.provider(&provider).start();
    (provider, envoy)
}

/// Waits for the one record of a request, which must be of a client that left.
fn left(envoy: &Envoy, id: &str, subject: Option<&str>) {
    let record = envoy.wait_for_audit(|record| record["request_id"] == id);
    let told = |name: &str| record[name].clone();
    assert_eq!((told("decision"), told("reason")), (json!("deny"), json!("ended_by_client")), "{id}");
    assert_eq!((told("status"), told("subject")), (Value::Null, json!(subject)), "{id}");
    assert_eq!((told("method"), told("resource")), (json!("POST"), json!(AUDIENCE)), "{id}");
    let access = envoy.wait_for_access(|line| line["request_id"] == id);
    assert_eq!((&access["decision"], &access["reason"]), (&json!("deny"), &json!("ended_by_client")), "{id}");
}

#[test]
fn a_request_that_its_client_gives_up_is_recorded_whatever_it_waits_for() {
    for mode in Mode::ALL {
        let (upstream, latch) = (Upstream::start(), Latch::new());
        let (_provider, envoy) = gate(mode, &upstream, &latch);
        let good = Token::new().sign(&Key::rsa_a());
        let scenario = upstream.scenario(|_| Answer::json(&json!({})));
        let request = |id: &str, tool: &str, token: &str| {
            Request::call(tool).bearer(token).header("x-request-id", id).scenario(&scenario)
        };
        assert_eq!(envoy.client().send(&request("first", "echo", &good)).status, 200, "{mode:?}");
        let cut = |bytes: Vec<u8>, short: usize| bytes[..bytes.len() - short].to_vec();
        let cases = [
            ("its headers alone", request("head", "echo", &good).body(" ".repeat(50)), 50, Some("alice")),
            ("a part of its body", request("part", "echo", &good), 9, Some("alice")),
            ("a word on its token", request("word", "erase", &good), 0, Some("alice")),
            ("a word on an opaque token", request("opaque", "echo", "opaque-token"), 0, None),
            ("a word and a part of its body", request("both", "echo", "another-token"), 3, None),
        ];
        for (waits_for, request, short, _) in &cases {
            let mut connection = envoy.client().raw();
            connection.send(cut(request.bytes(), *short));
            wait_until(waits_for, || envoy.stat("http.mcp.downstream_rq_active") == 1);
            drop(connection);
            wait_until("Envoy to miss it", || envoy.stat("http.mcp.downstream_rq_active") == 0);
        }
        for (id, (.., subject)) in ["head", "part", "word", "opaque", "both"].iter().zip(&cases) {
            left(&envoy, id, *subject);
        }
        let http2 = Http2::new("POST", MCP)
            .header("content-type", "application/json")
            .header("x-request-id", "stream")
            .header("x-scenario", scenario.id())
            .bearer(&good)
            .piece("{")
            .piece("}")
            .end_after(&Latch::new());
        http2.reset(envoy.address());
        left(&envoy, "stream", Some("alice"));
        assert_eq!(envoy.audit().len(), 7, "{mode:?}: one each");

        latch.open();
        assert_eq!(envoy.client().send(&request("last", "erase", &good)).status, 200, "{mode:?}");
        let whole = scenario.requests().iter().filter(|seen| seen.body_state == State::Complete).count();
        assert_eq!(whole, 2, "{mode:?}");
    }
}
