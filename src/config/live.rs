//! The content of a control plane's document.

use std::time::Duration;

use super::Fault;
use crate::policy::Policy;

/// A policy beyond this size is taken for something else: thousands of rules fit in.
pub const MAX_POLICY: usize = 1_000_000;

/// The content of a control plane's document.
#[derive(Clone, Debug)]
pub enum Live {
    /// This policy holds.
    InForce {
        /// The policy.
        policy: Box<Policy>,
        /// The scopes to publish as `scopes_supported`, if the document says so.
        supported: Option<Vec<String>>,
        /// How long the document may be taken for the newest one, if it says so.
        ttl: Option<Duration>,
        /// Warnings about the policy.
        warnings: Vec<Fault>,
    },
    /// There is no complete policy, and none that was there before may be used.
    Withheld {
        /// The state in the document.
        state: String,
    },
}
