//! Names and patterns of rules in all spellings that are looked up, with the places of their rules.

use std::borrow::Cow;

use super::Requirement;
use crate::index::{Index, sorted};
use crate::pattern::{Pattern, pairs};
use crate::policy::near::NearNames;
use crate::uri::spelling;

/// For up to this many patterns, the byte pairs of a name are not computed: to try each pattern costs less.
const FEW: usize = 8;

/// Whether the rule at a place counts.
pub type Counts<'a> = &'a dyn Fn(usize) -> bool;

/// A function that spells a name or pattern.
type Way = fn(&str) -> Cow<'_, str>;

/// The rules of a set, by spelling.
#[derive(Clone, Debug)]
pub struct Spelled {
    /// For each exact spelling, the place of its rule.
    exact: Vec<usize>,
    /// Exact spellings, with places in `exact`. Several rules may share a spelling.
    names: Index,
    /// Like `names`, in the form that a careless server compares.
    folded: NearNames,
    /// Sorted by number of literal characters, then by text, so that configuration order does not matter.
    patterns: Vec<(Pattern, usize)>,
}

impl Spelled {
    /// Spells the names of rules as they are.
    pub fn plain(rules: &[(Pattern, Requirement)]) -> Self {
        Self::new(rules, &[|name| Cow::Borrowed(name)])
    }

    /// Spells the URIs of rules in equivalent ways, and, second, as careless servers read them.
    pub fn of_uris(rules: &[(Pattern, Requirement)]) -> (Self, Self) {
        fn decoded(uri: &str) -> String {
            spelling::decoded(uri).unwrap_or_else(|| uri.to_owned())
        }
        let own: [Way; 4] = [
            |uri| Cow::Borrowed(uri),
            spelling::slashed,
            spelling::encoded,
            |uri| Cow::Owned(spelling::encoded(&spelling::slashed(uri)).into_owned()),
        ];
        let careless: [Way; 6] = [
            |uri| Cow::Owned(spelling::careless(uri, false)),
            |uri| Cow::Owned(spelling::careless(uri, true)),
            |uri| Cow::Owned(spelling::other_end(spelling::careless(uri, true))),
            |uri| Cow::Owned(spelling::careless(&decoded(uri), false)),
            |uri| Cow::Owned(spelling::careless(&decoded(uri), true)),
            |uri| Cow::Owned(spelling::other_end(spelling::careless(&decoded(uri), true))),
        ];
        (Self::new(rules, &own), Self::new(rules, &careless))
    }

    /// Spells the names of `rules` in each of `ways`.
    fn new(rules: &[(Pattern, Requirement)], ways: &[Way]) -> Self {
        let mut spelled = Vec::new();
        for (place, (written, _)) in rules.iter().enumerate() {
            let mut own: Vec<Cow<'_, str>> = Vec::new();
            for way in ways {
                let text = way(written.as_str());
                if !own.contains(&text) {
                    own.push(text);
                }
            }
            spelled.extend(own.iter().map(|text| (Pattern::new(text), place)));
        }
        let (exact, patterns): (Vec<_>, Vec<_>) = spelled.into_iter().partition(|(name, _)| name.is_exact());
        let key = |(pattern, place): &(Pattern, usize)| {
            let written = rules.get(*place).map_or("", |(written, _)| written.as_str());
            format!("{:020}{}\n{written}", usize::MAX - pattern.literals(), pattern.as_str())
        };
        Self {
            names: Index::of_all(exact.iter().map(|(name, _)| name.as_str().to_owned())),
            folded: NearNames::new(exact.iter().map(|(name, _)| name.as_str())),
            exact: exact.into_iter().map(|(_, place)| place).collect(),
            patterns: sorted(patterns, key),
        }
    }

    /// Whether `name` is an exact spelling.
    pub fn lists_exactly(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether a rule that counts has the exact spelling `name`.
    pub fn has_exact(&self, name: &str, counts: Counts<'_>) -> bool {
        self.exact(name).any(counts)
    }

    /// The rules of the exact spelling `name`.
    pub fn exact(&self, name: &str) -> impl Iterator<Item = usize> {
        self.rules_of(self.names.places_of(name))
    }

    /// The patterns closest to `name`, several if they tie.
    pub fn closest<'a>(&'a self, name: &'a str, counts: Counts<'a>) -> impl Iterator<Item = &'a (Pattern, usize)> {
        let pairs = self.pairs_of(name);
        let matches = move |(pattern, place): &(Pattern, usize)| pattern.matches_with(name, pairs) && counts(*place);
        let first = self.patterns.iter().position(matches).unwrap_or(self.patterns.len());
        let rest = self.patterns.get(first..).unwrap_or_default();
        let literals = rest.first().map(|(pattern, _)| pattern.literals());
        // Later patterns have fewer literals.
        let alike = rest.iter().take_while(move |(pattern, _)| Some(pattern.literals()) == literals);
        alike.enumerate().filter(move |(n, pattern)| *n == 0 || matches(pattern)).map(|(_, pattern)| pattern)
    }

    /// The rules for `name`: those of its exact spelling, else the closest pattern, or several if they tie.
    pub fn find<'a>(&'a self, name: &'a str, counts: Counts<'a>) -> impl Iterator<Item = usize> + 'a {
        let mut exact = self.exact(name).filter(move |place| counts(*place)).peekable();
        let patterns = exact.peek().is_none().then(|| self.closest(name, counts));
        exact.chain(patterns.into_iter().flatten().map(|(_, place)| *place))
    }

    /// The rules that decide some name matching `template`, and whether a pattern covers all such names.
    pub fn reach(&self, template: &str, counts: Counts<'_>) -> (Vec<usize>, bool) {
        let covering = self.closest(template, counts).next().map(|(pattern, _)| pattern.literals());
        let template = Pattern::new(template);
        // Patterns after the covering one decide nothing.
        let closer = self.patterns.iter().take_while(|(pattern, _)| Some(pattern.literals()) >= covering);
        let reached = closer.filter(|(pattern, place)| counts(*place) && pattern.overlaps(&template));
        let exact = self.names.iter().filter(|(name, _)| template.matches(name)).map(|(_, place)| place);
        let exact = self.rules_of(exact).filter(|place| counts(*place));
        (reached.map(|(_, place)| *place).chain(exact).collect(), covering.is_some())
    }

    /// The rules of the exact spellings that a careless server would take `name` for. Empty if `name` is an exact
    /// spelling.
    pub fn near(&self, name: &str) -> Vec<usize> {
        if self.folded.is_empty() || self.lists_exactly(name) {
            return Vec::new();
        }
        self.rules_of(self.folded.places_of(name).into_iter()).collect()
    }

    /// Whether a careless server would take `name`, which is no exact spelling, for one.
    pub fn is_near_other(&self, name: &str) -> bool {
        self.folded.contains(name)
    }

    /// The patterns that match `name`, closest first.
    pub fn matching(&self, name: &str) -> Vec<usize> {
        self.matches(name).map(|(_, place)| *place).collect()
    }

    fn rules_of(&self, places: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
        places.filter_map(|place| self.exact.get(place).copied())
    }

    /// The pairs of `name`, which leave few of many patterns to try.
    fn pairs_of(&self, name: &str) -> u64 {
        if self.patterns.len() > FEW { pairs(name) } else { u64::MAX }
    }

    fn matches<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a (Pattern, usize)> {
        let pairs = self.pairs_of(name);
        self.patterns.iter().filter(move |(pattern, _)| pattern.matches_with(name, pairs))
    }
}
