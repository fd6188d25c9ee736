//! Conditions of rules besides scopes (arguments, authentication, shadow mode), and warnings about policies.

mod shadow;

use crate::support::core::{NOW, accepted, at, caller, faults, minimal, node, set, with_policy};
use crate::support::tokens::Token;
use serde_json::{Value, json};
use toolgate::mcp::Access;
use toolgate::policy::{Arguments, Denial, Occasion, Outcome, Policy, Verdict};

fn policy(value: Value) -> Policy {
    with_policy(value).resources[0].policy.clone()
}

fn alice(scopes: &str) -> Token {
    Token::at(NOW).scope(scopes)
}

/// A verdict in one line.
fn show(verdict: &Verdict) -> String {
    let reason = verdict.denial().map(|denial| format!(" {}", denial.reason().as_str())).unwrap_or_default();
    let outcome = match verdict.outcome() {
        Outcome::Allow => "allow",
        Outcome::Deny => "deny",
        Outcome::ShadowDeny => "shadow",
    };
    format!("{outcome}{reason}")
}

fn call(policy: &Policy, token: &Token, tool: &str, arguments: &str) -> String {
    let occasion = Occasion { arguments: Arguments::Given(Some(arguments.as_bytes())), ..Occasion::at(at(NOW)) };
    show(&policy.decide(&caller(token), &Access::Tool(tool), &occasion))
}

fn list(policy: &Policy, token: &Token, tool: &str) -> String {
    show(&policy.decide(&caller(token), &Access::Tool(tool), &Occasion::at(at(NOW))))
}

