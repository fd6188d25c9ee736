//! The host's side, natively: hooks of Envoy become events of the gate, effects become calls to Envoy. Nothing here knows
//! OAuth.
//!
//! A native module shares Envoy's process and its fate. Two modules hold all unsafe code, `abi` for calls to Envoy and
//! `hooks` for calls from Envoy; the rest is safe Rust. `worker` says which thread does what.

mod abi;
mod calls;
mod clock;
mod hooks;
mod host;
mod http;
mod log;
mod metrics;
mod outbox;
#[cfg(feature = "panic-hook")]
mod panics;
mod plugin;
mod shared;
mod signature;
mod state;
mod step;
mod stream;
mod worker;
