//! `resources[]`: the protected MCP servers.

use super::fields::{At, Fields, Findings, Zero, join};
use super::issuer::{Dpop, Environment, Issuers};
use super::remote::{self, Endpoint};
use super::{lint, manifest, path_pattern, policy};
use crate::manifest::Manifest;
use crate::policy::Policy;
use crate::routes::{HostPattern, PathPattern};
use crate::scope::{Scope, ScopeSet};
use crate::url::{Authority, Scheme, Url};

/// One protected MCP server.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The resource identifier, published byte for byte.
    pub identifier: Url,
    /// The hosts it is reached by.
    pub hosts: Vec<HostPattern>,
    /// The paths it is reached by.
    pub paths: Vec<PathPattern>,
    /// The issuers it trusts, as places in the configuration's list.
    pub issuers: Vec<usize>,
    /// Whether it takes tokens that are bound to a key, with proofs.
    pub takes_proofs: bool,
    /// Whether it takes no others.
    pub needs_proofs: bool,
    /// What a token's `aud` must hold one of.
    pub audiences: Vec<String>,
    /// Published for clients to find an authorization server.
    pub authorization_servers: Vec<String>,
    /// Published for people; likewise the next three.
    pub name: Option<String>,
    /// A page for developers.
    pub documentation: Option<String>,
    /// How data may be used.
    pub policy_uri: Option<String>,
    /// Terms of service.
    pub tos_uri: Option<String>,
    /// Published, as clients are told them; by default every scope of the policy, without `offline_access`.
    pub scopes_supported: Vec<String>,
    /// `scope` of a 401, as clients are told them, in this order.
    pub challenge_scopes: Vec<String>,
    /// The prefix of scopes without `://` wherever clients are told scopes. Tokens and rules have the short name.
    pub scope_prefix: Option<Scope>,
    /// Origins of browsers, if any may call.
    pub origins: Option<Vec<String>>,
    /// Who may do what, as of now.
    pub policy: Policy,
    /// How often that has changed.
    pub policy_version: u64,
    /// Where a policy comes from that takes its place.
    pub policy_source: Option<Endpoint>,
    /// Where the manifest of the live tools goes.
    pub publish: Option<Endpoint>,
    /// What is published as the policy says, since nothing else is configured.
    pub(super) follows: Follows,
    /// What was approved of the server's tools.
    pub manifest: Option<Manifest>,
    /// What becomes of a tool that is not so.
    pub on_drift: OnDrift,
    /// Whether a tool may be called before a list was seen.
    pub until_seen: UntilSeen,
    /// Whether the client's token goes on to the server.
    pub keep_authorization: bool,
    /// The identity that goes on to the server.
    pub forwarded: Vec<ForwardedHeader>,
}

/// What follows the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follows {
    pub supported: bool,
    pub challenge: bool,
}

impl Resource {
    /// Puts `policy` into the place of the one it has. `supported`: what is published besides, if nothing else is
    /// configured.
    pub fn adopt(&mut self, policy: Policy, supported: Option<Vec<String>>) {
        let prefix = self.scope_prefix.as_ref();
        if self.follows.supported {
            self.scopes_supported = match supported {
                Some(scopes) => scopes.iter().map(|scope| told(prefix, scope)).collect(),
                None => published(&policy, prefix),
            };
        }
        if self.follows.challenge {
            self.challenge_scopes = policy.base_scopes.iter().map(|scope| told(prefix, scope.as_str())).collect();
        }
        self.policy = policy;
        self.policy_version += 1;
    }

    /// Denies everything, or no longer.
    pub fn close(&mut self, closed: bool) {
        if std::mem::replace(&mut self.policy.closed, closed) != closed {
            self.policy_version += 1;
        }
    }

    /// `scopes` as a challenge asks for them, sorted.
    pub fn asked_for(&self, scopes: &ScopeSet) -> Vec<String> {
        sorted(scopes.iter(), self.scope_prefix.as_ref())
    }
}

