//! The events of a stream.

use super::request::RequestHead;
use super::step::{Env, Step};
use super::{Exchange, ReadBody};
use crate::headers::Headers;

/// An event of a stream. `end`: no part of this message follows. `size`: the number of buffered bytes.
#[allow(missing_docs)]
pub enum Event<'e> {
    RequestHeaders {
        head: RequestHead,
        end: bool,
    },
    RequestBody {
        size: usize,
        end: bool,
        read: ReadBody<'e>,
    },
    RequestTrailers {
        trailers: &'e Headers,
        read: ReadBody<'e>,
    },
    ResponseHeaders {
        status: u16,
        headers: &'e Headers,
        end: bool,
    },
    ResponseBody {
        size: usize,
        end: bool,
        read: ReadBody<'e>,
    },
    ResponseTrailers {
        read: ReadBody<'e>,
    },
    /// The host itself answered before the verdict.
    EndedByHost,
    /// The host ended the exchange because its buffer cannot hold the body that it was to hold.
    BufferExceeded,
    /// The stream is gone. If it has no verdict, the client left before it.
    EndedByClient,
    /// The awaited keys or response arrived, or the attempt to get them ended.
    TryAgain {
        read: ReadBody<'e>,
    },
    /// Time passes.
    Tick,
}

impl Exchange {
    /// Handles an event. The handlers of rare events are not inlined, so that the code of a usual request stays together.
    pub fn handle(&mut self, event: Event<'_>, env: &mut Env<'_>) -> Step {
        match event {
            Event::RequestHeaders { head, end } => self.request_headers(head, end, env),
            Event::RequestBody { size, end, read } => self.request_body(size, end, read, env),
            Event::RequestTrailers { trailers, read } => self.request_trailers(trailers, read, env),
            Event::ResponseHeaders { status, headers, end } => self.response_headers(status, headers, end, env),
            Event::ResponseBody { size, end, read } => self.response_body(size, end, read, env),
            Event::ResponseTrailers { read } => self.response_trailers(read, env),
            Event::EndedByHost => self.ended_by_host(env),
            Event::BufferExceeded => self.buffer_exceeded(env),
            Event::EndedByClient => self.ended_by_client(env),
            Event::TryAgain { read } => self.try_again(read, env),
            Event::Tick => self.tick(env),
        }
    }
}
