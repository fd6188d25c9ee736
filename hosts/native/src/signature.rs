//! Signatures, verified by `ring`: native code, and one of the few crates that many eyes are on. It needs neither CMake nor a
//! second assembler, and is a fifth of the size of `aws-lc-rs`.

use std::sync::LazyLock;

use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

use toolgate::signature::{
    Algorithm, KnownAnswer, MAX_TRIED, Material, PublicKey, PureVerifier, SignatureVerifier, known_answers,
};

/// `ring` takes no larger exponents.
const MAX_EXPONENT_BITS: usize = 33;

/// Verifies with `ring` what it can, and the rest in pure Rust: ES512, and RSA keys with unusual exponents.
pub struct Ring {
    /// The algorithms that passed their known answers.
    trusted: Vec<Algorithm>,
}

static RING: LazyLock<Ring> = LazyLock::new(Ring::probe);

/// The verifier of this process.
pub fn verifier() -> &'static Ring {
    &RING
}

impl Ring {
    /// Trusts each algorithm that `ring` has, unless it does not give the known answers.
    fn probe() -> Self {
        let answers_right = |known: &&KnownAnswer| {
            let KnownAnswer { algorithm, key, text, signature } = known;
            let changed = |bytes: &[u8]| {
                bytes.iter().rev().enumerate().map(|(n, b)| b ^ u8::from(n == 0)).rev().collect::<Vec<_>>()
            };
            let answer = |text: &[u8], signature: &[u8]| by_ring(*algorithm, key, text, signature);
            answer(text, signature) == Some(true)
                && answer(text, &changed(signature)) == Some(false)
                && answer(&changed(text), signature) == Some(false)
        };
        let known = known_answers();
        let fails = |algorithm| known.iter().any(|known| known.algorithm == algorithm && !answers_right(&known));
        let trusted = Algorithm::ALL.into_iter().filter(|algorithm| has(*algorithm) && !fails(*algorithm)).collect();
        Self { trusted }
    }

    /// The names of the algorithms that `ring` verifies, or of the others.
    pub fn names(&self, by_ring: bool) -> String {
        let of_it = |algorithm: &Algorithm| self.trusted.contains(algorithm) == by_ring;
        Algorithm::ALL.into_iter().filter(of_it).map(Algorithm::name).collect::<Vec<_>>().join(" ")
    }
}

impl SignatureVerifier for Ring {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        let by_ring = || by_ring(algorithm, key, signed, signature);
        let answer = if self.trusted.contains(&algorithm) { by_ring() } else { None };
        answer.unwrap_or_else(|| PureVerifier.verify(algorithm, key, signed, signature))
    }

    fn tries(&self, algorithm: Algorithm) -> usize {
        if self.trusted.contains(&algorithm) { MAX_TRIED } else { 1 }
    }

    fn cost(&self, algorithm: Algorithm, key: &PublicKey) -> u64 {
        key.cost(self.trusted.contains(&algorithm))
    }
}

/// The answer of `ring`, if it knows the algorithm and takes the key.
fn by_ring(algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> Option<bool> {
    if !algorithm.fits(key) {
        return Some(false);
    }
    let by = |with: &'static dyn VerificationAlgorithm, point: &[u8]| {
        UnparsedPublicKey::new(with, point).verify(signed, signature).is_ok()
    };
    match key.material() {
        Material::Ed25519 { point } => Some(by(&signature::ED25519, point)),
        Material::Ec { point, .. } => match algorithm {
            Algorithm::Es256 => Some(by(&signature::ECDSA_P256_SHA256_FIXED, point)),
            Algorithm::Es384 => Some(by(&signature::ECDSA_P384_SHA384_FIXED, point)),
            _ => None,
        },
        Material::Rsa { modulus, exponent } => {
            let usual = key.rsa_bits().is_some_and(|(_, exponent)| exponent <= MAX_EXPONENT_BITS);
            let scheme = scheme(algorithm).filter(|_| usual)?;
            Some(RsaPublicKeyComponents { n: modulus, e: exponent }.verify(scheme, signed, signature).is_ok())
        }
    }
}

/// Whether `ring` has the algorithm.
fn has(algorithm: Algorithm) -> bool {
    algorithm != Algorithm::Es512
}

fn scheme(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}
