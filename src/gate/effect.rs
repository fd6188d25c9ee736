//! The types of the gate's input and output: the host, calls and their answers, and effects.

use log::Level;

use crate::audit::Stamp;
use crate::callout::Request;
use crate::exchange::Step;
use crate::signature::SignatureVerifier;
use crate::time::UnixTime;
use crate::token::Thumbprint;
use crate::workers::SharedData;

/// The host's name for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// The environment of an event. No part of it calls the gate.
#[derive(Clone, Copy)]
pub struct Host<'h> {
    /// The time.
    pub now: UnixTime,
    /// The host's name for itself, such as Envoy's node id, if it tells. It is in every record.
    pub node: Option<&'h str>,
    /// The data that the host's workers share.
    pub shared: &'h dyn SharedData,
    /// The verifier of signatures.
    pub verifier: &'h dyn SignatureVerifier,
    /// The client certificate of the current stream's connection, if the host terminates mutual TLS.
    pub peer_certificate: &'h dyn Fn() -> Option<Thumbprint>,
}

impl<'h> Host<'h> {
    /// When and where a record is made.
    pub(super) fn stamp(&self) -> Stamp<'h> {
        Stamp { now: self.now, node: self.node }
    }
}

/// The host's open streams, for events that concern several of them.
pub trait Streams {
    /// Makes this stream the current one, for [`Self::request_body`] and [`Host::peer_certificate`]. Returns whether it
    /// still exists.
    fn enter(&self, stream: StreamId) -> bool;
    /// At most `max` bytes of the buffered request body of the current stream.
    fn request_body(&self, max: usize) -> Option<Vec<u8>>;
}

/// The gate's name for a call. No two calls of a gate have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) u32);

/// The answer to a call. A failure of the host looks like one too: a refused connection is a 503 with a body.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// `None` if there were no headers: the connection was reset, or they exceed the host's limit.
    pub status: Option<u16>,
    /// The entity tag of the body.
    pub etag: Option<&'a str>,
    /// The size of the body.
    pub size: usize,
    /// Reads at most this many bytes of the body.
    pub read: &'a dyn Fn(usize) -> Option<Vec<u8>>,
}

impl Answer<'_> {
    /// The body, unless it is longer than `max`.
    pub(super) fn body(&self, max: usize) -> Option<Vec<u8>> {
        if self.size > max { None } else { (self.read)(self.size) }
    }

    /// Whether the endpoint accepted the request.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// An action for the host. Actions are carried out in order, after the event.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send this request, then pass its answer to [`Gate::answered`], or call [`Gate::call_refused`] if it cannot be
    /// sent.
    ///
    /// [`Gate::answered`]: super::Gate::answered
    /// [`Gate::call_refused`]: super::Gate::call_refused
    Call(CallId, Request),
    /// Carry out a step of a stream that waited. [`Flow::Continue`](crate::exchange::Flow) resumes its request.
    Wake(StreamId, Step),
    /// End this stream at once, in both directions.
    End(StreamId),
    /// Set the period of the timer, in milliseconds.
    TickIn(u32),
    /// Log a line.
    Log(Level, String),
    /// Add to the counter of this thing and outcome.
    Count(&'static str, &'static str, u64),
    /// Set the gauge of this name.
    Gauge(String, u64),
}
