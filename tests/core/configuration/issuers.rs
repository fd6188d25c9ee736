//! Issuers: faults, keys, introspection, secrets.

use std::time::Duration;

use super::{GONE, Refusal, assert_refused};
use crate::support::core::{accepted, faults, minimal, node, set};
use crate::support::keys::Key;
use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate::jwks::KeySource;

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
fn an_issuer_that_is_no_url_needs_keys_and_authorization_servers() {
    let value = set(minimal(), "/issuers/0/issuer", json!("auth.example.com"));
    let value = set(value, "/resources/0/authorization_servers", json!(["https://auth.example.com"]));
    let config = accepted(&value);
    assert_eq!((config.issuers[0].identifier.as_str(), config.issuers[0].name.as_str()), ("auth.example.com", "main"));
    assert_eq!(config.resources[0].authorization_servers, ["https://auth.example.com"]);
    let fetched = json!({"uri": "https://auth.example.com/jwks", "cluster": "auth"});
    accepted(&set(value, "/issuers/0/jwks", fetched));
}
