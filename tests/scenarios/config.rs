//! The configuration of all rows. Its resources differ by host.

use serde_json::{Value, json};

use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER};

/// The resource of most rows.
pub const MAIN: &str = "mcp.example.com";
/// Needs `mcp:connect` of everyone.
pub const BASE: &str = "base.example.com";
/// Names no scope of its challenge.
pub const QUIET: &str = "quiet.example.com";
/// Lets through what it does not list.
pub const OPEN: &str = "open.example.com";
/// Has patterns that match every name, beside exact names.
pub const PATTERNS: &str = "patterns.example.com";
/// Has stricter rules for some of the resources that a broad rule opens.
pub const URIS: &str = "uris.example.com";
/// Has a scope matrix.
pub const MATRIX: &str = "matrix.example.com";
/// Asks more of calls and callers than scopes.
pub const CONDITIONS: &str = "conditions.example.com";
/// Has rules that need no token, beside others.
pub const PUBLIC: &str = "public.example.com";
/// As [`PUBLIC`], in shadow mode, and shows in lists what signing in could unlock.
pub const PUBLIC_SHADOW: &str = "public-shadow.example.com";
/// Tells some clients of challenges inside results, and of what tools need in lists.
pub const IN_BAND: &str = "in-band.example.com";
/// As [`IN_BAND`], with no rule that is public.
pub const IN_BAND_CLOSED: &str = "in-band-closed.example.com";
/// Has a policy in shadow mode.
pub const SHADOW: &str = "shadow.example.com";
/// Shows in lists what a step-up could unlock.
pub const OFFER: &str = "offer.example.com";
/// Is called by browsers.
pub const BROWSERS: &str = "browsers.example.com";
/// Forwards who calls.
pub const FORWARD: &str = "forward.example.com";
/// Keeps `Authorization`.
pub const KEEP: &str = "keep.example.com";
/// Is reached on a port only.
pub const PORT: &str = "port.example.com:8443";
/// Protects all below `/files/`.
pub const FILES: &str = "files.example.com";
/// Has an issuer whose keys cannot be had.
pub const DOWN: &str = "down.example.com";
/// Has issuers that want to be asked.
pub const ASKED: &str = "asked.example.com";
/// An issuer of [`ASKED`] whose tokens are verified, then asked about.
pub const BOTH: &str = "https://both.example.com";
/// One whose tokens are asked about where they cannot be verified.
pub const EITHER: &str = "https://either.example.com";
/// Has an issuer that is asked about every token.
pub const OPAQUE: &str = "opaque.example.com";
/// The issuer of [`OPAQUE`].
pub const ASKED_ONLY: &str = "https://asked-only.example.com";
/// Has rules that want the issuer asked.
pub const FRESH: &str = "fresh.example.com";
/// An issuer of [`FRESH`] whose tokens are verified, and asked about only where a rule wants it.
pub const LOCAL: &str = "https://local.example.com";
/// Takes tokens that are bound to a key, of [`PROVEN`], and others, of the issuer of most rows.
pub const PROOFS: &str = "proofs.example.com";
/// Takes none but bound tokens of [`PROVEN`].
pub const PROOFS_ONLY: &str = "proofs-only.example.com";
/// The issuer that binds tokens.
pub const PROVEN: &str = "https://proven.example.com";
/// Has clients ask for scopes by their long names.
pub const PREFIXED: &str = "prefixed.example.com";
/// Has an issuer that is no URL.
pub const NAMED: &str = "named.example.com";
/// The issuer of [`NAMED`], whose tokens may have a `nonce`.
pub const NO_URL: &str = "accounts.example.com";
/// Has an issuer that maps claims to scopes, [`MAPPING`].
pub const MAPPED: &str = "mapped.example.com";
/// Offers fewer scopes than its policy names, since [`MAPPING`] maps the others.
pub const OFFERED: &str = "offered.example.com";
/// The issuer of [`MAPPED`] and [`OFFERED`].
pub const MAPPING: &str = "https://mapping.example.com";
/// Has rules on who acts for whom, for tokens of [`MAPPING`].
pub const DELEGATED: &str = "delegated.example.com";
/// Has an issuer whose tokens may lack an audience, [`LOOSE`].
pub const AUDIENCELESS: &str = "audienceless.example.com";
/// The issuer of [`AUDIENCELESS`].
pub const LOOSE: &str = "https://loose.example.com";
/// Has a policy that revokes tokens, in shadow mode.
pub const REVOKED: &str = "revoked.example.com";
/// Binds sessions to their caller, and speaks the older transport too.
pub const SESSIONS: &str = "sessions.example.com";
/// As [`SESSIONS`], in shadow mode, with base scopes.
pub const SESSIONS_SHADOW: &str = "sessions-shadow.example.com";
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

