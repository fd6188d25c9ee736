//! Streams keep their bytes and their pace, and nothing passes without a
//! decision: event streams, trailers, HTTP/2, upgrades, answers that come too
//! early, clients that leave.

mod connections;
mod passing;
mod trailers;
mod verdict;

use std::time::Duration;

use serde_json::{Value, json};

use super::weather::{asked_scope, gate, permissive, policy, token};
use crate::support::answer::{Answer, Latch};
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration, setup};
use crate::support::http2::Http2;
use crate::support::keys::{Key, key_set};
use crate::support::native;
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::Token;
use crate::support::upstream::{State, Upstream};
use crate::support::wait_until;

const MCP: &str = "http://mcp.example.com/mcp";

fn ok() -> Answer {
    Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {"ok": true}}))
}

fn forecast() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_forecast"}})
}
