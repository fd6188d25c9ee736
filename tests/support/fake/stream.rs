//! One stream through the host.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use toolgate::audit::Record;
use toolgate::exchange::{Awaited, Effect, Event, Flow, RequestHead, Step, Wants};
use toolgate::gate;
use toolgate::headers::Headers;
use toolgate::reply::Reply;

use super::message::{End, Fields, Hold, Message, Part, Side};
use super::worker::Worker;

/// Envoy's default for `per_connection_buffer_limit_bytes`.
const BUFFER_LIMIT: usize = 1_048_576;

/// A stream, for as long as its client is there. Its worker forgets it when it is dropped.
pub struct Stream(Rc<RefCell<State>>);

/// The outcome of a request, as far as there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Waits,
    Forwarded,
    Replied(u16, &'static str),
}

/// The state that the host keeps of a stream.
pub struct State {
    stream: gate::Stream,
    flag: bool,
    pub request: Side,
    response: Side,
    /// The status and the reason of toolgate's own answer, if it gave one.
    replied: Option<(u16, &'static str)>,
    /// The answer was cut off: its beginning cannot be taken back.
    reset: bool,
    records: Vec<Record>,
    events: Vec<String>,
}

impl Stream {
    /// The headers of a request come; `end`: nothing follows.
    pub fn open(worker: &mut Worker, headers: Fields, end: End) -> Self {
        let id = worker.next_stream();
        let stream = Self(Rc::new(RefCell::new(State {
            stream: gate::Stream::new(id),
            flag: worker.flag,
            request: Side { headers: headers.clone(), ended: end == End::Last, ..Side::new() },
            response: Side::new(),
            replied: None,
            reset: false,
            records: Vec::new(),
            events: Vec::new(),
        })));
        worker.open.insert(id, Rc::downgrade(&stream.0));
        stream.0.borrow_mut().begin(worker, headers, end);
        stream
    }

    /// A part of the request comes.
    pub fn receive(&self, worker: &mut Worker, part: Part) {
        self.0.borrow_mut().receive(worker, part);
    }

    /// The calls that its token waits for.
    pub fn awaits(&self) -> Option<Awaited> {
        self.0.borrow().stream.follow_up().awaited()
    }

    /// The part of the request that the server has.
    pub fn server(&self) -> Option<Message> {
        self.0.borrow().request.sent.clone()
    }

    /// The part of the answer that the client has.
    pub fn client(&self) -> Option<Message> {
        self.0.borrow().response.sent.clone()
    }

    /// The records of the decisions on it.
    pub fn records(&self) -> Vec<Record> {
        self.0.borrow().records.clone()
    }

    /// The lines of the events that concern it alone.
    pub fn events(&self) -> Vec<String> {
        self.0.borrow().events.clone()
    }

    /// Whether the answer was cut off.
    pub fn is_reset(&self) -> bool {
        self.0.borrow().reset
    }

    /// The host goes on with it although it was to end it.
    pub fn revive(&self) {
        self.0.borrow_mut().reset = false;
    }

    /// The outcome of the request.
    pub fn outcome(&self) -> Outcome {
        let state = self.0.borrow();
        match (state.replied, &state.request.sent) {
            (Some((status, reason)), _) => Outcome::Replied(status, reason),
            (None, Some(_)) => Outcome::Forwarded,
            (None, None) => Outcome::Waits,
        }
    }

    /// Whether the server may answer: it has what it needs, and nobody did in its place.
    pub fn wants_answer(&self, early: bool) -> bool {
        let state = self.0.borrow();
        let asked = state.request.sent.as_ref().is_some_and(|request| request.complete || early);
        asked && state.replied.is_none() && state.response.headers.is_empty()
    }

    /// The server answers. Without an end in `parts`, it breaks off.
    pub fn answer(&self, worker: &mut Worker, status: u16, headers: Fields, parts: Vec<Part>, end: End) {
        let mut state = self.0.borrow_mut();
        state.begin_answer(worker, status, headers, end);
        for part in parts {
            state.answer_part(worker, part);
        }
        state.end_answer();
    }

