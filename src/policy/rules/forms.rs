//! The forms of a name in which its rules are looked up.

use std::borrow::Cow;
use std::cell::OnceCell;

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

/// Adds `form` if it is not in `forms` yet.
fn add(forms: &mut Vec<String>, form: Option<String>) {
    forms.extend(form.filter(|form| !forms.contains(form)));
}

/// The forms of `uri` for servers that use only host and path; the first is what a careless server reads. User, port,
/// host of a file, query, fragment and parameters are kept if a deciding rule names them.
fn careless_forms<'p>(uri: &str, deciding: &dyn Fn() -> &'p [&'p str]) -> Vec<String> {
    let uri = spelling::tidied(uri);
    let whole = spelling::careless(&uri, true);
    let (bare_file, slashed) = (spelling::without_host(&uri), spelling::with_slash(&uri));
    let (user, port) = spelling::has_user_and_port(slashed.as_ref().unwrap_or(&whole));
    let has_marks = whole.bytes().any(|b| matches!(b, b'?' | b'#' | b';'));
    // Most URIs have none of these.
    if !(user || port || has_marks) && bare_file.is_none() && slashed.is_none() {
        return vec![whole];
    }
    let deciding = deciding();
    let speaks = |marks: &[char]| deciding.iter().any(|name| name.contains(marks));
    let other = match bare_file {
        Some(file) => {
            let is_spoken = deciding.iter().any(|name| spelling::without_host(name).is_some());
            (!is_spoken).then(|| spelling::careless(&file, true))
        }
        None => {
            let spoken = deciding.iter().map(|name| spelling::has_user_and_port(&spelling::careless(name, true)));
            let drops = spoken.fold((user, port), |(user, port), spoken| (user && !spoken.0, port && !spoken.1));
            spelling::without(slashed.as_ref().unwrap_or(&whole), drops)
        }
    };
    let mut forms = vec![whole];
    add(&mut forms, slashed);
    add(&mut forms, other);
    let mut ends: &[char] = &[];
    for marks in [&['#'][..], &['?', '#']].into_iter().filter(|marks| !speaks(marks)) {
        for place in 0..forms.len() {
            let cut = forms.get(place).and_then(|form| form.get(..form.find(marks)?)).map(str::to_owned);
            add(&mut forms, cut);
        }
        ends = marks;
    }
    if !speaks(&[';']) {
        // A server that drops parameters has split off the query before.
        for place in 0..forms.len() {
            for last in [true, false] {
                let form = forms.get(place).filter(|form| !form.contains(ends));
                let plain = form.and_then(|form| spelling::without_parameters(form, last));
                add(&mut forms, plain);
            }
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
        if !self.spelled.has_exact(&written, counts) {
            let other = |rules, text| Form { text: Cow::Owned(text), rules, is_own: false };
            let found = OnceCell::new();
            let deciding = || {
                found.get_or_init(|| self.names_at(&self.spelled.find(&written, counts).collect::<Vec<_>>())).as_slice()
            };
            let decoded = spelling::decoded(name);
            let mut texts = Vec::new();
            // A plain URI is looked up as written, and its decoded form below.
            if decoded.is_none() || !spelling::is_plainly_plain(name) {
                texts.extend(careless_forms(name, &deciding));
            }
            if let Some(text) = decoded {
                // Some servers parse first and then decode. The parts that they drop may contain encoded separators.
                let apart: Vec<_> = texts.iter().filter_map(|form| spelling::decoded(form)).collect();
                let read = careless_forms(&text, &deciding);
                // Some servers only decode.
                if read.first().is_some_and(|whole| !spelling::is_plain(&text, whole)) {
                    others.push(other(&self.spelled, text));
                }
                let apart = apart.iter().map(|form| spelling::careless(form, true));
                for form in read.into_iter().chain(apart) {
                    add(&mut texts, Some(form));
                }
            }
            others.extend(texts.into_iter().map(|text| other(careless, text)));
        }
        std::iter::once(own(written)).chain(encoded.map(own)).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{rule, scopes};
    use super::super::{Found, Rules, Unlisted};
    use super::*;
    use crate::pattern::Pattern;
    use crate::policy::Requirement;

    /// Each form is looked up in all rules, so their number is bounded. Three forms are spelled as written. The careless
    /// forms are those of the URI, of the decoded URI, and the first ones decoded. Each of these three has up to three
    /// authorities, and for each authority five forms: whole, without fragment, without query, and without parameters in
    /// two ways.
    const MAX_FORMS: usize = 3 + 3 * 3 * 5;

    #[test]
    fn no_uri_has_many_forms() {
        let rule = rule("a");
        let rules = |names: &[&str]| names.iter().map(|name| (Pattern::new(name), rule.clone())).collect();
        let sets = [&["*"][..], &["*", "docs://a*?*"], &["*", "*#*"], &["*;*"]]
            .map(|names| RuleSet::of_uris(rules(names), Unlisted::Authenticated));
        let pieces =
            ["u@", "a", ":1", "/", "b;p", "%2F", "\u{e9}", "%3B", "%3F", "?", "c", "#", "%23", "%40", ";q", "%5C"];
        let starts = ["docs://", "docs:", "file://h/", "file%3A//h/", "docs%3A//", ""];
        let (mut chance, mut most) = (1_usize, 0);
        for turn in 0..3_000 {
            let mut uri = starts[turn % starts.len()].to_owned();
            for _ in 0..chance % 16 {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                uri += pieces[(chance >> 33) % pieces.len()];
            }
            chance = chance.rotate_left(7) ^ turn;
            let counts = sets.each_ref().map(|set| set.forms(&uri, &|_| true).len());
            assert!(counts.iter().all(|count| *count <= MAX_FORMS), "{uri}: {counts:?}");
            most = counts.into_iter().fold(most, usize::max);
        }
        assert!(most > 15, "{most}");
        assert_eq!(sets[0].forms("docs://a/b", &|_| true).len(), 2);
    }

    #[test]
    fn a_listed_name_is_found_at_once_as_it_is_form_by_form() {
        const LISTED: &[&str] = &["a", "A", "ab", " ab", "abcdefgh", "abcdefghi", "abcdefgh\0", "a*", "*", "abcdefgh*"];
        const OTHERS: &[&str] = &["", "aB", "ABCDEFGHI", "abcdefghij", "abcdefgh\0i", "x", "abc", "guarded", "Guarded"];
        let rule = rule("a");
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
                    places => Found::Rules(Rules::Many(set.rules_at(places))),
                };
                assert_eq!(set.find(name), expected, "{chosen:b}: {name:?}");
                assert_eq!(set.near_rules(name, |_| true), set.rules_at(near), "{chosen:b}: {name:?}");
                for hidden in 0..set.written.len() {
                    let places = set.places(name, &|place| place != hidden);
                    let is_shown = |rule: &Requirement| !set.rule_at(hidden).is_some_and(|own| std::ptr::eq(own, rule));
                    let found = set.find_counted(name, is_shown);
                    assert!(
                        found
                            .iter()
                            .map(|rule| std::ptr::from_ref(*rule))
                            .eq(set.rules_at(places).into_iter().map(std::ptr::from_ref))
                    );
                }
            }
        }
    }

    #[test]
    fn an_at_sign_that_begins_a_path_is_no_user() {
        for (names, uri, expected) in [
            (&["npm:/@scope/x"][..], "npm:/@scope/x", "for:npm:/@scope/x"),
            (&["npm:/@scope/*"], "npm:/@scope/x", "for:npm:/@scope/*"),
            (&["npm:*"], "npm:/@scope/x", "for:npm:*"),
            (&["npm:@scope/*"], "npm:@scope/x", "for:npm:@scope/*"),
            (&["npm://registry/@scope/*"], "npm://registry/@scope/x", "for:npm://registry/@scope/*"),
            (&["npm:*", "npm:/@scope/*"], "npm:/@scope/x", "for:npm:/@scope/*"),
            (&["npm:/*", "npm:/scope/*", "npm:/@scope/*"], "npm:/@scope/x", "for:npm:/@scope/*"),
        ] {
            assert_eq!(crate::uri::check_uri(uri), Ok(()), "{uri}");
            let rules: Vec<_> = names.iter().map(|name| (Pattern::new(name), rule(&format!("for:{name}")))).collect();
            let rules = RuleSet::of_uris(rules, Unlisted::Deny);
            let mut found = scopes(&rules.find(uri));
            found.dedup();
            assert_eq!(found, [expected], "{uri}");
        }
    }
}
