//! `resources[].policy`: rules, hierarchy, matrix.

use super::fields::{At, Fields, Findings, Zero, join};
use super::issuer::{Known, claim_tests, patterns, selector};
use super::lint::{self, Written};
use super::revoked;
use super::rule::{self, MODES, scope_set};
use crate::config::Issuer;
use crate::mcp;
use crate::pattern::Pattern;
use crate::policy::{DeniedTools, Lists, Mode, Policy, Requirement, RuleSet, Scenario, Unlisted};
use crate::scope::{Hierarchy, Scope};
use crate::uri;

type Rules = Vec<(Pattern, Requirement)>;

/// Reads a policy.
pub fn read(at: &At<'_>, known: Known<'_>, found: &mut Findings) -> Option<Policy> {
    let mut fields = at.fields(found)?;
    let base = fields.take("base_scopes").and_then(|at| at.list(Zero::Allow, found, |at, found| at.scope(found)));
    let hierarchy = fields.take("hierarchy").and_then(|at| read_hierarchy(&at, found));
    let matrix =
        fields.take("matrix").and_then(|at| at.list(Zero::Allow, found, |at, found| read_scenario(&at, known, found)));
    let matrix = matrix.unwrap_or_default();
    // A shadow scenario denies nothing to callers that it does not select.
    let guarding = matrix.iter().filter(|scenario| scenario.mode != Some(Mode::Shadow));
    let denied = guarding.flat_map(|scenario| scenario.deny_tools.patterns());
    let guarded: Vec<&str> = denied.filter(|pattern| pattern.is_exact()).map(Pattern::as_str).collect();
    let tools = read_rules(&mut fields, "tools", found);
    let prompts = read_rules(&mut fields, "prompts", found);
    let resources = read_rules(&mut fields, "resources", found);
    check_uris(&fields, &resources, found);
    let methods = read_rules(&mut fields, "methods", found);
    check_methods(&fields, &methods, found);
    let unlisted = read_unlisted(&mut fields, found);
    let lists = fields.take("lists").and_then(|at| at.choice(&[("hide", Lists::Hide), ("offer", Lists::Offer)], found));
    let mode = fields.take("mode").and_then(|at| at.choice(&MODES, found));
    let revoked = fields.take("revoked");
    let revoked = revoked.and_then(|at| at.list(Zero::Allow, found, |at, found| revoked::read(&at, known, found)));
    let path = fields.path.clone();
    fields.finish(found);
    let [for_tools, for_prompts, for_resources, for_methods] = unlisted;
    let base_scopes = base.unwrap_or_default();
    let mode = mode.unwrap_or(Mode::Enforce);
    let written = [("tools", &tools), ("prompts", &prompts), ("resources", &resources), ("methods", &methods)];
    let rules = || written.iter().flat_map(|(_, rules)| rules.iter().map(|(_, rule)| rule));
    let in_rules = rules().flat_map(|rule| rule.alternatives.iter().flatten());
    let unasked_issuers = check_freshness(&path, &written, known, found);
    let policy = Policy {
        needed_scopes: base_scopes.iter().chain(in_rules).cloned().collect(),
        has_public_rules: rules().any(|rule| rule.public),
        has_fresh_rules: rules().any(|rule| rule.fresh.is_some()),
        unasked_issuers,
        is_shadow_only: mode == Mode::Shadow
            && rules().all(|rule| rule.mode != Some(Mode::Enforce))
            && matrix.iter().all(|scenario| scenario.mode != Some(Mode::Enforce)),
        has_shadow_rules: rules().any(|rule| rule.mode.unwrap_or(mode) == Mode::Shadow),
        tools: RuleSet::new(tools.clone(), for_tools, &guarded),
        prompts: RuleSet::new(prompts.clone(), for_prompts, &[]),
        resources: RuleSet::of_uris(resources.clone(), for_resources),
        methods: RuleSet::new(methods.clone(), for_methods, &[]),
        base_scopes,
        hierarchy: hierarchy.unwrap_or_default(),
        lists: lists.unwrap_or(Lists::Hide),
        matrix: matrix.clone(),
        revoked: revoked.unwrap_or_default(),
        mode,
        closed: false,
        offered: None,
    };
    lint::check(&path, &policy, &written.map(|(kind, rules)| Written { kind, rules }), found);
    Some(policy)
}

fn read_hierarchy(at: &At<'_>, found: &mut Findings) -> Option<Hierarchy> {
    let mut direct = Vec::new();
    for (name, at) in at.entries(found)? {
        let broader = match Scope::parse(name) {
            Some(scope) => Some(scope),
            None => found.fault(&at.path, "is not a valid scope"),
        };
        let narrower = at.list(Zero::Refuse, found, |at, found| at.scope(found));
        if let Some((broader, narrower)) = broader.zip(narrower) {
            direct.push((broader, narrower));
        }
    }
    match Hierarchy::close(&direct) {
        Ok(hierarchy) => Some(hierarchy),
        Err(scope) => found.fault(&join(&at.path, scope.as_str()), "implies itself"),
    }
}

