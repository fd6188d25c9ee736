//! Nothing passes ahead of the verdict but what the configuration lets go ahead.

use super::*;

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
