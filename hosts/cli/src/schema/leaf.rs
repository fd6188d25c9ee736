//! Types that several fields share.

// Never constructed: only the shape of these types is used.
#![allow(dead_code)]

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

#[derive(JsonSchema)]
pub struct Name(#[schemars(length(min = 1))] String);

#[derive(JsonSchema)]
pub struct Scope(#[schemars(regex(pattern = r"^[!#-\[\]-~]+$"))] String);

#[derive(JsonSchema)]
pub struct Url(
    #[schemars(regex(pattern = r"^https?://[^\s#@]+$"))]
    String,
);

#[derive(JsonSchema)]
pub struct Identifier(
    #[schemars(regex(pattern = r"^(https?://[^\s#@]+|(?!https?://)[\s\S]+)$"))]
    String,
);

#[derive(JsonSchema)]
pub struct PathPattern(#[schemars(regex(pattern = r"^/([^*?#\s]*/)?(\*|[^*?#\s/]*)$"))] String);

/// A duration such as `500ms`, `30s`, `10m` or `1h`
#[derive(JsonSchema)]
pub struct Duration(#[schemars(regex(pattern = r"^[0-9]+(ms|s|m|h)$"))] String);

/// A time in UTC such as `2026-11-28T12:00:00Z`
#[derive(JsonSchema)]
pub struct Time(
    #[schemars(regex(pattern = r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]+)?Z$"))]
    String,
);

/// `sub`, `issuer`, `client`, `actor`, `scope` or `claims.<name>`
#[derive(JsonSchema)]
pub struct IdentityValue(#[schemars(regex(pattern = r"^(sub|issuer|client|actor|scope|claims\..+)$"))] String);

/// A string, a number or a boolean
pub struct Scalar;

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// Like [`Scalar`], or null.
pub struct ScalarOrNull;

impl JsonSchema for ScalarOrNull {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ScalarOrNull".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Written without `null`, because `without_null` would remove it.
        json_schema!({"not": {"type": ["array", "object"]}})
    }
}
