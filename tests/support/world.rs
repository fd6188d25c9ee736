//! Simulated workers: gates that share one map of data and one network, under one clock. Nothing here takes real time.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value, json};
use toolgate::audit::Record;
use toolgate::callout::Request;
use toolgate::config::Config;
use toolgate::exchange::{Effect as StreamEffect, Event, Flow, RequestHead, Step, Wants};
use toolgate::gate::{AT_ONCE, Answer, CallId, Effect, Gate, Host, Stream, StreamId, Streams};
use toolgate::headers::Headers;
use toolgate::signature::PureVerifier;
use toolgate::time::UnixTime;
use toolgate::workers::{InUse, SharedNames};

use super::shared_data::{Data, Fault};

/// The status, the entity tag and the body of an answer.
pub type Response = (u16, Option<String>, String);

/// A request that a worker sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub worker: usize,
    pub call: CallId,
    pub request: Request,
}

/// The outcome of a request, as far as there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Waits,
    Forwarded,
    Replied(u16, &'static str),
}

/// One request, and everything that came of it.
pub struct Open {
    pub stream: Stream,
    pub outcome: Outcome,
    pub records: Vec<Record>,
    /// The gate ended it after it was forwarded.
    pub is_ended: bool,
}

/// One worker with one plugin instance.
pub struct Worker {
    pub gate: Gate,
    pub streams: HashMap<StreamId, Open>,
    /// The lines that it logged.
    pub log: Vec<String>,
    pub counts: HashMap<String, u64>,
    /// The period of its timer, and when it ticks next, in milliseconds.
    pub period: u64,
    next_tick: u64,
}

/// Everything that the workers have in common.
pub struct World {
    pub workers: Vec<Worker>,
    /// The names that each worker's instances share.
    in_use: Vec<InUse>,
    pub shared: Rc<Data>,
    /// The requests under way.
    pub network: Vec<Sent>,
    /// All requests that were ever sent.
    pub sent: usize,
    /// The clusters to which the host can send nothing.
    pub refused: Vec<&'static str>,
    /// The clock of all workers, in milliseconds.
    pub now: u64,
    /// How long the simulation has run: unlike the clock, it never jumps.
    elapsed: u64,
    next_stream: u32,
}

/// The streams of a worker have one request body each, which is empty here.
struct Entered<'w>(&'w HashMap<StreamId, Open>, Cell<Option<StreamId>>);

impl Streams for Entered<'_> {
    fn enter(&self, stream: StreamId) -> bool {
        self.1.set(Some(stream));
        self.0.contains_key(&stream)
    }

    fn request_body(&self, _: usize) -> Option<Vec<u8>> {
        self.1.get().map(|_| Vec::new())
    }
}

impl World {
    /// So many workers, at a time in seconds.
    pub fn new(configuration: &Value, workers: usize, now: i64) -> Self {
        let mut world = Self {
            workers: Vec::new(),
            in_use: Vec::new(),
            shared: Rc::new(Data::new(Fault::None)),
            network: Vec::new(),
            sent: 0,
            refused: Vec::new(),
            now: u64::try_from(now).expect("a time") * 1000,
            elapsed: 0,
            next_stream: 1,
        };
        (0..workers).for_each(|n| world.start(n, configuration));
        world
    }

