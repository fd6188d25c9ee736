//! One plugin instance in one worker, with its clock, its timer and the calls that it sends.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use toolgate::audit::Stamp;
use toolgate::callout::Request;
use toolgate::config::Config;
use toolgate::exchange::{Event, Step};
use toolgate::gate::{
    self, AT_ONCE, Answer, CallId, Effect, EffectHandler, Gate, Host, Level, StreamId, Streams, carry_out,
};
use toolgate::meter::Meter;
use toolgate::time::UnixTime;
use toolgate::token::Thumbprint;
use toolgate::workers::SharedNames;

use super::stream::{State, WeakState};
use super::verifier::Remembering;
use crate::support::shared_data::{Data, Fault};
use crate::support::tokens::environment;

/// The host's name for itself.
const NODE: &str = "fake-host";
/// For records that the gate has not written.
pub const STAMP: Stamp<'static> = Stamp { now: UnixTime::from_millis(1_800_000_000_000), node: Some(NODE) };

/// The status, the entity tag and the body of an answer.
pub type Response = (u16, Option<String>, String);

/// An answer with this body.
pub fn ok(body: &Value) -> Response {
    (200, None, body.to_string())
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub call: CallId,
    pub request: Request,
}

/// One worker with one plugin instance.
pub struct Worker {
    pub gate: Gate,
    pub open: Open,
    /// The data that the workers of one host share.
    pub shared: Rc<Data>,
    /// `allow_on_headers_stop_iteration`
    pub flag: bool,
    /// The certificate of whoever connects.
    pub peer_certificate: Option<Thumbprint>,
    /// The requests under way.
    pub network: Vec<Sent>,
    /// The clusters to which the host can send nothing.
    pub refused: Vec<&'static str>,
    /// How often an introspection endpoint was asked.
    pub asked: usize,
    /// The lines that it logged.
    pub log: Vec<String>,
    pub counts: HashMap<String, u64>,
    /// Whether work is metered. Most tests do a lot in no time.
    pub metered: bool,
    /// The clock, in milliseconds.
    pub now: u64,
    /// How long it has run: unlike the clock, this never jumps.
    elapsed: u64,
    /// The period of its timer, and when it ticks next.
    period: u64,
    next_tick: u64,
}

/// The open streams.
#[derive(Default)]
pub struct Open {
    last: u32,
    streams: HashMap<StreamId, WeakState>,
    current: Cell<Option<StreamId>>,
}

impl Open {
    pub fn insert(&mut self, id: StreamId, stream: WeakState) {
        self.streams.insert(id, stream);
    }
}

impl Streams for Open {
    fn enter(&self, stream: StreamId) -> bool {
        self.current.set(Some(stream));
        self.streams.get(&stream).is_some_and(|stream| stream.strong_count() > 0)
    }

    fn request_body(&self, max: usize) -> Option<Vec<u8>> {
        let current = self.streams.get(&self.current.get()?)?.upgrade()?;
        let body = current.borrow().request.read(max);
        Some(body)
    }
}

/// The names under which instances share data.
pub fn names() -> SharedNames {
    SharedNames::new(b"", b"")
}

impl Worker {
    /// A worker at a time in seconds, beside no other.
    pub fn new(configuration: &Value, flag: bool, now: i64) -> Self {
        let millis = u64::try_from(now).expect("a time") * 1000;
        Self::start(configuration, flag, millis, &Rc::new(Data::new(Fault::None)))
    }

    /// Another worker of the same host, at the same time.
    pub fn beside(other: &Self, configuration: &Value) -> Self {
        Self::start(configuration, other.flag, other.now, &other.shared)
    }

