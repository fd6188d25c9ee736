//! A host that behaves as Envoy was seen to behave, around the core as it is
//! built natively: it buffers bodies, calls back in Envoy's order, and lets go
//! what Envoy would let go, whether the core means it to or not.
//!
//! ```text
//!                        host flag off                 host flag on
//! Pause in headers       nothing more is shown         bodies are shown
//! resume there           headers go, then the body     all goes that is held,
//!                        is shown                      and is not shown again
//! Continue in a body     it goes                       the headers go with it
//! Continue in trailers   all goes that is held, but not a body that was shown in the same resumption
//! ```

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use toolgate::audit::Record;
use toolgate::config::Config;
use toolgate::dpop::Proofs;
use toolgate::exchange::{
    Awaited, Effect, Env, Exchange, Flow, FollowUp, HeaderEdit, Instance, RequestHead, Step, Wants,
};
use toolgate::headers::Headers;
use toolgate::introspection::{self, Call};
use toolgate::jwks::{KeySet, KeySource};
use toolgate::meter::Meter;
use toolgate::reply::Reply;
use toolgate::signature::{Algorithm, PublicKey, PureVerifier, SignatureVerifier};
use toolgate::time::UnixTime;
use toolgate::token::Thumbprint;
use toolgate::workers::{NotShared, SharedData, SharedNames, Versioned};

pub type Fields = Vec<(String, Vec<u8>)>;

/// Envoy's default for `per_connection_buffer_limit_bytes`.
const BUFFER_LIMIT: usize = 1_048_576;

/// What the provider says when keys are fetched from a URL; nothing: it fails.
pub type Provider = dyn Fn(&str) -> Option<Value>;

/// One plugin instance in one worker, with its clock.
pub struct Worker {
    pub config: Config,
    pub instance: Instance,
    now: UnixTime,
    /// `allow_on_headers_stop_iteration`
    flag: bool,
    /// The status and body with which an endpoint answers a form; without one, it fails.
    pub endpoint: Option<fn(&[u8]) -> (u16, String)>,
    /// What the workers of one host share.
    pub shared: Rc<Memory>,
    /// The certificate of whoever connects.
    pub peer_certificate: Option<Thumbprint>,
    /// How often an endpoint was asked.
    pub asked: usize,
    /// Whether work is metered. Most tests do a lot in no time.
    pub metered: bool,
}

/// The data that workers share.
#[derive(Debug, Default)]
pub struct Memory {
    values: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    fails: Cell<bool>,
}

impl Memory {
    /// The host shares no more.
    pub fn fail(&self) {
        self.fails.set(true);
    }

    /// How many values there are, and how many bytes in all.
    pub fn size(&self) -> (usize, usize) {
        let values = self.values.borrow();
        (values.len(), values.iter().map(|(name, (value, _))| name.len() + value.len()).sum())
    }
}

impl SharedData for Memory {
    fn read(&self, name: &str) -> Result<Versioned, NotShared> {
        let found = self.values.borrow().get(name).cloned();
        if self.fails.get() {
            return Err(NotShared);
        }
        Ok(found.map_or_else(Versioned::default, |(bytes, version)| Versioned { bytes, version: Some(version) }))
    }

    fn replace(&self, name: &str, old: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
        let current = self.values.borrow().get(name).map(|(_, version)| *version);
        if current == old.version { self.overwrite(name, value).map(|()| true) } else { Ok(false) }
    }

    fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared> {
        let mut values = self.values.borrow_mut();
        let version = values.get(name).map_or(0, |(_, version)| *version);
        values.insert(name.to_owned(), (value.to_vec(), version + 1));
        Ok(())
    }
}

