//! Scopes (RFC 6749 section 3.3): the syntax of a scope token, and sets of scopes.

use std::fmt;
use std::sync::Arc;

use crate::index::sorted;

/// A valid scope token: `1*( %x21 / %x23-5B / %x5D-7E )`. Clones share the text, because denials name the policy's
/// scopes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(Arc<str>);

/// A sorted set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a scope and returns whether it is new.
    pub fn insert(&mut self, scope: Scope) -> bool {
        match self.0.binary_search(&scope) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, scope);
                true
            }
        }
    }

    /// The scope with this text, if it is in the set.
    #[inline]
    pub fn get(&self, text: &str) -> Option<&Scope> {
        self.0.binary_search_by(|own| own.as_str().cmp(text)).ok().and_then(|place| self.0.get(place))
    }

    /// Whether the scope with this text is in the set.
    pub fn contains(&self, text: &str) -> bool {
        self.get(text).is_some()
    }

    /// The union of both sets.
    pub fn union(&self, more: &Self) -> Self {
        self.iter().chain(more).cloned().collect()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of scopes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All scopes, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }
}

impl Extend<Scope> for ScopeSet {
    fn extend<I: IntoIterator<Item = Scope>>(&mut self, scopes: I) {
        scopes.into_iter().for_each(|scope| {
            self.insert(scope);
        });
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::new();
        set.extend(scopes);
        set
    }
}

impl<const N: usize> From<[Scope; N]> for ScopeSet {
    fn from(scopes: [Scope; N]) -> Self {
        scopes.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Scope {
    /// Parses a scope. `None` if `text` is empty or has an invalid character.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        (!text.is_empty() && text.bytes().all(legal)).then(|| Self(text.into()))
    }

    /// The scope as issued. It is compared byte for byte.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The narrower scopes that each scope implies, transitively closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy {
    /// Each broader scope once. Those that imply most come first.
    implied: Vec<(Scope, ScopeSet)>,
}

impl Hierarchy {
    /// Computes the transitive closure of `direct`, from broader to narrower scopes. A scope that would imply itself is
    /// the error.
    pub fn close(direct: &[(Scope, Vec<Scope>)]) -> Result<Self, Scope> {
        let mut implied = Vec::new();
        for (broad, _) in direct {
            let mut reached = ScopeSet::new();
            let mut next: Vec<&Scope> = below(direct, broad).collect();
            while let Some(scope) = next.pop() {
                if scope == broad {
                    return Err(broad.clone());
                }
                if reached.insert(scope.clone()) {
                    next.extend(below(direct, scope));
                }
            }
            implied.push((broad.clone(), reached));
        }
        let most_first = |(broad, reached): &(Scope, ScopeSet)| format!("{:020}{broad}", usize::MAX - reached.len());
        Ok(Self { implied: sorted(implied, most_first) })
    }

    /// All scopes implied by the scopes for which `holds` is true.
    pub fn implied_by(&self, holds: impl Fn(&Scope) -> bool) -> ScopeSet {
        let mut all = ScopeSet::new();
        for (broad, narrower) in &self.implied {
            // The sets are closed, so scopes implied by an implied scope are already included.
            if !all.contains(broad.as_str()) && holds(broad) {
                all.extend(narrower.iter().cloned());
            }
        }
        all
    }

    /// The scopes that `broad` implies.
    pub fn narrower(&self, broad: &Scope) -> impl Iterator<Item = &Scope> {
        self.implied.iter().filter(move |(own, _)| own == broad).flat_map(|(_, narrower)| narrower)
    }

    /// All scopes that the hierarchy names.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.implied.iter().flat_map(|(broad, narrower)| std::iter::once(broad).chain(narrower))
    }
}

/// The scopes that `broad` implies directly.
fn below<'d>(direct: &'d [(Scope, Vec<Scope>)], broad: &Scope) -> impl Iterator<Item = &'d Scope> {
    direct.iter().filter(move |(own, _)| own == broad).flat_map(|(_, narrower)| narrower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn a_scope_holds_only_what_the_grammar_allows() {
        for legal in ["a", "weather:read", "https://x/y", "!", "a'b"] {
            assert!(Scope::parse(legal).is_some(), "{legal}");
        }
        for illegal in ["", "a b", "a\"b", "a\\b", "a\u{7f}", "é", "a\n"] {
            assert!(Scope::parse(illegal).is_none(), "{illegal:?}");
        }
    }

    #[test]
    fn what_scopes_imply_is_found_for_all_of_them_at_once() {
        let direct = [
            (scope("low"), vec![scope("lowest")]),
            (scope("other"), vec![scope("lowest"), scope("more")]),
            (scope("mid"), vec![scope("low")]),
            (scope("top"), vec![scope("mid")]),
        ];
        let hierarchy = Hierarchy::close(&direct).unwrap();
        for (granted, expected) in [
            (&["top"][..], "low lowest mid"),
            (&["low", "mid", "top"], "low lowest mid"),
            (&["other", "low"], "lowest more"),
            (&["lowest", "unknown"], ""),
            (&["Top"], ""),
        ] {
            let implied = hierarchy.implied_by(|scope| granted.contains(&scope.as_str()));
            assert_eq!(implied.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), expected, "{granted:?}");
        }
    }

    #[test]
    fn a_cycle_is_refused() {
        let direct = [(scope("a"), vec![scope("b")]), (scope("b"), vec![scope("a")])];
        assert_eq!(Hierarchy::close(&direct), Err(scope("a")));
        assert_eq!(Hierarchy::close(&[(scope("a"), vec![scope("a")])]), Err(scope("a")));
    }
}
