//! A request as its headers describe it, and the checks that need only the headers.

use std::cell::{Cell, OnceCell};

use super::step::HeaderEdit;
use crate::bearer::{self, NoCredentials, Scheme, SentToken};
use crate::config::{Config, Resource};
use crate::dpop::ProofError;
use crate::headers::{Headers, Single};
use crate::ids::ResourceId;
use crate::mcp::{self, HeaderFault, McpHeaders};
use crate::reply::{self, Refusal, Reply};
use crate::token::{Thumbprint, TokenError};

/// The header fields of a request, pseudo-headers included.
#[derive(Clone, Debug)]
pub struct RequestHead {
    headers: Headers,
    is_post: bool,
    is_tunnel: bool,
}

impl RequestHead {
    /// A head with these fields, in the order of the host.
    pub fn new(headers: Headers) -> Self {
        let method = headers.bytes(":method").unwrap_or_default();
        let upgrades = || headers.all("upgrade").any(|value| !value.trim_ascii().eq_ignore_ascii_case(b"h2c"));
        let is_tunnel = method == b"CONNECT" || headers.has(":protocol") || upgrades();
        Self { is_post: method == b"POST", is_tunnel, headers }
    }

    /// Whether the method is `POST`.
    pub fn is_post(&self) -> bool {
        self.is_post
    }

    /// `:method`
    pub fn method(&self) -> &str {
        if self.is_post { "POST" } else { self.headers.text(":method").unwrap_or_default() }
    }

    /// `:path`, with its query.
    #[inline]
    pub fn target(&self) -> &str {
        self.headers.text(":path").unwrap_or_default()
    }

    /// `:authority`
    #[inline]
    pub fn host(&self) -> &str {
        self.headers.text(":authority").unwrap_or_default()
    }

    /// `x-request-id`. The client may have chosen it.
    pub fn request_id(&self) -> Option<&str> {
        self.headers.text("x-request-id")
    }

    /// The trace id of a valid `traceparent` (W3C Trace Context section 3.2). The client may have chosen it.
    pub fn trace_id(&self) -> Option<&str> {
        let Single::One(value) = self.headers.single("traceparent") else { return None };
        let mut parts = std::str::from_utf8(value).ok()?.split('-');
        let [version, trace, parent, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_id = |text: &str, length: usize| is_hex(text, length) && text.bytes().any(|b| b != b'0');
        let is_valid =
            is_hex(version, 2) && version != "ff" && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2);
        // Later versions may have more parts.
        (is_valid && (version != "00" || parts.next().is_none())).then_some(trace)
    }

    /// `User-Agent`, as the client calls itself.
    pub fn user_agent(&self) -> Option<&str> {
        self.headers.text("user-agent")
    }

    /// Whether the request switches to another protocol than HTTP, which carries no messages to decide on. `Upgrade:
    /// h2c` does not count: it is ignored (RFC 9113 section 3.1).
    pub fn is_tunnel(&self) -> bool {
        self.is_tunnel
    }

    /// Whether the request declares gRPC. Envoy's local replies to it are gRPC, too.
    fn is_grpc(&self) -> bool {
        let grpc = |value: &[u8]| value.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"));
        self.headers.all("content-type").any(grpc)
    }

    /// The removal of headers that no client may set.
    pub fn scrubs(&self, config: &Config) -> Vec<HeaderEdit> {
        config.scrubbed(&self.headers).map(HeaderEdit::remove).collect()
    }

    /// The memory that the fields take, in bytes.
    pub fn weight(&self) -> usize {
        self.headers.weight()
    }

    /// `Mcp-Session-Id`
    pub fn session_id(&self) -> Option<&str> {
        self.headers.text("mcp-session-id")
    }

    fn origin(&self) -> Single<'_> {
        self.headers.single("origin")
    }

    /// The declared content length, if it is one number.
    fn declared_length(&self) -> Option<u64> {
        self.headers.text("content-length").and_then(|text| text.parse().ok())
    }
}

/// A request to a resource.
pub struct Request {
    /// The resource.
    pub resource: ResourceId,
    /// The header fields.
    pub head: RequestHead,
    /// Whether anything follows the headers.
    pub has_body: bool,
    /// The origin that asks, if it is listed.
    pub origin: Option<String>,
    /// The headers that repeat parts of the body.
    pub mcp: Result<McpHeaders, HeaderFault>,
    /// The key that the DPoP proof was verified for. A proof is single-use, but it may be checked again for this
    /// request.
    pub proven: OnceCell<Thumbprint>,
    /// Whether the request has had its turn. Its work still counts, but it does not wait again.
    pub admitted: Cell<bool>,
}

