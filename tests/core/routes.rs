//! Where a request belongs, by host and by path as it was received.

mod look_alikes;
mod nearest;

use crate::support::core::{accepted, faults, minimal, node, set};
use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate::ids::ResourceId;
use toolgate::metadata;
use toolgate::routes::Route;

use Goes::{Metadata, Nothing, Pass, Resource};

/// A route, with the number of its resource.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goes {
    Metadata(usize),
    Nothing,
    Pass,
    Resource(usize),
}

fn configuration(resources: Value, pass: Value) -> Value {
    let resources = resources.as_array().unwrap().iter().map(|resource| {
        let mut resource = resource.clone();
        resource["policy"] = json!({});
        resource
    });
    set(set(minimal(), "/resources", resources.collect()), "/pass", pass)
}

fn config(resources: Value, pass: Value) -> Config {
    accepted(&configuration(resources, pass))
}

fn number(config: &Config, resource: ResourceId) -> usize {
    config.resources.ids().position(|own| own == resource).unwrap()
}

fn find(config: &Config, host: &str, target: &str) -> Goes {
    match config.routes.find(host, target) {
        Route::Metadata(resource) => Metadata(number(config, resource)),
        Route::Nothing => Nothing,
        Route::Pass => Pass,
        Route::Resource(resource) => Resource(number(config, resource)),
    }
}

fn assert_routes(config: &Config, cases: &[(&str, &str, Goes)]) {
    for (host, target, expected) in cases {
        assert_eq!(find(config, host, target), *expected, "`{target}` at `{host}`");
    }
}

#[test]
fn hosts_compare_without_case_trailing_dot_and_default_port() {
    let plain = config(json!([{"resource": "https://mcp.example.com/mcp"}]), json!([]));
    assert_routes(
        &plain,
        &[
            ("mcp.example.com", "/mcp", Resource(0)),
            ("MCP.Example.COM", "/mcp", Resource(0)),
            ("mcp.example.com.", "/mcp", Resource(0)),
            ("mcp.example.com:443", "/mcp", Resource(0)),
            ("mcp.example.com:8443", "/mcp", Resource(0)),
            ("Mcp.example.com.:443", "/mcp", Resource(0)),
            ("mcp.example.com..", "/mcp", Nothing),
            ("mcp.example.com.evil.example", "/mcp", Nothing),
            ("evil-mcp.example.com", "/mcp", Nothing),
            ("example.com", "/mcp", Nothing),
            ("user@mcp.example.com", "/mcp", Nothing),
            ("mcp.example.com:port", "/mcp", Nothing),
            ("mcp.example.com:", "/mcp", Nothing),
            ("", "/mcp", Nothing),
            ("mcp.example.com", "/mcp?x=/other", Resource(0)),
            ("mcp.example.com", "/mcp?", Resource(0)),
        ],
    );
    let ported = config(json!([{"resource": "https://mcp.example.com:8443/mcp"}]), json!([]));
    assert_routes(
        &ported,
        &[
            ("mcp.example.com:8443", "/mcp", Resource(0)),
            ("mcp.example.com", "/mcp", Nothing),
            ("mcp.example.com:443", "/mcp", Nothing),
            ("mcp.example.com:08443", "/mcp", Resource(0)),
        ],
    );
    let default =
        config(json!([{"resource": "https://mcp.example.com/mcp", "hosts": ["mcp.example.com:443"]}]), json!([]));
    assert_routes(
        &default,
        &[
            ("mcp.example.com:443", "/mcp", Resource(0)),
            ("mcp.example.com", "/mcp", Resource(0)),
            ("mcp.example.com:80", "/mcp", Nothing),
        ],
    );
    let plain_http =
        config(json!([{"resource": "http://127.0.0.1/mcp", "hosts": ["127.0.0.1:80", "[::1]:80"]}]), json!([]));
    assert_routes(
        &plain_http,
        &[
            ("127.0.0.1", "/mcp", Resource(0)),
            ("127.0.0.1:80", "/mcp", Resource(0)),
            ("127.0.0.1:443", "/mcp", Nothing),
            ("[::1]", "/mcp", Resource(0)),
            ("[::1]:80", "/mcp", Resource(0)),
            ("::1", "/mcp", Nothing),
        ],
    );
    let any = config(json!([{"resource": "https://mcp.example.com/mcp", "hosts": ["*"]}]), json!([]));
    assert_routes(&any, &[("anything:1234", "/mcp", Resource(0)), ("10.0.0.1", "/mcp", Resource(0))]);
}

