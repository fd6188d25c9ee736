//! A request whose caller is known, and the decisions on it.

use std::borrow::Cow;

use super::decisions::{Decided, Decisions};
use super::expects::Expects;
use super::facts::Facts;
use super::request::Request;
use super::session::Session;
use super::step::{Env, HeaderEdit};
use crate::caller::Caller;
use crate::config::{Batches, Config};
use crate::drift::asked::AskedList;
use crate::identity;
use crate::jsonrpc::{self, Message, Shape};
use crate::mcp::{Access, AnswerKind, ListKind, McpHeaders, Operation};
use crate::policy::{Arguments, Denial, Occasion, Permit, Standing, Verdict};
use crate::reply::{Cause, Denied, DeniedElement, Refusal};
use crate::time::UnixTime;

/// A request whose token is verified, or whose caller is anonymous.
pub(super) struct Verified {
    pub request: Request,
    pub caller: Caller,
    pub since: UnixTime,
    /// Whether the headers were forwarded ahead of the body.
    pub released: bool,
    /// The session, if sessions are bound.
    pub session: Session,
    pub body: Body,
}

/// The part of a request body that the host has shown.
#[derive(Clone, Copy, Default)]
pub(super) struct Body {
    pub seen: bool,
    pub size: usize,
    /// Once the body is complete: the number of the first introspection call after that. A body may take long to
    /// arrive, so the response to an earlier call, even one for this request, is not fresh.
    pub ended: Option<u64>,
}

