//! The facts about a request, and the records made of them.

use std::borrow::Cow;

use super::refused;
use super::request::{Request, RequestHead};
use super::step::Env;
use crate::audit::{Decision, Record};
use crate::bearer::SentToken;
use crate::config::Config;
use crate::ids::ResourceId;
use crate::mcp::Version;
use crate::policy::Denial;
use crate::reason::Reason;
use crate::reply::Refusal;
use crate::time::UnixTime;
use crate::token::fault::date;
use crate::token::{AccessToken, UntrustedJwt};

/// The facts about a request that its records and answers state. Fields of its head are looked up where they are needed.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// Its resource.
    pub resource: Option<ResourceId>,
    pub head: &'a RequestHead,
    /// The request to the resource.
    pub request: Option<&'a Request>,
    /// The method of the message, once it is read. Until then that of HTTP counts.
    pub method: Option<&'a str>,
    pub caller: Option<&'a AccessToken>,
}

impl<'a> Facts<'a> {
    /// The facts about a request that matches no resource.
    pub fn nowhere(head: &'a RequestHead) -> Self {
        Self { resource: None, head, request: None, method: None, caller: None }
    }

    /// The facts about a request that matches no resource, but whose path resembles that of `resource`.
    pub fn near(head: &'a RequestHead, resource: Option<ResourceId>) -> Self {
        Self { resource, ..Self::nowhere(head) }
    }

    /// The facts about a request to a resource.
    pub fn of(request: &'a Request) -> Self {
        Self { resource: Some(request.resource), request: Some(request), ..Self::nowhere(&request.head) }
    }

    /// The listed origin that asks.
    pub fn origin(&self) -> Option<&'a str> {
        self.request.and_then(|request| request.origin.as_deref())
    }

    fn declared_version(&self) -> Option<&'a str> {
        let declared = self.request.and_then(|request| request.mcp.as_ref().ok());
        declared.and_then(|mcp| mcp.version.as_ref()).map(Version::as_str)
    }

    /// The method, for a record.
    pub fn recorded_method(&self) -> Cow<'static, str> {
        match self.method {
            None if self.head.is_post() => Cow::Borrowed("POST"),
            method => Cow::Owned(method.unwrap_or_else(|| self.head.method()).to_owned()),
        }
    }

    /// Whether the caller gets challenges inside results. `is_401`: a 401, which clients of a resource without public
    /// rules know from their first request.
    pub fn told_in_band(&self, is_401: bool, config: &Config) -> bool {
        let Some(resource) = self.resource.and_then(|id| config.resources.get(id)) else { return false };
        let client = self.caller.and_then(AccessToken::client);
        resource.in_band.as_ref().is_some_and(|in_band| in_band.covers(client, self.head.user_agent()))
            && (!is_401 || resource.policy.has_public_rules)
    }

    /// The record of a decision about the request as a whole.
    pub fn record(&self, decision: Decision, reason: Reason, env: &mut Env<'_>) -> Record {
        self.record_of(self.recorded_method(), (None, None), (decision, reason), env)
    }

    /// The record of a refusal. Of a refused token it has only what the token claims, and what is wrong with it.
    pub fn record_refusal(&self, refusal: &Refusal, env: &mut Env<'_>) -> Record {
        let mut record = self.record(Decision::Deny, refusal.reason(), env);
        if let Some(error) = refusal.of_token() {
            record.caller = None;
            record.is_known &= !error.is_final();
            record.refused = self.request.and_then(|request| refused::token(request, error, env)).map(Box::new);
        }
        record
    }

    /// The record of a decision about one message with this target. `version`: the protocol version that it has itself.
    pub fn record_of(
        &self,
        method: Cow<'static, str>,
        (target, version): (Option<String>, Option<&str>),
        (decision, reason): (Decision, Reason),
        env: &mut Env<'_>,
    ) -> Record {
        let resource = self.resource.and_then(|id| env.config.resources.get(id));
        let line = env.keeps_records.then_some(self.head);
        let version = version.or_else(|| self.declared_version()).filter(|_| env.keeps_records);
        let is_known = self.caller.is_none() && self.request.is_some_and(|request| is_known(request, env));
        Record {
            is_known,
            resource: resource.map(|resource| resource.identifier.shared()),
            method: Some(method),
            target,
            caller: self.caller.cloned(),
            request_id: line.and_then(RequestHead::request_id).map(str::to_owned),
            trace_id: line.and_then(RequestHead::trace_id).map(str::to_owned),
            protocol_version: version.map(str::to_owned),
            shown: env.config.filter_state,
            ..Record::new(env.ids.next_id(), decision, reason)
        }
    }
}

/// Whether the token of `request` was verified before. Only the sink distinguishes such callers from strangers.
fn is_known(request: &Request, env: &mut Env<'_>) -> bool {
    env.config.audit.sink.is_some()
        && request.credentials(env.config).is_ok_and(|(_, token)| {
            let digest = env.tokens.digest(token.bytes());
            env.tokens.was_verified(&digest) && !has_expired(token, env.now)
        })
}

/// Whether a JWT that was verified has expired. A request with it may be refused for something that is checked before.
fn has_expired(token: SentToken<'_>, now: UnixTime) -> bool {
    let jwt = token.check().ok().and_then(|token| UntrustedJwt::parse(token.reveal()).ok());
    jwt.and_then(|jwt| date(jwt.claimed(), "exp")).is_some_and(|end| end <= now.as_numeric_date())
}

/// Adds the details of a denial to its record.
pub(super) fn add_denial(record: &mut Record, denial: Option<&Denial>) {
    let Some(denial) = denial else { return };
    record.matrix_row = denial.scenario().map(str::to_owned);
    let (required, missing) = match denial {
        Denial::InsufficientScope { required, missing, .. } => (required, missing),
        Denial::NoToken { required } => (required, required),
        _ => return,
    };
    record.required = required.iter().map(ToString::to_string).collect();
    record.missing = missing.iter().map(ToString::to_string).collect();
}
