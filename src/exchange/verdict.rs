//! The verdict on a request, and its record.

use std::time::Duration;

use super::answer::{Answer, Expects, Ids};
use super::step::{Effect, Env, HeaderEdit, Step};
use super::validation::{Unverified, validate};
use super::watch::Watch;
use super::{Exchange, ReadBody, Request, RequestHead, State, Verified};
use crate::audit::{Decision, Record};
use crate::config::{Batches, Config};
use crate::drift::asked::AskedList;
use crate::identity;
use crate::introspection::Fresh;
use crate::jsonrpc::{self, Body, Message, MessageFault};
use crate::mcp::{Access, ListKind, McpHeaders, Operation, Version};
use crate::policy::{Arguments, Denial, Occasion, Permit, Standing, Verdict};
use crate::reason::Reason;
use crate::reply::{Cause, Denied, DeniedElement, Refusal, Reply};
use crate::token::AccessToken;

/// What is known of a request, for records and answers.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    resource: Option<usize>,
    origin: Option<&'a str>,
    request_id: Option<&'a str>,
    protocol_version: Option<&'a str>,
    method: Option<&'a str>,
    caller: Option<&'a AccessToken>,
}

/// What a body turned out to ask for.
pub(super) struct Decided {
    method: String,
    target: Option<String>,
    list: Option<ListKind>,
    expects: Expects,
    cursor: Option<String>,
    id: Option<String>,
    version: Option<String>,
    verdict: Verdict,
    /// How recent the issuer's word on the token must be.
    fresh: Option<Duration>,
}

impl<'a> Asked<'a> {
    /// A request that no resource matched.
    pub fn nowhere(head: &'a RequestHead) -> Self {
        Self { method: Some(head.method()), request_id: head.request_id(), ..Self::default() }
    }

    /// A request that no resource matched, and whose path only resembles that of the one at `resource`.
    pub fn near(head: &'a RequestHead, resource: Option<usize>) -> Self {
        Self { resource, ..Self::nowhere(head) }
    }

    /// A request to a resource. Its method is that of HTTP until a message says more.
    pub fn by(request: &'a Request) -> Self {
        let declared = request.mcp.as_ref().ok();
        Self {
            resource: Some(request.resource),
            origin: request.origin.as_deref(),
            protocol_version: declared.and_then(|mcp| mcp.version.as_ref()).map(Version::as_str),
            ..Self::nowhere(&request.head)
        }
    }

    /// A record of what is known so far.
    pub fn record(&self, decision: Decision, reason: Reason, env: &mut Env<'_>) -> Record {
        let method = self.method.map(str::to_owned);
        self.record_of(method, None, decision, reason, env)
    }

    /// As [`Self::record`], of a message.
    fn record_of(
        &self,
        method: Option<String>,
        target: Option<String>,
        decision: Decision,
        reason: Reason,
        env: &mut Env<'_>,
    ) -> Record {
        let resource = self.resource.and_then(|place| env.config.resources.get(place));
        Record {
            resource: resource.map(|resource| resource.identifier.as_str().to_owned()),
            method,
            target,
            caller: self.caller.cloned(),
            request_id: self.request_id.map(str::to_owned),
            protocol_version: self.protocol_version.map(str::to_owned),
            ..Record::new(env.ids.next_id(), decision, reason)
        }
    }
}

impl Exchange {
    /// An answer of toolgate's own for which nobody has to be asked.
    pub(super) fn reply_to_anyone(&mut self, asked: &Asked<'_>, reply: Reply, env: &mut Env<'_>) -> Step {
        self.state = State::Answered(reply.status);
        let decision = if reply.status < 400 { Decision::Allow } else { Decision::Deny };
        let record = asked.record(decision, reply.reason, env);
        Step::end(vec![Effect::record(record), Effect::Reply(reply)])
    }

    /// Refuses the request.
    pub(super) fn refuse(&mut self, asked: &Asked<'_>, refusal: Refusal, env: &mut Env<'_>) -> Step {
        let record = asked.record(Decision::Deny, refusal.reason(), env);
        self.refuse_with(asked, refusal, vec![record], env)
    }

    /// Refuses a message, or all messages of a batch, each with a record of its own.
    pub(super) fn deny(&mut self, asked: &Asked<'_>, mut denied: Denied, env: &mut Env<'_>) -> Step {
        let mut records = Vec::new();
        for element in &mut denied.elements {
            let method = element.method.as_deref().or(asked.method).map(str::to_owned);
            let target = element.target.clone();
            let mut record = asked.record_of(method, target, Decision::Deny, element.cause.reason(), env);
            add_denial(&mut record, element.cause.denial());
            element.decision_id.clone_from(&record.decision_id);
            records.push(record);
        }
        self.refuse_with(asked, Refusal::Denied(Box::new(denied)), records, env)
    }

