//! A resource: one protected MCP server.

use super::ControlPlane;
use crate::manifest::Manifest;
use crate::policy::Policy;
use crate::routes::{HostPattern, PathPattern};
use crate::scope::{Scope, ScopeSet};
use crate::url::Url;

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
    /// The accepted audiences: `aud` must hold one of them.
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
    /// The policy in force.
    pub policy: Policy,
    /// The number of its changes.
    pub policy_version: u64,
    /// The source of a policy that replaces it.
    pub policy_source: Option<ControlPlane>,
    /// The endpoint that receives the manifest of the live tools.
    pub publish: Option<ControlPlane>,
    /// Which published scopes follow the policy.
    pub(crate) follows: Follows,
    /// The approved tools of the server.
    pub manifest: Option<Manifest>,
    /// The treatment of a tool that differs from it.
    pub on_drift: OnDrift,
    /// Whether a tool may be called before a list was seen.
    pub until_seen: UntilSeen,
    /// Whether the client's token goes on to the server.
    pub keep_authorization: bool,
    /// The identity that goes on to the server.
    pub forwarded: Vec<ForwardedHeader>,
}

/// Which published scopes follow the policy, because nothing else is configured.
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

/// The default of `scopes_supported`.
pub(crate) fn published(policy: &Policy, prefix: Option<&Scope>) -> Vec<String> {
    let named = policy.named_scopes();
    sorted(named.iter().filter(|scope| scope.as_str() != "offline_access"), prefix)
}

fn sorted<'s>(scopes: impl Iterator<Item = &'s Scope>, prefix: Option<&Scope>) -> Vec<String> {
    let mut scopes: Vec<_> = scopes.map(|scope| told(prefix, scope.as_str())).collect();
    scopes.sort_unstable();
    scopes
}

/// A scope as clients are told it. One that is a URL is complete.
pub(crate) fn told(prefix: Option<&Scope>, scope: &str) -> String {
    match prefix {
        Some(prefix) if !scope.contains("://") => format!("{}{scope}", prefix.as_str()),
        _ => scope.to_owned(),
    }
}

/// The treatment of a tool that differs from the approved one.
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
    /// Its value.
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

/// A header's name as servers with CGI heritage read it: no case, `_` as `-`.
pub(crate) fn folded_header(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Whether `name` is `folded` to such a server.
pub(crate) fn folds_to(name: &str, folded: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == folded.len() && name.bytes().map(fold).eq(folded.bytes())
}
