//! The fields of `issuers[]`.

// Never built: these types only have a shape.
#![allow(dead_code)]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toolgate::token::PROFILES;

use super::leaf::{Duration, Identifier, Name, Scalar, Url};

/// An authorization server
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Issuer {
    /// Equals `iss` byte for byte; a URL, unless `jwks.uri` or `jwks.keys` is there
    issuer: Identifier,
    /// What the rest of the configuration calls it; by default the issuer
    name: Option<Name>,
    /// What its tokens look like
    profile: Option<Profile>,
    /// By default what is configured; both: `jwt_and_introspection`
    validation: Option<Validation>,
    jwks: Option<Jwks>,
    introspection: Option<Introspection>,
    /// By default every asymmetric one
    #[schemars(length(min = 1))]
    algorithms: Option<Vec<Algorithm>>,
    /// Header `typ` values of its access tokens
    #[schemars(length(min = 1))]
    token_types: Option<Vec<Name>>,
    /// The first of these claims that is present holds the scopes
    #[schemars(length(min = 1))]
    scope_claims: Option<Vec<Name>>,
    /// The first of these claims that is present names the client
    #[schemars(length(min = 1))]
    client_claims: Option<Vec<Name>>,
    /// The claim that names the subject
    subject_claim: Option<Name>,
    /// Claims and the values they must have, or hold
    required_claims: Option<BTreeMap<String, Scalar>>,
    /// Tokens that are bound to a key (RFC 9449): by default refused
    dpop: Option<Dpop>,
    /// Access tokens with a `nonce` claim: by default as the profile says
    nonce: Option<Nonce>,
    /// How far clocks may differ
    leeway: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Nonce {
    /// They are refused as ID tokens, unless their type is `at+jwt`
    Refuse,
    /// They are taken
    Allow,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Dpop {
    /// They are refused
    Off,
    /// They are taken with a proof; others as ever
    Optional,
    /// No others are taken
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

/// The issuer's keys: fetched through `cluster` from `uri` or from where its metadata says, or fixed `keys`
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Jwks {
    /// Whether the issuer's metadata (RFC 8414, OpenID Connect Discovery) says where they are
    discover: Option<bool>,
    uri: Option<Url>,
    /// The Envoy cluster that reaches it
    cluster: Option<Name>,
    timeout: Option<Duration>,
    /// Refreshed ahead of this age
    max_age: Option<Duration>,
    /// At most two refetches for unknown keys in this time
    cooldown: Option<Duration>,
    /// A last good set is used for so much longer than `max_age` while fetches fail
    max_stale: Option<Duration>,
    /// A fixed set instead
    #[schemars(length(min = 1, max = 100))]
    keys: Option<Vec<BTreeMap<String, serde_json::Value>>>,
}

/// Token introspection (RFC 7662)
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Introspection {
    uri: Url,
    /// The Envoy cluster that reaches it
    cluster: Name,
    client_id: Option<Name>,
    client_secret: Option<Name>,
    /// The environment variable of the Wasm VM that holds the secret
    client_secret_env: Option<Name>,
    client_auth: Option<ClientAuthentication>,
    timeout: Option<Duration>,
    /// How long an active answer is kept, never beyond `exp`
    cache_ttl: Option<Duration>,
    /// Calls at once, per worker
    #[schemars(range(min = 1, max = 100_000))]
    max_in_flight: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum ClientAuthentication {
    Basic,
    Post,
}
