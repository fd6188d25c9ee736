//! Rules that need no token: what an anonymous caller may do, and what no policy may make of it.

use serde_json::{Value, json};
use toolgate::bearer::NoCredentials;
use toolgate::caller::Caller;
use toolgate::config::Live;
use toolgate::mcp::Access;
use toolgate::policy::{Arguments, Denial, Occasion, Outcome, Policy, Verdict};

use crate::support::core::{accepted, alice, faults, minimal, node, occasion, set, with_policy};

fn policy(value: Value) -> Policy {
    with_policy(value).resources[0].policy.clone()
}

fn nobody() -> Caller {
    Caller::Anonymous(NoCredentials::assumed())
}

/// A verdict in one line, with the scopes that a sign-in asks for.
fn show(verdict: &Verdict) -> String {
    match (verdict.outcome(), verdict.denial()) {
        (Outcome::Allow, _) => "allow".to_owned(),
        (_, Some(Denial::NoToken { required })) => {
            let scopes: Vec<_> = required.iter().map(ToString::to_string).collect();
            format!("sign in: {}", scopes.join(" "))
        }
        (outcome, denial) => format!("{outcome:?} {}", denial.unwrap().reason()),
    }
}

fn anonymous(policy: &Policy, access: &Access<'_>) -> String {
    show(&policy.decide(&nobody(), access, &occasion()))
}

#[test]
fn an_anonymous_caller_gets_what_public_rules_open_and_nothing_else() {
    let public = json!({"public": true});
    let policy = policy(json!({
        "base_scopes": ["base"],
        "hierarchy": {"admin": ["read"]},
        "tools": {
            "a*": public, "*z": {"scopes": ["read"]}, "abc": {"scopes": ["admin"]}, "free": {"scopes": []},
            "two": {"any_of": [["read", "write"], ["admin"]]},
        },
        "prompts": {"*": public, "own": {"scopes": []}},
        "resources": {"docs://*": public, "docs://own/*": {"scopes": ["read"]}},
        "methods": {"x/*": public, "tasks/*": public, "tasks/cancel": {"scopes": ["tasks"]}},
        "unlisted": {"tools": "authenticated", "methods": "authenticated", "resources": "authenticated"},
    }));
    for (access, expected) in [
        (Access::Open, "allow"),
        (Access::Tool("a"), "allow"),
        (Access::Tool("ab"), "allow"),
        (Access::Tool("az"), "sign in: base read"),
        (Access::Tool("abc"), "sign in: admin base"),
        (Access::Tool("ABC"), "Deny near_name"),
        (Access::Tool("free"), "sign in: base"),
        (Access::Tool("two"), "sign in: admin base"),
        (Access::Tool("other"), "sign in: base"),
        (Access::Prompt("any"), "allow"),
        (Access::Prompt("own"), "sign in: base"),
        (Access::Prompt("OWN"), "Deny near_name"),
        (Access::Resources(vec!["docs://a"]), "allow"),
        (Access::Resources(vec!["docs://caf\u{e9}"]), "allow"),
        (Access::Resources(vec!["docs://a", "docs://own/a"]), "sign in: base read"),
        (Access::Resources(vec!["docs://own%2Fa"]), "sign in: base read"),
        (Access::Resources(vec!["docs://a", "other://a"]), "sign in: base"),
        (Access::Resources(vec!["other://a"]), "sign in: base"),
        (Access::Template("docs://a/{x}"), "allow"),
        (Access::Template("docs://{x}"), "sign in: base read"),
        (Access::Template("other://{x}"), "Deny unlisted"),
        (Access::Template("other://x"), "sign in: base"),
        (Access::ResourcesAndTasks(vec!["docs://a"]), "allow"),
        (Access::ResourcesAndTasks(vec!["docs://own/a"]), "sign in: base read"),
        (Access::Method("x/y"), "allow"),
        (Access::Method("tasks/cancel"), "sign in: base tasks"),
        (Access::Method("other"), "sign in: base"),
        (Access::Method("Tools/Call"), "Deny near_name"),
    ] {
        assert_eq!(anonymous(&policy, &access), expected, "{access:?}");
    }
}

#[test]
fn without_a_public_rule_an_anonymous_caller_gets_nothing() {
    let policy = policy(json!({"tools": {"a": {"scopes": []}}, "unlisted": {"prompts": "authenticated"}}));
    for (access, expected) in [
        (Access::Open, "sign in: "),
        (Access::Tool("a"), "sign in: "),
        (Access::Prompt("a"), "sign in: "),
        (Access::Tool("b"), "Deny unlisted"),
    ] {
        assert_eq!(anonymous(&policy, &access), expected, "{access:?}");
    }
    assert_eq!(
        anonymous(&Policy { has_public_rules: true, ..Policy::closed() }, &Access::Open),
        "Deny policy_unavailable"
    );
}

