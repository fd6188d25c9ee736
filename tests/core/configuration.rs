//! The configuration: all of it is read, nothing of it is ignored, and what is
//! wrong with it is told at once, each fault with its path.

use std::time::Duration;

use crate::support::core::{
    accepted, faults, minimal, node, occasion, parse, paths, set, to_json, to_struct, with_policy, without,
};
use crate::support::keys::Key;
use serde_json::{Value, json};
use toolgate::config::{
    Audit, AuthenticationMethod, Batches, Config, Decisions, Format, IdentityValue, Limits, SubjectForm, UntilSeen,
    Validation,
};
use toolgate::jwks::KeySource;
use toolgate::mcp::Access;
use toolgate::node::{Node, Number};
use toolgate::policy::{Lists, Mode};
use toolgate::scope::Scope;
use toolgate::signature::Algorithm;
use toolgate::workers::Timing;

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
        }
    })
}

/// Objects whose member names are the user's own.
const FREE_NAMES: &[&str] = &[
    "claims",
    "required_claims",
    "hierarchy",
    "headers",
    "policy.tools",
    "policy.prompts",
    "policy.resources",
    "policy.methods",
];

fn has_free_names(path: &str) -> bool {
    FREE_NAMES.iter().any(|name| path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Keys are read as one value each: members that a key's user does not know
/// are to be ignored (RFC 7517 section 4).
fn is_key(path: &str) -> bool {
    path.contains(".jwks.keys[")
}

/// Calls `visit` with the path of each value of the tree, and with what gives
/// the whole tree with another value in that place.
fn each_value(root: &Node, visit: &mut dyn FnMut(&str, &Node, &dyn Fn(Node) -> Node)) {
    walk("", root, &|node| node, visit);
}

fn walk(
    path: &str,
    node: &Node,
    replace: &dyn Fn(Node) -> Node,
    visit: &mut dyn FnMut(&str, &Node, &dyn Fn(Node) -> Node),
) {
    visit(path, node, replace);
    if is_key(path) {
        return;
    }
    match node {
        Node::Object(members) => {
            for (n, (name, inner)) in members.iter().enumerate() {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let replace = |new| {
                    let mut members = members.clone();
                    members[n].1 = new;
                    replace(Node::Object(members))
                };
                walk(&path, inner, &replace, visit);
            }
        }
        Node::List(items) => {
            for (n, inner) in items.iter().enumerate() {
                let replace = |new| {
                    let mut items = items.clone();
                    items[n] = new;
                    replace(Node::List(items))
                };
                walk(&format!("{path}[{n}]"), inner, &replace, visit);
            }
        }
        _ => {}
    }
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
    let audit = Audit { decisions: Decisions::All, subject: SubjectForm::Plain, sink: None, arguments: Vec::new() };
    assert_eq!(config.audit, audit);
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

#[test]
fn a_bad_issuer_is_refused_at_its_path() {
    let i = "/issuers/0";
    let p = |rest: &str| -> &'static str { Box::leak(format!("{i}{rest}").into_boxed_str()) };
    let cases: Vec<Refusal> = vec![
        ("no issuers", vec![("/issuers", json!(GONE))], &["issuers"]),
        ("an empty list of issuers", vec![("/issuers", json!([]))], &["issuers"]),
        ("no identifier", vec![(p("/issuer"), json!(GONE))], &["issuers[0].issuer"]),
        ("an empty identifier", vec![(p("/issuer"), json!(""))], &["issuers[0].issuer"]),
        (
            "an identifier that is no URL, without authorization servers",
            vec![(p("/issuer"), json!("auth.example.com"))],
            &["resources[0].authorization_servers"],
        ),
        (
            "an identifier that is no URL, without keys",
            vec![
                (p("/issuer"), json!("auth.example.com")),
                (p("/jwks"), json!(GONE)),
                (p("/introspection"), json!({"uri": "https://a.example/i", "cluster": "a"})),
                ("/resources/0/authorization_servers", json!(["https://a.example"])),
            ],
            &["issuers[0].issuer"],
        ),
        (
            "an identifier that is no URL, with discovery",
            vec![
                (p("/issuer"), json!("auth.example.com")),
                (p("/jwks"), json!({"discover": true, "cluster": "a"})),
                ("/resources/0/authorization_servers", json!(["https://a.example"])),
            ],
            &["issuers[0].jwks.discover"],
        ),
        ("an identifier that is half a URL", vec![(p("/issuer"), json!("https://"))], &["issuers[0].issuer"]),
        ("an unknown treatment of nonce", vec![(p("/nonce"), json!("ignore"))], &["issuers[0].nonce"]),
        ("an identifier with a fragment", vec![(p("/issuer"), json!("https://a.example/#x"))], &["issuers[0].issuer"]),
        ("an identifier with user info", vec![(p("/issuer"), json!("https://u@a.example/"))], &["issuers[0].issuer"]),
        ("an empty name", vec![(p("/name"), json!(""))], &["issuers[0].name"]),
        ("an unknown profile", vec![(p("/profile"), json!("google"))], &["issuers[0].profile"]),
        ("a profile in upper case", vec![(p("/profile"), json!("Generic"))], &["issuers[0].profile"]),
        ("an unknown validation", vec![(p("/validation"), json!("none"))], &["issuers[0].validation"]),
        ("neither keys nor introspection", vec![(p("/jwks"), json!(GONE))], &["issuers[0]"]),
        (
            "introspection that is not configured",
            vec![(p("/validation"), json!("jwt_or_introspection"))],
            &["issuers[0].introspection"],
        ),
        (
            "no keys for a validation that needs them",
            vec![(p("/jwks"), json!(GONE)), (p("/validation"), json!("jwt"))],
            &["issuers[0].jwks"],
        ),
        ("no algorithms", vec![(p("/algorithms"), json!([]))], &["issuers[0].algorithms"]),
        ("a symmetric algorithm", vec![(p("/algorithms"), json!(["RS256", "HS256"]))], &["issuers[0].algorithms[1]"]),
        ("no algorithm at all", vec![(p("/algorithms"), json!(["none"]))], &["issuers[0].algorithms[0]"]),
        ("an algorithm in lower case", vec![(p("/algorithms"), json!(["rs256"]))], &["issuers[0].algorithms[0]"]),
        ("no token types", vec![(p("/token_types"), json!([]))], &["issuers[0].token_types"]),
        ("an empty token type", vec![(p("/token_types"), json!(["at+jwt", ""]))], &["issuers[0].token_types[1]"]),
        ("no scope claims", vec![(p("/scope_claims"), json!([]))], &["issuers[0].scope_claims"]),
        ("no client claims", vec![(p("/client_claims"), json!([]))], &["issuers[0].client_claims"]),
        ("an empty subject claim", vec![(p("/subject_claim"), json!(""))], &["issuers[0].subject_claim"]),
        (
            "a required claim without a name",
            vec![(p("/required_claims"), json!({"": "x"}))],
            &["issuers[0].required_claims"],
        ),
        (
            "a required claim that is a list",
            vec![(p("/required_claims"), json!({"a": ["x"]}))],
            &["issuers[0].required_claims.a"],
        ),
        ("a negative leeway", vec![(p("/leeway"), json!("-1s"))], &["issuers[0].leeway"]),
        ("a leeway without a unit", vec![(p("/leeway"), json!("30"))], &["issuers[0].leeway"]),
        (
            "two issuers of one name",
            vec![(
                "/issuers/-",
                json!({"issuer": "https://b.example", "name": "main", "jwks": {"keys": [Key::p256().jwk()]}}),
            )],
            &["issuers[1].name"],
        ),
        (
            "one issuer twice",
            vec![(
                "/issuers/-",
                json!({"issuer": "https://auth.example.com", "name": "again", "jwks": {"keys": [Key::p256().jwk()]}}),
            )],
            &["issuers[1].issuer"],
        ),
    ];
    assert_refused(&minimal(), &cases);
}

#[test]
fn a_key_of_another_kind_among_fixed_ones_is_left_out_with_a_warning() {
    let private = set(Key::p256().jwk(), "/d", json!("AQ"));
    let keys = json!({"keys": [Key::ed25519().jwk(), Key::secret("s").jwk(), private, Key::p521().jwk()]});
    let config = accepted(&set(minimal(), "/issuers/0/jwks", keys));
    let warned: Vec<_> = config.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warned, ["issuers[0].jwks.keys[1]", "issuers[0].jwks.keys[2]"]);
}

#[test]
fn bad_key_sources_are_refused_at_their_path() {
    let fetched = json!({"uri": "https://auth.example.com/jwks", "cluster": "auth"});
    let base = set(minimal(), "/issuers/0/jwks", fetched);
    let cases: Vec<Refusal> = vec![
        ("no uri", vec![("/issuers/0/jwks/uri", json!(GONE))], &["issuers[0].jwks.uri"]),
        ("no cluster", vec![("/issuers/0/jwks/cluster", json!(GONE))], &["issuers[0].jwks.cluster"]),
        ("nothing at all", vec![("/issuers/0/jwks", json!({}))], &["issuers[0].jwks.cluster", "issuers[0].jwks.uri"]),
        ("a relative uri", vec![("/issuers/0/jwks/uri", json!("/jwks"))], &["issuers[0].jwks.uri"]),
        ("an empty cluster", vec![("/issuers/0/jwks/cluster", json!(""))], &["issuers[0].jwks.cluster"]),
        ("no time for a fetch", vec![("/issuers/0/jwks/timeout", json!("0s"))], &["issuers[0].jwks.timeout"]),
        ("a negative timeout", vec![("/issuers/0/jwks/timeout", json!("-5s"))], &["issuers[0].jwks.timeout"]),
        ("a negative max_age", vec![("/issuers/0/jwks/max_age", json!("-10m"))], &["issuers[0].jwks.max_age"]),
        ("a fraction of a second", vec![("/issuers/0/jwks/cooldown", json!("1.5s"))], &["issuers[0].jwks.cooldown"]),
        ("an unknown unit", vec![("/issuers/0/jwks/max_stale", json!("1d"))], &["issuers[0].jwks.max_stale"]),
        ("an empty set of keys", vec![("/issuers/0/jwks", json!({"keys": []}))], &["issuers[0].jwks.keys"]),
        (
            "keys and a uri",
            vec![("/issuers/0/jwks/keys", json!([Key::ed25519().jwk()]))],
            &["issuers[0].jwks.cluster", "issuers[0].jwks.uri"],
        ),
        (
            "a malformed key among good ones",
            vec![("/issuers/0/jwks", json!({"keys": [Key::ed25519().jwk(), {"kty": "RSA"}]}))],
            &["issuers[0].jwks.keys[1]"],
        ),
        (
            "no usable key",
            vec![("/issuers/0/jwks", json!({"keys": [Key::secret("s").jwk()]}))],
            &["issuers[0].jwks.keys"],
        ),
        (
            "more than a hundred keys",
            vec![("/issuers/0/jwks", json!({"keys": vec![Key::ed25519().jwk(); 101]}))],
            &["issuers[0].jwks.keys"],
        ),
    ];
    assert_refused(&base, &cases);
}

#[test]
fn bad_introspection_is_refused_at_its_path() {
    let asked = json!({"uri": "https://auth.example.com/introspect", "cluster": "auth", "client_id": "gate", "client_secret": "s"});
    let base = set(minimal(), "/issuers/0/introspection", asked);
    let cases: Vec<Refusal> = vec![
        ("no uri", vec![("/issuers/0/introspection/uri", json!(GONE))], &["issuers[0].introspection.uri"]),
        ("no cluster", vec![("/issuers/0/introspection/cluster", json!(GONE))], &["issuers[0].introspection.cluster"]),
        ("a bad uri", vec![("/issuers/0/introspection/uri", json!("ldap://a"))], &["issuers[0].introspection.uri"]),
        (
            "an empty client",
            vec![("/issuers/0/introspection/client_id", json!(""))],
            &["issuers[0].introspection.client_id"],
        ),
        (
            "a secret without a client",
            vec![("/issuers/0/introspection/client_id", json!(GONE))],
            &["issuers[0].introspection.client_secret"],
        ),
        (
            "an empty secret",
            vec![("/issuers/0/introspection/client_secret", json!(""))],
            &["issuers[0].introspection.client_secret"],
        ),
        (
            "two sources of the secret",
            vec![("/issuers/0/introspection/client_secret_env", json!("SECRET"))],
            &["issuers[0].introspection.client_secret_env"],
        ),
        (
            "a variable that is not set",
            vec![
                ("/issuers/0/introspection/client_secret", json!(GONE)),
                ("/issuers/0/introspection/client_secret_env", json!("NOT_SET")),
            ],
            &["issuers[0].introspection.client_secret_env"],
        ),
        (
            "an unknown way to authenticate",
            vec![("/issuers/0/introspection/client_auth", json!("jwt"))],
            &["issuers[0].introspection.client_auth"],
        ),
        (
            "no time for a call",
            vec![("/issuers/0/introspection/timeout", json!("0ms"))],
            &["issuers[0].introspection.timeout"],
        ),
        (
            "a negative cache_ttl",
            vec![("/issuers/0/introspection/cache_ttl", json!("-1s"))],
            &["issuers[0].introspection.cache_ttl"],
        ),
        (
            "no call in flight",
            vec![("/issuers/0/introspection/max_in_flight", json!(0))],
            &["issuers[0].introspection.max_in_flight"],
        ),
        (
            "half a call in flight",
            vec![("/issuers/0/introspection/max_in_flight", json!(1.5))],
            &["issuers[0].introspection.max_in_flight"],
        ),
    ];
    assert_refused(&base, &cases);
}

#[test]
fn a_secret_comes_from_the_environment_and_is_never_printed() {
    let asked = json!({"uri": "https://a.example/i", "cluster": "a", "client_id": "gate", "client_secret_env": "NAME"});
    let value = set(minimal(), "/issuers/0/introspection", asked).to_string();
    for (found, accepts) in [(Some("s3cret"), true), (Some(""), false), (None, false)] {
        let read = Config::parse(value.as_bytes(), &|name| {
            assert_eq!(name, "NAME");
            found.map(str::to_owned)
        });
        assert_eq!(read.is_ok(), accepts, "the variable is {found:?}");
        if let Ok(config) = read {
            let client = config.issuers[0].introspection.as_ref().unwrap().endpoint.client.as_ref().unwrap();
            assert_eq!(client.secret, "s3cret");
            assert!(!format!("{config:?}").contains("s3cret"), "a secret in a debug print");
        }
    }
}

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
fn a_bad_policy_is_refused_at_its_path() {
    let p = |rest: &str| -> &'static str { Box::leak(format!("/resources/0/policy{rest}").into_boxed_str()) };
    const P: &str = "resources[0].policy";
    let one = |rest: &str| -> &'static [&'static str] {
        let path: &'static str = Box::leak(format!("{P}{rest}").into_boxed_str());
        Box::leak(vec![path].into_boxed_slice())
    };
    let cases: Vec<Refusal> = vec![
        ("a base scope with a space", vec![(p("/base_scopes"), json!(["a b"]))], one(".base_scopes[0]")),
        ("an empty base scope", vec![(p("/base_scopes"), json!(["a", ""]))], one(".base_scopes[1]")),
        ("a rule with neither scopes nor any_of", vec![(p("/tools"), json!({"t": {}}))], one(".tools.t")),
        ("a prompt with neither", vec![(p("/prompts"), json!({"t": {}}))], one(".prompts.t")),
        ("a resource with neither", vec![(p("/resources"), json!({"t:x": {}}))], one(".resources.t:x")),
        ("a method with neither", vec![(p("/methods"), json!({"t": {}}))], one(".methods.t")),
        ("a tool without a name", vec![(p("/tools"), json!({"": {"scopes": []}}))], one(".tools")),
        (
            "a scope with a backslash",
            vec![(p("/tools"), json!({"delete_*": {"scopes": ["a", "a\\b"]}}))],
            one(".tools.delete_*.scopes[1]"),
        ),
        (
            "a scope beyond ASCII",
            vec![(p("/prompts"), json!({"t": {"scopes": ["\u{e9}"]}}))],
            one(".prompts.t.scopes[0]"),
        ),
        (
            "a scope with a control character",
            vec![(p("/methods"), json!({"t": {"scopes": ["a\u{7f}"]}}))],
            one(".methods.t.scopes[0]"),
        ),
        ("an empty scope", vec![(p("/tools"), json!({"t": {"scopes": [""]}}))], one(".tools.t.scopes[0]")),
        ("no alternatives", vec![(p("/tools"), json!({"t": {"any_of": []}}))], one(".tools.t.any_of")),
        ("an empty alternative", vec![(p("/tools"), json!({"t": {"any_of": [["a"], []]}}))], one(".tools.t.any_of[1]")),
        (
            "a bad scope of an alternative",
            vec![(p("/tools"), json!({"t": {"any_of": [["a"], ["b", "c d"]]}}))],
            one(".tools.t.any_of[1][1]"),
        ),
        ("a hierarchy with a cycle", vec![(p("/hierarchy"), json!({"a": ["b"], "b": ["a"]}))], one(".hierarchy.a")),
        (
            "a hierarchy with a cycle of three below a fourth",
            vec![(p("/hierarchy"), json!({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}))],
            one(".hierarchy.b"),
        ),
        ("a scope that implies itself", vec![(p("/hierarchy"), json!({"a": ["a"]}))], one(".hierarchy.a")),
        ("a scope that implies nothing", vec![(p("/hierarchy"), json!({"a": []}))], one(".hierarchy.a")),
        ("an illegal broader scope", vec![(p("/hierarchy"), json!({"a b": ["c"]}))], one(".hierarchy.a b")),
        ("an illegal narrower scope", vec![(p("/hierarchy"), json!({"a": ["b", "c\""]}))], one(".hierarchy.a[1]")),
        ("an unknown word for the unlisted", vec![(p("/unlisted"), json!({"tools": "allow"}))], one(".unlisted.tools")),
        (
            "an unknown kind of the unlisted",
            vec![(p("/unlisted"), json!({"templates": "deny"}))],
            one(".unlisted.templates"),
        ),
        ("an unknown word for lists", vec![(p("/lists"), json!("show"))], one(".lists")),
        ("an unknown mode", vec![(p("/mode"), json!("audit"))], one(".mode")),
        (
            "a uri rule with a dot segment",
            vec![(p("/resources"), json!({"file:///a/../b": {"scopes": []}}))],
            one(".resources.file:///a/../b"),
        ),
        (
            "a uri rule with an encoded dot segment",
            vec![(p("/resources"), json!({"file:///a/%252e%252E/*": {"scopes": []}}))],
            one(".resources.file:///a/%252e%252E/*"),
        ),
        ("a uri rule with a space", vec![(p("/resources"), json!({"a: b": {"scopes": []}}))], one(".resources.a: b")),
        (
            "a uri rule with a backslash",
            vec![(p("/resources"), json!({"a:\\b": {"scopes": []}}))],
            one(".resources.a:\\b"),
        ),
        (
            "a uri rule with an upper-case scheme",
            vec![(p("/resources"), json!({"FILE:///*": {"scopes": []}}))],
            one(".resources.FILE:///*"),
        ),
        (
            "a uri rule with an upper-case host",
            vec![(p("/resources"), json!({"https://ADMIN.example/*": {"scopes": []}}))],
            one(".resources.https://ADMIN.example/*"),
        ),
        (
            "a uri rule with the default port",
            vec![(p("/resources"), json!({"https://a.example:443/*": {"scopes": []}}))],
            one(".resources.https://a.example:443/*"),
        ),
        (
            "a uri rule with too few slashes",
            vec![(p("/resources"), json!({"https:/a.example/*": {"scopes": []}}))],
            one(".resources.https:/a.example/*"),
        ),
        (
            "a uri rule with user information",
            vec![(p("/resources"), json!({"https://me@a.example/*": {"scopes": []}}))],
            one(".resources.https://me@a.example/*"),
        ),
        (
            "a uri rule with a short IPv4 address",
            vec![(p("/resources"), json!({"http://127.1/*": {"scopes": []}}))],
            one(".resources.http://127.1/*"),
        ),
        (
            "a uri rule with an encoded letter",
            vec![(p("/resources"), json!({"docs://%73ecret/*": {"scopes": []}}))],
            one(".resources.docs://%73ecret/*"),
        ),
        (
            "a uri rule with an encoded letter in an escape",
            vec![(p("/resources"), json!({"docs://%2573ecret/*": {"scopes": []}}))],
            one(".resources.docs://%2573ecret/*"),
        ),
        (
            "a uri rule with lower-case hexadecimal digits",
            vec![(p("/resources"), json!({"docs://a%2fb": {"scopes": []}}))],
            one(".resources.docs://a%2fb"),
        ),
        (
            "a uri rule with half an escape",
            vec![(p("/resources"), json!({"docs://a%2*": {"scopes": []}}))],
            one(".resources.docs://a%2*"),
        ),
        (
            "a row with an empty selector",
            vec![(p("/matrix"), json!([{"subjects": [], "scopes": []}]))],
            one(".matrix[0].subjects"),
        ),
        (
            "a row with an empty subject",
            vec![(p("/matrix"), json!([{"subjects": [""], "scopes": []}]))],
            one(".matrix[0].subjects[0]"),
        ),
        (
            "a row with an empty client",
            vec![(p("/matrix"), json!([{"clients": ["a", ""], "scopes": []}]))],
            one(".matrix[0].clients[1]"),
        ),
        (
            "a row for an issuer that nothing defines",
            vec![(p("/matrix"), json!([{"scopes": []}, {"issuers": ["main", "other"], "scopes": []}]))],
            one(".matrix[1].issuers[1]"),
        ),
        ("a row with a bad scope", vec![(p("/matrix"), json!([{"scopes": ["a b"]}]))], one(".matrix[0].scopes[0]")),
        ("a row with no denied tools", vec![(p("/matrix"), json!([{"deny_tools": []}]))], one(".matrix[0].deny_tools")),
        (
            "a row with an unknown mode",
            vec![(p("/matrix"), json!([{"scopes": [], "mode": "off"}]))],
            one(".matrix[0].mode"),
        ),
        ("a row with an empty name", vec![(p("/matrix"), json!([{"scopes": [], "name": ""}]))], one(".matrix[0].name")),
        (
            "a row with a claim that is null",
            vec![(p("/matrix"), json!([{"scopes": [], "claims": {"a": null}}]))],
            one(".matrix[0].claims.a"),
        ),
    ];
    assert_refused(&minimal(), &cases);
}

#[test]
fn bad_settings_are_refused_at_their_path() {
    let cases: Vec<Refusal> = vec![
        ("an empty path to pass", vec![("/pass", json!(["/a", ""]))], &["pass[1]"]),
        ("a path to pass without a slash", vec![("/pass", json!(["healthz"]))], &["pass[0]"]),
        ("any path to pass", vec![("/pass", json!(["*"]))], &["pass[0]"]),
        ("an unknown word for batches", vec![("/batches", json!("allow"))], &["batches"]),
        ("no body", vec![("/limits", json!({"body": 0}))], &["limits.body"]),
        ("a negative body", vec![("/limits", json!({"body": -1}))], &["limits.body"]),
        ("a fraction of a byte", vec![("/limits", json!({"list": 0.5}))], &["limits.list"]),
        ("a body beyond all memory", vec![("/limits", json!({"body": 1e15}))], &["limits.body"]),
        ("no token", vec![("/limits", json!({"token": 0}))], &["limits.token"]),
        ("no depth", vec![("/limits", json!({"depth": 0}))], &["limits.depth"]),
        ("no batch", vec![("/limits", json!({"batch": 0}))], &["limits.batch"]),
        ("no time for a stream", vec![("/limits", json!({"stream": "0s"}))], &["limits.stream"]),
        ("a time that is a number", vec![("/limits", json!({"stream": 3600}))], &["limits.stream"]),
        ("a size in words", vec![("/limits", json!({"body": "1MB"}))], &["limits.body"]),
        ("a negative cache", vec![("/token_cache", json!({"entries": -1}))], &["token_cache.entries"]),
        ("unknown decisions", vec![("/audit", json!({"decisions": "some"}))], &["audit.decisions"]),
        (
            "a sink without a cluster",
            vec![("/audit", json!({"sink": {"uri": "https://a/x"}}))],
            &["audit.sink.cluster"],
        ),
        ("a sink that is no URL", vec![("/audit", json!({"sink": {"uri": "x", "cluster": "a"}}))], &["audit.sink.uri"]),
        ("an unknown form of the subject", vec![("/audit", json!({"subject": "masked"}))], &["audit.subject"]),
    ];
    assert_refused(&minimal(), &cases);
    assert_eq!(
        accepted(&set(minimal(), "/token_cache", json!({"entries": 0}))).token_cache_entries,
        0,
        "0 turns it off"
    );
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let Node::Object(mut members) = node(&minimal()) else { panic!("an object") };
        members
            .push(("limits".to_owned(), Node::Object(vec![("body".to_owned(), Node::Number(Number::Double(number)))])));
        let found = parse(&to_struct(&Node::Object(members))).unwrap_err();
        assert_eq!(found.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), ["limits.body"], "{number}");
    }
}

