//! The policy of a control plane: what its documents mean, what holds in which state, and how workers share it.

mod workers;

use crate::support::core::{accepted, alice, first_resource, minimal, occasion, paths, set, without};
use serde_json::{Value, json};
use toolgate::config::Live;
use toolgate::mcp::Access;
use toolgate::policy::Policy;

/// One resource, whose policy comes from a control plane that speaks `format`.
fn configuration(format: &str) -> Value {
    let source = json!({"uri": "https://plane.example.com/p", "cluster": "plane", "format": format});
    without(set(minimal(), "/resources/0/policy_source", source), "/resources/0/policy")
}

fn read(format: &str, document: &Value) -> Result<Live, Vec<String>> {
    let config = accepted(&configuration(format));
    config.read_policy(first_resource(&config), document.to_string().as_bytes()).map_err(|faults| paths(&faults))
}

/// Why alice, with these scopes, may not call the tool; nothing if she may.
fn denied(policy: &Policy, tool: &str, scopes: &str) -> Option<&'static str> {
    policy.decide(&alice(scopes), &Access::Tool(tool), &occasion()).denial().map(|denial| denial.reason().as_str())
}

fn ready(rest: Value) -> Value {
    let mut document = json!({"state": "ready", "policy_complete": true, "generation": 7, "rs_id": "x", "reason": "",
        "fetched_at": "2026-11-25T12:00:00Z", "tool_metadata": {"a": {"annotations": {}}}});
    document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    document
}

#[test]
fn without_a_policy_of_its_own_a_resource_denies_everything_until_one_comes() {
    let config = accepted(&configuration("toolgate"));
    let resource = &config.resources[0];
    for access in [Access::Open, Access::Tool("echo"), Access::Method("x"), Access::Prompt("p")] {
        let verdict = resource.policy.decide(&alice("a b"), &access, &occasion());
        assert_eq!(verdict.denial().map(|denial| denial.reason().as_str()), Some("policy_unavailable"), "{access:?}");
    }
    assert!(resource.scopes_supported.is_empty() && resource.challenge_scopes.is_empty());

    let own = set(configuration("toolgate"), "/resources/0/policy", json!({"tools": {"echo": {"scopes": []}}}));
    assert_eq!(denied(&accepted(&own).resources[0].policy, "echo", ""), None);
}

#[test]
fn what_is_published_follows_the_policy_unless_it_is_configured() {
    let document = json!({"base_scopes": ["mcp"], "tools": {"a": {"scopes": ["r", "offline_access"]}}});
    let cases = [
        (configuration("toolgate"), vec!["mcp", "r"], vec!["mcp"]),
        (
            set(
                set(configuration("toolgate"), "/resources/0/scopes_supported", json!(["s"])),
                "/resources/0/challenge_scopes",
                json!(["c"]),
            ),
            vec!["s"],
            vec!["c"],
        ),
    ];
    for (configuration, supported, challenge) in cases {
        let mut config = accepted(&configuration);
        let Ok(Live::InForce { policy, supported: said, .. }) =
            config.read_policy(first_resource(&config), document.to_string().as_bytes())
        else {
            panic!("a policy")
        };
        config.resources[0].adopt(*policy, said);
        assert_eq!(config.resources[0].scopes_supported, supported);
        assert_eq!(config.resources[0].challenge_scopes, challenge);
    }
}

