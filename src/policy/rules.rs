//! Rules of one kind: exact names, patterns, and what is listed nowhere.

use std::time::Duration;

use super::{ArgumentTest, Authentication, Mode};
use crate::index::{Index, sorted};
use crate::pattern::Pattern;
use crate::scope::ScopeSet;
use crate::text::{near, readings};

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

impl Requirement {
    /// Whether any valid token is enough for every call.
    pub fn is_any_token(&self) -> bool {
        let asks_for_scopes = self.alternatives.iter().all(|scopes| !scopes.is_empty());
        let asks_for_more = self.authentication != Authentication::default() || self.fresh.is_some();
        !asks_for_scopes && !asks_for_more && self.arguments.is_empty()
    }
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
    /// The places of exact names in `exact`, by the form that a careless server compares.
    folded: Index,
    /// Exact names from elsewhere, as written and in that form: they are no near names of themselves.
    guarded: Index,
    folded_guarded: Index,
    unlisted: Unlisted,
}

/// What the rules say of one name.
#[derive(Debug, PartialEq)]
pub enum Found<'a> {
    /// All of these must be satisfied.
    Rules(Vec<&'a Requirement>),
    /// A pattern or `unlisted` would let it through, but a careless server would run the listed name that it looks like.
    NearName,
    /// No rule, and nobody may.
    Unlisted,
}

impl RuleSet {
    /// Builds the set. `guarded` are exact names from elsewhere whose near names are denied too.
    pub fn new(rules: Vec<(Pattern, Requirement)>, unlisted: Unlisted, guarded: &[&str]) -> Self {
        let written = rules.iter().map(|(name, _)| name.clone()).collect();
        let (exact, patterns): (Vec<_>, Vec<_>) = rules.into_iter().partition(|(name, _)| name.is_exact());
        let text = |(name, _): &(Pattern, Requirement)| name.as_str().to_owned();
        let folded = Index::of_all(exact.iter().map(|(name, _)| near(name.as_str())));
        let folded_guarded = Index::new(guarded.iter().map(|name| near(name)));
        let guarded = Index::new(guarded.iter().map(|name| (*name).to_owned()));
        let names = Index::new(exact.iter().map(text));
        let exact = exact.into_iter().map(|(_, rule)| rule).collect();
        Self { exact, written, names, patterns: closest_first(patterns), folded, guarded, folded_guarded, unlisted }
    }

    /// The rules for `name`: the exact one, else the closest pattern, or all of the closest where they tie. A near name of
    /// an exact one has none: neither a pattern nor `unlisted` decides about it.
    pub fn find(&self, name: &str) -> Found<'_> {
        if let Some(rule) = self.exact(name) {
            return Found::Rules(vec![rule]);
        }
        let unlisted = || self.lets_unlisted_through().then(Vec::new);
        self.unless_near(name, self.find_pattern(|pattern| pattern.matches(name)).or_else(unlisted))
    }

    /// The rules for all that `template` can expand to. An unlisted template is nobody's: some of it may be listed.
    pub fn find_template(&self, template: &str) -> Found<'_> {
        match self.exact(template) {
            Some(rule) if !template.contains('{') => Found::Rules(vec![rule]),
            _ => self.unless_near(template, self.find_pattern(|pattern| pattern.covers_template(template))),
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

    /// The rules, of those that `counts` lets count, of the exact names that a careless server would take `name` for. A
    /// listed name is itself, whatever it looks like.
    pub fn near_rules(&self, name: &str, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        let mut near = Vec::new();
        if !self.folded.is_empty() && !self.lists_exactly(name) {
            for reading in readings(name) {
                let rules = self.folded.places_of(&reading).filter_map(|place| self.exact.get(place));
                near.extend(rules.filter(|rule| counts(rule)));
            }
        }
        near
    }

    /// Whether a careless server would take `name` for a guarded one, and neither lists it as written.
    pub fn is_near_guarded(&self, name: &str) -> bool {
        !(self.guarded.is_empty() || self.guarded.contains(name) || self.lists_exactly(name))
            && readings(name).iter().any(|reading| self.folded_guarded.contains(reading))
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
        matches!(self.find(name), Found::Rules(rules) if !rules.is_empty())
    }

    /// Whether a rule is about exactly `name`.
    pub fn lists_exactly(&self, name: &str) -> bool {
        self.names.contains(name)
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

    fn find_pattern(&self, matches: impl Fn(&Pattern) -> bool) -> Option<Vec<&Requirement>> {
        let closest: Vec<_> = self.closest(|(pattern, _)| matches(pattern)).map(|(_, rule)| rule).collect();
        if closest.is_empty() { None } else { Some(closest) }
    }

    fn unless_near<'s>(&self, name: &str, found: Option<Vec<&'s Requirement>>) -> Found<'s> {
        match found {
            None => Found::Unlisted,
            Some(_) if !self.near_rules(name, |_| true).is_empty() || self.is_near_guarded(name) => Found::NearName,
            Some(rules) => Found::Rules(rules),
        }
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
            ("Delete_One", &["for:*"]),
            ("abc", &["for:a*c", "for:ab*"]),
            ("", &["for:*"]),
        ];
        for (name, expected) in cases {
            assert_eq!(scopes(&rules.find(name)), *expected, "{name}");
        }
    }

    #[test]
    fn no_pattern_decides_about_a_name_that_looks_like_a_listed_one() {
        let rules = set(&["delete_all", "Delete_All", "drop", "*", "d*"], Unlisted::Deny);
        for name in [
            "DELETE_ALL",
            "delete_all ",
            " delete_all",
            "\u{a0}drop\t",
            "delete_all\0",
            "\0drop",
            "drop\0",
            "drop\0x",
            "dro\u{200b}p",
            "d\u{ad}rop",
            "\u{feff}drop",
            "Guarded",
            "guarded\0/x",
        ] {
            assert_eq!(rules.find(name), Found::NearName, "{name:?}");
            assert!(!rules.lists(name), "{name:?}");
        }
        for (name, expected) in
            [("delete_all", "for:delete_all"), ("Delete_All", "for:Delete_All"), ("x\0drop", "for:*")]
        {
            assert_eq!(scopes(&rules.find(name)), [expected], "{name:?}");
        }
        assert_eq!(scopes(&rules.find("guarded")), ["for:*"]);
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
