//! The policy: who may use what, and what a denial says. The first test says
//! what an empty policy does: it denies.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::support::core::{NOW, alice, caller, occasion, with_policy};
use crate::support::tokens::Token;
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate::listing::{self, KnownLists, Private};
use toolgate::mcp::{Access, ListKind};
use toolgate::policy::{Denial, Outcome, Policy, Verdict};
use toolgate::scope::ScopeSet;
use toolgate::token::AccessToken;

fn policy(value: Value) -> Policy {
    with_policy(value).resources[0].policy.clone()
}

/// `tool echo`, `prompt brief`, `uri docs://a docs://b`, `template docs://{x}`,
/// `method tasks/get` or `open`.
fn access(text: &str) -> Access<'_> {
    let (kind, name) = text.split_once(' ').unwrap_or((text, ""));
    match kind {
        "tool" => Access::Tool(name),
        "prompt" => Access::Prompt(name),
        "uri" => Access::Resources(name.split(' ').collect()),
        "template" => Access::Template(name),
        "method" => Access::Method(name),
        "open" => Access::Open,
        other => panic!("`{other}` is no access"),
    }
}

#[test]
fn how_many_rules_ask_the_same_makes_no_difference_to_the_kind_of_denial() {
    for mode in ["enforce", "shadow"] {
        for count in [1, 2, 5, 6, 8, 9, 40] {
            let uris: Vec<String> = (0..count).map(|n| format!("docs://{n}")).collect();
            let rules: serde_json::Map<_, _> =
                uris.iter().map(|uri| (uri.clone(), json!({"any_of": [["a"], ["b"]]}))).collect();
            let many: Vec<Value> = (0..count).map(|n| json!([format!("a{n}")])).chain([json!(["b"])]).collect();
            let policy = policy(json!({
                "mode": mode, "resources": rules, "tools": {"t": {"any_of": many}},
                "matrix": [{"scopes": ["b"], "mode": "enforce"}],
            }));
            let uris = Access::Resources(uris.iter().map(String::as_str).collect());
            for access in [uris, Access::Tool("t")] {
                let verdict = policy.decide(&caller(&Token::at(NOW).scope("")), &access, &occasion());
                let word = if mode == "enforce" { "deny" } else { "shadow" };
                assert_eq!(show(&verdict), format!("{word} b | b | b"), "{mode}, {count}");
            }
        }
    }
}

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

/// A verdict in one line: `allow`, or `deny` or `shadow` with its reason. A
/// step-up says what it requires, what is missing and what to ask for.
fn show(verdict: &Verdict) -> String {
    let list = |scopes: &ScopeSet| scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let reason = match verdict.denial() {
        None => String::new(),
        Some(Denial::InsufficientScope { required, missing, ask, .. }) => {
            format!(" {} | {} | {}", list(required), list(missing), list(ask))
        }
        Some(other) => format!(" {}", other.reason()),
    };
    let outcome = match verdict.outcome() {
        Outcome::Allow => "allow",
        Outcome::Deny => "deny",
        Outcome::ShadowDeny => "shadow",
    };
    format!("{outcome}{reason}")
}

/// The scopes of `alice`, what she does, what becomes of it.
type Case<'a> = (&'a str, &'a str, &'a str);

