//! Scopes (RFC 6749 section 3.3): the grammar of a scope token, and sets of them.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One legal scope token: `1*( %x21 / %x23-5B / %x5D-7E )`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(String);

/// Scopes without order or repetition.
pub type ScopeSet = BTreeSet<Scope>;

impl Scope {
    /// The scope spelled `text`, or nothing if a character is illegal or none is there.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        (!text.is_empty() && text.bytes().all(legal)).then(|| Self(text.to_owned()))
    }

    /// The scope as issued and compared: byte for byte.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Scope {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which scope implies which narrower ones, transitively closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy {
    implied: BTreeMap<Scope, ScopeSet>,
}

impl Hierarchy {
    /// Closes `direct` (broader to the narrower ones) transitively. A scope that would imply itself is the error.
    pub fn close(direct: &BTreeMap<Scope, Vec<Scope>>) -> Result<Self, Scope> {
        let mut implied = BTreeMap::new();
        for broad in direct.keys() {
            let mut reached = ScopeSet::new();
            let mut next: Vec<&Scope> = direct.get(broad).into_iter().flatten().collect();
            while let Some(scope) = next.pop() {
                if scope == broad {
                    return Err(broad.clone());
                }
                if reached.insert(scope.clone()) {
                    next.extend(direct.get(scope).into_iter().flatten());
                }
            }
            implied.insert(broad.clone(), reached);
        }
        Ok(Self { implied })
    }

    /// Whether one of `granted` is `needed` or implies it.
    pub fn grants<'a>(&self, mut granted: impl Iterator<Item = &'a str>, needed: &Scope) -> bool {
        granted.any(|scope| {
            scope == needed.as_str() || self.implied.get(scope).is_some_and(|narrower| narrower.contains(needed))
        })
    }

    /// Every scope that the hierarchy names.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.implied.iter().flat_map(|(broad, narrower)| std::iter::once(broad).chain(narrower))
    }
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
    fn a_broader_scope_implies_narrower_ones_transitively() {
        let direct = BTreeMap::from([(scope("admin"), vec![scope("write")]), (scope("write"), vec![scope("read")])]);
        let hierarchy = Hierarchy::close(&direct).unwrap();
        for (granted, needed, expected) in [
            ("admin", "read", true),
            ("write", "read", true),
            ("read", "write", false),
            ("read", "read", true),
            ("Read", "read", false),
            ("other", "read", false),
        ] {
            assert_eq!(hierarchy.grants([granted].into_iter(), &scope(needed)), expected, "{granted} for {needed}");
        }
    }

    #[test]
    fn a_cycle_is_refused() {
        let direct = BTreeMap::from([(scope("a"), vec![scope("b")]), (scope("b"), vec![scope("a")])]);
        assert_eq!(Hierarchy::close(&direct), Err(scope("a")));
        assert_eq!(Hierarchy::close(&BTreeMap::from([(scope("a"), vec![scope("a")])])), Err(scope("a")));
    }
}
