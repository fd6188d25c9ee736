//! Key sets: what of a provider's answer is used, which key a token gets, and
//! the life of a set from its first fetch to its last stale minute.

mod refresh;

use crate::support::keys::{Key, base64url};
use serde_json::{Value, json};
use toolgate::jwks::{KeyQuery, KeySet, KeySetFault, MAX_BYTES, MAX_KEYS, Selection};
use toolgate::signature::Algorithm;

fn parse(value: &Value) -> Result<KeySet, KeySetFault> {
    KeySet::parse(value.to_string().as_bytes())
}

/// Why the only key of a set is left out, or `used`.
fn fate(key: &Value) -> &'static str {
    let set = parse(&json!({"keys": [key]})).unwrap();
    match (set.len(), set.skipped.as_slice()) {
        (1, []) => "used",
        (0, [(0, fault)]) => fault.code(),
        other => panic!("{other:?}"),
    }
}

/// `key` with a member replaced or, where `value` is null, removed.
fn with(key: &Key, name: &str, value: Value) -> Value {
    let mut jwk = key.jwk();
    let members = jwk.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    jwk
}

/// `key` as libraries serialise it that write what they do not have as `null`.
fn nulls(key: &Key) -> Value {
    let mut jwk = key.jwk();
    for name in ["kid", "use", "key_ops", "alg", "d", "p", "q", "dp", "dq", "qi", "oth", "k", "x5c"] {
        jwk[name] = Value::Null;
    }
    jwk
}

/// The point that is on no curve in these coordinates.
fn infinity(key: &Key, size: usize) -> Value {
    let mut jwk = with(key, "x", json!(base64url(vec![0; size])));
    jwk["y"] = jwk["x"].clone();
    jwk
}

/// An RSA key of this many bits. Nobody has its other half, which does not
/// matter here.
fn rsa_of(bits: usize) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    if !bits.is_multiple_of(8) {
        modulus[0] = (1 << (bits % 8)) - 1;
    }
    json!({"kty": "RSA", "n": base64url(modulus), "e": "AQAB"})
}

