//! The pages about single features: their configurations are accepted, and their cases pass.

use serde_json::{Value, json};
use toolgate::config::Config;

use crate::run::Place;

const PAGES: [(&str, &str); 3] = [
    ("delegation", include_str!("../../../../docs/delegation.md")),
    ("revocation", include_str!("../../../../docs/revocation.md")),
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
            match Config::parse(whole.as_bytes(), &|_| None) {
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
    assert_eq!(ran, 2);
}
