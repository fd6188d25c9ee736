//! Signatures: the pure verifier, the host's and what is between them, held to
//! vectors that nobody here made and to hosts that lie.

mod host;

use crate::support::keys::Key;
use crate::support::ring_host;
use crate::support::tokens::{tampered, with_payload};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use toolgate::jwks::{KeyQuery, KeySet, Selection};
use toolgate::signature::{
    Algorithm, Curve, Material, PublicKey, PureVerifier, SignatureVerifier, ecdsa_signature, known_answers,
    subject_public_key_info,
};

/// The key that `jwk` is, if a set would use it for `algorithm`.
fn public(jwk: &Value, algorithm: Algorithm) -> PublicKey {
    let set = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    match set.select(&KeyQuery { kid: None, algorithm, written: true }) {
        Selection::Keys(keys) => keys[0].clone(),
        other => panic!("{other:?}, {:?}", set.skipped),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Every algorithm with a key that signs with it.
fn signers() -> Vec<(Key, Algorithm)> {
    let rsa = |name| (Key::rsa_a().with_alg(name), Algorithm::from_name(name).unwrap());
    let mut all: Vec<_> = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(rsa).into();
    all.push((Key::p256(), Algorithm::Es256));
    all.push((Key::p384(), Algorithm::Es384));
    all.push((Key::p521(), Algorithm::Es512));
    all.push((Key::ed25519(), Algorithm::EdDsa));
    assert_eq!(all.iter().map(|(_, algorithm)| *algorithm).collect::<Vec<_>>(), Algorithm::ALL);
    all
}
/// RFC 7515 appendix A.2: RS256.
const RFC_7515_A2: &str = "eyJhbGciOiJSUzI1NiJ9.\
eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKB\
YNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6Bf\
I7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

fn rfc_7515_a2_key() -> Value {
    json!({
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs\
    D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZ\
    lxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB"
    })
}

/// RFC 7515 appendix A.3: ES256.
const RFC_7515_A3: &str = "eyJhbGciOiJFUzI1NiJ9.\
eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn rfc_7515_a3_key() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    })
}

/// RFC 8037 appendix A.4: Ed25519.
const RFC_8037_A4: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn rfc_8037_a4_key() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// RFC 7515 appendix A.4: ES512.
const RFC_7515_A4: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.\
AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdO\
O8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";

fn rfc_7515_a4_key() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"
    })
}

#[test]
fn the_published_vectors_verify_and_nothing_near_them_does() {
    let vectors = [
        ("RFC 7515 A.2", Algorithm::Rs256, rfc_7515_a2_key(), RFC_7515_A2),
        ("RFC 7515 A.3", Algorithm::Es256, rfc_7515_a3_key(), RFC_7515_A3),
        ("RFC 7515 A.4", Algorithm::Es512, rfc_7515_a4_key(), RFC_7515_A4),
        ("RFC 8037 A.4", Algorithm::EdDsa, rfc_8037_a4_key(), RFC_8037_A4),
    ];
    let host = ring_host::verifier();
    let verifiers: [(&str, &dyn SignatureVerifier); 2] = [("pure", &PureVerifier), ("host", &host)];
    for (name, algorithm, key, token) in vectors {
        let key = public(&key, algorithm);
        for (by, verifier) in verifiers {
            let verifies = |token: &str| {
                let (signed, signature) = token.rsplit_once('.').unwrap();
                verifier.verify(algorithm, &key, signed.as_bytes(), &decode(signature))
            };
            assert!(verifies(token), "{name} ({by})");
            assert!(!verifies(&tampered(token)), "{name} ({by}) with another signature");
            assert!(!verifies(&with_payload(token, "x")), "{name} ({by}) with another payload");
            assert!(!verifies(&format!("{token}AA")), "{name} ({by}) with more of a signature");
        }
    }
}

#[test]
fn an_algorithm_verifies_its_own_signatures_only_on_either_path() {
    let host = ring_host::verifier();
    for (key, own) in signers() {
        let (public, signature) = (public(&key.jwk(), own), key.sign(b"message"));
        for algorithm in Algorithm::ALL {
            let expected = algorithm == own;
            let pure = PureVerifier.verify(algorithm, &public, b"message", &signature);
            assert_eq!(pure, expected, "{own:?} as {algorithm:?}");
            let by_host = host.verify(algorithm, &public, b"message", &signature);
            assert_eq!(by_host, expected, "{own:?} as {algorithm:?} by the host");
        }
    }
}

#[test]
fn a_signature_that_is_none_is_refused_on_either_path() {
    let host = ring_host::verifier();
    // The order of P-256 (SEC 2 section 2.4.2).
    let order = bytes("ffffffff00000000 ffffffffffffffff bce6faada7179e84 f3b9cac2fc632551");
    let key = Key::p256();
    let good = key.sign(b"message");
    let (r, s) = good.split_at(32);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("r alone", r.to_vec()),
        ("r and s of zero", vec![0; 64]),
        ("r of zero", [&[0; 32], s].concat()),
        ("s of zero", [r, &[0; 32]].concat()),
        ("r of the order", [&order, s].concat()),
        ("s of the order", [r, &order].concat()),
        ("r and s of ones", vec![0xff; 64]),
        ("s before r", [s, r].concat()),
        ("a byte less", good[..63].to_vec()),
        ("a byte more", [&good[..], &[0]].concat()),
        ("a zero before each half", [&[0], r, &[0], s].concat()),
        ("the halves of a larger curve", [&[0; 16], r, &[0; 16], s].concat()),
        ("in DER", ecdsa_signature(Curve::P256, &good).unwrap()),
    ];
    for (name, signature) in cases {
        for key in [Key::p256(), Key::p384(), Key::p521(), Key::ed25519(), Key::rsa_a()] {
            let algorithm = Algorithm::from_name(key.alg()).unwrap();
            let public = public(&key.jwk(), algorithm);
            assert!(!PureVerifier.verify(algorithm, &public, b"message", &signature), "{name} for {algorithm:?}");
            assert!(!host.verify(algorithm, &public, b"message", &signature), "{name} for {algorithm:?} by the host");
        }
    }
}

