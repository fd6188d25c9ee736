//! Challenges inside the result of a tool call, for clients that look for them only there.
//!
//! A call whose token is refused is answered before its body is read, so its id is unknown. If the client looks for the
//! challenge in the result, and the host shows bodies while it holds the headers, the refusal waits for the body.

use super::facts::Facts;
use super::request::Request;
use super::step::{Env, Step};
use super::verified::Body;
use super::{Exchange, ReadBody, State};
use crate::jsonrpc::{self, MessageKind};
use crate::reply::Refusal;
use crate::time::UnixTime;

/// A request whose token is refused, until its body shows whether it is a call.
pub(super) struct Refused {
    pub request: Request,
    pub refusal: Refusal,
    pub body: Body,
    pub since: UnixTime,
}

impl Refused {
    /// Whether nothing more of the body is needed.
    fn is_complete(&self, env: &Env<'_>) -> bool {
        self.body.ended.is_some() || self.body.size > self.request.body_limit(env.config)
    }

    /// The id of the call, if the body is one.
    fn call(&self, read: Option<ReadBody<'_>>, env: &Env<'_>) -> Option<String> {
        let limit = self.request.body_limit(env.config);
        let bytes = read.filter(|_| self.body.size <= limit)?(limit.saturating_add(1))?;
        let message = jsonrpc::read(&bytes, env.config.limits.depth).ok().filter(|_| bytes.len() <= limit)?;
        let is_call = message.kind == MessageKind::Request && message.method == "tools/call";
        message.id.filter(|_| is_call).map(str::to_owned)
    }
}

impl Exchange {
    /// Refuses a request whose token is refused: at once, or in the result if the body is a call.
    pub(super) fn refuse_token(
        &mut self,
        request: Request,
        refusal: Refusal,
        (body, read): (Body, Option<ReadBody<'_>>),
        env: &mut Env<'_>,
    ) -> Step {
        let holds = env.config.hold_request_headers || body.seen;
        let waits = holds
            && matches!(refusal, Refusal::InvalidToken(_))
            && request.has_body
            && request.head.is_post()
            && request.after_token().is_ok()
            && !request.declares_too_much(env.config)
            && (body.seen || !request.expects_to_continue())
            && Facts::of(&request).told_in_band(true, env.config);
        if !waits {
            return self.refuse(&Facts::of(&request), refusal, env);
        }
        self.await_call(Refused { request, refusal, body, since: env.now }, read, env)
    }

    /// Answers once the body is complete or too large.
    pub(super) fn await_call(&mut self, refused: Refused, read: Option<ReadBody<'_>>, env: &mut Env<'_>) -> Step {
        if !refused.is_complete(env) {
            self.state = State::AwaitingCall(Box::new(refused));
            return Step::hold();
        }
        let call = refused.call(read, env);
        let Refused { request, refusal, .. } = refused;
        let refusal = match call {
            Some(id) => Refusal::InBand(Box::new(refusal), id),
            None => refusal,
        };
        self.refuse(&Facts::of(&request), refusal, env)
    }
}
