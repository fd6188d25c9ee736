//! `issuers[]`: who is trusted to issue tokens, and how their tokens are validated.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fields::{At, Fields, Findings, Zero, join};
use crate::jwks::{self, JwkFault, KeySet, Timing};
use crate::node::Node;
use crate::signature::Algorithm;
use crate::token::{ClaimTest, Profile, TokenRules};
use crate::url::Url;

/// One trusted authorization server.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Equals `iss` byte for byte.
    pub identifier: String,
    /// What the rest of the configuration calls it.
    pub name: String,
    /// How its tokens are validated.
    pub validation: Validation,
    /// Its keys, where it has any configured.
    pub keys: Option<KeySource>,
    /// Its introspection endpoint, where one is configured.
    pub introspection: Option<Introspection>,
    /// The algorithms it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// What its tokens look like.
    pub rules: TokenRules,
    /// Whether they are bound to keys of which clients prove that they have them.
    pub dpop: Dpop,
}

/// What becomes of tokens that are bound to a key (RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dpop {
    /// They are refused.
    Off,
    /// They are taken with a proof; others as ever.
    Optional,
    /// No others are taken.
    Required,
}

/// How tokens are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// Always asked.
    Introspection,
    /// By signature.
    Jwt,
    /// By signature, then asked.
    JwtAndIntrospection,
    /// By signature; asked where that cannot be.
    JwtOrIntrospection,
}

impl Validation {
    /// Whether a token that is no JWT can be accepted.
    pub fn takes_opaque_tokens(self) -> bool {
        matches!(self, Self::Introspection | Self::JwtOrIntrospection)
    }

    fn uses_keys(self) -> bool {
        self != Self::Introspection
    }

    fn uses_introspection(self) -> bool {
        self != Self::Jwt
    }
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// By HTTP callout, from where the issuer's metadata says.
    Discovered {
        /// The issuer's identifier, which leads to its metadata.
        issuer: Url,
        /// The host's cluster that reaches both the issuer and its keys.
        cluster: String,
        /// When to fetch.
        timing: Timing,
    },
    /// By HTTP callout.
    Fetched {
        /// The set's URL.
        uri: Url,
        /// The host's cluster that reaches it.
        cluster: String,
        /// When to fetch.
        timing: Timing,
    },
    /// From the configuration itself.
    Fixed(KeySet),
}

/// An introspection endpoint (RFC 7662).
#[derive(Clone, Debug)]
pub struct Introspection {
    /// Its URL.
    pub uri: Url,
    /// The host's cluster that reaches it.
    pub cluster: String,
    /// How this resource server authenticates there.
    pub client: Option<ClientAuthentication>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long an active answer is kept, never beyond `exp`.
    pub cache_ttl: Duration,
    /// Calls under way at once, per worker.
    pub max_in_flight: usize,
}

/// Client authentication (RFC 6749 section 2.3.1). No `Debug`: it holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAuthentication {
    /// The client.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Whether both go into the body rather than into the `Authorization` header.
    pub in_body: bool,
}

impl ClientAuthentication {
    /// The `Authorization` header of HTTP Basic (RFC 7617 section 2).
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }
}

impl std::fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientAuthentication").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Whether a token that is no JWT can be one of this issuer.
    pub fn takes_opaque_tokens(&self) -> bool {
        self.validation.takes_opaque_tokens()
    }
}

pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Reads one issuer.
pub fn read(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Issuer> {
    let mut fields = at.fields(found)?;
    let url = fields.require("issuer", found).and_then(|at| at.url(found));
    let name = fields.take("name").and_then(|at| at.text(found)).map(str::to_owned);
    let profile = fields.take("profile").and_then(|at| at.choice(&Profile::NAMES, found)).unwrap_or(Profile::Generic);
    let keys = fields.take("jwks").map(|at| read_jwks(&at, url.as_ref(), found));
    let introspection = fields.take("introspection").map(|at| read_introspection(&at, environment, found));
    let validation = read_validation(&mut fields, keys.is_some(), introspection.is_some(), found);
    let algorithms =
        fields.take("algorithms").and_then(|at| at.list(Zero::Refuse, found, |at, found| algorithm(&at, found)));
    let rules = read_rules(&mut fields, profile, found);
    let choices = [("off", Dpop::Off), ("optional", Dpop::Optional), ("required", Dpop::Required)];
    let dpop = fields.take("dpop").and_then(|at| at.choice(&choices, found)).unwrap_or(Dpop::Off);
    fields.finish(found);
    let identifier = url?.as_str().to_owned();
    Some(Issuer {
        name: name.unwrap_or_else(|| identifier.clone()),
        identifier,
        validation: validation?,
        keys: keys.flatten(),
        introspection: introspection.flatten(),
        algorithms: algorithms.unwrap_or_else(|| Algorithm::ALL.to_vec()),
        rules,
        dpop,
    })
}

/// The issuers of a configuration that may have faults: those that could be read.
pub struct Issuers {
    /// In the order of the configuration, without the faulty ones.
    pub read: Vec<Issuer>,
    /// The place of each in the configuration.
    places: Vec<usize>,
    /// Whether none is faulty. Else a name that none of these has may be that of a faulty one, which is told already.
    pub complete: bool,
}

/// The issuers that a policy may name.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub issuers: &'a [Issuer],
    /// As of [`Issuers`].
    pub complete: bool,
    /// The places of those that the resource trusts.
    pub trusted: &'a [usize],
}

impl Issuers {
    /// What the policy of a resource that trusts the issuers at these places may refer to.
    pub fn known<'a>(&'a self, trusted: &'a [usize]) -> Known<'a> {
        Known { issuers: &self.read, complete: self.complete, trusted }
    }

    /// Reads `issuers`.
    pub fn read(at: Option<At<'_>>, environment: Environment<'_>, found: &mut Findings) -> Self {
        let all = at.and_then(|at| at.list(Zero::Refuse, found, |at, found| Some(read(&at, environment, found))));
        let complete = all.as_ref().is_some_and(|all| all.iter().all(Option::is_some));
        let good = all.into_iter().flatten().enumerate().filter_map(|(place, issuer)| Some((place, issuer?)));
        let (places, read) = good.unzip();
        Self { read, places, complete }
    }
}

/// Names must tell issuers apart, and one `iss` must not have two sets of rules.
pub fn check_names(issuers: &Issuers, found: &mut Findings) {
    for (at, (n, issuer)) in issuers.places.iter().zip(&issuers.read).enumerate() {
        let before = issuers.read.iter().take(at);
        if before.clone().any(|other| other.name == issuer.name) {
            found.fault::<()>(&format!("issuers[{n}].name"), format!("another issuer is named `{}`", issuer.name));
        } else if before.clone().any(|other| other.identifier == issuer.identifier) {
            found.fault::<()>(&format!("issuers[{n}].issuer"), "is configured twice");
        }
    }
}

fn read_validation(
    fields: &mut Fields<'_>,
    keys: bool,
    introspection: bool,
    found: &mut Findings,
) -> Option<Validation> {
    const CHOICES: [(&str, Validation); 4] = [
        ("jwt", Validation::Jwt),
        ("introspection", Validation::Introspection),
        ("jwt_and_introspection", Validation::JwtAndIntrospection),
        ("jwt_or_introspection", Validation::JwtOrIntrospection),
    ];
    if let Some(at) = fields.take("validation") {
        let validation = at.choice(&CHOICES, found)?;
        for (used, given, name) in
            [(validation.uses_keys(), keys, "jwks"), (validation.uses_introspection(), introspection, "introspection")]
        {
            if used && !given {
                found.fault::<()>(&join(&fields.path, name), "is required by this `validation`");
            }
        }
        return Some(validation);
    }
    match (keys, introspection) {
        (true, true) => Some(Validation::JwtAndIntrospection),
        (true, false) => Some(Validation::Jwt),
        (false, true) => Some(Validation::Introspection),
        (false, false) => found.fault(&fields.path, "needs `jwks`, `introspection` or both"),
    }
}

