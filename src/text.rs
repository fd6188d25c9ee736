//! Invisible characters, and names that look alike.
//!
//! Servers match names more loosely than the gate: Go's `encoding/json` ignores case, and handwritten parsers trim or
//! strip. So a name that resembles a known one is never treated as unknown.

use std::borrow::Cow;

use crate::bytes::{is_printable, is_unescaped_printable};

/// Whether `c` is not visible: a control character or one of Unicode's default ignorables.
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Appends `c`, or its JSON escape if it is invisible. This covers line breaks, terminal control characters and
/// bidirectional controls.
pub fn push_visible(out: &mut String, c: char) {
    if !is_invisible(c) {
        return out.push(c);
    }
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            out.push(char::from_digit(u32::from(*unit >> shift & 15), 16).unwrap_or('0'));
        }
    }
}

/// `text` as a careless reader sees it: without invisible characters, ignoring case.
pub fn fold(text: &str) -> String {
    // Fast path for almost every name: printable ASCII.
    if is_printable(text.as_bytes()) {
        return text.to_ascii_uppercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        // Almost every character, without the cost of a table lookup.
        if c.is_ascii() {
            out.push(c.to_ascii_uppercase());
        } else {
            out.extend(upper_cased(c).to_uppercase());
        }
    }
    out
}

/// Upper-casing unifies nearly all characters that a case-insensitive comparison treats as equal, including `ſ`
/// (U+017F) and `s`. The exceptions are upper-case letters whose lower case belongs to another letter. They are mapped
/// to that letter.
fn upper_cased(c: char) -> char {
    match c {
        '\u{3f4}' => '\u{398}',
        '\u{1e9e}' => '\u{df}',
        '\u{2126}' => '\u{3a9}',
        '\u{212a}' => 'K',
        '\u{212b}' => '\u{c5}',
        c => c,
    }
}

/// A name without invisible characters and surrounding white space, ignoring case: the form that a careless server
/// compares.
pub fn near(name: &str) -> String {
    fold(name).trim().to_owned()
}

/// All readings of `name` by careless servers: [`near`] of the name, and of the part before its first NUL, where C code
/// ends it.
pub fn readings(name: &str) -> Vec<String> {
    let cut = name.split_once('\0').map(|(start, _)| near(start));
    std::iter::once(near(name)).chain(cut).collect()
}

/// The first eight bytes of the only reading of `name`, as a number whose order is that of the readings. None unless the
/// name is printable ASCII without surrounding spaces, as almost all are.
pub fn plain_start(name: &str) -> Option<u64> {
    let bytes = name.as_bytes();
    if !is_printable(bytes) || bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ') {
        return None;
    }
    let mut start = [0; 8];
    start.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte.to_ascii_uppercase());
    Some(u64::from_be_bytes(start))
}

/// The name in `known` (lower-case ASCII, or compared so) for which a careless reader would take `name`, unless both
/// are equal.
pub fn look_alike<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let find = |seen: &str, cut: &str| {
        let is_seen = |known: &str| known.eq_ignore_ascii_case(seen) || known.eq_ignore_ascii_case(cut);
        known.iter().copied().find(|known| is_seen(known) && *known != name)
    };
    // Handwritten parsers trim names.
    if name.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
        let trimmed = name.trim_ascii();
        return find(trimmed, trimmed);
    }
    // C code ends a string at its NUL.
    find(fold(name).trim(), name.split('\0').next().unwrap_or_default().trim())
}

/// `text` truncated to at most `max` bytes, at a character boundary.
#[inline]
pub fn truncate(text: &str, max: usize) -> &str {
    if text.len() <= max { text } else { cut(text, max) }
}

#[inline(never)]
fn cut(text: &str, max: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= max).last().unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Printable ASCII on one line for access logs, with other bytes and `%` as `%XX`. At most `max` bytes; an escape is
/// never cut.
pub fn printable(text: &str, max: usize) -> Cow<'_, str> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'%';
    if text.len() <= max && is_unescaped_printable(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(max));
    for byte in text.bytes() {
        let plain = is_plain(byte);
        if out.len() + if plain { 1 } else { 3 } > max {
            break;
        }
        if plain {
            out.push(char::from(byte));
        } else {
            push_escape(&mut out, byte);
        }
    }
    Cow::Owned(out)
}

/// Appends `byte` as `%XX`.
pub fn push_escape(out: &mut String, byte: u8) {
    out.push('%');
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_differ_by_case_or_by_what_cannot_be_seen() {
        const CASES: &[(&str, bool)] = &[
            ("name", false),
            ("Name", true),
            ("NAME", true),
            ("na\u{200b}me", true),
            ("name\u{0}", true),
            ("\u{feff}name", true),
            ("name ", true),
            ("\u{0}", false),
            ("name\u{0}x", true),
            ("na me", false),
            ("names", false),
            ("param\u{17f}", true),
            ("params", false),
            ("", false),
        ];
        for (name, expected) in CASES {
            assert_eq!(look_alike(name, &["name", "params"]).is_some(), *expected, "{name:?}");
        }
        assert_eq!(look_alike("tas\u{212a}Id", &["taskId"]), Some("taskId"), "Kelvin sign");
    }

    #[test]
    fn names_that_differ_in_case_fold_to_one() {
        for (one, other) in
            [("delete", "DELETE"), ("ς", "Σ"), ("ß", "ẞ"), ("µ", "Μ"), ("ω", "\u{2126}"), ("å", "\u{212b}")]
        {
            assert_eq!(fold(one), fold(other), "{one} and {other}");
        }
        assert_ne!(fold("a"), fold("ä"));
    }

    #[test]
    fn access_log_values_are_one_line_of_printable_ascii() {
        const CASES: &[(&str, usize, &str)] = &[
            ("plain text", 256, "plain text"),
            ("100%\né", 256, "100%25%0A%C3%A9"),
            ("ab\n", 4, "ab"),
            ("ab\n", 5, "ab%0A"),
        ];
        for (text, max, expected) in CASES {
            assert_eq!(printable(text, *max), *expected);
        }
    }

    #[test]
    fn truncation_never_splits_a_character() {
        assert_eq!(truncate("aé", 2), "a");
        assert_eq!(truncate("aé", 3), "aé");
        assert_eq!(truncate("abc", 0), "");
    }
}
