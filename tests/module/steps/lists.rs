//! The cost of a list: by patterns, by scopes, and if it was read before.

use super::*;

/// Instructions for a list of `rules` tools, of which each has a rule by its exact name.
fn listed(mode: &str, rules: usize) -> u64 {
    let tools: Value = (0..rules).map(|k| (format!("tool_{k}"), json!({"scopes": []}))).collect();
    let policy = json!({"mode": mode, "tools": tools});
    let config = set(configuration(true, 0), "/resources/0/policy", policy);
    let mut worker = Worker::start(&config, NOW);
    let entries: Vec<_> = (0..rules).map(|k| format!(r#"{{"name":"tool_{k}"}}"#)).collect();
    let mut steps = || {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(worker.request(head(question.len()), &[question]), Fate::GoesOn(question.to_vec()));
        let before = worker.steps();
        let whole = list(&entries.join(","));
        let fate = worker.answer(answer_head("application/json"), &[whole.as_bytes()]);
        assert_eq!(fate, Fate::GoesOn(whole.into_bytes()), "all stays");
        worker.steps() - before
    };
    // The first time, memory grows.
    steps();
    steps()
}

#[test]
fn a_policy_on_trial_costs_little_more_than_one_that_enforces() {
    let [enforced, on_trial] = ["enforce", "shadow"].map(|mode| listed(mode, 1000));
    println!("a list of 1,000 tools with 1,000 rules: {enforced} steps, in shadow mode {on_trial}");
    assert!(enforced < 1_000 * PER_LISTED_NAME, "{enforced} steps");
    assert!(on_trial < enforced * 3, "{on_trial} steps where enforcing takes {enforced}");
}

/// One of some thousand scopes, so short that a token of the usual limit holds them all.
fn scope(number: usize) -> String {
    [number / 64, number % 64]
        .map(|digit| char::from(b'?' + u8::try_from(digit).unwrap()))
        .iter()
        .collect::<String>()
        .replace('\\', "!")
}

fn scopes(count: usize) -> String {
    (0..count).map(scope).collect::<Vec<_>>().join(" ")
}

/// Instructions for a list of 2,000 tools, by the number of its entries that stay, for a caller of so many scopes.
fn listed_to(policy: &Value, granted: usize) -> (usize, u64) {
    const TOOLS: usize = 2_000;
    let config = set(configuration(true, 0), "/resources/0/policy", policy.clone());
    let mut worker = Worker::start(&config, NOW);
    let token = Token::at(NOW).scope(&scopes(granted)).sign(&Key::ed25519());
    let entries: Vec<_> = (0..TOOLS).map(|k| format!(r#"{{"name":"tool_{k}"}}"#)).collect();
    let mut run = || {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(worker.request(head_with(&token, question.len()), &[question]), Fate::GoesOn(question.to_vec()));
        let before = worker.steps();
        let fate = worker.answer(answer_head("application/json"), &[list(&entries.join(",")).as_bytes()]);
        let Fate::GoesOn(body) = fate else { panic!("{fate:?}") };
        let kept = String::from_utf8(body).unwrap().matches("tool_").count();
        (kept, worker.steps() - before)
    };
    // The first time, memory grows.
    run();
    run()
}

#[test]
fn a_list_costs_the_same_however_many_scopes_the_caller_has() {
    const MANY: usize = 3_700;
    // Each tool needs a scope of its own, which a scope of the token implies, or which nobody has.
    let tools: Value = (0..2_000)
        .map(|k| (format!("tool_{k}"), json!({"any_of": [[format!("nobody:{k}")], [format!("use:{k}"), "z"]]})))
        .collect();
    let hierarchy: Value = (0..200)
        .map(|k| (scope(k), (0..10).map(|n| Value::from(format!("use:{}", k * 10 + n))).collect::<Value>()))
        .chain([(scope(0), json!(["use:0", "z"]))])
        .collect::<serde_json::Map<_, _>>()
        .into();
    let rows = json!([{"subjects": ["alice"], "scopes": scopes(MANY).split(' ').collect::<Vec<_>>()}]);
    for (lists, mode, rows) in
        [("hide", "enforce", rows.clone()), ("offer", "enforce", rows.clone()), ("hide", "shadow", rows)]
    {
        let policy = json!({"lists": lists, "mode": mode, "tools": tools, "hierarchy": hierarchy, "matrix": rows});
        let (kept_of_few, few) = listed_to(&policy, 200);
        let (kept, many) = listed_to(&policy, MANY);
        println!("2,000 tools, {lists}, {mode}: {few} steps for 200 scopes, {many} for {MANY}");
        assert_eq!(kept, kept_of_few);
        assert!(kept >= 1_900, "{kept}");
        assert!(many < few * 2, "{many} steps where 200 scopes take {few}");
    }
}

/// Instructions for a list of 1,000 tools that was not read before, and for the same list again. An exact rule decides
/// on each, or one of two patterns, which denies every other.
fn trimmed(tools: &Value, name: impl Fn(usize) -> String) -> [u64; 2] {
    let config = set(configuration(true, 0), "/resources/0/policy", json!({"tools": tools}));
    let mut worker = Worker::start(&config, NOW);
    let token = Token::at(NOW).scope("x").sign(&Key::ed25519());
    let mut steps = |version: usize| {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(worker.request(head_with(&token, question.len()), &[question]), Fate::GoesOn(question.to_vec()));
        let entries: Vec<_> = (0..1_000).map(|k| format!(r#"{{"name":"{}","title":"{version}"}}"#, name(k))).collect();
        let before = worker.steps();
        let fate = worker.answer(answer_head("application/json"), &[list(&entries.join(",")).as_bytes()]);
        assert!(matches!(fate, Fate::GoesOn(_)), "{fate:?}");
        worker.steps() - before
    };
    // The first time, memory grows.
    steps(0);
    [steps(1), steps(1)]
}

#[test]
fn a_list_costs_little_and_less_if_it_was_read_before() {
    let exact: Value = (0..1_000).map(|k| (format!("tool_{k}"), json!({"scopes": ["x"]}))).collect();
    let patterns = json!({"read_*": {"scopes": ["x"]}, "write_*": {"scopes": ["y"]}, "a": {"scopes": []}});
    let by_pattern = |k: usize| format!("{}_{k}", if k.is_multiple_of(2) { "read" } else { "write" });
    for (rules, [new, known]) in
        [("exact rules", trimmed(&exact, |k| format!("tool_{k}"))), ("patterns", trimmed(&patterns, by_pattern))]
    {
        println!("1,000 tools, {rules}: {new} steps for a new list, {known} for a known one");
        assert!(new < NEW_LIST, "{rules}: {new} steps for a new list");
        assert!(known < KNOWN_LIST, "{rules}: {known} steps for a known list");
    }
}
