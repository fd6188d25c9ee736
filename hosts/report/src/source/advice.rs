//! Help with a fault beyond its message: the name that was probably meant, and the form of a value.

use serde_json::Value as Json;
use toolgate::config::{Config, Fault};
use toolgate::scope::Scope;

use super::{Spot, Step, Value};
use crate::likely::{did_you_mean, is_misspelling};

/// The most scopes of a policy that are compared with each other.
const MOST_COMPARED: usize = 300;

/// The schema of the configuration, as the documentation has it. A test of the command line holds it to the code.
const SCHEMA: &str = include_str!("../../../../docs/toolgate.schema.json");

/// The schema as a document.
pub fn schema() -> Json {
    serde_json::from_str(SCHEMA).unwrap_or_default()
}

/// The fault with what helps. `document` gives the schema.
pub fn completed<'s>(root: &Spot, document: &dyn Fn() -> &'s Json, mut fault: Fault) -> Fault {
    let steps = root.steps(&fault.path);
    if fault.message == "unknown field" {
        if let Some((Step::Member(name), parents)) = steps.split_last() {
            let fields = fields(&at(document(), parents));
            fault.message += &did_you_mean(name, fields.iter().map(String::as_str));
        }
    } else if let Some(name) =
        fault.message.strip_prefix("no issuer is named `").and_then(|rest| rest.strip_suffix('`'))
    {
        let issuers = root.member("issuers").map(Spot::items).unwrap_or_default();
        let names = issuers.iter().flat_map(|issuer| ["name", "issuer"].map(|member| issuer.member(member)?.text()));
        fault.message += &did_you_mean(name, names.flatten());
    } else if let Some(number) = number(&root.found(&fault.path).value)
        && is_duration(&at(document(), &steps))
    {
        fault.message = format!("must be a duration with its unit, such as `{number}s`");
    }
    fault
}

fn number(value: &Value) -> Option<&str> {
    if let Value::Number(number) = value { Some(number) } else { None }
}

/// Warnings about scopes that are probably misspelled: one resembles another that the same policy names.
pub fn likely_scopes(config: &Config) -> Vec<Fault> {
    let mut found = Vec::new();
    for (n, resource) in config.resources.iter().enumerate() {
        let named = resource.policy.named_scopes();
        let scopes: Vec<&str> = named.iter().map(Scope::as_str).take(MOST_COMPARED).collect();
        for (place, one) in scopes.iter().enumerate() {
            for other in scopes.iter().skip(place + 1).filter(|other| is_misspelling(one, other)) {
                let message = format!("names the scopes `{one}` and `{other}`: is one of them misspelled?");
                found.push(Fault { path: format!("resources[{n}].policy"), message });
            }
        }
    }
    found
}

/// The schemas of the value at a path. Alternatives are several.
fn at(document: &Json, steps: &[Step]) -> Vec<Json> {
    let mut schemas = alternatives(document, document);
    for step in steps {
        let next = schemas.iter().filter_map(|schema| match step {
            Step::Item(_) => schema.get("items"),
            Step::Member(name) => schema
                .pointer("/properties")
                .and_then(|own| own.get(name))
                .or_else(|| schema.get("additionalProperties")),
        });
        schemas = next.flat_map(|schema| alternatives(document, schema)).collect();
    }
    schemas
}

/// A schema with its references followed, and each of its alternatives.
fn alternatives(document: &Json, schema: &Json) -> Vec<Json> {
    let name = schema.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    let referred = name.and_then(|name| document.get("$defs")?.get(name));
    let several = ["anyOf", "oneOf"].iter().filter_map(|word| schema.get(word)?.as_array()).flatten();
    let others = referred.into_iter().chain(several).flat_map(|schema| alternatives(document, schema));
    let mut all: Vec<_> = others.collect();
    all.push(schema.clone());
    all
}

fn fields(schemas: &[Json]) -> Vec<String> {
    let properties = schemas.iter().filter_map(|schema| schema.get("properties")?.as_object());
    properties.flat_map(|own| own.keys().cloned()).collect()
}

fn is_duration(schemas: &[Json]) -> bool {
    let is_it =
        |schema: &Json| schema.get("pattern").and_then(Json::as_str).is_some_and(|own| own.contains("(ms|s|m|h)"));
    schemas.iter().any(is_it)
}
