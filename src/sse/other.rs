//! What comes in the place of a stream, by its own account something else.

use super::{BYTE_ORDER_MARK, line_length};

const DATA: &[u8] = b"data";

/// A body that is no stream, in which clients look for events all the same: some never look at its type.
///
/// It passes as it is, but for the lines that are data to them: with a space before the colon they are no field.
#[derive(Debug, Default)]
pub struct NoStream {
    /// How many bytes of the mark at its beginning came, while nothing else did.
    marked: usize,
    begun: bool,
    /// How many bytes of the line that is read are those of the field's name; nothing if another byte came.
    named: Option<usize>,
}

impl NoStream {
    /// Gives what goes on in the place of the next chunk, and whether a line of it was data.
    pub fn feed(&mut self, chunk: &[u8]) -> (Vec<u8>, bool) {
        let (mut out, mut held_data) = (Vec::with_capacity(chunk.len() + 1), false);
        let mut rest = chunk;
        while let Some((byte, after)) = rest.split_first() {
            if self.begun && self.named.is_none() {
                let (line, after) = rest.split_at(line_length(rest));
                out.extend_from_slice(line);
                out.extend(after.first());
                self.named = after.first().map(|_| 0);
                rest = after.get(1..).unwrap_or_default();
                continue;
            }
            rest = after;
            if !self.begun && BYTE_ORDER_MARK.get(self.marked) == Some(byte) {
                self.marked += 1;
                out.push(*byte);
                continue;
            }
            if !std::mem::replace(&mut self.begun, true) {
                // A mark that breaks off is a line's beginning.
                self.named = matches!(self.marked, 0 | 3).then_some(0);
            }
            let named = self.named.unwrap_or(DATA.len() + 1);
            if named == DATA.len() && *byte == b':' {
                out.push(b' ');
                held_data = true;
            }
            out.push(*byte);
            self.named = match byte {
                b'\n' | b'\r' => Some(0),
                _ => (DATA.get(named) == Some(byte)).then_some(named + 1),
            };
        }
        (out, held_data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_what_is_no_stream_is_data_to_anybody() {
        for (body, expected) in [
            ("<p>data: x</p>\n data: y\nDATA: z\ndata", "<p>data: x</p>\n data: y\nDATA: z\ndata"),
            ("data: x", "data : x"),
            ("\u{feff}data:x", "\u{feff}data :x"),
            ("\u{feff}\u{feff}data:x", "\u{feff}\u{feff}data:x"),
            ("\n\u{feff}data:x", "\n\u{feff}data:x"),
            ("<p>\n\ndata: x\ndata:y\n\n</p>", "<p>\n\ndata : x\ndata :y\n\n</p>"),
            ("a\rdata:x\r\ndata:y\r\rdata::", "a\rdata :x\r\ndata :y\r\rdata ::"),
            ("dadata:x\ndata x:\ndat:\n:data:", "dadata:x\ndata x:\ndat:\n:data:"),
            ("", ""),
        ] {
            for size in [1, 2, 3, 5, 100] {
                let mut other = NoStream::default();
                let fed: Vec<_> = body.as_bytes().chunks(size).map(|chunk| other.feed(chunk)).collect();
                let out: Vec<u8> = fed.iter().flat_map(|(out, _)| out).copied().collect();
                assert_eq!(String::from_utf8_lossy(&out), expected, "{body:?} by {size}");
                assert_eq!(fed.iter().any(|(_, held)| *held), body != expected, "{body:?} by {size}");
            }
        }
        let broken = NoStream::default().feed(b"\xef\xbbdata:x\ndata:y").0;
        assert_eq!(broken, b"\xef\xbbdata:x\ndata :y");
    }
}
