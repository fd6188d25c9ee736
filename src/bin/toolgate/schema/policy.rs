//! The fields of `resources[].policy`.

// Never built: these types only have a shape.
#![allow(dead_code)]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::leaf::{Duration, Name, Scalar, ScalarOrNull, Scope};

/// Who may do what
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Policy {
    /// Needed by every request
    base_scopes: Option<Vec<Scope>>,
    /// A broader scope implies narrower ones, transitively
    hierarchy: Option<BTreeMap<String, Narrower>>,
    /// By name; `*` is any run of characters
    tools: Option<BTreeMap<String, Rule>>,
    /// By name; `*` is any run of characters
    prompts: Option<BTreeMap<String, Rule>>,
    /// By URI; `*` is any run of characters
    resources: Option<BTreeMap<String, Rule>>,
    /// Any other method
    methods: Option<BTreeMap<String, Rule>>,
    /// What no rule lists; by default denied
    unlisted: Option<Unlisted>,
    /// What lists keep
    lists: Option<Lists>,
    /// Scenarios, each of which only narrows
    matrix: Option<Vec<Row>>,
    mode: Option<Mode>,
}

#[derive(JsonSchema)]
pub struct Narrower(#[schemars(length(min = 1))] Vec<Scope>);

/// What a name needs: `scopes`, or one of `any_of`, or both
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [{"required": ["scopes"]}, {"required": ["any_of"]}]))]
pub struct Rule {
    /// All of them; none: any valid token
    scopes: Option<Vec<Scope>>,
    /// All of one of these sets
    #[schemars(length(min = 1))]
    any_of: Option<Vec<Alternative>>,
    /// Conditions on a call's arguments, by JSON pointers into `params.arguments`; only of tools
    #[schemars(extend("minProperties" = 1))]
    arguments: Option<BTreeMap<String, Condition>>,
    /// The user must have signed in at one of these levels (RFC 9470)
    acr: Option<Levels>,
    /// The user must have signed in at most so long ago
    max_auth_age: Option<Duration>,
    /// The issuer must have been asked about the token at most so long ago; `0s`: for this very request
    fresh: Option<Duration>,
    /// `shadow` tries the rule out
    mode: Option<Mode>,
}

/// Exactly one of these
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Condition {
    /// This value
    equals: Option<ScalarOrNull>,
    /// One of these values
    #[schemars(length(min = 1))]
    r#in: Option<Vec<ScalarOrNull>>,
    /// A string; `*` is any run of characters
    pattern: Option<Name>,
    /// A number up to this
    max: Option<f64>,
    /// The caller's claim at this path
    claim: Option<Name>,
}

/// One level, or several in the order of preference
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
    /// What the caller may use
    Hide,
    /// That, and what more scope would unlock
    Offer,
}

/// A scenario. A selector left out matches all; all given must match
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Row {
    name: Option<Name>,
    /// Patterns
    #[schemars(length(min = 1))]
    subjects: Option<Vec<Name>>,
    /// Patterns
    #[schemars(length(min = 1))]
    clients: Option<Vec<Name>>,
    /// Patterns, for names or identifiers
    #[schemars(length(min = 1))]
    issuers: Option<Vec<Name>>,
    /// Claims and the values they must have, or hold
    claims: Option<BTreeMap<String, Scalar>>,
    /// Of the granted scopes only these count
    scopes: Option<Vec<Scope>>,
    /// Patterns
    #[schemars(length(min = 1))]
    deny_tools: Option<Vec<Name>>,
    mode: Option<Mode>,
}

/// `shadow` records denials and lets requests go on
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Mode {
    Enforce,
    Shadow,
}