fn assert_decides(policy_value: &Value, cases: &[Case<'_>]) {
    let policy = policy(policy_value.clone());
    for (scopes, what, expected) in cases {
        let verdict = policy.decide(&alice(scopes), &access(what), &occasion());
        assert_eq!(show(&verdict), *expected, "`{what}` with `{scopes}` under {policy_value}");
    }
}

#[test]
fn an_empty_policy_denies() {
    assert_decides(
        &json!({}),
        &[
            ("a", "tool echo", "deny unlisted"),
            ("a", "prompt brief", "deny unlisted"),
            ("a", "uri docs://a", "deny unlisted"),
            ("a", "template docs://{x}", "deny unlisted"),
            ("a", "method tasks/get", "deny unlisted"),
            ("", "open", "allow"),
        ],
    );
}

#[test]
fn all_scopes_of_a_rule_are_needed() {
    let policy = json!({"tools": {"t": {"scopes": ["b", "a"]}, "echo": {"scopes": []}}});
    assert_decides(
        &policy,
        &[
            ("a b", "tool t", "allow"),
            ("b a x", "tool t", "allow"),
            ("a", "tool t", "deny a b | b | a b"),
            ("", "tool t", "deny a b | a b | a b"),
            ("A B", "tool t", "deny a b | a b | a b"),
            ("ab", "tool t", "deny a b | a b | a b"),
            ("a b.", "tool t", "deny a b | b | a b"),
            ("", "tool echo", "allow"),
            ("a b", "tool T", "deny unlisted"),
            ("a b", "tool t ", "deny unlisted"),
            ("a b", "prompt t", "deny unlisted"),
        ],
    );
}

#[test]
fn one_alternative_is_enough_and_a_denial_asks_for_the_nearest() {
    let policy = json!({"tools": {
        "t": {"any_of": [["weather:write"], ["alerts:write", "weather:read"]]},
        "tie": {"any_of": [["z1", "z2"], ["a1", "a2"]]},
        "both": {"scopes": ["all"], "any_of": [["x"], ["y"]]},
    }});
    assert_decides(
        &policy,
        &[
            ("weather:write", "tool t", "allow"),
            ("alerts:write weather:read", "tool t", "allow"),
            ("weather:read", "tool t", "deny weather:write | weather:write | weather:read weather:write"),
            ("other", "tool t", "deny weather:write | weather:write | weather:write"),
            ("", "tool tie", "deny z1 z2 | z1 z2 | z1 z2"),
            ("a1", "tool tie", "deny a1 a2 | a2 | a1 a2"),
            ("a1 z1", "tool tie", "deny z1 z2 | z2 | a1 z1 z2"),
            ("x", "tool both", "deny all x | all | all x"),
            ("all y", "tool both", "allow"),
            ("all", "tool both", "deny all x | x | all x"),
        ],
    );
}

#[test]
fn a_broader_scope_implies_narrower_ones_and_not_the_reverse() {
    let policy = json!({
        "hierarchy": {"admin": ["write"], "write": ["read"]},
        "tools": {"r": {"scopes": ["read"]}, "w": {"scopes": ["write"]}, "rw": {"scopes": ["read", "write"]}},
    });
    assert_decides(
        &policy,
        &[
            ("admin", "tool r", "allow"),
            ("write", "tool rw", "allow"),
            ("read", "tool w", "deny write | write | read write"),
            ("read", "tool rw", "deny read write | write | read write"),
            ("Admin", "tool r", "deny read | read | read"),
        ],
    );
}

#[test]
fn an_exact_name_wins_then_the_longest_pattern_and_ties_need_both() {
    let policy = json!({"tools": {
        "delete_all": {"scopes": ["exact"]},
        "delete_*": {"scopes": ["delete"]},
        "*": {"scopes": ["any"]},
        "a*c": {"scopes": ["ac"]},
        "ab*": {"any_of": [["ab"], ["abx", "aby"]]},
        "*_audit_*": {"scopes": ["audit"]},
        "del*_audit_x": {"scopes": ["longest"]},
    }});
    assert_decides(
        &policy,
        &[
            ("exact", "tool delete_all", "allow"),
            ("delete any", "tool delete_all", "deny exact | exact | any delete exact"),
            ("delete", "tool delete_one", "allow"),
            ("any", "tool delete_one", "deny delete | delete | any delete"),
            ("any", "tool other", "allow"),
            ("any", "tool Delete_Some", "allow"),
            ("any exact", "tool Delete_all", "deny near_name"),
            ("ab ac", "tool abc", "allow"),
            ("abx aby ac", "tool abc", "allow"),
            ("ac", "tool abc", "deny ab ac | ab | ab ac"),
            ("abx aby", "tool abc", "deny abx aby ac | ac | abx aby ac"),
            ("ab", "tool abd", "allow"),
            ("audit", "tool the_audit_log", "allow"),
            ("longest", "tool delete_audit_x", "allow"),
            ("delete audit", "tool delete_audit_x", "deny longest | longest | audit delete longest"),
        ],
    );
}

#[test]
fn prompts_resources_and_methods_have_rules_of_their_own() {
    let policy = json!({
        "prompts": {"brief*": {"scopes": ["p"]}},
        "resources": {"docs://public/*": {"scopes": []}, "docs://*": {"scopes": ["d"]}},
        "methods": {"tasks/*": {"scopes": ["m"]}, "tasks/get": {"scopes": []}},
    });
    assert_decides(
        &policy,
        &[
            ("p", "prompt briefing", "allow"),
            ("", "prompt briefing", "deny p | p | p"),
            ("p", "tool briefing", "deny unlisted"),
            ("", "uri docs://public/a", "allow"),
            ("d", "uri docs://a", "allow"),
            ("", "uri docs://a", "deny d | d | d"),
            ("d", "uri docs:", "deny unlisted"),
            ("d", "uri docs://public/a docs://a", "allow"),
            ("", "uri docs://public/a docs://a", "deny d | d | d"),
            ("d", "uri docs://public/a other://x", "deny unlisted"),
            ("", "method tasks/get", "allow"),
            ("", "method tasks/cancel", "deny m | m | m"),
            ("m", "method tasks/cancel", "allow"),
            ("m", "method Tasks/cancel", "deny unlisted"),
            ("m", "method custom/thing", "deny unlisted"),
        ],
    );
}

#[test]
fn the_unlisted_are_let_through_where_told_but_not_names_near_a_listed_one() {
    let policy = json!({
        "tools": {"delete_all": {"scopes": ["d"]}, "admin_*": {"scopes": ["a"]}},
        "prompts": {"brief": {"scopes": ["p"]}},
        "matrix": [{"subjects": ["somebody else"], "deny_tools": ["drop_table"]}],
        "unlisted": {"tools": "authenticated", "methods": "authenticated", "resources": "authenticated"},
    });
    assert_decides(
        &policy,
        &[
            ("", "tool echo", "allow"),
            ("", "tool delete_alle", "allow"),
            ("", "tool Delete_All", "deny near_name"),
            ("d", "tool DELETE_ALL", "deny near_name"),
            ("", "tool delete_all ", "deny near_name"),
            ("", "tool \u{a0}delete_all\t", "deny near_name"),
            ("", "tool delete\u{200b}_all", "deny near_name"),
            ("", "tool \u{feff}delete_all", "deny near_name"),
            ("", "tool delete_a\u{ad}ll", "deny near_name"),
            ("", "tool Admin_x", "allow"),
            ("", "tool DROP_TABLE", "deny near_name"),
            ("", "tool drop_table", "allow"),
            ("d", "tool delete_all", "allow"),
            ("", "tool delete_all", "deny d | d | d"),
            ("", "prompt other", "deny unlisted"),
            ("", "method custom", "allow"),
            ("", "uri docs://x", "allow"),
            ("", "template docs://{x}", "deny unlisted"),
        ],
    );
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

#[test]
fn all_spellings_of_a_uri_get_one_decision_the_stricter() {
    let policy = json!({"resources": {
        "docs://*": {"scopes": []},
        "docs://secret/*": {"scopes": ["s"]},
        "docs://secret/open/*": {"scopes": []},
        "docs://exact": {"scopes": ["e"]},
        "docs://a%2Fb": {"scopes": ["slash"]},
        "docs://caf\u{e9}": {"scopes": ["raw"]},
        "docs://caf%C3%A9": {"scopes": ["encoded"]},
        "docs://{x}/*": {"scopes": ["brace"]},
        "https://*.example": {"scopes": ["h"]},
        "https://a.example/?*": {"scopes": ["q"]},
        "https://b.test": {"scopes": ["b"]},
        "https://b.test/*": {"scopes": []},
    }});
    assert_decides(
        &policy,
        &[
            ("", "uri docs://open/x", "allow"),
            ("", "uri docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://secret%25252Fx", "deny s | s | s"),
            ("s", "uri docs://secret%2Fx", "allow"),
            ("", "uri docs:///secret/x", "deny s | s | s"),
            ("", "uri docs:/secret/x", "deny unlisted"),
            ("", "uri docs://open//..x", "allow"),
            ("", "uri docs://Secret/x", "deny s | s | s"),
            ("", "uri docs://secret", "deny s | s | s"),
            ("", "uri docs://secret?x", "deny s | s | s"),
            ("", "uri docs://exact/", "deny e | e | e"),
            ("", "uri docs://exact#x", "deny e | e | e"),
            ("e", "uri docs://exact/", "allow"),
            ("slash", "uri docs://a%2Fb", "allow"),
            ("", "uri docs://a/b", "deny slash | slash | slash"),
            ("", "uri docs://a%252Fb", "deny slash | slash | slash"),
            ("raw", "uri docs://caf\u{e9}", "deny encoded raw | encoded | encoded raw"),
            ("raw", "uri docs://caf%C3%A9", "deny encoded raw | encoded | encoded raw"),
            ("raw encoded", "uri docs://caf%C3%A9", "allow"),
            ("", "uri docs://{x}/y", "deny brace | brace | brace"),
            ("", "uri docs://%7Bx%7D/y", "deny brace | brace | brace"),
            ("", "uri https://c.example", "deny h | h | h"),
            ("", "uri https://c.example/", "deny h | h | h"),
            ("q", "uri https://a.example?x", "allow"),
            ("", "uri https://a.example?x", "deny q | q | q"),
            ("", "uri https://b.test/", "deny b | b | b"),
            ("", "uri https://b.test/x", "allow"),
            ("s", "uri docs://open docs://secret%2Fx", "allow"),
            ("", "uri docs://open docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://secret:80/x", "deny s | s | s"),
            ("", "uri docs://me@Secret:80/x", "deny s | s | s"),
            ("", "uri docs://me%40secret/x", "deny s | s | s"),
            ("", "uri docs://secret%3A80/x", "deny s | s | s"),
            ("", "uri docs://exact%3Fx", "deny e | e | e"),
            ("", "uri docs://exact%23x", "deny e | e | e"),
            ("", "uri docs://exact:80?x", "deny e | e | e"),
            ("", "template docs://{host}:80/x", "deny brace s | brace s | brace s"),
            ("", "uri https://b.test:8443/x", "deny unlisted"),
            // A server may do one of these and not the others.
            ("", "uri docs://SECRET/open%2Fx", "deny s | s | s"),
            ("", "uri docs:///secret/open%2Fx", "deny s | s | s"),
            ("", "uri docs://secret%2F/open/x", "deny s | s | s"),
            ("", "uri docs://SECRET/open/x", "allow"),
        ],
    );
    let speaking = json!({"resources": {
        "db://*": {"scopes": ["a"]},
        "db://t?public=*": {"scopes": []},
        "db://guest@*": {"scopes": []},
        "db://t#top": {"scopes": []},
        "db://t:1/*": {"scopes": []},
        "db://u@t:2/exact": {"scopes": ["x"]},
    }});
    assert_decides(
        &speaking,
        &[
            ("", "uri db://t?public=1", "allow"),
            ("", "uri db://t?public=1#x", "allow"),
            ("", "uri db://guest@t", "allow"),
            ("", "uri db://t#top", "allow"),
            ("", "uri db://t#other", "deny a | a | a"),
            ("", "uri db://t?x", "deny a | a | a"),
            ("", "uri db://t:1/x", "allow"),
            ("", "uri db://t:2/x", "deny a | a | a"),
            ("a", "uri db://u@t:2/exact?x", "deny a x | x | a x"),
        ],
    );
    let open = json!({
        "unlisted": {"resources": "authenticated"},
        "resources": {"docs://secret/*": {"scopes": ["s"]}, "docs://exact": {"scopes": ["e"]}, "file:///srv/*": {"scopes": ["s"]}},
    });
    assert_decides(
        &open,
        &[
            ("", "uri docs://other", "allow"),
            ("", "uri docs:/secret/x", "deny s | s | s"),
            ("", "uri docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://Exact", "deny near_name"),
            ("", "uri docs://exact%20", "deny e | e | e"),
            ("", "uri %20docs://exact", "deny near_name"),
            ("", "uri %1F%20docs://secret/x", "deny s | s | s"),
            ("", "uri do%0Acs://secret/x", "deny s | s | s"),
            ("", "uri %09file%3A%0A//x/srv/key", "deny s | s | s"),
            ("", "uri docs://exact%09", "deny near_name"),
            ("", "uri docs:/exact", "deny e | e | e"),
        ],
    );
}

#[test]
fn what_a_server_may_leave_out_of_a_uri_makes_no_other_resource() {
    let (any, admin) = (json!({"scopes": []}), json!({"scopes": ["a"]}));
    let denied = "deny a | a | a";
    let policy = json!({"resources": {
        "https:*": any, "https://h/keys": admin, "https://h/*.key": admin, "https://h/v;v=1": any, "https://h/v": admin,
        "file*": any, "file:///srv/secret/*": admin, "file://open/srv/secret/*": any,
        "docs*": any, "docs://secret/*": admin, "docs://h/a/b": admin,
        "docs://g/A": admin, "docs://g/A/*": any,
    }});
    let cases = [
        ("https://h/keys;", denied),
        ("https://h/keys;x", denied),
        ("https://h/keys;x=1;y", denied),
        ("https://h/keys%3Bx", denied),
        ("https://h/keys;x?y", denied),
        ("https://h/keys;x%2Fy#z", denied),
        ("https://h/a.key;x", denied),
        ("https://h/v;v=1", "allow"),
        ("https://h/v;v=2", denied),
        ("https://h/open;x", "allow"),
        ("file://x/srv/secret/key", denied),
        ("file://x.example/srv/secret/key;y?z", denied),
        ("file://open/srv/secret/key", "allow"),
        ("file://x/srv/open/key", "allow"),
        ("file%3A//x/srv/secret/key", denied),
        ("docs://secret;x/key", denied),
        ("docs://secret;x/key;y", denied),
        ("docs://h;x/a;y/b;z", denied),
        ("docs://h;x%2Fy/a%2Fb", denied),
        ("docs://h/a%2Fb;x%2Fy", denied),
        ("docs://u%2Fv@h/a%2Fb", denied),
        ("docs://h/a;x%2Fb", denied),
        ("docs:secret/key", denied),
        ("docs:secret%2Fkey?x", denied),
        ("docs:h/a/b", denied),
        ("docs:G/A", denied),
        ("docs:me@secret:80/key", denied),
        ("docs://secret%5Ckey", denied),
        ("docs:%5C%5Csecret%255Ckey", denied),
        ("docs://secret./key", denied),
        ("docs://u@Secret..:80/key", denied),
        ("docs://%20secret/key", denied),
        ("docs://secret%20/key", denied),
        ("docs://me@%20secret/key", denied),
        ("docs://secret%0A:1/key", denied),
        ("docs://sec%0Aret/key", denied),
        ("docs:%09//secret/%0D%0Akey", denied),
        ("docs://sec%250Aret/key", denied),
        ("docs://secret\u{a0}/key", denied),
        ("docs://secret\u{200b}/key", denied),
        ("docs://sec\u{ad}ret/key", denied),
        ("docs://secret%E2%80%8B/key", denied),
        ("docs://open%20/key", "allow"),
        ("docs:open", "allow"),
        ("docs://open./a;b", "allow"),
        ("docs:", "allow"),
    ];
    for (uri, expected) in cases {
        assert_eq!(toolgate::uri::check_uri(uri), Ok(()), "{uri:?}");
        assert_decides(&policy, &[("", &format!("uri {uri}"), expected), ("a", &format!("uri {uri}"), "allow")]);
    }
    for (template, expected) in [
        ("https://h/{x}.key;{y}", denied),
        ("file://{host}/srv/secret/{x}", denied),
        ("file://x/srv/secret/{x}", denied),
        ("docs://secret;{x}/{y}", denied),
        ("docs://secret./{x}", denied),
        ("docs://open;{x}/{y}", "allow"),
    ] {
        assert_decides(&policy, &[("", &format!("template {template}"), expected)]);
    }
}

#[test]
fn in_shadow_all_spellings_are_decided_by_what_is_carried_out() {
    let policy = json!({"mode": "shadow", "resources": {
        "docs://*": {"scopes": []},
        "docs://secret/*": {"scopes": ["s"], "mode": "enforce"},
        "docs://secret%2Ftrial": {"scopes": []},
        "docs://trial/*": {"scopes": ["t"]},
    }});
    assert_decides(
        &policy,
        &[
            ("", "uri docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://secret%2Ftrial", "deny s | s | s"),
            ("", "uri docs://trial%2Fx", "shadow t | t | t"),
            ("", "uri docs://other", "allow"),
            ("", "template docs://{+path}", "deny s | s | s"),
            ("s", "template docs://{+path}", "shadow s t | t | s t"),
        ],
    );
}

#[test]
fn a_template_is_decided_by_all_rules_that_it_can_reach() {
    let policy = json!({"resources": {
        "*": {"scopes": ["never"]},
        "docs://*": {"scopes": []},
        "docs://secret/*": {"scopes": ["s"]},
        "docs://*/key": {"scopes": ["k"]},
        "docs://public/*": {"scopes": []},
        "docs://public/one": {"scopes": ["one"]},
        "docs://%C3%A9/*": {"scopes": ["e"]},
    }});
    assert_decides(
        &policy,
        &[
            ("", "template docs://{+path}", "deny e k one s | e k one s | e k one s"),
            ("e k one s", "template docs://{+path}", "allow"),
            ("", "template docs://other/{x}.txt", "allow"),
            ("", "template docs://other/{x}", "deny k | k | k"),
            ("", "template docs://secret/{x}.txt", "deny s | s | s"),
            ("", "template docs://secret%2F{x}.txt", "deny s | s | s"),
            ("", "template docs://public/{x}.txt", "allow"),
            ("", "template docs://public/{x}", "deny one | one | one"),
            ("", "template docs://\u{e9}/{x}.txt", "deny e | e | e"),
            ("", "template docs:{x}", "deny e k never one s | e k never one s | e k never one s"),
        ],
    );
}

#[test]
fn a_template_needs_a_pattern_over_all_that_it_can_expand_to() {
    let policy = json!({"resources": {
        "docs://public/*": {"scopes": []},
        "docs://team/*/notes": {"scopes": ["t"]},
        "docs://one": {"scopes": []},
    }});
    assert_decides(
        &policy,
        &[
            ("", "template docs://public/{id}", "allow"),
            ("", "template docs://public/{a}/{b}{?q}", "allow"),
            ("", "template docs://{area}/x", "deny unlisted"),
            ("", "template {+all}", "deny unlisted"),
            ("t", "template docs://team/{id}/notes", "allow"),
            ("", "template docs://team/{id}/notes", "deny t | t | t"),
            ("t", "template docs://team/{id}", "deny unlisted"),
            ("", "template docs://one", "allow"),
            ("", "template docs://public/{id", "deny unlisted"),
        ],
    );
}

#[test]
fn base_scopes_are_needed_by_everything_and_named_by_every_step_up() {
    let policy = json!({
        "base_scopes": ["mcp:connect", "a"],
        "hierarchy": {"all": ["a", "mcp:connect"]},
        "tools": {"t": {"scopes": ["t"]}, "echo": {"scopes": []}, "any": {"any_of": [["x", "y"], ["z"]]}},
    });
    assert_decides(
        &policy,
        &[
            ("", "open", "deny a mcp:connect | a mcp:connect | a mcp:connect"),
            ("a", "open", "deny a mcp:connect | mcp:connect | a mcp:connect"),
            ("a mcp:connect", "open", "allow"),
            ("all", "open", "allow"),
            ("all", "tool echo", "allow"),
            ("t", "tool t", "deny a mcp:connect t | a mcp:connect | a mcp:connect t"),
            ("a mcp:connect", "tool t", "deny a mcp:connect t | t | a mcp:connect t"),
            ("all", "tool t", "deny a mcp:connect t | t | a mcp:connect t"),
            ("x y", "tool any", "deny a mcp:connect x y | a mcp:connect | a mcp:connect x y"),
            ("", "tool nothing", "deny unlisted"),
        ],
    );
}

#[test]
fn a_step_up_keeps_the_granted_scopes_that_this_resource_knows_as_issued() {
    let policy = json!({
        "base_scopes": ["base"],
        "hierarchy": {"super": ["base", "read"]},
        "tools": {"r": {"scopes": ["read"]}, "w": {"scopes": ["write"]}, "s": {"scopes": ["super"]}},
        "matrix": [{"subjects": ["nobody"], "scopes": ["only-in-a-row"]}],
    });
    assert_decides(
        &policy,
        &[
            ("read base", "tool w", "deny base write | write | base read write"),
            ("super", "tool w", "deny base write | write | base super write"),
            ("base openid profile only-in-a-row", "tool w", "deny base write | write | base write"),
        ],
    );
}

#[test]
fn every_selector_of_a_row_must_match() {
    let row = |selectors: Value| {
        let mut row = selectors;
        row["deny_tools"] = json!(["t"]);
        json!({"tools": {"t": {"scopes": []}}, "matrix": [row]})
    };
    let token = || {
        let claims = Token::at(NOW).subject("alice").client("desk").claim("org", json!(["acme", "beta"]));
        claims.claim("level", 2).claim("staff", true)
    };
    let anonymous = || token().without_claim("sub").without_claim("client_id");
    let cases = [
        (json!({}), token(), true),
        (json!({"subjects": ["alice"]}), token(), true),
        (json!({"subjects": ["Alice"]}), token(), false),
        (json!({"subjects": ["bob", "al*"]}), token(), true),
        (json!({"subjects": ["bob"]}), token(), false),
        (json!({"clients": ["desk"]}), token(), true),
        (json!({"clients": ["*"]}), token(), true),
        (json!({"clients": ["phone"]}), token(), false),
        (json!({"issuers": ["main"]}), token(), true),
        (json!({"issuers": ["https://auth.example.com"]}), token(), true),
        (json!({"issuers": ["m*n"]}), token(), true),
        (json!({"claims": {"org": "acme"}}), token(), true),
        (json!({"claims": {"org": "ACME"}}), token(), false),
        (json!({"claims": {"missing": "x"}}), token(), false),
        (json!({"claims": {"level": 2, "staff": true}}), token(), true),
        (json!({"claims": {"level": 2, "staff": false}}), token(), false),
        (json!({"claims": {"level": "2"}}), token(), false),
        (
            json!({"subjects": ["alice"], "clients": ["desk"], "issuers": ["main"], "claims": {"org": "beta"}}),
            token(),
            true,
        ),
        (json!({"subjects": ["alice"], "clients": ["phone"]}), token(), false),
        (json!({"subjects": ["alice"], "clients": ["desk"], "claims": {"org": "x"}}), token(), false),
        (json!({"subjects": ["*"]}), anonymous(), true),
        (json!({"subjects": ["a*"]}), anonymous(), false),
        (json!({"clients": ["*"], "subjects": ["*"]}), anonymous(), true),
        (json!({"issuers": ["main"]}), anonymous(), true),
    ];
    for (selectors, token, matches) in cases {
        let verdict = policy(row(selectors.clone())).decide(&caller(&token), &Access::Tool("t"), &occasion());
        let expected = if matches { "deny matrix_denies_tool" } else { "allow" };
        assert_eq!(show(&verdict), expected, "{selectors} for {}", token.payload());
    }
}

#[test]
fn alice_with_claude_desktop_can_read_but_not_write() {
    let policy = policy(json!({
        "tools": {"read_note": {"scopes": ["notes:read"]}, "write_note": {"scopes": ["notes:write"]}},
        "hierarchy": {"notes:write": ["notes:read"]},
        "matrix": [{"name": "alice reads only", "subjects": ["alice"], "clients": ["claude-desktop"], "scopes": ["notes:read"]}],
    }));
    const BOTH: &str = "notes:read notes:write";
    const CASES: &[(&str, &str, &str, &str, &str)] = &[
        ("alice", "claude-desktop", BOTH, "tool read_note", "allow"),
        ("alice", "claude-desktop", BOTH, "tool write_note", "deny matrix_narrows_scopes"),
        ("alice", "claude-desktop", "", "tool write_note", "deny matrix_narrows_scopes"),
        ("alice", "claude-desktop", "", "tool read_note", "deny notes:read | notes:read | notes:read"),
        (
            "alice",
            "claude-desktop",
            "notes:write",
            "tool read_note",
            "deny notes:read | notes:read | notes:read notes:write",
        ),
        ("alice", "claude-code", BOTH, "tool write_note", "allow"),
        ("bob", "claude-desktop", BOTH, "tool write_note", "allow"),
        (
            "bob",
            "claude-desktop",
            "notes:read",
            "tool write_note",
            "deny notes:write | notes:write | notes:read notes:write",
        ),
    ];
    for (who, client, scopes, what, expected) in CASES {
        let caller = caller(&Token::at(NOW).subject(who).client(client).scope(scopes));
        let verdict = policy.decide(&caller, &access(what), &occasion());
        assert_eq!(show(&verdict), *expected, "{who} with {client} and `{scopes}`: {what}");
    }
    let alice = caller(&Token::at(NOW).client("claude-desktop").scope(BOTH));
    let verdict = policy.decide(&alice, &Access::Tool("write_note"), &occasion());
    let denial = verdict.denial().unwrap();
    assert_eq!((denial.scenario(), denial.is_step_up()), (Some("alice reads only"), false));
}

#[test]
fn under_a_row_a_step_up_is_offered_only_where_it_would_help() {
    let policy = json!({
        "base_scopes": ["base"],
        "hierarchy": {"top": ["base"]},
        "tools": {
            "r": {"scopes": ["r"]},
            "w": {"scopes": ["w"]},
            "either": {"any_of": [["w"], ["r", "x"]]},
            "echo": {"scopes": []},
        },
        "matrix": [{"scopes": ["base", "r", "x"]}],
    });
    assert_decides(
        &policy,
        &[
            ("base r", "tool r", "allow"),
            ("base", "tool r", "deny base r | r | base r"),
            ("base w", "tool w", "deny matrix_narrows_scopes"),
            ("base", "tool w", "deny matrix_narrows_scopes"),
            ("base w", "tool either", "deny base r x | r x | base r w x"),
            ("base r x", "tool either", "allow"),
            ("top", "tool echo", "deny base | base | base"),
            ("", "open", "deny base | base | base"),
        ],
    );
    let without_base = json!({
        "base_scopes": ["base"],
        "tools": {"r": {"scopes": ["r"]}},
        "matrix": [{"scopes": ["r"]}],
    });
    assert_decides(
        &without_base,
        &[
            ("base r", "open", "deny matrix_narrows_scopes"),
            ("base r", "tool r", "deny matrix_narrows_scopes"),
            ("base r", "tool unknown", "deny unlisted"),
        ],
    );
    let two_rows = json!({
        "tools": {"a": {"scopes": ["a"]}, "b": {"scopes": ["b"]}, "c": {"scopes": ["c"]}},
        "matrix": [{"scopes": ["a", "b"]}, {"scopes": ["b", "c"]}],
    });
    assert_decides(
        &two_rows,
        &[
            ("a b c", "tool a", "deny matrix_narrows_scopes"),
            ("a b c", "tool b", "allow"),
            ("a b c", "tool c", "deny matrix_narrows_scopes"),
            ("", "tool b", "deny b | b | b"),
        ],
    );
    let nothing_counts = json!({"tools": {"a": {"scopes": ["a"]}, "echo": {"scopes": []}}, "matrix": [{"scopes": []}]});
    assert_decides(&nothing_counts, &[("a", "tool a", "deny matrix_narrows_scopes"), ("a", "tool echo", "allow")]);
}

#[test]
fn what_is_denied_whatever_the_scopes_offers_no_step_up_for_base_scopes() {
    let policy = json!({
        "base_scopes": ["base"],
        "tools": {"drop": {"scopes": ["d"]}},
        "matrix": [{"deny_tools": ["dr*"]}],
    });
    assert_decides(
        &policy,
        &[
            ("", "tool drop", "deny matrix_denies_tool"),
            ("base d", "tool drop", "deny matrix_denies_tool"),
            ("", "tool drum", "deny matrix_denies_tool"),
            ("", "tool other", "deny unlisted"),
            ("", "prompt other", "deny unlisted"),
            ("", "open", "deny base | base | base"),
            ("base", "prompt drop", "deny unlisted"),
        ],
    );
}

#[test]
fn shadow_records_what_it_lets_through_and_an_enforcing_row_wins() {
    let shadow_policy = json!({
        "mode": "shadow",
        "base_scopes": ["base"],
        "tools": {"t": {"scopes": ["t"]}, "drop": {"scopes": []}},
    });
    assert_decides(
        &shadow_policy,
        &[
            ("base t", "tool t", "allow"),
            ("", "open", "shadow base | base | base"),
            ("base", "tool t", "shadow base t | t | base t"),
            ("base", "tool unknown", "shadow unlisted"),
        ],
    );
    let with_rows = |rows: Value| {
        let mut value = shadow_policy.clone();
        value["matrix"] = rows;
        value
    };
    let enforced = json!({"deny_tools": ["drop"], "mode": "enforce"});
    let shadowed = json!({"deny_tools": ["drop"], "mode": "shadow"});
    let unsaid = json!({"deny_tools": ["drop"]});
    for (rows, expected) in [
        (json!([enforced]), "deny matrix_denies_tool"),
        (json!([shadowed]), "shadow matrix_denies_tool"),
        (json!([unsaid]), "shadow matrix_denies_tool"),
        (json!([shadowed, enforced]), "deny matrix_denies_tool"),
        (json!([enforced, shadowed]), "deny matrix_denies_tool"),
    ] {
        assert_decides(&with_rows(rows), &[("base", "tool drop", expected)]);
    }
    let without_base = with_rows(json!([{"scopes": ["t"], "mode": "enforce"}]));
    assert_decides(
        &without_base,
        &[
            ("base t", "open", "deny matrix_narrows_scopes"),
            ("base t", "tool t", "deny matrix_narrows_scopes"),
            ("base t", "tool unknown", "deny matrix_narrows_scopes"),
            ("base t", "prompt unknown", "deny matrix_narrows_scopes"),
        ],
    );
    let narrowing = with_rows(json!([{"scopes": ["base"], "mode": "enforce"}]));
    assert_decides(&narrowing, &[("base t", "tool t", "deny matrix_narrows_scopes"), ("base", "tool drop", "allow")]);

    let enforcing_policy = json!({
        "tools": {"t": {"scopes": ["t"]}, "drop": {"scopes": []}},
        "matrix": [{"scopes": ["x"], "mode": "shadow"}, {"deny_tools": ["drop"], "mode": "shadow"}],
    });
    assert_decides(
        &enforcing_policy,
        &[
            ("t", "tool t", "shadow matrix_narrows_scopes"),
            ("t", "tool drop", "shadow matrix_denies_tool"),
            ("", "tool t", "deny t | t | t"),
            ("t", "tool unknown", "deny unlisted"),
        ],
    );
}

const SCOPES: [&str; 5] = ["a", "b", "c", "d", "e"];
const TOOLS: [&str; 8] = ["get_x", "get_y", "set_x", "Get_X", "other", "x", " SET_X", "get_x\0z"];
const PATTERNS: [&str; 7] = ["get_x", "get_*", "*_x", "*", "g*x", "set_x", "other"];
const RESOURCES: [&str; 5] = ["d://a", "d://a/*", "d://*", "https://h.example/a", "https://h.example/*"];
const METHODS: [&str; 2] = ["tasks/get", "tasks/*"];
const URIS: [&str; 5] = ["d://a", "d://a/b", "d://A", "e://x", "https://h.example/a?x=1"];
const SUBJECTS: [&str; 2] = ["alice", "bob"];

/// A caller of [`SUBJECTS`] with some of [`SCOPES`].
fn any_caller() -> impl Strategy<Value = AccessToken> {
    (prop::sample::select(SUBJECTS.to_vec()), 0u8..32)
        .prop_map(|(who, bits)| known_caller(who, &scopes_of(bits).join(" ")))
}

/// Each token is signed and verified once: that is what takes time.
fn known_caller(who: &str, scopes: &str) -> AccessToken {
    thread_local! {
        static KNOWN: RefCell<HashMap<(String, String), AccessToken>> = RefCell::default();
    }
    let mut sorted: Vec<&str> = scopes.split(' ').collect();
    sorted.sort_unstable();
    sorted.dedup();
    let scopes = sorted.join(" ");
    KNOWN.with_borrow_mut(|known| {
        let sign = || caller(&Token::at(NOW).subject(who).scope(&scopes));
        known.entry((who.to_owned(), scopes.clone())).or_insert_with(sign).clone()
    })
}

fn scopes_of(bits: u8) -> Vec<&'static str> {
    SCOPES.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, scope)| *scope).collect()
}

