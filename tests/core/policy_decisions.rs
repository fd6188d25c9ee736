//! The policy: who may use what, and what a denial says. The first test says
//! what an empty policy does: it denies.

mod matrix;
mod near_names;
mod properties;
mod uris;

use crate::support::core::{NOW, alice, caller, occasion, with_policy};
use crate::support::tokens::Token;
use serde_json::{Value, json};
use toolgate::mcp::Access;
use toolgate::policy::{Denial, Outcome, Policy, Verdict};
use toolgate::scope::ScopeSet;

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
