//! A host of one gate and one request.

use super::{HttpRequest, Question};
use crate::audit::{DecisionIds, Record};
use crate::callout::Request;
use crate::config::Config;
use crate::exchange::{Effect as StreamEffect, Event, HeaderEdit, RequestHead, Step};
use crate::gate::{self, Answer, CallId, Effect, EffectHandler, Gate, Level, Stream, StreamId, Streams, carry_out};
use crate::headers::Headers;
use crate::reason::Reason;
use crate::reply::Reply;
use crate::workers::{Alone, SharedNames};

/// The maximum number of ticks to wait. A token waits for keys, for a response and for its turn, each at most twice.
const MAX_TICKS: usize = 8;

/// The result of a request.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// toolgate's own response, if the request is not forwarded.
    pub reply: Option<Reply>,
    /// The records of the decisions.
    pub records: Vec<Record>,
    /// Changes of the forwarded headers.
    pub edits: Vec<HeaderEdit>,
    /// Changes of the forwarded trailers.
    pub trailer_edits: Vec<HeaderEdit>,
    /// Whether the request waits for introspection, which is not available here.
    pub waits: bool,
    /// The body that takes the place of the server's answer, if it is changed.
    pub replaced: Option<Vec<u8>>,
}

impl Answered {
    /// The reason of the decision. For a batch, the first reason that is an element's own.
    pub fn reason(&self) -> Option<Reason> {
        let reasons = self.records.iter().map(|record| record.reason);
        let own = reasons.clone().find(|reason| *reason != Reason::BatchCompanionDenied);
        own.or_else(|| reasons.clone().next())
    }

    fn take(&mut self, step: Step) {
        for effect in step.effects {
            match effect {
                StreamEffect::EditHeaders(edits) => self.edits.extend(edits),
                StreamEffect::EditTrailers(edits) => self.trailer_edits.extend(edits),
                StreamEffect::Record(record, _) => self.records.push(*record),
                StreamEffect::Reply(reply) => self.reply = Some(reply),
                StreamEffect::ReplaceBody(body) => self.replaced = Some(body),
                StreamEffect::Event(..) | StreamEffect::Listed(_) => {}
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.reply.is_none() && !self.waits
    }
}

/// A host with nothing but this one request.
struct Host<'q, 'a> {
    question: &'q Question<'a>,
    shared: &'q Alone,
    gate: Gate,
    stream: Stream,
    answered: Answered,
}

/// The one stream of this host, with as much of its body as this function gives.
struct Body<'b>(&'b dyn Fn(usize) -> Option<Vec<u8>>);

impl Streams for Body<'_> {
    fn enter(&self, _: StreamId) -> bool {
        true
    }

    fn request_body(&self, max: usize) -> Option<Vec<u8>> {
        (self.0)(max)
    }
}

fn lend<'q>(question: &Question<'q>, shared: &'q Alone) -> gate::Host<'q> {
    gate::Host { now: question.now, shared, verifier: question.verifier, peer_certificate: &|| None, node: None }
}

impl<'q> Host<'q, '_> {
    fn lend(&self) -> gate::Host<'q> {
        lend(self.question, self.shared)
    }

    fn event(&mut self, event: Event<'_>) {
        let (_, step) = self.gate.stream(&self.stream, event, &self.lend());
        self.answered.take(step);
    }

    /// Brings everything that the token waits for, as far as it can be had here. Says whether that was possible.
    fn settle(&mut self, read: &dyn Fn(usize) -> Option<Vec<u8>>) -> bool {
        for _ in 0..MAX_TICKS {
            if self.stream.follow_up().awaited().is_none() {
                return true;
            }
            let effects = self.gate.tick(&self.lend(), &Body(read));
            carry_out(effects, &mut Waiting { host: self, body: Body(read) });
        }
        self.answered.waits = self.stream.follow_up().awaited().is_some();
        !self.answered.waits
    }
}

/// The request while it waits.
struct Waiting<'h, 'q, 'a, 'b> {
    host: &'h mut Host<'q, 'a>,
    body: Body<'b>,
}

