//! The checks of a token.

use super::check::Check;
use super::words::{of, quoted, quoted_all, times, value};
use super::{Question, hints, provider};
use crate::config::{Issuer, Resource, Validation};
use crate::ids::IssuerId;
use crate::introspection;
use crate::jwks::{KeySource, Lookup};
use crate::node::Node;
use crate::reason::Reason;
use crate::signature::SignatureVerifier;
use crate::token::fault::{self, Reader};
use crate::token::{
    AccessToken, Active, Answer, Candidate, Checked, Expectations, TokenCheck, TokenError, UntrustedJwt,
};

/// Makes every check of `token`. Returns the caller if all of them passed.
pub fn check(
    question: &mut Question<'_>,
    token: &str,
    resource: &Resource,
    checks: &mut Vec<Check>,
) -> Option<AccessToken> {
    let config = question.config;
    let most = config.limits.token;
    if token.len() > most {
        let detail = format!("it has {} bytes, more than `limits.token`, {most}", token.len());
        checks.push(Check::refused("token", TokenError::TooLong.reason(), detail));
        return None;
    }
    let takes_opaque = |id: &IssuerId| config.issuers.get(*id).is_some_and(Issuer::takes_opaque_tokens);
    if let Some(id) = resource.issuers.iter().copied().find(takes_opaque)
        && !UntrustedJwt::is_shaped_like(token)
    {
        checks.push(Check::passed("token", "opaque: only its issuer can validate it"));
        let issuer = config.issuers.get(id)?;
        return ask(question, id, token, issuer.expectations(&resource.audiences), checks, Active::vouch);
    }
    let jwt = match UntrustedJwt::parse(token) {
        Ok(jwt) => jwt,
        Err(error) => {
            checks.push(not_a_jwt(error, token));
            return None;
        }
    };
    checks.push(Check::passed("token", "a JWT, well-formed"));
    let (id, issuer) = issuer(question, &jwt, resource, checks)?;
    let expected = issuer.expectations(&resource.audiences);
    for one in jwt.checks(expected, question.now) {
        checks.push(describe(&jwt, one, &expected, issuer.profile, question));
    }
    let candidate = jwt.check(expected, question.now).ok()?;
    if issuer.validation == Validation::Introspection {
        return ask(question, id, token, expected, checks, |active, expected| candidate.confirmed_by(active, expected));
    }
    let or_ask = issuer.validation == Validation::JwtOrIntrospection;
    let known = question.keys.find(id, candidate.query(), question.now);
    if or_ask && matches!(known, Lookup::NoKey | Lookup::Unavailable) {
        checks.push(Check::unknown("key", "not available, so the issuer's endpoint is called instead"));
        return ask(question, id, token, expected, checks, |active, expected| candidate.confirmed_by(active, expected));
    }
    let verified = signature(issuer, candidate, known, question.verifier, checks)?;
    match issuer.validation {
        Validation::JwtAndIntrospection => {
            ask(question, id, token, expected, checks, |active, expected| verified.confirmed_by(active, expected))
        }
        _ => Some(verified),
    }
}

/// Verifies the signature with the keys found.
fn signature(
    issuer: &Issuer,
    candidate: Candidate<'_>,
    known: Lookup<'_>,
    verifier: &dyn SignatureVerifier,
    checks: &mut Vec<Check>,
) -> Option<AccessToken> {
    let query = candidate.query().clone();
    let kid = query.kid.as_deref().map_or("no `kid`".to_owned(), |kid| format!("kid {}", quoted(kid)));
    let keys = match known {
        Lookup::Keys(keys) => keys,
        Lookup::NoKey => {
            let published: Vec<&str> = match &issuer.keys {
                Some(KeySource::Fixed(set)) => set.kids().collect(),
                _ => Vec::new(),
            };
            let algorithm = query.algorithm.name();
            let detail =
                format!("{kid} for {algorithm} is not among the keys of `{}`: {}", issuer.name, quoted_all(published));
            let check = Check::refused("key", TokenError::KeyUnknown.reason(), detail);
            checks.push(check.hint(Some(hints::UNKNOWN_KEY.to_owned())));
            return None;
        }
        Lookup::Unavailable | Lookup::Wait => {
            let detail = format!("the keys of `{}` cannot be fetched", issuer.name);
            checks.push(Check::refused("key", Reason::KeysUnavailable, detail));
            return None;
        }
    };
    checks.push(Check::passed("key", format!("{kid}: {} of `{}`", counted(keys.len()), issuer.name)));
    match candidate.verify(&keys, verifier) {
        Ok(caller) => {
            checks.push(Check::passed("signature", format!("{} by that key", query.algorithm.name())));
            Some(caller)
        }
        Err(error) => {
            let check = Check::refused("signature", error.reason(), "the signature matches no key of the issuer");
            checks.push(check.hint(Some(hints::BAD_SIGNATURE.to_owned())));
            None
        }
    }
}