impl Worker {
    /// A worker at a time in seconds.
    pub fn new(configuration: &Value, flag: bool, now: i64) -> Self {
        let text = configuration.to_string();
        let config = Config::parse(text.as_bytes(), &|_| None).expect("a configuration");
        // The key of nonces.
        let proofs = Proofs::new(SharedNames::new(b"", b""), Some([7; 32]));
        Self {
            instance: Instance { proofs, ..Instance::new(&config) },
            now: UnixTime::from_millis(u64::try_from(now).expect("a time") * 1000),
            config,
            flag,
            endpoint: None,
            peer_certificate: None,
            shared: Rc::default(),
            asked: 0,
            metered: false,
        }
    }

    fn run(&mut self, event: impl FnOnce(&mut Env<'_>) -> Step) -> Step {
        let (peer, shared) = (self.peer_certificate, self.shared.clone());
        if !self.metered {
            self.instance.meter = Meter::default();
        }
        let known = self.instance.env(&self.config, &Remembering, self.now);
        event(&mut Env { shared: &*shared, peer_certificate: &|| peer, ..known })
    }

    /// Sends every fetch that is due; the URL of each.
    pub fn fetch_due(&mut self) -> Vec<(usize, String)> {
        let due = self.instance.keys.due(self.now);
        due.into_iter()
            .map(|place| {
                self.instance.keys.cache(place).expect("a cache").started(self.now);
                match &self.config.issuers[place].keys {
                    Some(KeySource::Fetched { uri, .. }) => (place, uri.as_str().to_owned()),
                    other => panic!("{other:?} is not fetched"),
                }
            })
            .collect()
    }

    /// Answers a fetch, and wakes the streams that wait as the root does.
    pub fn fetched(&mut self, place: usize, set: Option<&Value>, streams: &mut [&mut Stream]) {
        let set = set.map(|set| KeySet::parse(set.to_string().as_bytes()).expect("a key set"));
        self.instance.keys.cache(place).expect("a cache").finished(set, self.now);
        for stream in streams {
            stream.wake(self, Some(Awaited::Keys), |exchange, body, env| exchange.try_again(&|size| body(size), env));
        }
    }

    /// Answers every call to an endpoint that is due by now, and wakes the streams that wait as the root does.
    pub fn answer_calls(&mut self, streams: &mut [&mut Stream]) {
        let calls = self.send_calls();
        self.answer(calls, streams);
    }

    /// Sends every call that is due by now.
    pub fn send_calls(&mut self) -> Vec<Call> {
        let calls = self.instance.introspection.due();
        self.asked += calls.len();
        calls
    }

    /// Answers calls that were sent.
    pub fn answer(&mut self, calls: Vec<Call>, streams: &mut [&mut Stream]) {
        for call in calls {
            let asked = self.config.issuers[call.issuer].introspection.as_ref().expect("an endpoint");
            let form = introspection::request(&asked.endpoint, &call.token).body.expect("a form");
            let answer = self.endpoint.map(|endpoint| endpoint(&form));
            let answer = answer.filter(|(status, _)| *status == 200);
            let answer = answer.and_then(|(_, body)| toolgate::token::Answer::parse(body.as_bytes()).ok());
            self.instance.introspection.finished(call.issuer, call.digest, answer, self.now);
            for stream in streams.iter_mut() {
                let waits = Some(Awaited::Answer(call.digest));
                stream.wake(self, waits, |exchange, body, env| exchange.try_again(&|size| body(size), env));
            }
            self.instance.introspection.handed_out(false);
        }
    }

    /// Fetches from `provider` and asks the endpoints until nothing is due.
    pub fn settle(&mut self, provider: &Provider, streams: &mut [&mut Stream]) {
        loop {
            let due = self.fetch_due();
            if due.is_empty() && !self.instance.introspection.is_due() {
                return;
            }
            self.answer_calls(streams);
            for (place, url) in due {
                self.fetched(place, provider(&url).as_ref(), streams);
            }
        }
    }

    /// The time.
    pub fn now(&self) -> UnixTime {
        self.now
    }

    /// Sets the clock, be it back, to a time in seconds.
    pub fn set_clock(&mut self, now: i64) {
        self.now = UnixTime::from_millis(u64::try_from(now).expect("a time") * 1000);
    }

    /// Time goes by, in the root's ticks.
    pub fn wait(&mut self, time: Duration, streams: &mut [&mut Stream]) {
        const TICK: Duration = Duration::from_millis(500);
        let end = self.now.plus(time);
        while self.now < end {
            self.now = self.now.plus(TICK).min(end);
            for place in 0..self.config.issuers.len() {
                self.instance.keys.cache(place).map(|cache| cache.tick(self.now));
            }
            for stream in streams.iter_mut() {
                stream.wake(self, None, |exchange, _, env| exchange.tick(env));
            }
            self.end_outlived(streams);
        }
    }

    /// A few milliseconds go by, and streams whose turn it is are tried again as the root does.
    pub fn take_turns(&mut self, after: Duration, streams: &mut [&mut Stream]) {
        self.now = self.now.plus(after);
        for answered in [true, false] {
            for stream in streams.iter_mut() {
                let turn = Some(Awaited::Turn { answered });
                stream.wake(self, turn, |exchange, body, env| exchange.try_again(&|size| body(size), env));
            }
        }
    }

    /// Ends the streams for which what let them go on holds no more, as the root does at each tick.
    pub fn end_outlived(&mut self, streams: &mut [&mut Stream]) {
        for stream in streams.iter_mut() {
            let mut event = None;
            self.run(|env| {
                event = stream.exchange.ends(env);
                Step::hold()
            });
            if let Some(Effect::Event(_, line)) = event {
                stream.events.push(line);
                stream.reset = true;
            }
        }
    }
}

/// The pure verifier, asked once for each signature: unoptimised, it is what the tests spend their time on.
struct Remembering;

impl SignatureVerifier for Remembering {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        static VERDICTS: Mutex<Option<HashMap<String, bool>>> = Mutex::new(None);
        let asked = format!("{algorithm:?} {key:?} {signed:?} {signature:?}");
        let known = VERDICTS.lock().unwrap().get_or_insert_default().get(&asked).copied();
        known.unwrap_or_else(|| {
            let verdict = PureVerifier.verify(algorithm, key, signed, signature);
            VERDICTS.lock().unwrap().get_or_insert_default().insert(asked, verdict);
            verdict
        })
    }
}

