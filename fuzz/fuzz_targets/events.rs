//! Where a stream is cut makes no difference, every byte comes out, and the data is what a plain reader finds. Whatever
//! a lenient client takes for a list in what passes holds no entry that is denied.
//!
//! The input: a limit, a number of cuts, as many gaps between them, and the stream.
#![no_main]

#[path = "../../tests/support/lenient.rs"]
mod lenient;

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use toolgate::listing::{self, KnownLists, Private};
use toolgate::mcp::ListKind;
use toolgate::sse::{Event, EventReader, Piece, Start};

fn allowed(name: &str) -> bool {
    name.starts_with("read")
}

fuzz_target!(|bytes: &[u8]| {
    let [limit, cuts, rest @ ..] = bytes else { return };
    let (gaps, stream) = rest.split_at(rest.len().min(usize::from(cuts % 16)));
    for limit in [usize::from(*limit), usize::MAX] {
        let (mut pieces, mut left) = (Vec::new(), stream);
        let mut reader = EventReader::new(limit);
        let mut feed =
            |chunk: &[u8], end| reader.feed(chunk, end, |piece| pieces.extend(owned(piece))).map(<[u8]>::len);
        let mut document = None;
        for gap in gaps {
            let (chunk, after) = left.split_at(left.len().min(usize::from(*gap)));
            document = document.or_else(|| feed(chunk, false).map(|length| length + after.len()));
            left = after;
        }
        document = document.or_else(|| feed(left, true));
        let mut whole = Vec::new();
        let of_whole = EventReader::new(limit).feed(stream, true, |piece| whole.extend(owned(piece)));
        assert_eq!(document, of_whole.map(<[u8]>::len), "the cuts made a difference to what it is");
        assert_eq!(pieces, whole, "the cuts made a difference");
        if limit == usize::MAX && document.is_none() {
            check_whole(stream, &pieces);
        }
        let found = lenient::listed(&gated(stream, limit));
        assert!(found.iter().all(|name| allowed(name)), "{found:?} in {:?}", String::from_utf8_lossy(stream));
    }
});

/// The bytes that pass of a stream.
fn gated(stream: &[u8], limit: usize) -> Vec<u8> {
    let mut known = KnownLists::default();
    let mut trim = |data: &[u8]| {
        let keeps = |_: ListKind, name: &str, _: &[u8]| allowed(name);
        let trimmed = listing::trim(data, 64, 0, Private::Lists, &mut known, &keeps).ok()?;
        Some(match trimmed.body {
            Cow::Owned(data) => Some(data),
            Cow::Borrowed(_) => None,
        })
    };
    let mut out = Vec::new();
    let document = EventReader::new(limit).feed(stream, true, |piece| match piece {
        Piece::Event(event) => {
            let data = event.data.as_deref().filter(|data| !data.trim_ascii().is_empty());
            match data.map(&mut trim) {
                Some(None) => out.extend(event.with_data(None)),
                Some(Some(Some(data))) => out.extend(event.with_data(Some(&data))),
                _ if event.is_plain() => out.extend_from_slice(event.bytes),
                _ => out.extend(event.with_data(data)),
            }
        }
        Piece::LineFeed => out.push(b'\n'),
        Piece::Oversized(_) | Piece::OversizedEnd => {}
    });
    if let Some(document) = document {
        out.extend(trim(document).map(|changed| changed.unwrap_or_else(|| document.to_vec())).unwrap_or_default());
    }
    out
}

/// A piece with bytes of its own: an event, a line feed, or nothing where it was oversized.
fn owned(piece: Piece<'_>) -> Option<Option<(bool, Vec<u8>)>> {
    match piece {
        Piece::Event(event) => Some(Some((true, event.bytes.to_vec()))),
        Piece::LineFeed => Some(Some((false, b"\n".to_vec()))),
        // Its parts are those of the chunks.
        Piece::Oversized(_) => None,
        Piece::OversizedEnd => Some(None),
    }
}

fn check_whole(stream: &[u8], pieces: &[Option<(bool, Vec<u8>)>]) {
    let (mut out, mut found) = (Vec::new(), Vec::new());
    for (n, piece) in pieces.iter().enumerate() {
        let (is_event, bytes) = piece.as_ref().expect("there is no limit");
        let start = Start { of_stream: n == 0, after_cr: out.ends_with(b"\r") };
        out.extend_from_slice(bytes);
        let event = Event::read(bytes, start);
        if let Some(data) = event.data.as_ref().filter(|_| *is_event) {
            let again = event.with_data(Some(data));
            let one_line = |data: &[u8]| data.iter().map(|b| if *b == b'\n' { b' ' } else { *b }).collect::<Vec<_>>();
            let again = Event::read(&again, start);
            assert!(again.is_plain(), "rewritten");
            assert_eq!(again.data.as_deref().map(one_line), Some(one_line(data)), "rewritten");
            found.push(data.to_vec());
        }
    }
    assert_eq!(out, stream, "bytes got lost");
    // Latin-1 keeps every byte apart; the mark that may begin a stream is taken off its first line.
    let text: String = stream.iter().copied().map(char::from).collect();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix("\u{ef}\u{bb}\u{bf}").unwrap_or(&text);
    let value = |line: &&str| {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        (field == "data").then(|| value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    let mut expected = Vec::new();
    for lines in text.split('\n').collect::<Vec<_>>().split(|line| line.is_empty()) {
        let values: Vec<String> = lines.iter().filter_map(value).collect();
        if !values.is_empty() {
            expected.push(values.join("\n").chars().map(|c| c as u8).collect::<Vec<u8>>());
        }
    }
    assert_eq!(found, expected, "other data than a plain reader finds");
}
