//! The reference is accurate: its tables of fields, profiles and reasons match the code.

use toolgate::config::Config;
use toolgate::reason::Reason;
use toolgate::token::PROFILES;

use crate::pages::page;

fn parse(json: &serde_json::Value) -> Result<Config, Vec<String>> {
    let bytes = serde_json::to_vec(json).unwrap();
    Config::parse(&bytes, &|_| None).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn every_field_of_its_table_is_one_that_the_code_knows() {
    let own = page("docs/configuration.md");
    let full: serde_json::Value = serde_norway::from_str(&own.blocks()[0].text).unwrap();
    let rows = own.text.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split(" |").next());
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

/// The cells of the rows of the first table in a text whose header begins with `first`.
fn table(text: &str, first: &str) -> Vec<Vec<String>> {
    let header = format!("| {first} |");
    let lines = text.lines().skip_while(|line| !line.starts_with(&header)).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// The names in backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn its_profiles_are_those_of_the_code() {
    let rows = table(&page("docs/profiles.md").text, "profile");
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
fn its_reasons_and_their_meanings_are_those_of_the_code_family_by_family() {
    let text = page("docs/reasons.md").text;
    let sections: Vec<(&str, &str)> =
        text.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let families = Reason::ALL.chunk_by(|one, next| one.family() == next.family());
    let own: Vec<(&str, Vec<(String, &str)>)> = families
        .map(|reasons| {
            let shown = |reason: &Reason| (format!("`{reason}`"), reason.meaning());
            (reasons[0].family().as_str(), reasons.iter().map(shown).collect())
        })
        .collect();
    assert_eq!(
        sections.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        own.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    for ((name, section), (_, reasons)) in sections.into_iter().zip(own) {
        let rows = table(section, "reason");
        let listed: Vec<(String, &str)> = rows.iter().map(|row| (row[0].clone(), row[1].as_str())).collect();
        assert_eq!(listed, reasons, "{name}");
        let helped = name == "allowed" || rows.iter().all(|row| row.get(2).is_some_and(|help| !help.is_empty()));
        assert!(helped, "{name}: each has a cure");
    }
}

#[test]
fn a_table_of_reasons_is_read() {
    let rows = table("text\n| reason | meaning |\n|---|---|\n| `a` | b |\n\n| reason | c |", "reason");
    assert_eq!(rows, [["`a`", "b"]]);
}
