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

mod scenarios;
mod support;

#[path = "cli/check.rs"]
mod check;
#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/docs.rs"]
mod docs;
#[path = "cli/misconfigurations.rs"]
mod misconfigurations;
#[path = "cli/newcomer.rs"]
mod newcomer;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/table.rs"]
mod table;
