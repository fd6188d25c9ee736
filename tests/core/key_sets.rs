//! Key sets: what of a provider's answer is used, which key a token gets, and
//! the life of a set from its first fetch to its last stale minute.

use std::time::Duration;

use crate::support::core::{NOW, at_millis};
use crate::support::keys::{Key, base64url, key_set};
use serde_json::{Value, json};
use toolgate::jwks::{KeyQuery, KeySet, KeySetCache, KeySetFault, Lookup, MAX_BYTES, MAX_KEYS, Selection};
use toolgate::signature::Algorithm;
use toolgate::time::UnixTime;
use toolgate::workers::Timing;

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

/// An event of a cache, or a question to it.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A fetch starts.
    Start,
    /// It ends with these keys.
    Bring(&'static [&'static str]),
    /// It ends without.
    Fail,
    /// Time is told; whether a fetch was lost.
    Tick(bool),
    /// A token with this kid comes.
    Ask(&'static str, &'static str),
    /// Whether a fetch should start.
    Due(bool),
}

use Act::{Ask, Bring, Due, Fail, Start, Tick};

const TIMING: Timing = Timing {
    timeout: Duration::from_secs(5),
    max_age: Duration::from_secs(600),
    cooldown: Duration::from_secs(30),
    max_stale: Duration::from_secs(3600),
};

fn set_of(kids: &[&str]) -> KeySet {
    let keys: Vec<Key> = kids.iter().map(|kid| Key::ed25519().named(kid)).collect();
    parse(&key_set(&keys)).unwrap()
}

/// Lives through `story`: each line a moment in milliseconds after the start,
/// and what happens then.
fn live(name: &str, story: &[(i64, Act)]) {
    live_with(name, KeySetCache::fetched(TIMING, 0), story);
}

fn live_with(name: &str, mut cache: KeySetCache, story: &[(i64, Act)]) {
    for (line, (millis, act)) in story.iter().enumerate() {
        let now: UnixTime = at_millis(NOW * 1000 + millis);
        let place = || format!("{name}, line {line}: {act:?} at {millis} ms");
        match *act {
            Start => cache.started(now),
            Bring(kids) => cache.finished(Some(set_of(kids)), now),
            Fail => cache.finished(None, now),
            Tick(lost) => assert_eq!(cache.tick(now), lost, "{}", place()),
            Due(due) => assert_eq!(cache.is_due(now), due, "{}", place()),
            Ask(kid, expected) => {
                let kid = Some(kid).filter(|kid| !kid.is_empty());
                let found = match cache.find(&query(kid, Algorithm::EdDsa), now) {
                    Lookup::Keys(keys) => format!("{} key", keys.len()),
                    Lookup::NoKey => "401".to_owned(),
                    Lookup::Unavailable => "503".to_owned(),
                    Lookup::Wait => "wait".to_owned(),
                };
                assert_eq!(found, expected, "{}", place());
            }
        }
    }
}

#[test]
fn a_token_that_comes_before_the_first_fetch_waits_for_it() {
    live(
        "first fetch",
        &[
            (0, Due(true)),
            (0, Ask("k", "wait")),
            (0, Start),
            (0, Due(false)),
            (100, Ask("k", "wait")),
            (200, Bring(&["k"])),
            (200, Ask("k", "1 key")),
            (200, Due(false)),
        ],
    );
    live(
        "first fetch fails",
        &[
            (0, Start),
            (10, Ask("k", "wait")),
            (20, Fail),
            (30, Ask("k", "503")),
            (30, Due(false)),
            (1_019, Due(false)),
            (1_020, Due(true)),
            (1_020, Ask("k", "wait")),
            (1_020, Start),
            (1_100, Bring(&["k"])),
            (1_100, Ask("k", "1 key")),
        ],
    );
}

#[test]
fn a_set_is_refreshed_ahead_of_its_age_with_jitter() {
    // Between 80 and 90 per cent of 600 s.
    for (jitter, due_at) in [(0, 480_000), (255, 540_000)] {
        live_with(
            &format!("jitter {jitter}"),
            KeySetCache::fetched(TIMING, jitter),
            &[
                (0, Start),
                (0, Bring(&["k"])),
                (due_at - 1, Due(false)),
                (due_at, Due(true)),
                (due_at, Ask("k", "1 key")),
                (due_at, Start),
                (due_at, Due(false)),
                (due_at + 50, Ask("k", "1 key")),
                (due_at + 100, Bring(&["k2"])),
                (due_at + 100, Ask("k2", "1 key")),
                (due_at + 101, Due(false)),
            ],
        );
    }
    let due = |jitter| {
        let mut cache = KeySetCache::fetched(TIMING, jitter);
        cache.started(at_millis(NOW * 1000));
        cache.finished(Some(set_of(&["k"])), at_millis(NOW * 1000));
        (0..600).find(|second| cache.is_due(at_millis((NOW + second) * 1000))).unwrap()
    };
    let times: Vec<i64> = (0..=255).step_by(15).map(due).collect();
    assert!(times.is_sorted() && times.iter().all(|at| (480..=540).contains(at)), "{times:?}");
    assert!(times.first() < times.last(), "jitter spreads them");
}

