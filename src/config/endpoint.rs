//! The endpoints that toolgate calls, and its client authentication.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::callout::Request;
use crate::url::{Url, form_encode};
use crate::workers::Timing;

/// An endpoint that toolgate calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL.
    pub uri: Url,
    /// The host's cluster for the endpoint.
    pub cluster: String,
    /// The timeout of a call.
    pub timeout: Duration,
    /// The client authentication of this resource server.
    pub client: Option<ClientAuthentication>,
}

impl Endpoint {
    /// A request without a body. Includes the credentials, unless they belong in the body.
    pub fn request(&self, method: &'static str) -> Request {
        let request = Request::new(method, &self.uri, &self.cluster, self.timeout);
        let Some(client) = &self.client else { return request };
        let request = request.with_secret(&client.secret);
        match client.authorization() {
            Some(pair) => request.with("authorization", format!("Basic {pair}")).with_secret(&pair),
            None => request,
        }
    }
}

/// Client authentication. `Debug` omits the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAuthentication {
    /// The client identifier.
    pub id: String,
    /// The client secret.
    pub secret: String,
    /// The authentication method.
    pub method: AuthenticationMethod,
}

/// Client authentication methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMethod {
    /// HTTP Basic (RFC 7617 section 2).
    Basic,
    /// HTTP Basic with form-encoded parts (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// Form fields in the body (RFC 6749 section 2.3.1).
    ClientSecretPost,
}

impl ClientAuthentication {
    /// The credentials of the `Authorization` header, if the method uses it.
    fn authorization(&self) -> Option<String> {
        let pair = match self.method {
            AuthenticationMethod::ClientSecretPost => return None,
            AuthenticationMethod::Basic => format!("{}:{}", self.id, self.secret),
            AuthenticationMethod::ClientSecretBasic => {
                let mut pair = String::new();
                form_encode(&self.id, &mut pair);
                pair.push(':');
                form_encode(&self.secret, &mut pair);
                pair
            }
        };
        Some(STANDARD.encode(pair))
    }

    /// Adds the credentials to a form, if the method uses one.
    pub(crate) fn add_to_form(&self, form: &mut String) {
        if self.method == AuthenticationMethod::ClientSecretPost {
            form.push_str("&client_id=");
            form_encode(&self.id, form);
            form.push_str("&client_secret=");
            form_encode(&self.secret, form);
        }
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuthentication").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An introspection endpoint (RFC 7662).
#[derive(Clone, Debug)]
pub struct Introspection {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How long an active response is cached, at most until `exp`.
    pub cache_ttl: Duration,
    /// The maximum number of concurrent calls per worker.
    pub max_in_flight: usize,
}

/// An endpoint of a control plane.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The format of its documents.
    pub format: Format,
    /// The pause between two calls, and the longest pause after failures.
    pub interval: Duration,
    /// How long the last document remains in force while calls fail.
    pub max_stale: Duration,
}

impl ControlPlane {
    /// The timing of the calls.
    pub fn timing(&self) -> Timing {
        let (timeout, interval) = (self.endpoint.timeout, self.interval);
        Timing { timeout, max_age: interval, cooldown: interval, max_stale: self.max_stale }
    }

    /// All properties that the document for `resource` depends on. Another client may receive another policy.
    pub fn identity<'e>(&'e self, resource: &'e str) -> [&'e str; 5] {
        let format = match self.format {
            Format::Authsec => "authsec",
            Format::Toolgate => "toolgate",
        };
        let Endpoint { uri, cluster, client, .. } = &self.endpoint;
        let client = client.as_ref().map(|client| client.id.as_str()).unwrap_or_default();
        [resource, uri.as_str(), cluster, format, client]
    }
}

/// The format of the documents of a control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// AuthSec's `sdk-policy` and `sdk-manifest`.
    Authsec,
    /// The policy format of this configuration, and the manifest format of the command line.
    Toolgate,
}
