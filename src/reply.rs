//! All responses of toolgate itself. Responses and challenges are rendered only here.
//!
//! Identical requests get identical bytes. Only the JSON-RPC body of a 403 contains a decision id.

mod challenge;
mod denied;

pub use denied::{Cause, Denied, DeniedElement};

use crate::bearer::BearerFault;
use crate::config::Resource;
use crate::dpop::{ProofError, ReplayFault};
use crate::json::Object;
use crate::jsonrpc::MessageFault;
use crate::mcp::{HeaderFault, OperationFault};
use crate::metadata;
use crate::reason::Reason;
use crate::sessions::SessionFault;
use crate::token::TokenError;

/// The `Retry-After` in seconds if keys are unavailable: enough for a fetch and its first pause.
const RETRY_AFTER: &str = "5";
const PROOF: &str = "A fresh proof of possession of the token's key is required for this request";
const TOKEN_NEEDED: &str = "An access token is required";
/// How long a browser may cache a preflight response, in seconds.
const PREFLIGHT_AGE: &str = "600";
/// How long metadata may be cached, in seconds.
const METADATA_AGE: &str = "max-age=300";

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body; may be empty.
    pub body: String,
    /// The reason for the response.
    pub reason: Reason,
}

/// Why a request is refused, in the order in which the checks are made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Refusal {
    /// CONNECT, `Upgrade` or `:protocol`.
    Tunnel,
    NotFound,
    ForbiddenOrigin,
    InvalidRequest(BearerFault),
    Unauthorized,
    InvalidToken(TokenError),
    /// With the nonce for the next proof.
    InvalidProof(ProofError, Option<String>),
    KeysUnavailable,
    IntrospectionUnavailable,
    /// It is unknown whether a proof was used before, or it could not be remembered.
    ProofsUnavailable(ReplayFault),
    MethodNotAllowed,
    BodyNotAllowed,
    UnsupportedMedia,
    ContentEncoding,
    /// An unreadable header, or one that disagrees with the body.
    Headers(HeaderFault, Option<String>),
    /// A session id that is not one of this caller, on a POST or another method.
    Session(SessionFault, bool),
    TooLarge,
    /// The client waits for 100 (Continue), but the headers wait for the body.
    ExpectationFailed,
    /// With the id, if it was read.
    Message(MessageFault, Option<String>),
    Operation(OperationFault, Option<String>),
    Denied(Box<Denied>),
    /// A refusal of the call with this id, told in its result.
    InBand(Box<Refusal>, String),
    /// The server's response must not be forwarded.
    BadGateway(Reason),
    /// The request waits for a body that the host does not pass on.
    Misconfigured,
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::InvalidToken(error)
    }
}

impl Refusal {
    /// The error of a refused token, if it is one.
    pub fn of_token(&self) -> Option<TokenError> {
        match self {
            Self::InvalidToken(error) => Some(*error),
            Self::InBand(refusal, _) => refusal.of_token(),
            _ => None,
        }
    }

