//! The server's answer. It passes unchanged, except for the lists in it.

mod events;
mod lists;

use std::borrow::Cow;

use super::expects::Expects;
use super::request::{is_json_type, is_utf8_type};
use super::session::Bound;
use super::step::{Effect, Env, Flow, HeaderEdit, Step};
use super::verified::Verified;
use super::wants::Wants;
use super::watch::Watch;
use super::{ReadBody, buffer_exceeded};
use crate::audit::{self, DecisionId};
use crate::config::Config;
use crate::drift::asked::AskedList;
use crate::headers::{Headers, Single};
use crate::ids::ResourceId;
use crate::jsonrpc::Shape;
use crate::listing::{ListFault, PrivateResults, Trimmed};
use crate::policy::Permit;
use crate::reason::Reason;
use crate::reply::{Refusal, bad_gateway_message, cors_headers};
use events::Events;

/// The treatment of an answer, as its request determines it.
pub(super) struct Answer {
    resource: ResourceId,
    origin: Option<String>,
    /// The permit of the request. Lists in the answer are trimmed for its caller.
    permit: Permit,
    expects: Expects,
    /// The ids of the requests, for the errors that replace a list.
    ids: Ids,
    /// That of the first message.
    decision_id: DecisionId,
    /// The session, if sessions are bound.
    session: Bound,
    /// Whether the host shows bodies while headers are held. Then a fault can still lead to a 502.
    may_hold_headers: bool,
    phase: Phase,
    /// The number of bytes of a document or a stream that the host holds. None once they are complete.
    held: usize,
    /// The conditions under which a stream continues, if a GET or `subscriptions/listen` opened one.
    watch: Option<Box<Watch>>,
    /// If the token may be revoked meanwhile: the version of the policy that last did not.
    revocable: Option<u64>,
    /// Whether the answer is an event stream whose token may be revoked.
    streams: bool,
    /// The request for a list of tools, if a list in this answer may answer it.
    asked: Option<AskedList>,
    /// Whether tools in its lists get `securitySchemes`.
    told_schemes: bool,
    /// Whether the answer may prove that a tool is as approved. Any answer proves that a tool differs.
    may_approve: bool,
}

/// The ids of the requests that the answer belongs to.
pub(super) struct Ids {
    pub ids: Vec<String>,
    /// How they were sent, and are answered.
    pub shape: Shape,
}

impl Ids {
    /// The errors that replace an answer that must not pass.
    fn errors(&self) -> String {
        let errors: Vec<_> = self.ids.iter().map(|id| bad_gateway_message(Some(id))).collect();
        match (self.shape, errors.is_empty()) {
            (Shape::Single, true) => bad_gateway_message(None),
            _ => self.shape.document(&errors),
        }
    }
}

enum Phase {
    /// Passes byte for byte.
    Untouched,
    /// One JSON document, held until it is complete.
    Document,
    /// Events, one by one.
    Events(Box<Events>),
    /// Passes as it arrives, private to the caller.
    Private(PrivateResults),
    /// Already replaced, or without content. All that follows is dropped.
    Replaced,
}

impl Answer {
    pub fn new(
        permit: Permit,
        verified: &Verified,
        expects: Expects,
        asked: Option<AskedList>,
        ids: Ids,
        decision_id: DecisionId,
        config: &Config,
    ) -> Self {
        let resource = verified.request.resource(config);
        let in_band = resource.and_then(|resource| resource.in_band.as_ref());
        let told_schemes = in_band.is_some_and(|in_band| in_band.security_schemes);
        Self {
            told_schemes: told_schemes && verified.facts().told_in_band(false, config),
            resource: verified.request.resource,
            origin: verified.request.origin.clone(),
            permit,
            expects,
            ids,
            decision_id,
            session: verified.session.bound.clone(),
            may_hold_headers: verified.body.seen && !verified.released,
            phase: Phase::Untouched,
            held: 0,
            watch: None,
            // Only a control plane changes the policy of a stream.
            revocable: resource.filter(|own| own.policy_source.is_some()).map(|own| own.policy_version),
            streams: false,
            asked,
            may_approve: false,
        }
    }

    /// The parts of the answer that it needs from now on.
    pub fn wants(&self) -> Wants {
        match self.phase {
            Phase::Untouched if self.needs_headers() => Wants::Headers,
            Phase::Untouched => Wants::Status,
            _ => Wants::Body { held: self.held },
        }
    }

    fn needs_headers(&self) -> bool {
        let is_edited = self.origin.is_some() || self.session.is_bound();
        is_edited || self.expects.is_any() || self.revocable.is_some()
    }

    /// Makes the answer a long-lived stream, which ends when `watch` says so.
    pub fn watch(&mut self, watch: Watch) {
        self.watch = Some(Box::new(watch));
    }

    /// Whether the answer is a long-lived stream.
    pub fn is_long_lived(&self) -> bool {
        self.watch.is_some() || self.streams
    }

