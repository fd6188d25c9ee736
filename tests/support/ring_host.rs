//! A host whose crypto library is `ring`: what a real host does with the
//! module's messages, keys and signatures in DER, natively. Like some hosts it
//! does not know everything: P-521.

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use toolgate::signature::{Algorithm, HostCrypto, HostVerifier, known_answers};

/// `verify_signature` by `ring`.
#[derive(Clone, Copy, Debug)]
pub struct RingHost;

impl HostCrypto for RingHost {
    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>> {
        let Arguments { hash, key, signature, text } = Arguments::read(arguments)?;
        let Some((kind, key)) = read_spki(key) else { return Some(failure("no key")) };
        let algorithm: &dyn VerificationAlgorithm = match (kind, hash) {
            (Kind::Rsa, "sha256") => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, "sha384") => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, "sha512") => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Kind::P256, "sha256") => &signature::ECDSA_P256_SHA256_ASN1,
            (Kind::P384, "sha384") => &signature::ECDSA_P384_SHA384_ASN1,
            _ => return Some(failure("unsupported")),
        };
        let verified = UnparsedPublicKey::new(algorithm, key).verify(text, signature);
        Some(if verified.is_ok() { SUCCESS.to_vec() } else { failure("no") })
    }
}

/// A verifier that relies on it.
pub fn verifier() -> HostVerifier<RingHost> {
    let verifier = HostVerifier::probe(RingHost, &known_answers());
    use Algorithm::{Es256, Es384, Rs256, Rs384, Rs512};
    assert_eq!(verifier.trusted(), [Rs256, Rs384, Rs512, Es256, Es384]);
    verifier
}

/// `VerifySignatureResult { result: true }`
pub const SUCCESS: &[u8] = b"\x08\x01";

/// `VerifySignatureResult { error }`
pub fn failure(error: &str) -> Vec<u8> {
    [&[0x12, u8::try_from(error.len()).expect("a short text")], error.as_bytes()].concat()
}

/// The arguments that the module sends.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments<'a> {
    pub hash: &'a str,
    pub key: &'a [u8],
    pub signature: &'a [u8],
    pub text: &'a [u8],
}

impl<'a> Arguments<'a> {
    /// Each field once, in their order.
    pub fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let [hash, key, signature, text] = [1, 2, 3, 4].map(|number| field(&mut bytes, number));
        let hash = std::str::from_utf8(hash?).ok()?;
        bytes.is_empty().then_some(Self { hash, key: key?, signature: signature?, text: text? })
    }
}

fn field<'a>(bytes: &mut &'a [u8], number: u8) -> Option<&'a [u8]> {
    let mut rest = bytes.strip_prefix(&[number << 3 | 2])?;
    let (mut length, mut shift) = (0, 0);
    while let [octet, after @ ..] = rest {
        length |= usize::from(octet & 0x7f) << shift;
        (rest, shift) = (after, shift + 7);
        if *octet < 0x80 {
            break;
        }
    }
    let (content, after) = rest.split_at_checked(length)?;
    *bytes = after;
    Some(content)
}

enum Kind {
    P256,
    P384,
    Rsa,
}

/// The key in a SubjectPublicKeyInfo as `ring` takes it: what its bit string
/// holds.
fn read_spki(der: &[u8]) -> Option<(Kind, &[u8])> {
    let (content, b"") = element(der, 0x30)? else { return None };
    let (algorithm, content) = element(content, 0x30)?;
    let (bits, b"") = element(content, 0x03)? else { return None };
    let kind = match algorithm {
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00" => Kind::Rsa,
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07" => Kind::P256,
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22" => Kind::P384,
        _ => return None,
    };
    Some((kind, bits.strip_prefix(&[0])?))
}

/// The content of the first element, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match der.strip_prefix(&[tag])? {
        [length @ 0..=0x7f, rest @ ..] => rest.split_at_checked(usize::from(*length)),
        [0x81, length, rest @ ..] => rest.split_at_checked(usize::from(*length)),
        [0x82, high, low, rest @ ..] => rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}
