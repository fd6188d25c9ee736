//! The workload of the benchmark, for the core alone: a configuration, a token, a call, a list.

use serde_json::json;
use toolgate::config::Config;
use toolgate::headers::Headers;
use toolgate::time::UnixTime;

/// Signed by the key in [`config`] (RSA, 2048 bits), good until 2100.
pub const TOKEN: &str = include_str!("../samples/token.txt");
const JWKS: &str = include_str!("../samples/jwks.json");

/// 130 bytes.
pub const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_forecast","arguments":{"city":"Bern","note":"xxxxxxxxxxxxxx"}}}"#;

/// When it all happens.
pub fn now() -> UnixTime {
    UnixTime::from_millis(1_800_000_000_000)
}

/// The configuration of the benchmark, with this many cached tokens.
///
/// # Panics
/// If it is refused: then there is nothing to measure.
pub fn config(cached_tokens: usize) -> Config {
    let keys: serde_json::Value = serde_json::from_str(JWKS).expect("a key set");
    let mut tools = json!({"get_forecast": {"scopes": ["tools:call"]}, "set_alert": {"scopes": ["tools:admin"]},
        "read_*": {"scopes": ["tools:read"]}, "write_*": {"scopes": ["tools:admin"]}});
    for n in 0..6 {
        tools[format!("tool_{n:05}")] = json!({"scopes": ["tools:call"]});
    }
    let config = json!({
        "issuers": [{"issuer": "https://as.test", "jwks": keys}],
        "resources": [{"resource": "https://m.test/mcp", "hosts": ["*"], "policy": {"tools": tools}}],
        "hold_request_headers": true,
        "token_cache": {"entries": cached_tokens},
    });
    Config::parse(config.to_string().as_bytes(), &|_| None).expect("a configuration")
}

/// The header fields of a call, as Envoy hands them over.
pub fn headers() -> Headers {
    let authorization = format!("Bearer {}", TOKEN.trim());
    let fields = [
        (":authority", "127.0.0.1:10000"),
        (":path", "/mcp"),
        (":method", "POST"),
        (":scheme", "http"),
        ("authorization", &authorization),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-06-18"),
        ("content-length", "130"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-envoy-internal", "true"),
        ("x-request-id", "4a7b0f5e-6d6f-4f43-9f39-0d0c6b1f6a57"),
    ];
    Headers::new(fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect())
}

/// A call of about this many bytes as programs write them: half a file in base64, half an array of small objects.
pub fn structured(size: usize) -> Vec<u8> {
    let item = |n: usize| {
        json!({"id": 100_000 + n, "name": format!("Grüße {n}"), "path": format!("C:\\daten\\{n}.txt"), "says": "\"ja\"\n",
            "price": n as f64 * 1.25 - 500.0, "tags": ["neu", "öffentlich"], "at": [[n, n + 1], [[n % 7], []]],
            "active": n.is_multiple_of(2), "parent": null})
    };
    let mut items = Vec::new();
    let mut bytes = 0;
    while bytes < size / 2 {
        let item = item(items.len());
        bytes += item.to_string().len() + 1;
        items.push(item);
    }
    let file: String = (0..size / 2).map(|n| char::from(b"Zm9vYmFyL2Jheg+0"[n * n % 16])).collect();
    let params = json!({"name": "get_forecast", "arguments": {"file": file, "items": items}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string().into_bytes()
}

/// The answer to a `tools/list` with this many tools of 400 bytes, half of which the policy denies.
pub fn list(count: usize) -> Vec<u8> {
    list_of(count, 0)
}

/// As [`list`], in one of many versions.
pub fn list_of(count: usize, version: usize) -> Vec<u8> {
    let tools: Vec<_> = (0..count)
        .map(|n| {
            let kind = if n % 2 == 0 { "read" } else { "write" };
            let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
            json!({"name": format!("{kind}_{n:05}"), "title": version, "inputSchema": schema, "description": "what it \"does\" ".repeat(14)})
        })
        .collect();
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string().into_bytes()
}
