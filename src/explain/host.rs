//! The machine, run on one request as a host runs it.

use super::{HttpRequest, Question};
use crate::audit::Record;
use crate::exchange::{Awaited, Effect, Env, Exchange, HeaderEdit, Instance, RequestHead, Step};
use crate::headers::Headers;
use crate::meter::Meter;
use crate::reason::Reason;
use crate::reply::Reply;
use crate::token::TokenCache;
use crate::workers::{NotShared, SharedData, Versioned};

/// What came of a request.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// toolgate's own answer, if the request does not go on.
    pub reply: Option<Reply>,
    /// The records of its decisions.
    pub records: Vec<Record>,
    /// Changes of the headers that go on.
    pub edits: Vec<HeaderEdit>,
    /// Changes of the trailers that go on.
    pub trailer_edits: Vec<HeaderEdit>,
    /// Its issuer would have to be asked, and nobody is here to ask.
    pub waits: bool,
}

impl Answered {
    /// Why it was decided so; of a batch, the first reason that is an element's own.
    pub fn reason(&self) -> Option<Reason> {
        let reasons = self.records.iter().map(|record| record.reason);
        let own = reasons.clone().find(|reason| *reason != Reason::BatchCompanionDenied);
        own.or_else(|| reasons.clone().next())
    }

    fn take(&mut self, step: Step) {
        for effect in step.effects {
            match effect {
                Effect::EditHeaders(edits) => self.edits.extend(edits),
                Effect::EditTrailers(edits) => self.trailer_edits.extend(edits),
                Effect::Record(record, _) => self.records.push(*record),
                Effect::Reply(reply) => self.reply = Some(reply),
                Effect::Event(..) | Effect::Listed(_) | Effect::ReplaceBody(_) | Effect::Warn(_) => {}
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.reply.is_none() && !self.waits
    }
}

/// Nobody else is here: no proof was used before.
struct Alone;

impl SharedData for Alone {
    fn read(&self, _: &str) -> Result<Versioned, NotShared> {
        Ok(Versioned::default())
    }

    fn replace(&self, _: &str, _: &Versioned, _: &[u8]) -> Result<bool, NotShared> {
        Ok(true)
    }

    fn overwrite(&self, _: &str, _: &[u8]) -> Result<(), NotShared> {
        Ok(())
    }
}

/// A host with nothing but this one request.
struct Host<'q, 'a> {
    question: &'q mut Question<'a>,
    instance: Instance,
}

impl Host<'_, '_> {
    fn run(&mut self, event: impl FnOnce(&mut Env<'_>) -> Step) -> Step {
        let Question { config, verifier, now, .. } = *self.question;
        let known = self.instance.env(config, verifier, now);
        event(&mut Env { keys: self.question.keys, shared: &Alone, ..known })
    }

    /// Brings all that the token waits for, with as much of the body as `read` gives; says whether that was possible.
    fn settle(
        &mut self,
        exchange: &mut Exchange,
        read: &dyn Fn(usize) -> Option<Vec<u8>>,
        answered: &mut Answered,
    ) -> bool {
        while let Some(awaited) = exchange.follow_up().awaited() {
            if !self.bring(awaited) {
                answered.waits = true;
                return false;
            }
            answered.take(self.run(|env| exchange.try_again(read, env)));
            self.instance.introspection.handed_out(false);
        }
        true
    }

    /// Brings what a token waits for, as far as it can be had here; says whether that was so.
    fn bring(&mut self, awaited: Awaited) -> bool {
        let now = self.question.now;
        match awaited {
            // Nobody fetches keys here: each attempt has failed.
            Awaited::Keys => {
                let due = self.question.keys.due(now);
                for place in &due {
                    if let Some(cache) = self.question.keys.cache(*place) {
                        cache.started(now);
                        cache.finished(None, now);
                    }
                }
                !due.is_empty()
            }
            Awaited::Answer(_) => {
                let Some(endpoint) = self.question.endpoint else { return false };
                for call in self.instance.introspection.due() {
                    let answer = endpoint(call.issuer, &call.token);
                    self.instance.introspection.finished(call.issuer, call.digest, answer, now);
                }
                true
            }
            // Nobody else is here to take a turn.
            Awaited::Turn { .. } => {
                self.instance.meter = Meter::default();
                true
            }
        }
    }
}

/// What toolgate does with `request`.
pub fn decide(question: &mut Question<'_>, request: &HttpRequest) -> Answered {
    // What was verified before must not stand in for a check.
    let tokens = TokenCache::new(0);
    let mut instance = Instance { tokens, host_shows_bodies: true, ..Instance::new(question.config) };
    instance.drift.assume_listed();
    let mut host = Host { question, instance };
    let mut exchange = Exchange::default();
    let mut answered = Answered::default();
    let head = RequestHead::new(Headers::new(request.headers.clone()));
    let bodiless = request.body.is_none() && request.trailers.is_empty();
    answered.take(host.run(|env| exchange.request_headers(head, bodiless, env)));
    if !host.settle(&mut exchange, &|_| None, &mut answered) {
        return answered;
    }
    let body = request.body.as_deref().unwrap_or_default();
    let read = |most: usize| body.get(..most.min(body.len())).map(<[u8]>::to_vec);
    if !bodiless && answered.goes_on() {
        let last = request.trailers.is_empty();
        answered.take(host.run(|env| exchange.request_body(body.len(), last, &read, env)));
    }
    if !request.trailers.is_empty() && answered.goes_on() {
        let trailers = Headers::new(request.trailers.clone());
        answered.take(host.run(|env| exchange.request_trailers(&trailers, &read, env)));
    }
    host.settle(&mut exchange, &read, &mut answered);
    answered
}
