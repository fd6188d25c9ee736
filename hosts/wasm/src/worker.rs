//! One plugin instance in one worker: lends its gate the host, and carries out its effects.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::callout;
use crate::host::{self, Buffer, HostFault, Map};
use crate::metrics::Defined;
use crate::possession::peer_certificate;
use crate::signature::{self, VerifySignature};
use toolgate::config::{Config, SubjectForm};
use toolgate::exchange::{Effect as StreamEffect, Event, Flow, HeaderEdit, Step};
use toolgate::gate::{CallId, Effect, Gate, Host, Stream, StreamId, Streams};
use toolgate::reason::Reason;
use toolgate::reply::Refusal;
use toolgate::signature::HostVerifier;
use toolgate::time::UnixTime;
use toolgate::workers::{InUse, SharedNames};

/// As many calls that the gate gave up are kept. The host ends each call sooner or later; this is for one that does not.
const MAX_GIVEN_UP: usize = 64;

/// A gate and its host.
pub struct Worker {
    root: u32,
    gate: RefCell<Gate>,
    verifier: HostVerifier<VerifySignature>,
    subject: SubjectForm,
    /// The gate's names of the calls under way, by the host's.
    calls: RefCell<Vec<(u32, CallId)>>,
    metrics: RefCell<Defined>,
}

/// The message that the effects of a step concern.
#[derive(Clone, Copy)]
pub enum Side {
    Request,
    Response {
        /// The number of buffered bytes, which a replacement takes the place of.
        size: usize,
    },
}

/// The context that host calls are about.
struct Current {
    root: u32,
    id: Cell<u32>,
}

impl Current {
    fn is_entered(&self, id: u32) -> bool {
        let is_entered = self.id.get() == id || host::set_effective_context(id).is_ok();
        if is_entered {
            self.id.set(id);
        }
        is_entered
    }

    fn return_to_root(&self) {
        if !self.is_entered(self.root) {
            log::error!("the host refused to return to the root context");
        }
    }
}

impl Streams for Current {
    fn enter(&self, stream: StreamId) -> bool {
        self.is_entered(stream.0)
    }

    fn request_body(&self, max: usize) -> Option<Vec<u8>> {
        host::buffer(Buffer::RequestBody, max)
    }
}

fn lend(verifier: &HostVerifier<VerifySignature>, now: UnixTime) -> Host<'_> {
    Host { now, shared: &host::Shared, verifier, peer_certificate: &peer_certificate }
}

impl Worker {
    /// For a configuration, in the root context `root`.
    pub fn new(root: u32, config: Config, names: &SharedNames, in_use: &mut InUse) -> Self {
        let (verifier, subject) = (signature::verifier(), config.audit.subject);
        let (mut gate, effects) = Gate::new(config, names, in_use, &host::fill_random, &lend(&verifier, host::now()));
        gate.set_prints_info(host::prints_info());
        let (gate, calls, metrics) = (RefCell::new(gate), RefCell::default(), RefCell::default());
        let worker = Self { root, gate, verifier, subject, calls, metrics };
        worker.carry_out(effects, &worker.current());
        worker
    }

    fn current(&self) -> Current {
        Current { root: self.root, id: Cell::new(self.root) }
    }

    /// Time goes by.
    pub fn tick(&self) {
        let (host, current) = (lend(&self.verifier, host::now()), self.current());
        let effects = {
            let mut gate = self.gate.borrow_mut();
            gate.set_prints_info(host::prints_info());
            let mut calls = self.calls.borrow_mut();
            if calls.len() > gate.calls_under_way() + MAX_GIVEN_UP {
                calls.retain(|(_, id)| gate.awaits(*id));
            }
            gate.tick(&host, &current)
        };
        self.carry_out(effects, &current);
    }

    /// The answer came to the call that has this name for the host.
    pub fn answered(&self, call: u32, body_size: usize) {
        let Some(at) = self.calls.borrow().iter().position(|(own, _)| *own == call) else { return };
        let (_, id) = self.calls.borrow_mut().swap_remove(at);
        let (host, current) = (lend(&self.verifier, host::now()), self.current());
        let headers = host::headers(Map::CallResponseHeaders).unwrap_or_default();
        let answer = callout::answer(&headers, body_size);
        let effects = self.gate.borrow_mut().answered(id, &answer, &host, &current);
        self.carry_out(effects, &current);
    }

    /// The instance ends.
    pub fn release(&self, in_use: &mut InUse) {
        self.gate.borrow_mut().release(in_use, &lend(&self.verifier, host::now()));
    }

