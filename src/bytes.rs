//! Scans long runs of bytes, 32 at a time.
//!
//! Simple loops over fixed-size blocks without branches, which the compiler vectorises: with `simd128` in the module,
//! and with the native instructions elsewhere.

/// The block size of a scan.
const BLOCK: usize = 32;
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
        None => bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
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

/// The number of leading bytes of a JSON string that need no unescaping: all except `"`, `\` and control characters.
/// Most strings are short, so the first bytes are tested eight at a time, and the rest in blocks.
#[inline]
pub fn count_unescaped(bytes: &[u8]) -> usize {
    count(bytes, is_unescaped, by_words)
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

#[inline]
fn by_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    for (n, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return n * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    words.len() * 8 + rest.iter().take_while(|byte| is_unescaped(**byte)).count()
}

/// Sets the top bit of each byte for which [`is_unescaped`] is false. Bytes above the first such byte may be wrong. `(x
/// - 1) & !x` has the top bit of a byte `x` only if it was zero, or if a byte below it borrowed.
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let quote = below(word ^ (ONES * b'"' as u64), 1);
    let backslash = below(word ^ (ONES * b'\\' as u64), 1);
    (quote | backslash | below(word, 0x20)) & TOPS
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
        for (bytes, word) in [(&b""[..], 0), (b"a", 0x61), (b"ab", 0x6261), (b"abcdefghij", 0x6867_6665_6463_6261)] {
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
