//! Names and their positions in a list, found by binary search.
//!
//! A single non-generic type instead of a tree per value type. Lookups are as fast, and the module, which every worker
//! loads, stays small.

use crate::bytes::first_word;

/// An index of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    entries: Vec<(String, usize)>,
    /// The first bytes of each name as a number in the same order, which distinguishes most names.
    starts: Vec<u64>,
}

impl Index {
    /// Indexes `names` by position. Of equal names, the first counts.
    pub fn new(names: impl Iterator<Item = String>) -> Self {
        let mut entries = Self::sorted(names);
        entries.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Self::of_sorted(entries)
    }

    /// Indexes `names` by position, including duplicates.
    pub fn of_all(names: impl Iterator<Item = String>) -> Self {
        Self::of_sorted(Self::sorted(names))
    }

    /// Indexes those of `names` that repeat an earlier one.
    pub fn of_repeated(names: &[&str]) -> Self {
        let names = || names.iter().copied();
        let all = Self::new(names().map(str::to_owned));
        Self::new(all.repeated(names()).map(str::to_owned))
    }

    fn sorted(names: impl Iterator<Item = String>) -> Vec<(String, usize)> {
        let mut entries: Vec<_> = names.enumerate().map(|(place, name)| (name, place)).collect();
        entries.sort_unstable();
        entries
    }

    #[inline(never)]
    fn of_sorted(entries: Vec<(String, usize)>) -> Self {
        Self { starts: entries.iter().map(|(name, _)| start(name)).collect(), entries }
    }

    /// The position of `name`.
    #[inline]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.found(name).first().map(|(_, place)| *place)
    }

    /// The positions of all names equal to `name`.
    pub fn places_of(&self, name: &str) -> impl Iterator<Item = usize> {
        self.found(name).iter().map(|(_, place)| *place)
    }

    /// The entries of `name`. Not inlined: copies of the search would add 10 kB to the module.
    #[inline(never)]
    fn found(&self, name: &str) -> &[(String, usize)] {
        let start = start(name);
        let first = self.starts.partition_point(|own| *own < start);
        let rest = self.starts.get(first..).unwrap_or_default();
        // Most names that are looked up are absent or the only ones with their start.
        let alike = if rest.get(1) == Some(&start) {
            rest.partition_point(|own| *own == start)
        } else {
            usize::from(rest.first() == Some(&start))
        };
        let alike = self.entries.get(first..first + alike).unwrap_or_default();
        let from = alike.partition_point(|(own, _)| own.as_str() < name);
        let found = alike.get(from..).unwrap_or_default();
        let count = found.iter().take_while(|(own, _)| own == name).count();
        found.get(..count).unwrap_or_default()
    }

    /// Whether a name begins with these eight bytes, padded with zeros, the first as the highest.
    pub fn has_start(&self, start: u64) -> bool {
        self.starts.binary_search(&start).is_ok()
    }

    /// Whether the index contains `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Whether the index is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Like [`Self::names`], by value.
    pub fn into_names(self) -> Vec<String> {
        self.entries.into_iter().map(|(name, _)| name).collect()
    }

    /// The duplicates among `names`, which must be the indexed names.
    pub fn repeated<'n>(&self, names: impl Iterator<Item = &'n str>) -> impl Iterator<Item = &'n str> {
        names.enumerate().filter(|(place, name)| self.place(name) != Some(*place)).map(|(_, name)| name)
    }

    /// The names in sorted order, with their positions.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.entries.iter().map(|(name, place)| (name.as_str(), *place))
    }

    /// The positions, in the order of the names.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|(_, place)| *place)
    }
}

/// The first eight bytes of `name`, as a number whose order is that of the names.
fn start(name: &str) -> u64 {
    first_word(name.as_bytes()).swap_bytes()
}

/// `items` sorted by key. Of items with equal keys, the first is kept. All sorting that is not time-critical uses this
/// function, because each further sorted type adds about 5 kB to the module.
pub fn sorted<T>(items: Vec<T>, key: impl Fn(&T) -> String) -> Vec<T> {
    let order = Index::new(items.iter().map(key));
    let mut items: Vec<_> = items.into_iter().map(Some).collect();
    order.places().filter_map(|place| items.get_mut(place).and_then(Option::take)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_first_place() {
        let index = Index::new(["b", "a", "b", ""].into_iter().map(str::to_owned));
        for (name, place) in [("a", Some(1)), ("b", Some(0)), ("", Some(3)), ("c", None), ("A", None)] {
            assert_eq!(index.place(name), place, "{name}");
        }
        assert_eq!(index.places().collect::<Vec<_>>(), [3, 1, 0]);
        let all = Index::of_all(["b", "a", "b"].into_iter().map(str::to_owned));
        for (name, places) in [("a", vec![1]), ("b", vec![0, 2]), ("c", vec![])] {
            assert_eq!(all.places_of(name).collect::<Vec<_>>(), places, "{name}");
        }
        assert_eq!(index.repeated(["b", "a", "b", ""].into_iter()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(index.into_names(), ["", "a", "b"]);
    }

    #[test]
    fn names_are_in_the_order_of_their_bytes_wherever_they_differ() {
        let names = [
            "",
            "\0",
            "a",
            "a\0",
            "a\0b",
            "ab",
            "abcdefgh",
            "abcdefgh\0",
            "abcdefghi",
            "abcdefgi",
            "\u{e9}",
            "\u{10ffff}",
        ];
        let index = Index::of_all(names.iter().rev().chain(&names).map(|name| (*name).to_owned()));
        let twice: Vec<_> = names.iter().flat_map(|name| [*name, name]).collect();
        assert_eq!(index.names().collect::<Vec<_>>(), twice);
        for (place, name) in names.iter().enumerate() {
            let expected = [names.len() - 1 - place, names.len() + place];
            assert_eq!(index.places_of(name).collect::<Vec<_>>(), expected, "{name:?}");
            assert_eq!(index.place(&format!("{name}x")), None, "{name:?}");
        }
    }
}
