//! The command line, and the functions behind it.

// Tests fail loudly.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[path = "../../../../tests/scenarios/mod.rs"]
mod scenarios;
#[path = "../../../../tests/support/mod.rs"]
mod support;

mod around;
mod check;
mod commands;
mod compose;
mod deploy;
mod docs;
mod doctor;
mod examples;
mod likely;
mod listed;
mod mesh;
mod misconfigurations;
mod newcomer;
mod on_trial;
mod pages;
mod run;
mod schema;
mod table;
mod version;
mod watch;
