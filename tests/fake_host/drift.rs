//! Drift: what is learned from a server's lists, what follows from it, and what cannot be made to follow.

mod lists;
mod policy;
mod tools;
mod workers;

use std::time::Duration;

use crate::support::core::first_resource;
use crate::support::fake::{End, Part, Stream, Worker, names, ok};
use crate::support::keys::Key;
use crate::support::shared_data::Fault;
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use serde_json::{Value, json};
use toolgate::drift::shared::SharedDrift;
use toolgate::drift::worker::Told;
use toolgate::drift::{News, Settled};
use toolgate::manifest::Manifest;
use toolgate::node::Node;
use toolgate::time::UnixTime;
use toolgate::workers::SharedData;

const NOW: i64 = 1_800_000_000;
const SECOND: Duration = Duration::from_secs(1);

fn tool(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "inputSchema": {"type": "object"}})
}

/// The manifest of these tools, as the command line writes it.
fn approved(tools: &[Value]) -> Value {
    let nodes: Vec<Node> = tools.iter().map(|tool| serde_json::from_str(&tool.to_string()).unwrap()).collect();
    serde_json::from_str(&Manifest::of_tools(&nodes).unwrap().json()).unwrap()
}

/// One worker with one resource.
struct Gate {
    worker: Worker,
    /// As many lines of its log were read.
    read: usize,
}

/// An answer to `tools/list`.
#[derive(Clone)]
struct List<'a> {
    caller: &'a str,
    cursor: Option<&'a str>,
    next: Option<&'a str>,
    tools: &'a [Value],
    status: u16,
    events: bool,
}

impl Default for List<'_> {
    fn default() -> Self {
        List { caller: "alice", cursor: None, next: None, tools: &[], status: 200, events: false }
    }
}

fn configuration(policy: Value, more: &Value) -> Value {
    let mut resource = json!({"resource": AUDIENCE, "policy": policy});
    resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"keys": [Key::ed25519().jwk()]}}],
        "resources": [resource],
    })
}

impl Gate {
    fn new(policy: Value, more: &Value) -> Self {
        Self::configured(&configuration(policy, more))
    }

    fn configured(configuration: &Value) -> Self {
        Self { worker: Worker::new(configuration, false, NOW), read: 0 }
    }

    /// Two workers of one host.
    fn two(policy: Value, more: &Value) -> [Self; 2] {
        let configuration = configuration(policy, more);
        let one = Self::configured(&configuration);
        let other = Worker::beside(&one.worker, &configuration);
        [one, Self { worker: other, read: 0 }]
    }

    fn send(&mut self, caller: &str, message: &Value) -> Stream {
        self.send_with(&Token::at(NOW).subject(caller).expires_in(100_000).sign(&Key::ed25519()), message)
    }

    fn send_with(&mut self, token: &str, message: &Value) -> Stream {
        let fields = [
            (":method", "POST".to_owned()),
            (":path", "/mcp".to_owned()),
            (":authority", "mcp.example.com".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("authorization", format!("Bearer {token}")),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes())).into();
        let stream = Stream::open(&mut self.worker, fields, End::More);
        stream.receive(&mut self.worker, Part::Data(message.to_string().into_bytes(), End::Last));
        stream
    }

    /// The names that the client gets to see.
    fn list(&mut self, list: &List<'_>) -> Vec<String> {
        let mut result = json!({"tools": list.tools});
        if let Some(next) = list.next {
            result["nextCursor"] = json!(next);
        }
        self.list_of(list, &json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string())
    }

