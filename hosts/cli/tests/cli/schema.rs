//! The JSON Schema of the configuration: the committed one is the program's, and it knows what the code knows.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use toolgate::config::Config;

use crate::run::{Place, assert_snapshot};
use crate::scenarios::config;
use crate::support::at_root;

fn schema() -> Value {
    serde_json::from_str(&Place::new("schema").run("schema").well()).unwrap()
}

/// A configuration in which everything is written out that can be written beside each other.
fn full() -> Value {
    json!({
        "issuers": [
            {
                "issuer": "https://auth.example.com", "name": "main", "profile": "generic", "validation": "jwt_and_introspection",
                "jwks": {
                    "uri": "https://auth.example.com/jwks", "cluster": "auth", "timeout": "5s", "max_age": "10m",
                    "cooldown": "30s", "max_stale": "1h",
                },
                "introspection": {
                    "uri": "https://auth.example.com/introspect", "cluster": "auth", "client_id": "gateway",
                    "client_secret": "s3cret", "client_auth": "post", "timeout": "500ms", "cache_ttl": "0s",
                    "max_in_flight": 64,
                },
                "algorithms": ["RS256", "EdDSA"], "token_types": ["at+jwt"], "scope_claims": ["scope"],
                "client_claims": ["azp"], "subject_claim": "sub", "required_claims": {"a": "x", "b": 1, "c": true},
                "leeway": "30s", "nonce": "refuse", "dpop": "optional", "dpop_window": "2m",
                "scope_map": [{
                    "claims": {"realm_access.roles": "x", "level": 7, "staff": true}, "subjects": ["a*"],
                    "clients": ["c"], "actors": ["agent-*"], "scopes": ["a"],
                }],
                "audience_missing": {"clients": ["gate"]},
            },
            {"issuer": "https://found.example.com", "jwks": {"discover": true, "cluster": "auth"}},
            {"issuer": "https://other.example.com", "jwks": {"keys": config::published_keys()["keys"]}},
        ],
        "resources": [{
            "resource": "https://mcp.example.com/mcp", "hosts": ["mcp.example.com", "*"], "paths": ["/mcp", "/mcp/*"],
            "issuers": ["main"], "audiences": ["https://mcp.example.com/mcp"],
            "authorization_servers": ["https://auth.example.com"], "name": "Weather",
            "documentation": "https://docs.example.com/", "policy_uri": "https://docs.example.com/policy",
            "tos_uri": "https://docs.example.com/terms", "scopes_supported": ["a"], "challenge_scopes": [],
            "scope_prefix": "api://gate/",
            "origins": ["https://app.example.com"],
            "policy": {
                "base_scopes": ["mcp:connect"], "hierarchy": {"a:write": ["a:read"]},
                "tools": {
                    "a": {"scopes": ["x"]},
                    "pay": {
                        "scopes": [], "acr": ["urn:x:mfa"], "max_auth_age": "5m", "fresh": "0s", "mode": "shadow",
                        "arguments": {
                            "/a": {"equals": "x"}, "/b": {"in": [1, "y", true, null]}, "/c": {"pattern": "a*"},
                            "/d": {"max": 10}, "/e": {"claim": "org.id"},
                        },
                    }, "open": {"public": true, "arguments": {"/a": {"max": 1}}},
                    "b": {"any_of": [["x"], ["y", "z"]]}, "c_*": {"scopes": []}},
                "prompts": {"p": {"scopes": ["x"], "any_of": [["y"]]}}, "resources": {"x://*": {"scopes": []}},
                "methods": {"tasks/*": {"scopes": []}},
                "unlisted": {"tools": "deny", "prompts": "authenticated", "resources": "deny", "methods": "deny"},
                "lists": "offer", "mode": "shadow",
                "matrix": [{
                    "name": "n", "subjects": ["a"], "clients": ["c*"], "issuers": ["main"], "claims": {"org": "acme"},
                    "actors": ["agent"], "delegated": true, "scopes": [], "deny_tools": ["delete_*"], "mode": "enforce",
                }],
                "revoked": [{
                    "subjects": ["a"], "clients": ["c*"], "issuers": ["main"], "actors": ["agent"], "jti": ["1"],
                    "issued_before": "2026-11-28T12:00:00.5Z",
                }],
            },
            "manifest": {"tools": {"a": {
                "title": "A", "description": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "input_schema": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "annotations": {"readOnlyHint": true},
                "definition": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            }}},
            "in_band": {"clients": ["chat-*"], "user_agents": ["Chat*"], "security_schemes": true},
            "sessions": {"bind": true, "secret_env": "SECRET", "previous_secret_env": "PREVIOUS"},
            "on_drift": "deny",
            "until_seen": "deny",
            "policy_source": {
                "uri": "https://plane.example.com/policy", "cluster": "plane", "interval": "30s", "max_stale": "10m",
                "timeout": "5s", "client_id": "gate", "client_secret": "s3cret", "format": "authsec",
            },
            "publish": {
                "uri": "https://plane.example.com/manifest", "cluster": "plane", "timeout": "5s", "client_id": "gate",
                "client_secret": "s3cret", "format": "toolgate",
            },
            "forward": {"authorization": "keep", "headers": {"x-mcp-subject": "sub", "x-mcp-org": "claims.org.id"}},
        }],
        "pass": ["/healthz", "/assets/*"], "hold_request_headers": true, "batches": "authorize_each",
        "limits": {"body": 1, "list": 1, "token": 1, "depth": 1, "batch": 1},
        "token_cache": {"entries": 0}, "audit": {
            "decisions": "denied", "subject": "hash", "arguments": {"pay*": ["/amount", "/a~1b/0"]},
            "sink": {"uri": "https://audit.example.com/", "cluster": "audit", "timeout": "2s"},
        },
        "records": {"filter_state": "decision"},
    })
}

