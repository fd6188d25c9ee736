//! Workers of one host, simulated: gates that share one map of data and one network, and lose nothing whatever happens
//! to their calls.

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
const DENIED: Outcome = Outcome::Replied(403, "policy_unavailable");

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

#[test]
fn requests_that_come_before_the_keys_wait_for_one_fetch_of_all_workers() {
    let mut world = World::new(&configuration(), 3, NOW);
    let token = token("a");
    let waiting: Vec<_> = (0..3).map(|n| (n, world.request(n, &token))).collect();
    let forged: Vec<_> = (0..3).map(|n| (n, world.request(n, &tampered(&token)))).collect();
    world.run(100, &without(&["auth"]));
    assert_eq!(sent_to(&world, "auth"), 1, "one worker fetches for all");
    world.run(100, &provider(&["a"]));
    for (n, id) in waiting {
        assert_eq!(world.workers[n].outcome(id), Outcome::Forwarded, "worker {n}");
        assert_eq!(world.workers[n].streams[&id].records().len(), 1);
    }
    for (n, id) in forged {
        assert_eq!(world.workers[n].outcome(id), Outcome::Replied(401, "bad_signature"), "worker {n}");
    }
}

#[test]
fn a_key_rotation_costs_one_refetch_and_no_request() {
    let mut world = World::new(&configuration(), 2, NOW);
    world.run(1_000, &provider(&["a"]));
    let new = token("b");
    let waiting: Vec<_> = (0..2).map(|n| (n, world.request(n, &new))).collect();
    world.run(1_000, &provider(&["a", "b"]));
    for (n, id) in waiting {
        assert_eq!(world.workers[n].outcome(id), Outcome::Forwarded, "worker {n}");
    }
    assert_eq!(total(&world, "jwks.success"), 2, "the first one, and one for the new key");
    // A key that nobody has costs no more than the cooldown allows, however often it is tried.
    let unknown = token("c");
    for _ in 0..10 {
        let id = world.request(0, &unknown);
        world.run(1_000, &provider(&["a", "b"]));
        assert_eq!(world.workers[0].outcome(id), Outcome::Replied(401, "key_unknown"));
    }
    assert_eq!(total(&world, "jwks.success"), 3);
}

/// The count of all workers.
fn total(world: &World, counter: &str) -> u64 {
    world.workers.iter().filter_map(|worker| worker.host.counts.get(counter)).sum()
}

#[test]
fn a_provider_that_is_down_is_an_outage_until_it_is_back() {
    for way in ["refused", "fails", "never answers"] {
        let mut world = World::new(&configuration(), 2, NOW);
        if way == "refused" {
            world.refused = vec!["auth"];
        }
        let fails = |request: &Request| match request.cluster.as_str() {
            "auth" => (way == "fails").then(|| (500, None, String::new())),
            _ => provider(&["a"])(request),
        };
        let token = token("a");
        let id = world.request(0, &token);
        world.run(60_000, &fails);
        assert_eq!(world.workers[0].outcome(id), Outcome::Replied(503, "keys_unavailable"), "{way}");
        assert_eq!(world.workers[0].streams[&id].records().len(), 1, "{way}");
        world.refused.clear();
        world.network.clear();
        world.run(120_000, &provider(&["a"]));
        let id = world.request(1, &token);
        assert_eq!(world.workers[1].outcome(id), Outcome::Forwarded, "{way}");
        assert!(total(&world, "jwks.failure") > 0, "{way}");
        assert!(world.logged("are unavailable") > 0, "{way}");
        assert!(world.logged("are available again") > 0, "{way}");
    }
}

