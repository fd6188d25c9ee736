//! Where an issuer's keys are, by its own metadata: RFC 8414 (OAuth) and OpenID Connect Discovery 1.0.

use super::MAX_BYTES;
use crate::node::Node;
use crate::url::{Scheme, Url, UrlFault};

/// Why a metadata document does not say where the keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// `issuer` is missing or another, byte for byte: nothing of the document may be used (RFC 8414 section 3.3).
    Issuer,
    /// `jwks_uri` is missing or no text.
    NoJwksUri,
    /// Not one JSON object whose members differ.
    NotMetadata,
    /// `jwks_uri` is no URL that may be fetched from.
    Url(UrlFault),
    /// `jwks_uri` is `http`, while the issuer is `https`.
    Insecure,
}

impl MetadataFault {
    /// The fault in words.
    pub fn message(self) -> &'static str {
        match self {
            Self::Issuer => "its `issuer` is not the configured one, byte for byte",
            Self::NoJwksUri => "it has no `jwks_uri`",
            Self::NotMetadata => "it is no JSON object whose members differ",
            Self::Url(fault) => fault.message(),
            Self::Insecure => "its `jwks_uri` is `http`, the issuer is `https`",
        }
    }
}

/// The documents that may describe `issuer`, in the order in which they are asked for: the OAuth one, then the OpenID
/// one, its name inserted before the issuer's path (RFC 8414 sections 3.1 and 5) and appended to it (OpenID Connect
/// Discovery 1.0 section 4). Nothing if the issuer has a query, which no metadata can be found for.
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

/// The `jwks_uri` of a metadata document of `issuer`.
pub fn jwks_uri(document: &[u8], issuer: &Url) -> Result<Url, MetadataFault> {
    if document.len() > MAX_BYTES {
        return Err(MetadataFault::NotMetadata);
    }
    let node: Node = serde_json::from_slice(document).map_err(|_| MetadataFault::NotMetadata)?;
    if !matches!(node, Node::Object(_)) || !node.repeated_members().is_empty() {
        return Err(MetadataFault::NotMetadata);
    }
    if node.member("issuer").and_then(Node::as_text) != Some(issuer.as_str()) {
        return Err(MetadataFault::Issuer);
    }
    let uri = node.member("jwks_uri").and_then(Node::as_text).ok_or(MetadataFault::NoJwksUri)?;
    let uri = Url::parse(uri).map_err(MetadataFault::Url)?;
    match (issuer.scheme(), uri.scheme()) {
        (Scheme::Https, Scheme::Http) => Err(MetadataFault::Insecure),
        _ => Ok(uri),
    }
}
