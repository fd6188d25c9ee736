//! The scope matrix: scenarios. Each selects callers and clients and can only narrow what they may do.

use super::near::NearNames;
use super::{Denial, Mode, RuleSet};
use crate::caller::Caller;
use crate::pattern::Pattern;
use crate::scope::{Scope, ScopeSet};
use crate::token::{ClaimTest, Selector};

/// A scenario: an element of `matrix`. A missing selector matches everything; all given selectors must match.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name in audit records.
    pub name: String,
    /// Selects by identity. A value that the token lacks is matched as an empty string, so `*` selects every token.
    pub who: Selector,
    /// Whether there must be an actor, or must be none.
    pub delegated: Option<bool>,
    /// Conditions on the token's claims.
    pub claims: Vec<ClaimTest>,
    /// The granted scopes that count. Others are ignored.
    pub scopes: Option<ScopeSet>,
    /// Tools that the scenario denies to every caller it selects.
    pub deny_tools: DeniedTools,
    /// Whether the scenario's denials are enforced. Without a value, the policy's mode applies.
    pub mode: Option<Mode>,
}

/// Names and patterns of tools that a scenario denies.
#[derive(Clone, Debug, Default)]
pub struct DeniedTools {
    patterns: Vec<Pattern>,
    /// The exact names, in the form that a careless server compares.
    near: NearNames,
}

impl DeniedTools {
    /// Denies tools that match a pattern, and near names of the exact names.
    pub fn new(patterns: Vec<Pattern>) -> Self {
        let exact = patterns.iter().filter(|pattern| pattern.is_exact());
        let near = NearNames::new(exact.map(Pattern::as_str));
        Self { patterns, near }
    }

    /// The names and patterns, as written.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }
}

/// The scenarios that match one caller.
#[derive(Clone, Debug, Default)]
pub struct Matches<'a> {
    scenarios: Vec<&'a Scenario>,
}

impl Scenario {
    /// Whether the scenario selects this caller. Only a scenario without selectors selects anonymous callers.
    pub fn selects(&self, caller: &Caller) -> bool {
        let Some(caller) = caller.token() else { return !self.has_selectors() };
        self.who.selects(caller, Some(""))
            && self.delegated.is_none_or(|delegated| delegated == caller.actors().next().is_some())
            && self.claims.iter().all(|test| test.holds(caller.claims()))
    }

    /// Whether the scenario selects some callers only.
    pub fn has_selectors(&self) -> bool {
        !self.who.is_empty() || self.delegated.is_some() || !self.claims.is_empty()
    }
}

impl<'a> Matches<'a> {
    /// The scenarios of `matrix` that select `caller` and satisfy `keep`.
    pub fn new(matrix: &'a [Scenario], caller: &Caller, keep: impl Fn(&Scenario) -> bool) -> Self {
        Self { scenarios: matrix.iter().filter(|scenario| keep(scenario) && scenario.selects(caller)).collect() }
    }

    /// Whether all scenarios satisfy `test`.
    pub fn all(&self, test: impl Fn(&Scenario) -> bool) -> bool {
        self.scenarios.iter().all(|scenario| test(scenario))
    }

    /// Whether no scenario matches the caller.
    pub fn is_empty(&self) -> bool {
        self.scenarios.is_empty()
    }

    /// Whether a scenario denies tools by name.
    pub fn denies_tools(&self) -> bool {
        self.scenarios.iter().any(|scenario| !scenario.deny_tools.patterns.is_empty())
    }

    /// The denial of `tool` by a scenario, regardless of scopes: the scenario denies its name, or a careless server
    /// would run a tool that the scenario denies. A name listed exactly in `rules` is never a near name.
    pub fn denial(&self, tool: &str, rules: &RuleSet) -> Option<Denial> {
        let denies = |scenario: &&&Scenario| scenario.deny_tools.patterns.iter().any(|pattern| pattern.matches(tool));
        if let Some(scenario) = self.scenarios.iter().find(denies) {
            return Some(Denial::MatrixDeniesTool { scenario: scenario.name.clone() });
        }
        let mut guarding = self.scenarios.iter().filter(|scenario| !scenario.deny_tools.near.is_empty()).peekable();
        if guarding.peek().is_none() || rules.lists_exactly(tool) {
            return None;
        }
        guarding.any(|scenario| scenario.deny_tools.near.contains(tool)).then_some(Denial::NearName)
    }

    /// The first scenario under which `scope` does not count.
    pub fn discounting(&self, scope: &str) -> Option<&'a Scenario> {
        let excludes = |scenario: &&Scenario| scenario.scopes.as_ref().is_some_and(|counted| !counted.contains(scope));
        self.scenarios.iter().copied().find(excludes)
    }

    /// Whether all of `scopes` would count if they were granted.
    pub fn would_count<'s>(&self, mut scopes: impl Iterator<Item = &'s Scope>) -> bool {
        scopes.all(|scope| self.discounting(scope.as_str()).is_none())
    }

    /// A scenario that narrows scopes, for records.
    pub fn narrowing(&self) -> Option<&'a Scenario> {
        self.scenarios.iter().copied().find(|scenario| scenario.scopes.is_some())
    }
}
