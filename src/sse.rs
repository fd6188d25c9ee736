//! Event streams (HTML Living Standard, section 9.2), split into events as they come, at whatever byte a chunk ends.
//!
//! ```text
//! stream = [ bom ] *event            event = *line end-of-line
//! line   = field [ ":" [ space ] value ] end-of-line
//! end-of-line = CR LF / CR / LF
//! ```

use std::borrow::Cow;
use std::ops::Range;

use crate::bytes::count_ordinary;

/// What a stream brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'e> {
    /// A whole event with the empty line that ends it; the last one of a stream may lack that.
    Event(&'e [u8]),
    /// The LF of a CR LF whose CR ended an event in an earlier chunk.
    LineFeed,
    /// An event beyond the limit ended; its bytes are gone.
    Oversized,
}

/// Splits a stream. It keeps at most one event.
#[derive(Clone, Debug)]
pub struct EventReader {
    limit: usize,
    /// The bytes of the event that has begun.
    event: Vec<u8>,
    line_is_empty: bool,
    after_cr: bool,
    /// Whether the CR before ended an event.
    ended_by_cr: bool,
    oversized: bool,
}

impl EventReader {
    /// A reader for events of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, event: Vec::new(), line_is_empty: true, after_cr: false, ended_by_cr: false, oversized: false }
    }

    /// Takes a chunk and gives what it completes, piece by piece; at the `end` of the stream, also what is left.
    pub fn feed(&mut self, chunk: &[u8], end: bool, mut piece: impl FnMut(Piece<'_>)) {
        let mut rest = chunk;
        while let Some(byte) = rest.first().copied() {
            let plain = line_length(rest);
            let (taken, after) = rest.split_at(plain.max(1));
            rest = after;
            if plain > 0 {
                self.push(taken);
                self.line_is_empty = false;
                self.after_cr = false;
            } else {
                self.end_of_line(byte, &mut piece);
            }
        }
        if end && (!self.event.is_empty() || self.oversized) {
            self.give(&mut piece);
        }
    }

    fn end_of_line(&mut self, byte: u8, piece: &mut impl FnMut(Piece<'_>)) {
        let joins_cr = byte == b'\n' && std::mem::take(&mut self.after_cr);
        if joins_cr && std::mem::take(&mut self.ended_by_cr) {
            piece(Piece::LineFeed);
            return;
        }
        self.push(&[byte]);
        if joins_cr {
            return;
        }
        self.after_cr = byte == b'\r';
        self.ended_by_cr = self.after_cr && self.line_is_empty;
        if std::mem::replace(&mut self.line_is_empty, true) {
            self.give(piece);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.oversized || self.event.len() + bytes.len() > self.limit {
            self.oversized = true;
            self.event.clear();
        } else {
            self.event.extend_from_slice(bytes);
        }
    }

    /// Gives the event and keeps its memory for the next one.
    fn give(&mut self, piece: &mut impl FnMut(Piece<'_>)) {
        piece(if std::mem::take(&mut self.oversized) { Piece::Oversized } else { Piece::Event(&self.event) });
        self.event.clear();
    }
}

/// What of an event counts.
#[derive(Clone, Debug)]
pub struct Event<'e> {
    bytes: &'e [u8],
    /// Where its line of data stands, and what ends it, if there is one only: as long as the whole event, it is not
    /// looked for twice.
    only: Option<(Range<usize>, &'e [u8])>,
    /// Its data lines joined by LF, or nothing if it has none.
    pub data: Option<Cow<'e, [u8]>>,
    /// The last `event` field: the type under which it is dispatched.
    pub event_type: Option<&'e [u8]>,
}

impl<'e> Event<'e> {
    /// Reads the bytes of one event.
    pub fn read(bytes: &'e [u8]) -> Self {
        let mut event = Self { bytes, only: None, data: None, event_type: None };
        let mut at = 0;
        for line in lines(bytes) {
            let start = at;
            at += line.text.len() + line.end.len();
            if let Some(value) = value_of(&line, b"event") {
                event.event_type = Some(value);
            } else if let Some(value) = value_of(&line, b"data") {
                event.only = event.data.is_none().then_some((start..at, line.end));
                event.data = Some(match event.data.take() {
                    None => Cow::Borrowed(value),
                    Some(before) => {
                        let mut all = before.into_owned();
                        all.push(b'\n');
                        all.extend_from_slice(value);
                        Cow::Owned(all)
                    }
                });
            }
        }
        event
    }

    /// The event with other data: every other line, and its bytes, stay.
    pub fn with_data(&self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len());
        if let Some((place, end)) = &self.only {
            out.extend_from_slice(self.bytes.get(..place.start).unwrap_or_default());
            write_data(&mut out, data, end);
            out.extend_from_slice(self.bytes.get(place.end..).unwrap_or_default());
            return out;
        }
        let mut written = false;
        for line in lines(self.bytes) {
            if value_of(&line, b"data").is_none() {
                out.extend_from_slice(line.text);
                out.extend_from_slice(line.end);
            } else if !std::mem::replace(&mut written, true) {
                write_data(&mut out, data, line.end);
            }
        }
        out
    }
}

fn write_data(out: &mut Vec<u8>, data: &[u8], end_of_line: &[u8]) {
    let end_of_line = if end_of_line.is_empty() { b"\n" } else { end_of_line };
    let mut rest = Some(data);
    while let Some(data) = rest {
        let (line, after) = data.split_at(count_ordinary(data, |byte| byte != b'\n'));
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.extend_from_slice(end_of_line);
        rest = after.get(1..);
    }
}

/// How many of the first bytes end no line.
fn line_length(bytes: &[u8]) -> usize {
    // Written so that the compiler makes vector instructions of it: two comparisons become a table of bits.
    count_ordinary(bytes, |byte| (byte ^ b'\r').min(byte ^ b'\n') != 0)
}

struct Line<'a> {
    /// Whether it begins its event.
    first: bool,
    text: &'a [u8],
    end: &'a [u8],
}

/// The lines of an event. A byte order mark, which may begin a stream, belongs to no field there. Elsewhere no client
/// takes it off, so that what follows it is no field.
fn lines(event: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = event;
    let mut first = true;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (text, after) = rest.split_at(line_length(rest));
        let end = if after.starts_with(b"\r\n") { 2 } else { usize::from(!after.is_empty()) };
        let (end, after) = after.split_at(end);
        rest = after;
        Some(Line { first: std::mem::take(&mut first), text, end })
    })
}