fn some_scopes() -> impl Strategy<Value = Value> {
    (0u8..32).prop_map(|bits| json!(scopes_of(bits)))
}

fn any_rule() -> impl Strategy<Value = Value> {
    let alternatives = prop::collection::vec((1u8..32).prop_map(scopes_of), 1..3);
    let needs = prop_oneof![
        some_scopes().prop_map(|scopes| json!({"scopes": scopes})),
        alternatives.prop_map(|any| json!({"any_of": any})),
        Just(json!({"public": true})),
    ];
    (needs, prop::option::of(prop::sample::select(vec!["enforce", "shadow"]))).prop_map(|(mut rule, mode)| {
        rule.as_object_mut().unwrap().extend(mode.map(|mode| ("mode".to_owned(), json!(mode))));
        rule
    })
}

fn any_rules() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    (
        prop::sample::subsequence(PATTERNS.to_vec(), 0..=PATTERNS.len()),
        prop::collection::vec(any_rule(), PATTERNS.len()),
    )
        .prop_map(|(names, rules)| names.into_iter().zip(rules).collect())
}

fn any_row() -> impl Strategy<Value = Value> {
    let mode = prop::option::of(prop::sample::select(vec!["enforce", "shadow"]));
    let subjects = prop::option::of(prop::sample::select(vec!["alice", "bob", "*", "a*"]));
    let denied = prop::option::of(prop::sample::select(PATTERNS.to_vec()));
    (subjects, prop::option::of(some_scopes()), denied, mode).prop_map(|(who, scopes, denied, mode)| {
        let mut row = json!({});
        for (name, value) in [("subjects", who), ("deny_tools", denied)] {
            if let Some(value) = value {
                row[name] = json!([value]);
            }
        }
        if let Some(scopes) = scopes {
            row["scopes"] = scopes;
        }
        if let Some(mode) = mode {
            row["mode"] = json!(mode);
        }
        row
    })
}