impl Verified {
    /// The facts about the request.
    pub fn facts(&self) -> Facts<'_> {
        Facts { caller: self.caller.token(), ..Facts::of(&self.request) }
    }

    /// The request for a page of the list of tools, if it is the only message: in an answer to several requests it is
    /// unclear which list answers which request.
    pub fn asks_for_tools(&self, decisions: &Decisions<'_>, env: &mut Env<'_>) -> Option<AskedList> {
        let one = decisions.single().filter(|one| one.list == Some(ListKind::Tools))?;
        let asked = AskedList::new(&self.caller, one.id?, one.cursor.as_deref().map(str::to_owned))?;
        Some(env.drift.asked(self.request.resource, asked, env.now))
    }

    /// The headers that identify the caller to the server. None for an anonymous caller.
    #[inline]
    pub fn identity(&self, config: &Config) -> Result<Vec<(String, String)>, identity::Unforwardable> {
        let Some(caller) = self.caller.token() else { return Ok(Vec::new()) };
        match self.request.resource(config) {
            Some(resource) => identity::headers(resource, caller),
            None => Err(identity::Unforwardable),
        }
    }

    /// Checks the session ids of the request.
    pub fn bind_session(&mut self, config: &Config) -> Result<(), Refusal> {
        self.session = Session::of(&self.request, &self.caller, config)?;
        Ok(())
    }

    /// The edits of the forwarded request.
    pub fn forward_edits(&self, identity: Vec<(String, String)>, may_list: bool, config: &Config) -> Vec<HeaderEdit> {
        let mut edits = self.request.forward_edits(identity, may_list, config);
        self.session.edit(&mut edits);
        edits
    }

    /// The policy's verdict. An unknown resource denies.
    pub fn decide(&self, access: &Access<'_>, arguments: Arguments<'_>, env: &Env<'_>) -> Verdict {
        let Some(resource) = self.request.resource(env.config) else {
            return Verdict::Deny(Denial::Unlisted);
        };
        let standing = match access {
            Access::Tool(name) => env.drift.standing(self.request.resource, env.config, name),
            _ => Standing::Approved,
        };
        resource.policy.decide(&self.caller, access, &Occasion { now: env.now, arguments, standing })
    }

    /// Reads the messages of the body, compares each with the headers, and decides. A refusal comes with the method, if
    /// it was read.
    pub fn read<'b>(&self, bytes: &'b [u8], env: &Env<'_>) -> Result<Decisions<'b>, (Refusal, Option<String>)> {
        let batch = (env.config.batches == Batches::AuthorizeEach).then_some(env.config.limits.batch);
        let mut body = jsonrpc::read_body(bytes, env.config.limits.depth, batch)
            .map_err(|refused| (Refusal::Message(refused.fault, refused.id), None))?;
        let shape = body.shape();
        let messages = body.messages();
        let mut all = Vec::with_capacity(messages.len());
        for message in messages {
            all.push(self.decide_message(message, env)?);
        }
        Ok(Decisions { all, shape })
    }

    /// The permit that the request with this body would get.
    pub fn permit(&self, bytes: &[u8], env: &Env<'_>) -> Option<Permit> {
        self.read(bytes, env).ok()?.permit()
    }

    fn decide_message<'b>(
        &self,
        message: &mut Message<'b>,
        env: &Env<'_>,
    ) -> Result<Decided<'b>, (Refusal, Option<String>)> {
        let id = || message.id.map(str::to_owned);
        let method = || Some(message.method.to_string()).filter(|method| !method.is_empty());
        let operation = Operation::of(message).map_err(|fault| (Refusal::Operation(fault, id()), method()))?;
        let none;
        let headers = match &self.request.mcp {
            Ok(headers) => headers,
            Err(_) => {
                none = McpHeaders::default();
                &none
            }
        };
        headers.check(message, &operation).map_err(|fault| (Refusal::Headers(fault, id()), method()))?;
        let arguments = Arguments::Given(message.params.arguments);
        let verdict = self.decide(&operation.access, arguments, env);
        let policy = self.request.resource(env.config).map(|resource| &resource.policy);
        let fresh = policy.zip(self.caller.token());
        let fresh = fresh.and_then(|(policy, caller)| policy.freshness(caller, &operation.access));
        let is_restricted = || policy.is_none_or(|policy| policy.is_restricted(&operation.access));
        let expects = Expects::of(AnswerKind::of_method(operation.method, &message.method), is_restricted);
        let recorded = match operation.access {
            Access::Tool(name) => env.config.audit.recorded(name, message.params.arguments),
            _ => None,
        };
        let (known, target) = (operation.method, operation.target);
        Ok(Decided {
            expects,
            arguments: recorded,
            method: match known {
                Some(method) => Cow::Borrowed(method.name),
                None if message.method.is_empty() => Cow::Borrowed("response"),
                None => Cow::Owned(message.method.to_string()),
            },
            target,
            list: known.and_then(|method| method.answer.list()),
            cursor: message.params.cursor.take(),
            id: message.id,
            version: message.params.version.take(),
            verdict,
            fresh,
        })
    }

    /// The edits of headers that go ahead of the verdict on the body, unless the endpoint itself or what the headers
    /// declare is already denied.
    pub fn edits_ahead(&self, env: &Env<'_>) -> Result<Vec<HeaderEdit>, Denied> {
        let mcp = self.request.mcp.as_ref().ok();
        let declared = mcp.and_then(McpHeaders::declared);
        let denied = |cause, name: bool| {
            let method = mcp.and_then(|mcp| mcp.method.clone());
            let target = mcp.and_then(|mcp| mcp.name.clone()).filter(|_| name);
            let element =
                DeniedElement { cause, id: None, method, target, arguments: None, decision_id: String::new() };
            Denied { elements: vec![element], shape: Shape::Single }
        };
        for access in declared.iter().chain([&Access::Open]) {
            if let Verdict::Deny(denial) = self.decide(access, Arguments::Open, env) {
                return Err(denied(Cause::Policy(denial), *access != Access::Open));
            }
        }
        let identity = self.identity(env.config).map_err(|_| denied(Cause::Unforwardable, false))?;
        let may_list = mcp
            .and_then(|mcp| mcp.method.as_deref())
            .is_none_or(|method| Expects::of(AnswerKind::of(method), || true).is_any());
        Ok(self.forward_edits(identity, may_list, env.config))
    }
}
