//! Verdicts and denials.

use super::Authentication;
use crate::caller::Caller;
use crate::reason::Reason;
use crate::scope::ScopeSet;

/// The decision about one access.
#[derive(Debug)]
pub enum Verdict {
    /// The operation is allowed.
    Allow(Permit),
    /// The operation is allowed, and the denial is recorded.
    ShadowDeny(Permit, Denial),
    /// The operation is denied.
    Deny(Denial),
}

impl Verdict {
    /// The decision without its reason.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Allow(_) => Outcome::Allow,
            Self::ShadowDeny(..) => Outcome::ShadowDeny,
            Self::Deny(_) => Outcome::Deny,
        }
    }

    /// The denial, enforced or in shadow mode.
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Allow(_) => None,
            Self::ShadowDeny(_, denial) | Self::Deny(denial) => Some(denial),
        }
    }

    pub(super) fn denial_mut(&mut self) -> Option<&mut Denial> {
        match self {
            Self::Allow(_) => None,
            Self::ShadowDeny(_, denial) | Self::Deny(denial) => Some(denial),
        }
    }
}

/// Proof that a policy allowed the caller. Only a decision creates one, and forwarding a request requires one.
#[derive(Debug)]
pub struct Permit {
    caller: Caller,
}

impl Permit {
    pub(super) fn new(caller: &Caller) -> Self {
        Self { caller: caller.clone() }
    }

    /// A permit for a request whose operations got these verdicts. `None` if one is denied or there are none.
    pub fn for_all<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> Option<Self> {
        let mut first = None;
        for verdict in verdicts {
            match verdict {
                Verdict::Allow(permit) | Verdict::ShadowDeny(permit, _) => _ = first.get_or_insert(permit),
                Verdict::Deny(_) => return None,
            }
        }
        first.map(|permit| Self::new(&permit.caller))
    }

    /// The caller to whom the permit was given.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// A verdict without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
    /// Allowed, and the denial is recorded.
    ShadowDeny,
}

/// Why an operation is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The call's arguments do not satisfy the rule, or cannot be evaluated.
    Arguments,
    /// The user must authenticate again, or at another level (RFC 9470).
    Authentication(Authentication),
    /// The tool differs from its approved definition.
    Drifted,
    /// The caller lacks scopes that a step-up can grant.
    InsufficientScope {
        /// The alternative with the fewest missing scopes, `base_scopes` included.
        required: ScopeSet,
        /// The scopes of `required` that the caller lacks.
        missing: ScopeSet,
        /// Scopes to ask for: `required` and the granted scopes that this resource names. Sorted.
        ask: ScopeSet,
        /// The scenario that narrowed the caller's scopes.
        scenario: Option<String>,
    },
    /// A scenario denies this tool.
    MatrixDeniesTool {
        /// The name of the scenario.
        scenario: String,
    },
    /// The scopes that would allow the operation do not count under this scenario.
    MatrixNarrows {
        /// The name of the scenario.
        scenario: String,
    },
    /// An unlisted name that resembles a listed one.
    NearName,
    /// The caller is anonymous, and a token could allow it.
    NoToken {
        /// The alternative with the fewest scopes, `base_scopes` included.
        required: ScopeSet,
    },
    /// The caller lacks scopes that no challenge may ask for.
    NotOffered,
    /// No usable policy is available.
    PolicyUnavailable,
    /// No rule lists it.
    Unlisted,
    /// The rule requires introspection, and the issuer has no introspection endpoint.
    Unverifiable,
}

impl Denial {
    /// Whether a token would help: one at all, one with more scopes, or one from a new authentication.
    pub fn is_step_up(&self) -> bool {
        matches!(self, Self::Authentication(_) | Self::InsufficientScope { .. } | Self::NoToken { .. })
    }

    /// The reason in records.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Arguments => Reason::ArgumentsRefused,
            Self::Authentication(_) => Reason::InsufficientUserAuthentication,
            Self::Drifted => Reason::ToolDrifted,
            Self::InsufficientScope { .. } => Reason::InsufficientScope,
            Self::MatrixDeniesTool { .. } => Reason::MatrixDeniesTool,
            Self::MatrixNarrows { .. } => Reason::MatrixNarrowsScopes,
            Self::NearName => Reason::NearName,
            Self::NoToken { .. } => Reason::NoToken,
            Self::NotOffered => Reason::ScopeNotOffered,
            Self::PolicyUnavailable => Reason::PolicyUnavailable,
            Self::Unlisted => Reason::Unlisted,
            Self::Unverifiable => Reason::FreshnessUnverifiable,
        }
    }

    /// The scenario that took part in the denial.
    pub fn scenario(&self) -> Option<&str> {
        match self {
            Self::InsufficientScope { scenario, .. } => scenario.as_deref(),
            Self::MatrixDeniesTool { scenario } | Self::MatrixNarrows { scenario } => Some(scenario),
            Self::Arguments | Self::Authentication(_) | Self::Drifted | Self::NearName => None,
            Self::NoToken { .. } | Self::NotOffered | Self::PolicyUnavailable | Self::Unlisted | Self::Unverifiable => {
                None
            }
        }
    }

    pub(super) fn is_by_scenario(&self) -> bool {
        matches!(self, Self::MatrixDeniesTool { .. } | Self::MatrixNarrows { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::AccessToken;

    #[test]
    fn a_request_gets_a_permit_if_each_of_its_operations_has_one() {
        let caller = Caller::from(AccessToken::of("https://as", "alice", &[]));
        let allow = || Verdict::Allow(Permit::new(&caller));
        let shadow = || Verdict::ShadowDeny(Permit::new(&caller), Denial::Unlisted);
        let deny = || Verdict::Deny(Denial::Unlisted);
        for (verdicts, permitted) in [
            (vec![], false),
            (vec![allow()], true),
            (vec![shadow(), allow()], true),
            (vec![deny()], false),
            (vec![allow(), shadow(), deny()], false),
        ] {
            let permit = Permit::for_all(&verdicts);
            assert_eq!(permit.map(|permit| permit.caller().clone()), permitted.then(|| caller.clone()), "{verdicts:?}");
        }
    }
}