#[test]
fn only_arguments_that_a_claim_could_satisfy_lead_to_a_sign_in() {
    let policy = policy(json!({
        "tools": {
            "open": {"public": true, "arguments": {"/n": {"max": 1}}},
            "own": {"scopes": ["a"], "arguments": {"/n": {"max": 1}, "/who": {"claim": "sub"}}},
        },
    }));
    for (tool, arguments, expected) in [
        ("open", Some(r#"{"n":1}"#), "allow"),
        ("open", Some(r#"{"n":2}"#), "Deny arguments_refused"),
        ("open", Some(r#"{"N":1}"#), "Deny arguments_refused"),
        ("open", None, "Deny arguments_refused"),
        ("own", Some(r#"{"n":1,"who":"alice"}"#), "sign in: a"),
        ("own", Some(r#"{"n":1,"who":null}"#), "Deny arguments_refused"),
        ("own", Some(r#"{"n":1}"#), "Deny arguments_refused"),
        ("own", Some(r#"{"n":2,"who":"alice"}"#), "Deny arguments_refused"),
    ] {
        let occasion = Occasion { arguments: Arguments::Given(arguments.map(str::as_bytes)), ..occasion() };
        assert_eq!(show(&policy.decide(&nobody(), &Access::Tool(tool), &occasion)), expected, "{tool} {arguments:?}");
    }
    assert_eq!(anonymous(&policy, &Access::Tool("open")), "allow", "a list entry, whose arguments are not known");
}

#[test]
fn only_rows_without_selectors_match_an_anonymous_caller() {
    let tools = json!({"a": {"public": true}, "b": {"scopes": ["read"]}, "c": {"scopes": ["write"]}});
    let of = |row: Value| policy(json!({"tools": tools, "matrix": [row]}));
    for (row, a, b, c) in [
        (json!({"deny_tools": ["*"]}), "Deny matrix_denies_tool", "Deny matrix_denies_tool", "Deny matrix_denies_tool"),
        (json!({"claims": {}, "deny_tools": ["a"]}), "Deny matrix_denies_tool", "sign in: read", "sign in: write"),
        (json!({"deny_tools": ["A"]}), "allow", "sign in: read", "sign in: write"),
        (json!({"scopes": ["read"]}), "allow", "sign in: read", "Deny matrix_narrows_scopes"),
        (json!({"deny_tools": ["a"], "mode": "shadow"}), "Deny matrix_denies_tool", "sign in: read", "sign in: write"),
        (json!({"subjects": ["*"], "deny_tools": ["*"]}), "allow", "sign in: read", "sign in: write"),
        (json!({"clients": ["*"], "deny_tools": ["*"]}), "allow", "sign in: read", "sign in: write"),
        (json!({"issuers": ["*"], "deny_tools": ["*"]}), "allow", "sign in: read", "sign in: write"),
        (json!({"claims": {"org": "x"}, "scopes": []}), "allow", "sign in: read", "sign in: write"),
    ] {
        let policy = of(row.clone());
        let found = ["a", "b", "c"].map(|tool| anonymous(&policy, &Access::Tool(tool)));
        assert_eq!(found, [a, b, c], "{row}");
    }
    let guarded = policy(json!({"tools": {"*": {"public": true}}, "matrix": [{"deny_tools": ["drop"]}]}));
    assert_eq!(anonymous(&guarded, &Access::Tool("Drop")), "Deny near_name");
}

/// Policies of a few rules, in every combination of modes, base scopes and rows.
fn policies() -> Vec<Policy> {
    let rules = [
        json!({"a": {"public": true}, "b": {"scopes": ["x"]}, "c*": {"public": true}, "*d": {"scopes": ["y"]}}),
        json!({"a": {"public": true, "mode": "shadow"}, "b": {"scopes": ["x"], "mode": "shadow"}, "*": {"scopes": []}}),
        json!({"*": {"public": true}, "b": {"scopes": ["x"], "mode": "enforce"}, "a": {"public": true, "mode": "enforce"}}),
        json!({"a": {"scopes": []}, "b": {"any_of": [["x"], ["y"]]}}),
    ];
    let rows = [
        json!([]),
        json!([{"subjects": ["alice"], "scopes": ["x"]}]),
        json!([{"scopes": ["x"]}, {"deny_tools": ["d"], "mode": "shadow"}]),
    ];
    let mut all = Vec::new();
    for (rules, rows) in rules.iter().flat_map(|rules| rows.iter().map(move |rows| (rules, rows))) {
        for (mode, unlisted, base) in [
            ("enforce", "deny", json!([])),
            ("enforce", "authenticated", json!(["base"])),
            ("shadow", "deny", json!(["base"])),
            ("shadow", "authenticated", json!([])),
        ] {
            all.push(policy(json!({
                "base_scopes": base, "tools": rules, "matrix": rows, "mode": mode, "unlisted": {"tools": unlisted},
            })));
        }
    }
    all
}

const TOOLS: [&str; 8] = ["a", "b", "c", "cd", "d", "A", "e", ""];

#[test]
fn an_anonymous_caller_never_gets_more_than_a_public_rule_gives_and_never_shadow_mode() {
    for policy in policies() {
        for tool in TOOLS {
            let access = Access::Tool(tool);
            let verdict = policy.decide(&nobody(), &access, &occasion());
            assert_ne!(verdict.outcome(), Outcome::ShadowDeny, "{tool} {policy:?}");
            if verdict.outcome() == Outcome::Allow {
                let rules = match policy.tools.find(tool) {
                    toolgate::policy::Found::Rules(rules) => rules,
                    other => panic!("{other:?}"),
                };
                assert!(!rules.is_empty() && rules.iter().all(|rule| rule.public), "{tool} {policy:?}");
            }
            let decider = policy.for_caller(&nobody());
            assert_eq!(decider.outcome(&access, &occasion()), verdict.outcome(), "lists ask the same");
            let offered = matches!(verdict.denial(), Some(Denial::NoToken { .. }));
            assert_eq!(decider.is_step_up(&access, &occasion()), offered, "{tool}");
        }
    }
}

#[test]
fn a_token_gets_at_least_what_an_anonymous_caller_gets_whatever_its_scopes() {
    for policy in policies() {
        for (tool, scopes) in TOOLS.iter().flat_map(|tool| ["", "x", "base", "base x y"].map(|scopes| (tool, scopes))) {
            for access in [Access::Tool(tool), Access::Open] {
                let without = policy.decide(&nobody(), &access, &occasion());
                let with = policy.decide(&alice(scopes), &access, &occasion());
                assert!(
                    without.outcome() == Outcome::Deny || with.outcome() == Outcome::Allow,
                    "{access:?} {scopes}: {} is less than {}\n{policy:?}",
                    show(&with),
                    show(&without)
                );
            }
        }
    }
}

#[test]
fn a_sign_in_with_the_scopes_it_asked_for_opens_what_was_asked_for() {
    for policy in policies() {
        for tool in TOOLS {
            let access = Access::Tool(tool);
            let verdict = policy.decide(&nobody(), &access, &occasion());
            let Some(Denial::NoToken { required }) = verdict.denial() else { continue };
            let scopes: Vec<_> = required.iter().map(ToString::to_string).collect();
            let signed_in = policy.decide(&alice(&scopes.join(" ")), &access, &occasion());
            // Rows may narrow what the signed-in caller may do.
            let is_allowed = signed_in.outcome() != Outcome::Deny;
            assert!(is_allowed || signed_in.denial().unwrap().scenario().is_some(), "{tool} {scopes:?}: {signed_in:?}");
        }
    }
}

#[test]
fn a_public_rule_has_nothing_that_a_token_would_have_to_satisfy() {
    let needs = "needs a token, and `public: true` needs none: remove one of the two";
    let none = "needs `scopes` or `any_of`, or `public: true` to need no token";
    for (rule, at, message) in [
        (json!({"public": true, "scopes": []}), ".scopes", needs),
        (json!({"public": true, "scopes": ["a"]}), ".scopes", needs),
        (json!({"public": true, "any_of": [["a"]]}), ".any_of", needs),
        (json!({"public": true, "acr": "a"}), ".acr", needs),
        (json!({"public": true, "max_auth_age": "5m"}), ".max_auth_age", needs),
        (json!({"public": true, "arguments": {"/a~1b": {"claim": "sub"}}}), ".arguments./a~1b.claim", needs),
        (json!({"public": false}), "", none),
        (json!({"public": "true"}), ".public", "expected a boolean, got a string"),
    ] {
        let configuration = set(minimal(), "/resources/0/policy", json!({"tools": {"t": rule}}));
        let found = faults(&node(&configuration));
        let at = format!("resources[0].policy.tools.t{at}");
        assert!(found.contains(&(at.clone(), message.to_owned())), "{at}: {found:?}");
    }
    let fresh = set(minimal(), "/resources/0/policy", json!({"tools": {"t": {"public": true, "fresh": "0s"}}}));
    assert!(faults(&node(&fresh)).contains(&("resources[0].policy.tools.t.fresh".to_owned(), needs.to_owned())));
    let with = |rule: Value| with_policy(json!({"tools": {"t": rule}})).resources[0].policy.has_public_rules;
    assert!(with(json!({"public": true, "mode": "shadow", "arguments": {"/a": {"equals": 1}}})));
    assert!(!with(json!({"public": false, "scopes": []})));
}

#[test]
fn what_does_not_restrict_a_public_rule_is_warned_of() {
    let bound = set(minimal(), "/resources/0/sessions", json!({"bind": true, "secret_env": "SESSION_SECRET"}));
    let warned = |policy: Value| warnings(&set(bound.clone(), "/resources/0/policy", policy));
    let tools = json!({"help_*": {"public": true}, "read": {"scopes": ["a"]}});
    let row = |selector: Value, denied: &str| {
        let mut row = json!({"name": "r", "deny_tools": [denied]});
        row.as_object_mut().unwrap().extend(selector.as_object().unwrap().clone());
        json!([row])
    };
    let base = "resources[0].policy.tools.help_*: is public: `base_scopes` do not apply to it";
    let escaped =
        "resources[0].policy.tools.help_*: is public: callers that the scenario `r` denies can call it without a token";
    let bot = json!({"subjects": ["bot"]});
    for (policy, expected) in [
        (json!({"tools": tools}), vec![]),
        (json!({"tools": tools, "base_scopes": ["a"]}), vec![base]),
        (json!({"tools": tools, "matrix": row(bot.clone(), "help_me")}), vec![escaped]),
        (json!({"tools": tools, "matrix": row(bot.clone(), "*")}), vec![escaped]),
        (json!({"tools": tools, "matrix": row(bot.clone(), "read")}), vec![]),
        (json!({"tools": tools, "matrix": row(json!({}), "help_me")}), vec![]),
        (
            json!({"tools": {"read": {"scopes": ["a"]}}, "prompts": {"*": {"public": true}}, "matrix": row(bot, "*")}),
            vec![],
        ),
    ] {
        assert_eq!(warned(policy.clone()), expected, "{policy}");
    }
}

/// The warnings of a configuration that is accepted.
fn warnings(configuration: &Value) -> Vec<String> {
    accepted(configuration).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn sessions_that_callers_with_and_without_a_token_share_are_warned_of() {
    let public = json!({"public": true});
    let secret = |bind: bool| json!({"bind": bind, "secret_env": "SESSION_SECRET"});
    let mixed = json!({"tools": {"a": public, "b": {"scopes": ["b"]}}});
    let shared = vec![
        "resources[0].sessions: is not set, and some rules are public: anyone who learns a session id can use it without a \
         token",
    ];
    let cases = [
        ("public and protected tools", mixed.clone(), None, shared.clone()),
        (
            "a protected tool of a caller without scopes",
            json!({"tools": {"a": public, "b": {"scopes": []}}}),
            None,
            shared.clone(),
        ),
        (
            "a public prompt and a protected method",
            json!({"prompts": {"a": public}, "methods": {"b": {"scopes": ["b"]}}}),
            None,
            shared.clone(),
        ),
        (
            "public tools, and unlisted ones for a token",
            json!({"tools": {"a": public}, "unlisted": {"tools": "authenticated"}}),
            None,
            shared.clone(),
        ),
        ("sessions that are not bound", mixed.clone(), Some(secret(false)), shared.clone()),
        ("sessions that are bound", mixed, Some(secret(true)), vec![]),
        ("public rules only", json!({"tools": {"a": public}, "resources": {"*": public}}), None, vec![]),
        ("protected rules only", json!({"tools": {"a": {"scopes": []}}}), None, vec![]),
    ];
    for (name, policy, sessions, expected) in cases {
        let mut configuration = set(minimal(), "/resources/0/policy", policy.clone());
        if let Some(sessions) = &sessions {
            configuration = set(configuration, "/resources/0/sessions", sessions.clone());
        }
        assert_eq!(warnings(&configuration), expected, "{name}");
        // A control plane's policy is told of alike.
        let plane = json!({"uri": "https://plane.example.com/policy", "cluster": "plane"});
        let remote = accepted(&set(configuration, "/resources/0/policy_source", plane));
        let resource = remote.resources.ids().next().unwrap();
        let Ok(Live::InForce { warnings, .. }) = remote.read_policy(resource, policy.to_string().as_bytes()) else {
            panic!("{name}: a policy")
        };
        let told: Vec<_> = warnings.iter().map(|told| told.to_string().replace("[]", "[0]")).collect();
        assert_eq!(told, expected, "{name}, from a control plane");
    }
}
