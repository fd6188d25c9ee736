//! Outages of the endpoints that a gate calls, in its log; and the audit sink meanwhile.

use std::cell::{Cell, RefCell};

use super::*;

#[test]
fn an_answer_of_introspection_is_told_without_the_token_the_secret_or_what_is_known_of_a_token() {
    let mut configuration = configuration();
    configuration["issuers"][1]["introspection"]["client_id"] = json!("gateway");
    configuration["issuers"][1]["introspection"]["client_secret"] = json!("s3cret");
    const REFUSED: &str = "401: this resource server's own credentials are refused: ";
    const NO_RESPONSE: &str = "200: it is not an introspection response";
    for (status, body, told) in [
        (401, "client gateway:s3cret?".to_owned(), format!("{REFUSED}client gateway:******?")),
        (401, "Basic Z2F0ZXdheTpzM2NyZXQ=".to_owned(), format!("{REFUSED}Basic ********************")),
        (
            400,
            "no such token: opaque-token-of-alice".to_owned(),
            "400: no such token: *********************".to_owned(),
        ),
        (503, "upstream connect error".to_owned(), "503: upstream connect error".to_owned()),
        (200, json!({"active": "yes", "sub": "alice"}).to_string(), NO_RESPONSE.to_owned()),
        (200, "\u{feff}{\"active\":true,\"sub\":\"alice\"}".to_owned(), NO_RESPONSE.to_owned()),
        (200, "eyJ0eXAiOiJ0b2tlbi1pbnRyb3NwZWN0aW9uK2p3dCJ9.e30.".to_owned(), NO_RESPONSE.to_owned()),
        (203, json!({"active": true, "sub": "alice"}).to_string(), NO_RESPONSE.replace("200", "203")),
        (200, "<html>Sign in".to_owned(), format!("{NO_RESPONSE}: <html>Sign in")),
    ] {
        let mut world = World::new(&configuration, 1, NOW);
        world.run(1_000, &provider(&["a"]));
        let id = world.request(0, "opaque-token-of-alice");
        world.run(1_000, &|request: &Request| match request.cluster.as_str() {
            "opaque" => Some((status, None, body.clone())),
            _ => provider(&["a"])(request),
        });
        assert_eq!(world.workers[0].outcome(id), Outcome::Replied(503, "introspection_unavailable"), "{told}");
        assert_eq!(world.logged(&format!("cluster \\\"opaque\\\": {told}\"")), 1, "{told}");
        for secret in ["s3cret", "opaque-t", "Z2F0ZXdheT", "alice\""] {
            assert_eq!(world.logged(secret), 0, "{told}");
        }
    }
}

#[test]
fn an_outage_of_the_audit_sink_is_told_when_it_begins_and_when_it_ends() {
    let mut world = World::new(&configuration(), 1, NOW);
    world.run(1_000, &provider(&["a"]));
    world.request(0, &token("a"));
    let down = |request: &Request| match request.cluster.as_str() {
        "log" => Some((507, None, "disk\tfull".to_owned())),
        _ => provider(&["a"])(request),
    };
    world.run(20_000, &down);
    const CALL: &str = "POST https://log.example.com/... via cluster \\\"log\\\": ";
    assert_eq!(world.logged(&format!("the audit sink is unavailable: {CALL}507: disk full")), 1);
    assert_eq!(world.logged("the audit sink is available again"), 0);
    world.run(20_000, &provider(&["a"]));
    assert_eq!(world.logged(&format!("the audit sink is available again: {CALL}204")), 1);
    assert_eq!(world.logged("the audit sink is unavailable"), 1);
}

/// A provider that does not answer to every other request in this cluster.
fn flapping(cluster: &'static str) -> impl Fn(&Request) -> Option<Response> {
    let (asked, inner) = (Cell::new(0), provider(&["a"]));
    move |request| {
        if request.cluster == cluster && asked.replace(asked.get() + 1) % 2 == 0 {
            return Some((503, None, String::new()));
        }
        inner(request)
    }
}

/// A provider that fails in this cluster.
fn failing(cluster: &'static str) -> impl Fn(&Request) -> Option<Response> {
    let inner = provider(&["a"]);
    move |request| if request.cluster == cluster { Some((503, None, String::new())) } else { inner(request) }
}

/// The lines about introspection, of outages and of their ends.
fn of_introspection<'w>(lines: impl Iterator<Item = &'w String> + Clone) -> [usize; 2] {
    ["unavailable", "available again"].map(|word| {
        let part = format!("is {word}: POST");
        lines.clone().filter(|line| line.contains(&part)).count()
    })
}

/// Introspection fails for a second 21 times, and works again between.
fn flap_of_introspection(world: &mut World) {
    world.run(1_000, &provider(&["a"]));
    for n in 0..41 {
        world.request(0, &format!("opaque-{n}"));
        if n % 2 == 0 { world.run(1_000, &failing("opaque")) } else { world.run(1_000, &provider(&["a"])) }
    }
    assert_eq!(of_introspection(world.workers[0].host.log.iter()), [3, 3]);
}

