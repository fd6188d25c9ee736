//! Usual causes of failed checks. Each hint covers one common mistake and appears only if the token or the request
//! shows it.

use super::places::Places;
use super::provider;
use super::words::{date, quoted, quoted_all, set};
use crate::caller::Caller;
use crate::config::{Config, Resource};
use crate::mcp::{Access, Part};
use crate::node::Node;
use crate::pattern::Pattern;
use crate::policy::{Counted, Denial, Found, Policy, Requirement, RuleSet};
use crate::scope::Scope;
use crate::text::{near, readings};
use crate::time::UnixTime;
use crate::token::{AccessToken, Claims, Expectations, TokenError, UntrustedJwt};

pub(super) const UNKNOWN_KEY: &str = "the key was rotated away (get a new token), or the key set is stale or of another issuer (compare with the issuer's `jwks_uri`)";
pub(super) const BAD_SIGNATURE: &str =
    "the token was changed on the way, or the keys are of another issuer or tenant whose `kid` is the same";

pub(super) const OTHER_SESSION: &str = "it was given to another subject or client, or under another secret (the variable of `secret_env` needs the proxy's value here too): initialize again";
pub(super) const BARE_SESSION: &str = "clients get ids with a tag through this gate: initialize again, through it";

/// The usual cause of a token that is not a JWT.
pub fn malformed(parts: usize) -> Option<String> {
    match parts {
        1 => Some("if the issuer gives opaque tokens, configure `introspection`; if it gives JWTs on request, ask for this resource (`audience` or `resource` parameter)".to_owned()),
        5 => Some("have the issuer give signed tokens (JWS) for this resource".to_owned()),
        _ => None,
    }
}

/// Hints for an issuer that resembles a configured one.
pub fn issuer(claimed: &str, resource: &Resource, config: &Config) -> Option<String> {
    let trusted = || resource.issuers.iter().filter_map(|id| config.issuers.get(*id));
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    if let Some(own) = trusted().find(|own| bare(&own.identifier) == bare(claimed)) {
        let set = quoted(claimed);
        return Some(format!(
            "a trailing slash: `iss` is compared byte for byte, so set the issuer of `{}` to {set}",
            own.name
        ));
    }
    if config.issuers.iter().any(|own| own.identifier == claimed) {
        return Some(
            "it is configured, but not an issuer of this resource: add it to `resources[].issuers`".to_owned(),
        );
    }
    if trusted().any(|own| bare(&own.identifier).eq_ignore_ascii_case(&bare(claimed))) {
        return Some("upper and lower case: `iss` is compared byte for byte".to_owned());
    }
    if claimed.starts_with("https://sts.windows.net/") {
        return Some(
            "Entra's v1.0 token: set `requestedAccessTokenVersion` of the application to 2, or configure this issuer"
                .to_owned(),
        );
    }
    None
}

/// The usual cause of a refused token of an issuer with this profile.
pub fn token(
    jwt: &UntrustedJwt<'_>,
    error: TokenError,
    expected: &Expectations<'_>,
    profile: &str,
    now: UnixTime,
) -> Option<String> {
    let claims = jwt.claimed();
    match error {
        TokenError::AudienceMismatch | TokenError::AudienceMissing => Some(audience(jwt, expected, profile)),
        TokenError::Expired => {
            let late = now.as_numeric_date() - date(claims, "exp")?;
            Some(if late < 300.0 {
                "it expired just now: get a new token; if new ones fail too, the clocks of the issuer and this gateway differ, which `leeway` can compensate".to_owned()
            } else {
                "the client should have refreshed it".to_owned()
            })
        }
        TokenError::NotYetValid | TokenError::IssuedInFuture => {
            Some("the issuer's clock is ahead of this gateway's: correct the clock, or raise `leeway`".to_owned())
        }
        TokenError::NotAnAccessToken if is_id_token(claims) => {
            Some("this is an ID token, meant for the client: send the access token instead".to_owned())
        }
        TokenError::NotAnAccessToken => Some("send the access token".to_owned()),
        TokenError::TypeNotAllowed => Some(
            "another `profile` may fit this issuer, or set `token_types`, if these really are access tokens".to_owned(),
        ),
        TokenError::AlgorithmNotAllowed if claims_symmetric(jwt) => {
            Some("only asymmetric algorithms are verified: have the issuer sign with RS256, ES256 or EdDSA".to_owned())
        }
        TokenError::AlgorithmNotAllowed => Some("`issuers[].algorithms` lists the accepted ones".to_owned()),
        _ => None,
    }
}

fn claims_symmetric(jwt: &UntrustedJwt<'_>) -> bool {
    jwt.claimed_header().get("alg").and_then(Node::as_text).is_some_and(|alg| alg.starts_with("HS"))
}

