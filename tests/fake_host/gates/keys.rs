//! Workers that fetch keys and introspect: one fetch for all, and outages that end.

use super::*;

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

#[test]
fn a_provider_that_is_down_is_an_outage_until_it_is_back() {
    for (way, told) in
        [("refused", "the host refused the call"), ("fails", "500"), ("never answers", "no answer in time")]
    {
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
        let call = format!("GET {ISSUER}/keys via cluster \\\"auth\\\": ");
        assert!(world.logged(&format!("are unavailable: {call}{told}")) > 0, "{way}");
        assert!(world.logged(&format!("are available again: {call}200")) > 0, "{way}");
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
            assert_eq!(world.logged("could not be fetched: GET"), 1, "{way}, {cooldown}");
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
    let call = format!("POST {OPAQUE}/introspect via cluster \\\"opaque\\\": ");
    assert_eq!(world.logged(&format!("introspection of issuer {OPAQUE} is unavailable: {call}no answer in time")), 1);
    assert_eq!(world.logged(&format!("introspection of issuer {OPAQUE} is available again: {call}200")), 1);
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
