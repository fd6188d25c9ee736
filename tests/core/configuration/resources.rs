//! Resources: faults, forwarded headers, control planes, proofs.

use super::{GONE, Refusal, assert_refused};
use crate::support::core::{accepted, faults, minimal, node, set, without};
use crate::support::keys::Key;
use serde_json::{Value, json};
use toolgate::config::{Format, UntilSeen};
use toolgate::workers::Timing;

#[test]
fn a_bad_resource_is_refused_at_its_path() {
    let r = |rest: &str| -> &'static str { Box::leak(format!("/resources/0{rest}").into_boxed_str()) };
    let second = |resource: &str| json!({"resource": resource, "policy": {}});
    let cases: Vec<Refusal> = vec![
        ("no resources", vec![("/resources", json!(GONE))], &["resources"]),
        ("an empty list of resources", vec![("/resources", json!([]))], &["resources"]),
        ("no identifier", vec![(r("/resource"), json!(GONE))], &["resources[0].resource"]),
        ("a relative identifier", vec![(r("/resource"), json!("/mcp"))], &["resources[0].resource"]),
        (
            "an identifier with a fragment",
            vec![(r("/resource"), json!("https://a.example/mcp#x"))],
            &["resources[0].resource"],
        ),
        ("an identifier of another scheme", vec![(r("/resource"), json!("urn:mcp"))], &["resources[0].resource"]),
        (
            "an identifier with a bad port",
            vec![(r("/resource"), json!("https://a.example:99999/"))],
            &["resources[0].resource"],
        ),
        ("no policy", vec![(r("/policy"), json!(GONE))], &["resources[0].policy"]),
        ("no hosts", vec![(r("/hosts"), json!([]))], &["resources[0].hosts"]),
        ("an empty host", vec![(r("/hosts"), json!(["a.example", ""]))], &["resources[0].hosts[1]"]),
        ("a host with a path", vec![(r("/hosts"), json!(["a.example/x"]))], &["resources[0].hosts[0]"]),
        ("a host with a scheme", vec![(r("/hosts"), json!(["https://a.example"]))], &["resources[0].hosts[0]"]),
        ("a host with a wildcard inside", vec![(r("/hosts"), json!(["*.example.com"]))], &["resources[0].hosts[0]"]),
        ("a host with a bad port", vec![(r("/hosts"), json!(["a.example:http"]))], &["resources[0].hosts[0]"]),
        ("no paths", vec![(r("/paths"), json!([]))], &["resources[0].paths"]),
        ("an empty path", vec![(r("/paths"), json!([""]))], &["resources[0].paths[0]"]),
        ("a path without a slash", vec![(r("/paths"), json!(["mcp"]))], &["resources[0].paths[0]"]),
        ("a wildcard inside a path", vec![(r("/paths"), json!(["/a/*/b"]))], &["resources[0].paths[0]"]),
        ("a wildcard that is no segment", vec![(r("/paths"), json!(["/mcp*"]))], &["resources[0].paths[0]"]),
        ("a path with a query", vec![(r("/paths"), json!(["/mcp?x"]))], &["resources[0].paths[0]"]),
        ("no issuers", vec![(r("/issuers"), json!([]))], &["resources[0].issuers"]),
        (
            "an issuer that nothing defines",
            vec![(r("/issuers"), json!(["main", "other"]))],
            &["resources[0].issuers[1]"],
        ),
        ("an issuer twice", vec![(r("/issuers"), json!(["main", "main"]))], &["resources[0].issuers"]),
        ("no audiences", vec![(r("/audiences"), json!([]))], &["resources[0].audiences"]),
        ("an empty audience", vec![(r("/audiences"), json!([""]))], &["resources[0].audiences[0]"]),
        (
            "no authorization servers",
            vec![(r("/authorization_servers"), json!([]))],
            &["resources[0].authorization_servers"],
        ),
        (
            "an authorization server that is no URL",
            vec![(r("/authorization_servers"), json!(["x"]))],
            &["resources[0].authorization_servers[0]"],
        ),
        ("an empty name", vec![(r("/name"), json!(""))], &["resources[0].name"]),
        ("a documentation that is no URL", vec![(r("/documentation"), json!("docs"))], &["resources[0].documentation"]),
        ("a policy_uri that is no URL", vec![(r("/policy_uri"), json!("docs"))], &["resources[0].policy_uri"]),
        ("a tos_uri that is no URL", vec![(r("/tos_uri"), json!("docs"))], &["resources[0].tos_uri"]),
        (
            "a supported scope with a space",
            vec![(r("/scopes_supported"), json!(["a b"]))],
            &["resources[0].scopes_supported[0]"],
        ),
        (
            "a challenge scope with a quote",
            vec![(r("/challenge_scopes"), json!(["a", "a\""]))],
            &["resources[0].challenge_scopes[1]"],
        ),
        ("no origins", vec![(r("/origins"), json!([]))], &["resources[0].origins"]),
        ("an origin with a path", vec![(r("/origins"), json!(["https://a.example/"]))], &["resources[0].origins[0]"]),
        ("any origin", vec![(r("/origins"), json!(["*"]))], &["resources[0].origins[0]"]),
        ("no origin", vec![(r("/origins"), json!(["null"]))], &["resources[0].origins[0]"]),
        (
            "an unknown treatment of the token",
            vec![(r("/forward"), json!({"authorization": "pass"}))],
            &["resources[0].forward.authorization"],
        ),
        (
            "a second resource that matches alike",
            vec![("/resources/-", second("https://mcp.example.com/mcp"))],
            &["resources[1]"],
        ),
        (
            "a second resource by another spelling of the host",
            vec![("/resources/-", second("https://MCP.example.com.:443/mcp"))],
            &["resources[1]"],
        ),
        (
            "a third that shares one path of several",
            vec![
                ("/resources/-", second("https://b.example/mcp")),
                ("/resources/-", json!({"resource": "https://b.example/c", "paths": ["/c", "/mcp"], "policy": {}})),
            ],
            &["resources[2]"],
        ),
        (
            "two whose hosts differ by a default port alone",
            vec![
                ("/resources/0/hosts", json!(["mcp.example.com:443"])),
                (
                    "/resources/-",
                    json!({"resource": "http://127.0.0.1/mcp", "hosts": ["mcp.example.com:443"], "policy": {}}),
                ),
            ],
            &["resources[1]"],
        ),
        (
            "two issuers that take opaque tokens",
            vec![
                (
                    "/issuers/0",
                    json!({"issuer": "https://a.example", "introspection": {"uri": "https://a.example/i", "cluster": "a"}}),
                ),
                (
                    "/issuers/-",
                    json!({"issuer": "https://b.example", "introspection": {"uri": "https://b.example/i", "cluster": "b"}}),
                ),
            ],
            &["resources[0].issuers"],
        ),
    ];
    assert_refused(&minimal(), &cases);
}