/// A part of a request or an answer, after its headers.
#[derive(Clone, Debug)]
pub enum Part {
    Data(Vec<u8>, End),
    Trailers(Fields),
}

/// Whether anything follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Last,
    More,
}

/// What stands still, and what is shown nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// Nothing does.
    Nothing,
    /// Headers; bodies are shown.
    Headers,
    /// All of it, and nothing is shown.
    All,
}

/// A message on its way through the host.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    pub complete: bool,
}

/// One direction of a stream.
struct Side {
    headers: Fields,
    hold: Hold,
    /// What the filter was shown and holds back.
    body: Vec<u8>,
    trailers: Fields,
    ended: bool,
    /// What came while nothing was shown.
    unseen: Vec<Part>,
    /// What came while nothing was shown is shown now.
    catches_up: bool,
    /// What went on.
    sent: Option<Message>,
}

impl Side {
    fn new() -> Self {
        Self {
            headers: Fields::new(),
            hold: Hold::Nothing,
            body: Vec::new(),
            trailers: Fields::new(),
            ended: false,
            unseen: Vec::new(),
            catches_up: false,
            sent: None,
        }
    }

    /// Lets everything go that is held and was shown.
    fn release(&mut self) {
        self.hold = Hold::Nothing;
        let headers = &self.headers;
        let sent = self.sent.get_or_insert_with(|| Message { headers: headers.clone(), ..Message::default() });
        sent.body.append(&mut self.body);
        sent.trailers.append(&mut self.trailers);
        sent.complete = self.ended;
    }