fn weather() -> Value {
    json!({
        "hierarchy": {"weather:admin": ["weather:write"], "weather:write": ["weather:read"]},
        "tools": {
            "echo": {"scopes": []},
            "get_forecast": {"scopes": ["weather:read"]},
            "set_alert": {"any_of": [["weather:write"], ["alerts:write", "weather:read"]]},
            "merge": {"scopes": ["weather:write", "alerts:write"]},
            "admin_*": {"scopes": ["weather:admin"]},
            "admin_help": {"scopes": []},
            "admin_audit_*": {"scopes": ["audit:read"]},
            "drop_*": {"scopes": ["drop:run"]},
            "*_data": {"scopes": ["data:run"]},
        },
        "prompts": {"brief*": {"scopes": ["weather:read"]}},
        "resources": {"weather://*": {"scopes": ["weather:read"]}, "weather://public/*": {"scopes": []}},
        "methods": {"tasks/*": {"scopes": ["tasks:run"]}},
    })
}

fn bound() -> Value {
    let [secret, previous] = SECRETS;
    json!({"bind": true, "secret_env": secret, "previous_secret_env": previous})
}

fn open() -> Value {
    let authenticated = "authenticated";
    json!({
        "tools": {"delete_all": {"scopes": ["weather:delete"]}, "admin_*": {"scopes": ["weather:admin"]}},
        "prompts": {"brief": {"scopes": ["weather:read"]}},
        "resources": {"weather://secret": {"scopes": ["weather:read"]}},
        "methods": {"tasks/cancel": {"scopes": ["tasks:run"]}},
        "unlisted": {
            "tools": authenticated, "prompts": authenticated, "resources": authenticated, "methods": authenticated,
        },
    })
}

fn patterns() -> Value {
    let any = json!({"scopes": []});
    json!({
        "tools": {"*": any, "delete_all": {"scopes": ["weather:delete"]}, "erase": {"scopes": [], "fresh": "0s"}},
        "prompts": {"*": any, "brief": {"scopes": ["weather:read"]}},
        "resources": {"weather://*": any, "weather://secret": {"scopes": ["weather:read"]}},
        "methods": {"*": any, "tasks/cancel": {"scopes": ["tasks:run"]}, "notifications/tasks/*": {"scopes": ["tasks:run"]}},
        "matrix": [
            {"name": "no formatting", "subjects": ["alice"], "deny_tools": ["format_disk", "wipe_*"]},
            {"name": "the bot drops nothing", "subjects": ["bot"], "deny_tools": ["drop_table"]},
        ],
    })
}

fn uris() -> Value {
    let (any, admin) = (json!({"scopes": []}), json!({"scopes": ["docs:admin"]}));
    json!({"resources": {
        "docs*": any, "docs://secret/*": admin, "docs://public/key": admin,
        "docs://caf%C3%A9/*": admin, "docs://na\u{ef}ve/*": admin,
        "https:*": any, "https://admin.example/*": admin, "https://exact.example": admin, "https://exact.example/key": admin,
        "http:*": any, "file:*": any, "file:///srv/secret/*": admin,
    }})
}