    /// The reason in records.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Tunnel => Reason::TunnelRefused,
            Self::NotFound => Reason::NotFound,
            Self::ForbiddenOrigin => Reason::ForbiddenOrigin,
            Self::InvalidRequest(fault) => fault.reason(),
            Self::Unauthorized => Reason::NoToken,
            Self::InvalidToken(fault) => fault.reason(),
            Self::InvalidProof(fault, _) => fault.reason(),
            Self::KeysUnavailable => Reason::KeysUnavailable,
            Self::IntrospectionUnavailable => Reason::IntrospectionUnavailable,
            Self::ProofsUnavailable(ReplayFault::Full) => Reason::ProofsFull,
            Self::ProofsUnavailable(ReplayFault::Share) => Reason::ProofsShare,
            Self::ProofsUnavailable(_) => Reason::ProofsUnavailable,
            Self::MethodNotAllowed => Reason::MethodNotAllowed,
            Self::BodyNotAllowed => Reason::BodyNotAllowed,
            Self::UnsupportedMedia => Reason::UnsupportedMediaType,
            Self::ContentEncoding => Reason::UnsupportedContentEncoding,
            Self::Headers(fault, _) => fault.reason(),
            Self::Session(fault, _) => fault.reason(),
            Self::TooLarge => Reason::PayloadTooLarge,
            Self::ExpectationFailed => Reason::ExpectationFailed,
            Self::Message(fault, _) => fault.reason(),
            Self::Operation(fault, _) => fault.reason(),
            Self::Denied(denied) => denied.reason(),
            Self::InBand(refusal, _) => refusal.reason(),
            Self::BadGateway(reason) => *reason,
            Self::Misconfigured => Reason::Misconfigured,
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        match self {
            Self::InBand(..) => 200,
            Self::Tunnel | Self::InvalidRequest(_) | Self::BodyNotAllowed => 400,
            Self::Headers(..) | Self::Message(..) | Self::Operation(..) => 400,
            Self::Unauthorized | Self::InvalidToken(_) | Self::InvalidProof(..) => 401,
            Self::Denied(denied) if denied.lacks_token() || denied.sign_in().is_some() => 401,
            Self::ForbiddenOrigin | Self::Denied(_) => 403,
            Self::NotFound | Self::Session(..) => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::UnsupportedMedia | Self::ContentEncoding => 415,
            Self::ExpectationFailed => 417,
            Self::Misconfigured => 500,
            Self::BadGateway(_) => 502,
            Self::KeysUnavailable | Self::IntrospectionUnavailable | Self::ProofsUnavailable(_) => 503,
        }
    }

    /// The response. `resource` is the request's resource, `origin` a configured origin that sent it.
    pub fn render(&self, resource: Option<&Resource>, origin: Option<&str>) -> Reply {
        let mut headers =
            vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
        let challenges = resource.map(|resource| self.challenges(resource)).unwrap_or_default();
        let body = match self {
            Self::InBand(refusal, id) => refusal.result(id, &challenges),
            _ => {
                headers.extend(challenges.into_iter().map(|challenge| ("www-authenticate", challenge)));
                self.body()
            }
        };
        match self {
            Self::KeysUnavailable | Self::IntrospectionUnavailable | Self::ProofsUnavailable(_) => {
                headers.push(("retry-after", RETRY_AFTER.into()));
            }
            Self::InvalidProof(_, Some(nonce)) => headers.push(("dpop-nonce", nonce.clone())),
            Self::MethodNotAllowed => headers.push(("allow", "GET, HEAD, POST, DELETE".into())),
            _ => {}
        }
        headers.extend(origin.into_iter().flat_map(cors_headers));
        if resource.is_some_and(|resource| resource.takes_proofs) {
            let exposed = headers.iter_mut().filter(|(name, _)| *name == "access-control-expose-headers");
            exposed.for_each(|(_, names)| names.push_str(", DPoP-Nonce"));
        }
        Reply { status: self.status(), headers, body, reason: self.reason() }
    }

    fn body(&self) -> String {
        match self {
            Self::Tunnel => error("bad_request"),
            Self::NotFound => error("not_found"),
            Self::ForbiddenOrigin => error("forbidden_origin"),
            Self::InvalidRequest(_) => {
                described("invalid_request", "The request must carry one bearer token in the Authorization header")
            }
            Self::Unauthorized => unauthorized(),
            Self::InvalidToken(fault) => described("invalid_token", fault.description()),
            Self::InvalidProof(..) => described(self.proof_error(), PROOF),
            Self::KeysUnavailable | Self::IntrospectionUnavailable | Self::ProofsUnavailable(_) => {
                error("temporarily_unavailable")
            }
            Self::MethodNotAllowed => error("method_not_allowed"),
            Self::Session(_, true) => rpc_error(None, -32001, "Session not found", None),
            Self::Session(_, false) => error("session_not_found"),
            Self::TooLarge => error("payload_too_large"),
            Self::ExpectationFailed => error("expectation_failed"),
            Self::BadGateway(_) => error("bad_gateway"),
            Self::Misconfigured => error("misconfigured"),
            Self::BodyNotAllowed => rpc_error(None, -32600, "Only POST may have a body", None),
            Self::UnsupportedMedia => rpc_error(None, -32600, "The body must be application/json in UTF-8", None),
            Self::ContentEncoding => rpc_error(None, -32600, "The body must not be encoded", None),
            Self::Headers(fault, id) => rpc_error(id.as_deref(), fault.error_code(), fault.message(), None),
            Self::Message(fault, id) => rpc_error(id.as_deref(), fault.error_code(), fault.message(), None),
            Self::Operation(fault, id) => rpc_error(id.as_deref(), fault.error_code(), fault.message(), None),
            Self::Denied(denied) => denied.body(),
            Self::InBand(refusal, _) => refusal.body(),
        }
    }
}

