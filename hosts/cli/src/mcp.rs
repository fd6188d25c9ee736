//! A small client of MCP: it initializes a session, and asks for lists page by page.

use serde_json::{Value, json};

use crate::client::{Client, Response};
use crate::tools::events;

/// The version that is offered. A server may answer with another.
const VERSION: &str = "2025-06-18";
/// More pages than any server has: a cursor that never ends is a fault.
const MOST_PAGES: usize = 200;

/// The endpoint of a server, and the session with it.
pub struct Session<'c> {
    client: &'c Client,
    url: &'c str,
    token: Option<&'c str>,
    id: Option<String>,
    version: String,
    asked: u64,
}

/// The outcome of a request: the answer, and the message in it that answers the request.
pub struct Answer {
    pub response: Response,
    pub message: Option<Value>,
}

impl Answer {
    /// The result, or a sentence about what came in its place.
    pub fn result(self) -> Result<Value, String> {
        let status = self.response.status;
        match self.message {
            Some(message) if message.get("result").is_some() => Ok(message.get("result").cloned().unwrap_or_default()),
            Some(message) => {
                let said = message.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
                Err(format!("HTTP {status}: the server says `{said}`"))
            }
            None => {
                let kind = self.response.header("content-type").unwrap_or("no content type");
                let body = String::from_utf8_lossy(&self.response.body);
                let start: String = body.chars().take(120).collect();
                Err(format!("HTTP {status} ({kind}): {start}"))
            }
        }
    }
}

impl<'c> Session<'c> {
    pub fn new(client: &'c Client, url: &'c str, token: Option<&'c str>) -> Self {
        Self { client, url, token, id: None, version: VERSION.to_owned(), asked: 0 }
    }

    /// Sends a request, and waits for its answer.
    pub fn ask(&mut self, method: &str, params: &Value) -> Result<Answer, String> {
        self.asked += 1;
        let id = self.asked;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let is_answer = |message: &Value| {
            let is_own = message.get("id").is_some_and(|own| *own == json!(id) || own.is_null());
            is_own && (message.get("result").is_some() || message.get("error").is_some())
        };
        let answers = |body: &[u8]| events(body).into_iter().find(is_answer);
        let response = self.post(&message, &|body| answers(body).is_some())?;
        let message = match response.is("text/event-stream") {
            true => answers(&response.body),
            false => response.json().filter(is_answer),
        };
        Ok(Answer { response, message })
    }

    fn post(&self, message: &Value, ends: &dyn Fn(&[u8]) -> bool) -> Result<Response, String> {
        let mut headers = vec![("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        let bearer = self.token.map(|token| format!("Bearer {token}"));
        headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
        headers.extend(self.id.iter().map(|id| ("mcp-session-id", id.as_str())));
        if message.get("method") != Some(&json!("initialize")) {
            headers.push(("mcp-protocol-version", &self.version));
        }
        self.client.send("POST", self.url, &headers, Some(message.to_string().as_bytes()), ends)
    }

    /// Opens the session.
    pub fn initialize(&mut self) -> Result<Answer, String> {
        let client = json!({"name": "toolgate", "version": env!("CARGO_PKG_VERSION")});
        let params = json!({"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client});
        let answer = self.ask("initialize", &params)?;
        self.id = answer.response.header("mcp-session-id").map(str::to_owned);
        if let Some(result) = answer.message.as_ref().and_then(|message| message.get("result")) {
            if let Some(version) = result.get("protocolVersion").and_then(Value::as_str) {
                version.clone_into(&mut self.version);
            }
            self.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), &|_| true)?;
        }
        Ok(answer)
    }

    /// All pages of a list: the entries of the member `name` in the results of `method`.
    pub fn list(&mut self, method: &str, name: &str) -> Result<Vec<Value>, String> {
        let mut entries = Vec::new();
        let mut params = json!({});
        for _ in 0..MOST_PAGES {
            let result = self.ask(method, &params)?.result().map_err(|fault| format!("{method}: {fault}"))?;
            entries.extend(result.get(name).and_then(Value::as_array).cloned().unwrap_or_default());
            match result.get("nextCursor").filter(|cursor| !cursor.is_null()) {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return Ok(entries),
            }
        }
        Err(format!("{method}: more than {MOST_PAGES} pages"))
    }

    /// Ends the session. A server may refuse that.
    pub fn end(self) {
        if let Some(id) = &self.id {
            let bearer = self.token.map(|token| format!("Bearer {token}"));
            let mut headers = vec![("mcp-session-id", id.as_str()), ("mcp-protocol-version", self.version.as_str())];
            headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
            let _ = self.client.send("DELETE", self.url, &headers, None, &|_| true);
        }
    }
}
