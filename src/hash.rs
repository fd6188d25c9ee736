//! SHA-256 and HMAC-SHA256.

use sha2::{Digest, Sha256};

/// The SHA-256 of the concatenated `parts`. Not inlined, to keep a single copy in the module.
#[inline(never)]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().into()
}

/// HMAC-SHA256 (RFC 2104).
pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    padded(key, 0x5c, &padded(key, 0x36, message))
}

/// The SHA-256 of the padded key and `message`.
#[inline(never)]
fn padded(key: &[u8], pad: u8, message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    if key.len() > BLOCK {
        return padded(&sha256(&[key]), pad, message);
    }
    let mut block = [pad; BLOCK];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    sha256(&[&block, message])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hmac_is_that_of_another_library() {
        let long = [9; 200];
        for (length, message) in
            [(0, b"".as_slice()), (32, b"Hi There"), (63, b"x"), (64, &long), (65, b""), (200, &long)]
        {
            let key: Vec<u8> = (0..length).collect();
            let other = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
            assert_eq!(hmac(&key, message), ring::hmac::sign(&other, message).as_ref(), "a key of {length} bytes");
        }
    }
}