#[test]
fn keys_are_discovered_fetched_or_fixed_and_only_one_of_these() {
    let discovered = json!({"discover": true, "cluster": "auth"});
    let config = accepted(&set(minimal(), "/issuers/0/jwks", discovered.clone()));
    let Some(KeySource::Discovered { issuer, cluster, timing }) = &config.issuers[0].keys else {
        panic!("keys are discovered")
    };
    assert_eq!((issuer.as_str(), cluster.as_str()), (config.issuers[0].identifier.as_str(), "auth"));
    assert_eq!(timing.max_age, Duration::from_secs(600));

    let key = Key::ed25519().jwk();
    let cases: &[(&str, Value, &[(&str, &str)])] = &[
        ("off is as if absent", json!({"discover": false, "uri": "https://a.example/jwks", "cluster": "c"}), &[]),
        ("off beside keys", json!({"discover": false, "keys": [key]}), &[]),
        (
            "off, and nothing else",
            json!({"discover": false, "cluster": "c"}),
            &[("issuers[0].jwks.uri", "is required")],
        ),
        (
            "with a URL",
            json!({"discover": true, "uri": "https://a.example/jwks", "cluster": "c"}),
            &[("issuers[0].jwks.uri", "cannot be combined with `discover`")],
        ),
        (
            "with keys",
            json!({"discover": true, "keys": [key]}),
            &[("issuers[0].jwks.keys", "cannot be combined with `discover`")],
        ),
        ("without a cluster", json!({"discover": true}), &[("issuers[0].jwks.cluster", "is required")]),
        (
            "with other faults",
            json!({"discover": true, "cluster": "c", "max_age": "0s", "more": 1}),
            &[("issuers[0].jwks.max_age", "must be greater than zero"), ("issuers[0].jwks.more", "unknown field")],
        ),
        (
            "as a text",
            json!({"discover": "yes", "uri": "https://a.example/jwks", "cluster": "c"}),
            &[("issuers[0].jwks.discover", "expected a boolean, got a string")],
        ),
    ];
    for (name, jwks, expected) in cases {
        let found = faults(&node(&set(minimal(), "/issuers/0/jwks", jwks.clone())));
        let found: Vec<_> = found.iter().map(|(path, message)| (path.as_str(), message.as_str())).collect();
        assert_eq!(found, *expected, "{name}");
    }
    let asked =
        set(set(minimal(), "/issuers/0/jwks", discovered), "/issuers/0/issuer", json!("https://a.example/?t=1"));
    let found = faults(&node(&asked));
    assert_eq!(
        found,
        [("issuers[0].jwks.discover".to_owned(), "needs an `issuer` that is a URL without a query".to_owned())]
    );
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
fn a_rule_may_want_the_issuer_asked_where_it_can_be() {
    let policy = json!({
        "tools": {"t": {"scopes": [], "fresh": "0s"}}, "prompts": {"p": {"scopes": [], "fresh": "30s"}},
        "resources": {"r:x": {"scopes": [], "fresh": "1m"}}, "methods": {"m": {"scopes": [], "fresh": "1h"}},
    });
    let endpoint = json!({"uri": "https://auth.example.com/introspect", "cluster": "auth"});
    let none = set(minimal(), "/resources/0/policy", policy);
    let rules = ["methods.m", "prompts.p", "resources.r:x", "tools.t"];
    let refused: Vec<_> = rules
        .iter()
        .map(|rule| {
            let path = format!("resources[0].policy.{rule}.fresh");
            (path, "no issuer of this resource has `introspection`".to_owned())
        })
        .collect();
    assert_eq!(faults(&node(&none)), refused);

    let all = set(none.clone(), "/issuers/0/introspection", endpoint);
    assert_eq!(accepted(&all).warnings, []);
    for bad in [json!("-1s"), json!(""), json!(0), json!(null)] {
        let found = faults(&node(&set(all.clone(), "/resources/0/policy/tools/t/fresh", bad.clone())));
        assert_eq!(found[0].0, "resources[0].policy.tools.t.fresh", "{bad}");
    }

    let local =
        json!({"issuer": "https://local.example.com", "name": "local", "jwks": {"keys": [Key::ed25519().jwk()]}});
    let some = set(all.clone(), "/issuers/-", local);
    let warnings: Vec<_> = accepted(&some).warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 4);
    assert_eq!(
        warnings[0],
        "resources[0].policy.tools.t.fresh: denies the tokens of issuer `local`, which has no `introspection`"
    );
    let apart = set(some, "/resources/0/issuers", json!(["main"]));
    assert_eq!(accepted(&apart).warnings, [], "only the resource's own issuers count");
    let other = set(apart, "/resources/0/issuers", json!(["local"]));
    assert_eq!(faults(&node(&other)), refused, "only the resource's own issuers count");
}

