//! The same attempts against Envoy's own filters.

use super::*;

/// Envoy's own filter for the protocol and a rule against the tool in the place
/// of toolgate, with everything else alike.
fn native(mcp: &Value) -> usize {
    const KIND: &str = "type.googleapis.com/envoy.extensions.filters.http";
    let upstream = Upstream::start();
    let is = |path: &[&str], value: &str| {
        let path: Vec<_> = path.iter().map(|key| json!({"key": key})).collect();
        let value = json!({"string_match": {"exact": value}});
        json!({"metadata": {"filter": "envoy.filters.http.mcp", "path": path, "value": value}})
    };
    let denied = json!({"and_rules": {"rules": [is(&["method"], "tools/call"), is(&["params", "name"], TOOL)]}});
    let rules = json!({"action": "DENY", "policies": {TOOL: {"permissions": [denied], "principals": [{"any": true}]}}});
    let mut mcp = mcp.clone();
    mcp["@type"] = json!(format!("{KIND}.mcp.v3.Mcp"));
    let rbac = json!({"@type": format!("{KIND}.rbac.v3.RBAC"), "rules": rules});
    let setup = permissive(setup(&upstream, Mode::Ahead, &config()).unnormalised()).http_manager(|http| {
        let filters = http["http_filters"].as_array_mut().expect("a list of filters");
        let place = filters.iter().position(|filter| filter["name"] == "toolgate").expect("toolgate");
        filters[place] = json!({"name": "envoy.filters.http.mcp", "typed_config": mcp});
        filters.insert(place + 1, json!({"name": "envoy.filters.http.rbac", "typed_config": rbac}));
    });
    let envoy = setup.start();
    let plain = Case { name: "plain".to_owned(), file: json!({"body": PLAIN}) };
    let refused = run(&plain, Wire::Http1, envoy.address(), &upstream, "x").expect("a request");
    assert_eq!(refused.answers.first().map(|answer| answer.status), Some(403), "the rule holds for the call itself");
    let reaches = |case: &Case| {
        let run = run(case, Wire::Http1, envoy.address(), &upstream, "x").expect("a request");
        let requests = settled(&run.scenario);
        let taken = |request: &Recorded| {
            let complete = request.body_state == State::Complete;
            complete && Reader::ALL.into_iter().any(|reader| reader.takes(&request.body))
        };
        requests.iter().any(taken)
    };
    native_cases().iter().filter(|case| reaches(case)).count()
}

const PLAIN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all"}}"#;

/// The cases that a filter could catch which looks for one tool in bodies: none
/// with another resource, path, method or framing.
fn native_cases() -> Vec<Case> {
    const ABOUT: [&str; 14] = [
        "plain",
        "double",
        "look-alike",
        "name",
        "method-name",
        "params",
        "documents",
        "syntax",
        "encoding",
        "content-type",
        "batch",
        "each",
        "size",
        "depth",
    ];
    let mut cases = Case::all();
    cases.retain(|case| {
        let about = ABOUT
            .iter()
            .any(|about| case.name.strip_prefix(about).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')));
        about && case.text("host").is_none() && case.text("transport").is_none()
    });
    cases
}

/// Prints the table of `docs/native-mcp-filter.md`.
#[test]
#[ignore = "measures Envoy's filter, not toolgate"]
fn the_corpus_against_envoys_own_filter() {
    let of = native_cases().len();
    println!("| `envoy.filters.http.mcp` | of {of} cases reach the server |\n|---|---|");
    for (name, mcp) in
        [("`PASS_THROUGH`, the default", json!({})), ("`REJECT_NO_MCP`", json!({"traffic_mode": "REJECT_NO_MCP"}))]
    {
        println!("| {name} | {} |", native(&mcp));
    }
}
