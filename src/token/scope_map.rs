//! Scopes that the configuration grants by the caller's claims (`issuers[].scope_map`).

use super::{AccessToken, ClaimTest, Selector};
use crate::scope::{Scope, ScopeSet};

/// An entry of `scope_map`: scopes for the callers that it selects.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedScopes {
    /// Selects by identity. No pattern matches a value that the token lacks, because the entry grants something.
    pub who: Selector,
    /// Selects by claims. Names may be paths.
    pub claims: Vec<ClaimTest>,
    /// The scopes.
    pub scopes: Vec<Scope>,
}

impl MappedScopes {
    fn selects(&self, caller: &AccessToken) -> bool {
        self.who.selects(caller, None) && self.claims.iter().all(|test| test.holds_at_path(caller.claims()))
    }
}

/// All scopes of `map` for `caller`.
pub(super) fn scopes_for(map: &[MappedScopes], caller: &AccessToken) -> ScopeSet {
    map.iter().filter(|entry| entry.selects(caller)).flat_map(|entry| entry.scopes.iter().cloned()).collect()
}
