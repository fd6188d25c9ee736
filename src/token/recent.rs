//! A map keyed by token, bounded in values and bytes, that evicts the least recently used.
//!
//! Two generations approximate the order of use. A used value moves to the young generation. When that is full, it
//! replaces the old generation, whose remaining values are dropped. Every step takes constant time, and a hit allocates
//! nothing.

use std::collections::HashMap;

use super::digest::{ByFirstBytes, TokenDigest};

/// A bounded map keyed by token digest.
#[derive(Clone, Debug)]
pub struct Recent<V> {
    /// The capacity of one generation.
    half: usize,
    half_bytes: usize,
    young: Generation<V>,
    old: Generation<V>,
}

#[derive(Clone, Debug)]
struct Generation<V> {
    values: HashMap<TokenDigest, (V, usize), ByFirstBytes>,
    /// The sum of the weights.
    bytes: usize,
}

impl<V> Default for Generation<V> {
    fn default() -> Self {
        Self { values: HashMap::default(), bytes: 0 }
    }
}

impl<V> Generation<V> {
    fn remove(&mut self, token: &TokenDigest) -> Option<(V, usize)> {
        let (value, weight) = self.values.remove(token)?;
        self.bytes = self.bytes.saturating_sub(weight);
        Some((value, weight))
    }
}

impl<V> Recent<V> {
    /// The size of an entry besides what its value owns elsewhere: itself and its slot in a map that is at least half
    /// full.
    const OVERHEAD: usize = 2 * size_of::<(TokenDigest, (V, usize))>();

    /// A map for `most` values with a total weight of at most `bytes`. With 0, nothing is stored.
    pub fn new(most: usize, bytes: usize) -> Self {
        let (young, old) = (Generation::default(), Generation::default());
        Self { half: most.div_ceil(2), half_bytes: bytes / 2, young, old }
    }

    /// Whether values are stored at all.
    pub fn keeps_any(&self) -> bool {
        self.half > 0
    }

    /// The value of `token`. Marks it as used.
    pub fn get(&mut self, token: &TokenDigest) -> Option<&mut V> {
        if !self.young.values.contains_key(token) {
            let (value, weight) = self.old.remove(token)?;
            self.put(*token, value, weight);
        }
        self.young.values.get_mut(token).map(|(value, _)| value)
    }

    /// Stores a value that owns `weight` bytes elsewhere, and replaces a previous one. A value heavier than one
    /// generation is not stored.
    pub fn insert(&mut self, token: TokenDigest, value: V, weight: usize) {
        self.remove(&token);
        let weight = weight.saturating_add(Self::OVERHEAD);
        if self.keeps_any() && weight <= self.half_bytes {
            self.put(token, value, weight);
        }
    }

    /// Updates the weight of the value of `token`.
    pub fn weigh(&mut self, token: &TokenDigest, weight: usize) {
        if let Some((value, _)) = self.young.remove(token).or_else(|| self.old.remove(token)) {
            self.insert(*token, value, weight);
        }
    }

    fn put(&mut self, token: TokenDigest, value: V, weight: usize) {
        if self.young.values.len() >= self.half || self.young.bytes.saturating_add(weight) > self.half_bytes {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes += weight;
        self.young.values.insert(token, (value, weight));
    }

    /// Removes a value.
    pub fn remove(&mut self, token: &TokenDigest) {
        self.young.remove(token);
        self.old.remove(token);
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.young.values.len() + self.old.values.len()
    }

    /// The total weight.
    pub fn bytes(&self) -> usize {
        self.young.bytes + self.old.bytes
    }

    /// Whether the map is empty.
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
            let mut recent = Recent::new(most, usize::MAX);
            for n in 0..1000 {
                recent.insert(digest(n), n, 1);
                recent.get(&digest(n / 2));
                assert!(recent.len() <= most.next_multiple_of(2), "{} of {most}", recent.len());
            }
            assert_eq!(recent.is_empty(), most == 0);
        }
    }

    #[test]
    fn what_is_used_stays_whatever_else_comes() {
        let mut recent = Recent::new(10, usize::MAX);
        recent.insert(digest(0), 0, 1);
        for n in 1..1000 {
            recent.insert(digest(n), n, 1);
            assert_eq!(recent.get(&digest(0)), Some(&mut 0), "after {n}");
        }
        assert_eq!(recent.get(&digest(1)), None);
    }

    #[test]
    fn as_many_as_fit_into_one_generation_all_stay() {
        let mut recent = Recent::new(200, usize::MAX);
        for round in 0..3 {
            for n in 0..100 {
                if round > 0 {
                    assert_eq!(recent.get(&digest(n)), Some(&mut n.clone()), "{n}");
                }
                recent.insert(digest(n), n, 1);
            }
        }
    }

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let mut recent = Recent::new(4, usize::MAX);
        for n in 0..3 {
            recent.insert(digest(n), n, 1);
        }
        recent.insert(digest(0), 7, 1);
        assert_eq!(recent.get(&digest(0)), Some(&mut 7));
        recent.remove(&digest(0));
        assert_eq!(recent.get(&digest(0)), None);
    }

    #[test]
    fn whatever_is_put_in_the_weights_stay_below_the_bound_and_what_was_removed_stays_away() {
        const BYTES: usize = 10_000;
        let mut recent = Recent::new(1000, BYTES);
        // A low-quality generator is sufficient here.
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((state >> 33) % below).unwrap()
        };
        let mut newest = [None; 300];
        for step in 0..100_000 {
            let (n, weight) = (next(300), next(3) * next(3000));
            match next(4) {
                0 | 1 => {
                    recent.insert(digest(n), step, weight);
                    newest[n] = Some(step);
                }
                2 => recent.weigh(&digest(n), weight),
                _ if next(8) == 0 => {
                    recent.remove(&digest(n));
                    newest[n] = None;
                }
                _ => {}
            }
            let n = next(300);
            if let Some(found) = recent.get(&digest(n)) {
                assert_eq!(Some(*found), newest[n], "neither an older value nor a removed one");
            }
            assert!(recent.bytes() <= BYTES, "{} after {step}", recent.bytes());
        }
        assert!(!recent.is_empty());
    }

    #[test]
    fn what_is_too_heavy_is_not_kept_and_pushes_nothing_out() {
        let mut recent = Recent::new(10, 10_000);
        recent.insert(digest(0), 0, 0);
        recent.insert(digest(1), 1, 5_000);
        recent.insert(digest(2), 2, usize::MAX);
        assert_eq!(recent.get(&digest(1)), None);
        assert_eq!(recent.get(&digest(2)), None);
        assert_eq!(recent.get(&digest(0)), Some(&mut 0));
        recent.insert(digest(0), 3, 5_000);
        assert_eq!(recent.get(&digest(0)), None, "the earlier value does not stand for the heavy one");
    }
}