/// What `scopes_supported` is by default.
fn published(policy: &Policy, prefix: Option<&Scope>) -> Vec<String> {
    let named = policy.named_scopes();
    sorted(named.iter().filter(|scope| scope.as_str() != "offline_access"), prefix)
}

fn sorted<'s>(scopes: impl Iterator<Item = &'s Scope>, prefix: Option<&Scope>) -> Vec<String> {
    let mut scopes: Vec<_> = scopes.map(|scope| told(prefix, scope.as_str())).collect();
    scopes.sort_unstable();
    scopes
}

/// A scope as clients are told it. One that is a URL is complete.
fn told(prefix: Option<&Scope>, scope: &str) -> String {
    match prefix {
        Some(prefix) if !scope.contains("://") => format!("{}{scope}", prefix.as_str()),
        _ => scope.to_owned(),
    }
}

/// What becomes of a tool that is not as approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDrift {
    /// It is denied, and in no list.
    Deny,
    /// It is reported.
    Report,
}

/// Whether an approved tool may be called before a complete list of the server's tools was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum UntilSeen {
    Allow,
    Deny,
}

/// A header that carries a part of the verified identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedHeader {
    /// The header's name in lower case.
    pub name: String,
    /// The name as servers may confuse it: `_` as `-`.
    pub folded: String,
    /// What it carries.
    pub value: IdentityValue,
}

/// A part of the verified identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityValue {
    /// A claim, by its path.
    Claim(String),
    /// The client.
    Client,
    /// `iss`
    Issuer,
    /// The granted scopes, separated by spaces.
    Scope,
    /// The subject.
    Subject,
}

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
    let policy_source = fields.take("policy_source").map(|at| remote::read_policy_source(&at, environment, found));
    let publish = fields.take("publish").map(|at| remote::read_publish(&at, environment, found));
    let known = issuers.known(&trusted);
    let policy = match &policy_source {
        // Until the first one comes, everything is denied.
        Some(_) => fields.take("policy").map_or_else(|| Some(Policy::closed()), |at| policy::read(&at, known, found)),
        None => fields.require("policy", found).and_then(|at| policy::read(&at, known, found)),
    };
    let (keep_authorization, forwarded) = read_forward(fields.take("forward"), found);
    let manifest = fields.take("manifest").and_then(|at| manifest::read(&at, found));
    let on_drift = read_on_drift(&mut fields, manifest.is_some(), found);
    let until_seen = read_until_seen(&mut fields, on_drift, found);
    let path = fields.path.clone();
    fields.finish(found);
    warn_of_ambiguous_subject(&path, &trusted, &forwarded, found);
    let issuers_of: Vec<_> = trusted.iter().filter_map(|n| issuers.read.get(*n)).collect();
    if servers.is_none() && !issuers_of.iter().all(|issuer| issuer.can_be_found()) {
        found.fault::<()>(&join(&path, "authorization_servers"), "is required: an issuer of this resource is no URL");
    }
    let (identifier, policy) = identifier.zip(policy)?;
    lint::check_paths(&join(&path, "paths"), &identifier, paths.as_deref().unwrap_or_default(), found);
    lint::check_issuers(&join(&path, "policy"), &policy.matrix, &issuers_of, found);
    let default_servers =
        || trusted.iter().filter_map(|n| issuers.read.get(*n)).map(|issuer| issuer.identifier.clone()).collect();
    let base = || policy.base_scopes.iter().map(|scope| told(prefix.as_ref(), scope.as_str())).collect();
    let follows = Follows { supported: supported.is_none(), challenge: challenge.is_none() };
    Some(Resource {
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
        keep_authorization,
        forwarded,
        identifier,
        policy_source: policy_source.flatten(),
        publish: publish.flatten(),
        follows,
        policy,
    })
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

