//! A resource: one protected MCP server.

use super::ControlPlane;
use crate::ids::IssuerId;
use crate::index::Index;
use crate::manifest::Manifest;
use crate::pattern::Pattern;
use crate::policy::Policy;
use crate::routes::{HostPattern, PathPattern};
use crate::scope::{Scope, ScopeSet};
use crate::sessions::Sessions;
use crate::url::Url;

/// One protected MCP server.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The resource identifier, published byte for byte.
    pub identifier: Url,
    /// The hosts of the resource.
    pub hosts: Vec<HostPattern>,
    /// The paths of the resource.
    pub paths: Vec<PathPattern>,
    /// The trusted issuers.
    pub issuers: Vec<IssuerId>,
    /// Whether tokens bound to a key are accepted, with a proof.
    pub takes_proofs: bool,
    /// Whether only such tokens are accepted.
    pub needs_proofs: bool,
    /// The accepted audiences. `aud` must contain one of them.
    pub audiences: Vec<String>,
    /// The authorization servers in the metadata document.
    pub authorization_servers: Vec<String>,
    /// The display name in the metadata document.
    pub name: Option<String>,
    /// The documentation URL in the metadata document.
    pub documentation: Option<String>,
    /// The data usage policy in the metadata document.
    pub policy_uri: Option<String>,
    /// The terms of service in the metadata document.
    pub tos_uri: Option<String>,
    /// `scopes_supported` in the metadata document, with prefix. By default all scopes of the policy except
    /// `offline_access`.
    pub scopes_supported: Vec<String>,
    /// The `scope` of a 401 challenge, with prefix, in this order.
    pub challenge_scopes: Vec<String>,
    /// A prefix for scopes without `://` in challenges and metadata. Tokens and rules use the short name.
    pub scope_prefix: Option<Scope>,
    /// The browser origins that may call, if restricted.
    pub origins: Option<Vec<String>>,
    /// The current policy.
    pub policy: Policy,
    /// The number of policy changes.
    pub policy_version: u64,
    /// The source of a remote policy.
    pub policy_source: Option<ControlPlane>,
    /// The endpoint to which the manifest of the live tools is published.
    pub publish: Option<ControlPlane>,
    /// Whether an issuer has a `scope_map`. Then the authorization server may not know every scope of the policy.
    pub(crate) maps_scopes: bool,
    /// Which published scopes follow the policy.
    pub(crate) follows: Follows,
    /// The approved tools of the server.
    pub manifest: Option<Manifest>,
    /// The treatment of a tool that differs from the manifest.
    pub on_drift: OnDrift,
    /// Whether a tool may be called before a complete list was seen.
    pub until_seen: UntilSeen,
    /// The callers who get challenges inside results.
    pub in_band: Option<InBand>,
    /// The secrets that bind sessions to their caller.
    pub sessions: Option<Sessions>,
    /// Whether the client's token is forwarded to the server.
    pub keep_authorization: bool,
    /// The parts of the identity that are forwarded to the server.
    pub forwarded: Vec<ForwardedHeader>,
}

/// Which published scopes follow the policy because they are not configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Follows {
    pub supported: bool,
    pub challenge: bool,
}

impl Resource {
    /// Replaces the policy. `supported` is published as `scopes_supported`, unless that is configured.
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
        self.restrict_challenges();
    }

    /// Where scopes may come from a `scope_map`, challenges ask for nothing beyond a configured `scopes_supported`.
    pub(crate) fn restrict_challenges(&mut self) {
        if self.maps_scopes && !self.follows.supported {
            let (supported, prefix) = (&self.scopes_supported, self.scope_prefix.as_ref());
            let is_supported = |scope: &&Scope| supported.contains(&told(prefix, scope.as_str()));
            self.policy.offered = Some(self.policy.needed_scopes.iter().filter(is_supported).cloned().collect());
            self.challenge_scopes.retain(|scope| supported.contains(scope));
        }
    }

    /// Sets whether the policy denies everything.
    pub fn close(&mut self, closed: bool) {
        if std::mem::replace(&mut self.policy.closed, closed) != closed {
            self.policy_version += 1;
        }
    }

    /// `scopes` as a challenge names them, sorted. Those that are not offered are left out.
    pub fn asked_for(&self, scopes: &ScopeSet) -> Vec<String> {
        sorted(scopes.iter().filter(|scope| self.policy.offers(scope)), self.scope_prefix.as_ref())
    }
}

/// The default of `scopes_supported`.
pub(crate) fn published(policy: &Policy, prefix: Option<&Scope>) -> Vec<String> {
    let named = policy.named_scopes();
    sorted(named.iter().filter(|scope| scope.as_str() != "offline_access"), prefix)
}

fn sorted<'s>(scopes: impl Iterator<Item = &'s Scope>, prefix: Option<&Scope>) -> Vec<String> {
    Index::of_all(scopes.map(|scope| told(prefix, scope.as_str()))).into_names()
}

/// A scope as clients see it. A scope that is a URL gets no prefix.
pub(crate) fn told(prefix: Option<&Scope>, scope: &str) -> String {
    match prefix {
        Some(prefix) if !scope.contains("://") => format!("{}{scope}", prefix.as_str()),
        _ => scope.to_owned(),
    }
}

/// The callers who get challenges inside the results of tool calls, since they look for them nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InBand {
    /// Patterns for the client of a verified token.
    pub clients: Vec<Pattern>,
    /// Patterns for `User-Agent`.
    pub user_agents: Vec<Pattern>,
    /// Whether tools in their lists have `securitySchemes`.
    pub security_schemes: bool,
}

impl InBand {
    /// Whether it is about a caller with this client and this `User-Agent`.
    pub fn covers(&self, client: Option<&str>, user_agent: Option<&str>) -> bool {
        let any = |patterns: &[Pattern], value: Option<&str>| {
            value.is_some_and(|value| patterns.iter().any(|pattern| pattern.matches(value)))
        };
        any(&self.clients, client) || any(&self.user_agents, user_agent)
    }
}

/// The treatment of a tool that differs from its approved definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDrift {
    /// The tool is denied and removed from lists.
    Deny,
    /// The difference is reported.
    Report,
}

/// Whether an approved tool may be called before a complete list of the server's tools was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum UntilSeen {
    Allow,
    Deny,
}

/// A header that forwards a part of the verified identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedHeader {
    /// The header's name, in lower case.
    pub name: String,
    /// The name with `_` as `-`, as some servers read it.
    pub folded: String,
    /// The value.
    pub value: IdentityValue,
}

/// A part of the verified identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityValue {
    /// Who acts for the subject.
    Actor,
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

/// A header name as CGI-style servers read it: in lower case, with `_` as `-`.
pub(crate) fn folded_header(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Whether such a server reads `name` as `folded`.
pub(crate) fn folds_to(name: &str, folded: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == folded.len() && name.bytes().map(fold).eq(folded.bytes())
}
