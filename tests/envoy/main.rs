//! toolgate in a real Envoy, and the harness that makes it one.
//!
//! `cargo test --test envoy` needs the module: `make build` first. The harness
//! itself is tested without it: `cargo test --test envoy harness`.

// Tests fail loudly, and they run in real time.
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

mod batches;
mod buffers;
mod certificates;
mod chaos;
mod classic;
mod configuration;
mod corpus;
mod dashboard;
mod demo;
mod discovery;
mod dpop;
mod dpop_client;
mod drift;
mod examples;
mod framing;
mod freshness;
mod front_door;
mod gone;
mod harness;
mod hostile;
mod hydra;
mod introspection;
mod lifecycle;
mod native;
mod observability;
mod outage;
mod provider;
mod publish;
mod quotas;
mod records;
mod remote_policy;
mod responsive;
mod revocation;
mod signatures;
mod sse_transport;
mod streams;
mod table;
mod turns;
mod weather;