    fn edit(&mut self, edits: &[HeaderEdit]) {
        assert!(edits.is_empty() || self.sent.is_none(), "the host refuses: these headers are gone: {edits:?}");
        edits.iter().for_each(|edit| change(&mut self.headers, edit));
    }
}

fn change(fields: &mut Fields, edit: &HeaderEdit) {
    match edit {
        HeaderEdit::Add(name, value) => fields.push((name.clone(), value.clone().into_bytes())),
        HeaderEdit::Remove(name) => fields.retain(|(own, _)| own != name.as_ref()),
        HeaderEdit::Set(name, value) => {
            fields.retain(|(own, _)| own != name);
            fields.push((name.clone(), value.clone().into_bytes()));
        }
    }
}

/// One stream through the filter.
pub struct Stream {
    exchange: Exchange,
    flag: bool,
    request: Side,
    response: Side,
    /// toolgate's own answer, if it gave one.
    replied: bool,
    /// The answer was cut off: its beginning cannot be taken back.
    pub reset: bool,
    pub records: Vec<Record>,
    pub events: Vec<String>,
}

impl Stream {
    /// The headers of a request come; `end`: nothing follows.
    pub fn open(worker: &mut Worker, headers: Fields, end: End) -> Self {
        let mut stream = Self {
            exchange: Exchange::default(),
            flag: worker.flag,
            request: Side { headers: headers.clone(), ended: end == End::Last, ..Side::new() },
            response: Side::new(),
            replied: false,
            reset: false,
            records: Vec::new(),
            events: Vec::new(),
        };
        let head = RequestHead::new(Headers::new(headers));
        let step = worker.run(|env| stream.exchange.request_headers(head, end == End::Last, env));
        match stream.carry_out(worker, step, Direction::Request) {
            Some(Flow::Continue) => stream.request.release(),
            Some(_) => stream.request.hold = if stream.flag { Hold::Headers } else { Hold::All },
            None => {}
        }
        stream
    }

    /// A part of the request comes.
    pub fn receive(&mut self, worker: &mut Worker, part: Part) {
        // A client that is answered is not listened to any more.
        if self.replied || self.client().is_some_and(|answer| answer.complete) {
            return;
        }
        if self.request.hold == Hold::All {
            return self.request.unseen.push(part);
        }
        let ends_in_trailers = matches!(part, Part::Trailers(_));
        let again = part.clone();
        let step = match part {
            Part::Data(bytes, end) => {
                self.request.body.extend(bytes);
                self.request.ended = end == End::Last;
                if self.request.body.len() > BUFFER_LIMIT {
                    panic!("the host itself refuses a body beyond its buffer");
                }
                let body = self.request.body.clone();
                let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
                worker.run(|env| self.exchange.request_body(body.len(), end == End::Last, &read, env))
            }
            Part::Trailers(trailers) => {
                self.request.trailers.clone_from(&trailers);
                self.request.ended = true;
                let body = self.request.body.clone();
                let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
                worker.run(|env| self.exchange.request_trailers(&Headers::new(trailers), &read, env))
            }
        };
        match self.carry_out(worker, step, Direction::Request) {
            Some(Flow::Continue) => {
                // Envoy takes a body as passed when trailers go on while it catches up.
                if ends_in_trailers && self.request.catches_up {
                    self.request.body.clear();
                }
                self.request.release();
            }
            Some(Flow::Resume) if self.request.catches_up => self.show_again(worker, again),
            Some(Flow::Resume) => self.request.release(),
            Some(Flow::Pause) | None => {}
        }
    }

    /// Resumed while it catches up, Envoy shows the held body and the trailers once more.
    fn show_again(&mut self, worker: &mut Worker, trailers: Part) {
        if !self.request.body.is_empty() {
            let body = std::mem::take(&mut self.request.body);
            self.receive(worker, Part::Data(body, End::More));
        }
        self.receive(worker, trailers);
    }

