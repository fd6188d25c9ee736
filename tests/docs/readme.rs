//! The README is accurate: its configurations load, and its tables of fields, profiles and reasons match the code.

use std::collections::BTreeSet;

use toolgate::config::Config;
use toolgate::reason::Reason;
use toolgate::token::PROFILES;

const README: &str = include_str!("../../README.md");

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
    assert_eq!(samples.len(), 4);
    let whole: Vec<serde_json::Value> = samples.iter().map(|sample| serde_norway::from_str(sample).unwrap()).collect();
    for (sample, json) in samples.iter().zip(&whole) {
        let mut json = json.clone();
        // A block that is no whole configuration is part of a policy: it goes into the first one that is shown.
        if json.get("issuers").is_none() {
            let policy = std::mem::replace(&mut json, whole[0].clone());
            json["resources"][0]["policy"] = policy;
            // The tokens of the first one's issuer can be asked about, which a rule may want.
            json["issuers"][0]["introspection"] = serde_json::json!({"uri": "https://a.example/i", "cluster": "auth"});
        }
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

/// The cells of the rows of the table whose header begins with `first`.
fn table(first: &str) -> Vec<Vec<String>> {
    let header = format!("| {first} |");
    let lines = README.lines().skip_while(|line| !line.starts_with(&header)).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// The names in backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn its_profiles_are_those_of_the_code() {
    let rows = table("profile");
    assert_eq!(rows.len(), PROFILES.len());
    for (row, profile) in rows.iter().zip(&PROFILES) {
        let name = profile.name;
        let rules = profile.rules();
        assert_eq!(names(&row[0]), [name]);
        assert_eq!(names(&row[1]), rules.types, "{name}");
        assert_eq!(row[1].ends_with("absent"), rules.type_may_be_absent, "{name}");
        assert_eq!(names(&row[2]), rules.scope_claims, "{name}");
        assert_eq!(names(&row[3]), rules.client_claims, "{name}");
        let required = rules.present_claims.iter().all(|claim| names(&row[4]).contains(&(*claim).to_owned()));
        assert!(required && row[4].contains("nonce") == rules.nonce_is_tolerated, "{name}");
        assert_eq!(row[4].contains("must be one of the audiences"), rules.client_may_be_audience, "{name}");
    }
}

#[test]
fn its_reasons_are_those_of_the_code_family_by_family() {
    let families = Reason::ALL.chunk_by(|one, next| one.family() == next.family());
    let own: Vec<(&str, BTreeSet<&str>)> = families
        .map(|reasons| (reasons[0].family().as_str(), reasons.iter().map(|reason| reason.as_str()).collect()))
        .collect();
    let rows: Vec<(String, Vec<String>)> = table("when").iter().map(|row| (row[0].clone(), names(&row[1]))).collect();
    let listed: Vec<(&str, BTreeSet<&str>)> =
        rows.iter().map(|(family, codes)| (family.as_str(), codes.iter().map(String::as_str).collect())).collect();
    assert_eq!(listed, own);
}

#[test]
fn the_changelog_begins_with_the_version_of_the_package() {
    let newest = include_str!("../../CHANGELOG.md").lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert!(newest.starts_with(env!("CARGO_PKG_VERSION")), "{newest}");
}
