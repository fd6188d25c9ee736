//! A listener whose buffer is smaller than `limits`, as Envoy Gateway's is unless it is configured. What Envoy then
//! refuses or cuts is recorded, with the setting that cures it.

use serde_json::{Value, json};

use super::weather::{permissive, policy, token};
use crate::support::answer::{Answer, Latch};
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::{Key, key_set};
use crate::support::provider::Behaviour;
use crate::support::tokens::Token;
use crate::support::wait_until;

/// Envoy Gateway's default.
const BUFFER: usize = 32_768;

fn gate(mode: Mode) -> Gate {
    Gate::start_changed(mode, &configuration(&policy()), |setup| {
        permissive(setup).edit(|bootstrap| {
            bootstrap["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] = json!(BUFFER);
        })
    })
}

/// A list with a tool that the caller may use, one that it may not, and so many bytes.
fn list(size: usize) -> Value {
    let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
    let mut list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool("echo"), tool("delete_city")]}});
    list["result"]["tools"][0]["description"] = json!("x".repeat(size.saturating_sub(list.to_string().len() + 17)));
    list
}

/// The events about a buffer, each with the reason of its decision.
fn exceeded(gate: &Gate) -> Vec<(Value, String)> {
    let audit = gate.envoy.audit();
    let events = gate.envoy.events().into_iter().filter(|event| event["event"] == "buffer_exceeded");
    let reason = |id: &Value| audit.iter().find(|record| record["decision_id"] == *id).map(|own| own["reason"].clone());
    events
        .map(|event| (reason(&event["decision_id"]).unwrap_or_default(), event["detail"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn a_list_that_envoys_buffer_cuts_is_recorded_and_counted() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let ask = |answer: Answer| {
            let scenario = gate.upstream.scenario(move |_| answer.clone());
            let request = Request::rpc("tools/list", json!({})).bearer(&token("")).scenario(&scenario);
            gate.envoy.client().raw().send(request.bytes()).try_response()
        };
        // Up to the buffer's size all is well, and so are streams, of which nothing is left in it.
        let stream = || Answer::events([format!("data: {}\n\n", list(3 * BUFFER))]);
        for answer in [Answer::json(&list(BUFFER - 4_096)), stream(), Answer::json(&list(9_000)).chunked()] {
            let response = ask(answer).unwrap();
            assert_eq!((response.status, response.complete), (200, true), "{mode:?}");
            assert!(response.text().contains("echo") && !response.text().contains("delete_city"), "{mode:?}");
        }
        assert_eq!(exceeded(&gate), [], "{mode:?}");
        for (n, answer) in
            [Answer::json(&list(3 * BUFFER)), Answer::json(&list(3 * BUFFER)).chunked()].into_iter().enumerate()
        {
            let whole = ask(answer).is_ok_and(|response| response.status == 200 && response.complete);
            assert!(!whole, "{mode:?}: it is cut");
            wait_until("an event", || exceeded(&gate).len() > n);
        }
        for (reason, detail) in exceeded(&gate) {
            assert_eq!(reason, "allowed", "{mode:?}");
            for part in ["response", "per_connection_buffer_limit_bytes", "connection.bufferLimit", "limits.list"] {
                assert!(detail.contains(part), "{mode:?}: {detail}");
            }
        }
        wait_until("the count", || gate.envoy.stat("wasmcustom.toolgate.events.buffer_exceeded") == 2);
        // Hosts of a mesh print no more than warnings.
        let log = gate.envoy.log();
        assert!(log.lines().any(|line| line.contains("buffer_exceeded") && line.contains("[warning]")), "{log}");
    }
}

#[test]
fn a_call_that_envoys_buffer_refuses_is_recorded_and_counted() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let call = |size: usize| {
            let arguments = json!({"text": "x".repeat(size)});
            Request::rpc("tools/call", json!({"name": "echo", "arguments": arguments})).bearer(&token(""))
        };
        let scenario = gate.upstream.scenario(|_| Answer::json(&json!({})));
        assert_eq!(gate.envoy.client().send(&call(BUFFER - 4_096).scenario(&scenario)).status, 200, "{mode:?}");
        for chunks in [None, Some([4_096; 32])] {
            let seen = exceeded(&gate).len();
            let request = call(3 * BUFFER);
            let bytes = chunks.map_or_else(|| request.bytes(), |sizes| request.chunked(&sizes, &[]));
            let response = gate.envoy.client().raw().send(bytes).response();
            assert_eq!((response.status, response.text().as_str()), (413, "Payload Too Large"), "{mode:?}");
            wait_until("an event", || exceeded(&gate).len() > seen);
        }
        for (reason, detail) in exceeded(&gate) {
            assert_eq!(reason, "ended_by_host", "{mode:?}");
            assert!(detail.contains("request") && detail.contains("limits.body"), "{mode:?}: {detail}");
        }
        wait_until("the count", || gate.envoy.stat("wasmcustom.toolgate.events.buffer_exceeded") == 2);
    }
}

#[test]
fn a_client_that_leaves_a_held_list_says_nothing_of_the_buffer() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let latch = Latch::new();
        let (head, rest) = (list(2_000).to_string(), latch.clone());
        let scenario = gate.upstream.scenario(move |_| {
            Answer::new(200).header("content-type", "application/json").chunked().body(&head[..900]).wait(&rest)
        });
        let request = Request::rpc("tools/list", json!({})).bearer(&token("")).scenario(&scenario);
        let mut connection = gate.envoy.client().raw();
        connection.send(request.bytes());
        wait_until("the answer", || gate.envoy.stat("cluster.mcp_server.upstream_rq_2xx") > 0);
        drop(connection);
        wait_until("Envoy to miss it", || gate.envoy.stat("http.mcp.downstream_rq_active") == 0);
        latch.open();
        assert_eq!(exceeded(&gate), [], "{mode:?}");
    }
}

#[test]
fn a_body_that_waits_for_keys_beyond_the_buffer_is_recorded() {
    let gate = gate(Mode::Held);
    let latch = Latch::new();
    gate.provider.set(Behaviour::Latched(latch.clone(), key_set([&Key::rsa_a(), &Key::rsa_b()])));
    let token = Token::new().scope("").sign(&Key::rsa_b());
    let arguments = json!({"text": "x".repeat(3 * BUFFER)});
    let request = Request::rpc("tools/call", json!({"name": "echo", "arguments": arguments})).bearer(&token);
    let response = gate.envoy.client().raw().send(request.bytes()).response();
    assert_eq!(response.status, 413);
    wait_until("an event", || exceeded(&gate).len() == 1);
    latch.open();
}