impl EffectHandler for Waiting<'_, '_, '_, '_> {
    fn call(&mut self, call: CallId, request: Request) -> Vec<Effect> {
        let lent = self.host.lend();
        if !self.host.gate.is_introspection(call) {
            // Nobody fetches keys or policies here.
            return self.host.gate.call_refused(call, 0, &lent, &self.body);
        }
        let Some(endpoint) = self.host.question.endpoint else { return Vec::new() };
        let said = endpoint(&request);
        let (status, size) = (said.as_ref().map(|_| 200), said.as_ref().map_or(0, Vec::len));
        let answer = Answer { status, etag: None, size, read: &|_| said.clone() };
        self.host.gate.answered(call, &answer, &lent, &self.body)
    }

    fn wake(&mut self, _: StreamId, step: Step) {
        self.host.answered.take(step);
    }

    // One decision at one time: nothing ticks, is ended, or is observed.
    fn end(&mut self, _: StreamId) {}
    fn tick_in(&mut self, _: u32) {}
    fn log(&mut self, _: Level, _: String) {}
    fn count(&mut self, _: &'static str, _: &'static str, _: u64) {}
    fn gauge(&mut self, _: String, _: u64) {}
}

/// Decides `request` with a gate, as a host does.
pub fn decide(question: &mut Question<'_>, request: &HttpRequest) -> Answered {
    in_gate(question, |host| host.run(request))
}

/// Like [`decide`]. If the request goes on, the server answers it with `document`, which is JSON.
pub fn pass(question: &mut Question<'_>, request: &HttpRequest, document: &[u8]) -> Answered {
    in_gate(question, |host| {
        host.run(request);
        if host.answered.goes_on() {
            host.answer(document);
        }
    })
}

fn in_gate(question: &mut Question<'_>, run: impl FnOnce(&mut Host<'_, '_>)) -> Answered {
    // A cached token would hide a check, so nothing is cached.
    let config = Config { token_cache_entries: 0, ..question.config.clone() };
    // No proof was used before.
    let shared = Alone::default();
    let (names, host) = (SharedNames::new(&[], &[]), lend(question, &shared));
    let (mut gate, _) = Gate::new(config, &names, &|_| false, &host);
    let known = gate.known();
    known.host_shows_bodies = true;
    known.ids = DecisionIds::new(1);
    known.drift.assume_listed();
    std::mem::swap(&mut known.keys, question.keys);
    let (stream, answered) = (Stream::new(StreamId(1)), Answered::default());
    let mut host = Host { question, shared: &shared, gate, stream, answered };
    run(&mut host);
    let Host { mut gate, answered, .. } = host;
    std::mem::swap(&mut gate.known().keys, question.keys);
    answered
}

impl Host<'_, '_> {
    fn run(&mut self, request: &HttpRequest) {
        let head = RequestHead::new(Headers::new(request.headers.clone()));
        let bodiless = request.body.is_none() && request.trailers.is_empty();
        self.event(Event::RequestHeaders { head, end: bodiless });
        if !self.settle(&|_| None) {
            return;
        }
        let body = request.body.as_deref().unwrap_or_default();
        let read = |most: usize| body.get(..most.min(body.len())).map(<[u8]>::to_vec);
        if !bodiless && self.answered.goes_on() {
            let end = request.trailers.is_empty();
            self.event(Event::RequestBody { size: body.len(), end, read: &read });
        }
        if !request.trailers.is_empty() && self.answered.goes_on() {
            let trailers = Headers::new(request.trailers.clone());
            self.event(Event::RequestTrailers { trailers: &trailers, read: &read });
        }
        self.settle(&read);
    }

    fn answer(&mut self, document: &[u8]) {
        let headers = Headers::new(vec![("content-type".to_owned(), b"application/json".to_vec())]);
        self.event(Event::ResponseHeaders { status: 200, headers: &headers, end: false });
        if self.answered.goes_on() {
            let read = |most: usize| document.get(..most.min(document.len())).map(<[u8]>::to_vec);
            self.event(Event::ResponseBody { size: document.len(), end: true, read: &read });
        }
    }
}
