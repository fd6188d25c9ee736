//! Event streams (HTML Living Standard, section 9.2), split into events incrementally, wherever a chunk ends.
//!
//! ```text
//! stream = [ bom ] *event            event = *line end-of-line
//! line   = field [ ":" [ space ] value ] end-of-line
//! end-of-line = CR LF / CR / LF
//! ```
//!
//! Clients parse streams more loosely: they trim lines, ignore case, accept lines of bare JSON, parse each line by
//! itself, or split lines at LF only or at every Unicode line separator. Therefore a line that is not blank, a comment
//! or a well-formed field is *stray* and must not be forwarded. Data that such clients could read differently is
//! rewritten on one line.

mod event;

pub use event::{Event, Start};

use crate::bytes::count_ordinary;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A piece of a stream.
#[derive(Debug)]
pub enum Piece<'e> {
    /// An event with the empty line that ends it. The last event of a stream may lack that line.
    Event(Event<'e>),
    /// The LF of a CR LF whose CR ended an event in an earlier chunk.
    LineFeed,
    /// A part of an event that exceeds the limit. It must not be forwarded.
    Oversized(&'e [u8]),
    /// The end of an event that exceeds the limit.
    OversizedEnd,
}

/// Splits a stream into events. It buffers at most one event.
#[derive(Clone, Debug)]
pub struct EventReader {
    limit: usize,
    /// The bytes of the current event.
    event: Vec<u8>,
    /// Where the current event started.
    start: Start,
    /// Whether a byte other than white space has arrived. Then the stream is known to consist of events.
    begun: bool,
    line_is_empty: bool,
    after_cr: bool,
    /// Whether the previous CR ended an event.
    ended_by_cr: bool,
    oversized: bool,
}

impl EventReader {
    /// A reader for events of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            event: Vec::new(),
            start: Start { of_stream: true, after_cr: false },
            begun: false,
            line_is_empty: true,
            after_cr: false,
            ended_by_cr: false,
            oversized: false,
        }
    }

    /// Processes a chunk and passes each completed piece to `piece`. At the `end` of the stream, also the rest.
    ///
    /// If the stream turns out to be a JSON document, whose first byte is `{` or `[`, returns the document's bytes in
    /// this chunk. The reader must not be used afterwards.
    pub fn feed<'c>(&mut self, chunk: &'c [u8], end: bool, mut piece: impl FnMut(Piece<'_>)) -> Option<&'c [u8]> {
        let mut rest = chunk;
        while let Some(byte) = rest.first().copied() {
            let plain = line_length(rest);
            let (taken, after) = rest.split_at(plain.max(1));
            if plain > 0 {
                if let Some(start) = self.document(taken) {
                    return rest.get(start..);
                }
                if self.event.is_empty() && !self.oversized {
                    self.start.after_cr = self.after_cr;
                }
                self.push(taken, &mut piece);
                self.line_is_empty = false;
                self.after_cr = false;
            } else {
                self.end_of_line(byte, &mut piece);
            }
            rest = after;
        }
        if end && (!self.event.is_empty() || self.oversized) {
            self.give(&mut piece);
        }
        None
    }

    /// Whether an event has started but not ended.
    pub fn is_within_event(&self) -> bool {
        !self.event.is_empty() || self.oversized
    }

    /// Where a JSON document starts in these bytes, if only white space came before.
    fn document(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.begun {
            return None;
        }
        let missing = BYTE_ORDER_MARK.strip_prefix(self.event.as_slice()).filter(|_| self.start.of_stream);
        let text = match missing {
            Some(mark) if mark.starts_with(bytes) => return None,
            Some(mark) => bytes.strip_prefix(mark).or(self.event.is_empty().then_some(bytes)),
            None => Some(bytes),
        };
        // An incomplete byte order mark is not white space.
        let Some(text) = text.map(<[u8]>::trim_ascii_start) else {
            self.begun = true;
            return None;
        };
        let first = text.first();
        self.begun = first.is_some();
        let at = bytes.len() - text.len();
        // White space that exceeds the limit is an oversized event, wherever the chunks end.
        first.filter(|byte| matches!(byte, b'{' | b'[') && self.event.len() + at <= self.limit).map(|_| at)
    }

    fn end_of_line(&mut self, byte: u8, piece: &mut impl FnMut(Piece<'_>)) {
        let joins_cr = byte == b'\n' && std::mem::take(&mut self.after_cr);
        if joins_cr && std::mem::take(&mut self.ended_by_cr) {
            piece(Piece::LineFeed);
            return;
        }
        self.push(&[byte], piece);
        if joins_cr {
            return;
        }
        self.after_cr = byte == b'\r';
        self.ended_by_cr = self.after_cr && self.line_is_empty;
        if std::mem::replace(&mut self.line_is_empty, true) {
            self.give(piece);
        }
    }

    fn push(&mut self, bytes: &[u8], piece: &mut impl FnMut(Piece<'_>)) {
        if !self.oversized && self.event.len() + bytes.len() <= self.limit {
            self.event.extend_from_slice(bytes);
            return;
        }
        if !std::mem::replace(&mut self.oversized, true) {
            self.begun = true;
            piece(Piece::Oversized(&self.event));
            self.event.clear();
        }
        piece(Piece::Oversized(bytes));
    }

    /// Passes on the event and keeps its buffer.
    fn give(&mut self, piece: &mut impl FnMut(Piece<'_>)) {
        let start = std::mem::take(&mut self.start);
        if std::mem::take(&mut self.oversized) {
            piece(Piece::OversizedEnd);
        } else {
            piece(Piece::Event(Event::read(&self.event, start)));
        }
        self.event.clear();
    }
}

/// The number of bytes before the first line end.
fn line_length(bytes: &[u8]) -> usize {
    // Written for auto-vectorisation: two comparisons become a bit mask.
    count_ordinary(bytes, |byte| (byte ^ b'\r').min(byte ^ b'\n') != 0)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const STREAM: &[u8] = b"\xef\xbb\xbfid: 1\ndata:\n\n: keep-alive\r\n\r\nevent: message\rdata: {\"a\":\rdata:1}\r\r\nid: 2\r\ndata: x\r\n\r\ndata: tail";

    /// The pieces that a reader produces for these chunks, the last of which ends the stream. `None` is an oversized
    /// event.
    fn events(limit: usize, chunks: &[&[u8]], ends: bool) -> Vec<Option<Vec<u8>>> {
        let mut reader = EventReader::new(limit);
        let mut out = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            reader.feed(chunk, ends && number + 1 == chunks.len(), |piece| match piece {
                Piece::Event(event) => out.push(Some(event.bytes.to_vec())),
                Piece::LineFeed => out.push(Some(b"\n".to_vec())),
                Piece::Oversized(_) => {}
                Piece::OversizedEnd => out.push(None),
            });
        }
        out
    }

    fn data(event: &[u8]) -> Option<Vec<u8>> {
        Event::read(event, Start { of_stream: true, after_cr: false }).data.map(Cow::into_owned)
    }

    fn whole() -> Vec<Vec<u8>> {
        without_line_feeds(events(1000, &[STREAM], true).into_iter().flatten().collect())
    }

    /// A lone line feed belongs to the event before it.
    fn without_line_feeds(mut pieces: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        pieces.retain(|piece| piece != b"\n");
        pieces
    }

    #[test]
    fn events_end_at_an_empty_line_of_any_line_end() {
        let data: Vec<_> = whole().iter().map(|e| data(e).map(|d| String::from_utf8(d).unwrap())).collect();
        let expected = [Some(""), None, Some("{\"a\":\n1}"), Some("x"), Some("tail")];
        assert_eq!(data, expected.map(|d| d.map(str::to_owned)));
        assert_eq!(Event::read(&whole()[2], Start::default()).event_type, Some(&b"message"[..]));
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
    fn a_stream_may_be_one_document() {
        for (stream, document) in [
            ("{}", Some("{}")),
            (" \t[1]\n", Some("[1]\n")),
            ("\n\r\n  \n\n {\n", Some("{\n")),
            ("\u{feff}{}", Some("{}")),
            ("\u{feff}\n {}", Some("{}")),
            ("\n\u{feff}{}", None),
            ("\u{feff}\u{feff}{}", None),
            (": {}\n{}", None),
            ("data: x\n\n{}", None),
            ("\u{fefe}{}", None),
        ] {
            for chunk in [1, 2, 3, 100] {
                let mut reader = EventReader::new(1000);
                let mut chunks = stream.as_bytes().chunks(chunk);
                let found = chunks.by_ref().find_map(|chunk| reader.feed(chunk, false, |_| {}));
                let found = found.map(|first| [first, &chunks.collect::<Vec<_>>().concat()].concat());
                assert_eq!(found.as_deref(), document.map(str::as_bytes), "{stream:?} by {chunk}");
            }
        }
    }

    #[test]
    fn a_document_behind_more_white_space_than_the_limit_is_none() {
        for (blanks, expected) in [(20, true), (21, false), (100, false)] {
            let stream = format!("{}[1]", " ".repeat(blanks));
            for chunk in [1, 7, 20, 200] {
                let mut reader = EventReader::new(20);
                let found = stream.as_bytes().chunks(chunk).any(|chunk| reader.feed(chunk, false, |_| {}).is_some());
                assert_eq!(found, expected, "{blanks} by {chunk}");
            }
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
            (b"id: 1\rdata:a\r:c\r\r", b"id: 1\ndata: x\ndata: y\n\r"),
            (b"\xef\xbb\xbfdata\n\n", b"data: x\ndata: y\n\n"),
            (b"data: the end", b"data: x\ndata: y\n"),
            (b"id: 1\n\n", b"id: 1\n\n"),
        ];
        for (event, expected) in cases {
            assert_eq!(
                Event::read(event, Start { of_stream: true, after_cr: false }).with_data(Some(b"x\ny")),
                *expected,
                "{}",
                String::from_utf8_lossy(event)
            );
        }
    }
}
