//! Introspection on a real Envoy: an endpoint that hangs, a secret from the environment, and a real authorization
//! server whose revocations take effect.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::weather::policy;
use crate::support::answer::{Answer, Latch};
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::oidc::{JWT_AUDIENCE, Oidc};
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::{AUDIENCE, ISSUER};
use crate::support::upstream::Upstream;
use crate::support::wait_until;

/// One issuer that is asked about opaque tokens.
pub fn asked(endpoint: &Value) -> Value {
    let mut configuration = configuration(&policy());
    let mut introspection = json!({"uri": format!("{ISSUER}/token/introspection"), "cluster": "auth"});
    introspection.as_object_mut().unwrap().extend(endpoint.as_object().unwrap().clone());
    configuration["issuers"] = json!([{"issuer": ISSUER, "introspection": introspection}]);
    configuration
}

/// An endpoint at which tokens that begin with `good` are active. Others are inactive, and the response about them
/// waits for the latch.
fn good_or_late(latch: Latch) -> Behaviour {
    Behaviour::Script(Arc::new(move |request| {
        if String::from_utf8_lossy(&request.body).starts_with("token=good") {
            return Answer::json(&json!({"active": true, "aud": AUDIENCE, "scope": "weather:read", "sub": "alice"}));
        }
        let _ = latch.pass();
        Answer::json(&json!({"active": false}))
    }))
}

fn call(token: &str) -> Request {
    Request::call("get_forecast").bearer(token)
}

#[test]
fn a_flood_of_garbage_at_a_hanging_endpoint_holds_up_no_known_token() {
    for mode in Mode::ALL {
        let latch = Latch::new();
        let upstream = Upstream::start();
        let provider = Provider::start(good_or_late(latch.clone()));
        let configuration = asked(&json!({"max_in_flight": 8, "timeout": "20s"}));
        let envoy = setup(&upstream, mode, &configuration).provider(&provider).start();
        assert_eq!(envoy.client().send(&call("good")).status, 200);

        let mut waiting: Vec<_> = (0..8)
            .map(|n| {
                let mut connection = envoy.client().raw();
                connection.send(call(&format!("garbage-{n}")).bytes());
                connection
            })
            .collect();
        wait_until("the endpoint to hang", || provider.fetches() == 9);
        for n in 8..200 {
            let response = envoy.client().send(&call(&format!("garbage-{n}")));
            assert_eq!(response.status, 503, "{mode:?}: {}", response.text());
            assert_eq!(response.header("retry-after").as_deref(), Some("5"));
            assert_eq!(envoy.client().send(&call("good")).status, 200, "{mode:?}: a known token goes on");
        }
        assert_eq!(provider.fetches(), 9, "{mode:?}: nothing more was asked");

        latch.open();
        for connection in &mut waiting {
            assert_eq!(connection.response().status, 401, "{mode:?}: who waited is told");
        }
        assert_eq!(envoy.client().send(&call("garbage-200")).status, 401, "{mode:?}: it asks again");
    }
}

#[test]
fn an_endpoint_that_never_answers_costs_its_timeout() {
    for mode in Mode::ALL {
        let upstream = Upstream::start();
        let provider = Provider::start(good_or_late(Latch::new()));
        let configuration = asked(&json!({"timeout": "300ms"}));
        let envoy = setup(&upstream, mode, &configuration).provider(&provider).start();
        assert_eq!(envoy.client().send(&call("garbage")).status, 503, "{mode:?}");
        envoy.wait_for_audit(|line| line["reason"] == "introspection_unavailable");
        let events = envoy.events();
        let outage = events.iter().filter(|event| event["event"] == "outage").count();
        assert_eq!(outage, 1, "{mode:?}: {events:?}");
        assert!(!envoy.log().contains("garbage"), "{mode:?}: a token in the log");
    }
}

#[test]
fn a_secret_from_the_environment_authenticates_in_the_header_or_the_body() {
    for (method, header, body) in [
        ("basic", Some("Basic Z2F0ZTp3aXRoJTIwc3BhY2U="), ""),
        ("post", None, "&client_id=gate&client_secret=with%20space"),
    ] {
        let upstream = Upstream::start();
        let provider = Provider::start(good_or_late(Latch::new()));
        let client = json!({"client_id": "gate", "client_secret_env": "GATE_SECRET", "client_auth": method});
        let setup = setup(&upstream, Mode::Held, &asked(&client)).provider(&provider);
        let variable = json!({"key_values": {"GATE_SECRET": "with space"}});
        let setup = setup.plugin(|plugin| plugin["vm_config"]["environment_variables"] = variable);
        // The native module reads Envoy's own environment.
        let envoy = setup.environment("GATE_SECRET", "with space").start();
        assert_eq!(envoy.client().send(&call("good")).status, 200, "{method}");
        let requests = provider.requests();
        let [asked] = requests.as_slice() else { panic!("{} requests", requests.len()) };
        assert_eq!(asked.headers.get("authorization").as_deref(), header, "{method}");
        let form = String::from_utf8_lossy(&asked.body);
        assert_eq!(form, format!("token=good&token_type_hint=access_token{body}"), "{method}");
        assert!(!envoy.log().contains("with space"), "{method}: a secret in the log");
    }
}

