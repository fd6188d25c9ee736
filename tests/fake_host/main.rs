//! The core on a host that the tests play: the scenario table, and what outlives a stream.

// Tests fail loudly, and helpers read the real clock.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[path = "../scenarios/mod.rs"]
mod scenarios;
#[path = "../support/mod.rs"]
mod support;

mod anonymous;
mod dpop;
mod drift;
mod freshness;
mod gates;
mod lenient_clients;
mod refused_tokens;
mod revocation;
mod sessions;
mod table;
mod token_cache;
mod turns;
mod watched_streams;