impl Request {
    /// A request to `resource`; `end`: nothing follows the headers.
    pub fn new(head: RequestHead, resource: ResourceId, end: bool, config: &Config) -> Self {
        let listed = |origin: &str| {
            let origins = config.resources.get(resource).and_then(|resource| resource.origins.as_ref());
            origins.is_some_and(|origins| origins.iter().any(|own| own == origin))
        };
        let origin = match head.origin() {
            Single::One(value) => std::str::from_utf8(value).ok().filter(|origin| listed(origin)).map(str::to_owned),
            Single::None | Single::Many => None,
        };
        let mcp = McpHeaders::read(&head.headers);
        Self { resource, head, has_body: !end, origin, mcp, proven: OnceCell::new(), admitted: Cell::new(false) }
    }

    /// The resource.
    pub fn resource<'c>(&self, config: &'c Config) -> Option<&'c Resource> {
        config.resources.get(self.resource)
    }

    /// The decisions that need no token: a refusal, or the answer to a preflight request.
    pub fn before_token(&self, tunnels: bool, config: &Config) -> Result<Option<Reply>, Refusal> {
        if tunnels {
            return Err(Refusal::Tunnel);
        }
        let browsers = self.resource(config).is_some_and(|resource| resource.origins.is_some());
        if browsers && self.head.headers.has("origin") && self.origin.is_none() {
            return Err(Refusal::ForbiddenOrigin);
        }
        let is_preflight =
            !self.has_body && self.head.headers.has("access-control-request-method") && self.head.method() == "OPTIONS";
        if let Some(origin) = self.origin.as_deref().filter(|_| is_preflight) {
            let requested = self.head.headers.text("access-control-request-headers").unwrap_or_default();
            return Ok(Some(reply::preflight_reply(self.resource(config), origin, requested)));
        }
        Ok(None)
    }

    /// The proof that the request has no credentials, if that makes its caller anonymous: some rules are public.
    pub fn anonymous(&self, config: &Config) -> Option<NoCredentials> {
        let is_mixed = self.resource(config).is_some_and(|resource| resource.policy.has_public_rules);
        if is_mixed { NoCredentials::of(&self.head.headers, self.head.target()) } else { None }
    }

    /// The token, and its authentication scheme.
    pub fn credentials(&self, config: &Config) -> Result<(Scheme, SentToken<'_>), Refusal> {
        let takes_proofs = self.resource(config).is_some_and(|resource| resource.takes_proofs);
        let target = self.head.headers.bytes(":path").unwrap_or_default();
        let sent = bearer::find(&self.head.headers, target, takes_proofs);
        let (scheme, token) = sent.map_err(Refusal::InvalidRequest)?.ok_or(Refusal::Unauthorized)?;
        if token.bytes().len() > config.limits.token {
            token.check().map_err(Refusal::InvalidRequest)?;
            return Err(Refusal::InvalidToken(TokenError::TooLong));
        }
        Ok((scheme, token))
    }

    /// The DPoP proof, if there is exactly one.
    pub fn dpop_proof(&self, config: &Config) -> Result<&str, ProofError> {
        match self.head.headers.single("dpop") {
            Single::None => Err(ProofError::Missing),
            Single::Many => Err(ProofError::Several),
            Single::One(value) => {
                let short = Some(value).filter(|value| value.len() <= config.limits.token);
                short.and_then(|value| std::str::from_utf8(value).ok()).ok_or(ProofError::Malformed)
            }
        }
    }

    /// The checks of headers that follow a valid token, in the documented order of refusals.
    pub fn after_token(&self) -> Result<(), Refusal> {
        let posts = self.head.is_post();
        if !posts && !matches!(self.head.method(), "GET" | "HEAD" | "DELETE") {
            return Err(Refusal::MethodNotAllowed);
        }
        if !posts && self.head.declared_length().is_some_and(|length| length > 0) {
            return Err(Refusal::BodyNotAllowed);
        }
        // What is JSON is no gRPC.
        let is_json = posts && self.is_json();
        if !is_json && (posts || self.head.is_grpc()) {
            return Err(Refusal::UnsupportedMedia);
        }
        if posts && self.head.headers.has_encoding() {
            return Err(Refusal::ContentEncoding);
        }
        match &self.mcp {
            Err(fault) => Err(Refusal::Headers(*fault, None)),
            // There is no body that they could repeat.
            Ok(mcp) if !posts && mcp.declare_a_message() => Err(Refusal::Headers(HeaderFault::Mismatch, None)),
            Ok(_) => Ok(()),
        }
    }

    /// The maximum size of the body. If no body is allowed, an empty one may still be framed: as chunks without data,
    /// or an empty DATA frame.
    pub fn body_limit(&self, config: &Config) -> usize {
        if self.head.is_post() { config.limits.body } else { 0 }
    }

    /// The refusal of a body over the limit.
    pub fn too_large(&self) -> Refusal {
        if self.head.is_post() { Refusal::TooLarge } else { Refusal::BodyNotAllowed }
    }

    /// Whether the declared size of the body is over the limit.
    pub fn declares_too_much(&self, config: &Config) -> bool {
        let limit = u64::try_from(config.limits.body).unwrap_or(u64::MAX);
        self.head.declared_length().is_some_and(|length| length > limit)
    }

    /// Whether the client waits for an interim response before it sends the body, and the host did not send one (RFC
    /// 9110 section 10.1.1).
    pub fn expects_to_continue(&self) -> bool {
        self.head.headers.has("expect")
    }

    /// Whether exactly one content type declares JSON in UTF-8.
    fn is_json(&self) -> bool {
        match self.head.headers.single("content-type") {
            // Nearly every client sends just this.
            Single::One(b"application/json") => true,
            Single::One(value) => std::str::from_utf8(value).is_ok_and(is_json_type),
            Single::None | Single::Many => false,
        }
    }

    /// The edits of a forwarded request: they remove forged headers and the token, add the identity, and, if the answer
    /// may hold a list, remove the headers that could make it unreadable.
    pub fn forward_edits(&self, identity: Vec<(String, String)>, may_list: bool, config: &Config) -> Vec<HeaderEdit> {
        let mut edits = self.head.scrubs(config);
        if !self.resource(config).is_some_and(|resource| resource.keep_authorization) {
            // Each edit is a host call.
            let sent = ["authorization", "dpop"].into_iter().filter(|name| self.head.headers.has(name));
            edits.extend(sent.map(|name| HeaderEdit::Remove(name.into())));
        }
        if may_list {
            let conditional = |name: &&str| matches!(*name, "accept-encoding" | "range") || name.starts_with("if-");
            edits.extend(self.head.headers.names().filter(conditional).map(HeaderEdit::remove));
        }
        let repeated = self.mcp.as_ref().is_ok_and(|mcp| mcp.is_repeated);
        for name in mcp::CHECKED.iter().filter(|_| repeated) {
            if self.head.headers.single(name) == Single::Many
                && let Some(value) = self.head.headers.text(name)
            {
                edits.push(HeaderEdit::Set((*name).to_owned(), value.to_owned()));
            }
        }
        edits.extend(identity.into_iter().map(|(name, value)| HeaderEdit::Set(name, value)));
        edits
    }
}

/// `application/json`, with no charset but UTF-8 (RFC 8259 section 8.1).
pub fn is_json_type(value: &str) -> bool {
    const JSON: &str = "application/json";
    let mut parts = value.split(';').map(str::trim_ascii);
    // Several types on one line are joined by commas.
    !value.contains(',')
        && is_utf8_type(value.as_bytes())
        && parts.next().is_some_and(|media| media.eq_ignore_ascii_case(JSON))
        && parts.all(|parameter| parameter.is_empty() || parameter.contains('='))
}

/// Whether no client can find a charset other than UTF-8 in a content type. Some clients search all of it, and some
/// accept the names `charset*` and `charset*0` (RFC 2231).
pub fn is_utf8_type(value: &[u8]) -> bool {
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) => {
            let charset = value.trim_ascii().trim_matches('"');
            name.trim_ascii() == "charset" && matches!(charset, "utf-8" | "utf8")
        }
        None => false,
    };
    let value = value.to_ascii_lowercase();
    let names_charset = |parameter: &&str| parameter.contains("charset");
    std::str::from_utf8(&value).is_ok_and(|value| value.split(';').filter(names_charset).all(is_utf8))
}
