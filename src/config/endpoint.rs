//! The endpoints that toolgate calls, and how it authenticates there.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::url::Url;
use crate::workers::Timing;

/// An endpoint that takes audit lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkEndpoint {
    /// Its URL.
    pub uri: Url,
    /// The host's cluster that reaches it.
    pub cluster: String,
    /// How long one call may take.
    pub timeout: Duration,
}

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

/// An endpoint of a control plane.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its URL.
    pub uri: Url,
    /// The host's cluster that reaches it.
    pub cluster: String,
    /// How this resource server authenticates there (HTTP Basic).
    pub client: Option<ClientAuthentication>,
    /// The format of its documents.
    pub format: Format,
    /// When to call: every `max_age`, and after failures within the `cooldown`.
    pub timing: Timing,
}

impl Endpoint {
    /// Everything that its answers about `resource` depend on: another client may be told of another policy.
    pub fn identity<'e>(&'e self, resource: &'e str) -> [&'e str; 5] {
        let format = match self.format {
            Format::Authsec => "authsec",
            Format::Toolgate => "toolgate",
        };
        let client = self.client.as_ref().map(|client| client.id.as_str()).unwrap_or_default();
        [resource, self.uri.as_str(), &self.cluster, format, client]
    }
}

/// The format of the documents of a control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// AuthSec's `sdk-policy` and `sdk-manifest`.
    Authsec,
    /// The policy of this configuration, and the manifest of the command line.
    Toolgate,
}
