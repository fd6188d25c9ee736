//! Verification by the host's crypto library, which is many times faster than Rust in Wasm. Hosts support different
//! algorithms, so each algorithm is tested first.

use super::{Algorithm, KnownAnswer, MAX_TRIED, Material, PublicKey, PureVerifier, SignatureVerifier, ecdsa_signature};
use crate::protobuf::{Wire, for_each_field, put_bytes};

/// The host's function `verify_signature`.
pub trait HostCrypto {
    /// Calls the function with a serialised `VerifySignatureArguments` and returns the serialised
    /// `VerifySignatureResult`. `None` if the host refused the call.
    ///
    /// ```text
    /// VerifySignatureArguments { string hash_function = 1, bytes public_key = 2, bytes signature = 3, bytes text = 4 }
    /// VerifySignatureResult    { bool result = 1, string error = 2 }
    /// ```
    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>>;
}

/// Verifies with the host if the algorithm passed its test, else in pure Rust.
#[derive(Clone, Debug)]
pub struct HostVerifier<H> {
    host: H,
    trusted: Vec<Algorithm>,
}

impl<H: HostCrypto> HostVerifier<H> {
    /// Tests `host` with known answers. An algorithm is trusted if the host accepts the valid signature, and refuses
    /// both a changed signature and the valid one over a changed text.
    pub fn probe(host: H, known: &[KnownAnswer]) -> Self {
        let answers_right = |known: &&KnownAnswer| {
            let KnownAnswer { algorithm, key, text, signature } = known;
            let answer = |text: &[u8], signature: &[u8]| ask(&host, *algorithm, key, text, signature);
            answer(text, signature) == Some(true)
                && answer(text, &tampered(signature)) == Some(false)
                && answer(&tampered(text), signature) == Some(false)
        };
        let trusted = known.iter().filter(answers_right).map(|known| known.algorithm).collect();
        Self { host, trusted }
    }

    /// The algorithms that the host verifies.
    pub fn trusted(&self) -> &[Algorithm] {
        &self.trusted
    }
}

impl<H: HostCrypto> SignatureVerifier for HostVerifier<H> {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        let by_host = || ask(&self.host, algorithm, key, signed, signature);
        let answer = if self.trusted.contains(&algorithm) { by_host() } else { None };
        answer.unwrap_or_else(|| PureVerifier.verify(algorithm, key, signed, signature))
    }

    fn tries(&self, algorithm: Algorithm) -> usize {
        if self.trusted.contains(&algorithm) { MAX_TRIED } else { 1 }
    }

    fn cost(&self, algorithm: Algorithm, key: &PublicKey) -> u64 {
        key.cost(self.trusted.contains(&algorithm))
    }
}

/// The host's answer, if it is reliable.
fn ask(host: &impl HostCrypto, algorithm: Algorithm, key: &PublicKey, text: &[u8], signature: &[u8]) -> Option<bool> {
    // The host only receives the digest's name and would accept an EC key for an RSA token, so check the key type here.
    let hash = hash(algorithm).filter(|_| algorithm.fits(key))?;
    let reencoded;
    let signature = match key.material() {
        Material::Ec { curve, .. } => match ecdsa_signature(*curve, signature) {
            Some(signature) => {
                reencoded = signature;
                reencoded.as_slice()
            }
            None => return Some(false),
        },
        Material::Ed25519 { .. } | Material::Rsa { .. } => signature,
    };
    let mut arguments = Vec::with_capacity(64 + key.spki().len() + signature.len() + text.len());
    put_bytes(&mut arguments, 1, hash.as_bytes());
    put_bytes(&mut arguments, 2, key.spki());
    put_bytes(&mut arguments, 3, signature);
    put_bytes(&mut arguments, 4, text);
    read_result(&host.verify_signature(&arguments)?)
}

/// The host's name of the digest, if it supports the algorithm. For RSA, it only has the padding of RS*.
fn hash(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 | Algorithm::Es512 => Some("sha512"),
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => None,
    }
}

/// Valid without an error, or invalid. Both at once, or anything else, is not an answer.
fn read_result(bytes: &[u8]) -> Option<bool> {
    let (mut good, mut failed) = (false, false);
    for_each_field(bytes, |number, wire| {
        match (number, wire) {
            (1, Wire::Varint(flag @ 0..=1)) => good = flag == 1,
            (2, Wire::Bytes(error)) => failed = !error.is_empty(),
            _ => return None,
        }
        Some(())
    })?;
    if good && failed { None } else { Some(good) }
}

/// `bytes` with one bit flipped.
fn tampered(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}
