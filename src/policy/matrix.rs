//! The scope matrix. Each row selects callers and clients and can only narrow what they may do.

use super::{Denial, Mode, RuleSet};
use crate::caller::Caller;
use crate::index::Index;
use crate::pattern::Pattern;
use crate::scope::{Scope, ScopeSet};
use crate::text::{near, readings};
use crate::token::ClaimTest;

/// A row of the scope matrix. A missing selector matches everything; all given selectors must match.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name in audit records.
    pub name: String,
    /// Patterns for the subject.
    pub subjects: Option<Vec<Pattern>>,
    /// Patterns for the client.
    pub clients: Option<Vec<Pattern>>,
    /// Patterns for the issuer's name or identifier.
    pub issuers: Option<Vec<Pattern>>,
    /// Patterns for the actor.
    pub actors: Option<Vec<Pattern>>,
    /// Whether there must be an actor, or must be none.
    pub delegated: Option<bool>,
    /// Conditions on the token's claims.
    pub claims: Vec<ClaimTest>,
    /// The granted scopes that count. Others are ignored.
    pub scopes: Option<ScopeSet>,
    /// Tools that the row denies to every caller it selects.
    pub deny_tools: DeniedTools,
    /// Whether the row's denials are enforced. Without a value, the policy's mode applies.
    pub mode: Option<Mode>,
}

/// Names and patterns of tools that a row denies.
#[derive(Clone, Debug, Default)]
pub struct DeniedTools {
    patterns: Vec<Pattern>,
    /// The exact names, folded to the form that a careless server compares.
    folded: Index,
}

impl DeniedTools {
    /// Denies tools that match a pattern, and near names of the exact names.
    pub fn new(patterns: Vec<Pattern>) -> Self {
        let exact = patterns.iter().filter(|pattern| pattern.is_exact());
        let folded = Index::new(exact.map(|pattern| near(pattern.as_str())));
        Self { patterns, folded }
    }

    /// The names and patterns, as written.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }
}

/// The rows that match one caller.
#[derive(Clone, Debug, Default)]
pub struct Matches<'a> {
    rows: Vec<&'a Row>,
}

impl Row {
    /// Whether the row selects this caller. A value that the token lacks is matched as an empty string, so `*` selects
    /// every caller with a token. Only a row without selectors selects anonymous callers.
    pub fn selects(&self, caller: &Caller) -> bool {
        let Some(caller) = caller.token() else { return !self.has_selectors() };
        let any = |patterns: &Option<Vec<Pattern>>, values: &[&str]| {
            patterns
                .as_ref()
                .is_none_or(|patterns| patterns.iter().any(|p| values.iter().any(|value| p.matches(value))))
        };
        any(&self.subjects, &[caller.subject().unwrap_or_default()])
            && any(&self.clients, &[caller.client().unwrap_or_default()])
            && any(&self.issuers, &[caller.issuer_name(), caller.issuer()])
            && any(&self.actors, &[caller.actors().next().unwrap_or_default()])
            && self.delegated.is_none_or(|delegated| delegated == caller.actors().next().is_some())
            && self.claims.iter().all(|test| test.holds(caller.claims()))
    }

    /// Whether the row selects some callers only.
    pub fn has_selectors(&self) -> bool {
        let patterns = [&self.subjects, &self.clients, &self.issuers, &self.actors];
        patterns.into_iter().any(Option::is_some) || self.delegated.is_some() || !self.claims.is_empty()
    }
}

impl<'a> Matches<'a> {
    /// The rows of `matrix` that select `caller` and satisfy `keep`.
    pub fn new(matrix: &'a [Row], caller: &Caller, keep: impl Fn(&Row) -> bool) -> Self {
        Self { rows: matrix.iter().filter(|row| keep(row) && row.selects(caller)).collect() }
    }

    /// Whether all rows satisfy `test`.
    pub fn all(&self, test: impl Fn(&Row) -> bool) -> bool {
        self.rows.iter().all(|row| test(row))
    }

    /// Whether no row matches the caller.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a row denies tools by name.
    pub fn denies_tools(&self) -> bool {
        self.rows.iter().any(|row| !row.deny_tools.patterns.is_empty())
    }

    /// The denial of `tool` by a row, regardless of scopes: the row denies its name, or a careless server would run a
    /// tool that the row denies. A name listed exactly in `rules` is never a near name.
    pub fn denial(&self, tool: &str, rules: &RuleSet) -> Option<Denial> {
        let denies = |row: &&&Row| row.deny_tools.patterns.iter().any(|pattern| pattern.matches(tool));
        if let Some(row) = self.rows.iter().find(denies) {
            return Some(Denial::MatrixDeniesTool { row: row.name.clone() });
        }
        let mut guarding = self.rows.iter().filter(|row| !row.deny_tools.folded.is_empty()).peekable();
        if guarding.peek().is_none() || rules.lists_exactly(tool) {
            return None;
        }
        let readings = readings(tool);
        let is_near = |row: &&Row| readings.iter().any(|reading| row.deny_tools.folded.contains(reading));
        guarding.any(is_near).then_some(Denial::NearName)
    }

    /// The first row under which `scope` does not count.
    pub fn discounting(&self, scope: &str) -> Option<&'a Row> {
        let excludes = |row: &&Row| row.scopes.as_ref().is_some_and(|counted| !counted.contains(scope));
        self.rows.iter().copied().find(excludes)
    }

    /// Whether all of `scopes` would count if they were granted.
    pub fn would_count<'s>(&self, mut scopes: impl Iterator<Item = &'s Scope>) -> bool {
        scopes.all(|scope| self.discounting(scope.as_str()).is_none())
    }

    /// A row that narrows scopes, for records.
    pub fn narrowing(&self) -> Option<&'a Row> {
        self.rows.iter().copied().find(|row| row.scopes.is_some())
    }
}
