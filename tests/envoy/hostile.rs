//! The worker lives on whatever is thrown at it: no panic, no reload, nothing
//! undecided at the server, and good requests are served as before.

mod attack;

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use serde_json::json;

use self::attack::{Attack, Chance, Tokens};
use super::weather::{permissive, policy, token};
use crate::support::client::{HOST, Request};
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::{Key, base64url};
use crate::support::native;
use crate::support::raw::Raw;
use crate::support::tokens::{self, Token, sign_raw};
use crate::support::upstream::State;

/// For each host mode.
const REQUESTS: usize = 5_000;
/// Another run: `TOOLGATE_SEED=<number>`.
const SEED: u64 = 2026;

#[test]
fn the_worker_lives_on_after_10000_hostile_requests() {
    let seed = env::var("TOOLGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("the requests follow from TOOLGATE_SEED={seed}");
    std::thread::scope(|scope| {
        for mode in Mode::ALL {
            scope.spawn(move || attack(mode, seed));
        }
    });
}

fn attack(mode: Mode, seed: u64) {
    let mut configuration = configuration(&policy());
    configuration["resources"][0]["origins"] = json!(["https://app.example.com"]);
    configuration["resources"][0]["forward"] = json!({"headers": {"x-mcp-subject": "sub"}});
    configuration["issuers"][0]["jwks"]["cooldown"] = json!("10m");
    configuration["pass"] = json!(["/open/*"]);
    let gate = Gate::start_changed(mode, &configuration, |setup| permissive(setup).unnormalised());
    let serves = || gate.envoy.client().send(&Request::call("echo").bearer(&token("")).header("x-good", "1"));
    assert_eq!(serves().status, 200, "{mode:?}");
    let before = vitals(&gate);
    let fetches = gate.provider.fetches();

    let mut chance = Chance(seed ^ u64::from(mode.holds()));
    let tokens = Tokens::new();
    let mut answers = BTreeMap::<String, usize>::new();
    for number in 0..REQUESTS {
        let attack = Attack::next(&mut chance, &tokens);
        let answer = attack.carry_out(&gate);
        // A 5xx is the mark of a gate that broke, or of a request that it let through to nowhere.
        let fits = answer.is_none_or(|status| (400..500).contains(&status) || attack.may_get.contains(&status));
        assert!(fits, "{mode:?} {number} of seed {seed}: {answer:?} for {attack}");
        *answers.entry(answer.map_or("none".into(), |status| status.to_string())).or_default() += 1;
    }
    println!("{mode:?}: answers {answers:?}");
    assert!(answers.len() > 8, "{mode:?}: requests of every kind: {answers:?}");

    assert_eq!(serves().status, 200, "{mode:?}: a good request afterwards");
    assert_eq!(vitals(&gate), before, "{mode:?}");
    assert!(!gate.envoy.log().contains("panicked"), "{mode:?}");
    assert!(!gate.envoy.log().contains("the host refused"), "{mode:?}");
    assert!(gate.provider.fetches() <= fetches + 2, "{mode:?}: unknown kids cost {} fetches", gate.provider.fetches());
    // Whatever came through whole was not one of these, but for what needs no token.
    let whole = gate.upstream.unclaimed().requests().into_iter().filter(|r| r.body_state == State::Complete);
    for request in whole.filter(|r| r.headers.get("x-good").is_none()) {
        assert!(request.target.starts_with("/open/"), "{mode:?} {:?}", String::from_utf8_lossy(&request.raw_head));
    }
}

/// The statistics that change when a worker's module dies.
fn vitals(gate: &Gate) -> BTreeMap<String, u64> {
    if native::is_it() {
        return BTreeMap::from([("panics".to_owned(), gate.envoy.log().matches("panicked at").count() as u64)]);
    }
    let mut stats = gate.envoy.stats("wasm.");
    // Which of its VMs a worker uses is not what this is about.
    stats.retain(|name, _| !name.contains("toolgate.jwks") && !name.starts_with("wasmcustom"));
    assert!(stats.keys().any(|name| name.ends_with("vm_reload_success")), "{stats:?}");
    assert_eq!(stats["wasm.toolgate.vm_reload"], 0, "{stats:?}");
    stats.insert("failed streams".to_owned(), gate.envoy.log().matches("wasm_fail_stream").count() as u64);
    stats
}
