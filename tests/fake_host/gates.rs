//! Workers of one host, simulated: gates that share one map of data and one network, and lose nothing whatever happens
//! to their calls.

mod keys;
mod outages;
mod policies;
mod reloads;
mod schedules;

use crate::support::fake::{Outcome, Response, ok};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token, tampered};
use crate::support::world::{Sent, World};
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate::callout::Request;
use toolgate::exchange::Step;
use toolgate::gate::{CallId, Effect, EffectHandler, Level, StreamId, carry_out};

const NOW: i64 = 1_800_000_000;
const OPAQUE: &str = "https://opaque.example.com";

/// Two issuers, one with keys and one that is asked, and a control plane.
fn configuration() -> Value {
    let introspection = json!({"uri": format!("{OPAQUE}/introspect"), "cluster": "opaque", "timeout": "2s"});
    let source = json!({"uri": "https://plane.example.com/policy", "cluster": "plane", "max_stale": "60s"});
    let publish = json!({"uri": "https://plane.example.com/manifest", "cluster": "plane"});
    json!({
        "issuers": [
            {"issuer": ISSUER, "jwks": {"uri": format!("{ISSUER}/keys"), "cluster": "auth"}},
            {"issuer": OPAQUE, "introspection": introspection},
        ],
        "resources": [
            {"resource": AUDIENCE, "policy": {"base_scopes": ["connect"]}, "policy_source": source, "publish": publish},
        ],
        "audit": {"sink": {"uri": "https://log.example.com/lines", "cluster": "log"}},
    })
}

fn keys(kids: &[&str]) -> Response {
    ok(&key_set(&kids.iter().map(|kid| Key::ed25519().named(kid)).collect::<Vec<_>>()))
}

/// A provider with this key set, whose other endpoints work as well.
fn provider(kids: &'static [&'static str]) -> impl Fn(&Request) -> Option<Response> {
    move |request| {
        Some(match request.cluster.as_str() {
            "auth" => keys(kids),
            "opaque" => ok(&json!({"active": true, "iss": OPAQUE, "aud": AUDIENCE, "scope": "connect"})),
            "plane" => ok(&json!({"base_scopes": ["connect"]})),
            _ => (204, None, String::new()),
        })
    }
}

/// As `inner`, but nothing answers in these clusters.
fn without(clusters: &'static [&'static str]) -> impl Fn(&Request) -> Option<Response> {
    let inner = provider(&["a"]);
    move |request| if clusters.contains(&request.cluster.as_str()) { None } else { inner(request) }
}

fn token(kid: &str) -> String {
    Token::at(NOW).scope("connect").expires_in(100_000).sign(&Key::ed25519().named(kid))
}

fn sent_to(world: &World, cluster: &str) -> usize {
    world.network.iter().filter(|sent| sent.request.cluster == cluster).count()
}

/// The count of all workers.
fn total(world: &World, counter: &str) -> u64 {
    world.workers.iter().filter_map(|worker| worker.host.counts.get(counter)).sum()
}

#[test]
fn a_list_that_the_hosts_buffer_cuts_is_an_event_and_a_count() {
    let mut world = World::new(&configuration(), 1, NOW);
    world.run(1_000, &provider(&["a"]));
    world.list(0, &token("a"), &["echo"]);
    assert_eq!(world.logged("buffer_exceeded"), 0);
    world.list_that_is_cut(0, &token("a"), false);
    assert_eq!(world.logged("buffer_exceeded"), 0, "the client left");
    world.list_that_is_cut(0, &token("a"), true);
    world.run(1_000, &provider(&["a"]));
    assert_eq!((world.logged("buffer_exceeded"), total(&world, "events.buffer_exceeded")), (1, 1));
    assert_eq!(world.logged("limits.list"), 1);
}

#[test]
fn a_clock_that_jumps_holds_nothing_up() {
    for jump in [3_600_000_i64, -3_600_000] {
        let mut world = World::new(&configuration(), 2, NOW);
        world.run(1_000, &provider(&["a"]));
        let id = world.request(0, "opaque");
        world.run(500, &without(&["opaque"]));
        world.now = world.now.saturating_add_signed(jump);
        world.run(5_000, &without(&["opaque", "auth"]));
        assert_ne!(world.workers[0].outcome(id), Outcome::Waits, "by {jump}");
        world.network.clear();
        world.run(60_000, &provider(&["a"]));
        let token = Token::at(NOW + jump / 1000).scope("connect").expires_in(10_000).sign(&Key::ed25519().named("a"));
        let id = world.request(1, &token);
        world.run(5_000, &provider(&["a"]));
        assert_eq!(world.workers[1].outcome(id), Outcome::Forwarded, "by {jump}");
    }
}

#[test]
fn audit_lines_that_cannot_be_posted_arrive_later() {
    let mut world = World::new(&configuration(), 1, NOW);
    world.refused = vec!["log"];
    world.run(1_000, &provider(&["a"]));
    for _ in 0..10 {
        world.request(0, "opaque");
        world.run(1_000, &provider(&["a"]));
    }
    assert_eq!(world.workers[0].host.counts.get("audit.delivered"), None);
    world.refused.clear();
    world.run(61_000, &provider(&["a"]));
    assert_eq!(world.workers[0].host.counts["audit.delivered"], 10);
}

/// A host that refuses every call, of a gate that asks again each time.
#[derive(Default)]
struct Refusing {
    calls: usize,
    lines: Vec<String>,
}

impl EffectHandler for Refusing {
    fn call(&mut self, call: CallId, request: Request) -> Vec<Effect> {
        self.calls += 1;
        vec![Effect::Call(call, request), Effect::Log(Level::Info, self.calls.to_string())]
    }

    fn wake(&mut self, _: StreamId, _: Step) {}
    fn end(&mut self, _: StreamId) {}
    fn tick_in(&mut self, _: u32) {}
    fn log(&mut self, _: Level, line: String) {
        self.lines.push(line);
    }
    fn count(&mut self, _: &'static str, _: &'static str, _: u64) {}
    fn gauge(&mut self, _: String, _: u64) {}
}

#[test]
fn calls_that_lead_to_further_calls_come_to_an_end_and_no_other_effect_is_lost() {
    let mut world = World::new(&configuration(), 1, NOW);
    world.run(100, &|_| None);
    let Sent { call, request, .. } = world.network[0].clone();
    let mut host = Refusing::default();
    carry_out(vec![Effect::Call(call, request)], &mut host);
    assert_eq!(host.calls, 16);
    let told = (1..=16).map(|n| n.to_string());
    assert!(told.eq(host.lines.iter().filter(|line| line.len() < 3).cloned()), "{:?}", host.lines);
    assert_eq!(host.lines.len(), 17, "{:?}", host.lines);
}
