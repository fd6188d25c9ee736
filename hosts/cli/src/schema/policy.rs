//! The fields of `resources[].policy`.

// Never constructed: only the shape of these types is used.
#![allow(dead_code)]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::leaf::{Duration, Name, Scalar, ScalarOrNull, Scope, Time};

/// The authorization policy
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Policy {
    /// Scopes that every request needs
    base_scopes: Option<Vec<Scope>>,
    /// The narrower scopes that a broader scope implies, transitively
    hierarchy: Option<BTreeMap<String, Narrower>>,
    /// By tool name; `*` matches any characters
    tools: Option<BTreeMap<String, Rule>>,
    /// By prompt name; `*` matches any characters
    prompts: Option<BTreeMap<String, Rule>>,
    /// By URI; `*` matches any characters
    resources: Option<BTreeMap<String, Rule>>,
    /// By method name, for all other methods
    methods: Option<BTreeMap<String, Rule>>,
    /// The decision about names that no rule lists; by default `deny`
    unlisted: Option<Unlisted>,
    /// Which entries lists keep
    lists: Option<Lists>,
    /// Scenarios that narrow what callers may do
    matrix: Option<Vec<Scenario>>,
    /// Tokens that are refused, in shadow mode too
    revoked: Option<Vec<Revocation>>,
    mode: Option<Mode>,
}

#[derive(JsonSchema)]
pub struct Narrower(#[schemars(length(min = 1))] Vec<Scope>);

/// The requirements of a name: `scopes`, one of `any_of`, or both; or none, by `public`
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend("if" = {"required": ["public"], "properties": {"public": {"const": true}}}),
    extend("then" = {"properties": {
        "scopes": false, "any_of": false, "acr": false, "max_auth_age": false, "fresh": false,
    }}),
    extend("else" = {"anyOf": [{"required": ["scopes"]}, {"required": ["any_of"]}]}),
)]
pub struct Rule {
    /// `true`: no token is needed
    public: Option<bool>,
    /// All of these; an empty list accepts any valid token
    scopes: Option<Vec<Scope>>,
    /// All scopes of one of these sets
    #[schemars(length(min = 1))]
    any_of: Option<Vec<Alternative>>,
    /// Conditions on a tool call's arguments, by JSON Pointer into `params.arguments`
    #[schemars(extend("minProperties" = 1))]
    arguments: Option<BTreeMap<String, Condition>>,
    /// The user must have authenticated at one of these levels (RFC 9470)
    acr: Option<Levels>,
    /// The maximum time since the user authenticated
    max_auth_age: Option<Duration>,
    /// The maximum age of the introspection response; `0s`: a response for this very request
    fresh: Option<Duration>,
    /// `shadow` only records the rule's denials
    mode: Option<Mode>,
}

/// Exactly one condition
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Condition {
    /// Equal to this value
    equals: Option<ScalarOrNull>,
    /// Equal to one of these values
    #[schemars(length(min = 1))]
    r#in: Option<Vec<ScalarOrNull>>,
    /// A string that matches this pattern; `*` matches any characters
    pattern: Option<Name>,
    /// A number not greater than this
    max: Option<f64>,
    /// Equal to the caller's claim at this path
    claim: Option<Name>,
}

/// One level, or several, most preferred first
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Levels {
    One(Level),
    Several(#[schemars(length(min = 1))] Vec<Level>),
}

#[derive(JsonSchema)]
pub struct Level(#[schemars(regex(pattern = r"^[!#-\[\]-~]+$"))] String);

#[derive(JsonSchema)]
pub struct Alternative(#[schemars(length(min = 1))] Vec<Scope>);

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Unlisted {
    tools: Option<ForUnlisted>,
    prompts: Option<ForUnlisted>,
    resources: Option<ForUnlisted>,
    methods: Option<ForUnlisted>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum ForUnlisted {
    Deny,
    Authenticated,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Lists {
    /// Entries the caller may use
    Hide,
    /// Those, and entries that more scopes would unlock
    Offer,
}

/// A scenario. Missing selectors match everything; all given selectors must match
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Scenario {
    name: Option<Name>,
    /// Patterns
    #[schemars(length(min = 1))]
    subjects: Option<Vec<Name>>,
    /// Patterns
    #[schemars(length(min = 1))]
    clients: Option<Vec<Name>>,
    /// Patterns for names or identifiers
    #[schemars(length(min = 1))]
    issuers: Option<Vec<Name>>,
    /// Patterns for who acts for the subject
    #[schemars(length(min = 1))]
    actors: Option<Vec<Name>>,
    /// Only callers with an actor, or only those without
    delegated: Option<bool>,
    /// Claims and the values they must equal or, if arrays, contain
    claims: Option<BTreeMap<String, Scalar>>,
    /// The granted scopes that count
    scopes: Option<Vec<Scope>>,
    /// Patterns
    #[schemars(length(min = 1))]
    deny_tools: Option<Vec<Name>>,
    mode: Option<Mode>,
}

/// Tokens that match all given selectors
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [
    {"required": ["subjects"]}, {"required": ["clients"]}, {"required": ["issuers"]}, {"required": ["jti"]}
]))]
pub struct Revocation {
    /// Patterns
    #[schemars(length(min = 1))]
    subjects: Option<Vec<Name>>,
    /// Patterns
    #[schemars(length(min = 1))]
    clients: Option<Vec<Name>>,
    /// Patterns for names or identifiers
    #[schemars(length(min = 1))]
    issuers: Option<Vec<Name>>,
    /// Patterns
    #[schemars(length(min = 1))]
    actors: Option<Vec<Name>>,
    /// Token ids
    #[schemars(length(min = 1))]
    jti: Option<Vec<Name>>,
    /// Tokens that were issued earlier, or do not say when
    issued_before: Option<Time>,
}

/// `shadow` records denials and lets requests pass
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Mode {
    Enforce,
    Shadow,
}
