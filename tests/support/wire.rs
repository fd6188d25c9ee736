//! HTTP/1.1 messages as they are on the wire. A recording server must not
//! tidy up what it records, so no HTTP library stands in between: names keep
//! their case, values their bytes, fields their order.

use std::io::{self, BufRead};

/// Header or trailer fields in the order received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, Vec<u8>)>);

impl Fields {
    /// Every value of a field, as text. Names are compared without case.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.bytes(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The value of a field.
    ///
    /// # Panics
    /// If the field is there more than once: no test should overlook that.
    pub fn get(&self, name: &str) -> Option<String> {
        let mut values = self.all(name);
        assert!(values.len() < 2, "`{name}` is there {} times: {values:?}", values.len());
        values.pop()
    }

    /// Every value of a field, byte for byte.
    pub fn bytes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let same = move |(n, _): &&(String, Vec<u8>)| n.eq_ignore_ascii_case(name);
        self.0.iter().filter(same).map(|(_, value)| value.as_slice())
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.all(name).iter().any(|v| v.eq_ignore_ascii_case(value))
    }
}

/// The part of a message before its body.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The first line without its end.
    pub start: String,
    pub fields: Fields,
    /// All of it, byte for byte, with the empty line.
    pub raw: Vec<u8>,
}

impl Head {
    /// Reads one; `None` if the peer closed before its first byte.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        if from.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut raw = Vec::new();
        let start = line(from, &mut raw)?;
        let fields = fields(from, &mut raw)?;
        Ok(Some(Self { start: String::from_utf8_lossy(&start).into_owned(), fields, raw }))
    }

    /// The word at `index` of the first line.
    pub fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }

    /// How the body after this head ends; `otherwise` where the head does not say.
    pub fn framing(&self, otherwise: Framing) -> Framing {
        if self.fields.is("transfer-encoding", "chunked") {
            return Framing::Chunked;
        }
        let length = self.fields.get("content-length").map(|length| length.parse());
        length.map_or(otherwise, |length| Framing::Length(length.expect("a content-length")))
    }
}

/// How a body ends (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Chunked,
    /// The rest of a declared length.
    Length(usize),
    UntilClose,
}

/// A body as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub bytes: Vec<u8>,
    pub trailers: Fields,
    /// Whether its end was seen. `false`: the peer went away before it.
    pub complete: bool,
}

impl Body {
    /// Reads to the end, or to the point where the peer fails.
    pub fn read(from: &mut impl BufRead, framing: Framing) -> Self {
        let mut reader = BodyReader::new(framing);
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = reader.next(from) {
            bytes.extend(piece);
        }
        reader.into_body(bytes)
    }
}

/// Reads a body piece by piece, as a test of streaming needs it.
#[derive(Debug)]
pub struct BodyReader {
    framing: Framing,
    trailers: Fields,
    complete: bool,
}

impl BodyReader {
    pub fn new(framing: Framing) -> Self {
        Self { framing, trailers: Fields::default(), complete: framing == Framing::Length(0) }
    }

    /// The next bytes, as soon as there are some; `None` at the end.
    pub fn next(&mut self, from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
        if self.complete {
            return Ok(None);
        }
        let piece = match self.framing {
            Framing::Chunked => chunk(from)?,
            Framing::Length(left) => some(from, left)?,
            Framing::UntilClose => some(from, usize::MAX)?,
        };
        match (&mut self.framing, piece.is_empty()) {
            (Framing::Chunked, true) => {
                self.trailers = fields(from, &mut Vec::new())?;
                self.complete = true;
            }
            (Framing::Chunked, false) => {}
            (Framing::Length(_), true) => return Err(io::ErrorKind::UnexpectedEof.into()),
            (Framing::Length(left), false) => {
                *left -= piece.len();
                self.complete = *left == 0;
            }
            (Framing::UntilClose, end) => self.complete = end,
        }
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// The body that was read, given the bytes that [`BodyReader::next`] returned.
    pub fn into_body(self, bytes: Vec<u8>) -> Body {
        Body { bytes, trailers: self.trailers, complete: self.complete }
    }
}

/// One chunk (RFC 9112 section 7.1); empty for the last one.
fn chunk(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let size = line(from, &mut Vec::new())?;
    let size = String::from_utf8_lossy(&size);
    let size = size.split(';').next().unwrap_or_default().trim();
    let size = usize::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = vec![0; size];
    from.read_exact(&mut bytes)?;
    if size > 0 {
        line(from, &mut Vec::new())?;
    }
    Ok(bytes)
}

/// The bytes that one read returns, `limit` at most. Empty at the end.
fn some(from: &mut impl BufRead, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; limit.min(64 * 1024)];
    let read = from.read(&mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn fields(from: &mut impl BufRead, raw: &mut Vec<u8>) -> io::Result<Fields> {
    let mut fields = Vec::new();
    loop {
        let line = line(from, raw)?;
        if line.is_empty() {
            return Ok(Fields(fields));
        }
        let colon = line.iter().position(|&b| b == b':').ok_or(io::ErrorKind::InvalidData)?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        fields.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
}

/// A line without its end; what was read is added to `raw`.
fn line(from: &mut impl BufRead, raw: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let start = raw.len();
    from.read_until(b'\n', raw)?;
    let line = raw[start..].strip_suffix(b"\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}
