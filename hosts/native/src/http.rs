//! One HTTP stream: each hook is one event of its exchange.

use std::sync::Arc;

use crate::abi::{Filter, Map, Message};
use crate::host::{answer_is_hosts_own, buffer_is_exceeded, now};
use crate::step::Rest;
use crate::stream::Open;
use crate::worker::Worker;
use toolgate::exchange::{Event, Flow, RequestHead, Wants};
use toolgate::gate::StreamId;
use toolgate::headers::Headers;

/// The answer of a hook to Envoy: whether this part of the message goes on. The numbers are the same for headers, which
/// then wait alone (bodies are shown), for bodies, which are then held, and for trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    Continue = 0,
    Stop = 1,
}

/// A stream of a worker.
pub struct Http {
    worker: Arc<Worker>,
    open: Arc<Open>,
    id: StreamId,
}

impl Http {
    /// A stream begins, in this worker.
    pub fn new(worker: Arc<Worker>, filter: Filter) -> Self {
        let (id, open) = worker.begin(filter);
        Self { worker, open, id }
    }

    fn filter(&self) -> Filter {
        self.open.filter
    }

    /// Runs one event and carries out its effects.
    fn event(&self, message: Message, event: Event<'_>) -> Status {
        if self.open.is_over() {
            return Status::Stop;
        }
        let Some(Rest { reply, flow }) = self.worker.event(self.id, event, message, now()) else {
            return self.refuse();
        };
        if let Some(reply) = reply {
            self.open.reply(&reply);
            return Status::Stop;
        }
        match flow {
            Flow::Continue => Status::Continue,
            Flow::Pause => Status::Stop,
            Flow::Resume => {
                self.open.resume();
                Status::Stop
            }
        }
    }

    /// The answer where nothing else can be said.
    fn refuse(&self) -> Status {
        self.open.refuse();
        Status::Stop
    }

    pub fn request_headers(&self, end: bool) -> Status {
        match self.filter().headers(Map::RequestHeaders) {
            Some(headers) => {
                let head = RequestHead::new(headers);
                self.event(Message::Request, Event::RequestHeaders { head, end })
            }
            None => self.refuse(),
        }
    }

    pub fn request_body(&self, end: bool) -> Status {
        let read = |max| self.filter().body(Message::Request, max);
        let size = self.filter().body_size(Message::Request);
        self.event(Message::Request, Event::RequestBody { size, end, read: &read })
    }

    pub fn request_trailers(&self) -> Status {
        let read = |max| self.filter().body(Message::Request, max);
        match self.filter().headers(Map::RequestTrailers) {
            Some(trailers) => self.event(Message::Request, Event::RequestTrailers { trailers: &trailers, read: &read }),
            None => self.refuse(),
        }
    }

    pub fn response_headers(&self, end: bool) -> Status {
        if self.open.is_over() {
            // Envoy shows the answer of the module itself.
            return Status::Continue;
        }
        let wants = self.worker.wants(self.id);
        let (headers, status) = match wants {
            Wants::Nothing => return self.begin_answer(Status::Continue),
            Wants::Verdict if buffer_is_exceeded(self.filter()) => {
                return self.event(Message::Response, Event::BufferExceeded);
            }
            Wants::Verdict if answer_is_hosts_own(self.filter()) => {
                return self.event(Message::Response, Event::EndedByHost);
            }
            Wants::Status | Wants::Verdict => {
                (Headers::default(), self.filter().header(Map::ResponseHeaders, ":status"))
            }
            Wants::Headers | Wants::Body { .. } => {
                let Some(headers) = self.filter().headers(Map::ResponseHeaders) else { return self.refuse() };
                let status = headers.all(":status").next().map(<[u8]>::to_vec);
                (headers, status)
            }
        };
        // A status that cannot be read is that of no good answer.
        let status = status.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok()).unwrap_or(101);
        let event = Event::ResponseHeaders { status, headers: &headers, end };
        self.begin_answer(self.event(Message::Response, event))
    }

    /// Notes whether the answer begins.
    fn begin_answer(&self, status: Status) -> Status {
        if status == Status::Continue {
            self.open.begin();
        }
        status
    }

    pub fn response_body(&self, end: bool) -> Status {
        match self.worker.wants(self.id) {
            Wants::Body { .. } => {
                let read = |max| self.filter().body(Message::Response, max);
                let size = self.filter().body_size(Message::Response);
                let event = Event::ResponseBody { size, end, read: &read };
                self.begin_answer(self.event(Message::Response, event))
            }
            _ => Status::Continue,
        }
    }

    pub fn response_trailers(&self) -> Status {
        match self.worker.wants(self.id).trailers() {
            Some(_) => {
                let read = |max| self.filter().body(Message::Response, max);
                self.begin_answer(self.event(Message::Response, Event::ResponseTrailers { read: &read }))
            }
            None => Status::Continue,
        }
    }

    /// The stream is complete: access logs are written next, and nothing of it can be answered or ended any more.
    pub fn complete(&self) {
        if self.open.is_over() {
            return;
        }
        self.open.close();
        let last = match self.worker.wants(self.id) {
            Wants::Verdict => Some((Message::Request, Event::EndedByClient)),
            Wants::Body { held: 1.. } if buffer_is_exceeded(self.filter()) => {
                Some((Message::Response, Event::BufferExceeded))
            }
            _ => None,
        };
        if let Some((message, event)) = last {
            self.worker.event(self.id, event, message, now());
        }
    }

    /// The worker was called through this stream.
    pub fn scheduled(&self) {
        self.worker.open_mail(false);
    }

    /// The stream is gone.
    pub fn end(&self) {
        self.open.close();
        self.worker.end(self.id);
    }

    /// An event of this stream panicked.
    pub fn recover(&self) {
        self.open.refuse();
        self.recover_worker();
    }

    /// An event panicked that is about others.
    pub fn recover_worker(&self) {
        self.worker.recover();
        self.worker.open_mail(false);
    }
}