#[test]
fn a_request_waits_for_one_fetch_of_keys_however_long_that_takes() {
    for (way, answers) in [("times out", true), ("never answers", false)] {
        for cooldown in ["1ms", "1s", "30s"] {
            let mut configuration = configuration();
            configuration["issuers"][0]["jwks"]["cooldown"] = json!(cooldown);
            let mut world = World::new(&configuration, 2, NOW);
            let waiting: Vec<_> = (0..2).map(|n| (n, world.request(n, &token("a")))).collect();
            world.run(5_000, &without(&["auth"]));
            let fetch = world.network.iter().position(|sent| sent.request.cluster == "auth").expect("a fetch");
            if answers {
                world.answer(fetch, None);
            }
            world.run(3_000, &without(&["auth"]));
            for (n, id) in waiting {
                let outcome = world.workers[n].outcome(id);
                assert_eq!(outcome, Outcome::Replied(503, "keys_unavailable"), "{way}, {cooldown}, worker {n}");
            }
            assert_eq!(total(&world, "jwks.failure"), 1, "{way}, {cooldown}");
            assert_eq!(world.logged("could not be fetched: no answer"), 1, "{way}, {cooldown}");
            assert_eq!(world.logged("are unavailable"), 1, "{way}, {cooldown}");
        }
    }
}

#[test]
fn an_outage_of_introspection_is_recorded_once_and_ends_with_the_next_answer() {
    let mut world = World::new(&configuration(), 1, NOW);
    world.run(1_000, &provider(&["a"]));
    for (n, outcome) in [(1, Outcome::Replied(503, "introspection_unavailable")), (2, Outcome::Forwarded)] {
        let down = without(&["opaque"]);
        let ids: Vec<_> = (0..5).map(|at| world.request(0, &format!("opaque-{n}-{at}"))).collect();
        if n == 1 {
            world.run(10_000, &down)
        } else {
            world.run(1_000, &provider(&["a"]))
        }
        for id in ids {
            assert_eq!(world.workers[0].outcome(id), outcome, "round {n}");
            assert_eq!(world.workers[0].streams[&id].records().len(), 1);
        }
    }
    assert_eq!((world.logged("no answer in time"), world.logged("answers again")), (1, 1));
}

#[test]
fn an_answer_that_comes_late_or_twice_changes_nothing() {
    let mut world = World::new(&configuration(), 1, NOW);
    world.run(1_000, &provider(&["a"]));
    let id = world.request(0, "opaque");
    world.run(1_000, &without(&["opaque"]));
    let late = world.network.iter().find(|sent| sent.request.cluster == "opaque").cloned().expect("a call");
    world.run(10_000, &without(&["opaque"]));
    assert_eq!(world.workers[0].outcome(id), Outcome::Replied(503, "introspection_unavailable"));
    let active = json!({"active": true, "aud": AUDIENCE, "scope": "connect"});
    for _ in 0..3 {
        world.answer_again(&late, Some(&ok(&active)));
    }
    assert_eq!(world.workers[0].outcome(id), Outcome::Replied(503, "introspection_unavailable"));
    let id = world.request(0, "opaque");
    assert_eq!(world.workers[0].outcome(id), Outcome::Waits, "the late answer was not taken");
    world.network.clear();
    world.run(1_000, &provider(&["a"]));
    assert_eq!(world.workers[0].outcome(id), Outcome::Forwarded);
}

#[test]
fn a_remote_policy_reaches_all_workers_and_closes_when_it_goes_stale() {
    let mut world = World::new(&configuration(), 2, NOW);
    world.run(1_000, &provider(&["a"]));
    let token = token("a");
    let open = |world: &mut World, n| {
        let id = world.request(n, &token);
        world.workers[n].outcome(id)
    };
    assert_eq!((open(&mut world, 0), open(&mut world, 1)), (Outcome::Forwarded, Outcome::Forwarded));
    let watched = world.request(0, &token);
    world.answer_with_a_stream(0, watched);

    let narrowed = |request: &Request| {
        let policy = ok(&json!({"base_scopes": ["connect", "more"]}));
        if request.cluster == "plane" { Some(policy) } else { provider(&["a"])(request) }
    };
    world.run(31_000, &narrowed);
    let lacking = Outcome::Replied(403, "insufficient_scope");
    assert_eq!((open(&mut world, 0), open(&mut world, 1)), (lacking, lacking));
    assert!(world.workers[0].streams[&watched].is_reset(), "the stream that the new policy denies");
    assert_eq!(world.logged("a new one is in force"), 2, "the first one and the second, each told of once");

    world.run(200_000, &without(&["plane"]));
    assert_eq!((open(&mut world, 0), open(&mut world, 1)), (DENIED, DENIED));
    assert_eq!(world.logged("has not delivered it for too long"), 1);
    world.network.clear();
    world.run(61_000, &provider(&["a"]));
    assert_eq!((open(&mut world, 0), open(&mut world, 1)), (Outcome::Forwarded, Outcome::Forwarded));
}