fn read_rules(fields: &mut Fields<'_>, kind: &'static str, found: &mut Findings) -> Rules {
    let entries = fields.take(kind).and_then(|at| at.entries(found)).unwrap_or_default();
    let rule = |(name, at): (&str, At<'_>)| Some((Pattern::new(name), rule::read(&at, kind == "tools", found)?));
    entries.into_iter().filter_map(rule).collect()
}

fn check_uris(fields: &Fields<'_>, rules: &Rules, found: &mut Findings) {
    for (pattern, _) in rules {
        if let Err(fault) = uri::check_pattern(pattern.as_str()) {
            let path = join(&join(&fields.path, "resources"), pattern.as_str());
            found.fault::<()>(&path, fault.message());
        }
    }
}

/// Warns about a rule that never applies, because the method is open or decided by its target.
fn check_methods(fields: &Fields<'_>, rules: &Rules, found: &mut Findings) {
    for (pattern, _) in rules {
        if mcp::is_decided_elsewhere(pattern.as_str()) && !mcp::takes_no_uri(pattern.as_str()) {
            let path = join(&join(&fields.path, "methods"), pattern.as_str());
            found.warn(&path, "never applies: this method is open, or decided by the name or uri it asks for");
        }
    }
}

/// The issuers without introspection, whose tokens a rule with `fresh` denies. If all issuers lack it, no caller could
/// satisfy the rule, which is a fault.
fn check_freshness(path: &str, written: &[(&str, &Rules)], known: Known<'_>, found: &mut Findings) -> Vec<String> {
    let trusted: Vec<&Issuer> = known.trusted.iter().filter_map(|id| known.issuers.get(*id)).collect();
    let unasked: Vec<_> = trusted.iter().filter(|issuer| issuer.introspection.is_none()).collect();
    for (kind, rules) in written {
        for (pattern, _) in rules.iter().filter(|(_, rule)| rule.fresh.is_some()) {
            let path = join(&join(&join(path, kind), pattern.as_str()), "fresh");
            if known.complete && unasked.len() == trusted.len() {
                found.fault::<()>(&path, "no issuer of this resource has `introspection`");
            } else if let Some(issuer) = unasked.first() {
                let message = format!("denies the tokens of issuer `{}`, which has no `introspection`", issuer.name);
                found.warn(&path, message);
            }
        }
    }
    unasked.iter().map(|issuer| issuer.identifier.clone()).collect()
}

fn read_unlisted(fields: &mut Fields<'_>, found: &mut Findings) -> [Unlisted; 4] {
    const CHOICES: [(&str, Unlisted); 2] = [("deny", Unlisted::Deny), ("authenticated", Unlisted::Authenticated)];
    let Some(mut fields) = fields.take("unlisted").and_then(|at| at.fields(found)) else {
        return [Unlisted::Deny; 4];
    };
    let unlisted = ["tools", "prompts", "resources", "methods"]
        .map(|kind| fields.take(kind).and_then(|at| at.choice(&CHOICES, found)).unwrap_or(Unlisted::Deny));
    fields.finish(found);
    unlisted
}

fn read_scenario(at: &At<'_>, known: Known<'_>, found: &mut Findings) -> Option<Scenario> {
    let mut fields = at.fields(found)?;
    let name = fields.take("name").and_then(|at| at.text(found)).map(str::to_owned);
    let scenario = Scenario {
        name: name.unwrap_or_else(|| fields.path.rsplit('.').next().unwrap_or_default().to_owned()),
        who: selector(&mut fields, found),
        delegated: fields.take("delegated").and_then(|at| at.flag(found)),
        claims: fields.take("claims").and_then(|at| claim_tests(&at, found)).unwrap_or_default(),
        scopes: fields.take("scopes").and_then(|at| scope_set(&at, Zero::Allow, found)),
        deny_tools: DeniedTools::new(patterns(&mut fields, "deny_tools", found).unwrap_or_default()),
        mode: fields.take("mode").and_then(|at| at.choice(&MODES, found)),
    };
    known.check_issuers(&fields.path, scenario.who.issuers.as_deref(), found);
    lint::check_actors(
        &fields.path,
        scenario.who.actors.as_deref().filter(|_| scenario.delegated != Some(true)),
        found,
    );
    if scenario.delegated == Some(false) && scenario.who.actors.is_some() {
        found.warn(&fields.path, "selects by an actor, and only callers without one: `delegated` is false");
    }
    if scenario.scopes.is_none() && scenario.deny_tools.patterns().is_empty() {
        found.warn(&fields.path, "narrows nothing: it has neither `scopes` nor `deny_tools`");
    }
    fields.finish(found);
    Some(scenario)
}
