//! Streams keep their bytes and their pace, and nothing passes without a
//! decision: event streams, trailers, HTTP/2, upgrades, answers that come too
//! early, clients that leave.

use std::time::Duration;

use serde_json::{Value, json};

use super::weather::{asked_scope, gate, permissive, policy, token};
use crate::support::answer::{Answer, Latch};
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration, setup};
use crate::support::http2::Http2;
use crate::support::keys::{Key, key_set};
use crate::support::native;
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::Token;
use crate::support::upstream::{State, Upstream};
use crate::support::wait_until;

const MCP: &str = "http://mcp.example.com/mcp";

fn ok() -> Answer {
    Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {"ok": true}}))
}

fn forecast() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_forecast"}})
}

#[test]
fn the_events_of_a_call_pass_undelayed_and_byte_for_byte() {
    // Nothing here is tidy: line ends of all kinds, an event cut anywhere, one without an end, bytes that are no text.
    const PIECES: [&[u8]; 7] = [
        b": beat\r\n\r\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notif",
        b"ications/progress\"}\r\r",
        b"data:  {\"jsonrpc\" : \"2.0\", \"id\":1,\"result\":{\"tools\":[{\"name\":\"delete_city\"}]}}\n\n",
        b"\xff\xfe\x00",
        b"\n",
        b"data: x",
        b"\ndata",
    ];
    for mode in Mode::ALL {
        let gate = gate(mode);
        let latches: Vec<_> = PIECES.iter().map(|_| Latch::new()).collect();
        let script = {
            let latches = latches.clone();
            move |_: &_| {
                let steps = PIECES.iter().zip(&latches);
                steps.fold(Answer::events([""; 0]), |answer, (piece, latch)| answer.wait(latch).body(*piece))
            }
        };
        let scenario = gate.upstream.scenario(script);
        let request = Request::post("/mcp", &forecast()).bearer(&token("weather:read")).scenario(&scenario);
        let mut stream = gate.envoy.client().open(&request);
        assert_eq!(stream.status, 200, "{mode:?}: the headers are there before the first event");
        for (piece, latch) in PIECES.iter().zip(&latches) {
            latch.open();
            let mut got = Vec::new();
            while got.len() < piece.len() {
                got.extend(stream.piece().expect("more"));
            }
            assert_eq!(got, *piece, "{mode:?}");
        }
        assert_eq!(stream.piece(), None, "{mode:?}");
        assert_eq!(scenario.answered(), State::Complete);
    }
}

#[test]
fn any_other_answer_passes_as_it_is() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let answer = || {
            Answer::new(404)
                .header("content-type", "application/octet-stream")
                .header("content-encoding", "br")
                .header("mcp-session-id", "s1")
                .header("x-odd", *b"\xff")
                .body((0..=255).cycle().take(2_000_000).collect::<Vec<u8>>())
        };
        let scenario = gate.upstream.scenario(move |_| answer());
        let request = Request::post("/mcp", &forecast()).bearer(&token("weather:read")).scenario(&scenario);
        let response = gate.envoy.client().send(&request);
        assert_eq!((response.status, response.body.len(), response.complete), (404, 2_000_000, true), "{mode:?}");
        assert_eq!(response.header("content-length").as_deref(), Some("2000000"));
        assert_eq!(response.header("mcp-session-id").as_deref(), Some("s1"));
        assert_eq!(response.headers.bytes("x-odd").next(), Some(&b"\xff"[..]));
        assert!(response.body.iter().enumerate().all(|(place, byte)| *byte == (place % 256) as u8), "{mode:?}");
    }
}

