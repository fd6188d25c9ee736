//! Rules of one kind: exact names, patterns, and what is listed nowhere.

use std::time::Duration;

use super::{ArgumentTest, Authentication, Mode};
use crate::index::{Index, sorted};
use crate::pattern::Pattern;
use crate::scope::ScopeSet;
use crate::text::near;

/// What opens something: all scopes of any one alternative, and what else is asked of the call and the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// In the order written; never empty. One empty alternative is any valid token.
    pub alternatives: Vec<ScopeSet>,
    /// What the arguments of a call must be.
    pub arguments: Vec<ArgumentTest>,
    /// How the user must have signed in.
    pub authentication: Authentication,
    /// How old the issuer's word on the token may be.
    pub fresh: Option<Duration>,
    /// Whether its denials are carried out; without one, as the policy.
    pub mode: Option<Mode>,
}

/// What holds for a name that no rule lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// Any valid token with `base_scopes` will do.
    Authenticated,
    /// Nobody.
    Deny,
}

/// The rules for tools, prompts, resources or methods.
#[derive(Clone, Debug)]
pub struct RuleSet {
    exact: Vec<Requirement>,
    /// Names and patterns as written.
    written: Vec<Pattern>,
    /// The places of exact names in `exact`.
    names: Index,
    /// Most literal characters first, then by text: the order of the configuration does not count.
    patterns: Vec<(Pattern, Requirement)>,
    /// Exact names as a careless server reads them.
    folded: Index,
    /// Names that stand elsewhere, and how a careless server reads them: they are no near names of themselves.
    guarded: Index,
    folded_guarded: Index,
    unlisted: Unlisted,
}

/// What the rules say of one name.
#[derive(Debug, PartialEq)]
pub enum Found<'a> {
    /// All of these must be satisfied.
    Rules(Vec<&'a Requirement>),
    /// It looks like a listed name, and the unlisted are let through: a careless server would run the listed one.
    NearName,
    /// No rule, and nobody may.
    Unlisted,
}

impl RuleSet {
    /// Builds the set. `guarded` are exact names that stand elsewhere and want to be told from their look-alikes too.
    pub fn new(rules: Vec<(Pattern, Requirement)>, unlisted: Unlisted, guarded: &[&str]) -> Self {
        let written = rules.iter().map(|(name, _)| name.clone()).collect();
        let (exact, patterns): (Vec<_>, Vec<_>) = rules.into_iter().partition(|(name, _)| name.is_exact());
        let text = |(name, _): &(Pattern, Requirement)| name.as_str().to_owned();
        let folded = Index::new(exact.iter().map(|(name, _)| near(name.as_str())));
        let folded_guarded = Index::new(guarded.iter().map(|name| near(name)));
        let guarded = Index::new(guarded.iter().map(|name| (*name).to_owned()));
        let names = Index::new(exact.iter().map(text));
        let exact = exact.into_iter().map(|(_, rule)| rule).collect();
        Self { exact, written, names, patterns: closest_first(patterns), folded, guarded, folded_guarded, unlisted }
    }

