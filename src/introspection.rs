//! Introspection (RFC 7662): calls to endpoints, and cached responses.
//!
//! A sans-IO state machine: [`Introspections::ask`] requests a call, and [`Introspections::finished`] ends it. The
//! caller sends the calls and supplies the time. No call outlives its timeout, and no response is used after `exp`.
//!
//! Calls are numbered in the order in which they are sent, so that a request can distinguish a call sent for it from
//! one that was under way before ([`Fresh`]).

mod endpoint;
mod request;

pub use request::request;

use std::time::Duration;

use endpoint::Endpoint;

use crate::config::Issuer;
use crate::ids::{ById, IssuerId};
use crate::places::Standing;
use crate::time::UnixTime;
use crate::token::{Active, Answer, TokenDigest};

/// The maximum size of a response in bytes.
pub const MAX_ANSWER: usize = 65_536;

/// The result of a lookup.
#[derive(Debug, PartialEq)]
pub enum Lookup<'a> {
    /// The endpoint reports the token as active.
    Active(&'a mut Active),
    /// The endpoint reports the token as inactive.
    Inactive,
    /// The endpoint cannot be called now, or did not answer.
    Unavailable,
    /// No recent response is known: call the endpoint.
    Unknown {
        /// Whether the latest response, now outdated, reported the token as active.
        was_active: bool,
    },
}

/// The maximum age of a response. It counts from the time the call was requested, because the response reflects every
/// revocation before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// At most this old, ...
    pub within: Duration,
    /// ... or from a call with at least this number.
    pub call: u64,
}

/// A call to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The issuer of the token.
    pub issuer: IssuerId,
    /// The token's digest, which identifies the call.
    pub digest: TokenDigest,
    /// The token.
    pub token: String,
}

/// The endpoints of all issuers, in configuration order.
#[derive(Debug)]
pub struct Introspections {
    endpoints: ById<IssuerId, Option<Endpoint>>,
    /// Whether responses are being delivered to the streams that waited for them.
    hands_out: bool,
    /// The number of the next call.
    next_call: u64,
}

/// A change in an endpoint's availability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It answered before and now fails.
    Fails,
    /// It failed before and now answers.
    Recovers,
}

impl Introspections {
    /// Starts without any responses.
    pub fn new(issuers: &ById<IssuerId, Issuer>) -> Self {
        let endpoints = issuers.map(|issuer| issuer.introspection.as_ref().map(Endpoint::new));
        Self { endpoints, hands_out: false, next_call: 1 }
    }

    /// The number of the next call. Responses to it and later calls were requested after this moment.
    pub fn next_call(&self) -> u64 {
        self.next_call
    }

    /// The response of the issuer's endpoint about a token, if it is recent enough.
    pub fn find(&mut self, issuer: IssuerId, digest: &TokenDigest, fresh: Option<Fresh>, now: UnixTime) -> Lookup<'_> {
        let waited = self.hands_out;
        match self.endpoint(issuer) {
            Some(endpoint) => endpoint.find(digest, fresh, waited, now),
            None => Lookup::Unavailable,
        }
    }

    /// Requests a call about a token. Returns whether a response will arrive: the number of concurrent calls is
    /// limited.
    pub fn ask(
        &mut self,
        issuer: IssuerId,
        (digest, token): (TokenDigest, &str),
        standing: Standing,
        now: UnixTime,
    ) -> bool {
        self.endpoint(issuer).is_some_and(|endpoint| endpoint.ask((digest, token), standing, now))
    }

    /// When the cached response about this token was requested.
    pub fn asked_at(&mut self, issuer: IssuerId, digest: &TokenDigest) -> Option<UnixTime> {
        self.endpoint(issuer)?.asked_at(digest)
    }

    /// Whether half of the concurrent calls are taken by verified tokens. Then optional calls should wait. Calls for
    /// unverified tokens do not count, because they could otherwise end other callers' streams.
    pub fn is_busy(&mut self, issuer: IssuerId) -> bool {
        self.endpoint(issuer).is_none_or(|endpoint| endpoint.is_busy())
    }

    /// The response about this token was parsed. The derived token is cached with it, and its size counts.
    pub fn was_read(&mut self, issuer: IssuerId, digest: &TokenDigest) {
        if let Some(endpoint) = self.endpoint(issuer) {
            endpoint.was_read(digest);
        }
    }

    /// The size of the cached responses in bytes.
    pub fn bytes(&self) -> usize {
        self.endpoints.iter().flatten().map(Endpoint::bytes).sum()
    }

    /// Whether a call is to be sent.
    pub fn is_due(&self) -> bool {
        self.endpoints.iter().flatten().any(Endpoint::is_due)
    }

    /// Takes the calls to send. Calls for verified tokens come first.
    pub fn due(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (issuer, endpoint) in self.endpoints.ids().zip(self.endpoints.iter_mut()) {
            let due = endpoint.as_mut().map(|endpoint| endpoint.due(&mut self.next_call)).unwrap_or_default();
            calls.extend(due.into_iter().map(|(digest, token)| Call { issuer, digest, token }));
        }
        calls
    }

    /// Ends a call, with or without a response. Streams that waited for it find the response until
    /// [`Introspections::handed_out`]. Returns a change in the endpoint's availability.
    pub fn finished(
        &mut self,
        issuer: IssuerId,
        digest: TokenDigest,
        answer: Option<Answer>,
        now: UnixTime,
    ) -> Option<Change> {
        self.hands_out = true;
        self.endpoint(issuer)?.finished(digest, answer, now)
    }

    /// Starts to deliver responses to the streams that waited for them.
    pub fn hand_out(&mut self) {
        self.hands_out = true;
    }

    /// All streams of this turn have their responses. With `for_others`, responses are kept for streams that still
    /// wait.
    pub fn handed_out(&mut self, for_others: bool) {
        self.hands_out = false;
        if !for_others {
            self.endpoints.iter_mut().flatten().for_each(Endpoint::forget_handed_out);
        }
    }

    /// Calls whose responses are overdue. The caller ends them.
    pub fn overdue(&self, now: UnixTime) -> Vec<(IssuerId, TokenDigest)> {
        let endpoints = self.endpoints.with_ids().filter_map(|(issuer, endpoint)| Some((issuer, endpoint.as_ref()?)));
        endpoints.flat_map(|(issuer, endpoint)| endpoint.overdue(now).map(move |digest| (issuer, digest))).collect()
    }

    fn endpoint(&mut self, issuer: IssuerId) -> Option<&mut Endpoint> {
        self.endpoints.get_mut(issuer)?.as_mut()
    }
}
