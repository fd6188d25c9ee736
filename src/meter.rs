//! How much of what senders choose a worker does at a time: signatures, and what is read before and after them.
//!
//! ```text
//! strangers   tokens that are not known yet                     each has BURST at once, and RATE for each
//! callers     tokens known before, and the proofs of clients    millisecond that goes by; strangers have
//! streams     watched streams whose policy changed              LASTING once they have spent RESERVE
//! ```
//!
//! No group spends what another needs: forged tokens delay no proof of a known caller. A request that finds nothing
//! left of its group's share, or others of it waiting, waits for its turn. Turns are taken in the order of arrival.
//!
//! Work is counted and not timed, so that a run can be repeated. Its unit is about a microsecond of an Envoy worker
//! ([`PublicKey::cost`](crate::signature::PublicKey::cost)).

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::places::Standing;
use crate::signature::{Algorithm, PublicKey, SignatureVerifier};
use crate::time::UnixTime;

/// The work that may be done at once after a quiet time: other clients wait for this long, and for one request more.
/// About fifty tokens of an ordinary size by RS256 where the host verifies them, and twelve by EdDSA.
const BURST: u64 = 2_000;
/// The work for each millisecond that goes by: half of it. That is 7,000 tokens a second by RS256 where the host
/// verifies them, 3,000 by EdDSA, and 800 by PS256 with a key of 2048 bits. Tokens in the cache cost none.
const RATE: u64 = 500;
/// The work that strangers may ask for above [`LASTING`]: a burst of 1,400 tokens by RS256, 600 by EdDSA.
const RESERVE: u64 = 100_000;
/// The work for strangers in each millisecond if they never cease: an eighth of it, so that a pool of connections that
/// sends forged tokens waits itself and keeps nobody else waiting. So a worker goes on verifying 1,700 new tokens a
/// second by RS256, 700 by EdDSA and 190 by PS256: with tokens of five minutes, those of 50,000 clients and more.
const LASTING: u64 = 125;
/// After this time a share is whole again.
pub const TURN: Duration = Duration::from_millis(BURST / RATE);
/// As many bytes of a request are read for one unit of work.
const BYTES_PER_UNIT: usize = 50;

/// Whose share is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Payer {
    Strangers,
    Callers,
    Streams,
}

impl From<Standing> for Payer {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Stranger => Self::Strangers,
            Standing::Verified => Self::Callers,
        }
    }
}

/// What one worker has spent.
#[derive(Debug, Default)]
pub struct Meter {
    shares: [Share; 3],
}

#[derive(Debug, Default)]
struct Share {
    spent: Cell<u64>,
    /// What strangers spent, which comes back more slowly.
    reserve: Cell<u64>,
    since: Cell<UnixTime>,
    /// Every turn that is waited for has a copy.
    queue: Rc<()>,
}

/// A place in the queue for a turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _queue: Rc<()>,
}

impl Meter {
    /// Whether this group may spend more at `now`. One request may spend more than is left, so that none is too dear.
    pub fn has_left(&self, payer: Payer, now: UnixTime) -> bool {
        let share = self.share(payer);
        // Where the clock was set back, nothing is regained; from then on it goes by that clock.
        let passed = now.since(share.since.replace(now)).unwrap_or_default().as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let lasting = if payer == Payer::Strangers { LASTING } else { RATE };
        let regain = |spent: &Cell<u64>, rate| {
            spent.set(spent.get().saturating_sub(passed.saturating_mul(rate)));
            spent.get()
        };
        let (spent, reserve) = (regain(&share.spent, RATE), regain(&share.reserve, lasting));
        spent < BURST && reserve < RESERVE
    }

    /// Whether a newcomer of this group may spend more at `now`: nobody of it waits for a turn.
    pub fn admits(&self, payer: Payer, now: UnixTime) -> bool {
        Rc::strong_count(&self.share(payer).queue) == 1 && self.has_left(payer, now)
    }

    /// Takes note of work. More than a second burst is forgiven: one body may be as dear as ten, and its sender's
    /// neighbours do not pay for it.
    pub fn spend(&self, payer: Payer, units: u64) {
        let share = self.share(payer);
        let add = |spent: &Cell<u64>, most: u64| spent.set(spent.get().saturating_add(units).min(most + BURST));
        add(&share.spent, BURST);
        add(&share.reserve, RESERVE);
    }

