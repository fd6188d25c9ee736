//! The names of members, which must be unique within an object.

use super::{JsonFault, Text};
use crate::bytes::{first_bits, first_word};

/// Up to this number, names are looked up in a mask. More of them are sorted, which takes n log n for any input.
pub const FEW_NAMES: usize = 32;

/// The names of all open objects.
pub struct Names {
    /// The names of each object are at the end of the list while it is open.
    all: Vec<Name>,
    /// The decoded names that have escapes, concatenated. Never larger than the text.
    decoded: Vec<u8>,
}

/// The name of a member. Its first bytes as a number distinguish most names.
#[derive(Clone, Copy)]
struct Name {
    start: u64,
    /// Its position, in the text or in the decoded names.
    from: usize,
    to: usize,
    escaped: bool,
}

impl Name {
    /// The name from `from` to `to` in `bytes`.
    #[inline(always)]
    fn new(bytes: &[u8], from: usize, to: usize, escaped: bool) -> Self {
        // Mask out the bytes after the name.
        let start = first_word(bytes.get(from..).unwrap_or_default()) & first_bits(to - from);
        Self { start, from, to, escaped }
    }

    /// One of 64 bits. Equal names have the same.
    #[inline(always)]
    fn bit(&self) -> u64 {
        // The constant of Fibonacci hashing: the upper bits of the product depend on all bits of the sum.
        let sum = self.start.wrapping_add((self.to - self.from) as u64);
        1 << (sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
    }
}

impl Names {
    /// An empty list.
    pub fn new() -> Self {
        Self { all: Vec::with_capacity(16), decoded: Vec::new() }
    }

    /// The number of names.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds the name that starts at `from` of `text`.
    #[inline(always)]
    pub fn push(&mut self, text: &[u8], from: usize, name: &Text<'_>) {
        let name =
            if name.has_escapes() { self.decode(name) } else { Name::new(text, from, from + name.raw().len(), false) };
        self.all.push(name);
    }

    #[inline(never)]
    fn decode(&mut self, name: &Text<'_>) -> Name {
        let from = self.decoded.len();
        self.decoded.extend_from_slice(&name.bytes());
        Name::new(&self.decoded, from, self.decoded.len(), true)
    }

    /// Checks that the names since `first` are unique, and removes them.
    #[inline(never)]
    pub fn differ(&mut self, text: &[u8], first: usize) -> Result<(), JsonFault> {
        let own = self.all.get_mut(first..).unwrap_or_default();
        let decoded = self.decoded.as_slice();
        let twice = if own.len() <= FEW_NAMES { few_twice(own, text, decoded) } else { many_twice(own, text, decoded) };
        self.all.truncate(first);
        if twice { Err(JsonFault::DuplicateMember) } else { Ok(()) }
    }
}

/// Whether one of a few names occurs twice. Two names are only compared if both have the same bit.
#[inline(always)]
fn few_twice(own: &[Name], text: &[u8], decoded: &[u8]) -> bool {
    let mut seen = 0;
    for (n, name) in own.iter().enumerate() {
        let bit = name.bit();
        if seen & bit != 0 {
            let others = own.get(..n).unwrap_or_default();
            if others.iter().any(|other| other.start == name.start && same(name, other, text, decoded)) {
                return true;
            }
        }
        seen |= bit;
    }
    false
}

/// Whether one of many names occurs twice. A hash table would need a secret against chosen names.
#[inline(never)]
fn many_twice(own: &mut [Name], text: &[u8], decoded: &[u8]) -> bool {
    // In text order, in which servers often write them already; a sorted list is recognised at once.
    let order = |name: &Name| name.start.swap_bytes();
    let bytes = |name: &Name| bytes_of(name, text, decoded);
    own.sort_unstable_by(|one, other| order(one).cmp(&order(other)).then_with(|| bytes(one).cmp(bytes(other))));
    own.iter().zip(own.iter().skip(1)).any(|(one, other)| same(one, other, text, decoded))
}

fn bytes_of<'t>(name: &Name, text: &'t [u8], decoded: &'t [u8]) -> &'t [u8] {
    let place = if name.escaped { decoded } else { text };
    place.get(name.from..name.to).unwrap_or_default()
}

#[inline(never)]
fn same(one: &Name, other: &Name, text: &[u8], decoded: &[u8]) -> bool {
    one.start == other.start && bytes_of(one, text, decoded) == bytes_of(other, text, decoded)
}
