//! `resources[]`: the protected MCP servers.

use super::fields::{At, Fields, Findings, Zero, join};
use super::issuer::{Issuers, Known};
use super::{Environment, endpoint, forward, in_band, lint, manifest, path_pattern, policy, sessions};
use crate::config::{
    ControlPlane, Dpop, Follows, ForwardedHeader, InBand, Issuer, OnDrift, Resource, UntilSeen, published, told,
};
use crate::ids::IssuerId;
use crate::manifest::Manifest;
use crate::policy::Policy;
use crate::routes::{HostPattern, PathPattern};
use crate::scope::Scope;
use crate::sessions::Sessions;
use crate::url::{Authority, Scheme, Url};

/// Reads one resource.
pub fn read(at: &At<'_>, issuers: &Issuers, environment: Environment<'_>, found: &mut Findings) -> Option<Resource> {
    let mut fields = at.fields(found)?;
    let parts = Parts::read(&mut fields, issuers, environment, found);
    let path = fields.path.clone();
    fields.finish(found);
    forward::warn_of_ambiguous_subject(&path, &parts.trusted, &parts.forwarded, found);
    let trusted: Vec<_> = parts.trusted.iter().filter_map(|id| issuers.read.get(*id)).collect();
    if parts.published.servers.is_none() && !trusted.iter().all(|issuer| issuer.can_be_found()) {
        found
            .fault::<()>(&join(&path, "authorization_servers"), "is required: an issuer of this resource is not a URL");
    }
    let (identifier, policy) = parts.address.identifier.as_ref().zip(parts.ruled.policy.as_ref())?;
    let paths = parts.address.paths.as_deref().unwrap_or_default();
    lint::check_paths(&join(&path, "paths"), identifier, paths, found);
    lint::check_issuers(&join(&path, "policy"), &policy.matrix, &trusted, found);
    lint::check_sessions(&path, policy, parts.sessions.as_ref(), found);
    let mut resource = parts.complete(&trusted)?;
    lint::check_asked_scopes(&path, &resource, &trusted, found);
    resource.restrict_challenges();
    Some(resource)
}

/// The fields of a resource, as far as they could be read.
struct Parts {
    address: Address,
    trusted: Vec<IssuerId>,
    audiences: Option<Vec<String>>,
    published: Published,
    origins: Option<Vec<String>>,
    ruled: Ruled,
    keep_authorization: bool,
    forwarded: Vec<ForwardedHeader>,
    in_band: Option<InBand>,
    sessions: Option<Sessions>,
    approved: Approved,
}

impl Parts {
    fn read(fields: &mut Fields<'_>, issuers: &Issuers, environment: Environment<'_>, found: &mut Findings) -> Self {
        let address = Address::read(fields, found);
        let trusted = read_issuers(fields, issuers, found);
        let audiences = fields.take("audiences").and_then(|at| at.texts(Zero::Refuse, found));
        let published = Published::read(fields, found);
        let origins = fields.take("origins");
        let origins = origins.and_then(|at| at.list(Zero::Refuse, found, |at, found| origin(&at, found)));
        let ruled = Ruled::read(fields, issuers.known(&trusted), environment, found);
        let (keep_authorization, forwarded) = forward::read(fields.take("forward"), found);
        let in_band = fields.take("in_band").and_then(|at| in_band::read(&at, found));
        let sessions = fields.take("sessions").and_then(|at| sessions::read(&at, environment, found));
        let approved = Approved::read(fields, found);
        Self {
            address,
            trusted,
            audiences,
            published,
            origins,
            ruled,
            keep_authorization,
            forwarded,
            in_band,
            sessions,
            approved,
        }
    }

