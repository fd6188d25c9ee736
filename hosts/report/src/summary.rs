//! A summary of a configuration: what is verified, and what is open.

mod requirements;
mod shadow;

use std::fmt::Write;

use toolgate::config::{
    Config, Decisions, Dpop, FilterState, Introspection, Issuer, OnDrift, Resource, UntilSeen, Validation,
};
use toolgate::jwks::KeySource;
use toolgate::mcp::{METHODS, Method, TargetKind};
use toolgate::node::Node;
use toolgate::pattern::Pattern;
use toolgate::policy::{Lists, Mode, Policy, Requirement, Revocation, RuleSet, Scenario};
use toolgate::time::UnixTime;
use toolgate::token::{ClaimTest, MappedScopes, Selector};

use crate::ask::{Target, names};
use crate::output::{counted, doubtful, heading, visible};
pub use requirements::{listed, requirement, requirements};
pub use shadow::{is_warning as is_shadow_warning, warnings as shadow_warnings};

/// The methods that are always open to a valid token, or to anyone if some rules are public.
fn always_open() -> String {
    let is_open = |method: &&Method| method.target == TargetKind::Open && method.answer.list().is_none();
    let names: Vec<_> = METHODS.iter().filter(is_open).map(|method| method.name).collect();
    format!("{}, all lists, notifications, responses, and GET, HEAD, DELETE", names.join(", "))
}

/// A summary of each resource: the checks made for it, and the operations that are open.
pub fn of(config: &Config) -> String {
    let mut text = String::new();
    for resource in &config.resources {
        let _ = writeln!(text, "\n{}", heading(resource.identifier.as_str()));
        for (name, lines) in facts(config, resource) {
            for (n, line) in lines.iter().enumerate() {
                let _ = writeln!(text, "  {:<12} {line}", if n == 0 { name } else { "" });
            }
        }
    }
    text
}

