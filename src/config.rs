//! The validated plugin configuration. Only the module `loader` creates a [`Config`].

mod endpoint;
mod fault;
mod issuer;
mod live;
mod resource;

pub use endpoint::{AuthenticationMethod, ClientAuthentication, ControlPlane, Endpoint, Format, Introspection};
pub use fault::Fault;
pub use issuer::{Dpop, Issuer, Validation};
pub use live::{Live, MAX_POLICY};
pub(crate) use resource::{Follows, folded_header, published, told};
pub use resource::{ForwardedHeader, IdentityValue, InBand, OnDrift, Resource, UntilSeen};

use std::time::Duration;

use crate::headers::Headers;
use crate::ids::{ById, IssuerId, ResourceId};
use crate::jwks::KeySource;
use crate::pattern::Pattern;
use crate::routes::Routes;

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The trusted issuers; at least one.
    pub issuers: ById<IssuerId, Issuer>,
    /// The protected resources; at least one.
    pub resources: ById<ResourceId, Resource>,
    /// Maps requests to resources.
    pub routes: Routes,
    /// Whether the host passes on the body while it holds the request headers.
    pub hold_request_headers: bool,
    /// The treatment of a JSON-RPC array.
    pub batches: Batches,
    /// Size and time limits.
    pub limits: Limits,
    /// Capacity of the token cache of each worker.
    pub token_cache_entries: usize,
    /// The settings for audit records.
    pub audit: Audit,
    /// The part of a decision that access logs can read.
    pub filter_state: FilterState,
    /// Headers that are removed from requests, folded as in [`Self::must_scrub`], without duplicates.
    pub(crate) scrubbed: Vec<String>,
    /// Warnings about the configuration.
    pub warnings: Vec<Fault>,
}

/// The treatment of a JSON-RPC array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batches {
    /// Each element is decided.
    AuthorizeEach,
    /// The request is refused.
    Reject,
}

/// Limits on the size of messages and the lifetime of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body: usize,
    /// Bytes of a list in a response, or of an event that may contain one.
    pub list: usize,
    /// Bytes of a token.
    pub token: usize,
    /// Nesting depth of a JSON body.
    pub depth: usize,
    /// Elements of a batch.
    pub batch: usize,
    /// The lifetime of a stream whose token has no `exp`.
    pub stream: Duration,
}

/// The settings for audit records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Which decisions are recorded.
    pub decisions: Decisions,
    /// The form of the subject.
    pub subject: SubjectForm,
    /// Whether records say what is wrong with a refused token, and what it claims.
    pub detail: bool,
    /// The endpoint that receives audit lines in addition to the log.
    pub sink: Option<Endpoint>,
    /// The recorded arguments of calls, by tool.
    pub arguments: Vec<(Pattern, Vec<Pointer>)>,
}

/// A JSON Pointer (RFC 6901) to an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The pointer as written.
    pub text: String,
    /// Its tokens.
    pub path: Vec<String>,
}

/// Which decisions are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decisions {
    /// All decisions.
    All,
    /// Denials, including those in shadow mode.
    Denied,
    /// No decisions.
    None,
}

/// The part of a decision that is put into the host's filter state. Each value is a host call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterState {
    /// All values.
    All,
    /// Whether the request was allowed.
    Decision,
    /// Nothing.
    None,
}

/// The form of a subject in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectForm {
    /// A digest, equal for equal subjects.
    Hash,
    /// The subject itself.
    Plain,
}

impl Config {
    /// The key source of each issuer.
    pub fn key_sources(&self) -> ById<IssuerId, Option<&KeySource>> {
        self.issuers.map(|issuer| issuer.keys.as_ref())
    }

    /// The issuers that `resource` trusts, in its order.
    pub fn trusted_by<'c>(&'c self, resource: &Resource) -> impl Iterator<Item = (IssuerId, &'c Issuer)> + Clone {
        resource.issuers.iter().filter_map(|id| Some((*id, self.issuers.get(*id)?)))
    }

    /// The names in `headers` that must be scrubbed.
    pub fn scrubbed<'h>(&self, headers: &'h Headers) -> impl Iterator<Item = &'h str> {
        // Fast path: if no name has an underscore, each scrubbed header can only occur under its own name.
        let there = headers.has_underscore() || self.scrubbed.iter().any(|name| headers.has(name));
        let looked_at = there.then(|| headers.names());
        looked_at.into_iter().flatten().filter(|name| self.must_scrub(name))
    }

    /// Whether `name`, ignoring case and with `_` as `-`, is a header that only toolgate may set, that overrides the
    /// method or path, or that has another spelling of a checked header. Such headers are removed from every request.
    pub fn must_scrub(&self, name: &str) -> bool {
        // A header such as `mcp_name` or `content_encoding` is not checked, but a server may read it as the one that is.
        let starts = |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| resource::folds_to(start, prefix));
        (name.contains('_') && CHECKED_PREFIXES.iter().any(starts))
            || self.scrubbed.iter().any(|folded| resource::folds_to(name, folded))
    }
}

/// How the names of headers begin that are compared with the body, or that tell how it is to be read.
pub(crate) const CHECKED_PREFIXES: [&str; 3] = ["content-", "mcp-", "transfer-"];

/// Headers that override the method or path of a request on some servers.
pub(crate) const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];
