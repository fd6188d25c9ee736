//! The fields of `issuers[]`.

// Never constructed: only the shape of these types is used.
#![allow(dead_code)]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toolgate::token::PROFILES;

use super::leaf::{Duration, Identifier, Name, Scalar, Scope, Url};

/// An authorization server
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Issuer {
    /// The value of `iss`, compared byte for byte; a URL, unless `jwks.uri` or `jwks.keys` is set
    issuer: Identifier,
    /// The name in the rest of the configuration; by default the value of `issuer`
    name: Option<Name>,
    /// The kind of authorization server, which determines the form of its tokens
    profile: Option<Profile>,
    /// By default what is configured; with `jwks` and `introspection`: `jwt_and_introspection`
    validation: Option<Validation>,
    jwks: Option<Jwks>,
    introspection: Option<Introspection>,
    /// By default all asymmetric algorithms
    #[schemars(length(min = 1))]
    algorithms: Option<Vec<Algorithm>>,
    /// Accepted values of `typ` in the header of access tokens
    #[schemars(length(min = 1))]
    token_types: Option<Vec<Name>>,
    /// Claims, by name or path, that may contain the scopes; the first one present counts
    #[schemars(length(min = 1))]
    scope_claims: Option<Vec<Name>>,
    /// Claims that may name the client; the first one present counts
    #[schemars(length(min = 1))]
    client_claims: Option<Vec<Name>>,
    /// Scopes for callers with certain claims, beside those of the token
    #[schemars(length(min = 1))]
    scope_map: Option<Vec<MappedScopes>>,
    /// The claim that names the subject
    subject_claim: Option<Name>,
    /// Claims and the values they must equal or, if arrays, contain
    required_claims: Option<BTreeMap<String, Scalar>>,
    /// Tokens without `aud` that are accepted
    audience_missing: Option<AudienceMissing>,
    /// Tokens bound to a key (RFC 9449); by default refused
    dpop: Option<Dpop>,
    /// The maximum age of a proof without a nonce, at most `300s`
    dpop_window: Option<Duration>,
    /// Access tokens with a `nonce` claim; by default as the profile specifies
    nonce: Option<Nonce>,
    /// The tolerated clock difference
    leeway: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AudienceMissing {
    /// The clients to which such tokens are issued; exact names
    #[schemars(length(min = 1))]
    clients: Vec<Name>,
}

/// Scopes for the callers that match all given selectors
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [
    {"required": ["claims"]}, {"required": ["subjects"]}, {"required": ["clients"]}, {"required": ["actors"]}
]))]
pub struct MappedScopes {
    /// Claims, by name or path, and the values they must equal or, if arrays, contain
    #[schemars(extend("minProperties" = 1))]
    claims: Option<BTreeMap<String, Scalar>>,
    /// Patterns; none matches a token without a subject
    #[schemars(length(min = 1))]
    subjects: Option<Vec<Name>>,
    /// Patterns; none matches a token without a client
    #[schemars(length(min = 1))]
    clients: Option<Vec<Name>>,
    /// Patterns for who acts for the subject; none matches a token without `act`
    #[schemars(length(min = 1))]
    actors: Option<Vec<Name>>,
    #[schemars(length(min = 1))]
    scopes: Vec<Scope>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Nonce {
    /// Refused as ID tokens, unless their type is `at+jwt`
    Refuse,
    /// Accepted
    Allow,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Dpop {
    /// Bound tokens are refused
    Off,
    /// Bound tokens require a proof; other tokens are accepted too
    Optional,
    /// Only bound tokens with a proof are accepted
    Required,
}

pub struct Profile;

impl JsonSchema for Profile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Profile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": PROFILES.each_ref().map(|profile| profile.name)})
    }
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Validation {
    Jwt,
    Introspection,
    JwtAndIntrospection,
    JwtOrIntrospection,
}

#[derive(JsonSchema)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    Ed25519,
}

/// The issuer's keys: fetched through `cluster` from `uri` or the URL in its metadata, or fixed `keys`
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Jwks {
    /// Whether to discover the URL from the issuer's metadata (RFC 8414, OpenID Connect Discovery)
    discover: Option<bool>,
    uri: Option<Url>,
    /// The Envoy cluster for the keys
    cluster: Option<Name>,
    timeout: Option<Duration>,
    /// Keys are refreshed before this age
    max_age: Option<Duration>,
    /// The window in which at most two refetches for unknown keys are made
    cooldown: Option<Duration>,
    /// How long the last good set is used beyond `max_age` while fetches fail
    max_stale: Option<Duration>,
    /// A fixed set of keys
    #[schemars(length(min = 1, max = 100))]
    keys: Option<Vec<BTreeMap<String, serde_json::Value>>>,
}

/// Token introspection (RFC 7662)
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Introspection {
    uri: Url,
    /// The Envoy cluster for the endpoint
    cluster: Name,
    client_id: Option<Name>,
    client_secret: Option<Name>,
    /// The environment variable of the Wasm VM that contains the secret
    client_secret_env: Option<Name>,
    client_auth: Option<ClientAuthentication>,
    timeout: Option<Duration>,
    /// How long an active response is cached, at most until `exp`
    cache_ttl: Option<Duration>,
    /// The maximum number of concurrent calls per worker
    #[schemars(range(min = 1, max = 100_000))]
    max_in_flight: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum ClientAuthentication {
    Basic,
    Post,
}