    /// The server begins an answer that does not end.
    pub fn begin_answer(&self, worker: &mut Worker, status: u16, headers: Fields) {
        self.0.borrow_mut().begin_answer(worker, status, headers, End::More);
    }

    /// The client goes away.
    pub fn leave(&self, worker: &mut Worker) {
        let mut state = self.0.borrow_mut();
        if state.stream.wants() == Wants::Verdict {
            let step = worker.event(&state.stream, Event::EndedByClient);
            state.carry_out(worker, step, Direction::Request);
        }
    }

    /// The host's buffer is full, so it ends the stream.
    pub fn exceed_buffer(&self, worker: &mut Worker) {
        let mut state = self.0.borrow_mut();
        assert!(matches!(state.stream.wants(), Wants::Verdict | Wants::Body { held: 1.. }), "nothing is held");
        let step = worker.event(&state.stream, Event::BufferExceeded);
        state.carry_out(worker, step, Direction::Request);
    }
}

/// The streams of a worker know each other by their ids only.
pub type WeakState = Weak<RefCell<State>>;

impl State {
    /// The step of a stream that waited.
    pub fn woken(&mut self, worker: &mut Worker, step: Step) {
        let goes_on = step.flow == Flow::Continue;
        if self.carry_out(worker, step, Direction::Request) == Some(Flow::Continue) {
            self.resume(worker);
        } else {
            assert!(!goes_on, "resumed without a verdict");
        }
    }

    /// The gate ends the stream, after this line.
    pub fn end(&mut self, line: Option<String>) {
        self.events.extend(line);
        self.reset = true;
    }

    fn begin(&mut self, worker: &mut Worker, headers: Fields, end: End) {
        let head = RequestHead::new(Headers::new(headers));
        let step = worker.event(&self.stream, Event::RequestHeaders { head, end: end == End::Last });
        match self.carry_out(worker, step, Direction::Request) {
            Some(Flow::Continue) => self.request.release(),
            Some(_) => self.request.hold = if self.flag { Hold::Headers } else { Hold::All },
            None => {}
        }
    }

