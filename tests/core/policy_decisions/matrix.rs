//! Scenarios of the matrix, and shadow mode.

use super::{access, assert_decides, policy, show};
use crate::support::core::{NOW, caller, occasion};
use crate::support::tokens::Token;
use serde_json::{Value, json};
use toolgate::mcp::Access;

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
