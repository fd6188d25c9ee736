//! toolgate is a proxy-wasm filter for Envoy that makes an MCP server behind it an OAuth 2.1 resource server: it
//! challenges, verifies tokens, decides per operation, trims lists, and records what it did.
//!
//! # The way of a request
//!
//! ```text
//! filter ─ callback ► gate ─ event ► exchange
//! exchange ─┬► routes      which resource, which document, nowhere
//!           ├► bearer      one credential, in its header
//!           ├► token       untrusted claims, checked ─► jwks, signature ─► AccessToken
//!           │              ... or introspection, where the issuer is asked
//!           ├► jsonrpc     the body, read strictly ─► mcp: what it would use
//!           ├► policy      AccessToken + Access ─► Verdict: a Permit, or a Denial with its reason
//!           ├► listing     entries of lists, by the same verdict; sse: events as they come
//!           └► reply, audit   the only renderers of answers and records
//! filter ◄─ effects ── gate ◄─ step ── exchange
//! ```
//!
//! Everything but `filter` is pure: it makes no host call and reads no clock. Time, shared data, randomness and signature
//! verification are arguments, so that the same code runs in Envoy and in tests. [`gate`] is the machine of one worker,
//! [`exchange`] the machine of one stream. `filter` is their host: it is compiled for wasm only and knows nothing of
//! OAuth; natively the crate does not even link the host's calls. The command line (`src/bin/toolgate/`, feature `cli`)
//! is another such host, for people.
//!
//! # Where a change belongs
//!
//! | module | holds | follows |
//! |---|---|---|
//! | [`audit`] | audit lines, filter state, decision ids | |
//! | [`bearer`] | the `Authorization` header | RFC 6750 section 2.1, RFC 9449 section 7.1 |
//! | [`callout`] | requests to endpoints, through a cluster of the host | |
//! | [`config`], `loader` | the configuration; its readers, which report all faults at once | |
//! | [`dpop`] | proofs of possession: checked, used once | RFC 9449 |
//! | [`drift`], [`manifest`] | what a server's live tools differ in from policy and approval | RFC 8785 |
//! | `explain` | why a request is answered so, for the command line | |
//! | [`exchange`] | the state machine of one request and its answer | MCP, Streamable HTTP |
//! | [`gate`] | the machine of one worker: calls under way, streams that wait, records | |
//! | [`headers`], `bytes`, [`url`], [`uri`], [`text`], [`pattern`], [`node`], [`time`], [`index`], [`protobuf`] | leaf types, which use no other module's rules | RFC 9110, RFC 3986 |
//! | [`identity`] | what the server learns of the caller | |
//! | [`introspection`] | asking an endpoint about tokens, and what is kept of its answers | RFC 7662 |
//! | [`json`] | the strict JSON reader, and a writer | RFC 8259 |
//! | [`jsonrpc`] | one message, as far as it decides | JSON-RPC 2.0 |
//! | [`jwks`] | key sets: discovery, parsing, selection, refresh | RFC 7517, RFC 7518 section 6, RFC 8414 |
//! | [`listing`], [`sse`] | trimming lists in documents and event streams | HTML Living Standard 9.2 |
//! | [`meter`] | how much work senders may choose at a time | |
//! | [`metrics`] | counts, until the host takes them | |
//! | [`mcp`] | methods, their targets, mirrored headers | MCP 2024-11-05 to 2026-07-28 |
//! | [`metadata`] | protected resource metadata | RFC 9728 |
//! | [`places`] | places to wait, and who may take them | |
//! | [`policy`], [`scope`] | rules, hierarchy, matrix; the one decision | RFC 6749 section 3.3 |
//! | [`reason`] | the stable code of every decision | |
//! | [`remote`] | the policy of a control plane, and what it is told of the tools | RFC 9110 section 13 |
//! | [`reply`] | every answer and challenge | RFC 6750 section 3, RFC 9728 section 5.1 |
//! | [`routes`] | hosts and paths, and what only resembles them | |
//! | [`signature`] | algorithms and their verification, by the host or in pure Rust | RFC 7518 section 3, RFC 8037 |
//! | [`token`] | access tokens, per kind of provider; those verified before | RFC 7519, RFC 8725, RFC 9068 |
//! | [`workers`] | coordination between workers: shared data, leases, names | |
//!
//! A new rule gets rows in `tests/scenarios/`, which run on a fake host and on a real Envoy; a new field of the
//! configuration or a new reason also gets a row in the README, which `tests/readme.rs` holds to the code.

pub mod audit;
pub mod bearer;
mod bytes;
pub mod callout;
pub mod config;
pub mod dpop;
pub mod drift;
pub mod exchange;
#[cfg(feature = "cli")]
pub mod explain;
#[cfg(target_family = "wasm")]
mod filter;
pub mod gate;
pub mod headers;
pub mod identity;
pub mod index;
pub mod introspection;
pub mod json;
pub mod jsonrpc;
pub mod jwks;
pub mod listing;
mod loader;
pub mod manifest;
pub mod mcp;
pub mod metadata;
pub mod meter;
pub mod metrics;
pub mod node;
pub mod pattern;
pub mod places;
pub mod policy;
pub mod protobuf;
pub mod reason;
pub mod remote;
pub mod reply;
pub mod routes;
pub mod scope;
pub mod signature;
pub mod sse;
pub mod text;
pub mod time;
pub mod token;
pub mod uri;
pub mod url;
pub mod workers;
