//! The names and patterns of rules, with their requirements.

use std::collections::BTreeMap;

use toolgate::pattern::Pattern;
use toolgate::policy::{Found, Requirement, RuleSet};

/// The names and patterns of all rules, sorted.
pub fn listed(rules: &RuleSet) -> Vec<&str> {
    let mut listed: Vec<_> = rules.names().map(Pattern::as_str).collect();
    listed.sort_unstable();
    listed
}

/// The names and patterns of all rules with their requirements, sorted. Of equal patterns, the first counts.
pub fn requirements(rules: &RuleSet) -> Vec<(&str, &Requirement)> {
    // A policy may have many thousands of patterns. To look up each among the others would take quadratic time.
    let mut patterns = BTreeMap::new();
    for (pattern, rule) in rules.names().zip(rules.rules()).filter(|(name, _)| !name.is_exact()) {
        patterns.entry(pattern.as_str()).or_insert(rule);
    }
    let own = |name| Some((name, patterns.get(name).copied().or_else(|| requirement(rules, name))?));
    listed(rules).into_iter().filter_map(own).collect()
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
    use crate::summary::needed;

    #[test]
    fn each_name_and_pattern_has_its_own_requirement_and_of_equal_patterns_the_first_counts() {
        let config = "{\"issuers\":[{\"issuer\":\"https://a\",\"jwks\":{\"uri\":\"https://a/k\",\"cluster\":\"a\"}}],\
             \"resources\":[{\"resource\":\"https://m/mcp\",\"policy\":{\"tools\":{\
             \"b*\":{\"scopes\":[\"one\"]},\"b**\":{\"scopes\":[\"two\"]},\"b_*\":{\"scopes\":[\"three\"]},\
             \"b_x\":{\"scopes\":[\"four\"]},\"*\":{\"scopes\":[]}}}}]}";
        let config = Config::parse(config.as_bytes(), &|_| None).unwrap();
        let rules = &config.resources.first().unwrap().policy.tools;
        let found: Vec<_> = requirements(rules).into_iter().map(|(name, rule)| (name, needed(rule))).collect();
        let expected = [("*", "any token"), ("b*", "one"), ("b*", "one"), ("b_*", "three"), ("b_x", "four")];
        assert_eq!(found, expected.map(|(name, needed)| (name, needed.to_owned())));
        for (name, rule) in requirements(rules) {
            assert_eq!(requirement(rules, name), Some(rule), "{name}");
        }
    }
}
