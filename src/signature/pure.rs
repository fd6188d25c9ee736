//! Verification in pure Rust, by the `jwt-compact` crate: anywhere, without the host's help.

use jwt_compact::AlgorithmSignature as _;
use jwt_compact::alg::{Ed25519, Es256, Rsa, VerifyingKey};
use rsa::{BigUint, RsaPublicKey};

use super::{Algorithm, MAX_RSA_BITS, PublicKey, SignatureVerifier};

/// Verifies RS*, PS*, ES256 and EdDSA. ES384 and ES512 it does not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureVerifier;

impl SignatureVerifier for PureVerifier {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        match (algorithm, key) {
            (Algorithm::Es256, PublicKey::P256 { .. }) => {
                p256(key).is_some_and(|key| by(&Es256, &key, signed, signature))
            }
            (Algorithm::EdDsa, PublicKey::Ed25519 { .. }) => {
                ed25519(key).is_some_and(|key| by(&Ed25519, &key, signed, signature))
            }
            (_, PublicKey::Rsa { .. }) => {
                rsa_scheme(algorithm).zip(rsa(key)).is_some_and(|(rsa, key)| by(&rsa, &key, signed, signature))
            }
            _ => false,
        }
    }
}

/// Whether `key` is one at all: a point on its curve, a modulus with a usable exponent.
pub fn is_sound(key: &PublicKey) -> bool {
    match key {
        PublicKey::Rsa { .. } => rsa(key).is_some(),
        PublicKey::P256 { .. } => p256(key).is_some(),
        PublicKey::Ed25519 { .. } => ed25519(key).is_some(),
    }
}

fn by<A: jwt_compact::Algorithm>(algorithm: &A, key: &A::VerifyingKey, signed: &[u8], signature: &[u8]) -> bool {
    // The crate checks lengths only when it parses a token itself.
    A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len())
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, signed))
}

fn rsa_scheme(algorithm: Algorithm) -> Option<Rsa> {
    algorithm.name().parse().ok()
}

fn rsa(key: &PublicKey) -> Option<RsaPublicKey> {
    let PublicKey::Rsa { modulus, exponent } = key else { return None };
    let (modulus, exponent) = (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent));
    RsaPublicKey::new_with_max_size(modulus, exponent, MAX_RSA_BITS).ok()
}

fn p256(key: &PublicKey) -> Option<<Es256 as jwt_compact::Algorithm>::VerifyingKey> {
    let PublicKey::P256 { x, y } = key else { return None };
    // SEC 1 section 2.3.3: 04, then both coordinates.
    VerifyingKey::<Es256>::from_slice(&[&[4][..], x, y].concat()).ok()
}

fn ed25519(key: &PublicKey) -> Option<<Ed25519 as jwt_compact::Algorithm>::VerifyingKey> {
    let PublicKey::Ed25519 { x } = key else { return None };
    VerifyingKey::<Ed25519>::from_slice(x).ok()
}
