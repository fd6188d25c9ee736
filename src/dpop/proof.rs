//! A proof, checked in the order of RFC 9449 section 4.3, with the signature last.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{NonceKey, is_for};
use crate::config::Resource;
use crate::hash::sha256;
use crate::json::Object;
use crate::jwks::JwkFault;
use crate::node::Node;
use crate::reason::Reason;
use crate::signature::{Algorithm, PublicKey, SignatureVerifier};
use crate::time::UnixTime;
use crate::token::{Claims, Thumbprint, UntrustedJwt};

/// The client chooses its key, and thereby the cost of its proofs. Common RSA keys are not larger and have the exponent
/// 65537 or 3.
const MAX_BITS: usize = 4096;
const MAX_EXPONENT_BITS: usize = 17;
/// The maximum length of a `jti`, more than enough for a unique value.
const MAX_ID: usize = 256;

/// A valid proof, which may have been used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Identifies the proof.
    pub(super) mark: [u8; 9],
    /// When the proof expires.
    pub(super) until: UnixTime,
}

/// The values that a proof must match.
pub struct Expected<'a> {
    /// The key to which the token is bound.
    pub key: Thumbprint,
    /// The token.
    pub token: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The requested resource.
    pub resource: &'a Resource,
    /// The path of the request, without query.
    pub path: &'a str,
    /// How long a proof is accepted after its `iat`, and half of that before it, because clocks differ. A client whose
    /// clock differs more gets a nonce.
    pub window: Duration,
    /// The nonce key, if nonces are available.
    pub nonces: Option<NonceKey>,
    /// The current time.
    pub now: UnixTime,
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// `alg` is symmetric, `none` or unknown.
    Algorithm,
    /// The proof was used before.
    Again,
    /// `jwk` is missing or not a usable key.
    Key,
    /// The proof is not a JWT with the claims of a proof.
    Malformed,
    /// The proof is for another method.
    Method,
    /// The `DPoP` header is missing.
    Missing,
    /// The `nonce` is not accepted now.
    Nonce,
    /// The token is bound to another key.
    OtherKey,
    /// `jwk` contains the private key, which is therefore no longer secret.
    PrivateKey,
    /// There are several `DPoP` headers.
    Several,
    /// The key did not make the signature.
    Signature,
    /// The proof is too old or from the future.
    Time,
    /// The proof is for another token, or for none.
    Token,
    /// `typ` is not that of a proof.
    Type,
    /// The proof is for another URL.
    Url,
}

impl ProofError {
    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::Algorithm => Reason::DpopAlgorithm,
            Self::Again => Reason::DpopReplayed,
            Self::Key => Reason::DpopKey,
            Self::Malformed => Reason::DpopMalformed,
            Self::Method => Reason::DpopMethod,
            Self::Missing => Reason::DpopMissing,
            Self::Nonce => Reason::DpopNonce,
            Self::OtherKey => Reason::DpopOtherKey,
            Self::PrivateKey => Reason::DpopPrivateKey,
            Self::Several => Reason::DpopSeveral,
            Self::Signature => Reason::DpopSignature,
            Self::Time => Reason::DpopTime,
            Self::Token => Reason::DpopToken,
            Self::Type => Reason::DpopType,
            Self::Url => Reason::DpopUrl,
        }
    }

    /// Whether the same proof with a nonce could be accepted.
    pub fn wants_nonce(self) -> bool {
        matches!(self, Self::Nonce | Self::Time)
    }
}

impl Proof {
    /// A proof with this mark that expires at `until`.
    pub fn marked(mark: [u8; 9], until: UnixTime) -> Self {
        Self { mark, until }
    }