    fn receive(&mut self, worker: &mut Worker, part: Part) {
        // A client that is answered is not listened to any more.
        if self.replied.is_some() || self.response.sent.as_ref().is_some_and(|answer| answer.complete) {
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
                let (size, end) = (self.request.body.len(), end == End::Last);
                assert!(size <= BUFFER_LIMIT, "the host itself refuses a body beyond its buffer");
                let read = |max: usize| Some(self.request.read(max));
                worker.event(&self.stream, Event::RequestBody { size, end, read: &read })
            }
            Part::Trailers(trailers) => {
                self.request.trailers.clone_from(&trailers);
                self.request.ended = true;
                let (trailers, read) = (Headers::new(trailers), |max: usize| Some(self.request.read(max)));
                worker.event(&self.stream, Event::RequestTrailers { trailers: &trailers, read: &read })
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

    fn begin_answer(&mut self, worker: &mut Worker, status: u16, mut headers: Fields, end: End) {
        headers.insert(0, (":status".to_owned(), status.to_string().into_bytes()));
        self.response.headers.clone_from(&headers);
        self.response.ended = end == End::Last;
        let headers = Headers::new(headers);
        let event = Event::ResponseHeaders { status, headers: &headers, end: end == End::Last };
        let step = worker.event(&self.stream, event);
        match self.carry_out(worker, step, Direction::Response) {
            Some(Flow::Continue) => self.response.release(),
            Some(_) => self.response.hold = if self.flag { Hold::Headers } else { Hold::All },
            None => {}
        }
    }

    fn answer_part(&mut self, worker: &mut Worker, part: Part) {
        if self.replied.is_some() || self.reset || self.response.hold == Hold::All {
            return;
        }
        let step = match part {
            Part::Data(bytes, end) => {
                self.response.body.extend(bytes);
                self.response.ended = end == End::Last;
                let (size, end) = (self.response.body.len(), end == End::Last);
                let read = |max: usize| Some(self.response.read(max));
                worker.event(&self.stream, Event::ResponseBody { size, end, read: &read })
            }
            Part::Trailers(trailers) => {
                self.response.trailers = trailers;
                self.response.ended = true;
                let read = |max: usize| Some(self.response.read(max));
                worker.event(&self.stream, Event::ResponseTrailers { read: &read })
            }
        };
        if self.carry_out(worker, step, Direction::Response) == Some(Flow::Continue) {
            self.response.release();
        }
    }

    /// Nothing follows. Without an end, the server broke off.
    fn end_answer(&mut self) {
        if self.replied.is_some() || self.response.ended {
            return;
        }
        // An answer that has begun can only be cut off; otherwise the host answers itself.
        self.reset = self.response.sent.is_some();
        if !self.reset {
            let headers = vec![(":status".to_owned(), b"502".to_vec())];
            let body = b"upstream connect error or disconnect/reset before headers".to_vec();
            self.response.sent = Some(Message { headers, body, trailers: Fields::new(), complete: true });
        }
    }

    /// Carries out what follows from an event; nothing if that ended the stream.
    fn carry_out(&mut self, worker: &mut Worker, step: Step, direction: Direction) -> Option<Flow> {
        for effect in step.effects {
            worker.log.extend(effect.line().map(|(_, line)| line.to_owned()));
            match (effect, direction) {
                (Effect::EditHeaders(edits), Direction::Request) => self.request.edit(&edits),
                (Effect::EditHeaders(edits), Direction::Response) => self.response.edit(&edits),
                (Effect::EditTrailers(edits), Direction::Request) => {
                    edits.iter().for_each(|edit| edit.apply(&mut self.request.trailers));
                }
                (Effect::EditTrailers(edits), Direction::Response) => {
                    edits.iter().for_each(|edit| edit.apply(&mut self.response.trailers));
                }
                (Effect::Event(_, line), _) => self.events.extend(line),
                (Effect::Listed(_), _) => {}
                (Effect::Record(record, _), _) => self.records.push(*record),
                (Effect::ReplaceBody(bytes), Direction::Response) => self.response.body = bytes,
                (Effect::ReplaceBody(_), Direction::Request) => panic!("the host refuses: no body of a request"),
                (Effect::Reply(reply), _) => self.reply(worker, &reply),
            }
        }
        self.replied.is_none().then_some(step.flow)
    }

    /// A reply takes the place of an answer that the client has nothing of; one that has begun can only be cut off.
    fn reply(&mut self, worker: &mut Worker, reply: &Reply) {
        assert!(self.replied.is_none(), "a second reply");
        self.replied = Some((reply.status, reply.reason.as_str()));
        if self.response.sent.is_some() {
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
            let (seen, end) = (Headers::new(headers.clone()), body.is_empty());
            let event = Event::ResponseHeaders { status: reply.status, headers: &seen, end };
            let step = worker.event(&self.stream, event);
            assert_eq!(step, Step::go_on(Vec::new()), "toolgate changes its own reply");
            let read = |_| Some(body.clone());
            let step = worker.event(&self.stream, Event::ResponseBody { size: body.len(), end: true, read: &read });
            assert_eq!(step, Step::go_on(Vec::new()), "toolgate changes its own reply");
        }
        self.response.headers.clone_from(&headers);
        self.response.sent = Some(Message { headers, body, trailers: Fields::new(), complete: true });
    }

    /// Envoy words its filters' answers to gRPC as trailers of gRPC without a body, whatever their status. That takes the
    /// way of an answer of the server, too.
    fn reply_to_grpc(&mut self, worker: &mut Worker, reply: Fields) {
        let [status, kind] = [(":status", "200"), ("content-type", "application/grpc")];
        let own = [status, kind, ("grpc-status", "7"), ("grpc-message", "no")];
        let own = own.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let added = reply.into_iter().filter(|(name, _)| name != ":status");
        self.response.headers = own.into_iter().chain(added).collect();
        let seen = Headers::new(self.response.headers.clone());
        let step = worker.event(&self.stream, Event::ResponseHeaders { status: 200, headers: &seen, end: true });
        for effect in step.effects {
            match effect {
                Effect::EditHeaders(edits) => self.response.edit(&edits),
                other => panic!("toolgate answers its own reply: {other:?}"),
            }
        }
        self.response.ended = true;
        self.response.release();
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Request,
    Response,
}
