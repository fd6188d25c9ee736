//! The scope matrix: scenarios of who calls through which client, each of which only narrows.

use super::Mode;
use crate::pattern::Pattern;
use crate::scope::{Scope, ScopeSet};
use crate::text::near;
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
    /// Tools that are nobody's here.
    pub deny_tools: Vec<Pattern>,
    /// Whether its denials are carried out; without one, as the policy.
    pub mode: Option<Mode>,
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

    /// Whether one of them denies tools by name.
    pub fn denies_tools(&self) -> bool {
        self.rows.iter().any(|row| !row.deny_tools.is_empty())
    }

    /// Whether one of them denies a tool that a careless server takes `tool` for.
    pub fn nearly_denies(&self, tool: &str) -> bool {
        let near_tool = near(tool);
        let names = self.rows.iter().flat_map(|row| &row.deny_tools).filter(|pattern| pattern.is_exact());
        names.into_iter().any(|pattern| near(pattern.as_str()) == near_tool)
    }

    /// The row that denies `tool` whatever the scopes.
    pub fn denying(&self, tool: &str) -> Option<&'a Row> {
        self.rows.iter().copied().find(|row| row.deny_tools.iter().any(|pattern| pattern.matches(tool)))
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