fn matrix() -> Value {
    json!({
        "base_scopes": ["mcp:connect"],
        "hierarchy": {"weather:write": ["weather:read"]},
        "tools": {
            "echo": {"scopes": []},
            "read": {"scopes": ["weather:read"]},
            "write": {"scopes": ["weather:write"]},
            "delete_all": {"scopes": []},
        },
        "matrix": [
            {
                "name": "alice only reads from the desktop", "subjects": ["alice"], "clients": ["desktop-*"],
                "scopes": ["mcp:connect", "weather:read"],
            },
            {"name": "the bot deletes nothing", "subjects": ["bot"], "deny_tools": ["delete_*"]},
            {"name": "acme is watched", "claims": {"org": "acme"}, "deny_tools": ["*"], "mode": "shadow"},
            {
                "name": "apps of example only read", "clients": ["https://*.example.com/mcp/client.json"],
                "scopes": ["mcp:connect", "weather:read"],
            },
            {"name": "apps of one host delete nothing", "clients": ["https://apps.example.net/*"], "deny_tools": ["delete_*"]},
            {"name": "one app deletes nothing", "clients": ["https://app.example.net/oauth"], "deny_tools": ["delete_*"]},
            {"name": "a guest reads nothing", "subjects": ["guest"], "scopes": ["mcp:connect"]},
            {"name": "nobody of no scope", "subjects": ["nobody"], "scopes": []},
        ],
    })
}

fn conditions() -> Value {
    json!({
        "tools": {
            "pay": {
                "scopes": ["weather:read"],
                "arguments": {"/amount": {"max": 100}, "/owner": {"claim": "sub"}},
            },
            "erase": {"scopes": ["weather:read"], "acr": ["urn:x:mfa", "urn:x:key"], "max_auth_age": "5m"},
            "late": {"scopes": [], "max_auth_age": "90s"},
            "trial": {"scopes": ["weather:write"], "mode": "shadow"},
        },
    })
}

fn fresh() -> Value {
    json!({
        "tools": {
            "echo": {"scopes": []},
            "erase": {"scopes": ["weather:write"], "fresh": "0s"},
            "trial": {"scopes": [], "fresh": "0s", "mode": "shadow"},
        },
        "prompts": {"brief": {"scopes": [], "fresh": "0s"}},
        "resources": {"weather://*": {"scopes": []}, "weather://secret": {"scopes": [], "fresh": "0s"}},
        "methods": {"tasks/*": {"scopes": [], "fresh": "0s"}},
    })
}

fn public() -> Value {
    let public = json!({"public": true});
    json!({
        "base_scopes": ["mcp:connect"],
        "tools": {
            "help": public,
            "help_*": public,
            "help_admin": {"scopes": ["weather:admin"]},
            "*_staff": {"scopes": ["weather:read"]},
            "convert": {"public": true, "arguments": {"/amount": {"max": 100}}},
            "delete_all": public,
            "delete_none": public,
            "any_token": {"scopes": []},
            "read": {"scopes": ["weather:read"]},
            "write": {"any_of": [["weather:write", "weather:read"], ["weather:admin"]]},
            "pay": {"scopes": ["pay:run"], "arguments": {"/amount": {"max": 100}, "/owner": {"claim": "sub"}}},
            "erase": {"scopes": ["weather:write"], "acr": "urn:x:mfa"},
            "audit": {"scopes": ["audit:read"]},
        },
        "prompts": {"brief": public, "secret": {"scopes": ["weather:read"]}},
        "resources": {
            "docs://open/*": public, "docs://open/a": {"scopes": ["docs:read"]}, "docs://*": {"scopes": ["docs:read"]},
        },
        "methods": {"x/open": public, "tasks/get": public, "x/*": {"scopes": ["x:run"]}},
        "unlisted": {"resources": "authenticated"},
        "matrix": [
            {"name": "nothing is deleted", "deny_tools": ["delete_all"]},
            {"name": "the bot asks nobody", "subjects": ["bot"], "deny_tools": ["help*"]},
            {"name": "everybody named", "subjects": ["*"], "deny_tools": ["delete_none"]},
            {"name": "audits are elsewhere", "scopes": [
                "mcp:connect", "weather:read", "weather:write", "weather:admin", "pay:run", "docs:read", "x:run",
            ]},
        ],
    })
}

