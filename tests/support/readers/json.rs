//! A JSON parser that is as careless as its reader.

use super::*;

/// A value; members keep their order and their doubles.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    List(Vec<Self>),
    Members(Vec<(String, Self)>),
    Other,
}

impl Node {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(all) => Self::List(all.iter().map(Self::of).collect()),
            Value::Object(all) => {
                Self::Members(all.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
            _ => Self::Other,
        }
    }
}

/// Reads JSON and, where it is lenient, what people take for it.
pub(super) struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    lenient: bool,
}

impl<'t> Parser<'t> {
    /// One document and nothing else.
    pub(super) fn whole(text: &'t str) -> Option<Node> {
        let mut parser = Self { text: text.as_bytes(), at: 0, lenient: false };
        let node = parser.value(0)?;
        parser.space();
        (parser.at == parser.text.len()).then_some(node)
    }

    /// All that begin with a brace or a bracket.
    pub(super) fn documents(text: &'t str) -> Vec<Node> {
        let mut parser = Self { text: text.as_bytes(), at: 0, lenient: true };
        let mut found = Vec::new();
        while let Some(skip) = parser.text[parser.at..].iter().position(|byte| b"{[".contains(byte)) {
            parser.at += skip;
            let start = parser.at;
            match parser.value(0) {
                Some(node) => found.push(node),
                None => parser.at = start + 1,
            }
            // Garbage that hides no document within a sensible number of attempts hides none.
            if found.len() > 1000 || parser.at > 5_000_000 {
                break;
            }
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.members(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map(Node::Text),
            b'\'' | b'`' if self.lenient => self.string().map(Node::Text),
            _ => self.word().map(|_| Node::Other),
        }
    }

    fn members(&mut self, depth: usize) -> Option<Node> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Some(Node::Members(members));
                }
                // The end, as parsers that repair what was cut take it.
                None if self.lenient => return Some(Node::Members(members)),
                Some(b',') if !members.is_empty() || self.lenient => self.at += 1,
                _ if members.is_empty() || self.lenient => {}
                _ => return None,
            }
            self.space();
            let name = match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'\'' | b'`') if self.lenient => self.string()?,
                Some(b'}' | b',') | None if self.lenient => continue,
                _ if self.lenient => self.word()?,
                _ => return None,
            };
            self.space();
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(b'=') if self.lenient => self.at += 1,
                _ => return None,
            }
            let value = match self.value(depth + 1) {
                None if self.lenient && self.at >= self.text.len() => Node::Other,
                value => value?,
            };
            members.push((name, value));
        }
    }

    fn list(&mut self, depth: usize) -> Option<Node> {
        self.at += 1;
        let mut all = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return Some(Node::List(all));
                }
                None if self.lenient => return Some(Node::List(all)),
                Some(b',') if !all.is_empty() || self.lenient => self.at += 1,
                _ if all.is_empty() || self.lenient => {}
                _ => return None,
            }
            self.space();
            if self.lenient && matches!(self.peek(), Some(b']' | b',') | None) {
                continue;
            }
            all.push(self.value(depth + 1)?);
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek()?;
        self.at += 1;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let rest = std::str::from_utf8(&self.text[self.at..self.text.len().min(self.at + 4)]);
            let valid = match rest {
                Ok(rest) => rest,
                Err(error) => {
                    std::str::from_utf8(&self.text[self.at..self.at + error.valid_up_to()]).unwrap_or_default()
                }
            };
            let next = valid.chars().next()?;
            self.at += next.len_utf8();
            match next {
                c if c == char::from(quote) => return Some(String::from_utf16_lossy(&units)),
                '\\' => {
                    let escape = self.peek()?;
                    self.at += 1;
                    let digits = match escape {
                        b'u' => 4,
                        b'x' if self.lenient => 2,
                        _ => 0,
                    };
                    units.push(match escape {
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        _ if digits > 0 => {
                            let hex = std::str::from_utf8(self.text.get(self.at..self.at + digits)?).ok()?;
                            self.at += digits;
                            u16::from_str_radix(hex, 16).ok()?
                        }
                        b'\n' if self.lenient => continue,
                        other => u16::from(other),
                    });
                }
                c if c < ' ' && !self.lenient => return None,
                c => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
            }
        }
    }

    /// A number, a literal, or a name without quotes.
    fn word(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let end = rest.iter().position(|byte| b" \t\r\n,:=[]{}\"'/".contains(byte)).unwrap_or(rest.len());
        let word = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.at += end;
        let literal = self.lenient || serde_json::from_str::<Value>(&word).is_ok();
        (literal && !word.is_empty()).then_some(word)
    }

    fn space(&mut self) {
        while let Some(byte) = self.peek() {
            let rest = &self.text[self.at..];
            let skip = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => 1,
                0 | 11 | 12 if self.lenient => 1,
                _ if self.lenient && (rest.starts_with(b"\xc2\xa0") || rest.starts_with(b"\xc2\x85")) => 2,
                _ if self.lenient && rest.starts_with("\u{feff}".as_bytes()) => 3,
                _ if self.lenient && rest.starts_with("\u{2028}".as_bytes()) => 3,
                b'#' if self.lenient => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
                _ if self.lenient && rest.starts_with(b"//") => {
                    rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
                }
                _ if self.lenient && rest.starts_with(b"/*") => {
                    rest.windows(2).skip(2).position(|two| two == b"*/").map_or(rest.len(), |end| end + 4)
                }
                _ => return,
            };
            self.at += skip;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}
