//! A stream of Envoy, as far as any thread may know it, and the answers that Envoy gets for it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::abi::{Filter, Map};
use toolgate::reason::Reason;
use toolgate::reply::{Refusal, Reply};

/// Media types of gRPC begin so.
const GRPC: &[u8] = b"application/grpc";

/// A stream that exists in Envoy.
pub struct Open {
    /// Its filter. It is used on the thread of its worker, while the worker has the stream.
    pub filter: Filter,
    /// Whether it is answered or ended. Nothing of it may go on then.
    is_over: AtomicBool,
    /// Whether its answer has begun: a part of it may be with the client.
    has_begun: AtomicBool,
}

impl Open {
    pub fn new(filter: Filter) -> Self {
        Self { filter, is_over: AtomicBool::new(false), has_begun: AtomicBool::new(false) }
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// A part of the answer goes to the client.
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// Envoy ends the stream: its filter is no more.
    pub fn close(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Lets the held request go. May lead to events of its answer at once.
    pub fn resume(&self) {
        if !self.is_over() {
            self.filter.resume_request();
        }
    }

    /// Answers the client. May lead to the stream's last hooks at once.
    pub fn reply(&self, reply: &Reply) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        // Envoy turns its own answers to gRPC into gRPC, with status 200, and shows them to no hook.
        let kind = self.filter.header(Map::RequestHeaders, "content-type").unwrap_or_default();
        if kind.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC)) {
            self.filter.reply_without_body(reply);
        } else {
            self.filter.reply(reply);
        }
    }

    /// Ends the stream, in both directions. May lead to its last hooks at once.
    pub fn end(&self) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.filter.reset("toolgate_ended");
        }
    }

    /// Answers where nothing else can be said, or ends the stream if it is too late to answer.
    pub fn refuse(&self) {
        if self.has_begun.load(Ordering::Relaxed) {
            self.end();
        } else {
            self.reply(&Refusal::BadGateway(Reason::HostCallFailed).render(None, None));
        }
    }
}
