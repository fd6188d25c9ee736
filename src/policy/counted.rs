//! The scopes of a caller that count under the matrix, and the scopes they imply.

use std::cell::OnceCell;

use super::{Matches, Policy, Scenario};
use crate::caller::Caller;
use crate::scope::{Hierarchy, Scope, ScopeSet};

/// The scopes of one caller under some scenarios of a policy's matrix.
///
/// A token may have thousands of scopes and a list thousands of entries. No method iterates over the caller's scopes:
/// each is a lookup in a sorted set, and the implied scopes are computed once.
#[derive(Debug)]
pub struct Counted<'a> {
    caller: Caller,
    scenarios: Matches<'a>,
    hierarchy: &'a Hierarchy,
    implied: OnceCell<ScopeSet>,
}

impl<'a> Counted<'a> {
    /// The scopes of `caller` under the scenarios that select the caller and satisfy `keep`.
    pub fn new(policy: &'a Policy, caller: Caller, keep: impl Fn(&Scenario) -> bool) -> Self {
        let scenarios = Matches::new(&policy.matrix, &caller, keep);
        Self { caller, scenarios, hierarchy: &policy.hierarchy, implied: OnceCell::new() }
    }

    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The scenarios that narrow the scopes.
    pub fn scenarios(&self) -> &Matches<'a> {
        &self.scenarios
    }

    /// Whether the caller has `scope`. Scenarios narrow the granted scopes before the hierarchy expands them.
    pub fn has(&self, scope: &Scope) -> bool {
        let counts = |scope: &Scope| self.scenarios.discounting(scope.as_str()).is_none();
        let holds = |scope: &Scope| self.caller.has_scope(scope.as_str()) && counts(scope);
        holds(scope) || self.implied.get_or_init(|| self.hierarchy.implied_by(holds)).contains(scope.as_str())
    }

    /// The scopes in `needed` that the caller lacks.
    pub fn missing(&self, needed: &ScopeSet) -> ScopeSet {
        needed.iter().filter(|scope| !self.has(scope)).cloned().collect()
    }
}
