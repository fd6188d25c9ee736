//! The authorization server as the gate sees it: an address that keys are
//! fetched from, and that fails in every way on command.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::answer::{Answer, End, Latch};
use super::server::{self, Connection, Server};
use super::tls::Authority;
use super::upstream::{Recorded, Script, State};
use super::wait_until;
use super::wire::{Body, Framing, Head};

/// The provider's reaction to a request.
#[derive(Clone)]
pub enum Behaviour {
    /// Serves this document.
    Json(Value),
    /// Answers with this status and a JSON body that is no key set.
    Status(u16),
    /// 200 with a login page, as a captive portal would.
    Html,
    Redirect(String),
    /// Ends the connection in the middle of the document.
    Truncated(Value),
    /// Serves the document this late.
    Slow(Duration, Value),
    /// Serves the document when the test opens the latch.
    Latched(Latch, Value),
    /// Serves the document, filled up with white space to this many bytes.
    Padded(usize, Value),
    /// Closes the connection without a word.
    HangUp,
    /// Anything else.
    Script(Arc<dyn Script>),
}

impl Behaviour {
    fn answer(&self, request: &Recorded) -> Answer {
        match self {
            Self::Json(document) => Answer::json(document),
            Self::Status(status) => Answer::json(&Value::Null).status(*status),
            Self::Html => Answer::new(200).header("content-type", "text/html").body("<p>Sign in"),
            Self::Redirect(to) => Answer::new(302).header("location", to.as_str()),
            Self::Truncated(document) => {
                let text = document.to_string();
                let half = &text.as_bytes()[..text.len() / 2];
                Answer::new(200).header("content-type", "application/json").body(half).cut()
            }
            Self::Slow(time, document) => {
                thread::sleep(*time);
                Answer::json(document)
            }
            Self::Latched(latch, document) => {
                latch.pass().map_or_else(|_| Answer::raw("").cut(), |()| Answer::json(document))
            }
            Self::Padded(size, document) => {
                let padding = size.saturating_sub(document.to_string().len());
                Answer::json(document).body(" ".repeat(padding))
            }
            Self::HangUp => Answer::raw("").cut(),
            Self::Script(script) => script(request),
        }
    }
}

/// The provider; dropping it stops it.
pub struct Provider {
    server: Server,
    state: Arc<Mutex<Served>>,
}

struct Served {
    behaviour: Behaviour,
    requests: Vec<Recorded>,
}

impl Provider {
    /// In the clear.
    pub fn start(behaviour: Behaviour) -> Self {
        Self::start_on(server::listen(), None, behaviour)
    }

    /// In the clear, on a port that is taken already.
    pub fn start_at(listener: TcpListener, behaviour: Behaviour) -> Self {
        Self::start_on(listener, None, behaviour)
    }

    /// With a certificate of `authority` for `name`.
    pub fn start_tls(authority: &Authority, name: &str, behaviour: Behaviour) -> Self {
        Self::start_on(server::listen(), Some(authority.server(name)), behaviour)
    }

    /// As [`Provider::start_tls`], on a port that is taken already.
    pub fn start_tls_at(listener: TcpListener, authority: &Authority, name: &str, behaviour: Behaviour) -> Self {
        Self::start_on(listener, Some(authority.server(name)), behaviour)
    }

    fn start_on(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, behaviour: Behaviour) -> Self {
        let state = Arc::new(Mutex::new(Served { behaviour, requests: Vec::new() }));
        let shared = Arc::clone(&state);
        let server = Server::start(listener, tls, move |connection| serve(connection, &shared));
        Self { server, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Behaves like this from the next request on.
    pub fn set(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    /// Serves this key set from the next request on.
    pub fn set_keys(&self, keys: Value) {
        self.set(Behaviour::Json(keys));
    }

    /// How often it was asked.
    pub fn fetches(&self) -> usize {
        self.state.lock().unwrap().requests.len()
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Waits until it was asked at least `count` times.
    pub fn wait_for_fetches(&self, count: usize) {
        wait_until("the provider to be asked", || self.fetches() >= count);
    }

    /// Refuses connections from now on.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Is back, on the same port.
    pub fn restart(&mut self) {
        self.server.restart();
    }
}

fn serve(mut connection: Connection, state: &Mutex<Served>) {
    while let Ok(Some(head)) = Head::read(&mut connection) {
        let body = Body::read(&mut connection, head.framing(Framing::Length(0)));
        let request = Recorded {
            method: head.word(0).to_owned(),
            target: head.word(1).to_owned(),
            body_state: if body.complete { State::Complete } else { State::Aborted },
            body: body.bytes,
            trailers: body.trailers,
            headers: head.fields,
            raw_head: head.raw,
            answer_state: State::Pending,
        };
        let behaviour = {
            let mut state = state.lock().unwrap();
            state.requests.push(request.clone());
            state.behaviour.clone()
        };
        match behaviour.answer(&request).send(&mut connection) {
            Ok(End::KeepAlive) => {}
            Ok(_) | Err(_) => return,
        }
    }
}