fn read_jwks(at: &At<'_>, issuer: Option<&Url>, found: &mut Findings) -> Option<KeySource> {
    let mut fields = at.fields(found)?;
    let discovers = fields.take("discover").and_then(|at| at.flag(found)).unwrap_or(false);
    let keys = fields.take("keys");
    let source = match keys {
        Some(keys) if discovers => found.fault(&keys.path, "has no meaning beside `discover`"),
        Some(keys) => {
            for name in ["uri", "cluster", "timeout", "max_age", "cooldown", "max_stale"] {
                if let Some(at) = fields.take(name) {
                    found.fault::<()>(&at.path, "has no meaning beside `keys`");
                }
            }
            fixed_keys(&keys, found)
        }
        None if discovers => discovered_keys(&mut fields, issuer, found),
        None => {
            let uri = fields.require("uri", found).and_then(|at| at.url(found));
            let (cluster, timing) = cluster_and_timing(&mut fields, found);
            uri.zip(cluster).map(|(uri, cluster)| KeySource::Fetched { uri, cluster, timing })
        }
    };
    fields.finish(found);
    source
}

fn cluster_and_timing(fields: &mut Fields<'_>, found: &mut Findings) -> (Option<String>, Timing) {
    let cluster = fields.require("cluster", found).and_then(|at| at.text(found)).map(str::to_owned);
    let timing = Timing {
        timeout: timeout(fields, found),
        max_age: duration(fields, "max_age", 600, Zero::Refuse, found),
        cooldown: duration(fields, "cooldown", 30, Zero::Refuse, found),
        max_stale: duration(fields, "max_stale", 3600, Zero::Allow, found),
    };
    (cluster, timing)
}

fn discovered_keys(fields: &mut Fields<'_>, issuer: Option<&Url>, found: &mut Findings) -> Option<KeySource> {
    if let Some(at) = fields.take("uri") {
        found.fault::<()>(&at.path, "has no meaning beside `discover`");
    }
    let (cluster, timing) = cluster_and_timing(fields, found);
    let issuer = issuer?;
    if jwks::documents(issuer).is_none() {
        return found.fault(&join(&fields.path, "discover"), "needs an `issuer` without a query");
    }
    Some(KeySource::Discovered { issuer: issuer.clone(), cluster: cluster?, timing })
}

fn fixed_keys(at: &At<'_>, found: &mut Findings) -> Option<KeySource> {
    let keys = at.list(Zero::Refuse, found, |at, _| Some(at.node.clone()))?;
    let Ok(set) = KeySet::from_nodes(&keys) else {
        return found.fault(&at.path, "has too many keys");
    };
    if set.is_empty() {
        found.fault::<()>(&at.path, "holds no usable key");
    }
    for (place, fault) in &set.skipped {
        let path = format!("{}[{place}]", at.path);
        match fault {
            // Here it is a mistake of the configuration, and nothing in it is ignored.
            JwkFault::Malformed => found.fault(&path, "is not a well-formed key").unwrap_or_default(),
            JwkFault::Algorithm | JwkFault::Private | JwkFault::Size | JwkFault::Type | JwkFault::Use => {
                found.warn(&path, format!("is left out: {}", fault.code()));
            }
        }
    }
    Some(KeySource::Fixed(set))
}

