//! The requirements of a rule.

use std::time::Duration;

use super::{ArgumentTest, Authentication, Mode};
use crate::scope::ScopeSet;

/// The requirements of a rule: all scopes of one alternative, and conditions on the call and the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// Alternatives in configuration order; never empty. An empty alternative accepts any valid token.
    pub alternatives: Vec<ScopeSet>,
    /// Whether no token is needed. Then there is one alternative, without scopes.
    pub public: bool,
    /// Conditions on the arguments of a call.
    pub arguments: Vec<ArgumentTest>,
    /// Requirements on the user's authentication.
    pub authentication: Authentication,
    /// The maximum age of the introspection response.
    pub fresh: Option<Duration>,
    /// Whether the rule's denials are enforced. Without a value, the policy's mode applies.
    pub mode: Option<Mode>,
}

impl Requirement {
    /// Whether any valid token is sufficient for every call.
    pub fn is_any_token(&self) -> bool {
        let asks_for_scopes = self.alternatives.iter().all(|scopes| !scopes.is_empty());
        let asks_for_more = self.authentication != Authentication::default() || self.fresh.is_some();
        !asks_for_scopes && !asks_for_more && self.arguments.is_empty()
    }
}