#[test]
fn the_closest_host_wins_then_the_closest_path() {
    let config = config(
        json!([
            {"resource": "https://h.example/0", "hosts": ["*"], "paths": ["/mcp", "/a/*"]},
            {"resource": "https://h.example/1", "hosts": ["h.example"], "paths": ["/mcp", "/a/*"]},
            {"resource": "https://h.example/2", "hosts": ["h.example:8443"], "paths": ["/mcp", "/*"]},
            {"resource": "https://h.example/3", "hosts": ["h.example"], "paths": ["/a/b", "/a/b/*"]},
            {"resource": "https://h.example/4", "hosts": ["*"], "paths": ["/a/b/c"]},
        ]),
        json!([]),
    );
    assert_routes(
        &config,
        &[
            ("other", "/mcp", Resource(0)),
            ("h.example", "/mcp", Resource(1)),
            ("h.example:1", "/mcp", Resource(1)),
            ("h.example:8443", "/mcp", Resource(2)),
            ("h.example:8443", "/a/x", Resource(2)),
            ("h.example:8443", "/a/b", Resource(2)),
            ("h.example", "/a/x", Resource(1)),
            ("h.example", "/a/b", Resource(3)),
            ("h.example", "/a/b/x", Resource(3)),
            ("h.example", "/a/b/c", Resource(3)),
            ("other", "/a/b/c", Resource(4)),
            ("other", "/a/b/d", Resource(0)),
            ("other", "/a/", Resource(0)),
            ("other", "/a", Nothing),
            ("other", "/", Nothing),
            ("h.example:8443", "/", Resource(2)),
        ],
    );
}

#[test]
fn only_what_pass_names_passes() {
    let config = config(
        json!([{"resource": "https://a.example/mcp"}]),
        json!(["/healthz", "/assets/*", "/", "/.well-known/oauth-authorization-server"]),
    );
    assert_routes(
        &config,
        &[
            ("a.example", "/healthz", Pass),
            ("other", "/healthz?verbose", Pass),
            ("a.example", "/Healthz", Nothing),
            ("a.example", "/healthz/", Nothing),
            ("a.example", "/assets/app.js", Pass),
            ("a.example", "/assets", Nothing),
            ("a.example", "/assets/../mcp", Nothing),
            ("a.example", "/assets/../internal", Nothing),
            ("a.example", "/assets/%2e%2E/internal", Nothing),
            ("a.example", "/assets/..%2finternal", Nothing),
            ("a.example", "/assets\\..\\internal", Nothing),
            ("a.example", "/assets/a%2fb", Nothing),
            ("a.example", "/", Pass),
            ("a.example", "/.well-known/oauth-authorization-server", Pass),
            ("a.example", "/mcp", Resource(0)),
            ("a.example", "/other", Nothing),
            ("a.example", "", Nothing),
            ("a.example", "*", Nothing),
            ("a.example", "https://a.example/mcp", Nothing),
        ],
    );
}

#[test]
fn metadata_stands_between_host_and_path() {
    let config = config(
        json!([
            {"resource": "https://a.example/mcp"},
            {"resource": "https://b.example/mcp"},
            {"resource": "https://c.example/"},
            {"resource": "https://d.example"},
            {"resource": "https://e.example:8443/x/y?z=1"},
            {"resource": "https://f.example/mcp", "hosts": ["*"], "paths": ["/gate/*"]},
        ]),
        json!(["/.well-known/*"]),
    );
    const W: &str = "/.well-known/oauth-protected-resource";
    let at = |rest: &str| -> &'static str { Box::leak(format!("{W}{rest}").into_boxed_str()) };
    assert_routes(
        &config,
        &[
            ("a.example", at("/mcp"), Metadata(0)),
            ("A.example:443", at("/mcp"), Metadata(0)),
            ("a.example", at("/mcp?x"), Metadata(0)),
            ("b.example", at("/mcp"), Metadata(1)),
            ("other.example", at("/mcp"), Metadata(5)),
            ("c.example", W, Metadata(2)),
            ("d.example", W, Metadata(3)),
            ("a.example", W, Pass),
            ("e.example:8443", at("/x/y"), Metadata(4)),
            ("e.example", at("/x/y"), Pass),
            ("a.example", at("/mcp/"), Pass),
            ("a.example", "/mcp/.well-known/oauth-protected-resource", Nothing),
        ],
    );
    let urls = [
        "https://a.example/.well-known/oauth-protected-resource/mcp",
        "https://b.example/.well-known/oauth-protected-resource/mcp",
        "https://c.example/.well-known/oauth-protected-resource",
        "https://d.example/.well-known/oauth-protected-resource",
        "https://e.example:8443/.well-known/oauth-protected-resource/x/y?z=1",
        "https://f.example/.well-known/oauth-protected-resource/mcp",
    ];
    for (resource, expected) in config.resources.iter().zip(urls) {
        assert_eq!(metadata::url(resource), expected);
    }
}

