//! The configuration: all of it is read, nothing of it is ignored, and what is
//! wrong with it is told at once, each fault with its path.

mod faults;
mod forms;
mod issuers;
mod policies;
mod resources;

use std::time::Duration;

use crate::support::core::{accepted, faults, minimal, node, parse, paths, set, to_json, to_struct, without};
use crate::support::keys::Key;
use serde_json::{Value, json};
use toolgate::config::{
    Audit, AuthenticationMethod, Batches, Config, Decisions, FilterState, IdentityValue, Limits, SubjectForm,
    Validation,
};
use toolgate::jwks::KeySource;
use toolgate::node::{Node, Number};
use toolgate::policy::{Lists, Mode};
use toolgate::scope::Scope;
use toolgate::signature::Algorithm;

/// Every field that there is, each with a value that is not its default.
fn full() -> Value {
    json!({
        "issuers": [
            {
                "issuer": "https://login.acme.example/tenant",
                "name": "acme",
                "profile": "hydra",
                "validation": "jwt_or_introspection",
                "jwks": {
                    "uri": "https://login.acme.example/keys",
                    "cluster": "acme-login",
                    "timeout": "750ms",
                    "max_age": "5m",
                    "cooldown": "45s",
                    "max_stale": "2h"
                },
                "introspection": {
                    "uri": "https://login.acme.example/introspect?v=2",
                    "cluster": "acme-login",
                    "client_id": "edge",
                    "client_secret": "very-secret",
                    "client_auth": "post",
                    "timeout": "2s",
                    "cache_ttl": "0s",
                    "max_in_flight": 7
                },
                "algorithms": ["ES256", "PS512"],
                "token_types": ["at+jwt", "application/Custom"],
                "scope_claims": ["permissions"],
                "client_claims": ["app"],
                "subject_claim": "uid",
                "required_claims": {"token_use": "access", "level": 2, "staff": true},
                "leeway": "5s"
            },
            {
                "issuer": "https://sts.partner.example/",
                "jwks": {"keys": [Key::p256().jwk(), Key::ed25519().jwk()]},
                "introspection": {
                    "uri": "https://sts.partner.example/introspect",
                    "cluster": "partner",
                    "client_id": "edge",
                    "client_secret_env": "SECRET"
                }
            }
        ],
        "resources": [
            {
                "resource": "https://tools.acme.example/weather",
                "hosts": ["tools.acme.example", "alt.acme.example:8443", "*"],
                "paths": ["/weather", "/weather/v2/*"],
                "issuers": ["acme", "https://sts.partner.example/"],
                "audiences": ["weather-api", "https://tools.acme.example/weather"],
                "authorization_servers": ["https://login.acme.example/tenant"],
                "name": "Weather at Acme",
                "documentation": "https://docs.acme.example/weather",
                "policy_uri": "https://acme.example/data",
                "tos_uri": "https://acme.example/terms",
                "scopes_supported": ["weather:read"],
                "challenge_scopes": ["weather:read", "openid"],
                "origins": ["https://app.acme.example", "http://localhost:3000"],
                "forward": {
                    "authorization": "keep",
                    "headers": {
                        "X-Caller": "sub",
                        "x-caller-issuer": "issuer",
                        "x-caller-client": "client",
                        "x-caller-scopes": "scope",
                        "x-caller-org": "claims.org.id"
                    }
                },
                "policy": {
                    "base_scopes": ["mcp:connect"],
                    "hierarchy": {"weather:admin": ["weather:write"], "weather:write": ["weather:read"]},
                    "tools": {
                        "get_forecast": {"scopes": ["weather:read"]},
                        "set_alert": {"any_of": [["weather:write"], ["alerts:write", "weather:read"]]},
                        "admin_*": {"scopes": ["weather:admin"]},
                        "echo": {"scopes": []}
                    },
                    "prompts": {"brief*": {"scopes": ["weather:read"]}},
                    "resources": {"weather://*": {"scopes": ["weather:read"]}},
                    "methods": {"tasks/*": {"scopes": ["tasks:run"]}},
                    "unlisted": {
                        "tools": "authenticated",
                        "prompts": "deny",
                        "resources": "authenticated",
                        "methods": "deny"
                    },
                    "lists": "offer",
                    "matrix": [
                        {
                            "name": "alice looks, she does not touch",
                            "subjects": ["alice", "al*"],
                            "clients": ["claude-*"],
                            "issuers": ["acme"],
                            "claims": {"org": "acme", "level": 2, "staff": false},
                            "scopes": ["weather:read"],
                            "deny_tools": ["delete_*"],
                            "mode": "shadow"
                        }
                    ],
                    "mode": "shadow"
                }
            }
        ],
        "pass": ["/healthz", "/assets/*"],
        "hold_request_headers": true,
        "batches": "authorize_each",
        "limits": {"body": 500_000, "list": 400_000, "token": 8192, "depth": 32, "batch": 8, "stream": "10m"},
        "token_cache": {"entries": 17},
        "audit": {
            "decisions": "denied", "subject": "hash",
            "sink": {"uri": "https://audit.example.com/lines", "cluster": "audit", "timeout": "2s"}
        },
        "records": {"filter_state": "decision"}
    })
}

