//! `resources[]`: the protected MCP servers.

use super::fields::{At, Fields, Findings, Zero, join};
use super::issuer::Issuers;
use super::{Environment, endpoint, forward, in_band, lint, manifest, path_pattern, policy, sessions};
use crate::config::{Dpop, Follows, OnDrift, Resource, UntilSeen, published, told};
use crate::ids::IssuerId;
use crate::policy::Policy;
use crate::routes::{HostPattern, PathPattern};
use crate::scope::Scope;
use crate::url::{Authority, Scheme, Url};

/// Reads one resource.
pub fn read(at: &At<'_>, issuers: &Issuers, environment: Environment<'_>, found: &mut Findings) -> Option<Resource> {
    let mut fields = at.fields(found)?;
    let identifier = fields.require("resource", found).and_then(|at| at.url(found));
    let hosts = fields.take("hosts").and_then(|at| read_hosts(&at, identifier.as_ref(), found));
    let paths = fields.take("paths").and_then(|at| at.list(Zero::Refuse, found, |at, found| path_pattern(&at, found)));
    let trusted = read_issuers(&mut fields, issuers, found);
    let audiences = fields.take("audiences").and_then(|at| at.texts(Zero::Refuse, found));
    let servers = fields
        .take("authorization_servers")
        .and_then(|at| at.list(Zero::Refuse, found, |at, found| at.url(found).map(|url| url.as_str().to_owned())));
    let name = fields.take("name").and_then(|at| at.text(found)).map(str::to_owned);
    let [documentation, policy_uri, tos_uri] = ["documentation", "policy_uri", "tos_uri"]
        .map(|name| fields.take(name).and_then(|at| at.url(found)).map(|url| url.as_str().to_owned()));
    let prefix = fields.take("scope_prefix").and_then(|at| at.scope(found));
    let supported = scopes(&mut fields, "scopes_supported", prefix.as_ref(), found);
    let challenge = scopes(&mut fields, "challenge_scopes", prefix.as_ref(), found);
    let origins = fields.take("origins").and_then(|at| at.list(Zero::Refuse, found, |at, found| origin(&at, found)));
    let policy_source = fields.take("policy_source").map(|at| endpoint::read_policy_source(&at, environment, found));
    let publish = fields.take("publish").map(|at| endpoint::read_publish(&at, environment, found));
    let known = issuers.known(&trusted);
    let policy = match &policy_source {
        // Until the first document arrives, everything is denied.
        Some(_) => fields.take("policy").map_or_else(|| Some(Policy::closed()), |at| policy::read(&at, known, found)),
        None => fields.require("policy", found).and_then(|at| policy::read(&at, known, found)),
    };
    let (keep_authorization, forwarded) = forward::read(fields.take("forward"), found);
    let in_band = fields.take("in_band").and_then(|at| in_band::read(&at, found));
    let sessions = fields.take("sessions").and_then(|at| sessions::read(&at, environment, found));
    let manifest = fields.take("manifest").and_then(|at| manifest::read(&at, found));
    let on_drift = read_on_drift(&mut fields, manifest.is_some(), found);
    let until_seen = read_until_seen(&mut fields, on_drift, found);
    let path = fields.path.clone();
    fields.finish(found);
    forward::warn_of_ambiguous_subject(&path, &trusted, &forwarded, found);
    let issuers_of: Vec<_> = trusted.iter().filter_map(|id| issuers.read.get(*id)).collect();
    if servers.is_none() && !issuers_of.iter().all(|issuer| issuer.can_be_found()) {
        found
            .fault::<()>(&join(&path, "authorization_servers"), "is required: an issuer of this resource is not a URL");
    }
    let (identifier, policy) = identifier.zip(policy)?;
    lint::check_paths(&join(&path, "paths"), &identifier, paths.as_deref().unwrap_or_default(), found);
    lint::check_issuers(&join(&path, "policy"), &policy.matrix, &issuers_of, found);
    lint::check_sessions(&path, &policy, sessions.as_ref(), found);
    let default_servers =
        || trusted.iter().filter_map(|id| issuers.read.get(*id)).map(|issuer| issuer.identifier.clone()).collect();
    let base = || policy.base_scopes.iter().map(|scope| told(prefix.as_ref(), scope.as_str())).collect();
    let follows = Follows { supported: supported.is_none(), challenge: challenge.is_none() };
    let mut resource = Resource {
        hosts: hosts.unwrap_or_else(|| HostPattern::of_url(&identifier).into_iter().collect()),
        paths: paths.unwrap_or_else(|| vec![PathPattern::of_url(&identifier)]),
        audiences: audiences.unwrap_or_else(|| vec![identifier.as_str().to_owned()]),
        authorization_servers: servers.unwrap_or_else(default_servers),
        takes_proofs: issuers_of.iter().any(|issuer| issuer.dpop != Dpop::Off),
        needs_proofs: !issuers_of.is_empty() && issuers_of.iter().all(|issuer| issuer.dpop == Dpop::Required),
        scopes_supported: supported.unwrap_or_else(|| published(&policy, prefix.as_ref())),
        challenge_scopes: challenge.unwrap_or_else(base),
        scope_prefix: prefix,
        issuers: trusted,
        name,
        documentation,
        policy_uri,
        tos_uri,
        policy_version: 0,
        origins,
        manifest,
        on_drift,
        until_seen,
        in_band,
        sessions,
        keep_authorization,
        forwarded,
        identifier,
        policy_source: policy_source.flatten(),
        publish: publish.flatten(),
        maps_scopes: issuers_of.iter().any(|issuer| !issuer.rules.scope_map.is_empty()),
        follows,
        policy,
    };
    lint::check_asked_scopes(&path, &resource, &issuers_of, found);
    resource.restrict_challenges();
    Some(resource)
}

