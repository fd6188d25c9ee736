//! Paths that a server may take for a protected one.

use super::Goes::{Nothing, Pass, Resource};
use super::{config, find, number};
use serde_json::json;

/// Paths that some server takes for `/mcp/v1`.
const LOOK_ALIKES: &[&str] = &[
    "/mcp/v1/",
    "/mcp/v1//",
    "//mcp/v1",
    "/mcp//v1",
    "///mcp///v1///",
    "/MCP/v1",
    "/mcp/V1",
    "/Mcp/V1/",
    "/mcp/v1;x",
    "/mcp/v1;x=1/",
    "/mcp;a=b/v1",
    "/mcp/v1;",
    "/;x/mcp/v1",
    "/./mcp/v1",
    "/mcp/./v1",
    "/mcp/v1/.",
    "/x/../mcp/v1",
    "/mcp/x/../v1",
    "/mcp/v1/x/..",
    "/../mcp/v1",
    "/x;y/..;z/mcp/v1",
    "\\mcp\\v1",
    "/mcp\\v1",
    "/mcp/v1\\",
    "/x\\..\\mcp/v1",
    "/%6dcp/v1",
    "/%6Dcp/v1",
    "/mcp/%761",
    "/%256dcp/v1",
    "/%25256dcp/v1",
    "/mcp%2fv1",
    "/mcp%2Fv1",
    "/mcp%252fv1",
    "/mcp%5cv1",
    "/mcp/v1%2f",
    "/mcp/%2e/v1",
    "/x/%2e%2e/mcp/v1",
    "/x/%252e%252e/mcp/v1",
    "/x%2f..%2fmcp/v1",
    "/mcp/v1%3bx",
    "/mcp/v1%00",
    "/mcp/v1%3fx",
    "/mcp/v1%253fx",
    "/mcp/v1%23x",
    "/mcp/v1%2523x",
    "/mcp/v1%2500x",
    "/mcp/v1;x%3fy",
    "/mcp/v1%3fx/../y",
    "/x%3f/%252e%252e/mcp/v1",
    "/x%23/%252e%252e/mcp/v1",
    "/x%2500/%252e%252e/mcp/v1",
    "/x%253f/%252e%252e/mcp/v1",
    "/x%3f/../mcp/v1",
    "/x%3f/%2e%2e/mcp/v1",
    "/x%3f/..;y/mcp/v1",
    "/x%3fa%23b/%252e%252e/mcp/v1%3fz",
    "/x%23/..%2fmcp%2fv1%3f",
    "/mcp/v1#x",
    "/%4d%43%50/%56%31",
    "/mcp/v1/./",
    "//..//mcp/v1",
];

#[test]
fn a_path_that_only_resembles_a_protected_one_belongs_nowhere() {
    let pass: Vec<&str> =
        LOOK_ALIKES.iter().copied().filter(|path| path.starts_with('/') && !path.contains('#')).collect();
    let exact = json!({"resource": "https://a.example/mcp/v1"});
    let all_below = json!({"resource": "https://b.example/", "paths": ["/*"]});
    let configs = [
        ("alone", config(json!([exact]), json!([]))),
        ("where everything passes", config(json!([exact]), json!(["/*"]))),
        ("where it passes by name", config(json!([exact]), json!(pass))),
        ("beside a resource for everything below", config(json!([exact, all_below]), json!([]))),
    ];
    assert!(LOOK_ALIKES.len() >= 40);
    for (name, config) in &configs {
        for path in LOOK_ALIKES {
            for host in ["a.example", "b.example", "other.example"] {
                for target in [(*path).to_owned(), format!("{path}?x=1")] {
                    assert_eq!(find(config, host, &target), Nothing, "`{target}` at {host}, {name}");
                }
            }
        }
        assert_eq!(find(config, "a.example", "/mcp/v1"), Resource(0), "{name}");
    }
    let open = &configs[1].1;
    for path in
        ["/mcp", "/mcp/v11", "/mcp/v1x", "/mcp/v1/below", "/xmcp/v1", "/mcp/v", "/v1", "/mcpv1", "/mcp/v1.", "/"]
    {
        assert_eq!(find(open, "a.example", path), Pass, "`{path}` is another path");
    }
}

#[test]
fn below_a_pattern_nothing_ambiguous_is_let_through() {
    let config = config(json!([{"resource": "https://a.example/api", "paths": ["/api/*"]}]), json!(["/*"]));
    const REFUSED: &[&str] = &[
        "/api/x%2fy",
        "/api/x%2Fy",
        "/api/%2f",
        "/api/x%5cy",
        "/api/x%5Cy",
        "/api/x\\y",
        "/api/x%00",
        "/api/%00y",
        "/api/..",
        "/api/../x",
        "/api/x/../y",
        "/api/./x",
        "/api/.",
        "/api/x/.",
        "/api/%2e%2e/x",
        "/api/%2E/x",
        "/api/.%2e/x",
        "/api/..;/x",
        "/api/%252e%252e/x",
        "/api/x%3f/%252e%252e/x",
        "/api/x/..%3fy",
        "/api/%25252e/x",
        "/api/%u002e%u002e/x",
        "/api/%c0%ae%c0%ae/x",
        "/api/%c0%afx",
        "/api/%e0%80%ae./x",
        "/api/x/..;a=b/y",
        "/API/x",
        "/api;x/y",
        "//api/x",
        "/%61pi/x",
        "/x/../api/y",
        "/api",
        "/api%2fx",
        "\\api\\x",
        "/Api/",
    ];
    for path in REFUSED {
        assert_eq!(find(&config, "a.example", path), Nothing, "{path}");
        assert_eq!(find(&config, "other.example", path), Nothing, "{path} at another host");
    }
    const TAKEN: &[&str] = &[
        "/api/",
        "/api/x",
        "/api/x/",
        "/api/x.y",
        "/api/...",
        "/api/.x",
        "/api/x..",
        "/api/%20",
        "/api/X%41",
        "/api/a;b",
        "/api/what%3f",
        "/api/a%23b",
        "/api/100%25",
        "/api/%c3%a9",
        "/api/%user",
    ];
    for path in TAKEN {
        assert_eq!(find(&config, "a.example", path), Resource(0), "{path}");
    }
}

#[test]
fn a_look_alike_is_told_from_what_is_simply_nowhere() {
    let resources = json!([
        {"resource": "https://a.example/mcp", "policy": {}},
        {"resource": "https://b.example/files", "paths": ["/files/*"], "policy": {}},
        {"resource": "https://c.example/", "paths": ["/*"], "policy": {}},
    ]);
    let config = config(resources, json!(["/open"]));
    let cases = [
        ("a.example", "/mcp/", Some(0)),
        ("a.example", "/MCP?x=1", Some(0)),
        ("elsewhere.example", "/x/../mcp", Some(0)),
        ("b.example", "/files/a%2fb", Some(1)),
        ("b.example", "/files", Some(1)),
        ("a.example", "/other", None),
        ("elsewhere.example", "/mcp", None),
        ("elsewhere.example", "/files/a", None),
        ("a.example", "", None),
    ];
    for (host, target, expected) in cases {
        let found = config.routes.resembling(host, target).map(|resource| number(&config, resource));
        assert_eq!(found, expected, "{target} at {host}");
    }
}