    /// As [`Self::list`], where the server's answer is `body`.
    fn list_of(&mut self, list: &List<'_>, body: &str) -> Vec<String> {
        let mut params = json!({});
        if let Some(cursor) = list.cursor {
            params["cursor"] = json!(cursor);
        }
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params});
        let stream = self.send(list.caller, &request);
        let (media, body) = match list.events {
            true => ("text/event-stream", format!("event: message\ndata: {body}\n\n")),
            false => ("application/json", body.to_owned()),
        };
        let body = self.answer(&stream, list.status, media, &body);
        let body = body.strip_prefix("event: message\ndata: ").unwrap_or(&body);
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let names = answer["result"]["tools"].as_array().cloned().unwrap_or_default();
        names.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The body that the client gets for this answer.
    fn answer(&mut self, stream: &Stream, status: u16, media: &str, body: &str) -> String {
        let headers = vec![("content-type".to_owned(), media.as_bytes().to_vec())];
        let parts = vec![Part::Data(body.as_bytes().to_vec(), End::Last)];
        stream.answer(&mut self.worker, status, headers, parts, End::More);
        String::from_utf8(stream.client().unwrap().body).unwrap()
    }

    /// Asks for the list with this id, and is answered by these messages on a stream, or by one of them as JSON.
    fn answered(&mut self, id: u64, status: u16, messages: &[Value]) {
        let stream = self.send("alice", &json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}));
        match messages {
            [message] => self.answer(&stream, status, "application/json", &message.to_string()),
            _ => self.answer(&stream, status, "text/event-stream", &events(messages)),
        };
    }

    /// The standing stream of a caller brings these messages.
    fn stream(&mut self, caller: &str, messages: &[Value]) -> String {
        let token = Token::at(NOW).subject(caller).sign(&Key::ed25519());
        let fields = [(":method", "GET"), (":path", "/mcp"), (":authority", "mcp.example.com")];
        let mut fields: Vec<_> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
        fields.push(("authorization".to_owned(), format!("Bearer {token}").into_bytes()));
        let stream = Stream::open(&mut self.worker, fields, End::Last);
        self.answer(&stream, 200, "text/event-stream", &events(messages))
    }

    /// The name of the record that workers share.
    fn record_name(&self) -> String {
        Told::new(self.worker.gate.config(), &names()).names()[0].clone()
    }

    /// The record that workers share.
    fn record(&self) -> SharedDrift {
        let record = self.worker.shared.read(&self.record_name()).unwrap();
        SharedDrift::decode(&record.bytes).unwrap_or_default()
    }

    /// Replaces the shared record, as another worker would.
    fn adopt(&mut self, told: &SharedDrift) {
        self.worker.shared.put(&self.record_name(), told.encode().into_bytes());
        self.worker.tick();
    }

    fn call(&mut self, tool: &str) -> &'static str {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}});
        self.send("alice", &request).records().last().unwrap().reason.as_str()
    }

    /// The findings that were reported since the last time, at the next tick at the latest.
    fn findings(&mut self) -> Vec<String> {
        self.worker.tick();
        let lines = self.worker.log.iter().skip(std::mem::replace(&mut self.read, self.worker.log.len()));
        let events = lines.filter_map(|line| line.strip_prefix("toolgate.event "));
        let events = events.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |event: &Value, member: &str| event[member].as_str().unwrap_or_default().to_owned();
        let found = events.filter_map(|event| match event["event"].as_str() {
            Some("drift") => Some(format!("{} {}", text(&event, "detail"), text(&event, "target"))),
            Some("drift_settled") => Some(format!("settled {}", text(&event, "target"))),
            _ => None,
        });
        found.collect()
    }

    /// Makes this worker lose every race for the shared record, or none.
    fn loses_races(&self, loses: bool) {
        self.worker.shared.fault.set(if loses { Fault::Raced } else { Fault::None });
    }
}

/// A list of tools, in answer to the request with this id.
fn listed(id: u64, tools: &[Value]) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}})
}

fn events(messages: &[Value]) -> String {
    messages.iter().map(|message| format!("data: {message}\n\n")).collect()
}

/// A server whose tools were approved, and that is denied what differs.
fn watched(tools: &[Value]) -> Gate {
    Gate::new(open_to_all(), &json!({"manifest": approved(tools), "on_drift": "deny"}))
}

fn open_to_all() -> Value {
    json!({"tools": {"*": {"scopes": []}}})
}
