//! The metadata documents: one for each resource, to anyone.

use serde_json::{Value, json};

use super::config::{BASE, FILES, MAIN, NAMED, PORT, PREFIXED};
use super::expect::*;
use super::request::{Request, request, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let at = |method: &str, host: &str, path: &str| -> Request {
        request(method).at(host).path(&format!("{WELL_KNOWN}{path}"))
    };
    let document = |value: Value| {
        own(200, "metadata", Body::Json(value))
            .with("content-type", "application/json")
            .with("access-control-allow-origin", "*")
            .with("cache-control", "max-age=300")
    };
    let servers = json!(["https://auth.example.com"]);
    let small = |resource: &str| json!({"resource": resource, "authorization_servers": servers, "scopes_supported": ["weather:read"], "bearer_methods_supported": ["header"]});
    let weather = json!([
        "alerts:write",
        "audit:read",
        "data:run",
        "drop:run",
        "tasks:run",
        "weather:admin",
        "weather:read",
        "weather:write"
    ]);
    let main = json!({
        "resource": "https://mcp.example.com/mcp", "authorization_servers": servers, "scopes_supported": weather,
        "bearer_methods_supported": ["header"], "resource_name": "Weather",
        "resource_documentation": "https://docs.example.com/weather",
        "resource_policy_uri": "https://docs.example.com/policy", "resource_tos_uri": "https://docs.example.com/terms",
    });
    let other_method = || {
        let refused = error(405, "method_not_allowed", "metadata_method_not_allowed").unaudited();
        refused.with("allow", "GET, HEAD, OPTIONS")
    };
    vec![
        row("the metadata says all that is configured", at("GET", MAIN, "/mcp"), document(main.clone())),
        row("a query makes no difference to it", at("GET", MAIN, "/mcp?x=1"), document(main.clone())),
        row("a token makes no difference to it", at("GET", MAIN, "/mcp").bearer(token("").tampered()), document(main)),
        row(
            "a HEAD gets its headers",
            at("HEAD", MAIN, "/mcp"),
            own(200, "metadata", Body::Any)
                .with("content-type", "application/json")
                .with("access-control-allow-origin", "*"),
        ),
        row(
            "OPTIONS lets any page read it",
            at("OPTIONS", MAIN, "/mcp"),
            own(204, "metadata", Body::Any).with("access-control-allow-origin", "*"),
        ),
        row("another method is not allowed on it", at("POST", MAIN, "/mcp").body("{}"), other_method()),
        row("DELETE is not allowed on it", at("DELETE", MAIN, "/mcp"), other_method()),
        row(
            "two resources of one host have two documents",
            at("GET", MAIN, "/second"),
            document(small("https://mcp.example.com/second")),
        ),
        row(
            "the document is found on every host of its resource",
            at("GET", "second.example.com", "/second"),
            document(small("https://mcp.example.com/second")),
        ),
        row(
            "two hosts of one path have two documents",
            at("GET", "quiet.example.com", "/mcp"),
            document(small("https://quiet.example.com/mcp")),
        ),
        row(
            "a resource at the root has its document at the bare path",
            at("GET", "root.example.com", ""),
            document(small("https://root.example.com/")),
        ),
        row(
            "a resource of any host has its document on any",
            at("GET", "any.example.org", "/anywhere"),
            document(small("https://anywhere.example.com/anywhere")),
        ),
        row(
            "a port that matters is in the document",
            at("GET", PORT, "/mcp"),
            document(small("https://port.example.com:8443/mcp")),
        ),
        row(
            "a resource with other paths has its document at its identifier's",
            at("GET", FILES, "/files"),
            document(json!({
                "resource": "https://files.example.com/files", "authorization_servers": servers,
                "scopes_supported": ["files:read", "files:write"], "bearer_methods_supported": ["header"],
            })),
        ),
        row(
            "the base scopes are among those supported",
            at("GET", BASE, "/mcp"),
            document(json!({
                "resource": "https://base.example.com/mcp", "authorization_servers": servers, "bearer_methods_supported": ["header"],
                "scopes_supported": ["alerts:write", "audit:read", "data:run", "drop:run", "mcp:connect", "tasks:run", "weather:admin", "weather:read", "weather:write"],
            })),
        ),
        row(
            "the scopes of the document have the prefix",
            at("GET", PREFIXED, "/mcp"),
            document(json!({
                "resource": "https://prefixed.example.com/mcp", "authorization_servers": servers, "bearer_methods_supported": ["header"],
                "scopes_supported": ["api://gate/alerts:write", "api://gate/audit:read", "api://gate/data:run", "api://gate/drop:run", "api://gate/tasks:run", "api://gate/weather:admin", "api://gate/weather:read", "api://gate/weather:write"],
            })),
        ),
        row(
            "an issuer that is no URL is not published",
            at("GET", NAMED, "/mcp"),
            document(small("https://named.example.com/mcp")),
        ),
        row(
            "a path with a slash more can have a document of its own",
            at("GET", NAMED, "/mcp/"),
            document(small("https://named.example.com/mcp/")),
        ),
        row("another path has no document", at("GET", MAIN, "/files"), not_found()),
        row("another host has no document", at("GET", "elsewhere.example.com", "/mcp"), not_found()),
        row("the bare path has none where no resource is at the root", at("GET", MAIN, ""), not_found()),
        row("a path below a document has none", at("GET", MAIN, "/mcp/x"), not_found()),
    ]
}
