//! The input of a scenario: requests with their tokens, and the server's answers.

use serde_json::{Value, json};

use super::config;
use super::endpoint::Said;
use crate::support::keys::Key;
use crate::support::proofs::Proof;
use crate::support::tokens::{self, Token};

/// A request before it is sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub host: String,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub credential: Credential,
    /// `None`: the headers end it.
    pub body: Option<Body>,
}

/// A body as it is sent.
#[derive(Clone, Debug, Default)]
pub struct Body {
    pub pieces: Vec<Vec<u8>>,
    /// Whether its length is declared; else it comes in chunks.
    pub declared: bool,
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// The value of `Authorization`.
#[derive(Clone, Debug)]
pub enum Credential {
    None,
    /// These fields, as they are.
    Fields(Vec<Vec<u8>>),
    Bearer(Grant),
    /// With a proof of this kind.
    Dpop(Grant, Proving),
    /// An opaque token of which its endpoint says this.
    Opaque(Said),
}

/// Breaks a proof in one way. The identity function leaves it valid.
pub type Proving = fn(Proof) -> Proof;

/// A POST of this body to the endpoint, as an MCP client sends it.
pub fn post(body: impl Into<Vec<u8>>) -> Request {
    request("POST")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(body)
}

/// A JSON-RPC request with id 1.
pub fn rpc(method: &str, params: Value) -> Request {
    post(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string())
}

/// A `tools/call` with id 1.
pub fn call(tool: &str) -> Request {
    rpc("tools/call", json!({"name": tool}))
}

/// A `tools/list`.
pub fn list_tools() -> Request {
    rpc("tools/list", json!({}))
}

/// A request without a body to the endpoint.
pub fn request(method: &str) -> Request {
    Request {
        method: method.to_owned(),
        host: config::MAIN.to_owned(),
        path: "/mcp".to_owned(),
        headers: Vec::new(),
        credential: Credential::None,
        body: None,
    }
}

impl Request {
    /// To the resource of this host.
    pub fn at(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    pub fn path(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Adds a field; one that is there already stays.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    pub fn bearer(self, grant: Grant) -> Self {
        Self { credential: Credential::Bearer(grant), ..self }
    }

    /// With a proof, which is changed like this.
    pub fn dpop(self, grant: Grant, proving: Proving) -> Self {
        Self { credential: Credential::Dpop(grant, proving), ..self }
    }

    /// An opaque token of which its endpoint says this.
    pub fn opaque(self, said: Said) -> Self {
        Self { credential: Credential::Opaque(said), ..self }
    }

    /// Any `Authorization`, or several.
    pub fn authorization(self, values: &[&str]) -> Self {
        let fields = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        Self { credential: Credential::Fields(fields), ..self }
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(Body { pieces: vec![body.into()], declared: true, trailers: Vec::new() }), ..self }
    }

    /// Sends the body in chunks of at most this many bytes.
    pub fn chunks(mut self, size: usize) -> Self {
        let body = self.body.as_mut().expect("a body");
        body.pieces = body.pieces.concat().chunks(size).map(<[u8]>::to_vec).collect();
        body.declared = false;
        self
    }

    /// Ends the request in trailers.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        let body = self.body.as_mut().expect("a body");
        body.trailers.push((name.to_owned(), value.into()));
        body.declared = false;
        self
    }

    /// All bytes of the body.
    pub fn bytes(&self) -> Vec<u8> {
        self.body.iter().flat_map(|body| body.pieces.concat()).collect()
    }

    /// The fields as sent at a time, those of HTTP itself left out.
    pub fn fields(&self, now: i64) -> Vec<(String, Vec<u8>)> {
        let credentials = match &self.credential {
            Credential::None => Vec::new(),
            Credential::Fields(fields) => fields.clone(),
            Credential::Bearer(grant) => vec![format!("Bearer {}", grant.sign(now)).into_bytes()],
            Credential::Dpop(grant, proving) => {
                let (token, url) = (grant.sign(now), format!("https://{}{}", self.host, self.path));
                let proof = proving(Proof::new(Key::p256(), &url, &token, now).claim("htm", self.method.clone()));
                let fields = [("authorization", format!("DPoP {token}")), ("dpop", proof.sign())];
                let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes()));
                return self.headers.iter().cloned().chain(fields).collect();
            }
            Credential::Opaque(said) => vec![format!("Bearer {}", said.opaque(now)).into_bytes()],
        };
        let credentials = credentials.into_iter().map(|value| ("authorization".to_owned(), value));
        self.headers.iter().cloned().chain(credentials).collect()
    }
}

/// An access token, described relative to the time at which it is used.
#[derive(Clone, Debug)]
pub struct Grant {
    changes: Vec<Change>,
    key: SignedBy,
    tampered: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Claim(String, Value),
    Header(String, Value),
    Said(Said),
    /// Seconds from now.
    Time(String, i64),
    Without(String),
}