#[test]
fn keys_are_written_as_openssl_writes_them() {
    // By `openssl pkey -in tests/keys/<key>.pem -pubout -outform DER`.
    let cases = [
        (Key::p256(), include_bytes!("../keys/p256.spki.der").as_slice()),
        (Key::p384(), include_bytes!("../keys/p384.spki.der")),
        (Key::p521(), include_bytes!("../keys/p521.spki.der")),
        (Key::ed25519(), include_bytes!("../keys/ed25519.spki.der")),
        (Key::rsa_a(), include_bytes!("../keys/rsa_a.spki.der")),
    ];
    for (key, expected) in cases {
        let public = public(&key.jwk(), Algorithm::from_name(key.alg()).unwrap());
        assert_eq!(public.spki(), expected, "{}", key.kid());
    }
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        subject_public_key_info(&Material::Rsa { modulus: modulus.into(), exponent: exponent.into() })
    };
    let start = "300d06092a864886f70d0101010500";
    let cases = [
        ("small integers", rsa(&[0x7f], &[3]), format!("301a {start} 0309 00 3006 02017f 020103")),
        ("a high bit", rsa(&[0x80], &[3]), format!("301b {start} 030a 00 3007 02020080 020103")),
        ("zeros before", rsa(&[0, 0, 0x80], &[0, 3]), format!("301b {start} 030a 00 3007 02020080 020103")),
        (
            "a length in the long form",
            rsa(&[1; 121], &[3]),
            format!("308193 {start} 038181 00 307e 0279{} 020103", "01".repeat(121)),
        ),
    ];
    for (name, der, expected) in cases {
        assert_eq!(der, bytes(&expected), "{name}");
    }
}

#[test]
fn ecdsa_signatures_are_written_with_as_few_octets_as_they_take() {
    let half = |octets: &[u8], size: usize| [vec![0; size - octets.len()], octets.to_vec()].concat();
    let fixed = |curve: Curve, r: &[u8], s: &[u8]| [half(r, curve.size()), half(s, curve.size())].concat();
    let full = |octet: u8, size: usize| vec![octet; size];
    let cases: Vec<(&str, Curve, Vec<u8>, Option<String>)> = vec![
        ("small", Curve::P256, fixed(Curve::P256, &[1], &[2]), Some("3006 020101 020102".into())),
        ("high bits", Curve::P256, fixed(Curve::P256, &[0x80], &[0xff]), Some("3008 02020080 020200ff".into())),
        ("below a high bit", Curve::P256, fixed(Curve::P256, &[0x7f], &[0x7f, 0]), Some("3007 02017f 02027f00".into())),
        (
            "full with high bits",
            Curve::P256,
            full(0xff, 64),
            Some(format!("3046 022100{0} 022100{0}", "ff".repeat(32))),
        ),
        ("full on P-384", Curve::P384, full(0xff, 96), Some(format!("3066 023100{0} 023100{0}", "ff".repeat(48)))),
        (
            "as short as the long form begins, on P-521",
            Curve::P521,
            fixed(Curve::P521, &full(1, 62), &full(1, 62)),
            Some(format!("308180 023e{0} 023e{0}", "01".repeat(62))),
        ),
        (
            "as long as the short form goes, on P-521",
            Curve::P521,
            fixed(Curve::P521, &full(1, 61), &full(1, 62)),
            Some(format!("307f 023d{} 023e{}", "01".repeat(61), "01".repeat(62))),
        ),
        (
            "full on P-521",
            Curve::P521,
            fixed(Curve::P521, &[&[1], full(0xff, 65).as_slice()].concat(), &[&[1], full(0, 65).as_slice()].concat()),
            Some(format!("308188 024201{} 024201{}", "ff".repeat(65), "00".repeat(65))),
        ),
        ("r of zero", Curve::P256, fixed(Curve::P256, &[], &[1]), None),
        ("s of zero", Curve::P256, fixed(Curve::P256, &[1], &[]), None),
        ("both of zero", Curve::P521, full(0, 132), None),
        ("nothing", Curve::P256, vec![], None),
        ("r alone", Curve::P256, full(1, 32), None),
        ("an octet less", Curve::P256, full(1, 63), None),
        ("an octet more", Curve::P256, full(1, 65), None),
        ("another curve's", Curve::P384, full(1, 64), None),
        ("a smaller curve's", Curve::P521, full(1, 96), None),
    ];
    for (name, curve, signature, expected) in cases {
        assert_eq!(ecdsa_signature(curve, &signature), expected.as_deref().map(bytes), "{name}");
    }
}

#[test]
fn each_known_answer_is_right() {
    let known = known_answers();
    let algorithms: Vec<_> = known.iter().map(|known| known.algorithm).collect();
    use Algorithm::{Es256, Es384, Es512, Rs256, Rs384, Rs512};
    assert_eq!(algorithms, [Rs256, Rs384, Rs512, Es256, Es384, Es512]);
    for known in known {
        assert!(PureVerifier.verify(known.algorithm, &known.key, known.text, &known.signature), "{known:?}");
    }
}