    /// The resource, with defaults for what is not configured. `trusted`: its issuers.
    fn complete(self, trusted: &[&Issuer]) -> Option<Resource> {
        let Self { address, published, ruled, approved, .. } = self;
        let (identifier, policy) = address.identifier.zip(ruled.policy)?;
        let prefix = published.prefix;
        let base = || policy.base_scopes.iter().map(|scope| told(prefix.as_ref(), scope.as_str())).collect();
        let servers = || trusted.iter().map(|issuer| issuer.identifier.clone()).collect();
        let follows = Follows { supported: published.supported.is_none(), challenge: published.challenge.is_none() };
        Some(Resource {
            hosts: address.hosts.unwrap_or_else(|| HostPattern::of_url(&identifier).into_iter().collect()),
            paths: address.paths.unwrap_or_else(|| vec![PathPattern::of_url(&identifier)]),
            audiences: self.audiences.unwrap_or_else(|| vec![identifier.as_str().to_owned()]),
            authorization_servers: published.servers.unwrap_or_else(servers),
            takes_proofs: trusted.iter().any(|issuer| issuer.dpop != Dpop::Off),
            needs_proofs: !trusted.is_empty() && trusted.iter().all(|issuer| issuer.dpop == Dpop::Required),
            scopes_supported: published.supported.unwrap_or_else(|| self::published(&policy, prefix.as_ref())),
            challenge_scopes: published.challenge.unwrap_or_else(base),
            scope_prefix: prefix,
            issuers: self.trusted,
            name: published.name,
            documentation: published.documentation,
            policy_uri: published.policy_uri,
            tos_uri: published.tos_uri,
            policy_version: 0,
            origins: self.origins,
            manifest: approved.manifest,
            on_drift: approved.on_drift,
            until_seen: approved.until_seen,
            in_band: self.in_band,
            sessions: self.sessions,
            keep_authorization: self.keep_authorization,
            forwarded: self.forwarded,
            identifier,
            policy_source: ruled.source,
            publish: ruled.publish,
            maps_scopes: trusted.iter().any(|issuer| !issuer.rules.scope_map.is_empty()),
            follows,
            policy,
        })
    }
}

/// The fields by which requests find the resource.
struct Address {
    identifier: Option<Url>,
    hosts: Option<Vec<HostPattern>>,
    paths: Option<Vec<PathPattern>>,
}

impl Address {
    fn read(fields: &mut Fields<'_>, found: &mut Findings) -> Self {
        let identifier = fields.require("resource", found).and_then(|at| at.url(found));
        let hosts = fields.take("hosts").and_then(|at| read_hosts(&at, identifier.as_ref(), found));
        let paths = fields.take("paths");
        let paths = paths.and_then(|at| at.list(Zero::Refuse, found, |at, found| path_pattern(&at, found)));
        Self { identifier, hosts, paths }
    }
}

/// The fields of the metadata document and of challenges.
struct Published {
    servers: Option<Vec<String>>,
    name: Option<String>,
    documentation: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    prefix: Option<Scope>,
    supported: Option<Vec<String>>,
    challenge: Option<Vec<String>>,
}

impl Published {
    fn read(fields: &mut Fields<'_>, found: &mut Findings) -> Self {
        let url = |at: &At<'_>, found: &mut Findings| at.url(found).map(|url| url.as_str().to_owned());
        let servers = fields.take("authorization_servers");
        let servers = servers.and_then(|at| at.list(Zero::Refuse, found, |at, found| url(&at, found)));
        let name = fields.take("name").and_then(|at| at.text(found)).map(str::to_owned);
        let [documentation, policy_uri, tos_uri] =
            ["documentation", "policy_uri", "tos_uri"].map(|name| fields.take(name).and_then(|at| url(&at, found)));
        let prefix = fields.take("scope_prefix").and_then(|at| at.scope(found));
        let supported = scopes(fields, "scopes_supported", prefix.as_ref(), found);
        let challenge = scopes(fields, "challenge_scopes", prefix.as_ref(), found);
        Self { servers, name, documentation, policy_uri, tos_uri, prefix, supported, challenge }
    }
}

/// The policy, and the control plane that replaces it.
struct Ruled {
    source: Option<ControlPlane>,
    publish: Option<ControlPlane>,
    policy: Option<Policy>,
}

impl Ruled {
    fn read(fields: &mut Fields<'_>, known: Known<'_>, environment: Environment<'_>, found: &mut Findings) -> Self {
        let source = fields.take("policy_source").map(|at| endpoint::read_policy_source(&at, environment, found));
        let publish = fields.take("publish").map(|at| endpoint::read_publish(&at, environment, found));
        let policy = match &source {
            // Until the first document arrives, everything is denied.
            Some(_) => {
                fields.take("policy").map_or_else(|| Some(Policy::closed()), |at| policy::read(&at, known, found))
            }
            None => fields.require("policy", found).and_then(|at| policy::read(&at, known, found)),
        };
        Self { source: source.flatten(), publish: publish.flatten(), policy }
    }
}

/// The approved tools, and the treatment of others.
struct Approved {
    manifest: Option<Manifest>,
    on_drift: OnDrift,
    until_seen: UntilSeen,
}

impl Approved {
    fn read(fields: &mut Fields<'_>, found: &mut Findings) -> Self {
        let manifest = fields.take("manifest").and_then(|at| manifest::read(&at, found));
        let on_drift = read_on_drift(fields, manifest.is_some(), found);
        let until_seen = read_until_seen(fields, on_drift, found);
        Self { manifest, on_drift, until_seen }
    }
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
