//! Discovery of an issuer's keys from its metadata: RFC 8414 (OAuth) and OpenID Connect Discovery 1.0.

use super::MAX_BYTES;
use crate::node::Node;
use crate::text::truncate;
use crate::url::{Scheme, Url, UrlFault};

/// The maximum length of a foreign `issuer` in a message.
const MAX_FOUND: usize = 200;

/// Why a metadata document is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// `issuer` differs from the configured one, or is not a string. The document must not be used (RFC 8414 section
    /// 3.3).
    Issuer(Option<String>),
    /// `jwks_uri` is missing or not a string.
    NoJwksUri,
    /// The document is not a JSON object with distinct members.
    NotMetadata,
    /// `jwks_uri` is not a usable URL.
    Url(UrlFault),
    /// `jwks_uri` is `http` although the issuer is `https`.
    Insecure,
}

impl MetadataFault {
    /// The error message. `issuer` is the configured one.
    pub fn message(&self, issuer: Option<&str>) -> String {
        let message = match self {
            Self::Issuer(Some(found)) => {
                return format!("its `issuer` is `{found}`, not `{}`", issuer.unwrap_or_default());
            }
            Self::Issuer(None) => "it has no `issuer`",
            Self::NoJwksUri => "it has no `jwks_uri`",
            Self::NotMetadata => "it is not a JSON object with distinct members",
            Self::Url(fault) => return format!("its `jwks_uri` {}", fault.message()),
            Self::Insecure => "its `jwks_uri` is `http` although the issuer is `https`",
        };
        message.to_owned()
    }
}

/// The URLs of documents that may describe `issuer`, in the order of requests: first the OAuth document, then the
/// OpenID document with its name inserted before the issuer's path (RFC 8414 sections 3.1 and 5) and appended to it
/// (OpenID Connect Discovery 1.0 section 4). `None` if the issuer has a query, because no metadata URL is defined for
/// it.
pub fn documents(issuer: &Url) -> Option<Vec<Url>> {
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    const OPENID: &str = "/.well-known/openid-configuration";
    if issuer.query().is_some() {
        return None;
    }
    let path = issuer.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut targets = vec![format!("{OAUTH}{path}"), format!("{OPENID}{path}")];
    if !path.is_empty() {
        targets.push(format!("{path}{OPENID}"));
    }
    let base = format!("{}://{}", issuer.scheme().as_str(), issuer.authority());
    targets.iter().map(|target| Url::parse(&format!("{base}{target}")).ok()).collect()
}

/// The `jwks_uri` in a metadata document of `issuer`.
pub fn jwks_uri(document: &[u8], issuer: &Url) -> Result<Url, MetadataFault> {
    if document.len() > MAX_BYTES {
        return Err(MetadataFault::NotMetadata);
    }
    let node = Node::from_json(document).map_err(|_| MetadataFault::NotMetadata)?;
    if !matches!(node, Node::Object(_)) || !node.repeated_members().is_empty() {
        return Err(MetadataFault::NotMetadata);
    }
    let found = node.member("issuer").and_then(Node::as_text);
    if found != Some(issuer.as_str()) {
        return Err(MetadataFault::Issuer(found.map(|found| truncate(found, MAX_FOUND).to_owned())));
    }
    let uri = node.member("jwks_uri").and_then(Node::as_text).ok_or(MetadataFault::NoJwksUri)?;
    let uri = Url::parse(uri).map_err(MetadataFault::Url)?;
    match (issuer.scheme(), uri.scheme()) {
        (Scheme::Https, Scheme::Http) => Err(MetadataFault::Insecure),
        _ => Ok(uri),
    }
}
