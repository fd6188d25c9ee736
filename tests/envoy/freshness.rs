//! Rules that want the issuer's word, on a real Envoy: a revocation is seen at once where a rule asks for it, whatever
//! the issuer's validation, and nowhere else sooner than before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::introspection::{asked, before};
use super::weather::token;
use crate::support::answer::Answer;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::oidc::Oidc;
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::{AUDIENCE, ISSUER};
use crate::support::upstream::Upstream;
use crate::support::wait_until;

fn policy() -> Value {
    json!({"tools": {
        "get_forecast": {"scopes": ["weather:read"]},
        "set_alert": {"scopes": ["weather:read"], "fresh": "0s"},
        "archive": {"scopes": ["weather:read"], "fresh": "1h"},
    }})
}

/// A provider that publishes keys, and says of every token whether it is active.
struct Issuer {
    provider: Provider,
    active: Arc<AtomicBool>,
    /// How often it was asked about tokens.
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn start() -> Self {
        let (active, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (says, counts) = (active.clone(), asked.clone());
        let provider = Provider::start(Behaviour::Script(Arc::new(move |request| {
            if request.method == "GET" {
                return Answer::json(&key_set([&Key::rsa_a()]));
            }
            counts.fetch_add(1, Ordering::SeqCst);
            let active = says.load(Ordering::SeqCst);
            Answer::json(&json!({"active": active, "aud": AUDIENCE, "scope": "weather:read", "sub": "alice"}))
        })));
        Self { provider, active, asked }
    }

    fn gate(&self, upstream: &Upstream, mode: Mode, validation: &str, workers: usize) -> Envoy {
        let mut configuration = configuration(&policy());
        configuration["batches"] = json!("authorize_each");
        configuration["issuers"][0]["validation"] = json!(validation);
        configuration["issuers"][0]["introspection"] =
            json!({"uri": format!("{ISSUER}/introspect"), "cluster": "auth", "cache_ttl": "1h"});
        setup(upstream, mode, &configuration).provider(&self.provider).concurrency(workers).start()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[test]
fn a_verified_token_that_is_revoked_is_refused_at_once_where_a_rule_asks() {
    for mode in Mode::ALL {
        let (issuer, upstream, token) = (Issuer::start(), Upstream::start(), token("weather:read"));
        let envoy = issuer.gate(&upstream, mode, "jwt", 1);
        let call = |tool: &str| envoy.client().send(&Request::call(tool).bearer(&token)).status;
        assert_eq!((call("get_forecast"), issuer.asked()), (200, 0), "{mode:?}: a signature is enough");
        assert_eq!((call("set_alert"), issuer.asked()), (200, 1), "{mode:?}: the issuer is asked");
        assert_eq!((call("set_alert"), issuer.asked()), (200, 2), "{mode:?}: each time");
        assert_eq!((call("archive"), issuer.asked()), (200, 2), "{mode:?}: that answer is young enough");

        issuer.active.store(false, Ordering::SeqCst);
        assert_eq!(call("archive"), 200, "{mode:?}: and still is");
        assert_eq!((call("set_alert"), issuer.asked()), (401, 3), "{mode:?}");
        assert_eq!(call("archive"), 401, "{mode:?}: what one learns of a token, all know");
        assert_eq!(call("get_forecast"), 200, "{mode:?}: a local token lives until `exp`");
        let audit = envoy.wait_for_audit(|line| line["reason"] == "token_inactive");
        assert_eq!((&audit["method"], &audit["target"]), (&json!("tools/call"), &json!("set_alert")), "{mode:?}");
    }
}

#[test]
fn a_batch_is_as_fresh_as_its_strictest_element() {
    for mode in Mode::ALL {
        let (issuer, upstream, token) = (Issuer::start(), Upstream::start(), token("weather:read"));
        let envoy = issuer.gate(&upstream, mode, "jwt", 1);
        let call =
            |id: u8, tool: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}});
        let send = |tools: [&str; 2]| {
            let batch = json!([call(1, tools[0]), call(2, tools[1])]);
            envoy.client().send(&Request::post("/mcp", &batch).bearer(&token)).status
        };
        assert_eq!((send(["get_forecast"; 2]), issuer.asked()), (200, 0), "{mode:?}");
        assert_eq!((send(["archive", "set_alert"]), issuer.asked()), (200, 1), "{mode:?}");
        issuer.active.store(false, Ordering::SeqCst);
        assert_eq!((send(["get_forecast", "archive"]), issuer.asked()), (200, 1), "{mode:?}");
        assert_eq!((send(["get_forecast", "set_alert"]), issuer.asked()), (401, 2), "{mode:?}");
    }
}