fn is_id_token(claims: &Claims) -> bool {
    let id_use = claims.get("token_use").and_then(Node::as_text) == Some("id");
    let id_type = claims.get("typ").and_then(Node::as_text).is_some_and(|typ| typ.eq_ignore_ascii_case("id"));
    id_use || id_type || ["nonce", "at_hash", "c_hash"].iter().any(|name| claims.has(name))
}

fn audience(jwt: &UntrustedJwt<'_>, expected: &Expectations<'_>, profile: &str) -> String {
    let claims = jwt.claimed();
    let got: Vec<&str> = match claims.get("aud") {
        Some(Node::Text(one)) => vec![one],
        Some(Node::List(several)) => several.iter().filter_map(Node::as_text).collect(),
        _ => Vec::new(),
    };
    let own = || expected.audiences.iter();
    let client = expected.rules.client_claims.iter().find_map(|name| claims.get(name)?.as_text());
    if got == ["account"] {
        return "Keycloak's default audience: add an audience mapper for this resource to a client scope of the client, or the value to `audiences`".to_owned();
    }
    if let Some(application) = got.iter().find(|aud| is_guid(aud.strip_prefix("api://").unwrap_or(aud))) {
        return format!("Entra names the application, not the URL: add {} to `audiences`", quoted(application));
    }
    if got.iter().any(|aud| own().any(|own| own.eq_ignore_ascii_case(aud))) {
        return "upper and lower case: `aud` is compared byte for byte, but for one trailing slash".to_owned();
    }
    if let Some(origin) =
        got.iter().find(|aud| own().any(|own| own.starts_with(&format!("{}/", aud.trim_end_matches('/')))))
    {
        return format!(
            "{} is the host, not the resource: the client asked for another `resource` than it calls",
            quoted(origin)
        );
    }
    if let Some(hint) = provider::audience(profile) {
        return hint.to_owned();
    }
    if client.is_some_and(|client| got.contains(&client)) {
        return "it is for the client itself: the client did not ask for this resource (RFC 8707's `resource` parameter)".to_owned();
    }
    "the client has to ask for this resource (RFC 8707's `resource` parameter), or the issuer's value has to be in `audiences`".to_owned()
}

/// Whether `text` is a GUID: `8-4-4-4-12` hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// The remedy of a request without a token.
pub const SIGN_IN: &str = "a client that follows the challenge gets one from the authorization server";

/// The usual cause of a denial, if the configuration and the token show it.
pub fn denial(
    policy: &Policy,
    caller: &Caller,
    access: &Access<'_>,
    denial: &Denial,
    places: &Places,
) -> Option<String> {
    match denial {
        Denial::InsufficientScope { missing, .. } => {
            let missing: Vec<&str> = missing.iter().map(Scope::as_str).collect();
            scopes(policy, caller.token()?, access, &missing, places)
        }
        Denial::MatrixNarrows { scenario } => {
            let counted = policy.matrix.iter().find(|own| own.name == *scenario)?.scopes.as_ref()?;
            Some(format!("in this scenario only {} count; more scope would not help", set(counted)))
        }
        Denial::NoToken { .. } => Some(SIGN_IN.to_owned()),
        Denial::NotOffered => {
            let hint = "`scopes_supported` lacks what is missing, so only a `scope_map` can grant it".to_owned();
            places.proposal(&unoffered(policy, access)).or(Some(hint))
        }
        Denial::NearName => near_name(policy, access).or_else(|| unlisted(policy, access)),
        Denial::Unlisted => unlisted(policy, access),
        Denial::MatrixDeniesTool { .. } => Some("more scope would not help".to_owned()),
        Denial::Arguments => Some(
            "more scope would not help: an argument that is missing, or of another type, is refused too".to_owned(),
        ),
        Denial::Authentication(_) => {
            Some("the challenge (RFC 9470) asks the client to have the user sign in so".to_owned())
        }
        Denial::Unverifiable => {
            Some("its rule has `fresh`: configure `introspection` for the issuer, or remove `fresh`".to_owned())
        }
        Denial::Drifted => None,
        Denial::PolicyUnavailable => Some("it comes from a control plane, which is not called here".to_owned()),
    }
}

