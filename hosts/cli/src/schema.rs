//! `toolgate schema`: the JSON Schema of the configuration, for editors.
//!
//! These types only describe the shape of the configuration. The core defines the meaning of values and all rules that
//! involve several values. Tests ensure that both have the same fields.

mod fields;
mod issuer;
mod leaf;
mod policy;
mod resource;

use clap::Args;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::output::Report;

/// Prints the JSON Schema of the configuration
#[derive(Args)]
#[command(after_help = "\
Editors that use the YAML language server complete and check a file that starts with
  # yaml-language-server: $schema=toolgate.schema.json

Example:
  toolgate schema > toolgate.schema.json")]
pub struct Schema {}

impl Schema {
    pub fn run(&self) -> Report {
        Report::well(format!("{:#}\n", document()))
    }
}

/// The JSON Schema of the configuration.
pub fn document() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = generator.into_root_schema_for::<fields::Configuration>();
    let mut schema = schema.to_value();
    without_null(&mut schema);
    schema
}

/// Optional fields must not be `null`, but the generator treats both alike.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(members) => {
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|own| own != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            let null = json!({"type": "null"});
            if let Some(Value::Array(alternatives)) = members.get("anyOf")
                && let [Value::Object(own), other] = alternatives.as_slice()
                && *other == null
            {
                let own = own.clone();
                members.remove("anyOf");
                members.extend(own);
            }
            members.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
