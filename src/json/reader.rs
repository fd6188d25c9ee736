//! A position in a JSON text, and methods to read the values that follow.

use super::names::Names;
use super::{JsonFault, Kind, Text, string};
use crate::bytes::same;

#[derive(Clone, Copy)]
enum Open {
    Array,
    /// With the number of names before this object's own.
    Object(usize),
}

/// A position in a text, with the containers open there.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    open: Vec<Open>,
    names: Names,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`. At most `depth` containers may be nested.
    pub(super) fn new(text: &'a str, depth: usize) -> Self {
        Self { text, at: 0, depth, open: Vec::with_capacity(8), names: Names::new() }
    }

    /// Checks that only white space follows.
    pub(super) fn end(&mut self) -> Result<(), JsonFault> {
        if self.position() < self.text.len() { Err(JsonFault::TrailingBytes) } else { Ok(()) }
    }

    /// The byte offset of the next value.
    pub fn position(&mut self) -> usize {
        self.white_space();
        self.at
    }

    /// The byte offset after the last value read.
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

    /// Reads an object. `member` is called with each name and must consume the value.
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

    /// Reads an array. `item` is called for each element and must consume it.
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

    /// How many more containers may be nested here.
    pub fn room(&self) -> usize {
        self.depth.saturating_sub(self.open.len())
    }

    /// The bytes read since `start`.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.text.as_bytes().get(start..self.at).unwrap_or_default()
    }

    /// Skips the next value if it equals `known`, an object or array, and returns whether it does. `known` must have
    /// been validated with at most the current room. The bytes alone determine where an object or array ends.
    pub fn skip_known(&mut self, known: &[u8]) -> bool {
        let start = self.position();
        let is_it = self.text.as_bytes().get(start..start + known.len()).is_some_and(|next| same(next, known));
        if is_it {
            self.at = start + known.len();
        }
        is_it
    }

    /// Skips any value and returns its bytes.
    pub fn skip(&mut self) -> Result<&'a str, JsonFault> {
        let start = self.position();
        let base = self.open.len();
        loop {
            let nested = match self.peek() {
                // In ASCII, the closing bracket is the opening one plus two.
                Some(open @ (b'{' | b'[')) => self.enter_inline(open + 2)?,
                Some(b'"') => self.string().map(|_| false)?,
                _ => self.scalar().map(|_| false)?,
            };
            let mut more = nested;
            while !more && self.open.len() > base {
                more = self.next_or_close_inline()?;
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

    /// Reads a number, `true`, `false` or `null` and returns its bytes.
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

    /// Opens a container and returns whether it has content. An empty container, which ends with `close`, is closed at
    /// once.
    #[inline(never)]
    fn enter(&mut self, close: u8) -> Result<bool, JsonFault> {
        self.enter_inline(close)
    }

    /// [`Self::enter`] without a call, for the loop that reads most containers of a large body.
    #[inline(always)]
    fn enter_inline(&mut self, close: u8) -> Result<bool, JsonFault> {
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

    /// Reads the separator after a value. Returns whether another value follows; otherwise closes the container.
    #[inline(never)]
    fn next_or_close(&mut self) -> Result<bool, JsonFault> {
        self.next_or_close_inline()
    }

    /// [`Self::next_or_close`] without a call, for the same loop.
    #[inline(always)]
    fn next_or_close_inline(&mut self) -> Result<bool, JsonFault> {
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
                self.names.differ(self.text.as_bytes(), first)?;
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
        // The position of the closing quote.
        self.names.push(self.text.as_bytes(), self.at - 1, name.bytes());
        self.white_space();
        if self.peek() != Some(b':') {
            return Err(JsonFault::Syntax);
        }
        self.at += 1;
        Ok(name)
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