fn in_band(public: bool) -> Value {
    let help = if public { json!({"public": true}) } else { json!({"scopes": []}) };
    json!({
        "base_scopes": ["mcp:connect"],
        "tools": {
            "help": help,
            "any_token": {"scopes": []},
            "read": {"scopes": ["weather:read"]},
            "write": {"any_of": [["weather:write", "weather:read"], ["weather:admin"]]},
            "erase": {"scopes": ["weather:read"], "acr": "urn:x:mfa"},
        },
        "prompts": {"secret": {"scopes": ["weather:read"]}},
    })
}

fn public_shadow() -> Value {
    json!({
        "base_scopes": ["mcp:connect"],
        "tools": {
            "help": {"public": true},
            "convert": {"public": true, "mode": "shadow", "arguments": {"/amount": {"max": 100}}},
            "read": {"scopes": ["weather:read"]},
            "write": {"scopes": ["weather:write"], "mode": "shadow"},
            "delete_all": {"public": true},
        },
        "matrix": [{"name": "deletions are watched", "deny_tools": ["delete_all"], "mode": "shadow"}],
        "unlisted": {"tools": "authenticated"},
        "lists": "offer",
        "mode": "shadow",
    })
}

fn shadow() -> Value {
    json!({
        "base_scopes": ["mcp:connect"],
        "tools": {"echo": {"scopes": []}, "write": {"scopes": ["weather:write"]}, "delete_all": {"scopes": []}},
        "resources": {"weather://*": {"scopes": ["weather:read"]}},
        "matrix": [
            {"name": "no deletion", "subjects": ["bot"], "deny_tools": ["delete_*"], "mode": "enforce"},
            {"name": "guests do not read", "subjects": ["guest"], "scopes": ["mcp:connect"], "mode": "enforce"},
        ],
        "mode": "shadow",
    })
}

fn mapped() -> Value {
    json!({
        "hierarchy": {"weather:admin": ["weather:write"], "weather:write": ["weather:read"]},
        "tools": {
            "echo": {"scopes": []},
            "read": {"scopes": ["weather:read"]},
            "write": {"scopes": ["weather:write"]},
            "admin": {"scopes": ["weather:admin"]},
            "run": {"scopes": ["tasks:run"]},
            "either": {"any_of": [["weather:admin"], ["weather:read", "openid"]]},
            "both": {"scopes": ["weather:admin", "openid"]},
        },
        "matrix": [{"name": "the guest only reads", "subjects": ["guest"], "scopes": ["weather:read"]}],
    })
}

fn delegated() -> Value {
    let any = json!({"scopes": []});
    json!({
        "tools": {
            "echo": any, "write": any, "run": any, "drop": any, "sweep": any, "read": {"scopes": ["weather:read"]},
        },
        "matrix": [
            {"name": "agents do not write", "delegated": true, "deny_tools": ["write"]},
            {"name": "people do not run", "delegated": false, "deny_tools": ["run"]},
            {"name": "the interns do not drop", "actors": ["intern-*", "temp"], "deny_tools": ["drop"]},
            {"name": "nobody sweeps", "actors": ["*"], "deny_tools": ["sweep"]},
        ],
    })
}

fn revoked() -> Value {
    json!({
        "tools": {"echo": {"scopes": []}},
        "mode": "shadow",
        "revoked": [
            {"subjects": ["mallory", "evil-*"]},
            {"subjects": ["bob"], "clients": ["lost-*"]},
            {"jti": ["stolen-1", "stolen-2"]},
            {"subjects": ["carol"], "issued_before": "2100-01-01T00:00:00Z"},
            {"subjects": ["dave"], "issued_before": "2001-01-01T00:00:00Z"},
            {"issuers": ["local"], "actors": ["agent"]},
            {"clients": ["*"], "subjects": ["erin"]},
        ],
    })
}