    /// Checks the value of a `DPoP` header. Cheap checks come first, so that an unknown key costs no signature
    /// verification.
    pub fn check(value: &str, expected: &Expected<'_>, verifier: &dyn SignatureVerifier) -> Result<Self, ProofError> {
        let jwt = UntrustedJwt::parse(value).map_err(|_| ProofError::Malformed)?;
        let (header, claims) = (jwt.claimed_header(), jwt.claimed());
        if header.asks_for_extension() {
            return Err(ProofError::Malformed);
        }
        if header.get("typ").and_then(Node::as_text) != Some("dpop+jwt") {
            return Err(ProofError::Type);
        }
        let name = header.get("alg").and_then(Node::as_text).ok_or(ProofError::Malformed)?;
        let algorithm = Algorithm::from_name(name).ok_or(ProofError::Algorithm)?;
        let [id, method, url] = ["jti", "htm", "htu"].map(|name| text(claims, name));
        let (id, method, url) = (id?, method?, url?);
        let issued_at = match claims.get("iat") {
            Some(Node::Number(number)) => number.as_f64(),
            _ => return Err(ProofError::Malformed),
        };
        if method != expected.method {
            return Err(ProofError::Method);
        }
        if !is_for(url, expected.resource, expected.path) {
            return Err(ProofError::Url);
        }
        let digest = URL_SAFE_NO_PAD.encode(sha256(&[expected.token.as_bytes()]));
        if claims.get("ath").and_then(Node::as_text) != Some(digest.as_str()) {
            return Err(ProofError::Token);
        }
        let jwk = header.get("jwk").ok_or(ProofError::Key)?;
        if thumbprint(jwk)? != expected.key {
            return Err(ProofError::OtherKey);
        }
        let key = PublicKey::from_node(jwk).map_err(|fault| match fault {
            JwkFault::Private => ProofError::PrivateKey,
            _ => ProofError::Key,
        })?;
        if key.rsa_bits().is_some_and(|(modulus, exponent)| modulus > MAX_BITS || exponent > MAX_EXPONENT_BITS) {
            return Err(ProofError::Key);
        }
        if !algorithm.fits(&key) {
            return Err(ProofError::Algorithm);
        }
        let until = taken_until(claims, issued_at, expected)?;
        if !verifier.verify(algorithm, &key, jwt.signed(), jwt.signature()) {
            return Err(ProofError::Signature);
        }
        Ok(Self::marked(mark(&expected.key, url, id), until))
    }
}

fn text<'c>(claims: &'c Claims, name: &str) -> Result<&'c str, ProofError> {
    let value = claims.get(name).and_then(Node::as_text).filter(|text| !text.is_empty());
    value.filter(|text| name != "jti" || text.len() <= MAX_ID).ok_or(ProofError::Malformed)
}

/// The proof must be recent, according to its nonce or else its own time (section 4.3, point 11).
fn taken_until(claims: &Claims, issued_at: f64, expected: &Expected<'_>) -> Result<UnixTime, ProofError> {
    if let Some(nonce) = claims.get("nonce") {
        let nonces = expected.nonces.as_ref().ok_or(ProofError::Nonce)?;
        let until = nonce.as_text().and_then(|nonce| nonces.taken_until(nonce, expected.now));
        return until.ok_or(ProofError::Nonce);
    }
    let age = expected.now.as_numeric_date() - issued_at;
    let window = expected.window.as_secs_f64();
    if !(-window / 2.0..=window).contains(&age) {
        return Err(ProofError::Time);
    }
    let left = Duration::try_from_secs_f64(window - age).map_err(|_| ProofError::Time)?;
    Ok(expected.now.plus(left))
}

/// A `jti` is unique per key and URL.
fn mark(key: &Thumbprint, url: &str, id: &str) -> [u8; 9] {
    let size = (url.len() as u64).to_be_bytes();
    let digest = sha256(&[key.octets(), &size, url.as_bytes(), id.as_bytes()]);
    digest.first_chunk().copied().unwrap_or_default()
}

/// RFC 7638: the digest of the required members, in this order and without white space.
fn thumbprint(jwk: &Node) -> Result<Thumbprint, ProofError> {
    let member = |name: &str| jwk.member(name).and_then(Node::as_text).ok_or(ProofError::Key);
    let names: &[&str] = match member("kty")? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return Err(ProofError::Key),
    };
    let mut object = Object::new();
    for name in names {
        object.text(name, Some(member(name)?));
    }
    Ok(Thumbprint::new(sha256(&[object.finish().as_bytes()])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638 section 3.1 and RFC 8037 appendix A.3.
    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let rsa = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        let ed25519 = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        for (jwk, expected) in [
            (rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        ] {
            let jwk: Node = serde_json::from_str(jwk).unwrap();
            assert_eq!(thumbprint(&jwk), Ok(Thumbprint::from_base64url(expected).unwrap()));
        }
    }
}
