//! Limits on waiting requests whose token cannot be verified at once.
//!
//! Anyone can make a request wait, and each waiting request keeps its headers in memory. So places are limited, and
//! groups cannot take each other's places:
//!
//! ```text
//! each issuer ─┬─ strangers: nothing in the token is verified    1,024 places, a share of the bytes
//!              └─ verified: signed, or active a moment ago       1,024 places, a share of the bytes
//!                  └─ each token                                 256 of those
//! ```
//!
//! A place is released when it is dropped, with its request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::ids::{ById, IssuerId};
use crate::token::{ByFirstBytes, TokenDigest};

/// The maximum number of waiting requests per kind and issuer: as many as arrive in one or two seconds while keys are
/// fetched.
const MOST: usize = 1024;
/// The maximum number of waiting requests per token. A busy client has hundreds of concurrent requests. A single bad
/// token can take no more than a quarter of its issuer's places.
const MOST_PER_TOKEN: usize = MOST / 4;
/// The maximum size of all waiting headers per kind, divided evenly among the issuers: a thousand requests of 16 kB,
/// with the longest token that is accepted by default.
const BYTES: usize = 16 << 20;
/// The minimum size per issuer, regardless of the number of issuers: a hundred requests of ordinary size.
const LEAST_BYTES: usize = 256 << 10;
/// The memory of a waiting request besides its headers.
const OVERHEAD: usize = 1024;

/// Whether a token is known to be genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: anyone could have made it up.
    Stranger,
    /// Its issuer signed it, or recently reported it as active.
    Verified,
}

/// A request that wants to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The token's issuer, verified or claimed.
    pub issuer: Option<IssuerId>,
    /// The token's digest.
    pub digest: TokenDigest,
    /// Whether the token is known to be genuine.
    pub standing: Standing,
}

/// The places of one plugin instance in one worker.
#[derive(Clone, Debug)]
pub struct Places(Rc<RefCell<Taken>>);

#[derive(Debug)]
struct Taken {
    /// For each issuer, the shares taken by strangers and by verified callers.
    shares: ById<IssuerId, [Share; 2]>,
    /// For each token, the number of places of each kind.
    tokens: HashMap<TokenDigest, [usize; 2], ByFirstBytes>,
    /// The size limit of each share.
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    places: usize,
    bytes: usize,
}

impl Places {
    /// The places for these issuers.
    pub fn new<T>(issuers: &ById<IssuerId, T>) -> Self {
        let bytes = (BYTES / issuers.len().max(1)).max(LEAST_BYTES);
        Self(Rc::new(RefCell::new(Taken {
            shares: issuers.map(|_| Default::default()),
            tokens: HashMap::default(),
            bytes,
        })))
    }

    /// Whether there is a place for a request of `size` bytes.
    pub fn has_room(&self, waiter: &Waiter, size: usize) -> bool {
        let taken = self.0.borrow();
        let kind = waiter.standing as usize;
        let share = waiter.issuer.and_then(|issuer| taken.shares.get(issuer)).and_then(|shares| shares.get(kind));
        let own = taken.tokens.get(&waiter.digest).and_then(|kinds| kinds.get(kind)).copied().unwrap_or(0);
        let weight = size.saturating_add(OVERHEAD);
        own < MOST_PER_TOKEN
            && share.is_some_and(|share| share.places < MOST && share.bytes.saturating_add(weight) <= taken.bytes)
    }

    /// Takes a place for a request of `size` bytes, if there is one.
    pub fn take(&self, waiter: &Waiter, size: usize) -> Option<Place> {
        if !self.has_room(waiter, size) {
            return None;
        }
        let weight = size.saturating_add(OVERHEAD);
        self.0.borrow_mut().change(waiter, |share, own| {
            share.places += 1;
            share.bytes += weight;
            *own += 1;
        });
        Some(Place { taken: self.0.clone(), waiter: *waiter, weight })
    }

    /// The number of waiting requests.
    pub fn taken(&self) -> usize {
        self.0.borrow().shares.iter().flatten().map(|share| share.places).sum()
    }
}

