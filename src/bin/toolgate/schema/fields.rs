//! The fields of the configuration, as the README's table has them: of its root.

// Never built: these types only have a shape.
#![allow(dead_code)]

use schemars::JsonSchema;

use super::issuer::Issuer;
use super::leaf::{Duration, Name, PathPattern, Url};
use super::resource::Resource;

/// toolgate's plugin configuration
#[derive(JsonSchema)]
#[schemars(title = "toolgate", deny_unknown_fields)]
pub struct Configuration {
    /// Who is trusted to issue tokens
    #[schemars(length(min = 1))]
    issuers: Vec<Issuer>,
    /// The protected MCP servers
    #[schemars(length(min = 1))]
    resources: Vec<Resource>,
    /// Paths that need no token where no resource matches: exact, or with a trailing `/*`
    pass: Option<Vec<PathPattern>>,
    /// Must equal the plugin's `allow_on_headers_stop_iteration`
    hold_request_headers: Option<bool>,
    /// JSON-RPC arrays
    batches: Option<Batches>,
    limits: Option<Limits>,
    /// Verified tokens kept per worker
    token_cache: Option<TokenCache>,
    audit: Option<Audit>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Batches {
    Reject,
    AuthorizeEach,
}

/// Sizes beyond which a message is refused
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body
    #[schemars(range(min = 1))]
    body: Option<u64>,
    /// Bytes of a list in an answer
    #[schemars(range(min = 1))]
    list: Option<u64>,
    /// Bytes of a token
    #[schemars(range(min = 1))]
    token: Option<u64>,
    /// Objects and arrays in one another
    #[schemars(range(min = 1, max = 10_000))]
    depth: Option<u64>,
    /// Elements of a batch
    #[schemars(range(min = 1, max = 10_000))]
    batch: Option<u64>,
    /// How long a stream may go on whose token has no `exp`
    stream: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TokenCache {
    /// 0 turns it off
    #[schemars(range(max = 1_000_000))]
    entries: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Audit {
    /// Which decisions are recorded
    decisions: Option<Decisions>,
    /// How a subject is recorded: as it is, or as a digest
    subject: Option<SubjectForm>,
    /// Where audit lines are posted besides the log
    sink: Option<Sink>,
}

/// An endpoint that takes audit lines, one JSON object a line
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Sink {
    /// Its URL
    uri: Url,
    /// The host's cluster that reaches it
    cluster: Name,
    /// How long one call may take
    timeout: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Decisions {
    All,
    Denied,
    None,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum SubjectForm {
    Plain,
    Hash,
}
