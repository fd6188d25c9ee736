//! `issuers[].scope_map`: scopes for callers with certain claims.

use super::Issuers;
use super::rules::claim_tests;
use crate::config::Resource;
#[cfg(any(not(target_family = "wasm"), feature = "explain"))]
use crate::loader::fields::join;
use crate::loader::fields::{At, Fields, Findings, Zero};
use crate::loader::lint::leads_somewhere;
use crate::node::Node;
use crate::pattern::Pattern;
use crate::scope::Scope;
use crate::token::{MappedScopes, Selector};

/// Reads one entry.
pub(super) fn read(at: &At<'_>, found: &mut Findings) -> Option<MappedScopes> {
    let mut fields = at.fields(found)?;
    let claims = fields.take("claims");
    let is_for_all = claims.is_none();
    let tests = claims.and_then(|at| match at.node {
        Node::Object(members) if members.is_empty() => found.fault(&at.path, "may not be empty"),
        _ => claim_tests(&at, found),
    });
    let who = Selector {
        subjects: patterns(&mut fields, "subjects", found),
        clients: patterns(&mut fields, "clients", found),
        issuers: None,
        actors: patterns(&mut fields, "actors", found),
    };
    let scopes = fields.require("scopes", found);
    let scopes = scopes.and_then(|at| at.list(Zero::Refuse, found, |at, found| at.scope(found)));
    let path = fields.path.clone();
    fields.finish(found);
    // A selector that cannot be read is a fault of its own.
    if is_for_all && !["subjects", "clients", "actors"].iter().any(|name| at.node.member(name).is_some()) {
        return found.fault(&path, "needs `claims`, `subjects`, `clients` or `actors`: it is for every caller");
    }
    // The Wasm module has no room for it, and says nothing. `toolgate check` does.
    #[cfg(any(not(target_family = "wasm"), feature = "explain"))]
    check_hosts(&path, who.clients.as_deref(), found);
    Some(MappedScopes { who, claims: tests.unwrap_or_default(), scopes: scopes? })
}

/// Warns about patterns for clients that fix no host. Whoever publishes a document about a client chooses the client's
/// id, which is the document's URL (draft-ietf-oauth-client-id-metadata-document).
#[cfg(any(not(target_family = "wasm"), feature = "explain"))]
fn check_hosts(path: &str, clients: Option<&[Pattern]>, found: &mut Findings) {
    let is_any_host = |pattern: &&Pattern| {
        let prefix = pattern.prefix();
        let host = prefix.split_once("://").map_or(prefix, |(_, rest)| rest);
        !pattern.is_exact() && pattern.as_str().contains('/') && !host.contains('/')
    };
    if let Some(pattern) = clients.unwrap_or_default().iter().find(is_any_host) {
        let message = format!(
            "`{}` also matches URLs at hosts of others, because `*` matches `/` and `?`: begin with the whole host",
            pattern.as_str()
        );
        found.warn(&join(path, "clients"), message);
    }
}

/// Warns about scopes that no resource needs that trusts the issuer. They are probably misspelled.
pub fn check_scope_maps(issuers: &Issuers, resources: &[Resource], found: &mut Findings) {
    for ((n, id), issuer) in issuers.places.iter().zip(issuers.read.ids()).zip(&issuers.read) {
        let trusting: Vec<_> = resources.iter().filter(|resource| resource.issuers.contains(&id)).collect();
        // A policy from a control plane is not known yet.
        let is_known = !trusting.is_empty() && trusting.iter().all(|resource| resource.policy_source.is_none());
        for (m, entry) in issuer.rules.scope_map.iter().enumerate().filter(|_| is_known) {
            let is_needed = |scope: &&Scope| trusting.iter().any(|resource| leads_somewhere(&resource.policy, scope));
            for scope in entry.scopes.iter().filter(|scope| !is_needed(scope)) {
                let message = format!("grants `{scope}`, which no rule of a resource of this issuer needs");
                found.warn(&format!("issuers[{n}].scope_map[{m}].scopes"), message);
            }
        }
    }
}

/// Reads patterns for each part of a caller's identity.
pub fn selector(fields: &mut Fields<'_>, found: &mut Findings) -> Selector {
    Selector {
        subjects: patterns(fields, "subjects", found),
        clients: patterns(fields, "clients", found),
        issuers: patterns(fields, "issuers", found),
        actors: patterns(fields, "actors", found),
    }
}

/// Reads the patterns `name`, if they are given.
pub fn patterns(fields: &mut Fields<'_>, name: &'static str, found: &mut Findings) -> Option<Vec<Pattern>> {
    let texts = fields.take(name).and_then(|at| at.texts(Zero::Refuse, found))?;
    Some(texts.iter().map(|text| Pattern::new(text)).collect())
}