fn scopes(
    policy: &Policy,
    caller: &AccessToken,
    access: &Access<'_>,
    missing: &[&str],
    places: &Places,
) -> Option<String> {
    let granted = || caller.scopes().iter().map(String::as_str);
    let twin = granted().find(|own| missing.iter().any(|scope| own.eq_ignore_ascii_case(scope)));
    if let Some(twin) = twin {
        return Some(format!(
            "{} differs by upper and lower case only: scopes are compared byte for byte",
            quoted(twin)
        ));
    }
    if let Some(scenario) = policy.matrix.iter().find(|scenario| {
        let counts = |scope: &str| scenario.scopes.as_ref().is_none_or(|scopes| scopes.contains(scope));
        scenario.selects(&caller.into()) && granted().any(|scope| missing.contains(&scope) && !counts(scope))
    }) {
        return Some(format!("it is granted, but does not count in scenario {}", quoted(&scenario.name)));
    }
    if caller.scopes().is_empty() {
        let unread = places.unread.first().map(|(name, value)| {
            format!(
                "the token has `{name}` {value}, from which this issuer's `profile` takes no scopes: see `scope_claims`"
            )
        });
        if let Some(hint) = unread.or_else(|| places.proposal(missing)) {
            return Some(hint);
        }
    }
    for (_, rules, name) in lookups(policy, access) {
        let deciding = rules.deciding(name);
        let shadowed = rules.matching_patterns(name).into_iter().filter(|pattern| !deciding.contains(pattern));
        let opens = |pattern: &&str| rules.of_pattern(pattern).is_some_and(|rule| satisfied(policy, caller, rule));
        if let Some(pattern) = shadowed.into_iter().find(opens) {
            let winner = if deciding == [name] { "the exact name" } else { "the closer pattern" };
            return Some(format!(
                "{winner} {} decides alone: {} would let it through",
                quoted_all(deciding),
                quoted(pattern)
            ));
        }
    }
    let none = "the token has no scopes: the client asked for none, or the authorization server granted none";
    caller.scopes().is_empty().then(|| none.to_owned())
}

/// The scopes of the first alternative of each rule that no challenge may ask for.
fn unoffered<'p>(policy: &'p Policy, access: &Access<'_>) -> Vec<&'p str> {
    let rules = lookups(policy, access).into_iter().filter_map(|(_, rules, name)| match rules.find(name) {
        Found::Rules(found) => Some(found.to_vec()),
        Found::NearName | Found::Unlisted => None,
    });
    let scopes = rules.flatten().filter_map(|rule| rule.alternatives.first()).flatten();
    policy.base_scopes.iter().chain(scopes).filter(|scope| !policy.offers(scope)).map(Scope::as_str).collect()
}

/// The exact name, in a rule or scenario, that a server may take a name for.
fn near_name(policy: &Policy, access: &Access<'_>) -> Option<String> {
    lookups(policy, access).into_iter().find_map(|(kind, rules, name)| {
        let in_scenarios =
            policy.matrix.iter().flat_map(|scenario| scenario.deny_tools.patterns()).filter(|_| kind == "tools");
        let mut listed = rules.names().chain(in_scenarios).filter(|listed| listed.is_exact()).map(Pattern::as_str);
        let readings = readings(name);
        let listed = listed.find(|listed| *listed != name && readings.contains(&near(listed)))?;
        let hint = "and some servers take one for the other: to allow both, list both exactly";
        (!rules.lists_exactly(name)).then(|| format!("{} is listed, {hint}", quoted(listed)))
    })
}

fn unlisted(policy: &Policy, access: &Access<'_>) -> Option<String> {
    let lookups = lookups(policy, access);
    for (_, rules, name) in &lookups {
        if let Some(listed) = rules.names().map(Pattern::as_str).find(|listed| near(listed) == near(name)) {
            return Some(format!("{} is listed: names are compared byte for byte", quoted(listed)));
        }
    }
    let (kind, ..) = lookups.first()?;
    Some(format!("what `{kind}` does not list is denied: add a rule, `scopes: []` for any valid token"))
}

/// The names that decide `access`, each with its kind and the rules it is looked up in.
pub fn lookups<'p, 'a>(policy: &'p Policy, access: &'a Access<'_>) -> Vec<(&'static str, &'p RuleSet, &'a str)> {
    let lookup = |part| {
        let kind = match part {
            Part::Method(_) => "methods",
            Part::Prompt(_) => "prompts",
            Part::Resource(_) | Part::Template(_) => "resources",
            Part::Tool(_) => "tools",
        };
        let (rules, name) = policy.set_of(part);
        (kind, rules, name)
    };
    access.parts().map(lookup).collect()
}

/// Whether the scopes that count satisfy `rule`.
pub fn satisfied(policy: &Policy, caller: &AccessToken, rule: &Requirement) -> bool {
    let counted = Counted::new(policy, caller.into(), |_| true);
    rule.alternatives.iter().any(|scopes| scopes.iter().all(|scope| counted.has(scope)))
}
