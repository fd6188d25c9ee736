//! Requests without a valid token, at a resource where some rules are public and the policy is in shadow mode: only a
//! request without any credential goes on, and only to what a public rule names.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate::exchange::HeaderEdit;
use toolgate::explain::{HttpRequest, Question, decide};
use toolgate::jwks::IssuerKeys;
use toolgate::reason::Reason;
use toolgate::signature::PureVerifier;
use toolgate::time::UnixTime;

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "TyE10Y2vZUQYdlcvw8xpqoce7rhzBxdem3iIWwcsoOE"});
    let (public, closed) = (json!({"public": true}), json!({"scopes": ["admin"]}));
    let config = json!({
        "issuers": [{"issuer": "https://auth.example.com", "jwks": {"keys": [key]}}],
        "resources": [{
            "resource": "https://mcp.example.com/mcp",
            "policy": {
                "base_scopes": ["base"],
                "tools": {"open_*": public, "open_admin": closed, "help": public, "*": closed},
                "prompts": {"help": public},
                "resources": {"docs://*": public, "docs://own/*": closed},
                "methods": {"x/open": public},
                "unlisted": {"prompts": "authenticated", "resources": "authenticated", "methods": "authenticated"},
                "mode": "shadow",
            },
            "forward": {"headers": {"x-mcp-subject": "sub"}},
            "in_band": {"user_agents": ["chat*"]},
        }],
        "hold_request_headers": true,
        "batches": "authorize_each",
    });
    Config::parse(config.to_string().as_bytes(), &|_| None).expect("a configuration")
});

/// Header fields, one a line, and after an empty line the body.
fn request(text: &str) -> Option<HttpRequest> {
    let (head, body) = text.split_once("\n\n")?;
    let mut headers =
        vec![(":method", "POST"), (":authority", "mcp.example.com"), ("content-type", "application/json")];
    let mut path = "/mcp";
    for line in head.lines() {
        match line.split_once(':')? {
            ("path", query) => path = query,
            (name, _) if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => return None,
            (name, value) => headers.push((name, value.trim_matches(' '))),
        }
    }
    headers.push((":path", path));
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
    Some(HttpRequest { headers, body: Some(body.as_bytes().to_vec()), trailers: Vec::new() })
}

/// Whether an anonymous caller may ask for this, as serde_json reads it.
fn is_public(message: &Value) -> bool {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/method") {
        "tools/call" => {
            let name = text("/params/name");
            name == "help" || (name.starts_with("open_") && name != "open_admin")
        }
        "prompts/get" => text("/params/name") == "help",
        "resources/read" => text("/params/uri").starts_with("docs:") && !text("/params/uri").contains("/own/"),
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" | "initialize" | "ping" => true,
        "server/discover" | "logging/setLevel" | "subscriptions/listen" | "completion/complete" | "" | "x/open" => true,
        "resources/subscribe" | "resources/unsubscribe" => text("/params/uri").starts_with("docs:"),
        method => method.starts_with("notifications/") && message.get("id").is_none(),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = std::str::from_utf8(bytes).ok().and_then(request) else { return };
    let mut keys = IssuerKeys::new(CONFIG.key_sources(), 0);
    let now = UnixTime::from_millis(1_800_000_000_000);
    let mut question = Question { config: &CONFIG, keys: &mut keys, verifier: &PureVerifier, endpoint: None, now };
    let answered = decide(&mut question, &request);
    let has = |wanted: &str| request.headers.iter().any(|(name, _)| name == wanted);
    assert!(answered.records.iter().all(|record| record.caller.is_none()), "nobody has a token");
    if let Some(reply) = &answered.reply {
        assert!(reply.status >= 400 || reply.body.contains("\"isError\":true") || has("access-control-request-method"));
        return;
    }
    let is_elsewhere = answered.records.iter().any(|record| record.resource.is_none());
    assert!(!is_elsewhere, "nothing passes without a decision");
    assert!(!has("authorization") && !has("dpop"), "a credential is none to nobody");
    assert!(answered.records.iter().all(|record| record.reason == Reason::Public));
    assert!(!answered.edits.iter().any(|edit| matches!(edit, HeaderEdit::Set(name, _) if name == "x-mcp-subject")));
    let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).unwrap_or_default();
    match &body {
        Value::Array(messages) => assert!(messages.iter().all(is_public), "{body}"),
        Value::Object(_) => assert!(is_public(&body), "{body}"),
        // serde_json has no value for a lone surrogate or a number too large.
        _ => {}
    }
});
