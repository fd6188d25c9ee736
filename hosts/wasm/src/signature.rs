//! The host's crypto.

use crate::host;
use toolgate::signature::{Algorithm, HostCrypto, HostVerifier, known_answers};

/// Envoy's foreign function `verify_signature`.
pub struct VerifySignature;

impl HostCrypto for VerifySignature {
    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>> {
        host::call_foreign_function("verify_signature", arguments).ok()
    }
}

/// A verifier that uses the host for the algorithms that the host verifies correctly. Logs which these are.
pub fn verifier() -> HostVerifier<VerifySignature> {
    let verifier = HostVerifier::probe(VerifySignature, &known_answers());
    let names = |by_host: bool| {
        let of_it = |algorithm: &Algorithm| verifier.trusted().contains(algorithm) == by_host;
        let names: Vec<_> = Algorithm::ALL.into_iter().filter(of_it).map(Algorithm::name).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
    };
    log::info!("signatures: the host verifies {}; the module verifies {}", names(true), names(false));
    verifier
}