fn error(code: &str) -> String {
    Object::new().text("error", Some(code)).finish()
}

fn unauthorized() -> String {
    described("unauthorized", TOKEN_NEEDED)
}

fn described(code: &str, description: &str) -> String {
    Object::new().text("error", Some(code)).text("error_description", Some(description)).finish()
}

/// A JSON-RPC error. The bytes of `id` are repeated unchanged.
pub fn rpc_error(id: Option<&str>, code: i32, message: &str, data: Option<&str>) -> String {
    let id = id.unwrap_or("null");
    let data = data.map(|data| format!(",\"data\":{data}")).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":\"{message}\"{data}}}}}")
}

/// The error in place of a list that must not be forwarded in a response that has started.
pub fn bad_gateway_message(id: Option<&str>) -> String {
    rpc_error(id, 502, "The server's answer could not be read", Some("{\"error\":\"bad_gateway\"}"))
}

/// The responses for the metadata document (RFC 9728 section 3.2), readable from any origin.
pub fn metadata_reply(method: &str, resource: &Resource) -> Reply {
    let any_origin = ("access-control-allow-origin", "*".to_owned());
    let json = ("content-type", "application/json".to_owned());
    match method {
        "GET" | "HEAD" => Reply {
            status: 200,
            headers: vec![json, ("cache-control", METADATA_AGE.to_owned()), any_origin],
            body: metadata::document(resource),
            reason: Reason::Metadata,
        },
        "OPTIONS" => Reply {
            status: 204,
            headers: vec![
                any_origin,
                ("access-control-allow-methods", "GET, HEAD, OPTIONS".into()),
                ("access-control-allow-headers", "authorization, content-type, mcp-protocol-version".into()),
                ("access-control-max-age", PREFLIGHT_AGE.into()),
            ],
            body: String::new(),
            reason: Reason::Metadata,
        },
        _ => Reply {
            status: 405,
            headers: vec![json, ("allow", "GET, HEAD, OPTIONS".to_owned()), any_origin],
            body: error("method_not_allowed"),
            reason: Reason::MetadataMethodNotAllowed,
        },
    }
}

/// The response to a preflight from a configured origin for `requested` headers of `resource`.
pub fn preflight_reply(resource: Option<&Resource>, origin: &str, requested: &str) -> Reply {
    let parameters = requested.split(',').map(|name| name.trim().to_ascii_lowercase());
    let token = |name: &String| name.starts_with("mcp-param-") && name.bytes().all(|b| b.is_ascii_graphic());
    let proof = Some("dpop").filter(|_| resource.is_some_and(|resource| resource.takes_proofs));
    let own = PREFLIGHT_HEADERS.into_iter().chain(proof).map(str::to_owned);
    let allowed: Vec<_> = own.chain(parameters.filter(token)).collect();
    let mut headers = vec![
        ("access-control-allow-methods", "GET, POST, DELETE".to_owned()),
        ("access-control-allow-headers", allowed.join(", ")),
        ("access-control-max-age", PREFLIGHT_AGE.to_owned()),
    ];
    headers.extend(cors_headers(origin));
    Reply { status: 204, headers, body: String::new(), reason: Reason::Preflight }
}

const PREFLIGHT_HEADERS: [&str; 8] = [
    "authorization",
    "content-type",
    "accept",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-method",
    "mcp-name",
];

/// The headers that let a page at `origin` read a response.
pub fn cors_headers(origin: &str) -> [(&'static str, String); 3] {
    [
        ("access-control-allow-origin", origin.to_owned()),
        ("vary", "Origin".to_owned()),
        ("access-control-expose-headers", "WWW-Authenticate, Mcp-Session-Id".to_owned()),
    ]
}
