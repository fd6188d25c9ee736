//! HTTP/2, upgrades, clients that leave and servers that die.

use super::*;

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
