//! The names and patterns of rules, with their requirements.

use toolgate::pattern::Pattern;
use toolgate::policy::{Found, Requirement, RuleSet};

/// The names and patterns of all rules, sorted.
pub fn listed(rules: &RuleSet) -> Vec<&str> {
    let mut listed: Vec<_> = rules.names().map(Pattern::as_str).collect();
    listed.sort_unstable();
    listed
}

/// The names and patterns of all rules with their requirements, sorted. Equal patterns, such as `b*` and `b**`, all
/// apply, and each has its own requirement.
pub fn requirements(rules: &RuleSet) -> Vec<(&str, &Requirement)> {
    // A policy may have many thousands of patterns. To look up each among the others would take quadratic time.
    let written = rules.names().zip(rules.rules()).filter_map(|(name, rule)| {
        let rule = if name.is_exact() { requirement(rules, name.as_str())? } else { rule };
        Some((name.as_str(), rule))
    });
    let mut all: Vec<_> = written.collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

/// The requirement of a listed name or pattern.
pub fn requirement<'r>(rules: &'r RuleSet, listed: &str) -> Option<&'r Requirement> {
    if listed.contains('*') {
        return rules.of_pattern(listed);
    }
    match rules.find(listed) {
        Found::Rules(found) => found.first().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use toolgate::config::Config;

    use super::*;
    use crate::summary::{needed, shadow_warnings};

    #[test]
    fn each_name_and_pattern_has_its_own_requirement_even_beside_an_equal_pattern() {
        let config = "{\"issuers\":[{\"issuer\":\"https://a\",\"jwks\":{\"uri\":\"https://a/k\",\"cluster\":\"a\"}}],\
             \"resources\":[{\"resource\":\"https://m/mcp\",\"policy\":{\"tools\":{\
             \"b*\":{\"scopes\":[\"one\"]},\"b**\":{\"scopes\":[\"two\"],\"mode\":\"shadow\"},\
             \"b_*\":{\"scopes\":[\"three\"]},\"b_x\":{\"scopes\":[\"four\"]},\"*\":{\"scopes\":[]}}}}]}";
        let config = Config::parse(config.as_bytes(), &|_| None).unwrap();
        let rules = &config.resources.first().unwrap().policy.tools;
        let found: Vec<_> = requirements(rules).into_iter().map(|(name, rule)| (name, needed(rule))).collect();
        let two = "two, in shadow mode: recorded only";
        let expected = [("*", "any token"), ("b*", "one"), ("b*", two), ("b_*", "three"), ("b_x", "four")];
        assert_eq!(found, expected.map(|(name, needed)| (name, needed.to_owned())));
        let warnings: Vec<_> = shadow_warnings(&config).into_iter().map(|fault| fault.path).collect();
        assert_eq!(warnings, ["resources[0].policy.tools.b*.mode"], "of the second of two equal patterns");
    }
}
