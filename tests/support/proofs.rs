//! Proofs of possession as a client makes them (RFC 9449), good by default and wrong in exactly the way a test asks for.

use std::sync::atomic::{AtomicUsize, Ordering};

use ring::digest;
use serde_json::{Map, Value, json};

use super::keys::{Key, base64url};
use super::tokens::sign_raw;

/// A proof before it is signed.
#[derive(Clone)]
pub struct Proof {
    key: Key,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// The public members of a key, as a proof shows it.
pub fn public(key: &Key) -> Value {
    let mut jwk = key.jwk();
    for name in ["kid", "alg", "use"] {
        jwk.as_object_mut().expect("an object").remove(name);
    }
    jwk
}

/// The thumbprint of `key` in a token that is bound to it (RFC 7638).
pub fn thumbprint(key: &Key) -> String {
    // Members are sorted, as the standard wants it.
    base64url(digest::digest(&digest::SHA256, public(key).to_string().as_bytes()))
}

/// `ath` of a proof for `token`.
pub fn token_hash(token: &str) -> String {
    base64url(digest::digest(&digest::SHA256, token.as_bytes()))
}

impl Proof {
    /// Of `key`, for a POST of `token` to `url`, made now. No two are alike.
    pub fn new(key: Key, url: &str, token: &str, now: i64) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let id = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let jwk = public(&key);
        Self { header: Map::new(), claims: Map::new(), key }
            .header("typ", "dpop+jwt")
            .header("jwk", jwk)
            .claim("jti", id)
            .claim("htm", "POST")
            .claim("htu", url)
            .claim("iat", now)
            .claim("ath", token_hash(token))
    }

    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.header.remove(name);
        self.claims.remove(name);
        self
    }

    pub fn sign(&self) -> String {
        let mut header = self.header.clone();
        header.entry("alg").or_insert(json!(self.key.alg()));
        sign_raw(Value::Object(header).to_string(), Value::Object(self.claims.clone()).to_string(), &self.key)
    }
}