#[test]
fn a_policy_that_cannot_be_had_is_counted_and_told_whatever_the_failure() {
    for (way, told) in FAILURES {
        let mut world = World::new(&configuration(), 2, NOW);
        fails(&mut world, way);
        assert_eq!(total(&world, "policy.failure"), 1, "{way}");
        assert_eq!(world.logged(&format!("from its control plane: {told}")), 1, "{way}");
        assert_eq!(world.logged("does not deliver it"), 1, "{way}");
        world.refused.clear();
        world.network.clear();
        world.run(61_000, &provider(&["a"]));
        assert!(total(&world, "policy.success") > 0, "{way}");
    }
}

/// The ways in which a call can fail, and how log lines name them.
const FAILURES: [(&str, &str); 4] = [
    ("refused", "the host refused a call"),
    ("fails", "status 500"),
    ("times out", "no answer"),
    ("never answers", "no answer in time"),
];

/// The next call to the control plane fails in this way.
fn fails(world: &mut World, way: &str) {
    let others = without(&["plane"]);
    if way == "refused" {
        world.refused = vec!["plane"];
    }
    world.run(600, &others);
    if let Some(at) = world.network.iter().position(|sent| sent.request.cluster == "plane") {
        match way {
            "fails" => world.answer(at, Some(&(500, None, String::new()))),
            "times out" => world.answer(at, None),
            _ => world.run(6_600, &others),
        }
        world.run(600, &others);
    }
}

#[test]
fn a_manifest_that_cannot_be_published_is_counted_told_and_sent_again() {
    for (way, told) in FAILURES {
        let mut world = World::new(&configuration(), 2, NOW);
        world.run(1_000, &provider(&["a"]));
        world.list(0, &token("a"), &["add", "mul"]);
        fails(&mut world, way);
        assert_eq!(total(&world, "publish.failure"), 1, "{way}");
        assert_eq!(world.logged(&format!("was not published: {told}")), 1, "{way}");
        assert_eq!(world.logged("accepted"), 0, "{way}");
        world.refused.clear();
        world.network.clear();
        world.run(61_000, &provider(&["a"]));
        assert_eq!((total(&world, "publish.success"), world.logged("accepted")), (1, 1), "{way}: once for both");
    }
}

#[test]
fn a_reload_finishes_the_streams_that_wait_and_gives_its_fetch_back() {
    let mut world = World::new(&configuration(), 1, NOW);
    let token = token("a");
    let id = world.request(0, &token);
    world.run(100, &without(&["auth"]));
    assert_eq!(sent_to(&world, "auth"), 1);
    let records = world.leave(0, id);
    assert_eq!(records.iter().map(|record| record.reason.as_str()).collect::<Vec<_>>(), ["ended_by_client"]);
    world.start(0, &configuration());
    let id = world.request(0, &token);
    world.run(100, &provider(&["a"]));
    assert_eq!(world.workers[0].outcome(id), Outcome::Forwarded, "the new instance fetches at once");
}

#[test]
fn another_module_finds_what_the_old_one_shared_and_keeps_it_beyond_its_end() {
    let mut world = World::new(&configuration(), 2, NOW);
    world.run(1_000, &provider(&["a"]));
    let fetches = total(&world, "jwks.success");
    for change in 0..3 {
        for n in 0..2 {
            world.start(n, &configuration());
            world.run(100, &without(&["auth", "plane"]));
        }
        for n in 0..2 {
            let id = world.request(n, &token("a"));
            assert_eq!(world.workers[n].outcome(id), Outcome::Forwarded, "change {change}, worker {n}");
        }
    }
    assert_eq!((fetches, sent_to(&world, "auth")), (1, 0), "nothing was fetched anew");
    // Data that no configuration uses any more are gone all the same.
    let mut elsewhere = configuration();
    elsewhere["issuers"][0]["jwks"]["uri"] = json!(format!("{ISSUER}/elsewhere"));
    let size = world.shared.size();
    (0..2).for_each(|n| world.start(n, &elsewhere));
    assert!(world.shared.size() < size);
    let id = world.request(0, &token("a"));
    assert_eq!(world.workers[0].outcome(id), Outcome::Waits);
}