/// A policy of these parts, as JSON text, in which members keep this order.
fn written(rules: &[(&str, Value)], rows: &[Value], rest: &Value) -> Policy {
    let tools: Vec<_> = rules.iter().map(|(name, rule)| format!("{}:{rule}", json!(name))).collect();
    let mut configuration = crate::support::core::minimal();
    configuration["resources"][0]["policy"] = json!("<policy>");
    let rest: Vec<_> =
        rest.as_object().unwrap().iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    let parts = [format!("\"tools\":{{{}}}", tools.join(",")), format!("\"matrix\":{}", json!(rows))];
    let policy = format!("{{{}}}", parts.into_iter().chain(rest).collect::<Vec<_>>().join(","));
    let text = configuration.to_string().replace("\"<policy>\"", &policy);
    crate::support::core::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}")).resources[0]
        .policy
        .clone()
}

fn any_rest() -> impl Strategy<Value = Value> {
    let modes = || prop::sample::select(vec!["enforce", "shadow"]);
    let unlisted = prop::sample::select(vec!["deny", "authenticated"]);
    let hierarchy = prop::sample::select(vec![json!({}), json!({"a": ["b"], "b": ["c"]}), json!({"e": ["a", "d"]})]);
    (some_scopes(), hierarchy, unlisted, modes()).prop_map(|(base, hierarchy, unlisted, mode)| {
        let base = base.as_array().unwrap().iter().take(1).cloned().collect::<Vec<_>>();
        json!({"base_scopes": base, "hierarchy": hierarchy, "unlisted": {"tools": unlisted}, "mode": mode})
    })
}

