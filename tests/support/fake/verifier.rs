//! The pure verifier with a memory.

use std::collections::HashMap;
use std::sync::Mutex;

use toolgate::signature::{Algorithm, PublicKey, PureVerifier, SignatureVerifier};

/// The pure verifier, asked once for each signature: unoptimised, it is what the tests spend their time on.
pub struct Remembering;

impl SignatureVerifier for Remembering {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        static VERDICTS: Mutex<Option<HashMap<String, bool>>> = Mutex::new(None);
        let asked = format!("{algorithm:?} {key:?} {signed:?} {signature:?}");
        let known = VERDICTS.lock().unwrap().get_or_insert_default().get(&asked).copied();
        known.unwrap_or_else(|| {
            let verdict = PureVerifier.verify(algorithm, key, signed, signature);
            VERDICTS.lock().unwrap().get_or_insert_default().insert(asked, verdict);
            verdict
        })
    }
}