#[test]
fn a_get_stream_is_open_to_a_good_token_and_its_lists_are_trimmed() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let latch = Latch::new();
        let script = {
            let latch = latch.clone();
            move |_: &_| {
                let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "echo"}, {"name": "delete_city"}]}});
                Answer::events(["id: 1\ndata: {\"method\":\"notifications/message\"}\n\n"])
                    .wait(&latch)
                    .body(format!("data: {list}\n\n"))
            }
        };
        let scenario = gate.upstream.scenario(script);
        let request = Request::get("/mcp")
            .header("accept", "text/event-stream")
            .header("last-event-id", "7")
            .header("mcp-session-id", "s1")
            .header("accept-encoding", "gzip")
            .bearer(&token(""))
            .scenario(&scenario);
        let mut stream = gate.envoy.client().open(&request);
        assert_eq!(stream.read_until("\n\n"), "id: 1\ndata: {\"method\":\"notifications/message\"}\n\n", "{mode:?}");
        latch.open();
        let rest = String::from_utf8(stream.rest().bytes).unwrap();
        assert!(!rest.contains("delete_city") && rest.contains("\"echo\""), "{mode:?} {rest}");
        let recorded = scenario.request();
        assert_eq!((recorded.method.as_str(), recorded.body.len()), ("GET", 0));
        assert_eq!(recorded.headers.get("last-event-id").as_deref(), Some("7"));
        assert_eq!(recorded.headers.get("authorization"), None, "{mode:?}");
        assert_eq!(recorded.headers.get("accept-encoding"), None, "{mode:?}");
    }
}

#[test]
fn a_session_is_ended_by_its_delete_and_other_methods_are_405() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let scenario = gate.upstream.scenario(|_| Answer::new(204));
        let ask = |method: &str| {
            let request = Request::new(method, "/mcp").header("mcp-session-id", "s1").bearer(&token(""));
            gate.envoy.client().send(&request.scenario(&scenario))
        };
        assert_eq!(ask("DELETE").status, 204, "{mode:?}");
        let recorded = scenario.request();
        assert_eq!(
            (recorded.method.as_str(), recorded.headers.get("mcp-session-id").as_deref()),
            ("DELETE", Some("s1"))
        );
        for method in ["PUT", "PATCH", "OPTIONS", "TRACE", "LOCK"] {
            let response = ask(method);
            assert_eq!(response.status, 405, "{mode:?} {method}");
            assert_eq!(response.header("allow").as_deref(), Some("GET, HEAD, POST, DELETE"), "{mode:?} {method}");
        }
        for method in ["GET", "DELETE", "HEAD"] {
            let request = Request::new(method, "/mcp").bearer(&token("")).scenario(&scenario).body("{}");
            let response = gate.envoy.client().send(&request);
            assert_eq!(response.status, 400, "{mode:?} {method} with a body");
        }
        assert_eq!(scenario.requests().len(), 1, "{mode:?}");
    }
}

#[test]
fn trailers_get_the_verdict_too() {
    let forged = [("x-sum", "1")];
    for mode in Mode::ALL {
        let gate = gate(mode);
        for http2 in [false, true] {
            for (scope, status) in [("weather:read", 200), ("weather:reed", 403)] {
                let scenario = gate.upstream.scenario(|_| ok());
                let case = format!("{mode:?} http2: {http2} {scope}");
                let response = if http2 {
                    let request = Http2::new("POST", MCP)
                        .header("content-type", "application/json")
                        .header("x-scenario", scenario.id())
                        .bearer(&token(scope))
                        .piece(&forecast().to_string()[..20])
                        .piece(&forecast().to_string()[20..])
                        .trailer("x-sum", "1");
                    request.send(gate.envoy.address()).expect("an answer")
                } else {
                    let request = Request::post("/mcp", &forecast()).bearer(&token(scope)).scenario(&scenario);
                    gate.envoy.client().raw().send(request.chunked(&[20], &forged)).response()
                };
                assert_eq!(response.status, status, "{case}: {}", response.text());
                if status == 200 {
                    let recorded = scenario.request();
                    assert_eq!(recorded.json(), forecast(), "{case}");
                    assert_eq!(recorded.trailers.all("x-sum"), ["1"], "{case}");
                    assert_eq!(recorded.headers.get("authorization"), None, "{case}");
                } else {
                    assert_eq!(asked_scope(&response).as_deref(), Some("weather:read"), "{case}");
                    assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{case}");
                    assert!(mode == Mode::Ahead || scenario.stays_empty(), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_list_before_trailers_is_trimmed_over_http2_and_one_that_is_lost_is_an_error() {
    let list = |id: u64, member: &str| {
        json!({"jsonrpc": "2.0", "id": id, "result": {member: [{"name": "get_forecast"}, {"name": "no_rule"}]}})
            .to_string()
    };
    let kept = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "get_forecast"}]}});
    for mode in Mode::ALL {
        let gate = gate(mode);
        for (case, pieces, is_error) in [
            ("a list", vec![format!("data: {}\n\n", list(1, "tools"))], false),
            ("a list that lacks its end", vec![format!("data: {}\n", list(1, "tools"))], false),
            ("a document", vec![list(1, "tools")], false),
            ("a list that cannot be read", vec![format!("data: {}\n\n", list(1, "Tools"))], true),
            ("noise", vec!["data: <p>\n\n".to_owned(), "<p>\n\n".to_owned()], true),
            (
                "a heartbeat before a list",
                vec!["data: ping\n\n".to_owned(), format!("data: {}\n\n", list(1, "tools"))],
                false,
            ),
        ] {
            let scenario = gate.upstream.scenario(move |_| {
                let pause = Duration::from_millis(30);
                let answer = Answer::events([""; 0]).trailer("x-sum", "1");
                pieces.iter().fold(answer, |answer, piece| answer.delay(pause).body(piece.as_bytes())).delay(pause)
            });
            let request = Http2::new("POST", MCP)
                .header("content-type", "application/json")
                .header("x-scenario", scenario.id())
                .bearer(&token("weather:read"))
                .piece(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string());
            let response = request.send(gate.envoy.address()).expect("an answer");
            let text = response.text();
            let data =
                text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line)).rfind(|line| line.len() > 1);
            let message: Value = serde_json::from_str(data.expect("a message")).expect("JSON");
            assert_eq!(message["error"]["code"] == 502, is_error, "{mode:?} {case}: {text}");
            assert!(is_error || message == kept, "{mode:?} {case}: {text}");
            assert_eq!(response.trailers.all("x-sum"), ["1"], "{mode:?} {case}");
        }
    }
}

