//! The lifecycle of one resource's remote policy: when to fetch it, and which policy applies meanwhile.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::config::Live;
use crate::time::UnixTime;
use crate::workers::{Attempts, Timing};

/// The minimum time between requests to the control plane, even if a document has a shorter `ttl`.
const MIN_TTL: Duration = Duration::from_secs(1);

/// Which policy applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The configured policy, because no document has arrived yet.
    Waiting,
    /// The policy of the latest document.
    Live,
    /// The policy of the latest document, or the configured one, because the latest attempt failed.
    Failing,
    /// None: attempts have failed for too long.
    Stale,
    /// None: the control plane reports that its policy is incomplete.
    Withheld,
}

impl State {
    /// The name in records and in the data that workers share.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Live => "live",
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Withheld => "withheld",
        }
    }

    /// Whether everything is denied.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Stale | Self::Withheld)
    }
}

/// One worker's state of one resource's remote policy.
#[derive(Debug)]
pub struct RemotePolicy {
    timing: Timing,
    /// When this worker refreshes, between 80 and 90 per cent of the interval, to spread the load of the workers.
    jitter: u8,
    pub(super) owner: u64,
    pub(super) attempts: Attempts,
    pub(super) document: Option<Document>,
    pub(super) fetched_at: Option<UnixTime>,
    /// The digest of the invalid document whose faults were logged.
    refused: Option<[u8; 32]>,
}

/// A valid document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub digest: [u8; 32],
    pub etag: Option<String>,
    ttl: Option<Duration>,
    withheld: bool,
}

impl Document {
    pub fn new(digest: [u8; 32], etag: Option<&str>, live: &Live) -> Self {
        let (ttl, withheld) = match live {
            Live::InForce { ttl, .. } => (*ttl, false),
            Live::Withheld { .. } => (None, true),
        };
        Self { digest, etag: etag.map(str::to_owned), ttl, withheld }
    }
}

pub(super) fn digest(document: &[u8]) -> [u8; 32] {
    Sha256::digest(document).into()
}

impl RemotePolicy {
    /// No document has arrived yet. `worker` is unique to this worker: it marks its leases, and its lowest eight bits
    /// spread the requests.
    pub fn new(timing: Timing, worker: u64) -> Self {
        let [jitter, ..] = worker.to_le_bytes();
        Self {
            timing,
            jitter,
            owner: worker,
            attempts: Attempts::default(),
            document: None,
            fetched_at: None,
            refused: None,
        }
    }

    /// The effective timing. A document may shorten the interval but not extend it.
    pub(super) fn timing(&self) -> Timing {
        let ttl = self.document.as_ref().and_then(|document| document.ttl);
        let max_age = ttl.map_or(self.timing.max_age, |ttl| ttl.max(MIN_TTL).min(self.timing.max_age));
        Timing { max_age, ..self.timing }
    }

    /// The state at `now`. A fetch time in the future means that the clock was set back. The age is unknown, so the
    /// document is stale.
    pub fn state(&self, now: UnixTime) -> State {
        let timing = self.timing();
        let is_usable = || self.fetched_at.is_some_and(|at| now.within(timing.max_age + timing.max_stale, at));
        match &self.document {
            Some(document) if document.withheld => State::Withheld,
            Some(_) if !is_usable() => State::Stale,
            _ if self.attempts.failures > 0 => State::Failing,
            Some(_) => State::Live,
            None => State::Waiting,
        }
    }

    /// Whether a valid document has ever arrived.
    pub fn has_document(&self) -> bool {
        self.document.is_some()
    }

    /// The entity tag of the current document, for a conditional request.
    pub fn etag(&self) -> Option<&str> {
        self.document.as_ref().and_then(|document| document.etag.as_deref())
    }

    /// Whether to call the control plane at `now`.
    pub fn is_due(&self, now: UnixTime) -> bool {
        let timing = self.timing();
        let refresh_after = timing.max_age * (8 * 255 + u32::from(self.jitter)) / (10 * 255);
        let fresh = self.fetched_at.is_some_and(|at| now.within(refresh_after, at));
        let wanted = !fresh || self.attempts.failures > 0;
        wanted && self.attempts.fetcher(timing, now).is_none() && !self.attempts.is_backing_off(timing, now)
    }

    /// Whether the response to this worker's request is overdue.
    pub(super) fn is_lost(&self, now: UnixTime) -> bool {
        let own = self.attempts.lease.is_some_and(|lease| lease.owner == self.owner);
        own && self.attempts.fetcher(self.timing(), now).is_none()
    }

    /// Whether `record` announces something newer than this worker has. A time in the future is never newer.
    pub(super) fn is_news(&self, record: &Attempts, now: UnixTime) -> bool {
        let age = |at: Option<UnixTime>| at.and_then(|at| now.since(at));
        match (age(record.fetched_at), age(self.fetched_at)) {
            (Some(age), Some(own)) => age < own,
            (age, _) => age.is_some(),
        }
    }

    /// Whether to log the faults of an invalid document. Those of one document are logged once.
    pub(super) fn tells(&mut self, refused: [u8; 32]) -> bool {
        self.refused.replace(refused) != Some(refused)
    }
}
