//! Workers that share a remote policy and publish manifests.

use super::*;

const DENIED: Outcome = Outcome::Replied(403, "policy_unavailable");

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
        let call = format!("GET https://plane.example.com/policy via cluster \"plane\": {told}");
        assert_eq!(world.logged(&format!("from its control plane: {call}")), 1, "{way}");
        assert_eq!(
            world.logged("does not deliver it; the previous policy stays in force: GET https://plane"),
            1,
            "{way}"
        );
        world.refused.clear();
        world.network.clear();
        world.run(61_000, &provider(&["a"]));
        assert!(total(&world, "policy.success") > 0, "{way}");
    }
}

/// The ways in which a call can fail, and how log lines name them.
const FAILURES: [(&str, &str); 4] = [
    ("refused", "the host refused the call"),
    ("fails", "500"),
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
        let call = format!("PUT https://plane.example.com/manifest via cluster \"plane\": {told}");
        assert_eq!(world.logged(&format!("was not published: {call}")), 1, "{way}");
        assert_eq!(world.logged("publication of the manifest of https://mcp.example.com/mcp is unavailable: PUT"), 1);
        assert_eq!(world.logged("accepted"), 0, "{way}");
        world.refused.clear();
        world.network.clear();
        world.run(61_000, &provider(&["a"]));
        assert_eq!((total(&world, "publish.success"), world.logged("accepted")), (1, 1), "{way}: once for both");
        assert_eq!(world.logged("is available again: PUT"), 1, "{way}");
    }
}