fn read_issuers(fields: &mut Fields<'_>, issuers: &Issuers, found: &mut Findings) -> Vec<usize> {
    let at = fields.take("issuers");
    let path = join(&fields.path, "issuers");
    let named = at.and_then(|at| {
        at.list(Zero::Refuse, found, |at, found| {
            let name = at.text(found)?;
            match issuers.read.iter().position(|issuer| issuer.name == name) {
                Some(place) => Some(place),
                None if !issuers.complete => None,
                None => found.fault(&at.path, format!("no issuer is named `{name}`")),
            }
        })
    });
    let trusted = named.unwrap_or_else(|| (0..issuers.read.len()).collect());
    if trusted.iter().enumerate().any(|(n, place)| trusted.iter().take(n).any(|other| other == place)) {
        found.fault::<()>(&path, "names an issuer twice");
    }
    let opaque =
        trusted.iter().filter_map(|n| issuers.read.get(*n)).filter(|issuer| issuer.validation.takes_opaque_tokens());
    if opaque.count() > 1 {
        found.fault::<()>(&path, "two issuers take opaque tokens: it could not be told whom to ask");
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

/// A serialised origin (RFC 6454 section 6.2): scheme, host and port, nothing after.
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

fn read_forward(at: Option<At<'_>>, found: &mut Findings) -> (bool, Vec<ForwardedHeader>) {
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else {
        return (false, Vec::new());
    };
    let keep = fields.take("authorization").and_then(|at| at.choice(&[("strip", false), ("keep", true)], found));
    let entries = fields.take("headers").and_then(|at| at.entries(found)).unwrap_or_default();
    let mut forwarded: Vec<ForwardedHeader> = Vec::new();
    for (name, at) in entries {
        let Some(header) = read_header(name, &at, found) else { continue };
        if forwarded.iter().any(|other| other.folded == header.folded) {
            found.fault::<()>(&at.path, "servers may take it for another header of this list");
        }
        forwarded.push(header);
    }
    fields.finish(found);
    (keep.unwrap_or(false), forwarded)
}

fn read_header(name: &str, at: &At<'_>, found: &mut Findings) -> Option<ForwardedHeader> {
    if !may_be_forwarded(name) {
        return found.fault(&at.path, "this header may not be forwarded");
    }
    let value = match at.text(found)? {
        "sub" => IdentityValue::Subject,
        "issuer" => IdentityValue::Issuer,
        "client" => IdentityValue::Client,
        "scope" => IdentityValue::Scope,
        text => match text.strip_prefix("claims.").filter(|path| !path.is_empty()) {
            Some(path) => IdentityValue::Claim(path.to_owned()),
            None => return found.fault(&at.path, "must be `sub`, `issuer`, `client`, `scope` or `claims.<name>`"),
        },
    };
    Some(ForwardedHeader { name: name.to_ascii_lowercase(), folded: folded_header(name), value })
}

/// A header's name as servers with CGI heritage read it: no case, `_` as `-`.
pub fn folded_header(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Whether `name` is `folded` to such a server.
pub fn folds_to(name: &str, folded: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == folded.len() && name.bytes().map(fold).eq(folded.bytes())
}

/// Whether a header may carry identity: not where it would change the message, the connection or the protocol.
fn may_be_forwarded(name: &str) -> bool {
    const RESERVED: [&str; 13] = [
        "authorization",
        "connection",
        "dpop",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    // RFC 9110 section 5.6.2: `token`; a pseudo-header's colon is not in it.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let folded = folded_header(name);
    !name.is_empty()
        && name.bytes().all(token)
        && !RESERVED.contains(&folded.as_str())
        && !super::OVERRIDES.contains(&folded.as_str())
        && !folded.starts_with("content-")
        && !folded.starts_with("mcp-")
}

fn warn_of_ambiguous_subject(path: &str, issuers: &[usize], forwarded: &[ForwardedHeader], found: &mut Findings) {
    let carries = |value| forwarded.iter().any(|header| header.value == value);
    if issuers.len() > 1 && carries(IdentityValue::Subject) && !carries(IdentityValue::Issuer) {
        let message = "forwards `sub` without `issuer`, but two issuers may use the same subject for two people";
        found.warn(&join(path, "forward.headers"), message);
    }
}
