//! Policies: faults and warnings.

use super::{Refusal, assert_refused, changed};
use crate::support::core::{accepted, faults, minimal, node, occasion, set, with_policy};
use crate::support::keys::Key;
use serde_json::{Value, json};
use toolgate::mcp::Access;

#[test]
fn a_bad_policy_is_refused_at_its_path() {
    let p = |rest: &str| -> &'static str { Box::leak(format!("/resources/0/policy{rest}").into_boxed_str()) };
    const P: &str = "resources[0].policy";
    let one = |rest: &str| -> &'static [&'static str] {
        let path: &'static str = Box::leak(format!("{P}{rest}").into_boxed_str());
        Box::leak(vec![path].into_boxed_slice())
    };
    let cases: Vec<Refusal> = vec![
        ("a base scope with a space", vec![(p("/base_scopes"), json!(["a b"]))], one(".base_scopes[0]")),
        ("an empty base scope", vec![(p("/base_scopes"), json!(["a", ""]))], one(".base_scopes[1]")),
        ("a rule with neither scopes nor any_of", vec![(p("/tools"), json!({"t": {}}))], one(".tools.t")),
        ("a prompt with neither", vec![(p("/prompts"), json!({"t": {}}))], one(".prompts.t")),
        ("a resource with neither", vec![(p("/resources"), json!({"t:x": {}}))], one(".resources.t:x")),
        ("a method with neither", vec![(p("/methods"), json!({"t": {}}))], one(".methods.t")),
        ("a tool without a name", vec![(p("/tools"), json!({"": {"scopes": []}}))], one(".tools")),
        (
            "a scope with a backslash",
            vec![(p("/tools"), json!({"delete_*": {"scopes": ["a", "a\\b"]}}))],
            one(".tools.delete_*.scopes[1]"),
        ),
        (
            "a scope beyond ASCII",
            vec![(p("/prompts"), json!({"t": {"scopes": ["\u{e9}"]}}))],
            one(".prompts.t.scopes[0]"),
        ),
        (
            "a scope with a control character",
            vec![(p("/methods"), json!({"t": {"scopes": ["a\u{7f}"]}}))],
            one(".methods.t.scopes[0]"),
        ),
        ("an empty scope", vec![(p("/tools"), json!({"t": {"scopes": [""]}}))], one(".tools.t.scopes[0]")),
        ("no alternatives", vec![(p("/tools"), json!({"t": {"any_of": []}}))], one(".tools.t.any_of")),
        ("an empty alternative", vec![(p("/tools"), json!({"t": {"any_of": [["a"], []]}}))], one(".tools.t.any_of[1]")),
        (
            "a bad scope of an alternative",
            vec![(p("/tools"), json!({"t": {"any_of": [["a"], ["b", "c d"]]}}))],
            one(".tools.t.any_of[1][1]"),
        ),
        ("a hierarchy with a cycle", vec![(p("/hierarchy"), json!({"a": ["b"], "b": ["a"]}))], one(".hierarchy.a")),
        (
            "a hierarchy with a cycle of three below a fourth",
            vec![(p("/hierarchy"), json!({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}))],
            one(".hierarchy.b"),
        ),
        ("a scope that implies itself", vec![(p("/hierarchy"), json!({"a": ["a"]}))], one(".hierarchy.a")),
        ("a scope that implies nothing", vec![(p("/hierarchy"), json!({"a": []}))], one(".hierarchy.a")),
        ("an illegal broader scope", vec![(p("/hierarchy"), json!({"a b": ["c"]}))], one(".hierarchy.a b")),
        ("an illegal narrower scope", vec![(p("/hierarchy"), json!({"a": ["b", "c\""]}))], one(".hierarchy.a[1]")),
        ("an unknown word for the unlisted", vec![(p("/unlisted"), json!({"tools": "allow"}))], one(".unlisted.tools")),
        (
            "an unknown kind of the unlisted",
            vec![(p("/unlisted"), json!({"templates": "deny"}))],
            one(".unlisted.templates"),
        ),
        ("an unknown word for lists", vec![(p("/lists"), json!("show"))], one(".lists")),
        ("an unknown mode", vec![(p("/mode"), json!("audit"))], one(".mode")),
        (
            "a uri rule with a dot segment",
            vec![(p("/resources"), json!({"file:///a/../b": {"scopes": []}}))],
            one(".resources.file:///a/../b"),
        ),
        (
            "a uri rule with an encoded dot segment",
            vec![(p("/resources"), json!({"file:///a/%252e%252E/*": {"scopes": []}}))],
            one(".resources.file:///a/%252e%252E/*"),
        ),
        ("a uri rule with a space", vec![(p("/resources"), json!({"a: b": {"scopes": []}}))], one(".resources.a: b")),
        (
            "a uri rule with a backslash",
            vec![(p("/resources"), json!({"a:\\b": {"scopes": []}}))],
            one(".resources.a:\\b"),
        ),
        (
            "a uri rule with an upper-case scheme",
            vec![(p("/resources"), json!({"FILE:///*": {"scopes": []}}))],
            one(".resources.FILE:///*"),
        ),
        (
            "a uri rule with an upper-case host",
            vec![(p("/resources"), json!({"https://ADMIN.example/*": {"scopes": []}}))],
            one(".resources.https://ADMIN.example/*"),
        ),
        (
            "a uri rule with the default port",
            vec![(p("/resources"), json!({"https://a.example:443/*": {"scopes": []}}))],
            one(".resources.https://a.example:443/*"),
        ),
        (
            "a uri rule with too few slashes",
            vec![(p("/resources"), json!({"https:/a.example/*": {"scopes": []}}))],
            one(".resources.https:/a.example/*"),
        ),
        (
            "a uri rule with user information",
            vec![(p("/resources"), json!({"https://me@a.example/*": {"scopes": []}}))],
            one(".resources.https://me@a.example/*"),
        ),
        (
            "a uri rule with a short IPv4 address",
            vec![(p("/resources"), json!({"http://127.1/*": {"scopes": []}}))],
            one(".resources.http://127.1/*"),
        ),
        (
            "a uri rule with an encoded letter",
            vec![(p("/resources"), json!({"docs://%73ecret/*": {"scopes": []}}))],
            one(".resources.docs://%73ecret/*"),
        ),
        (
            "a uri rule with an encoded letter in an escape",
            vec![(p("/resources"), json!({"docs://%2573ecret/*": {"scopes": []}}))],
            one(".resources.docs://%2573ecret/*"),
        ),
        (
            "a uri rule with lower-case hexadecimal digits",
            vec![(p("/resources"), json!({"docs://a%2fb": {"scopes": []}}))],
            one(".resources.docs://a%2fb"),
        ),
        (
            "a uri rule with half an escape",
            vec![(p("/resources"), json!({"docs://a%2*": {"scopes": []}}))],
            one(".resources.docs://a%2*"),
        ),
        (
            "a row with an empty selector",
            vec![(p("/matrix"), json!([{"subjects": [], "scopes": []}]))],
            one(".matrix[0].subjects"),
        ),
        (
            "a row with an empty subject",
            vec![(p("/matrix"), json!([{"subjects": [""], "scopes": []}]))],
            one(".matrix[0].subjects[0]"),
        ),
        (
            "a row with an empty client",
            vec![(p("/matrix"), json!([{"clients": ["a", ""], "scopes": []}]))],
            one(".matrix[0].clients[1]"),
        ),
        (
            "a row for an issuer that nothing defines",
            vec![(p("/matrix"), json!([{"scopes": []}, {"issuers": ["main", "other"], "scopes": []}]))],
            one(".matrix[1].issuers[1]"),
        ),
        ("a row with a bad scope", vec![(p("/matrix"), json!([{"scopes": ["a b"]}]))], one(".matrix[0].scopes[0]")),
        ("a row with no denied tools", vec![(p("/matrix"), json!([{"deny_tools": []}]))], one(".matrix[0].deny_tools")),
        (
            "a row with an unknown mode",
            vec![(p("/matrix"), json!([{"scopes": [], "mode": "off"}]))],
            one(".matrix[0].mode"),
        ),
        ("a row with an empty name", vec![(p("/matrix"), json!([{"scopes": [], "name": ""}]))], one(".matrix[0].name")),
        (
            "a row with a claim that is null",
            vec![(p("/matrix"), json!([{"scopes": [], "claims": {"a": null}}]))],
            one(".matrix[0].claims.a"),
        ),
    ];
    assert_refused(&minimal(), &cases);
}

