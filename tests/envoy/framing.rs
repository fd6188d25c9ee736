//! A request reaches the server as it was sent, however its body is framed, and whatever it waits for meanwhile.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::weather::permissive;
use crate::support::answer::{Answer, Latch};
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Gate, Mode, configuration, setup};
use crate::support::http2::Http2;
use crate::support::keys::{Key, key_set};
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use crate::support::upstream::{State, Upstream};
use crate::support::wait_until;

const MCP: &str = "http://mcp.example.com/mcp";

/// The answer that a request waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Awaited {
    Keys,
    Introspection,
    Fresh,
}

/// How its body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length,
    Chunks,
    ChunksAndTrailers,
    DataWithEnd,
    EmptyDataAtTheEnd,
    DataAndTrailers,
}

use Framing::{Chunks, ChunksAndTrailers, DataAndTrailers, DataWithEnd, EmptyDataAtTheEnd, Length};

const FRAMINGS: [Framing; 6] = [Length, Chunks, ChunksAndTrailers, DataWithEnd, EmptyDataAtTheEnd, DataAndTrailers];

impl Framing {
    fn has_trailers(self) -> bool {
        matches!(self, ChunksAndTrailers | DataAndTrailers)
    }

    /// Sends it, its end when the latch opens; the status of the answer.
    fn send(self, envoy: &Envoy, token: &str, scenario: &str, body: &[u8], end: &Latch) -> u16 {
        let (first, rest) = body.split_at(body.len() / 3);
        let trailers: &[(&str, &str)] = if self.has_trailers() { &[("x-sum", "1")] } else { &[] };
        if matches!(self, Length | Chunks | ChunksAndTrailers) {
            let request = Request::post("/mcp", &Value::Null).bearer(token).header("x-scenario", scenario);
            let request = request.body(body);
            let bytes =
                if self == Length { request.bytes() } else { request.chunked(&[first.len(), 1, 7_000], trailers) };
            let (start, last) = bytes.split_at(bytes.len() - 4);
            let mut connection = envoy.client().raw();
            connection.send(start);
            let _ = end.pass();
            return connection.send(last).response().status;
        }
        let request = Http2::new("POST", MCP)
            .header("content-type", "application/json")
            .header("x-scenario", scenario)
            .bearer(token)
            .end_after(end)
            .piece(first)
            .piece("")
            .piece(rest);
        let request = if self == EmptyDataAtTheEnd { request.piece("") } else { request };
        let request = trailers.iter().fold(request, |request, (name, value)| request.trailer(name, value));
        request.send(envoy.address()).expect("an answer").status
    }
}

/// A gate whose provider says nothing until the latch opens.
fn gate(awaited: Awaited, mode: Mode, upstream: &Upstream, latch: &Latch) -> (Provider, Envoy) {
    let says = latch.clone();
    let provider = Provider::start(Behaviour::Script(Arc::new(move |request| {
        if request.method == "POST" || awaited == Awaited::Keys {
            let _ = says.pass();
        }
        match request.method.as_str() {
            "GET" => Answer::json(&key_set([&Key::rsa_a()])),
            _ => Answer::json(&json!({"active": true, "aud": AUDIENCE, "sub": "alice"})),
        }
    })));
    let fresh = if awaited == Awaited::Fresh { json!({"scopes": [], "fresh": "0s"}) } else { json!({"scopes": []}) };
    let mut configuration = configuration(&json!({"tools": {"echo": fresh}}));
    if awaited != Awaited::Keys {
        let uri = format!("{ISSUER}/introspect");
        configuration["issuers"][0]["introspection"] = json!({"uri": uri, "cluster": "auth", "timeout": "15s"});
        let validation = if awaited == Awaited::Fresh { "jwt" } else { "introspection" };
        configuration["issuers"][0]["validation"] = json!(validation);
    }
    let envoy = permissive(setup(upstream, mode, &configuration)).provider(&provider).start();
    (provider, envoy)
}

/// A call of so many bytes.
fn call(size: usize) -> Vec<u8> {
    let message = |text: &str| {
        let params = json!({"name": "echo", "arguments": {"text": text}});
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
    };
    message(&"x".repeat(size - message("").len())).into_bytes()
}

