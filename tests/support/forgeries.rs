//! Tokens that somebody might try: of another kind, under an algorithm that
//! nobody allowed, with a signature that is none. Each fails exactly one check,
//! whose reason stands beside it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::keys::{Key, base64url};
use super::tokens::{Token, sign_raw, tampered, with_payload};

/// A token that must be refused.
pub struct Forgery {
    pub name: String,
    pub token: String,
    /// The code of the one reason.
    pub reason: &'static str,
}

type Row = (&'static str, String, &'static str);

/// The keys of the issuer that they are shown to.
pub fn keys() -> Vec<Key> {
    vec![Key::rsa_a(), Key::p256(), Key::p384(), Key::p521(), Key::ed25519()]
}

/// All of them, issued at `now`.
pub fn all(now: i64) -> Vec<Forgery> {
    let rows = [headers(now), algorithms(now), strange_keys(now), signatures(now)].concat();
    let named = rows.into_iter().map(|(name, token, reason)| Forgery { name: name.to_owned(), token, reason });
    named.chain([Key::p256(), Key::p384(), Key::p521()].iter().flat_map(|key| ecdsa(now, key))).collect()
}

fn good(now: i64) -> Token {
    Token::at(now).scope("read")
}

/// Signed by the issuer's quickest key.
fn signed(token: &Token) -> String {
    token.sign(&Key::ed25519())
}

