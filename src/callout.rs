//! Calls to an endpoint through a cluster of the host: one request, one response.

use std::fmt;
use std::time::Duration;

use crate::uri::percent_decode;
use crate::url::Url;

/// An HTTP request to a cluster of the host.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The host's cluster for the endpoint.
    pub cluster: String,
    /// The header fields, pseudo-headers first.
    pub headers: Vec<(&'static str, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// The timeout of the call.
    pub timeout: Duration,
    /// The secrets in the request, as they are and decoded. An answer may repeat them, and no log may contain them.
    pub secrets: Vec<String>,
}

/// Omits headers and body, which contain credentials and tokens.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Request {
    /// A request without a body.
    pub fn new(method: &'static str, uri: &Url, cluster: &str, timeout: Duration) -> Self {
        let headers = vec![
            (":method", method.to_owned()),
            (":scheme", uri.scheme().as_str().to_owned()),
            (":authority", uri.authority().to_owned()),
            (":path", uri.request_target()),
        ];
        Self { cluster: cluster.to_owned(), headers, body: None, timeout, secrets: Vec::new() }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn carrying(self, body: Vec<u8>) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Notes a secret that the request contains.
    #[must_use]
    pub fn with_secret(mut self, secret: &str) -> Self {
        self.note_secret(secret);
        self
    }

    /// See [`Self::with_secret`].
    #[inline(never)]
    pub fn note_secret(&mut self, secret: &str) {
        // An endpoint may repeat it as it reads it.
        let decoded = percent_decode(secret.as_bytes());
        if decoded != secret.as_bytes() {
            self.secrets.push(String::from_utf8_lossy(&decoded).into_owned());
        }
        self.secrets.push(secret.to_owned());
    }

    /// The value of a header field, if present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// The URL of the request.
    pub fn url(&self) -> String {
        let part = |name| self.header(name).unwrap_or_default();
        format!("{}://{}{}", part(":scheme"), part(":authority"), part(":path"))
    }
}
