//! A cache of verified tokens, so that a repeated token needs no signature verification.
//!
//! It stores what the issuer asserted. Audience, times and the resource's trust in the issuer are checked on every
//! request.

use super::AccessToken;
use super::digest::{Digester, TokenDigest};
use super::known::Known;
use super::recent::Recent;
use crate::ids::IssuerId;

/// Memory per entry; light entries leave room for heavy ones. The claims of real access tokens take one to four
/// thousand bytes, and those of the longest accepted tokens a hundred times as much. The default of 4,096 entries has
/// 16 MB.
const BYTES_PER_ENTRY: usize = 4096;
/// A minimum that keeps a long token even if there are few entries.
const LEAST_BYTES: usize = 1 << 20;

/// The tokens whose digests are remembered, at least: 16,384 in 0.3 MB. They outnumber the tokens kept, so that a caller
/// whose token was evicted, or is never kept, does not wait behind strangers.
const LEAST_KNOWN: usize = 1 << 14;

/// The tokens that one plugin instance has verified.
#[derive(Debug)]
pub struct TokenCache {
    tokens: Recent<Kept>,
    known: Known,
    digester: Digester,
    /// Lookups that found a token.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
}

#[derive(Debug)]
struct Kept {
    issuer: IssuerId,
    /// The generation of the key set that verified it.
    generation: u64,
    token: AccessToken,
}

impl TokenCache {
    /// A cache for `entries` tokens. With 0, every token is verified every time.
    pub fn new(entries: usize) -> Self {
        Self::keyed(entries, None)
    }

    /// Like [`Self::new`], with a secret of this worker, which makes digests cheap.
    pub fn keyed(entries: usize, secret: Option<[u8; 16]>) -> Self {
        let bytes = entries.saturating_mul(BYTES_PER_ENTRY).max(LEAST_BYTES);
        Self {
            tokens: Recent::new(entries, bytes),
            known: Known::new(entries.max(LEAST_KNOWN)),
            digester: Digester::new(secret),
            hits: 0,
            misses: 0,
        }
    }

    /// The digest that identifies `token`.
    pub fn digest(&self, token: &[u8]) -> TokenDigest {
        self.digester.digest(token)
    }

    /// The token with this digest and its issuer, if it was verified with the issuer's current key set.
    /// `generation` returns the current generation of an issuer's key set.
    pub fn find(
        &mut self,
        digest: &TokenDigest,
        generation: impl FnOnce(IssuerId) -> Option<u64>,
    ) -> Option<(IssuerId, AccessToken)> {
        let Some(kept) = self.tokens.get(digest) else {
            self.misses += 1;
            return None;
        };
        if generation(kept.issuer) == Some(kept.generation) {
            self.hits += 1;
            return Some((kept.issuer, kept.token.clone()));
        }
        // Removing a key from the set invalidates the tokens it signed.
        self.misses += 1;
        None
    }

    /// Whether the token with this digest was verified before, perhaps with keys that are no longer in use. It need not be
    /// kept.
    #[inline]
    pub fn was_verified(&mut self, digest: &TokenDigest) -> bool {
        // A hit does not count as a use of the digest: that would cost every call a lookup.
        self.tokens.get(digest).is_some() || self.known.contains(digest)
    }

    /// Stores a token that was verified with this generation of the issuer's key set.
    pub fn insert(&mut self, digest: TokenDigest, issuer: IssuerId, generation: u64, token: AccessToken) {
        self.known.note(&digest);
        if self.tokens.keeps_any() {
            let weight = token.weight();
            self.tokens.insert(digest, Kept { issuer, generation, token: token.compact() }, weight);
        }
    }

    /// The size of the tokens in bytes.
    pub fn bytes(&self) -> usize {
        self.tokens.bytes()
    }
}
