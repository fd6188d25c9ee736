//! The content of a control plane's document.

use std::time::Duration;

use super::Fault;
use crate::policy::Policy;

/// The maximum size of a policy document. It has room for thousands of rules.
pub const MAX_POLICY: usize = 1_000_000;

/// The content of a control plane's document.
#[derive(Clone, Debug)]
pub enum Live {
    /// A complete policy.
    InForce {
        /// The policy.
        policy: Box<Policy>,
        /// The value of `scopes_supported`, if the document contains one.
        supported: Option<Vec<String>>,
        /// How long the document counts as current, if it says so.
        ttl: Option<Duration>,
        /// Warnings about the policy.
        warnings: Vec<Fault>,
    },
    /// The policy is incomplete, and an earlier one must not be used.
    Withheld {
        /// The state in the document.
        state: String,
    },
}
