//! What the README shows is true: its configurations are read, and its tables name what the code knows.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use toolgate::config::Config;

const README: &str = include_str!("../README.md");

/// The contents of the fenced blocks marked `language`.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let opened = README.split(&fence).skip(1);
    opened.map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

fn parse(json: &serde_json::Value) -> Result<Config, Vec<String>> {
    let bytes = serde_json::to_vec(json).unwrap();
    Config::parse(&bytes, &|_| None).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn every_configuration_it_shows_is_accepted_without_a_warning() {
    let samples = blocks("yaml");
    assert_eq!(samples.len(), 2);
    for sample in samples {
        let json: serde_json::Value = serde_norway::from_str(&sample).unwrap();
        match parse(&json) {
            Ok(config) => assert_eq!(config.warnings, [], "{sample}"),
            Err(faults) => panic!("{faults:#?} in\n{sample}"),
        }
    }
}

#[test]
fn every_field_of_its_table_is_one_that_the_code_knows() {
    let full: serde_json::Value = serde_norway::from_str(&blocks("yaml")[0]).unwrap();
    let rows = README.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split(" |").next());
    let mut checked = 0;
    for row in rows {
        // A row names one field, or several of one parent: `issuers[].jwks.uri`, `cluster`.
        let names: Vec<&str> =
            row.split('`').map(|part| part.trim_matches([' ', ','])).filter(|part| !part.is_empty()).collect();
        let Some(first) = names.first().filter(|name| name.starts_with("issuers[]") || name.starts_with("resources[]"))
        else {
            continue;
        };
        let parent = first.rsplit_once('.').unwrap().0;
        let siblings = names.iter().skip(1).map(|name| format!("{parent}.{name}"));
        for field in std::iter::once((*first).to_owned()).chain(siblings) {
            let mut config = full.clone();
            // A value that no field accepts: known fields complain of it, unknown ones of themselves.
            put(&mut config, &field, serde_json::json!(null));
            let faults = parse(&config).expect_err(&field);
            assert!(faults.iter().any(|fault| fault.contains("got null")), "{field}: {faults:?}");
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} fields were found in the table");
}

fn put(config: &mut serde_json::Value, field: &str, value: serde_json::Value) {
    let mut at = config;
    for part in field.split('.') {
        at = match part.strip_suffix("[]") {
            Some(list) => &mut at[list][0],
            None => &mut at[part],
        };
    }
    *at = value;
}

#[test]
fn the_changelog_begins_with_the_version_of_the_package() {
    let newest = include_str!("../CHANGELOG.md").lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert!(newest.starts_with(env!("CARGO_PKG_VERSION")), "{newest}");
}
