//! The lifecycle of an issuer's key set: when to fetch it, when to use it, and how often an unknown `kid` may cause a
//! refetch.
//!
//! A sans-IO state machine: [`KeySetCache::started`], [`KeySetCache::finished`] and [`KeySetCache::tick`] are its
//! events. The caller fetches and supplies the time. If workers share data, [`KeySetCache::observe`] and
//! [`KeySetCache::adopt`] bring the results of other workers.

use std::time::Duration;

use super::{KeyQuery, KeySet, PublicKey, Selection};
use crate::time::UnixTime;
use crate::workers::{Attempts, Timing};

/// How long the shared record counts as current. Without it, every request to be refused would cause another read.
const FRESH: Duration = Duration::from_millis(5);
/// The maximum number of remembered unknown `kid`s. A forgotten one costs at most a refetch, and refetches are limited
/// to two.
const MAX_REMEMBERED: usize = 256;
/// A longer `kid` is not remembered, because anyone may send one. Providers use less than a hundred bytes.
const MAX_KID: usize = 512;

/// The result of a key lookup.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Keys to try.
    Keys(Vec<&'a PublicKey>),
    /// The issuer does not have the key: the token is invalid.
    NoKey,
    /// No keys are available. The token may be valid.
    Unavailable,
    /// A fetch is under way or due. Repeat the lookup when it has ended.
    Wait,
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeySetCache {
    /// `None` for a fixed set.
    timing: Option<Timing>,
    set: KeySet,
    /// Counts the changes of the set. Tokens verified with an earlier set are verified again.
    generation: u64,
    fetched_at: Option<UnixTime>,
    /// When this worker refreshes, between 80 and 90 per cent of `max_age`, to spread the load of the workers.
    refresh_after: Duration,
    /// A number unique to this worker.
    owner: u64,
    /// The record of attempts by all workers, as last read.
    attempts: Attempts,
    /// When the shared record was read. `None` if workers share no data.
    observed_at: Option<UnixTime>,
    /// A token is about to be refused because of the shared record, so read it again first.
    wants_look: bool,
    /// An unknown `kid` requires a fetch.
    wanted: bool,
    /// `kid`s that streams wait for, each with the start of the wait.
    awaited: Vec<(Option<String>, UnixTime)>,
    /// `kid`s missing from a fetched set, each with the start of the fetch.
    absent: Vec<(Option<String>, UnixTime)>,
}

impl KeySetCache {
    /// A fixed set of keys.
    pub fn fixed(set: KeySet) -> Self {
        Self { set, ..Self::empty(None, Duration::ZERO, 0) }
    }

    /// Keys to be fetched. `worker` is unique to this worker: it marks its leases, and its lowest eight bits spread the
    /// refreshes.
    pub fn fetched(timing: Timing, worker: u64) -> Self {
        let [jitter, ..] = worker.to_le_bytes();
        Self::empty(Some(timing), timing.max_age * (8 * 255 + u32::from(jitter)) / (10 * 255), worker)
    }

    fn empty(timing: Option<Timing>, refresh_after: Duration, owner: u64) -> Self {
        Self {
            timing,
            set: KeySet::default(),
            generation: 0,
            fetched_at: None,
            refresh_after,
            owner,
            attempts: Attempts::default(),
            observed_at: None,
            wants_look: false,
            wanted: false,
            awaited: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// The keys for a token at `now`.
    pub fn find(&mut self, query: &KeyQuery, now: UnixTime) -> Lookup<'_> {
        let Some(timing) = self.timing else { return self.select(query) };
        if !self.is_usable(timing, now) {
            return if self.is_in_flight(timing, now) || self.is_due(now) {
                self.wait_for(query, now)
            } else {
                self.unavailable(query, now)
            };
        }
        if matches!(self.set.select(query), Selection::Unknown) {
            return self.unknown(timing, query, now);
        }
        self.select(query)
    }

    fn select(&self, query: &KeyQuery) -> Lookup<'_> {
        match self.set.select(query) {
            Selection::Keys(keys) => Lookup::Keys(keys),
            Selection::Mismatch | Selection::Unknown => Lookup::NoKey,
        }
    }

    /// Handles an unknown `kid`: waits if a fetch is under way, fetches if the cooldown allows.
    fn unknown(&mut self, timing: Timing, query: &KeyQuery, now: UnixTime) -> Lookup<'_> {
        self.absent.retain(|(_, at)| now.within(timing.cooldown, *at));
        if self.is_in_flight(timing, now) || self.wanted {
            return self.wait_for(query, now);
        }
        if self.attempts.is_backing_off(timing, now) {
            return self.unavailable(query, now);
        }
        if self.absent.iter().any(|(kid, _)| *kid == query.kid) {
            return Lookup::NoKey;
        }
        if self.attempts.allows_refetch(timing, now) {
            self.wanted = true;
            return self.wait_for(query, now);
        }
        if self.attempts.failures > 0 { self.unavailable(query, now) } else { Lookup::NoKey }
    }

    /// No worker has keys, according to the last read record. Reads it again before giving up.
    fn unavailable(&mut self, query: &KeyQuery, now: UnixTime) -> Lookup<'_> {
        if self.observed_at.is_none_or(|at| now.within(FRESH, at)) {
            return Lookup::Unavailable;
        }
        self.wants_look = true;
        self.wait_for(query, now)
    }

    fn wait_for(&mut self, query: &KeyQuery, now: UnixTime) -> Lookup<'_> {
        let is_short = query.kid.as_ref().is_none_or(|kid| kid.len() <= MAX_KID);
        if is_short && self.awaited.len() < MAX_REMEMBERED && self.awaited.iter().all(|(kid, _)| *kid != query.kid) {
            self.awaited.push((query.kid.clone(), now));
        }
        Lookup::Wait
    }

    /// Whether the last good set is still usable. A time in the future means that the clock was set back, so the age is
    /// unknown and the set is not usable.
    fn is_usable(&self, timing: Timing, now: UnixTime) -> bool {
        self.fetched_at.is_some_and(|at| now.within(timing.max_age + timing.max_stale, at))
    }

    fn is_in_flight(&self, timing: Timing, now: UnixTime) -> bool {
        self.attempts.fetcher(timing, now).is_some()
    }

    /// Whether a fetch should start at `now`.
    pub fn is_due(&self, now: UnixTime) -> bool {
        let Some(timing) = self.timing else { return false };
        if self.is_in_flight(timing, now) {
            return false;
        }
        let fresh = self.fetched_at.is_some_and(|at| now.within(self.refresh_after, at));
        let stale = !fresh || self.attempts.failures > 0;
        self.wanted || (stale && !self.attempts.is_backing_off(timing, now))
    }

    /// Requests another fetch for streams that wait for an unknown `kid` if the fetching worker died. Called on a tick.
    pub fn want_what_is_awaited(&mut self, now: UnixTime) {
        let Some(timing) = self.timing else { return };
        let orphaned = !self.awaited.is_empty() && !self.wants_look && !self.is_in_flight(timing, now);
        self.wanted |= orphaned
            && !self.attempts.is_backing_off(timing, now)
            && self.is_usable(timing, now)
            && self.attempts.allows_refetch(timing, now);
    }

    /// Whether the fetch that is due is only for an unknown `kid`.
    pub fn is_refetch(&self) -> bool {
        self.wanted
    }

    /// Whether streams wait for the shared record: for another worker's fetch or its result.
    pub fn needs_look(&self, now: UnixTime) -> bool {
        self.wants_look || self.is_fetched_elsewhere(now)
    }

    /// Whether another worker is fetching.
    fn is_fetched_elsewhere(&self, now: UnixTime) -> bool {
        let fetcher = self.timing.and_then(|timing| self.attempts.fetcher(timing, now));
        fetcher.is_some_and(|fetcher| fetcher != self.owner)
    }

    /// The record of attempts as it is after a fetch starts at `now`.
    pub fn starting(&self, now: UnixTime) -> Attempts {
        let start = |timing| self.attempts.started(self.owner, self.wanted, timing, now);
        self.timing.map_or(self.attempts, start)
    }

    /// Records that a fetch was sent.
    pub fn started(&mut self, now: UnixTime) {
        self.attempts = self.starting(now);
        self.wanted = false;
    }

    /// The shared `record` after this worker's fetch needs another request.
    pub fn renewed(&self, record: Attempts, now: UnixTime) -> Attempts {
        record.renewed(self.owner, now)
    }

    /// The shared `record` after this worker ends.
    pub fn released(&self, record: Attempts) -> Attempts {
        record.released(self.owner)
    }

    /// Records the end of the fetch, with or without a set.
    pub fn finished(&mut self, result: Option<KeySet>, now: UnixTime) {
        let ended = self.ended(self.attempts, result.is_some(), now);
        match result {
            Some(set) => self.replace(set, now, self.attempts.started_at),
            None => self.stop_waiting(),
        }
        self.attempts = ended;
    }

    /// The shared `record` after this worker's fetch ends.
    pub fn ended(&self, record: Attempts, with_set: bool, now: UnixTime) -> Attempts {
        record.ended(self.owner, with_set, now)
    }

    /// Replaces the set. `kid`s that streams waited for and that it lacks are recorded as absent.
    fn replace(&mut self, set: KeySet, fetched_at: UnixTime, started_at: Option<UnixTime>) {
        // Counted from the start of the fetch, because the provider may have published the key before its end.
        let since = started_at.map_or(fetched_at, |started_at| started_at.min(fetched_at));
        let asked = self.awaited.iter().filter(|(_, waiting_since)| *waiting_since <= fetched_at);
        self.absent.extend(asked.map(|(kid, _)| (kid.clone(), since)));
        let excess = self.absent.len().saturating_sub(MAX_REMEMBERED);
        self.absent.drain(..excess);
        self.stop_waiting();
        self.fetched_at = Some(fetched_at);
        if self.set != set {
            self.generation += 1;
            self.set = set;
        }
    }

    fn stop_waiting(&mut self) {
        self.wanted = false;
        self.awaited.clear();
    }

    /// Whether a set fetched at `fetched_at` is newer than the current one.
    fn is_newer(&self, fetched_at: UnixTime, now: UnixTime) -> bool {
        let age = |at| now.since(at);
        match (age(fetched_at), self.fetched_at.and_then(age)) {
            (Some(age), Some(own)) => age < own,
            // A time in the future has no age and is never newer.
            (age, _) => age.is_some(),
        }
    }

    /// Whether `record` announces a newer set that this worker has not read.
    pub fn is_news(&self, record: &Attempts, now: UnixTime) -> bool {
        record.fetched_at != self.attempts.fetched_at && record.fetched_at.is_some_and(|at| self.is_newer(at, now))
    }

    /// Adopts a set that another worker fetched, announced in `record`, if it is newer. Call this before
    /// [`KeySetCache::observe`].
    pub fn adopt(&mut self, set: KeySet, fetched_at: UnixTime, record: &Attempts, now: UnixTime) {
        if self.is_newer(fetched_at, now) {
            self.replace(set, fetched_at, record.started_at);
        }
    }

    /// Adopts the shared record. Returns whether waiting streams should repeat their lookup.
    pub fn observe(&mut self, record: Attempts, now: UnixTime) -> bool {
        let Some(timing) = self.timing else { return false };
        let changed = self.attempts != record || self.wants_look;
        self.attempts = record;
        self.observed_at = Some(now);
        self.wants_look = false;
        // Other workers may have used up the cooldown's refetches, or may have failed.
        let allowed = record.allows_refetch(timing, now) && !record.is_backing_off(timing, now);
        let fetcher = record.fetcher(timing, now);
        let futile = self.wanted && !allowed && fetcher.is_none();
        if futile {
            self.stop_waiting();
        }
        // This worker's own fetch will bring the wanted key.
        self.wanted &= fetcher != Some(self.owner);
        changed || futile
    }

    /// Shared data is not available, so this worker goes by its own record. Returns the same as
    /// [`KeySetCache::observe`].
    pub fn unshared(&mut self) -> bool {
        self.observed_at = None;
        std::mem::take(&mut self.wants_look)
    }

    /// Whether the response to this worker's fetch is overdue.
    pub fn is_lost(&self, now: UnixTime) -> bool {
        let Some(timing) = self.timing else { return false };
        let own = self.attempts.lease.is_some_and(|lease| lease.owner == self.owner);
        own && !self.is_in_flight(timing, now)
    }

    /// Ends an overdue fetch of this worker as failed and returns whether there was one. Called on a tick. Another
    /// worker's overdue fetch just ends.
    pub fn tick(&mut self, now: UnixTime) -> bool {
        let lost = self.is_lost(now);
        if lost {
            self.finished(None, now);
        }
        lost
    }

    /// The generation of the set, if it is usable at `now`. Every change of the set gets another number.
    pub fn generation(&self, now: UnixTime) -> Option<u64> {
        self.timing.is_none_or(|timing| self.is_usable(timing, now)).then_some(self.generation)
    }

    /// Whether the latest attempt of all workers failed.
    pub fn is_failing(&self) -> bool {
        self.attempts.failures > 0
    }

    /// The number of keys in use.
    pub fn key_count(&self) -> usize {
        self.set.len()
    }

    /// The age of the set for records. `None` before the first fetch.
    pub fn age(&self, now: UnixTime) -> Option<Duration> {
        self.fetched_at.map(|at| now.since(at).unwrap_or_default())
    }
}
