//! toolgate's behaviour as one table of exchanges. Two hosts run it: the fake
//! host (`tests/fake_host`) and a real Envoy (`tests/envoy`), each with headers
//! held and with headers ahead.
//!
//! One configuration serves all rows: its resources differ by host, and each
//! stands for a way to configure one. A row is data: a request, the answer of
//! the server behind, and what client, server and records must have seen.

// Two test binaries compile this module, and each runs a part of it.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

pub mod check;
pub mod config;
pub mod endpoint;
pub mod expect;
pub mod explained;
pub mod keys_and_bodies;
pub mod request;

mod audiences;
mod bodies;
mod browsers;
mod conditions;
mod decisions;
mod delegation;
mod forwarding;
mod freshness;
mod identity;
mod in_band;
mod introspection;
mod lists;
mod mapped_scopes;
mod matrix;
mod mcp_headers;
mod metadata;
mod near_names;
mod operations;
mod order;
mod paths;
mod proofs;
mod public;
mod records;
mod revoked;
mod sessions;
mod step_up;
mod streams;
mod tokens;
mod uris;

use expect::Expected;
use request::{Answer, Request};

use crate::support::gate::Mode;

/// One row.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The rule, as a sentence.
    pub name: &'static str,
    pub request: Request,
    /// The server's answer, if the request reaches it.
    pub answer: Answer,
    expected: Expected,
    /// Where it is another with headers ahead.
    ahead: Option<Expected>,
}

/// A row whose server gives an empty result.
pub fn row(name: &'static str, request: Request, expected: Expected) -> Scenario {
    Scenario { name, request, answer: Answer::default(), expected, ahead: None }
}

impl Scenario {
    /// The server says this instead.
    pub fn answered(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    /// Where headers go ahead, this holds instead.
    pub fn ahead(self, expected: Expected) -> Self {
        Self { ahead: Some(expected), ..self }
    }

    pub fn expected(&self, mode: Mode) -> &Expected {
        match (mode, &self.ahead) {
            (Mode::Ahead, Some(ahead)) => ahead,
            _ => &self.expected,
        }
    }
}

/// The whole table.
pub fn all() -> Vec<Scenario> {
    let topics = [
        order::rows(),
        order::pairs(),
        tokens::rows(),
        introspection::rows(),
        bodies::rows(),
        mcp_headers::rows(),
        decisions::rows(),
        operations::rows(),
        step_up::rows(),
        mapped_scopes::rows(),
        audiences::rows(),
        delegation::rows(),
        revoked::rows(),
        records::rows(),
        matrix::rows(),
        near_names::rows(),
        uris::rows(),
        conditions::rows(),
        freshness::rows(),
        lists::rows(),
        streams::rows(),
        browsers::rows(),
        metadata::rows(),
        paths::rows(),
        proofs::rows(),
        forwarding::rows(),
        identity::rows(),
        public::rows(),
        in_band::rows(),
        sessions::rows(),
    ];
    topics.into_iter().flatten().collect()
}
