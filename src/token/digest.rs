//! Digests of tokens, the keys of caches.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher13};

/// A token's digest. The token itself is not kept, and two tokens with the same digest cannot be constructed.
#[derive(Clone, Copy, Eq)]
pub struct TokenDigest([u8; 32]);

/// By words: the module's own comparison of byte slices is a loop over bytes.
impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        let words = |digest: &Self| {
            let (words, _) = digest.0.as_chunks();
            [0, 1, 2, 3].map(|n| words.get(n).map_or(0, |word| u64::from_le_bytes(*word)))
        };
        words(self).iter().zip(words(other)).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
    }
}

/// Computes digests: 128-bit SipHash-1-3 under a secret of this worker, in a twentieth of SHA-256's time. Without the
/// secret, an attacker can only guess collisions, at one request per guess.
#[derive(Clone, Debug, Default)]
pub struct Digester {
    secret: Option<SipHasher13>,
}

impl Digester {
    /// With a secret that cannot be guessed. Without one, digests are SHA-256, which needs none.
    pub fn new(secret: Option<[u8; 16]>) -> Self {
        Self { secret: secret.as_ref().map(SipHasher13::new_with_key) }
    }

    /// The digest of `token` as it was sent.
    pub fn digest(&self, token: &[u8]) -> TokenDigest {
        let Some(mut hasher) = self.secret else { return TokenDigest::of_bytes(token) };
        hasher.write(token);
        let mut digest = [0; 32];
        digest.iter_mut().zip(hasher.finish128().as_bytes()).for_each(|(out, byte)| *out = byte);
        TokenDigest(digest)
    }
}

impl TokenDigest {
    /// The SHA-256 of `token`, as it was sent.
    pub fn of(token: &str) -> Self {
        Self::of_bytes(token.as_bytes())
    }

    /// The first bytes.
    pub(super) fn start(&self) -> u64 {
        self.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }

    fn of_bytes(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// Shows only the first octets: enough to tell digests apart in a log.
impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "TokenDigest({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// A hasher that returns the first bytes of a digest.
#[derive(Clone, Copy, Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// For maps keyed by digest.
pub type ByFirstBytes = BuildHasherDefault<FirstBytes>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_token_and_by_secret() {
        let digesters = [Digester::new(Some([1; 16])), Digester::new(Some([2; 16])), Digester::default()];
        let all: Vec<_> =
            digesters.iter().flat_map(|by| ["", "a", "b", "aa"].map(|token| by.digest(token.as_bytes()))).collect();
        for (n, digest) in all.iter().enumerate() {
            assert!(!all[..n].contains(digest), "{n}");
        }
        assert_eq!(digesters[0].digest(b"a"), Digester::new(Some([1; 16])).digest(b"a"));
        assert_eq!(Digester::default().digest(b"a"), TokenDigest::of("a"));
    }
}
