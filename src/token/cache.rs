//! Verified tokens, so that one that comes again costs no signature.
//!
//! Kept is what its issuer vouched for; for whom a token is and when, and whether the resource trusts that issuer, is
//! checked on every request.

use super::AccessToken;
use super::digest::{Digester, TokenDigest};
use super::recent::Recent;

/// The bytes that there are for each entry, which a lighter one leaves to heavier ones: the claims of real access
/// tokens take one to four thousand, and those of the longest that are accepted a hundred times as much. The 4,096 of
/// the default have 16 MB in all.
const BYTES_PER_ENTRY: usize = 4096;
/// However few entries there are, a long token is kept.
const LEAST_BYTES: usize = 1 << 20;

/// The tokens that one plugin instance verified.
#[derive(Debug)]
pub struct TokenCache {
    tokens: Recent<Kept>,
    digester: Digester,
    /// How often a token was found, and how often not.
    pub hits: u64,
    /// See `hits`.
    pub misses: u64,
}

#[derive(Debug)]
struct Kept {
    issuer: usize,
    /// The key set that it was verified with.
    generation: u64,
    token: AccessToken,
}

impl TokenCache {
    /// Room for `entries` tokens; with none, each is verified every time.
    pub fn new(entries: usize) -> Self {
        Self::keyed(entries, None)
    }

    /// As [`Self::new`], with a secret of this worker's, which makes digests cheap.
    pub fn keyed(entries: usize, secret: Option<[u8; 16]>) -> Self {
        let bytes = entries.saturating_mul(BYTES_PER_ENTRY).max(LEAST_BYTES);
        Self { tokens: Recent::new(entries, bytes), digester: Digester::new(secret), hits: 0, misses: 0 }
    }

    /// The digest that `token` is known by.
    pub fn digest(&self, token: &str) -> TokenDigest {
        self.digester.digest(token)
    }

    /// The token of this digest, and the place of its issuer, if it was verified with the key set that the issuer has
    /// now, as `generation` tells.
    pub fn find(
        &mut self,
        digest: &TokenDigest,
        generation: impl FnOnce(usize) -> Option<u64>,
    ) -> Option<(usize, AccessToken)> {
        let Some(kept) = self.tokens.get(digest) else {
            self.misses += 1;
            return None;
        };
        if generation(kept.issuer) == Some(kept.generation) {
            self.hits += 1;
            return Some((kept.issuer, kept.token.clone()));
        }
        // A key that left the set ends its tokens.
        self.misses += 1;
        None
    }

    /// Whether the token of this digest was verified before, if maybe with keys that do not count any more.
    pub fn was_verified(&mut self, digest: &TokenDigest) -> bool {
        self.tokens.get(digest).is_some()
    }

    /// Keeps a token of the issuer at this place, verified with its key set of this generation.
    pub fn insert(&mut self, digest: TokenDigest, issuer: usize, generation: u64, token: AccessToken) {
        let weight = token.weight();
        self.tokens.insert(digest, Kept { issuer, generation, token }, weight);
    }

    /// The bytes that the tokens take.
    pub fn bytes(&self) -> usize {
        self.tokens.bytes()
    }
}
