//! Lists compared with the policy and the manifest, and what is told or published of them.

use super::*;

#[test]
fn only_what_was_asked_for_is_published() {
    let (good, evil) = ([tool("a", "")], [tool("a", "decoy")]);
    let publish = json!({"publish": {"uri": "https://plane.example.com/m", "cluster": "plane"}});
    let mut gate = Gate::new(open_to_all(), &publish);
    let resource = first_resource(gate.worker.gate.config());
    let mut published = |status, messages: &[Value]| {
        gate.answered(7, status, messages);
        let lists = gate.worker.gate.known().drift.take_lists(resource, Vec::new());
        let entries = lists.into_iter().flat_map(|list| list.entries).map(|entry| String::from_utf8(entry).unwrap());
        entries.collect::<Vec<_>>()
    };
    for (status, messages) in [
        (200, vec![listed(8, &evil)]),
        (200, vec![listed(8, &evil), listed(7, &good)]),
        (200, vec![json!([listed(7, &evil)])]),
        (201, vec![listed(7, &evil)]),
    ] {
        assert_eq!(published(status, &messages), [""; 0], "{status} {messages:?}");
    }
    assert_eq!(published(200, &[listed(7, &good), listed(7, &evil)]), [good[0].to_string()]);
    gate.stream("alice", &[listed(7, &evil)]);
    assert!(gate.worker.gate.known().drift.take_lists(resource, Vec::new()).is_empty());
    let stream = gate.send("alice", &json!({"jsonrpc": "2.0", "id": 9, "method": "tools/list"}));
    gate.answer(&stream, 202, "text/plain", "Accepted");
    gate.stream("alice", &[listed(8, &good), listed(9, &evil)]);
    assert_eq!(
        gate.worker.gate.known().drift.take_lists(resource, Vec::new())[0].entries,
        [evil[0].to_string().into_bytes()]
    );
}

#[test]
fn no_tool_is_called_before_a_list_was_seen_where_that_is_said() {
    let good = [tool("a", ""), tool("b", "")];
    let more = json!({"manifest": approved(&good), "on_drift": "deny", "until_seen": "deny"});
    let complete = List { tools: &good, ..List::default() };
    let mut gate = Gate::new(open_to_all(), &more);
    assert_eq!((gate.call("a"), gate.call("b")), ("tool_drifted", "tool_drifted"));
    assert_eq!(gate.list(&List { next: Some("2"), ..complete.clone() }), ["a", "b"], "lists pass");
    assert_eq!(gate.call("a"), "tool_drifted", "a part of a list is none");
    assert_eq!(gate.list(&List { status: 203, ..complete.clone() }), ["a", "b"]);
    gate.stream("alice", &[listed(1, &good)]);
    gate.answered(1, 200, &[listed(2, &good)]);
    assert_eq!(gate.call("a"), "tool_drifted", "nobody asked for these");
    assert!(!gate.record().listed);
    assert_eq!(gate.list(&List { tools: &[tool("a", ""), tool("b", "evil")], ..List::default() }), ["a"]);
    assert_eq!((gate.call("a"), gate.call("b")), ("allowed", "tool_drifted"), "what it showed is known");
    assert!(gate.record().listed, "other workers are told");

    let mut gate = Gate::new(open_to_all(), &more);
    gate.adopt(&SharedDrift::default());
    assert_eq!(gate.call("a"), "tool_drifted");
    gate.adopt(&SharedDrift { listed: true, ..SharedDrift::default() });
    assert_eq!(gate.call("a"), "allowed", "another worker saw a list");
    gate.adopt(&SharedDrift::default());
    gate.list(&complete);
    assert!(!gate.record().listed, "it is known already");
}

#[test]
fn a_manifest_without_definitions_tells_what_it_can() {
    let good = json!({"name": "a", "description": "d", "inputSchema": {}, "_meta": {"x": 1}});
    let mut old = approved(std::slice::from_ref(&good));
    old["tools"]["a"].as_object_mut().unwrap().remove("definition").unwrap();
    let mut gate = Gate::new(open_to_all(), &json!({"manifest": old, "on_drift": "deny"}));
    let mut other = good.clone();
    other["_meta"] = json!({"x": 2});
    assert_eq!(gate.list(&List { tools: &[other], ..List::default() }), ["a"]);
    assert_eq!((gate.call("a"), gate.findings()), ("allowed", vec![]));
    for broken in [json!({"name": "a", "description": 1}), json!({"name": "a", "Title": "A"})] {
        gate.list(&List { tools: &[broken], ..List::default() });
        assert_eq!(gate.call("a"), "tool_drifted");
        gate.list(&List { tools: std::slice::from_ref(&good), ..List::default() });
        assert_eq!(gate.call("a"), "allowed");
    }
}

