//! The scopes of a caller that count, and what they imply.

use std::cell::OnceCell;

use super::{Matches, Policy, Row};
use crate::scope::{Hierarchy, Scope, ScopeSet};
use crate::token::AccessToken;

/// The scopes of one caller under some rows of a policy's matrix.
///
/// A token may hold thousands of scopes and a list thousands of entries, so nothing here walks through the caller's
/// scopes: each question is a search in a sorted set, and what the hierarchy implies is found once.
#[derive(Debug)]
pub struct Counted<'a> {
    caller: &'a AccessToken,
    rows: Matches<'a>,
    hierarchy: &'a Hierarchy,
    implied: OnceCell<ScopeSet>,
}

impl<'a> Counted<'a> {
    /// The scopes of `caller` that count under those rows that select the caller and that `keep` keeps.
    pub fn new(policy: &'a Policy, caller: &'a AccessToken, keep: impl Fn(&Row) -> bool) -> Self {
        let rows = Matches::new(&policy.matrix, caller, keep);
        Self { caller, rows, hierarchy: &policy.hierarchy, implied: OnceCell::new() }
    }

    /// Whose scopes they are.
    pub fn caller(&self) -> &'a AccessToken {
        self.caller
    }

    /// The rows that narrow them.
    pub fn rows(&self) -> &Matches<'a> {
        &self.rows
    }

    /// Whether the caller has `scope`: rows narrow before the hierarchy expands.
    pub fn has(&self, scope: &Scope) -> bool {
        let holds =
            |scope: &Scope| self.caller.has_scope(scope.as_str()) && self.rows.discounting(scope.as_str()).is_none();
        holds(scope) || self.implied.get_or_init(|| self.hierarchy.implied_by(holds)).contains(scope.as_str())
    }

    /// Those of `needed` that the caller lacks.
    pub fn missing(&self, needed: &ScopeSet) -> ScopeSet {
        needed.iter().filter(|scope| !self.has(scope)).cloned().collect()
    }
}