#[test]
fn heartbeats_that_are_no_json_keep_a_connection_alive() {
    let gate = gate(Mode::Held);
    let latch = Latch::new();
    let script = {
        let latch = latch.clone();
        move |_: &_| {
            let beat = |answer: Answer, wait: u64| answer.body("data: ping\n\n").delay(Duration::from_secs(wait));
            beat(beat(Answer::events([""; 0]), 6), 0).wait(&latch).body(": end\n\n")
        }
    };
    let scenario = gate.upstream.scenario(script);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let mut stream = gate.envoy.client().open(&Request::post("/mcp", &list).bearer(&token("")).scenario(&scenario));
    let mut got = Vec::new();
    while got.len() < 6 {
        got.extend(stream.piece().expect("a heartbeat before the end"));
    }
    assert_eq!(String::from_utf8_lossy(&got), ":\n\n:\n\n");
    latch.open();
}

#[test]
fn a_body_that_is_empty_but_for_trailers_is_refused() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let scenario = gate.upstream.scenario(|_| ok());
        let request = Request::post("/mcp", &json!(null)).bearer(&token("weather:read")).scenario(&scenario).body("");
        let response = gate.envoy.client().raw().send(request.chunked(&[], &[("x-sum", "1")])).response();
        assert_eq!(response.status, 400, "{mode:?} {}", response.text());
        assert_eq!(response.json()["error"]["code"], -32700, "{mode:?}");
        assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{mode:?}");
    }
}

#[test]
fn forwarded_names_are_removed_from_trailers() {
    let mut configuration = configuration(&policy());
    configuration["resources"][0]["forward"] = json!({"headers": {"x-mcp-subject": "sub"}});
    for mode in Mode::ALL {
        let gate = Gate::start_changed(mode, &configuration, |setup| permissive(setup).unnormalised());
        let scenario = gate.upstream.scenario(|_| ok());
        let request = Request::post("/mcp", &forecast())
            .bearer(&token("weather:read"))
            .header("X-MCP-Subject", "mallory")
            .header("x_mcp_subject", "mallory")
            .scenario(&scenario);
        let trailers = [("x-mcp-subject", "mallory"), ("X_MCP-Subject", "mallory"), ("x-sum", "1")];
        let response = gate.envoy.client().raw().send(request.chunked(&[20], &trailers)).response();
        assert_eq!(response.status, 200, "{mode:?} {}", response.text());
        let recorded = scenario.request();
        assert_eq!(recorded.headers.get("x-mcp-subject").as_deref(), Some("alice"), "{mode:?}");
        assert!(!String::from_utf8_lossy(&recorded.raw_head).contains("mallory"), "{mode:?}");
        assert_eq!(recorded.trailers.names(), ["x-sum"], "{mode:?}");
    }
}