#[test]
fn a_document_is_checked_as_a_configuration_is() {
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("one that may be", br#"{"tools":{"a":{"scopes":[]}}}"#, &[]),
        ("an empty one", b"{}", &[]),
        ("not JSON", b"<html>", &["is not one strict JSON value: a syntax error"]),
        ("nothing", b"", &["is not one strict JSON value: a syntax error"]),
        ("something after it", b"{} {}", &["is not one strict JSON value: more text after the value"]),
        ("a member twice", br#"{"tools":{},"tools":{}}"#, &["is not one strict JSON value: a duplicate member"]),
        ("a list", b"[]", &["expected an object, got a list"]),
        (
            "all faults at once",
            br#"{"tool":{},"tools":{"a":{},"b":{"scopes":["x y"]}},"hierarchy":{"s":["s"]}}"#,
            &[
                "hierarchy.s: implies itself",
                "tools.a: needs `scopes` or `any_of`, or `public: true` to need no token",
                "tools.b.scopes[0]: a scope must not contain spaces, quotes, backslashes or non-ASCII characters",
                "tool: unknown field",
            ],
        ),
        (
            "an issuer that is none",
            br#"{"matrix":[{"issuers":["x"],"deny_tools":["a"]}]}"#,
            &["matrix[0].issuers[0]: no issuer has this name"],
        ),
    ];
    let config = accepted(&configuration("toolgate"));
    for (name, document, expected) in cases {
        let found = config.read_policy(first_resource(&config), document).err().unwrap_or_default();
        assert_eq!(paths(&found), *expected, "{name}");
    }
    let large = [b"{".as_slice(), &vec![b' '; 1_000_000], b"}"].concat();
    assert_eq!(paths(&config.read_policy(first_resource(&config), &large).unwrap_err()), ["is over 1000000 bytes"]);
}

#[test]
fn authsecs_policy_opens_what_it_says_and_never_more() {
    // The tool, the scopes of the caller, and why it is denied.
    type Case = (&'static str, Value, &'static str, &'static str, Option<&'static str>);
    let one = |tool: Value| json!({"tool_policy": [tool]});
    let cases: Vec<Case> = vec![
        ("public", one(json!({"name": "a", "is_public": true, "required_scopes": []})), "a", "", None),
        ("public, scopes left out", one(json!({"name": "a", "is_public": true})), "a", "", None),
        (
            "neither public nor scopes",
            one(json!({"name": "a", "is_public": false, "required_scopes": []})),
            "a",
            "x",
            Some("unlisted"),
        ),
        ("nothing but a name", one(json!({"name": "a"})), "a", "x", Some("unlisted")),
        ("no scopes, null", one(json!({"name": "a", "required_scopes": null})), "a", "x", Some("unlisted")),
        ("any one scope", one(json!({"name": "a", "required_scopes": ["r", "w"]})), "a", "w", None),
        (
            "none of them",
            one(json!({"name": "a", "required_scopes": ["r", "w"]})),
            "a",
            "x",
            Some("insufficient_scope"),
        ),
        (
            "public and scopes: they are needed",
            one(json!({"name": "a", "is_public": true, "required_scopes": ["r"]})),
            "a",
            "",
            Some("insufficient_scope"),
        ),
        ("absent", one(json!({"name": "a", "is_public": true})), "b", "x", Some("unlisted")),
        ("a star is no pattern", one(json!({"name": "*", "is_public": true})), "a", "", Some("unlisted")),
        ("older form", json!({"tools": {"a": ["r"]}}), "a", "r", None),
        ("older form, empty list", json!({"tools": {"a": []}}), "a", "r", Some("unlisted")),
        ("older form, null", json!({"tools": {"a": null}}), "a", "r", Some("unlisted")),
        ("older form, a star", json!({"tools": {"*": ["r"]}}), "a", "r", Some("unlisted")),
        (
            "the newer form wins",
            json!({"tools": {"a": ["r"]}, "tool_policy": [{"name": "b", "is_public": true}]}),
            "a",
            "r",
            Some("unlisted"),
        ),
        ("no tools at all", json!({}), "a", "x", Some("unlisted")),
    ];
    for (name, rest, tool, scopes, expected) in cases {
        match read("authsec", &ready(rest)) {
            Ok(Live::InForce { policy, .. }) => assert_eq!(denied(&policy, tool, scopes), expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn authsecs_policy_decides_only_when_it_is_ready_and_complete() {
    for (state, complete, withheld) in [
        ("ready", true, None),
        ("ready", false, Some("ready, not complete")),
        ("needs_setup", true, Some("needs_setup")),
        ("scan_failed", true, Some("scan_failed")),
        ("pending_scan", false, Some("pending_scan, not complete")),
        ("Ready", true, Some("Ready")),
    ] {
        let document = json!({"state": state, "policy_complete": complete, "tool_policy": "not looked at yet"});
        let document = if withheld.is_some() { document } else { ready(json!({})) };
        match read("authsec", &document) {
            Ok(Live::InForce { .. }) => assert_eq!(withheld, None, "{state}"),
            Ok(Live::Withheld { state: said }) => assert_eq!(withheld, Some(said.as_str())),
            Err(faults) => panic!("{state}: {faults:?}"),
        }
    }
}

#[test]
fn what_authsec_would_not_say_is_refused() {
    for (name, document, expected) in [
        ("another document", json!({"error": "internal"}), vec!["state: is required", "policy_complete: is required"]),
        (
            "types",
            json!({"state": 1, "policy_complete": "true"}),
            vec!["state: expected a string, got a number", "policy_complete: expected a boolean, got a string"],
        ),
        (
            "a tool twice",
            ready(json!({"tool_policy": [{"name": "a", "is_public": true}, {"name": "a", "is_public": true}]})),
            vec!["tools.a: is given twice"],
        ),
        ("no name", ready(json!({"tool_policy": [{"is_public": true}]})), vec!["tool_policy[0]: needs a `name`"]),
        (
            "public in words",
            ready(json!({"tool_policy": [{"name": "a", "is_public": "yes"}]})),
            vec!["tool_policy[0].is_public: expected a boolean, got a string"],
        ),
        (
            "a scope of two words",
            ready(json!({"tool_policy": [{"name": "a", "required_scopes": ["x y"]}]})),
            vec!["tools.a.any_of[0][0]: a scope must not contain spaces, quotes, backslashes or non-ASCII characters"],
        ),
        (
            "a fraction of a second",
            ready(json!({"ttl_seconds": 0.5})),
            vec!["ttl_seconds: must be a whole number from 0 to 31622400"],
        ),
    ] {
        assert_eq!(read("authsec", &document).unwrap_err(), expected, "{name}");
    }
}

#[test]
fn authsecs_scopes_are_published() {
    let document =
        ready(json!({"scopes_supported": ["b", "a"], "tool_policy": [{"name": "t", "required_scopes": ["r"]}]}));
    let mut config = accepted(&configuration("authsec"));
    let Ok(Live::InForce { policy, supported, .. }) =
        config.read_policy(first_resource(&config), document.to_string().as_bytes())
    else {
        panic!("a policy")
    };
    config.resources[0].adopt(*policy, supported);
    assert_eq!(config.resources[0].scopes_supported, ["b", "a"]);
}
