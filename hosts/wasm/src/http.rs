//! One HTTP stream: each callback is one event of its exchange.

use std::cell::Cell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{self, Buffer, Map};
use crate::step::Side;
use crate::worker::Worker;
use toolgate::exchange::{Event, Flow, RequestHead, Wants};
use toolgate::gate::{self, StreamId};
use toolgate::headers::Headers;
use toolgate::reason::Reason;
use toolgate::reply::Refusal;
use toolgate::time::UnixTime;

/// A stream of the host.
pub struct Stream {
    /// `None` if the plugin was not configured. Then every request is refused.
    worker: Option<Rc<Worker>>,
    stream: gate::Stream,
    /// The time of the last event that depends on it.
    now: Cell<UnixTime>,
}

/// Whether an event depends on the time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    /// It does not. The previous time is used, which saves a host call.
    Before,
    /// It does.
    Now,
}

impl Stream {
    pub fn new(id: u32, worker: Option<Rc<Worker>>) -> Self {
        Self { worker, stream: gate::Stream::new(StreamId(id)), now: Cell::new(UnixTime::from_millis(0)) }
    }

    /// Runs one event and carries out its effects.
    fn event(&self, time: Time, side: Side, event: Event<'_>) -> Action {
        let Some(worker) = &self.worker else { return refuse() };
        if time == Time::Now {
            self.now.set(host::now());
        }
        match worker.stream(&self.stream, event, side, self.now.get()) {
            Flow::Continue => Action::Continue,
            Flow::Pause => Action::Pause,
            Flow::Resume => match host::resume_request() {
                Ok(()) => Action::Pause,
                Err(_) => refuse(),
            },
        }
    }
}

/// The answer of a plugin that is not configured.
fn refuse() -> Action {
    if host::reply(&Refusal::BadGateway(Reason::HostCallFailed).render(None, None)).is_err() {
        log::error!("the host refused a reply");
    }
    Action::Pause
}

fn request_body(size: usize) -> Option<Vec<u8>> {
    host::buffer(Buffer::RequestBody, size)
}

fn response_body(size: usize) -> Option<Vec<u8>> {
    host::buffer(Buffer::ResponseBody, size)
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        match host::headers(Map::RequestHeaders) {
            Ok(headers) => {
                let head = RequestHead::new(headers);
                self.event(Time::Now, Side::Request, Event::RequestHeaders { head, end })
            }
            Err(_) => refuse(),
        }
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        // Before its end a body is only counted.
        let time = if end { Time::Now } else { Time::Before };
        self.event(time, Side::Request, Event::RequestBody { size, end, read: &request_body })
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        match host::headers(Map::RequestTrailers) {
            Ok(trailers) => {
                let event = Event::RequestTrailers { trailers: &trailers, read: &request_body };
                self.event(Time::Now, Side::Request, event)
            }
            Err(_) => refuse(),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let side = Side::Response { size: 0 };
        let wants = self.stream.wants();
        let (headers, status) = match wants {
            Wants::Nothing => return Action::Continue,
            Wants::Verdict if host::buffer_is_exceeded() => return self.event(Time::Now, side, Event::BufferExceeded),
            Wants::Verdict if host::answer_is_hosts_own() => return self.event(Time::Now, side, Event::EndedByHost),
            Wants::Status | Wants::Verdict => (Headers::default(), host::header(Map::ResponseHeaders, ":status")),
            Wants::Headers | Wants::Body { .. } => {
                let Ok(headers) = host::headers(Map::ResponseHeaders) else { return refuse() };
                let status = headers.all(":status").next().map(<[u8]>::to_vec);
                (headers, status)
            }
        };
        // An unreadable status counts as a failure.
        let status = status.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok()).unwrap_or(101);
        let time = if wants == Wants::Status { Time::Before } else { Time::Now };
        self.event(time, side, Event::ResponseHeaders { status, headers: &headers, end })
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        match self.stream.wants() {
            Wants::Body { .. } => {
                self.event(Time::Now, Side::Response { size }, Event::ResponseBody { size, end, read: &response_body })
            }
            _ => Action::Continue,
        }
    }

    fn on_log(&mut self) {
        match self.stream.wants() {
            Wants::Verdict => _ = self.event(Time::Now, Side::Request, Event::EndedByClient),
            Wants::Body { held: 1.. } if host::buffer_is_exceeded() => {
                self.event(Time::Before, Side::Response { size: 0 }, Event::BufferExceeded);
            }
            _ => {}
        }
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        match self.stream.wants().trailers() {
            Some(size) => {
                self.event(Time::Now, Side::Response { size }, Event::ResponseTrailers { read: &response_body })
            }
            None => Action::Continue,
        }
    }
}
