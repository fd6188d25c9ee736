//! A strict JSON reader (RFC 8259) over borrowed bytes: one pass, no tree, no recursion on untrusted depth.
//!
//! Two parsers that read one text differently are how a gate is bypassed, so what could be read in two ways is a
//! fault here: a byte order mark, bytes after the value, a member given twice anywhere, bytes that are not UTF-8,
//! nesting beyond a limit. The caller walks the levels it cares for with [`Reader::object`] and [`Reader::array`] and
//! passes over the rest with [`Reader::skip`], which checks all the same.
//!
//! ```text
//! value  = object / array / string / number / "true" / "false" / "null"
//! object = "{" [ string ":" value *( "," string ":" value ) ] "}"      names differ
//! array  = "[" [ value *( "," value ) ] "]"
//! ```

mod string;
mod write;

pub use string::Text;
pub use write::Object;

use std::borrow::Cow;

use crate::bytes::{first_bits, first_word, same};

/// Why bytes are not one strict JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// It begins with a byte order mark, which some readers drop and others refuse.
    ByteOrderMark,
    /// An object names a member twice: readers differ in which one they take.
    DuplicateMember,
    /// Not JSON, or cut short.
    Syntax,
    /// More containers in one another than allowed.
    TooDeep,
    /// Something follows the value.
    TrailingBytes,
    /// A value is of another type than the one that was read for.
    UnexpectedType,
    /// The bytes are not UTF-8.
    Utf8,
}

/// The type of a value, seen from its first byte.
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

/// Reads `bytes` as exactly one value, which `take` must consume whole.
///
/// `depth` is how many containers may stand in one another.
pub fn read<'a, T, E: From<JsonFault>>(
    bytes: &'a [u8],
    depth: usize,
    take: impl FnOnce(&mut Reader<'a>) -> Result<T, E>,
) -> Result<T, E> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonFault::ByteOrderMark.into());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonFault::Utf8)?;
    let open = Vec::with_capacity(8);
    let mut reader = Reader { text, at: 0, depth, open, names: Vec::with_capacity(16), decoded: Vec::new() };
    let taken = take(&mut reader)?;
    reader.white_space();
    if reader.at < text.len() { Err(JsonFault::TrailingBytes.into()) } else { Ok(taken) }
}

/// Checks that `bytes` are one strict JSON value.
pub fn check(bytes: &[u8], depth: usize) -> Result<(), JsonFault> {
    read(bytes, depth, |reader| reader.skip().map(|_| ()))
}

/// Up to so many names are compared each with each, which is faster than to sort them.
const FEW_NAMES: usize = 8;

#[derive(Clone, Copy)]
enum Open {
    Array,
    /// With the number of names read before this object's own.
    Object(usize),
}

/// A position in a text, and what is open there.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    open: Vec<Open>,
    /// The names of all open objects; each object's own are a tail of it.
    names: Vec<Name>,
    /// What the names with escapes in them mean, one after the other: no more than the text.
    decoded: Vec<u8>,
}

/// A member's name. Its first bytes as a number tell most names apart without a look at the others.
#[derive(Clone, Copy)]
struct Name {
    start: u64,
    /// Where it stands: in the text, or in what was decoded.
    from: usize,
    to: usize,
    escaped: bool,
}

impl Name {
    /// The name at `from` of `bytes`, up to `to`.
    #[inline]
    fn new(bytes: &[u8], from: usize, to: usize, escaped: bool) -> Self {
        // What follows the name is not of it.
        let start = first_word(bytes.get(from..).unwrap_or_default()) & first_bits(to - from);
        Self { start, from, to, escaped }
    }
}

impl<'a> Reader<'a> {
    /// The byte offset of the next value.
    pub fn position(&mut self) -> usize {
        self.white_space();
        self.at
    }

