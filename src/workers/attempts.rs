//! The record of attempts to do something once for all workers, such as to fetch or deliver a document. All workers of
//! a host share it. Without shared data, each worker keeps its own.
//!
//! It counts what workers must count together: who is working, how often attempts failed, and how many fetches unknown
//! `kid`s have caused. Each change is a function of the previous record. After a lost race, a worker reads and decides
//! again.
//!
//! ```text
//! attempts = layout fetched_at started_at failures owner since refetch refetch    0: none
//! ```

use std::time::Duration;

use super::{LAYOUT, SharedData};
use crate::time::UnixTime;

/// The first pause after the end of a failed fetch; it doubles up to the cooldown.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
/// A fetch is lost if its response has not arrived this long after its timeout.
const GRACE: Duration = Duration::from_secs(2);

/// The configured timing of a document that is fetched periodically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The timeout of a fetch.
    pub timeout: Duration,
    /// A document is refreshed before this age.
    pub max_age: Duration,
    /// The window for refetches.
    pub cooldown: Duration,
    /// How long a document may be used beyond `max_age` while fetches fail.
    pub max_stale: Duration,
}

/// The record. A time in the future counts as absent: the clock was set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The arrival of the last good document.
    pub fetched_at: Option<UnixTime>,
    /// The start of the latest attempt, or its end if it failed.
    pub started_at: Option<UnixTime>,
    /// The number of failures since the last success.
    pub failures: u32,
    /// The worker that is fetching.
    pub lease: Option<Lease>,
    /// When fetches for unknown `kid`s started, at most this many per cooldown. Two, because the first may start just
    /// before the provider publishes.
    pub refetches: [Option<UnixTime>; 2],
}

/// The right to fetch. It expires, because its owner may end without notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// A number that no other worker has.
    pub owner: u64,
    /// The time at which it was taken or renewed.
    pub since: UnixTime,
}

impl Attempts {
    /// The worker that is fetching at `now`.
    pub fn fetcher(&self, timing: Timing, now: UnixTime) -> Option<u64> {
        // A lease from the future has expired: the clock was set back.
        let live = |lease: &Lease| now.within(timing.timeout + GRACE, lease.since);
        self.lease.filter(live).map(|lease| lease.owner)
    }

    /// Whether the latest fetch failed and its pause, from one second doubling up to the cooldown, is not over.
    ///
    /// The pause follows the end of the fetch, not its start: else a fetch that times out would be followed by the next
    /// one at once, and requests would wait for one after the other.
    pub fn is_backing_off(&self, timing: Timing, now: UnixTime) -> bool {
        let doubled = FIRST_BACK_OFF.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        let pause = doubled.min(timing.cooldown.max(FIRST_BACK_OFF));
        self.failures > 0 && self.started_at.is_some_and(|at| now.within(pause, at))
    }

    /// Whether an unknown `kid` may cause another fetch.
    pub fn allows_refetch(&self, timing: Timing, now: UnixTime) -> bool {
        let spent = |at: &Option<UnixTime>| at.is_some_and(|at| now.within(timing.cooldown, at));
        !self.refetches.iter().all(spent)
    }

    /// Whether the latest attempt has brought a document. To a worker whose own attempt is under way, this means that
    /// another took over and was faster: a response that is still to come may be older.
    pub fn is_done(&self) -> bool {
        self.fetched_at.is_some() && self.lease.is_none() && self.failures == 0
    }

    /// Whether the record `name` says so ([`Self::is_done`]).
    pub fn are_done(data: &dyn SharedData, name: &str) -> bool {
        data.read(name).is_ok_and(|value| Self::decode(&value.bytes).is_some_and(|record| record.is_done()))
    }

    /// `owner` starts a fetch. `refetch`: the fetch is for an unknown `kid`.
    pub fn started(self, owner: u64, refetch: bool, timing: Timing, now: UnixTime) -> Self {
        let mut refetches = self.refetches;
        let spent = |at: &Option<UnixTime>| at.is_some_and(|at| now.within(timing.cooldown, at));
        if let Some(free) = refetches.iter_mut().find(|at| !spent(at)).filter(|_| refetch) {
            *free = Some(now);
        }
        Self {
            started_at: Some(now),
            lease: Some(Lease { owner, since: now }),
            // An unended lease means that its owner is gone and its fetch has failed.
            failures: self.failures.saturating_add(u32::from(self.lease.is_some())),
            refetches,
            ..self
        }
    }

    /// The fetch of `owner` needs another request.
    pub fn renewed(self, owner: u64, now: UnixTime) -> Self {
        let renew = |lease: Lease| Lease { since: if lease.owner == owner { now } else { lease.since }, ..lease };
        Self { lease: self.lease.map(renew), ..self }
    }

    /// `owner` gives up its fetch, which does not count as failed.
    pub fn released(self, owner: u64) -> Self {
        Self { lease: self.lease.filter(|lease| lease.owner != owner), ..self }
    }

    /// The fetch of `owner` ends, with a document or without. A fetch counted as lost may still deliver a document; its
    /// failure is not counted twice.
    pub fn ended(self, owner: u64, with_set: bool, now: UnixTime) -> Self {
        let own = self.lease.is_some_and(|lease| lease.owner == owner);
        let lease = self.lease.filter(|_| !own);
        match (with_set, own) {
            (true, _) => Self { fetched_at: Some(now), failures: 0, lease, ..self },
            (false, true) => Self { started_at: Some(now), failures: self.failures.saturating_add(1), lease, ..self },
            (false, false) => self,
        }
    }

    /// The record in the layout of this module.
    pub fn encode(&self) -> Vec<u8> {
        let time = |at: Option<UnixTime>| at.map_or(0, UnixTime::as_millis);
        let [first, second] = self.refetches;
        let lease = self.lease.map_or((0, 0), |lease| (lease.owner, lease.since.as_millis()));
        let numbers = [
            time(self.fetched_at),
            time(self.started_at),
            u64::from(self.failures),
            lease.0,
            lease.1,
            time(first),
            time(second),
        ];
        std::iter::once(LAYOUT).chain(numbers.into_iter().flat_map(u64::to_le_bytes)).collect()
    }

    /// Decodes a record. `None` if it has another layout.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (layout, rest) = bytes.split_first()?;
        let (numbers, rest) = rest.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().copied().map(u64::from_le_bytes).collect();
        let [fetched_at, started_at, failures, owner, since, first, second] = *numbers.as_slice() else { return None };
        let time = |millis: u64| (millis > 0).then(|| UnixTime::from_millis(millis));
        (*layout == LAYOUT && rest.is_empty()).then_some(Self {
            fetched_at: time(fetched_at),
            started_at: time(started_at),
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            lease: time(since).map(|since| Lease { owner, since }),
            refetches: [time(first), time(second)],
        })
    }
}
