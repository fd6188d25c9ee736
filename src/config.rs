//! The plugin configuration, checked. Only the module `loader` makes a [`Config`].

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
pub use resource::{ForwardedHeader, IdentityValue, OnDrift, Resource, UntilSeen};

use std::time::Duration;

use crate::headers::Headers;
use crate::jwks::KeySource;
use crate::routes::Routes;

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// At least one.
    pub issuers: Vec<Issuer>,
    /// At least one.
    pub resources: Vec<Resource>,
    /// Where each request belongs.
    pub routes: Routes,
    /// Whether the host lets bodies be seen while headers are held.
    pub hold_request_headers: bool,
    /// The treatment of a JSON-RPC array.
    pub batches: Batches,
    /// Sizes.
    pub limits: Limits,
    /// Verified tokens kept per worker.
    pub token_cache_entries: usize,
    /// The records.
    pub audit: Audit,
    /// Headers that no server may take from a client, as [`Self::must_scrub`] compares them, each once.
    pub(crate) scrubbed: Vec<String>,
    /// Warnings, which do not refuse the configuration.
    pub warnings: Vec<Fault>,
}

/// The treatment of a JSON-RPC array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batches {
    /// Decided element by element.
    AuthorizeEach,
    /// Refused.
    Reject,
}

/// Sizes beyond which a message is refused, and a time after which a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of a list in an answer, or of one event that may hold one.
    pub list: usize,
    /// Bytes of a token.
    pub token: usize,
    /// Containers in one another in a JSON body.
    pub depth: usize,
    /// Elements of a batch.
    pub batch: usize,
    /// How long a stream may go on whose token has no `exp`.
    pub stream: Duration,
}

/// The records of decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Which decisions.
    pub decisions: Decisions,
    /// How the subject appears.
    pub subject: SubjectForm,
    /// Where lines are posted besides the log.
    pub sink: Option<Endpoint>,
}

/// Which decisions get an audit line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decisions {
    /// All.
    All,
    /// Denials, those in shadow mode included.
    Denied,
    /// None.
    None,
}

/// How a subject appears in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectForm {
    /// As a digest, equal for equal subjects.
    Hash,
    /// As it is.
    Plain,
}

impl Config {
    /// The source of each issuer's keys.
    pub fn key_sources(&self) -> impl Iterator<Item = Option<&KeySource>> {
        self.issuers.iter().map(|issuer| issuer.keys.as_ref())
    }

    /// Those of `headers` that [`Self::must_scrub`] names.
    pub fn scrubbed<'h>(&self, headers: &'h Headers) -> impl Iterator<Item = &'h str> {
        // Without an underscore in any of them, each of these can stand there in one spelling only.
        let there = headers.has_underscore() || self.scrubbed.iter().any(|name| headers.has(name));
        let looked_at = there.then(|| headers.names());
        looked_at.into_iter().flatten().filter(|name| self.must_scrub(name))
    }

    /// Whether `name`, in any case and with `_` for `-`, is a header that toolgate alone may set or that would change
    /// the method or the path behind its back. Such headers never reach a server as the client sent them.
    pub fn must_scrub(&self, name: &str) -> bool {
        // With `_` it is none of MCP's, but a server may read it as one that nobody compared with the body.
        let folds_to = |folded: &str| resource::folds_to(name, folded);
        (name.contains('_') && name.get(..4).is_some_and(|start| resource::folds_to(start, "mcp-")))
            || self.scrubbed.iter().any(|name| folds_to(name))
    }
}

/// Headers by which some servers take another method, or another path, than the request's.
pub(crate) const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];
