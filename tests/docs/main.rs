//! The documentation: what it says is so, and `src` is as its map says.

// Tests fail loudly.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod blocks;
mod front;
mod links;
mod pages;
mod reference;
mod structure;
