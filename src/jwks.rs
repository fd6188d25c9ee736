//! Key sets (RFC 7517). Parsing is lenient, key by key. Selection is strict.

mod cache;
mod discovery;
mod issuers;
mod source;
mod worker;

pub use cache::{KeySetCache, Lookup};
pub use discovery::{MetadataFault, documents, jwks_uri};
pub use issuers::{IssuerKeys, KeySource};
pub use source::{Describe, FetchFault, Progress, Source};
pub use worker::{KeyNames, Look, Worker};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::node::Node;
use crate::signature::{Algorithm, Curve, MAX_RSA_BITS, MAX_TRIED, MIN_RSA_BITS, Material, PublicKey, bits};

/// The maximum size of a key set. The largest real ones have a few dozen keys.
pub const MAX_BYTES: usize = 256_000;
/// The maximum number of keys in a set.
pub const MAX_KEYS: usize = 100;

/// Members that only private keys have (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A usable key of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    key: PublicKey,
}

/// Why a key of a set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwkFault {
    /// `alg` is unknown or does not fit the key type.
    Algorithm,
    /// A member is missing, duplicate or invalid.
    Malformed,
    /// The key contains private members, so anyone who can read the set can sign with it.
    Private,
    /// The RSA modulus has too few or too many bits.
    Size,
    /// A symmetric key, or an unsupported key type or curve.
    Type,
    /// `use` or `key_ops` excludes signature verification.
    Use,
}

impl JwkFault {
    /// The stable code in log lines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Algorithm => "unsupported_algorithm",
            Self::Malformed => "malformed",
            Self::Private => "private_key",
            Self::Size => "rsa_size",
            Self::Type => "unsupported_key_type",
            Self::Use => "not_for_signatures",
        }
    }
}

/// Why a document is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetFault {
    /// The document is not a JSON object with an array `keys`.
    NotAKeySet,
    /// The set has more than [`MAX_KEYS`] keys.
    TooManyKeys,
    /// The document has more than [`MAX_BYTES`] bytes.
    TooLarge,
}

impl KeySetFault {
    /// The error message.
    pub fn message(self) -> &'static str {
        match self {
            Self::NotAKeySet => "it is not a JSON object with an array `keys`",
            Self::TooManyKeys => "it has more than 100 keys",
            Self::TooLarge => "it is larger than 256 kB",
        }
    }
}

/// The usable keys of one issuer, and why others were skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Jwk>,
    /// The index of each skipped key, with the reason.
    pub skipped: Vec<(usize, JwkFault)>,
}

/// The key that a token needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyQuery {
    /// The token's `kid`.
    pub kid: Option<String>,
    /// The token's algorithm, which the configuration allows.
    pub algorithm: Algorithm,
    /// Whether the configuration names the algorithm. Otherwise an RSA key without `alg` is used for RS* only. The
    /// sender of a token could else choose PS*, whose verification costs the module many times as much.
    pub written: bool,
}

/// The keys of a set that fit a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Selection<'a> {
    /// The key with the token's `kid`. Without a `kid`, the keys that fit the algorithm.
    Keys(Vec<&'a PublicKey>),
    /// The set has the `kid`, but not exactly once for this algorithm. A refetch would not help.
    Mismatch,
    /// No key fits, but a newer set may have one.
    Unknown,
}

impl KeySet {
    /// Parses a fetched document.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetFault> {
        if bytes.len() > MAX_BYTES {
            return Err(KeySetFault::TooLarge);
        }
        let document = Node::from_json(bytes).map_err(|_| KeySetFault::NotAKeySet)?;
        match document.member("keys") {
            Some(Node::List(keys)) if document.repeated_members().is_empty() => Self::from_nodes(keys),
            _ => Err(KeySetFault::NotAKeySet),
        }
    }

    /// Keeps the usable keys of `keys`.
    pub fn from_nodes(keys: &[Node]) -> Result<Self, KeySetFault> {
        if keys.len() > MAX_KEYS {
            return Err(KeySetFault::TooManyKeys);
        }
        let mut set = Self::default();
        for (place, node) in keys.iter().enumerate() {
            match Jwk::from_node(node) {
                Ok(key) => set.keys.push(key),
                Err(fault) => set.skipped.push((place, fault)),
            }
        }
        Ok(set)
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The `kid` of each usable key that has one.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|jwk| jwk.kid.as_deref())
    }

    /// The keys for a token. Exactly one must match its `kid` and algorithm. Duplicates of a key count once.
    pub fn select(&self, query: &KeyQuery) -> Selection<'_> {
        let implied = query.written || !query.algorithm.is_pss();
        let fits =
            |jwk: &&Jwk| query.algorithm.fits(&jwk.key) && jwk.algorithm.map_or(implied, |own| own == query.algorithm);
        let Some(kid) = &query.kid else {
            let keys = distinct(self.keys.iter().filter(fits));
            return if keys.is_empty() { Selection::Unknown } else { Selection::Keys(keys) };
        };
        let is_named = |jwk: &&Jwk| jwk.kid.as_ref() == Some(kid);
        let keys = distinct(self.keys.iter().filter(is_named).filter(fits));
        match keys.len() {
            1 => Selection::Keys(keys),
            0 if !self.keys.iter().any(|jwk| is_named(&jwk)) => Selection::Unknown,
            _ => Selection::Mismatch,
        }
    }
}