#[test]
fn the_metadata_document_holds_what_is_configured_and_nothing_empty() {
    let full = json!({
        "resource": "https://A.example:443/Mcp/", "name": "W \"x\"", "documentation": "https://a.example/d",
        "policy_uri": "https://a.example/p", "tos_uri": "https://a.example/t", "scopes_supported": ["b", "a"],
    });
    let config = config(json!([full, {"resource": "https://b.example"}]), json!([]));
    let document = |n: usize| serde_json::from_str::<Value>(&metadata::document(&config.resources[n])).unwrap();
    let expected = json!({
        "resource": "https://A.example:443/Mcp/",
        "authorization_servers": ["https://auth.example.com"],
        "scopes_supported": ["b", "a"],
        "bearer_methods_supported": ["header"],
        "resource_name": "W \"x\"",
        "resource_documentation": "https://a.example/d",
        "resource_policy_uri": "https://a.example/p",
        "resource_tos_uri": "https://a.example/t",
    });
    assert_eq!(document(0), expected);
    let least = json!({
        "resource": "https://b.example",
        "authorization_servers": ["https://auth.example.com"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document(1), least);
}

#[test]
fn two_resources_that_match_alike_are_a_conflict() {
    let pair = |one: Value, other: Value| configuration(json!([one, other]), json!([]));
    let cases = [
        (json!({"resource": "https://a.example/x"}), json!({"resource": "https://a.example/x"}), true),
        (json!({"resource": "https://a.example/x"}), json!({"resource": "https://A.EXAMPLE./x"}), true),
        (json!({"resource": "https://a.example/x"}), json!({"resource": "https://a.example:443/x"}), true),
        (json!({"resource": "https://a.example"}), json!({"resource": "https://a.example/"}), true),
        (
            json!({"resource": "https://a.example/x", "hosts": ["*"]}),
            json!({"resource": "https://b.example/x", "hosts": ["*"]}),
            true,
        ),
        (
            json!({"resource": "https://a.example/x", "paths": ["/p/*"]}),
            json!({"resource": "https://a.example/y", "paths": ["/q", "/p/*"]}),
            true,
        ),
        (
            json!({"resource": "https://a.example/x", "paths": ["/p"]}),
            json!({"resource": "https://a.example/x", "paths": ["/q"]}),
            true,
        ),
        (json!({"resource": "https://a.example/x"}), json!({"resource": "https://a.example/X"}), false),
        (json!({"resource": "https://a.example/x"}), json!({"resource": "https://a.example/x/"}), false),
        (json!({"resource": "https://a.example/x"}), json!({"resource": "https://b.example/x"}), false),
        (json!({"resource": "https://a.example/x"}), json!({"resource": "https://a.example:8443/x"}), false),
        (json!({"resource": "https://a.example/x", "hosts": ["*"]}), json!({"resource": "https://b.example/x"}), false),
        (
            json!({"resource": "https://a.example/x", "paths": ["/p/*"]}),
            json!({"resource": "https://a.example/y", "paths": ["/p/q/*", "/p/q"]}),
            false,
        ),
    ];
    for (one, other, conflict) in cases {
        let found: Vec<String> =
            faults(&node(&pair(one.clone(), other.clone()))).into_iter().map(|(path, _)| path).collect();
        let expected: &[&str] = if conflict { &["resources[1]"] } else { &[] };
        assert_eq!(found, expected, "{one} and {other}");
    }
}

#[test]
fn no_path_makes_routing_panic() {
    let config = config(json!([{"resource": "https://a.example/mcp", "paths": ["/mcp", "/a/*"]}]), json!(["/x"]));
    let long = "/".repeat(100_000);
    let escapes = format!("/{}", "%25".repeat(30_000));
    for path in [
        "",
        "%",
        "%2",
        "/%",
        "/a/%",
        "?",
        "/?",
        "//",
        "/\u{e9}",
        "/a/\u{1f600}%f0%9f",
        "/a/%ff%fe",
        long.as_str(),
        escapes.as_str(),
    ] {
        for host in ["a.example", "", "[", "[::1", ":", "\u{e9}"] {
            let _ = config.routes.find(host, path);
        }
    }
}