    /// Worker `n` gets this configuration. The instance that it may have had ends then, and nobody gets the answers to
    /// its calls.
    pub fn start(&mut self, n: usize, configuration: &Value) {
        let config = Config::parse(configuration.to_string().as_bytes(), &|_| None).expect("a configuration");
        let (shared, seed) = (self.shared.clone(), Cell::new(self.next_stream.wrapping_mul(7919) ^ (n as u32 + 1)));
        let random = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                seed.set(seed.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
                (seed.get() >> 24) as u8
            });
            true
        };
        self.next_stream += 1;
        let host = host(self.now, &shared);
        let names = SharedNames::new(b"toolgate", b"");
        if n == self.in_use.len() {
            self.in_use.push(InUse::default());
        }
        let (gate, effects) = Gate::new(config, &names, &mut self.in_use[n], &random, &host);
        let worker = Worker {
            gate,
            streams: HashMap::new(),
            log: Vec::new(),
            counts: HashMap::new(),
            period: u64::from(AT_ONCE),
            next_tick: self.elapsed + u64::from(AT_ONCE),
        };
        if let Some(current) = self.workers.get_mut(n) {
            let mut old = std::mem::replace(current, worker);
            old.gate.release(&mut self.in_use[n], &host);
            self.network.retain(|sent| sent.worker != n);
        } else {
            self.workers.push(worker);
        }
        self.carry_out(n, effects);
    }

    /// A GET with this token comes to worker `n`.
    pub fn request(&mut self, n: usize, token: &str) -> StreamId {
        self.open(n, "GET", token, true)
    }

    fn open(&mut self, n: usize, method: &str, token: &str, end: bool) -> StreamId {
        let fields = [
            (":method", method),
            (":authority", "mcp.example.com"),
            (":path", "/mcp"),
            ("authorization", &format!("Bearer {token}")),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        let id = StreamId(self.next_stream);
        self.next_stream += 1;
        let open = Open { stream: Stream::new(id), outcome: Outcome::Waits, records: Vec::new(), is_ended: false };
        self.workers[n].streams.insert(id, open);
        let event = Event::RequestHeaders { head: RequestHead::new(Headers::new(fields)), end };
        self.event(n, id, event);
        id
    }

    /// A client of worker `n` reads the list of the server's tools.
    pub fn list(&mut self, n: usize, token: &str, tools: &[&str]) {
        const BODY: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let tools: Vec<_> = tools.iter().map(|name| json!({"name": name, "inputSchema": {"type": "object"}})).collect();
        let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string();
        let id = self.open(n, "POST", token, false);
        self.event(n, id, Event::RequestBody { size: BODY.len(), end: true, read: &|_| Some(BODY.to_vec()) });
        assert_eq!(self.workers[n].outcome(id), Outcome::Forwarded);
        let headers = Headers::new(vec![("content-type".to_owned(), b"application/json".to_vec())]);
        self.event(n, id, Event::ResponseHeaders { status: 200, headers: &headers, end: false });
        let read = |_| Some(list.clone().into_bytes());
        self.event(n, id, Event::ResponseBody { size: list.len(), end: true, read: &read });
        self.leave(n, id);
    }

    /// The server answers a forwarded GET with a stream that does not end.
    pub fn answer_with_a_stream(&mut self, n: usize, id: StreamId) {
        let fields = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
        let headers = Headers::new(fields);
        self.event(n, id, Event::ResponseHeaders { status: 200, headers: &headers, end: false });
    }

    /// The client of a stream goes away.
    pub fn leave(&mut self, n: usize, id: StreamId) -> Vec<Record> {
        if self.workers[n].streams[&id].stream.wants() == Wants::Verdict {
            self.event(n, id, Event::EndedByClient);
        }
        self.workers[n].streams.remove(&id).expect("a stream").records
    }

    fn event(&mut self, n: usize, id: StreamId, event: Event<'_>) {
        let (shared, worker) = (self.shared.clone(), &mut self.workers[n]);
        let (effects, step) = worker.gate.stream(&worker.streams[&id].stream, event, &host(self.now, &shared));
        self.carry_out(n, effects);
        self.workers[n].step(id, step);
    }

    /// The answer to the call at this place in [`Self::network`] comes; without a response, only a failure.
    pub fn answer(&mut self, at: usize, response: Option<&Response>) {
        let sent = self.network.swap_remove(at);
        self.answer_again(&sent, response);
    }

    /// An answer comes to this call, whether it is still under way or not.
    pub fn answer_again(&mut self, sent: &Sent, response: Option<&Response>) {
        let body = response.map(|(_, _, body)| body.as_bytes()).unwrap_or_default();
        let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
        let answer = Answer {
            status: response.map(|(status, ..)| *status),
            etag: response.and_then(|(_, etag, _)| etag.as_deref()),
            size: body.len(),
            read: &read,
        };
        let (shared, worker) = (self.shared.clone(), &mut self.workers[sent.worker]);
        let entered = Entered(&worker.streams, Cell::default());
        let effects = worker.gate.answered(sent.call, &answer, &host(self.now, &shared), &entered);
        self.carry_out(sent.worker, effects);
    }

    /// Time goes by: workers tick, and what they send is answered at once by `provider`, where that answers. The rest
    /// stays in the network.
    pub fn run(&mut self, millis: u64, provider: &dyn Fn(&Request) -> Option<Response>) {
        let end = self.elapsed + millis;
        loop {
            let mut at = 0;
            while at < self.network.len() {
                match provider(&self.network[at].request) {
                    Some(response) => self.answer(at, Some(&response)),
                    None => at += 1,
                }
            }
            let Some((n, next)) =
                self.workers.iter().map(|worker| worker.next_tick).enumerate().min_by_key(|(_, at)| *at)
            else {
                return;
            };
            let next = next.max(self.elapsed);
            self.now += next.min(end) - self.elapsed;
            self.elapsed = next.min(end);
            if next > end {
                return;
            }
            self.tick(n);
        }
    }

    fn tick(&mut self, n: usize) {
        let (shared, worker) = (self.shared.clone(), &mut self.workers[n]);
        worker.next_tick = self.elapsed + worker.period;
        let entered = Entered(&worker.streams, Cell::default());
        let effects = worker.gate.tick(&host(self.now, &shared), &entered);
        self.carry_out(n, effects);
    }

    fn carry_out(&mut self, n: usize, effects: Vec<Effect>) {
        for effect in effects {
            let worker = &mut self.workers[n];
            match effect {
                Effect::Call(call, request) => {
                    self.sent += 1;
                    if self.refused.contains(&request.cluster.as_str()) {
                        let shared = self.shared.clone();
                        let entered = Entered(&worker.streams, Cell::default());
                        let more = worker.gate.call_refused(call, 2, &host(self.now, &shared), &entered);
                        self.carry_out(n, more);
                    } else {
                        self.network.push(Sent { worker: n, call, request });
                    }
                }
                Effect::Wake(id, step) => {
                    let goes_on = step.flow == Flow::Continue;
                    worker.step(id, step);
                    let open = worker.streams.get_mut(&id).expect("a stream that exists");
                    assert!(!goes_on || open.outcome == Outcome::Forwarded, "resumed without a verdict");
                }
                Effect::End(id) => worker.streams.get_mut(&id).expect("a stream that exists").is_ended = true,
                Effect::TickIn(period) => {
                    worker.period = u64::from(period);
                    worker.next_tick = self.elapsed + worker.period;
                }
                Effect::Log(_, line) => worker.log.push(line),
                Effect::Count(thing, outcome, more) => {
                    *worker.counts.entry(format!("{thing}.{outcome}")).or_default() += more;
                }
                Effect::Gauge(..) => {}
            }
        }
    }

    /// The lines of all workers that contain this.
    pub fn logged(&self, what: &str) -> usize {
        self.workers.iter().flat_map(|worker| &worker.log).filter(|line| line.contains(what)).count()
    }
}

impl Worker {
    fn step(&mut self, id: StreamId, step: Step) {
        let open = self.streams.get_mut(&id).expect("a stream that exists");
        let goes_on = step.flow == Flow::Continue;
        for effect in step.effects {
            match effect {
                StreamEffect::Record(record, line) => {
                    self.log.extend(line);
                    open.records.push(*record);
                }
                StreamEffect::Reply(reply) => {
                    assert!(!matches!(open.outcome, Outcome::Replied(..)), "two replies");
                    open.outcome = Outcome::Replied(reply.status, reply.reason.as_str());
                }
                StreamEffect::Event(_, line) | StreamEffect::Warn(line) => self.log.push(line),
                _ => {}
            }
        }
        if goes_on && open.outcome == Outcome::Waits {
            open.outcome = Outcome::Forwarded;
        }
    }

    /// The outcome of a request.
    pub fn outcome(&self, id: StreamId) -> Outcome {
        self.streams[&id].outcome
    }
}

fn host(now: u64, shared: &Data) -> Host<'_> {
    Host { now: UnixTime::from_millis(now), shared, verifier: &PureVerifier, peer_certificate: &|| None }
}
