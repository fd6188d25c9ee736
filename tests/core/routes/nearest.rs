//! The resource that a log line names for a request that none matches.

use super::{config, number};
use serde_json::json;
use toolgate::routes::shown;

#[test]
fn a_mistyped_url_is_told_the_resource_that_was_probably_meant_and_what_differs() {
    let config = config(
        json!([
            {"resource": "https://mcp.example.com/mcp"},
            {"resource": "https://tickets.example.com:8443/mcp", "hosts": ["tickets.example.com:8443"]},
            {"resource": "https://files.example.com/v1/files", "paths": ["/v1/files", "/v1/files/*"]},
        ]),
        json!([]),
    );
    for (host, target, resource, differs) in [
        ("mcp.example.com", "/mcp/", 0, "with the path /mcp"),
        ("mcp.example.com", "/", 0, "with the path /mcp"),
        ("mcp.example.com", "/MCP?x=1", 0, "with the path /mcp"),
        ("mcp.example.com", "/sse", 0, "with the path /mcp"),
        ("mcp.example.org", "/mcp", 0, "with the host mcp.example.com"),
        ("localhost:10000", "/mcp", 0, "with the host mcp.example.com"),
        ("tickets.example.com", "/mcp", 1, "with the host tickets.example.com:8443"),
        ("tickets.example.com:80", "/", 1, "with the host tickets.example.com:8443 and the path /mcp"),
        ("files.example.com", "/v1/file", 2, "with the path /v1/files"),
        ("files.example.com", "/v1/files/a%2fb", 2, "but a server may read this path as another one"),
        ("", "", 0, "with the host mcp.example.com and the path /mcp"),
        ("[", "*", 0, "with the host mcp.example.com and the path /mcp"),
    ] {
        let nearest = config.routes.nearest(host, target).unwrap();
        let found = (number(&config, nearest.resource), nearest.to_string());
        assert_eq!(found, (resource, differs.to_owned()), "`{target}` at `{host}`");
    }
}

#[test]
fn a_request_is_shown_without_its_query_and_without_what_may_be_a_token() {
    let long = "x".repeat(41);
    for (host, target, expected) in [
        ("mcp.example.com", "/mcp?access_token=secret", "mcp.example.com/mcp".to_owned()),
        ("mcp.example.com", &*format!("/mcp/{long}/a"), "mcp.example.com/mcp/.../a".to_owned()),
        ("mcp.example.com", "/a/mcp%3Faccess_token=secret", "mcp.example.com/a/...".to_owned()),
        (&*"h".repeat(500), &*"/a".repeat(500), format!("{}{}", "h".repeat(100), "/a".repeat(50))),
        ("", "", String::new()),
    ] {
        assert_eq!(shown(host, target), expected);
    }
}
