//! One event of a stream, parsed line by line.

use std::borrow::Cow;
use std::ops::Range;

use super::{BYTE_ORDER_MARK, line_length};
use crate::bytes::count_ordinary;

/// Where in a stream an event starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// At the first byte, where a byte order mark may precede the first field. Elsewhere clients do not remove it, so
    /// the line is not a field.
    pub of_stream: bool,
    /// After a line that ended with a CR without LF.
    pub after_cr: bool,
}

/// A parsed event.
#[derive(Clone, Debug)]
pub struct Event<'e> {
    /// All bytes of the event.
    pub bytes: &'e [u8],
    start: Start,
    /// The range and line end of its data line, if there is exactly one. It may be as long as the event, so it is
    /// searched only once.
    only: Option<(Range<usize>, &'e [u8])>,
    /// The data lines joined by LF. `None` if there are none.
    pub data: Option<Cow<'e, [u8]>>,
    /// The last `event` field: the type of the event.
    pub event_type: Option<&'e [u8]>,
    /// Whether it has an `id`, from which a client may resume the stream.
    pub has_id: bool,
    /// Whether an empty line ends the event.
    pub is_whole: bool,
    /// Whether it has stray lines.
    pub has_stray: bool,
    /// Whether the data must be on one line, so that every client reads the same.
    needs_one_line: bool,
}

impl<'e> Event<'e> {
    /// Parses the bytes of one event.
    pub fn read(bytes: &'e [u8], start: Start) -> Self {
        let (only, data, event_type) = (None, None, None);
        let (has_id, is_whole, has_stray, needs_one_line) = (false, false, false, false);
        let mut event = Self { bytes, start, only, data, event_type, has_id, is_whole, has_stray, needs_one_line };
        // Fast path: a stream of empty lines would cost several times as much as one of events.
        if matches!(bytes, b"\n" | b"\r" | b"\r\n") {
            return Self { is_whole: true, ..event };
        }
        let (mut at, mut has_cr) = (0, false);
        for line in lines(bytes, start) {
            let from = at;
            at += line.text.len() + line.end.len();
            has_cr |= line.end == b"\r";
            event.is_whole = line.text.is_empty();
            match line.kind() {
                Kind::Data(value) => {
                    event.only = event.data.is_none().then_some((from..at, line.end));
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
                Kind::Id => event.has_id = true,
                Kind::Stray => event.has_stray = true,
                Kind::Type(value) => event.event_type = Some(value),
                Kind::Other => {}
            }
        }
        if let Some(Cow::Owned(lines)) = &event.data {
            // For clients that end lines at LF only, the text after a CR is still data.
            event.needs_one_line = has_cr || differs_by_line(lines);
        }
        event
    }

    /// Whether the event can be forwarded unchanged if its data can.
    pub fn is_plain(&self) -> bool {
        !self.has_stray && !self.needs_one_line
    }

    /// The lines that are neither blank, comments nor well-formed fields.
    pub fn stray(&self) -> impl Iterator<Item = &'e [u8]> {
        let stray = |line: &Line<'_>| matches!(line.kind(), Kind::Stray);
        lines(self.bytes, self.start).filter(stray).map(|line| line.text)
    }