#[test]
fn http2_is_gated_as_http1_is() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let ask = |message: &Value, token: Option<&str>| {
            let scenario = gate.upstream.scenario(|_| ok());
            let request = Http2::new("POST", MCP)
                .header("content-type", "application/json")
                .header("x-scenario", scenario.id())
                .piece(message.to_string());
            let request = match token {
                Some(token) => request.bearer(token),
                None => request,
            };
            (request.send(gate.envoy.address()).expect("an answer"), scenario)
        };
        let (response, scenario) = ask(&forecast(), Some(&token("weather:read")));
        assert_eq!(response.status, 200, "{mode:?}");
        assert_eq!(scenario.request().json(), forecast());
        for (name, token, status) in [
            ("no token", None, 401),
            ("garbage", Some("garbage".to_owned()), 401),
            ("another scope", Some(token("weather:write")), 403),
        ] {
            let (response, scenario) = ask(&forecast(), token.as_deref());
            assert_eq!(response.status, status, "{mode:?} {name}");
            assert!(response.challenge().is_some(), "{mode:?} {name}");
            assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{mode:?} {name}");
        }
        let get = Http2::new("GET", MCP).bearer(&token("")).send(gate.envoy.address()).expect("an answer");
        assert_eq!(get.status, 200, "{mode:?}");
    }
}

#[test]
fn an_upgrade_or_a_tunnel_is_400_whatever_the_token() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        for token in [token("weather:read"), "garbage".to_owned()] {
            let scenario = gate.upstream.scenario(|_| Answer::switching_protocols("websocket"));
            let upgrade = Request::get("/mcp")
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .bearer(&token)
                .scenario(&scenario);
            let response = gate.envoy.client().send(&upgrade);
            assert_eq!((response.status, response.json()), (400, json!({"error": "bad_request"})), "{mode:?}");
            assert_eq!(response.challenge(), None);

            let tunnel = Http2::new("CONNECT", MCP).protocol("websocket").bearer(&token);
            let response = tunnel.header("x-scenario", scenario.id()).send(gate.envoy.address()).expect("an answer");
            assert_eq!((response.status, response.json()), (400, json!({"error": "bad_request"})), "{mode:?}");
            assert!(scenario.stays_empty(), "{mode:?}");
        }
    }
}

#[test]
fn an_upgrade_to_h2c_is_an_offer_that_is_ignored() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let request = Request::get("/mcp")
            .header("connection", "upgrade, http2-settings")
            .header("upgrade", "h2c")
            .header("http2-settings", "")
            .bearer(&token(""));
        let response = gate.envoy.client().send(&request);
        assert!([200, 403].contains(&response.status), "{mode:?} {}", response.status);
    }
}

#[test]
fn a_101_never_passes() {
    let mut configuration = configuration(&policy());
    configuration["pass"] = json!(["/open"]);
    for mode in Mode::ALL {
        let gate = Gate::start_changed(mode, &configuration, permissive);
        let requests = [
            ("a call", Request::post("/mcp", &forecast()).bearer(&token("weather:read"))),
            ("a list", Request::rpc("tools/list", json!({})).bearer(&token("weather:read"))),
            ("a stream", Request::get("/mcp").bearer(&token(""))),
            (
                "a path without a token",
                Request::get("/open").header("connection", "upgrade").header("upgrade", "websocket"),
            ),
        ];
        for (name, request) in requests {
            let scenario = gate.upstream.scenario(|_| Answer::switching_protocols("websocket"));
            let response = gate.envoy.client().send(&request.scenario(&scenario));
            assert!((400..600).contains(&response.status), "{mode:?} {name}: {}", response.status);
        }
    }
}

#[test]
fn an_answer_before_the_verdict_never_reaches_the_client() {
    // With headers held, no server answers before the verdict.
    if native::is_it() {
        return;
    }
    const SECRET: &str = "what nobody asked for yet";
    let gate = gate(Mode::Ahead);
    for status in [200, 204, 302, 401, 500] {
        let scenario = gate.upstream.early_scenario(move |_| match status {
            204 => Answer::new(204).header("x-secret", SECRET),
            _ => Answer::new(status).header("x-secret", SECRET).body(SECRET),
        });
        let request = Request::post("/mcp", &forecast()).bearer(&token("weather:read")).scenario(&scenario);
        let whole = request.bytes();
        let mut connection = gate.envoy.client().raw();
        connection.send(&whole[..whole.len() - 5]);
        let response = connection.response();
        assert_eq!((response.status, response.json()), (502, json!({"error": "bad_gateway"})), "{status}");
        assert_eq!(response.header("x-secret"), None, "{status}");
        assert_ne!(scenario.request().body_state, State::Complete, "{status}");
    }
}