#[test]
fn listeners_that_change_together_keep_what_each_of_them_shares() {
    let mut other = configuration();
    other["issuers"][0]["jwks"]["uri"] = json!(format!("{ISSUER}/other"));
    let both = [configuration(), other];
    let mut world = World::new(&both[0], 1, NOW);
    world.start(1, &both[1]);
    world.run(1_000, &provider(&["a"]));
    let fetches = total(&world, "jwks.success");
    assert_eq!(fetches, 2, "each has keys of its own");
    for change in 0..3 {
        world.start_all(&both);
        world.run(100, &without(&["auth", "plane"]));
        for n in 0..2 {
            let id = world.request(n, &token("a"));
            assert_eq!(world.workers[n].outcome(id), Outcome::Forwarded, "change {change}, listener {n}");
        }
    }
    assert_eq!(sent_to(&world, "auth"), 0, "nothing was fetched anew");
}

#[test]
fn values_go_with_the_last_configuration_that_uses_them_however_many_come_and_go() {
    let mut world = World::new(&configuration(), 2, NOW);
    let mut sizes = Vec::new();
    for n in 0..20 {
        let mut changed = configuration();
        changed["issuers"][0]["jwks"]["uri"] = json!(format!("{ISSUER}/keys{n:02}"));
        world.start_all(&[changed.clone(), changed]);
        world.run(2_000, &provider(&["a"]));
        sizes.push(world.shared.size());
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    // An instance that dies without notice, such as with its VM, holds up nobody.
    let list = world.shared.values.borrow().keys().find(|name| name.ends_with("/instances")).unwrap().clone();
    for left in [
        b"0123456789abcdef 0 00000000\n".to_vec(),
        b"\n\n 0\n".to_vec(),
        vec![0xff; 100],
        vec![b'x'; 5 << 20],
        Vec::new(),
    ] {
        world.shared.put(&list, left);
        world.start_all(&[configuration(), configuration()]);
        world.run(2_000, &provider(&["a"]));
        let id = world.request(0, &token("a"));
        assert_eq!(world.workers[0].outcome(id), Outcome::Forwarded);
        assert!(world.shared.values.borrow()[&list].0.len() < 1_000);
    }
}

#[test]
fn a_reload_gives_back_a_request_for_a_policy_and_one_with_a_manifest() {
    let mut world = World::new(&configuration(), 2, NOW);
    world.run(1_000, &without(&["plane"]));
    assert_eq!(sent_to(&world, "plane"), 1);
    world.start_all(&[configuration(), configuration()]);
    world.run(100, &without(&["plane"]));
    assert_eq!(sent_to(&world, "plane"), 1, "a new instance asks at once");
    world.run(1_000, &provider(&["a"]));
    assert_eq!((total(&world, "policy.success"), world.logged("outage")), (1, 0), "no request has failed");
    world.list(0, &token("a"), &["echo"]);
    world.run(1_000, &without(&["plane"]));
    assert_eq!(sent_to(&world, "plane"), 1);
    world.start_all(&[configuration(), configuration()]);
    world.run(600, &without(&["plane"]));
    assert_eq!(sent_to(&world, "plane"), 1, "a new instance publishes at once");
}

#[test]
fn an_older_answer_with_keys_is_not_read_as_one_to_a_newer_attempt() {
    let mut world = World::new(&configuration(), 1, NOW);
    let id = world.request(0, &token("a"));
    world.run(100, &without(&["auth"]));
    let old = world.network.iter().find(|sent| sent.request.cluster == "auth").cloned().expect("a call");
    // Another plugin of the host takes the record away, and the worker starts anew.
    let names: Vec<_> = world.shared.values.borrow().keys().cloned().collect();
    let record = names.iter().find(|name| name.split('/').nth(3) == Some("attempts")).expect("a record");
    world.shared.put(record, Vec::new());
    world.run(1_000, &without(&["auth"]));
    assert_eq!(sent_to(&world, "auth"), 2);
    world.answer_again(&old, Some(&(500, None, String::new())));
    world.run(1_000, &without(&["auth"]));
    assert_eq!((total(&world, "jwks.failure"), world.workers[0].outcome(id)), (0, Outcome::Waits));
    world.run(1_000, &provider(&["a"]));
    assert_eq!((total(&world, "jwks.success"), world.workers[0].outcome(id)), (1, Outcome::Forwarded));
}

#[test]
fn a_worker_that_was_held_up_does_not_bring_back_what_another_has_fetched_since() {
    let mut world = World::new(&configuration(), 2, NOW);
    world.run(1_000, &without(&["auth", "plane"]));
    let take = |world: &mut World, cluster: &str| {
        let at = world.network.iter().position(|sent| sent.request.cluster == cluster).expect("a call");
        world.network.swap_remove(at)
    };
    let [keys_call, policy_call] = ["auth", "plane"].map(|cluster| take(&mut world, cluster));
    assert_eq!((keys_call.worker, policy_call.worker), (0, 0));
    // It does not run for so long that its leases end.
    world.held_up = Some(0);
    world.run(20_000, &provider(&["b"]));
    world.held_up = None;
    // Then its answers come first.
    let old = |tool: &str| ok(&json!({"tools": {tool: {"scopes": []}}}));
    world.answer_again(&keys_call, Some(&keys(&["a"])));
    world.answer_again(&policy_call, Some(&old("old")));
    world.run(2_000, &without(&["auth", "plane"]));
    for n in 0..2 {
        let (removed, current) = (world.request(n, &token("a")), world.request(n, &token("b")));
        assert_eq!(world.workers[n].outcome(current), Outcome::Forwarded, "worker {n}");
        assert_ne!(world.workers[n].outcome(removed), Outcome::Forwarded, "worker {n}");
        let policy = &world.workers[n].host.gate.config().resources[0].policy;
        assert_eq!(policy.tools.names().count(), 0, "worker {n}");
    }
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
fn what_is_known_of_the_host_outlives_a_change_of_configuration() {
    let mut configuration = configuration();
    configuration["hold_request_headers"] = json!(true);
    for shown in [true, false] {
        let mut world = World::new(&configuration, 2, NOW);
        world.run(1_000, &provider(&["a"]));
        if shown {
            world.list(0, &token("a"), &["echo"]);
        }
        let mut changed = configuration.clone();
        changed["resources"][0]["name"] = json!("another");
        (0..2).for_each(|n| world.start(n, &changed));
        world.run(1_000, &provider(&["a"]));
        let slow = world.slow(1, &token("a"));
        world.run(20_000, &provider(&["a"]));
        let outcome = if shown { Outcome::Waits } else { Outcome::Replied(500, "misconfigured") };
        assert_eq!(world.workers[1].outcome(slow), outcome, "a body was shown: {shown}");
    }
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

/// One thing that happens to a worker.
#[derive(Clone, Debug)]
enum Turn {
    Request(usize, usize),
    Leave(usize),
    Answer(usize, usize),
    AnswerAgain(usize),
    Lose(usize),
    Time(u64),
    Jump(i64),
    Reload(usize),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => (0..3_usize, 0..6_usize).prop_map(|(n, token)| Turn::Request(n, token)),
        1 => any::<usize>().prop_map(Turn::Leave),
        6 => (any::<usize>(), 0..4_usize).prop_map(|(at, how)| Turn::Answer(at, how)),
        1 => any::<usize>().prop_map(Turn::AnswerAgain),
        1 => any::<usize>().prop_map(Turn::Lose),
        6 => prop_oneof![1..100_u64, 100..30_000_u64].prop_map(Turn::Time),
        1 => (-100_000..100_000_i64).prop_map(Turn::Jump),
        1 => (0..3_usize).prop_map(Turn::Reload),
    ]
}

/// A good token is first, those that nobody issued come last.
fn tokens() -> [String; 6] {
    let forged = tampered(&token("a"));
    [token("a"), token("b"), "active".to_owned(), "inactive".to_owned(), forged, "made-up".to_owned()]
}

/// An answer as `how` says: as it should be, a failure, something else, or none.
fn response(request: &Request, how: usize) -> Option<Response> {
    let asked = |what: &str| request.body.as_ref().is_some_and(|body| body.starts_with(what.as_bytes()));
    let good = match request.cluster.as_str() {
        "opaque" if !asked("token=active&") => ok(&json!({"active": false})),
        "opaque" => ok(&json!({"active": true, "aud": AUDIENCE, "scope": "connect"})),
        _ => provider(&["a", "b"])(request)?,
    };
    match how {
        0 => Some(good),
        1 => Some((503, None, "<html>".to_owned())),
        2 => Some((200, Some("\"x\"".to_owned()), "{}".to_owned())),
        _ => None,
    }
}

fn simulate(turns: Vec<Turn>) {
    let (mut world, tokens) = (World::new(&configuration(), 3, NOW), tokens());
    let (mut open, mut answered) = (Vec::new(), Vec::new());
    // A clock that jumps may end a lease that still runs.
    let mut jumps = 0;
    let none = |_: &Request| None;
    for turn in turns {
        let calls = world.network.len().max(1);
        match turn {
            Turn::Request(n, token) => open.push((n, token, world.request(n, &tokens[token]))),
            Turn::Leave(at) if !open.is_empty() => {
                let (n, _, id) = open.swap_remove(at % open.len());
                assert_eq!(world.leave(n, id).len(), 1, "every request is recorded once");
            }
            Turn::Answer(at, how) if !world.network.is_empty() => {
                let sent = world.network[at % calls].clone();
                world.answer(at % calls, response(&sent.request, how).as_ref());
                answered.push(sent);
            }
            Turn::AnswerAgain(at) if !answered.is_empty() => {
                let sent = answered[at % answered.len()].clone();
                world.answer_again(&sent, response(&sent.request, 0).as_ref());
            }
            Turn::Lose(at) if !world.network.is_empty() => drop(world.network.swap_remove(at % calls)),
            Turn::Time(millis) => world.run(millis, &none),
            Turn::Jump(millis) => {
                world.now = world.now.saturating_add_signed(millis);
                jumps += 1;
            }
            Turn::Reload(n) => {
                for (_, _, id) in open.extract_if(.., |(own, ..)| *own == n) {
                    assert_eq!(world.leave(n, id).len(), 1, "every request is recorded once");
                }
                answered.retain(|sent| sent.worker != n);
                world.start(n, &configuration());
            }
            _ => {}
        }
        for (n, worker) in world.workers.iter().enumerate() {
            let is_awaited = |sent: &&Sent| sent.worker == n && worker.host.gate.awaits(sent.call);
            let of = |cluster: &str| {
                world.network.iter().filter(is_awaited).filter(|sent| sent.request.cluster == cluster).count()
            };
            for (cluster, most) in [("auth", 1 + jumps), ("opaque", 3), ("plane", 2), ("log", 4)] {
                assert!(of(cluster) <= most, "no more calls than the bounds: {} to {cluster}", of(cluster));
            }
        }
    }
    world.run(120_000, &none);
    for (n, token, id) in open {
        let worker = &world.workers[n];
        let outcome = worker.outcome(id);
        assert_ne!(outcome, Outcome::Waits, "nothing waits for ever: {}", tokens[token]);
        assert!(outcome != Outcome::Forwarded || token < 3, "nothing forged is accepted: {}", tokens[token]);
        assert_eq!(worker.streams[&id].records().len(), 1, "every request is recorded once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_forged_passes_nothing_waits_for_ever_and_all_is_recorded_once(
        turns in prop::collection::vec(turn(), 1..60)
    ) {
        simulate(turns);
    }
}