type Facts = Vec<(&'static str, Vec<String>)>;

fn facts(config: &Config, resource: &Resource) -> Facts {
    let policy = &resource.policy;
    let issuers = resource.issuers.iter().filter_map(|place| config.issuers.get(*place));
    vec![
        ("SHADOW", shadow::lines(policy)),
        ("reached at", vec![reached(resource)]),
        ("tokens", issuers.flat_map(issuer).collect()),
        ("audience", vec![format!("{} (with or without a trailing slash)", any_of(&resource.audiences))]),
        ("base scopes", vec![list_or(&policy.base_scopes.iter().map(ToString::to_string).collect::<Vec<_>>(), "none")]),
        (
            "told as",
            resource.scope_prefix.iter().map(|prefix| format!("`{}` before each scope", prefix.as_str())).collect(),
        ),
        ("rules", rules(policy)),
        ("any token", open(policy)),
        ("no token", without_token(config, policy)),
        ("scenarios", scenarios(policy)),
        ("revoked", policy.revoked.iter().map(revoked).collect()),
        ("lists", vec![lists(policy)]),
        ("in band", in_band(resource)),
        ("sessions", sessions(resource)),
        ("remote", remote(resource)),
        ("approved", vec![approved(resource)]),
        ("to server", vec![forwarded(resource)]),
        ("records", recorded(config)),
    ]
}

fn reached(resource: &Resource) -> String {
    let hosts: Vec<_> = resource.hosts.iter().map(ToString::to_string).collect();
    let paths: Vec<_> = resource.paths.iter().map(ToString::to_string).collect();
    format!("host {}, path {}", any_of(&hosts), any_of(&paths))
}

fn any_of(texts: &[String]) -> String {
    texts.join(" or ")
}

fn list_or(texts: &[String], none: &str) -> String {
    if texts.is_empty() { none.to_owned() } else { texts.join(", ") }
}

fn issuer(issuer: &Issuer) -> Vec<String> {
    let rules = &issuer.rules;
    let named = if issuer.name == issuer.identifier { String::new() } else { format!("`{}`, ", issuer.name) };
    let absent = if rules.type_may_be_absent { " or absent" } else { "" };
    let nonce = if rules.nonce_is_tolerated { ", with or without a nonce" } else { "" };
    let keys = match &issuer.keys {
        Some(KeySource::Discovered { cluster, .. }) => {
            format!("keys from the URL in its metadata, by cluster `{cluster}`")
        }
        Some(KeySource::Fetched { uri, cluster, .. }) => format!("keys from {} by cluster `{cluster}`", uri.as_str()),
        Some(KeySource::Fixed(set)) => format!("{} from the configuration", counted(set.len(), "key")),
        None => "no keys".to_owned(),
    };
    let asked = issuer.introspection.as_ref().map(introspection).unwrap_or_default();
    let how = match issuer.validation {
        Validation::Jwt => "a JWT by its signature".to_owned(),
        Validation::Introspection => {
            format!("each token by introspection at {asked}, which may also supply claims that a JWT lacks")
        }
        Validation::JwtAndIntrospection => format!("a JWT by its signature, and then by introspection at {asked}"),
        Validation::JwtOrIntrospection => format!("a JWT by its signature, or else by introspection at {asked}"),
    };
    let algorithms = match &issuer.algorithms {
        None => "any asymmetric algorithm; PS* only if the key names it".to_owned(),
        Some(own) => own.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", "),
    };
    let mut required: Vec<_> = rules.required_claims.iter().map(|test| test.name.clone()).collect();
    required.extend(rules.present_claims.iter().map(|name| (*name).to_owned()));
    let required = if required.is_empty() { String::new() } else { format!("; required: {}", required.join(", ")) };
    let others = match issuer.dpop {
        Dpop::Off => None,
        Dpop::Optional => Some("others as ever"),
        Dpop::Required => Some("no others"),
    };
    let window = issuer.dpop_window.as_secs_f64();
    let proofs = others.map(|others| {
        format!("  bound to a key (DPoP), with a proof of the last {window} s or with a nonce; {others}")
    });
    let told = vec![
        format!("{named}iss exactly {}", issuer.identifier),
        format!("  {how}; {keys}; {algorithms}"),
        format!(
            "  typ {}{absent}{nonce}; exp, nbf, iat within {} s{required}",
            any_of(&rules.types),
            rules.leeway.as_secs()
        ),
        format!("  scopes from {}; client from {}", any_of(&rules.scope_claims), any_of(&rules.client_claims)),
    ];
    let loose = match rules.audience_missing.as_slice() {
        [] => None,
        clients => Some(doubtful(&format!("  without aud too, if the client is {}", visible(&any_of(clients))))),
    };
    told.into_iter().chain(rules.scope_map.iter().map(mapped)).chain(loose).chain(proofs).collect()
}

/// Scopes that are granted by claims.
fn mapped(entry: &MappedScopes) -> String {
    let scopes: Vec<_> = entry.scopes.iter().map(ToString::to_string).collect();
    let who: Vec<_> = identities(&entry.who).chain(claims(&entry.claims)).collect();
    format!("  and {} for {}", scopes.join(", "), visible(&who.join(", ")))
}

/// The identities that a selector selects, by part.
pub fn identities(who: &Selector) -> impl Iterator<Item = String> {
    let patterns = |name: &str, patterns: &Option<Vec<Pattern>>| {
        let texts: Vec<_> = patterns.as_ref()?.iter().map(Pattern::as_str).collect();
        Some(format!("{name} {}", texts.join(" or ")))
    };
    let parts = [
        patterns("subject", &who.subjects),
        patterns("client", &who.clients),
        patterns("issuer", &who.issuers),
        patterns("actor", &who.actors),
    ];
    parts.into_iter().flatten()
}

/// Tests on claims, one by one.
pub fn claims(tests: &[ClaimTest]) -> impl Iterator<Item = String> {
    let value = |node: &Node| match node {
        Node::Text(text) => text.clone(),
        Node::Number(number) => number.to_string(),
        Node::Bool(flag) => flag.to_string(),
        other => other.type_name().to_owned(),
    };
    tests.iter().map(move |test| format!("{} is {}", test.name, value(&test.expected)))
}

fn introspection(introspection: &Introspection) -> String {
    introspection.endpoint.uri.as_str().to_owned()
}

