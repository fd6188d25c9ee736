//! Answers that pass: their bytes, their pace, and their end.

use super::*;

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
