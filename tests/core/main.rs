//! The core: its machines and its rules, without a host.

// Tests fail loudly.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[path = "../../hosts/native/src/clock.rs"]
mod native_clock;
#[path = "../../hosts/native/src/signature.rs"]
#[allow(dead_code)]
mod native_signature;
#[path = "../support/mod.rs"]
mod support;

mod configuration;
mod discovery;
mod identity;
mod introspection;
mod jsonrpc;
mod key_sets;
mod key_sharing;
mod keycloak;
mod native_timer;
mod new_fields;
mod oracles;
mod policy_conditions;
mod policy_decisions;
mod public_rules;
mod publish;
mod remote_policy;
mod routes;
mod sessions;
mod signatures;
mod strict_json;
mod token_rejections;
mod uri_spellings;
mod version;
mod wycheproof;