fn split(token: &str) -> (&str, Vec<u8>) {
    let (body, signature) = token.rsplit_once('.').expect("a signature");
    (body, URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
}

/// Tokens of another kind, and headers that change what a token means.
fn headers(now: i64) -> Vec<Row> {
    let typed = |name, typ: &str| (name, signed(&good(now).typ(typ)), "type_not_allowed");
    let headed = |header: &str, value: Value| signed(&good(now).header(header, value));
    let inner = signed(&good(now));
    vec![
        typed("an ID-JAG", "oauth-id-jag+jwt"),
        typed("a DPoP proof", "dpop+jwt"),
        typed("a logout token", "logout+jwt"),
        typed("a security event", "secevent+jwt"),
        typed("an introspection answer", "token-introspection+jwt"),
        typed("a client's assertion", "client-authentication+jwt"),
        typed("a request object", "oauth-authz-req+jwt"),
        typed("an entity statement", "entity-statement+jwt"),
        typed("a verifiable credential", "vc+jwt"),
        typed("an unknown type", "x"),
        typed("an empty type", ""),
        typed("a type with a space", "at+jwt "),
        typed("a type under another prefix", "text/at+jwt"),
        typed("a type with the prefix twice", "application/application/at+jwt"),
        typed("an encrypted token's type", "JWE"),
        ("crit", headed("crit", json!(["exp"])), "critical_header"),
        ("an empty crit", headed("crit", json!([])), "critical_header"),
        ("a crit that is no list", headed("crit", json!("exp")), "critical_header"),
        ("b64: false", signed(&good(now).header("b64", false).header("crit", json!(["b64"]))), "critical_header"),
        ("b64: false that is not critical", headed("b64", json!(false)), "critical_header"),
        ("b64: true", headed("b64", json!(true)), "critical_header"),
        ("a type that is no string", headed("typ", json!(1)), "claim_malformed"),
        ("a kid that is no string", headed("kid", json!(1)), "claim_malformed"),
        (
            "a token within a token",
            sign_raw(r#"{"alg":"EdDSA","cty":"JWT","kid":"ed25519","typ":"at+jwt"}"#, inner, &Key::ed25519()),
            "token_malformed",
        ),
    ]
}

/// Algorithms that neither the configuration nor the key is for.
fn algorithms(now: i64) -> Vec<Row> {
    const REFUSED: &str = "algorithm_not_allowed";
    let rsa = Key::rsa_a();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64url(rsa.rsa_public_der()));
    let confused = |secret: Vec<u8>| good(now).header("kid", "rsa-a").sign(&Key::secret(secret));
    let modulus = URL_SAFE_NO_PAD.decode(rsa.jwk()["n"].as_str().expect("a modulus")).expect("base64url");
    let named = |alg: &str| signed(&good(now).header("alg", alg));
    let unsigned = |alg: &str| good(now).header("alg", alg).unsigned();
    let other = |kid: &str, key: Key| good(now).header("kid", kid).sign(&key);
    vec![
        ("alg: none", good(now).unsigned(), REFUSED),
        ("alg: none for a known key", good(now).header("kid", "rsa-a").unsigned(), REFUSED),
        ("alg: None", unsigned("None"), REFUSED),
        ("alg: NONE", unsigned("NONE"), REFUSED),
        ("alg: nOnE", unsigned("nOnE"), REFUSED),
        ("alg: none with a space", unsigned("none "), REFUSED),
        ("alg: none after a tab", unsigned("\tnone"), REFUSED),
        ("alg: none with a NUL", unsigned("none\0"), REFUSED),
        ("alg: n\u{14d}ne", unsigned("n\u{14d}ne"), REFUSED),
        ("alg: none with a signature", named("none"), REFUSED),
        ("alg: NONE with a signature", named("NONE"), REFUSED),
        ("an empty alg without a signature", unsigned(""), REFUSED),
        ("an empty alg", named(""), REFUSED),
        ("HS256 by the RSA public key in DER", confused(rsa.rsa_public_der()), REFUSED),
        ("HS256 by the RSA public key in PEM", confused(pem.into_bytes()), REFUSED),
        ("HS256 by the modulus", confused(modulus), REFUSED),
        ("HS256 by the JWK", confused(rsa.jwk().to_string().into_bytes()), REFUSED),
        ("HS256 by an empty secret", confused(vec![]), REFUSED),
        ("HS384", named("HS384"), REFUSED),
        ("HS512", named("HS512"), REFUSED),
        ("an encryption's algorithm", named("RSA-OAEP"), REFUSED),
        (
            "an encryption's header in three parts",
            signed(&good(now).header("alg", "dir").header("enc", "A256GCM")),
            REFUSED,
        ),
        ("an algorithm in lower case", named("eddsa"), REFUSED),
        ("an algorithm with a space", named("EdDSA "), REFUSED),
        ("Ed448", named("Ed448"), REFUSED),
        ("ES256K", named("ES256K"), REFUSED),
        ("ES521, which is no algorithm", named("ES521"), REFUSED),
        ("RS1", named("RS1"), REFUSED),
        ("a digest's name", named("SHA256"), REFUSED),
        ("no alg", signed(&good(now).without_header("alg")), "token_malformed"),
        ("an alg that is a list", signed(&good(now).header("alg", json!(["EdDSA"]))), "claim_malformed"),
        ("an alg that is a number", signed(&good(now).header("alg", 1)), "claim_malformed"),
        ("ES256 for an Ed25519 key", named("ES256"), "key_unknown"),
        ("RS256 for an Ed25519 key", named("RS256"), "key_unknown"),
        ("PS256 for a key that is for RS256", other("rsa-a", rsa.clone().with_alg("PS256")), "key_unknown"),
        ("RS512 for a key that is for RS256", other("rsa-a", rsa.with_alg("RS512")), "key_unknown"),
        ("ES384 for a P-256 key", other("p256", Key::p384()), "key_unknown"),
        ("ES512 for a P-256 key", other("p256", Key::p521()), "key_unknown"),
        ("ES256 for a P-384 key", other("p384", Key::p256()), "key_unknown"),
        ("ES512 for a P-384 key", other("p384", Key::p521()), "key_unknown"),
        ("ES384 for a P-521 key", other("p521", Key::p384()), "key_unknown"),
        ("EdDSA for a P-256 key", other("p256", Key::ed25519()), "key_unknown"),
        ("ES256 for an RSA key", other("rsa-a", Key::p256()), "key_unknown"),
    ]
}

/// Keys that the token brings itself, and names of keys that are more than
/// names.
fn strange_keys(now: i64) -> Vec<Row> {
    let stranger =
        |header: &str, value: Value| good(now).header("kid", "rsa-a").header(header, value).sign(&Key::rsa_b());
    let kid = |name, kid: &str| (name, signed(&good(now).header("kid", kid)), "key_unknown");
    let jwk = Key::rsa_b().named("rsa-a").jwk();
    vec![
        ("the kid of another key of its kind", good(now).header("kid", "rsa-a").sign(&Key::rsa_b()), "bad_signature"),
        ("a stranger's key without kid", good(now).without_header("kid").sign(&Key::rsa_b()), "bad_signature"),
        ("a key in the header", stranger("jwk", jwk.clone()), "bad_signature"),
        (
            "a key in the header, without kid",
            good(now).without_header("kid").header("jwk", jwk.clone()).sign(&Key::rsa_b()),
            "bad_signature",
        ),
        (
            "a key in the header, by its own kid",
            good(now).header("jwk", Key::rsa_b().jwk()).sign(&Key::rsa_b()),
            "key_unknown",
        ),
        ("a key set by URL", stranger("jku", json!("https://evil.example/jwks")), "bad_signature"),
        ("a key set in the header", stranger("jwks", json!({"keys": [jwk]})), "bad_signature"),
        ("a certificate in the header", stranger("x5c", json!(["MII"])), "bad_signature"),
        ("a certificate by URL", stranger("x5u", json!("https://evil.example/c")), "bad_signature"),
        ("a certificate's digest", stranger("x5t#S256", json!("x")), "bad_signature"),
        kid("a kid that nobody has", "other"),
        kid("an empty kid", ""),
        kid("a kid in upper case", "ED25519"),
        kid("a kid with a space", "ed25519 "),
        kid("a kid with a NUL", "ed25519\0"),
        kid("a kid that is a path", "../../ed25519"),
        kid("a kid that is a device", "/dev/null"),
        kid("a kid that is a URL", "https://evil.example/ed25519"),
        kid("a kid that is SQL", "x' UNION SELECT 'secret' --"),
        kid("a kid that is a command", "ed25519|id"),
        kid("a kid that is a pattern", "*"),
        kid("a kid of many characters", &"k".repeat(2000)),
    ]
}

/// Signatures that are none, or another's.
fn signatures(now: i64) -> Vec<Row> {
    let whole = signed(&good(now));
    let (body, bytes) = split(&whole);
    let with = |bytes: &[u8]| format!("{body}.{}", base64url(bytes));
    let rs = good(now).sign(&Key::rsa_a());
    let (rs_body, rs_bytes) = split(&rs);
    let rs_with = |bytes: &[u8]| format!("{rs_body}.{}", base64url(bytes));
    let other = signed(&good(now).subject("mallory"));
    let respelled = whole.replacen(body.split('.').next().expect("a header"), &base64url(SPACED), 1);
    let cases = vec![
        ("no signature", format!("{body}.")),
        ("one bit of an EdDSA signature", tampered(&whole)),
        ("an EdDSA signature that is cut short", with(&bytes[..63])),
        ("half an EdDSA signature", with(&bytes[..32])),
        ("an EdDSA signature with a byte more", with(&[&bytes[..], &[0]].concat())),
        ("an EdDSA signature twice", with(&[&bytes[..], &bytes].concat())),
        ("an EdDSA signature of zeros", with(&[0; 64])),
        ("an EdDSA signature with s beyond the order", with(&beyond_order(&bytes))),
        ("no RSA signature", rs_with(&[])),
        ("one bit of an RSA signature", tampered(&rs)),
        ("an RSA signature of zeros", rs_with(&[0; 256])),
        ("an RSA signature of one", rs_with(&[&[0; 255][..], &[1]].concat())),
        ("an RSA signature of ones", rs_with(&[0xff; 256])),
        ("an RSA signature with a zero before it", rs_with(&[&[0][..], &rs_bytes].concat())),
        ("an RSA signature with a zero after it", rs_with(&[&rs_bytes[..], &[0]].concat())),
        ("an RSA signature that is cut short", rs_with(&rs_bytes[..255])),
        ("other claims under a good signature", with_payload(&whole, good(now).subject("mallory").payload())),
        ("the signature of another token", format!("{body}.{}", other.rsplit_once('.').expect("a signature").1)),
        ("the same header spelled in another way", respelled),
    ];
    cases.into_iter().map(|(name, token)| (name, token, "bad_signature")).collect()
}

const SPACED: &str = r#"{ "alg":"EdDSA","kid":"ed25519","typ":"at+jwt"}"#;

/// Signatures that are none under an EC key.
fn ecdsa(now: i64, key: &Key) -> Vec<Forgery> {
    let whole = good(now).sign(key);
    let (body, bytes) = split(&whole);
    let (r, s) = bytes.split_at(bytes.len() / 2);
    let zero = vec![0; r.len()];
    let rows = [
        ("no signature", vec![]),
        ("one bit", split(&tampered(&whole)).1),
        ("in DER", der(r, s)),
        ("r and s of zero", vec![0; bytes.len()]),
        ("r of zero", [&zero, s].concat()),
        ("s of zero", [r, &zero].concat()),
        ("r and s of ones", vec![0xff; bytes.len()]),
        ("a byte more", [&bytes[..], &[0]].concat()),
        ("a byte less", bytes[..bytes.len() - 1].to_vec()),
        ("r alone", r.to_vec()),
        ("s before r", [s, r].concat()),
        ("padded to a larger curve", [&[0; 16], r, &[0; 16], s].concat()),
    ];
    let forgery = |(name, signature): (&str, Vec<u8>)| Forgery {
        name: format!("{}: {name}", key.alg()),
        token: format!("{body}.{}", base64url(signature)),
        reason: "bad_signature",
    };
    rows.into_iter().map(forgery).collect()
}

/// An ECDSA signature as ASN.1 writes it: two integers in a sequence.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let length = |n: usize| u8::try_from(n).expect("a length of one octet");
    let integer = |bytes: &[u8]| {
        let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
        if bytes.first().is_some_and(|b| *b >= 0x80) {
            bytes.insert(0, 0);
        }
        [&[2, length(bytes.len())][..], &bytes].concat()
    };
    let content = [integer(r), integer(s)].concat();
    let long: &[u8] = if content.len() < 0x80 { &[] } else { &[0x81] };
    [&[0x30], long, &[length(content.len())], &content].concat()
}

/// The same Ed25519 signature with s grown by the order of the group, which
/// lenient verifiers take (RFC 8032 section 8.4).
fn beyond_order(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    let mut grown = signature.to_vec();
    for (octet, order) in grown[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*octet) + u16::from(order) + carry;
        (*octet, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    grown
}
