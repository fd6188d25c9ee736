//! Verdicts, and the reasons of denials.

use super::Authentication;
use crate::reason::Reason;
use crate::scope::ScopeSet;
use crate::token::AccessToken;

/// The decision about one access.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on.
    Allow(Permit),
    /// It goes on, and the denial is recorded.
    ShadowDeny(Permit, Denial),
    /// It does not go on.
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

    /// Why the access is denied, or would be outside shadow mode.
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

/// The proof that a policy lets a caller go on. Only a decision makes one, and a request is forwarded with one only.
#[derive(Debug)]
pub struct Permit {
    caller: AccessToken,
}

impl Permit {
    pub(super) fn new(caller: &AccessToken) -> Self {
        Self { caller: caller.clone() }
    }

    /// One for a request whose operations got these verdicts: none if one of them is denied, or if there are none.
    pub fn for_all<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> Option<Self> {
        let permits = verdicts.into_iter().map(|verdict| match verdict {
            Verdict::Allow(permit) | Verdict::ShadowDeny(permit, _) => Some(permit),
            Verdict::Deny(_) => None,
        });
        let permits: Vec<_> = permits.collect::<Option<_>>()?;
        permits.first().map(|permit| Self::new(&permit.caller))
    }

    /// Whom it was given to.
    pub fn caller(&self) -> &AccessToken {
        &self.caller
    }
}

/// Whether an operation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It does.
    Allow,
    /// It does not.
    Deny,
    /// It does, and the denial is recorded.
    ShadowDeny,
}

/// Why an operation is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The call's arguments are not what its rule asks for, or cannot be judged.
    Arguments,
    /// The user must sign in again, or at another level (RFC 9470).
    Authentication(Authentication),
    /// The tool is not what was approved.
    Drifted,
    /// Scopes are missing that a step-up can bring.
    InsufficientScope {
        /// The alternative with the fewest missing scopes, `base_scopes` included.
        required: ScopeSet,
        /// Those of them that the caller lacks.
        missing: ScopeSet,
        /// What to ask for: `required`, and the granted scopes this resource knows. Sorted.
        ask: ScopeSet,
        /// The scenario that narrowed the caller's scopes.
        row: Option<String>,
    },
    /// A scenario denies this tool.
    MatrixDeniesTool {
        /// The scenario.
        row: String,
    },
    /// The scopes that would open it do not count in this scenario.
    MatrixNarrows {
        /// The scenario.
        row: String,
    },
    /// Not listed, and it looks like a listed name.
    NearName,
    /// There is no policy that may decide.
    PolicyUnavailable,
    /// Listed nowhere.
    Unlisted,
    /// The issuer would have to be asked about the token, and cannot be.
    Unverifiable,
}

impl Denial {
    /// Whether another token of the same caller would help: one with more scopes, or of a fresh sign-in.
    pub fn is_step_up(&self) -> bool {
        matches!(self, Self::Authentication(_) | Self::InsufficientScope { .. })
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
            Self::PolicyUnavailable => Reason::PolicyUnavailable,
            Self::Unlisted => Reason::Unlisted,
            Self::Unverifiable => Reason::FreshnessUnverifiable,
        }
    }

    /// The scenario that had a part in it.
    pub fn row(&self) -> Option<&str> {
        match self {
            Self::InsufficientScope { row, .. } => row.as_deref(),
            Self::MatrixDeniesTool { row } | Self::MatrixNarrows { row } => Some(row),
            Self::Arguments | Self::Authentication(_) | Self::Drifted | Self::NearName => None,
            Self::PolicyUnavailable | Self::Unlisted | Self::Unverifiable => None,
        }
    }

    pub(super) fn is_by_row(&self) -> bool {
        matches!(self, Self::MatrixDeniesTool { .. } | Self::MatrixNarrows { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gets_a_permit_if_each_of_its_operations_has_one() {
        let caller = AccessToken::of("https://as", "alice", &[]);
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
