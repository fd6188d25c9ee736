//! Patterns that select callers.

use super::AccessToken;
use crate::pattern::Pattern;

/// Patterns for the values that identify a caller. A missing selector matches everything; all given selectors must
/// match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    /// Patterns for the subject.
    pub subjects: Option<Vec<Pattern>>,
    /// Patterns for the client.
    pub clients: Option<Vec<Pattern>>,
    /// Patterns for the issuer's name or identifier.
    pub issuers: Option<Vec<Pattern>>,
    /// Patterns for the actor.
    pub actors: Option<Vec<Pattern>>,
}

impl Selector {
    /// Whether all given selectors match `caller`. A value that the token lacks is matched as `absent`. Without
    /// `absent`, no pattern matches it.
    pub fn selects(&self, caller: &AccessToken, absent: Option<&str>) -> bool {
        let any = |patterns: &Option<Vec<Pattern>>, value: Option<&str>| {
            let matches = |pattern: &Pattern| value.or(absent).is_some_and(|value| pattern.matches(value));
            patterns.as_ref().is_none_or(|patterns| patterns.iter().any(matches))
        };
        any(&self.subjects, caller.subject())
            && any(&self.clients, caller.client())
            && any(&self.actors, caller.actors().next())
            && (any(&self.issuers, Some(caller.issuer_name())) || any(&self.issuers, Some(caller.issuer())))
    }

    /// Whether every pattern is `*`, or there is none.
    pub fn is_for_all(&self) -> bool {
        let all = |patterns: &Option<Vec<Pattern>>| patterns.iter().flatten().all(|pattern| pattern.as_str() == "*");
        [&self.subjects, &self.clients, &self.issuers, &self.actors].into_iter().all(all)
    }

    /// Whether there is no selector.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
