//! The configuration of all rows. Its resources differ by host.

mod hosts;
mod policies;

use serde_json::{Value, json};

pub use self::hosts::*;
use self::policies::*;
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER};

/// The variables of its secret, and of the one before.
pub const SECRETS: [&str; 2] = ["SESSION_SECRET", "SESSION_SECRET_BEFORE"];
/// The issuer of [`DOWN`].
pub const DOWN_ISSUER: &str = "https://down-auth.example.com";

/// The limits, small enough to reach.
pub const BODY_LIMIT: usize = 20_000;
pub const LIST_LIMIT: usize = 5_000;

/// The key set that the provider publishes.
pub fn published_keys() -> Value {
    let mut any = Key::rsa_b().named("rsa-any").jwk();
    any.as_object_mut().unwrap().remove("alg");
    let mut set = key_set(&[Key::ed25519(), Key::p256(), Key::rsa_a()]);
    set["keys"].as_array_mut().unwrap().push(any);
    set
}

/// The path of the endpoint that tokens are asked about.
pub const INTROSPECTION_PATH: &str = "/introspect";

/// The path of the key set that never comes.
pub const DOWN_PATH: &str = "/down";

/// The configuration, but for `hold_request_headers`.
pub fn configuration() -> Value {
    json!({
        "issuers": issuers(),
        "resources": resources(),
        "pass": ["/open", "/assets/*", "/mcp/"],
        "audit": {"arguments": {
            "pay": ["/amount", "/owner", "/nested/list/1", "/nested"], "pa*": ["/amount", "/note"], "echo": ["/x"],
        }},
        "limits": {"body": BODY_LIMIT, "list": LIST_LIMIT, "token": 4000, "depth": 20},
    })
}

fn issuers() -> Value {
    let introspection = |host: &str| {
        json!({
            "uri": format!("{host}{INTROSPECTION_PATH}"), "cluster": "auth", "client_id": "gate",
            "client_secret": "s3cret",
        })
    };
    json!([
        {"issuer": ISSUER, "name": "main", "jwks": {"uri": format!("{ISSUER}/jwks"), "cluster": "auth"}},
        {
            "issuer": DOWN_ISSUER, "name": "down",
            "jwks": {"uri": format!("{DOWN_ISSUER}{DOWN_PATH}"), "cluster": "auth"},
        },
        {
            "issuer": BOTH, "name": "both",
            "jwks": {"keys": published_keys()["keys"]}, "introspection": introspection(BOTH),
            "scope_map": [{"claims": {"realm_access.roles": "reader"}, "scopes": ["weather:read"]}],
        },
        {
            "issuer": EITHER, "name": "either", "validation": "jwt_or_introspection",
            "jwks": {"keys": published_keys()["keys"]}, "introspection": introspection(EITHER),
        },
        {
            "issuer": LOCAL, "name": "local", "validation": "jwt",
            "jwks": {"keys": published_keys()["keys"]}, "introspection": introspection(LOCAL),
        },
        {"issuer": PROVEN, "name": "proven", "dpop": "required", "jwks": {"keys": published_keys()["keys"]}},
        {
            "issuer": ASKED_ONLY, "name": "asked-only", "introspection": introspection(ASKED_ONLY),
            "scope_map": [{"claims": {"realm_access.roles": "reader"}, "scopes": ["weather:read"]}],
            "audience_missing": {"clients": ["loose"]},
        },
        {
            "issuer": LOOSE, "name": "loose", "jwks": {"keys": published_keys()["keys"]},
            "audience_missing": {"clients": ["loose", "loose-*"]},
        },
        {
            "issuer": MAPPING, "name": "mapping", "jwks": {"keys": published_keys()["keys"]},
            "scope_claims": ["scope", "granted.scopes"], "scope_map": scope_map(),
        },
        {"issuer": NO_URL, "nonce": "allow", "jwks": {"keys": published_keys()["keys"]}},
    ])
}

fn scope_map() -> Value {
    json!([
        {"claims": {"realm_access.roles": "weather-admin"}, "scopes": ["weather:admin"]},
        {"claims": {"resource_access.gate.roles": "reader"}, "scopes": ["weather:read"]},
        {"claims": {"level": 7}, "scopes": ["tasks:run"]},
        {"subjects": ["spiffe://example.com/ns/*"], "scopes": ["weather:read"]},
        {"clients": ["*"], "claims": {"groups": "any-client"}, "scopes": ["weather:read"]},
        {"subjects": ["*"], "claims": {"groups": "any-subject"}, "scopes": ["weather:read"]},
        {"subjects": ["bob"], "clients": ["https://*.example.com/client.json"], "scopes": ["weather:read"]},
        {"actors": ["agent-*"], "scopes": ["weather:read"]},
        {"actors": ["*"], "claims": {"groups": "any-actor"}, "scopes": ["weather:read"]},
    ])
}

/// A resource at `/mcp` of this host, with the members of `more` besides or instead.
fn resource(host: &str, policy: &Value, more: &Value) -> Value {
    let mut resource = json!({
        "resource": format!("https://{host}/mcp"),
        "issuers": ["main"],
        "audiences": [AUDIENCE],
        "challenge_scopes": ["weather:read"],
        "policy": policy,
    });
    let members = more.as_object().expect("an object").clone();
    let own = resource.as_object_mut().expect("an object");
    own.extend(members);
    own.retain(|_, value| !value.is_null());
    resource
}