#[test]
fn all_faults_are_given_at_once_and_in_one_line_each() {
    let value = changed(
        full(),
        &[
            ("/issuers/0/leeway", json!("-1s")),
            ("/issuers/0/jwks/uri", json!("nowhere")),
            ("/issuers/1/introspection/client_secret_env", json!("NOT_SET")),
            ("/resources/0/hosts/0", json!(7)),
            ("/resources/0/policy/tools/admin_*", json!({})),
            ("/resources/0/policy/hierarchy/weather:read", json!(["weather:admin"])),
            ("/resources/0/policy/matrix/0/scopes/0", json!("a b")),
            ("/resources/0/surprise", json!(1)),
            ("/batches", json!("maybe")),
            ("/limits/depth", json!(0)),
            ("/audit/sink", json!("x")),
        ],
    );
    let found = faults(&node(&value));
    let found: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "audit.sink",
        "batches",
        "issuers[0].jwks.uri",
        "issuers[0].leeway",
        "issuers[1].introspection.client_secret_env",
        "limits.depth",
        "resources[0].hosts[0]",
        "resources[0].policy.hierarchy.weather:admin",
        "resources[0].policy.matrix[0].scopes[0]",
        "resources[0].policy.tools.admin_*",
        "resources[0].surprise",
    ];
    assert_eq!(found, expected);
    for fault in parse(value.to_string().as_bytes()).unwrap_err() {
        let line = fault.to_string();
        assert_eq!(line, format!("{}: {}", fault.path, fault.message));
        assert!(!line.contains('\n') && !fault.message.is_empty(), "{line:?}");
    }
}

