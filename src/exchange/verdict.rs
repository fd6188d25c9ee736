//! The verdict on a request.

use super::answer::{Answer, Ids};
use super::decisions::{Decided, Decisions};
use super::expects::Expects;
use super::facts::Facts;
use super::step::{Effect, Env, Step};
use super::validation::{Unverified, not_revoked, validate};
use super::verified::Verified;
use super::watch::Watch;
use super::{Exchange, ReadBody, State};
use crate::introspection::Fresh;
use crate::jsonrpc::{MessageFault, Shape};
use crate::mcp::Access;
use crate::policy::Arguments;
use crate::reply::Refusal;

impl Exchange {
    /// The verdict on a request without a body, which uses only the endpoint itself.
    pub(super) fn decide_bodiless(&mut self, verified: Box<Verified>, env: &mut Env<'_>) -> Step {
        if verified.request.head.is_post() {
            let fault = Refusal::Message(MessageFault::Json(crate::json::JsonFault::Syntax), None);
            return self.refuse(&verified.facts(), fault, env);
        }
        let verdict = verified.decide(&Access::Open, Arguments::Open, env);
        let expects = Expects { stream: verified.request.head.method() == "GET", ..Expects::default() };
        let decided = Decided {
            method: verified.facts().recorded_method(),
            target: None,
            list: None,
            expects,
            cursor: None,
            id: None,
            version: None,
            verdict,
            arguments: None,
            fresh: None,
        };
        self.carry_out(verified, Decisions { all: vec![decided], shape: Shape::Single }, None, env)
    }

    /// The verdict on a request whose body is complete or too large.
    pub(super) fn decide_body(
        &mut self,
        verified: Box<Verified>,
        read: Option<ReadBody<'_>>,
        env: &mut Env<'_>,
    ) -> Step {
        let limit = verified.request.body_limit(env.config);
        let bytes = match read.filter(|_| verified.body.size <= limit) {
            // Reading one byte more than allowed detects a body that grew since the host counted it.
            Some(read) => read(limit.saturating_add(1)).unwrap_or_default(),
            None => return self.refuse(&verified.facts(), verified.request.too_large(), env),
        };
        if bytes.len() > limit {
            return self.refuse(&verified.facts(), verified.request.too_large(), env);
        }
        if !verified.request.head.is_post() {
            return self.decide_bodiless(verified, env);
        }
        match verified.read(&bytes, env) {
            Ok(decisions) => self.refresh(verified, decisions, &bytes, env),
            Err((refusal, method)) => {
                let mut facts = verified.facts();
                facts.method = method.as_deref().or(facts.method);
                self.refuse(&facts, refusal, env)
            }
        }
    }

    /// Gets a recent introspection response, if a rule requires one and the request is allowed without it. Then it
    /// decides again, because the response may grant fewer scopes.
    fn refresh(
        &mut self,
        mut verified: Box<Verified>,
        decisions: Decisions<'_>,
        bytes: &[u8],
        env: &mut Env<'_>,
    ) -> Step {
        let Some(within) = decisions.fresh().filter(|_| decisions.permit().is_some()) else {
            return self.carry_out(verified, decisions, Some(bytes), env);
        };
        // A body is decided only after its end. Were it not, no cached response would be fresh enough.
        let fresh = Fresh { within, call: verified.body.ended.unwrap_or(u64::MAX) };
        let before = verified.identity(env.config);
        match validate(&verified.request, Some(fresh), env) {
            Ok(caller) => verified.caller = caller.into(),
            Err(Unverified::Waits(waiting)) => {
                self.state = State::AwaitingFreshness(verified, Box::new(waiting));
                return Step::hold();
            }
            Err(Unverified::Refused(refusal)) => {
                let facts = verified.facts();
                let mut record = facts.record_refusal(&refusal, env);
                if let [one] = decisions.all.as_slice() {
                    (record.method, record.target) = (Some(one.method.clone()), one.target.clone());
                    record.arguments.clone_from(&one.arguments);
                }
                return self.refuse_with(&facts, refusal, vec![record], env);
            }
        }
        // Headers that went ahead identified the caller to the server. The identity must not have changed.
        let forwardable = !verified.released || verified.identity(env.config) == before;
        match verified.read(bytes, env) {
            Ok(decisions) if forwardable => self.carry_out(verified, decisions, Some(bytes), env),
            Ok(decisions) => self.deny(&verified.facts(), decisions.into_denied(false), env),
            // Unlikely: the same bytes were readable before.
            Err((refusal, _)) => self.refuse(&verified.facts(), refusal, env),
        }
    }

    /// Forwards or refuses all messages of the request.
    fn carry_out(
        &mut self,
        verified: Box<Verified>,
        decisions: Decisions<'_>,
        body: Option<&[u8]>,
        env: &mut Env<'_>,
    ) -> Step {
        // The policy may have changed since the token was verified: a body may take long to arrive.
        if let Some(token) = verified.caller.token()
            && let Err(revoked) = not_revoked(&verified.request, token, env)
        {
            return self.refuse(&Facts::of(&verified.request), revoked.into(), env);
        }
        let facts = verified.facts();
        // An identity that cannot be forwarded denies the request whatever its scopes, even in shadow mode.
        let (identity, permit) = match (verified.identity(env.config), decisions.permit()) {
            (Ok(identity), Some(permit)) => (identity, permit),
            (identity, _) => return self.deny(&facts, decisions.into_denied(identity.is_ok()), env),
        };
        let expects = decisions.expects();
        let edits = verified.forward_edits(identity, expects.is_any(), env.config);
        let asked_list = verified.asks_for_tools(&decisions, env);
        let mut effects = Vec::with_capacity(decisions.all.len() + 1);
        if !verified.released {
            effects.push(Effect::EditHeaders(edits));
        }
        let (mut ids, mut decision_id) = (Vec::new(), None);
        for one in decisions.all {
            // Needed only for errors that replace a list.
            ids.extend(one.id.filter(|_| expects.is_any()).map(str::to_owned));
            let record = one.into_record(&facts, env);
            decision_id.get_or_insert(record.decision_id);
            effects.push(Effect::record(record));
        }
        let ids = Ids { ids, shape: decisions.shape };
        let decision_id = decision_id.unwrap_or_else(|| env.ids.next_id());
        let mut answer = Box::new(Answer::new(permit, &verified, expects, asked_list, ids, decision_id, env.config));
        if expects.stream {
            answer.watch(Watch::new(*verified, body, env));
        }
        self.state = State::Forwarded(answer);
        Step::go_on(effects)
    }
}
