//! The record of attempts to do something once for all workers: to fetch a document, or to deliver one. All workers of a
//! host share it; where the host shares nothing, each worker keeps its own.
//!
//! It counts what must be counted together: who works now, how often it failed, how many fetches unknown `kid`s have
//! caused. Each change is a function of the previous record, so that a worker that loses a race reads again and decides
//! again.
//!
//! ```text
//! attempts = layout fetched_at started_at failures owner since refetch refetch    0: none
//! ```

use std::time::Duration;

use super::LAYOUT;
use crate::time::UnixTime;

/// The first pause after the end of a failed fetch; it doubles up to the cooldown.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
/// A fetch is lost if its answer has not come this long after its timeout.
const GRACE: Duration = Duration::from_secs(2);

/// The configured times of one document that is fetched again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long one fetch may take.
    pub timeout: Duration,
    /// A document is refreshed before this age.
    pub max_age: Duration,
    /// The window for refetches.
    pub cooldown: Duration,
    /// A document serves this long beyond `max_age` while fetches fail.
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
    /// The worker that fetches.
    pub lease: Option<Lease>,
    /// When fetches for unknown `kid`s started: as many as one cooldown allows. Two, because the first may come just
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
    /// The worker that fetches at `now`.
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

    /// Whether an unknown `kid` may still cost a fetch.
    pub fn allows_refetch(&self, timing: Timing, now: UnixTime) -> bool {
        let spent = |at: &Option<UnixTime>| at.is_some_and(|at| now.within(timing.cooldown, at));
        !self.refetches.iter().all(spent)
    }

    /// `owner` starts a fetch; `refetch`: for an unknown `kid`.
    pub fn started(self, owner: u64, refetch: bool, timing: Timing, now: UnixTime) -> Self {
        let mut refetches = self.refetches;
        let spent = |at: &Option<UnixTime>| at.is_some_and(|at| now.within(timing.cooldown, at));
        if let Some(free) = refetches.iter_mut().find(|at| !spent(at)).filter(|_| refetch) {
            *free = Some(now);
        }
        Self {
            started_at: Some(now),
            lease: Some(Lease { owner, since: now }),
            // A lease that nobody ended: its owner is gone, and its fetch with it.
            failures: self.failures.saturating_add(u32::from(self.lease.is_some())),
            refetches,
            ..self
        }
    }

    /// The fetch of `owner` needs one request more.
    pub fn renewed(self, owner: u64, now: UnixTime) -> Self {
        let renew = |lease: Lease| Lease { since: if lease.owner == owner { now } else { lease.since }, ..lease };
        Self { lease: self.lease.map(renew), ..self }
    }

    /// `owner` gives up its fetch. Nobody has to wait for it, and it does not count as failed.
    pub fn released(self, owner: u64) -> Self {
        Self { lease: self.lease.filter(|lease| lease.owner != owner), ..self }
    }

    /// The fetch of `owner` has ended, with a document or without. A fetch that was given up as lost may still bring one;
    /// its failure is counted already.
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

    /// Reads a record; `None` if it has another layout.
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
