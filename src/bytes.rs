//! Scans long runs of bytes, 64 at a time.
//!
//! Simple loops over fixed-size blocks without branches, which the compiler vectorises: with `simd128` in the module,
//! and with the native instructions elsewhere.

/// The block size of a scan.
const BLOCK: usize = 64;
/// The block size of a comparison, which rarely ends early.
const LONG_BLOCK: usize = 128;

/// The number of leading bytes in blocks that are entirely `ordinary`. The rest starts with a block that contains
/// another byte, or is shorter than a block.
#[inline]
fn ordinary_blocks(bytes: &[u8], ordinary: impl Fn(u8) -> bool) -> usize {
    let blocks = bytes.chunks_exact(BLOCK);
    let all = |block: &&[u8]| block.iter().fold(true, |all, byte| all & ordinary(*byte));
    blocks.take_while(all).count() * BLOCK
}

/// Whether both are equal. The module's own comparison goes byte by byte, which is slow for long inputs.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let (blocks, rest) = one.as_chunks::<LONG_BLOCK>();
    let (other_blocks, other_rest) = other.as_chunks();
    let differ = |(one, other): (&[u8; LONG_BLOCK], &[u8; LONG_BLOCK])| {
        one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other)) != 0
    };
    one.len() == other.len() && !blocks.iter().zip(other_blocks).any(differ) && rest == other_rest
}

/// The first eight bytes as a number, padded with zeros. If two words differ, so do the texts.
#[inline]
pub fn first_word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => short_word(bytes),
    }
}

/// [`first_word`] of less than eight bytes: the first four and the last four, which may be the same.
#[inline(never)]
fn short_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            u64::from(first) | u64::from(last) << (8 * (bytes.len() - 4))
        }
        _ => bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    }
}

/// A mask for the first `length` bytes of a [`first_word`].
#[inline]
pub fn first_bits(length: usize) -> u64 {
    if length < 8 { !(u64::MAX << (8 * length)) } else { u64::MAX }
}

/// The number of leading bytes that are `ordinary`. Most runs are short, so the first bytes are tested one by one.
#[inline]
pub fn count_ordinary(bytes: &[u8], ordinary: impl Fn(u8) -> bool) -> usize {
    count(bytes, &ordinary, |bytes| bytes.iter().take_while(|byte| ordinary(**byte)).count())
}

/// Whether all bytes are printable ASCII.
#[inline(never)]
pub fn is_printable(bytes: &[u8]) -> bool {
    none_marked(bytes, not_printable)
}

/// Whether some place in `bytes` is `last`, right after the eight bytes `before`.
pub fn holds(bytes: &[u8], before: &[u8; 8], last: u8) -> bool {
    let is_it =
        |at: usize| bytes.get(at) == Some(&last) && bytes.get(..at).and_then(<[u8]>::last_chunk) == Some(before);
    let (words, rest) = bytes.as_chunks();
    let has_last = |word: &[u8; 8]| zeros(u64::from_le_bytes(*word) ^ (ONES * u64::from(last))) != 0;
    let in_words = words.iter().enumerate().filter(|(_, word)| has_last(word));
    let mut places = in_words.flat_map(|(n, _)| n * 8..n * 8 + 8).chain(bytes.len() - rest.len()..bytes.len());
    places.any(is_it)
}

/// Whether no byte is an upper-case ASCII letter, an underscore, or one of the few other bytes that differ from them in
/// the low bits only.
#[inline(never)]
pub fn is_lower(bytes: &[u8]) -> bool {
    none_marked(bytes, |word| (word << 1) & !(word << 2) & !word & TOPS)
}

/// Whether all bytes are printable ASCII other than `%`.
#[inline(never)]
pub fn is_unescaped_printable(bytes: &[u8]) -> bool {
    none_marked(bytes, |word| not_printable(word) | zeros(word ^ (ONES * u64::from(b'%'))))
}

/// Whether all bytes are printable ASCII that a JSON string holds as it is: neither `"` nor `\`.
#[inline(never)]
pub fn is_plain(bytes: &[u8]) -> bool {
    none_marked(bytes, |word| not_printable(word) | special(word))
}

/// The number of leading bytes of a JSON string that need no unescaping: all except `"`, `\` and control characters.
/// Most strings end within the first eight.
#[inline(always)]
pub fn count_unescaped(bytes: &[u8]) -> usize {
    first_special(bytes).unwrap_or_else(|| count_unescaped_of_many(bytes))
}

/// [`count_unescaped`], if it is less than eight.
#[inline(always)]
pub fn first_special(bytes: &[u8]) -> Option<usize> {
    first_marked(bytes, special)
}

#[inline(never)]
fn count_unescaped_of_many(bytes: &[u8]) -> usize {
    count(bytes, is_unescaped, |bytes| by_words(bytes, special, is_unescaped))
}

/// The number of leading digits.
#[inline(always)]
pub fn count_digits(bytes: &[u8]) -> usize {
    first_no_digit(bytes).unwrap_or_else(|| count_ordinary(bytes, |byte| byte.is_ascii_digit()))
}

