//! Signature algorithms (RFC 7518 section 3.1, RFC 8037), and the trait for signature verification.
//!
//! ```text
//! HostVerifier ─┬► the host's crypto library   an algorithm that passed its known_answers; keys and signatures in der
//!               └► PureVerifier                every other algorithm, and each call that fails in the host
//! ```

mod der;
mod host;
mod known_answers;
mod pure;

pub use der::{ecdsa_signature, subject_public_key_info};
pub use host::{HostCrypto, HostVerifier};
pub use known_answers::{KnownAnswer, known_answers};
pub use pure::PureVerifier;

/// RFC 7518 section 3.3: smaller keys must not be used.
pub const MIN_RSA_BITS: usize = 2048;
/// With larger keys, a signature would take milliseconds of a worker's time.
pub const MAX_RSA_BITS: usize = 8192;
/// The maximum number of keys that are tried for a token without `kid`, which bounds its cost.
pub const MAX_TRIED: usize = 4;

/// An asymmetric JWS algorithm. Symmetric algorithms and `none` have no variant, so they cannot be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

impl Algorithm {
    /// All algorithms, in the order used in messages.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The name in the `alg` header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with this name. `Ed25519` (RFC 9864 section 2.2) means `EdDSA` with the only supported curve.
    #[inline]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether it is RSASSA-PSS, which no RSA key implies.
    pub fn is_pss(self) -> bool {
        matches!(self, Self::Ps256 | Self::Ps384 | Self::Ps512)
    }

    /// Whether the key has the right type for the algorithm.
    pub fn fits(self, key: &PublicKey) -> bool {
        match key.material() {
            Material::Ec { curve, .. } => self == curve.algorithm(),
            Material::Ed25519 { .. } => self == Self::EdDsa,
            Material::Rsa { .. } => {
                matches!(self, Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512)
            }
        }
    }
}

/// A curve of RFC 7518 section 6.2.1.1. Each has one algorithm (section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The curve named by `crv`.
    #[inline]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// The size of a coordinate, and of each half of a signature, in octets.
    pub fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The only algorithm for its keys.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }
}

/// The parameters of a key. The type determines the family of algorithms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// RFC 7518 section 6.2.1
    Ec {
        /// The curve.
        curve: Curve,
        /// Uncompressed: 4, x, y (SEC 1 section 2.3.3).
        point: Vec<u8>,
    },
    /// RFC 8037
    Ed25519 {
        /// 32 octets.
        point: Vec<u8>,
    },
    /// RFC 7518 section 6.3.1
    Rsa {
        /// Big-endian, without leading zeros.
        modulus: Vec<u8>,
        /// Big-endian, without leading zeros.
        exponent: Vec<u8>,
    },
}

/// A validated key: its point is on the curve, or its modulus has a usable exponent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    material: Material,
    spki: Vec<u8>,
}

impl PublicKey {
    /// The key with these parameters, if they are valid.
    pub fn new(material: Material) -> Option<Self> {
        let spki = subject_public_key_info(&material);
        pure::is_sound(&material).then_some(Self { material, spki })
    }

    /// The parameters.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// The bits of the modulus and the exponent of an RSA key.
    pub fn rsa_bits(&self) -> Option<(usize, usize)> {
        match &self.material {
            Material::Rsa { modulus, exponent } => Some((bits(modulus), bits(exponent))),
            Material::Ec { .. } | Material::Ed25519 { .. } => None,
        }
    }

    /// The work of one verification, by the host or by the module itself, in units of about a microsecond of an Envoy
    /// worker. The values are measurements from `docs/signatures.md`. Work is counted, not timed, so that runs are reproducible.
    #[inline]
    pub fn cost(&self, by_host: bool) -> u64 {
        let (host, module) = match &self.material {
            Material::Ec { curve: Curve::P256, .. } => (80, 700),
            Material::Ec { curve: Curve::P384, .. } => (600, 2_600),
            Material::Ec { curve: Curve::P521, .. } => (1_700, 2_400),
            Material::Ed25519 { .. } => (140, 140),
            Material::Rsa { modulus, .. } => {
                // Proportional to the square of the size. At 2048 bits the values are 40 and 600.
                let square = (modulus.len() as u64).pow(2);
                (square * 40 / (1 << 16), square * 600 / (1 << 16))
            }
        };
        if by_host { host } else { module }
    }

    /// The key as a SubjectPublicKeyInfo (RFC 5280 section 4.1) in DER, as hosts expect it. Computed once.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}

/// Verifies signatures. A pure function of its arguments.
pub trait SignatureVerifier {
    /// Whether `signature` is a signature of `signed` by `key` under `algorithm`. False for a key of another type or a
    /// signature of another length.
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool;

    /// The number of keys that may be tried for a token without `kid`. One if each try costs as much as a request.
    fn tries(&self, _algorithm: Algorithm) -> usize {
        1
    }

    /// The work of one verification, in units of [`PublicKey::cost`].
    #[inline]
    fn cost(&self, _algorithm: Algorithm, key: &PublicKey) -> u64 {
        key.cost(false)
    }
}

/// The number of bits of a big-endian number without leading zeros.
pub fn bits(number: &[u8]) -> usize {
    number.len() * 8 - number.first().map_or(0, |byte| byte.leading_zeros() as usize)
}
