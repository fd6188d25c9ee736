//! A gateway's or a sidecar's Envoy, whichever control plane configures it.

use std::net::SocketAddr;

use serde_json::{Value, json};

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

    /// Where Envoy's administration listens.
    fn administration(&self) -> SocketAddr;

    /// The status that the control plane reports in the plugin's object.
    fn status(&self) -> String;

    /// The HTTP status of all answers after a start with a configuration that toolgate refuses.
    fn refused_at_start(&self) -> u16;

    /// The HTTP status of all answers while the module cannot be had.
    fn without_module(&self) -> u16;

    /// An answer of Envoy's administration; nothing, if it does not run.
    fn administer(&self, path: &str) -> String {
        try_send(self.administration(), &Request::get(path)).map(|response| response.text()).unwrap_or_default()
    }

    /// The names of the HTTP filters beside toolgate, in their order, the first of the listener that has it.
    fn filters(&self) -> Vec<String> {
        let dump = serde_json::from_str(&self.administer("/config_dump?include_eds=off")).unwrap_or(Value::Null);
        let mut lists = Vec::new();
        filters_in(&dump, &mut lists);
        let has_toolgate = |list: &&Vec<String>| list.iter().any(|name| name == "toolgate");
        lists.iter().find(has_toolgate).cloned().unwrap_or_default()
    }

    /// The count of a metric with its labels, as Prometheus gets them.
    fn count(&self, metric: &str) -> Option<u64> {
        let text = self.administer("/stats/prometheus");
        text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok())
    }

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

/// The lists of HTTP filters anywhere in a configuration, each filter by a short name.
fn filters_in(value: &Value, lists: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) => {
            if let Some(filters) = members.get("http_filters").and_then(Value::as_array) {
                lists.push(filters.iter().filter_map(|filter| filter["name"].as_str()).map(short).collect());
            }
            members.values().for_each(|member| filters_in(member, lists));
        }
        Value::Array(elements) => elements.iter().for_each(|element| filters_in(element, lists)),
        _ => {}
    }
}

fn short(name: &str) -> String {
    if name.contains("toolgate") {
        return "toolgate".to_owned();
    }
    name.rsplit('.').next().unwrap_or(name).to_owned()
}
