//! Records: a line for each decision, the same facts in the access log, one id
//! that ties them to the client's answer, and never a token.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use toolgate::time::UnixTime;

use super::weather::{permissive, policy, token};
use crate::support::answer::Answer;
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::{Key, base64url};
use crate::support::native;
use crate::support::tokens::{AUDIENCE, ISSUER, Token, now};

fn start(mode: Mode, audit: Value) -> Gate {
    let mut configuration = configuration(&policy());
    configuration["audit"] = audit;
    configuration["pass"] = json!(["/open"]);
    configuration["resources"][0]["origins"] = json!(["https://app.example.com"]);
    configuration["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": "https://away.example.com",
        // A cluster that Envoy does not know.
        "jwks": {"uri": "https://away.example.com/jwks", "cluster": "away"},
    }));
    Gate::start_changed(mode, &configuration, |setup| {
        // The project's file has Envoy make its own; here they tell the requests of a test apart.
        permissive(setup)
            .http_manager(|http| http["preserve_external_request_id"] = json!(true))
            .edit(|bootstrap| bootstrap["node"] = json!({"id": "edge-1", "cluster": "edges"}))
    })
}

/// The access log's line of the request with this id.
fn access(gate: &Gate, request_id: &str) -> Value {
    gate.envoy.wait_for_access(|line| line["request_id"] == request_id)
}

fn audited(gate: &Gate, request_id: &str) -> Value {
    gate.envoy.wait_for_audit(|record| record["request_id"] == request_id)
}

/// In the form that Envoy makes up itself: another one it would replace.
fn request_id() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("00000000-0000-4000-8000-{:012}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn an_audit_line_tells_who_asked_for_what_and_why_it_was_decided_so() {
    for mode in Mode::ALL {
        let gate = start(mode, json!({}));
        let ask = |request: Request| {
            let id = request_id();
            let response = gate.envoy.client().send(&request.header("x-request-id", id.as_str()));
            (response, audited(&gate, &id), access(&gate, &id))
        };
        let token = |scope: &str| Token::new().scope(scope).claim("jti", "j-1").sign(&Key::rsa_a());

        let call = Request::call("get_forecast").header("mcp-protocol-version", "2025-06-18");
        let (response, record, line) = ask(call.bearer(&token("weather:read extra")));
        assert_eq!(response.status, 200, "{mode:?}");
        let id = record["decision_id"].as_str().unwrap();
        let mut expected = json!({
            "decision_id": id,
            "decision": "allow",
            "reason": "allowed",
            "resource": AUDIENCE,
            "method": "tools/call",
            "target": "get_forecast",
            "subject": "alice",
            "client": "test-client",
            "issuer": ISSUER,
            "scopes": ["weather:read", "extra"],
            "jti": "j-1",
            "request_id": record["request_id"],
            "protocol_version": "2025-06-18",
            "time": record["time"],
        });
        if !native::is_it() {
            // Envoy tells a native module no name of its own.
            expected["node"] = json!("edge-1");
        }
        assert_eq!(record, expected, "{mode:?}");
        let time = record["time"].as_str().and_then(UnixTime::parse).expect("a time").as_millis() / 1000;
        assert!(u64::try_from(now()).unwrap().abs_diff(time) < 60, "{mode:?}: {time}");
        assert_eq!(
            [&line["decision"], &line["reason"], &line["method"], &line["target"], &line["subject"], &line["client"]],
            ["allow", "allowed", "tools/call", "get_forecast", "alice", "test-client"],
            "{mode:?}"
        );
        assert_eq!((&line["decision_id"], &line["status"]), (&json!(id), &json!(200)), "{mode:?}");

        let (response, record, line) = ask(Request::call("set_alert").bearer(&token("weather:read")));
        let id = &response.json()["error"]["data"]["decision_id"];
        assert_eq!((&record["decision_id"], &line["decision_id"]), (id, id), "{mode:?}: one id everywhere");
        assert_eq!(id.as_str().map(str::len), Some(32));
        assert_eq!((&record["decision"], &record["status"]), (&json!("deny"), &json!(403)), "{mode:?}");
        assert_eq!((&record["reason"], &record["target"]), (&line["reason"], &line["target"]), "{mode:?}");
        assert_eq!(record["required"], json!(["weather:write"]), "{mode:?}");
        assert_eq!(record["missing"], json!(["weather:write"]), "{mode:?}");
        assert_eq!(line["details"], format!("toolgate_{}", record["reason"].as_str().unwrap()), "{mode:?}");

        // Of a token that was not verified, nothing is taken over.
        let expired = Token::new().expires_in(-300).sign(&Key::rsa_a());
        let (response, record, line) = ask(Request::call("echo").bearer(&expired));
        assert_eq!((response.status, &record["reason"]), (401, &json!("token_expired")), "{mode:?}");
        for member in ["subject", "client", "issuer", "scopes", "jti"] {
            assert_eq!(record.get(member), None, "{mode:?} {member}");
        }
        assert_eq!((&line["subject"], &line["client"]), (&Value::Null, &Value::Null), "{mode:?}");

        let ids: BTreeSet<_> = gate.envoy.audit().iter().map(|r| r["decision_id"].to_string()).collect();
        assert_eq!(ids.len(), gate.envoy.audit().len(), "{mode:?}: no id twice");
    }
}

