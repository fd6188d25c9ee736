//! The verdict on a request, and its record.

use super::answer::Answer;
use super::step::{Effect, Env, HeaderEdit, Step};
use super::{Exchange, ReadBody, Request, RequestHead, State, Verified};
use crate::audit::{Decision, Record};
use crate::config::Config;
use crate::identity;
use crate::jsonrpc::{self, MessageFault};
use crate::mcp::{ListKind, McpHeaders, Operation};
use crate::policy::{Access, Denial, Outcome};
use crate::reply::{Denied, Refusal, Reply};
use crate::token::AccessToken;

/// What is known of a request, for records and answers.
#[derive(Clone, Default)]
pub(super) struct Asked {
    resource: Option<usize>,
    origin: Option<String>,
    request_id: Option<String>,
    protocol_version: Option<String>,
    method: Option<String>,
    target: Option<String>,
    caller: Option<Caller>,
}

/// What records say of a verified caller.
#[derive(Clone)]
struct Caller {
    subject: Option<String>,
    client: Option<String>,
    issuer: String,
    scopes: Vec<String>,
    jti: Option<String>,
}

/// What a body turned out to ask for.
struct Decided {
    method: String,
    target: Option<String>,
    list: Option<ListKind>,
    id: Option<String>,
    version: Option<String>,
    outcome: Outcome,
    denial: Option<Denial>,
}

impl Asked {
    /// A request that no resource matched.
    pub fn nowhere(head: &RequestHead) -> Self {
        let method = Some(head.method().to_owned());
        Self { method, request_id: head.request_id().map(str::to_owned), ..Self::default() }
    }

    /// A request to a resource. Its method is that of HTTP until a message says more.
    pub fn by(request: &Request) -> Self {
        let declared = request.mcp.as_ref().ok();
        let version = declared.and_then(|mcp| mcp.version.as_ref());
        Self {
            resource: Some(request.resource),
            origin: request.origin.clone(),
            protocol_version: version.map(|version| version.as_str().to_owned()),
            ..Self::nowhere(&request.head)
        }
    }

    fn with_caller(self, caller: &AccessToken) -> Self {
        let caller = Caller {
            subject: caller.subject().map(str::to_owned),
            client: caller.client().map(str::to_owned),
            issuer: caller.issuer().to_owned(),
            scopes: caller.scopes().to_vec(),
            jti: caller.id().map(str::to_owned),
        };
        Self { caller: Some(caller), ..self }
    }

    /// A record of what is known so far.
    pub fn record(&self, decision: Decision, reason: &'static str, env: &mut Env<'_>) -> Record {
        let resource = self.resource.and_then(|place| env.config.resources.get(place));
        let caller = self.caller.as_ref();
        Record {
            resource: resource.map(|resource| resource.identifier.as_str().to_owned()),
            method: self.method.clone(),
            target: self.target.clone(),
            subject: caller.and_then(|caller| caller.subject.clone()),
            client: caller.and_then(|caller| caller.client.clone()),
            issuer: caller.map(|caller| caller.issuer.clone()),
            scopes: caller.map(|caller| caller.scopes.clone()),
            jti: caller.and_then(|caller| caller.jti.clone()),
            request_id: self.request_id.clone(),
            protocol_version: self.protocol_version.clone(),
            ..Record::new(env.ids.next_id(), decision, reason)
        }
    }
}

impl Exchange {
    /// An answer of toolgate's own for which nobody has to be asked.
    pub(super) fn reply_to_anyone(&mut self, asked: &Asked, reply: Reply, env: &mut Env<'_>) -> Step {
        self.state = State::Replied;
        let decision = if reply.status < 400 { Decision::Allow } else { Decision::Deny };
        let record = asked.record(decision, reply.reason, env);
        Step::end(vec![Effect::Record(Box::new(record)), Effect::Reply(reply)])
    }