/// Whether the core takes it.
fn is_accepted(configuration: &Value) -> bool {
    Config::parse(configuration.to_string().as_bytes(), &|_| Some("s".repeat(32))).is_ok()
}

#[test]
fn the_committed_schema_is_the_programs() {
    assert_snapshot("docs/toolgate.schema.json", &Place::new("schema-file").run("schema").well());
}

#[test]
fn what_the_core_accepts_is_valid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut samples = vec![("the full one".to_owned(), full()), ("the scenarios'".to_owned(), config::configuration())];
    for file in ["docs/cli/toolgate.yaml", "docs/configuration.md", "envoy/envoy.yaml"] {
        let text = fs::read_to_string(at_root(file)).unwrap();
        let blocks: Vec<&str> = match file {
            // Those that are whole.
            "docs/configuration.md" => {
                text.split("```yaml\nissuers:").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
            }
            _ => vec![&text],
        };
        for (n, block) in blocks.into_iter().enumerate() {
            let block = if file == "docs/configuration.md" { format!("issuers:{block}") } else { block.to_owned() };
            let value: Value = serde_norway::from_str(&block).unwrap();
            samples.push((format!("{file}, {n}"), inner(&value).unwrap_or(&value).clone()));
        }
    }
    assert_eq!(samples.len(), 6);
    for (name, sample) in samples {
        assert!(is_accepted(&sample), "{name}");
        let faults: Vec<_> =
            validator.iter_errors(&sample).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}

/// The plugin's configuration in a bootstrap.
fn inner(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(members) => {
            let own = members
                .get("configuration")
                .and_then(|own| own.get("value"))
                .filter(|own| own.get("issuers").is_some());
            own.or_else(|| members.values().find_map(inner))
        }
        Value::Array(items) => items.iter().find_map(inner),
        _ => None,
    }
}

/// Every place in `value`, as a pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            places(value, &format!("{at}/{name}"), found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), found)),
        _ => {}
    }
}

