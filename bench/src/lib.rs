//! What the benchmarks share: a small HTTP server, the core without a host, and what is fed to it.

pub mod exchanges;
pub mod samples;
pub mod server;
