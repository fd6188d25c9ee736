//! Lists that bring news of tools: good news needs a complete list, bad news does not.

use super::*;

#[test]
fn bad_news_counts_from_every_list_that_passes_and_good_news_from_a_200_only() {
    let (good, evil) = ([tool("a", "")], [tool("a", "changed")]);
    for status in [200, 201, 202, 203, 299] {
        let mut gate = watched(&good);
        gate.answered(1, status, &[listed(1, &evil)]);
        assert_eq!(
            (gate.call("a"), gate.findings()),
            ("tool_drifted", vec!["description_changed a".to_owned()]),
            "{status}"
        );
        gate.answered(1, status, &[listed(1, &good)]);
        assert_eq!(gate.call("a") == "allowed", status == 200, "{status} settles it");
    }
    for status in [204, 206, 301, 404, 500] {
        let mut gate = watched(&good);
        gate.answered(1, status, &[listed(1, &evil)]);
        assert_eq!(gate.call("a"), "allowed", "{status} holds no list that passes");
    }
}

#[test]
fn good_news_takes_all_pages_and_bad_news_one() {
    let (good, evil) = (tool("a", ""), tool("a", "evil"));
    let approved_tools = [good.clone(), tool("b", "")];
    let first = List { next: Some("2"), ..List::default() };
    let last = List { cursor: Some("2"), ..List::default() };
    let mut gate = watched(&approved_tools);
    gate.list(&List { tools: std::slice::from_ref(&evil), ..first });
    assert_eq!(gate.call("a"), "tool_drifted", "on the first page");
    gate.list(&List { tools: std::slice::from_ref(&good), ..last });
    assert_eq!(gate.call("a"), "tool_drifted", "a later page takes nothing back");
    gate.list(&List { tools: std::slice::from_ref(&good), ..first });
    assert_eq!(gate.call("a"), "tool_drifted", "not all pages yet");
    gate.list(&List { tools: &[], cursor: Some("2"), ..List::default() });
    assert_eq!(gate.call("a"), "allowed");
    gate.list(&List { tools: std::slice::from_ref(&evil), ..List::default() });
    gate.list(&List { tools: std::slice::from_ref(&good), ..first });
    gate.stream("bob", &[listed(9, std::slice::from_ref(&evil))]);
    gate.list(&last);
    assert_eq!(gate.call("a"), "tool_drifted", "bad news came between the pages");
}

#[test]
fn within_one_answer_bad_news_sticks() {
    let (good, evil) = ([tool("a", "")], [tool("a", "evil")]);
    let own = |tools| listed(7, tools);
    let decoy = |tools| listed(8, tools);
    let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}});
    let both = json!({"jsonrpc": "2.0", "id": 7, "result": {"tools": good}, "error": {"code": 1, "message": ""}});
    let request = json!({"jsonrpc": "2.0", "id": 7, "method": "ping", "result": {"tools": good}});
    let anonymous = json!({"jsonrpc": "2.0", "result": {"tools": good}});
    for (name, messages) in [
        ("a decoy with another id after it", vec![own(&evil), decoy(&good)]),
        ("a decoy with another id before it", vec![decoy(&good), own(&evil)]),
        ("its own id once more", vec![own(&evil), own(&good)]),
        ("an evil one between", vec![own(&good), decoy(&evil), own(&good)]),
        ("an evil one with another id first", vec![decoy(&evil), own(&good)]),
        ("an evil one without an id first", vec![json!({"result": {"tools": evil}}), own(&good)]),
        ("an array", vec![json!([own(&evil), own(&good)])]),
        ("an array with its own answer last", vec![json!([decoy(&evil), own(&good)])]),
    ] {
        let mut gate = watched(&good);
        gate.answered(7, 200, &messages);
        assert_eq!(gate.call("a"), "tool_drifted", "{name}");
    }
    for (name, messages) in [
        ("another id", vec![decoy(&good)]),
        ("another id on a stream", vec![note.clone(), decoy(&good)]),
        ("no id", vec![anonymous]),
        ("an array", vec![json!([own(&good)])]),
        ("an answer that is an error too", vec![both]),
        ("an answer that is a request too", vec![request]),
    ] {
        let mut gate = watched(&good);
        gate.answered(7, 200, &[own(&evil)]);
        gate.answered(7, 200, &messages);
        assert_eq!(gate.call("a"), "tool_drifted", "{name} settles nothing");
        gate.answered(7, 200, &[note.clone(), own(&good)]);
        assert_eq!(gate.call("a"), "allowed", "its own id does");
    }
}