/// No filter sees an interim answer.
#[test]
fn an_interim_answer_comes_before_the_verdict_only_where_envoy_passes_them_and_headers_go_ahead() {
    for (mode, passes) in [(Mode::Ahead, false), (Mode::Ahead, true), (Mode::Held, true)] {
        let gate = Gate::start_changed(mode, &configuration(&policy()), |setup| {
            setup.http_manager(|http| http["proxy_100_continue"] = json!(passes))
        });
        let latch = Latch::new();
        let rest = latch.clone();
        let scenario = gate.upstream.early_scenario(move |_| {
            let answer = Answer::raw("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").wait(&rest);
            answer.body("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        });
        let bytes = Request::post("/mcp", &forecast()).bearer(&token("weather:read")).scenario(&scenario).bytes();
        let mut connection = gate.envoy.client().raw();
        connection.send(&bytes[..bytes.len() - 5]);
        let early = connection.peek(Duration::from_secs(1)).map(|bytes| bytes.starts_with(b"HTTP/1.1 103"));
        // The native module holds headers in either mode.
        let goes_ahead = mode == Mode::Ahead && !native::is_it();
        assert_eq!(early, (goes_ahead && passes).then_some(true), "{mode:?}, {passes}");
        connection.send(&bytes[bytes.len() - 5..]);
        gate.envoy.wait_for_audit(|record| record["reason"] == "allowed");
        latch.open();
        assert_eq!(connection.response().status, 200, "{mode:?}, {passes}");
    }
}

#[test]
fn headers_go_ahead_only_where_they_are_told_to() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let scenario = gate.upstream.scenario(|_| ok());
        let request = Request::post("/mcp", &forecast()).bearer(&token("weather:read")).scenario(&scenario);
        let whole = request.bytes();
        let mut connection = gate.envoy.client().raw();
        connection.send(&whole[..whole.len() - 5]);
        match mode {
            Mode::Ahead => {
                wait_until("the headers at the server", || !scenario.requests().is_empty());
                assert!(scenario.requests()[0].body.is_empty(), "the body waits");
            }
            Mode::Held => assert!(scenario.stays_empty()),
        }
        connection.send(&whole[whole.len() - 5..]);
        assert_eq!(connection.response().status, 200, "{mode:?}");
        assert_eq!(scenario.request().json(), forecast(), "{mode:?}");
    }
}

#[test]
fn a_call_that_its_headers_deny_does_not_go_ahead() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let scenario = gate.upstream.scenario(|_| ok());
        let request = Request::call("delete_city")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "delete_city")
            .bearer(&token("weather:read"))
            .scenario(&scenario);
        let response = gate.envoy.client().send(&request);
        assert_eq!(response.status, 403, "{mode:?}");
        assert!(scenario.stays_empty(), "{mode:?}");
    }
}

#[test]
fn a_body_over_the_limit_is_413_declared_or_as_it_comes() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        for size in [1_000_001, 3_000_000] {
            let scenario = gate.upstream.scenario(|_| ok());
            let request = Request::post("/mcp", &json!(null)).bearer(&token("weather:read")).scenario(&scenario);
            let request = request.body(" ".repeat(size));
            for bytes in [request.bytes(), request.chunked(&[60_000; 10], &[]), request.chunked(&[], &[])] {
                let response = gate.envoy.client().raw().send(bytes).response();
                assert_eq!(response.status, 413, "{mode:?}");
                assert_eq!(response.text(), r#"{"error":"payload_too_large"}"#, "{mode:?}, {size} bytes");
            }
            assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{mode:?}");
        }
        let refused = |record: &Value| record["reason"] == "payload_too_large";
        wait_until("a record of each", || gate.envoy.audit().iter().filter(|record| refused(record)).count() >= 6);
        let scenario = gate.upstream.scenario(|_| ok());
        let text = forecast().to_string();
        let padded = format!("{text}{}", " ".repeat(1_000_000 - text.len()));
        let request = Request::post("/mcp", &json!(null)).bearer(&token("weather:read")).scenario(&scenario);
        assert_eq!(gate.envoy.client().send(&request.body(padded)).status, 200, "{mode:?}: the largest there may be");
        assert_eq!(scenario.request().body.len(), 1_000_000);
    }
}

