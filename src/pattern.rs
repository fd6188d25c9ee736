//! Names with the wildcard `*`, which matches any characters, including none.

use crate::bytes::{first_bits, first_word};

/// A name or pattern in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    text: String,
    /// The positions of the first and the last wildcard.
    stars: Option<(usize, usize)>,
    /// The number of characters that are not wildcards.
    literals: usize,
    /// The first bytes that a matching name must have, and a mask for them. They rule out most of a thousand patterns
    /// without a comparison of their text.
    start: u64,
    fixed: u64,
    /// The [`pairs`] of its literal parts.
    pairs: u64,
}

/// A middle part of up to this many bytes is compared at each position. That is quicker than a search that prepares for
/// hostile text, and still linear in the text.
const SHORT: usize = 32;

/// A set of the adjacent byte pairs in `text`, hashed to 64 bits. A name that lacks a pair of a pattern does not match it.
pub fn pairs(text: &str) -> u64 {
    let bits = text.as_bytes().windows(2).map(|pair| match pair {
        [b'*', _] | [_, b'*'] => 0,
        [one, two] => 1 << ((one.wrapping_mul(31) ^ two) & 63),
        _ => 0,
    });
    bits.fold(0, |all, bit| all | bit)
}

impl Pattern {
    /// Reads a pattern. A run of wildcards is stored as one.
    pub fn new(text: &str) -> Self {
        let mut text = text.to_owned();
        if text.contains("**") {
            let mut before = ' ';
            text.retain(|c| std::mem::replace(&mut before, c) != '*' || c != '*');
        }
        let stars = text.find('*').zip(text.rfind('*'));
        let fixed = first_bits(stars.map_or(8, |(first, _)| first));
        let literals = text.chars().filter(|c| *c != '*').count();
        let (start, pairs) = (first_word(text.as_bytes()) & fixed, pairs(&text));
        Self { text, stars, literals, start, fixed, pairs }
    }

    /// The pattern as written, with each run of wildcards merged.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has no wildcard.
    pub fn is_exact(&self) -> bool {
        self.stars.is_none()
    }

    /// The text before the first wildcard, with which every matching name starts.
    pub fn prefix(&self) -> &str {
        let end = self.stars.map_or(self.text.len(), |(first, _)| first);
        self.text.get(..end).unwrap_or_default()
    }

    /// The number of characters that are not wildcards. Of two matching patterns, the one with more is closer.
    pub fn literals(&self) -> usize {
        self.literals
    }

    /// Whether `name` matches, byte for byte except for wildcards.
    ///
    /// Linear in `name`: it is enough to match each middle part at its first position, because `*` matches anything.
    /// The ends are compared first, because they rule out most names without a search.
    pub fn matches(&self, name: &str) -> bool {
        if first_word(name.as_bytes()) & self.fixed != self.start {
            return false;
        }
        let Some((first, last)) = self.stars else {
            return self.text == name;
        };
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let (prefix, suffix) = (part(0, first), part(last + 1, self.text.len()));
        let Some(mut name) = name.strip_prefix(prefix).and_then(|name| name.strip_suffix(suffix)) else {
            return false;
        };
        let middle = part(first + 1, last);
        // A pattern with one wildcard has no middle.
        middle.is_empty()
            || middle.split('*').all(|part| match after(name, part) {
                Some(after) => {
                    name = after;
                    true
                }
                None => false,
            })
    }

    /// Like [`Self::matches`], for a `name` with these [`pairs`].
    pub fn matches_with(&self, name: &str, pairs: u64) -> bool {
        self.pairs & !pairs == 0 && self.matches(name)
    }

    /// Whether some name matches both this pattern and `other`.
    ///
    /// Anything may be between the first and the last wildcard, so if both patterns have wildcards, only their ends
    /// matter.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.is_exact() {
            return other.matches(&self.text);
        }
        if other.is_exact() {
            return self.matches(&other.text);
        }
        let (one, two) = (self.suffix(), other.suffix());
        let ends_alike = one.ends_with(two) || two.ends_with(one);
        let (one, two) = (self.prefix(), other.prefix());
        ends_alike && (one.starts_with(two) || two.starts_with(one))
    }

    fn suffix(&self) -> &str {
        let from = self.stars.map_or(0, |(_, last)| last + 1);
        self.text.get(from..).unwrap_or_default()
    }
}

/// The rest of `name` after the first `part`.
fn after<'n>(name: &'n str, part: &str) -> Option<&'n str> {
    let bytes = part.as_bytes();
    if bytes.is_empty() || bytes.len() > SHORT {
        return name.split_once(part).map(|(_, after)| after);
    }
    let is_it = |place: &[u8]| place.first() == bytes.first() && place == bytes;
    let at = name.as_bytes().windows(bytes.len()).position(is_it)?;
    name.get(at + bytes.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        const CASES: &[(&str, &str, bool)] = &[
            ("echo", "echo", true),
            ("echo", "echo2", false),
            ("echo", "Echo", false),
            ("*", "", true),
            ("*", "anything", true),
            ("delete_*", "delete_all", true),
            ("delete_*", "delete_", true),
            ("delete_*", "xdelete_all", false),
            ("*_all", "delete_all", true),
            ("*_all", "delete_all2", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "ac", false),
            ("a*b*c", "a-c-b", false),
            ("a*ab", "ab", false),
            ("a*b*ab", "abab", true),
            ("a*b*ba", "aba", false),
            ("a**b", "ab", true),
            ("a***b**c*", "a-b-c", true),
            ("*\u{e9}t*\u{e9}*", "\u{e9}t\u{e9}", true),
            ("*\u{e9}t*\u{e9}*", "\u{e9}te", false),
            ("*a*a*", "a", false),
            ("*a*a*", "xaxax", true),
            ("é*", "été", true),
        ];
        for (pattern, name, expected) in CASES {
            let pattern = Pattern::new(pattern);
            let found = [pattern.matches(name), pattern.matches_with(name, pairs(name))];
            assert_eq!(found, [*expected; 2], "{pattern:?} against {name}");
        }
    }

    #[test]
    fn two_patterns_overlap_if_one_name_matches_both() {
        const CASES: &[(&str, &str, bool)] = &[
            ("a", "a", true),
            ("a", "b", false),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("a*", "ab*", true),
            ("a*", "b*", false),
            ("*a", "*ba", true),
            ("*a", "*b", false),
            ("a*c", "ab*", true),
            ("a*c", "a*b", false),
            ("a*b*c", "a*d*c", true),
            ("ab*", "a*b", true),
            ("*", "a*b", true),
        ];
        for (one, two, expected) in CASES {
            let (one, two) = (Pattern::new(one), Pattern::new(two));
            assert_eq!((one.overlaps(&two), two.overlaps(&one)), (*expected, *expected), "{one:?} and {two:?}");
        }
    }

    #[test]
    fn a_pattern_matches_another_only_if_it_matches_all_that_the_other_does() {
        const CASES: &[(&str, &str, bool)] = &[
            ("docs://*", "docs://*", true),
            ("docs://*", "docs://public/*", true),
            ("docs://public/*", "docs://*", false),
            ("docs://*/x", "docs://*/x", true),
            ("docs://*/x", "docs://*", false),
            ("docs://a", "docs://*", false),
            ("a*b", "a*b*b", true),
            ("a*b*b", "a*b", false),
        ];
        for (pattern, other, expected) in CASES {
            assert_eq!(Pattern::new(pattern).matches(other), *expected, "{pattern} over {other}");
        }
    }

    #[test]
    fn literals_are_counted_in_characters() {
        assert_eq!(Pattern::new("é*b*").literals(), 2);
    }
}
