//! The fields of `resources[]`, but for the policy.

// Never built: these types only have a shape.
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
    /// The names of the issuers it trusts; by default all
    #[schemars(length(min = 1))]
    issuers: Option<Vec<Name>>,
    /// What `aud` must hold one of; by default `resource`
    #[schemars(length(min = 1))]
    audiences: Option<Vec<Name>>,
    /// Published; by default the issuers, which must be URLs for that
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
    /// Published; by default every scope of the policy
    scopes_supported: Option<Vec<Scope>>,
    /// `scope` of a 401; by default `base_scopes`
    challenge_scopes: Option<Vec<Scope>>,
    /// Put before a scope without `://` wherever clients are told scopes
    scope_prefix: Option<Scope>,
    /// Browsers' origins; others are refused
    #[schemars(length(min = 1))]
    origins: Option<Vec<Name>>,
    /// Required, unless there is a `policy_source`: then it holds until that has answered
    policy: Option<Policy>,
    policy_source: Option<PolicySource>,
    publish: Option<Publish>,
    /// What was approved of the server's tools, as `toolgate manifest` writes it
    manifest: Option<Manifest>,
    /// What becomes of a tool that is not so
    on_drift: Option<OnDrift>,
    /// Whether tools may be called before a list of them was seen; `deny` only beside `on_drift: deny`
    until_seen: Option<UntilSeen>,
    forward: Option<Forward>,
}

/// A control plane that has the policy
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PolicySource {
    uri: Url,
    /// The Envoy cluster that reaches it
    cluster: Name,
    /// How often it is asked
    interval: Option<Duration>,
    /// How long the last good policy serves beyond that
    max_stale: Option<Duration>,
    timeout: Option<Duration>,
    client_id: Option<Name>,
    client_secret: Option<Name>,
    /// The environment variable of the Wasm VM that holds the secret
    client_secret_env: Option<Name>,
    format: Option<Format>,
}

/// Where the manifest of the live tools goes
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Publish {
    uri: Url,
    /// The Envoy cluster that reaches it
    cluster: Name,
    timeout: Option<Duration>,
    client_id: Option<Name>,
    client_secret: Option<Name>,
    /// The environment variable of the Wasm VM that holds the secret
    client_secret_env: Option<Name>,
    format: Option<Format>,
}

/// What a control plane speaks
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Format {
    Toolgate,
    Authsec,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Manifest {
    /// By name
    tools: BTreeMap<String, Tool>,
}

/// An approved tool
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tool {
    title: Option<String>,
    /// Of the description's UTF-8 bytes
    description: Option<Digest>,
    /// Of the input schema's canonical form (RFC 8785)
    input_schema: Option<Digest>,
    annotations: Option<BTreeMap<String, serde_json::Value>>,
    /// Of all other members, as an object in canonical form
    definition: Option<Digest>,
}

#[derive(JsonSchema)]
pub struct Digest(#[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))] String);

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum OnDrift {
    /// It is reported
    Report,
    /// It is denied, and in no list
    Deny,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum UntilSeen {
    /// An approved tool may be called
    Allow,
    /// None may
    Deny,
}

/// What goes on to the server
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Forward {
    /// Whether the client's token goes on
    authorization: Option<Authorization>,
    /// Headers and what they carry
    headers: Option<BTreeMap<String, IdentityValue>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Authorization {
    Strip,
    Keep,
}
