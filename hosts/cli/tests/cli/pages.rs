//! The pages about single features: their cases pass. `tests/docs` holds their configurations to the core.

use std::path::PathBuf;

use serde_json::{Value, json};
use toolgate::config::Config;

use crate::run::Place;
use crate::support::at_root;

/// Pages whose cases belong to files: `docs.rs` has their tests.
const OF_FILES: [&str; 2] = ["cli.md", "public-tools.md"];

/// The blocks in YAML of each page about a feature that shows cases.
fn pages() -> Vec<(String, Vec<Value>)> {
    let entries = std::fs::read_dir(at_root("docs")).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        if !name.ends_with(".md") || OF_FILES.contains(&name.as_str()) {
            return None;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let blocks: Vec<Value> = blocks.map(|block| serde_norway::from_str(block).unwrap()).collect();
        blocks.iter().any(|block| block.get("cases").is_some()).then_some((name, blocks))
    };
    entries.filter_map(of).collect()
}

#[test]
fn every_case_of_a_page_passes_with_its_first_configuration() {
    let mut ran = 0;
    for (name, blocks) in pages() {
        let place = Place::new(&format!("page-{name}"));
        let configuration =
            blocks.iter().find(|block| block.get("issuers").is_some()).unwrap_or_else(|| panic!("{name}"));
        place.file("toolgate.json", configuration.to_string());
        for cases in blocks.iter().filter(|block| block.get("cases").is_some()) {
            let run = place.file("cases.json", cases.to_string()).run("test toolgate.json cases.json");
            assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}:\n{}", run.out);
            ran += 1;
        }
    }
    assert!(ran >= 3, "{ran}");
}

#[test]
fn a_draft_for_keycloak_has_its_profile_and_shows_how_roles_are_mapped() {
    let place = Place::new("init-keycloak");
    place.file("tools.json", json!({"tools": [{"name": "echo"}]}).to_string());
    let draft = place.run("init tools.json --issuer https://auth.example.com/realms/mcp").well();
    let uncommented: String = draft
        .lines()
        .map(|line| line.replacen("    # scope_map", "    scope_map", 1))
        .fold(String::new(), |text, line| text + &line.replacen("    #   - {claims", "      - {claims", 1) + "\n");
    for text in [&draft, &uncommented] {
        let shown: Value = serde_norway::from_str(text).unwrap();
        let config = Config::parse(shown.to_string().as_bytes(), &|_| None).unwrap();
        let issuer = config.issuers.iter().next().unwrap();
        assert!(issuer.rules.nonce_is_tolerated, "the profile is Keycloak's");
        assert_eq!(issuer.rules.scope_map.len(), if *text == draft { 0 } else { 2 }, "{text}");
    }
    let other = place.run("init tools.json --issuer https://auth.example.com/realms").well();
    assert!(!other.contains("scope_map") && other.contains("# profile: keycloak"), "{other}");
}