#[test]
fn a_fault_does_not_move_the_paths_of_others_or_bring_false_ones() {
    let issuer = |name: &str| json!({"issuer": format!("https://{name}.example"), "name": name, "jwks": {"keys": [Key::p256().jwk()]}});
    let resource =
        |host: &str| json!({"resource": format!("https://{host}.example/mcp"), "issuers": ["two"], "policy": {}});
    let base = json!({
        "issuers": [issuer("one"), issuer("two"), issuer("three")],
        "resources": [resource("a"), resource("b"), resource("c")],
    });
    let cases: Vec<Refusal> = vec![
        ("an issuer that is used is faulty", vec![("/issuers/1/issuer", json!("https://u@x"))], &["issuers[1].issuer"]),
        ("an issuer that is used has no keys", vec![("/issuers/1/jwks", json!(GONE))], &["issuers[1]"]),
        (
            "the first issuer is faulty, and the last has the name of the second",
            vec![("/issuers/0/issuer", json!("https://u@x")), ("/issuers/2/name", json!("two"))],
            &["issuers[0].issuer", "issuers[2].name"],
        ),
        (
            "the first resource is faulty, and the last matches as the second",
            vec![("/resources/0/resource", json!("x")), ("/resources/2/resource", json!("https://b.example/mcp"))],
            &["resources[0].resource", "resources[2]"],
        ),
        (
            "a row names an issuer that is faulty",
            vec![
                ("/issuers/1/issuer", json!("https://u@x")),
                ("/resources/0/policy/matrix", json!([{"issuers": ["two"], "scopes": []}])),
            ],
            &["issuers[1].issuer"],
        ),
    ];
    assert_refused(&base, &cases);
}