    fn refuse_with(&mut self, asked: &Asked<'_>, refusal: Refusal, records: Vec<Record>, env: &mut Env<'_>) -> Step {
        let resource = asked.resource.and_then(|place| env.config.resources.get(place));
        let reply = refusal.render(resource, asked.origin);
        self.state = match refusal {
            Refusal::TooLarge => State::Overtaken(Box::new(reply.clone())),
            _ => State::Answered(reply.status),
        };
        let with_status = |record| Effect::record(Record { status: Some(reply.status), ..record });
        let mut effects: Vec<_> = records.into_iter().map(with_status).collect();
        effects.push(Effect::Reply(reply));
        Step::end(effects)
    }

    /// The verdict on a request without a body: only the endpoint itself is asked for.
    pub(super) fn decide_bodiless(&mut self, verified: Verified, env: &mut Env<'_>) -> Step {
        if verified.request.head.method() == "POST" {
            let fault = Refusal::Message(MessageFault::Json(crate::json::JsonFault::Syntax), None);
            return self.refuse(&verified.asked(), fault, env);
        }
        let verdict = verified.decide(&Access::Open, Arguments::Open, env);
        let decided = Decided {
            method: verified.request.head.method().to_owned(),
            target: None,
            list: None,
            expects: Expects { stream: verified.request.head.method() == "GET", ..Expects::default() },
            cursor: None,
            id: None,
            version: None,
            verdict,
            fresh: None,
        };
        self.carry_out(verified, vec![decided], false, None, env)
    }

    /// The verdict on a request whose body is whole, or too large to ever be.
    pub(super) fn decide_body(&mut self, verified: Verified, read: Option<ReadBody<'_>>, env: &mut Env<'_>) -> Step {
        let limit = verified.request.body_limit(env.config);
        let bytes = match read.filter(|_| verified.body.size <= limit) {
            // One byte more than allowed tells a body that grew since the host last counted.
            Some(read) => read(limit.saturating_add(1)).unwrap_or_default(),
            None => return self.refuse(&verified.asked(), verified.request.too_large(), env),
        };
        if bytes.len() > limit {
            return self.refuse(&verified.asked(), verified.request.too_large(), env);
        }
        if verified.request.head.method() != "POST" {
            return self.decide_bodiless(verified, env);
        }
        match verified.read(&bytes, env) {
            Ok((decided, is_batch)) => self.refresh(verified, decided, is_batch, &bytes, env),
            Err((refusal, method)) => {
                let mut asked = verified.asked();
                asked.method = method.as_deref().or(asked.method);
                self.refuse(&asked, refusal, env)
            }
        }
    }

    /// What is allowed may need the issuer's word on the token, and a recent one. With it, it is decided again: it may
    /// have taken scopes away. What is denied needs no word.
    fn refresh(
        &mut self,
        mut verified: Verified,
        decided: Vec<Decided>,
        is_batch: bool,
        bytes: &[u8],
        env: &mut Env<'_>,
    ) -> Step {
        let is_allowed = permit(&decided).is_some();
        let Some(within) = decided.iter().filter_map(|one| one.fresh).min().filter(|_| is_allowed) else {
            return self.carry_out(verified, decided, is_batch, Some(bytes), env);
        };
        // One that had not ended would not have been decided on; were it, no answer that is kept would do.
        let fresh = Fresh { within, call: verified.body.ended.unwrap_or(u64::MAX) };
        let before = verified.identity(env.config);
        match validate(&verified.request, Some(fresh), env) {
            Ok(caller) => verified.caller = caller,
            Err(Unverified::Waits(waiting)) => {
                self.state = State::AwaitingFreshness(Box::new(verified), waiting);
                return Step::hold();
            }
            Err(Unverified::Refused(refusal)) => {
                let asked = verified.asked();
                let mut record = asked.record(Decision::Deny, refusal.reason(), env);
                if let [one] = decided.as_slice() {
                    (record.method, record.target) = (Some(one.method.clone()), one.target.clone());
                }
                return self.refuse_with(&asked, refusal, vec![record], env);
            }
        }
        // Headers that went ahead told the server who calls: it must still be so.
        let forwardable = !verified.released || verified.identity(env.config) == before;
        match verified.read(bytes, env) {
            Ok((decided, is_batch)) if forwardable => self.carry_out(verified, decided, is_batch, Some(bytes), env),
            Ok((decided, is_batch)) => {
                let elements = decided.into_iter().map(|one| one.into_denied(false)).collect();
                self.deny(&verified.asked(), Denied { elements, is_batch }, env)
            }
            // It was read a moment ago.
            Err((refusal, _)) => self.refuse(&verified.asked(), refusal, env),
        }
    }

