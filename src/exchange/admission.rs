//! From credentials, or none, to a known caller, and the decisions that need only the headers.

use super::request::Request;
use super::session::Session;
use super::step::{Effect, Env, Step};
use super::validation::{Unverified, Waiting, validate};
use super::verified::{Body, Verified};
use super::{Exchange, ReadBody, State};
use crate::caller::Caller;
use crate::reply::Refusal;

/// A request whose token is not verified yet. It keeps the token in its headers only: a decoded token is many times as
/// large, and anyone can make requests wait.
pub(super) struct Asking {
    pub request: Request,
    pub body: Body,
    pub waiting: Waiting,
}

impl Exchange {
    /// Tries to verify the token, if the caller is not anonymous. The request waits if something is missing that can be
    /// fetched.
    pub(super) fn authenticate(
        &mut self,
        request: Request,
        body: Body,
        read: Option<ReadBody<'_>>,
        env: &mut Env<'_>,
    ) -> Step {
        let caller = match request.anonymous(env.config) {
            Some(nobody) => Ok(Caller::Anonymous(nobody)),
            None => validate(&request, None, env).map(Caller::SignedIn),
        };
        match caller {
            Err(Unverified::Waits(waiting)) => {
                self.state = State::AwaitingToken(Box::new(Asking { request, body, waiting }));
                Step::hold()
            }
            Err(Unverified::Refused(refusal)) => self.refuse_token(request, refusal, (body, read), env),
            Ok(caller) => {
                let session = Session::default();
                let verified = Verified { request, caller, since: env.now, released: false, session, body };
                self.admit(Box::new(verified), read, env)
            }
        }
    }

    /// Continues once the caller is known: checks the other headers, then waits for the body, if any.
    fn admit(&mut self, mut verified: Box<Verified>, read: Option<ReadBody<'_>>, env: &mut Env<'_>) -> Step {
        if let Some(token) = verified.caller.token() {
            env.drift.saw(verified.request.resource, env.config, token, env.now);
        }
        if let Err(refusal) = verified.request.after_token().and_then(|()| verified.bind_session(env.config)) {
            return self.refuse(&verified.facts(), refusal, env);
        }
        if !verified.request.has_body {
            return self.decide_bodiless(verified, env);
        }
        if verified.body.ended.is_some() || verified.body.size > verified.request.body_limit(env.config) {
            return self.decide_body(verified, read, env);
        }
        // Once a body was seen while headers are held, only its verdict releases them, whatever the setting.
        let holds = env.config.hold_request_headers || verified.body.seen;
        let ahead = if holds { Ok(None) } else { verified.edits_ahead(env).map(Some) };
        let edits = match ahead {
            Err(denied) => return self.deny(&verified.facts(), denied, env),
            Ok(_) if verified.request.declares_too_much(env.config) => {
                return self.refuse(&verified.facts(), Refusal::TooLarge, env);
            }
            // Only the server would send the interim response, and the server gets nothing before the body is complete.
            Ok(_) if holds && !verified.body.seen && verified.request.expects_to_continue() => {
                return self.refuse(&verified.facts(), Refusal::ExpectationFailed, env);
            }
            Ok(edits) => edits,
        };
        verified.released = !holds;
        self.state = State::AwaitingBody(verified);
        edits.map_or_else(Step::hold, |edits| Step::go_on(vec![Effect::EditHeaders(edits)]))
    }
}
