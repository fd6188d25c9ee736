//! Rules of one kind: exact names, patterns, and the default for unlisted names.

mod forms;
mod inspect;
mod spelled;

use super::Requirement;
use super::near::NearNames;
use crate::index::Index;
use crate::pattern::Pattern;
use crate::uri::spelling;
use spelled::{Counts, Spelled};

/// The decision about a name that no rule lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// Allow any valid token that has `base_scopes`.
    Authenticated,
    /// Deny.
    Deny,
}

/// The rules for tools, prompts, resources or methods.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Names and patterns as written, with their rules.
    written: Vec<(Pattern, Requirement)>,
    spelled: Spelled,
    /// For URIs: the same rules under the spellings that [`spelling::careless`] servers read.
    careless: Option<Spelled>,
    /// Exact names from elsewhere, as written and folded. Such a name is not a near name of itself.
    guarded: Index,
    near_guarded: NearNames,
    unlisted: Unlisted,
}

/// Some rules. One alone, as nearly every name has, takes no allocation.
#[derive(Clone, Debug)]
pub enum Rules<'a> {
    /// One rule.
    One(&'a Requirement),
    /// Any number of rules.
    Many(Vec<&'a Requirement>),
}

impl<'a> Rules<'a> {
    /// No rules.
    pub fn none() -> Self {
        Self::Many(Vec::new())
    }

    /// Appends those of `more` that are not among them.
    pub fn add_once(&mut self, more: Self) {
        // Fast path: a template may match every rule, and `more` has no duplicates.
        if self.is_empty() {
            *self = more;
            return;
        }
        let mut all = match std::mem::replace(self, Self::none()) {
            Self::One(rule) => vec![rule],
            Self::Many(rules) => rules,
        };
        for rule in more.iter() {
            if !all.iter().any(|known| std::ptr::eq(*known, *rule)) {
                all.push(rule);
            }
        }
        *self = Self::Many(all);
    }
}

impl<'a> std::ops::Deref for Rules<'a> {
    type Target = [&'a Requirement];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::One(rule) => std::slice::from_ref(rule),
            Self::Many(rules) => rules,
        }
    }
}

impl PartialEq for Rules<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// The result of looking up one name.
#[derive(Debug, PartialEq)]
pub enum Found<'a> {
    /// All of these rules must be satisfied.
    Rules(Rules<'a>),
    /// A pattern or `unlisted` would allow the name, but a careless server would use the listed name that it resembles.
    NearName,
    /// No rule matches, and `unlisted` denies.
    Unlisted,
}

impl RuleSet {
    /// Builds the set. Near names of `guarded`, exact names from elsewhere, are denied too.
    pub fn new(rules: Vec<(Pattern, Requirement)>, unlisted: Unlisted, guarded: &[&str]) -> Self {
        let near_guarded = NearNames::new(guarded.iter().copied());
        let guarded = Index::new(guarded.iter().map(|name| (*name).to_owned()));
        let spelled = Spelled::plain(&rules);
        Self { written: rules, spelled, careless: None, guarded, near_guarded, unlisted }
    }

    /// Builds the rule set for resources. All spellings of a URI get the same decision.
    pub fn of_uris(rules: Vec<(Pattern, Requirement)>, unlisted: Unlisted) -> Self {
        let (spelled, careless) = Spelled::of_uris(&rules);
        Self { spelled, careless: Some(careless), ..Self::new(rules, unlisted, &[]) }
    }

