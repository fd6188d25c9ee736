//! The issuer's keys. They sign with `ring`, not with the library that the
//! module verifies with: a misreading of a standard would have to be in both
//! to go unseen. Only ES512 `ring` does not know; published vectors watch it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p521::ecdsa::signature::Signer as _;
use ring::rand::SystemRandom;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RsaKeyPair,
};
use ring::{hmac, rsa};
use serde_json::{Value, json};

/// A key with the name it has in a set.
#[derive(Clone)]
pub struct Key {
    kid: String,
    alg: &'static str,
    /// PKCS#8 in PEM for the asymmetric ones, the secret itself otherwise.
    material: Vec<u8>,
}

impl Key {
    /// RS256, kid `rsa-a`.
    pub fn rsa_a() -> Self {
        Self::new("rsa-a", "RS256", include_str!("../keys/rsa_a.pem"))
    }

    /// RS256, kid `rsa-b`: the one after a rotation, or a stranger's.
    pub fn rsa_b() -> Self {
        Self::new("rsa-b", "RS256", include_str!("../keys/rsa_b.pem"))
    }

    /// ES256, kid `p256`.
    pub fn p256() -> Self {
        Self::new("p256", "ES256", include_str!("../keys/p256.pem"))
    }

    /// ES384, kid `p384`.
    pub fn p384() -> Self {
        Self::new("p384", "ES384", include_str!("../keys/p384.pem"))
    }

    /// ES512, kid `p521`.
    pub fn p521() -> Self {
        Self::new("p521", "ES512", include_str!("../keys/p521.pem"))
    }

    /// EdDSA, kid `ed25519`.
    pub fn ed25519() -> Self {
        Self::new("ed25519", "EdDSA", include_str!("../keys/ed25519.pem"))
    }

    /// HS256 with any secret, a published key among them.
    pub fn secret(secret: impl Into<Vec<u8>>) -> Self {
        Self { kid: "secret".into(), alg: "HS256", material: secret.into() }
    }

    /// Every asymmetric key.
    pub fn all() -> Vec<Self> {
        vec![Self::rsa_a(), Self::rsa_b(), Self::p256(), Self::p384(), Self::p521(), Self::ed25519()]
    }

    fn new(kid: &str, alg: &'static str, pem: &str) -> Self {
        Self { kid: kid.to_owned(), alg, material: pkcs8(pem) }
    }

    /// The same key under another name.
    pub fn named(self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self }
    }

    /// The same key with another algorithm of its kind, such as PS256.
    pub fn with_alg(self, alg: &'static str) -> Self {
        Self { alg, ..self }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn alg(&self) -> &str {
        self.alg
    }

    /// The public key as an issuer publishes it (RFC 7517).
    pub fn jwk(&self) -> Value {
        let mut jwk = json!({"kid": self.kid, "alg": self.alg, "use": "sig"});
        let public = match &self.alg[..2] {
            "RS" | "PS" => {
                let public = rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa().public());
                json!({"kty": "RSA", "n": base64url(public.n), "e": base64url(public.e)})
            }
            "ES" => {
                let point = self.point();
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match self.alg {
                    "ES256" => "P-256",
                    "ES384" => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            "Ed" => {
                let x = base64url(self.ed25519_pair().public_key());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x})
            }
            _ => json!({"kty": "oct", "k": base64url(&self.material)}),
        };
        let members = public.as_object().expect("an object").clone();
        jwk.as_object_mut().expect("an object").extend(members);
        jwk
    }

    /// The public RSA key in DER, which key confusion attacks use as a secret.
    pub fn rsa_public_der(&self) -> Vec<u8> {
        self.rsa().public_key().as_ref().to_vec()
    }

    /// Signs with the key's algorithm.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.alg[..2] {
            "RS" | "PS" => self.sign_rsa(message),
            "ES" if self.alg == "ES512" => {
                let signature: p521::ecdsa::Signature = self.es512().sign(message);
                signature.to_bytes().to_vec()
            }
            "ES" => {
                let signature = self.ecdsa().sign(&SystemRandom::new(), message);
                signature.expect("a signature").as_ref().to_vec()
            }
            "Ed" => self.ed25519_pair().sign(message).as_ref().to_vec(),
            _ => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &self.material);
                hmac::sign(&key, message).as_ref().to_vec()
            }
        }
    }

    fn sign_rsa(&self, message: &[u8]) -> Vec<u8> {
        let padding: &dyn signature::RsaEncoding = match self.alg {
            "RS256" => &signature::RSA_PKCS1_SHA256,
            "RS384" => &signature::RSA_PKCS1_SHA384,
            "RS512" => &signature::RSA_PKCS1_SHA512,
            "PS256" => &signature::RSA_PSS_SHA256,
            "PS384" => &signature::RSA_PSS_SHA384,
            "PS512" => &signature::RSA_PSS_SHA512,
            other => panic!("`{other}` is no algorithm of an RSA key"),
        };
        let pair = self.rsa();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(padding, &SystemRandom::new(), message, &mut signature).expect("a signature");
        signature
    }

    fn rsa(&self) -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(&self.material).expect("an RSA key")
    }

    /// x, y of a public EC key.
    fn point(&self) -> Vec<u8> {
        // Both libraries give it uncompressed: 4, x, y (SEC 1 section 2.3.3).
        match self.alg {
            "ES512" => self.es512().verifying_key().to_sec1_point(false).as_bytes()[1..].to_vec(),
            _ => self.ecdsa().public_key().as_ref()[1..].to_vec(),
        }
    }

    fn es512(&self) -> p521::ecdsa::SigningKey {
        // ECPrivateKey { version 1, privateKey of 66 octets, .. } (RFC 5915 section 3)
        let start = b"\x02\x01\x01\x04\x42";
        let at = self.material.windows(start.len()).position(|bytes| bytes == start).expect("a P-521 key");
        let secret = &self.material[at + start.len()..][..66];
        p521::ecdsa::SigningKey::from_slice(secret).expect("a P-521 key")
    }

    fn ecdsa(&self) -> EcdsaKeyPair {
        let kind = match self.alg {
            "ES256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
            "ES384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            other => panic!("`{other}` is not supported"),
        };
        EcdsaKeyPair::from_pkcs8(kind, &self.material, &SystemRandom::new()).expect("an EC key")
    }

    fn ed25519_pair(&self) -> Ed25519KeyPair {
        // Unchecked only in that openssl leaves the public half out.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.material).expect("an Ed25519 key")
    }
}

/// A key set of these keys (RFC 7517 section 5).
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Value {
    json!({"keys": keys.into_iter().map(Key::jwk).collect::<Vec<_>>()})
}

/// Keys of sizes and exponents that `ring` does not sign with, each with a good
/// token.
pub fn openssl_tokens() -> Vec<(Value, String)> {
    let rows: Vec<Value> = serde_json::from_str(include_str!("../keys/openssl_tokens.json")).expect("a list");
    let row = |row: &Value| (row["jwk"].clone(), row["token"].as_str().expect("a token").to_owned());
    rows.iter().map(row).collect()
}

/// Base64 as tokens and keys write it (RFC 7515 section 2).
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// With padding, as Kubernetes writes secrets.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn pkcs8(pem: &str) -> Vec<u8> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----").expect("a PEM header");
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----").expect("a PEM footer");
    STANDARD.decode(body.split_whitespace().collect::<String>()).expect("base64")
}

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}