#[test]
fn an_answer_to_several_requests_brings_bad_news_only() {
    let (good, evil) = ([tool("a", "")], [tool("a", "evil")]);
    let mut configuration = configuration(open_to_all(), &json!({"manifest": approved(&good), "on_drift": "deny"}));
    configuration["batches"] = json!("authorize_each");
    let mut gate = Gate::configured(&configuration);
    let mut answered = |tools: &[Value]| {
        let ask = |id| json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"});
        let stream = gate.send("alice", &json!([ask(1), ask(2)]));
        let body = json!([listed(1, tools), listed(2, tools)]).to_string();
        gate.answer(&stream, 200, "application/json", &body);
        gate.call("a")
    };
    assert_eq!(answered(&good), "allowed", "the same name in two lists is not given twice");
    assert_eq!(answered(&evil), "tool_drifted");
    assert_eq!(answered(&good), "tool_drifted");
}

#[test]
fn what_nobody_asked_for_brings_bad_news_only() {
    let (good, evil) = ([tool("a", "")], [tool("a", "evil")]);
    let mut gate = watched(&good);
    assert_eq!(gate.stream("alice", &[listed(7, &evil)]), events(&[listed(7, &[])]), "it is trimmed as well");
    assert_eq!(gate.call("a"), "tool_drifted");
    gate.stream("alice", &[listed(7, &good), json!({"result": {"tools": good}})]);
    assert_eq!(gate.call("a"), "tool_drifted");
    gate.answered(7, 200, &[listed(7, &good)]);
    assert_eq!(gate.call("a"), "allowed");
    gate.stream("alice", &[listed(7, &evil), listed(7, &good)]);
    assert_eq!(gate.call("a"), "tool_drifted", "the request was answered");
}

#[test]
fn the_older_transport_answers_on_the_standing_stream_of_its_caller() {
    let (good, evil) = ([tool("a", "")], [tool("a", "evil")]);
    let mut gate = watched(&good);
    let ask = |gate: &mut Gate, id: u64| {
        let stream = gate.send("alice", &json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}));
        gate.answer(&stream, 202, "text/plain", "Accepted");
    };
    ask(&mut gate, 1);
    gate.stream("alice", &[listed(1, &evil), listed(1, &good), listed(2, &good)]);
    assert_eq!(gate.call("a"), "tool_drifted", "each request is answered once");
    ask(&mut gate, 2);
    gate.stream("bob", &[listed(2, &good)]);
    assert_eq!(gate.call("a"), "tool_drifted", "it is not the stream of the caller who asked");
    gate.stream("alice", &[listed(3, &good)]);
    assert_eq!(gate.call("a"), "tool_drifted", "nor the id");
    gate.stream("alice", &[listed(2, &good)]);
    assert_eq!(gate.call("a"), "allowed");
    // The stream may be faster than the answer to the request.
    gate.stream("alice", &[listed(9, &evil)]);
    let stream = gate.send("alice", &json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}));
    gate.stream("alice", &[listed(3, &good)]);
    gate.answer(&stream, 202, "text/plain", "Accepted");
    assert_eq!(gate.call("a"), "allowed");
    // A request that was refused waits for nothing.
    gate.stream("alice", &[listed(9, &evil)]);
    gate.answered(4, 404, &[listed(4, &good)]);
    gate.stream("alice", &[listed(4, &good)]);
    assert_eq!(gate.call("a"), "tool_drifted");
    ask(&mut gate, 5);
    gate.worker.wait(Duration::from_secs(60));
    gate.stream("alice", &[listed(5, &good)]);
    assert_eq!(gate.call("a"), "tool_drifted", "nobody waits for an answer for so long");
}

