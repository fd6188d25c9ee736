//! The line that tells at the start what runs where, and what is enforced.

use serde_json::json;
use toolgate::version::{ABI, LINE, started};

use crate::support::core::{accepted, minimal, set};

#[test]
fn the_first_line_tells_the_build_the_host_and_what_is_enforced() {
    let rules = json!({
        "tools": {"read": {"scopes": ["a"]}, "write": {"scopes": ["b"], "mode": "shadow"}},
        "prompts": {"p": {"scopes": []}},
        "matrix": [{"name": "guests", "claims": {"org": "guest"}, "scopes": ["a"]}],
    });
    let shadow = set(rules.clone(), "/mode", json!("shadow"));
    let cases = [
        (json!({}), "1 enforced, 0 in shadow mode", "0 enforced, 0 in shadow mode"),
        (rules, "1 enforced, 0 in shadow mode", "3 enforced, 1 in shadow mode"),
        (shadow, "0 enforced, 1 in shadow mode", "0 enforced, 4 in shadow mode"),
    ];
    for (policy, resources, rules) in cases {
        let config = accepted(&set(minimal(), "/resources/0/policy", policy));
        let told =
            format!("issuers: 1; resources: {resources}; rules and scenarios: {rules}; request headers not held");
        assert_eq!(started(&config, ABI, "envoy 1.40.0"), format!("started: toolgate {LINE} on envoy 1.40.0; {told}"));
    }
}

#[test]
fn the_first_line_tells_that_headers_are_held() {
    let config = accepted(&set(minimal(), "/hold_request_headers", json!(true)));
    assert!(started(&config, ABI, "a host").ends_with("; request headers held"));
}
