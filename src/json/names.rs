//! The names of members, which must be unique within an object.

use std::borrow::Cow;

use super::JsonFault;
use crate::bytes::{first_bits, first_word};

/// Up to this number, names are compared in pairs, which is faster than sorting them.
pub const FEW_NAMES: usize = 8;

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
    #[inline]
    fn new(bytes: &[u8], from: usize, to: usize, escaped: bool) -> Self {
        // Mask out the bytes after the name.
        let start = first_word(bytes.get(from..).unwrap_or_default()) & first_bits(to - from);
        Self { start, from, to, escaped }
    }
}

impl Names {
    /// An empty list.
    pub fn new() -> Self {
        Self { all: Vec::with_capacity(16), decoded: Vec::new() }
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds a name, which ends at `to` of `text` unless it has escapes.
    pub fn push(&mut self, text: &[u8], to: usize, name: Cow<'_, [u8]>) {
        self.all.push(match name {
            Cow::Borrowed(bytes) => Name::new(text, to - bytes.len(), to, false),
            Cow::Owned(bytes) => {
                let from = self.decoded.len();
                self.decoded.extend_from_slice(&bytes);
                Name::new(&self.decoded, from, self.decoded.len(), true)
            }
        });
    }

    /// Checks that the names since `first` are unique, and removes them. Sorting takes n log n for any input, while a
    /// hash table would need a secret against chosen names.
    pub fn differ(&mut self, text: &[u8], first: usize) -> Result<(), JsonFault> {
        let decoded = self.decoded.as_slice();
        let bytes = |name: &Name| {
            let place = if name.escaped { decoded } else { text };
            place.get(name.from..name.to).unwrap_or_default()
        };
        let same = |one: &Name, other: &Name| one.start == other.start && bytes(one) == bytes(other);
        let own = self.all.get_mut(first..).unwrap_or_default();
        let twice = if own.len() <= FEW_NAMES {
            own.iter().enumerate().any(|(n, name)| own.iter().take(n).any(|other| same(name, other)))
        } else {
            // In text order, in which servers often write them already; a sorted list is recognised at once.
            let order = |name: &Name| name.start.swap_bytes();
            own.sort_unstable_by(|one, other| order(one).cmp(&order(other)).then_with(|| bytes(one).cmp(bytes(other))));
            own.iter().zip(own.iter().skip(1)).any(|(one, other)| same(one, other))
        };
        self.all.truncate(first);
        if twice { Err(JsonFault::DuplicateMember) } else { Ok(()) }
    }
}
