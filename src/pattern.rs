//! Names with `*`, the only wildcard: any run of characters, the empty one too.

use crate::bytes::{first_bits, first_word};

/// A name or pattern of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    text: String,
    /// The places of the first and of the last wildcard.
    stars: Option<(usize, usize)>,
    /// How many characters are not wildcards.
    literals: usize,
    /// The first bytes of a name that matches, as far as a wildcard leaves no choice, and which bits those are. Of a
    /// thousand patterns, this tells most from a name without a look at their text.
    start: u64,
    fixed: u64,
}

impl Pattern {
    /// The pattern spelled `text`.
    pub fn new(text: &str) -> Self {
        let stars = text.find('*').zip(text.rfind('*'));
        let fixed = first_bits(stars.map_or(8, |(first, _)| first));
        let literals = text.chars().filter(|c| *c != '*').count();
        Self { text: text.to_owned(), stars, literals, start: first_word(text.as_bytes()) & fixed, fixed }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it holds no wildcard.
    pub fn is_exact(&self) -> bool {
        self.stars.is_none()
    }

    /// What every name that matches begins with.
    pub fn prefix(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// How many characters are not wildcards: of two patterns that match, the one with more is the closer.
    pub fn literals(&self) -> usize {
        self.literals
    }

    /// Whether `name` matches, byte for byte but for the wildcards.
    ///
    /// Taking each middle part at its first place is enough, because `*` may stand for any run: linear in `name`. The
    /// ends come first: they tell most names apart at once, where a middle part is searched for.
    pub fn matches(&self, name: &str) -> bool {
        if first_word(name.as_bytes()) & self.fixed != self.start {
            return false;
        }
        let Some((first, last)) = self.stars else {
            return self.text == name;
        };
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let (prefix, suffix) = (part(0, first), part(last + 1, self.text.len()));
        let Some(mut name) = name.strip_prefix(prefix).and_then(|name| name.strip_suffix(suffix)) else {
            return false;
        };
        let middle = part(first + 1, last);
        // Of one wildcard, or of two side by side, there is no middle.
        middle.is_empty()
            || middle.split('*').all(|part| match name.split_once(part) {
                Some((_, after)) => {
                    name = after;
                    true
                }
                None => false,
            })
    }

    /// Whether it matches all that the URI template (RFC 6570) `template` can expand to. A template that cannot be
    /// read is covered by nothing.
    pub fn covers_template(&self, template: &str) -> bool {
        expressions_replaced(template).is_some_and(|marked| self.matches(&marked))
    }
}

/// Stands for a template's expression. A noncharacter, so that only `*` can match it: that makes the covering sound.
const EXPRESSION: char = '\u{10ffff}';

/// `template` with each expression `{...}` replaced by [`EXPRESSION`], or nothing where braces do not pair.
fn expressions_replaced(template: &str) -> Option<String> {
    let mut out = String::with_capacity(template.len());
    let mut inside = false;
    for c in template.chars() {
        match (c, inside) {
            ('{', false) => inside = true,
            ('}', true) => {
                inside = false;
                out.push(EXPRESSION);
            }
            ('{', true) | ('}', false) | (EXPRESSION, _) => return None,
            (_, true) => {}
            (c, false) => out.push(c),
        }
    }
    (!inside).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        const CASES: &[(&str, &str, bool)] = &[
            ("echo", "echo", true),
            ("echo", "echo2", false),
            ("echo", "Echo", false),
            ("*", "", true),
            ("*", "anything", true),
            ("delete_*", "delete_all", true),
            ("delete_*", "delete_", true),
            ("delete_*", "xdelete_all", false),
            ("*_all", "delete_all", true),
            ("*_all", "delete_all2", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "ac", false),
            ("a*b*c", "a-c-b", false),
            ("a*ab", "ab", false),
            ("a*b*ab", "abab", true),
            ("a*b*ba", "aba", false),
            ("a**b", "ab", true),
            ("*a*a*", "a", false),
            ("*a*a*", "xaxax", true),
            ("é*", "été", true),
        ];
        for (pattern, name, expected) in CASES {
            assert_eq!(Pattern::new(pattern).matches(name), *expected, "{pattern} against {name}");
        }
    }

    #[test]
    fn a_template_is_covered_only_if_every_expansion_matches() {
        const CASES: &[(&str, &str, bool)] = &[
            ("docs://*", "docs://{id}", true),
            ("docs://*", "docs://public/{id}", true),
            ("docs://public/*", "docs://{id}", false),
            ("docs://*/x", "docs://{id}/x", true),
            ("docs://*/x", "docs://{id}", false),
            ("docs://a", "docs://a", true),
            ("docs://{id}", "docs://{id}", false),
            ("*", "{+path}", true),
            ("*", "docs://{id", false),
            ("*", "docs://id}", false),
            ("*", "docs://{{id}}", false),
        ];
        for (pattern, template, expected) in CASES {
            assert_eq!(Pattern::new(pattern).covers_template(template), *expected, "{pattern} over {template}");
        }
    }

    #[test]
    fn literals_are_counted_in_characters() {
        assert_eq!(Pattern::new("é*b*").literals(), 2);
    }
}
