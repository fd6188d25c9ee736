//! Fields that grant scopes by claims, take tokens without an audience, name actors, and revoke tokens: what is refused
//! at its path, and what is worth a warning.

use crate::support::core::{accepted, alice, faults, minimal, node, occasion, set};
use serde_json::{Value, json};
use toolgate::bearer::NoCredentials;
use toolgate::caller::Caller;
use toolgate::mcp::Access;
use toolgate::policy::Denial;

/// A name, a pointer and the value there, and the paths of the faults or warnings.
type Case = (&'static str, &'static str, Value, &'static [&'static str]);

fn refused(cases: Vec<Case>) {
    for (name, pointer, value, expected) in cases {
        let found: Vec<String> =
            faults(&node(&set(minimal(), pointer, value))).into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, expected, "{name}");
    }
}

fn warned(base: &Value, cases: Vec<Case>) {
    for (name, pointer, value, expected) in cases {
        let config = accepted(&set(base.clone(), pointer, value));
        let found: Vec<_> = config.warnings.iter().map(|warning| warning.path.as_str()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_pattern_that_grants_scopes_to_clients_at_any_host_is_warned_of() {
    const CASES: &[(&str, bool)] = &[
        ("https://*.example.com/client.json", true),
        ("https://*/client.json", true),
        ("https://app.example.com*/client.json", true),
        ("*/client.json", true),
        ("https://app.example.com/*", false),
        ("https://app.example.com/*/client.json", false),
        ("https://app.example.com/client.json", false),
        ("desktop-*", false),
        ("*", false),
    ];
    for (client, is_warned_of) in CASES {
        let entry = json!([{"clients": [client], "scopes": ["weather:read"]}]);
        let config = accepted(&set(minimal(), "/issuers/0/scope_map", entry));
        let is_it = |path: &str| path == "issuers[0].scope_map[0].clients";
        let warned = config.warnings.iter().any(|warning| is_it(&warning.path));
        assert_eq!(warned, *is_warned_of, "{client}: {:?}", config.warnings);
    }
}

#[test]
fn a_bad_scope_map_is_refused_at_its_path() {
    let at = "/issuers/0/scope_map";
    let scopes = json!(["weather:read"]);
    refused(vec![
        ("no list", at, json!({}), &["issuers[0].scope_map"]),
        ("no entry", at, json!([]), &["issuers[0].scope_map"]),
        ("no selector", at, json!([{"scopes": scopes}]), &["issuers[0].scope_map[0]"]),
        ("no claim", at, json!([{"claims": {}, "scopes": scopes}]), &["issuers[0].scope_map[0].claims"]),
        (
            "a claim without a name",
            at,
            json!([{"claims": {"": 1}, "scopes": scopes}]),
            &["issuers[0].scope_map[0].claims"],
        ),
        (
            "a claim that is a list",
            at,
            json!([{"claims": {"a.b": ["x"]}, "scopes": scopes}]),
            &["issuers[0].scope_map[0].claims.a.b"],
        ),
        ("no subject", at, json!([{"subjects": [], "scopes": scopes}]), &["issuers[0].scope_map[0].subjects"]),
        ("an empty client", at, json!([{"clients": [""], "scopes": scopes}]), &["issuers[0].scope_map[0].clients[0]"]),
        (
            "a pattern that is no text",
            at,
            json!([{"actors": [1], "scopes": scopes}]),
            &["issuers[0].scope_map[0].actors[0]"],
        ),
        ("no scopes", at, json!([{"subjects": ["a"]}]), &["issuers[0].scope_map[0].scopes"]),
        (
            "an empty list of scopes",
            at,
            json!([{"subjects": ["a"], "scopes": []}]),
            &["issuers[0].scope_map[0].scopes"],
        ),
        (
            "a scope with a space",
            at,
            json!([{"subjects": ["a"], "scopes": ["a", "a b"]}]),
            &["issuers[0].scope_map[0].scopes[1]"],
        ),
        (
            "an unknown selector",
            at,
            json!([{"subjects": ["a"], "issuers": ["main"], "scopes": scopes}]),
            &["issuers[0].scope_map[0].issuers"],
        ),
        ("an empty path of scopes", "/issuers/0/scope_claims", json!(["a.b", ""]), &["issuers[0].scope_claims[1]"]),
    ]);
}

#[test]
fn a_scope_map_that_grants_or_asks_for_what_is_not_meant_is_warned_of() {
    let policy = json!({
        "base_scopes": ["openid"], "hierarchy": {"weather:admin": ["weather:read"]},
        "tools": {"read": {"scopes": ["weather:read"]}},
    });
    let base = set(minimal(), "/resources/0/policy", policy);
    let base = set(base, "/resources/0/scopes_supported", json!(["openid", "weather:read"]));
    let at = "/issuers/0/scope_map";
    let entry = |scope: &str| json!([{"claims": {"roles": "x"}, "scopes": [scope]}]);
    warned(
        &base,
        vec![
            ("a scope that a rule needs", at, entry("weather:read"), &[]),
            ("a scope that implies one", at, entry("weather:admin"), &[]),
            ("a base scope", at, entry("openid"), &[]),
            ("a scope that nothing needs", at, entry("weather:red"), &["issuers[0].scope_map[0].scopes"]),
        ],
    );
    let mapped = set(base, at, entry("weather:read"));
    warned(
        &mapped,
        vec![(
            "a challenge for what is not offered",
            "/resources/0/challenge_scopes",
            json!(["email", "openid"]),
            &["resources[0].challenge_scopes"],
        )],
    );
    let unsaid = set(mapped, "/resources/0/scopes_supported", json!(["openid"]));
    warned(&unsaid, vec![("fewer scopes are offered", "/resources/0/name", json!("Weather"), &[])]);
    let all = set(minimal(), "/resources/0/policy", json!({"tools": {"read": {"scopes": ["weather:read"]}}}));
    warned(&all, vec![("every scope is asked for", at, entry("weather:read"), &["resources[0].scopes_supported"])]);
}

#[test]
fn tokens_without_an_audience_are_for_named_clients_and_loud() {
    let at = "/issuers/0/audience_missing";
    refused(vec![
        ("a list", at, json!(["gate"]), &["issuers[0].audience_missing"]),
        ("nobody", at, json!({}), &["issuers[0].audience_missing.clients"]),
        ("no client", at, json!({"clients": []}), &["issuers[0].audience_missing.clients"]),
        ("an empty client", at, json!({"clients": [""]}), &["issuers[0].audience_missing.clients[0]"]),
        ("a subject", at, json!({"clients": ["a"], "subjects": ["b"]}), &["issuers[0].audience_missing.subjects"]),
    ]);
    warned(
        &minimal(),
        vec![
            ("a client", at, json!({"clients": ["gate"]}), &["issuers[0].audience_missing"]),
            (
                "a pattern",
                at,
                json!({"clients": ["gate-*"]}),
                &["issuers[0].audience_missing", "issuers[0].audience_missing.clients"],
            ),
        ],
    );
}

#[test]
fn a_bad_revocation_is_refused_at_its_path() {
    let at = "/resources/0/policy/revoked";
    let time = |text: &str| json!([{"subjects": ["a"], "issued_before": text}]);
    const BEFORE: &[&str] = &["resources[0].policy.revoked[0].issued_before"];
    refused(vec![
        ("no list", at, json!({}), &["resources[0].policy.revoked"]),
        ("everyone", at, json!([{}]), &["resources[0].policy.revoked[0]"]),
        ("a time alone", at, json!([{"issued_before": "2026-11-28T12:00:00Z"}]), &["resources[0].policy.revoked[0]"]),
        ("an actor alone", at, json!([{"actors": ["a"]}]), &["resources[0].policy.revoked[0]"]),
        ("no subject", at, json!([{"subjects": []}]), &["resources[0].policy.revoked[0].subjects"]),
        ("an empty client", at, json!([{"clients": [""]}]), &["resources[0].policy.revoked[0].clients[0]"]),
        ("no token", at, json!([{"jti": []}]), &["resources[0].policy.revoked[0].jti"]),
        (
            "an issuer that nobody named",
            at,
            json!([{"issuers": ["main", "mian"]}]),
            &["resources[0].policy.revoked[0].issuers[1]"],
        ),
        (
            "a claim",
            at,
            json!([{"subjects": ["a"], "claims": {"org": "x"}}]),
            &["resources[0].policy.revoked[0].claims"],
        ),
        ("a time as a number", at, json!([{"subjects": ["a"], "issued_before": 1_800_000_000}]), BEFORE),
        ("a time of another zone", at, time("2026-11-28T12:00:00+01:00"), BEFORE),
        ("a date", at, time("2026-11-28"), BEFORE),
        ("a day that does not exist", at, time("2026-02-29T12:00:00Z"), BEFORE),
        ("an empty time", at, time(""), BEFORE),
    ]);
}

#[test]
fn a_revocation_of_more_than_is_said_is_warned_of() {
    let at = "/resources/0/policy/revoked";
    warned(
        &minimal(),
        vec![
            ("nothing", at, json!([]), &[]),
            ("a person", at, json!([{"subjects": ["a"]}]), &[]),
            ("all of an issuer", at, json!([{"issuers": ["main"]}]), &[]),
            ("all tokens", at, json!([{"subjects": ["*"]}]), &["resources[0].policy.revoked[0]"]),
            (
                "old tokens",
                at,
                json!([{"clients": ["*"], "issued_before": "2026-11-28T12:00:00Z"}]),
                &["resources[0].policy.revoked[0]"],
            ),
            ("all tokens of an agent", at, json!([{"subjects": ["*"], "actors": ["agent"]}]), &[]),
            (
                "any agent, and none",
                at,
                json!([{"subjects": ["a"], "actors": ["*"]}]),
                &["resources[0].policy.revoked[0].actors"],
            ),
        ],
    );
}

#[test]
fn a_window_for_proofs_and_recorded_arguments_have_their_limits() {
    let at = "/issuers/0/dpop_window";
    let recorded = "/audit";
    refused(vec![
        ("a number", at, json!(60), &["issuers[0].dpop_window"]),
        ("no time at all", at, json!("0s"), &["issuers[0].dpop_window"]),
        ("more than five minutes", at, json!("301s"), &["issuers[0].dpop_window"]),
        ("a list", recorded, json!({"arguments": ["/a"]}), &["audit.arguments"]),
        ("no pointer", recorded, json!({"arguments": {"pay*": []}}), &["audit.arguments.pay*"]),
        ("an empty pointer", recorded, json!({"arguments": {"pay": [""]}}), &["audit.arguments.pay[0]"]),
        ("a name", recorded, json!({"arguments": {"pay": ["/a", "amount"]}}), &["audit.arguments.pay[1]"]),
        ("a bad escape", recorded, json!({"arguments": {"pay": ["/a~2"]}}), &["audit.arguments.pay[0]"]),
        ("no tool", recorded, json!({"arguments": {"": ["/a"]}}), &["audit.arguments"]),
    ]);
    warned(
        &minimal(),
        vec![
            ("a window without proofs", at, json!("30s"), &["issuers[0].dpop_window"]),
            ("recorded arguments", recorded, json!({"arguments": {"*": ["/a/0", "/~1b"]}}), &[]),
        ],
    );
    warned(&set(minimal(), "/issuers/0/dpop", json!("optional")), vec![("a window", at, json!("300s"), &[])]);
}

#[test]
fn an_anonymous_caller_is_told_to_sign_in_though_only_a_role_would_bring_the_scope() {
    let policy = json!({
        "base_scopes": ["openid"], "tools": {"help": {"public": true}, "admin": {"scopes": ["weather:admin"]}},
    });
    let value = set(minimal(), "/resources/0/policy", policy);
    let value = set(value, "/resources/0/scopes_supported", json!(["openid"]));
    let map = json!([{"claims": {"roles": "admin"}, "scopes": ["weather:admin"]}]);
    let config = accepted(&set(value, "/issuers/0/scope_map", map));
    let resource = &config.resources[0];
    let nobody = Caller::Anonymous(NoCredentials::assumed());
    let verdict = resource.policy.decide(&nobody, &Access::Tool("admin"), &occasion());
    let Some(Denial::NoToken { required }) = verdict.denial() else { panic!("{verdict:?}") };
    assert_eq!(resource.asked_for(required), ["openid"], "the role is not asked for");
    let verdict = resource.policy.decide(&alice("openid"), &Access::Tool("admin"), &occasion());
    assert_eq!(verdict.denial(), Some(&Denial::NotOffered), "who is signed in has no such role");
}

#[test]
fn sessions_without_a_secret_are_refused_at_their_path() {
    let at = "/resources/0/sessions";
    let bound = |secret: &str| json!({"bind": true, "secret_env": secret});
    refused(vec![
        ("bound", at, bound("SESSION_SECRET"), &[]),
        (
            "with the secret before",
            at,
            json!({"bind": true, "secret_env": "SESSION_SECRET", "previous_secret_env": "SESSION_SECRET_BEFORE"}),
            &[],
        ),
        ("not bound", at, json!({"bind": false}), &[]),
        ("nothing", at, json!({}), &["resources[0].sessions.bind"]),
        ("no object", at, json!(true), &["resources[0].sessions"]),
        (
            "a flag that is a text",
            at,
            json!({"bind": "true", "secret_env": "SESSION_SECRET"}),
            &["resources[0].sessions.bind"],
        ),
        ("no secret", at, json!({"bind": true}), &["resources[0].sessions.secret_env"]),
        (
            "only the secret before",
            at,
            json!({"bind": true, "previous_secret_env": "SESSION_SECRET"}),
            &["resources[0].sessions.secret_env"],
        ),
        ("a variable without a name", at, bound(""), &["resources[0].sessions.secret_env"]),
        ("a variable that is not set", at, bound("UNSET"), &["resources[0].sessions.secret_env"]),
        ("a secret that is too short", at, bound("SECRET"), &["resources[0].sessions.secret_env"]),
        (
            "a short secret of sessions that are not bound",
            at,
            json!({"bind": false, "secret_env": "SECRET"}),
            &["resources[0].sessions.secret_env"],
        ),
        (
            "a secret before that is too short",
            at,
            json!({"bind": true, "secret_env": "SESSION_SECRET", "previous_secret_env": "SECRET"}),
            &["resources[0].sessions.previous_secret_env"],
        ),
        (
            "a secret in the configuration",
            at,
            json!({"bind": true, "secret": "0123456789abcdef0123456789abcdef"}),
            &["resources[0].sessions.secret", "resources[0].sessions.secret_env"],
        ),
    ]);
    let config = accepted(&set(minimal(), at, bound("SESSION_SECRET")));
    let shown = format!("{config:?}");
    assert!(shown.contains("Sessions {") && !shown.contains("SESSION_SECRETSESSION"), "{shown}");
    assert!(
        accepted(&set(minimal(), at, json!({"bind": false})))
            .resources
            .iter()
            .all(|resource| resource.sessions.is_none())
    );
}