#[test]
fn the_stream_of_the_older_transport_may_be_another_workers() {
    let (good, evil) = ([tool("a", "")], [tool("a", "evil")]);
    let more = json!({"manifest": approved(&good), "on_drift": "deny", "until_seen": "deny"});
    let [mut asks, mut streams] = Gate::two(open_to_all(), &more);
    // A worker tells at once, and hears at its next tick.
    let tell = |from: &Gate, to: &mut Gate| {
        to.worker.tick();
        from.record().asked.len()
    };
    let ask = |gate: &mut Gate, id: u64| {
        let stream = gate.send("alice", &json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}));
        gate.answer(&stream, 202, "text/plain", "Accepted");
    };
    let second = Duration::from_secs(1);
    // The stream is told of the request before the list comes, or after it.
    ask(&mut asks, 1);
    assert_eq!(tell(&asks, &mut streams), 1);
    streams.stream("alice", &[listed(1, &good)]);
    assert_eq!(streams.call("a"), "allowed");
    assert_eq!(tell(&streams, &mut asks), 0, "it is answered once");
    assert_eq!(asks.call("a"), "allowed", "what one saw all know");
    streams.stream("alice", &[listed(1, &evil)]);
    assert_eq!(streams.call("a"), "tool_drifted");
    for (name, id, caller, messages, settled) in [
        ("the answer to a request of before", 1, "alice", vec![listed(1, &good)], false),
        ("another caller's stream", 2, "bob", vec![listed(2, &good)], false),
        ("another id", 3, "alice", vec![listed(9, &good)], false),
        ("evil first", 4, "alice", vec![listed(4, &evil), listed(4, &good)], false),
        ("a decoy first", 5, "alice", vec![listed(9, &evil), listed(5, &good)], false),
        ("its own answer", 6, "alice", vec![listed(6, &good)], true),
    ] {
        streams.worker.wait(second);
        asks.worker.wait(second);
        if id > 1 {
            ask(&mut asks, id);
        }
        streams.stream(caller, &messages);
        assert_eq!(streams.call("a"), "tool_drifted", "{name}: nobody told of a request yet");
        tell(&streams, &mut asks);
        tell(&asks, &mut streams);
        assert_eq!(streams.call("a") == "allowed", settled, "{name}");
        tell(&streams, &mut asks);
    }
}

#[test]
fn a_list_that_cannot_be_read_tells_nothing() {
    let mut gate = Gate::new(open_to_all(), &json!({"manifest": approved(&[tool("a", "")]), "on_drift": "deny"}));
    let changed = tool("a", "changed");
    let unreadable = json!({"name": "b", "no": "\u{1}name\u{1}"});
    gate.list(&List { tools: std::slice::from_ref(&changed), ..List::default() });
    assert_eq!((gate.findings(), gate.call("a")), (vec!["description_changed a".to_owned()], "tool_drifted"));
    let mut gate = Gate::new(open_to_all(), &json!({"manifest": approved(&[tool("a", "")]), "on_drift": "deny"}));
    // An entry that names a member twice.
    let body = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [changed, unreadable]}}).to_string();
    let body = body.replace(r#""no":"\u0001name\u0001""#, r#""name":"c""#);
    assert!(gate.list_of(&List::default(), &body).is_empty());
    assert_eq!((gate.findings(), gate.call("a")), (vec![], "allowed"));
}

#[test]
fn a_list_that_comes_again_on_one_page_tells_nothing_new_and_ends_what_its_caller_began() {
    let policy = json!({"tools": {"a": {"scopes": []}, "b": {"scopes": []}}});
    let mut gate = Gate::new(policy, &json!({}));
    // The shared data would say that it was told before.
    gate.worker.shared.fault.set(Fault::Absent);
    let (only, other) = ([tool("a", ""), tool("b", "")], [tool("b", ""), tool("new", "")]);
    let list = |tools| List { tools, ..List::default() };
    gate.list(&list(&only));
    assert_eq!(gate.findings(), [""; 0]);
    gate.list(&list(&other));
    assert_eq!(gate.findings(), ["rule_without_tool a", "tool_without_rule new"]);
    gate.list(&list(&only));
    gate.list(&list(&other));
    assert_eq!(gate.findings(), [""; 0], "known, as long as nobody looked in between");
    gate.list(&list(&only));
    assert_eq!(gate.findings(), [""; 0]);
    gate.list(&list(&other));
    assert_eq!(gate.findings(), ["rule_without_tool a", "tool_without_rule new"], "it was away meanwhile");

    // A first page, then all on one page as before: what comes as the second page continues nothing.
    gate.list(&List { next: Some("2"), ..list(&only[..1]) });
    gate.list(&list(&other));
    gate.list(&List { cursor: Some("2"), ..list(&[]) });
    assert_eq!(gate.findings(), [""; 0]);
    // Without that page in between, it does.
    gate.list(&List { next: Some("2"), ..list(&only[..1]) });
    gate.list(&List { cursor: Some("2"), ..list(&[]) });
    assert_eq!(gate.findings(), ["rule_without_tool b"]);
}