#[test]
fn a_call_is_allowed_only_with_the_arguments_that_its_rule_names() {
    let policy = policy(json!({
        "tools": {
            "pay": {
                "scopes": ["pay"],
                "arguments": {"/amount": {"max": 100}, "/currency": {"in": ["EUR", "CHF"]}, "/tenant": {"claim": "org.id"}},
            },
            "read_*": {"scopes": [], "arguments": {"/path": {"pattern": "/srv/*"}}},
            "*_file": {"scopes": [], "arguments": {"/mode": {"equals": "text"}}},
        },
    }));
    let token = alice("pay").claim("org", json!({"id": "acme"}));
    let pay = |amount: &str, rest: &str| format!(r#"{{"amount":{amount},"currency":"EUR","tenant":"acme"{rest}}}"#);
    for (tool, arguments, expected) in [
        ("pay", pay("100", ""), "allow"),
        ("pay", pay("100", r#","note":"Amount"}"#).replace("}}", "}"), "allow"),
        ("pay", pay("101", ""), "deny arguments_refused"),
        ("pay", pay("1", r#","Amount":1000"#), "deny arguments_refused"),
        ("pay", pay(r#""1""#, ""), "deny arguments_refused"),
        ("pay", r#"{"amount":1,"currency":"USD","tenant":"acme"}"#.to_owned(), "deny arguments_refused"),
        ("pay", r#"{"amount":1,"currency":"EUR","tenant":"other"}"#.to_owned(), "deny arguments_refused"),
        ("pay", r#"{"amount":1,"currency":"EUR"}"#.to_owned(), "deny arguments_refused"),
        ("pay", "[]".to_owned(), "deny arguments_refused"),
        ("pay", "null".to_owned(), "deny arguments_refused"),
        // Two patterns that tie must both be satisfied.
        ("read_file", r#"{"path":"/srv/a","mode":"text"}"#.to_owned(), "allow"),
        ("read_file", r#"{"path":"/srv/a","mode":"raw"}"#.to_owned(), "deny arguments_refused"),
        ("read_file", r#"{"path":"/etc/a","mode":"text"}"#.to_owned(), "deny arguments_refused"),
        ("read_dir", r#"{"path":"/srv/a"}"#.to_owned(), "allow"),
    ] {
        assert_eq!(call(&policy, &token, tool, &arguments), expected, "{tool} {arguments}");
    }
    let no_arguments = Occasion { arguments: Arguments::Given(None), ..Occasion::at(at(NOW)) };
    let verdict = policy.decide(&caller(&token), &Access::Tool("pay"), &no_arguments);
    assert_eq!(show(&verdict), "deny arguments_refused", "a call without arguments");
    assert_eq!(call(&policy, &alice("pay"), "pay", &pay("1", "")), "deny arguments_refused", "a claim that is missing");
}

#[test]
fn a_tool_with_conditions_is_listed_and_asks_for_scopes_all_the_same() {
    let policy = policy(json!({"tools": {"pay": {"scopes": ["pay"], "arguments": {"/amount": {"max": 100}}}}}));
    assert_eq!(list(&policy, &alice("pay"), "pay"), "allow");
    assert_eq!(list(&policy, &alice(""), "pay"), "deny insufficient_scope");
    assert_eq!(call(&policy, &alice(""), "pay", r#"{"amount":1}"#), "deny insufficient_scope");
    // No scope would help.
    assert_eq!(call(&policy, &alice(""), "pay", r#"{"amount":101}"#), "deny arguments_refused");
}

#[test]
fn a_rule_may_ask_for_a_level_or_a_fresh_sign_in() {
    let policy = policy(json!({
        "tools": {
            "mfa": {"scopes": ["a"], "acr": ["urn:phr", "urn:mfa"]},
            "one": {"scopes": [], "acr": "urn:mfa"},
            "fresh": {"scopes": [], "max_auth_age": "5m"},
        },
    }));
    let signed_in = |acr: Option<&str>, ago: Option<i64>| {
        let token = alice("a");
        let token = acr.into_iter().fold(token, |token, acr| token.claim("acr", acr));
        ago.into_iter().fold(token, |token, ago| token.claim("auth_time", NOW - ago))
    };
    let lacks = "deny insufficient_user_authentication";
    for (tool, acr, ago, expected) in [
        ("mfa", Some("urn:mfa"), None, "allow"),
        ("mfa", Some("urn:phr"), None, "allow"),
        ("mfa", Some("urn:pwd"), None, lacks),
        ("mfa", Some("URN:MFA"), None, lacks),
        ("mfa", None, Some(1), lacks),
        ("one", Some("urn:mfa"), None, "allow"),
        ("one", Some("urn:phr"), None, lacks),
        ("fresh", None, Some(300), "allow"),
        ("fresh", None, Some(301), lacks),
        ("fresh", None, Some(-30), "allow"),
        ("fresh", None, Some(-3_600), lacks),
        ("fresh", None, None, lacks),
    ] {
        assert_eq!(call(&policy, &signed_in(acr, ago), tool, "{}"), expected, "{tool} {acr:?} {ago:?}");
        assert_eq!(list(&policy, &signed_in(acr, ago), tool), expected, "lists ask the same: {tool} {acr:?} {ago:?}");
    }
    let text = alice("a").claim("auth_time", "yesterday").claim("acr", json!(["urn:mfa"]));
    assert_eq!(call(&policy, &text, "fresh", "{}"), lacks, "a time that is no number");
    assert_eq!(call(&policy, &text, "mfa", "{}"), lacks, "a level that is no string");
    assert_eq!(call(&policy, &alice(""), "mfa", "{}"), "deny insufficient_scope", "scopes come first");
}

#[test]
fn what_a_sign_in_must_be_is_what_satisfies_every_rule() {
    let policy = policy(json!({
        "tools": {
            "a*": {"scopes": [], "acr": ["x", "y"], "max_auth_age": "10m"},
            "*b": {"scopes": [], "acr": ["y", "z"], "max_auth_age": "5m"},
        },
    }));
    // A sign-in that satisfies one of them must not be asked to satisfy only the other.
    let signed_in = |level: &str, age: i64| alice("").claim("acr", level).claim("auth_time", NOW - age);
    for token in [alice(""), signed_in("x", 60), signed_in("z", 60), signed_in("y", 400)] {
        let verdict = policy.decide(&caller(&token), &Access::Tool("ab"), &Occasion::at(at(NOW)));
        let Some(Denial::Authentication(wanted)) = verdict.denial() else { panic!("{verdict:?}") };
        let wanted = (wanted.levels.join(" "), wanted.max_age.map(|age| age.as_secs()));
        assert_eq!(wanted, ("y".to_owned(), Some(300)));
    }
    assert_eq!(list(&policy, &signed_in("y", 60), "ab"), "allow");
}

#[test]
fn every_level_is_named_where_no_sign_in_satisfies_every_rule() {
    let policy = policy(json!({
        "tools": {
            "a*": {"scopes": [], "acr": ["x", "y"]},
            "*b": {"scopes": [], "acr": "z"},
            "aa*": {"scopes": [], "acr": "x"},
            "*bb": {"scopes": [], "acr": ["z", "x"]},
            "a*c": {"scopes": [], "acr": "x"},
            "*bc": {"scopes": []},
        },
    }));
    for (tool, levels) in [("ab", "z x y"), ("aabb", "x"), ("abc", "x")] {
        for token in [alice(""), alice("").claim("acr", "y")] {
            let verdict = policy.decide(&caller(&token), &Access::Tool(tool), &Occasion::at(at(NOW)));
            let Some(Denial::Authentication(wanted)) = verdict.denial() else { panic!("{tool}: {verdict:?}") };
            assert_eq!(wanted.levels.join(" "), levels, "{tool}");
        }
    }
}

#[test]
fn conditions_that_cannot_be_meant_are_refused() {
    let rule = |more: Value| {
        let mut rule = json!({"scopes": []});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        set(minimal(), "/resources/0/policy", json!({"tools": {"t": rule}}))
    };
    let condition = |condition: Value| rule(json!({"arguments": {"/a": condition}}));
    let path = "resources[0].policy.tools.t";
    for (configuration, at) in [
        (rule(json!({"arguments": {}})), "arguments"),
        (rule(json!({"arguments": {"a": {"max": 1}}})), "arguments.a"),
        (rule(json!({"arguments": {"": {"max": 1}}})), "arguments."),
        (rule(json!({"arguments": {"/a~2": {"max": 1}}})), "arguments./a~2"),
        (condition(json!({})), "arguments./a"),
        (condition(json!({"max": 1, "equals": 1})), "arguments./a"),
        (condition(json!({"min": 1})), "arguments./a"),
        (condition(json!({"max": "1"})), "arguments./a.max"),
        (condition(json!({"max": 1e300})), "arguments./a.max"),
        (condition(json!({"in": []})), "arguments./a.in"),
        (condition(json!({"in": [[1]]})), "arguments./a.in[0]"),
        (condition(json!({"equals": {}})), "arguments./a.equals"),
        (condition(json!({"pattern": ""})), "arguments./a.pattern"),
        (condition(json!({"claim": 1})), "arguments./a.claim"),
        (rule(json!({"acr": []})), "acr"),
        (rule(json!({"acr": ["a b"]})), "acr[0]"),
        (rule(json!({"acr": "a\"b"})), "acr"),
        (rule(json!({"acr": 1})), "acr"),
        (rule(json!({"max_auth_age": 5})), "max_auth_age"),
        (rule(json!({"max_auth_age": "1500ms"})), "max_auth_age"),
        (rule(json!({"mode": "observe"})), "mode"),
    ] {
        let found: Vec<_> = faults(&node(&configuration)).into_iter().map(|(path, _)| path).collect();
        assert!(found.contains(&format!("{path}.{at}")), "{at}: {found:?} of {configuration}");
    }
    let prompt = json!({"prompts": {"p": {"scopes": [], "arguments": {"/a": {"max": 1}}}}});
    let found = faults(&node(&set(minimal(), "/resources/0/policy", prompt)));
    assert_eq!(found[0].0, "resources[0].policy.prompts.p.arguments", "{found:?}");
}

#[test]
fn what_a_policy_cannot_mean_is_warned_of() {
    let cases = [
        (json!({"tools": {"a*": {"scopes": []}, "a**": {"scopes": []}}}), Some("tools.a*: is given more than once")),
        (json!({"tools": {"a*": {"scopes": []}, "*a": {"scopes": []}}}), None),
        (
            json!({"tools": {"t": {"scopes": ["a"]}}, "hierarchy": {"admin": ["b"]}}),
            Some("hierarchy: `admin` implies no scope"),
        ),
        (json!({"tools": {"t": {"scopes": ["b"]}}, "hierarchy": {"admin": ["b"]}}), None),
        (json!({"base_scopes": ["b"], "hierarchy": {"admin": ["b"]}}), None),
        (
            json!({"tools": {"t": {"scopes": ["a"]}}, "matrix": [{"scopes": ["A"]}]}),
            Some("matrix[0].scopes: counts `A`"),
        ),
        (
            json!({"tools": {"rm": {"scopes": []}, "ls": {"scopes": []}}, "matrix": [{"name": "r", "deny_tools": ["r*"]}]}),
            Some("tools.rm: is denied to everyone by the scenario `r`"),
        ),
        (
            json!({"tools": {"rm_*": {"scopes": []}}, "matrix": [{"name": "r", "subjects": ["*"], "deny_tools": ["r*"]}]}),
            Some("tools.rm_*: is denied to everyone by the scenario `r`"),
        ),
        (json!({"tools": {"rm": {"scopes": []}}, "matrix": [{"subjects": ["bot"], "deny_tools": ["rm"]}]}), None),
        (json!({"tools": {"rm": {"scopes": []}}, "matrix": [{"deny_tools": ["rm"], "mode": "shadow"}]}), None),
    ];
    for (policy, expected) in cases {
        let config = with_policy(policy.clone());
        let warned: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
        match expected {
            None => assert!(warned.is_empty(), "{policy}: {warned:?}"),
            Some(start) => {
                let start = format!("resources[0].policy.{start}");
                assert!(warned.iter().any(|warning| warning.starts_with(&start)), "{start}: {warned:?}");
            }
        }
    }
    let second = json!({"issuer": "https://other.example.com", "name": "other", "jwks": {"keys": [crate::support::keys::Key::p256().jwk()]}});
    let configuration = set(minimal(), "/issuers/-", second);
    let configuration = set(configuration, "/resources/0/issuers", json!(["main"]));
    let row = json!({"matrix": [{"issuers": ["other"], "deny_tools": ["*"]}]});
    let config = accepted(&set(configuration, "/resources/0/policy", row));
    let warned: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert!(warned[0].starts_with("resources[0].policy.matrix[0].issuers: never matches"), "{warned:?}");
}

/// A policy whose issuer can be asked, and how recent its word on `alice` must be there.
fn seconds_fresh(written: Value, access: &Access<'_>) -> Option<u64> {
    let endpoint = json!({"uri": "https://issuer.example.com/introspect", "cluster": "issuer", "client_id": "gate", "client_secret": "s"});
    let config = set(minimal(), "/issuers/0/introspection", endpoint);
    let config = set(config, "/issuers/0/validation", json!("jwt"));
    let policy = accepted(&set(config, "/resources/0/policy", written)).resources[0].policy.clone();
    policy.freshness(&caller(&alice("admin")), access).map(|within| within.as_secs())
}

#[test]
fn a_rule_on_trial_makes_no_enforced_rule_less_strict() {
    let tools =
        |exact: Value| json!({"tools": {"delete_*": {"scopes": ["admin"], "fresh": "5s"}, "delete_city": exact}});
    for (exact, expected) in [
        (json!({"scopes": ["admin"], "mode": "shadow"}), Some(5)),
        (json!({"scopes": ["admin"], "mode": "shadow", "fresh": "1h"}), Some(5)),
        (json!({"scopes": ["admin"], "mode": "shadow", "fresh": "1s"}), Some(1)),
        (json!({"scopes": ["admin"], "fresh": "1h"}), Some(3_600)),
        (json!({"scopes": ["admin"]}), None),
    ] {
        assert_eq!(seconds_fresh(tools(exact.clone()), &Access::Tool("delete_city")), expected, "{exact}");
    }
}

#[test]
fn a_resource_that_is_listed_nowhere_hides_no_rule_of_another() {
    for rule in [json!({"scopes": [], "fresh": "0s", "mode": "enforce"}), json!({"scopes": [], "fresh": "0s"})] {
        let policy = json!({"mode": "shadow", "resources": {"secret://*": rule}});
        for uris in [vec!["secret://a", "nowhere://b"], vec!["nowhere://b", "secret://a"], vec!["secret://a"]] {
            assert_eq!(seconds_fresh(policy.clone(), &Access::Resources(uris.clone())), Some(0), "{rule} {uris:?}");
        }
        assert_eq!(seconds_fresh(policy, &Access::Resources(vec!["nowhere://b"])), None);
    }
}

#[test]
fn in_shadow_what_a_careless_server_takes_for_another_is_as_fresh_as_that() {
    let fresh = |within: &str| json!({"scopes": [], "fresh": within});
    let written = |unlisted: &str| {
        json!({
            "mode": "shadow",
            "unlisted": {"tools": unlisted, "prompts": unlisted, "resources": unlisted, "methods": unlisted},
            "tools": {"delete_city": fresh("5s"), "erase": fresh("7s"), "ERASE": fresh("6s"), "drop*": fresh("1s")},
            "prompts": {"brief": fresh("8s"), "brief*": {"scopes": []}, "long": fresh("8s"), "long*": fresh("3s")},
            "resources": {"docs://Secret": fresh("9s")},
            "methods": {"tasks/cancel": fresh("10s")},
        })
    };
    let resources = |uris: &[&'static str]| Access::Resources(uris.to_vec());
    for (access, expected) in [
        (Access::Tool("delete_city"), Some(5)),
        (Access::Tool("Delete_City"), Some(5)),
        (Access::Tool(" delete\u{200b}_city"), Some(5)),
        (Access::Tool("Erase"), Some(6)),
        (Access::Tool("erase"), Some(7)),
        (Access::Tool("Drop_all"), None),
        (Access::Tool("read"), None),
        (Access::Prompt("Brief"), Some(8)),
        // A pattern that matches it does not make it another name, and holds as well.
        (Access::Prompt("brief "), Some(8)),
        (Access::Prompt("long "), Some(3)),
        (resources(&["docs://secret"]), Some(9)),
        (resources(&["docs://x", "docs://secret"]), Some(9)),
        (Access::Method("Tasks/Cancel"), Some(10)),
        // Whatever it would call, get or read.
        (Access::Method("Tools/Call"), Some(1)),
        (Access::Open, None),
    ] {
        for unlisted in ["deny", "authenticated"] {
            assert_eq!(seconds_fresh(written(unlisted), &access), expected, "{access:?}, {unlisted}");
        }
    }
}