/// Calls the issuer's endpoint about the token.
fn ask(
    question: &Question<'_>,
    id: IssuerId,
    token: &str,
    expected: Expectations<'_>,
    checks: &mut Vec<Check>,
    vouch: impl FnOnce(&mut Active, Expectations<'_>) -> Result<AccessToken, TokenError>,
) -> Option<AccessToken> {
    let about = "introspection";
    let Some(endpoint) = question.endpoint else {
        checks.push(Check::unknown(
            about,
            "the issuer's endpoint would be called about the token, but is not called here",
        ));
        return None;
    };
    let issuer = question.config.issuers.get(id);
    let asked = issuer.and_then(|issuer| issuer.introspection.as_ref());
    let said = asked.and_then(|asked| endpoint(&introspection::request(&asked.endpoint, token)));
    let vouched = match said.and_then(|said| Answer::parse(&said).ok()) {
        None => {
            let detail = "the endpoint gives no answer that can be read";
            checks.push(Check::refused(about, Reason::IntrospectionUnavailable, detail));
            return None;
        }
        Some(Answer::Inactive) => Err(TokenError::Inactive),
        Some(Answer::Active(mut active)) => vouch(&mut active, expected)
            .and_then(|caller| caller.check(expected.audiences, expected.rules, question.now).map(|()| caller)),
    };
    match vouched {
        Ok(caller) => {
            checks.push(Check::passed(about, "active; aud, exp, sub and scopes of the response apply"));
            Some(caller)
        }
        Err(error) => {
            let detail = match error {
                TokenError::Inactive => "the endpoint reports the token as inactive",
                TokenError::SubjectMismatch => "the response is about another subject than the token",
                _ => "the response does not fit this resource",
            };
            let hint = match error {
                TokenError::Inactive => issuer.and_then(|issuer| provider::inactive(issuer.profile)),
                TokenError::AudienceMissing => issuer.and_then(|issuer| provider::audience(issuer.profile)),
                _ => None,
            };
            checks.push(Check::refused(about, error.reason(), detail).hint(hint.map(str::to_owned)));
            None
        }
    }
}

fn counted(keys: usize) -> String {
    if keys == 1 { "one key".to_owned() } else { format!("{keys} keys") }
}

fn not_a_jwt(error: TokenError, token: &str) -> Check {
    let (parts, told) = fault::not_a_jwt(token);
    Check::refused("token", error.reason(), told).hint(hints::malformed(parts))
}

/// Finds the issuer that the token names.
fn issuer<'c>(
    question: &Question<'c>,
    jwt: &UntrustedJwt<'_>,
    resource: &Resource,
    checks: &mut Vec<Check>,
) -> Option<(IssuerId, &'c Issuer)> {
    let config = question.config;
    let trusted = config.trusted_by(resource);
    let claimed = match jwt.issuer() {
        Ok(claimed) => claimed,
        Err(error) => {
            checks.push(Check::refused(
                "iss",
                error.reason(),
                format!("iss: expected a string, got {}", of(jwt, "iss")),
            ));
            return None;
        }
    };
    let found = trusted.clone().find(|(_, issuer)| issuer.identifier == claimed);
    match found {
        Some((id, issuer)) => {
            checks.push(Check::passed("iss", format!("{} is issuer `{}`", quoted(claimed), issuer.name)));
            Some((id, issuer))
        }
        None => {
            let detail = fault::other_issuer(trusted.map(|(_, issuer)| issuer.identifier.as_str()), claimed);
            let hint = hints::issuer(claimed, resource, config);
            checks.push(Check::refused("iss", TokenError::IssuerMismatch.reason(), detail).hint(hint));
            None
        }
    }
}

/// Describes a check of the token.
fn describe(
    jwt: &UntrustedJwt<'_>,
    check: TokenCheck,
    expected: &Expectations<'_>,
    profile: &str,
    question: &Question<'_>,
) -> Check {
    let (about, told) = (name(check.about), told(jwt, check.about, expected, question));
    match check.outcome {
        Ok(()) => Check::passed(about, told),
        Err(error) => {
            let detail = fault::detail(jwt, error, expected, question.now, Reader::Holder).unwrap_or(told);
            Check::refused(about, error.reason(), detail).hint(hints::token(
                jwt,
                error,
                expected,
                profile,
                question.now,
            ))
        }
    }
}

fn name(about: Checked) -> &'static str {
    match about {
        Checked::Header => "header",
        Checked::Kind => "kind",
        Checked::Client => "client",
        Checked::Types => "claims",
        Checked::Audience => "aud",
        Checked::Times => "time",
        Checked::Required => "required claims",
        Checked::Subject => "subject",
        Checked::Scopes => "scopes",
    }
}

/// The input of the check.
fn told(jwt: &UntrustedJwt<'_>, about: Checked, expected: &Expectations<'_>, question: &Question<'_>) -> String {
    let rules = expected.rules;
    let first = |names: &[String]| names.iter().find(|name| jwt.claimed().at(name).is_some()).cloned();
    match about {
        Checked::Header => {
            let header = jwt.claimed_header();
            format!("typ {}, alg {}", value(header.get("typ")), value(header.get("alg")))
        }
        Checked::Kind => "an access token, not bound to a key".to_owned(),
        Checked::Types => "aud, exp, nbf, iat and act have the right types".to_owned(),
        Checked::Client => match first(&rules.client_claims) {
            Some(name) => format!("`{name}` is {}", of(jwt, &name)),
            None => "none is named".to_owned(),
        },
        Checked::Audience => {
            let exact = |own: &String| jwt.claimed().get("aud").and_then(Node::as_text) == Some(own);
            let slash = jwt.claimed().get("aud").and_then(Node::as_text).is_some_and(|aud| aud.ends_with('/'));
            let fine = slash && !expected.audiences.iter().any(exact);
            let fine = if fine { ": one trailing slash is ignored" } else { "" };
            format!("{} is accepted here{fine}", of(jwt, "aud"))
        }
        Checked::Times => times(jwt, question.now),
        Checked::Required if rules.required_claims.is_empty() && rules.present_claims.is_empty() => "none".to_owned(),
        Checked::Required => "all there".to_owned(),
        Checked::Subject => format!("`{}` is {}", rules.subject_claim, of(jwt, &rules.subject_claim)),
        Checked::Scopes => match first(&rules.scope_claims) {
            Some(name) => format!("`{name}` is {}", value(jwt.claimed().at(&name))),
            None => format!("none of {} is there", quoted_all(rules.scope_claims.iter().map(String::as_str))),
        },
    }
}
