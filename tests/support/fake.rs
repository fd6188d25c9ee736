//! A host that behaves as Envoy was seen to behave, around a gate of the core
//! as it is built natively: it buffers bodies, calls back in Envoy's order, and
//! lets go what Envoy would let go, whether the core means it to or not.
//!
//! ```text
//!                        host flag off                 host flag on
//! Pause in headers       nothing more is shown         bodies are shown
//! resume there           headers go, then the body     all goes that is held,
//!                        is shown                      and is not shown again
//! Continue in a body     it goes                       the headers go with it
//! Continue in trailers   all goes that is held, but not a body that was shown in the same resumption
//! ```

mod message;
mod stream;
mod verifier;
mod worker;

// No binary of tests uses all of them.
#[allow(unused_imports)]
pub use message::{End, Fields, Message, Part};
pub use stream::{Outcome, Stream};
#[allow(unused_imports)]
pub use worker::{Response, STAMP, Sent, Worker, names, ok};
