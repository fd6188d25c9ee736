//! Properties of all decisions, with generated policies and callers.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{policy, show};
use crate::support::core::{NOW, caller, occasion};
use crate::support::tokens::Token;
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate::listing::{self, KnownLists, Private};
use toolgate::mcp::{Access, ListKind};
use toolgate::policy::{Denial, Outcome, Policy, Verdict};
use toolgate::token::AccessToken;

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
