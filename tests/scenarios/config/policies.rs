//! The policies of the resources.

use super::*;

pub(super) fn weather() -> Value {
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

pub(super) fn bound() -> Value {
    let [secret, previous] = SECRETS;
    json!({"bind": true, "secret_env": secret, "previous_secret_env": previous})
}

pub(super) fn open() -> Value {
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

pub(super) fn patterns() -> Value {
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

pub(super) fn uris() -> Value {
    let (any, admin) = (json!({"scopes": []}), json!({"scopes": ["docs:admin"]}));
    json!({"resources": {
        "docs*": any, "docs://secret/*": admin, "docs://public/key": admin,
        "docs://caf%C3%A9/*": admin, "docs://na\u{ef}ve/*": admin,
        "https:*": any, "https://admin.example/*": admin, "https://exact.example": admin, "https://exact.example/key": admin,
        "http:*": any, "file:*": any, "file:///srv/secret/*": admin,
    }})
}

pub(super) fn matrix() -> Value {
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

pub(super) fn conditions() -> Value {
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

pub(super) fn fresh() -> Value {
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

pub(super) fn public() -> Value {
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

pub(super) fn in_band(public: bool) -> Value {
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

pub(super) fn public_shadow() -> Value {
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

pub(super) fn shadow() -> Value {
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

pub(super) fn mapped() -> Value {
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

pub(super) fn delegated() -> Value {
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

pub(super) fn revoked() -> Value {
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
