//! Warnings about policies that are probably not meant as written. They never refuse a policy, because every reading is
//! safe.

use super::fields::{Findings, join};
use crate::config::{Issuer, Resource};
use crate::index::Index;
use crate::pattern::Pattern;
use crate::policy::{Mode, Policy, Requirement, Scenario};
use crate::routes::PathPattern;
use crate::scope::Scope;
use crate::sessions::Sessions;
use crate::url::Url;

/// The rules of one kind, as written.
pub struct Written<'a> {
    /// `tools`, `prompts`, `resources` or `methods`.
    pub kind: &'static str,
    /// Names and patterns with their rules.
    pub rules: &'a [(Pattern, Requirement)],
}

/// Warns about the policy at `path`.
pub fn check(path: &str, policy: &Policy, written: &[Written<'_>], found: &mut Findings) {
    for Written { kind, rules } in written {
        twins(&join(path, kind), rules, found);
        public(&join(path, kind), *kind == "tools", rules, policy, found);
    }
    for (n, scenario) in policy.matrix.iter().enumerate() {
        let path = format!("{}[{n}]", join(path, "matrix"));
        counted_scopes(&path, scenario, policy, found);
    }
    for Written { rules, .. } in written.iter().filter(|written| written.kind == "tools") {
        denied_to_everybody(&join(path, "tools"), rules, policy, found);
    }
    hierarchy(path, policy, found);
}

/// Warns about scenarios of `matrix` in the policy at `path` that match no issuer of the resource.
pub fn check_issuers(path: &str, matrix: &[Scenario], trusted: &[&Issuer], found: &mut Findings) {
    for (n, scenario) in matrix.iter().enumerate() {
        let matches = |issuer: &&Issuer| {
            let patterns = scenario.who.issuers.iter().flatten();
            patterns.into_iter().any(|p| p.matches(&issuer.name) || p.matches(&issuer.identifier))
        };
        if scenario.who.issuers.is_some() && !trusted.is_empty() && !trusted.iter().any(matches) {
            let path = format!("{}[{n}].issuers", join(path, "matrix"));
            found.warn(&path, "never matches: this resource trusts none of these issuers");
        }
    }
}

/// Warns about a pattern for actors that also matches a token without an actor, in something that restricts.
pub fn check_actors(path: &str, actors: Option<&[Pattern]>, found: &mut Findings) {
    if actors.unwrap_or_default().iter().any(|pattern| pattern.matches("")) {
        let message = "matches tokens without an actor too: for tokens with one, a scenario has `delegated: true`";
        found.warn(&join(path, "actors"), message);
    }
}

/// Warns about scopes that challenges of `resource` ask for in vain, or never, because an issuer has a `scope_map`.
pub fn check_asked_scopes(path: &str, resource: &Resource, trusted: &[&Issuer], found: &mut Findings) {
    let mapped = || trusted.iter().flat_map(|issuer| &issuer.rules.scope_map).flat_map(|entry| &entry.scopes);
    if !resource.maps_scopes || resource.policy_source.is_some() {
        return;
    }
    if resource.follows.supported {
        if let Some(scope) = mapped().find(|scope| resource.policy.needed_scopes.contains(scope.as_str())) {
            let message = format!(
                "is not set, so challenges ask for `{scope}`, which a `scope_map` grants: list what the authorization \
                 server knows"
            );
            found.warn(&join(path, "scopes_supported"), message);
        }
        return;
    }
    for scope in resource.challenge_scopes.iter().filter(|scope| !resource.scopes_supported.contains(scope)) {
        let message = format!("`{scope}` is not in `scopes_supported`, so no challenge asks for it");
        found.warn(&join(path, "challenge_scopes"), message);
    }
}

/// Warns about sessions of signed-in callers that callers without a token may use.
pub fn check_sessions(path: &str, policy: &Policy, sessions: Option<&Sessions>, found: &mut Findings) {
    let protects =
        || [&policy.tools, &policy.prompts, &policy.resources, &policy.methods].iter().any(|set| set.protects());
    if policy.has_public_rules && sessions.is_none() && protects() {
        let message =
            "is not set, and some rules are public: anyone who learns a session id can use it without a token";
        found.warn(&join(path, "sessions"), message);
    }
}

/// Warns about paths under which clients refuse the metadata, because its `resource` is neither the URL they were given
/// nor a parent path of it (RFC 9728 section 3.3).
pub fn check_paths(path: &str, identifier: &Url, paths: &[PathPattern], found: &mut Findings) {
    let own = PathPattern::of_url(identifier).to_string();
    let bare = own.strip_suffix('/').unwrap_or(&own);
    for (n, pattern) in paths.iter().enumerate() {
        let text = pattern.to_string();
        let stem = text.strip_suffix('*').unwrap_or(&text);
        let differs_by_slash = pattern.is_exact() && text != own && text.strip_suffix('/').unwrap_or(&text) == bare;
        let is_below = stem.strip_prefix(bare).is_some_and(|rest| rest.starts_with('/'));
        let is_above = !pattern.is_exact() && own.starts_with(stem);
        let matches = text == own || is_below || is_above || is_message_path(bare, &text);
        if differs_by_slash || !matches {
            let message = "`resource` is another URL: strict clients that use this one refuse the metadata, and \
                           need a resource of its own";
            found.warn(&format!("{path}[{n}]"), message);
        }
    }
}

/// Whether `path` may be the message path of the 2024-11-05 transport, by the usual name of the stream or of the path.
/// Clients learn it from an event and do not compare it with the metadata.
fn is_message_path(own: &str, path: &str) -> bool {
    own.ends_with("/sse") || path.rsplit('/').any(|segment| segment.starts_with("message"))
}

/// Warns about a pattern that is given more than once. All of its rules have to be satisfied, which is rarely intended.
fn twins(path: &str, rules: &[(Pattern, Requirement)], found: &mut Findings) {
    let index = Index::new(rules.iter().map(|(pattern, _)| pattern.as_str().to_owned()));
    for (n, (pattern, _)) in rules.iter().enumerate() {
        if index.place(pattern.as_str()).is_some_and(|first| first != n) {
            let message = "is given more than once, because `**` means `*`: all of its rules must be satisfied";
            found.warn(&join(path, pattern.as_str()), message);
        }
    }
}

/// Warns about public rules that something else seems to restrict: it does not restrict anonymous callers.
fn public(path: &str, are_tools: bool, rules: &[(Pattern, Requirement)], policy: &Policy, found: &mut Findings) {
    for (name, _) in rules.iter().filter(|(_, rule)| rule.public) {
        if !policy.base_scopes.is_empty() {
            found.warn(&join(path, name.as_str()), "is public: `base_scopes` do not apply to it");
        }
        let denies = |scenario: &&Scenario| scenario.deny_tools.patterns().iter().any(|denied| denied.overlaps(name));
        for scenario in policy.matrix.iter().filter(|scenario| are_tools && scenario.has_selectors()).filter(denies) {
            let message =
                format!("is public: callers that the scenario `{}` denies can call it without a token", scenario.name);
            found.warn(&join(path, name.as_str()), message);
        }
    }
}

/// Warns about a scope that counts in a scenario but that no rule needs. It is probably misspelled.
fn counted_scopes(path: &str, scenario: &Scenario, policy: &Policy, found: &mut Findings) {
    let named = policy.named_scopes();
    for scope in scenario.scopes.iter().flatten().filter(|scope| !named.contains(scope.as_str())) {
        found.warn(
            &join(path, "scopes"),
            format!("counts `{}`, which nothing else in this policy names", scope.as_str()),
        );
    }
}

/// Warns about tools that a scenario without selectors denies to everyone.
fn denied_to_everybody(path: &str, rules: &[(Pattern, Requirement)], policy: &Policy, found: &mut Findings) {
    let is_for_all = |scenario: &&Scenario| {
        scenario.who.is_for_all()
            && scenario.claims.is_empty()
            && scenario.delegated.is_none()
            && scenario.mode.unwrap_or(policy.mode) == Mode::Enforce
    };
    for scenario in policy.matrix.iter().filter(is_for_all) {
        for (name, _) in rules {
            // A pattern covers another if it matches the other's text with each `*` replaced by a character that only
            // `*` matches.
            let text = name.as_str().replace('*', "\u{10ffff}");
            if scenario.deny_tools.patterns().iter().any(|denied| denied.matches(&text)) {
                let message = format!("is denied to everyone by the scenario `{}`", scenario.name);
                found.warn(&join(path, name.as_str()), message);
            }
        }
    }
}

/// Warns about a scope of the hierarchy that implies no needed scope, because it grants nothing.
fn hierarchy(path: &str, policy: &Policy, found: &mut Findings) {
    let mut told = crate::scope::ScopeSet::new();
    for scope in policy.hierarchy.scopes().filter(|scope| !leads_somewhere(policy, scope)) {
        if told.insert(scope.clone()) {
            let message = format!("`{}` implies no scope that a rule or `base_scopes` needs", scope.as_str());
            found.warn(&join(path, "hierarchy"), message);
        }
    }
}

/// Whether `scope` is or implies one that a rule or `base_scopes` needs.
pub fn leads_somewhere(policy: &Policy, scope: &Scope) -> bool {
    let needed = |scope: &Scope| policy.needed_scopes.contains(scope.as_str());
    needed(scope) || policy.hierarchy.narrower(scope).any(needed)
}
