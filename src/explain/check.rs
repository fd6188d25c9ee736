//! A check and its result.

use crate::reason::Reason;

/// A check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The subject, in one or two words.
    pub about: &'static str,
    /// The result.
    pub finding: Finding,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The check passed, with details.
    Passed(String),
    /// The check failed.
    Refused(Refused),
    /// The check failed in shadow mode: the failure is recorded only.
    Recorded(Refused),
    /// The check could not be made, for this reason.
    Unknown(String),
}

/// A failed check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason in records.
    pub reason: Reason,
    /// The expected value and the actual one.
    pub detail: String,
    /// The usual cause, or the remedy.
    pub hint: Option<String>,
}

impl Check {
    pub(super) fn passed(about: &'static str, detail: impl Into<String>) -> Self {
        Self { about, finding: Finding::Passed(detail.into()) }
    }

    pub(super) fn refused(about: &'static str, reason: Reason, detail: impl Into<String>) -> Self {
        Self { about, finding: Finding::Refused(Refused { reason, detail: detail.into(), hint: None }) }
    }

    /// A refusal that the meaning of `reason` explains completely.
    pub(super) fn refused_for(about: &'static str, reason: Reason) -> Self {
        Self::refused(about, reason, reason.meaning())
    }

    pub(super) fn unknown(about: &'static str, detail: impl Into<String>) -> Self {
        Self { about, finding: Finding::Unknown(detail.into()) }
    }

    pub(super) fn recorded(about: &'static str, reason: Reason, detail: impl Into<String>) -> Self {
        Self { about, finding: Finding::Recorded(Refused { reason, detail: detail.into(), hint: None }) }
    }

    pub(super) fn hint(mut self, hint: Option<String>) -> Self {
        if let Finding::Refused(refused) | Finding::Recorded(refused) = &mut self.finding {
            refused.hint = hint;
        }
        self
    }

    pub(super) fn reason(&self) -> Option<Reason> {
        match &self.finding {
            Finding::Refused(refused) => Some(refused.reason),
            Finding::Passed(_) | Finding::Recorded(_) | Finding::Unknown(_) => None,
        }
    }
}