fn read_on_drift(fields: &mut Fields<'_>, has_manifest: bool, found: &mut Findings) -> OnDrift {
    let Some(at) = fields.take("on_drift") else { return OnDrift::Report };
    let on_drift = at.choice(&[("report", OnDrift::Report), ("deny", OnDrift::Deny)], found);
    if on_drift == Some(OnDrift::Deny) && !has_manifest {
        found.fault::<()>(&at.path, "needs a `manifest`: nothing is approved");
    }
    on_drift.unwrap_or(OnDrift::Report)
}

fn read_until_seen(fields: &mut Fields<'_>, on_drift: OnDrift, found: &mut Findings) -> UntilSeen {
    let Some(at) = fields.take("until_seen") else { return UntilSeen::Allow };
    let until_seen = at.choice(&[("allow", UntilSeen::Allow), ("deny", UntilSeen::Deny)], found);
    if until_seen == Some(UntilSeen::Deny) && on_drift != OnDrift::Deny {
        found.fault::<()>(&at.path, "needs `on_drift: deny`: nothing is denied for drift");
    }
    until_seen.unwrap_or(UntilSeen::Allow)
}

fn read_hosts(at: &At<'_>, identifier: Option<&Url>, found: &mut Findings) -> Option<Vec<HostPattern>> {
    let scheme = identifier.map_or(Scheme::Https, Url::scheme);
    at.list(Zero::Refuse, found, |at, found| match at.text(found)? {
        "*" => Some(HostPattern::Any),
        text => match Authority::parse(text).filter(|_| !text.contains('*')) {
            Some(authority) => Some(HostPattern::named(authority, scheme)),
            None => found.fault(&at.path, "must be a host, a host with a port, or `*`"),
        },
    })
}

fn read_issuers(fields: &mut Fields<'_>, issuers: &Issuers, found: &mut Findings) -> Vec<IssuerId> {
    let at = fields.take("issuers");
    let path = join(&fields.path, "issuers");
    let named = at.and_then(|at| {
        at.list(Zero::Refuse, found, |at, found| {
            let name = at.text(found)?;
            match issuers.read.find(|issuer| issuer.name == name) {
                Some(issuer) => Some(issuer),
                None if !issuers.complete => None,
                None => found.fault(&at.path, format!("no issuer is named `{name}`")),
            }
        })
    });
    let trusted = named.unwrap_or_else(|| issuers.read.ids().collect());
    if trusted.iter().enumerate().any(|(n, issuer)| trusted.iter().take(n).any(|other| other == issuer)) {
        found.fault::<()>(&path, "names an issuer twice");
    }
    let opaque =
        trusted.iter().filter_map(|id| issuers.read.get(*id)).filter(|issuer| issuer.validation.takes_opaque_tokens());
    if opaque.count() > 1 {
        found.fault::<()>(&path, "two issuers accept opaque tokens, so the issuer of such a token would be ambiguous");
    }
    trusted
}

fn scopes(
    fields: &mut Fields<'_>,
    name: &'static str,
    prefix: Option<&Scope>,
    found: &mut Findings,
) -> Option<Vec<String>> {
    let scopes = fields.take(name)?.list(Zero::Allow, found, |at, found| at.scope(found))?;
    Some(scopes.iter().map(|scope| told(prefix, scope.as_str())).collect())
}

/// A serialised origin (RFC 6454 section 6.2): scheme, host and port only.
fn origin(at: &At<'_>, found: &mut Findings) -> Option<String> {
    let text = at.text(found)?;
    let valid = text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
            && !scheme.is_empty()
            && Authority::parse(rest).is_some()
            && !rest.contains('*')
    });
    if valid {
        return Some(text.to_owned());
    }
    found.fault(&at.path, "must be an origin such as `https://app.example.com`, without a path")
}
