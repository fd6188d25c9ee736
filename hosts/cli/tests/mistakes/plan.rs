//! A gate in which all is well, before a mistake is made in it.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::bootstrap::Setup;
use crate::support::keys::{Key, key_set};
use crate::support::tokens::Token;
use crate::support::upstream::Recorded;

/// How the authorization server is reached, and how the cluster reaches it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transport {
    Plain,
    Tls,
}

type Change = Box<dyn FnOnce(Setup) -> Setup>;

/// Everything that a mistake may change.
pub struct Plan {
    /// Such as `http://127.0.0.1:9400`.
    pub issuer: String,
    /// toolgate's configuration.
    pub config: Value,
    pub token: Token,
    pub key: Key,
    /// The tool that the client calls.
    pub tool: &'static str,
    /// The host that the client uses.
    pub host: &'static str,
    pub path: &'static str,
    /// The method: `tools/call`, or `tools/list`.
    pub method: &'static str,
    /// Changes around the configuration.
    changes: Vec<Change>,
}

impl Plan {
    pub fn new(issuer: &str, url: &str) -> Self {
        let config = json!({
            "issuers": [{
                "issuer": issuer, "name": "main", "profile": "rfc9068",
                "jwks": {"uri": format!("{issuer}/jwks"), "cluster": "auth"},
            }],
            "resources": [{
                "resource": url,
                "policy": {"tools": {
                    "get_forecast": {"scopes": ["weather:read"]},
                    "set_alert": {"scopes": ["weather:write"]},
                }},
            }],
            "hold_request_headers": true,
        });
        let token = Token::new().issuer(issuer).audience(url).scope("weather:read weather:write");
        Self {
            issuer: issuer.to_owned(),
            config,
            token,
            key: Key::rsa_a(),
            tool: "get_forecast",
            host: "127.0.0.1",
            path: "/mcp",
            method: "tools/call",
            changes: Vec::new(),
        }
    }

    /// Changes a claim of the token.
    pub fn claim(&mut self, name: &str, value: impl Into<Value>) {
        self.token = self.token.clone().claim(name, value);
    }

    /// Changes what is around the configuration.
    pub fn around(&mut self, change: impl FnOnce(Setup) -> Setup + 'static) {
        self.changes.push(Box::new(change));
    }

    pub fn changed(&mut self, setup: Setup) -> Setup {
        std::mem::take(&mut self.changes).into_iter().fold(setup, |setup, change| change(setup))
    }

    /// The policy of the only resource.
    pub fn policy(&mut self) -> &mut Value {
        &mut self.config["resources"][0]["policy"]
    }
}

/// An authorization server in which all is well, but for what `instead` answers to its issuer and a path.
pub fn provider(issuer: String, instead: Option<fn(&str, &str) -> Option<Answer>>) -> impl Fn(&Recorded) -> Answer {
    move |request: &Recorded| {
        if let Some(answer) = instead.and_then(|instead| instead(&issuer, &request.target)) {
            return answer;
        }
        match request.target.as_str() {
            "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" => {
                Answer::json(&metadata(&issuer))
            }
            "/jwks" => Answer::json(&key_set([&Key::rsa_a()])),
            _ => Answer::new(404),
        }
    }
}

pub fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
        "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
        "code_challenge_methods_supported": ["S256"], "registration_endpoint": format!("{issuer}/register"),
    })
}

/// An MCP server, whose list of tools is larger than Envoy's smallest buffers.
pub fn server(request: &Recorded) -> Answer {
    if request.method != "POST" {
        return Answer::new(405);
    }
    let message = request.json();
    let tool = |name: &str| json!({"name": name, "description": "x".repeat(40_000), "inputSchema": {"type": "object"}});
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {}}),
        "tools/list" => json!({"tools": [tool("get_forecast"), tool("set_alert")]}),
        method if method.starts_with("notifications/") => return Answer::new(202),
        _ => json!({"content": []}),
    };
    Answer::json(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))
}
