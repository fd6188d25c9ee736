//! Answers of toolgate's own: the reply, its records, and the state that they leave.

use std::borrow::Cow;

use super::facts::{Facts, add_denial};
use super::step::{Effect, Env, Step};
use super::{Exchange, State};
use crate::audit::{Decision, Record};
use crate::reply::{Denied, Refusal, Reply};

impl Exchange {
    /// Answers a request that needs no token: for metadata or a CORS preflight.
    #[inline(never)]
    pub(super) fn reply_to_anyone(&mut self, facts: &Facts<'_>, reply: Reply, env: &mut Env<'_>) -> Step {
        self.state = State::Answered(reply.status);
        let decision = if reply.status < 400 { Decision::Allow } else { Decision::Deny };
        let record = facts.record(decision, reply.reason, env);
        Step::end(vec![Effect::record(record), Effect::Reply(reply)])
    }

    /// Refuses the request.
    #[inline(never)]
    pub(super) fn refuse(&mut self, facts: &Facts<'_>, refusal: Refusal, env: &mut Env<'_>) -> Step {
        let record = facts.record_refusal(&refusal, env);
        self.refuse_with(facts, refusal, vec![record], env)
    }

    /// Refuses a message, or all messages of a batch, each with a record of its own.
    #[inline(never)]
    pub(super) fn deny(&mut self, facts: &Facts<'_>, mut denied: Denied, env: &mut Env<'_>) -> Step {
        let mut records = Vec::new();
        for element in &mut denied.elements {
            let method = element.method.clone().map_or_else(|| facts.recorded_method(), Cow::Owned);
            let (target, reason) = (element.target.clone(), element.cause.reason());
            let mut record = facts.record_of(method, (target, None), (Decision::Deny, reason), env);
            add_denial(&mut record, element.cause.denial());
            record.arguments.clone_from(&element.arguments);
            record.decision_id.as_str().clone_into(&mut element.decision_id);
            records.push(record);
        }
        let call = denied.call().map(str::to_owned);
        let refusal = Refusal::Denied(Box::new(denied));
        let refusal = match call.filter(|_| facts.told_in_band(refusal.status() == 401, env.config)) {
            Some(id) => Refusal::InBand(Box::new(refusal), id),
            None => refusal,
        };
        self.refuse_with(facts, refusal, records, env)
    }

    /// Refuses the request with records that were made for it.
    pub(super) fn refuse_with(
        &mut self,
        facts: &Facts<'_>,
        refusal: Refusal,
        records: Vec<Record>,
        env: &mut Env<'_>,
    ) -> Step {
        let resource = facts.resource.and_then(|id| env.config.resources.get(id));
        let reply = refusal.render(resource, facts.origin());
        self.state = match refusal {
            Refusal::TooLarge => State::Overtaken(Box::new(reply.clone())),
            _ => State::Answered(reply.status),
        };
        let in_band = matches!(refusal, Refusal::InBand(..));
        let with_status = |record| Effect::record(Record { status: Some(reply.status), in_band, ..record });
        let mut effects: Vec<_> = records.into_iter().map(with_status).collect();
        effects.push(Effect::Reply(reply));
        Step::end(effects)
    }
}
