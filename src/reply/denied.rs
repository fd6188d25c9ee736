//! The policy's 403, or 401 if the user must sign in, or sign in again: the denied messages, and the scopes to ask for.

use super::{rpc_error, unauthorized};
use crate::json::Object;
use crate::jsonrpc::Shape;
use crate::mcp::TargetKind;
use crate::policy::{Authentication, Denial};
use crate::reason::Reason;
use crate::scope::{Scope, ScopeSet};

pub(super) const STEP_UP: &str = "More scope is needed for this operation";
pub(super) const SIGN_IN: &str = "A more recent or a stronger sign-in is needed for this operation";

/// The maximum number of scopes that a message names. `data` has all of them.
const MAX_NAMED: usize = 8;

/// A response about a denied message, or a batch with a denied message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// In the order of the messages; never empty.
    pub elements: Vec<DeniedElement>,
    /// The form of the messages, and of the response.
    pub shape: Shape,
}

/// Why a message is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Another element of the batch is denied.
    Companion,
    /// The policy denies it.
    Policy(Denial),
    /// The caller's identity cannot be forwarded.
    Unforwardable,
}

impl Cause {
    /// The reason in records.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Companion => Reason::BatchCompanionDenied,
            Self::Policy(denial) => denial.reason(),
            Self::Unforwardable => Reason::IdentityUnforwardable,
        }
    }

    /// The policy's denial, if that is the cause.
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Policy(denial) => Some(denial),
            Self::Companion | Self::Unforwardable => None,
        }
    }
}

/// A message in a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedElement {
    /// The cause.
    pub cause: Cause,
    /// The id of the request, if it was read.
    pub id: Option<String>,
    /// The MCP method, if it is known.
    pub method: Option<String>,
    /// The name or URI.
    pub target: Option<String>,
    /// The recorded arguments of the call. They are not in the response.
    pub arguments: Option<String>,
    /// The id of this decision.
    pub decision_id: String,
}

impl Denied {
    /// The first reason that is not [`Cause::Companion`].
    pub(super) fn reason(&self) -> Reason {
        let own = self.elements.iter().map(|element| &element.cause).find(|cause| **cause != Cause::Companion);
        own.map_or(Reason::BatchCompanionDenied, Cause::reason)
    }

    /// The scopes to ask for, the union over all elements, if more scopes would allow all of them.
    pub(super) fn step_up(&self) -> Option<ScopeSet> {
        let mut ask = None;
        for element in &self.elements {
            match &element.cause {
                // Missing scopes take precedence over authentication.
                Cause::Companion | Cause::Policy(Denial::Authentication(_)) => {}
                Cause::Policy(Denial::InsufficientScope { ask: more, .. } | Denial::NoToken { required: more }) => {
                    ask = Some(ask.unwrap_or_else(ScopeSet::new).union(more));
                }
                Cause::Policy(_) | Cause::Unforwardable => return None,
            }
        }
        ask
    }

    /// Whether the caller is anonymous, and a token could allow all elements.
    pub(super) fn lacks_token(&self) -> bool {
        let lacks = |element: &DeniedElement| matches!(element.cause, Cause::Policy(Denial::NoToken { .. }));
        self.elements.iter().any(lacks) && self.step_up().is_some()
    }

    /// The required authentication, if that alone would allow all elements (RFC 9470).
    pub(super) fn sign_in(&self) -> Option<Authentication> {
        let mut wanted = Vec::new();
        for element in &self.elements {
            match &element.cause {
                Cause::Companion => {}
                Cause::Policy(Denial::Authentication(more)) => wanted.push(more),
                Cause::Policy(_) | Cause::Unforwardable => return None,
            }
        }
        (!wanted.is_empty()).then(|| Authentication::of_all(wanted.into_iter()))
    }

    /// The id of the only message, a tool call, if a token could allow it.
    pub fn call(&self) -> Option<&str> {
        let [element] = self.elements.as_slice() else { return None };
        let is_call = self.shape == Shape::Single && element.method.as_deref() == Some("tools/call");
        let helps = element.cause.denial().is_some_and(Denial::is_step_up);
        element.id.as_deref().filter(|_| is_call && helps)
    }