#[test]
fn an_issuer_that_is_no_url_needs_keys_and_authorization_servers() {
    let value = set(minimal(), "/issuers/0/issuer", json!("auth.example.com"));
    let value = set(value, "/resources/0/authorization_servers", json!(["https://auth.example.com"]));
    let config = accepted(&value);
    assert_eq!((config.issuers[0].identifier.as_str(), config.issuers[0].name.as_str()), ("auth.example.com", "main"));
    assert_eq!(config.resources[0].authorization_servers, ["https://auth.example.com"]);
    let fetched = json!({"uri": "https://auth.example.com/jwks", "cluster": "auth"});
    accepted(&set(value, "/issuers/0/jwks", fetched));
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

#[test]
fn what_is_worth_a_warning_is_told_and_accepted() {
    let pol = |rest: &str| format!("/resources/0/policy{rest}");
    let cases: Vec<(&str, Vec<(String, Value)>, &[&str])> = vec![
        (
            "http to another machine",
            vec![("/resources/0/documentation".into(), json!("http://docs.example/"))],
            &["resources[0].documentation"],
        ),
        (
            "http to a name that begins as the loopback",
            vec![("/resources/0/documentation".into(), json!("http://127.evil.example/"))],
            &["resources[0].documentation"],
        ),
        (
            "a path that differs by a slash",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/mcp/"]))],
            &["resources[0].paths[1]"],
        ),
        (
            "paths that clients refuse the metadata under",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/v1/mcp", "/mcp2", "/v1/*"]))],
            &["resources[0].paths[1]", "resources[0].paths[2]", "resources[0].paths[3]"],
        ),
        (
            "paths below and above that of the resource",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/mcp/v1", "/mcp/*", "/*"]))],
            &[],
        ),
        (
            "the two paths of the 2024-11-05 transport",
            vec![
                ("/resources/0/resource".into(), json!("https://mcp.example.com/sse")),
                ("/resources/0/paths".into(), json!(["/sse", "/post"])),
            ],
            &[],
        ),
        (
            "its message path by its own name",
            vec![("/resources/0/paths".into(), json!(["/mcp", "/api/messages/"]))],
            &[],
        ),
        (
            "the root with and without its slash",
            vec![
                ("/resources/0/resource".into(), json!("https://mcp.example.com")),
                ("/resources/0/paths".into(), json!(["/", "/mcp"])),
            ],
            &[],
        ),
        ("http to this machine", vec![("/resources/0/documentation".into(), json!("http://127.0.0.1:8080/"))], &[]),
        ("http to this machine by name", vec![("/resources/0/documentation".into(), json!("http://LocalHost./"))], &[]),
        ("http to this machine in IPv6", vec![("/resources/0/documentation".into(), json!("http://[::1]:80/"))], &[]),
        ("a body beyond the host's buffer", vec![("/limits".into(), json!({"body": 1_048_577}))], &["limits.body"]),
        ("a list beyond the host's buffer", vec![("/limits".into(), json!({"list": 2_000_000}))], &["limits.list"]),
        ("a body below the host's buffer", vec![("/limits".into(), json!({"body": 1_048_575}))], &[]),
        (
            "a rule for a method that is open",
            vec![(pol("/methods"), json!({"ping": {"scopes": ["a"]}}))],
            &["resources[0].policy.methods.ping"],
        ),
        (
            "a rule for a method with a target",
            vec![(pol("/methods"), json!({"tools/call": {"scopes": ["a"]}}))],
            &["resources[0].policy.methods.tools/call"],
        ),
        (
            "a row that narrows nothing",
            vec![(pol("/matrix"), json!([{"subjects": ["a"]}]))],
            &["resources[0].policy.matrix[0]"],
        ),
        (
            "a subject without its issuer, of two",
            vec![
                ("/issuers/-".into(), json!({"issuer": "https://b.example", "jwks": {"keys": [Key::p256().jwk()]}})),
                ("/resources/0/forward".into(), json!({"headers": {"x-sub": "sub"}})),
            ],
            &["resources[0].forward.headers"],
        ),
        (
            "a subject with its issuer, of two",
            vec![
                ("/issuers/-".into(), json!({"issuer": "https://b.example", "jwks": {"keys": [Key::p256().jwk()]}})),
                ("/resources/0/forward".into(), json!({"headers": {"x-sub": "sub", "x-iss": "issuer"}})),
            ],
            &[],
        ),
        (
            "a subject without its issuer, of one",
            vec![("/resources/0/forward".into(), json!({"headers": {"x-sub": "sub"}}))],
            &[],
        ),
    ];
    for (name, changes, expected) in cases {
        let changes: Vec<_> = changes.iter().map(|(pointer, value)| (pointer.as_str(), value.clone())).collect();
        let config = accepted(&changed(minimal(), &changes));
        let found: Vec<_> = config.warnings.iter().map(|warning| warning.path.as_str()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn no_value_of_a_wrong_type_is_ignored() {
    let wrong = [
        Node::Null,
        Node::Bool(true),
        Node::Number(Number::Whole(3)),
        text("x"),
        Node::List(vec![]),
        Node::Object(vec![]),
    ];
    let mut tried = 0;
    each_value(&node(&full()), &mut |path, value, replace| {
        let is_claim = path.contains("claims.") && !path.contains("scope_claims") && !path.contains("client_claims");
        for other in &wrong {
            let scalar = |node: &Node| matches!(node, Node::Bool(_) | Node::Number(_) | Node::Text(_));
            if other.type_name() == value.type_name() || (is_claim && scalar(other)) {
                continue;
            }
            let found = faults(&replace(other.clone()));
            let told = found.iter().any(|(at, _)| at == path);
            assert!(told, "`{path}` as {}: {found:?}", other.type_name());
            tried += 1;
        }
    });
    assert!(tried > 500, "only {tried} replacements were tried");
}

#[test]
fn no_unknown_member_is_ignored() {
    let mut tried = 0;
    each_value(&node(&full()), &mut |path, value, replace| {
        let Node::Object(members) = value else { return };
        if has_free_names(path) || is_key(path) {
            return;
        }
        for name in ["surprise", "Name", "scopes ", "x.y"] {
            let mut members = members.clone();
            members.push((name.to_owned(), Node::Bool(true)));
            let expected = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            assert_eq!(
                faults(&replace(Node::Object(members))),
                [(expected, "unknown field".to_owned())],
                "in `{path}`"
            );
            tried += 1;
        }
    });
    assert!(tried >= 60, "only {tried} members were tried");
}

#[test]
fn no_member_given_twice_is_ignored() {
    let mut tried = 0;
    each_value(&node(&full()), &mut |path, value, replace| {
        let Node::Object(members) = value else { return };
        for (name, member) in members {
            let expected = match (is_key(path), path.is_empty()) {
                (true, _) => path.to_owned(),
                (false, true) => name.clone(),
                (false, false) => format!("{path}.{name}"),
            };
            for place in [0, members.len()] {
                let mut members = members.clone();
                members.insert(place, (name.clone(), member.clone()));
                let found = faults(&replace(Node::Object(members)));
                assert!(found.iter().any(|(at, _)| *at == expected), "`{name}` twice in `{path}`: {found:?}");
                tried += 1;
            }
        }
    });
    assert!(tried > 150, "only {tried} members were tried");
    let found = faults(
        &serde_json::from_slice(
            br#"{"issuers":[],"pass":[],"pass":[],"batches":"reject","batches":"reject","resources":[]}"#,
        )
        .unwrap(),
    );
    let twice: Vec<_> =
        found.iter().filter(|(_, message)| message.contains("twice")).map(|(path, _)| path.as_str()).collect();
    assert_eq!(twice, ["batches", "pass"], "every one of them is told");
}

#[test]
fn bytes_that_are_neither_form_are_refused() {
    let whole = to_struct(&node(&minimal()));
    let mut cases: Vec<Vec<u8>> =
        vec![vec![], b"{".to_vec(), b"null".to_vec(), b"[]".to_vec(), b"{} {}".to_vec(), vec![0xff; 8]];
    cases.extend((0..whole.len()).step_by(7).map(|end| whole[..end].to_vec()));
    for bytes in cases {
        assert!(parse(&bytes).is_err(), "{:?}", String::from_utf8_lossy(&bytes));
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(deep.as_bytes()).is_err(), "nesting is no way to end a worker");
    assert!(parse(format!("\n {} \r\n", minimal()).as_bytes()).is_ok(), "white space around JSON");
}

#[test]
fn an_empty_policy_opens_the_endpoint_and_nothing_behind_it() {
    let config = with_policy(json!({}));
    let caller = crate::support::core::alice("anything at all");
    for (access, allowed) in [(Access::Open, true), (Access::Tool("echo"), false), (Access::Method("x"), false)] {
        let outcome = config.resources[0].policy.decide(&caller, &access, &occasion()).outcome();
        assert_eq!(outcome == toolgate::policy::Outcome::Allow, allowed, "{access:?}");
    }
}
