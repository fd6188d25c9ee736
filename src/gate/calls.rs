//! The calls under way: one table for all purposes.

use super::Gate;
use super::effect::{CallId, Effect, Host};
use super::sent::Sent;
use crate::callout::Request;
use crate::ids::{IssuerId, ResourceId};
use crate::token::TokenDigest;

/// The purpose of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A step of an attempt to fetch this issuer's keys.
    Keys(IssuerId),
    /// The introspection of the token with this digest by this issuer.
    Introspection(IssuerId, TokenDigest),
    /// The policy of this resource, from its control plane.
    Policy(ResourceId),
    /// The manifest of this resource, with its digest.
    Manifest(ResourceId, String),
    /// The post with this number of the audit sink.
    Audit(u64),
}

impl Purpose {
    /// The digest of the manifest of `resource` that the call publishes.
    pub fn of_manifest(&self, resource: ResourceId) -> Option<&str> {
        if let Self::Manifest(own, digest) = self { Some(digest.as_str()).filter(|_| *own == resource) } else { None }
    }
}

/// The calls under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u32,
    under_way: Vec<(CallId, Purpose, Sent)>,
}

impl Calls {
    /// Ends a call and returns its purpose. `None` if it is not under way: it was given up, or has ended before.
    pub fn end(&mut self, id: CallId) -> Option<(Purpose, Sent)> {
        let at = self.under_way.iter().position(|(own, _, _)| *own == id)?;
        let (_, purpose, sent) = self.under_way.swap_remove(at);
        Some((purpose, sent))
    }

    /// Gives up the calls with such a purpose, and returns one of them. Answers that still arrive are ignored.
    pub fn give_up(&mut self, is_it: &dyn Fn(&Purpose) -> bool) -> Option<Sent> {
        let mut given_up = None;
        while let Some(at) = self.under_way.iter().position(|(_, purpose, _)| is_it(purpose)) {
            given_up = Some(self.under_way.swap_remove(at).2);
        }
        given_up
    }

    /// The purposes of all calls.
    pub fn purposes(&self) -> impl Iterator<Item = &Purpose> {
        self.under_way.iter().map(|(_, purpose, _)| purpose)
    }
}

impl Gate {
    /// Makes the host send a request.
    pub(super) fn call(&mut self, purpose: Purpose, mut request: Request) {
        self.calls.last = self.calls.last.wrapping_add(1);
        let id = CallId(self.calls.last);
        let sent = match purpose {
            Purpose::Audit(_) => Sent::without_path(&mut request),
            _ => Sent::of(&mut request),
        };
        self.calls.under_way.push((id, purpose, sent));
        self.effects.push(Effect::Call(id, request));
    }

    /// Ends all calls, because the instance ends. Other workers may take their leases at once.
    pub(super) fn release_calls(&mut self, host: &Host<'_>) {
        for (_, purpose, _) in std::mem::take(&mut self.calls.under_way) {
            match purpose {
                Purpose::Keys(issuer) => self.release_keys(issuer, host),
                Purpose::Policy(resource) => self.release_policy(resource, host),
                Purpose::Manifest(resource, _) => self.release_manifest(resource, host),
                Purpose::Introspection(..) | Purpose::Audit(_) => {}
            }
        }
    }

    /// The number of calls under way.
    pub fn calls_under_way(&self) -> usize {
        self.calls.under_way.len()
    }

    /// Whether this call asks an introspection endpoint about a token.
    pub fn is_introspection(&self, call: CallId) -> bool {
        let is_it = |purpose: &Purpose| matches!(purpose, Purpose::Introspection(..));
        self.calls.under_way.iter().any(|(own, purpose, _)| *own == call && is_it(purpose))
    }

    /// Whether the call is under way, so that its answer is used.
    pub fn awaits(&self, call: CallId) -> bool {
        self.calls.under_way.iter().any(|(own, _, _)| *own == call)
    }
}
