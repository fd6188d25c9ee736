//! The protected server that most tests have in mind, and a gate in front of
//! it for each host mode, shared by the tests that leave it as it is.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::bootstrap::Setup;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::Key;
use crate::support::raw::Response;
use crate::support::tokens::Token;

/// Where the challenge sends a client.
pub const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

/// Reading, writing and administration, and a tool for everybody.
pub fn policy() -> Value {
    json!({
        "tools": {
            "get_forecast": {"scopes": ["weather:read"]},
            "set_alert": {"scopes": ["weather:write"]},
            "delete_city": {"scopes": ["weather:admin"]},
            "echo": {"scopes": []},
        },
        "resources": {"weather://*": {"scopes": ["weather:read"]}},
    })
}

/// The gate that tests share. Trailers and upgrades pass Envoy, so that it is
/// toolgate that deals with them.
pub fn gate(mode: Mode) -> &'static Gate {
    static AHEAD: LazyLock<Gate> = LazyLock::new(|| start(Mode::Ahead));
    static HELD: LazyLock<Gate> = LazyLock::new(|| start(Mode::Held));
    match mode {
        Mode::Ahead => &AHEAD,
        Mode::Held => &HELD,
    }
}

fn start(mode: Mode) -> Gate {
    Gate::start_changed(mode, &configuration(&policy()), permissive)
}

/// Lets through what a less careful Envoy would.
pub fn permissive(setup: Setup) -> Setup {
    setup.trailers().upgrades(&["websocket"]).http_manager(|http| {
        http["http2_protocol_options"]["allow_connect"] = json!(true);
        // It takes `accept-encoding` away before toolgate can, and answers with it.
        let filters = http["http_filters"].as_array_mut().expect("a list of filters");
        filters.retain(|filter| filter["name"] != "envoy.filters.http.compressor");
    })
}

/// A good token with these scopes.
pub fn token(scope: &str) -> String {
    Token::new().scope(scope).sign(&Key::rsa_a())
}

/// The scope that a challenge asks for.
pub fn asked_scope(response: &Response) -> Option<String> {
    let challenge = response.challenge()?;
    let (_, rest) = challenge.split_once(" scope=\"")?;
    rest.split_once('"').map(|(scope, _)| scope.to_owned())
}

/// A good token for these audiences, with these scopes.
pub fn token_for(audiences: &[&str], scope: &str) -> String {
    Token::new().audience(json!(audiences)).scope(scope).sign(&Key::rsa_a())
}
