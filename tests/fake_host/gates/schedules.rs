//! Random schedules: whatever order things happen in, the invariants hold.

use super::*;

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
