//! Asks a policy for the decision about an assumed caller. Used by tests, tables and replays.

use serde_json::{Value, json};
use toolgate::audit::Decision;
use toolgate::caller::Caller;
use toolgate::config::{Config, Resource};
use toolgate::identity;
use toolgate::jsonrpc;
use toolgate::mcp::Operation;
use toolgate::policy::{Denial, Occasion, Verdict};
use toolgate::reason::Reason;
use toolgate::scope::{Scope, ScopeSet};

use crate::likely::did_you_mean;
use crate::output::Trouble;

/// The target of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A completion for an argument of a prompt or a variable of a resource template.
    Completion(String),
    /// The endpoint itself, without a message.
    Endpoint,
    /// A method of MCP.
    Method(String),
    /// A prompt.
    Prompt(String),
    /// A resource, by its URI.
    Resource(String),
    /// Subscriptions to updates of several resources.
    Subscriptions(Vec<String>),
    /// A tool.
    Tool(String),
}

impl Target {
    /// A name of this kind of rules.
    pub fn of_kind(kind: &str, name: String) -> Self {
        match kind {
            "tools" => Self::Tool(name),
            "prompts" => Self::Prompt(name),
            "resources" => Self::Resource(name),
            _ => Self::Method(name),
        }
    }

    /// The kind and the name.
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Completion(name) => ("completion", name),
            Self::Endpoint => ("endpoint", ""),
            Self::Method(name) => ("method", name),
            Self::Prompt(name) => ("prompt", name),
            Self::Resource(uri) => ("resource", uri),
            Self::Subscriptions(uris) => ("resource", uris.first().map(String::as_str).unwrap_or_default()),
            Self::Tool(name) => ("tool", name),
        }
    }

    /// The message that asks for the target.
    fn message(&self) -> String {
        let reference = |name: &str| match name.contains(':') {
            true => json!({"ref": {"type": "ref/resource", "uri": name}}),
            false => json!({"ref": {"type": "ref/prompt", "name": name}}),
        };
        let (method, params) = match self {
            Self::Completion(name) => ("completion/complete", reference(name)),
            Self::Subscriptions(uris) => {
                ("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": uris}}))
            }
            Self::Endpoint => ("ping", json!({})),
            Self::Method(method) => (method.as_str(), json!({})),
            Self::Prompt(name) => ("prompts/get", json!({ "name": name })),
            Self::Resource(uri) => ("resources/read", json!({ "uri": uri })),
            Self::Tool(name) => ("tools/call", json!({ "name": name })),
        };
        // With an `id`, a notification would be a request of that name.
        let message = match method.starts_with("notifications/") {
            true => json!({"jsonrpc": "2.0", "method": method, "params": params}),
            false => json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
        };
        message.to_string()
    }
}

/// The decision, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The decision.
    pub decision: Decision,
    /// The reason in records.
    pub reason: Reason,
    /// The denial, if there is one.
    pub denial: Option<Denial>,
}

impl Ruling {
    /// The scopes to request from the authorization server, if that helps.
    pub fn ask(&self) -> Vec<String> {
        match &self.denial {
            Some(Denial::InsufficientScope { ask, .. } | Denial::NoToken { required: ask }) => names(ask),
            _ => Vec::new(),
        }
    }

    /// The missing scopes.
    pub fn missing(&self) -> Vec<String> {
        match &self.denial {
            Some(Denial::InsufficientScope { missing, .. } | Denial::NoToken { required: missing }) => names(missing),
            _ => Vec::new(),
        }
    }

    fn refused(reason: Reason) -> Self {
        Self { decision: Decision::Deny, reason, denial: None }
    }

    /// As JSON, with the member names of audit records.
    pub fn json(&self) -> Value {
        json!({
            "decision": self.decision.as_str(), "reason": self.reason.as_str(), "missing": self.missing(), "ask": self.ask(),
            "matrix_row": self.denial.as_ref().and_then(Denial::scenario),
        })
    }
}

/// The names of `scopes`.
pub fn names(scopes: &ScopeSet) -> Vec<String> {
    scopes.iter().map(Scope::to_string).collect()
}

/// The decision of `resource` about `caller`. Like a request, the question must have a valid message and a forwardable
/// identity.
pub fn ask(config: &Config, resource: &Resource, caller: &Caller, target: &Target, occasion: &Occasion<'_>) -> Ruling {
    let body = target.message();
    let message = match jsonrpc::read(body.as_bytes(), config.limits.depth) {
        Ok(message) => message,
        Err(refused) => return Ruling::refused(refused.fault.reason()),
    };
    let operation = match Operation::of(&message) {
        Ok(operation) => operation,
        Err(fault) => return Ruling::refused(fault.reason()),
    };
    if caller.token().is_some_and(|token| resource.policy.revokes(token)) {
        return Ruling::refused(Reason::TokenRevoked);
    }
    let verdict = resource.policy.decide(caller, &operation.access, occasion);
    if caller.token().is_some_and(|token| identity::headers(resource, token).is_err()) {
        return Ruling::refused(Reason::IdentityUnforwardable);
    }
    let (decision, denial) = match verdict {
        Verdict::Allow(_) => (Decision::Allow, None),
        Verdict::ShadowDeny(_, denial) => (Decision::ShadowDeny, Some(denial)),
        Verdict::Deny(denial) => (Decision::Deny, Some(denial)),
    };
    let allowed = if caller.is_anonymous() { Reason::Public } else { Reason::Allowed };
    Ruling { decision, reason: denial.as_ref().map_or(allowed, Denial::reason), denial }
}

/// The resource with this identifier. Without one, the only resource.
pub fn resource<'c>(config: &'c Config, identifier: Option<&str>) -> Result<&'c Resource, Trouble> {
    let known = || {
        let all: Vec<_> = config.resources.iter().map(|resource| resource.identifier.as_str()).collect();
        all.join(", ")
    };
    match (identifier, &*config.resources) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Trouble(format!("choose one of the resources: {}", known()))),
        (Some(own), all) => all.iter().find(|resource| resource.identifier.as_str() == own).ok_or_else(|| {
            let likely = did_you_mean(own, all.iter().map(|resource| resource.identifier.as_str()));
            Trouble(format!("no resource is named `{own}`; configured are {}{likely}", known()))
        }),
    }
}