/// Each framing and size, whole before what it waits for comes, or ending after it.
fn every_framing_arrives(awaited: Awaited, mode: Mode) {
    let (upstream, latch, late) = (Upstream::start(), Latch::new(), Latch::new());
    let (_provider, envoy) = gate(awaited, mode, &upstream, &latch);
    let at_once = Latch::new();
    at_once.open();
    let ends: &[(&str, &Latch)] = match awaited {
        // It is asked for when the body has ended.
        Awaited::Fresh => &[("before", &at_once)],
        _ => &[("before", &at_once), ("after", &late)],
    };
    let mut cases = Vec::new();
    for framing in FRAMINGS {
        for size in [200, 900_000] {
            cases.extend(ends.iter().map(|end| (framing, size, *end)));
        }
    }
    thread::scope(|scope| {
        let run = |(number, (framing, size, (when, end))): (usize, (Framing, usize, (&str, &Latch)))| {
            let (envoy, upstream) = (&envoy, &upstream);
            let end = end.clone();
            let case = format!("{awaited:?} {mode:?} {framing:?}, {size} bytes, its end {when}");
            let run = move || {
                let scenario = upstream.scenario(|_| Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
                let token = Token::new().claim("jti", number).sign(&Key::rsa_a());
                let status = framing.send(envoy, &token, scenario.id(), &call(size), &end);
                let seen = scenario.requests();
                let sum = seen.iter().flat_map(|seen| seen.trailers.all("x-sum")).collect::<Vec<_>>();
                let body = seen.first().map(|seen| seen.body.clone()).unwrap_or_default();
                let expected: &[&str] = if framing.has_trailers() { &["1"] } else { &[] };
                (status, seen.len(), body == call(size), body.len(), sum == expected)
            };
            (case, scope.spawn(run))
        };
        let count = u64::try_from(cases.len()).unwrap();
        let open: Vec<_> = cases.into_iter().enumerate().map(run).collect();
        wait_until("all to wait", || envoy.stat("http.mcp.downstream_rq_active") == count);
        // Whether Envoy has taken in what was sent cannot be seen from outside.
        thread::sleep(Duration::from_millis(300));
        assert!(upstream.unclaimed().stays_empty());
        latch.open();
        thread::sleep(Duration::from_millis(300));
        late.open();
        let join = |(case, thread): (String, thread::ScopedJoinHandle<'_, _>)| (case, thread.join().ok());
        let outcomes: Vec<_> = open.into_iter().map(join).collect();
        let wrong: Vec<_> =
            outcomes.iter().filter(|(_, seen)| !matches!(seen, Some((200, 1, true, _, true)))).collect();
        assert!(
            wrong.is_empty(),
            "(status, requests, body, its bytes, trailers): {}",
            wrong.iter().map(|one| format!("\n  {one:?}")).collect::<String>()
        );
    });
}

#[test]
fn a_body_of_any_framing_arrives_whole_after_a_wait_for_keys() {
    Mode::ALL.into_iter().for_each(|mode| every_framing_arrives(Awaited::Keys, mode));
}

#[test]
fn a_body_of_any_framing_arrives_whole_after_a_wait_for_introspection() {
    Mode::ALL.into_iter().for_each(|mode| every_framing_arrives(Awaited::Introspection, mode));
}

#[test]
fn a_body_of_any_framing_arrives_whole_after_a_wait_for_a_fresh_word() {
    Mode::ALL.into_iter().for_each(|mode| every_framing_arrives(Awaited::Fresh, mode));
}

fn tools() -> Value {
    json!({"tools": {"echo": {"scopes": []}}})
}

fn ok() -> Answer {
    Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}))
}