    /// Refuses the request.
    pub(super) fn refuse(&mut self, asked: &Asked, refusal: Refusal, env: &mut Env<'_>) -> Step {
        let resource = asked.resource.and_then(|place| env.config.resources.get(place));
        let mut record = asked.record(Decision::Deny, refusal.code(), env);
        let mut refusal = refusal;
        if let Refusal::Denied(denied) = &mut refusal {
            denied.decision_id.clone_from(&record.decision_id);
            record.method = denied.method.clone().or(record.method);
            record.target = denied.target.clone().or(record.target);
            add_denial(&mut record, refusal.denial());
        }
        let reply = refusal.render(resource, asked.origin.as_deref());
        record.status = Some(reply.status);
        self.state = match refusal {
            Refusal::TooLarge => State::Overtaken(Box::new(reply.clone())),
            _ => State::Replied,
        };
        Step::end(vec![Effect::Record(Box::new(record)), Effect::Reply(reply)])
    }

    /// The verdict on a request without a body: only the endpoint itself is asked for.
    pub(super) fn decide_bodiless(&mut self, verified: Verified, env: &mut Env<'_>) -> Step {
        if verified.request.head.method() == "POST" {
            let fault = Refusal::Message(MessageFault::Json(crate::json::JsonFault::Syntax), None);
            return self.refuse(&verified.asked(), fault, env);
        }
        let (outcome, denial) = verified.decide(&Access::Open, env.config);
        let decided = Decided {
            method: verified.request.head.method().to_owned(),
            target: None,
            list: None,
            id: None,
            version: None,
            outcome,
            denial,
        };
        self.carry_out(verified, decided, env)
    }

    /// The verdict on a request whose body is whole, or too large to ever be.
    pub(super) fn decide_body(&mut self, verified: Verified, read: Option<ReadBody<'_>>, env: &mut Env<'_>) -> Step {
        let limit = env.config.limits.body;
        let bytes = match read.filter(|_| verified.body.size <= limit) {
            // One byte more than allowed tells a body that grew since the host last counted.
            Some(read) => read(limit.saturating_add(1)).unwrap_or_default(),
            None => return self.refuse(&verified.asked(), Refusal::TooLarge, env),
        };
        if bytes.len() > limit {
            return self.refuse(&verified.asked(), Refusal::TooLarge, env);
        }
        match verified.read(&bytes, env.config) {
            Ok(decided) => self.carry_out(verified, decided, env),
            Err((refusal, method)) => {
                let mut asked = verified.asked();
                asked.method = method.or(asked.method);
                self.refuse(&asked, refusal, env)
            }
        }
    }

    /// Forwards or refuses as decided.
    fn carry_out(&mut self, verified: Verified, decided: Decided, env: &mut Env<'_>) -> Step {
        let mut asked = verified.asked();
        asked.method = Some(decided.method.clone());
        asked.target.clone_from(&decided.target);
        asked.protocol_version = decided.version.clone().or(asked.protocol_version);
        // An identity that cannot be forwarded denies whatever the scopes, in shadow mode too.
        let identity = match (verified.identity(env.config), decided.outcome) {
            (Err(identity::Unforwardable), _) => return self.deny(&asked, None, decided, env),
            (Ok(_), Outcome::Deny) => return self.deny(&asked, decided.denial.clone(), decided, env),
            (Ok(identity), Outcome::Allow | Outcome::ShadowDeny) => identity,
        };
        let (decision, reason) = match &decided.denial {
            None => (Decision::Allow, "allowed"),
            Some(denial) => (Decision::ShadowDeny, denial.code()),
        };
        let mut record = asked.record(decision, reason, env);
        add_denial(&mut record, decided.denial.as_ref());
        let lists_on_get = verified.request.head.method() == "GET";
        let edits = verified.request.forward_edits(identity, decided.list.is_some() || lists_on_get, env.config);
        let answer = Answer::new(&verified, decided.list.is_some(), decided.id, record.decision_id.clone());
        let mut effects = vec![];
        if !verified.released {
            effects.push(Effect::EditHeaders(edits));
        }
        effects.push(Effect::Record(Box::new(record)));
        self.state = State::Forwarded(Box::new(answer));
        Step::go_on(effects)
    }

