//! Tokens, good by default and wrong in exactly the way a test asks for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::keys::{Key, base64url};

/// `iss` of a token that says nothing else.
pub const ISSUER: &str = "https://auth.example.com";
/// The environment of the tests: variables whose name begins so hold their name, often enough for a secret.
pub fn environment(name: &str) -> Option<String> {
    name.starts_with("SESSION_SECRET").then(|| name.repeat(3))
}

/// `aud` of a token that says nothing else.
pub const AUDIENCE: &str = "https://mcp.example.com/mcp";

/// An access token before it is signed (RFC 9068).
#[derive(Clone, Debug)]
pub struct Token {
    now: i64,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

impl Token {
    /// A token for `alice`, without scope, issued now and good for five
    /// minutes.
    pub fn new() -> Self {
        Self::at(now())
    }

    /// As [`Token::new`], issued at this time.
    pub fn at(now: i64) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        Self { now, header: Map::new(), claims: Map::new() }
            .typ("at+jwt")
            .claim("iss", ISSUER)
            .claim("aud", AUDIENCE)
            .claim("sub", "alice")
            .claim("client_id", "test-client")
            .claim("jti", format!("token-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
            .claim("iat", now)
            .expires_in(300)
    }

    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// One audience, or several as an array.
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    pub fn client(self, client: &str) -> Self {
        self.claim("client_id", client)
    }

    /// Space separated.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// Seconds after its issue; negative: it is expired.
    pub fn expires_in(self, seconds: i64) -> Self {
        let expiry = self.now + seconds;
        self.claim("exp", expiry)
    }

    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header parameter; `alg` and `kid` then no longer come from the
    /// key.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a header parameter out, `kid` included.
    pub fn without_header(self, name: &str) -> Self {
        self.header(name, Value::Null)
    }

    /// The signed token. The key's algorithm signs, whatever `alg` says.
    pub fn sign(&self, key: &Key) -> String {
        sign_raw(self.head(key.alg(), Some(key.kid())), self.payload(), key)
    }

    /// `alg: none` and an empty signature (RFC 7515 appendix A.5).
    pub fn unsigned(&self) -> String {
        format!("{}.{}.", base64url(self.head("none", None)), base64url(self.payload()))
    }

    /// The claims as they are signed.
    pub fn payload(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    fn head(&self, alg: &str, kid: Option<&str>) -> String {
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!(alg));
        header.insert("kid".to_owned(), json!(kid));
        header.extend(self.header.clone());
        header.retain(|_, value| !value.is_null());
        Value::Object(header).to_string()
    }
}

/// Signs any bytes: a header and a payload that need not be JSON.
pub fn sign_raw(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, key: &Key) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(payload));
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", base64url(signature))
}

/// The same token with one bit of its signature changed.
pub fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    // The first character holds six whole bits of the signature; the last may
    // hold padding, whose change a lenient decoder would not even see.
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

/// The same token with another payload under the old signature.
pub fn with_payload(token: &str, payload: impl AsRef<[u8]>) -> String {
    let parts: Vec<_> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], base64url(payload), parts[2])
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    since.as_secs().try_into().expect("a time before the year 292277026596")
}