#[test]
fn a_stream_that_goes_on_ends_with_its_token_and_a_call_does_not() {
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["leeway"] = json!("0s");
    let gate = Gate::start(Mode::Held, &configuration);
    let first = ": hello\n\n";
    let script = |latch: &Latch| {
        let latch = latch.clone();
        move |_: &_| Answer::events([first]).wait(&latch).body(": late\n\n")
    };
    let short = || Token::new().scope("weather:read").expires_in(4).sign(&Key::rsa_a());
    let listen = json!({"notifications": {"resourceSubscriptions": ["weather://here"]}});
    for (request, ends) in [
        (Request::get("/mcp").header("accept", "text/event-stream"), true),
        (Request::rpc("subscriptions/listen", listen), true),
        (Request::post("/mcp", &forecast()), false),
    ] {
        let latch = Latch::new();
        let scenario = gate.upstream.scenario(script(&latch));
        let mut stream = gate.envoy.client().open(&request.bearer(&short()).scenario(&scenario));
        assert_eq!((stream.status, stream.read_until("\n\n").as_str()), (200, first));
        if ends {
            assert!(!stream.rest().complete, "it breaks off");
            latch.open();
        } else {
            // Longer than the token lives: an answer to a call is a promise kept.
            std::thread::sleep(Duration::from_secs(5));
            latch.open();
            assert_eq!(stream.rest().bytes, b": late\n\n");
        }
    }
    wait_until("a line for each", || gate.envoy.events().iter().filter(|e| e["event"] == "stream_ended").count() == 2);
    assert_eq!(gate.envoy.client().send(&Request::call("echo").bearer(&token(""))).status, 200, "the worker goes on");
}

#[test]
fn a_stream_that_waited_for_keys_ends_with_its_token_too() {
    for mode in Mode::ALL {
        let (keys, late) = (Latch::new(), Latch::new());
        let upstream = Upstream::start();
        let provider = Provider::start(Behaviour::Latched(keys.clone(), key_set([&Key::rsa_a()])));
        let mut configuration = configuration(&policy());
        configuration["issuers"][0]["leeway"] = json!("0s");
        let envoy = setup(&upstream, mode, &configuration).provider(&provider).start();
        let answer = late.clone();
        let scenario = upstream.scenario(move |_| Answer::events([": hello\n\n"]).wait(&answer).body(": late\n\n"));
        let token = Token::new().scope("weather:read").expires_in(6).sign(&Key::rsa_a());
        let request = Request::get("/mcp").header("accept", "text/event-stream").bearer(&token).scenario(&scenario);
        let mut connection = envoy.client().raw();
        connection.send(request.bytes());
        wait_until("it to wait", || envoy.stat("http.mcp.downstream_rq_active") == 1);
        keys.open();
        let mut stream = connection.open();
        assert_eq!((stream.status, stream.read_until("\n\n").as_str()), (200, ": hello\n\n"), "{mode:?}");
        assert!(!stream.rest().complete, "{mode:?}: it breaks off");
        late.open();
        wait_until("the line", || envoy.events().iter().any(|event| event["event"] == "stream_ended"));
    }
}

#[test]
fn what_envoy_itself_answers_before_the_verdict_passes_and_is_recorded() {
    // With headers held, no server answers before the verdict.
    if native::is_it() {
        return;
    }
    // Nothing listens where the server should be: with the headers ahead, Envoy finds that out before the body is there.
    let mut gate = Gate::start(Mode::Ahead, &configuration(&policy()));
    gate.upstream.stop();
    let request = Request::post("/mcp", &forecast()).bearer(&token("weather:read")).bytes();
    let head = request.len() - forecast().to_string().len();
    let mut connection = gate.envoy.client().raw();
    let response = connection.send(&request[..head]).response();
    assert_eq!(response.status, 503);
    assert!(response.text().starts_with("upstream connect error"), "{}", response.text());
    let record = gate.envoy.wait_for_audit(|record| record["reason"] == "ended_by_host");
    assert_eq!((&record["decision"], &record["status"]), (&json!("deny"), &Value::Null), "the status is Envoy's");
}