    /// Whether the policy has come to revoke the token.
    fn is_revoked(&mut self, config: &Config) -> bool {
        let (Some(version), Some(resource)) = (&mut self.revocable, config.resources.get(self.resource)) else {
            return false;
        };
        let is_outdated = std::mem::replace(version, resource.policy_version) != resource.policy_version;
        is_outdated && self.permit.caller().token().is_some_and(|token| resource.policy.revokes(token))
    }

    /// The event that records why the answer must end, if it must.
    pub fn ends(&mut self, env: &mut Env<'_>) -> Option<Effect> {
        let reason = match self.is_revoked(env.config) {
            true => Reason::TokenRevoked,
            false => self.watch.as_mut()?.ends(&mut self.permit, env)?,
        };
        // Nothing more of it passes, even if the host does not end the stream.
        (self.watch, self.streams, self.phase) = (None, false, Phase::Replaced);
        Some(self.event("stream_ended", reason))
    }

    /// The headers arrived. Returns whether the answer was refused, and the step.
    pub fn headers(&mut self, status: u16, headers: &Headers, end: bool, env: &mut Env<'_>) -> (bool, Step) {
        self.expect_list(status, env);
        let says = |value: &[u8]| value.to_ascii_lowercase().starts_with(b"text/event-stream");
        self.streams = self.revocable.is_some() && !end && headers.all("content-type").any(says);
        if matches!(self.phase, Phase::Replaced) {
            return (true, self.refuse(Reason::StreamEnded, env.config));
        }
        match self.phase_for(status, headers, end, env) {
            Err(reason) => (true, self.refuse(reason, env.config)),
            Ok(phase) => {
                self.phase = phase;
                let mut edits = self.cors_edits(headers);
                self.session.edit(headers, &mut edits, env.config);
                if !matches!(self.phase, Phase::Untouched) {
                    edits.push(HeaderEdit::remove("content-length"));
                }
                let held = matches!(self.phase, Phase::Document) && self.may_hold_headers;
                self.may_hold_headers = held;
                let step = Step::go_on(vec![Effect::EditHeaders(edits)]);
                (false, if held { Step { flow: Flow::Pause, ..step } } else { step })
            }
        }
    }

    /// The treatment of the body, or the reason why nothing of the answer may pass.
    fn phase_for(&self, status: u16, headers: &Headers, end: bool, env: &Env<'_>) -> Result<Phase, Reason> {
        let limit = env.config.limits.list;
        if status == 101 {
            return Err(Reason::AnswerUpgrades);
        }
        if !self.expects.is_any() || end {
            return Ok(Phase::Untouched);
        }
        if matches!(status, 204 | 205 | 304) {
            // They have no content (RFC 9110 section 15). A body that a server sends anyway is not checked.
            return Ok(Phase::Replaced);
        }
        if !(200..300).contains(&status) {
            return Ok(Phase::Untouched);
        }
        if headers.has_encoding() {
            return Err(Reason::ListEncoded);
        }
        let content_type = match headers.single("content-type") {
            Single::One(value) => std::str::from_utf8(value).unwrap_or_default(),
            Single::None | Single::Many => "",
        };
        let media = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = is_json_type(content_type);
        let Expects { list, stream, .. } = self.expects;
        // Without a clear type, clients may take the answer to a GET for a stream, or for JSON.
        let is_unclear = || media.is_empty() || ["event-stream", "json"].iter().any(|part| media.contains(part));
        let is_stream =
            media.eq_ignore_ascii_case("text/event-stream") || (stream && !list && !is_json && is_unclear());
        // Clients decode by the charset, so they would read other text than this filter.
        if (is_stream || !list) && !headers.all("content-type").all(is_utf8_type) {
            return Err(Reason::ListContentType);
        }
        if !list && !stream {
            return Ok(Phase::Private(PrivateResults::new(self.time_left(env.now), is_json)));
        }
        let length = headers.text("content-length").and_then(|text| text.parse::<usize>().ok());
        match length {
            _ if status == 206 => Err(Reason::ListPartial),
            _ if is_stream => Ok(Phase::Events(Box::new(Events::new(limit)))),
            Some(0) => Ok(Phase::Replaced),
            Some(length) if length > limit => Err(Reason::ListTooLarge),
            _ if is_json => Ok(Phase::Document),
            // The transport of 2024-11-05 only accepts a message here and answers on another stream. The body is of no
            // use, so it is dropped.
            _ if status == 202 => Ok(Phase::Replaced),
            _ => Err(Reason::ListContentType),
        }
    }

    fn refuse(&self, reason: Reason, config: &Config) -> Step {
        let resource = config.resources.get(self.resource);
        let reply = Refusal::BadGateway(reason).render(resource, self.origin.as_deref());
        Step::end(vec![self.event("bad_gateway", reason), Effect::Reply(reply)])
    }