fn read_introspection(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Introspection> {
    let mut fields = at.fields(found)?;
    let uri = fields.require("uri", found).and_then(|at| at.url(found));
    let cluster = fields.require("cluster", found).and_then(|at| at.text(found)).map(str::to_owned);
    let in_body = fields.take("client_auth").and_then(|at| at.choice(&[("basic", false), ("post", true)], found));
    let client = read_client(&mut fields, in_body.unwrap_or(false), environment, found);
    let timeout = timeout(&mut fields, found);
    let cache_ttl = duration(&mut fields, "cache_ttl", 30, Zero::Allow, found);
    let max_in_flight = fields.take("max_in_flight").and_then(|at| at.whole(1, 100_000, found)).unwrap_or(64);
    fields.finish(found);
    let (uri, cluster) = uri.zip(cluster)?;
    Some(Introspection { uri, cluster, client, timeout, cache_ttl, max_in_flight })
}

/// `client_id`, and `client_secret` or `client_secret_env`, if they are given.
pub fn read_client(
    fields: &mut Fields<'_>,
    in_body: bool,
    environment: Environment<'_>,
    found: &mut Findings,
) -> Option<ClientAuthentication> {
    let id = fields.take("client_id").map(|at| at.text(found));
    let written = fields.take("client_secret").map(|at| (at.text(found).map(str::to_owned), at.path));
    let named = fields.take("client_secret_env").map(|at| {
        let name = at.text(found);
        let secret = name.and_then(|name| match environment(name).filter(|secret| !secret.is_empty()) {
            Some(secret) => Some(secret),
            None => found.fault(&at.path, format!("the variable `{name}` is not set")),
        });
        (secret, at.path)
    });
    let (secret, path) = match (written, named) {
        (Some(_), Some((_, path))) => return found.fault(&path, "has no meaning beside `client_secret`"),
        (Some(secret), None) | (None, Some(secret)) => secret,
        (None, None) => return None,
    };
    match id {
        Some(id) => Some(ClientAuthentication { id: id?.to_owned(), secret: secret?, in_body }),
        None => found.fault(&path, "needs a `client_id`"),
    }
}

fn algorithm(at: &At<'_>, found: &mut Findings) -> Option<Algorithm> {
    let name = at.text(found)?;
    match Algorithm::from_name(name) {
        Some(algorithm) => Some(algorithm),
        None => found.fault(&at.path, "must be an asymmetric algorithm such as `RS256`; never `HS*`, never `none`"),
    }
}

fn read_rules(fields: &mut Fields<'_>, profile: Profile, found: &mut Findings) -> TokenRules {
    let mut rules = profile.rules();
    if let Some(types) = fields.take("token_types").and_then(|at| at.texts(Zero::Refuse, found)) {
        let plain = |typ: &String| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
        };
        rules.types = types.iter().map(plain).collect();
        rules.type_may_be_absent = false;
    }
    if let Some(names) = fields.take("scope_claims").and_then(|at| at.texts(Zero::Refuse, found)) {
        rules.answer_scope_claims.clone_from(&names);
        rules.scope_claims = names;
    }
    if let Some(names) = fields.take("client_claims").and_then(|at| at.texts(Zero::Refuse, found)) {
        rules.answer_client_claims.clone_from(&names);
        rules.client_claims = names;
    }
    if let Some(name) = fields.take("subject_claim").and_then(|at| at.text(found)) {
        name.clone_into(&mut rules.subject_claim);
    }
    if let Some(tests) = fields.take("required_claims").and_then(|at| claim_tests(&at, found)) {
        rules.required_claims = tests;
    }
    if let Some(leeway) = fields.take("leeway").and_then(|at| at.duration(Zero::Allow, found)) {
        rules.leeway = leeway;
    }
    rules
}

/// An object of claims and the values they must have.
pub fn claim_tests(at: &At<'_>, found: &mut Findings) -> Option<Vec<ClaimTest>> {
    let entries = at.entries(found)?;
    let test = |(name, at): &(&str, At<'_>)| match at.node {
        Node::Object(_) | Node::List(_) | Node::Null => {
            found.fault(&at.path, "expected a string, a number or a boolean")
        }
        expected => Some(ClaimTest { name: (*name).to_owned(), expected: expected.clone() }),
    };
    Some(entries.iter().filter_map(test).collect())
}

/// A callout that takes longer than this is none; the host counts it in 32 bits of milliseconds.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

pub fn timeout(fields: &mut Fields<'_>, found: &mut Findings) -> Duration {
    let timeout = duration(fields, "timeout", 5, Zero::Refuse, found);
    if timeout > MAX_TIMEOUT {
        found.fault::<()>(&join(&fields.path, "timeout"), "must be at most an hour");
    }
    timeout
}

pub fn duration(
    fields: &mut Fields<'_>,
    name: &'static str,
    seconds: u64,
    zero: Zero,
    found: &mut Findings,
) -> Duration {
    let given = fields.take(name).and_then(|at| at.duration(zero, found));
    given.unwrap_or(Duration::from_secs(seconds))
}
