//! Where a stream is cut makes no difference, every byte comes out, and the data is what a plain reader finds.
//!
//! The input: a limit, a number of cuts, as many gaps between them, and the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use toolgate::sse::{Event, EventReader, Piece};

fuzz_target!(|bytes: &[u8]| {
    let [limit, cuts, rest @ ..] = bytes else { return };
    let (gaps, stream) = rest.split_at(rest.len().min(usize::from(cuts % 16)));
    for limit in [usize::from(*limit), usize::MAX] {
        let mut reader = EventReader::new(limit);
        let (mut pieces, mut left) = (Vec::new(), stream);
        for gap in gaps {
            let (chunk, after) = left.split_at(left.len().min(usize::from(*gap)));
            reader.feed(chunk, false, |piece| pieces.push(owned(piece)));
            left = after;
        }
        reader.feed(left, true, |piece| pieces.push(owned(piece)));
        let mut whole = Vec::new();
        EventReader::new(limit).feed(stream, true, |piece| whole.push(owned(piece)));
        assert_eq!(pieces, whole, "the cuts made a difference");
        if limit == usize::MAX {
            check_whole(stream, &pieces);
        }
    }
});

/// A piece with bytes of its own: an event, a line feed, or nothing where it was oversized.
fn owned(piece: Piece<'_>) -> Option<(bool, Vec<u8>)> {
    match piece {
        Piece::Event(event) => Some((true, event.to_vec())),
        Piece::LineFeed => Some((false, b"\n".to_vec())),
        Piece::Oversized => None,
    }
}

fn check_whole(stream: &[u8], pieces: &[Option<(bool, Vec<u8>)>]) {
    let (mut out, mut found) = (Vec::new(), Vec::new());
    for piece in pieces {
        let (is_event, bytes) = piece.as_ref().expect("there is no limit");
        out.extend_from_slice(bytes);
        let event = Event::read(bytes);
        if let Some(data) = event.data.as_ref().filter(|_| *is_event) {
            assert_eq!(Event::read(&event.with_data(data)).data.as_ref(), Some(data), "rewritten");
            found.push(data.to_vec());
        }
    }
    assert_eq!(out, stream, "bytes got lost");
    // Latin-1 keeps every byte apart; the mark that may begin a stream is taken off the first line of any event.
    let text: String = stream.iter().copied().map(char::from).collect();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let value = |(n, line): (usize, &&str)| {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let field = field.strip_prefix("\u{ef}\u{bb}\u{bf}").filter(|_| n == 0).unwrap_or(field);
        (field == "data").then(|| value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    let mut expected = Vec::new();
    for lines in text.split('\n').collect::<Vec<_>>().split(|line| line.is_empty()) {
        let values: Vec<String> = lines.iter().enumerate().filter_map(value).collect();
        if !values.is_empty() {
            expected.push(values.join("\n").chars().map(|c| c as u8).collect::<Vec<u8>>());
        }
    }
    assert_eq!(found, expected, "other data than a plain reader finds");
}
