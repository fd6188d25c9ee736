//! The calls under way: one table, whatever they are for.

use super::Gate;
use super::effect::{CallId, Effect};
use crate::callout::Request;
use crate::ids::IssuerId;
use crate::token::TokenDigest;

/// The use that the answer to a call is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A step of an attempt to fetch the keys of this issuer.
    Keys(IssuerId),
    /// The word of this issuer on the token of this digest.
    Introspection(IssuerId, TokenDigest),
    /// The policy from this one of the sources.
    Policy(usize),
    /// The manifest of this one of the targets, with its digest.
    Manifest(usize, String),
    /// Audit lines, by their number in the sink.
    Audit(u64),
}

impl Purpose {
    /// The issuer whose keys it is about.
    pub fn of_keys(&self) -> Option<IssuerId> {
        if let Self::Keys(issuer) = self { Some(*issuer) } else { None }
    }

    /// The digest of the manifest that it carries to the target `at`.
    pub fn of_manifest(&self, at: usize) -> Option<&str> {
        if let Self::Manifest(own, digest) = self { Some(digest.as_str()).filter(|_| *own == at) } else { None }
    }
}

/// The calls under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u32,
    under_way: Vec<(CallId, Purpose)>,
}

impl Calls {
    /// A call has ended. Nothing if it is not under way: it was given up, or has ended before.
    pub fn end(&mut self, id: CallId) -> Option<Purpose> {
        let at = self.under_way.iter().position(|(own, _)| *own == id)?;
        Some(self.under_way.swap_remove(at).1)
    }

    /// Gives up the calls that serve such a purpose: should their answers come after all, they change nothing.
    pub fn give_up(&mut self, is_it: impl Fn(&Purpose) -> bool) {
        self.under_way.retain(|(_, purpose)| !is_it(purpose));
    }

    /// The purposes of all calls.
    pub fn purposes(&self) -> impl Iterator<Item = &Purpose> {
        self.under_way.iter().map(|(_, purpose)| purpose)
    }
}

impl Gate {
    /// Has the host send a request.
    pub(super) fn call(&mut self, purpose: Purpose, request: Request) {
        self.calls.last = self.calls.last.wrapping_add(1);
        let id = CallId(self.calls.last);
        self.calls.under_way.push((id, purpose));
        self.effects.push(Effect::Call(id, request));
    }

    /// The number of calls under way.
    pub fn calls_under_way(&self) -> usize {
        self.calls.under_way.len()
    }

    /// Whether this call asks an introspection endpoint about a token.
    pub fn is_introspection(&self, call: CallId) -> bool {
        let is_it = |purpose: &Purpose| matches!(purpose, Purpose::Introspection(..));
        self.calls.under_way.iter().any(|(own, purpose)| *own == call && is_it(purpose))
    }

    /// Whether an answer to this call would still change anything.
    pub fn awaits(&self, call: CallId) -> bool {
        self.calls.under_way.iter().any(|(own, _)| *own == call)
    }
}
