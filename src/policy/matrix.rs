//! The scope matrix: scenarios of who calls through which client, each of which only narrows.

use super::{Denial, Mode, RuleSet};
use crate::index::Index;
use crate::pattern::Pattern;
use crate::scope::{Scope, ScopeSet};
use crate::text::{near, readings};
use crate::token::{AccessToken, ClaimTest};

/// One scenario. A selector left out matches all; all given must match.
#[derive(Clone, Debug)]
pub struct Row {
    /// What audit lines call it.
    pub name: String,
    /// Patterns for the subject.
    pub subjects: Option<Vec<Pattern>>,
    /// Patterns for the client.
    pub clients: Option<Vec<Pattern>>,
    /// Patterns for the issuer's name or identifier.
    pub issuers: Option<Vec<Pattern>>,
    /// Claims the token must hold.
    pub claims: Vec<ClaimTest>,
    /// Of the granted scopes only these count.
    pub scopes: Option<ScopeSet>,
    /// Tools this row denies to everyone it selects.
    pub deny_tools: DeniedTools,
    /// Whether its denials are carried out; without one, as the policy.
    pub mode: Option<Mode>,
}

/// Names and patterns of tools that a row denies.
#[derive(Clone, Debug, Default)]
pub struct DeniedTools {
    patterns: Vec<Pattern>,
    /// The exact names, in the form that a careless server compares.
    folded: Index,
}

impl DeniedTools {
    /// Denies what these match, and the near names of the exact ones.
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
    /// Whether the row is about this caller. What the token does not say is matched as if it were empty, so that `*`
    /// narrows every caller.
    pub fn selects(&self, caller: &AccessToken) -> bool {
        let any = |patterns: &Option<Vec<Pattern>>, values: &[&str]| {
            patterns
                .as_ref()
                .is_none_or(|patterns| patterns.iter().any(|p| values.iter().any(|value| p.matches(value))))
        };
        any(&self.subjects, &[caller.subject().unwrap_or_default()])
            && any(&self.clients, &[caller.client().unwrap_or_default()])
            && any(&self.issuers, &[caller.issuer_name(), caller.issuer()])
            && self.claims.iter().all(|test| test.holds(caller.claims()))
    }
}

impl<'a> Matches<'a> {
    /// The rows of `matrix` that select `caller` and that `keep` keeps.
    pub fn new(matrix: &'a [Row], caller: &AccessToken, keep: impl Fn(&Row) -> bool) -> Self {
        Self { rows: matrix.iter().filter(|row| keep(row) && row.selects(caller)).collect() }
    }

    /// Whether all of them are as `test` says.
    pub fn all(&self, test: impl Fn(&Row) -> bool) -> bool {
        self.rows.iter().all(|row| test(row))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether one of them denies tools by name.
    pub fn denies_tools(&self) -> bool {
        self.rows.iter().any(|row| !row.deny_tools.patterns.is_empty())
    }

    /// Why a row denies `tool` whatever the scopes: by its name, or because a careless server would run a tool that the
    /// row denies. A name that `rules` list is itself, whatever it looks like.
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

    /// Whether being granted every one of `scopes` would count.
    pub fn would_count<'s>(&self, mut scopes: impl Iterator<Item = &'s Scope>) -> bool {
        scopes.all(|scope| self.discounting(scope.as_str()).is_none())
    }

    /// A row that narrows scopes, for the records.
    pub fn narrowing(&self) -> Option<&'a Row> {
        self.rows.iter().copied().find(|row| row.scopes.is_some())
    }
}