    /// The byte offset after what was read last.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The type of the next value.
    pub fn kind(&mut self) -> Result<Kind, JsonFault> {
        self.white_space();
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(_) => Ok(Kind::Scalar),
            None => Err(JsonFault::Syntax),
        }
    }

    /// Reads an object. `member` is called with each name, before its value, and must consume that value.
    pub fn object<E: From<JsonFault>>(
        &mut self,
        mut member: impl FnMut(&mut Self, &Text<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect_type(b'{')?;
        let mut more = self.enter(b'}')?;
        while more {
            let name = self.name()?;
            member(self, &name)?;
            more = self.next_or_close()?;
        }
        Ok(())
    }

    /// Reads an array. `item` is called before each element and must consume it.
    pub fn array<E: From<JsonFault>>(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.expect_type(b'[')?;
        let mut more = self.enter(b']')?;
        while more {
            item(self)?;
            more = self.next_or_close()?;
        }
        Ok(())
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Text<'a>, JsonFault> {
        self.expect_type(b'"')?;
        let text = string::scan(self.text, self.at)?;
        self.at += text.raw().len() + 2;
        Ok(text)
    }

    /// How many more containers may stand in one another here.
    pub fn room(&self) -> usize {
        self.depth.saturating_sub(self.open.len())
    }

    /// What was read since the byte offset `start`.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.text.as_bytes().get(start..self.at).unwrap_or_default()
    }

    /// Passes over the next value if it is the object or array `known`, and says whether it is. What `known` holds must
    /// have been read before, with no more room: where an object or array ends follows from its own bytes.
    pub fn skip_known(&mut self, known: &[u8]) -> bool {
        let start = self.position();
        let is_it = self.text.as_bytes().get(start..start + known.len()).is_some_and(|next| same(next, known));
        if is_it {
            self.at = start + known.len();
        }
        is_it
    }

    /// Passes over any value and gives its bytes.
    pub fn skip(&mut self) -> Result<&'a str, JsonFault> {
        let start = self.position();
        let base = self.open.len();
        loop {
            let nested = match self.peek() {
                Some(b'{') => self.enter(b'}')?,
                Some(b'[') => self.enter(b']')?,
                Some(b'"') => self.string().map(|_| false)?,
                _ => self.scalar().map(|_| false)?,
            };
            let mut more = nested;
            while !more && self.open.len() > base {
                more = self.next_or_close()?;
            }
            if self.open.len() == base {
                return self.text.get(start..self.at).ok_or(JsonFault::Syntax);
            }
            if matches!(self.open.last(), Some(Open::Object(_))) {
                self.name()?;
            }
            self.white_space();
        }
    }

    /// Reads a number, `true`, `false` or `null` and gives its bytes.
    pub fn scalar(&mut self) -> Result<&'a str, JsonFault> {
        self.white_space();
        let rest = self.text.get(self.at..).ok_or(JsonFault::Syntax)?;
        let length = match rest.as_bytes().first() {
            Some(b'{' | b'[' | b'"') => return Err(JsonFault::UnexpectedType),
            Some(b't') if rest.starts_with("true") => 4,
            Some(b'f') if rest.starts_with("false") => 5,
            Some(b'n') if rest.starts_with("null") => 4,
            _ => number_length(rest.as_bytes()).ok_or(JsonFault::Syntax)?,
        };
        self.at += length;
        rest.get(..length).ok_or(JsonFault::Syntax)
    }

    /// Opens a container and says whether anything is in it; an empty one, which ends with `close`, is closed at once.
    fn enter(&mut self, close: u8) -> Result<bool, JsonFault> {
        if self.open.len() >= self.depth {
            return Err(JsonFault::TooDeep);
        }
        self.at += 1;
        self.white_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        self.open.push(if close == b'}' { Open::Object(self.names.len()) } else { Open::Array });
        Ok(true)
    }

    /// After a value inside a container: whether another one follows; if not, the container is closed.
    fn next_or_close(&mut self) -> Result<bool, JsonFault> {
        self.white_space();
        let byte = self.peek();
        self.at += 1;
        match (byte, self.open.last().copied()) {
            (Some(b','), Some(_)) => {
                self.white_space();
                Ok(true)
            }
            (Some(b']'), Some(Open::Array)) => {
                self.open.pop();
                Ok(false)
            }
            (Some(b'}'), Some(Open::Object(first))) => {
                self.open.pop();
                self.names_differ(first)?;
                Ok(false)
            }
            _ => Err(JsonFault::Syntax),
        }
    }

    /// Reads a member's name and the colon.
    fn name(&mut self) -> Result<Text<'a>, JsonFault> {
        self.white_space();
        if self.peek() != Some(b'"') {
            return Err(JsonFault::Syntax);
        }
        let name = self.string()?;
        let noted = match name.bytes() {
            Cow::Borrowed(bytes) => {
                // Before the quote that was just read.
                let to = self.at - 1;
                Name::new(self.text.as_bytes(), to - bytes.len(), to, false)
            }
            Cow::Owned(bytes) => {
                let from = self.decoded.len();
                self.decoded.extend_from_slice(&bytes);
                Name::new(&self.decoded, from, self.decoded.len(), true)
            }
        };
        self.names.push(noted);
        self.white_space();
        if self.peek() != Some(b':') {
            return Err(JsonFault::Syntax);
        }
        self.at += 1;
        Ok(name)
    }

    /// Checks that no name since `first` stands twice, and forgets them. Sorting keeps it at n log n for any input,
    /// where a hash table would need a secret against chosen names.
    fn names_differ(&mut self, first: usize) -> Result<(), JsonFault> {
        let (text, decoded) = (self.text.as_bytes(), self.decoded.as_slice());
        let bytes = |name: &Name| {
            let place = if name.escaped { decoded } else { text };
            place.get(name.from..name.to).unwrap_or_default()
        };
        let same = |one: &Name, other: &Name| one.start == other.start && bytes(one) == bytes(other);
        let own = self.names.get_mut(first..).unwrap_or_default();
        let twice = if own.len() <= FEW_NAMES {
            own.iter().enumerate().any(|(n, name)| own.iter().take(n).any(|other| same(name, other)))
        } else {
            // In the order of their text, which servers may have written them in: that is known at once.
            let order = |name: &Name| name.start.swap_bytes();
            own.sort_unstable_by(|one, other| order(one).cmp(&order(other)).then_with(|| bytes(one).cmp(bytes(other))));
            own.iter().zip(own.iter().skip(1)).any(|(one, other)| same(one, other))
        };
        self.names.truncate(first);
        if twice { Err(JsonFault::DuplicateMember) } else { Ok(()) }
    }

    fn expect_type(&mut self, first: u8) -> Result<(), JsonFault> {
        self.white_space();
        match self.peek() {
            Some(byte) if byte == first => Ok(()),
            Some(_) => Err(JsonFault::UnexpectedType),
            None => Err(JsonFault::Syntax),
        }
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The length of the number at the start of `bytes`: `[ "-" ] int [ "." 1*DIGIT ] [ "e" [ sign ] 1*DIGIT ]`.
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let integer = digits(at);
    if integer == 0 || (integer > 1 && bytes.get(at) == Some(&b'0')) {
        return None;
    }
    at += integer;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        if exponent == 0 {
            return None;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
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
                seen.push((name.raw().to_owned(), reader.skip()?.to_owned()));
                Ok::<(), JsonFault>(())
            })
        })
        .unwrap();
        assert_eq!(seen, [("a".into(), "[1, {\"b\":2}]".into()), ("c".into(), "\"x\"".to_owned())]);
    }

    #[test]
    fn a_name_is_the_same_however_and_wherever_it_is_written() {
        for name in ["", "a", "name", "seven77", "eight888", "nine99999", "eight888nine", "\u{0}", "ä"] {
            let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for (one, other) in [(name, name), (name, escaped.as_str()), (&escaped, name), (&escaped, &escaped)] {
                if one.contains('\0') || other.contains('\0') {
                    continue;
                }
                // The last one stands at the end of the text, or far from it; there are few or many between.
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
