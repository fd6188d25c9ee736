//! Revocation of JWTs at a real authorization server that signs, introspects and revokes them: Ory Hydra. Needs Go, and
//! builds for minutes, so it runs by `make providers` alone.

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::hydra::Hydra;
use crate::support::raw::Response;
use crate::support::tokens::now;
use crate::support::upstream::Upstream;

const CACHE_TTL: Duration = Duration::from_secs(2);
/// How many seconds a token lives: long enough for what is asked before its end on a busy machine.
const LIFETIME: u32 = 8;

fn start(hydra: &Hydra, upstream: &Upstream, mode: Mode, validation: &str) -> Envoy {
    let mut configuration = configuration(&json!({"tools": {
        "get_forecast": {"scopes": ["weather:read"]},
        "delete_city": {"scopes": ["weather:read"], "fresh": "0s"},
    }}));
    let mut issuer = hydra.issuer();
    issuer["validation"] = json!(validation);
    issuer["introspection"]["cache_ttl"] = json!("2s");
    issuer["leeway"] = json!("0s");
    configuration["issuers"] = json!([issuer]);
    hydra.before(setup(upstream, mode, &configuration)).start()
}

/// The end of a token as it says itself.
fn end(token: &str) -> i64 {
    let claims = token.split('.').nth(1).expect("a JWT");
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("claims");
    claims["exp"].as_i64().expect("an end")
}

fn assert_is_an_invalid_token(response: &Response, at: &str) {
    assert_eq!(response.status, 401, "{at}: {}", response.text());
    assert_eq!(response.json()["error"], "invalid_token", "{at}");
    let challenge = response.challenge().expect("a challenge");
    assert!(challenge.starts_with("Bearer error=\"invalid_token\", resource_metadata="), "{at}: {challenge}");
}

#[test]
#[ignore = "needs Go, which builds Ory Hydra: make providers"]
fn a_revoked_jwt_is_refused_at_once_where_a_rule_asks_and_lives_until_its_end_elsewhere() {
    let hydra = Hydra::start(LIFETIME);
    for mode in Mode::ALL {
        let upstream = Upstream::start();
        let envoy = start(&hydra, &upstream, mode, "jwt");
        let at = format!("{mode:?}");
        let token = hydra.token("weather:read");
        let call = |tool: &str| envoy.client().send(&Request::call(tool).bearer(&token));
        assert_eq!((call("get_forecast").status, call("delete_city").status), (200, 200), "{at}");

        hydra.revoke(&token);
        let revoked = Instant::now();
        let refused = call("delete_city");
        let (refused_after, left) = (revoked.elapsed(), end(&token) - now());
        assert_is_an_invalid_token(&refused, &at);
        let audit = envoy.wait_for_audit(|line| line["reason"] == "token_inactive");
        assert_eq!((&audit["target"], &audit["status"]), (&json!("delete_city"), &json!(401)), "{at}");
        let local = call("get_forecast").status;
        assert!(now() < end(&token), "{at}: the machine is too slow to say anything");
        assert_eq!(local, 200, "{at}: a local token lives until `exp`");

        while now() < end(&token) {
            assert_is_an_invalid_token(&call("delete_city"), &at);
            thread::sleep(Duration::from_millis(100));
        }
        assert_is_an_invalid_token(&call("get_forecast"), &at);
        let over_after = revoked.elapsed();
        envoy.wait_for_audit(|line| line["reason"] == "token_expired");
        println!(
            "jwt, headers {at}: `delete_city` (fresh: 0s) refused {} ms after the revocation; `get_forecast` refused \
             {:.1} s after it, at `exp` ({left} s were left)",
            refused_after.as_millis(),
            over_after.as_secs_f64(),
        );
    }
}

#[test]
#[ignore = "needs Go, which builds Ory Hydra: make providers"]
fn a_revoked_jwt_that_is_introspected_is_refused_at_once_where_a_rule_asks_and_within_the_cache_ttl_elsewhere() {
    let hydra = Hydra::start(600);
    for validation in ["introspection", "jwt_and_introspection"] {
        for mode in Mode::ALL {
            let upstream = Upstream::start();
            let envoy = start(&hydra, &upstream, mode, validation);
            let at = format!("{validation}, headers {mode:?}");
            // Two: what the fresh call learns of the one would be known to all.
            let [asked, kept] = [(); 2].map(|()| hydra.token("weather:read"));
            let call = |tool: &str, token: &str| envoy.client().send(&Request::call(tool).bearer(token));
            for token in [&asked, &kept] {
                let answers = (call("delete_city", token).status, call("get_forecast", token).status);
                assert_eq!(answers, (200, 200), "{at}");
            }

            hydra.revoke(&asked);
            let revoked = Instant::now();
            assert_is_an_invalid_token(&call("delete_city", &asked), &at);
            let at_once = revoked.elapsed();

            let kept_since = Instant::now();
            assert_eq!(call("delete_city", &kept).status, 200, "{at}: an answer of now");
            hydra.revoke(&kept);
            let revoked = Instant::now();
            let first = call("get_forecast", &kept).status;
            if kept_since.elapsed() < CACHE_TTL / 2 {
                assert_eq!(first, 200, "{at}: others live with the answer that is kept");
            }
            let mut last = first;
            while last == 200 {
                // By half a second: a wall clock counts its time, this one runs beside it.
                assert!(revoked.elapsed() < CACHE_TTL + Duration::from_millis(500), "{at}: still let in");
                thread::sleep(Duration::from_millis(20));
                last = call("get_forecast", &kept).status;
            }
            assert_eq!(last, 401, "{at}");
            let within = revoked.elapsed();
            // Asked on the headers, before anyone knows what is called.
            envoy.wait_for_audit(|line| line["reason"] == "token_inactive" && line["target"].is_null());
            println!(
                "{at}: `delete_city` (fresh: 0s) refused {} ms after the revocation; `get_forecast` refused {:.1} s \
                 after it (cache_ttl: 2s)",
                at_once.as_millis(),
                within.as_secs_f64(),
            );
        }
    }
}
