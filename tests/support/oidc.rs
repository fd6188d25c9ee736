//! A real authorization server: npm `oidc-provider`, as `tests/oidc/server.mjs` sets it up.

use std::net::SocketAddr;

use super::client::{Client, HOST, Request};
use super::keys::Key;
use super::process::{Process, Scratch};
use super::proofs::Proof;
use super::raw::Response;
use super::tokens::{AUDIENCE, ISSUER, now};
use super::wait_for;

/// The resource for which its tokens are JWTs; for [`AUDIENCE`] they are opaque.
pub const JWT_AUDIENCE: &str = "https://jwt.example.com/mcp";

/// The running server; dropping it ends it.
pub struct Oidc {
    _process: Process,
    address: SocketAddr,
}

impl Oidc {
    pub fn start() -> Self {
        Self::start_as(ISSUER, AUDIENCE, JWT_AUDIENCE, 0)
    }

    /// As an issuer that clients reach where it says: on this port, with opaque tokens for one resource and JWTs for
    /// another.
    pub fn start_as(issuer: &str, opaque: &str, jwt: &str, port: u16) -> Self {
        let script = super::at_root("tests/oidc/server.mjs").display().to_string();
        let port = port.to_string();
        let environment = [
            ("ISSUER", issuer),
            ("OPAQUE", opaque),
            ("JWT", jwt),
            ("SCOPES", "weather:read weather:write"),
            ("PORT", &port),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let process = Process::start(Scratch::new(), &["node", &script], &environment);
        let port = wait_for("the authorization server's port", || process.output().trim().parse::<u16>().ok());
        Self { _process: process, address: ([127, 0, 0, 1], port).into() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A token for `resource`, by client credentials.
    pub fn token(&self, resource: &str, scope: &str) -> String {
        let form = format!("grant_type=client_credentials&scope={scope}&resource={resource}");
        let answer = self.post("/token", &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// A token that is bound to `key` (RFC 9449 section 5).
    pub fn bound_token(&self, resource: &str, scope: &str, key: &Key) -> String {
        let form = format!("grant_type=client_credentials&scope={scope}&resource={resource}");
        let proof = Proof::new(key.clone(), &format!("http://{HOST}/token"), "", now()).without("ath");
        let answer = Client::new(self.address).send(&form_post("/token", &form).header("dpop", proof.sign()));
        let said = answer.json();
        assert_eq!((answer.status, &said["token_type"]), (200, &"DPoP".into()), "{}", answer.text());
        said["access_token"].as_str().expect("a token").to_owned()
    }

    /// Revokes a token (RFC 7009).
    pub fn revoke(&self, token: &str) {
        let answer = self.post("/token/revocation", &format!("token={token}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    fn post(&self, path: &str, form: &str) -> Response {
        Client::new(self.address).send(&form_post(path, form))
    }
}

/// A form with the credentials of the client `caller`.
pub fn form_post(path: &str, form: &str) -> Request {
    Request::new("POST", path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", "Basic Y2FsbGVyOmNhbGxlci1zM2NyZXQ=")
        .body(form)
}