    /// The rules for `name`: the exact name, else the closest pattern, or several if they tie. A near name of an exact
    /// name gets neither a pattern nor `unlisted`.
    pub fn find(&self, name: &str) -> Found<'_> {
        self.find_or(name, self.lets_unlisted_through())
    }

    /// Like [`Self::find`] or [`Self::find_template`], as if `unlisted` denied: rules list every form of the name.
    pub fn find_listed(&self, name: &str, is_template: bool) -> Found<'_> {
        match spelling::of_template(name).filter(|_| is_template) {
            Some(name) if !name.contains('*') => self.find_or(&name, false),
            _ if is_template => self.find_template(name),
            _ => self.find_or(name, false),
        }
    }

    fn find_or(&self, name: &str, lets_unlisted_through: bool) -> Found<'_> {
        if self.careless.is_none() {
            return self.find_plain(name, lets_unlisted_through);
        }
        let mut places = Vec::new();
        let mut is_near = self.is_near_guarded(name);
        for form in self.forms(name, &|_| true) {
            let before = places.len();
            places.extend(form.rules.find(&form.text, &|_| true));
            if places.len() == before && form.is_own && !lets_unlisted_through {
                return Found::Unlisted;
            }
            is_near |= !form.rules.near(&form.text).is_empty();
        }
        if is_near { Found::NearName } else { Found::Rules(Rules::Many(self.rules_at(places))) }
    }

    /// [`Self::find_or`] for names of one form. A list has a thousand of them, so none costs an allocation.
    fn find_plain(&self, name: &str, lets_unlisted_through: bool) -> Found<'_> {
        let exact = self.requirements(self.spelled.exact(name));
        if !exact.is_empty() {
            return Found::Rules(exact);
        }
        let rules = self.requirements(self.spelled.closest(name, &|_| true).map(|(_, place)| *place));
        if rules.is_empty() && !lets_unlisted_through {
            return Found::Unlisted;
        }
        let is_near = self.spelled.is_near_other(name) || self.is_near_guarded(name);
        if is_near { Found::NearName } else { Found::Rules(rules) }
    }

    fn requirements(&self, places: impl Iterator<Item = usize>) -> Rules<'_> {
        let mut rules = places.filter_map(|place| self.rule_at(place));
        match (rules.next(), rules.next()) {
            (None, _) => Rules::none(),
            (Some(one), None) => Rules::One(one),
            (Some(one), Some(other)) => Rules::Many([one, other].into_iter().chain(rules).collect()),
        }
    }

    /// The rules for every expansion of `template`: the patterns that cover it, and all stricter rules it can reach. An
    /// unlisted template is denied, because one of its expansions may be listed.
    pub fn find_template(&self, template: &str) -> Found<'_> {
        match spelling::of_template(template) {
            Some(pattern) if pattern.contains('*') => match self.reach(&pattern, &|_| true) {
                (places, true) => Found::Rules(Rules::Many(self.rules_at(places))),
                (_, false) => Found::Unlisted,
            },
            Some(name) => self.find(&name),
            None => Found::Unlisted,
        }
    }

    /// The rules for `name` that satisfy `counts`: the exact name, else the closest patterns. May be empty.
    pub fn find_counted(&self, name: &str, counts: impl Fn(&Requirement) -> bool) -> Rules<'_> {
        let counts = |place| self.rule_at(place).is_some_and(&counts);
        if self.careless.is_none() {
            return self.requirements(self.spelled.find(name, &counts));
        }
        Rules::Many(self.rules_at(self.places(name, &counts)))
    }

    /// Like [`RuleSet::find_counted`], for every expansion of `template`.
    pub fn find_template_counted(&self, template: &str, counts: impl Fn(&Requirement) -> bool) -> Rules<'_> {
        match spelling::of_template(template) {
            Some(pattern) if pattern.contains('*') => {
                let counts = |place| self.rule_at(place).is_some_and(&counts);
                Rules::Many(self.rules_at(self.reach(&pattern, &counts).0))
            }
            Some(name) => self.find_counted(&name, counts),
            None => Rules::none(),
        }
    }

    /// The rules that satisfy `counts` of the exact names that a careless server would take `name` for. Empty if `name`
    /// itself is listed.
    pub fn near_rules(&self, name: &str, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        let places = match self.careless {
            None => self.spelled.near(name),
            Some(_) => self.forms(name, &|_| true).iter().flat_map(|form| form.rules.near(&form.text)).collect(),
        };
        self.rules_at(places).into_iter().filter(|rule| counts(rule)).collect()
    }

    /// Whether a careless server would take `name` for a guarded name. False if `name` is guarded or listed exactly.
    pub fn is_near_guarded(&self, name: &str) -> bool {
        !(self.guarded.is_empty() || self.guarded.contains(name) || self.lists_exactly(name))
            && self.near_guarded.contains(name)
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &Requirement> {
        self.written.iter().map(|(_, rule)| rule)
    }

    /// Whether an unlisted name needs only a valid token with `base_scopes`.
    pub fn lets_unlisted_through(&self) -> bool {
        self.unlisted == Unlisted::Authenticated
    }

    /// Whether a rule lists exactly `name`.
    pub fn lists_exactly(&self, name: &str) -> bool {
        self.spelled.lists_exactly(name)
    }

    /// The places of the rules for `name` that satisfy `counts`.
    fn places(&self, name: &str, counts: Counts<'_>) -> Vec<usize> {
        let mut places = Vec::new();
        for form in self.forms(name, counts) {
            places.extend(form.rules.find(&form.text, counts));
        }
        places
    }

    /// The places of the rules that decide some expansion of the pattern `template`, and whether rules cover all of its
    /// expansions.
    fn reach(&self, template: &str, counts: Counts<'_>) -> (Vec<usize>, bool) {
        let (mut places, mut is_covered) = (Vec::new(), true);
        for form in self.forms(template, counts) {
            let (reached, form_is_covered) = form.rules.reach(&form.text, counts);
            is_covered &= form_is_covered || !form.is_own;
            places.extend(reached);
        }
        (places, is_covered)
    }

    fn rule_at(&self, place: usize) -> Option<&Requirement> {
        self.written.get(place).map(|(_, rule)| rule)
    }

    /// The rules at `places`, without duplicates.
    fn rules_at(&self, places: Vec<usize>) -> Vec<&Requirement> {
        self.once(&places).filter_map(|place| self.rule_at(place)).collect()
    }

    fn names_at(&self, places: &[usize]) -> Vec<&str> {
        self.once(places).filter_map(|place| self.written.get(place)).map(|(name, _)| name.as_str()).collect()
    }

    fn once(&self, places: &[usize]) -> impl Iterator<Item = usize> {
        // Fast path: most names yield the same place for all forms. A template may reach every rule.
        let is_one = places.iter().all(|place| places.first() == Some(place));
        let mut seen = vec![false; if is_one { 0 } else { self.written.len() }];
        let first = if is_one { places.get(..1).unwrap_or_default() } else { places };
        first
            .iter()
            .copied()
            .filter(move |place| is_one || seen.get_mut(*place).is_some_and(|seen| !std::mem::replace(seen, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Authentication;
    use crate::scope::{Scope, ScopeSet};

    pub(super) fn rule(scope: &str) -> Requirement {
        Requirement {
            alternatives: vec![ScopeSet::from([Scope::parse(scope).unwrap()])],
            public: false,
            arguments: vec![],
            authentication: Authentication::default(),
            fresh: None,
            mode: None,
        }
    }

    pub(super) fn set(names: &[&str], unlisted: Unlisted) -> RuleSet {
        RuleSet::new(
            names.iter().map(|name| (Pattern::new(name), rule(&format!("for:{name}")))).collect(),
            unlisted,
            &["guarded"],
        )
    }

    pub(super) fn scopes(found: &Found<'_>) -> Vec<String> {
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
    fn an_unlisted_name_that_looks_like_a_listed_one_is_near() {
        let rules = set(&["delete_all", "admin_*"], Unlisted::Authenticated);
        for (name, expected) in [
            ("Delete_All", Found::NearName),
            (" delete_all\t", Found::NearName),
            ("delete\u{200b}_all", Found::NearName),
            ("GUARDED", Found::NearName),
            ("guarded", Found::Rules(Rules::none())),
            ("echo", Found::Rules(Rules::none())),
            ("Admin_x", Found::Rules(Rules::none())),
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