#[test]
fn a_key_is_used_or_left_out_for_one_reason() {
    let (rsa, ec, ed) = (Key::rsa_a(), Key::p256(), Key::ed25519());
    let (p384, p521) = (Key::p384(), Key::p521());
    let coordinate = |n: usize| json!(base64url(vec![7; n]));
    let cases: Vec<(&str, Value, &str)> = vec![
        ("RSA", rsa.jwk(), "used"),
        ("EC", ec.jwk(), "used"),
        ("EC on P-384", p384.jwk(), "used"),
        ("EC on P-521", p521.jwk(), "used"),
        ("OKP", ed.jwk(), "used"),
        ("without alg", with(&rsa, "alg", Value::Null), "used"),
        ("without use", with(&rsa, "use", Value::Null), "used"),
        ("without kid", with(&rsa, "kid", Value::Null), "used"),
        ("with members of its own", with(&rsa, "x5t#S256", json!("x")), "used"),
        ("with a certificate", with(&rsa, "x5c", json!(["MII"])), "used"),
        ("for verification", with(&rsa, "key_ops", json!(["verify"])), "used"),
        ("RSA with null for everything optional", nulls(&rsa), "used"),
        ("EC with null for everything optional", nulls(&ec), "used"),
        ("OKP with null for everything optional", nulls(&ed), "used"),
        ("RSA with no further primes", with(&rsa, "oth", json!([])), "used"),
        ("RSA with further primes", with(&rsa, "oth", json!([{"r": "AQAB"}])), "private_key"),
        ("OKP for Ed25519", with(&ed, "alg", json!("Ed25519")), "used"),
        ("EC for Ed25519", with(&ec, "alg", json!("Ed25519")), "unsupported_algorithm"),
        ("RSA for PS512", with(&rsa, "alg", json!("PS512")), "used"),
        ("RSA of 2048 bits", rsa_of(2048), "used"),
        ("RSA of 8192 bits", rsa_of(8192), "used"),
        ("RSA of 2047 bits", rsa_of(2047), "rsa_size"),
        ("RSA of 1024 bits", rsa_of(1024), "rsa_size"),
        ("RSA of 8193 bits", rsa_of(8193), "rsa_size"),
        ("RSA without a modulus", with(&rsa, "n", Value::Null), "malformed"),
        ("RSA with an empty modulus", with(&rsa, "n", json!("")), "rsa_size"),
        ("RSA with a modulus of zeros", with(&rsa, "n", json!(base64url([0; 256]))), "rsa_size"),
        (
            "RSA of 1024 bits behind zeros",
            with(&rsa, "n", json!(base64url([&[0; 128][..], &[0xff; 128]].concat()))),
            "rsa_size",
        ),
        ("RSA without an exponent", with(&rsa, "e", Value::Null), "malformed"),
        ("RSA with an exponent of 1", with(&rsa, "e", json!("AQ")), "malformed"),
        ("RSA with an exponent of 0", with(&rsa, "e", json!("AA")), "malformed"),
        ("RSA with a modulus in hex", with(&rsa, "n", json!("ab:cd")), "malformed"),
        ("RSA with a modulus that is a number", with(&rsa, "n", json!(7)), "malformed"),
        ("for encryption", with(&rsa, "use", json!("enc")), "not_for_signatures"),
        ("for an unknown use", with(&rsa, "use", json!("tls")), "not_for_signatures"),
        ("for signing alone", with(&rsa, "key_ops", json!(["sign"])), "not_for_signatures"),
        ("for nothing", with(&rsa, "key_ops", json!([])), "not_for_signatures"),
        ("RSA for encryption by its alg", with(&rsa, "alg", json!("RSA-OAEP")), "unsupported_algorithm"),
        ("RSA for RSA1_5", with(&rsa, "alg", json!("RSA1_5")), "unsupported_algorithm"),
        ("RSA for ES256", with(&rsa, "alg", json!("ES256")), "unsupported_algorithm"),
        ("RSA for HS256", with(&rsa, "alg", json!("HS256")), "unsupported_algorithm"),
        ("RSA for none", with(&rsa, "alg", json!("none")), "unsupported_algorithm"),
        ("EC for EdDSA", with(&ec, "alg", json!("EdDSA")), "unsupported_algorithm"),
        ("OKP for ES256", with(&ed, "alg", json!("ES256")), "unsupported_algorithm"),
        ("an alg that is no string", with(&rsa, "alg", json!(1)), "malformed"),
        ("a kid that is no string", with(&rsa, "kid", json!(1)), "malformed"),
        ("a use that is no string", with(&rsa, "use", json!(["sig"])), "malformed"),
        ("operations that are no list", with(&rsa, "key_ops", json!("verify")), "malformed"),
        ("a symmetric key", Key::secret("secret").jwk(), "unsupported_key_type"),
        ("a symmetric key without alg", json!({"kty": "oct", "k": "c2VjcmV0"}), "unsupported_key_type"),
        ("an unknown kind", with(&rsa, "kty", json!("LWE")), "unsupported_key_type"),
        ("a kind in lower case", with(&rsa, "kty", json!("rsa")), "unsupported_key_type"),
        ("no kind", with(&rsa, "kty", Value::Null), "malformed"),
        ("an unknown curve", with(&ec, "crv", json!("secp256k1")), "unsupported_key_type"),
        ("no curve", with(&ec, "crv", Value::Null), "unsupported_key_type"),
        ("a curve of another kind", with(&ec, "crv", json!("Ed25519")), "unsupported_key_type"),
        ("X25519, which agrees on keys", with(&ed, "crv", json!("X25519")), "unsupported_key_type"),
        ("EC without y", with(&ec, "y", Value::Null), "malformed"),
        ("EC with a short x", with(&ec, "x", coordinate(31)), "malformed"),
        ("EC with a long x", with(&ec, "x", coordinate(33)), "malformed"),
        ("EC off its curve", with(&ec, "x", coordinate(32)), "malformed"),
        ("P-384 with the coordinates of P-256", with(&ec, "crv", json!("P-384")), "malformed"),
        ("P-256 with the coordinates of P-384", with(&p384, "crv", json!("P-256")), "malformed"),
        ("P-384 with a short y", with(&p384, "y", coordinate(47)), "malformed"),
        ("P-384 with a long x", with(&p384, "x", coordinate(49)), "malformed"),
        ("P-384 off its curve", with(&p384, "x", coordinate(48)), "malformed"),
        ("P-384 for ES256", with(&p384, "alg", json!("ES256")), "unsupported_algorithm"),
        ("P-384 without alg", with(&p384, "alg", Value::Null), "used"),
        ("P-521 with a short x", with(&p521, "x", coordinate(65)), "malformed"),
        ("P-521 with a long y", with(&p521, "y", coordinate(67)), "malformed"),
        ("P-521 off its curve", with(&p521, "y", coordinate(66)), "malformed"),
        ("P-521 with x beyond the field", with(&p521, "x", json!(base64url([0xff; 66]))), "malformed"),
        ("P-521 for ES521, which is no algorithm", with(&p521, "alg", json!("ES521")), "unsupported_algorithm"),
        ("P-521 for ES384", with(&p521, "alg", json!("ES384")), "unsupported_algorithm"),
        ("a curve in lower case", with(&ec, "crv", json!("p-256")), "unsupported_key_type"),
        ("a curve by its other name", with(&ec, "crv", json!("secp256r1")), "unsupported_key_type"),
        ("Ed448", with(&ed, "crv", json!("Ed448")), "unsupported_key_type"),
        ("the point at infinity", infinity(&ec, 32), "malformed"),
        ("the point at infinity on P-384", infinity(&p384, 48), "malformed"),
        ("the point at infinity on P-521", infinity(&p521, 66), "malformed"),
        ("RSA with its private half", with(&rsa, "d", json!("AQAB")), "private_key"),
        ("RSA with a factor", with(&rsa, "p", json!("AQAB")), "private_key"),
        ("RSA with an empty private half", with(&rsa, "d", json!("")), "private_key"),
        ("EC with its private half", with(&ec, "d", coordinate(32)), "private_key"),
        ("EC on P-521 with its private half", with(&p521, "d", coordinate(66)), "private_key"),
        ("OKP with its private half", with(&ed, "d", coordinate(32)), "private_key"),
        (
            "RSA with an even modulus",
            with(&rsa, "n", json!(base64url([&[0xff; 255][..], &[0xfe]].concat()))),
            "malformed",
        ),
        ("RSA with an even exponent", with(&rsa, "e", json!("AQAA")), "malformed"),
        ("RSA with an exponent of 64 bits", with(&rsa, "e", json!(base64url([0xff; 8]))), "malformed"),
        ("RSA with an exponent of 3", with(&rsa, "e", json!("Aw")), "used"),
        ("OKP with a short x", with(&ed, "x", coordinate(31)), "malformed"),
        ("OKP that is no point", with(&ed, "x", json!(base64url([&[2][..], &[0; 31]].concat()))), "malformed"),
        ("a string", json!("key"), "malformed"),
        ("null", Value::Null, "malformed"),
        ("an array", json!([]), "malformed"),
        ("an empty object", json!({}), "malformed"),
    ];
    for (name, key, expected) in cases {
        assert_eq!(fate(&key), expected, "{name}");
    }
    let twice = format!("{{\"keys\":[{}]}}", rsa_of(2048).to_string().replacen('{', "{\"e\":\"Aw\",", 1));
    let set = KeySet::parse(twice.as_bytes()).unwrap();
    assert_eq!((set.len(), set.skipped[0].1.code()), (0, "malformed"), "a member twice");
}

