//! The life of an issuer's key set: when to fetch, what to serve meanwhile, what an unknown `kid` may cost.
//!
//! Events come in ([`KeySetCache::started`], [`KeySetCache::finished`], [`KeySetCache::tick`]), answers go out; the
//! fetch itself and the time are the caller's. Where workers share what they do, [`KeySetCache::observe`] and
//! [`KeySetCache::adopt`] bring what others did.

use std::time::Duration;

use super::{KeyQuery, KeySet, PublicKey, Selection};
use crate::time::UnixTime;
use crate::workers::{Attempts, Timing};

/// That others failed is news for this long. Every request that is to be refused for it would else lead to a look.
const FRESH: Duration = Duration::from_millis(5);
/// How many unknown `kid`s are remembered. One forgotten costs at most a refetch, of which there are two.
const MAX_REMEMBERED: usize = 256;
/// A longer `kid` is not remembered: anybody may send it. Those of providers have less than a hundred bytes.
const MAX_KID: usize = 512;

/// The result of a search for the keys of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Keys to try.
    Keys(Vec<&'a PublicKey>),
    /// The key is not the issuer's: the token is not valid.
    NoKey,
    /// No key can be had now: nobody's fault but ours.
    Unavailable,
    /// A fetch runs or is wanted: ask again when it has ended.
    Wait,
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeySetCache {
    /// Nothing for a fixed set.
    timing: Option<Timing>,
    set: KeySet,
    /// Counts the changes of the set: what was verified with an earlier one is verified again.
    generation: u64,
    fetched_at: Option<UnixTime>,
    /// Where between 80 and 90 per cent of `max_age` this worker refreshes, so that workers do not all at once.
    refresh_after: Duration,
    /// A number that no other worker has.
    owner: u64,
    /// The record of attempts of all workers, as far as this one knows it.
    attempts: Attempts,
    /// When the record that workers share was read; nothing where they share none.
    observed_at: Option<UnixTime>,
    /// A token is to be refused for what others did, and another may have done better since.
    wants_look: bool,
    /// An unknown `kid` wants a fetch.
    wanted: bool,
    /// `kid`s that streams wait for, and since when.
    awaited: Vec<(Option<String>, UnixTime)>,
    /// `kid`s that a successful fetch did not bring, and when it started.
    absent: Vec<(Option<String>, UnixTime)>,
}

impl KeySetCache {
    /// Keys that never change.
    pub fn fixed(set: KeySet) -> Self {
        Self { set, ..Self::empty(None, Duration::ZERO, 0) }
    }

    /// Keys to be fetched. `worker` is a number that no other worker has: it marks this one's leases, and its lowest
    /// eight bits spread the refreshes.
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

    /// An unknown `kid` is worth a wait where a fetch runs, and a fetch where the cooldown allows.
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

    /// Nobody got the keys, as far as this worker knows: it looks once more before it says so.
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

    /// Whether the last good set still serves. One from the future does not: the clock was set back, and its age is
    /// unknown.
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

    /// Time goes by: a stream that waits for an unknown `kid` through the fetch of a worker that died wants another.
    pub fn want_what_is_awaited(&mut self, now: UnixTime) {
        let Some(timing) = self.timing else { return };
        let orphaned = !self.awaited.is_empty() && !self.wants_look && !self.is_in_flight(timing, now);
        self.wanted |= orphaned
            && !self.attempts.is_backing_off(timing, now)
            && self.is_usable(timing, now)
            && self.attempts.allows_refetch(timing, now);
    }

    /// Whether the fetch that is due is for an unknown `kid` only.
    pub fn is_refetch(&self) -> bool {
        self.wanted
    }

    /// Whether streams wait for a look at what other workers did: at what they fetch, or at what came of it.
    pub fn needs_look(&self, now: UnixTime) -> bool {
        self.wants_look || self.is_fetched_elsewhere(now)
    }

    /// Whether another worker fetches.
    fn is_fetched_elsewhere(&self, now: UnixTime) -> bool {
        let fetcher = self.timing.and_then(|timing| self.attempts.fetcher(timing, now));
        fetcher.is_some_and(|fetcher| fetcher != self.owner)
    }

    /// The record of attempts, if a fetch starts at `now`.
    pub fn starting(&self, now: UnixTime) -> Attempts {
        let start = |timing| self.attempts.started(self.owner, self.wanted, timing, now);
        self.timing.map_or(self.attempts, start)
    }

    /// A fetch has been sent.
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

    /// The fetch has ended, with a set or without.
    pub fn finished(&mut self, result: Option<KeySet>, now: UnixTime) {
        let ended = self.ended(self.attempts, result.is_some(), now);
        match result {
            Some(set) => self.replace(set, now, self.attempts.started_at),
            None => self.stop_waiting(),
        }
        self.attempts = ended;
    }

    /// The shared `record` after the fetch of this worker ends.
    pub fn ended(&self, record: Attempts, with_set: bool, now: UnixTime) -> Attempts {
        record.ended(self.owner, with_set, now)
    }

    /// A set takes the place of the last one. What streams waited for when it came, and is not in it, is absent.
    fn replace(&mut self, set: KeySet, fetched_at: UnixTime, started_at: Option<UnixTime>) {
        // Since the start of the fetch, not since its end: the provider may have published in between.
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

    /// Whether a set that came at `fetched_at` is newer than the own one.
    fn is_newer(&self, fetched_at: UnixTime, now: UnixTime) -> bool {
        let age = |at| now.since(at);
        match (age(fetched_at), self.fetched_at.and_then(age)) {
            (Some(age), Some(own)) => age < own,
            // Those from the future have no age, and are none at all.
            (age, _) => age.is_some(),
        }
    }

    /// Whether `record` tells of a newer set, which this worker has not looked at.
    pub fn is_news(&self, record: &Attempts, now: UnixTime) -> bool {
        record.fetched_at != self.attempts.fetched_at && record.fetched_at.is_some_and(|at| self.is_newer(at, now))
    }

    /// Takes over a set that another worker fetched, of which `record` told, if it is newer than the own one. To be
    /// called before [`KeySetCache::observe`].
    pub fn adopt(&mut self, set: KeySet, fetched_at: UnixTime, record: &Attempts, now: UnixTime) {
        if self.is_newer(fetched_at, now) {
            self.replace(set, fetched_at, record.started_at);
        }
    }

    /// The record that the workers share is `record`. Says whether streams that wait should look again.
    pub fn observe(&mut self, record: Attempts, now: UnixTime) -> bool {
        let Some(timing) = self.timing else { return false };
        let changed = self.attempts != record || self.wants_look;
        self.attempts = record;
        self.observed_at = Some(now);
        self.wants_look = false;
        // Others may have spent what the cooldown allows, or have failed.
        let allowed = record.allows_refetch(timing, now) && !record.is_backing_off(timing, now);
        let fetcher = record.fetcher(timing, now);
        let futile = self.wanted && !allowed && fetcher.is_none();
        if futile {
            self.stop_waiting();
        }
        // Its own fetch brings the key that it wants.
        self.wanted &= fetcher != Some(self.owner);
        changed || futile
    }

    /// Workers share nothing, or nothing more: this one goes by what it did itself. Says as [`KeySetCache::observe`].
    pub fn unshared(&mut self) -> bool {
        self.observed_at = None;
        std::mem::take(&mut self.wants_look)
    }

    /// Whether this worker's fetch will have no answer any more.
    pub fn is_lost(&self, now: UnixTime) -> bool {
        let Some(timing) = self.timing else { return false };
        let own = self.attempts.lease.is_some_and(|lease| lease.owner == self.owner);
        own && !self.is_in_flight(timing, now)
    }

    /// Time goes by: a fetch whose answer never came has failed. Says whether that was so of this worker's; another's
    /// is simply over.
    pub fn tick(&mut self, now: UnixTime) -> bool {
        let lost = self.is_lost(now);
        if lost {
            self.finished(None, now);
        }
        lost
    }

    /// Which set this is, if it may be used at `now`: another number for every other set.
    pub fn generation(&self, now: UnixTime) -> Option<u64> {
        self.timing.is_none_or(|timing| self.is_usable(timing, now)).then_some(self.generation)
    }

    /// Whether the latest attempt of all workers failed.
    pub fn is_failing(&self) -> bool {
        self.attempts.failures > 0
    }

    /// The age of the set, for records; nothing before the first fetch.
    pub fn age(&self, now: UnixTime) -> Option<Duration> {
        self.fetched_at.map(|at| now.since(at).unwrap_or_default())
    }
}