fn text(content: &str) -> Node {
    Node::Text(content.to_owned())
}

#[test]
fn every_field_is_read_from_both_forms() {
    let tree = node(&full());
    for (form, bytes) in [("JSON", to_json(&tree).into_bytes()), ("Struct", to_struct(&tree))] {
        let config = parse(&bytes).unwrap_or_else(|faults| panic!("{form}: {:?}", paths(&faults)));
        every_field_is_there(&config, form);
    }
}

fn every_field_is_there(config: &Config, form: &str) {
    let seconds = Duration::from_secs;
    let acme = &config.issuers[0];
    assert_eq!(acme.identifier, "https://login.acme.example/tenant", "{form}");
    assert_eq!(acme.name, "acme");
    assert_eq!(acme.validation, Validation::JwtOrIntrospection);
    assert_eq!(acme.algorithms, Some(vec![Algorithm::Es256, Algorithm::Ps512]));
    let Some(KeySource::Fetched { uri, cluster, timing }) = &acme.keys else { panic!("keys are fetched") };
    assert_eq!((uri.as_str(), cluster.as_str()), ("https://login.acme.example/keys", "acme-login"));
    assert_eq!((timing.timeout, timing.max_age), (Duration::from_millis(750), seconds(300)));
    assert_eq!((timing.cooldown, timing.max_stale), (seconds(45), seconds(7200)));
    let asked = acme.introspection.as_ref().expect("an endpoint");
    assert_eq!(asked.endpoint.uri.request_target(), "/introspect?v=2");
    assert_eq!((asked.endpoint.timeout, asked.cache_ttl, asked.max_in_flight), (seconds(2), Duration::ZERO, 7));
    let client = asked.endpoint.client.as_ref().expect("client authentication");
    assert_eq!(
        (client.id.as_str(), client.secret.as_str(), client.method),
        ("edge", "very-secret", AuthenticationMethod::ClientSecretPost)
    );
    assert_eq!(acme.rules.types, ["at+jwt", "custom"], "types compare without case and `application/`");
    assert!(!acme.rules.type_may_be_absent);
    assert_eq!(acme.rules.scope_claims, ["permissions"]);
    assert_eq!(acme.rules.client_claims, ["app"]);
    assert_eq!(acme.rules.subject_claim, "uid");
    let claims: Vec<_> = acme.rules.required_claims.iter().map(|test| (test.name.as_str(), &test.expected)).collect();
    let expected =
        [("level", &Node::Number(Number::Whole(2))), ("staff", &Node::Bool(true)), ("token_use", &text("access"))];
    assert_eq!(claims, expected);
    assert_eq!(acme.rules.leeway, seconds(5));

    let partner = &config.issuers[1];
    let Some(KeySource::Fixed(keys)) = &partner.keys else { panic!("keys are fixed") };
    assert_eq!(keys.len(), 2);
    let client =
        partner.introspection.as_ref().and_then(|asked| asked.endpoint.client.as_ref()).expect("authentication");
    assert_eq!((client.secret.as_str(), client.method), ("from-env", AuthenticationMethod::ClientSecretBasic));

    let resource = &config.resources[0];
    assert_eq!(resource.identifier.as_str(), "https://tools.acme.example/weather");
    assert_eq!((resource.hosts.len(), resource.paths.len()), (3, 2));
    assert_eq!(resource.issuers, config.issuers.ids().collect::<Vec<_>>());
    assert_eq!(resource.audiences, ["weather-api", "https://tools.acme.example/weather"]);
    assert_eq!(resource.authorization_servers, ["https://login.acme.example/tenant"]);
    assert_eq!(resource.name.as_deref(), Some("Weather at Acme"));
    assert_eq!(resource.documentation.as_deref(), Some("https://docs.acme.example/weather"));
    assert_eq!(resource.policy_uri.as_deref(), Some("https://acme.example/data"));
    assert_eq!(resource.tos_uri.as_deref(), Some("https://acme.example/terms"));
    assert_eq!(resource.scopes_supported, ["weather:read"]);
    assert_eq!(resource.challenge_scopes, ["weather:read", "openid"]);
    assert_eq!(resource.origins.as_deref().unwrap(), ["https://app.acme.example", "http://localhost:3000"]);
    assert!(resource.keep_authorization);
    let forwarded: Vec<_> = resource.forwarded.iter().map(|h| (h.name.as_str(), h.value.clone())).collect();
    assert_eq!(
        forwarded,
        [
            ("x-caller", IdentityValue::Subject),
            ("x-caller-client", IdentityValue::Client),
            ("x-caller-issuer", IdentityValue::Issuer),
            ("x-caller-org", IdentityValue::Claim("org.id".into())),
            ("x-caller-scopes", IdentityValue::Scope),
        ]
    );

    let policy = &resource.policy;
    assert_eq!(policy.base_scopes, [Scope::parse("mcp:connect").unwrap()]);
    assert_eq!((policy.lists, policy.mode), (Lists::Offer, Mode::Shadow));
    assert_eq!(policy.named_scopes().len(), 6);
    let row = &policy.matrix[0];
    assert_eq!(row.name, "alice looks, she does not touch");
    assert_eq!((row.who.subjects.as_ref().unwrap().len(), row.who.clients.as_ref().unwrap().len()), (2, 1));
    assert_eq!((row.who.issuers.as_ref().unwrap().len(), row.claims.len(), row.deny_tools.patterns().len()), (1, 3, 1));
    assert_eq!((row.scopes.as_ref().unwrap().len(), row.mode), (1, Some(Mode::Shadow)));

    assert!(config.hold_request_headers);
    assert_eq!(config.batches, Batches::AuthorizeEach);
    assert_eq!(
        config.limits,
        Limits { body: 500_000, list: 400_000, token: 8192, depth: 32, batch: 8, stream: Duration::from_secs(600) }
    );
    assert_eq!(config.token_cache_entries, 17);
    assert_eq!((config.audit.decisions, config.audit.subject), (Decisions::Denied, SubjectForm::Hash));
    assert_eq!(config.filter_state, FilterState::Decision);
    let sink = config.audit.sink.as_ref().unwrap();
    assert_eq!((sink.uri.as_str(), sink.cluster.as_str()), ("https://audit.example.com/lines", "audit"));
    assert_eq!(sink.timeout, Duration::from_secs(2));
    assert_eq!(config.warnings, [], "all of it has an effect");
}

