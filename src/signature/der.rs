//! Keys and signatures in DER (X.690), as crypto libraries expect them.

use super::{Curve, Material};

const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

/// `rsaEncryption` with its NULL (RFC 3279 section 2.3.1).
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// `id-ecPublicKey` and a named curve (RFC 5480 section 2.1.1).
const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";
/// `id-Ed25519` (RFC 8410 section 3).
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";

/// `material` as a SubjectPublicKeyInfo (RFC 5280 section 4.1).
pub fn subject_public_key_info(material: &Material) -> Vec<u8> {
    let (algorithm, key) = match material {
        Material::Ec { curve: Curve::P256, point } => (P256, point.clone()),
        Material::Ec { curve: Curve::P384, point } => (P384, point.clone()),
        Material::Ec { curve: Curve::P521, point } => (P521, point.clone()),
        Material::Ed25519 { point } => (ED25519, point.clone()),
        Material::Rsa { modulus, exponent } => {
            // RSAPublicKey, RFC 8017 appendix A.1.1
            (RSA, element(SEQUENCE, &[unsigned(modulus), unsigned(exponent)].concat()))
        }
    };
    // The first octet of a bit string is the number of unused bits in its last octet.
    let key = element(BIT_STRING, &[&[0], key.as_slice()].concat());
    element(SEQUENCE, &[element(SEQUENCE, algorithm), key].concat())
}

/// Converts an ECDSA signature of a token (r and s of fixed size, RFC 7518 section 3.4) to an ECDSA-Sig-Value (RFC 3279
/// section 2.2.3). `None` if the size is wrong, or r or s is zero, which is not a valid signature.
pub fn ecdsa_signature(curve: Curve, fixed: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = fixed.split_at_checked(curve.size()).filter(|(_, s)| s.len() == curve.size())?;
    let is_zero = |number: &[u8]| number.iter().all(|octet| *octet == 0);
    (!is_zero(r) && !is_zero(s)).then(|| element(SEQUENCE, &[unsigned(r), unsigned(s)].concat()))
}

/// A minimal INTEGER: no leading zeros except one that keeps the number positive.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let number: Vec<u8> = number.iter().copied().skip_while(|octet| *octet == 0).collect();
    let sign: &[u8] = if number.first().is_none_or(|octet| *octet >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, &number].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let size = content.len().to_be_bytes();
    let size: Vec<u8> = size.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut out = vec![tag];
    match size.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        // The long form starts with the number of length octets.
        long => {
            out.push(0x80 | long.len() as u8);
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}
