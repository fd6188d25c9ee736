//! Panics where a request asks for one in `x-toolgate-panic`: for the tests that Envoy survives them.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::abi::{Filter, Map};
use toolgate::exchange::Event;

/// A place outside of the events of a stream. It panics once after a request has asked for it.
pub struct Place {
    name: &'static [u8],
    is_asked: AtomicBool,
}

/// Where a stream begins.
pub static STREAM: Place = Place::new(b"next_stream");
/// Where mail is opened.
pub static MAIL: Place = Place::new(b"next_mail");

impl Place {
    const fn new(name: &'static [u8]) -> Self {
        Self { name, is_asked: AtomicBool::new(false) }
    }

    #[allow(clippy::panic)]
    pub fn reach(&self) {
        if self.is_asked.swap(false, Ordering::SeqCst) {
            panic!("as a request asks");
        }
    }
}

/// Panics if the request asks for it in this event, or notes the place that it names.
#[allow(clippy::panic)]
pub fn in_event(event: &Event<'_>, filter: Filter) {
    let name: &[u8] = match event {
        Event::RequestHeaders { .. } => b"request_headers",
        Event::RequestBody { .. } => b"request_body",
        Event::ResponseHeaders { .. } => b"response_headers",
        Event::ResponseBody { .. } => b"response_body",
        Event::EndedByClient => b"ended_by_client",
        _ => return,
    };
    let Some(asked) = filter.header(Map::RequestHeaders, "x-toolgate-panic") else { return };
    if asked == name {
        panic!("as the request asks");
    }
    for place in [&STREAM, &MAIL] {
        if asked == place.name && name == b"request_headers" {
            place.is_asked.store(true, Ordering::SeqCst);
        }
    }
}