#[test]
fn a_request_that_was_begun_before_the_revocation_is_refused_by_its_end() {
    for mode in Mode::ALL {
        let (issuer, upstream, token) = (Issuer::start(), Upstream::start(), token("weather:read"));
        let envoy = issuer.gate(&upstream, mode, "introspection", 1);
        let bytes = Request::call("set_alert").bearer(&token).bytes();
        let (most, last) = bytes.split_at(bytes.len() - 1);
        let mut connection = envoy.client().raw();
        connection.send(most);
        wait_until("the issuer to be asked", || issuer.asked() == 1);
        issuer.active.store(false, Ordering::SeqCst);
        connection.send(last);
        assert_eq!(connection.response().status, 401, "{mode:?}: what was asked at its beginning is not of now");
        assert_eq!(issuer.asked(), 2, "{mode:?}");
    }
}

#[test]
fn many_that_want_the_issuers_word_at_once_all_get_it() {
    for mode in Mode::ALL {
        let (issuer, upstream, token) = (Issuer::start(), Upstream::start(), token("weather:read"));
        let envoy = issuer.gate(&upstream, mode, "jwt", 4);
        let request = Request::call("set_alert").bearer(&token);
        let refused: usize = thread::scope(|scope| {
            let client = || (0..10).filter(|_| envoy.client().send(&request).status != 200).count();
            let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
            clients.into_iter().map(|client| client.join().expect("a client that runs to its end")).sum()
        });
        assert_eq!(refused, 0, "{mode:?}");
        let calls = issuer.asked();
        println!("{mode:?}: 80 requests of 8 clients, 4 workers: {calls} calls");
        assert!(calls <= 80, "{mode:?}: {calls} calls");
    }
}

#[test]
fn an_issuer_that_cannot_be_reached_stops_what_wants_its_word_and_nothing_else() {
    let (mut issuer, upstream, token) = (Issuer::start(), Upstream::start(), token("weather:read"));
    let envoy = issuer.gate(&upstream, Mode::Ahead, "jwt", 1);
    let call = |tool: &str| envoy.client().send(&Request::call(tool).bearer(&token));
    assert_eq!(call("get_forecast").status, 200);
    issuer.provider.stop();
    let refused = call("set_alert");
    assert_eq!((refused.status, refused.header("retry-after").as_deref()), (503, Some("5")));
    assert_eq!(call("get_forecast").status, 200);
    issuer.provider.restart();
    wait_until("the issuer to be back", || call("set_alert").status == 200);
}

#[test]
fn a_revocation_at_a_real_authorization_server_is_seen_at_once_by_the_rule_that_asks() {
    let ttl = Duration::from_secs(30);
    let oidc = Oidc::start();
    for mode in Mode::ALL {
        let upstream = Upstream::start();
        let mut configuration =
            asked(&json!({"client_id": "gate", "client_secret": "gate-s3cret", "cache_ttl": "30s"}));
        configuration["resources"][0]["policy"] = policy();
        let envoy = before(&oidc, &upstream, mode, &configuration).start();
        let token = oidc.token(AUDIENCE, "weather:read");
        let status = |tool: &str| envoy.client().send(&Request::call(tool).bearer(&token)).status;
        assert_eq!((status("set_alert"), status("get_forecast")), (200, 200), "{mode:?}");

        let kept_since = Instant::now();
        oidc.revoke(&token);
        let first = status("get_forecast");
        if kept_since.elapsed() < ttl / 2 {
            assert_eq!(first, 200, "{mode:?}: others live with the answer that is kept");
        }
        assert_eq!(status("set_alert"), 401, "{mode:?}: at once");
        assert_eq!(status("get_forecast"), 401, "{mode:?}: and by then all know");
    }
}
