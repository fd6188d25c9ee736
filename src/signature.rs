//! Signature algorithms (RFC 7518 section 3.1, RFC 8037) and the one trait through which signatures are verified.

pub mod pure;

pub use pure::PureVerifier;

/// RFC 7518 section 3.3: smaller keys must not be used.
pub const MIN_RSA_BITS: usize = 2048;
/// Larger keys would cost a worker milliseconds for each signature.
pub const MAX_RSA_BITS: usize = 8192;

/// An asymmetric JWS algorithm. Symmetric ones and `none` have no value here, so that none can be chosen.
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
    /// Every algorithm, in the order of messages.
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

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether keys of this kind are for it.
    pub fn fits(self, key: &PublicKey) -> bool {
        match key {
            PublicKey::Rsa { .. } => {
                matches!(self, Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512)
            }
            PublicKey::P256 { .. } => self == Self::Es256,
            PublicKey::Ed25519 { .. } => self == Self::EdDsa,
        }
    }
}

/// What a key is made of. Each kind fixes the family of algorithms it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RFC 8037: Ed25519
    Ed25519 {
        /// The public key, 32 bytes.
        x: Vec<u8>,
    },
    /// RFC 7518 section 6.2.1: curve P-256
    P256 {
        /// A coordinate, 32 bytes.
        x: Vec<u8>,
        /// A coordinate, 32 bytes.
        y: Vec<u8>,
    },
    /// RFC 7518 section 6.3.1
    Rsa {
        /// Big-endian, without leading zeros.
        modulus: Vec<u8>,
        /// Big-endian.
        exponent: Vec<u8>,
    },
}

/// Verifies signatures: a pure function of its arguments.
pub trait SignatureVerifier {
    /// Whether `signature` is `key`'s over `signed` under `algorithm`. A key of another kind, or a signature of another
    /// length, is no signature.
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool;
}
