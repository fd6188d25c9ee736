//! The MCP server's place: it records every request as it came off the wire
//! and answers as the test says.
//!
//! Tests that share one Envoy share its upstream as well. Each opens a
//! [`Scenario`] and sends its [`HEADER`], and so has answers and recordings of
//! its own.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{Answer, End};
use super::server::{self, Connection, Server};
use super::wire::{Body, Fields, Framing, Head};
use super::{wait_for, wait_until};

/// The request header that names a scenario.
pub const HEADER: &str = "x-scenario";

/// A request as the server saw it.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub method: String,
    /// The request target, query included, byte for byte.
    pub target: String,
    pub headers: Fields,
    /// The request line and the headers as they came.
    pub raw_head: Vec<u8>,
    pub body: Vec<u8>,
    pub trailers: Fields,
    pub body_state: State,
    pub answer_state: State,
}

impl Recorded {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// How far a body or an answer came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Pending,
    Complete,
    /// The peer went away before the end.
    Aborted,
}

/// Gives the answer to a request.
pub trait Script: Fn(&Recorded) -> Answer + Send + Sync + 'static {}
impl<F: Fn(&Recorded) -> Answer + Send + Sync + 'static> Script for F {}

/// When a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    AfterBody,
    /// On the headers; what comes of the body is recorded afterwards.
    BeforeBody,
}

/// The recording server.
pub struct Upstream {
    server: Server,
    scenarios: Arc<Scenarios>,
}

impl Upstream {
    /// Answers what belongs to no scenario with an empty JSON-RPC result.
    pub fn start() -> Self {
        Self::start_with(|_| Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})))
    }

    /// Answers what belongs to no scenario with `script`.
    pub fn start_with(script: impl Script) -> Self {
        Self::start_at(server::listen(), script)
    }

    /// As [`Upstream::start_with`], on a port that is taken already.
    pub fn start_at(listener: TcpListener, script: impl Script) -> Self {
        let scenarios = Arc::new(Scenarios {
            fallback: Scenario::new(String::new(), When::AfterBody, script),
            named: Mutex::default(),
        });
        let shared = Arc::clone(&scenarios);
        let server = Server::start(listener, None, move |connection| serve(connection, &shared));
        Self { server, scenarios }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Answers the requests of a new scenario with `script`.
    pub fn scenario(&self, script: impl Script) -> Scenario {
        self.scenarios.add(When::AfterBody, script)
    }

    /// As [`Upstream::scenario`], but answers before it reads the body.
    pub fn early_scenario(&self, script: impl Script) -> Scenario {
        self.scenarios.add(When::BeforeBody, script)
    }

    /// The requests that belong to no scenario.
    pub fn unclaimed(&self) -> Scenario {
        self.scenarios.fallback.clone()
    }

    /// Stops answering; Envoy sees a refused connection.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    pub fn restart(&mut self) {
        self.server.restart();
    }
}

/// The requests of one test and what they are answered with.
#[derive(Clone)]
pub struct Scenario {
    id: String,
    when: When,
    script: Arc<dyn Script>,
    recorded: Arc<Mutex<Vec<Recorded>>>,
}

impl Scenario {
    fn new(id: String, when: When, script: impl Script) -> Self {
        Self { id, when, script: Arc::new(script), recorded: Arc::default() }
    }

    /// The value of [`HEADER`] that brings a request here.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The requests so far. A request is included once its headers are complete.
    pub fn requests(&self) -> Vec<Recorded> {
        self.recorded.lock().unwrap().clone()
    }

    /// Waits for the one request of this scenario, whole or aborted.
    ///
    /// # Panics
    /// If there is more than one.
    pub fn request(&self) -> Recorded {
        let settled = || self.requests().into_iter().find(|r| r.body_state != State::Pending);
        let request = wait_for("a request at the upstream", settled);
        assert_eq!(self.requests().len(), 1, "one request: {:#?}", self.requests());
        request
    }