impl Taken {
    fn change(&mut self, waiter: &Waiter, change: impl FnOnce(&mut Share, &mut usize)) {
        let kind = waiter.standing as usize;
        let kinds = self.tokens.entry(waiter.digest).or_default();
        let share =
            waiter.issuer.and_then(|issuer| self.shares.get_mut(issuer)).and_then(|shares| shares.get_mut(kind));
        if let Some((share, own)) = share.zip(kinds.get_mut(kind)) {
            change(share, own);
        }
        if *kinds == [0, 0] {
            self.tokens.remove(&waiter.digest);
        }
    }
}

impl Place {
    /// The standing of the token when the place was taken.
    pub fn standing(&self) -> Standing {
        self.waiter.standing
    }
}

/// A taken place, released when it is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Rc<RefCell<Taken>>,
    waiter: Waiter,
    weight: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Never borrowed here: each borrow ends before a request does.
        let Ok(mut taken) = self.taken.try_borrow_mut() else { return };
        taken.change(&self.waiter, |share, own| {
            share.places = share.places.saturating_sub(1);
            share.bytes = share.bytes.saturating_sub(self.weight);
            *own = own.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuers(count: usize) -> ById<IssuerId, ()> {
        (0..count).map(|_| ()).collect()
    }

    fn waiter(issuer: usize, token: usize, standing: Standing) -> Waiter {
        Waiter { issuer: issuers(issuer + 1).ids().last(), digest: TokenDigest::of(&token.to_string()), standing }
    }

    /// Takes all places for requests of `size` bytes by waiters from `who`.
    fn fill(places: &Places, size: usize, who: impl Fn(usize) -> Waiter) -> Vec<Place> {
        (0..).map_while(|n| places.take(&who(n), size)).collect()
    }

    #[test]
    fn who_cannot_verify_takes_no_place_of_who_can_and_no_issuer_anothers() {
        use Standing::{Stranger, Verified};
        for (size, most) in [(100, MOST), (16_384, 481)] {
            let places = Places::new(&issuers(2));
            let garbage = fill(&places, size, |n| waiter(0, n, Stranger));
            assert_eq!(garbage.len(), most, "of {size} bytes");
            for (issuer, standing, has_room) in [
                (0, Stranger, false),
                (0, Verified, true),
                (1, Stranger, true),
                (1, Verified, true),
                (2, Verified, false),
            ] {
                assert_eq!(places.has_room(&waiter(issuer, 7, standing), size), has_room, "{issuer} {standing:?}");
            }
            let verified = fill(&places, size, |n| waiter(0, n, Verified));
            assert_eq!(verified.len(), most);
            assert!(places.has_room(&waiter(1, 7, Verified), size), "one tenant's callers take none of another's");
            assert_eq!(places.taken(), 2 * most);
            drop((garbage, verified));
            assert_eq!(places.taken(), 0);
            assert!(places.0.borrow().tokens.is_empty(), "nothing is left behind");
        }
    }

    #[test]
    fn one_token_takes_a_quarter_of_its_share() {
        for standing in [Standing::Stranger, Standing::Verified] {
            let places = Places::new(&issuers(1));
            let one = fill(&places, 100, |_| waiter(0, 0, standing));
            assert_eq!(one.len(), MOST_PER_TOKEN);
            let others = fill(&places, 100, |n| waiter(0, n + 1, standing));
            assert_eq!(others.len(), MOST - MOST_PER_TOKEN, "the rest is for others");
            drop(others);
            drop(one);
            assert!(places.has_room(&waiter(0, 0, standing), 100));
        }
    }

    #[test]
    fn a_place_that_is_given_back_is_free_for_the_next() {
        let places = Places::new(&issuers(1));
        let who = |n| waiter(0, n, Standing::Stranger);
        let mut all = fill(&places, 100, who);
        for n in 0..10_000 {
            assert!(places.take(&who(n), 100).is_none());
            all.remove(n % all.len());
            all.extend(places.take(&who(n + MOST), 100));
            assert_eq!((all.len(), places.taken()), (MOST, MOST));
        }
    }

    #[test]
    fn however_many_issuers_there_are_an_ordinary_request_finds_a_place() {
        for count in [1, 3, 100, 10_000] {
            let places = Places::new(&issuers(count));
            let few = fill(&places, 1_500, |n| waiter(count - 1, n, Standing::Verified));
            assert!(few.len() >= 100, "{} of {count}", few.len());
        }
        assert!(Places::new(&issuers(0)).take(&waiter(0, 0, Standing::Verified), 0).is_none());
    }
}
