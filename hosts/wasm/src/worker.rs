//! One plugin instance in one worker: passes the host to its gate, and carries out the gate's effects.

use std::cell::{Cell, RefCell};

use crate::callout;
use crate::host::{self, Buffer, Map};
use crate::metrics::Defined;
use crate::possession::peer_certificate;
use crate::signature::{self, VerifySignature};
use crate::step::{self, Side};
use toolgate::callout::Request;
use toolgate::config::{Config, SubjectForm};
use toolgate::exchange::{Event, Flow, Step};
use toolgate::gate::{CallId, Effect, EffectHandler, Gate, Host, Level, Stream, StreamId, Streams, carry_out};
use toolgate::signature::HostVerifier;
use toolgate::time::UnixTime;
use toolgate::workers::SharedNames;

/// The maximum number of calls that the gate gave up and that are still kept. The host should end each of them; this is
/// for a host that does not.
const MAX_GIVEN_UP: usize = 64;

/// A gate and its host.
pub struct Worker {
    root: u32,
    gate: RefCell<Gate>,
    lent: Lent,
    subject: SubjectForm,
    /// The calls under way: the host's id and the gate's.
    calls: RefCell<Vec<(u32, CallId)>>,
    metrics: RefCell<Defined>,
}

/// The context of host calls, in an event of the root context.
struct Current<'w> {
    worker: &'w Worker,
    id: Cell<u32>,
}

impl Current<'_> {
    fn is_entered(&self, id: u32) -> bool {
        let is_entered = self.id.get() == id || host::set_effective_context(id).is_ok();
        if is_entered {
            self.id.set(id);
        }
        is_entered
    }

    fn return_to_root(&self) {
        if !self.is_entered(self.worker.root) {
            log::error!("the host refused to return to the root context");
        }
    }
}

impl Streams for Current<'_> {
    fn enter(&self, stream: StreamId) -> bool {
        self.is_entered(stream.0)
    }

    fn request_body(&self, max: usize) -> Option<Vec<u8>> {
        host::buffer(Buffer::RequestBody, max)
    }
}

/// The host as it is lent to the gate, but for the time.
struct Lent {
    verifier: HostVerifier<VerifySignature>,
    node: Option<String>,
}

impl Lent {
    fn now(&self) -> Host<'_> {
        self.at(host::now())
    }

    fn at(&self, now: UnixTime) -> Host<'_> {
        let node = self.node.as_deref();
        Host { now, node, shared: &host::Shared, verifier: &self.verifier, peer_certificate: &peer_certificate }
    }
}

impl Worker {
    /// A worker for `config` in the root context `root`.
    pub fn new(root: u32, config: Config, names: &SharedNames) -> Self {
        let subject = config.audit.subject;
        let lent = Lent { verifier: signature::verifier(), node: host::node() };
        let (mut gate, effects) = Gate::new(config, names, &host::fill_random, &lent.now());
        gate.set_prints_info(host::prints_info());
        let (gate, calls, metrics) = (RefCell::new(gate), RefCell::default(), RefCell::default());
        let worker = Self { root, gate, lent, subject, calls, metrics };
        worker.current().carry_out(effects);
        worker
    }

    fn current(&self) -> Current<'_> {
        Current { worker: self, id: Cell::new(self.root) }
    }

    /// The timer has ticked.
    pub fn tick(&self) {
        let (host, mut current) = (self.lent.now(), self.current());
        let effects = {
            let mut gate = self.gate.borrow_mut();
            gate.set_prints_info(host::prints_info());
            let mut calls = self.calls.borrow_mut();
            if calls.len() > gate.calls_under_way() + MAX_GIVEN_UP {
                calls.retain(|(_, id)| gate.awaits(*id));
            }
            gate.tick(&host, &current)
        };
        current.carry_out(effects);
    }

    /// The answer to the call with this id of the host has arrived.
    pub fn answered(&self, call: u32, body_size: usize) {
        let Some(at) = self.calls.borrow().iter().position(|(own, _)| *own == call) else { return };
        let (_, id) = self.calls.borrow_mut().swap_remove(at);
        let (host, mut current) = (self.lent.now(), self.current());
        let headers = host::headers(Map::CallResponseHeaders).unwrap_or_default();
        let answer = callout::answer(&headers, body_size);
        let effects = self.gate.borrow_mut().answered(id, &answer, &host, &current);
        current.carry_out(effects);
    }

    /// The instance ends.
    pub fn release(&self) {
        let effects = self.gate.borrow_mut().release(&self.lent.now());
        // None of them depends on the context.
        carry_out(effects, &mut self.current());
    }

    /// Handles an event of the current stream.
    pub fn stream(&self, stream: &Stream, event: Event<'_>, side: Side, now: UnixTime) -> Flow {
        let (effects, step) = self.gate.borrow_mut().stream(stream, event, &self.lent.at(now));
        // None of them depends on the context.
        carry_out(effects, &mut self.current());
        step::apply(step, side, self.subject)
    }
}

impl Current<'_> {
    fn carry_out(&mut self, effects: Vec<Effect>) {
        carry_out(effects, self);
        self.return_to_root();
    }
}

impl EffectHandler for Current<'_> {
    fn call(&mut self, call: CallId, request: Request) -> Vec<Effect> {
        // The answer goes to the context that sends the call.
        self.return_to_root();
        match callout::send(&request) {
            Ok(own) => self.worker.calls.borrow_mut().push((own, call)),
            Err(status) => {
                let host = self.worker.lent.now();
                return self.worker.gate.borrow_mut().call_refused(call, status, &host, self);
            }
        }
        Vec::new()
    }

    fn wake(&mut self, stream: StreamId, step: Step) {
        if !self.enter(stream) {
            // An earlier effect ended it. Its decision is still recorded.
            step.effects.iter().for_each(step::log_line);
        } else if step::apply(step, Side::Request, self.worker.subject) == Flow::Continue
            && host::resume_request().is_err()
        {
            log::error!("the host refused to resume a request");
        }
    }

    fn end(&mut self, stream: StreamId) {
        if !self.enter(stream) || host::close_stream().is_err() {
            log::error!("the host refused to end a stream");
        }
    }

    fn tick_in(&mut self, period: u32) {
        if host::set_tick_period(period).is_err() {
            log::error!("the host refused a timer");
        }
    }

    fn log(&mut self, level: Level, line: String) {
        log::log!(level, "{line}");
    }

    fn count(&mut self, thing: &'static str, outcome: &'static str, more: u64) {
        self.worker.metrics.borrow_mut().count(thing, outcome, more);
    }

    fn gauge(&mut self, name: String, value: u64) {
        self.worker.metrics.borrow_mut().set(name, value);
    }
}
