//! Rules in shadow mode, and rules that enforce in a policy in shadow mode.

use super::{alice, call, policy, show};
use crate::support::core::{NOW, accepted, at, caller, minimal, set};
use serde_json::json;
use toolgate::mcp::Access;
use toolgate::policy::Occasion;

#[test]
fn a_rule_in_shadow_mode_denies_nothing_that_is_its_own() {
    let policy = policy(json!({
        "base_scopes": ["base"],
        "tools": {
            "try": {"scopes": ["new"], "mode": "shadow"},
            "try_arguments": {"scopes": [], "arguments": {"/n": {"max": 1}}, "mode": "shadow"},
            "try_acr": {"scopes": [], "acr": "urn:mfa", "mode": "shadow"},
            "held": {"scopes": ["old"]},
            "t*": {"scopes": ["x"], "mode": "shadow"},
            "*t": {"scopes": ["y"]},
        },
        "matrix": [
            {"name": "bots", "subjects": ["bot"], "deny_tools": ["try"]},
            {"name": "guests", "subjects": ["guest"], "scopes": ["base"]},
            {"name": "watched", "subjects": ["watched"], "scopes": ["base"], "mode": "shadow"},
        ],
    }));
    for (subject, scopes, tool, expected) in [
        ("alice", "base new", "try", "allow"),
        ("alice", "base", "try", "shadow insufficient_scope"),
        ("alice", "base", "try_arguments", "shadow arguments_refused"),
        ("alice", "base", "try_acr", "shadow insufficient_user_authentication"),
        // Everything but the rule itself is enforced.
        ("alice", "new", "try", "deny insufficient_scope"),
        ("alice", "base", "held", "deny insufficient_scope"),
        ("alice", "base", "unlisted", "deny unlisted"),
        // Of two rules that tie, the one that enforces does.
        ("alice", "base", "test", "deny insufficient_scope"),
        ("alice", "base y", "test", "shadow insufficient_scope"),
        // An enforcing row takes away what it takes away, whatever was granted and whatever the arguments.
        ("bot", "base new", "try", "deny matrix_denies_tool"),
        ("guest", "base new", "try", "deny matrix_narrows_scopes"),
        ("guest", "base", "try", "deny matrix_narrows_scopes"),
        ("guest", "base", "try_arguments", "shadow arguments_refused"),
        ("watched", "base new", "try", "shadow matrix_narrows_scopes"),
    ] {
        let token = alice(scopes).subject(subject);
        assert_eq!(call(&policy, &token, tool, r#"{"n":2}"#), expected, "{subject} with `{scopes}`: {tool}");
    }
}

#[test]
fn refused_arguments_of_a_trial_hide_no_row() {
    let policy = policy(json!({
        "tools": {"t": {"scopes": ["a"], "arguments": {"/n": {"max": 1}}, "mode": "shadow"}},
        "matrix": [{"name": "guests", "subjects": ["alice"], "scopes": []}],
    }));
    for arguments in [r#"{"n":1}"#, r#"{"n":2}"#] {
        assert_eq!(call(&policy, &alice("a"), "t", arguments), "deny matrix_narrows_scopes", "{arguments}");
    }
}

#[test]
fn what_a_row_denies_anyway_offers_no_step_up_for_a_rule_that_enforces() {
    let policy = policy(json!({
        "tools": {
            "delete": {"scopes": ["a"], "mode": "shadow"},
            "*": {"scopes": ["b"]},
        },
        "matrix": [{"name": "guests", "subjects": ["guest"], "scopes": ["b"]}],
    }));
    for (subject, scopes, tool, expected) in [
        // The row takes away what the rule on trial needs, with `b` or without.
        ("guest", "b", "delete", "deny matrix_narrows_scopes"),
        ("guest", "", "delete", "deny matrix_narrows_scopes"),
        ("guest", "", "other", "deny insufficient_scope"),
        ("alice", "", "delete", "deny insufficient_scope"),
        ("alice", "b", "delete", "shadow insufficient_scope"),
    ] {
        let token = alice(scopes).subject(subject);
        assert_eq!(call(&policy, &token, tool, "{}"), expected, "{subject} with `{scopes}`: {tool}");
    }
}

#[test]
fn nothing_that_is_denied_on_trial_hides_what_a_row_takes_away() {
    let unlisted = policy(json!({
        "mode": "shadow", "resources": {"secret://*": {"scopes": ["b"]}, "open://x": {"scopes": []}},
        "matrix": [{"subjects": ["alice"], "scopes": ["a"], "mode": "enforce"}],
    }));
    for (uris, expected) in [
        (vec!["secret://y"], "deny matrix_narrows_scopes"),
        (vec!["unlisted://x", "secret://y"], "deny matrix_narrows_scopes"),
        (vec!["secret://y", "unlisted://x"], "deny matrix_narrows_scopes"),
        (vec!["unlisted://x", "open://x"], "shadow unlisted"),
    ] {
        for access in [Access::Resources(uris.clone()), Access::ResourcesAndTasks(uris)] {
            let verdict = unlisted.decide(&caller(&alice("a b")), &access, &Occasion::at(at(NOW)));
            assert_eq!(show(&verdict), expected, "{access:?}");
        }
    }
    // Nobody can be asked about alice's token.
    let endpoint = json!({"uri": "https://other.example.com/introspect", "cluster": "other"});
    let other = json!({"issuer": "https://other.example.com", "introspection": endpoint});
    let rule = json!({"scopes": ["b"], "fresh": "1s", "mode": "shadow"});
    let rows = json!([{"subjects": ["alice"], "scopes": ["a"]}]);
    let fresh = set(minimal(), "/resources/0/policy", json!({"tools": {"t": rule}, "matrix": rows}));
    let fresh = accepted(&set(fresh, "/issuers/-", other)).resources[0].policy.clone();
    assert_eq!(call(&fresh, &alice("a b"), "t", "{}"), "deny matrix_narrows_scopes");
    assert_eq!(call(&fresh, &alice("a b").subject("bob"), "t", "{}"), "shadow freshness_unverifiable");
}

#[test]
fn no_near_name_gets_around_a_row_that_narrows() {
    let rows = json!([{"subjects": ["bob"], "scopes": ["read"], "mode": "enforce"}]);
    let policy = policy(json!({"mode": "shadow", "tools": {"admin": {"scopes": ["admin"]}}, "matrix": rows}));
    let bob = alice("admin read").subject("bob");
    for (tool, expected) in [
        ("admin", "deny matrix_narrows_scopes"),
        ("ADMIN", "deny matrix_narrows_scopes"),
        ("admin\0", "deny matrix_narrows_scopes"),
        ("other", "shadow unlisted"),
    ] {
        assert_eq!(call(&policy, &bob, tool, "{}"), expected, "{tool:?}");
    }
    for (method, expected) in [
        ("Tools/Call", "deny matrix_narrows_scopes"),
        ("Tools/List", "deny matrix_narrows_scopes"),
        ("x/y", "shadow unlisted"),
    ] {
        let verdict = policy.decide(&caller(&bob), &Access::Method(method), &Occasion::at(at(NOW)));
        assert_eq!(show(&verdict), expected, "{method}");
    }
}

#[test]
fn a_rule_may_enforce_in_a_policy_in_shadow_mode() {
    let policy = policy(json!({
        "mode": "shadow", "base_scopes": ["base"],
        "tools": {"new": {"scopes": ["a"]}, "old": {"scopes": ["a"], "mode": "enforce"}},
    }));
    for (tool, scopes, expected) in [
        ("new", "base", "shadow insufficient_scope"),
        ("old", "base", "deny insufficient_scope"),
        ("old", "a", "shadow insufficient_scope"),
        ("unlisted", "a", "shadow unlisted"),
    ] {
        assert_eq!(call(&policy, &alice(scopes), tool, "{}"), expected, "{tool} with `{scopes}`");
    }
}

#[test]
fn a_rule_that_enforces_in_shadow_mode_cannot_be_got_around() {
    let written = json!({
        "mode": "shadow", "unlisted": {"tools": "authenticated", "methods": "authenticated"},
        "tools": {"delete": {"scopes": ["admin"], "mode": "enforce"}},
        "resources": {"secret://*": {"scopes": ["admin"], "mode": "enforce"}, "open://x": {"scopes": []}},
    });
    // Nor by a rule on trial that is about everything.
    let mut with_trial = written.clone();
    with_trial["tools"]["*"] = json!({"scopes": []});
    let policies = [policy(written), policy(with_trial)];
    let decide = |access: Access<'_>| {
        let verdicts =
            policies.iter().map(|policy| policy.decide(&caller(&alice("")), &access, &Occasion::at(at(NOW))));
        let shown: Vec<_> = verdicts.map(|verdict| show(&verdict)).collect();
        assert_eq!(shown[0], shown[1], "{access:?}");
        shown[0].clone()
    };
    for (access, expected) in [
        (Access::Tool("delete"), "deny insufficient_scope"),
        (Access::Tool("Delete"), "deny near_name"),
        (Access::Tool(" delete\u{200b}"), "deny near_name"),
        (Access::Method("Tools/Call"), "deny near_name"),
        (Access::Tool("other"), "allow"),
        (Access::Method("other"), "allow"),
        (Access::Resources(vec!["secret://y"]), "deny insufficient_scope"),
        (Access::Resources(vec!["unlisted://x", "secret://y"]), "deny insufficient_scope"),
        (Access::Resources(vec!["secret://y", "unlisted://x"]), "deny insufficient_scope"),
        (Access::Resources(vec!["unlisted://x", "open://x"]), "shadow unlisted"),
        (Access::Template("secret://{x}"), "deny insufficient_scope"),
    ] {
        let shown = format!("{access:?}");
        assert_eq!(decide(access), expected, "{shown}");
    }
}

#[test]
fn a_listed_name_is_itself_however_much_it_looks_like_one_that_enforces() {
    for mode in ["shadow", "enforce"] {
        let policy = policy(json!({
            "mode": mode, "tools": {"delete": {"scopes": ["a"], "mode": "enforce"}, "Delete": {"scopes": ["b"]}},
        }));
        assert_eq!(call(&policy, &alice("b"), "Delete", "{}"), "allow", "{mode}");
        assert_eq!(call(&policy, &alice("b"), "delete", "{}"), "deny insufficient_scope", "{mode}");
    }
    let policy = policy(json!({
        "mode": "shadow", "tools": {"delete": {"scopes": ["a"], "mode": "enforce"}, "Delete": {"scopes": ["b"]}},
    }));
    assert_eq!(call(&policy, &alice("b"), "DELETE", "{}"), "deny near_name");
}

#[test]
fn a_rule_on_trial_neither_closes_nor_opens_anything() {
    let policy = policy(json!({
        "tools": {
            "*": {"scopes": ["a"]},
            "closes": {"scopes": ["a", "b"], "mode": "shadow"},
            "opens": {"scopes": [], "mode": "shadow"},
            "other": {"scopes": ["b"], "mode": "shadow"},
        },
    }));
    for (tool, scopes, expected) in [
        ("closes", "a b", "allow"),
        ("closes", "a", "shadow insufficient_scope"),
        ("closes", "", "deny insufficient_scope"),
        ("opens", "a", "allow"),
        ("opens", "", "deny insufficient_scope"),
        ("other", "b", "deny insufficient_scope"),
        ("other", "a", "shadow insufficient_scope"),
        ("other", "a b", "allow"),
    ] {
        assert_eq!(call(&policy, &alice(scopes), tool, "{}"), expected, "{tool} with `{scopes}`");
    }
}
