//! Limits the work that senders can cause at a time: signatures, and parsing before and after them.
//!
//! ```text
//! strangers   tokens that are not known yet                     each has BURST at once, and RATE for each
//! callers     tokens known before, and the proofs of clients    millisecond that passes; strangers have
//! streams     watched streams whose policy changed              and records LASTING once they have spent RESERVE
//! records     what is wrong with refused tokens
//! ```
//!
//! No group can spend another's share: forged tokens do not delay proofs of known callers. A request waits for its turn
//! if its group's share is spent or other requests of the group wait. Turns are in order of arrival.
//!
//! Work is counted, not timed, so that runs are reproducible. A unit is about a microsecond of an Envoy worker
//! ([`PublicKey::cost`](crate::signature::PublicKey::cost)).

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::places::Standing;
use crate::signature::{Algorithm, PublicKey, SignatureVerifier};
use crate::time::UnixTime;

/// The work available at once after an idle period. Other clients wait for this long, plus one request. It is about
/// fifty tokens of ordinary size with RS256 if the host verifies them, and twelve with EdDSA.
const BURST: u64 = 2_000;
/// The work available per millisecond: half of it. That is 7,000 tokens a second with RS256 if the host verifies them,
/// 3,000 with EdDSA, and 800 with PS256 and a 2048-bit key. Cached tokens cost nothing.
const RATE: u64 = 500;
/// The work available to strangers in excess of [`LASTING`]: a burst of 1,400 tokens with RS256, 600 with EdDSA.
const RESERVE: u64 = 100_000;
/// The work available to strangers per millisecond under sustained load: an eighth, so that connections that send
/// forged tokens wait themselves and delay no one else. A worker still verifies 1,700 new tokens a second with RS256,
/// 700 with EdDSA and 190 with PS256. With tokens of five minutes, that is enough for over 50,000 clients.
const LASTING: u64 = 125;
/// The time after which a share is fully restored.
pub const TURN: Duration = Duration::from_millis(BURST / RATE);
/// The number of request bytes that are read for one unit of work.
const BYTES_PER_UNIT: usize = 50;

/// The group whose share is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Payer {
    Strangers,
    Callers,
    Streams,
    /// Nobody waits for it: what it cannot pay is left out.
    Records,
}

impl From<Standing> for Payer {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Stranger => Self::Strangers,
            Standing::Verified => Self::Callers,
        }
    }
}

/// The shares of one worker.
#[derive(Debug, Default)]
pub struct Meter {
    shares: [Share; 4],
}

#[derive(Debug, Default)]
struct Share {
    spent: Cell<u64>,
    /// The part that strangers have spent of their reserve, which is restored more slowly.
    reserve: Cell<u64>,
    since: Cell<UnixTime>,
    /// Cloned for every pending turn, so that the reference count is the queue length plus one.
    queue: Rc<()>,
}

/// A place in the queue for a turn, held until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _queue: Rc<()>,
}

impl Meter {
    /// Whether this group may spend more at `now`. A single request may exceed the rest of the share, so that none is
    /// too expensive.
    pub fn has_left(&self, payer: Payer, now: UnixTime) -> bool {
        let share = self.share(payer);
        // If the clock was set back, nothing is restored, and the new time is the reference from then on.
        let passed = now.since(share.since.replace(now)).unwrap_or_default().as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let lasting = if matches!(payer, Payer::Strangers | Payer::Records) { LASTING } else { RATE };
        let regain = |spent: &Cell<u64>, rate| {
            spent.set(spent.get().saturating_sub(passed.saturating_mul(rate)));
            spent.get()
        };
        let (spent, reserve) = (regain(&share.spent, RATE), regain(&share.reserve, lasting));
        spent < BURST && reserve < RESERVE
    }

    /// Whether a new request of this group may start at `now`: the share is not spent, and no one waits for a turn.
    pub fn admits(&self, payer: Payer, now: UnixTime) -> bool {
        Rc::strong_count(&self.share(payer).queue) == 1 && self.has_left(payer, now)
    }

    /// Records work. Debt beyond a second burst is forgiven: one body may cost as much as ten, and other senders should
    /// not pay for it.
    pub fn spend(&self, payer: Payer, units: u64) {
        let share = self.share(payer);
        let add = |spent: &Cell<u64>, most: u64| spent.set(spent.get().saturating_add(units).min(most + BURST));
        add(&share.spent, BURST);
        add(&share.reserve, RESERVE);
    }

    /// Records the work of reading this many bytes, like [`Self::spend`].
    pub fn read(&self, payer: Payer, bytes: usize) {
        self.spend(payer, (bytes / BYTES_PER_UNIT) as u64);
    }

    /// Enters the queue for a turn.
    pub fn queue(&self, payer: Payer) -> Turn {
        Turn { _queue: self.share(payer).queue.clone() }
    }

    /// Whether a request of this group waits for a turn.
    pub fn is_awaited(&self, payer: Payer) -> bool {
        Rc::strong_count(&self.share(payer).queue) > 1
    }

    fn share(&self, payer: Payer) -> &Share {
        let [strangers, callers, streams, records] = &self.shares;
        match payer {
            Payer::Strangers => strangers,
            Payer::Callers => callers,
            Payer::Streams => streams,
            Payer::Records => records,
        }
    }
}

/// Verifies signatures at the expense of a group.
pub struct Charged<'a> {
    /// The verifier.
    pub verifier: &'a dyn SignatureVerifier,
    /// The meter.
    pub meter: &'a Meter,
    /// The group that pays.
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
