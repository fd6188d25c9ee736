//! Exact names, in the form that a careless server compares.

use crate::index::Index;
use crate::text::{near, plain_start, readings};

/// Names, found by what a careless server would take for them.
#[derive(Clone, Debug, Default)]
pub struct NearNames {
    folded: Index,
}

impl NearNames {
    /// Folds `names`. Several may fold to the same form.
    pub fn new<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self { folded: Index::of_all(names.map(near)) }
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.folded.is_empty()
    }

    /// The places of the names that a careless server would take `name` for.
    pub fn places_of(&self, name: &str) -> Vec<usize> {
        if self.has_none_like(name) {
            return Vec::new();
        }
        readings(name).iter().flat_map(|reading| self.folded.places_of(reading)).collect()
    }

    /// Whether a careless server would take `name` for one of the names.
    pub fn contains(&self, name: &str) -> bool {
        !self.has_none_like(name) && readings(name).iter().any(|reading| self.folded.contains(reading))
    }

    /// Whether no name begins like `name`. A list brings a thousand names, most of which begin like none of the folded
    /// ones: they cost no allocation.
    fn has_none_like(&self, name: &str) -> bool {
        self.is_empty() || plain_start(name).is_some_and(|start| !self.folded.has_start(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_path_finds_what_the_readings_find() {
        const NAMES: &[&str] =
            &["a", "Ab", "delete_all", "delete_one", "ſum", "a b", "x\u{200b}y", "", "Straße", "abcdefgh", "abcdefghi"];
        const OTHERS: &[&str] = &[
            "A",
            "aB",
            "DELETE_ALL",
            " delete_all",
            "delete_all ",
            "delete_all\0x",
            "delete_al",
            "SUM",
            "sum",
            "A B",
            "a  b",
            "xy",
            "XY ",
            " ",
            "strasse",
            "STRASSE",
            "ABCDEFGH",
            "abcdefg",
            "ABCDEFGHI",
            "\u{7f}a",
            "a\t",
            "~",
        ];
        for names in NAMES.iter().map(std::slice::from_ref).chain([NAMES, &[]]) {
            let known = NearNames::new(names.iter().copied());
            for name in NAMES.iter().chain(OTHERS) {
                let slowly = |place: &usize| readings(name).contains(&near(names[*place]));
                let mut found = known.places_of(name);
                found.sort_unstable();
                found.dedup();
                assert_eq!(found, (0..names.len()).filter(slowly).collect::<Vec<_>>(), "{names:?}: {name:?}");
                assert_eq!(known.contains(name), !found.is_empty(), "{names:?}: {name:?}");
            }
        }
    }
}