    /// The event without stray lines and with other data, or with a comment in place of its data. All other lines are
    /// unchanged.
    pub fn with_data(&self, data: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len());
        if let Some((place, end)) = self.only.as_ref().filter(|_| !self.has_stray) {
            out.extend_from_slice(self.bytes.get(..place.start).unwrap_or_default());
            self.write_data(&mut out, data, end);
            out.extend_from_slice(self.bytes.get(place.end..).unwrap_or_default());
            return out;
        }
        let mut written = false;
        for line in lines(self.bytes, self.start) {
            // A CR would merge with the LF of a later line if the lines between are removed.
            let end = if line.end == b"\r" && !line.text.is_empty() { b"\n" } else { line.end };
            // If all lines before it are removed, it follows what precedes the event.
            let after_cr = if out.is_empty() { self.start.after_cr } else { line.start.after_cr };
            match (Line { start: Start { after_cr, ..line.start }, ..line }).kind() {
                Kind::Stray => {}
                Kind::Data(_) if std::mem::replace(&mut written, true) => {}
                Kind::Data(_) => self.write_data(&mut out, data, end),
                Kind::Id | Kind::Other | Kind::Type(_) => {
                    out.extend_from_slice(line.text);
                    out.extend_from_slice(end);
                }
            }
        }
        out
    }

    fn write_data(&self, out: &mut Vec<u8>, data: Option<&[u8]>, end_of_line: &[u8]) {
        let end_of_line = if end_of_line.is_empty() { b"\n" } else { end_of_line };
        let mut rest = data;
        if data.is_none() {
            out.push(b':');
            out.extend_from_slice(end_of_line);
        }
        while let Some(data) = rest {
            let (line, after) = data.split_at(count_ordinary(data, |byte| byte != b'\n'));
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(line);
            rest = after.get(1..);
            // Between JSON tokens, a space is equivalent to a line end.
            while let Some(data) = rest.filter(|_| self.needs_one_line) {
                let (line, after) = data.split_at(count_ordinary(data, |byte| byte != b'\n'));
                out.push(b' ');
                out.extend_from_slice(line);
                rest = after.get(1..);
            }
            out.extend_from_slice(end_of_line);
        }
    }
}

/// Whether clients that parse each data line by itself, or end lines elsewhere, may find another document in these
/// lines.
fn differs_by_line(lines: &[u8]) -> bool {
    let begins = |line: &[u8]| matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
    lines.split(|byte| *byte == b'\n').skip(1).any(begins) || has_separator(lines)
}

/// Whether `text` has a line separator that JSON allows within a string: NEL, LS or PS.
fn has_separator(text: &[u8]) -> bool {
    text.windows(3).any(|bytes| matches!(bytes, [0xc2, 0x85, _] | [_, 0xc2, 0x85] | [0xe2, 0x80, 0xa8 | 0xa9]))
}

struct Line<'a> {
    start: Start,
    text: &'a [u8],
    end: &'a [u8],
}

enum Kind<'a> {
    Data(&'a [u8]),
    Id,
    /// Blank, a comment or a `retry` field.
    Other,
    Stray,
    /// An `event` field.
    Type(&'a [u8]),
}

impl<'a> Line<'a> {
    fn kind(&self) -> Kind<'a> {
        let marked = self.text.strip_prefix(BYTE_ORDER_MARK).filter(|_| self.start.of_stream);
        let text = marked.unwrap_or(self.text);
        let (field, rest) = text.split_at(text.iter().take_while(|byte| **byte != b':').count());
        let value = match rest {
            [b':', b' ', value @ ..] | [b':', value @ ..] => value,
            _ => rest,
        };
        match field {
            b"data" => Kind::Data(value),
            _ if !is_one_line(text) => Kind::Stray,
            // Clients that end lines at LF only may read the colon as that of the field before the CR.
            b"" if self.start.after_cr && !text.is_empty() => Kind::Stray,
            b"" => Kind::Other,
            b"event" => Kind::Type(value),
            b"id" => Kind::Id,
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => Kind::Other,
            _ => Kind::Stray,
        }
    }
}

/// Whether every client reads `text` as one line: it has no control character except TAB, and no line separator in any
/// encoding that a client may assume (NEL is the byte 0x85 in Latin-1).
fn is_one_line(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0x84 | 0x86..);
    text.iter().all(is_plain) && !has_separator(text)
}

