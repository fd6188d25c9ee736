//! The scopes of a caller that count under the matrix, and the scopes they imply.

use std::cell::OnceCell;

use super::{Matches, Policy, Row};
use crate::caller::Caller;
use crate::scope::{Hierarchy, Scope, ScopeSet};

/// The scopes of one caller under some rows of a policy's matrix.
///
/// A token may have thousands of scopes and a list thousands of entries. No method iterates over the caller's scopes:
/// each is a lookup in a sorted set, and the implied scopes are computed once.
#[derive(Debug)]
pub struct Counted<'a> {
    caller: Caller,
    rows: Matches<'a>,
    hierarchy: &'a Hierarchy,
    implied: OnceCell<ScopeSet>,
}

impl<'a> Counted<'a> {
    /// The scopes of `caller` under the rows that select the caller and satisfy `keep`.
    pub fn new(policy: &'a Policy, caller: Caller, keep: impl Fn(&Row) -> bool) -> Self {
        let rows = Matches::new(&policy.matrix, &caller, keep);
        Self { caller, rows, hierarchy: &policy.hierarchy, implied: OnceCell::new() }
    }

    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The rows that narrow the scopes.
    pub fn rows(&self) -> &Matches<'a> {
        &self.rows
    }

    /// Whether the caller has `scope`. Rows narrow the granted scopes before the hierarchy expands them.
    pub fn has(&self, scope: &Scope) -> bool {
        let holds =
            |scope: &Scope| self.caller.has_scope(scope.as_str()) && self.rows.discounting(scope.as_str()).is_none();
        holds(scope) || self.implied.get_or_init(|| self.hierarchy.implied_by(holds)).contains(scope.as_str())
    }

    /// The scopes in `needed` that the caller lacks.
    pub fn missing(&self, needed: &ScopeSet) -> ScopeSet {
        needed.iter().filter(|scope| !self.has(scope)).cloned().collect()
    }
}
