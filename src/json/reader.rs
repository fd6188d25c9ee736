//! A position in a JSON text, and methods to read the values that follow.

use super::cursor::Cursor;
use super::names::Names;
use super::{JsonFault, Kind, Text};
use crate::bytes::same;

/// A position in a text, with the containers open there.
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    levels: Levels,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`, which are UTF-8. At most `depth` containers may be nested.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], depth: usize) -> Self {
        let levels = Levels { depth, open: Vec::with_capacity(8), names: Names::new() };
        Self { cursor: Cursor::new(bytes), levels }
    }

    /// Checks that only white space follows.
    #[inline]
    pub(super) fn end(&mut self) -> Result<(), JsonFault> {
        if self.cursor.next().is_some() { Err(JsonFault::TrailingBytes) } else { Ok(()) }
    }

    /// The byte offset of the next value.
    #[inline]
    pub fn position(&mut self) -> usize {
        self.cursor.next();
        self.cursor.at()
    }

    /// The byte offset after the last value read.
    pub fn offset(&self) -> usize {
        self.cursor.at()
    }

    /// The type of the next value.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind, JsonFault> {
        match self.cursor.next() {
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
        let mut more = self.enter(b'{')?;
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
        let mut more = self.enter(b'[')?;
        while more {
            item(self)?;
            more = self.next_or_close()?;
        }
        Ok(())
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Text<'a>, JsonFault> {
        self.expect_type(b'"')?;
        self.cursor.string()
    }

    /// How many more containers may be nested here.
    pub fn room(&self) -> usize {
        self.levels.depth.saturating_sub(self.levels.open.len())
    }

    /// The bytes read since `start`.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.cursor.since(start)
    }

    /// Skips the next value if it equals `known`, an object or array, and returns whether it does. `known` must have
    /// been validated with at most the current room. The bytes alone determine where an object or array ends.
    pub fn skip_known(&mut self, known: &[u8]) -> bool {
        let start = self.position();
        let next = self.cursor.bytes().get(start..start + known.len());
        let is_it = next.is_some_and(|next| same(next, known));
        if is_it {
            self.cursor.advance(known.len());
        }
        is_it
    }

    /// Skips any value and returns its bytes.
    pub fn skip(&mut self) -> Result<&'a [u8], JsonFault> {
        let start = self.position();
        // Most of a large body is read by this loop. Copies of the cursor and of the innermost container stay in registers.
        let mut cursor = self.cursor;
        let levels = &mut self.levels;
        let (base, mut inner) = (levels.open.len(), None);
        loop {
            let mut more = match cursor.next() {
                Some(b'"') => cursor.string().map(|_| false)?,
                Some(open @ (b'{' | b'[')) => {
                    let more = levels.enter(&mut cursor, open)?;
                    inner = levels.inner(base);
                    more
                }
                _ => cursor.scalar().map(|()| false)?,
            };
            while !more {
                if inner.is_none() {
                    self.cursor = cursor;
                    return Ok(cursor.since(start));
                }
                more = levels.next_or_close(&mut cursor, inner)?;
                if !more {
                    inner = levels.inner(base);
                }
            }
            if let Some(Open::Object(_)) = inner {
                levels.name(&mut cursor)?;
            }
        }
    }

    /// Skips any value and returns its text.
    #[inline]
    pub fn skip_text(&mut self) -> Result<&'a str, JsonFault> {
        std::str::from_utf8(self.skip()?).map_err(|_| JsonFault::Utf8)
    }

    // The levels that the caller walks have few members. Calls keep the code small.

    #[inline(never)]
    fn enter(&mut self, open: u8) -> Result<bool, JsonFault> {
        self.levels.enter(&mut self.cursor, open)
    }

    #[inline(never)]
    fn next_or_close(&mut self) -> Result<bool, JsonFault> {
        let inner = self.levels.inner(0);
        self.levels.next_or_close(&mut self.cursor, inner)
    }

    #[inline(never)]
    fn name(&mut self) -> Result<Text<'a>, JsonFault> {
        self.levels.name(&mut self.cursor)
    }

    #[inline]
    fn expect_type(&mut self, first: u8) -> Result<(), JsonFault> {
        match self.cursor.next() {
            Some(byte) if byte == first => Ok(()),
            Some(_) => Err(JsonFault::UnexpectedType),
            None => Err(JsonFault::Syntax),
        }
    }
}

#[derive(Clone, Copy)]
enum Open {
    Array,
    /// With the number of names before this object's own.
    Object(usize),
}

/// The open containers.
struct Levels {
    /// The maximum number.
    depth: usize,
    open: Vec<Open>,
    names: Names,
}

impl Levels {
    /// The innermost container, if more than `base` are open.
    #[inline(always)]
    fn inner(&self, base: usize) -> Option<Open> {
        self.open.get(base..)?.last().copied()
    }

    /// Opens the container whose bracket is next and returns whether it has content. An empty container is closed at
    /// once.
    #[inline(always)]
    fn enter(&mut self, cursor: &mut Cursor<'_>, open: u8) -> Result<bool, JsonFault> {
        if self.open.len() >= self.depth {
            return Err(JsonFault::TooDeep);
        }
        cursor.advance(1);
        // In ASCII, the closing bracket is the opening one plus two.
        if cursor.next() == Some(open + 2) {
            cursor.advance(1);
            return Ok(false);
        }
        self.open.push(if open == b'{' { Open::Object(self.names.len()) } else { Open::Array });
        Ok(true)
    }

    /// Reads the separator after a value. Returns whether another value follows; otherwise closes the container.
    #[inline(always)]
    fn next_or_close(&mut self, cursor: &mut Cursor<'_>, inner: Option<Open>) -> Result<bool, JsonFault> {
        let byte = cursor.next();
        cursor.advance(1);
        let unique = match (byte, inner) {
            (Some(b','), Some(_)) => return Ok(true),
            (Some(b']'), Some(Open::Array)) => Ok(()),
            (Some(b'}'), Some(Open::Object(first))) => self.names.differ(cursor.bytes(), first),
            _ => return Err(JsonFault::Syntax),
        };
        // The object is closed even if a name occurs twice: a reader of trees goes on.
        self.open.pop();
        unique.map(|()| false)
    }

    /// Reads a member's name and the colon.
    #[inline(always)]
    fn name<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Text<'a>, JsonFault> {
        if cursor.next() != Some(b'"') {
            return Err(JsonFault::Syntax);
        }
        let from = cursor.at() + 1;
        let name = cursor.string()?;
        self.names.push(cursor.bytes(), from, &name);
        if cursor.next() != Some(b':') {
            return Err(JsonFault::Syntax);
        }
        cursor.advance(1);
        Ok(name)
    }
}