    /// A worker at a time in milliseconds.
    pub fn start(configuration: &Value, flag: bool, now: u64, shared: &Rc<Data>) -> Self {
        let config = Config::parse(configuration.to_string().as_bytes(), &environment).expect("a configuration");
        let seed = Cell::new(shared.next_worker().wrapping_mul(7919));
        let random = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                seed.set(seed.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
                (seed.get() >> 24) as u8
            });
            true
        };
        let host = Host {
            now: UnixTime::from_millis(now),
            node: Some(NODE),
            shared: &**shared,
            verifier: &Remembering,
            peer_certificate: &|| None,
        };
        let (gate, effects) = Gate::new(config, &names(), &random, &host);
        let period = u64::from(AT_ONCE);
        let mut worker = Self {
            gate,
            open: Open::default(),
            shared: shared.clone(),
            flag,
            peer_certificate: None,
            network: Vec::new(),
            refused: Vec::new(),
            asked: 0,
            log: Vec::new(),
            counts: HashMap::new(),
            metered: false,
            now,
            elapsed: 0,
            period,
            next_tick: period,
        };
        carry_out(effects, &mut worker);
        worker
    }

    /// The instance ends. Returns all its lines.
    pub fn release(mut self) -> Vec<String> {
        let effects = self.with_gate(|gate, host, _| gate.release(host));
        carry_out(effects, &mut self);
        self.log
    }

    fn with_gate<T>(&mut self, act: impl FnOnce(&mut Gate, &Host<'_>, &Open) -> T) -> T {
        if !self.metered {
            self.gate.known().meter = Meter::default();
        }
        let peer = self.peer_certificate;
        let host = Host {
            now: self.time(),
            node: Some(NODE),
            shared: &*self.shared,
            verifier: &Remembering,
            peer_certificate: &|| peer,
        };
        act(&mut self.gate, &host, &self.open)
    }

    /// The id of a new stream.
    pub fn next_stream(&mut self) -> StreamId {
        self.open.last += 1;
        StreamId(self.open.last)
    }

    /// An event of a stream.
    pub fn event(&mut self, stream: &gate::Stream, event: Event<'_>) -> Step {
        let (effects, step) = self.with_gate(|gate, host, _| gate.stream(stream, event, host));
        carry_out(effects, self);
        step
    }

    /// The timer ticks.
    pub fn tick(&mut self) {
        self.next_tick = self.elapsed + self.period;
        let effects = self.with_gate(|gate, host, open| gate.tick(host, open));
        carry_out(effects, self);
    }

    /// The answer to a call comes, whether it is still under way or not; without a response, only a failure.
    pub fn answer(&mut self, call: CallId, response: Option<&Response>) {
        let body = response.map(|(_, _, body)| body.as_bytes()).unwrap_or_default();
        let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
        let answer = Answer {
            status: response.map(|(status, ..)| *status),
            etag: response.and_then(|(_, etag, _)| etag.as_deref()),
            size: body.len(),
            read: &read,
        };
        let effects = self.with_gate(|gate, host, open| gate.answered(call, &answer, host, open));
        carry_out(effects, self);
    }

    /// The requests under way to which this applies. Nobody but the caller answers them from now on.
    pub fn take(&mut self, which: impl Fn(&Sent) -> bool) -> Vec<Sent> {
        let (taken, left) = std::mem::take(&mut self.network).into_iter().partition(which);
        self.network = left;
        taken
    }

    /// Answers every request under way, and those that follow.
    pub fn answer_all(&mut self, provider: &dyn Fn(&Request) -> Option<Response>) {
        while let Some(Sent { call, request }) = self.network.pop() {
            self.answer(call, provider(&request).as_ref());
        }
    }

    /// Carries on without any time going by, until nothing is due. `provider` answers all requests.
    pub fn settle(&mut self, provider: &dyn Fn(&Request) -> Option<Response>) {
        for _ in 0..100 {
            self.answer_all(provider);
            if self.period != u64::from(AT_ONCE) {
                return;
            }
            self.tick();
        }
        panic!("it does not settle");
    }

    /// The time.
    pub fn time(&self) -> UnixTime {
        UnixTime::from_millis(self.now)
    }

    /// Sets the clock, be it back, to a time in seconds.
    pub fn set_clock(&mut self, now: i64) {
        self.now = u64::try_from(now).expect("a time") * 1000;
    }

    /// The time until the timer ticks, in milliseconds.
    pub fn until_tick(&self) -> u64 {
        self.next_tick.saturating_sub(self.elapsed)
    }

    /// As many milliseconds go by, in which the timer ticks at the end only.
    pub fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.elapsed += millis;
        if self.until_tick() == 0 {
            self.tick();
        }
    }

    /// Time goes by, and `provider` answers all requests at once.
    pub fn run(&mut self, time: Duration, provider: &dyn Fn(&Request) -> Option<Response>) {
        self.go_on(time, |worker| worker.answer_all(provider));
    }

    /// Time goes by, and nobody answers a request.
    pub fn wait(&mut self, time: Duration) {
        self.go_on(time, |_| {});
    }

    fn go_on(&mut self, time: Duration, between: impl Fn(&mut Self)) {
        let mut left = u64::try_from(time.as_millis()).expect("a short time");
        while left > 0 {
            between(self);
            let step = self.until_tick().min(left);
            self.pass(step);
            left -= step;
        }
        between(self);
    }
}

impl EffectHandler for Worker {
    fn call(&mut self, call: CallId, request: Request) -> Vec<Effect> {
        self.asked += usize::from(self.gate.is_introspection(call));
        if self.refused.contains(&request.cluster.as_str()) {
            return self.with_gate(|gate, host, open| gate.call_refused(call, 2, host, open));
        }
        self.network.push(Sent { call, request });
        Vec::new()
    }

    fn wake(&mut self, stream: StreamId, step: Step) {
        self.with_stream(stream, |state, worker| state.woken(worker, step));
    }

    fn end(&mut self, stream: StreamId) {
        // The line before tells why.
        self.with_stream(stream, |state, worker| state.end(worker.log.last().cloned()));
    }

    fn tick_in(&mut self, period: u32) {
        self.period = u64::from(period);
        self.next_tick = self.elapsed + self.period;
    }

    fn log(&mut self, _: Level, line: String) {
        self.log.push(line);
    }

    fn count(&mut self, thing: &'static str, outcome: &'static str, more: u64) {
        *self.counts.entry(format!("{thing}.{outcome}")).or_default() += more;
    }

    fn gauge(&mut self, _: String, _: u64) {}
}

impl Worker {
    fn with_stream(&mut self, id: StreamId, act: impl FnOnce(&mut State, &mut Self)) {
        let stream = self.open.streams.get(&id).and_then(WeakState::upgrade).expect("a stream that exists");
        act(&mut stream.borrow_mut(), self);
    }
}
