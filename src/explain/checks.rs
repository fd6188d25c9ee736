//! All checks in order, with their input and result.

use super::check::Check;
use super::words::quoted;
use super::{Answered, HttpRequest, Question, hints, message, token};
use crate::bearer::{self, NoCredentials, Scheme};
use crate::caller::Caller;
use crate::config::Resource;
use crate::exchange::RequestHead;
use crate::headers::Headers;
use crate::reason::{Family, Reason};
use crate::routes::Route;
use crate::sessions::Owner;
use crate::token::AccessToken;

/// The checks of `request`, which got `answered`.
pub fn run(question: &mut Question<'_>, request: &HttpRequest, answered: &Answered) -> Vec<Check> {
    let headers = Headers::new(request.headers.clone());
    let head = RequestHead::new(headers.clone());
    let (route, resource) = route(question, &head);
    let mut checks = vec![route];
    if resource.is_some() && answered.reason() == Some(Reason::Preflight) {
        checks
            .push(Check::passed("request", "a browser's preflight request from a listed origin, which needs no token"));
    } else if let Some(resource) = resource {
        let caller = credentials(question, &headers, &head, resource, &mut checks);
        session(resource, &head, caller.as_ref(), answered, &mut checks);
        message::check(question, resource, &headers, request, caller.as_ref(), &mut checks);
    }
    explain_the_rest(&mut checks, answered);
    checks
}

fn route<'c>(question: &Question<'c>, head: &RequestHead) -> (Check, Option<&'c Resource>) {
    let config = question.config;
    // Omit the query, because it may contain a token.
    let path = head.target().split('?').next().unwrap_or_default();
    let asked = format!("{} at host {}", quoted(path), quoted(head.host()));
    let named = |id| config.resources.get(id);
    match config.routes.find(head.host(), head.target()) {
        Route::Resource(id) => {
            let identifier = named(id).map(|resource| resource.identifier.as_str()).unwrap_or_default();
            (Check::passed("route", format!("{asked} is resource {}", quoted(identifier))), named(id))
        }
        Route::Metadata(id) => {
            let identifier = named(id).map(|resource| resource.identifier.as_str()).unwrap_or_default();
            let detail = format!("{asked} is the metadata of {}, which is public", quoted(identifier));
            (Check::passed("route", detail), None)
        }
        Route::Pass => (Check::passed("route", format!("{asked} matches `pass`: no token is required")), None),
        Route::Nothing => {
            let known: Vec<_> = config.resources.iter().map(|resource| quoted(resource.identifier.as_str())).collect();
            let detail = format!("{asked} matches no resource; configured are {}", known.join(", "));
            let hint = "`hosts` and `paths` default to those of `resource`; paths are compared byte for byte, including a trailing slash";
            (Check::refused("route", Reason::NotFound, detail).hint(Some(hint.into())), None)
        }
    }
}

/// Makes the checks of the token. Returns the caller if all of them passed, or if it is anonymous.
fn credentials(
    question: &mut Question<'_>,
    headers: &Headers,
    head: &RequestHead,
    resource: &Resource,
    checks: &mut Vec<Check>,
) -> Option<Caller> {
    let target = head.target();
    if let Some(nobody) = NoCredentials::of(headers, target).filter(|_| resource.policy.has_public_rules) {
        let detail = "none of any kind, and some rules are public: the caller is anonymous";
        checks.push(Check::passed("credentials", detail));
        return Some(Caller::Anonymous(nobody));
    }
    match bearer::extract(headers, target, resource.takes_proofs) {
        Err(fault) => {
            checks.push(Check::refused_for("credentials", fault.reason()));
            None
        }
        Ok(None) => {
            checks.push(Check::refused_for("credentials", Reason::NoToken).hint(Some(hints::SIGN_IN.to_owned())));
            None
        }
        Ok(Some((scheme, token))) => {
            let what = match scheme {
                Scheme::Bearer => "one bearer token",
                Scheme::Dpop => "one DPoP token",
            };
            checks.push(Check::passed("credentials", what));
            let caller = token::check(question, token.reveal(), resource, checks)?;
            not_revoked(resource, &caller, checks).then_some(Caller::SignedIn(caller))
        }
    }
}

/// Checks that the policy does not revoke the caller's token.
fn not_revoked(resource: &Resource, caller: &AccessToken, checks: &mut Vec<Check>) -> bool {
    let policy = &resource.policy;
    if policy.revokes(caller) {
        let detail = "an entry of `policy.revoked` matches the token: a new one helps only if no entry matches it";
        checks.push(Check::refused("revoked", Reason::TokenRevoked, detail));
        return false;
    }
    if !policy.revoked.is_empty() {
        checks.push(Check::passed("revoked", "no entry of `policy.revoked` matches"));
    }
    true
}

/// Checks the session id of the header, if sessions are bound.
fn session(
    resource: &Resource,
    head: &RequestHead,
    caller: Option<&Caller>,
    answered: &Answered,
    checks: &mut Vec<Check>,
) {
    let hint = match answered.reason() {
        Some(Reason::SessionMismatch) => hints::OTHER_SESSION,
        Some(Reason::SessionUntagged) => hints::BARE_SESSION,
        _ => {
            let bound = resource.sessions.as_ref().zip(caller).zip(head.session_id());
            let own = bound.is_some_and(|((sessions, caller), id)| {
                sessions.own(Owner { resource: resource.identifier.as_str(), caller }, id).is_ok()
            });
            return if own {
                checks.push(Check::passed("session", "its tag is that of this caller"))
            };
        }
    };
    checks.extend(answered.reason().map(|reason| Check::refused_for("session", reason).hint(Some(hint.to_owned()))));
}

/// Adds a refusal that no check above explains, such as one for an HTTP header.
fn explain_the_rest(checks: &mut Vec<Check>, answered: &Answered) {
    let Some(reason) = answered.reason() else { return };
    let refused = answered.reply.is_some() && reason.family() != Family::Allowed;
    if !refused || checks.iter().any(|check| check.reason() == Some(reason)) {
        return;
    }
    // The first check is the route. These reasons come right after it, before the token.
    let early = reason.family() == Family::Routing;
    let place = if early { 1 } else { checks.iter().position(is_late).unwrap_or(checks.len()) };
    checks.insert(place.min(checks.len()), Check::refused_for("request", reason));
}

/// Whether a check comes after the checks on headers.
fn is_late(check: &Check) -> bool {
    matches!(check.about, "MCP headers" | "message" | "operation" | "base scopes" | "scenarios" | "rule" | "policy")
}