#[test]
fn a_client_that_expects_100_continue_is_served() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        for (scope, status) in [("weather:read", 200), ("", 403)] {
            let scenario = gate.upstream.scenario(|_| ok());
            let request = Request::post("/mcp", &forecast())
                .header("expect", "100-continue")
                .bearer(&token(scope))
                .scenario(&scenario)
                .bytes();
            let head = request.len() - forecast().to_string().len();
            let mut connection = gate.envoy.client().raw();
            connection.send(&request[..head]);
            // The interim answer is passed over by `response`; Envoy gives it at once.
            connection.send(&request[head..]);
            assert_eq!(connection.response().status, status, "{mode:?}");
        }
        let refused = Request::post("/mcp", &forecast()).header("expect", "100-continue").bearer("garbage").bytes();
        let mut connection = gate.envoy.client().raw();
        connection.send(&refused[..refused.len() - forecast().to_string().len()]);
        assert_eq!(connection.response().status, 401, "{mode:?}: without the body");
    }
}

#[test]
fn a_client_that_leaves_while_keys_are_awaited_harms_nobody() {
    for mode in Mode::ALL {
        let latch = Latch::new();
        let gate = Gate::start_changed(mode, &configuration(&policy()), |setup| setup);
        gate.provider.set(Behaviour::Latched(latch.clone(), key_set([&Key::rsa_a(), &Key::rsa_b()])));
        let fetches = gate.provider.fetches();
        let token = Token::new().scope("weather:read").sign(&Key::rsa_b());
        let request = |n: usize| {
            let scenario = gate.upstream.scenario(|_| ok());
            let request = Request::post("/mcp", &forecast()).bearer(&token).scenario(&scenario);
            let bytes = if n.is_multiple_of(2) { request.bytes() } else { request.chunked(&[5], &[]) };
            let mut connection = gate.envoy.client().raw();
            // Some leave in the middle of the body, some after it.
            connection.send(&bytes[..bytes.len() - n % 3]);
            (connection, scenario)
        };
        let open: Vec<_> = (0..6).map(request).collect();
        gate.provider.wait_for_fetches(fetches + 1);
        let left: Vec<_> = open.into_iter().map(|(_, scenario)| scenario).collect();
        wait_until("Envoy to miss them", || gate.envoy.stat("http.mcp.downstream_rq_active") == 0);
        let (mut stays, scenario) = request(0);
        wait_until("the one that stays", || gate.envoy.stat("http.mcp.downstream_rq_active") == 1);
        latch.open();
        assert_eq!(stays.response().status, 200, "{mode:?}");
        assert_eq!(scenario.request().json(), forecast());
        assert!(left.iter().all(|scenario| scenario.requests().is_empty()), "{mode:?}");
        assert_eq!(gate.envoy.stat("wasm.toolgate.vm_reload"), 0, "{mode:?}");
    }
}

#[test]
fn a_server_that_dies_or_stays_away_is_envoys_to_report() {
    for mode in Mode::ALL {
        let mut gate = Gate::start(mode, &configuration(&policy()));
        let ask = |gate: &Gate, message: &Value| {
            gate.envoy.client().send(&Request::post("/mcp", message).bearer(&token("weather:read")))
        };
        assert_eq!(ask(&gate, &forecast()).status, 200, "{mode:?}");
        gate.upstream.stop();
        wait_until("the server to be missed", || ask(&gate, &forecast()).status == 503);
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        assert_eq!(ask(&gate, &list).status, 503, "{mode:?}: a list, too");
        gate.upstream.restart();
        wait_until("the server to be found", || ask(&gate, &forecast()).status == 200);
    }
}

/// Both directions at once, slowly: no timer of toolgate's cuts what was decided.
#[test]
fn a_slow_call_is_not_cut() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let scenario = gate.upstream.scenario(|_| ok());
        let request = Request::post("/mcp", &forecast()).bearer(&token("weather:read")).scenario(&scenario);
        let mut connection = gate.envoy.client().raw();
        connection.send_in_pieces(request.chunked(&[1; 80], &[]).chunks(6), Duration::from_millis(2));
        assert_eq!(connection.response().status, 200, "{mode:?}");
        assert_eq!(scenario.request().json(), forecast(), "{mode:?}");
    }
}