/// The lines of an event.
fn lines(event: &[u8], start: Start) -> impl Iterator<Item = Line<'_>> {
    let mut rest = event;
    let mut start = start;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (text, after) = rest.split_at(line_length(rest));
        let end = if after.starts_with(b"\r\n") { 2 } else { usize::from(!after.is_empty()) };
        let (end, after) = after.split_at(end);
        rest = after;
        let line = Line { start, text, end };
        start = Start { of_stream: false, after_cr: end == b"\r" };
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of an event that is forwarded if its data does not change.
    fn passes(event: &[u8]) -> String {
        let event = Event::read(event, Start { of_stream: true, after_cr: false });
        let kept = if event.is_plain() { event.bytes.to_vec() } else { event.with_data(event.data.as_deref()) };
        String::from_utf8_lossy(&kept).into_owned()
    }

    #[test]
    fn nothing_passes_but_comments_and_well_formed_fields() {
        for line in [
            "data",
            "data:",
            "data: x",
            "data:  x\u{2028}",
            "event",
            "event: x",
            "id",
            "id: \u{e9}",
            "retry: 10",
            "",
            ":",
            ": \u{1f600} x\ty",
            "\u{feff}data: x",
        ] {
            assert_eq!(passes(format!("{line}\n\n").as_bytes()), format!("{line}\n\n"), "{line:?}");
        }
        for line in [
            " data: x",
            "data : x",
            "DATA: x",
            "Data: x",
            "data\t: x",
            "\u{feff}\u{feff}data: x",
            "{\"a\": 1}",
            "[]",
            " ",
            "\t: x",
            "datum: x",
            "retry",
            "retry: ",
            "retry: 1s",
            "retry: -1",
            "id: a\0",
            ": x\u{b}data: y",
            ": \u{85}",
            ": \u{c5}",
            "event: \u{2029}",
            "\0",
            "da\0ta: x",
            "x: data: y",
        ] {
            assert_eq!(passes(format!("id: 1\n{line}\ndata: z\n\n").as_bytes()), "id: 1\ndata: z\n\n", "{line:?}");
        }
    }

    #[test]
    fn lines_of_data_that_clients_read_differently_become_one() {
        for (event, expected) in [
            ("data: {\ndata: }\n\n", "data: {\ndata: }\n\n"),
            ("data: {\r\n: c\r\ndata: }\r\n\r\n", "data: {\r\n: c\r\ndata: }\r\n\r\n"),
            ("data: {\ndata:  {}\ndata: }\n\n", "data: {  {} }\n\n"),
            ("data: 1\n: c\ndata: [\n\n", "data: 1 [\n: c\n\n"),
            ("data: {\rdata: }\r\r", "data: { }\n\r"),
            ("data: {\r: c\r:\rdata: }\r\r", "data: { }\n\r"),
            ("data: \"\u{2028}\"\ndata: 1\n\n", "data: \"\u{2028}\" 1\n\n"),
            ("data: \"\u{2028}\"\n\n", "data: \"\u{2028}\"\n\n"),
        ] {
            assert_eq!(passes(event.as_bytes()), expected, "{event:?}");
        }
    }

    #[test]
    fn a_comment_that_would_follow_the_cr_of_the_event_before_is_removed() {
        let start = Start { after_cr: true, ..Start::default() };
        for (event, expected) in [
            (": c\ndata: x\n\n", "data: x\n\n"),
            ("stray\r\n: c\rdata: x\n\n", "data: x\n\n"),
            ("stray\nid: 1\n: c\ndata: x\n\n", "id: 1\n: c\ndata: x\n\n"),
        ] {
            let event = Event::read(event.as_bytes(), start);
            let kept = event.with_data(event.data.as_deref());
            assert_eq!(String::from_utf8_lossy(&kept), expected);
            assert!(Event::read(&kept, start).is_plain(), "{expected:?}");
        }
    }

    #[test]
    fn a_comment_may_take_the_place_of_data() {
        for (event, expected) in [
            ("data: ping\n\n", ":\n\n"),
            ("event: ping\r\ndata: a\r\ndata: b\r\nid: 1\r\n\r\n", "event: ping\r\n:\r\nid: 1\r\n\r\n"),
            ("data: ping", ":\n"),
        ] {
            let comment = Event::read(event.as_bytes(), Start::default()).with_data(None);
            assert_eq!(String::from_utf8_lossy(&comment), expected, "{event:?}");
        }
    }
}
