//! The cost of URIs and templates.

use super::*;

/// A policy of exact URIs and of patterns that all begin alike.
fn uri_rules(mode: &str) -> Value {
    let exact = (0..200).map(|n| format!("docs://area/{n}/document"));
    let rules: Value =
        exact.chain((0..200).map(|n| format!("docs://*/{n}/*"))).map(|uri| (uri, json!({"scopes": []}))).collect();
    set(configuration(true, 0), "/resources/0/policy", json!({"mode": mode, "resources": rules}))
}

#[test]
fn a_uri_costs_little_whatever_forms_it_has() {
    const URIS: usize = 500;
    let mut worker = Worker::start(&uri_rules("enforce"), NOW);
    let mut dear = Vec::new();
    for (uri, most) in [
        ("docs://a/1/b", PER_URI),
        ("docs://a:1@b:2/1/%25%20x?a#b<k>", PER_MANY_FORMS),
        ("docs://u%2F@b:2/1/a;p%2F/%2F;q?a#b\u{e9}", PER_MANY_FORMS),
        ("docs:a/1/b;c", PER_MANY_FORMS),
    ] {
        let uris: Vec<_> = (0..URIS).map(|n| format!("\"{uri}{n}\"")).collect();
        let listen = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":[{}]}}}}}}"#,
            uris.join(",")
        );
        let entries: Vec<_> = uris.iter().map(|uri| format!("{{\"uri\":{uri}}}")).collect();
        let resources = list(&entries.join(",")).replace("tools", "resources");
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#;
        let mut run = || {
            let before = worker.steps();
            worker.request(head(listen.len()), &[listen.as_bytes()]);
            let asked = worker.steps();
            worker.request(head(question.len()), &[question]);
            let listed = worker.steps();
            worker.answer(answer_head("application/json"), &[resources.as_bytes()]);
            [asked - before, worker.steps() - listed].map(|steps| steps / URIS as u64)
        };
        // The first time, memory grows.
        run();
        let steps = run();
        println!("{uri}: {} steps to subscribe to it, {} in a list", steps[0], steps[1]);
        if steps.iter().any(|steps| *steps > most) {
            dear.push((uri, steps));
        }
    }
    assert!(dear.is_empty(), "{dear:?}");
}

#[test]
fn a_template_costs_little_however_many_expressions_it_has() {
    let mut dear = Vec::new();
    for mode in ["enforce", "shadow"] {
        let mut worker = Worker::start(&uri_rules(mode), NOW);
        for piece in ["{}", "{a}{b}x", "{a}/", "{a}%2A", "{a}*", "{}a;"] {
            let template = |n: usize| piece.repeat(n / piece.len());
            let complete = json!({"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": {
                "ref": {"type": "ref/resource", "uri": template(4_000)}, "argument": {"name": "a", "value": ""}}})
            .to_string();
            let entry = format!("{{\"uriTemplate\":\"{}\"}}", template(400_000));
            let templates = list(&entry).replace("tools", "resourceTemplates");
            let question = br#"{"jsonrpc":"2.0","id":1,"method":"resources/templates/list"}"#;
            let mut run = || {
                let before = worker.steps();
                worker.request(head(complete.len()), &[complete.as_bytes()]);
                let asked = worker.steps();
                worker.request(head(question.len()), &[question]);
                let listed = worker.steps();
                worker.answer(answer_head("application/json"), &[templates.as_bytes()]);
                [asked - before, worker.steps() - listed]
            };
            // The first time, memory grows.
            run();
            let [asked, listed] = run();
            println!("{mode}, {piece}: {asked} steps to complete it, {listed} in a list");
            if asked > PER_TEMPLATE || listed > PER_TEMPLATE {
                dear.push((mode, piece, asked, listed));
            }
        }
    }
    assert!(dear.is_empty(), "{dear:?}");
}