/// The first [`MAX_TRIED`] distinct keys. Some providers list a key twice, once for each algorithm or use.
fn distinct<'a>(jwks: impl Iterator<Item = &'a Jwk>) -> Vec<&'a PublicKey> {
    let mut keys = Vec::new();
    for jwk in jwks {
        if keys.len() < MAX_TRIED && !keys.contains(&&jwk.key) {
            keys.push(&jwk.key);
        }
    }
    keys
}

impl Jwk {
    fn from_node(node: &Node) -> Result<Self, JwkFault> {
        if !node.repeated_members().is_empty() || !matches!(node, Node::Object(_)) {
            return Err(JwkFault::Malformed);
        }
        let verifies = match node.optional("key_ops") {
            Some(Node::List(operations)) => operations.iter().any(|operation| operation.as_text() == Some("verify")),
            Some(_) => return Err(JwkFault::Malformed),
            None => true,
        };
        if !verifies || optional_text(node, "use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(JwkFault::Use);
        }
        let key = PublicKey::from_node(node)?;
        let algorithm = match optional_text(node, "alg")? {
            Some(name) => Some(Algorithm::from_name(name).filter(|own| own.fits(&key)).ok_or(JwkFault::Algorithm)?),
            None => None,
        };
        Ok(Self { kid: optional_text(node, "kid")?.map(str::to_owned), algorithm, key })
    }
}

impl PublicKey {
    /// Parses a JWK regardless of its `use`.
    pub(crate) fn from_node(node: &Node) -> Result<Self, JwkFault> {
        let kind = optional_text(node, "kty")?.ok_or(JwkFault::Malformed)?;
        let curve = optional_text(node, "crv")?.unwrap_or_default();
        let material = match (kind, Curve::from_name(curve), curve) {
            ("RSA", ..) => Material::Rsa { modulus: number(node, "n")?, exponent: number(node, "e")? },
            ("EC", Some(curve), _) => Material::Ec { curve, point: point(node, curve.size())? },
            ("OKP", _, "Ed25519") => Material::Ed25519 { point: exactly(node, "x", 32)? },
            _ => return Err(JwkFault::Type),
        };
        // A library that does not support additional primes may write `"oth": []`.
        let is_set = |name: &&str| node.optional(name).is_some_and(|value| *value != Node::List(Vec::new()));
        if PRIVATE_MEMBERS.iter().any(is_set) {
            return Err(JwkFault::Private);
        }
        if let Material::Rsa { modulus, .. } = &material
            && !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits(modulus))
        {
            return Err(JwkFault::Size);
        }
        Self::new(material).ok_or(JwkFault::Malformed)
    }
}

fn optional_text<'a>(node: &'a Node, name: &str) -> Result<Option<&'a str>, JwkFault> {
    node.optional(name).map(|value| value.as_text().ok_or(JwkFault::Malformed)).transpose()
}

/// A Base64urlUInt (RFC 7518 section 2) without leading zeros.
fn number(node: &Node, name: &str) -> Result<Vec<u8>, JwkFault> {
    let bytes = octets(node, name)?;
    Ok(bytes.iter().copied().skip_while(|byte| *byte == 0).collect())
}

/// An uncompressed point (SEC 1 section 2.3.3) from coordinates of fixed size (RFC 7518 section 6.2.1.2).
fn point(node: &Node, size: usize) -> Result<Vec<u8>, JwkFault> {
    Ok([vec![4], exactly(node, "x", size)?, exactly(node, "y", size)?].concat())
}

fn exactly(node: &Node, name: &str, size: usize) -> Result<Vec<u8>, JwkFault> {
    octets(node, name).and_then(|bytes| if bytes.len() == size { Ok(bytes) } else { Err(JwkFault::Malformed) })
}

fn octets(node: &Node, name: &str) -> Result<Vec<u8>, JwkFault> {
    let text = optional_text(node, name)?.ok_or(JwkFault::Malformed)?;
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| JwkFault::Malformed)
}