/// The kinds of rules, each with its name.
pub fn kinds(policy: &Policy) -> [(&'static str, &RuleSet); 4] {
    [
        ("tools", &policy.tools),
        ("prompts", &policy.prompts),
        ("resources", &policy.resources),
        ("methods", &policy.methods),
    ]
}

/// The rules that decide about `target`.
pub fn rules_for<'p>(policy: &'p Policy, target: &Target) -> Vec<&'p Requirement> {
    let (kind, name) = target.words();
    let rules = kinds(policy).into_iter().find(|(own, _)| own.strip_suffix('s') == Some(kind));
    match rules.map(|(_, rules)| rules.find(name)) {
        Some(toolgate::policy::Found::Rules(rules)) => rules.to_vec(),
        _ => Vec::new(),
    }
}

/// A description of a requirement.
pub fn needed(requirement: &Requirement) -> String {
    if requirement.public {
        return format!("no token{}", toolgate::explain::conditions(requirement));
    }
    let one = |scopes: &toolgate::scope::ScopeSet| list_or(&names(scopes), "any token").replace(", ", " and ");
    let scopes = requirement.alternatives.iter().map(one).collect::<Vec<_>>().join(", or ");
    format!("{scopes}{}", toolgate::explain::conditions(requirement))
}

fn is_open(requirement: &Requirement) -> bool {
    requirement.alternatives.iter().any(|scopes| scopes.is_empty())
        && !requirement.public
        && toolgate::explain::conditions(requirement).is_empty()
}

fn rules(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, rules) in kinds(policy) {
        let closed = |(_, rule): &(&str, &Requirement)| !is_open(rule) && !rule.public;
        for (name, rule) in requirements(rules).into_iter().filter(closed) {
            lines.push(format!("{kind} `{}`: {}", visible(name), needed(rule)));
        }
    }
    if !kinds(policy).iter().any(|(_, rules)| rules.lets_unlisted_through()) {
        lines.push("everything that no rule lists is denied".to_owned());
    }
    lines
}

/// Names that only need a valid token with the base scopes.
fn open(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, rules) in kinds(policy) {
        let open = requirements(rules).into_iter().filter(|(_, rule)| is_open(rule));
        let open: Vec<_> = open.map(|(name, _)| format!("`{}`", visible(name))).collect();
        if !open.is_empty() {
            lines.push(doubtful(&format!("{kind} {}", open.join(", "))));
        }
        if rules.lets_unlisted_through() {
            lines.push(doubtful(&format!("every one of {kind} that no rule lists")));
        }
    }
    lines.push(format!("always: {}", always_open()));
    lines
}

/// Names that need no token, and all else that is open to anyone.
fn without_token(config: &Config, policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, rules) in kinds(policy) {
        let public = requirements(rules).into_iter().filter(|(_, rule)| rule.public);
        let public: Vec<_> =
            public.map(|(name, rule)| format!("`{}`{}", visible(name), toolgate::explain::conditions(rule))).collect();
        if !public.is_empty() {
            lines.push(doubtful(&format!("{kind} {}", public.join(", "))));
        }
    }
    if policy.has_public_rules {
        lines.push(doubtful(&format!("always: {}", always_open())));
    }
    lines.push(paths_without_token(config));
    lines
}

fn paths_without_token(config: &Config) -> String {
    let pass = config.routes.passing().iter().map(ToString::to_string).collect::<Vec<_>>();
    let pass = if pass.is_empty() { String::new() } else { format!("; `pass`: {}", pass.join(", ")) };
    format!("the metadata document (RFC 9728){pass}")
}

fn scenarios(policy: &Policy) -> Vec<String> {
    if policy.matrix.is_empty() {
        return vec!["none".to_owned()];
    }
    policy.matrix.iter().map(scenario).collect()
}

fn scenario(scenario: &Scenario) -> String {
    let scopes = scenario.scopes.as_ref().map(|scopes| format!("only {} count", list_or(&names(scopes), "no scopes")));
    let tools: Vec<_> =
        scenario.deny_tools.patterns().iter().map(|pattern| format!("`{}`", visible(pattern.as_str()))).collect();
    let tools = (!tools.is_empty()).then(|| format!("without tools {}", tools.join(", ")));
    let mode = scenario.mode.filter(|mode| *mode == Mode::Shadow).map(|_| "recorded only".to_owned());
    let effects: Vec<_> = scopes.into_iter().chain(tools).chain(mode).collect();
    format!("{}: {}", scenario.name, list_or(&effects, "narrows nothing"))
}