#[test]
fn a_rule_may_want_the_issuer_asked_where_it_can_be() {
    let policy = json!({
        "tools": {"t": {"scopes": [], "fresh": "0s"}}, "prompts": {"p": {"scopes": [], "fresh": "30s"}},
        "resources": {"r:x": {"scopes": [], "fresh": "1m"}}, "methods": {"m": {"scopes": [], "fresh": "1h"}},
    });
    let endpoint = json!({"uri": "https://auth.example.com/introspect", "cluster": "auth"});
    let none = set(minimal(), "/resources/0/policy", policy);
    let rules = ["methods.m", "prompts.p", "resources.r:x", "tools.t"];
    let refused: Vec<_> = rules
        .iter()
        .map(|rule| {
            let path = format!("resources[0].policy.{rule}.fresh");
            (path, "no issuer of this resource has `introspection`".to_owned())
        })
        .collect();
    assert_eq!(faults(&node(&none)), refused);

    let all = set(none.clone(), "/issuers/0/introspection", endpoint);
    assert_eq!(accepted(&all).warnings, []);
    for bad in [json!("-1s"), json!(""), json!(0), json!(null)] {
        let found = faults(&node(&set(all.clone(), "/resources/0/policy/tools/t/fresh", bad.clone())));
        assert_eq!(found[0].0, "resources[0].policy.tools.t.fresh", "{bad}");
    }

    let local =
        json!({"issuer": "https://local.example.com", "name": "local", "jwks": {"keys": [Key::ed25519().jwk()]}});
    let some = set(all.clone(), "/issuers/-", local);
    let warnings: Vec<_> = accepted(&some).warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 4);
    assert_eq!(
        warnings[0],
        "resources[0].policy.tools.t.fresh: denies the tokens of issuer `local`, which has no `introspection`"
    );
    let apart = set(some, "/resources/0/issuers", json!(["main"]));
    assert_eq!(accepted(&apart).warnings, [], "only the resource's own issuers count");
    let other = set(apart, "/resources/0/issuers", json!(["local"]));
    assert_eq!(faults(&node(&other)), refused, "only the resource's own issuers count");
}

