//! Demonstrating proof of possession (RFC 9449): a signed proof with every request, good for one request only.
//!
//! ```text
//! DPoP header ─► proof: one JWT of the token's key, for this method, URL and token, of now ─► replay: not seen before
//!                                                          not of now ─► nonce: the client's clock does not matter then
//! ```
//!
//! A nonce is asked for only where a proof's own time is no good, so that clients whose clock is right need none.

mod nonce;
mod proof;
mod replay;
mod target;

pub use nonce::NonceKey;
pub use proof::{Expected, Proof, ProofError};
pub use replay::{Account, BUCKETS, MOST_PER_ACCOUNT, ReplayFault};
pub use target::is_for;

use sha2::{Digest, Sha256};

use crate::time::UnixTime;
use crate::workers::{NotShared, SharedData, SharedNames};

/// The SHA-256 of `parts`, one after the other. One copy of it in the module is enough.
#[inline(never)]
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().into()
}

/// What the workers of a host know together of proofs: the key of nonces, and which proofs were used.
///
/// It is about the plugin, not about its configuration: a proof that was used before a change of the configuration is
/// used after it, and what is kept does not grow with the number of configurations.
#[derive(Debug)]
pub struct Proofs {
    names: SharedNames,
    /// Becomes the key if no other worker has made one.
    candidate: Option<[u8; 32]>,
    key: Option<NonceKey>,
}

impl Proofs {
    /// For the plugin of these names. `candidate` is random; without it, a nonce is given only if another worker has a
    /// key.
    pub fn new(names: SharedNames, candidate: Option<[u8; 32]>) -> Self {
        Self { names, candidate, key: None }
    }

    /// The key of nonces, which all workers have.
    pub fn nonces(&mut self, data: &dyn SharedData) -> Result<NonceKey, NotShared> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let key = NonceKey::shared(data, &self.names.proofs("nonce"), self.candidate)?;
        self.key = Some(key);
        Ok(key)
    }

    /// Uses a proof of `account` up.
    pub fn spend(
        &self,
        data: &dyn SharedData,
        proof: &Proof,
        account: &Account,
        now: UnixTime,
    ) -> Result<(), ReplayFault> {
        replay::spend(data, |bucket| self.names.proofs(&format!("{}/{bucket}", replay::VERSION)), proof, account, now)
    }
}
