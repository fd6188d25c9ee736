//! Revocations: tokens that a policy refuses whatever they grant, and whatever its mode.

use super::Policy;
use crate::index::Index;
use crate::time::UnixTime;
use crate::token::{AccessToken, Selector};

/// An entry of `revoked`. All given selectors must match.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// Selects by identity. A value that the token lacks is matched as an empty string, so `*` revokes such tokens too.
    pub who: Selector,
    /// Values of `jti`.
    pub ids: Option<Index>,
    /// Tokens that were issued earlier, or do not say when.
    pub issued_before: Option<UnixTime>,
}

impl Revocation {
    fn matches(&self, caller: &AccessToken) -> bool {
        let is_named = |ids: &Index| caller.id().is_some_and(|id| ids.contains(id));
        let is_old = |limit: UnixTime| caller.issued_at().is_none_or(|issued| issued < limit.as_numeric_date());
        self.who.selects(caller, Some(""))
            && self.ids.as_ref().is_none_or(is_named)
            && self.issued_before.is_none_or(is_old)
    }
}

impl Policy {
    /// Whether the caller's token is revoked.
    pub fn revokes(&self, caller: &AccessToken) -> bool {
        self.revoked.iter().any(|entry| entry.matches(caller))
    }
}
