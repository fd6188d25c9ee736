//! JSON strings, validated when they are scanned and decoded on demand.

use std::borrow::Cow;

use super::JsonFault;
use crate::bytes::{count_unescaped, first_special};

/// A string as written in the text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

/// Scans the string that starts at `from` of `text`, after its opening quote.
#[inline(always)]
pub(super) fn scan(text: &[u8], from: usize) -> Result<Text<'_>, JsonFault> {
    let bytes = text.get(from..).unwrap_or_default();
    if let Some(length) = first_special(bytes)
        && bytes.get(length) == Some(&b'"')
    {
        let raw = bytes.get(..length).unwrap_or_default();
        return Ok(Text { raw, escaped: false });
    }
    scan_long(bytes).ok_or(JsonFault::Syntax)
}

/// Scans a string that is long or has escapes.
#[inline(never)]
fn scan_long(bytes: &[u8]) -> Option<Text<'_>> {
    let mut escaped = false;
    // Only quotes, backslashes and control characters are special. UTF-8 was validated before.
    let mut at = count_unescaped(bytes);
    while bytes.get(at) != Some(&b'"') {
        let after = bytes.get(at..)?.strip_prefix(b"\\")?;
        escaped = true;
        at += escape_length(after)?;
        at += count_unescaped(bytes.get(at..)?);
    }
    Some(Text { raw: bytes.get(..at)?, escaped })
}

/// The length of an escape including its backslash, given the bytes after it.
#[inline(always)]
fn escape_length(after: &[u8]) -> Option<usize> {
    match after.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' if after.get(1..5)?.iter().all(u8::is_ascii_hexdigit) => Some(6),
        _ => None,
    }
}

impl<'a> Text<'a> {
    /// The string as written, with escapes.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether the string has escapes.
    pub fn has_escapes(&self) -> bool {
        self.escaped
    }

    /// The decoded string. `None` if it has a lone surrogate (`\ud800`), which some parsers replace, some keep and some
    /// refuse.
    #[inline]
    pub fn decode(&self) -> Option<Cow<'a, str>> {
        if self.escaped {
            String::from_utf8(self.unescaped()).ok().map(Cow::Owned)
        } else {
            std::str::from_utf8(self.raw).ok().map(Cow::Borrowed)
        }
    }

    /// The decoded string as bytes. A lone surrogate becomes three bytes, as if UTF-8 allowed it.
    #[inline]
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(self.unescaped()) } else { Cow::Borrowed(self.raw) }
    }

    fn unescaped(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw;
        loop {
            let (plain, after) = rest.split_at(count_unescaped(rest));
            out.extend_from_slice(plain);
            let Some(after) = after.get(1..) else { return out };
            rest = unescape(after, &mut out);
        }
    }
}

/// Appends the value of an escape, given the bytes after its backslash. Returns the rest of the bytes.
fn unescape<'a>(after: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let single = match after.first() {
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => return unescape_unicode(after, out),
        Some(byte) => *byte,
        None => return &[],
    };
    out.push(single);
    after.get(1..).unwrap_or_default()
}

fn unescape_unicode<'a>(after: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let first = code_unit(after);
    let mut rest = after.get(5..).unwrap_or_default();
    let mut code = first;
    if (0xd800..0xdc00).contains(&first)
        && let Some(low) = rest.strip_prefix(b"\\").filter(|low| low.starts_with(b"u"))
        && (0xdc00..0xe000).contains(&code_unit(low))
    {
        code = 0x10000 + ((first - 0xd800) << 10) + (code_unit(low) - 0xdc00);
        rest = low.get(5..).unwrap_or_default();
    }
    push_code_point(code, out);
    rest
}

/// The value of the four hexadecimal digits after `u`.
fn code_unit(escape: &[u8]) -> u32 {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default();
    escape.iter().skip(1).take(4).fold(0, |unit, byte| unit << 4 | digit(byte))
}

/// Appends `code` in UTF-8. A surrogate yields bytes that fail any later check for UTF-8.
fn push_code_point(code: u32, out: &mut Vec<u8>) {
    if let Some(c) = char::from_u32(code) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        let tail = |shift: u32| 0x80 | u8::try_from((code >> shift) & 0x3f).unwrap_or(0);
        out.extend_from_slice(&[0xed, tail(6), tail(0)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_one_string_or_none() {
        const CASES: &[(&str, Option<&str>)] = &[
            (r#""plain""#, Some("plain")),
            (r#""n\u0061me""#, Some("name")),
            (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r#""\ud83d\ude00!""#, Some("😀!")),
            (r#""\u00e9""#, Some("é")),
            (r#""\ud800""#, None),
            (r#""\udc00\ud800""#, None),
            (r#""\ud800\u0041""#, None),
        ];
        for (text, expected) in CASES {
            assert_eq!(scan(text.as_bytes(), 1).unwrap().decode().as_deref(), *expected, "{text}");
        }
    }

    #[test]
    fn the_decoding_agrees_with_serde_json() {
        for text in [r#""a\u0000b""#, r#""\uffff\u0800\u0080""#, r#""\udbff\udfff""#, r#""é\\u0041""#] {
            let expected: String = serde_json::from_str(text).unwrap();
            assert_eq!(scan(text.as_bytes(), 1).unwrap().decode().as_deref(), Some(expected.as_str()), "{text}");
        }
    }
}
