//! Verification in pure Rust, without the host.

use ecdsa::elliptic_curve::array::ArraySize;
use ecdsa::elliptic_curve::array::typenum::Unsigned as _;
use ecdsa::elliptic_curve::point::AffineCoordinates;
use ecdsa::elliptic_curve::{CurveArithmetic, FieldBytes};
use ecdsa::hazmat::verify_prehashed;
use ecdsa::{EcdsaCurve, Signature, SignatureSize};
use jwt_compact::AlgorithmSignature as _;
use jwt_compact::alg::{Ed25519, Rsa, VerifyingKey};
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use rsa::{BigUint, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Algorithm, Curve, MAX_RSA_BITS, Material, PublicKey, SignatureVerifier};

/// Verifies with the `jwt-compact` crate, and with `p384` and `p521` for curves that it does not support.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureVerifier;

impl SignatureVerifier for PureVerifier {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        if !algorithm.fits(key) {
            return false;
        }
        match key.material() {
            Material::Ec { curve: Curve::P256, point } => ecdsa::<NistP256>(point, &Sha256::digest(signed), signature),
            Material::Ec { curve: Curve::P384, point } => ecdsa::<NistP384>(point, &Sha384::digest(signed), signature),
            Material::Ec { curve: Curve::P521, point } => ecdsa::<NistP521>(point, &Sha512::digest(signed), signature),
            Material::Ed25519 { point } => {
                VerifyingKey::<Ed25519>::from_slice(point).is_ok_and(|key| by(&Ed25519, &key, signed, signature))
            }
            Material::Rsa { modulus, exponent } => rsa_scheme(algorithm)
                .zip(rsa(modulus, exponent))
                .is_some_and(|(scheme, key)| by(&scheme, &key, signed, signature)),
        }
    }
}

/// Whether the parameters are valid: the point is on the curve, or the modulus has a usable exponent.
pub fn is_sound(material: &Material) -> bool {
    match material {
        Material::Ec { curve: Curve::P256, point } => affine::<NistP256>(point).is_some(),
        Material::Ec { curve: Curve::P384, point } => affine::<NistP384>(point).is_some(),
        Material::Ec { curve: Curve::P521, point } => affine::<NistP521>(point).is_some(),
        Material::Ed25519 { point } => VerifyingKey::<Ed25519>::from_slice(point).is_ok(),
        Material::Rsa { modulus, exponent } => rsa(modulus, exponent).is_some(),
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

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<RsaPublicKey> {
    let (modulus, exponent) = (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent));
    RsaPublicKey::new_with_max_size(modulus, exponent, MAX_RSA_BITS).ok()
}

fn ecdsa<C>(point: &[u8], digest: &[u8], signature: &[u8]) -> bool
where
    C: EcdsaCurve + CurveArithmetic,
    C::AffinePoint: AffineCoordinates<FieldRepr = FieldBytes<C>>,
    SignatureSize<C>: ArraySize,
{
    affine::<C>(point)
        .zip(Signature::from_slice(signature).ok())
        .is_some_and(|(point, signature)| verify_prehashed::<C>(&point.into(), digest, &signature).is_ok())
}

/// From coordinates: support for compressed points would add square roots to the module.
fn affine<C>(point: &[u8]) -> Option<C::AffinePoint>
where
    C: CurveArithmetic,
    C::AffinePoint: AffineCoordinates<FieldRepr = FieldBytes<C>>,
{
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(C::FieldBytesSize::USIZE)?;
    C::AffinePoint::from_coordinates(x.try_into().ok()?, y.try_into().ok()?).into_option()
}
