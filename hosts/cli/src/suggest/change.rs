//! Changes of rules, from records.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toolgate::config::{Config, Resource};
use toolgate::policy::{Requirement, RuleSet};
use toolgate::reason::Reason;
use toolgate::scope::Scope;

use crate::ask::{Target, names};
use crate::output::Trouble;
use crate::records::{Record, target};
use crate::summary::{kinds, rules_for};

/// A rule that would have allowed some calls.
pub struct Change {
    /// The identifier of the resource, and its number.
    pub resource: String,
    place: usize,
    /// `tools`, `prompts`, `resources` or `methods`.
    pub kind: &'static str,
    pub name: String,
    /// The rule of this very name, if there is one.
    pub before: Option<Value>,
    pub after: Value,
    pub calls: usize,
    pub callers: Vec<String>,
}

/// Equal calls: the place of their resource, their kind and their name.
type Key = (usize, &'static str, String);

/// The smallest changes that would have allowed these records, and the number of those that no rule can allow: a
/// scenario, a revocation or a missing base scope denies them.
pub fn suggest(config: &Config, records: &[Record]) -> (Vec<Change>, usize) {
    let (mut groups, mut others) = (BTreeMap::<Key, Vec<&Record>>::new(), 0);
    for record in records {
        match key(config, record) {
            Some(key) => groups.entry(key).or_default().push(record),
            None => others += 1,
        }
    }
    let changes = groups.into_iter().filter_map(|(key, calls)| change(config, key, &calls));
    (changes.collect(), others)
}

fn key(config: &Config, record: &Record) -> Option<Key> {
    let reason = Reason::parse(&record.reason)?;
    if !matches!(reason, Reason::Unlisted | Reason::InsufficientScope) {
        return None;
    }
    let place = config.resources.iter().position(|own| own.identifier.as_str() == record.resource)?;
    let all: &[Resource] = &config.resources;
    let resource = all.get(place)?;
    let scopes = record.scopes.as_ref()?;
    let has = |scope: &Scope| granted(resource, scopes).contains(scope.as_str());
    if !resource.policy.base_scopes.iter().all(has) {
        return None;
    }
    let (kind, name) = match target(record) {
        Target::Tool(name) => ("tools", name),
        Target::Prompt(name) => ("prompts", name),
        Target::Resource(name) => ("resources", name),
        Target::Method(name) => ("methods", name),
        _ => return None,
    };
    // A name with a star would be a pattern.
    (!name.is_empty() && !name.contains('*')).then_some((place, kind, name))
}

/// The scopes of a caller that the policy names, with those that they imply.
fn granted(resource: &Resource, scopes: &[String]) -> BTreeSet<String> {
    let policy = &resource.policy;
    let implied = policy.hierarchy.implied_by(|own| scopes.iter().any(|scope| scope == own.as_str()));
    let named = policy.named_scopes();
    let all = named.iter().map(Scope::as_str);
    all.filter(|own| scopes.iter().any(|scope| scope == own) || implied.contains(own)).map(str::to_owned).collect()
}

fn change(config: &Config, (place, kind, name): Key, calls: &[&Record]) -> Option<Change> {
    let all: &[Resource] = &config.resources;
    let resource = all.get(place)?;
    let policy = &resource.policy;
    let base: BTreeSet<_> = policy.base_scopes.iter().map(Scope::to_string).collect();
    let sets = calls.iter().map(|call| granted(resource, call.scopes.as_deref().unwrap_or_default()));
    let common = sets.reduce(|one, other| &one & &other).unwrap_or_default();
    // Of what is asked for anyhow, and of what a broader scope implies, a rule need not ask.
    let implied = |scope: &str| {
        let implied = policy.hierarchy.implied_by(|own| own.as_str() != scope && common.contains(own.as_str()));
        implied.contains(scope)
    };
    let scopes: Vec<_> = common.iter().filter(|scope| !base.contains(*scope) && !implied(scope)).cloned().collect();
    let own = kinds(policy).into_iter().find(|(own, _)| *own == kind).and_then(|(_, rules)| exact(rules, &name));
    let asked = Target::of_kind(kind, name.clone());
    let deciding = rules_for(policy, &asked);
    let mut alternatives: Vec<Vec<String>> = match deciding.as_slice() {
        [rule] => rule.alternatives.iter().map(names).collect(),
        _ => Vec::new(),
    };
    alternatives.push(scopes);
    let mut callers: Vec<_> = calls.iter().map(|call| call.who()).collect();
    callers.sort();
    callers.dedup();
    Some(Change {
        resource: resource.identifier.as_str().to_owned(),
        place,
        kind,
        name,
        before: own.map(|rule| written(&rule.alternatives.iter().map(names).collect::<Vec<_>>())),
        after: written(&alternatives),
        calls: calls.len(),
        callers,
    })
}

fn exact<'r>(rules: &'r RuleSet, name: &str) -> Option<&'r Requirement> {
    rules.lists_exactly(name).then(|| crate::summary::requirement(rules, name)).flatten()
}

/// A rule as it is written.
fn written(alternatives: &[Vec<String>]) -> Value {
    // One that asks for nothing makes the others pointless.
    if alternatives.iter().any(Vec::is_empty) {
        return json!({ "scopes": [] });
    }
    match alternatives {
        [one] => json!({ "scopes": one }),
        several => json!({ "any_of": several }),
    }
}

/// The configuration with the changes, as YAML.
pub fn applied(configuration: &str, changes: &[Change]) -> Result<String, Trouble> {
    let trouble = |fault: String| Trouble(fault);
    let mut root: Value = serde_json::from_str(configuration).map_err(|fault| trouble(fault.to_string()))?;
    for change in changes {
        let policy = root.pointer_mut(&format!("/resources/{}/policy", change.place)).and_then(Value::as_object_mut);
        let policy = policy.ok_or_else(|| trouble(format!("{} has no policy of its own", change.resource)))?;
        let rules = policy.entry(change.kind).or_insert_with(|| json!({}));
        let rule = rules.as_object_mut().map(|rules| rules.entry(change.name.clone()).or_insert_with(|| json!({})));
        let rule = rule.and_then(Value::as_object_mut);
        let rule = rule.ok_or_else(|| trouble(format!("{} is no object", change.kind)))?;
        // Its conditions stay.
        rule.remove("scopes");
        rule.remove("any_of");
        rule.extend(change.after.as_object().cloned().unwrap_or_default());
    }
    serde_norway::to_string(&root).map_err(|fault| trouble(fault.to_string()))
}
