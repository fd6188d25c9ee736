//! The name that was probably meant by one that does not exist.

/// The least similarity of a suggestion. Below it, names that have little in common are suggested.
const SIMILAR: f64 = 0.8;

/// The names in `known` that resemble `name`, as the end of a message: `; did you mean \`tools\`?`. Empty without one.
pub fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    closest(name, known).map(|own| format!("; did you mean `{own}`?")).unwrap_or_default()
}

/// The name in `known` that resembles `name` most.
pub fn closest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = name.to_lowercase();
    let rated = known.into_iter().map(|own| (strsim::jaro_winkler(&folded, &own.to_lowercase()), own));
    let best = rated.filter(|(rate, own)| *rate >= SIMILAR && *own != name);
    best.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, own)| own)
}

/// Whether one of two scopes is probably a misspelling of the other: they differ by case only, or by one edit in one of
/// their words. Short words and words with digits are often different on purpose: `a` and `b`, `v1` and `v2`.
pub fn is_misspelling(one: &str, other: &str) -> bool {
    /// The shortest word in which one edit is more likely a mistake than another word.
    const WORD: usize = 4;
    if one == other {
        return false;
    }
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    let words = |scope: &str| scope.split([':', '.', '/', '_', '-']).map(str::to_owned).collect::<Vec<_>>();
    let (ones, others) = (words(one), words(other));
    let mut differing = ones.iter().zip(&others).filter(|(a, b)| a != b);
    let (Some((a, b)), None) = (differing.next(), differing.next()) else { return false };
    let is_word = |word: &str| word.len() >= WORD && word.chars().all(|c| c.is_ascii_alphabetic());
    ones.len() == others.len() && is_word(a) && is_word(b) && strsim::osa_distance(a, b) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_resembles_what_was_written() {
        let known = ["tools", "prompts", "resources", "base_scopes", "policy_source"];
        for (written, meant) in [
            ("tols", Some("tools")),
            ("Tools", Some("tools")),
            ("toosl", Some("tools")),
            ("base_scope", Some("base_scopes")),
            ("surprise", None),
            ("", None),
        ] {
            assert_eq!(closest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn a_misspelled_scope_differs_by_one_edit_of_a_word() {
        for (one, other, is_it) in [
            ("weather:read", "weather:raed", true),
            ("weather:read", "weather:Read", true),
            ("weather:read", "weater:read", true),
            ("weather:read", "weather:write", false),
            ("a:read", "b:read", false),
            ("api.v1", "api.v2", false),
            ("mail.read", "mail.read.all", false),
            ("weather:read", "weather:read", false),
        ] {
            assert_eq!(is_misspelling(one, other), is_it, "{one} {other}");
            assert_eq!(is_misspelling(other, one), is_it, "{other} {one}");
        }
    }
}