    /// Forwards or refuses as decided: all messages of a batch, or none.
    fn carry_out(
        &mut self,
        verified: Verified,
        decided: Vec<Decided>,
        is_batch: bool,
        body: Option<&[u8]>,
        env: &mut Env<'_>,
    ) -> Step {
        let asked = verified.asked();
        // An identity that cannot be forwarded denies whatever the scopes, in shadow mode too.
        let (identity, permit) = match (verified.identity(env.config), permit(&decided)) {
            (Ok(identity), Some(permit)) => (identity, permit),
            (identity, _) => {
                let forwardable = identity.is_ok();
                let elements = decided.into_iter().map(|one| one.into_denied(forwardable)).collect();
                return self.deny(&asked, Denied { elements, is_batch }, env);
            }
        };
        let expects = decided.iter().fold(Expects::default(), |all, one| all.and(one.expects));
        let edits = verified.request.forward_edits(identity, expects.is_any(), env.config);
        let asked_list = verified.asks_for_tools(&decided, is_batch, env);
        let mut effects = Vec::with_capacity(decided.len() + 1);
        if !verified.released {
            effects.push(Effect::EditHeaders(edits));
        }
        let (mut ids, mut decision_id) = (Vec::new(), None);
        for mut one in decided {
            // Only in the place of a list.
            ids.extend(one.id.take().filter(|_| expects.is_any()));
            let record = one.into_record(&asked, env);
            decision_id.get_or_insert_with(|| record.decision_id.clone());
            effects.push(Effect::record(record));
        }
        let ids = Ids { ids, is_batch };
        let answer = Answer::new(permit, &verified, expects, asked_list, ids, decision_id.unwrap_or_default());
        self.state = State::Forwarded(Box::new(if expects.stream {
            answer.watched(Watch::new(verified, body, env))
        } else {
            answer
        }));
        Step::go_on(effects)
    }
}

impl Decided {
    /// What a 403 says of it.
    fn into_denied(self, forwardable: bool) -> DeniedElement {
        let cause = match self.verdict {
            _ if !forwardable => Cause::Unforwardable,
            Verdict::Deny(denial) => Cause::Policy(denial),
            Verdict::Allow(_) | Verdict::ShadowDeny(..) => Cause::Companion,
        };
        DeniedElement { cause, id: self.id, method: Some(self.method), target: self.target, decision_id: String::new() }
    }

    /// The record of the decision.
    fn into_record(self, asked: &Asked<'_>, env: &mut Env<'_>) -> Record {
        let (decision, reason) = match &self.verdict {
            Verdict::Allow(_) => (Decision::Allow, Reason::Allowed),
            Verdict::ShadowDeny(_, denial) => (Decision::ShadowDeny, denial.reason()),
            Verdict::Deny(denial) => (Decision::Deny, denial.reason()),
        };
        let version = self.version.as_deref().or(asked.protocol_version);
        let asked = Asked { protocol_version: version, ..*asked };
        let mut record = asked.record_of(Some(self.method), self.target, decision, reason, env);
        add_denial(&mut record, self.verdict.denial());
        record
    }
}

/// The permit for all of a request's messages.
fn permit(decided: &[Decided]) -> Option<Permit> {
    Permit::for_all(decided.iter().map(|one| &one.verdict))
}

fn add_denial(record: &mut Record, denial: Option<&Denial>) {
    let Some(denial) = denial else { return };
    record.matrix_row = denial.row().map(str::to_owned);
    if let Denial::InsufficientScope { required, missing, .. } = denial {
        record.required = required.iter().map(ToString::to_string).collect();
        record.missing = missing.iter().map(ToString::to_string).collect();
    }
}

