//! Questions about rules that decide nothing, for explanations, manifests and lints.

use super::{Found, RuleSet, Rules};
use crate::pattern::Pattern;
use crate::policy::Requirement;
use crate::scope::ScopeSet;
use crate::uri::spelling;

impl RuleSet {
    /// The listed names and patterns of the rules that [`RuleSet::find`] returns for `name`.
    pub fn deciding(&self, name: &str) -> Vec<&str> {
        self.names_at(&self.places(name, &|_| true))
    }

    /// Like [`RuleSet::deciding`], for [`RuleSet::find_template`].
    pub fn deciding_template(&self, template: &str) -> Vec<&str> {
        match spelling::of_template(template) {
            Some(pattern) if pattern.contains('*') => self.names_at(&self.reach(&pattern, &|_| true).0),
            _ => self.deciding(template),
        }
    }

    /// The patterns that match `name`, including those that a closer rule overrides.
    pub fn matching_patterns(&self, name: &str) -> Vec<&str> {
        self.names_at(&self.spelled.matching(name))
    }

    /// The requirement of a listed pattern, ignoring exact names and closer patterns.
    pub fn of_pattern(&self, text: &str) -> Option<&Requirement> {
        let is_it = |(pattern, _): &&(Pattern, Requirement)| !pattern.is_exact() && pattern.as_str() == text;
        self.written.iter().find(is_it).map(|(_, rule)| rule)
    }

    /// Whether a rule applies to `name`.
    pub fn lists(&self, name: &str) -> bool {
        matches!(self.find(name), Found::Rules(rules) if !rules.is_empty())
    }

    /// All scopes that the rules for `name` require in any alternative.
    pub fn scopes_for(&self, name: &str) -> ScopeSet {
        let rules = match self.find(name) {
            Found::Rules(rules) => rules,
            Found::NearName | Found::Unlisted => Rules::none(),
        };
        rules.iter().flat_map(|rule| rule.alternatives.iter().flatten()).cloned().collect()
    }

    /// Whether something needs a token: a rule that is not public, or an unlisted name.
    pub fn protects(&self) -> bool {
        self.lets_unlisted_through() || self.rules().any(|rule| !rule.public)
    }

    /// The names and patterns of all rules, as written.
    pub fn names(&self) -> impl Iterator<Item = &Pattern> {
        self.written.iter().map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unlisted;
    use super::super::tests::{rule, set};

    #[test]
    fn the_names_that_decide_are_told_and_those_that_would() {
        let rules = set(&["delete_all", "delete_*", "*", "a*c", "ab*"], Unlisted::Deny);
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("delete_all", &["delete_all"], &["delete_*", "*"]),
            ("delete_one", &["delete_*"], &["delete_*", "*"]),
            ("abc", &["a*c", "ab*"], &["a*c", "ab*", "*"]),
        ];
        for (name, deciding, matching) in cases {
            assert_eq!(rules.deciding(name), *deciding, "{name}");
            assert_eq!(rules.matching_patterns(name), *matching, "{name}");
        }
        assert_eq!(rules.of_pattern("delete_*"), Some(&rule("for:delete_*")));
        assert_eq!(rules.of_pattern("delete_all"), None);
        assert!(set(&["a"], Unlisted::Deny).deciding("b").is_empty());
    }
}
