//! Ids of decisions.

/// The id of a decision: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecisionId([u8; 32]);

impl DecisionId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Generates decision ids: 128 bits, unique for every decision of every worker.
#[derive(Clone, Copy, Debug)]
pub struct DecisionIds {
    seed: u64,
    /// The first half of every id.
    worker: u64,
    count: u64,
}

impl DecisionIds {
    /// A generator seeded with `seed`, which must differ between workers.
    pub fn new(seed: u64) -> Self {
        Self { seed, worker: mix(seed), count: 0 }
    }

    /// The next id.
    #[inline]
    pub fn next_id(&mut self) -> DecisionId {
        self.count += 1;
        // Formatted by hand: every request needs an id, and the formatter takes ten times as long.
        let number = u128::from(self.worker) << 64 | u128::from(mix(self.seed ^ mix(self.count)));
        let mut id = [0; 32];
        for (digits, byte) in id.as_chunks_mut().0.iter_mut().zip(number.to_be_bytes()) {
            *digits = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        DecisionId(id)
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

/// The finaliser of SplitMix64: every input bit affects all output bits.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decision_ids_differ_within_and_between_workers() {
        let ids: std::collections::BTreeSet<_> = [1, 2]
            .into_iter()
            .flat_map(|seed| std::iter::repeat_n(DecisionIds::new(seed), 1))
            .flat_map(|mut ids| (0..100).map(move |_| ids.next_id()))
            .collect();
        assert_eq!(ids.len(), 200);
    }
}