#[test]
fn one_bad_key_does_not_cost_the_set() {
    let set =
        parse(&json!({"keys": [Key::secret("x").jwk(), Key::rsa_a().jwk(), 7, rsa_of(1024), Key::ed25519().jwk()]}));
    let set = set.unwrap();
    assert_eq!(set.len(), 2);
    assert_eq!(set.skipped.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 2, 3]);
}

#[test]
fn what_is_no_key_set_is_refused_whole() {
    let keys = |n: usize| json!({"keys": vec![Key::ed25519().jwk(); n]}).to_string().into_bytes();
    let padded = |size: usize| {
        let start = br#"{"keys":[],"x":""#.to_vec();
        let fill = vec![b'x'; size - start.len() - 2];
        [start, fill, b"\"}".to_vec()].concat()
    };
    let cases: Vec<(&str, Vec<u8>, Result<usize, KeySetFault>)> = vec![
        ("nothing", vec![], Err(KeySetFault::NotAKeySet)),
        ("HTML", b"<!doctype html><title>502</title>".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("a list", b"[]".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("null", b"null".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("an empty object", b"{}".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("keys that are an object", b"{\"keys\":{}}".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("keys that are null", b"{\"keys\":null}".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("keys given twice", b"{\"keys\":[],\"keys\":[]}".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("a set that is cut short", keys(1)[..40].to_vec(), Err(KeySetFault::NotAKeySet)),
        ("two sets", [keys(1), keys(1)].concat(), Err(KeySetFault::NotAKeySet)),
        ("bytes that are not UTF-8", b"{\"keys\":[],\"x\":\"\xff\"}".to_vec(), Err(KeySetFault::NotAKeySet)),
        ("an error document", br#"{"error":"server_error"}"#.to_vec(), Err(KeySetFault::NotAKeySet)),
        ("an empty set", b"{\"keys\":[]}".to_vec(), Ok(0)),
        ("a set with other members", b"{\"keys\":[],\"x\":1}".to_vec(), Ok(0)),
        ("a hundred keys", keys(MAX_KEYS), Ok(MAX_KEYS)),
        ("a key more than a hundred", keys(MAX_KEYS + 1), Err(KeySetFault::TooManyKeys)),
        ("as large as may be", padded(MAX_BYTES), Ok(0)),
        ("a byte larger", padded(MAX_BYTES + 1), Err(KeySetFault::TooLarge)),
        ("nesting without end", "[".repeat(200_000).into_bytes(), Err(KeySetFault::NotAKeySet)),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(KeySet::parse(&bytes).map(|set| set.len()), expected, "{name}");
    }
}

fn query(kid: Option<&str>, algorithm: Algorithm) -> KeyQuery {
    KeyQuery { kid: kid.map(str::to_owned), algorithm, written: false }
}

#[test]
fn exactly_one_key_must_match_a_kid() {
    let many: Vec<Value> = (0..6).map(|_| with(&Key::ed25519(), "kid", Value::Null)).collect();
    let keys = json!({"keys": [
        Key::rsa_a().jwk(),
        with(&Key::rsa_b(), "alg", Value::Null),
        Key::rsa_b().with_alg("PS512").named("pss").jwk(),
        Key::p256().jwk(),
        Key::p256().named("twin").jwk(),
        Key::p256().named("twin").jwk(),
        Key::rsa_a().named("mixed").jwk(),
        Key::ed25519().named("mixed").jwk(),
        Key::rsa_a().named("two").jwk(),
        with(&Key::rsa_b().named("two"), "alg", Value::Null),
        Key::rsa_a().named("both").jwk(),
        with(&Key::rsa_a().named("both"), "alg", Value::Null),
    ]});
    let set = parse(&keys).unwrap();
    const CASES: &[(Option<&str>, Algorithm, &str)] = &[
        (Some("rsa-a"), Algorithm::Rs256, "1"),
        (Some("rsa-a"), Algorithm::Rs384, "mismatch"),
        (Some("rsa-a"), Algorithm::Es256, "mismatch"),
        (Some("rsa-b"), Algorithm::Rs256, "1"),
        (Some("rsa-b"), Algorithm::Rs512, "1"),
        (Some("rsa-b"), Algorithm::Ps512, "mismatch"),
        (Some("pss"), Algorithm::Ps512, "1"),
        (Some("pss"), Algorithm::Rs512, "mismatch"),
        (Some("rsa-b"), Algorithm::EdDsa, "mismatch"),
        (Some("twin"), Algorithm::Es256, "1"),
        (Some("two"), Algorithm::Rs256, "mismatch"),
        (Some("two"), Algorithm::Ps256, "mismatch"),
        (Some("both"), Algorithm::Rs256, "1"),
        (Some("mixed"), Algorithm::Rs256, "1"),
        (Some("mixed"), Algorithm::EdDsa, "1"),
        (Some("mixed"), Algorithm::Es256, "mismatch"),
        (Some("RSA-A"), Algorithm::Rs256, "unknown"),
        (Some(""), Algorithm::Rs256, "unknown"),
        (Some("other"), Algorithm::Rs256, "unknown"),
        (None, Algorithm::Rs256, "2"),
        (None, Algorithm::Ps256, "unknown"),
        (None, Algorithm::Ps512, "1"),
        (None, Algorithm::EdDsa, "1"),
        (None, Algorithm::Es512, "unknown"),
    ];
    let show = |set: &KeySet, kid, algorithm| match set.select(&query(kid, algorithm)) {
        Selection::Keys(keys) => keys.len().to_string(),
        Selection::Mismatch => "mismatch".to_owned(),
        Selection::Unknown => "unknown".to_owned(),
    };
    for (kid, algorithm, expected) in CASES {
        assert_eq!(show(&set, *kid, *algorithm), *expected, "{kid:?} for {algorithm:?}");
    }
    let written = |kid: Option<&str>, algorithm| KeyQuery { written: true, ..query(kid, algorithm) };
    for (kid, algorithm, keys) in [
        (Some("rsa-b"), Algorithm::Ps512, 1),
        (None, Algorithm::Ps256, 2),
        (None, Algorithm::Ps512, 2),
        (Some("rsa-a"), Algorithm::Ps256, 0),
    ] {
        let found = match set.select(&written(kid, algorithm)) {
            Selection::Keys(keys) => keys.len(),
            Selection::Mismatch | Selection::Unknown => 0,
        };
        assert_eq!(found, keys, "{kid:?} for {algorithm:?}, which the configuration names");
    }
    let set = parse(&json!({"keys": many})).unwrap();
    assert_eq!(show(&set, None, Algorithm::EdDsa), "1", "equal keys are one");
    assert_eq!(show(&set, Some("x"), Algorithm::EdDsa), "unknown", "a key without kid is nobody's");
}