#[test]
fn what_is_worth_a_warning_is_told_and_accepted() {
    let pol = |rest: &str| format!("/resources/0/policy{rest}");
    let cases: Vec<(&str, Vec<(String, Value)>, &[&str])> = vec![
        (
            "http to another machine",
            vec![("/resources/0/documentation".into(), json!("http://docs.example/"))],
            &["resources[0].documentation"],
        ),
        (
            "http to a name that begins as the loopback",
            vec![("/resources/0/documentation".into(), json!("http://127.evil.example/"))],
            &["resources[0].documentation"],
        ),
        (
            "a path that differs by a slash",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/mcp/"]))],
            &["resources[0].paths[1]"],
        ),
        (
            "paths that clients refuse the metadata under",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/v1/mcp", "/mcp2", "/v1/*"]))],
            &["resources[0].paths[1]", "resources[0].paths[2]", "resources[0].paths[3]"],
        ),
        (
            "paths below and above that of the resource",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/mcp/v1", "/mcp/*", "/*"]))],
            &[],
        ),
        (
            "the two paths of the 2024-11-05 transport",
            vec![
                ("/resources/0/resource".into(), json!("https://mcp.example.com/sse")),
                ("/resources/0/paths".into(), json!(["/sse", "/post"])),
            ],
            &[],
        ),
        (
            "its message path by its own name",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/api/messages/"]))],
            &[],
        ),
        (
            "the root with and without its slash",
            vec![
                ("/resources/0/resource".into(), json!("https://mcp.example.com")),
                ("/resources/0/paths".into(), json!(["/", "/mcp"])),
            ],
            &[],
        ),
        ("http to this machine", vec![("/resources/0/documentation".into(), json!("http://127.0.0.1:8080/"))], &[]),
        ("http to this machine by name", vec![("/resources/0/documentation".into(), json!("http://LocalHost./"))], &[]),
        ("http to this machine in IPv6", vec![("/resources/0/documentation".into(), json!("http://[::1]:80/"))], &[]),
        ("a body beyond the host's buffer", vec![("/limits".into(), json!({"body": 1_048_577}))], &["limits.body"]),
        ("a list beyond the host's buffer", vec![("/limits".into(), json!({"list": 2_000_000}))], &["limits.list"]),
        ("a body below the host's buffer", vec![("/limits".into(), json!({"body": 1_048_575}))], &[]),
        (
            "a rule for a method that is open",
            vec![(pol("/methods"), json!({"ping": {"scopes": ["a"]}}))],
            &["resources[0].policy.methods.ping"],
        ),
        (
            "a rule for a method with a target",
            vec![(pol("/methods"), json!({"tools/call": {"scopes": ["a"]}}))],
            &["resources[0].policy.methods.tools/call"],
        ),
        (
            "a row that narrows nothing",
            vec![(pol("/matrix"), json!([{"subjects": ["a"]}]))],
            &["resources[0].policy.matrix[0]"],
        ),
        (
            "a subject without its issuer, of two",
            vec![
                ("/issuers/-".into(), json!({"issuer": "https://b.example", "jwks": {"keys": [Key::p256().jwk()]}})),
                ("/resources/0/forward".into(), json!({"headers": {"x-sub": "sub"}})),
            ],
            &["resources[0].forward.headers"],
        ),
        (
            "a subject with its issuer, of two",
            vec![
                ("/issuers/-".into(), json!({"issuer": "https://b.example", "jwks": {"keys": [Key::p256().jwk()]}})),
                ("/resources/0/forward".into(), json!({"headers": {"x-sub": "sub", "x-iss": "issuer"}})),
            ],
            &[],
        ),
        (
            "a subject without its issuer, of one",
            vec![("/resources/0/forward".into(), json!({"headers": {"x-sub": "sub"}}))],
            &[],
        ),
    ];
    for (name, changes, expected) in cases {
        let changes: Vec<_> = changes.iter().map(|(pointer, value)| (pointer.as_str(), value.clone())).collect();
        let config = accepted(&changed(minimal(), &changes));
        let found: Vec<_> = config.warnings.iter().map(|warning| warning.path.as_str()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn an_empty_policy_opens_the_endpoint_and_nothing_behind_it() {
    let config = with_policy(json!({}));
    let caller = crate::support::core::alice("anything at all");
    for (access, allowed) in [(Access::Open, true), (Access::Tool("echo"), false), (Access::Method("x"), false)] {
        let outcome = config.resources[0].policy.decide(&caller, &access, &occasion()).outcome();
        assert_eq!(outcome == toolgate::policy::Outcome::Allow, allowed, "{access:?}");
    }
}
