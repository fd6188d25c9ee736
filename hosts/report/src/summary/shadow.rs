//! Denials that are recorded only.

use toolgate::config::{Config, Fault};
use toolgate::policy::{Mode, Policy, Requirement, RuleSet};

use super::{kinds, requirements};
use crate::output::{doubtful, visible};

/// The beginning of each warning about something that is recorded and not denied.
const IS_SHADOW: &str = "is shadow: ";

/// Whether this is one of [`warnings`].
pub fn is_warning(fault: &Fault) -> bool {
    fault.message.starts_with(IS_SHADOW)
}

/// Warnings about whatever is recorded and not denied.
pub fn warnings(config: &Config) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut warn = |path: String, what: &str| {
        let message = format!("{IS_SHADOW}{what} are recorded, and the requests pass");
        found.push(Fault { path, message });
    };
    for (n, resource) in config.resources.iter().enumerate() {
        let policy = &resource.policy;
        let path = format!("resources[{n}].policy");
        if policy.mode == Mode::Shadow {
            warn(format!("{path}.mode"), "denials");
        }
        for (kind, rules) in kinds(policy) {
            for name in on_trial(rules) {
                warn(format!("{path}.{kind}.{name}.mode"), "its denials");
            }
        }
        for (place, scenario) in policy.matrix.iter().enumerate() {
            if scenario.mode == Some(Mode::Shadow) {
                warn(format!("{path}.matrix[{place}].mode"), "its denials");
            }
        }
    }
    found
}

/// Whatever is recorded and not denied. It comes first, so that nobody takes the rest for what happens.
pub fn lines(policy: &Policy) -> Vec<String> {
    let whole = (policy.mode == Mode::Shadow)
        .then(|| "only rules that enforce deny; other denials are recorded, and the requests pass".to_owned());
    let rules = kinds(policy).into_iter().flat_map(|(kind, rules)| {
        on_trial(rules).map(move |name| format!("denials of {kind} `{}` are recorded only", visible(name)))
    });
    let scenarios = policy.matrix.iter().filter(|own| own.mode == Some(Mode::Shadow));
    let scenarios = scenarios.map(|own| format!("denials by the scenario {} are recorded only", visible(&own.name)));
    whole.into_iter().chain(rules).chain(scenarios).map(|line| doubtful(&line)).collect()
}

/// The names and patterns of rules in shadow mode, sorted.
fn on_trial(rules: &RuleSet) -> impl Iterator<Item = &str> {
    let is_shadow = |(_, rule): &(&str, &Requirement)| rule.mode == Some(Mode::Shadow);
    requirements(rules).into_iter().filter(is_shadow).map(|(name, _)| name)
}
