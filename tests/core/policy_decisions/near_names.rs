//! Names that a careless server takes for a listed one.

use super::{access, assert_decides, policy, show};
use crate::support::core::{NOW, caller, occasion};
use crate::support::tokens::Token;
use serde_json::{Value, json};

#[test]
fn in_shadow_no_near_name_gets_around_a_row_that_denies_a_tool() {
    let policy = policy(json!({
        "mode": "shadow", "tools": {"get": {"scopes": ["a"]}}, "unlisted": {"tools": "authenticated", "methods": "authenticated"},
        "matrix": [{"deny_tools": ["delete_all"], "mode": "enforce"}],
    }));
    for (wanted, expected) in [
        ("tool delete_all", "deny matrix_denies_tool"),
        ("tool Delete_All", "deny near_name"),
        ("method Tools/Call", "deny near_name"),
        ("tool Get", "shadow near_name"),
        ("tool other", "allow"),
    ] {
        let verdict = policy.decide(&caller(&Token::at(NOW).scope("")), &access(wanted), &occasion());
        assert_eq!(show(&verdict), expected, "{wanted}");
    }
}

/// Spellings that some server takes for `delete_all`.
const NEAR_DELETE_ALL: [&str; 10] = [
    "Delete_All",
    "DELETE_ALL",
    "delete_all ",
    "\tdelete_all",
    "\u{a0}delete_all",
    "delete_all\0",
    "\0delete_all",
    "delete_all\0.txt",
    "delete\u{200b}_all",
    "\u{feff}dele\u{ad}te_all",
];

#[test]
fn no_pattern_opens_a_near_name_of_a_listed_one_of_any_kind() {
    let all_kinds = |rules: &Value| {
        let unlisted = json!({"tools": "authenticated", "prompts": "authenticated", "methods": "authenticated", "resources": "authenticated"});
        let mut policy = json!({"unlisted": unlisted});
        for kind in ["tools", "prompts", "resources", "methods"] {
            policy[kind] = rules.clone();
        }
        policy
    };
    let beside_pattern = all_kinds(&json!({"*": {"scopes": []}, "delete_all": {"scopes": ["d"]}}));
    let beside_closer =
        all_kinds(&json!({"*e*": {"scopes": []}, "d*": {"scopes": []}, "delete_all": {"scopes": ["d"]}}));
    let beside_unlisted = all_kinds(&json!({"delete_all": {"scopes": ["d"]}}));
    for policy in [beside_pattern, beside_closer, beside_unlisted] {
        for kind in ["tool", "prompt", "uri", "method"] {
            for name in NEAR_DELETE_ALL {
                // Names of resources stand in a row here, with spaces between.
                if kind == "uri" && name.contains([' ', '\t']) {
                    continue;
                }
                assert_decides(&policy, &[("d", &format!("{kind} {name}"), "deny near_name")]);
            }
            assert_decides(
                &policy,
                &[
                    ("d", &format!("{kind} delete_all"), "allow"),
                    ("", &format!("{kind} delete_all"), "deny d | d | d"),
                    ("", &format!("{kind} delete_alle"), "allow"),
                    ("", &format!("{kind} x\0delete_all"), "allow"),
                ],
            );
        }
    }
}

#[test]
fn a_row_denies_the_near_names_of_its_exact_names_whatever_opens_them() {
    for (mode, of_row, expected) in [
        ("enforce", "enforce", "deny near_name"),
        ("shadow", "enforce", "deny near_name"),
        ("enforce", "shadow", "shadow near_name"),
        ("shadow", "shadow", "shadow near_name"),
    ] {
        for opening in
            [json!({"tools": {"*": {"scopes": []}}}), json!({"unlisted": {"tools": "authenticated"}}), json!({})]
        {
            // Where nothing opens the name, an enforcing policy denies it by itself.
            if opening == json!({}) && (mode, of_row) == ("enforce", "shadow") {
                continue;
            }
            let mut policy = opening;
            policy["mode"] = json!(mode);
            policy["tools"]["DROP"] = json!({"scopes": []});
            policy["matrix"] =
                json!([{"subjects": ["alice"], "deny_tools": ["delete_all", "drop", "get_*"], "mode": of_row}]);
            for name in NEAR_DELETE_ALL {
                assert_decides(&policy, &[("", &format!("tool {name}"), expected)]);
            }
            // A listed name is itself, and has near names of its own.
            let drop = if mode == "enforce" { "deny near_name" } else { expected };
            assert_decides(&policy, &[("", "tool DROP", "allow"), ("", "tool Drop", drop)]);
        }
    }
}

#[test]
fn a_row_for_others_guards_its_exact_names_and_no_patterns() {
    for opening in [json!({"tools": {"*": {"scopes": []}}}), json!({"unlisted": {"tools": "authenticated"}})] {
        let mut policy = opening;
        policy["matrix"] = json!([{"subjects": ["bob"], "deny_tools": ["erase", "get_*"]}]);
        assert_decides(
            &policy,
            &[("", "tool erase", "allow"), ("", "tool Get_X", "allow"), ("", "tool Erase", "deny near_name")],
        );
        policy["mode"] = json!("shadow");
        assert_decides(&policy, &[("", "tool erase", "allow"), ("", "tool Erase", "shadow near_name")]);
    }
}

#[test]
fn what_is_on_trial_closes_no_near_name() {
    let on_trial = json!({"scopes": ["d"], "mode": "shadow"});
    let policy = json!({
        "tools": {"*": {"scopes": []}, "delete_all": on_trial, "drop": {"scopes": ["d"]}},
        "resources": {"docs://*": {"scopes": []}, "docs://b": on_trial},
        "matrix": [{"deny_tools": ["erase"], "mode": "shadow"}, {"subjects": ["bob"], "deny_tools": ["wipe"], "mode": "shadow"}],
    });
    assert_decides(
        &policy,
        &[
            ("", "tool Delete_All", "shadow near_name"),
            ("", "tool Erase", "shadow near_name"),
            ("", "tool Wipe", "allow"),
            ("", "tool Drop", "deny near_name"),
            ("", "uri docs://B", "shadow near_name"),
            // Nor does it open what stands beside it.
            ("", "uri docs://B other://x", "deny unlisted"),
            ("", "uri other://x docs://B", "deny unlisted"),
        ],
    );
}

#[test]
fn a_near_name_on_trial_hides_nothing_that_a_row_takes_away() {
    let policy = json!({
        "mode": "shadow",
        "tools": {"*": {"scopes": ["e"]}},
        "matrix": [{"mode": "enforce", "scopes": ["b"]}, {"deny_tools": ["get_x"]}],
    });
    assert_decides(
        &policy,
        &[
            ("", "tool get_y", "deny matrix_narrows_scopes"),
            ("e", "tool Get_X", "deny matrix_narrows_scopes"),
            ("", "tool Get_X", "deny matrix_narrows_scopes"),
        ],
    );
}
