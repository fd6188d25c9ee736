//! A client that speaks properly, with short names for what tests do often.

use std::net::SocketAddr;

use serde_json::Value;

use super::raw::{Raw, Response, Streaming};
use super::upstream::{self, Scenario};

/// The authority that requests carry where a test sets no other: the gate
/// tells its resources apart by it.
pub const HOST: &str = "mcp.example.com";

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    host: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        let (method, target, host) = (method.to_owned(), target.to_owned(), HOST.to_owned());
        Self { method, target, host, headers: Vec::new(), body: None }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST as an MCP client sends it.
    pub fn post(target: &str, message: &Value) -> Self {
        Self::new("POST", target)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(message.to_string())
    }

    /// A `tools/call` without arguments, to `/mcp`.
    pub fn call(tool: &str) -> Self {
        Self::rpc("tools/call", serde_json::json!({"name": tool, "arguments": {}}))
    }

    /// A JSON-RPC request with id 1, to `/mcp`.
    pub fn rpc(method: &str, params: Value) -> Self {
        let message = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Self::post("/mcp", &message)
    }

    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Adds a header; one that is there already stays.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Is answered and recorded by this scenario of the upstream.
    pub fn scenario(self, scenario: &Scenario) -> Self {
        self.header(upstream::HEADER, scenario.id())
    }

    pub fn body(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(bytes.into()), ..self }
    }

    /// The request on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        if let Some(body) = &self.body {
            bytes.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    /// The request in chunks of these sizes, the rest in one, and with trailers.
    pub fn chunked(&self, sizes: &[usize], trailers: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
        let mut body = self.body.as_deref().unwrap_or_default();
        for &size in sizes.iter().chain([&usize::MAX]) {
            let (chunk, rest) = body.split_at(size.min(body.len()));
            if !chunk.is_empty() {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend([chunk, b"\r\n"].concat());
            }
            body = rest;
        }
        bytes.extend(b"0\r\n");
        for (name, value) in trailers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes
    }

    fn head(&self) -> Vec<u8> {
        let start = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target, self.host);
        let mut head = start.into_bytes();
        for (name, value) in &self.headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head
    }
}

/// Sends requests to one address, each on a connection of its own.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn send(&self, request: &Request) -> Response {
        let mut connection = Raw::connect(self.address);
        connection.send(request.bytes());
        if request.method == "HEAD" { connection.response_to_head() } else { connection.response() }
    }

    pub fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    /// Posts a message, with a token if there is one.
    pub fn post(&self, target: &str, token: Option<&str>, message: &Value) -> Response {
        let request = Request::post(target, message);
        self.send(&match token {
            Some(token) => request.bearer(token),
            None => request,
        })
    }

    /// Sends a request and returns as soon as the headers of the answer are
    /// there.
    pub fn open(&self, request: &Request) -> Streaming {
        let mut connection = Raw::connect(self.address);
        connection.send(request.bytes());
        connection.open()
    }

    /// A connection for bytes of the test's own making.
    pub fn raw(&self) -> Raw {
        Raw::connect(self.address)
    }
}