    /// Whether nothing came, not even headers. Absence cannot be polled for, so
    /// this waits a little: what Envoy sent before it answered the client is
    /// here well within that time.
    pub fn stays_empty(&self) -> bool {
        std::thread::sleep(Duration::from_millis(50));
        self.requests().is_empty()
    }

    /// Waits until an answer was sent in full or cut off by the peer.
    pub fn answered(&self) -> State {
        let state = || self.requests().first().map(|request| request.answer_state);
        wait_until("the end of an answer", || state().is_some_and(|s| s != State::Pending));
        state().expect("a request")
    }

    fn add(&self, request: Recorded) -> usize {
        let mut recorded = self.recorded.lock().unwrap();
        recorded.push(request);
        recorded.len() - 1
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut Recorded)) -> Recorded {
        let request = &mut self.recorded.lock().unwrap()[index];
        change(request);
        request.clone()
    }

    /// Receives the body of a request, records it, and answers; in the order
    /// that was asked for.
    fn exchange(&self, connection: &mut Connection, head: &Head) -> End {
        let request = Recorded {
            method: head.word(0).to_owned(),
            target: head.word(1).to_owned(),
            headers: head.fields.clone(),
            raw_head: head.raw.clone(),
            ..Recorded::default()
        };
        let index = self.add(request.clone());
        let framing = head.framing(Framing::Length(0));
        if request.headers.get("expect").as_deref() == Some("100-continue") {
            // RFC 9110 section 10.1.1. A proxy that answers it itself does not pass it on.
            let _ = std::io::Write::write_all(connection.get_mut(), b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        if self.when == When::BeforeBody {
            let end = self.answer(connection, index, &request);
            self.receive(connection, index, framing);
            return end;
        }
        let request = self.receive(connection, index, framing);
        match request.body_state {
            State::Complete => self.answer(connection, index, &request),
            State::Pending | State::Aborted => End::Cut,
        }
    }

    fn receive(&self, connection: &mut Connection, index: usize, framing: Framing) -> Recorded {
        let body = Body::read(connection, framing);
        self.update(index, |request| {
            request.body_state = if body.complete { State::Complete } else { State::Aborted };
            (request.body, request.trailers) = (body.bytes, body.trailers);
        })
    }

    fn answer(&self, connection: &mut Connection, index: usize, request: &Recorded) -> End {
        let sent = (self.script)(request).send(connection);
        let state = if sent.is_ok() { State::Complete } else { State::Aborted };
        self.update(index, |request| request.answer_state = state);
        sent.unwrap_or(End::Cut)
    }
}

struct Scenarios {
    fallback: Scenario,
    named: Mutex<HashMap<String, Scenario>>,
}

impl Scenarios {
    fn add(&self, when: When, script: impl Script) -> Scenario {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let id = format!("scenario-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let scenario = Scenario::new(id.clone(), when, script);
        self.named.lock().unwrap().insert(id, scenario.clone());
        scenario
    }

    fn of(&self, head: &Head) -> Scenario {
        let id = head.fields.all(HEADER).pop();
        let named = id.and_then(|id| self.named.lock().unwrap().get(&id).cloned());
        named.unwrap_or_else(|| self.fallback.clone())
    }
}

fn serve(mut connection: Connection, scenarios: &Scenarios) {
    while let Ok(Some(head)) = Head::read(&mut connection) {
        match scenarios.of(&head).exchange(&mut connection, &head) {
            End::KeepAlive => {}
            End::Cut => return,
            End::Echo => return echo(&mut connection),
        }
    }
}

fn echo(connection: &mut Connection) {
    let mut bytes = [0; 1024];
    while let Ok(read @ 1..) = std::io::Read::read(connection, &mut bytes) {
        if std::io::Write::write_all(connection.get_mut(), &bytes[..read]).is_err() {
            return;
        }
    }
}
