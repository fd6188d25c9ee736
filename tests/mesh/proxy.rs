//! A gateway's or a sidecar's Envoy, whichever control plane configures it.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::client::Request;
use crate::support::raw::{Raw, Response};
use crate::world::within;

/// A proxy that runs.
pub trait Proxy {
    /// Ends it and starts another, which knows nothing of before.
    fn restart(&mut self);

    /// The output so far of Envoy and of the agent beside it.
    fn log(&self) -> String;

    /// Whether its pod would be taken for ready.
    fn is_ready(&self) -> bool;

    /// Where clients connect.
    fn address(&self) -> SocketAddr;

    /// The status that the control plane reports in the plugin's object.
    fn status(&self) -> String;

    /// The status of a request without a token, or why there is none.
    fn answer(&self) -> Result<u16, String> {
        try_send(self.address(), &list()).map(|response| response.status).map_err(|fault| fault.to_string())
    }

    /// Waits until a request without a token is challenged.
    fn wait_for_challenge(&self) {
        within(120, "401", || (self.answer() == Ok(401)).then_some(()));
    }

    /// The status of a call, and of the body if it is an error.
    fn call(&self, tool: &str, token: &str) -> Result<u16, String> {
        try_send(self.address(), &Request::call(tool).bearer(token))
            .map(|response| response.status)
            .map_err(|fault| fault.to_string())
    }

    /// The end of the last line of the log that has all these words, without its time.
    fn line(&self, words: &[&str]) -> Option<String> {
        let log = self.log();
        let line = log.lines().rev().find(|line| words.iter().all(|word| line.contains(word)))?;
        Some(line.split_once(words[0]).map_or(line, |(before, _)| &line[before.len()..]).chars().take(220).collect())
    }
}

/// Sends a request to who may not be there.
pub fn try_send(address: SocketAddr, request: &Request) -> std::io::Result<Response> {
    Raw::try_connect(address)?.send(request.bytes()).try_response()
}

/// A `tools/list`.
pub fn list() -> Request {
    Request::rpc("tools/list", json!({}))
}