    /// The headers that allow the page of the request to read the answer (CORS), unless the server sent them.
    fn cors_edits(&self, headers: &Headers) -> Vec<HeaderEdit> {
        let missing = |(name, value): (&'static str, String)| match name {
            "vary" => (!varies_by_origin(headers)).then(|| HeaderEdit::Add(name.to_owned(), value)),
            _ => (!headers.has(name)).then(|| HeaderEdit::Set(name.to_owned(), value)),
        };
        self.origin.iter().flat_map(|origin| cors_headers(origin)).filter_map(missing).collect()
    }

    /// A part of the body arrived. A document is held until it is complete, events pass one by one, and the rest passes
    /// unchanged.
    pub fn body(&mut self, size: usize, end: bool, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        let step = self.part(size, end, read, env);
        if step.flow == Flow::Continue {
            self.held = 0;
        }
        step
    }

    fn part(&mut self, size: usize, end: bool, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        let held = std::mem::replace(&mut self.held, size);
        if self.watch.as_mut().is_some_and(|watch| !watch.lets_pass(&mut self.permit, env)) {
            self.phase = Phase::Replaced;
        }
        match &mut self.phase {
            Phase::Untouched => Step::go_on(Vec::new()),
            Phase::Replaced => Step::go_on(vec![Effect::ReplaceBody(Vec::new())]),
            Phase::Document if size > env.config.limits.list => self.replace(Reason::ListTooLarge, env.config),
            Phase::Document if !end => Step::hold(),
            Phase::Document => {
                if size == 0 {
                    return Step::go_on(Vec::new());
                }
                self.document(&read(size).unwrap_or_default(), Some(size), env)
            }
            Phase::Private(results) => {
                Step::go_on(vec![Effect::ReplaceBody(results.feed(&read(size).unwrap_or_default()))])
            }
            Phase::Events(_) => self.events(&read(size).unwrap_or_default(), held, end, env),
        }
    }

    /// A complete document. `held`: the number of bytes that the host holds, unless an earlier effect replaced them.
    fn document(&mut self, bytes: &[u8], held: Option<usize>, env: &mut Env<'_>) -> Step {
        match self.trim(bytes, env) {
            Ok(trimmed) if trimmed.tells_of_denied && self.expects.stream => {
                self.replace(Reason::ResourceDenied, env.config)
            }
            Ok(trimmed) => {
                let listed = listed(&trimmed);
                let body = match trimmed.body {
                    Cow::Owned(body) => Some(Effect::ReplaceBody(body)),
                    Cow::Borrowed(_) if held == Some(bytes.len()) => None,
                    Cow::Borrowed(body) => Some(Effect::ReplaceBody(body.to_vec())),
                };
                Step::go_on(listed.into_iter().chain(body).collect())
            }
            Err(fault) => self.replace(reason_of(fault), env.config),
        }
    }

    /// Trailers arrived. If the host holds a part of the body, they end it as its own end would.
    pub fn trailers(&mut self, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        let mut step = match &self.phase {
            Phase::Document => self.body(self.held, true, read, env),
            Phase::Events(events) if events.is_held => self.body(self.held, true, read, env),
            Phase::Events(_) | Phase::Private(_) | Phase::Replaced | Phase::Untouched => Step::go_on(Vec::new()),
        };
        // A reply is the last effect of a step.
        step.effects.splice(0..0, self.session.edit_trailers());
        step
    }

    /// Replaces a document that must not pass: by a 502 if its headers are still held, else by an error in its body.
    fn replace(&mut self, reason: Reason, config: &Config) -> Step {
        self.phase = Phase::Replaced;
        if self.may_hold_headers {
            return self.refuse(reason, config);
        }
        let message = self.ids.errors().into_bytes();
        Step::go_on(vec![self.event("bad_gateway", reason), Effect::ReplaceBody(message)])
    }

    /// The event that the host's buffer cannot hold the answer.
    pub fn is_cut(&self) -> Effect {
        buffer_exceeded(self.decision_id.as_str(), "response", "list")
    }

    fn event(&self, event: &'static str, reason: Reason) -> Effect {
        let decision_id = Some(self.decision_id.as_str().to_owned());
        Effect::event(audit::Event { decision_id, ..audit::Event::new(event, reason.as_str()) })
    }
}

/// The effect that counts the lists in an answer, if there are any.
fn listed(trimmed: &Trimmed<'_>) -> Option<Effect> {
    trimmed.held_list.then_some(Effect::Listed(if trimmed.removed > 0 { "trimmed" } else { "whole" }))
}

fn varies_by_origin(headers: &Headers) -> bool {
    let says = |name: &[u8]| matches!(name.trim_ascii(), b"*") || name.trim_ascii().eq_ignore_ascii_case(b"origin");
    headers.all("vary").any(|value| value.split(|b| *b == b',').any(says))
}

fn reason_of(fault: ListFault) -> Reason {
    match fault {
        ListFault::Json(_) => Reason::ListUnreadable,
        ListFault::LookAlike => Reason::ListLookAlike,
        ListFault::Shape => Reason::ListShape,
    }
}