#[test]
fn what_has_another_shape_is_refused_by_both() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let full = full();
    let mut all = Vec::new();
    places(&full, "", &mut all);
    let mut tried = 0;
    // Members of a JWK are the key's own, those of annotations the server's, and an argument may be null.
    let free = ["/jwks/keys/", "/annotations", "/equals", "/in/"];
    for place in all.iter().filter(|place| !free.iter().any(|part| place.contains(part))) {
        for wrong in [json!(null), json!([[1]]), json!({"unknown": [[1]]})] {
            let mut changed = full.clone();
            *changed.pointer_mut(place).unwrap() = wrong.clone();
            assert!(!is_accepted(&changed), "the core accepts {wrong} at {place}");
            assert!(!validator.is_valid(&changed), "the schema accepts {wrong} at {place}");
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn values_that_cannot_be_are_refused_by_both() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (place, wrong) in [
        ("/issuers", json!([])),
        ("/issuers/0/issuer", json!("https://u@auth.example.com")),
        ("/issuers/0/profile", json!("adfs")),
        ("/issuers/0/nonce", json!("ignore")),
        ("/resources/0/scope_prefix", json!("api://a b/")),
        ("/issuers/0/algorithms/0", json!("HS256")),
        ("/issuers/0/algorithms/0", json!("none")),
        ("/issuers/0/leeway", json!("-1s")),
        ("/issuers/0/leeway", json!("30")),
        ("/resources/0/paths/0", json!("mcp")),
        ("/resources/0/policy/base_scopes/0", json!("a b")),
        ("/resources/0/policy/tools/a/scopes/0", json!("a\"b")),
        ("/resources/0/policy/tools/a", json!({})),
        ("/resources/0/policy/tools/open", json!({"public": false})),
        ("/resources/0/policy/tools/open", json!({"public": true, "scopes": []})),
        ("/resources/0/policy/tools/open", json!({"public": true, "acr": "urn:x:mfa"})),
        ("/resources/0/policy/tools/b/any_of", json!([])),
        ("/resources/0/policy/tools/b/any_of/0", json!([])),
        ("/resources/0/policy/hierarchy/a:write", json!([])),
        ("/resources/0/policy/mode", json!("observe")),
        ("/resources/0/forward/headers/x-mcp-org", json!("claims.")),
        ("/resources/0/in_band", json!({"security_schemes": true})),
        ("/resources/0/in_band/clients", json!([])),
        ("/resources/0/sessions", json!({"secret_env": "SECRET"})),
        ("/resources/0/sessions", json!({"bind": true, "secret": "0123456789abcdef0123456789abcdef"})),
        ("/resources/0/sessions/bind", json!("yes")),
        ("/resources/0/sessions/secret_env", json!("")),
        ("/resources/0/on_drift", json!("warn")),
        ("/resources/0/until_seen", json!("never")),
        ("/resources/0/manifest/tools/a/definition", json!("sha256:00")),
        ("/resources/0/manifest/tools/a/description", json!("sha256:00")),
        ("/resources/0/policy/tools/pay/arguments", json!({})),
        ("/resources/0/policy/tools/pay/arguments/~1a", json!({"equals": 1, "max": 2})),
        ("/resources/0/policy/tools/pay/acr/0", json!("a b")),
        ("/issuers/0/scope_map", json!([])),
        ("/issuers/0/scope_map/0", json!({"scopes": ["a"]})),
        ("/issuers/0/scope_map/0/claims", json!({})),
        ("/issuers/0/scope_map/0/scopes", json!([])),
        ("/issuers/0/audience_missing/clients", json!([])),
        ("/issuers/0/dpop_window", json!("2")),
        ("/resources/0/policy/matrix/0/actors", json!([])),
        ("/resources/0/policy/revoked/0", json!({"actors": ["a"]})),
        ("/resources/0/policy/revoked/0/jti", json!([])),
        ("/resources/0/policy/revoked/0/issued_before", json!("2026-11-28T12:00:00+00:00")),
        ("/audit/arguments/pay*", json!([])),
        ("/audit/arguments/pay*/0", json!("amount")),
        ("/audit/arguments/pay*/0", json!("/a~2")),
        ("/limits/depth", json!(0)),
        ("/limits/body", json!(1.5)),
    ] {
        let mut changed = full();
        *changed.pointer_mut(place).unwrap() = wrong.clone();
        assert!(!is_accepted(&changed), "the core accepts {wrong} at {place}");
        assert!(!validator.is_valid(&changed), "the schema accepts {wrong} at {place}");
    }
}

#[test]
fn paths_of_every_form_are_accepted_by_both_or_refused_by_both() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (path, is_legal) in [
        ("/", true),
        ("/*", true),
        ("/a/", true),
        ("/a/b", true),
        ("/a/*", true),
        ("/a/b/*", true),
        ("//*", true),
        ("*", false),
        ("/a*", false),
        ("/*/*", false),
        ("/*/a", false),
        ("/a?b", false),
        ("/a b/*", false),
    ] {
        for place in ["/pass/0", "/resources/0/paths/0"] {
            let mut changed = full();
            *changed.pointer_mut(place).unwrap() = json!(path);
            assert_eq!(is_accepted(&changed), is_legal, "the core: {path} at {place}");
            assert_eq!(validator.is_valid(&changed), is_legal, "the schema: {path} at {place}");
        }
    }
}

#[test]
fn every_field_that_the_core_reads_is_in_the_schema() {
    let text = schema().to_string();
    let src = at_root("src");
    let (mut names, mut sources) = (BTreeSet::new(), vec![src.join("loader.rs"), src.join("loader")]);
    while let Some(path) = sources.pop() {
        if path.is_dir() {
            sources.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let source = fs::read_to_string(path).unwrap();
        for reads in ["take(\"", "require(\"", "scopes(&mut fields, \"", "patterns(&mut fields, \"", ".duration(\""] {
            names.extend(source.split(reads).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    assert!(names.len() > 50, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !text.contains(&format!("\"{name}\":"))).collect();
    assert!(missing.is_empty(), "not in the schema: {missing:?}");
}
