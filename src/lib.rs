//! toolgate is a proxy-wasm filter for Envoy that makes an MCP server behind it an OAuth 2.1 resource server: it
//! challenges clients, verifies tokens, decides each operation, filters lists, and records its decisions.
//!
//! # The path of a request
//!
//! ```text
//! host ─ callback ► gate ─ event ► exchange
//! exchange ─┬► routes      the resource, its metadata document, or neither
//!           ├► bearer      one credential, in its header, or none: an anonymous caller
//!           ├► token       untrusted claims, checked ─► jwks, signature ─► AccessToken
//!           │              ... or introspection, if the endpoint is called
//!           ├► jsonrpc     the body, parsed strictly ─► mcp: the operation and its targets
//!           ├► policy      Caller + Access ─► Verdict: a Permit, or a Denial with its reason
//!           ├► listing     entries of lists, by the same verdict; sse: events as they arrive
//!           └► reply, audit   the only renderers of responses and records
//! host ◄─ effects ── gate ◄─ step ── exchange
//! ```
//!
//! This crate is the core. It is pure: it makes no host call, reads no clock, and has no unsafe code. Time, shared data,
//! randomness and signature verification are arguments, so that the same code runs in Envoy and in tests. [`gate`] is the
//! machine of one worker, [`exchange`] the machine of one stream.
//!
//! Its hosts are packages beside it, which know nothing of OAuth: `hosts/wasm` is the proxy-wasm filter, `hosts/native` the
//! native module of Envoy, `hosts/cli` the command line, `hosts/playground` the page. `hosts/report` words decisions for
//! the last two.
//!
//! # Where a change belongs
//!
//! | module | holds | follows |
//! |---|---|---|
//! | [`audit`] | audit lines, filter state, decision ids | |
//! | [`bearer`] | the `Authorization` header | RFC 6750 section 2.1, RFC 9449 section 7.1 |
//! | [`caller`] | the caller of a request: a verified token, or anonymous | |
//! | [`callout`] | requests to endpoints, through a cluster of the host | |
//! | [`config`], `loader` | the configuration; its readers, which report all faults at once | |
//! | [`dpop`] | proofs of possession: verified, single-use | RFC 9449 |
//! | [`drift`], [`manifest`] | differences of live tools from the policy and the approved manifest | RFC 8785 |
//! | `explain` | why a request gets its answer, for command line and playground | |
//! | [`exchange`] | the state machine of one request and its answer | MCP, Streamable HTTP |
//! | [`gate`] | the machine of one worker: calls under way, streams that wait, records | |
//! | [`headers`], `bytes`, `hash`, [`url`], [`uri`], [`text`], [`pattern`], [`node`], [`time`], [`index`], [`ids`], [`protobuf`] | leaf types, which use no other module's rules | RFC 9110, RFC 3986 |
//! | [`identity`] | the caller's identity as headers for the server | |
//! | [`introspection`] | calls to introspection endpoints, and cached responses | RFC 7662 |
//! | [`json`] | the strict JSON reader, and a writer | RFC 8259 |
//! | [`jsonrpc`] | one message, and the members that affect a decision | JSON-RPC 2.0 |
//! | [`jwks`] | key sets: discovery, parsing, selection, refresh | RFC 7517, RFC 7518 section 6, RFC 8414 |
//! | [`listing`], [`sse`] | filtering lists in documents and event streams | HTML Living Standard 9.2 |
//! | [`meter`] | limits on the work that senders can cause | |
//! | [`metrics`] | counters, until the host takes them | |
//! | [`mcp`] | methods, their targets, mirrored headers | MCP 2024-11-05 to 2026-07-28 |
//! | [`metadata`] | protected resource metadata | RFC 9728 |
//! | [`places`] | limits on waiting requests | |
//! | [`policy`], [`scope`] | rules, hierarchy, matrix; the decision | RFC 6749 section 3.3 |
//! | [`reason`] | the stable code of every decision | |
//! | [`remote`] | policies from a control plane, and manifests published to it | RFC 9110 section 13 |
//! | [`reply`] | all responses and challenges | RFC 6750 section 3, RFC 9728 section 5.1 |
//! | [`routes`] | hosts and paths, and look-alike paths | |
//! | [`sessions`] | session ids, bound to their caller by a tag | MCP, RFC 2104 |
//! | [`signature`] | algorithms and their verification, by the host or in pure Rust | RFC 7518 section 3, RFC 8037 |
//! | [`token`] | access tokens, with provider profiles, mapped scopes and actors; the token cache | RFC 7519, RFC 8725, RFC 9068, RFC 8693 section 4.1 |
//! | [`version`] | version, commit and interface of the build; the start-up line | |
//! | [`workers`] | coordination between workers: shared data, leases, names | |
//!
//! A new rule gets rows in `tests/scenarios/`, which run on a fake host and on a real Envoy. A new field of the
//! configuration or a new reason also gets a row in `docs/`; `tests/docs` checks that it does.

#![forbid(unsafe_code)]

pub mod audit;
pub mod bearer;
mod bytes;
pub mod caller;
pub mod callout;
pub mod config;
pub mod dpop;
pub mod drift;
pub mod exchange;
#[cfg(feature = "explain")]
pub mod explain;
pub mod gate;
mod hash;
pub mod headers;
pub mod identity;
pub mod ids;
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
pub mod sessions;
pub mod signature;
pub mod sse;
pub mod text;
pub mod time;
pub mod token;
pub mod uri;
pub mod url;
pub mod version;
pub mod workers;