#[test]
fn an_unknown_kid_refetches_twice_per_cooldown_and_no_more() {
    live(
        "flood of unknown kids",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x1", "wait")),
            (1_000, Due(true)),
            (1_000, Ask("x2", "wait")),
            (1_000, Start),
            (1_050, Ask("x3", "wait")),
            (1_050, Due(false)),
            (1_100, Bring(&["k"])),
            (1_100, Ask("x1", "401")),
            (1_100, Ask("x2", "401")),
            (1_100, Ask("x3", "401")),
            (1_100, Due(false)),
            (2_000, Ask("x4", "wait")),
            (2_000, Due(true)),
            (2_000, Start),
            (2_100, Bring(&["k"])),
            (2_100, Ask("x4", "401")),
            (3_000, Ask("x5", "401")),
            (3_000, Ask("x6", "401")),
            (3_000, Due(false)),
            (3_000, Ask("k", "1 key")),
            (30_999, Ask("x7", "401")),
            (31_000, Ask("x8", "wait")),
            (31_000, Start),
            (31_100, Bring(&["k", "x9"])),
            (31_100, Ask("x9", "1 key")),
            (31_200, Ask("x10", "401")),
            (32_000, Ask("x11", "wait")),
        ],
    );
}

#[test]
fn a_rotated_key_is_found_by_the_one_refetch() {
    live(
        "rotation",
        &[
            (0, Start),
            (0, Bring(&["old"])),
            (5_000, Ask("new", "wait")),
            (5_000, Start),
            (5_000, Ask("old", "1 key")),
            (5_100, Bring(&["old", "new"])),
            (5_100, Ask("new", "1 key")),
            (5_100, Ask("old", "1 key")),
        ],
    );
    live(
        "a key that leaves the set",
        &[
            (0, Start),
            (0, Bring(&["old", "new"])),
            (480_000, Start),
            (480_100, Bring(&["new"])),
            (480_100, Ask("old", "wait")),
            (480_100, Start),
            (480_200, Bring(&["new"])),
            (480_200, Ask("old", "401")),
        ],
    );
}

#[test]
fn a_kid_known_to_be_absent_is_refused_until_the_cooldown_ends() {
    live(
        "negative cache",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x", "wait")),
            (1_000, Start),
            (1_100, Bring(&["k"])),
            (1_200, Ask("x", "401")),
            (1_200, Due(false)),
            // Counted from the start of the fetch: the provider may have published before it ended.
            (30_999, Ask("x", "401")),
            (31_000, Ask("x", "wait")),
            (31_000, Due(true)),
        ],
    );
}

#[test]
fn scheduled_refreshes_do_not_use_up_the_cooldown() {
    live(
        "refresh, then two refetches",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (480_000, Start),
            (480_100, Bring(&["k"])),
            (480_200, Ask("x1", "wait")),
            (480_200, Start),
            (480_300, Bring(&["k"])),
            (480_400, Ask("x2", "wait")),
            (480_400, Start),
            (480_500, Bring(&["k"])),
            (480_600, Ask("x3", "401")),
        ],
    );
}

#[test]
fn an_unknown_kid_is_an_outage_where_the_latest_attempt_failed() {
    live(
        "refetch fails",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x", "wait")),
            (1_000, Start),
            (1_100, Fail),
            (1_100, Ask("x", "503")),
            (1_100, Ask("k", "1 key")),
            (2_099, Ask("x", "503")),
            (2_100, Ask("x", "wait")),
            (2_100, Start),
            (2_200, Fail),
            (2_200, Ask("x", "503")),
            (10_000, Ask("x", "503")),
            (10_000, Ask("k", "1 key")),
            (31_000, Ask("x", "wait")),
            (31_000, Start),
            (31_100, Bring(&["k"])),
            (31_100, Ask("x", "401")),
        ],
    );
}

#[test]
fn a_failed_refetch_is_retried_and_heals_without_another_question() {
    live(
        "the provider heals",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x", "wait")),
            (1_000, Start),
            (1_100, Fail),
            (1_500, Ask("x", "503")),
            (1_900, Due(false)),
            (2_100, Due(true)),
            (2_100, Start),
            (2_200, Bring(&["k", "x"])),
            (2_200, Ask("x", "1 key")),
        ],
    );
}

#[test]
fn failed_fetches_are_retried_with_back_off_up_to_the_cooldown() {
    // 1, 2, 4, 8, 16, then 30 s for ever.
    let mut story = vec![];
    let mut now = 0;
    for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000] {
        story.extend([(now, Due(true)), (now, Start), (now, Fail), (now, Due(false)), (now, Ask("k", "503"))]);
        story.extend([(now + pause - 1, Due(false)), (now + pause - 1, Ask("k", "503"))]);
        now += pause;
    }
    story.extend([(now, Due(true)), (now, Start), (now, Bring(&["k"])), (now, Ask("k", "1 key"))]);
    story.extend([
        (now + 480_000, Due(true)),
        (now + 480_000, Start),
        (now + 480_000, Fail),
        (now + 481_000, Due(true)),
    ]);
    live("provider down", &story);
}