impl Verified {
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { caller: Some(&self.caller), ..Asked::by(&self.request) }
    }

    /// The request for a page of the list of tools, if it asks for nothing else: an answer to several requests does not
    /// tell which list is whose.
    fn asks_for_tools(&self, decided: &[Decided], is_batch: bool, env: &mut Env<'_>) -> Option<AskedList> {
        let [one] = decided else { return None };
        let id = one.id.as_deref().filter(|_| one.list == Some(ListKind::Tools) && !is_batch)?;
        let asked = AskedList::new(&self.caller, id, one.cursor.clone())?;
        Some(env.drift.asked(self.request.resource, asked, env.now))
    }

    fn identity(&self, config: &Config) -> Result<Vec<(String, String)>, identity::Unforwardable> {
        match self.request.resource(config) {
            Some(resource) => identity::headers(resource, &self.caller),
            None => Err(identity::Unforwardable),
        }
    }

    /// The policy's verdict. A resource that is not there denies.
    pub(super) fn decide(&self, access: &Access<'_>, arguments: Arguments<'_>, env: &Env<'_>) -> Verdict {
        let Some(resource) = self.request.resource(env.config) else {
            return Verdict::Deny(Denial::Unlisted);
        };
        let standing = match access {
            Access::Tool(name) => env.drift.standing(self.request.resource, env.config, name),
            _ => Standing::Approved,
        };
        resource.policy.decide(&self.caller, access, &Occasion { now: env.now, arguments, standing })
    }

    /// Reads the body's messages, compares each with the headers and decides, and says whether they came as an array.
    /// With a refusal comes the method, as far as it was read.
    fn read(&self, bytes: &[u8], env: &Env<'_>) -> Result<(Vec<Decided>, bool), (Refusal, Option<String>)> {
        let batch = (env.config.batches == Batches::AuthorizeEach).then_some(env.config.limits.batch);
        let body = jsonrpc::read_body(bytes, env.config.limits.depth, batch)
            .map_err(|refused| (Refusal::Message(refused.fault, refused.id), None))?;
        match body {
            Body::Single(message) => Ok((vec![self.decide_message(&message, env)?], false)),
            Body::Batch(messages) => {
                let decided: Result<_, _> = messages.iter().map(|message| self.decide_message(message, env)).collect();
                Ok((decided?, true))
            }
        }
    }

    /// The permit that the request with this body would get.
    pub(super) fn permit(&self, bytes: &[u8], env: &Env<'_>) -> Option<Permit> {
        permit(&self.read(bytes, env).ok()?.0)
    }

    fn decide_message(&self, message: &Message<'_>, env: &Env<'_>) -> Result<Decided, (Refusal, Option<String>)> {
        let id = || message.id.map(str::to_owned);
        let method = || Some(message.method.to_string()).filter(|method| !method.is_empty());
        let operation = Operation::of(message).map_err(|fault| (Refusal::Operation(fault, id()), method()))?;
        let empty = McpHeaders::default();
        let headers = self.request.mcp.as_ref().unwrap_or(&empty);
        headers.check(message, &operation).map_err(|fault| (Refusal::Headers(fault, id()), method()))?;
        let arguments = Arguments::Given(message.params.arguments);
        let verdict = self.decide(&operation.access, arguments, env);
        let policy = self.request.resource(env.config).map(|resource| &resource.policy);
        let fresh = policy.and_then(|policy| policy.freshness(&self.caller, &operation.access));
        let is_restricted = || policy.is_none_or(|policy| policy.is_restricted(&operation.access));
        let expects = Expects::of(&message.method, is_restricted);
        Ok(Decided {
            expects,
            method: method().unwrap_or_else(|| "response".to_owned()),
            target: operation.target,
            list: operation.list,
            cursor: message.params.cursor.text().map(str::to_owned),
            id: id(),
            version: message.params.version.text().map(str::to_owned),
            verdict,
            fresh,
        })
    }

    /// Whether the headers may go ahead of the body's verdict, and how they are changed then: not where the token, the
    /// base scopes or what the headers declare already denies.
    pub(super) fn edits_ahead(&self, env: &Env<'_>) -> Result<Vec<HeaderEdit>, Denied> {
        let mcp = self.request.mcp.as_ref().ok();
        let declared = mcp.and_then(McpHeaders::declared);
        let denied = |cause, name: bool| {
            let method = mcp.and_then(|mcp| mcp.method.clone());
            let target = mcp.and_then(|mcp| mcp.name.clone()).filter(|_| name);
            let element = DeniedElement { cause, id: None, method, target, decision_id: String::new() };
            Denied { elements: vec![element], is_batch: false }
        };
        for access in declared.iter().chain([&Access::Open]) {
            if let Verdict::Deny(denial) = self.decide(access, Arguments::Open, env) {
                return Err(denied(Cause::Policy(denial), *access != Access::Open));
            }
        }
        let identity = self.identity(env.config).map_err(|_| denied(Cause::Unforwardable, false))?;
        let may_list =
            mcp.and_then(|mcp| mcp.method.as_deref()).is_none_or(|method| Expects::of(method, || true).is_any());
        Ok(self.request.forward_edits(identity, may_list, env.config))
    }
}