fn revoked(entry: &Revocation) -> String {
    let ids = entry.ids.as_ref().map(|ids| counted(ids.names().count(), "token id"));
    let before = entry.issued_before.map(|time| format!("issued before {}", rfc3339(time)));
    visible(&identities(&entry.who).chain(ids).chain(before).collect::<Vec<_>>().join(", "))
}

fn rfc3339(time: UnixTime) -> String {
    let time = i64::try_from(time.as_millis()).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}

fn lists(policy: &Policy) -> String {
    let lists = match policy.lists {
        Lists::Hide => "show what the caller may use",
        Lists::Offer => "show what the caller may use, and what more scope would unlock",
    };
    match policy.mode {
        Mode::Enforce => lists.to_owned(),
        Mode::Shadow => doubtful("not trimmed, because the policy is in shadow mode"),
    }
}

/// Who gets challenges inside results.
fn in_band(resource: &Resource) -> Vec<String> {
    let Some(in_band) = &resource.in_band else { return Vec::new() };
    let quoted = |patterns: &[Pattern]| {
        let patterns: Vec<_> = patterns.iter().map(|pattern| format!("`{}`", visible(pattern.as_str()))).collect();
        any_of(&patterns)
    };
    let who = [("client", &in_band.clients), ("User-Agent", &in_band.user_agents)];
    let who = who.into_iter().filter(|(_, patterns)| !patterns.is_empty());
    let who: Vec<_> = who.map(|(what, patterns)| format!("{what} {}", quoted(patterns))).collect();
    let schemes = if in_band.security_schemes { "; tools in lists say what they need" } else { "" };
    vec![format!("challenges inside results of calls for {}{schemes}", any_of(&who))]
}

/// Whether sessions are bound.
fn sessions(resource: &Resource) -> Vec<String> {
    let Some(sessions) = &resource.sessions else { return Vec::new() };
    let previous = if sessions.rotates() { "; those under the previous secret are accepted too" } else { "" };
    vec![format!("bound to their caller by a tag{previous}")]
}

/// The use of control planes.
fn remote(resource: &Resource) -> Vec<String> {
    let source = resource.policy_source.as_ref().map(|source| {
        let until = if resource.policy.closed { "everything is denied" } else { "the policy above holds" };
        format!("the policy is that of {}; until it arrives, {until}", source.endpoint.uri.as_str())
    });
    let publish =
        resource.publish.as_ref().map(|to| format!("the live tools are published to {}", to.endpoint.uri.as_str()));
    source.into_iter().chain(publish).collect()
}

fn approved(resource: &Resource) -> String {
    let otherwise = match resource.on_drift {
        OnDrift::Deny => "denied",
        OnDrift::Report => "reported",
    };
    let unseen = match resource.until_seen {
        UntilSeen::Allow => "",
        UntilSeen::Deny => ", and every tool until a list was seen",
    };
    match &resource.manifest {
        Some(manifest) => format!("{}; others are {otherwise}{unseen}", counted(manifest.tools().len(), "tool")),
        None => "no manifest: the server's tools are not compared".to_owned(),
    }
}

fn forwarded(resource: &Resource) -> String {
    let headers: Vec<_> = resource.forwarded.iter().map(|header| header.name.clone()).collect();
    let headers = list_or(&headers, "no identity");
    if resource.keep_authorization { format!("{}, {headers}", doubtful("the client's token")) } else { headers }
}

fn recorded(config: &Config) -> Vec<String> {
    let lines = match config.audit.decisions {
        Decisions::All => "all decisions".to_owned(),
        Decisions::Denied => "denials".to_owned(),
        Decisions::None => doubtful("nothing"),
    };
    let lines = match config.filter_state {
        FilterState::All => lines,
        FilterState::Decision => format!("{lines}; only the decision for access logs"),
        FilterState::None => format!("{lines}; nothing for access logs"),
    };
    let arguments = config.audit.arguments.iter().map(|(tools, pointers)| {
        let pointers: Vec<_> = pointers.iter().map(|pointer| format!("`{}`", visible(&pointer.text))).collect();
        format!("of calls of `{}` the arguments {}", visible(tools.as_str()), pointers.join(", "))
    });
    std::iter::once(lines).chain(arguments).collect()
}
