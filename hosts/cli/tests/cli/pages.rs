//! The pages about single features: their configurations are accepted, and their cases pass.

use serde_json::{Value, json};
use toolgate::config::Config;

use crate::run::Place;

const PAGES: [(&str, &str); 5] = [
    ("client-ids", include_str!("../../../../docs/client-ids.md")),
    ("delegation", include_str!("../../../../docs/delegation.md")),
    ("revocation", include_str!("../../../../docs/revocation.md")),
    ("sessions", include_str!("../../../../docs/sessions.md")),
    ("scopes-from-claims", include_str!("../../../../docs/scopes-from-claims.md")),
];

fn blocks(page: &str) -> Vec<Value> {
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_norway::from_str(block).unwrap()).collect()
}

/// A configuration of which a page may show the issuers alone.
fn whole(mut shown: Value) -> Value {
    if shown.get("resources").is_none() {
        let rule = |scope: &str| json!({"scopes": [scope]});
        shown["resources"] = json!([{
            "resource": "https://mcp.example.com/mcp", "scopes_supported": ["openid"],
            "policy": {"tools": {"get_forecast": rule("weather:read"), "set_alert": rule("weather:admin")}},
        }]);
    }
    shown
}

#[test]
fn every_configuration_of_a_page_is_accepted_without_a_warning() {
    for (name, page) in PAGES {
        let configurations: Vec<_> = blocks(page).into_iter().filter(|block| block.get("issuers").is_some()).collect();
        assert!(!configurations.is_empty(), "{name}");
        for shown in configurations {
            let whole = whole(shown).to_string();
            match Config::parse(whole.as_bytes(), &|_| Some("s".repeat(32))) {
                Ok(config) => assert_eq!(config.warnings, [], "{name}: {whole}"),
                Err(faults) => panic!("{name}: {faults:#?}\n{whole}"),
            }
        }
    }
}

#[test]
fn every_case_of_a_page_passes_with_its_first_configuration() {
    let mut ran = 0;
    for (name, page) in PAGES {
        let blocks = blocks(page);
        let place = Place::new(&format!("page-{name}"));
        place.file("toolgate.json", whole(blocks[0].clone()).to_string());
        for cases in blocks.iter().filter(|block| block.get("cases").is_some()) {
            let run = place.file("cases.json", cases.to_string()).run("test toolgate.json cases.json");
            assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}:\n{}", run.out);
            ran += 1;
        }
    }
    assert_eq!(ran, 3);
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