fn resources() -> Value {
    let weather = weather();
    let small = json!({"tools": {"echo": {"scopes": []}, "read": {"scopes": ["weather:read"]}}});
    let with = |name: &str, value: Value| {
        let mut policy = weather.clone();
        policy[name] = value;
        policy
    };
    json!([
        resource(
            MAIN,
            &weather,
            &json!({
                "audiences": null, "name": "Weather", "documentation": "https://docs.example.com/weather",
                "policy_uri": "https://docs.example.com/policy", "tos_uri": "https://docs.example.com/terms",
            })
        ),
        resource(BASE, &with("base_scopes", json!(["mcp:connect"])), &json!({"challenge_scopes": null})),
        resource(QUIET, &small, &json!({"challenge_scopes": []})),
        resource(OPEN, &open(), &json!({})),
        resource(PATTERNS, &patterns(), &json!({"issuers": ["main", "local"]})),
        resource(URIS, &uris(), &json!({})),
        resource(MATRIX, &matrix(), &json!({})),
        resource(CONDITIONS, &conditions(), &json!({})),
        resource(
            PUBLIC,
            &public(),
            &json!({"forward": {"headers": {"x-mcp-subject": "sub"}}, "origins": ["https://app.example.com"]})
        ),
        resource(PUBLIC_SHADOW, &public_shadow(), &json!({"challenge_scopes": null})),
        resource(
            IN_BAND,
            &in_band(true),
            &json!({"in_band": {
                "clients": ["chat-*"], "user_agents": ["ChatClient/*", "*Agent*Kit*"], "security_schemes": true,
            }})
        ),
        resource(IN_BAND_CLOSED, &in_band(false), &json!({"in_band": {"user_agents": ["ChatClient/*"]}})),
        resource(SHADOW, &shadow(), &json!({})),
        resource(OFFER, &with("lists", json!("offer")), &json!({})),
        resource(BROWSERS, &weather, &json!({"origins": ["https://app.example.com", "http://localhost:6274"]})),
        resource(
            FORWARD,
            &weather,
            &json!({"forward": {"headers": {
                "x-mcp-subject": "sub", "x-mcp-issuer": "issuer", "x-mcp-client": "client", "x-mcp-scopes": "scope",
                "x-mcp-org": "claims.org.id", "x-mcp-roles": "claims.roles", "x-mcp-level": "claims.https://x.example/level",
            }}})
        ),
        resource(
            PREFIXED,
            &with("base_scopes", json!(["weather:read"])),
            &json!({"scope_prefix": "api://gate/", "challenge_scopes": ["weather:read", "https://x.example/all"]})
        ),
        resource(NAMED, &small, &json!({"issuers": [NO_URL], "authorization_servers": ["https://auth.example.com"]})),
        resource(
            NAMED,
            &small,
            &json!({
                "resource": format!("https://{NAMED}/mcp/"), "issuers": [NO_URL],
                "authorization_servers": ["https://auth.example.com"],
            })
        ),
        resource(KEEP, &small, &json!({"forward": {"authorization": "keep"}})),
        resource(PORT, &small, &json!({})),
        resource(
            FILES,
            &small,
            &json!({
                "resource": format!("https://{FILES}/files"), "paths": ["/files/*", "/files/own"],
                "scopes_supported": ["files:read", "files:write"],
            })
        ),
        resource(DOWN, &small, &json!({"issuers": ["down"]})),
        resource(ASKED, &small, &json!({"issuers": ["both", "either"]})),
        resource(FRESH, &fresh(), &json!({"issuers": ["local", "both", "main"]})),
        resource(PROOFS, &small, &json!({"issuers": ["main", "proven"], "origins": ["https://app.example.com"]})),
        resource(PROOFS_ONLY, &small, &json!({"issuers": ["proven"], "forward": {"authorization": "keep"}})),
        resource(
            MAPPED,
            &mapped(),
            &json!({"issuers": ["mapping"], "forward": {"headers": {"x-mcp-scopes": "scope"}}})
        ),
        resource(
            OFFERED,
            &mapped(),
            &json!({
                "issuers": ["mapping"], "scopes_supported": ["openid", "weather:read"],
                "challenge_scopes": ["weather:admin", "weather:read", "openid"],
            })
        ),
        resource(
            DELEGATED,
            &delegated(),
            &json!({
                "issuers": ["mapping"], "scopes_supported": ["weather:read"],
                "forward": {"headers": {"x-mcp-actor": "actor", "x-mcp-subject": "sub"}},
            })
        ),
        resource(AUDIENCELESS, &small, &json!({"issuers": ["loose"]})),
        resource(REVOKED, &revoked(), &json!({"issuers": ["main", "local"]})),
        resource(
            SESSIONS,
            &json!({"tools": {"echo": {"scopes": []}, "read": {"scopes": ["weather:read"]}, "help": {"public": true}}}),
            &json!({
                "paths": ["/mcp", "/sse", "/messages"], "sessions": bound(),
                "issuers": ["main", "mapping"], "origins": ["https://app.example.com"],
            })
        ),
        resource(SESSIONS_SHADOW, &shadow(), &json!({"sessions": bound()})),
        resource(OPAQUE, &small, &json!({"issuers": ["asked-only"]})),
        resource(
            MAIN,
            &small,
            &json!({"resource": format!("https://{MAIN}/second"), "hosts": [MAIN, "second.example.com"]})
        ),
        resource(
            MAIN,
            &small,
            &json!({"resource": "https://root.example.com/", "hosts": ["root.example.com"], "paths": ["/"]})
        ),
        resource(MAIN, &small, &json!({"resource": "https://anywhere.example.com/anywhere", "hosts": ["*"]})),
    ])
}
