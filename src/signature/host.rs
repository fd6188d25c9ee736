//! Verification by the host's own crypto library, which is many times faster than Rust inside Wasm. Hosts differ in
//! what they have, so each algorithm has to show first that it works.

use super::{Algorithm, KnownAnswer, MAX_TRIED, Material, PublicKey, PureVerifier, SignatureVerifier, ecdsa_signature};
use crate::protobuf::{Wire, for_each_field, put_bytes};

/// The host's function `verify_signature`.
pub trait HostCrypto {
    /// Calls it with a serialised `VerifySignatureArguments`, and gives the serialised `VerifySignatureResult`. `None`:
    /// the host refused the call.
    ///
    /// ```text
    /// VerifySignatureArguments { string hash_function = 1, bytes public_key = 2, bytes signature = 3, bytes text = 4 }
    /// VerifySignatureResult    { bool result = 1, string error = 2 }
    /// ```
    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>>;
}

/// Verifies by the host what it was seen to verify, and everything else in pure Rust.
#[derive(Clone, Debug)]
pub struct HostVerifier<H> {
    host: H,
    trusted: Vec<Algorithm>,
}

impl<H: HostCrypto> HostVerifier<H> {
    /// Asks `host` what is known. It is trusted with an algorithm if it finds the good signature good, and bad both
    /// another one and the good one over another text.
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

/// What the host says, if it says anything that can be relied on.
fn ask(host: &impl HostCrypto, algorithm: Algorithm, key: &PublicKey, text: &[u8], signature: &[u8]) -> Option<bool> {
    // To the host a key is a key: it is told the digest only, and would take an RSA token for an EC key.
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

/// The digest by which the host knows an algorithm, if it may know it: of RSA it has the padding of RS* only.
fn hash(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 | Algorithm::Es512 => Some("sha512"),
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => None,
    }
}

/// Good without an error, or not good. Both at once, or anything else, is no answer.
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

/// `bytes` with one bit changed.
fn tampered(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}
