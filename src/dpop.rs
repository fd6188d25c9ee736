//! Demonstrating proof of possession (RFC 9449): a signed, single-use proof with every request.
//!
//! ```text
//! DPoP header ─► proof: one JWT of the token's key, for this method, URL and token, of now ─► replay: not seen before
//!                                                          not of now ─► nonce: independent of the client's clock
//! ```
//!
//! A nonce is requested only if the time of a proof is not acceptable, so that clients with a correct clock need none.

mod nonce;
mod proof;
mod replay;
mod target;

pub use nonce::NonceKey;
pub use proof::{Expected, Proof, ProofError};
pub use replay::{Account, BUCKETS, MOST_PER_ACCOUNT, ReplayFault};
pub use target::is_for;

use crate::time::UnixTime;
use crate::workers::{NotShared, SharedData, SharedNames};

/// The state of proofs that the workers of a host share: the nonce key, and the used proofs.
///
/// It belongs to the plugin, not to its configuration. A proof used before a configuration change stays used, and the
/// state does not grow with the number of configurations.
#[derive(Debug)]
pub struct Proofs {
    names: SharedNames,
    /// Becomes the key if no other worker has created one.
    candidate: Option<[u8; 32]>,
    key: Option<NonceKey>,
}

impl Proofs {
    /// The state of the plugin with these names. `candidate` is random. Without it, nonces are issued only if another
    /// worker has created a key.
    pub fn new(names: SharedNames, candidate: Option<[u8; 32]>) -> Self {
        Self { names, candidate, key: None }
    }

    /// The nonce key, which all workers share.
    pub fn nonces(&mut self, data: &dyn SharedData) -> Result<NonceKey, NotShared> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let key = NonceKey::shared(data, &self.names.proofs("nonce"), self.candidate)?;
        self.key = Some(key);
        Ok(key)
    }

    /// Marks a proof of `account` as used.
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
