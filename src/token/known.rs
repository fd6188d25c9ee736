//! Tokens that were verified before, without the tokens: they are verified again, but those who send them are no
//! strangers.

use std::collections::HashSet;

use super::digest::{ByFirstBytes, TokenDigest};

/// The digests of the tokens verified most recently, as in [`super::Recent`]. Eight bytes of each suffice: two tokens that
/// share them would only share the standing of callers who wait for a verification.
#[derive(Debug)]
pub struct Known {
    /// The capacity of one generation.
    half: usize,
    young: HashSet<u64, ByFirstBytes>,
    old: HashSet<u64, ByFirstBytes>,
}

impl Known {
    /// For at most this many.
    pub fn new(most: usize) -> Self {
        Self { half: most.div_ceil(2), young: HashSet::default(), old: HashSet::default() }
    }

    /// Whether it was noted. Marks it as used.
    pub fn contains(&mut self, token: &TokenDigest) -> bool {
        let start = token.start();
        let is_old = !self.young.contains(&start) && self.old.remove(&start);
        if is_old {
            self.put(start);
        }
        is_old || self.young.contains(&start)
    }

    /// Notes a verified token. One that comes again stays where it is.
    pub fn note(&mut self, token: &TokenDigest) {
        if !self.contains(token) {
            self.put(token.start());
        }
    }

    fn put(&mut self, start: u64) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_those_that_were_used_last_and_never_more_than_it_may() {
        let digest = |n: usize| TokenDigest::of(&n.to_string());
        let mut known = Known::new(10);
        for n in 0..1000 {
            assert!(!known.contains(&digest(n)), "{n}");
            known.note(&digest(n));
            assert!(known.contains(&digest(0)), "what is used stays, after {n}");
            assert!(known.contains(&digest(n.saturating_sub(1))), "after {n}");
            assert!(known.young.len() + known.old.len() <= 10, "after {n}");
        }
        assert!(!known.contains(&digest(1)));
    }
}
