//! Shared by the benchmarks: a small HTTP server, the core without a host, and its input.

pub mod exchanges;
pub mod samples;
pub mod server;
