//! Trailers of requests and answers get the verdict too.

use super::*;

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
