//! A strict JSON reader (RFC 8259) over borrowed bytes: one pass, no tree, no recursion on untrusted depth.
//!
//! A gate can be bypassed if two parsers read the same text differently. So anything that could be read in two ways is
//! a fault here: a byte order mark, bytes after the value, duplicate members at any level, invalid UTF-8, nesting
//! beyond a limit. The caller walks the levels it needs with [`Reader::object`] and [`Reader::array`], and skips the
//! rest with [`Reader::skip`], which validates it all the same.
//!
//! ```text
//! value  = object / array / string / number / "true" / "false" / "null"
//! object = "{" [ string ":" value *( "," string ":" value ) ] "}"      names differ
//! array  = "[" [ value *( "," value ) ] "]"
//! ```

mod cursor;
mod names;
mod reader;
mod string;
mod write;

pub use reader::Reader;
pub use string::Text;
pub use write::Object;

use crate::bytes::is_utf8;

/// Why bytes are not one strict JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// The text starts with a byte order mark, which some parsers drop and others refuse.
    ByteOrderMark,
    /// An object has a duplicate member, and parsers differ in which one they use.
    DuplicateMember,
    /// The text is not JSON, or is truncated.
    Syntax,
    /// The nesting is too deep.
    TooDeep,
    /// Bytes follow the value.
    TrailingBytes,
    /// A value has another type than the one requested.
    UnexpectedType,
    /// The bytes are not UTF-8.
    Utf8,
}

impl JsonFault {
    /// The fault in words.
    pub fn message(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "a byte order mark",
            Self::DuplicateMember => "a duplicate member",
            Self::Syntax => "a syntax error",
            Self::TooDeep => "too many levels",
            Self::TrailingBytes => "more text after the value",
            Self::UnexpectedType => "an unexpected type",
            Self::Utf8 => "invalid UTF-8",
        }
    }
}

/// The type of a value, determined by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[`
    Array,
    /// `{`
    Object,
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// `"`
    String,
}

/// Reads `bytes` as exactly one value, which `take` must consume entirely.
///
/// `depth` limits the nesting of containers.
pub fn read<'a, T, E: From<JsonFault>>(
    bytes: &'a [u8],
    depth: usize,
    take: impl FnOnce(&mut Reader<'a>) -> Result<T, E>,
) -> Result<T, E> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonFault::ByteOrderMark.into());
    }
    if !is_utf8(bytes) {
        return Err(JsonFault::Utf8.into());
    }
    let mut reader = Reader::new(bytes, depth);
    let taken = take(&mut reader)?;
    reader.end()?;
    Ok(taken)
}