#[test]
fn every_default_is_the_documented_one() {
    let fetched = json!({"uri": "https://auth.example.com/jwks", "cluster": "auth"});
    let asked = json!({"uri": "https://auth.example.com/introspect", "cluster": "auth"});
    let value = set(minimal(), "/issuers/0", json!({"issuer": "https://auth.example.com"}));
    let value = set(set(value, "/issuers/0/jwks", fetched), "/issuers/0/introspection", asked);
    let value = set(
        value,
        "/resources/0/policy",
        json!({
            "base_scopes": ["z", "a"],
            "tools": {"t": {"scopes": ["m", "offline_access"]}},
            "hierarchy": {"top": ["m"]},
            "matrix": [{"scopes": ["only-here"]}],
        }),
    );
    let config = accepted(&value);
    let seconds = Duration::from_secs;

    let issuer = &config.issuers[0];
    assert_eq!(issuer.name, issuer.identifier, "the issuer's string is its name");
    assert_eq!(issuer.validation, Validation::JwtAndIntrospection, "both are configured");
    assert_eq!(issuer.algorithms, None, "every asymmetric algorithm, as the keys imply them");
    let Some(KeySource::Fetched { timing, .. }) = &issuer.keys else { panic!("keys are fetched") };
    assert_eq!((timing.timeout, timing.max_age), (seconds(5), seconds(600)));
    assert_eq!((timing.cooldown, timing.max_stale), (seconds(30), seconds(3600)));
    let asked = issuer.introspection.as_ref().unwrap();
    assert_eq!((asked.endpoint.timeout, asked.cache_ttl, asked.max_in_flight), (seconds(5), seconds(30), 64));
    assert_eq!(asked.endpoint.client, None, "no secret, no client authentication");
    assert_eq!(issuer.rules.types, ["at+jwt", "jwt"]);
    assert!(issuer.rules.type_may_be_absent);
    assert_eq!(issuer.rules.scope_claims, ["scope", "scp"]);
    assert_eq!(issuer.rules.client_claims, ["client_id", "azp", "cid", "appid"]);
    assert_eq!(issuer.rules.subject_claim, "sub");
    assert!(issuer.rules.required_claims.is_empty());
    assert_eq!(issuer.rules.leeway, seconds(30));

    let resource = &config.resources[0];
    assert_eq!(resource.issuers, config.issuers.ids().collect::<Vec<_>>(), "all issuers");
    assert_eq!(resource.audiences, ["https://mcp.example.com/mcp"], "its own identifier");
    assert_eq!(resource.authorization_servers, ["https://auth.example.com"], "the issuers' identifiers");
    assert_eq!(resource.scopes_supported, ["a", "m", "top", "z"], "what the policy names, sorted, no offline_access");
    assert_eq!(resource.challenge_scopes, ["z", "a"], "base_scopes, in their order");
    assert_eq!((&resource.name, &resource.documentation), (&None, &None));
    assert_eq!((&resource.policy_uri, &resource.tos_uri, &resource.origins), (&None, &None, &None));
    assert!(!resource.keep_authorization, "the token stays here");
    assert_eq!(resource.forwarded, []);
    assert_eq!((resource.policy.lists, resource.policy.mode), (Lists::Hide, Mode::Enforce));

    assert!(!config.hold_request_headers);
    assert_eq!(config.batches, Batches::Reject);
    assert_eq!(
        config.limits,
        Limits {
            body: 1_000_000,
            list: 1_000_000,
            token: 16_384,
            depth: 64,
            batch: 32,
            stream: Duration::from_secs(3600)
        }
    );
    assert_eq!(config.token_cache_entries, 4096);
    let audit = Audit {
        decisions: Decisions::All,
        subject: SubjectForm::Plain,
        detail: true,
        sink: None,
        arguments: Vec::new(),
    };
    assert_eq!(config.audit, audit);
    assert_eq!(config.filter_state, FilterState::All);
    let warned: Vec<_> = config.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warned, ["resources[0].policy.matrix[0].scopes"], "it counts what nothing needs");
}