/// [`count_digits`], if it is less than eight.
#[inline(always)]
pub fn first_no_digit(bytes: &[u8]) -> Option<usize> {
    first_marked(bytes, no_digits)
}

/// Whether `bytes` are UTF-8 (RFC 3629 section 4). The standard library's check has no vector instructions.
pub fn is_utf8(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        rest = rest.get(count_ascii(rest)..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        // Characters of several bytes often come together.
        while !rest.first().is_none_or(u8::is_ascii) {
            let Some(length) = sequence_length(rest) else { return false };
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

#[inline(always)]
fn count_ascii(bytes: &[u8]) -> usize {
    let is_ascii = |byte: u8| byte < 0x80;
    first_marked(bytes, |word| word & TOPS)
        .unwrap_or_else(|| count(bytes, is_ascii, |bytes| by_words(bytes, |word| word & TOPS, is_ascii)))
}

/// The length of the sequence of several bytes at the start of `bytes`: `UTF8-2`, `UTF8-3` or `UTF8-4`.
#[inline(always)]
fn sequence_length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0xc2..=0xdf, 0x80..=0xbf, ..] => Some(2),
        [0xe0, 0xa0..=0xbf, 0x80..=0xbf, ..]
        | [0xe1..=0xec | 0xee..=0xef, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xed, 0x80..=0x9f, 0x80..=0xbf, ..] => Some(3),
        [0xf0, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf1..=0xf3, 0x80..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf4, 0x80..=0x8f, 0x80..=0xbf, 0x80..=0xbf, ..] => Some(4),
        _ => None,
    }
}

/// The number of leading bytes that are `ordinary`. `few` counts them before the first and after the last block.
#[inline]
fn count(bytes: &[u8], ordinary: impl Fn(u8) -> bool, few: impl Fn(&[u8]) -> usize) -> usize {
    let (first, rest) = bytes.split_at(bytes.len().min(BLOCK));
    let counted = few(first);
    if counted < first.len() {
        return counted;
    }
    let blocks = ordinary_blocks(rest, ordinary);
    counted + blocks + few(rest.get(blocks..).unwrap_or_default())
}

fn is_unescaped(byte: u8) -> bool {
    (byte != b'"') & (byte != b'\\') & (byte >= 0x20)
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const TOPS: u64 = u64::from_le_bytes([0x80; 8]);

/// The place of the first of eight bytes that `marks` gives its top bit, if one of them has it.
#[inline(always)]
fn first_marked(bytes: &[u8], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let marked = marks(u64::from_le_bytes(*bytes.first_chunk()?));
    (marked != 0).then(|| marked.trailing_zeros() as usize / 8)
}

/// Whether `marks` marks none of the bytes. It marks no space.
#[inline(always)]
fn none_marked(bytes: &[u8], marks: impl Fn(u64) -> u64) -> bool {
    let (words, rest) = bytes.as_chunks();
    if words.iter().any(|word| marks(u64::from_le_bytes(*word)) != 0) {
        return false;
    }
    // The last eight bytes again, or all of a short text with spaces.
    let last = match bytes.last_chunk() {
        _ if rest.is_empty() => return true,
        Some(last) => u64::from_le_bytes(*last),
        None => short_word(rest) | ((ONES * u64::from(b' ')) & !first_bits(rest.len())),
    };
    marks(last) == 0
}

/// The number of leading bytes that are `ordinary`, of which `marks` marks none.
#[inline]
fn by_words(bytes: &[u8], marks: impl Fn(u64) -> u64, ordinary: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        if let Some(place) = first_marked(word, &marks) {
            return n * 8 + place;
        }
    }
    words.len() * 8 + rest.iter().take_while(|byte| ordinary(**byte)).count()
}

/// Sets the top bit of each byte that is no digit. Bytes above the first such byte may be wrong.
#[inline(always)]
fn no_digits(word: u64) -> u64 {
    let value = word ^ (ONES * b'0' as u64);
    (value.wrapping_add(ONES * (0x80 - 10)) | value) & TOPS
}

/// Sets the top bit of each byte that is zero. Bytes above the first such byte may be wrong.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & TOPS
}

/// Sets the top bit of each byte that is no printable ASCII. Bytes above the first such byte may be wrong.
#[inline(always)]
fn not_printable(word: u64) -> u64 {
    (word | word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES)) & TOPS
}