#[test]
fn only_identity_headers_may_be_forwarded() {
    let refused = |name: &str, value: Value| {
        let value = set(minimal(), "/resources/0/forward", json!({"headers": {name: value}}));
        faults(&node(&value)).into_iter().map(|(path, _)| path).collect::<Vec<_>>()
    };
    const FORBIDDEN: &[&str] = &[
        ":path",
        ":authority",
        ":method",
        "host",
        "Host",
        "authorization",
        "Authorization",
        "proxy-authorization",
        "connection",
        "keep-alive",
        "proxy-connection",
        "Trailer",
        "trailers",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-type",
        "content-length",
        "Content-Encoding",
        "content_length",
        "transfer_encoding",
        "mcp-method",
        "Mcp-Name",
        "mcp-session-id",
        "mcp_session_id",
        "mcp-protocol-version",
        "x-http-method-override",
        "x method",
        "x-\u{e9}",
        "x:y",
        "x\n",
    ];
    for name in FORBIDDEN {
        let expected = format!("resources[0].forward.headers.{name}");
        assert_eq!(refused(name, json!("sub")), [expected], "{name:?}");
    }
    const BAD_VALUES: &[&str] = &["", "subject", "claims", "claims.", "SUB", "sub.x", "claim.org"];
    for value in BAD_VALUES {
        assert_eq!(refused("x-id", json!(value)), ["resources[0].forward.headers.x-id"], "{value:?}");
    }
    for name in ["x-mcp-subject", "X_Caller", "x-forwarded-user", "cookie-owner"] {
        assert!(refused(name, json!("sub")).is_empty(), "{name:?}");
    }
    assert_eq!(refused("", json!("sub")).len(), 2, "an empty name, which may not be forwarded either");
    let twins = json!({"headers": {"x-user-id": "sub", "X_User_Id": "client"}});
    let found = faults(&node(&set(minimal(), "/resources/0/forward", twins)));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_policy_source_needs_an_endpoint_and_takes_the_place_of_a_policy() {
    let source = json!({"uri": "https://plane.example.com/p", "cluster": "plane"});
    let of =
        |source: &Value| without(set(minimal(), "/resources/0/policy_source", source.clone()), "/resources/0/policy");
    let with = |name: &str, value: Value| of(&set(source.clone(), &format!("/{name}"), value));
    let read = accepted(&of(&source));
    let source = read.resources[0].policy_source.as_ref().unwrap();
    let Timing { timeout, max_age, cooldown, max_stale } = source.timing();
    assert_eq!([timeout, max_age, cooldown, max_stale].map(|time| time.as_secs()), [5, 30, 30, 600]);
    assert_eq!((source.format, source.endpoint.client.is_none()), (Format::Toolgate, true));

    let cases: &[(Value, &[(&str, &str)])] = &[
        (with("interval", json!("0s")), &[("interval", "must be greater than zero")]),
        (with("max_stale", json!("0s")), &[]),
        (with("timeout", json!("2h")), &[("timeout", "must be at most an hour")]),
        (with("format", json!("yaml")), &[("format", "must be one of `toolgate`, `authsec`")]),
        (with("format", json!("authsec")), &[]),
        (with("cooldown", json!("1s")), &[("cooldown", "unknown field")]),
        (with("client_auth", json!("post")), &[("client_auth", "unknown field")]),
        (with("client_secret", json!("x")), &[("client_secret", "needs a `client_id`")]),
        (of(&json!({})), &[("cluster", "is required"), ("uri", "is required")]),
        (
            set(with("client_id", json!("a:b")), "/resources/0/policy_source/client_secret_env", json!("SECRET")),
            &[("client_id", "must not contain a colon, which would end it in HTTP Basic")],
        ),
        (
            set(with("client_id", json!("a")), "/resources/0/policy_source/client_secret_env", json!("UNSET")),
            &[("client_secret_env", "the variable `UNSET` is not set")],
        ),
    ];
    for (configuration, expected) in cases {
        let path = |name: &str| format!("resources[0].policy_source.{name}");
        let expected: Vec<_> = expected.iter().map(|(name, message)| (path(name), (*message).to_owned())).collect();
        assert_eq!(faults(&node(configuration)), expected, "{configuration}");
    }
    let without_either = faults(&node(&without(minimal(), "/resources/0/policy")));
    assert_eq!(without_either, [("resources[0].policy".to_owned(), "is required".to_owned())]);
}

#[test]
fn tools_wait_for_a_list_only_where_drift_is_denied() {
    let manifest = |tool: Value| set(minimal(), "/resources/0/manifest", json!({"tools": {"a": tool}}));
    let whole = manifest(json!({"definition": toolgate::manifest::digest("{}")}));
    let with = |on_drift: &str, until_seen: Value| {
        set(set(whole.clone(), "/resources/0/on_drift", json!(on_drift)), "/resources/0/until_seen", until_seen)
    };
    for (configuration, expected) in [
        (whole.clone(), UntilSeen::Allow),
        (set(minimal(), "/resources/0/until_seen", json!("allow")), UntilSeen::Allow),
        (with("report", json!("allow")), UntilSeen::Allow),
        (with("deny", json!("allow")), UntilSeen::Allow),
        (with("deny", json!("deny")), UntilSeen::Deny),
    ] {
        let read = accepted(&configuration);
        assert_eq!(read.resources[0].until_seen, expected, "{configuration}");
    }
    let needs = "needs `on_drift: deny`: nothing is denied for drift";
    for (configuration, message) in [
        (set(minimal(), "/resources/0/until_seen", json!("deny")), needs),
        (set(whole.clone(), "/resources/0/until_seen", json!("deny")), needs),
        (with("report", json!("deny")), needs),
        (with("deny", json!("never")), "must be one of `allow`, `deny`"),
    ] {
        let expected = [("resources[0].until_seen".to_owned(), message.to_owned())];
        assert_eq!(faults(&node(&configuration)), expected, "{configuration}");
    }
    let warned = |tool: Value| {
        let warnings = accepted(&manifest(tool)).warnings;
        warnings.into_iter().filter(|warning| warning.path == "resources[0].manifest").count()
    };
    assert_eq!((warned(json!({"definition": toolgate::manifest::digest("{}")})), warned(json!({}))), (0, 1));
}

#[test]
fn a_manifest_is_published_to_an_endpoint() {
    let endpoint = json!({"uri": "https://plane.example.com/m", "cluster": "plane"});
    let with = |name: &str, value: Value| {
        set(minimal(), "/resources/0/publish", set(endpoint.clone(), &format!("/{name}"), value))
    };
    let read = accepted(&with("format", json!("authsec")));
    let publish = read.resources[0].publish.as_ref().unwrap();
    assert_eq!((publish.format, publish.timing().cooldown.as_secs()), (Format::Authsec, 300));
    for (name, value, message) in [
        ("uri", json!("plane"), "must be an absolute `https` or `http` URL"),
        ("cluster", json!(""), "may not be empty"),
        ("timeout", json!("0s"), "must be greater than zero"),
        ("interval", json!("30s"), "unknown field"),
        ("max_stale", json!("30s"), "unknown field"),
    ] {
        let found = faults(&node(&with(name, value)));
        assert_eq!(found, [(format!("resources[0].publish.{name}"), message.to_owned())]);
    }
}

#[test]
fn a_resource_takes_proofs_if_one_of_its_issuers_binds_tokens_and_needs_them_if_all_must() {
    let second =
        |dpop: &str| json!({"issuer": "https://b.example.com", "dpop": dpop, "jwks": {"keys": [Key::ed25519().jwk()]}});
    for (first, other, takes, needs) in [
        (None, "off", false, false),
        (Some("off"), "optional", true, false),
        (Some("required"), "off", true, false),
        (Some("required"), "optional", true, false),
        (Some("required"), "required", true, true),
    ] {
        let config = set(minimal(), "/issuers/-", second(other));
        let config = first.map_or(config.clone(), |first| set(config, "/issuers/0/dpop", json!(first)));
        let resource = &accepted(&config).resources[0];
        assert_eq!((resource.takes_proofs, resource.needs_proofs), (takes, needs), "{first:?}, {other}");
    }
    for bad in [json!(true), json!("on"), json!(null), json!({})] {
        let found = faults(&node(&set(minimal(), "/issuers/0/dpop", bad.clone())));
        assert_eq!(found.len(), 1, "{bad}");
        assert_eq!(found[0].0, "issuers[0].dpop", "{bad}");
    }
    let forwarded = set(minimal(), "/resources/0/forward", json!({"headers": {"DPoP": "sub"}}));
    let found = faults(&node(&forwarded));
    assert_eq!(
        found,
        [("resources[0].forward.headers.DPoP".to_owned(), "this header may not be forwarded".to_owned())]
    );
}

#[test]
fn a_prefix_is_put_before_each_scope_that_clients_are_told() {
    let policy =
        json!({"base_scopes": ["z", "https://x.example/s"], "tools": {"t": {"scopes": ["a", "offline_access"]}}});
    let value = set(minimal(), "/resources/0/policy", policy);
    let value = set(value, "/resources/0/scope_prefix", json!("api://gate/"));
    let resource = &accepted(&value).resources[0];
    assert_eq!(resource.scopes_supported, ["api://gate/a", "api://gate/z", "https://x.example/s"]);
    assert_eq!(resource.challenge_scopes, ["api://gate/z", "https://x.example/s"]);
    let value = set(value, "/resources/0/scopes_supported", json!(["b", "api://gate/a"]));
    let resource = &accepted(&set(value, "/resources/0/challenge_scopes", json!(["c"]))).resources[0];
    assert_eq!(resource.scopes_supported, ["api://gate/b", "api://gate/a"], "in the order that is configured");
    assert_eq!(resource.challenge_scopes, ["api://gate/c"]);
    for prefix in [json!(""), json!("api://a b/"), json!("api://\"/"), json!("api://ä/"), json!(1), json!(null)] {
        let value = set(minimal(), "/resources/0/scope_prefix", prefix);
        let found: Vec<String> = faults(&node(&value)).into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, ["resources[0].scope_prefix"], "{value}");
    }
}
