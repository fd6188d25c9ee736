//! News of drift that workers and instances share.

use super::*;

#[test]
fn what_another_worker_saw_is_compared_again() {
    let good = [tool("a", ""), tool("b", "")];
    let more = json!({"manifest": approved(&good), "on_drift": "deny"});
    let live = |tools: &[Value]| SharedDrift {
        live: Manifest::read(&serde_json::from_str(&approved(tools).to_string()).unwrap()).unwrap(),
        ..SharedDrift::default()
    };
    let settled = |at: UnixTime| {
        let mut record = SharedDrift::default();
        record.merge(&News { settled: vec![Settled { tool: "a".to_owned(), at }], ..News::default() }, at);
        record
    };
    let mut gate = Gate::new(open_to_all(), &more);
    gate.adopt(&live(&[tool("a", "changed"), tool("b", "")]));
    assert_eq!((gate.call("a"), gate.call("b")), ("tool_drifted", "allowed"), "a lie about `b` is seen through");
    assert_eq!(gate.findings(), [""; 0], "who saw it reports it");
    gate.list(&List { tools: &good, ..List::default() });
    assert_eq!(gate.call("a"), "allowed", "this worker saw better");
    let changed = [tool("a", "changed"), tool("b", "")];
    gate.loses_races(true);
    gate.list(&List { tools: &changed, ..List::default() });
    let seen = gate.worker.time();
    gate.worker.wait(SECOND);
    gate.adopt(&live(&[]));
    assert_eq!(gate.call("a"), "tool_drifted", "the others do not know of it yet");
    gate.loses_races(false);
    gate.findings();
    gate.adopt(&settled(seen));
    assert_eq!(gate.call("a"), "tool_drifted", "nobody knows which of them saw it last");
    assert_eq!(gate.findings().len(), 1, "the others are told again");
    // However often it is seen between two ticks.
    (0..3).for_each(|_| drop(gate.list(&List { tools: &changed, ..List::default() })));
    gate.worker.wait(SECOND);
    gate.adopt(&settled(gate.worker.time()));
    assert_eq!(gate.call("a"), "allowed", "another worker asked later and saw it as approved");
    gate.list(&List { tools: &changed, ..List::default() });
    gate.findings();
    gate.adopt(&SharedDrift::default());
    assert_eq!(gate.call("a"), "tool_drifted", "a record that was lost settles nothing");
    assert_eq!(gate.findings(), ["description_changed a"]);
}

