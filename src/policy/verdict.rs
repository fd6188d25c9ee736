//! Verdicts, and the reasons of denials.

use super::Authentication;
use crate::reason::Reason;
use crate::scope::ScopeSet;

/// What the policy says of one access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it goes on.
    pub outcome: Outcome,
    /// Why not, or why it would not have.
    pub denial: Option<Denial>,
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