    /// An event of the current stream.
    pub fn stream(&self, stream: &Stream, event: Event<'_>, side: Side, now: UnixTime) -> Flow {
        let (effects, step) = self.gate.borrow_mut().stream(stream, event, &lend(&self.verifier, now));
        effects.into_iter().for_each(|effect| self.carry_out_here(effect));
        self.apply(step, side)
    }

    /// Carries out effects from the root context.
    fn carry_out(&self, effects: Vec<Effect>, current: &Current) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Call(id, request) => {
                    // The answer comes to the context that asks.
                    current.return_to_root();
                    match callout::send(&request) {
                        Ok(call) => self.calls.borrow_mut().push((call, id)),
                        Err(status) => {
                            let host = lend(&self.verifier, host::now());
                            effects.extend(self.gate.borrow_mut().call_refused(id, status, &host, current));
                        }
                    }
                }
                Effect::Wake(stream, step) => {
                    if !current.enter(stream) {
                        // An effect before this one ended it. Its decision is recorded all the same.
                        step.effects.iter().for_each(log_line);
                    } else if self.apply(step, Side::Request) == Flow::Continue && host::resume_request().is_err() {
                        log::error!("the host refused to resume a request");
                    }
                }
                Effect::End(stream) => {
                    if !current.enter(stream) || host::close_stream().is_err() {
                        log::error!("the host refused to end a stream");
                    }
                }
                other => self.carry_out_here(other),
            }
        }
        current.return_to_root();
    }

    /// Carries out an effect that does not depend on the context.
    fn carry_out_here(&self, effect: Effect) {
        match effect {
            Effect::TickIn(period) => {
                if host::set_tick_period(period).is_err() {
                    log::error!("the host refused a timer");
                }
            }
            Effect::Log(level, line) => log::log!(level, "{line}"),
            Effect::Count(thing, outcome, more) => self.metrics.borrow_mut().count(thing, outcome, more),
            Effect::Gauge(name, value) => self.metrics.borrow_mut().set(name, value),
            // Events of streams have none of these.
            Effect::Call(..) | Effect::Wake(..) | Effect::End(_) => {}
        }
    }

    /// Carries out a step of the current stream. Where the host refuses an effect, nothing may go on.
    fn apply(&self, step: Step, side: Side) -> Flow {
        let flow = step.flow;
        // A batch has a record for each element, and the filter state has room for one. Members of several must not mix.
        let shown = step.effects.iter().rposition(|effect| matches!(effect, StreamEffect::Record(..)));
        let mut effects = step.effects.into_iter().enumerate();
        if effects.all(|(place, effect)| self.apply_one(effect, shown == Some(place), side).is_ok()) {
            return flow;
        }
        log::error!("the host refused a call; the stream is ended");
        let refusal = Refusal::BadGateway(Reason::HostCallFailed).render(None, None);
        if host::reply(&refusal).is_err() {
            log::error!("the host refused a reply");
        }
        Flow::Pause
    }

    /// Carries out one effect; `is_shown`: if it is a record, access logs show it.
    fn apply_one(&self, effect: StreamEffect, is_shown: bool, side: Side) -> Result<(), HostFault> {
        log_line(&effect);
        match (effect, side) {
            (StreamEffect::EditHeaders(edits), Side::Request) => edit(&edits, Map::RequestHeaders)?,
            (StreamEffect::EditHeaders(edits), Side::Response { .. }) => edit(&edits, Map::ResponseHeaders)?,
            (StreamEffect::EditTrailers(edits), _) => edit(&edits, Map::RequestTrailers)?,
            (StreamEffect::Event(..) | StreamEffect::Listed(_) | StreamEffect::Warn(_), _) => {}
            (StreamEffect::Record(..), _) if !is_shown => {}
            (StreamEffect::Record(record, _), _) => {
                for (name, value) in record.filter_state(self.subject) {
                    if host::set_filter_state(name, &value).is_err() {
                        log::debug!("the host refused the filter state {name}");
                    }
                }
            }
            (StreamEffect::ReplaceBody(bytes), Side::Response { size }) => {
                host::replace_buffer(Buffer::ResponseBody, size, &bytes)?;
            }
            (StreamEffect::ReplaceBody(_), Side::Request) => return Err(HostFault),
            (StreamEffect::Reply(reply), _) => host::reply(&reply)?,
        }
        Ok(())
    }
}

fn log_line(effect: &StreamEffect) {
    if let Some((level, line)) = effect.line() {
        log::log!(level, "{line}");
    }
}

fn edit(edits: &[HeaderEdit], map: Map) -> Result<(), HostFault> {
    edits.iter().try_for_each(|edit| host::edit(map, edit))
}