#[test]
fn a_last_good_set_serves_until_max_stale_while_fetches_fail() {
    live(
        "stale",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (480_000, Start),
            (480_100, Fail),
            (600_001, Ask("k", "1 key")),
            (700_000, Start),
            (700_100, Fail),
            (700_200, Ask("k", "1 key")),
            (4_199_999, Ask("k", "1 key")),
            (4_199_999, Start),
            (4_199_999, Fail),
            (4_200_000, Ask("k", "503")),
            (4_229_999, Due(true)),
            (4_229_999, Ask("k", "wait")),
            (4_229_999, Start),
            (4_230_000, Bring(&["k"])),
            (4_230_000, Ask("k", "1 key")),
        ],
    );
}

#[test]
fn a_clock_set_back_never_makes_a_set_younger() {
    live(
        "set back beyond the fetch",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (-1, Ask("k", "wait")),
            (-1, Due(true)),
            (-1, Start),
            (100, Bring(&["k"])),
            (100, Ask("k", "1 key")),
        ],
    );
    live(
        "set back within a cooldown",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (100_000, Ask("x", "wait")),
            (100_000, Start),
            (100_000, Bring(&["k"])),
            (100_000, Ask("x", "401")),
            (-500_000, Ask("x", "wait")),
            (-500_000, Start),
            (-500_000, Bring(&["k"])),
            (-500_000, Ask("k", "1 key")),
            (-499_000, Ask("y", "wait")),
        ],
    );
    live("set back within a back-off", &[(0, Start), (0, Fail), (0, Due(false)), (-60_000, Due(true))]);
    live(
        "set forward by a day",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (86_400_000, Due(true)),
            (86_400_000, Ask("k", "wait")),
            (86_400_000, Start),
            (86_400_000, Fail),
            (86_400_000, Ask("k", "503")),
        ],
    );
}

#[test]
fn a_fetch_that_is_never_answered_is_given_up() {
    live(
        "lost",
        &[
            (0, Start),
            (6_999, Tick(false)),
            (6_999, Ask("k", "wait")),
            (7_000, Tick(true)),
            (7_000, Tick(false)),
            (7_000, Ask("k", "503")),
            (7_999, Due(false)),
            (8_000, Ask("k", "wait")),
            (8_000, Due(true)),
            (8_000, Start),
            (8_100, Bring(&["k"])),
            (20_000, Tick(false)),
            (20_000, Ask("k", "1 key")),
        ],
    );
    live("lost with a clock set back", &[(0, Start), (-10_000, Tick(true)), (-9_001, Due(false)), (-9_000, Due(true))]);
    live("nothing under way", &[(0, Tick(false)), (1_000_000, Tick(false))]);
}

#[test]
fn a_fixed_set_is_never_fetched() {
    live_with(
        "fixed",
        KeySetCache::fixed(set_of(&["k"])),
        &[
            (0, Due(false)),
            (0, Ask("k", "1 key")),
            (0, Ask("x", "401")),
            (0, Ask("", "1 key")),
            (0, Due(false)),
            (99_999_999, Tick(false)),
            (99_999_999, Ask("k", "1 key")),
            (-99_999_999, Ask("k", "1 key")),
            (99_999_999, Due(false)),
        ],
    );
}

#[test]
fn a_flood_of_random_kids_costs_the_provider_two_fetches_and_no_memory() {
    let mut cache = KeySetCache::fetched(TIMING, 0);
    let now = |millis: i64| at_millis(NOW * 1000 + millis);
    cache.started(now(0));
    cache.finished(Some(set_of(&["k"])), now(0));
    let mut fetches = 0;
    for n in 0..20_000 {
        let millis = 1_000 + n;
        let _ = cache.find(&query(Some(&format!("random-{n}")), Algorithm::EdDsa), now(millis));
        if cache.is_due(now(millis)) {
            fetches += 1;
            cache.started(now(millis));
            cache.finished(Some(set_of(&["k"])), now(millis));
        }
    }
    assert_eq!(fetches, 2, "in 20 s of a cooldown of 30 s");
    assert!(format!("{cache:?}").len() < 100_000, "what is remembered is bounded");
}

#[test]
fn the_age_of_a_set_is_never_negative() {
    let mut cache = KeySetCache::fetched(TIMING, 0);
    let now = |millis: i64| at_millis(NOW * 1000 + millis);
    assert_eq!(cache.age(now(0)), None);
    cache.started(now(0));
    cache.finished(Some(set_of(&["k"])), now(0));
    assert_eq!(cache.age(now(1_500)), Some(Duration::from_millis(1_500)));
    assert_eq!(cache.age(now(-1)), Some(Duration::ZERO));
}