#[test]
fn validation_is_by_default_what_is_configured() {
    let keys = json!({"keys": [Key::ed25519().jwk()]});
    let asked = json!({"uri": "https://auth.example.com/introspect", "cluster": "auth"});
    let cases = [
        (Some(&keys), None, Validation::Jwt),
        (None, Some(&asked), Validation::Introspection),
        (Some(&keys), Some(&asked), Validation::JwtAndIntrospection),
    ];
    for (keys, asked, expected) in cases {
        let mut issuer = json!({"issuer": "https://auth.example.com"});
        for (name, part) in [("jwks", keys), ("introspection", asked)] {
            if let Some(part) = part {
                issuer = set(issuer, &format!("/{name}"), part.clone());
            }
        }
        let config = accepted(&set(minimal(), "/issuers/0", issuer));
        assert_eq!(
            config.issuers[0].validation,
            expected,
            "jwks {}, introspection {}",
            keys.is_some(),
            asked.is_some()
        );
    }
}

/// A change of a configuration that must be refused, and the paths of its
/// faults.
type Refusal = (&'static str, Vec<(&'static str, Value)>, &'static [&'static str]);

/// Marks a member to take away.
const GONE: &str = "<gone>";

fn changed(base: Value, changes: &[(&str, Value)]) -> Value {
    changes.iter().fold(base, |value, (pointer, new)| {
        if *new == json!(GONE) { without(value, pointer) } else { set(value, pointer, new.clone()) }
    })
}

fn assert_refused(base: &Value, cases: &[Refusal]) {
    for (name, changes, expected) in cases {
        let value = changed(base.clone(), changes);
        let found: Vec<String> = faults(&node(&value)).into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, *expected, "{name}");
    }
}