/// Checks that `bytes` are one strict JSON value.
pub fn check(bytes: &[u8], depth: usize) -> Result<(), JsonFault> {
    read(bytes, depth, |reader| reader.skip().map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::names::FEW_NAMES;
    use super::*;

    #[test]
    fn only_one_strict_value_is_read() {
        const CASES: &[(&str, Result<(), JsonFault>)] = &[
            ("{}", Ok(())),
            (" [1, -0.5e+3, \"a\", true, false, null, {\"a\": []}]\r\n\t", Ok(())),
            ("", Err(JsonFault::Syntax)),
            ("{", Err(JsonFault::Syntax)),
            ("[1,]", Err(JsonFault::Syntax)),
            ("[1 2]", Err(JsonFault::Syntax)),
            ("{\"a\":1,}", Err(JsonFault::Syntax)),
            ("{\"a\" 1}", Err(JsonFault::Syntax)),
            ("{a:1}", Err(JsonFault::Syntax)),
            ("{\"a\":1]", Err(JsonFault::Syntax)),
            ("[1}", Err(JsonFault::Syntax)),
            ("01", Err(JsonFault::Syntax)),
            ("1.", Err(JsonFault::Syntax)),
            ("1e", Err(JsonFault::Syntax)),
            ("+1", Err(JsonFault::Syntax)),
            (".5", Err(JsonFault::Syntax)),
            ("NaN", Err(JsonFault::Syntax)),
            ("-", Err(JsonFault::Syntax)),
            ("truee", Err(JsonFault::TrailingBytes)),
            ("'a'", Err(JsonFault::Syntax)),
            ("\"a\nb\"", Err(JsonFault::Syntax)),
            ("\"\\x\"", Err(JsonFault::Syntax)),
            ("\"\\u12g4\"", Err(JsonFault::Syntax)),
            ("\"a", Err(JsonFault::Syntax)),
            ("{}{}", Err(JsonFault::TrailingBytes)),
            ("{} x", Err(JsonFault::TrailingBytes)),
            ("\u{feff}{}", Err(JsonFault::ByteOrderMark)),
            ("{\"a\":1,\"a\":2}", Err(JsonFault::DuplicateMember)),
            ("{\"a\":1,\"b\":2,\"\\u0061\":2}", Err(JsonFault::DuplicateMember)),
            ("{\"x\":[{\"a\":1,\"a\":2}]}", Err(JsonFault::DuplicateMember)),
            ("{\"a\":{\"a\":{\"b\":1}},\"b\":1}", Ok(())),
            ("{\"a\":1,\"A\":2}", Ok(())),
        ];
        for (text, expected) in CASES {
            assert_eq!(check(text.as_bytes(), 8), *expected, "{text}");
        }
        assert_eq!(check(b"\"\xff\"", 8), Err(JsonFault::Utf8));
        assert_eq!(check(b"\"\xed\xa0\x80\"", 8), Err(JsonFault::Utf8), "a surrogate in UTF-8");
    }

    #[test]
    fn nesting_is_limited_without_recursion() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(check(nested(64).as_bytes(), 64), Ok(()));
        assert_eq!(check(nested(65).as_bytes(), 64), Err(JsonFault::TooDeep));
        assert_eq!(check(nested(500_000).as_bytes(), 1_000_000), Ok(()));
    }

    #[test]
    fn callbacks_and_skipping_see_the_same_members() {
        let mut seen = Vec::new();
        read::<_, JsonFault>(b" {\"a\" : [1, {\"b\":2}], \"c\":\"x\"} ", 4, |reader| {
            reader.object(|reader, name| {
                seen.push((name.decode().unwrap(), reader.skip()?));
                Ok::<(), JsonFault>(())
            })
        })
        .unwrap();
        assert_eq!(seen, [("a".into(), &b"[1, {\"b\":2}]"[..]), ("c".into(), b"\"x\"")]);
    }

    #[test]
    fn a_name_is_the_same_however_and_wherever_it_is_written() {
        for name in ["", "a", "name", "seven77", "eight888", "nine99999", "eight888nine", "\u{0}", "ä"] {
            let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for (one, other) in [(name, name), (name, escaped.as_str()), (&escaped, name), (&escaped, &escaped)] {
                if one.contains('\0') || other.contains('\0') {
                    continue;
                }
                // The duplicate is near the end of the text or far from it, with few or many names between.
                for (between, after) in [("", ""), ("\"x\":1,", ""), ("", ",\"long enough for any name\":1")] {
                    let twice = format!("{{\"{one}\":1,{between}\"{other}\":1{after}}}");
                    assert_eq!(check(twice.as_bytes(), 8), Err(JsonFault::DuplicateMember), "{twice}");
                    let longer = format!("{{\"{one}\":1,{between}\"{other}!\":1,\"?{other}\":1{after}}}");
                    assert_eq!(check(longer.as_bytes(), 8), Ok(()), "{longer}");
                    let many: String = (0..FEW_NAMES).map(|n| format!("\"n{n}\":1,")).collect();
                    let twice = format!("{{\"{one}\":1,{many}{between}\"{other}\":1{after}}}");
                    assert_eq!(check(twice.as_bytes(), 8), Err(JsonFault::DuplicateMember), "{twice}");
                    let nul = format!("{{\"{one}\":1,{between}\"{other}\\u0000\":1{after}}}");
                    assert_eq!(check(nul.as_bytes(), 8), Ok(()), "{nul}");
                }
            }
        }
    }

    #[test]
    fn many_names_are_compared_in_n_log_n() {
        let members: Vec<String> = (0..100_000).map(|n| format!("\"{n:06}\":0")).collect();
        let body = format!("{{{}}}", members.join(","));
        assert_eq!(check(body.as_bytes(), 4), Ok(()));
        let body = format!("{{{},\"000000\":0}}", members.join(","));
        assert_eq!(check(body.as_bytes(), 4), Err(JsonFault::DuplicateMember));
    }
}
