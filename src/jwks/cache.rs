//! The life of an issuer's key set: when to fetch, what to serve meanwhile, what an unknown `kid` may cost.
//!
//! Events come in ([`KeySetCache::started`], [`KeySetCache::finished`], [`KeySetCache::tick`]), answers go out; the
//! fetch itself and the time are the caller's.

use std::time::Duration;

use super::{KeyQuery, KeySet, PublicKey, Selection};
use crate::time::UnixTime;

/// Refetches for unknown `kid`s in one cooldown. Two, because the first may come just before the provider publishes.
const REFETCHES_PER_COOLDOWN: usize = 2;
/// The first pause after a failed fetch; it doubles up to the cooldown.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
/// A fetch whose answer is this much later than its timeout will have none.
const GRACE: Duration = Duration::from_secs(2);
/// How many unknown `kid`s are remembered. One forgotten costs at most a refetch, of which there are two.
const MAX_REMEMBERED: usize = 256;

/// The times of one issuer's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long one fetch may take.
    pub timeout: Duration,
    /// A set is refreshed ahead of this age.
    pub max_age: Duration,
    /// The window for refetches.
    pub cooldown: Duration,
    /// A set serves this long beyond `max_age` while fetches fail.
    pub max_stale: Duration,
}

/// What there is for a token.
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
    in_flight: Option<UnixTime>,
    last_attempt: Option<UnixTime>,
    failures: u32,
    /// An unknown `kid` wants a fetch.
    wanted: bool,
    refetches: Vec<UnixTime>,
    /// `kid`s that streams wait for, and those that a successful fetch did not bring.
    awaited: Vec<Option<String>>,
    absent: Vec<(Option<String>, UnixTime)>,
}

impl KeySetCache {
    /// Keys that never change.
    pub fn fixed(set: KeySet) -> Self {
        Self { set, ..Self::empty(None, Duration::ZERO) }
    }

    /// Keys to be fetched; `jitter` of 0 to 255 spreads the refreshes of several workers.
    pub fn fetched(timing: Timing, jitter: u8) -> Self {
        Self::empty(Some(timing), timing.max_age * (8 * 255 + u32::from(jitter)) / (10 * 255))
    }

    fn empty(timing: Option<Timing>, refresh_after: Duration) -> Self {
        Self {
            timing,
            set: KeySet::default(),
            generation: 0,
            fetched_at: None,
            refresh_after,
            in_flight: None,
            last_attempt: None,
            failures: 0,
            wanted: false,
            refetches: Vec::new(),
            awaited: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// The keys for a token at `now`.
    pub fn find(&mut self, query: &KeyQuery, now: UnixTime) -> Lookup<'_> {
        let Some(timing) = self.timing else { return self.select(query) };
        if !self.is_usable(timing, now) {
            return if self.in_flight.is_some() || self.is_due(now) {
                self.wait_for(query)
            } else {
                Lookup::Unavailable
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
        self.refetches.retain(|at| now.within(timing.cooldown, *at));
        self.absent.retain(|(_, at)| now.within(timing.cooldown, *at));
        if self.in_flight.is_some() || self.wanted {
            return self.wait_for(query);
        }
        if self.is_backing_off(timing, now) {
            return Lookup::Unavailable;
        }
        if self.absent.iter().any(|(kid, _)| *kid == query.kid) {
            return Lookup::NoKey;
        }
        if self.refetches.len() < REFETCHES_PER_COOLDOWN {
            self.refetches.push(now);
            self.wanted = true;
            return self.wait_for(query);
        }
        if self.failures > 0 { Lookup::Unavailable } else { Lookup::NoKey }
    }

    fn wait_for(&mut self, query: &KeyQuery) -> Lookup<'_> {
        if self.awaited.len() < MAX_REMEMBERED && !self.awaited.contains(&query.kid) {
            self.awaited.push(query.kid.clone());
        }
        Lookup::Wait
    }

    /// Whether the last good set still serves. One from the future does not: the clock was set back, and its age is
    /// unknown.
    fn is_usable(&self, timing: Timing, now: UnixTime) -> bool {
        self.fetched_at.is_some_and(|at| now.within(timing.max_age + timing.max_stale, at))
    }

    /// Whether a fetch should start at `now`.
    pub fn is_due(&self, now: UnixTime) -> bool {
        let Some(timing) = self.timing else { return false };
        if self.in_flight.is_some() {
            return false;
        }
        let fresh = self.fetched_at.is_some_and(|at| now.within(self.refresh_after, at));
        self.wanted || ((!fresh || self.failures > 0) && !self.is_backing_off(timing, now))
    }

    /// Whether the latest fetch failed and its pause, from one second doubling up to the cooldown, is not over.
    fn is_backing_off(&self, timing: Timing, now: UnixTime) -> bool {
        let doubled = FIRST_BACK_OFF.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        let pause = doubled.min(timing.cooldown.max(FIRST_BACK_OFF));
        self.failures > 0 && self.last_attempt.is_some_and(|at| now.within(pause, at))
    }

    /// A fetch has been sent.
    pub fn started(&mut self, now: UnixTime) {
        self.in_flight = Some(now);
        self.last_attempt = Some(now);
        self.wanted = false;
    }

    /// The fetch has ended, with a set or without.
    pub fn finished(&mut self, result: Option<KeySet>, now: UnixTime) {
        self.in_flight = None;
        self.wanted = false;
        let awaited = std::mem::take(&mut self.awaited);
        match result {
            Some(set) => {
                self.failures = 0;
                self.fetched_at = Some(now);
                self.absent.extend(awaited.into_iter().map(|kid| (kid, now)));
                let excess = self.absent.len().saturating_sub(MAX_REMEMBERED);
                self.absent.drain(..excess);
                if self.set != set {
                    self.generation += 1;
                    self.set = set;
                }
            }
            None => self.failures = self.failures.saturating_add(1),
        }
    }

    /// Time goes by: a fetch whose answer never came has failed. Says whether that was so.
    pub fn tick(&mut self, now: UnixTime) -> bool {
        let lost = match (self.timing, self.in_flight) {
            (Some(timing), Some(at)) => !now.within(timing.timeout + GRACE, at),
            _ => false,
        };
        if lost {
            self.finished(None, now);
        }
        lost
    }

    /// Which set this is, if it may be used at `now`: another number for every other set.
    pub fn generation(&self, now: UnixTime) -> Option<u64> {
        self.timing.is_none_or(|timing| self.is_usable(timing, now)).then_some(self.generation)
    }

    /// The age of the set, for records; nothing before the first fetch.
    pub fn age(&self, now: UnixTime) -> Option<Duration> {
        self.fetched_at.map(|at| now.since(at).unwrap_or_default())
    }
}