    pub(super) fn body(&self) -> String {
        if self.lacks_token() {
            return unauthorized();
        }
        let errors: Vec<_> = self.elements.iter().map(DeniedElement::body).collect();
        self.shape.document(&errors)
    }
}

impl DeniedElement {
    fn body(&self) -> String {
        if let Some(Denial::Authentication(wanted)) = self.cause.denial() {
            return self.sign_in_body(wanted);
        }
        let none = ScopeSet::new();
        let (error, message, required, missing) = match self.cause.denial() {
            Some(Denial::InsufficientScope { required, missing, .. }) => {
                ("insufficient_scope", self.needs(missing), required, missing)
            }
            Some(Denial::NoToken { required }) => ("insufficient_scope", self.needs(required), required, required),
            _ if self.cause == Cause::Companion => {
                ("access_denied", "Another message of the batch is not allowed".to_owned(), &none, &none)
            }
            _ => ("access_denied", "This operation is not allowed".to_owned(), &none, &none),
        };
        let data = Object::new()
            .text("error", Some(error))
            .text_or_null("method", self.method.as_deref())
            .text_or_null("target", self.target.as_deref())
            .list("required", required.iter().map(Scope::as_str))
            .list("missing", missing.iter().map(Scope::as_str))
            .text("decision_id", Some(&self.decision_id))
            .finish();
        rpc_error(self.id.as_deref(), 403, &message, Some(&data))
    }

    /// Names the scopes that are missing: most clients show their user only the message. A scope contains no character
    /// that JSON escapes (RFC 6749 section 3.3).
    #[inline(never)]
    fn needs(&self, missing: &ScopeSet) -> String {
        let thing = match self.method.as_deref().map(TargetKind::of) {
            Some(TargetKind::Tool) => "tool",
            Some(TargetKind::Prompt) => "prompt",
            Some(TargetKind::Resource | TargetKind::OptionalResource) => "resource",
            _ => "operation",
        };
        if missing.is_empty() {
            return STEP_UP.to_owned();
        }
        let (count, mut scopes) = (missing.len(), String::new());
        for (n, scope) in missing.iter().take(MAX_NAMED).enumerate() {
            scopes.push_str(match n {
                0 if count == 1 => "scope ",
                0 => "scopes ",
                _ if n + 1 == count => " and ",
                _ => ", ",
            });
            scopes.push_str(scope.as_str());
        }
        if count > MAX_NAMED {
            scopes += &format!(" and {} more", count - MAX_NAMED);
        }
        format!("This {thing} needs the {scopes}")
    }

    fn sign_in_body(&self, wanted: &Authentication) -> String {
        let mut data = Object::new();
        data.text("error", Some("insufficient_user_authentication"))
            .text_or_null("method", self.method.as_deref())
            .text_or_null("target", self.target.as_deref())
            .list("acr_values", wanted.levels.iter().map(String::as_str));
        if let Some(age) = wanted.max_age {
            data.raw("max_age", &age.as_secs().to_string());
        }
        rpc_error(self.id.as_deref(), 401, SIGN_IN, Some(&data.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_missing_scopes_and_counts_those_beyond_eight() {
        let element = |method: &str| DeniedElement {
            cause: Cause::Companion,
            id: None,
            method: Some(method.to_owned()),
            target: None,
            arguments: None,
            decision_id: String::new(),
        };
        let many = "a b c d e f g h i j";
        for (method, missing, expected) in [
            ("tools/call", "tickets:write", "This tool needs the scope tickets:write"),
            ("tools/call", "a b", "This tool needs the scopes a and b"),
            ("prompts/get", "a b c", "This prompt needs the scopes a, b and c"),
            ("resources/read", "a", "This resource needs the scope a"),
            ("tasks/get", "a", "This operation needs the scope a"),
            ("GET", "a b c d e f g h", "This operation needs the scopes a, b, c, d, e, f, g and h"),
            ("tools/call", many, "This tool needs the scopes a, b, c, d, e, f, g, h and 2 more"),
            ("tools/call", "", STEP_UP),
        ] {
            assert_eq!(element(method).needs(&missing.split_whitespace().filter_map(Scope::parse).collect()), expected);
        }
    }
}
