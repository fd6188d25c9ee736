//! The facts about a request, and the records made of them.

use super::refused;
use super::request::{Request, RequestHead};
use super::step::Env;
use crate::audit::{Decision, Record};
use crate::config::Config;
use crate::ids::ResourceId;
use crate::mcp::Version;
use crate::policy::Denial;
use crate::reason::Reason;
use crate::reply::Refusal;
use crate::token::AccessToken;

/// The facts about a request that its records and answers state.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    /// Its resource.
    pub resource: Option<ResourceId>,
    /// The listed origin that asks.
    pub origin: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub trace_id: Option<&'a str>,
    pub protocol_version: Option<&'a str>,
    /// The request, whose token may be refused.
    pub request: Option<&'a Request>,
    /// The method of HTTP, until a message is read.
    pub method: Option<&'a str>,
    pub caller: Option<&'a AccessToken>,
    pub user_agent: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// The facts about a request that matches no resource.
    pub fn nowhere(head: &'a RequestHead) -> Self {
        Self {
            method: Some(head.method()),
            request_id: head.request_id(),
            trace_id: head.trace_id(),
            user_agent: head.user_agent(),
            ..Self::default()
        }
    }

    /// The facts about a request that matches no resource, but whose path resembles that of `resource`.
    pub fn near(head: &'a RequestHead, resource: Option<ResourceId>) -> Self {
        Self { resource, ..Self::nowhere(head) }
    }

    /// The facts about a request to a resource.
    pub fn of(request: &'a Request) -> Self {
        let declared = request.mcp.as_ref().ok();
        Self {
            resource: Some(request.resource),
            origin: request.origin.as_deref(),
            protocol_version: declared.and_then(|mcp| mcp.version.as_ref()).map(Version::as_str),
            request: Some(request),
            ..Self::nowhere(&request.head)
        }
    }

    /// Whether the caller gets challenges inside results. `is_401`: a 401, which clients of a resource without public
    /// rules know from their first request.
    pub fn told_in_band(&self, is_401: bool, config: &Config) -> bool {
        let Some(resource) = self.resource.and_then(|id| config.resources.get(id)) else { return false };
        let client = self.caller.and_then(AccessToken::client);
        resource.in_band.as_ref().is_some_and(|in_band| in_band.covers(client, self.user_agent))
            && (!is_401 || resource.policy.has_public_rules)
    }

    /// The record of a decision about the request as a whole.
    pub fn record(&self, decision: Decision, reason: Reason, env: &mut Env<'_>) -> Record {
        let method = self.method.map(str::to_owned);
        self.record_of(method, None, decision, reason, env)
    }

    /// The record of a refusal. Of a refused token it has only what the token claims, and what is wrong with it.
    pub fn record_refusal(&self, refusal: &Refusal, env: &mut Env<'_>) -> Record {
        let mut record = self.record(Decision::Deny, refusal.reason(), env);
        if let Some(error) = refusal.of_token() {
            record.caller = None;
            record.refused = self.request.and_then(|request| refused::token(request, error, env)).map(Box::new);
        }
        record
    }

    /// The record of a decision about one message.
    pub fn record_of(
        &self,
        method: Option<String>,
        target: Option<String>,
        decision: Decision,
        reason: Reason,
        env: &mut Env<'_>,
    ) -> Record {
        let resource = self.resource.and_then(|id| env.config.resources.get(id));
        Record {
            resource: resource.map(|resource| resource.identifier.as_str().to_owned()),
            method,
            target,
            caller: self.caller.cloned(),
            request_id: self.request_id.map(str::to_owned),
            trace_id: self.trace_id.map(str::to_owned),
            protocol_version: self.protocol_version.map(str::to_owned),
            shown: env.config.filter_state,
            ..Record::new(env.ids.next_id(), decision, reason)
        }
    }
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
