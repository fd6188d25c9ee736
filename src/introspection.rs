//! Introspection (RFC 7662): the calls to endpoints, and the answers that are kept.
//!
//! Events come in ([`Introspections::ask`] wants a call, [`Introspections::finished`] ends it), answers go out; the
//! calls themselves and the time are the caller's. No call outlives its timeout, and no answer is used beyond `exp`.
//!
//! Calls are numbered in the order in which they are sent, so that a request can tell an answer to a call of its own
//! time from one that was on its way before ([`Fresh`]).

mod endpoint;
mod request;

pub use request::request;

use std::time::Duration;

use endpoint::Endpoint;

use crate::config::Issuer;
use crate::places::Standing;
use crate::time::UnixTime;
use crate::token::{Active, Answer, TokenDigest};

/// The largest answer.
pub const MAX_ANSWER: usize = 65_536;

/// The answer that there is for a token.
#[derive(Debug, PartialEq)]
pub enum Lookup<'a> {
    /// The endpoint says that it is active.
    Active(&'a mut Active),
    /// The endpoint says that it is not.
    Inactive,
    /// The endpoint cannot be asked now, or did not answer.
    Unavailable,
    /// There is no answer that is recent enough: the endpoint is to be asked.
    Unknown {
        /// Whether its latest answer, which is too old now, was that the token is active.
        was_active: bool,
    },
}

/// The required age of an answer. It counts from the moment at which the call was wanted, because the answer tells of
/// every revocation before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Not older than this ...
    pub within: Duration,
    /// ... or to a call of this number or a later one.
    pub call: u64,
}

/// A call that is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The place of the issuer.
    pub issuer: usize,
    /// The token's digest, by which the call is ended.
    pub digest: TokenDigest,
    /// The token.
    pub token: String,
}

/// The endpoints of all issuers, in the configuration's order.
#[derive(Debug)]
pub struct Introspections {
    endpoints: Vec<Option<Endpoint>>,
    /// Whether the streams that waited for answers are given them now.
    hands_out: bool,
    /// The number of the next call.
    next_call: u64,
}

/// A change of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It had been answering.
    Fails,
    /// It had not been answering.
    Recovers,
}

impl Introspections {
    /// For `issuers`, of which nothing is known yet.
    pub fn new(issuers: &[Issuer]) -> Self {
        let endpoints = issuers.iter().map(|issuer| issuer.introspection.as_ref().map(Endpoint::new)).collect();
        Self { endpoints, hands_out: false, next_call: 1 }
    }

    /// The number of the next call that is sent: an answer to it, or to a later one, was asked for after this moment.
    pub fn next_call(&self) -> u64 {
        self.next_call
    }

    /// The answer of the endpoint of the issuer at `place` about a token, if it is recent enough.
    pub fn find(&mut self, place: usize, digest: &TokenDigest, fresh: Option<Fresh>, now: UnixTime) -> Lookup<'_> {
        let waited = self.hands_out;
        match self.endpoint(place) {
            Some(endpoint) => endpoint.find(digest, fresh, waited, now),
            None => Lookup::Unavailable,
        }
    }

    /// Has the endpoint asked about a token. Says whether an answer will come: no more calls run at once than allowed.
    pub fn ask(
        &mut self,
        place: usize,
        (digest, token): (TokenDigest, &str),
        standing: Standing,
        now: UnixTime,
    ) -> bool {
        self.endpoint(place).is_some_and(|endpoint| endpoint.ask((digest, token), standing, now))
    }

    /// When the answer was asked for that is kept about this token.
    pub fn asked_at(&mut self, place: usize, digest: &TokenDigest) -> Option<UnixTime> {
        self.endpoint(place)?.asked_at(digest)
    }

    /// Whether half of the calls that may run at once are wanted for verified tokens, so that what can wait should.
    /// Calls of strangers do not count: else they could end streams of others.
    pub fn is_busy(&mut self, place: usize) -> bool {
        self.endpoint(place).is_none_or(|endpoint| endpoint.is_busy())
    }

    /// The answer about this token was read: what follows from it is kept with it from now on, and counts.
    pub fn was_read(&mut self, place: usize, digest: &TokenDigest) {
        if let Some(endpoint) = self.endpoint(place) {
            endpoint.was_read(digest);
        }
    }

    /// The bytes that the answers take that are kept.
    pub fn bytes(&self) -> usize {
        self.endpoints.iter().flatten().map(Endpoint::bytes).sum()
    }

    /// Whether a call is to be sent.
    pub fn is_due(&self) -> bool {
        self.endpoints.iter().flatten().any(Endpoint::is_due)
    }

    /// The calls that are to be sent, which now count as sent: a verified token's before a stranger's.
    pub fn due(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (issuer, endpoint) in self.endpoints.iter_mut().enumerate() {
            let due = endpoint.as_mut().map(|endpoint| endpoint.due(&mut self.next_call)).unwrap_or_default();
            calls.extend(due.into_iter().map(|(digest, token)| Call { issuer, digest, token }));
        }
        calls
    }

    /// A call has ended, with an answer or without. Until [`Introspections::handed_out`], those who waited for it find
    /// it; tells what has become of the endpoint.
    pub fn finished(
        &mut self,
        place: usize,
        digest: TokenDigest,
        answer: Option<Answer>,
        now: UnixTime,
    ) -> Option<Change> {
        self.hands_out = true;
        self.endpoint(place)?.finished(digest, answer, now)
    }

    /// Those who waited for answers are given them now.
    pub fn hand_out(&mut self) {
        self.hands_out = true;
    }

    /// All whose turn it was have the answers that they waited for. `for_others`: they are kept for those who wait on.
    pub fn handed_out(&mut self, for_others: bool) {
        self.hands_out = false;
        if !for_others {
            self.endpoints.iter_mut().flatten().for_each(Endpoint::forget_handed_out);
        }
    }

    /// Calls whose answers never came; the caller ends them.
    pub fn overdue(&self, now: UnixTime) -> Vec<(usize, TokenDigest)> {
        let endpoints = self.endpoints.iter().enumerate().filter_map(|(n, endpoint)| Some((n, endpoint.as_ref()?)));
        endpoints.flat_map(|(n, endpoint)| endpoint.overdue(now).map(move |digest| (n, digest))).collect()
    }

    fn endpoint(&mut self, place: usize) -> Option<&mut Endpoint> {
        self.endpoints.get_mut(place)?.as_mut()
    }
}