/// The parts of a verdict that must not depend on any order: all but the name
/// of the row.
fn essence(verdict: &Verdict) -> String {
    show(verdict)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adding_a_row_never_turns_a_denial_into_a_permit(
        caller in any_caller(), rules in any_rules(), rows in prop::collection::vec(any_row(), 0..4),
        more in any_row(), place in 0usize..4, rest in any_rest(),
    ) {
        let mut extended = rows.clone();
        extended.insert(place.min(rows.len()), more);
        let (before, after) = (written(&rules, &rows, &rest), written(&rules, &extended, &rest));
        for tool in TOOLS {
            for what in [Access::Tool(tool), Access::Open, Access::Prompt(tool)] {
                let (before, after) = (before.decide(&caller, &what, &occasion()), after.decide(&caller, &what, &occasion()));
                prop_assert!(
                    before.outcome() != Outcome::Deny || after.outcome() == Outcome::Deny,
                    "{what:?}: {} became {} with {extended:?}", show(&before), show(&after)
                );
                prop_assert!(
                    before.outcome() == Outcome::Allow || after.outcome() != Outcome::Allow,
                    "{what:?}: {} became {}", show(&before), show(&after)
                );
            }
        }
    }

    #[test]
    fn the_order_of_rules_and_rows_never_changes_a_decision(
        caller in any_caller(), rest in any_rest(),
        (rules, shuffled) in any_rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        (rows, turned) in prop::collection::vec(any_row(), 0..4)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let (one, other) = (written(&rules, &rows, &rest), written(&shuffled, &turned, &rest));
        for tool in TOOLS {
            let what = Access::Tool(tool);
            let (one, other) = (one.decide(&caller, &what, &occasion()), other.decide(&caller, &what, &occasion()));
            prop_assert_eq!(essence(&one), essence(&other), "{}", tool);
        }
    }

    #[test]
    fn a_list_entry_is_kept_exactly_if_the_call_is_allowed(
        caller in any_caller(), rules in any_rules(), rows in prop::collection::vec(any_row(), 0..3), rest in any_rest(),
    ) {
        let policy = written(&rules, &rows, &rest);
        let entries: Vec<_> = TOOLS.iter().map(|name| json!({"name": name, "title": "t"})).collect();
        let body = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": entries}}).to_string();
        let keeps = |kind: ListKind, name: &str, _: &[u8]| {
            assert_eq!(kind, ListKind::Tools);
            policy.decide(&caller, &Access::Tool(name), &occasion()).outcome() != Outcome::Deny
        };
        // Somebody was shown all of it before: that opens nothing to this caller.
        let mut known = KnownLists::default();
        let all = |_: ListKind, _: &str, _: &[u8]| true;
        let whole = listing::trim(body.as_bytes(), 64, 1000, Private::Lists, &mut known, &all).unwrap();
        prop_assert_eq!(whole.body.as_ref(), body.as_bytes());
        let trimmed = listing::trim(body.as_bytes(), 64, 1000, Private::Lists, &mut known, &keeps).unwrap();
        let kept: Value = serde_json::from_slice(&trimmed.body).unwrap();
        let kept: Vec<_> = kept["result"]["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
        for tool in TOOLS {
            let outcome = policy.decide(&caller, &Access::Tool(tool), &occasion()).outcome();
            prop_assert_eq!(kept.contains(&tool), outcome != Outcome::Deny, "{}", tool);
            prop_assert_eq!(policy.for_caller(&caller).outcome(&Access::Tool(tool), &occasion()), outcome, "{}", tool);
        }
        prop_assert_eq!(trimmed.removed, TOOLS.len() - kept.len());
    }

    #[test]
    fn more_scope_never_gets_less(
        caller in any_caller(), more in some_scopes(), rules in any_rules(), rows in prop::collection::vec(any_row(), 0..4),
        rest in any_rest(),
    ) {
        let policy = written(&rules, &rows, &rest);
        let more = more.as_array().unwrap().iter().map(|scope| scope.as_str().unwrap().to_owned());
        let scopes: Vec<_> = caller.scopes().iter().cloned().chain(more).collect();
        let richer = known_caller(caller.subject().unwrap(), &scopes.join(" "));
        for tool in TOOLS {
            for what in [Access::Tool(tool), Access::Open] {
                let (less, more) = (policy.decide(&caller, &what, &occasion()), policy.decide(&richer, &what, &occasion()));
                prop_assert!(
                    less.outcome() == Outcome::Deny || more.outcome() != Outcome::Deny,
                    "{what:?}: {} became {}", show(&less), show(&more)
                );
            }
        }
    }

    #[test]
    fn asking_for_more_at_once_opens_nothing(
        caller in any_caller(), rules in prop::collection::vec(prop::option::of(any_rule()), RESOURCES.len() + METHODS.len()),
        rows in prop::collection::vec(any_row(), 0..3), rest in any_rest(), unlisted in prop::sample::select(vec!["deny", "authenticated"]),
    ) {
        let (mut value, (resources, methods)) = (rest, rules.split_at(RESOURCES.len()));
        let named = |names: &[&str], rules: &[Option<Value>]| {
            let given = names.iter().zip(rules).filter_map(|(name, rule)| Some(((*name).to_owned(), rule.clone()?)));
            Value::Object(given.collect())
        };
        (value["resources"], value["methods"]) = (named(&RESOURCES, resources), named(&METHODS, methods));
        (value["matrix"], value["unlisted"]) = (json!(rows), json!({"resources": unlisted, "methods": unlisted}));
        let policy = policy(value);
        let is_denied = |what: Access<'_>| policy.decide(&caller, &what, &occasion()).outcome() == Outcome::Deny;
        for one in URIS {
            let alone = is_denied(Access::Resources(vec![one]));
            for other in URIS {
                let either = alone || is_denied(Access::Resources(vec![other]));
                prop_assert!(!either || is_denied(Access::Resources(vec![one, other])), "{one} and {other}");
            }
            let either = alone || is_denied(Access::Method("tasks/get"));
            prop_assert!(!either || is_denied(Access::ResourcesAndTasks(vec![one])), "{one} and tasks");
        }
    }

    #[test]
    fn a_granted_step_up_opens_what_was_denied(
        caller in any_caller(), rules in any_rules(), rows in prop::collection::vec(any_row(), 0..3), rest in any_rest(),
    ) {
        let policy = written(&rules, &rows, &rest);
        for tool in TOOLS {
            let verdict = policy.decide(&caller, &Access::Tool(tool), &occasion());
            if let Some(Denial::InsufficientScope { required, missing, ask, scenario }) = verdict.denial() {
                prop_assert!(!missing.is_empty() && missing.iter().all(|scope| required.contains(scope.as_str())));
                let ask: Vec<_> = ask.iter().map(ToString::to_string).collect();
                let with = |scopes: &[String]| {
                    let stepped = known_caller(caller.subject().unwrap(), &scopes.join(" "));
                    policy.decide(&stepped, &Access::Tool(tool), &occasion())
                };
                let added = with(&[caller.scopes(), &ask].concat());
                prop_assert!(added.outcome() != Outcome::Deny, "{}: {} then {}", tool, show(&verdict), show(&added));
                // A denial on trial is only recorded: nobody is asked for anything.
                if verdict.outcome() != Outcome::Deny {
                    continue;
                }
                // Who gives up the granted scopes for those asked for loses what only the hierarchy names, and what
                // that implied may count in no row by itself. Nothing else may come of it.
                let replaced = with(&ask);
                let is_implied = |granted: &str| {
                    let implied = policy.hierarchy.implied_by(|own| own.as_str() == granted);
                    required.iter().any(|own| own.as_str() == granted || implied.contains(own.as_str()))
                };
                let loses = caller.scopes().iter().any(|granted| !ask.contains(granted) && is_implied(granted));
                prop_assert!(
                    replaced.outcome() != Outcome::Deny || (scenario.is_some() && loses),
                    "{}: {} then {}", tool, show(&verdict), show(&replaced)
                );
            }
        }
    }
}