#[test]
fn what_workers_share_settles_nothing_unless_a_worker_of_this_time_can_have_written_it() {
    let good = [tool("a", ""), tool("b", "")];
    let changed = [tool("a", "changed"), tool("b", "")];
    let more = json!({"manifest": approved(&good), "on_drift": "deny", "until_seen": "deny"});
    // The hash of `a`, and the name of its record.
    let mut settled = SharedDrift::default();
    let news =
        News { settled: vec![Settled { tool: "a".to_owned(), at: UnixTime::from_millis(1) }], ..News::default() };
    settled.merge(&news, UnixTime::from_millis(1));
    let name = settled.settled[0].split(' ').next().unwrap().to_owned();
    let at = |millis: i64| format!("{name} {}", NOW * 1000 + 2_000 + millis);
    let record =
        |settled: &str, listed: Value| json!({"tools": {}, "settled": [settled], "listed": listed}).to_string();
    let long = at(0) + &"0".repeat(10_000);
    let [now, ahead, far, old] = [at(0), at(1), at(3_600_000), at(-2_001)].map(|at| record(&at, json!(true)));
    let last = record(&format!("{name} {}", u64::MAX), json!(true));
    for (left, settles, lists) in [
        (now.as_str(), true, true),
        (&ahead, false, true),
        (&far, false, true),
        (&last, false, true),
        (&old, false, true),
        (&record(&long, json!(true)), false, true),
        (&record(&at(-10), json!("true")), true, false),
        (&record(&at(-10).replace(' ', "\n"), json!(1)), true, false),
        (&record(&name, json!(null)), false, false),
        (&record("", json!([true])), false, false),
        // These cannot be read.
        ("", false, false),
        (&now[..now.len() - 1], false, false),
        (&format!("{now}{now}"), false, false),
        (&now.replace("\"tools\":{}", "\"tools\":[]"), false, false),
        (&now.replace("\"tools\":{}", "\"tool\":{}"), false, false),
        (&"[".repeat(100_000), false, false),
        ("\u{1}\0\0\0\0\0\0\0", false, false),
    ] {
        let shown = left.get(..200).unwrap_or(left);
        let mut gate = Gate::new(open_to_all(), &more);
        gate.list(&List { tools: &changed, ..List::default() });
        gate.findings();
        gate.worker.wait(2 * SECOND);
        let name = gate.record_name();
        gate.worker.shared.put(&name, left.as_bytes().to_vec());
        // Another worker, which has seen no list, reads the same.
        let mut other = Gate { worker: Worker::beside(&gate.worker, &configuration(open_to_all(), &more)), read: 0 };
        assert_eq!(other.call("b") == "allowed", lists, "{shown}");
        gate.worker.tick();
        assert_eq!(gate.call("a") == "allowed", settles, "{shown}");
        if !settles {
            gate.list(&List { tools: &changed, ..List::default() });
            gate.findings();
            other.worker.tick();
            assert_eq!(other.call("a"), "tool_drifted", "it is replaced: {shown}");
        }
    }
}

#[test]
fn a_tool_that_differs_is_denied_from_the_first_request_of_another_instance() {
    let good = [tool("a", ""), tool("b", "")];
    let more = json!({"manifest": approved(&good), "on_drift": "deny"});
    let mut gate = Gate::new(open_to_all(), &more);
    gate.list(&List { tools: &[tool("a", "changed"), tool("b", "")], ..List::default() });
    let mut changed = configuration(open_to_all(), &more);
    changed["resources"][0]["name"] = json!("another");
    let mut other = Gate { worker: Worker::beside(&gate.worker, &changed), read: 0 };
    assert_eq!((other.call("a"), other.call("b")), ("tool_drifted", "allowed"), "before its first tick");
}

#[test]
fn bad_news_is_not_lost_with_a_race() {
    let (good, evil) = ([tool("a", "")], [tool("a", "evil")]);
    let more = json!({"manifest": approved(&good), "on_drift": "deny"});
    let [mut one, mut other] = Gate::two(open_to_all(), &more);
    let tick = |gate: &mut Gate| {
        gate.worker.wait(SECOND);
        gate.findings().into_iter().map(|found| found.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    other.list(&List { tools: &good, ..List::default() });
    assert_eq!(tick(&mut other), [""; 0]);
    one.loses_races(true);
    one.list(&List { tools: &evil, ..List::default() });
    for _ in 0..3 {
        assert_eq!(tick(&mut one), [""; 0], "it is reported once the others can know");
        assert_eq!(tick(&mut other), [""; 0]);
        assert_eq!((one.call("a"), other.call("a")), ("tool_drifted", "allowed"), "who saw it denies it");
    }
    one.loses_races(false);
    assert_eq!(tick(&mut one), ["description_changed"]);
    assert_eq!(tick(&mut other), [""; 0]);
    assert_eq!((one.call("a"), other.call("a")), ("tool_drifted", "tool_drifted"));
    // Good news comes as late.
    one.loses_races(true);
    other.list(&List { tools: &good, ..List::default() });
    assert_eq!(tick(&mut other), [""; 0]);
    one.loses_races(false);
    assert_eq!(tick(&mut one), [""; 0]);
    other.list(&List { tools: &good, ..List::default() });
    assert_eq!(tick(&mut other), ["settled"]);
    assert_eq!(tick(&mut one), [""; 0]);
    assert_eq!((one.call("a"), other.call("a")), ("allowed", "allowed"));
}
