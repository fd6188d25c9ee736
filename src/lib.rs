//! toolgate
pub mod audit;
pub mod bearer;
pub mod config;
pub mod exchange;
#[cfg(target_family = "wasm")]
mod filter;
pub mod headers;
pub mod identity;
pub mod json;
pub mod jsonrpc;
pub mod jwks;
pub mod keys;
pub mod listing;
pub mod mcp;
pub mod metadata;
pub mod pattern;
pub mod policy;
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
