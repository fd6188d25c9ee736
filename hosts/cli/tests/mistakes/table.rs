//! The mistakes.

use serde_json::json;

use crate::lines::Place::{self, Audit, Check, Client, Doctor, Explain, Log};
use crate::plan::{Plan, Transport, metadata};
use crate::support::answer::Answer;
use crate::support::keys::Key;
use crate::support::tokens::now;

pub struct Mistake {
    pub name: &'static str,
    /// How it is made, in a sentence.
    pub how: &'static str,
    /// Makes it.
    pub make: fn(&mut Plan),
    /// Another answer of the authorization server, by its issuer and the path.
    pub provided: Option<fn(&str, &str) -> Option<Answer>>,
    /// How the authorization server serves, and how Envoy's cluster reaches it.
    pub served: Transport,
    pub reached: Transport,
    pub is_down: bool,
    /// Whether Envoy starts.
    pub starts: bool,
    /// Whether Envoy's log must have a warning of toolgate's.
    pub is_logged: bool,
    /// Whether whoever explains has the keys.
    pub has_keys: bool,
    /// Words that first lines must have.
    pub says: &'static [(Place, &'static str)],
}

const fn mistake(
    name: &'static str,
    how: &'static str,
    make: fn(&mut Plan),
    says: &'static [(Place, &'static str)],
) -> Mistake {
    Mistake {
        name,
        how,
        make,
        provided: None,
        served: Transport::Plain,
        reached: Transport::Plain,
        is_down: false,
        starts: true,
        is_logged: false,
        has_keys: true,
        says,
    }
}

/// One that keeps the keys away.
const fn outage(name: &'static str, how: &'static str, says: &'static [(Place, &'static str)]) -> Mistake {
    Mistake { is_logged: true, has_keys: false, ..mistake(name, how, |_| {}, says) }
}

