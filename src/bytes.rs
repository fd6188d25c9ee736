//! Long runs of bytes, looked at 32 at a time.
//!
//! Plain loops over blocks of a fixed size, without a branch inside: the compiler makes vector instructions of them,
//! `simd128` in the module and the machine's own elsewhere.

/// What one turn looks at.
const BLOCK: usize = 32;

/// How many of the first bytes are `ordinary`, at least as far as the first block that holds another: what is left
/// begins with it or is shorter than a block.
#[inline]
fn ordinary_blocks(bytes: &[u8], ordinary: impl Fn(u8) -> bool) -> usize {
    let blocks = bytes.chunks_exact(BLOCK);
    let all = |block: &&[u8]| block.iter().fold(true, |all, byte| all & ordinary(*byte));
    blocks.take_while(all).count() * BLOCK
}

/// How many of the first bytes are `ordinary`. Most runs end within a few bytes, so those are looked at one by one.
#[inline]
pub fn count_ordinary(bytes: &[u8], ordinary: impl Fn(u8) -> bool) -> usize {
    let one_by_one = |bytes: &[u8]| bytes.iter().take_while(|byte| ordinary(**byte)).count();
    let (first, rest) = bytes.split_at(bytes.len().min(BLOCK));
    let counted = one_by_one(first);
    if counted < first.len() {
        return counted;
    }
    let blocks = ordinary_blocks(rest, &ordinary);
    counted + blocks + one_by_one(rest.get(blocks..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

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
