//! The fields of `resources[]`, except for the policy.

// Never constructed: only the shape of these types is used.
#![allow(dead_code)]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::leaf::{Duration, IdentityValue, Name, PathPattern, Scope, Url};
use super::policy::Policy;

/// A protected MCP server
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [{"required": ["policy"]}, {"required": ["policy_source"]}]))]
pub struct Resource {
    /// The resource identifier (RFC 9728), published byte for byte
    resource: Url,
    /// By default the authority of `resource`; `*` for any
    #[schemars(length(min = 1))]
    hosts: Option<Vec<Name>>,
    /// By default the path of `resource`; exact, or with a trailing `/*`
    #[schemars(length(min = 1))]
    paths: Option<Vec<PathPattern>>,
    /// The names of the trusted issuers; by default all
    #[schemars(length(min = 1))]
    issuers: Option<Vec<Name>>,
    /// The accepted audiences; by default `resource`
    #[schemars(length(min = 1))]
    audiences: Option<Vec<Name>>,
    /// Published; by default the issuers, which must then be URLs
    #[schemars(length(min = 1))]
    authorization_servers: Option<Vec<Url>>,
    /// Published as `resource_name`
    name: Option<Name>,
    /// Published as `resource_documentation`
    documentation: Option<Url>,
    /// Published as `resource_policy_uri`
    policy_uri: Option<Url>,
    /// Published as `resource_tos_uri`
    tos_uri: Option<Url>,
    /// Published; by default all scopes of the policy
    scopes_supported: Option<Vec<Scope>>,
    /// The `scope` of a 401 challenge; by default `base_scopes`
    challenge_scopes: Option<Vec<Scope>>,
    /// A prefix for scopes without `://` in challenges and metadata
    scope_prefix: Option<Scope>,
    /// The browser origins that may call; others are refused
    #[schemars(length(min = 1))]
    origins: Option<Vec<Name>>,
    /// Required without `policy_source`; otherwise in force until the source has answered
    policy: Option<Policy>,
    policy_source: Option<PolicySource>,
    publish: Option<Publish>,
    /// The approved tools of the server, written by `toolgate manifest`
    manifest: Option<Manifest>,
    in_band: Option<InBand>,
    sessions: Option<Sessions>,
    /// The treatment of tools that differ from the manifest
    on_drift: Option<OnDrift>,
    /// Whether tools may be called before a list was seen; `deny` requires `on_drift: deny`
    until_seen: Option<UntilSeen>,
    forward: Option<Forward>,
}

/// Callers who get challenges inside the results of tool calls
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [{"required": ["clients"]}, {"required": ["user_agents"]}]))]
pub struct InBand {
    /// Patterns for the client of a verified token
    #[schemars(length(min = 1))]
    clients: Option<Vec<Name>>,
    /// Patterns for `User-Agent`
    #[schemars(length(min = 1))]
    user_agents: Option<Vec<Name>>,
    /// Whether tools in their lists have `securitySchemes`
    security_schemes: Option<bool>,
}

/// Sessions bound to their caller
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Sessions {
    /// Whether session ids get a tag that binds them to their caller; `true` requires `secret_env`
    bind: bool,
    /// The environment variable of the Wasm VM that contains the secret, of at least 32 bytes
    secret_env: Option<Name>,
    /// The variable of the secret before, under which tags are still accepted
    previous_secret_env: Option<Name>,
}

/// A control plane that provides the policy
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PolicySource {
    uri: Url,
    /// The Envoy cluster for the control plane
    cluster: Name,
    /// The interval between requests
    interval: Option<Duration>,
    /// How long the last good policy is used beyond the interval
    max_stale: Option<Duration>,
    timeout: Option<Duration>,
    client_id: Option<Name>,
    client_secret: Option<Name>,
    /// The environment variable of the Wasm VM that contains the secret
    client_secret_env: Option<Name>,
    format: Option<Format>,
}

/// The endpoint that receives the manifest of the live tools
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Publish {
    uri: Url,
    /// The Envoy cluster for the endpoint
    cluster: Name,
    timeout: Option<Duration>,
    client_id: Option<Name>,
    client_secret: Option<Name>,
    /// The environment variable of the Wasm VM that contains the secret
    client_secret_env: Option<Name>,
    format: Option<Format>,
}

/// The protocol of a control plane
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Format {
    Toolgate,
    Authsec,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Manifest {
    /// By tool name
    tools: BTreeMap<String, Tool>,
}

/// An approved tool
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tool {
    title: Option<String>,
    /// The digest of the description's UTF-8 bytes
    description: Option<Digest>,
    /// The digest of the input schema's canonical form (RFC 8785)
    input_schema: Option<Digest>,
    annotations: Option<BTreeMap<String, serde_json::Value>>,
    /// The digest of an object with all other members, in canonical form
    definition: Option<Digest>,
}

#[derive(JsonSchema)]
pub struct Digest(#[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))] String);

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum OnDrift {
    /// The difference is reported
    Report,
    /// The tool is denied and removed from lists
    Deny,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum UntilSeen {
    /// Approved tools may be called
    Allow,
    /// No tool may be called
    Deny,
}

/// The parts of the identity that are forwarded to the server
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Forward {
    /// Whether the client's token is forwarded
    authorization: Option<Authorization>,
    /// Headers and their values
    headers: Option<BTreeMap<String, IdentityValue>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Authorization {
    Strip,
    Keep,
}