#[test]
fn a_complete_list_is_compared_with_the_policy_and_the_manifest() {
    let policy =
        json!({"tools": {"a": {"scopes": []}, "gone": {"scopes": []}, "x_*": {"scopes": []}, "b*": {"scopes": []}}});
    let more = json!({"manifest": approved(&[tool("a", ""), tool("missing", "")])});
    let complete = ["rule_without_tool gone", "rule_without_tool x_*", "tool_removed missing", "tool_without_rule new"];
    let mut gate = Gate::new(policy.clone(), &more);
    gate.list(&List { tools: &[tool("a", ""), tool("b1", ""), tool("new", "")], ..List::default() });
    let mut found: Vec<_> = gate.findings().into_iter().filter(|finding| !finding.starts_with("tool_added")).collect();
    found.sort();
    assert_eq!(found, complete);
    gate.list(&List { tools: &[tool("a", ""), tool("b1", ""), tool("new", "")], ..List::default() });
    assert_eq!(gate.findings(), [""; 0], "once");

    // A part of a list tells nothing of what it lacks, and neither do two callers' parts.
    let mut gate = Gate::new(policy, &more);
    let first = List { tools: &[tool("a", "")], next: Some("2"), ..List::default() };
    gate.list(&first);
    gate.list(&List { tools: &[tool("a", "")], cursor: Some("2"), caller: "bob", ..List::default() });
    gate.list(&List { tools: &[tool("a", "")], cursor: Some("3"), ..List::default() });
    assert_eq!(gate.findings(), [""; 0]);
    gate.list(&first);
    gate.list(&List {
        tools: &[tool("missing", ""), tool("gone", ""), tool("x_1", ""), tool("b", "")],
        cursor: Some("2"),
        ..List::default()
    });
    let found: Vec<_> = gate.findings().into_iter().filter(|finding| !finding.starts_with("tool_added")).collect();
    assert_eq!(found, ["tool_without_rule missing"]);
}

#[test]
fn a_rule_that_loses_its_tool_again_is_told_of_again_though_not_at_once() {
    let policy = json!({"tools": {"a": {"scopes": []}, "b": {"scopes": []}}});
    let (all, one) = ([tool("a", ""), tool("b", "")], [tool("a", "")]);
    let [mut gate, mut other] = Gate::two(policy, &json!({}));
    let lists = |gate: &mut Gate, tools: &[Value], wait: u64| {
        gate.worker.wait(Duration::from_secs(wait));
        gate.list(&List { tools, ..List::default() });
        gate.findings()
    };
    assert_eq!(lists(&mut gate, &all, 0), [""; 0]);
    assert_eq!(lists(&mut gate, &one, 0), ["rule_without_tool b"]);
    assert_eq!(lists(&mut gate, &all, 0), [""; 0]);
    assert_eq!(lists(&mut gate, &one, 0), [""; 0], "callers may see different lists in turn");
    assert_eq!(lists(&mut other, &one, 10), [""; 0], "once for all workers");
    assert_eq!(lists(&mut gate, &all, 3_000), [""; 0]);
    assert_eq!(lists(&mut gate, &one, 700), ["rule_without_tool b"]);
}

#[test]
fn a_scope_that_no_token_ever_brings_is_told_of_once() {
    let policy = json!({
        "hierarchy": {"admin": ["write"]},
        "tools": {"r": {"scopes": ["read"]}, "w": {"scopes": ["write"]}, "x": {"scopes": ["raed"]}, "y": {"scopes": ["seen-elsewhere"]}},
    });
    let mut gate = Gate::new(policy, &json!({}));
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let token = Token::at(NOW).scope("read admin").expires_in(10_000).sign(&Key::ed25519());
    for _ in 0..1_000 {
        gate.send_with(&token, &request);
    }
    let mut told = gate.record();
    assert_eq!(told.granted, ["read", "write"], "a broader scope brings the narrower");
    told.granted.push("seen-elsewhere".to_owned());
    gate.adopt(&told);
    assert_eq!(gate.findings(), [""; 0], "it is waited for");
    gate.worker.wait(Duration::from_secs(3_600));
    gate.send_with(&token, &request);
    assert_eq!(gate.findings(), ["scope_never_granted raed"]);
    gate.send_with(&token, &request);
    assert_eq!(gate.findings(), [""; 0], "once");
}
