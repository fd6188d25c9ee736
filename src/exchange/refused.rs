//! A refused token in records: what it claims, and what is wrong with it.

use super::request::Request;
use super::step::Env;
use crate::audit::RefusedToken;
use crate::config::{Issuer, Resource};
use crate::ids::IssuerId;
use crate::json::Object;
use crate::meter::Payer;
use crate::node::Node;
use crate::text::truncate;
use crate::token::fault::{self, Reader, quoted};
use crate::token::{GENERIC, TokenError, UntrustedJwt, first_text};

/// The maximum size of all claimed values of a record together, in bytes. Nobody vouches for them, and anyone can send
/// them.
const MAX_CLAIMED: usize = 512;

/// The record of the token of `request`, which is refused with `error`. None if it is not wanted.
pub(super) fn token(request: &Request, error: TokenError, env: &mut Env<'_>) -> Option<RefusedToken> {
    if !env.config.audit.detail || !env.keeps_records {
        return None;
    }
    let alone = |detail: String| Some(RefusedToken { claimed: None, detail });
    if error == TokenError::TooLong {
        return alone(format!("it is longer than `limits.token`, {} bytes", env.config.limits.token));
    }
    let (_, sent) = request.credentials(env.config).ok()?;
    let token = sent.check().ok()?.reveal();
    // It is read a second time. Nobody waits for that: a flood of refused tokens goes without.
    if !env.meter.has_left(Payer::Records, env.now) {
        return alone(error.reason().meaning().to_owned());
    }
    env.meter.read(Payer::Records, token.len());
    let resource = request.resource(env.config)?;
    match UntrustedJwt::parse(token) {
        Ok(jwt) => {
            let claimed = jwt.issuer().ok();
            let issuer =
                env.config.trusted_by(resource).find(|(_, issuer)| Some(issuer.identifier.as_str()) == claimed);
            let claimed = self::claimed(&jwt, issuer.map(|(_, issuer)| issuer));
            let detail = of_jwt(&jwt, error, (resource, issuer), env);
            Some(RefusedToken { claimed: Some(claimed), detail })
        }
        Err(_) if error == TokenError::Malformed => alone(fault::not_a_jwt(token).1),
        Err(_) => alone(error.reason().meaning().to_owned()),
    }
}

fn of_jwt(
    jwt: &UntrustedJwt<'_>,
    error: TokenError,
    (resource, issuer): (&Resource, Option<(IssuerId, &Issuer)>),
    env: &mut Env<'_>,
) -> String {
    let detail = match (error, issuer) {
        (TokenError::IssuerMismatch, None) => {
            let trusted = env.config.trusted_by(resource).map(|(_, issuer)| issuer.identifier.as_str());
            jwt.issuer().ok().map(|claimed| fault::other_issuer(trusted, claimed))
        }
        (TokenError::KeyUnknown, Some((id, issuer))) => Some(unknown_key(jwt, (id, issuer), env)),
        (_, Some((_, issuer))) => {
            fault::detail(jwt, error, &issuer.expectations(&resource.audiences), env.now, Reader::Records)
        }
        (_, None) => None,
    };
    detail.unwrap_or_else(|| error.reason().meaning().to_owned())
}

/// Which key the token names, and how old the set is that lacks it.
fn unknown_key(jwt: &UntrustedJwt<'_>, (id, issuer): (IssuerId, &Issuer), env: &mut Env<'_>) -> String {
    let kid = jwt.claimed_header().get("kid").and_then(Node::as_text);
    let kid = kid.map_or_else(|| "no kid, and no key that fits".to_owned(), |kid| format!("kid: {}", quoted(kid)));
    let (keys, age) = env.keys.cache(id).map_or((0, None), |cache| (cache.key_count(), cache.age(env.now)));
    let fetched = age.map(|age| format!("fetched {} s ago, ", age.as_secs())).unwrap_or_default();
    let number = if keys == 1 { "one key".to_owned() } else { format!("{keys} keys") };
    format!("{kid} is in no key set of issuer {} ({fetched}{number})", quoted(&issuer.name))
}

/// The members `iss`, `aud` and `client` as the token claims them, as far as they are text.
fn claimed(jwt: &UntrustedJwt<'_>, issuer: Option<&Issuer>) -> String {
    let claims = jwt.claimed();
    let generic;
    let names = match issuer {
        Some(issuer) => &issuer.rules.client_claims,
        None => {
            generic = GENERIC.rules().client_claims;
            &generic
        }
    };
    let mut left = MAX_CLAIMED;
    // A value that is cut to nothing is left out.
    let mut cut = |text: &str| {
        let kept = truncate(text, left).to_owned();
        left -= kept.len();
        Some(kept).filter(|kept| !kept.is_empty())
    };
    let mut object = Object::new();
    object.text("iss", jwt.issuer().ok().and_then(&mut cut).as_deref());
    // Before the audiences, of which there may be many.
    let client = first_text(claims, names).ok().flatten().and_then(&mut cut);
    match claims.get("aud") {
        Some(Node::Text(one)) => {
            object.text("aud", cut(one).as_deref());
        }
        Some(Node::List(several)) => {
            let several: Vec<_> = several.iter().filter_map(Node::as_text).map_while(cut).collect();
            if !several.is_empty() {
                object.list("aud", several.iter().map(String::as_str));
            }
        }
        _ => {}
    }
    object.text("client", client.as_deref());
    object.finish()
}
