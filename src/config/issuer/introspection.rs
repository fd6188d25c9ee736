//! `issuers[].introspection`: the endpoint that is asked about tokens (RFC 7662).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Environment, duration, timeout};
use crate::config::fields::{At, Fields, Findings, Zero};
use crate::url::Url;

/// An introspection endpoint (RFC 7662).
#[derive(Clone, Debug)]
pub struct Introspection {
    /// Its URL.
    pub uri: Url,
    /// The host's cluster that reaches it.
    pub cluster: String,
    /// How this resource server authenticates there.
    pub client: Option<ClientAuthentication>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long an active answer is kept, never beyond `exp`.
    pub cache_ttl: Duration,
    /// Calls under way at once, per worker.
    pub max_in_flight: usize,
}

/// Client authentication (RFC 6749 section 2.3.1). No `Debug`: it holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAuthentication {
    /// The client.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Whether both go into the body rather than into the `Authorization` header.
    pub in_body: bool,
}

impl ClientAuthentication {
    /// The `Authorization` header of HTTP Basic (RFC 7617 section 2).
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }
}

impl std::fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientAuthentication").field("id", &self.id).finish_non_exhaustive()
    }
}

pub(super) fn read(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Introspection> {
    let mut fields = at.fields(found)?;
    let uri = fields.require("uri", found).and_then(|at| at.url(found));
    let cluster = fields.require("cluster", found).and_then(|at| at.text(found)).map(str::to_owned);
    let in_body = fields.take("client_auth").and_then(|at| at.choice(&[("basic", false), ("post", true)], found));
    let client = read_client(&mut fields, in_body.unwrap_or(false), environment, found);
    let timeout = timeout(&mut fields, found);
    let cache_ttl = duration(&mut fields, "cache_ttl", 30, Zero::Allow, found);
    let max_in_flight = fields.take("max_in_flight").and_then(|at| at.whole(1, 100_000, found)).unwrap_or(64);
    fields.finish(found);
    let (uri, cluster) = uri.zip(cluster)?;
    Some(Introspection { uri, cluster, client, timeout, cache_ttl, max_in_flight })
}

/// `client_id`, and `client_secret` or `client_secret_env`, if they are given.
pub fn read_client(
    fields: &mut Fields<'_>,
    in_body: bool,
    environment: Environment<'_>,
    found: &mut Findings,
) -> Option<ClientAuthentication> {
    let id = fields.take("client_id").map(|at| at.text(found));
    let written = fields.take("client_secret").map(|at| (at.text(found).map(str::to_owned), at.path));
    let named = fields.take("client_secret_env").map(|at| {
        let name = at.text(found);
        let secret = name.and_then(|name| match environment(name).filter(|secret| !secret.is_empty()) {
            Some(secret) => Some(secret),
            None => found.fault(&at.path, format!("the variable `{name}` is not set")),
        });
        (secret, at.path)
    });
    let (secret, path) = match (written, named) {
        (Some(_), Some((_, path))) => return found.fault(&path, "has no meaning beside `client_secret`"),
        (Some(secret), None) | (None, Some(secret)) => secret,
        (None, None) => return None,
    };
    match id {
        Some(id) => Some(ClientAuthentication { id: id?.to_owned(), secret: secret?, in_body }),
        None => found.fault(&path, "needs a `client_id`"),
    }
}