    /// The rules for `name`: the exact one, else the closest pattern, or all of the closest where they tie.
    pub fn find(&self, name: &str) -> Found<'_> {
        match self.exact(name) {
            Some(rule) => Found::Rules(vec![rule]),
            None => self.find_pattern(|pattern| pattern.matches(name)).unwrap_or_else(|| self.find_unlisted(name)),
        }
    }

    /// The rules for all that `template` can expand to. An unlisted template is nobody's: some of it may be listed.
    pub fn find_template(&self, template: &str) -> Found<'_> {
        match self.exact(template) {
            Some(rule) if !template.contains('{') => Found::Rules(vec![rule]),
            _ => self.find_pattern(|pattern| pattern.covers_template(template)).unwrap_or(Found::Unlisted),
        }
    }

    /// The rules for `name` of those that `counts` lets count: the exact one, else the closest patterns. None may.
    pub fn find_counted(&self, name: &str, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        match self.exact(name).filter(|rule| counts(rule)) {
            Some(rule) => vec![rule],
            None => {
                self.closest(|(pattern, rule)| counts(rule) && pattern.matches(name)).map(|(_, rule)| rule).collect()
            }
        }
    }

    /// As [`RuleSet::find_counted`], for all that `template` can expand to.
    pub fn find_template_counted(&self, template: &str, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        match self.exact(template).filter(|rule| counts(rule) && !template.contains('{')) {
            Some(rule) => vec![rule],
            None => {
                let covers =
                    |(pattern, rule): &(Pattern, Requirement)| counts(rule) && pattern.covers_template(template);
                self.closest(covers).map(|(_, rule)| rule).collect()
            }
        }
    }

    /// The rules of what a careless server would take `name` for, unless it is listed itself, or a pattern of those that
    /// `counts` lets count is about it: of those, as if there were no others.
    pub fn near_rules(&self, name: &str, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        if self.exact(name).is_some() || !self.find_counted(name, &counts).is_empty() {
            return Vec::new();
        }
        let folded = near(name);
        // Hardly any name looks like another, and to fold all of them costs a hundred times as much as to look one up.
        if !self.folded.contains(&folded) {
            return Vec::new();
        }
        let exact = self.written.iter().filter(|name| name.is_exact()).zip(&self.exact);
        let near = exact.filter(|(own, rule)| counts(rule) && near(own.as_str()) == folded);
        near.map(|(_, rule)| rule).collect()
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &Requirement> {
        self.exact.iter().chain(self.patterns.iter().map(|(_, rule)| rule))
    }

    /// Whether what is listed nowhere needs no more than a valid token with `base_scopes`.
    pub fn lets_unlisted_through(&self) -> bool {
        self.unlisted == Unlisted::Authenticated
    }

    /// The listed names and patterns whose rules [`RuleSet::find`] gives for `name`.
    pub fn deciding<'n>(&'n self, name: &'n str) -> Vec<&'n str> {
        match self.exact(name) {
            Some(_) => vec![name],
            None => self.closest(|(pattern, _)| pattern.matches(name)).map(|(pattern, _)| pattern.as_str()).collect(),
        }
    }

    /// The patterns that match `name`, whether or not they decide it.
    pub fn matching_patterns(&self, name: &str) -> Vec<&str> {
        self.patterns.iter().map(|(pattern, _)| pattern).filter(|p| p.matches(name)).map(Pattern::as_str).collect()
    }

    /// What a listed pattern asks for, as if no exact name and no closer pattern stood before it.
    pub fn of_pattern(&self, text: &str) -> Option<&Requirement> {
        self.patterns.iter().find(|(pattern, _)| pattern.as_str() == text).map(|(_, rule)| rule)
    }

    /// Whether a rule is about `name`.
    pub fn lists(&self, name: &str) -> bool {
        self.exact(name).is_some() || self.patterns.iter().any(|(pattern, _)| pattern.matches(name))
    }

    /// Every scope that the rules for `name` ask for, in any of their alternatives.
    pub fn scopes_for(&self, name: &str) -> ScopeSet {
        let rules = match self.find(name) {
            Found::Rules(rules) => rules,
            Found::NearName | Found::Unlisted => Vec::new(),
        };
        rules.iter().flat_map(|rule| rule.alternatives.iter().flatten()).cloned().collect()
    }

    /// The names and patterns of all rules, as written.
    pub fn names(&self) -> impl Iterator<Item = &Pattern> {
        self.written.iter()
    }

    fn exact(&self, name: &str) -> Option<&Requirement> {
        self.names.place(name).and_then(|place| self.exact.get(place))
    }

    fn find_pattern(&self, matches: impl Fn(&Pattern) -> bool) -> Option<Found<'_>> {
        let closest: Vec<_> = self.closest(|(pattern, _)| matches(pattern)).map(|(_, rule)| rule).collect();
        if closest.is_empty() { None } else { Some(Found::Rules(closest)) }
    }

    /// Of the patterns that match, the one with most literal characters, or all of them where several tie.
    fn closest(
        &self,
        matches: impl Fn(&(Pattern, Requirement)) -> bool,
    ) -> impl Iterator<Item = &(Pattern, Requirement)> {
        let mut matching = self.patterns.iter().filter(move |own| matches(own)).peekable();
        let literals = matching.peek().map(|(pattern, _)| pattern.literals());
        matching.take_while(move |(pattern, _)| Some(pattern.literals()) == literals)
    }

    fn find_unlisted(&self, name: &str) -> Found<'_> {
        match self.unlisted {
            Unlisted::Deny => Found::Unlisted,
            Unlisted::Authenticated if self.is_near(name) => Found::NearName,
            Unlisted::Authenticated => Found::Rules(Vec::new()),
        }
    }

    fn is_near(&self, name: &str) -> bool {
        let folded = near(name);
        self.folded.contains(&folded) || (self.folded_guarded.contains(&folded) && !self.guarded.contains(name))
    }
}