fn value_of<'a>(line: &Line<'a>, field: &[u8]) -> Option<&'a [u8]> {
    let marked = line.text.strip_prefix(b"\xef\xbb\xbf").filter(|_| line.first);
    match marked.unwrap_or(line.text).strip_prefix(field)? {
        b"" => Some(b""),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"\xef\xbb\xbfid: 1\ndata:\n\n: keep-alive\r\n\r\nevent: message\rdata: {\"a\":\rdata:1}\r\r\nid: 2\r\ndata: x\r\n\r\ndata: tail";

    /// What a reader gives for these chunks, the last of which ends the stream; `None` is an oversized event.
    fn events(limit: usize, chunks: &[&[u8]], ends: bool) -> Vec<Option<Vec<u8>>> {
        let mut reader = EventReader::new(limit);
        let mut out = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            reader.feed(chunk, ends && number + 1 == chunks.len(), |piece| match piece {
                Piece::Event(event) => out.push(Some(event.to_vec())),
                Piece::LineFeed => out.push(Some(b"\n".to_vec())),
                Piece::Oversized => out.push(None),
            });
        }
        out
    }

    fn data(event: &[u8]) -> Option<Vec<u8>> {
        Event::read(event).data.map(Cow::into_owned)
    }

    fn whole() -> Vec<Vec<u8>> {
        without_line_feeds(events(1000, &[STREAM], true).into_iter().flatten().collect())
    }

    /// A line feed by itself is the rest of the event before it.
    fn without_line_feeds(mut pieces: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        pieces.retain(|piece| piece != b"\n");
        pieces
    }

    #[test]
    fn events_end_at_an_empty_line_of_any_line_end() {
        let data: Vec<_> = whole().iter().map(|e| data(e).map(|d| String::from_utf8(d).unwrap())).collect();
        let expected = [Some(""), None, Some("{\"a\":\n1}"), Some("x"), Some("tail")];
        assert_eq!(data, expected.map(|d| d.map(str::to_owned)));
        assert_eq!(Event::read(&whole()[2]).event_type, Some(&b"message"[..]));
    }

    #[test]
    fn the_place_of_a_cut_makes_no_difference() {
        for cut in 0..=STREAM.len() {
            let pieces: Vec<_> = events(1000, &[&STREAM[..cut], &STREAM[cut..]], true).into_iter().flatten().collect();
            assert_eq!(pieces.concat(), STREAM, "cut at {cut}");
            let found: Vec<_> = without_line_feeds(pieces).iter().map(|event| data(event)).collect();
            assert_eq!(found, whole().iter().map(|event| data(event)).collect::<Vec<_>>(), "cut at {cut}");
        }
    }

    #[test]
    fn a_byte_order_mark_within_an_event_hides_no_data() {
        let event = b"\xef\xbb\xbfdata: a\n\xef\xbb\xbfdata: b\ndata: c\n\n";
        assert_eq!(data(event).as_deref(), Some(&b"a\nc"[..]));
    }

    #[test]
    fn an_event_goes_out_with_the_byte_that_ends_it() {
        assert_eq!(events(1000, &[b"data: x\r\r"], false), [Some(b"data: x\r\r".to_vec())]);
        assert_eq!(events(1000, &[b"data: y\n\n"], false), [Some(b"data: y\n\n".to_vec())]);
    }

    #[test]
    fn an_oversized_event_is_dropped_and_the_next_one_read() {
        let stream = b"data: 0123456789012345678901234567890\n\ndata: x\n\n";
        assert_eq!(events(20, &[stream], false), [None, Some(b"data: x\n\n".to_vec())]);
    }

    #[test]
    fn other_lines_keep_their_bytes_when_data_changes() {
        let cases: &[(&[u8], &[u8])] = &[
            (
                b"id: 1\r\ndata: a\r\n:c\r\ndata: b\r\nretry: 5\r\n\r\n",
                b"id: 1\r\ndata: x\r\ndata: y\r\n:c\r\nretry: 5\r\n\r\n",
            ),
            (b"id: 1\rdata:a\r:c\r\r", b"id: 1\rdata: x\rdata: y\r:c\r\r"),
            (b"\xef\xbb\xbfdata\n\n", b"data: x\ndata: y\n\n"),
            (b"data: the end", b"data: x\ndata: y\n"),
            (b"id: 1\n\n", b"id: 1\n\n"),
        ];
        for (event, expected) in cases {
            assert_eq!(Event::read(event).with_data(b"x\ny"), *expected, "{}", String::from_utf8_lossy(event));
        }
    }
}
