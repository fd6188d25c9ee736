//! The fields at the root of the configuration, as in the table of `docs/configuration.md`.

// Never constructed: only the shape of these types is used.
#![allow(dead_code)]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::issuer::Issuer;
use super::leaf::{Duration, Name, PathPattern, Url};
use super::resource::Resource;

/// toolgate's plugin configuration
#[derive(JsonSchema)]
#[schemars(title = "toolgate", deny_unknown_fields)]
pub struct Configuration {
    /// The trusted issuers
    #[schemars(length(min = 1))]
    issuers: Vec<Issuer>,
    /// The protected MCP servers
    #[schemars(length(min = 1))]
    resources: Vec<Resource>,
    /// Paths that need no token if no resource matches: exact, or with a trailing `/*`
    pass: Option<Vec<PathPattern>>,
    /// Must equal the plugin's `allow_on_headers_stop_iteration`
    hold_request_headers: Option<bool>,
    /// The treatment of JSON-RPC batches
    batches: Option<Batches>,
    limits: Option<Limits>,
    /// The number of verified tokens kept per worker
    token_cache: Option<TokenCache>,
    audit: Option<Audit>,
    records: Option<Records>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Batches {
    Reject,
    AuthorizeEach,
}

/// Limits on the size of messages
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request body
    #[schemars(range(min = 1))]
    body: Option<u64>,
    /// Bytes of a list in a response
    #[schemars(range(min = 1))]
    list: Option<u64>,
    /// Bytes of a token
    #[schemars(range(min = 1))]
    token: Option<u64>,
    /// Nesting depth of JSON
    #[schemars(range(min = 1, max = 10_000))]
    depth: Option<u64>,
    /// Elements of a batch
    #[schemars(range(min = 1, max = 10_000))]
    batch: Option<u64>,
    /// The lifetime of a stream whose token has no `exp`
    stream: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TokenCache {
    /// 0 disables it
    #[schemars(range(max = 1_000_000))]
    entries: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Audit {
    /// Which decisions are recorded
    decisions: Option<Decisions>,
    /// The form of subjects in records: unchanged, or as a digest
    subject: Option<SubjectForm>,
    /// Whether records say what is wrong with a refused token, and which `iss`, `aud` and client it claims
    detail: Option<bool>,
    /// The arguments of calls that are recorded: JSON Pointers by tool name; `*` matches any characters
    arguments: Option<BTreeMap<String, Pointers>>,
    /// The endpoint that receives audit lines in addition to the log
    sink: Option<Sink>,
}

#[derive(JsonSchema)]
pub struct Pointers(#[schemars(length(min = 1))] Vec<Pointer>);

/// A JSON Pointer (RFC 6901) into `params.arguments`
#[derive(JsonSchema)]
pub struct Pointer(#[schemars(regex(pattern = r"^(/([^~/]|~[01])*)+$"))] String);

/// Records besides the audit lines
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Records {
    /// The values that access logs can read as `%FILTER_STATE(wasm.toolgate_...)%`
    filter_state: Option<FilterState>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum FilterState {
    All,
    Decision,
    None,
}

/// An endpoint that receives audit lines, one JSON object per line
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Sink {
    /// The URL
    uri: Url,
    /// The host's cluster for the endpoint
    cluster: Name,
    /// The timeout of a call
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