#[test]
fn an_empty_data_frame_is_no_body() {
    for mode in Mode::ALL {
        let gate = Gate::start_changed(mode, &configuration(&tools()), permissive);
        let token = Token::new().sign(&Key::rsa_a());
        for method in ["GET", "DELETE"] {
            for (pieces, trailers, status) in
                [(&[""][..], 0, 200), (&["", ""], 0, 200), (&[""], 1, 200), (&["", "x"], 0, 400), (&["x"], 1, 400)]
            {
                let scenario = gate.upstream.scenario(|_| ok());
                let request = Http2::new(method, MCP).header("x-scenario", scenario.id()).bearer(&token);
                let request = pieces.iter().fold(request, |request, piece| request.piece(*piece));
                let request = if trailers == 1 { request.trailer("x-sum", "1") } else { request };
                let case = format!("{mode:?} {method} {pieces:?}, {trailers} trailers");
                assert_eq!(request.send(gate.envoy.address()).expect("an answer").status, status, "{case}");
                if status == 200 {
                    let recorded = scenario.request();
                    assert_eq!((recorded.method.as_str(), recorded.body.len()), (method, 0), "{case}");
                } else {
                    assert!(mode == Mode::Ahead || scenario.stays_empty(), "{case}");
                    assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_client_that_waits_to_be_told_to_go_on_is_told_or_refused() {
    for mode in Mode::ALL {
        // Envoy says it by itself, or leaves it to the server.
        for left_to_the_server in [false, true] {
            let change = |setup: Setup| {
                permissive(setup).http_manager(|http| http["proxy_100_continue"] = json!(left_to_the_server))
            };
            let gate = Gate::start_changed(mode, &configuration(&tools()), change);
            let token = Token::new().sign(&Key::rsa_a());
            let expected = if left_to_the_server && mode == Mode::Held { 417 } else { 200 };
            let case = format!("{mode:?}, left to the server: {left_to_the_server}");

            let scenario = gate.upstream.scenario(|_| ok());
            let call = Request::call("echo").header("expect", "100-continue").bearer(&token).scenario(&scenario);
            let bytes = call.bytes();
            let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            let mut connection = gate.envoy.client().raw();
            connection.send(&bytes[..head]);
            if expected == 200 {
                connection.send(&bytes[head..]);
            }
            let response = connection.response();
            assert_eq!(response.status, expected, "{case}");
            if expected == 417 {
                assert_eq!(response.json(), json!({"error": "expectation_failed"}), "{case}");
                assert!(scenario.stays_empty(), "{case}");
                gate.envoy.wait_for_audit(|record| record["reason"] == "expectation_failed");
            }
            let whole = String::from_utf8_lossy(&bytes[head..]).into_owned();
            let http2 = Http2::new("POST", MCP).header("content-type", "application/json");
            let http2 = http2.header("expect", "100-continue").bearer(&token).piece(whole);
            assert_eq!(http2.send(gate.envoy.address()).expect("an answer").status, expected, "HTTP/2 {case}");
        }
    }
}

#[test]
fn refusals_of_grpc_keep_their_status_over_http2() {
    for mode in Mode::ALL {
        let gate = Gate::start_changed(mode, &configuration(&tools()), permissive);
        let token = Token::new().sign(&Key::rsa_a());
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc;x=1"] {
            let ask = |method: &str, target: &str, token: Option<&str>| {
                let request = Http2::new(method, target).header("content-type", kind).header("te", "trailers");
                let request = token.into_iter().fold(request, Http2::bearer);
                request.piece([0, 0, 0, 0, 0]).send(gate.envoy.address()).expect("an answer")
            };
            let cases = [
                ("POST", MCP, None, 401),
                ("POST", MCP, Some("garbage"), 401),
                ("POST", MCP, Some(&*token), 415),
                ("PUT", MCP, Some(&*token), 405),
                ("POST", "http://mcp.example.com/elsewhere", None, 404),
                ("POST", "http://mcp.example.com/mcp?access_token=x", None, 400),
            ];
            for (method, target, token, status) in cases {
                let response = ask(method, target, token);
                let case = format!("{mode:?} {kind} {method} {target}");
                assert_eq!(response.status, status, "{case}: {response:?}");
                assert_eq!(response.header("grpc-status"), None, "{case}");
                // Envoy drops the body where it sees gRPC itself, which it does not in all of these.
                let declared = (!response.body.is_empty()).then_some("application/json");
                assert_eq!(response.header("content-type").as_deref(), declared, "{case}");
                assert!(kind != "application/grpc" || declared.is_none(), "{case}: {response:?}");
                assert_eq!(response.challenge().is_some(), status == 401 || status == 400, "{case}");
            }
        }
        assert!(gate.upstream.unclaimed().stays_empty(), "{mode:?}");
    }
}
