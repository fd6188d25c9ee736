//! The life of one resource's remote policy: when to fetch, and what holds meanwhile.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::config::Live;
use crate::time::UnixTime;
use crate::workers::{Attempts, Timing};

/// However short a document says that it may be taken for the newest one: the control plane is not asked more often.
const MIN_TTL: Duration = Duration::from_secs(1);

/// What holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has come yet: what is configured.
    Waiting,
    /// The document that came.
    Live,
    /// The document that came, or what is configured: the control plane does not answer as it should.
    Failing,
    /// Nothing: it has not answered for too long.
    Stale,
    /// Nothing: it says that its policy is not complete.
    Withheld,
}

impl State {
    /// The word in records, and among workers.
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

/// What one worker knows of one resource's remote policy.
#[derive(Debug)]
pub struct RemotePolicy {
    timing: Timing,
    /// Where between 80 and 90 per cent of the interval this worker asks, so that workers do not all at once.
    jitter: u8,
    pub(super) owner: u64,
    pub(super) attempts: Attempts,
    pub(super) document: Option<Document>,
    pub(super) fetched_at: Option<UnixTime>,
    /// The digest of the bad document whose faults were told.
    refused: Option<[u8; 32]>,
}

/// A good document that came.
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
    /// Nothing has come yet. `worker` is a number that no other worker has: it marks this one's leases, and its lowest
    /// eight bits spread the requests.
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

    /// The times that hold: a document may ask to be fetched more often, never less.
    pub(super) fn timing(&self) -> Timing {
        let ttl = self.document.as_ref().and_then(|document| document.ttl);
        let max_age = ttl.map_or(self.timing.max_age, |ttl| ttl.max(MIN_TTL).min(self.timing.max_age));
        Timing { max_age, ..self.timing }
    }

    /// What holds at `now`. A document from the future is stale: the clock was set back, and its age is unknown.
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

    /// Whether a good document ever came.
    pub fn has_document(&self) -> bool {
        self.document.is_some()
    }

    /// What tells the document that holds from others, for a request that wants none if it still holds.
    pub fn etag(&self) -> Option<&str> {
        self.document.as_ref().and_then(|document| document.etag.as_deref())
    }

    /// Whether the control plane should be asked at `now`.
    pub fn is_due(&self, now: UnixTime) -> bool {
        let timing = self.timing();
        let refresh_after = timing.max_age * (8 * 255 + u32::from(self.jitter)) / (10 * 255);
        let fresh = self.fetched_at.is_some_and(|at| now.within(refresh_after, at));
        let wanted = !fresh || self.attempts.failures > 0;
        wanted && self.attempts.fetcher(timing, now).is_none() && !self.attempts.is_backing_off(timing, now)
    }

    /// Whether this worker's request will have no answer any more.
    pub(super) fn is_lost(&self, now: UnixTime) -> bool {
        let own = self.attempts.lease.is_some_and(|lease| lease.owner == self.owner);
        own && self.attempts.fetcher(self.timing(), now).is_none()
    }

    /// Whether `record` tells of something newer than this worker has. What comes from the future is not.
    pub(super) fn is_news(&self, record: &Attempts, now: UnixTime) -> bool {
        let age = |at: Option<UnixTime>| at.and_then(|at| now.since(at));
        match (age(record.fetched_at), age(self.fetched_at)) {
            (Some(age), Some(own)) => age < own,
            (age, _) => age.is_some(),
        }
    }

    /// Whether the faults of a bad document are told: not twice those of the same.
    pub(super) fn tells(&mut self, refused: [u8; 32]) -> bool {
        self.refused.replace(refused) != Some(refused)
    }
}