/// Who signs a token.
#[derive(Clone, Copy, Debug)]
pub enum SignedBy {
    Ed25519,
    P256,
    Rsa,
    /// A published RSA key that names no algorithm, by this one.
    AnyRsa(&'static str),
    /// A key that no issuer publishes, under a published name.
    Stranger,
    /// A key that no issuer publishes.
    Unknown,
    /// HS256 with the published RSA key as its secret.
    PublicKeyAsSecret,
    /// `alg: none`
    Nobody,
}

/// A good token with these scopes.
pub fn token(scope: &str) -> Grant {
    let grant = Grant { changes: Vec::new(), key: SignedBy::Ed25519, tampered: false };
    if scope.is_empty() { grant } else { grant.claim("scope", scope) }
}

impl Grant {
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        self.change(Change::Claim(name.to_owned(), value.into()))
    }

    /// Sets a header parameter; null leaves it out.
    pub fn header(self, name: &str, value: impl Into<Value>) -> Self {
        self.change(Change::Header(name.to_owned(), value.into()))
    }

    /// An introspection endpoint says this of it.
    pub fn said(self, said: Said) -> Self {
        self.change(Change::Said(said))
    }

    /// Sets a claim to so many seconds from now.
    pub fn time(self, name: &str, seconds: i64) -> Self {
        self.change(Change::Time(name.to_owned(), seconds))
    }

    pub fn without(self, name: &str) -> Self {
        self.change(Change::Without(name.to_owned()))
    }

    pub fn signed_by(self, key: SignedBy) -> Self {
        Self { key, ..self }
    }

    /// With another signature than the key made.
    pub fn tampered(self) -> Self {
        Self { tampered: true, ..self }
    }

    fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    pub fn sign(&self, now: i64) -> String {
        let token = Token::at(now).claim("jti", "token-1");
        let token = self.changes.iter().fold(token, |token, change| match change {
            Change::Claim(name, value) => token.claim(name, value.clone()),
            Change::Header(name, value) => token.header(name, value.clone()),
            Change::Said(said) => said.jwt(token, now),
            Change::Time(name, seconds) => token.claim(name, now + seconds),
            Change::Without(name) => token.without_claim(name),
        });
        let signed = match self.key {
            SignedBy::Ed25519 => token.sign(&Key::ed25519()),
            SignedBy::P256 => token.sign(&Key::p256()),
            SignedBy::AnyRsa(alg) => token.sign(&Key::rsa_b().named("rsa-any").with_alg(alg)),
            SignedBy::Rsa => token.sign(&Key::rsa_a()),
            SignedBy::Stranger => token.sign(&Key::rsa_b().named("rsa-a")),
            SignedBy::Unknown => token.sign(&Key::rsa_b()),
            SignedBy::PublicKeyAsSecret => token.sign(&Key::secret(Key::rsa_a().rsa_public_der()).named("rsa-a")),
            SignedBy::Nobody => return token.unsigned(),
        };
        if self.tampered { tokens::tampered(&signed) } else { signed }
    }
}

/// The answer of the server behind.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub pieces: Vec<Vec<u8>>,
    /// Whether its length is declared; else it comes in chunks.
    pub declared: bool,
    pub trailers: Vec<(String, String)>,
    /// It comes on the request's headers, before the body.
    pub early: bool,
    /// It breaks off before its end.
    pub cut: bool,
}

/// The message with which the server answers where a row says nothing else.
pub const EMPTY_RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

impl Default for Answer {
    fn default() -> Self {
        answer_json(EMPTY_RESULT)
    }
}

/// 200 with a JSON body of a declared length.
pub fn answer_json(body: impl Into<Vec<u8>>) -> Answer {
    let (declared, trailers) = (true, Vec::new());
    Answer { status: 200, headers: Vec::new(), pieces: vec![body.into()], declared, trailers, early: false, cut: false }
        .header("content-type", "application/json")
}

/// 200 with an event stream, in these pieces.
pub fn answer_events(pieces: &[&str]) -> Answer {
    let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    Answer { pieces, declared: false, ..Answer::default() }
        .without("content-type")
        .header("content-type", "text/event-stream")
}

impl Answer {
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    /// In chunks of at most this many bytes.
    pub fn chunks(self, size: usize) -> Self {
        let pieces = self.pieces.concat().chunks(size).map(<[u8]>::to_vec).collect();
        Self { pieces, declared: false, ..self }
    }

    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self.declared = false;
        self
    }

    pub fn early(self) -> Self {
        Self { early: true, ..self }
    }

    pub fn cut(self) -> Self {
        Self { cut: true, declared: false, ..self }
    }

    /// All bytes of the body.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}