#[test]
fn a_request_for_no_resource_is_a_warning_that_names_the_nearest_a_few_times_a_minute() {
    let gate = start(Mode::Held, json!({}));
    let told = || gate.envoy.events().into_iter().filter(|event| event["event"] == "no_resource").collect::<Vec<_>>();
    for n in 0..20 {
        let request = Request::get(&format!("/mpc?access_token=secret-{n}")).host("mcp.example.com");
        assert_eq!(gate.envoy.client().send(&request).status, 404);
    }
    gate.envoy.wait_for_log("mcp.example.com/mpc matches no resource");
    let told = told();
    assert_eq!(told.len(), 5, "{told:?}");
    for event in &told {
        assert_eq!(event["resource"], AUDIENCE);
        let detail = format!("mcp.example.com/mpc matches no resource: the nearest is {AUDIENCE}, with the path /mcp");
        assert_eq!(event["detail"], detail);
        assert!(event["time"].is_string(), "{event}");
    }
    assert!(gate.envoy.log().lines().any(|line| line.contains("[warning]") && line.contains("no_resource")));
}

#[test]
fn the_access_log_has_the_decision_on_every_path() {
    for mode in Mode::ALL {
        let gate = start(mode, json!({"decisions": "none"}));
        let good = token("weather:read");
        let bad_list = gate.upstream.scenario(|_| Answer::new(200).header("content-type", "text/plain").body("x"));
        let upgraded = gate.upstream.scenario(|_| Answer::switching_protocols("websocket"));
        let unavailable = Token::new().issuer("https://away.example.com").sign(&Key::rsa_a());
        type Case = (&'static str, Request, u16, &'static str, &'static str);
        let cases: Vec<Case> = vec![
            ("metadata", Request::get("/.well-known/oauth-protected-resource/mcp"), 200, "allow", "metadata"),
            ("a passed path", Request::get("/open"), 200, "allow", "pass"),
            ("nothing there", Request::get("/elsewhere"), 404, "deny", "not_found"),
            ("a look-alike path", Request::get("/MCP"), 404, "deny", "not_found"),
            (
                "an origin",
                Request::get("/mcp").header("origin", "https://evil.example.com"),
                403,
                "deny",
                "forbidden_origin",
            ),
            (
                "a preflight",
                Request::new("OPTIONS", "/mcp")
                    .header("origin", "https://app.example.com")
                    .header("access-control-request-method", "POST"),
                204,
                "allow",
                "preflight",
            ),
            (
                "an upgrade",
                Request::get("/mcp").header("connection", "upgrade").header("upgrade", "websocket"),
                400,
                "deny",
                "tunnel_refused",
            ),
            ("no token", Request::call("echo"), 401, "deny", "no_token"),
            ("garbage", Request::call("echo").bearer("garbage"), 401, "deny", "token_malformed"),
            ("no keys", Request::call("echo").bearer(&unavailable), 503, "deny", "keys_unavailable"),
            ("a method", Request::new("PUT", "/mcp").bearer(&good), 405, "deny", "method_not_allowed"),
            ("a body", Request::new("DELETE", "/mcp").bearer(&good).body("x"), 400, "deny", "body_not_allowed"),
            (
                "a media type",
                Request::new("POST", "/mcp").bearer(&good).body("{}"),
                415,
                "deny",
                "unsupported_media_type",
            ),
            (
                "too much",
                Request::call("echo").bearer(&good).body(" ".repeat(1_000_001)),
                413,
                "deny",
                "payload_too_large",
            ),
            ("a stream", Request::get("/mcp").bearer(&good), 200, "allow", "allowed"),
            ("a call", Request::call("get_forecast").bearer(&good), 200, "allow", "allowed"),
            (
                "a bad list",
                Request::rpc("tools/list", json!({})).bearer(&good).scenario(&bad_list),
                502,
                "allow",
                "allowed",
            ),
            ("an upgraded answer", Request::call("echo").bearer(&good).scenario(&upgraded), 502, "allow", "allowed"),
        ];
        for (name, request, status, decision, reason) in cases {
            let id = request_id();
            let response = gate.envoy.client().send(&request.header("x-request-id", id.as_str()));
            assert_eq!(response.status, status, "{mode:?} {name}: {}", response.text());
            let line = access(&gate, &id);
            assert_eq!(
                (&line["decision"], &line["reason"]),
                (&json!(decision), &json!(reason)),
                "{mode:?} {name}: {line}"
            );
            assert_eq!(line["status"], status, "{mode:?} {name}");
            assert!(line["decision_id"].is_string(), "{mode:?} {name}: {line}");
            if decision == "deny" {
                assert_eq!(line["details"], format!("toolgate_{reason}"), "{mode:?} {name}");
            }
        }
        // A failure after the decision is an event.
        let events = gate.envoy.events();
        assert!(events.iter().any(|event| event["event"] == "bad_gateway"), "{mode:?} {events:?}");
        assert_eq!(gate.envoy.audit(), [] as [Value; 0], "{mode:?}: `none` means none");
    }
}

#[test]
fn the_access_log_shows_one_element_of_a_batch_and_nothing_of_others() {
    let mut configuration = configuration(&policy());
    configuration["batches"] = json!("authorize_each");
    for mode in Mode::ALL {
        let gate = Gate::start_changed(mode, &configuration, |setup| {
            permissive(setup).http_manager(|http| http["preserve_external_request_id"] = json!(true))
        });
        let id = request_id();
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_forecast"}});
        let batch = json!([call, {"jsonrpc": "2.0", "id": 2, "method": "ping"}]);
        let scenario = gate.upstream.scenario(|_| Answer::json(&json!([])));
        let request = Request::post("/mcp", &batch).bearer(&token("weather:read")).header("x-request-id", id.as_str());
        assert_eq!(gate.envoy.client().send(&request.scenario(&scenario)).status, 200, "{mode:?}");
        let line = access(&gate, &id);
        assert_eq!((&line["method"], &line["target"]), (&json!("ping"), &json!(null)), "{mode:?} {line}");
        let records: Vec<_> = gate.envoy.audit().into_iter().filter(|record| record["request_id"] == *id).collect();
        assert_eq!(records.len(), 2, "{mode:?} {records:?}");
    }
}

#[test]
fn the_access_log_has_only_the_part_of_a_decision_that_is_configured() {
    for (part, decision) in [("decision", json!("deny")), ("none", json!(null))] {
        let mut configuration = configuration(&policy());
        configuration["records"] = json!({"filter_state": part});
        let gate = Gate::start_changed(Mode::Held, &configuration, |setup| {
            permissive(setup).http_manager(|http| http["preserve_external_request_id"] = json!(true))
        });
        let id = request_id();
        let request = Request::call("set_alert").bearer(&token("weather:read")).header("x-request-id", id.as_str());
        assert_eq!(gate.envoy.client().send(&request).status, 403, "{part}");
        let line = access(&gate, &id);
        assert_eq!(line["decision"], decision, "{part}");
        for other in ["reason", "method", "target", "subject", "client", "decision_id"] {
            assert_eq!(line[other], json!(null), "{part}: {other}");
        }
        assert_eq!(audited(&gate, &id)["target"], "set_alert", "{part}: the audit line is whole");
    }
}

#[test]
fn only_denials_are_recorded_if_so_configured_and_subjects_as_digests() {
    let gate = start(Mode::Ahead, json!({"decisions": "denied", "subject": "hash"}));
    let ask = |tool: &str, subject: &str| {
        let id = request_id();
        let token = Token::new().subject(subject).scope("weather:read").sign(&Key::rsa_a());
        gate.envoy.client().send(&Request::call(tool).bearer(&token).header("x-request-id", id.as_str()));
        access(&gate, &id)["subject"].as_str().expect("a subject").to_owned()
    };
    let allowed = ask("get_forecast", "alice@example.com");
    assert_eq!(ask("set_alert", "alice@example.com"), allowed, "equal for equal subjects");
    assert_ne!(ask("set_alert", "bob@example.com"), allowed);
    gate.envoy.wait_for_audit(|record| record["subject"] == allowed.as_str());
    let records = gate.envoy.audit();
    assert!(records.iter().all(|record| record["decision"] == "deny"), "{records:?}");
    assert_eq!(records.len(), 2);
    let everything = format!("{}{:?}", gate.envoy.log(), gate.envoy.access_log());
    assert!(!everything.contains("alice@"), "{everything}");
}

#[test]
fn no_token_and_no_part_of_one_is_in_any_log() {
    for mode in Mode::ALL {
        let gate = start(mode, json!({}));
        let good = token("weather:read");
        let bad = Token::new().expires_in(-300).sign(&Key::rsa_b());
        let opaque = base64url("an opaque token that is a secret");
        let client = gate.envoy.client();
        for token in [&good, &bad, &opaque] {
            let requests = [
                Request::call("get_forecast").bearer(token),
                Request::call("set_alert").bearer(token),
                Request::call("echo").header("authorization", format!("DPoP {token}")),
                Request::call("echo").header("authorization", token.as_str()),
                Request::call("echo").bearer(&format!("{token} {token}")),
                Request::call("echo").bearer(token).bearer(token),
                Request::get(&format!("/mcp?access_token={token}")),
                Request::get(&format!("/mcp?a=b&access%5Ftoken={token}")),
                Request::get(&format!("/elsewhere?access_token={token}")),
                Request::call("echo").bearer(token).header("origin", "https://evil.example.com"),
                Request::call("echo").bearer(token).body("{"),
            ];
            for request in requests {
                client.send(&request);
            }
        }
        let last = request_id();
        client.send(&Request::get("/mcp").header("x-request-id", last.as_str()));
        access(&gate, &last);
        audited(&gate, &last);
        let everything = format!("{}{:?}", gate.envoy.log(), gate.envoy.access_log());
        let parts = [&good, &bad].into_iter().flat_map(|token| token.split('.').skip(1)).chain([opaque.as_str()]);
        for part in parts {
            assert!(!everything.contains(&part[part.len() - 20..]), "{mode:?}: {part}");
        }
    }
}

#[test]
fn hostile_text_in_a_record_is_escaped_and_cut() {
    let name =
        "x\u{7}\u{1b}[31m\u{202e}\u{2028}\u{2066}\n\"}\\ %41 \u{e4}\u{1f600} toolgate.audit {} toolgate.event {}";
    for mode in Mode::ALL {
        let gate = start(mode, json!({}));
        let ask = |tool: &str, subject: &str| {
            let id = request_id();
            let token = Token::new().subject(subject).client(name).sign(&Key::rsa_a());
            gate.envoy.client().send(&Request::call(tool).bearer(&token).header("x-request-id", id.as_str()));
            (audited(&gate, &id), access(&gate, &id))
        };
        let (record, line) = ask(name, name);
        for member in ["target", "subject", "client"] {
            assert_eq!(record[member], name, "{mode:?} {member}");
            let state = line[member].as_str().unwrap();
            assert!(state.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{mode:?} {state:?}");
            assert_eq!(decoded(state), name.as_bytes(), "{mode:?} {member}");
        }
        let long = "\u{e4}".repeat(2_000);
        let (record, line) = ask(&long, &long);
        for member in ["target", "subject"] {
            let (text, state) = (record[member].as_str().unwrap(), line[member].as_str().unwrap());
            assert!(text.len() <= 512 && text.len() > 500, "{mode:?} {member}: {}", text.len());
            assert!(state.len() <= 256 && state.len() > 240, "{mode:?} {member}: {}", state.len());
            assert!(long.starts_with(text) && long.as_bytes().starts_with(&decoded(state)), "{mode:?} {member}");
        }
        let log = gate.envoy.log();
        let audit: Vec<_> = log.lines().filter(|line| line.contains("toolgate.audit")).collect();
        assert_eq!(audit.len(), 2, "{mode:?}: a line each");
        assert!(audit.iter().all(|line| line.matches("toolgate.audit").count() == 1), "{mode:?} {audit:?}");
        assert!(!log.contains("toolgate.event {}"), "{mode:?}");
        let odd = |c: char| c.is_control() || "\u{202e}\u{2028}\u{2066}".contains(c);
        assert!(!audit.iter().any(|line| line.contains(odd)), "{mode:?} {audit:?}");
    }
}

/// The bytes that `%XX` stands for.
fn decoded(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).expect("two digits after `%`"));
        bytes.extend(piece[2..].bytes());
    }
    bytes
}
