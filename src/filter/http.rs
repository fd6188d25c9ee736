//! One HTTP stream: each callback is one event of its exchange.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::host::{self, Buffer, Map};
use super::shared::{Shared, Side};
use crate::exchange::{Env, Exchange, Flow, RequestHead, Step};
use crate::headers::Headers;
use crate::reason::Reason;
use crate::reply::Refusal;
use crate::time::UnixTime;

/// A stream and its exchange. The root holds the exchange weakly while it waits.
pub struct Stream {
    id: u32,
    /// Nothing if the plugin was not configured: then nothing passes.
    shared: Option<Rc<Shared>>,
    exchange: Rc<RefCell<Exchange>>,
    /// The time of the last event that depends on it.
    now: Cell<UnixTime>,
}

/// Whether an event depends on the time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    /// It does not: the time before will do, and spares a call of the host.
    Before,
    /// It does.
    Now,
}

impl Stream {
    pub fn new(id: u32, shared: Option<Rc<Shared>>) -> Self {
        Self { id, shared, exchange: Rc::default(), now: Cell::new(UnixTime::from_millis(0)) }
    }

    /// Runs one event and carries out what follows from it.
    fn event(&self, side: Side, event: impl FnOnce(&mut Exchange, &mut Env<'_>) -> Step) -> Action {
        self.event_at(Time::Now, side, event)
    }

    fn event_at(&self, time: Time, side: Side, event: impl FnOnce(&mut Exchange, &mut Env<'_>) -> Step) -> Action {
        let Some(shared) = &self.shared else { return refuse() };
        if time == Time::Now {
            self.now.set(host::now());
        }
        let (was_waiting, had_asked, was_watched) = {
            let exchange = self.exchange.borrow();
            (exchange.is_waiting(), exchange.awaits().is_some(), exchange.is_long_lived())
        };
        let step = shared.run_at(self.now.get(), |env| event(&mut self.exchange.borrow_mut(), env));
        let flow = shared.apply(step, side);
        let (waits, asks) = (self.exchange.borrow().is_waiting(), self.exchange.borrow().awaits().is_some());
        if (waits && !was_waiting) || (asks && !had_asked) {
            shared.wait(self.id, &self.exchange, was_waiting);
        }
        if !was_watched && self.exchange.borrow().is_long_lived() {
            shared.watch(self.id, &self.exchange);
        }
        match flow {
            Flow::Continue => Action::Continue,
            Flow::Pause => Action::Pause,
            Flow::Resume => match host::resume_request() {
                Ok(()) => Action::Pause,
                Err(_) => refuse(),
            },
        }
    }
}

/// The answer where nothing else can be said.
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
            Ok(headers) => self.event(Side::Request, |x, env| x.request_headers(RequestHead::new(headers), end, env)),
            Err(_) => refuse(),
        }
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        // Until its end a body is only counted.
        let time = if end { Time::Now } else { Time::Before };
        self.event_at(time, Side::Request, |x, env| x.request_body(size, end, &request_body, env))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        match host::headers(Map::RequestTrailers) {
            Ok(trailers) => self.event(Side::Request, |x, env| x.request_trailers(&trailers, &request_body, env)),
            Err(_) => refuse(),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let status_only = self.exchange.borrow().takes_any_answer();
        let (headers, status) = if status_only {
            (Headers::default(), host::header(Map::ResponseHeaders, ":status"))
        } else {
            let Ok(headers) = host::headers(Map::ResponseHeaders) else { return refuse() };
            let status = headers.all(":status").next().map(<[u8]>::to_vec);
            (headers, status)
        };
        // A status that cannot be read is that of no good answer.
        let status = status.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok()).unwrap_or(101);
        let side = Side::Response { size: 0 };
        if self.exchange.borrow().is_undecided() && host::answer_is_hosts_own() {
            return self.event(side, Exchange::ended_by_host);
        }
        let time = if status_only { Time::Before } else { Time::Now };
        self.event_at(time, side, |x, env| x.response_headers(status, &headers, end, env))
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        if self.exchange.borrow().passes_answer() {
            return Action::Continue;
        }
        self.event(Side::Response { size }, |x, env| x.response_body(size, end, &response_body, env))
    }

    fn on_log(&mut self) {
        if self.exchange.borrow().is_undecided() {
            self.event(Side::Request, Exchange::ended_by_client);
        }
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        let size = self.exchange.borrow().held_answer();
        self.event(Side::Response { size }, |x, env| x.response_trailers(&response_body, env))
    }
}
