//! From credentials to a verified caller, and what the headers alone then decide.

use super::request::Request;
use super::step::{Effect, Env, Step};
use super::verdict::Asked;
use super::{Body, Exchange, ReadBody, State, Verified};
use crate::config::Validation;
use crate::jwks::Lookup;
use crate::reply::Refusal;
use crate::token::{AccessToken, Expectations, TokenError};

/// A request whose token is not verified yet. It keeps the token in its headers only: decoded, it would be many times
/// as large, and anybody may make requests wait.
pub(super) struct Asking {
    pub request: Request,
    pub body: Body,
}

/// What became of an attempt to verify the token.
enum Authentication {
    Refused(Refusal),
    Verified(AccessToken),
    Wait,
}

impl Exchange {
    /// Tries the token with the keys there are; where they are missing, the request waits.
    pub(super) fn authenticate(&mut self, asking: Asking, read: Option<ReadBody<'_>>, env: &mut Env<'_>) -> Step {
        match asking.verify(env) {
            Authentication::Wait if !env.may_wait => {
                self.refuse(&Asked::by(&asking.request), Refusal::KeysUnavailable, env)
            }
            Authentication::Wait => {
                self.state = State::AwaitingKeys(Box::new(asking));
                Step::hold()
            }
            Authentication::Refused(refusal) => self.refuse(&Asked::by(&asking.request), refusal, env),
            Authentication::Verified(caller) => {
                let Asking { request, body, .. } = asking;
                let verified = Verified { request, caller, since: env.now, released: false, body };
                self.admit(verified, read, env)
            }
        }
    }

    /// The token is verified. What the headers alone refuse is refused now; then the body decides, if there is one.
    fn admit(&mut self, mut verified: Verified, read: Option<ReadBody<'_>>, env: &mut Env<'_>) -> Step {
        if let Err(refusal) = verified.request.after_token() {
            return self.refuse(&verified.asked(), refusal, env);
        }
        if !verified.request.has_body {
            return self.decide_bodiless(verified, env);
        }
        if verified.body.ended {
            return self.decide_body(verified, read, env);
        }
        // Once a body was seen while headers are held, only its verdict lets them go, whatever the setting says.
        let holds = env.config.hold_request_headers || verified.body.seen;
        let ahead = if holds { Ok(None) } else { verified.edits_ahead(env).map(Some) };
        let edits = match ahead {
            Err(denied) => return self.deny(&verified.asked(), denied, env),
            Ok(_) if verified.request.declares_too_much(env.config) => {
                return self.refuse(&verified.asked(), Refusal::TooLarge, env);
            }
            Ok(edits) => edits,
        };
        verified.released = !holds;
        self.state = State::AwaitingBody(Box::new(verified));
        edits.map_or_else(Step::hold, |edits| Step::go_on(vec![Effect::EditHeaders(edits)]))
    }
}

impl Asking {
    /// One attempt to verify the token, with the keys there are.
    fn verify(&self, env: &mut Env<'_>) -> Authentication {
        let invalid = |error| Authentication::Refused(Refusal::InvalidToken(error));
        let config = env.config;
        let (token, place) = match self.request.untrusted_token(config) {
            Ok(found) => found,
            Err(refusal) => return Authentication::Refused(refusal),
        };
        let (Some(issuer), Some(resource)) = (config.issuers.get(place), self.request.resource(config)) else {
            return invalid(TokenError::IssuerMismatch);
        };
        let expected = Expectations {
            issuer: &issuer.identifier,
            issuer_name: &issuer.name,
            algorithms: &issuer.algorithms,
            rules: &issuer.rules,
            audiences: &resource.audiences,
        };
        let candidate = match token.check(expected, env.now) {
            Ok(candidate) => candidate,
            Err(error) => return invalid(error),
        };
        if issuer.validation == Validation::Introspection {
            return Authentication::Refused(Refusal::IntrospectionUnavailable);
        }
        let or_ask = issuer.validation == Validation::JwtOrIntrospection;
        let verified = match env.keys.find(place, candidate.query(), env.now) {
            Lookup::Keys(keys) => candidate.verify(&keys, env.verifier),
            Lookup::Wait => return Authentication::Wait,
            Lookup::NoKey | Lookup::Unavailable if or_ask => {
                return Authentication::Refused(Refusal::IntrospectionUnavailable);
            }
            Lookup::NoKey => Err(TokenError::KeyUnknown),
            Lookup::Unavailable => return Authentication::Refused(Refusal::KeysUnavailable),
        };
        match verified {
            // What the signature proves is not enough here, and the endpoint cannot be asked yet.
            Ok(_) if issuer.validation == Validation::JwtAndIntrospection => {
                Authentication::Refused(Refusal::IntrospectionUnavailable)
            }
            Ok(caller) => Authentication::Verified(caller),
            Err(error) => invalid(error),
        }
    }
}
