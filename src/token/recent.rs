//! A bounded map by token that forgets what was not used lately.
//!
//! Two generations stand for an order of use: what is used moves into the young one, and when that is full it becomes
//! the old one, whose rest is forgotten. Every step is constant time, and nothing is allocated for a hit.

use std::collections::HashMap;

use super::digest::{ByFirstBytes, TokenDigest};

/// At most a given number of values, each by the digest of a token.
#[derive(Clone, Debug)]
pub struct Recent<V> {
    /// What one generation holds.
    half: usize,
    young: HashMap<TokenDigest, V, ByFirstBytes>,
    old: HashMap<TokenDigest, V, ByFirstBytes>,
}

impl<V> Recent<V> {
    /// Room for `most` values; with none, nothing is kept.
    pub fn new(most: usize) -> Self {
        Self { half: most.div_ceil(2), young: HashMap::default(), old: HashMap::default() }
    }

    /// The value of `token`, which is in use again.
    pub fn get(&mut self, token: &TokenDigest) -> Option<&mut V> {
        if !self.young.contains_key(token) {
            let value = self.old.remove(token)?;
            self.insert(*token, value);
        }
        self.young.get_mut(token)
    }

    /// Keeps a value, instead of the one there was.
    pub fn insert(&mut self, token: TokenDigest, value: V) {
        if self.half == 0 {
            return;
        }
        if self.young.len() >= self.half && !self.young.contains_key(&token) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&token);
        self.young.insert(token, value);
    }

    /// Forgets a value.
    pub fn remove(&mut self, token: &TokenDigest) {
        self.young.remove(token);
        self.old.remove(token);
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: usize) -> TokenDigest {
        TokenDigest::of(&n.to_string())
    }

    #[test]
    fn it_never_holds_more_than_it_may() {
        for most in [0, 1, 2, 7, 100] {
            let mut recent = Recent::new(most);
            for n in 0..1000 {
                recent.insert(digest(n), n);
                recent.get(&digest(n / 2));
                assert!(recent.len() <= most.next_multiple_of(2), "{} of {most}", recent.len());
            }
            assert_eq!(recent.is_empty(), most == 0);
        }
    }

    #[test]
    fn what_is_used_stays_whatever_else_comes() {
        let mut recent = Recent::new(10);
        recent.insert(digest(0), 0);
        for n in 1..1000 {
            recent.insert(digest(n), n);
            assert_eq!(recent.get(&digest(0)), Some(&mut 0), "after {n}");
        }
        assert_eq!(recent.get(&digest(1)), None);
    }

    #[test]
    fn as_many_as_fit_into_one_generation_all_stay() {
        let mut recent = Recent::new(200);
        for round in 0..3 {
            for n in 0..100 {
                if round > 0 {
                    assert_eq!(recent.get(&digest(n)), Some(&mut n.clone()), "{n}");
                }
                recent.insert(digest(n), n);
            }
        }
    }

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let mut recent = Recent::new(4);
        for n in 0..3 {
            recent.insert(digest(n), n);
        }
        recent.insert(digest(0), 7);
        assert_eq!(recent.get(&digest(0)), Some(&mut 7));
        recent.remove(&digest(0));
        assert_eq!(recent.get(&digest(0)), None);
    }
}
