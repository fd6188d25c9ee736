//! Configurations and modules that replace each other while requests wait.

use super::*;

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