    /// As [`Self::spend`], for reading so many bytes.
    pub fn read(&self, payer: Payer, bytes: usize) {
        self.spend(payer, (bytes / BYTES_PER_UNIT) as u64);
    }

    /// Waits for a turn.
    pub fn queue(&self, payer: Payer) -> Turn {
        Turn { _queue: self.share(payer).queue.clone() }
    }

    /// Whether anybody of this group waits for a turn.
    pub fn is_awaited(&self, payer: Payer) -> bool {
        Rc::strong_count(&self.share(payer).queue) > 1
    }

    fn share(&self, payer: Payer) -> &Share {
        let [strangers, callers, streams] = &self.shares;
        match payer {
            Payer::Strangers => strangers,
            Payer::Callers => callers,
            Payer::Streams => streams,
        }
    }
}

/// Verifies signatures at the expense of a group.
pub struct Charged<'a> {
    /// What verifies them.
    pub verifier: &'a dyn SignatureVerifier,
    /// What counts the work.
    pub meter: &'a Meter,
    /// Whose share is spent.
    pub payer: Payer,
}

impl SignatureVerifier for Charged<'_> {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        self.meter.spend(self.payer, self.cost(algorithm, key));
        self.verifier.verify(algorithm, key, signed, signature)
    }

    fn tries(&self, algorithm: Algorithm) -> usize {
        self.verifier.tries(algorithm)
    }

    fn cost(&self, algorithm: Algorithm, key: &PublicKey) -> u64 {
        self.verifier.cost(algorithm, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_spent_at_once_and_comes_back_with_time() {
        use Payer::{Callers, Strangers};
        let at = UnixTime::from_millis;
        for (spent, after, has_left) in [
            (0, 0, true),
            (BURST - 1, 0, true),
            (BURST, 0, false),
            (BURST, 1, true),
            (2 * BURST, 4, false),
            (2 * BURST, 5, true),
        ] {
            let meter = Meter::default();
            assert!(meter.has_left(Strangers, at(1_000)));
            meter.spend(Strangers, spent);
            assert!(meter.has_left(Callers, at(1_000)), "another group's share");
            assert_eq!(meter.has_left(Strangers, at(1_000 + after)), has_left, "{spent} {after}");
        }
    }

    #[test]
    fn strangers_who_never_cease_have_an_eighth_of_the_time_after_their_reserve_and_callers_half() {
        for (payer, at_first, later) in [(Payer::Strangers, 225_000, 125_000), (Payer::Callers, 500_000, 500_000)] {
            let meter = Meter::default();
            let in_second = |second: u64| {
                let mut spent = 0;
                for now in second * 1_000..(second + 1) * 1_000 {
                    while meter.has_left(payer, UnixTime::from_millis(now)) {
                        meter.spend(payer, 100);
                        spent += 100;
                    }
                }
                spent
            };
            for (second, expected) in [(1, at_first), (2, later), (3, later), (10, at_first)] {
                let spent: u64 = in_second(second);
                assert!(spent.abs_diff(expected) <= BURST, "{payer:?}: {spent} in second {second}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_and_takes_nothing() {
        let (meter, at) = (Meter::default(), UnixTime::from_millis);
        assert!(meter.has_left(Payer::Callers, at(9_000)));
        meter.spend(Payer::Callers, BURST);
        assert!(!meter.has_left(Payer::Callers, at(1_000)));
        assert!(meter.has_left(Payer::Callers, at(1_001)));
    }

    #[test]
    fn a_newcomer_waits_behind_those_who_wait() {
        let (meter, now) = (Meter::default(), UnixTime::from_millis(1_000));
        let turn = meter.queue(Payer::Strangers);
        assert!(!meter.admits(Payer::Strangers, now) && meter.has_left(Payer::Strangers, now));
        assert!(meter.admits(Payer::Callers, now));
        drop(turn);
        assert!(meter.admits(Payer::Strangers, now));
    }
}