    /// The root runs an event of a stream that waits for this.
    fn wake(
        &mut self,
        worker: &mut Worker,
        awaited: Option<Awaited>,
        event: impl Fn(&mut Exchange, &dyn Fn(usize) -> Option<Vec<u8>>, &mut Env<'_>) -> Step,
    ) {
        if !matches!(self.exchange.follow_up(), FollowUp::Tick | FollowUp::TryAgain(_)) || self.awaits() != awaited {
            return;
        }
        let body = self.request.body.clone();
        let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
        let step = worker.run(|env| event(&mut self.exchange, &read, env));
        if self.carry_out(worker, step, Direction::Request) == Some(Flow::Continue) {
            self.resume(worker);
        }
    }

    /// All that was shown goes on without being shown again; what was not is shown now.
    fn resume(&mut self, worker: &mut Worker) {
        self.request.release();
        self.request.catches_up = true;
        let mut trailers = None;
        let mut body = Vec::new();
        let mut end = End::More;
        for part in std::mem::take(&mut self.request.unseen) {
            match part {
                Part::Data(bytes, last) => {
                    body.extend(bytes);
                    end = last;
                }
                Part::Trailers(_) => trailers = Some(part),
            }
        }
        // All of the body at once.
        if !body.is_empty() || end == End::Last {
            self.receive(worker, Part::Data(body, end));
        }
        trailers.into_iter().for_each(|trailers| self.receive(worker, trailers));
        self.request.catches_up = false;
    }

    /// What its token waits for.
    pub fn awaits(&self) -> Option<Awaited> {
        self.exchange.follow_up().awaited()
    }

    /// What the server has of the request.
    pub fn server(&self) -> Option<&Message> {
        self.request.sent.as_ref()
    }

    /// What the client has of the answer.
    pub fn client(&self) -> Option<&Message> {
        self.response.sent.as_ref()
    }

    /// Whether the server may answer: it has what it needs, and nobody did in its place.
    pub fn wants_answer(&self, early: bool) -> bool {
        let asked = self.server().is_some_and(|request| request.complete || early);
        asked && !self.replied && self.response.headers.is_empty()
    }

    /// The server answers. Without an end in `parts`, it breaks off.
    pub fn answer(&mut self, worker: &mut Worker, status: u16, mut headers: Fields, parts: Vec<Part>, end: End) {
        headers.insert(0, (":status".to_owned(), status.to_string().into_bytes()));
        self.response.headers.clone_from(&headers);
        self.response.ended = end == End::Last;
        let headers = Headers::new(headers);
        let step = worker.run(|env| self.exchange.response_headers(status, &headers, end == End::Last, env));
        match self.carry_out(worker, step, Direction::Response) {
            Some(Flow::Continue) => self.response.release(),
            Some(_) => self.response.hold = if self.flag { Hold::Headers } else { Hold::All },
            None => return,
        }
        for part in parts {
            self.answer_part(worker, part);
        }
        if self.replied || self.response.ended {
            return;
        }
        // It broke off. What the client has begun to get can only be cut off; else the host says so itself.
        self.reset = self.client().is_some();
        if !self.reset {
            let headers = vec![(":status".to_owned(), b"502".to_vec())];
            let body = b"upstream connect error or disconnect/reset before headers".to_vec();
            self.response.sent = Some(Message { headers, body, trailers: Fields::new(), complete: true });
        }
    }

    fn answer_part(&mut self, worker: &mut Worker, part: Part) {
        if self.replied || self.reset || self.response.hold == Hold::All {
            return;
        }
        let step = match part {
            Part::Data(bytes, end) => {
                self.response.body.extend(bytes);
                self.response.ended = end == End::Last;
                let body = self.response.body.clone();
                let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
                worker.run(|env| self.exchange.response_body(body.len(), end == End::Last, &read, env))
            }
            Part::Trailers(trailers) => {
                self.response.trailers = trailers;
                self.response.ended = true;
                let body = self.response.body.clone();
                let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
                worker.run(|env| self.exchange.response_trailers(&read, env))
            }
        };
        if self.carry_out(worker, step, Direction::Response) == Some(Flow::Continue) {
            self.response.release();
        }
    }

    /// Carries out what follows from an event; nothing if that ended the stream.
    fn carry_out(&mut self, worker: &mut Worker, step: Step, direction: Direction) -> Option<Flow> {
        for effect in step.effects {
            match (effect, direction) {
                (Effect::EditHeaders(edits), Direction::Request) => self.request.edit(&edits),
                (Effect::EditHeaders(edits), Direction::Response) => self.response.edit(&edits),
                (Effect::EditTrailers(edits), _) => {
                    edits.iter().for_each(|edit| change(&mut self.request.trailers, edit));
                }
                (Effect::Event(_, line) | Effect::Warn(line), _) => self.events.push(line),
                (Effect::Listed(_), _) => {}
                (Effect::Record(record, _), _) => self.records.push(*record),
                (Effect::ReplaceBody(bytes), Direction::Response) => self.response.body = bytes,
                (Effect::ReplaceBody(_), Direction::Request) => panic!("the host refuses: no body of a request"),
                (Effect::Reply(reply), _) => self.reply(worker, &reply),
            }
        }
        (!self.replied).then_some(step.flow)
    }

    /// A reply takes the place of an answer that the client has nothing of; one that has begun can only be cut off.
    fn reply(&mut self, worker: &mut Worker, reply: &Reply) {
        assert!(!self.replied, "a second reply");
        self.replied = true;
        if self.client().is_some() {
            self.reset = true;
            return;
        }
        let status = (":status".to_owned(), reply.status.to_string().into_bytes());
        let fields = reply.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()));
        let headers: Fields = std::iter::once(status).chain(fields).collect();
        let body = reply.body.clone().into_bytes();
        let grpc = |(name, value): &(String, Vec<u8>)| name == "content-type" && value.starts_with(b"application/grpc");
        if self.request.headers.iter().any(grpc) {
            return self.reply_to_grpc(worker, headers);
        }
        // Before an answer of the server, it takes the way of one.
        if self.response.headers.is_empty() {
            let seen = Headers::new(headers.clone());
            let step = worker.run(|env| self.exchange.response_headers(reply.status, &seen, body.is_empty(), env));
            assert_eq!(step, Step::go_on(Vec::new()), "toolgate changes its own reply");
            let read = |_| Some(body.clone());
            let step = worker.run(|env| self.exchange.response_body(body.len(), true, &read, env));
            assert_eq!(step, Step::go_on(Vec::new()), "toolgate changes its own reply");
        }
        self.response.headers.clone_from(&headers);
        self.response.sent = Some(Message { headers, body, trailers: Fields::new(), complete: true });
    }
}

impl Stream {
    /// Envoy words its filters' answers to gRPC as trailers of gRPC without a body, whatever their status. That takes the
    /// way of an answer of the server, too.
    fn reply_to_grpc(&mut self, worker: &mut Worker, reply: Fields) {
        let [status, kind] = [(":status", "200"), ("content-type", "application/grpc")];
        let own = [status, kind, ("grpc-status", "7"), ("grpc-message", "no")];
        let own = own.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let added = reply.into_iter().filter(|(name, _)| name != ":status");
        self.response.headers = own.into_iter().chain(added).collect();
        let seen = Headers::new(self.response.headers.clone());
        let step = worker.run(|env| self.exchange.response_headers(200, &seen, true, env));
        for effect in step.effects {
            match effect {
                Effect::EditHeaders(edits) => self.response.edit(&edits),
                other => panic!("toolgate answers its own reply: {other:?}"),
            }
        }
        self.response.ended = true;
        self.response.release();
    }

    /// The client goes away.
    pub fn leave(&mut self, worker: &mut Worker) {
        if self.exchange.wants() == Wants::Verdict {
            let step = worker.run(|env| self.exchange.ended_by_client(env));
            self.carry_out(worker, step, Direction::Request);
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Request,
    Response,
}