    fn deny(&mut self, asked: &Asked, denial: Option<Denial>, decided: Decided, env: &mut Env<'_>) -> Step {
        let Decided { id, method, target, .. } = decided;
        let denied = Denied { denial, id, method: Some(method), target, decision_id: String::new() };
        self.refuse(asked, Refusal::Denied(Box::new(denied)), env)
    }
}

impl Refusal {
    fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Denied(denied) => denied.denial.as_ref(),
            _ => None,
        }
    }
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
    pub(super) fn asked(&self) -> Asked {
        Asked::by(&self.request).with_caller(&self.caller)
    }

    fn identity(&self, config: &Config) -> Result<Vec<(String, String)>, identity::Unforwardable> {
        match self.request.resource(config) {
            Some(resource) => identity::headers(resource, &self.caller),
            None => Err(identity::Unforwardable),
        }
    }

    /// The policy's verdict. A resource that is not there denies.
    fn decide(&self, access: &Access<'_>, config: &Config) -> (Outcome, Option<Denial>) {
        match self.request.resource(config) {
            Some(resource) => {
                let verdict = resource.policy.decide(&self.caller, access);
                (verdict.outcome, verdict.denial)
            }
            None => (Outcome::Deny, Some(Denial::Unlisted)),
        }
    }

    /// Reads the body as a message, compares it with the headers and decides. With a refusal comes the method, as far
    /// as it was read.
    fn read(&self, bytes: &[u8], config: &Config) -> Result<Decided, (Refusal, Option<String>)> {
        let message = jsonrpc::read(bytes, config.limits.depth)
            .map_err(|refused| (Refusal::Message(refused.fault, refused.id), None))?;
        let id = || message.id.map(str::to_owned);
        let method = || Some(message.method.to_string()).filter(|method| !method.is_empty());
        let operation = Operation::of(&message).map_err(|fault| (Refusal::Operation(fault, id()), method()))?;
        let empty = McpHeaders::default();
        let headers = self.request.mcp.as_ref().unwrap_or(&empty);
        headers.check(&message, &operation).map_err(|fault| (Refusal::Headers(fault, id()), method()))?;
        let (outcome, denial) = self.decide(&operation.access, config);
        Ok(Decided {
            method: method().unwrap_or_else(|| "response".to_owned()),
            target: operation.target,
            list: operation.list,
            id: id(),
            version: message.params.version.text().map(str::to_owned),
            outcome,
            denial,
        })
    }

    /// Whether the headers may go ahead of the body's verdict, and how they are changed then: not where the token, the
    /// base scopes or what the headers declare already denies.
    pub(super) fn edits_ahead(&self, env: &Env<'_>) -> Result<Vec<HeaderEdit>, Refusal> {
        let mcp = self.request.mcp.as_ref().ok();
        let declared = mcp.and_then(McpHeaders::declared);
        let denied = |denial, name: bool| {
            let method = mcp.and_then(|mcp| mcp.method.clone());
            let target = mcp.and_then(|mcp| mcp.name.clone()).filter(|_| name);
            Refusal::Denied(Box::new(Denied { denial, id: None, method, target, decision_id: String::new() }))
        };
        for access in declared.iter().chain([&Access::Open]) {
            if let (Outcome::Deny, denial) = self.decide(access, env.config) {
                return Err(denied(denial, *access != Access::Open));
            }
        }
        let identity = self.identity(env.config).map_err(|_| denied(None, false))?;
        let may_list = mcp.and_then(|mcp| mcp.method.as_deref()).is_none_or(|method| method.ends_with("/list"));
        Ok(self.request.forward_edits(identity, may_list, env.config))
    }
}