pub const MISTAKES: &[Mistake] = &[
    mistake(
        "The token is for another audience",
        "The token's `aud` is `api://default`.",
        |plan| plan.claim("aud", "api://default"),
        &[
            (Audit, "audience_mismatch: aud: expected `https://mcp.example.com/mcp`, got `api://default`"),
            (Explain, "401 audience_mismatch: aud: expected"),
            (Doctor, "its `aud` is `api://default`"),
            (Client, "not issued for this resource"),
        ],
    ),
    mistake(
        "The issuer has a trailing slash",
        "The token's `iss` ends with a slash, and the configured `issuer` does not.",
        |plan| {
            let issuer = format!("{}/", plan.issuer);
            plan.claim("iss", issuer);
        },
        &[
            (Audit, "issuer_mismatch: iss: expected"),
            (Explain, "A trailing slash"),
            (Doctor, "its `iss` is `https://auth.example.com/`"),
        ],
    ),
    mistake(
        "The token is of another type",
        "The profile `rfc9068` wants `at+jwt`, and the token says `JWT`.",
        |plan| plan.token = plan.token.clone().typ("JWT"),
        &[(Audit, "type_not_allowed: typ: expected"), (Explain, "type_not_allowed")],
    ),
    mistake(
        "The token has expired",
        "The client does not refresh its token.",
        |plan| plan.claim("exp", now() - 7200),
        &[
            (Audit, "token_expired: exp"),
            (Explain, "token_expired: exp"),
            (Client, "has expired"),
            (Doctor, "expired 2 h"),
        ],
    ),
    mistake(
        "The issuer's clock is ahead",
        "The issuer's clock is two hours ahead of Envoy's.",
        |plan| {
            plan.claim("iat", now() + 7230);
            plan.claim("exp", now() + 7530);
        },
        &[(Audit, "issued_in_future: iat"), (Explain, "clock is ahead"), (Doctor, "clock is ahead")],
    ),
    mistake(
        "The key is unknown",
        "The token's `kid` is in no key set, as after a rotation or with another environment's token.",
        |plan| plan.token = plan.token.clone().header("kid", "2026-01"),
        &[(Audit, "key_unknown: kid"), (Explain, "key_unknown: kid `2026-01`"), (Doctor, "its `kid` is `2026-01`")],
    ),
    mistake(
        "The signature is bad",
        "Another key signed the token under the name of the issuer's.",
        |plan| plan.key = Key::rsa_b().named("rsa-a"),
        &[(Audit, "bad_signature"), (Explain, "bad_signature")],
    ),
    mistake(
        "The token has no scope",
        "The token has no `scope` claim.",
        |plan| plan.token = plan.token.clone().without_claim("scope"),
        &[(Audit, "missing [\"weather:read\"]"), (Explain, "missing: `weather:read`"), (Client, "weather:read")],
    ),
    mistake(
        "Roles instead of scopes",
        "The token has its roles in `realm_access.roles`, and no scope.",
        |plan| {
            plan.token = plan.token.clone().without_claim("scope");
            plan.claim("realm_access", json!({"roles": ["weather-user"]}));
        },
        &[(Audit, "missing [\"weather:read\"]"), (Explain, "scope_map"), (Client, "weather:read")],
    ),
    Mistake {
        is_logged: true,
        has_keys: false,
        ..mistake(
            "The cluster's name is misspelled",
            "`jwks.cluster` is `auht`, and the cluster is `auth`.",
            |plan| plan.config["issuers"][0]["jwks"]["cluster"] = json!("auht"),
            &[(Log, "auht"), (Check, "did you mean `auth`?"), (Audit, "keys_unavailable")],
        )
    },
    Mistake {
        is_down: true,
        ..outage(
            "The authorization server is down",
            "Nothing listens on its port.",
            &[(Log, "503"), (Audit, "keys_unavailable"), (Doctor, "issuer: https://auth.example.com")],
        )
    },
    Mistake {
        reached: Transport::Tls,
        ..outage(
            "TLS to a server without it",
            "The cluster has TLS, and the authorization server has none.",
            &[
                (Log, "503: upstream connect error"),
                (Audit, "keys_unavailable"),
                (Doctor, "does not speak TLS on this port"),
            ],
        )
    },
    Mistake {
        served: Transport::Tls,
        ..outage(
            "No TLS to a server with it",
            "The cluster has no TLS, and the authorization server wants it.",
            &[(Log, "protocol error"), (Check, "transport_socket: is missing"), (Audit, "keys_unavailable")],
        )
    },
    Mistake {
        served: Transport::Tls,
        reached: Transport::Tls,
        make: |plan| {
            let other = crate::support::tls::Authority::new().pem();
            plan.around(|setup| {
                setup.cluster("auth", move |cluster| {
                    let context = &mut cluster["transport_socket"]["typed_config"]["common_tls_context"];
                    context["validation_context"]["trusted_ca"] = json!({"inline_string": other});
                })
            });
        },
        ..outage(
            "The cluster trusts another CA",
            "The certificate of the authorization server is by a CA that is not the cluster's `trusted_ca`.",
            &[(Log, "remote connection failure"), (Audit, "keys_unavailable"), (Doctor, "trusted CA")],
        )
    },
    Mistake {
        provided: Some(|_, path| (path == "/jwks").then(|| Answer::new(404))),
        ..outage(
            "The key set is not there",
            "`jwks.uri` answers 404.",
            &[(Log, "404"), (Audit, "keys_unavailable"), (Doctor, "keys: https://auth.example.com/jwks: HTTP 404")],
        )
    },
    Mistake {
        provided: Some(|_, path| {
            (path == "/jwks").then(|| Answer::new(200).header("content-type", "text/html").body("<p>Sign in"))
        }),
        ..outage(
            "A page instead of the key set",
            "`jwks.uri` answers with a login page.",
            &[(Log, "Sign in"), (Audit, "keys_unavailable"), (Doctor, "no key set")],
        )
    },
    Mistake {
        make: |plan| plan.config["issuers"][0]["jwks"] = json!({"discover": true, "cluster": "auth"}),
        provided: Some(|issuer, path| {
            path.starts_with("/.well-known/").then(|| Answer::json(&metadata(&format!("{issuer}/tenant"))))
        }),
        ..outage(
            "Discovery finds another issuer",
            "With `discover: true`, the metadata is of `https://auth.example.com/tenant`.",
            &[(Log, "/tenant"), (Audit, "keys_unavailable"), (Doctor, "/tenant")],
        )
    },
    Mistake {
        is_logged: true,
        ..mistake(
            "Envoy's buffer is too small",
            "The list has 80 kB, and `per_connection_buffer_limit_bytes` is 32 kB.",
            |plan| {
                plan.method = "tools/list";
                plan.around(|setup| {
                    setup.edit(|own| {
                        own["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] = json!(32_768);
                    })
                });
            },
            &[(Log, "per_connection_buffer_limit_bytes"), (Check, "per_connection_buffer_limit_bytes: is too small")],
        )
    },
    Mistake {
        is_logged: true,
        ..mistake(
            "The host's flag is missing",
            "`hold_request_headers` is true, and the plugin's `allow_on_headers_stop_iteration` is not.",
            |plan| plan.around(|setup| setup.host_flag(false)),
            &[
                (Log, "allow_on_headers_stop_iteration"),
                (Check, "hold_request_headers: is true, but"),
                (Audit, "misconfigured"),
            ],
        )
    },
    Mistake {
        is_logged: true,
        ..mistake(
            "A failure lets requests through",
            "`failure_policy` is FAIL_OPEN, and Envoy cannot fetch the module: it starts, and no request is checked.",
            |plan| {
                plan.around(|setup| {
                    setup.plugin(|plugin| {
                        plugin["failure_policy"] = json!("FAIL_OPEN");
                        let uri = json!({"uri": "https://modules.example.com/toolgate.wasm", "cluster": "auth", "timeout": "1s"});
                        plugin["vm_config"]["code"] = json!({"remote": {"http_uri": uri, "sha256": "0".repeat(64)}});
                    })
                });
            },
            &[(Check, "failure_policy: lets every request through"), (Doctor, "toolgate is not in front of this URL")],
        )
    },
    mistake(
        "The host is another one",
        "Clients use a host that is not that of `resource`.",
        |plan| plan.host = "localhost",
        &[
            (Log, "mcp.internal"),
            (Explain, "host `mcp.internal` matches no resource; configured are `https://mcp.example.com/mcp`"),
            (Client, "not_found"),
            (Doctor, "compare `hosts` and `paths`"),
        ],
    ),
    mistake(
        "The path has a trailing slash",
        "Clients use `/mcp/`, and `resource` ends with `/mcp`.",
        |plan| plan.path = "/mcp/",
        &[
            (Audit, "not_found"),
            (
                Explain,
                "`/mcp/` at host `mcp.example.com` matches no resource; configured are `https://mcp.example.com/mcp`",
            ),
            (Client, "not_found"),
            (Doctor, "compare `hosts` and `paths`"),
        ],
    ),
    Mistake {
        starts: false,
        ..mistake(
            "A field of the policy is misspelled",
            "A rule has `scope` where `scopes` is meant.",
            |plan| plan.policy()["tools"]["get_forecast"] = json!({"scope": ["weather:read"]}),
            &[(Log, "scope: unknown field"), (Check, "did you mean `scopes`?"), (Explain, "scope: unknown field")],
        )
    },
    mistake(
        "The tool's name is misspelled",
        "A rule is for `get_forcast`, and the tool is `get_forecast`.",
        |plan| {
            let rules = plan.policy()["tools"].as_object_mut().unwrap();
            let rule = rules.remove("get_forecast").unwrap();
            rules.insert("get_forcast".to_owned(), rule);
        },
        &[(Audit, "unlisted (tools/call get_forecast)"), (Explain, "A rule lists `get_forcast`")],
    ),
    mistake(
        "The scope's name is misspelled",
        "A rule wants `weather:raed`, and tokens have `weather:read`.",
        |plan| {
            plan.policy()["tools"]["get_forecast"] = json!({"scopes": ["weather:raed"]});
            plan.policy()["tools"]["list_alerts"] = json!({"scopes": ["weather:read"]});
        },
        &[
            (Audit, "missing [\"weather:raed\"]"),
            (Check, "is one of them misspelled?"),
            (Explain, "The token has `weather:read`"),
        ],
    ),
    mistake(
        "Shadow mode is left on",
        "The policy has `mode: shadow`, and the caller lacks the scope.",
        |plan| {
            plan.policy()["mode"] = json!("shadow");
            plan.claim("scope", "weather:other");
        },
        &[
            (Audit, "shadow_deny, insufficient_scope"),
            (Check, "mode: is shadow"),
            (Explain, "shadow mode"),
            (Doctor, "shadow mode"),
        ],
    ),
    Mistake {
        starts: false,
        ..mistake(
            "Two issuers have one name",
            "Two issuers are both named `main`.",
            |plan| {
                let mut second = plan.config["issuers"][0].clone();
                second["issuer"] = json!("https://other.example.com");
                plan.config["issuers"].as_array_mut().unwrap().push(second);
            },
            &[(Log, "issuers[1].name"), (Check, "issuers[1].name"), (Explain, "issuers[1].name")],
        )
    },
    Mistake {
        starts: false,
        ..mistake(
            "The variable of a secret is not set",
            "`client_secret_env` names a variable that the plugin does not get.",
            |plan| {
                let uri = format!("{}/introspect", plan.issuer);
                plan.config["issuers"][0]["introspection"] = json!({
                    "uri": uri, "cluster": "auth", "client_id": "gate", "client_secret_env": "TOOLGATE_CLIENT_SECRET",
                });
            },
            &[(Log, "TOOLGATE_CLIENT_SECRET"), (Check, "TOOLGATE_CLIENT_SECRET")],
        )
    },
];
