//! `issuers[]`: the trusted issuers, and how their tokens are validated.

mod introspection;
mod keys;
mod rules;
mod scope_map;

pub use rules::claim_tests;
pub use scope_map::{check_scope_maps, patterns, selector};

use std::time::Duration;

use super::Environment;
use super::fields::{At, Fields, Findings, Zero, join};
use crate::config::{Dpop, Issuer, Validation};
use crate::ids::{ById, IssuerId};
use crate::pattern::Pattern;
use crate::signature::Algorithm;
use crate::token::{GENERIC, PROFILES};
use crate::url::Url;

/// Reads one issuer.
pub fn read(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Issuer> {
    let mut fields = at.fields(found)?;
    let identifier = fields.require("issuer", found).and_then(|at| identifier(&at, found));
    let name = fields.take("name").and_then(|at| at.text(found)).map(str::to_owned);
    let profiles = PROFILES.each_ref().map(|profile| (profile.name, profile));
    let profile = fields.take("profile").and_then(|at| at.choice(&profiles, found)).unwrap_or(&GENERIC);
    let keys = fields.take("jwks").map(|at| keys::read(&at, identifier, found));
    let introspection = fields.take("introspection").map(|at| introspection::read(&at, environment, found));
    let validation = read_validation(&mut fields, keys.is_some(), introspection.is_some(), found);
    let algorithms =
        fields.take("algorithms").and_then(|at| at.list(Zero::Refuse, found, |at, found| algorithm(&at, found)));
    let mut rules = rules::read(&mut fields, profile, found);
    let map = fields.take("scope_map");
    let map = map.and_then(|at| at.list(Zero::Refuse, found, |at, found| scope_map::read(&at, found)));
    rules.scope_map = map.unwrap_or_default();
    let choices = [("off", Dpop::Off), ("optional", Dpop::Optional), ("required", Dpop::Required)];
    let dpop = fields.take("dpop").and_then(|at| at.choice(&choices, found)).unwrap_or(Dpop::Off);
    let dpop_window = read_dpop_window(&mut fields, dpop, found);
    let identifier = match identifier {
        Some(text) if keys.is_none() && Url::parse(text).is_err() => {
            let message = "must be a URL, unless `jwks.uri` or `jwks.keys` is set";
            found.fault(&join(&fields.path, "issuer"), message)
        }
        _ => identifier,
    };
    fields.finish(found);
    let identifier = identifier?.to_owned();
    rules.answer_completes = validation == Some(Validation::Introspection);
    Some(Issuer {
        name: name.unwrap_or_else(|| identifier.clone()),
        identifier,
        validation: validation?,
        keys: keys.flatten(),
        introspection: introspection.flatten(),
        algorithms,
        profile: profile.name,
        rules,
        dpop,
        dpop_window,
    })
}

/// The maximum age of a proof. The workers remember each proof for this long.
fn read_dpop_window(fields: &mut Fields<'_>, dpop: Dpop, found: &mut Findings) -> Duration {
    const MOST: Duration = Duration::from_secs(300);
    let default = Duration::from_secs(60);
    let Some(at) = fields.take("dpop_window") else { return default };
    if dpop == Dpop::Off {
        found.warn(&at.path, "has no effect without `dpop`");
    }
    match at.duration(Zero::Refuse, found) {
        Some(window) if window > MOST => found.fault(&at.path, "must be at most 300s").unwrap_or(default),
        window => window.unwrap_or(default),
    }
}

/// `iss`: a URL, or any other string, for which no authorization server can be discovered. A string that starts like a
/// URL must be one.
fn identifier<'a>(at: &At<'a>, found: &mut Findings) -> Option<&'a str> {
    let text = at.text(found)?;
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_http = scheme.is_some_and(|scheme| ["http", "https"].iter().any(|own| scheme.eq_ignore_ascii_case(own)));
    if is_http { at.url(found).map(|_| text) } else { Some(text) }
}

/// The issuers that could be read from a configuration that may have faults.
pub struct Issuers {
    /// In configuration order, without the faulty ones.
    pub read: ById<IssuerId, Issuer>,
    /// The index of each issuer in the configuration.
    places: Vec<usize>,
    /// Whether no issuer is faulty. Otherwise an unknown name may belong to a faulty one, which is already reported.
    pub complete: bool,
}

/// The issuers that a policy may name.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub issuers: &'a ById<IssuerId, Issuer>,
    /// See [`Issuers`].
    pub complete: bool,
    /// The issuers that the resource trusts.
    pub trusted: &'a [IssuerId],
}

impl Known<'_> {
    /// Checks that each of `patterns`, the `issuers` of the object at `path`, matches an issuer.
    pub fn check_issuers(self, path: &str, patterns: Option<&[Pattern]>, found: &mut Findings) {
        for (n, pattern) in patterns.unwrap_or_default().iter().enumerate() {
            let matches = |issuer: &Issuer| pattern.matches(&issuer.name) || pattern.matches(&issuer.identifier);
            if self.complete && !self.issuers.iter().any(matches) {
                found.fault::<()>(&format!("{path}.issuers[{n}]"), "no issuer has this name");
            }
        }
    }
}

impl Issuers {
    /// The issuers that the policy of a resource may name, given those it trusts.
    pub fn known<'a>(&'a self, trusted: &'a [IssuerId]) -> Known<'a> {
        Known { issuers: &self.read, complete: self.complete, trusted }
    }

    /// Reads `issuers`.
    pub fn read(at: Option<At<'_>>, environment: Environment<'_>, found: &mut Findings) -> Self {
        let all = at.and_then(|at| at.list(Zero::Refuse, found, |at, found| Some(read(&at, environment, found))));
        let complete = all.as_ref().is_some_and(|all| all.iter().all(Option::is_some));
        let good = all.into_iter().flatten().enumerate().filter_map(|(place, issuer)| Some((place, issuer?)));
        let (places, read): (_, Vec<_>) = good.unzip();
        Self { read: read.into_iter().collect(), places, complete }
    }
}

/// Checks that names are unique, and that no `iss` has two sets of rules.
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

fn algorithm(at: &At<'_>, found: &mut Findings) -> Option<Algorithm> {
    let name = at.text(found)?;
    match Algorithm::from_name(name) {
        Some(algorithm) => Some(algorithm),
        None => found.fault(&at.path, "must be an asymmetric algorithm such as `RS256`; never `HS*`, never `none`"),
    }
}