/// In front of a real authorization server.
pub fn before(oidc: &Oidc, upstream: &Upstream, mode: Mode, configuration: &Value) -> Setup {
    setup(upstream, mode, configuration).cluster("auth", |auth| {
        auth["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
            json!({"address": "127.0.0.1", "port_value": oidc.address().port()});
        auth.as_object_mut().unwrap().remove("transport_socket");
    })
}

#[test]
fn a_revocation_at_a_real_authorization_server_takes_effect_within_the_cache_ttl() {
    let ttl = Duration::from_secs(2);
    let oidc = Oidc::start();
    let credentials = json!({"client_id": "gate", "client_secret": "gate-s3cret"});
    for (name, kept) in [("2s", true), ("0s", false)] {
        let upstream = Upstream::start();
        let mut endpoint = credentials.clone();
        endpoint["cache_ttl"] = json!(name);
        let envoy = before(&oidc, &upstream, Mode::Held, &asked(&endpoint)).start();
        let token = oidc.token(AUDIENCE, "weather:read");
        assert!(!token.contains('.'), "the token is opaque");
        let status = |tool: &str| envoy.client().send(&Request::call(tool).bearer(&token)).status;
        assert_eq!((status("get_forecast"), status("set_alert")), (200, 403), "{name}: what its scopes allow");
        let audit = envoy.wait_for_audit(|line| line["decision"] == "allow");
        assert_eq!((&audit["client"], &audit["scopes"]), (&json!("caller"), &json!(["weather:read"])), "{name}");

        let asked = Instant::now();
        oidc.revoke(&token);
        let first = status("get_forecast");
        if kept && asked.elapsed() < ttl / 2 {
            assert_eq!(first, 200, "{name}: the answer is kept");
        }
        if !kept {
            assert_eq!(first, 401, "{name}: it is asked each time");
        }
        thread::sleep(ttl.saturating_sub(asked.elapsed()));
        assert_eq!(status("get_forecast"), 401, "{name}: after the time it is over");
        envoy.wait_for_audit(|line| line["reason"] == "token_inactive");
    }
}

#[test]
fn a_real_server_whose_credentials_we_do_not_have_is_an_outage_and_no_verdict() {
    let oidc = Oidc::start();
    let upstream = Upstream::start();
    let wrong = json!({"client_id": "gate", "client_secret": "another"});
    let envoy = before(&oidc, &upstream, Mode::Held, &asked(&wrong)).start();
    let token = oidc.token(AUDIENCE, "weather:read");
    assert_eq!(envoy.client().send(&call(&token)).status, 503);
    let event = envoy.wait_for_log("toolgate.event");
    assert!(event.contains("credentials are refused"), "{event}");
}

#[test]
fn a_token_verified_for_one_resource_is_refused_at_another() {
    let other = "https://other.example.com/mcp";
    let mut configuration = configuration(&policy());
    let second = json!({"resource": other, "policy": policy()});
    configuration["resources"].as_array_mut().unwrap().push(second);
    for mode in Mode::ALL {
        let gate = Gate::start(mode, &configuration);
        let oidc_like = super::weather::token("weather:read");
        for _ in 0..3 {
            assert_eq!(gate.envoy.client().send(&call(&oidc_like)).status, 200, "{mode:?}");
            let elsewhere = call(&oidc_like).host("other.example.com");
            assert_eq!(gate.envoy.client().send(&elsewhere).status, 401, "{mode:?}");
        }
        gate.envoy.wait_for_audit(|line| line["resource"] == other && line["reason"] == "audience_mismatch");
    }
}

#[test]
fn a_real_servers_jwt_is_verified_and_its_opaque_token_is_asked_about() {
    let oidc = Oidc::start();
    let upstream = Upstream::start();
    let mut configuration = asked(&json!({"client_id": "gate", "client_secret": "gate-s3cret"}));
    configuration["issuers"][0]["validation"] = json!("jwt_or_introspection");
    configuration["issuers"][0]["jwks"] = json!({"uri": format!("{ISSUER}/jwks"), "cluster": "auth"});
    configuration["resources"][0]["audiences"] = json!([AUDIENCE, JWT_AUDIENCE]);
    let envoy = before(&oidc, &upstream, Mode::Held, &configuration).start();
    for audience in [AUDIENCE, JWT_AUDIENCE] {
        let token = oidc.token(audience, "weather:read");
        assert_eq!(token.contains('.'), audience == JWT_AUDIENCE);
        assert_eq!(envoy.client().send(&call(&token)).status, 200, "{audience}");
    }
}

#[test]
fn a_flood_with_one_garbage_token_of_one_issuer_keeps_no_caller_of_another_waiting() {
    const TENANT: &str = "https://tenant.example.com";
    let hangs = Latch::new();
    let endpoint = hangs.clone();
    let provider = Provider::start(Behaviour::Script(Arc::new(move |request| match request.target.as_str() {
        "/tenant" => {
            let _ = endpoint.pass();
            Answer::json(&json!({"active": false}))
        }
        "/own" => Answer::json(&json!({"active": true, "aud": AUDIENCE, "scope": "weather:read", "sub": "alice"})),
        _ => Answer::json(&key_set([&Key::rsa_a()])),
    })));
    let upstream = Upstream::start();
    let mut configuration =
        configuration(&json!({"tools": {"get_forecast": {"scopes": ["weather:read"], "fresh": "0s"}}}));
    let endpoint = |uri: &str| json!({"uri": uri, "cluster": "auth", "timeout": "30s"});
    configuration["issuers"][0]["validation"] = json!("jwt");
    configuration["issuers"][0]["introspection"] = endpoint(&format!("{ISSUER}/own"));
    configuration["resources"][0]["issuers"] = json!(["main"]);
    let tenant = json!({"issuer": TENANT, "name": "tenant", "introspection": endpoint(&format!("{TENANT}/tenant"))});
    configuration["issuers"].as_array_mut().unwrap().push(tenant);
    let resource = json!({"resource": format!("{TENANT}/mcp"), "issuers": ["tenant"], "policy": policy()});
    configuration["resources"].as_array_mut().unwrap().push(resource);
    let envoy = setup(&upstream, Mode::Held, &configuration).provider(&provider).start();

    let flood = call("garbage").host("tenant.example.com");
    let mut connections: Vec<_> = (0..1_100)
        .map(|_| {
            let mut connection = envoy.client().raw();
            connection.send(flood.bytes());
            connection
        })
        .collect();
    wait_until("the rest of them to be refused", || envoy.stat("http.mcp.downstream_rq_5xx") == 1_100 - 256);
    for _ in 0..3 {
        let response = envoy.client().send(&call(&super::weather::token("weather:read")));
        assert_eq!(response.status, 200, "{}", response.text());
    }
    hangs.open();
    let mut statuses: Vec<_> = connections.iter_mut().map(|connection| connection.response().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 256, "who waited is told");
}

#[test]
fn a_get_stream_whose_token_is_revoked_ends_at_the_cache_ttl_and_another_goes_on() {
    for mode in Mode::ALL {
        let provider = Provider::start(Behaviour::Script(Arc::new({
            let asked = std::sync::atomic::AtomicUsize::new(0);
            move |request| {
                let revoked = String::from_utf8_lossy(&request.body).starts_with("token=revoked")
                    && asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
                Answer::json(&json!({"active": !revoked, "aud": AUDIENCE, "scope": "weather:read", "sub": "alice"}))
            }
        })));
        let (upstream, late) = (Upstream::start(), Latch::new());
        let envoy = setup(&upstream, mode, &asked(&json!({"cache_ttl": "2s"}))).provider(&provider).start();
        let answer = late.clone();
        let scenario = upstream.scenario(move |_| Answer::events([": hello\n\n"]).wait(&answer).body(": late\n\n"));
        let open = |token: &str| {
            let request = Request::get("/mcp").header("accept", "text/event-stream").bearer(token);
            let mut stream = envoy.client().open(&request.scenario(&scenario));
            assert_eq!((stream.status, stream.read_until("\n\n").as_str()), (200, ": hello\n\n"), "{mode:?}");
            stream
        };
        let (good, revoked) = (open("good"), open("revoked"));
        let since = Instant::now();
        assert!(!revoked.rest().complete, "{mode:?}: it breaks off");
        assert!((1..15).contains(&since.elapsed().as_secs()), "{mode:?}: after {:?}", since.elapsed());
        wait_until("the line", || {
            envoy.events().iter().any(|event| event["event"] == "stream_ended" && event["detail"] == "token_inactive")
        });
        thread::sleep(Duration::from_secs(3));
        late.open();
        assert!(good.rest().complete, "{mode:?}: the other goes on");
    }
}