/// Most literal characters first, then by text.
fn closest_first(patterns: Vec<(Pattern, Requirement)>) -> Vec<(Pattern, Requirement)> {
    let key = |pattern: &Pattern| format!("{:020}{}", usize::MAX - pattern.literals(), pattern.as_str());
    sorted(patterns, |(pattern, _)| key(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Scope;

    fn rule(scope: &str) -> Requirement {
        Requirement {
            alternatives: vec![ScopeSet::from([Scope::parse(scope).unwrap()])],
            arguments: vec![],
            authentication: Authentication::default(),
            fresh: None,
            mode: None,
        }
    }

    fn set(names: &[&str], unlisted: Unlisted) -> RuleSet {
        RuleSet::new(
            names.iter().map(|name| (Pattern::new(name), rule(&format!("for:{name}")))).collect(),
            unlisted,
            &["guarded"],
        )
    }

    fn scopes(found: &Found<'_>) -> Vec<String> {
        match found {
            Found::Rules(rules) => {
                rules.iter().flat_map(|r| r.alternatives.iter().flatten()).map(ToString::to_string).collect()
            }
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn an_exact_name_wins_then_the_closest_pattern_and_ties_must_all_be_satisfied() {
        let rules = set(&["delete_all", "delete_*", "*", "*_all", "a*c", "ab*"], Unlisted::Deny);
        let cases: &[(&str, &[&str])] = &[
            ("delete_all", &["for:delete_all"]),
            ("delete_one", &["for:delete_*"]),
            ("drop_all", &["for:*_all"]),
            ("Delete_All", &["for:*"]),
            ("abc", &["for:a*c", "for:ab*"]),
            ("", &["for:*"]),
        ];
        for (name, expected) in cases {
            assert_eq!(scopes(&rules.find(name)), *expected, "{name}");
        }
    }

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

    #[test]
    fn an_unlisted_name_that_looks_like_a_listed_one_is_near() {
        let rules = set(&["delete_all", "admin_*"], Unlisted::Authenticated);
        for (name, expected) in [
            ("Delete_All", Found::NearName),
            (" delete_all\t", Found::NearName),
            ("delete\u{200b}_all", Found::NearName),
            ("GUARDED", Found::NearName),
            ("guarded", Found::Rules(vec![])),
            ("echo", Found::Rules(vec![])),
            ("Admin_x", Found::Rules(vec![])),
        ] {
            assert_eq!(rules.find(name), expected, "{name:?}");
        }
        assert_eq!(set(&["a"], Unlisted::Deny).find("A"), Found::Unlisted);
    }

    #[test]
    fn a_template_needs_a_rule_that_covers_it() {
        let rules = set(&["docs://public/*", "docs://one"], Unlisted::Authenticated);
        assert_eq!(scopes(&rules.find_template("docs://public/{id}")), ["for:docs://public/*"]);
        assert_eq!(scopes(&rules.find_template("docs://one")), ["for:docs://one"]);
        for template in ["docs://{id}", "other://{id}", "docs://public/{id"] {
            assert_eq!(rules.find_template(template), Found::Unlisted, "{template}");
        }
    }
}