/// Sets the top bit of each byte for which [`is_unescaped`] is false. Bytes above the first such byte may be wrong. `(x
/// - 1) & !x` has the top bit of a byte `x` only if it was zero, or if a byte below it borrowed.
#[inline(always)]
fn special(word: u64) -> u64 {
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (quote | backslash | word.wrapping_sub(ONES * 0x20)) & !word & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_run_in_a_string_is_found_wherever_it_stands() {
        for byte in 0..=255 {
            for length in [0, 1, 7, 8, 9, 31, 32, 33, 70] {
                for (at, filler) in (0..length).flat_map(|at| [(at, b'a'), (at, 0x20), (at, 0xff), (at, 0x80)]) {
                    let mut bytes = vec![filler; length];
                    bytes[at] = byte;
                    // Later bytes must not hide it.
                    bytes.iter_mut().skip(at + 1).for_each(|later| *later = b'"');
                    let expected = bytes.iter().take_while(|byte| is_unescaped(**byte)).count();
                    assert_eq!(count_unescaped(&bytes), expected, "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn digits_are_counted_wherever_they_end() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                let mut bytes = vec![b'7'; 20];
                bytes[at] = byte;
                let expected = if byte.is_ascii_digit() { 20 } else { at };
                assert_eq!(count_digits(&bytes), expected, "{byte:#x} at {at}");
                assert_eq!(count_digits(&bytes[..=at]), expected.min(at + 1), "{byte:#x} at {at}, the last");
            }
        }
    }

    #[test]
    fn text_is_plain_only_if_each_byte_is() {
        for byte in 0..=255_u8 {
            for length in 1..40 {
                for at in 0..length {
                    let mut bytes = vec![b'~'; length];
                    bytes[at] = byte;
                    let printable = matches!(byte, b' '..=b'~');
                    assert_eq!(is_printable(&bytes), printable, "{byte:#x} at {at} of {length}");
                    assert_eq!(is_plain(&bytes), printable && is_unescaped(byte), "{byte:#x} at {at} of {length}");
                    let state = is_unescaped_printable(&bytes);
                    assert_eq!(state, printable && byte != b'%', "{byte:#x} at {at} of {length}");
                    bytes.iter_mut().filter(|byte| **byte == b'~').for_each(|byte| *byte = b'z');
                    let lower = !matches!(byte, b'@'..=b'_');
                    assert_eq!(is_lower(&bytes), lower, "{byte:#x} at {at} of {length}");
                }
            }
        }
        assert!(is_printable(b"") && is_plain(b""));
    }

    #[test]
    fn what_follows_eight_bytes_is_found_wherever_it_stands() {
        for length in 0..40 {
            for at in 0..length {
                let mut text = ".x".repeat(length);
                text.insert_str(at, "toolgate.");
                assert!(holds(text.as_bytes(), b"toolgate", b'.'), "{text}");
                assert!(!holds(text.replace("e.", "E.").as_bytes(), b"toolgate", b'.'), "{text}");
            }
        }
        assert!(!holds(b"oolgate.toolgat.toolgate", b"toolgate", b'.'));
    }

    #[test]
    fn utf_8_is_what_the_standard_library_takes_for_it() {
        // Validity depends on the first two bytes, and on whether the others continue.
        let edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe1, 0xf1, 0xff];
        for pair in 0..=u16::MAX {
            let [first, second] = pair.to_be_bytes();
            for (third, fourth) in edges.iter().flat_map(|third| edges.map(|fourth| (*third, fourth))) {
                let bytes = [first, second, third, fourth];
                for length in 1..=4 {
                    let text = &bytes[..length];
                    assert_eq!(is_utf8(text), std::str::from_utf8(text).is_ok(), "{text:x?}");
                }
            }
        }
        for at in 0..200 {
            for sequence in
                ["é", "€", "😀"].map(str::as_bytes).into_iter().chain([&b"\xff"[..], b"\xc3", b"\xed\xa0\x80"])
            {
                let mut bytes = vec![b'a'; 200];
                bytes.splice(at..at, sequence.iter().copied());
                assert_eq!(is_utf8(&bytes), std::str::from_utf8(&bytes).is_ok(), "{sequence:x?} at {at}");
            }
        }
    }

    #[test]
    fn bytes_are_the_same_only_if_each_one_is() {
        for length in [0, 1, 127, 128, 129, 256, 300] {
            let bytes = vec![b'a'; length];
            assert!(same(&bytes, &bytes.clone()), "{length}");
            assert!(!same(&bytes, &vec![b'a'; length + 1]), "{length}");
            for at in 0..length {
                let mut other = bytes.clone();
                other[at] = b'b';
                assert!(!same(&bytes, &other), "{at} of {length}");
            }
        }
    }

    #[test]
    fn the_first_bytes_are_one_number() {
        for (bytes, word) in [
            (&b""[..], 0),
            (b"a", 0x61),
            (b"ab", 0x6261),
            (b"abc", 0x63_6261),
            (b"abcd", 0x6463_6261),
            (b"abcde", 0x65_6463_6261),
            (b"abcdefg", 0x67_6665_6463_6261),
            (b"abcdefghij", 0x6867_6665_6463_6261),
        ] {
            assert_eq!(first_word(bytes), word, "{bytes:?}");
        }
    }

    #[test]
    fn the_first_other_byte_is_found_wherever_it_stands() {
        for length in 0..100 {
            let mut bytes = vec![b'a'; length];
            assert_eq!(count_ordinary(&bytes, |byte| byte == b'a'), length);
            for at in 0..length {
                bytes[at] = b'b';
                assert_eq!(count_ordinary(&bytes, |byte| byte == b'a'), at, "{at} of {length}");
                bytes[at] = b'a';
            }
        }
    }
}