#[test]
fn an_endpoint_that_flaps_is_told_in_six_lines_per_minute_and_its_last_change_after_it() {
    let mut world = World::new(&configuration(), 1, NOW);
    flap_of_introspection(&mut world);
    world.run(120_000, &failing("opaque"));
    assert_eq!(of_introspection(world.workers[0].host.log.iter()), [4, 3], "it still fails");
    assert_eq!(["events.outage", "events.recovered"].map(|event| total(&world, event)), [21, 20], "all are counted");
}

#[test]
fn the_last_change_of_an_endpoint_that_flaps_is_told_when_the_configuration_changes() {
    let mut world = World::new(&configuration(), 1, NOW);
    flap_of_introspection(&mut world);
    world.start(0, &configuration());
    assert_eq!(of_introspection(world.left.iter()), [4, 3], "it still fails");
}

/// Seconds with a request each to all workers that run.
fn busy(world: &mut World, seconds: usize, provider: &dyn Fn(&Request) -> Option<Response>) {
    for _ in 0..seconds {
        for n in 0..world.workers.len() {
            if world.held_up != Some(n) {
                world.request(n, &token("a"));
            }
        }
        world.run(1_000, provider);
    }
}

/// The numbers of lines about outages of `what` and about their ends, of each worker.
fn changes(world: &World, what: &str) -> [Vec<usize>; 2] {
    ["outage", "recovered"].map(|event| {
        let begin = format!("toolgate.event {{\"event\":\"{event}\",\"detail\":\"{what}");
        let lines = |log: &Vec<String>| log.iter().filter(|line| line.starts_with(&begin)).count();
        world.workers.iter().map(|worker| lines(&worker.host.log)).collect()
    })
}

#[test]
fn a_change_that_is_held_is_not_told_after_another_worker_told_a_later_one() {
    for (cluster, what) in [("plane", "policy of"), ("auth", "the keys of issuer")] {
        let mut configuration = configuration();
        configuration["issuers"][0]["jwks"]["max_age"] = json!("2s");
        configuration["issuers"][0]["jwks"]["cooldown"] = json!("1s");
        configuration["resources"][0]["policy_source"]["interval"] = json!("2s");
        let mut world = World::new(&configuration, 2, NOW);
        busy(&mut world, 2, &provider(&["a"]));
        world.held_up = Some(1);
        busy(&mut world, 30, &flapping(cluster));
        busy(&mut world, 5, &failing(cluster));
        assert_eq!(changes(&world, what), [[3, 0], [3, 0]], "{cluster}: the first worker holds an outage");
        world.held_up = Some(0);
        busy(&mut world, 10, &provider(&["a"]));
        assert_eq!(changes(&world, what), [[3, 0], [3, 1]], "{cluster}: the second tells its end");
        world.held_up = None;
        busy(&mut world, 100, &provider(&["a"]));
        assert_eq!(changes(&world, what), [[3, 0], [3, 1]], "{cluster}");
    }
}

#[test]
fn a_verified_token_that_is_refused_counts_among_the_known_callers_at_the_sink() {
    const STRANGERS: usize = 1024;
    let mut configuration = configuration();
    configuration["resources"]
        .as_array_mut()
        .expect("resources")
        .push(json!({"resource": "https://mcp.example.com/other", "policy": {"tools": {}}}));
    let mut world = World::new(&configuration, 1, NOW);
    world.run(1_000, &provider(&["a"]));
    let (known, late) = (token("a"), Token::at(NOW).scope("connect").expires_in(5).sign(&Key::ed25519().named("a")));
    world.request(0, &known);
    world.request(0, &late);
    // Nothing is delivered, and strangers fill their share. `late` has expired: whoever has it is a stranger.
    world.run(60_000, &without(&["log"]));
    for _ in 0..4 * STRANGERS {
        world.request(0, "");
    }
    for _ in 0..100 {
        world.request_to(0, "/other", &known);
        world.request(0, &late);
        // Its audience is checked first.
        world.request_to(0, "/other", &late);
    }
    let posted = RefCell::new(String::new());
    world.run(120_000, &|request: &Request| {
        if request.cluster == "log" {
            let body = request.body.clone().unwrap_or_default();
            posted.borrow_mut().push_str(&String::from_utf8(body).expect("text"));
        }
        provider(&["a"])(request)
    });
    let posted = posted.into_inner();
    let count = |reason: &str| posted.lines().filter(|line| line.contains(&format!("\"reason\":\"{reason}\""))).count();
    // All of `known`, and a sample of the others.
    assert!((100..200).contains(&count("audience_mismatch")), "{}", count("audience_mismatch"));
    let strangers = count("malformed_credentials");
    assert!((100..=STRANGERS).contains(&strangers), "{strangers}");
    assert!(count("token_expired") < 100, "{}", count("token_expired"));
}
