//! The forms of a name in which its rules are looked up.

use std::borrow::Cow;

use super::RuleSet;
use super::spelled::{Counts, Spelled};
use crate::uri::spelling;

/// One form of a name, and the rules to look it up in.
pub(super) struct Form<'a> {
    pub text: Cow<'a, str>,
    pub rules: &'a Spelled,
    /// Whether a lookup without a result means that no rule applies. Other forms only add stricter requirements.
    pub is_own: bool,
}

/// The forms of `whole`, a URI as a careless server reads it, for servers that use only host and path. User, port,
/// query and fragment are kept if a deciding rule names them.
fn careless_forms<'p>(whole: String, deciding: &dyn Fn() -> Vec<&'p str>) -> Vec<String> {
    let (user, port) = spelling::has_user_and_port(&whole);
    let has_marks = whole.bytes().any(|b| matches!(b, b'?' | b'#'));
    let mut forms = vec![whole];
    // Most URIs have none of these.
    if !(user || port || has_marks) {
        return forms;
    }
    let deciding = deciding();
    let spoken = deciding.iter().map(|name| spelling::has_user_and_port(&spelling::careless(name, true)));
    let drops = spoken.fold((user, port), |(user, port), spoken| (user && !spoken.0, port && !spoken.1));
    let bare = forms.first().and_then(|whole| spelling::without(whole, drops));
    forms.extend(bare);
    let speaks = |marks: &[char]| deciding.iter().any(|name| name.contains(marks));
    for marks in [&['#'][..], &['?', '#']].into_iter().filter(|marks| !speaks(marks)) {
        for place in 0..forms.len() {
            let cut = forms.get(place).and_then(|form| form.get(..form.find(marks)?)).map(str::to_owned);
            forms.extend(cut.filter(|cut| !forms.contains(cut)));
        }
    }
    forms
}

impl RuleSet {
    /// The forms in which `name` is looked up. A URI, or a template as a pattern, has several.
    pub(super) fn forms<'a>(&'a self, name: &'a str, counts: Counts<'_>) -> Vec<Form<'a>> {
        let own = |text| Form { text, rules: &self.spelled, is_own: true };
        let Some(careless) = &self.careless else { return vec![own(Cow::Borrowed(name))] };
        let written = spelling::slashed(name);
        let encoded = match spelling::encoded(&written) {
            Cow::Owned(encoded) => Some(Cow::Owned(encoded)),
            Cow::Borrowed(_) => None,
        };
        let mut others = Vec::new();
        // An exact rule for this spelling decides it alone.
        if self.spelled.exact(&written, counts).is_empty() {
            let other = |rules, text| Form { text: Cow::Owned(text), rules, is_own: false };
            let deciding = || self.names_at(&self.spelled.find(&written, counts));
            let decoded = spelling::decoded(name);
            let mut texts = Vec::new();
            // A plain URI is looked up as written, and its decoded form below.
            if decoded.is_none() || !spelling::is_plainly_plain(name) {
                texts.extend(careless_forms(spelling::careless(name, true), &deciding));
            }
            if let Some(text) = decoded {
                let whole = spelling::careless(&text, true);
                // Some servers only decode.
                if !spelling::is_plain(&text, &whole) {
                    others.push(other(&self.spelled, text));
                }
                texts.extend(careless_forms(whole, &deciding));
            }
            others.extend(texts.into_iter().map(|text| other(careless, text)));
        }
        std::iter::once(own(written)).chain(encoded.map(own)).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Found, Requirement, Unlisted};
    use super::*;
    use crate::pattern::Pattern;
    use crate::policy::Authentication;

    #[test]
    fn a_listed_name_is_found_at_once_as_it_is_form_by_form() {
        const LISTED: &[&str] = &["a", "A", "ab", " ab", "abcdefgh", "abcdefghi", "abcdefgh\0", "a*", "*", "abcdefgh*"];
        const OTHERS: &[&str] = &["", "aB", "ABCDEFGHI", "abcdefghij", "abcdefgh\0i", "x", "abc", "guarded", "Guarded"];
        let rule = Requirement {
            alternatives: Vec::new(),
            arguments: Vec::new(),
            authentication: Authentication::default(),
            fresh: None,
            mode: None,
        };
        for (chosen, unlisted) in
            (0..1 << LISTED.len()).flat_map(|chosen| [(chosen, Unlisted::Deny), (chosen, Unlisted::Authenticated)])
        {
            let names = LISTED.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
            let rules = names.map(|(_, name)| (Pattern::new(name), rule.clone())).collect();
            let set = RuleSet::new(rules, unlisted, &["guarded", "abc"]);
            for name in LISTED.iter().chain(OTHERS) {
                let near = set.spelled.near(name);
                let expected = match set.places(name, &|_| true) {
                    places if places.is_empty() && unlisted == Unlisted::Deny => Found::Unlisted,
                    _ if set.is_near_guarded(name) || !near.is_empty() => Found::NearName,
                    places => Found::Rules(set.rules_at(places)),
                };
                assert_eq!(set.find(name), expected, "{chosen:b}: {name:?}");
                assert_eq!(set.near_rules(name, |_| true), set.rules_at(near), "{chosen:b}: {name:?}");
                for hidden in 0..set.written.len() {
                    let places = set.places(name, &|place| place != hidden);
                    let is_shown = |rule: &Requirement| !set.rule_at(hidden).is_some_and(|own| std::ptr::eq(own, rule));
                    let found = set.find_counted(name, is_shown);
                    assert!(
                        found
                            .into_iter()
                            .map(std::ptr::from_ref)
                            .eq(set.rules_at(places).into_iter().map(std::ptr::from_ref))
                    );
                }
            }
        }
    }
}
