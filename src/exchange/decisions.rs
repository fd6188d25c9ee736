//! The decisions on the messages of a request.

use std::borrow::Cow;
use std::time::Duration;

use super::expects::Expects;
use super::facts::{Facts, add_denial};
use super::step::Env;
use crate::audit::{Decision, Record};
use crate::jsonrpc::Shape;
use crate::mcp::ListKind;
use crate::policy::{Permit, Verdict};
use crate::reason::Reason;
use crate::reply::{Cause, Denied, DeniedElement};

/// The decisions on a request: one for each of its messages.
pub(super) struct Decisions<'b> {
    /// In the order of the messages.
    pub all: Vec<Decided<'b>>,
    /// How the messages were sent, and are answered.
    pub shape: Shape,
}

impl<'b> Decisions<'b> {
    /// The permit for all messages, if none is denied.
    #[inline]
    pub fn permit(&self) -> Option<Permit> {
        Permit::for_all(self.all.iter().map(|one| &one.verdict))
    }

    /// The contents of the one answer to all messages.
    pub fn expects(&self) -> Expects {
        self.all.iter().fold(Expects::default(), |all, one| all.and(one.expects))
    }

    /// The maximum age of the introspection response, if a rule sets one.
    pub fn fresh(&self) -> Option<Duration> {
        self.all.iter().filter_map(|one| one.fresh).min()
    }

    /// The only decision, unless the messages were sent as an array.
    pub fn single(&self) -> Option<&Decided<'b>> {
        self.all.first().filter(|_| self.shape == Shape::Single)
    }

    /// Denies all messages, since one is denied. `forwardable`: the caller's identity can be forwarded.
    pub fn into_denied(self, forwardable: bool) -> Denied {
        let elements = self.all.into_iter().map(|one| one.into_denied(forwardable)).collect();
        Denied { elements, shape: self.shape }
    }
}

/// The decision on one message of a body. Only what its record needs is copied.
pub(super) struct Decided<'b> {
    pub method: Cow<'static, str>,
    pub target: Option<String>,
    pub list: Option<ListKind>,
    pub expects: Expects,
    pub cursor: Option<Cow<'b, str>>,
    pub id: Option<&'b str>,
    pub version: Option<Cow<'b, str>>,
    pub verdict: Verdict,
    /// The recorded arguments.
    pub arguments: Option<String>,
    /// The maximum age of the introspection response.
    pub fresh: Option<Duration>,
}

impl Decided<'_> {
    /// The element of a 403 about it.
    fn into_denied(self, forwardable: bool) -> DeniedElement {
        let cause = match self.verdict {
            _ if !forwardable => Cause::Unforwardable,
            Verdict::Deny(denial) => Cause::Policy(denial),
            Verdict::Allow(_) | Verdict::ShadowDeny(..) => Cause::Companion,
        };
        let (id, method) = (self.id.map(str::to_owned), Some(self.method.into_owned()));
        DeniedElement { cause, id, method, target: self.target, arguments: self.arguments, decision_id: String::new() }
    }

    /// The record of the decision.
    pub fn into_record(self, facts: &Facts<'_>, env: &mut Env<'_>) -> Record {
        let (decision, reason) = match &self.verdict {
            Verdict::Allow(permit) if permit.caller().is_anonymous() => (Decision::Allow, Reason::Public),
            Verdict::Allow(_) => (Decision::Allow, Reason::Allowed),
            Verdict::ShadowDeny(_, denial) => (Decision::ShadowDeny, denial.reason()),
            Verdict::Deny(denial) => (Decision::Deny, denial.reason()),
        };
        let seen = (self.target, self.version.as_deref());
        let mut record = facts.record_of(self.method, seen, (decision, reason), env);
        add_denial(&mut record, self.verdict.denial());
        record.arguments = self.arguments;
        record
    }
}
