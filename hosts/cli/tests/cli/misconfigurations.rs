//! The mistakes that people make most: the first line of `toolgate explain` must name the cause of each.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::run::{Place, assert_snapshot};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};

const NOW: i64 = 1_800_000_000;

struct Case {
    name: &'static str,
    token: Token,
    /// A change of the configuration.
    changed: (&'static str, Value),
    tool: &'static str,
}

fn case(name: &'static str, token: Token) -> Case {
    Case { name, token, changed: ("", Value::Null), tool: "get_forecast" }
}

impl Case {
    fn calling(self, tool: &'static str) -> Self {
        Self { tool, ..self }
    }

    fn with(self, pointer: &'static str, value: Value) -> Self {
        Self { changed: (pointer, value), ..self }
    }
}

fn configuration() -> Value {
    json!({
        "issuers": [{
            "issuer": ISSUER, "name": "main", "profile": "generic",
            "jwks": {"uri": format!("{ISSUER}/jwks"), "cluster": "auth"},
        }],
        "resources": [{
            "resource": AUDIENCE,
            "policy": {
                "tools": {
                    "get_forecast": {"scopes": ["weather:read"]},
                    "delete_*": {"scopes": ["weather:write"]},
                    "delete_all": {"scopes": ["weather:admin"]},
                },
                "matrix": [{"name": "bob only reads", "subjects": ["bob"], "scopes": ["weather:read"]}],
            },
        }],
    })
}

fn cases() -> Vec<Case> {
    let good = || Token::at(NOW).scope("weather:read weather:write");
    vec![
        case("all is well", good()),
        case("a trailing slash in iss", good().claim("iss", format!("{ISSUER}/"))),
        case("Keycloak's default audience", good().claim("aud", "account").claim("typ", "Bearer"))
            .with("/issuers/0/profile", json!("keycloak")),
        case("no audience mapper at Keycloak", good().without_claim("aud").claim("typ", "Bearer"))
            .with("/issuers/0/profile", json!("keycloak")),
        case("another API at Auth0", good().claim("aud", "https://other.example.com"))
            .with("/issuers/0/profile", json!("auth0")),
        case("the default audience of Okta", good().header("typ", "JWT").claim("aud", "api://default"))
            .with("/issuers/0/profile", json!("okta")),
        case(
            "an ID token",
            good().header("typ", "JWT").claim("aud", "claude").claim("nonce", "n").claim("at_hash", "h"),
        ),
        case(
            "Entra's GUID as audience",
            good().header("typ", "JWT").claim("aud", "2f1f6c1e-07e5-4c8b-9a43-5b0b7f2f6a11"),
        )
        .with("/issuers/0/profile", json!("entra")),
        case("scp where the profile reads scope", Token::at(NOW).claim("scp", json!(["weather:read"])))
            .with("/issuers/0/profile", json!("auth0")),
        case(
            "roles, and no scope",
            Token::at(NOW).claim("realm_access", json!({"roles": ["offline_access", "weather-user"]})),
        ),
        case("groups, and scopes that are not offered", Token::at(NOW).claim("groups", json!(["Weather Users"])))
            .with("/resources/0/scopes_supported", json!(["openid"])),
        case("a token that is revoked", good()).with("/resources/0/policy/revoked", json!([{"subjects": ["alice"]}])),
        case("a token without aud, of another client", good().without_claim("aud"))
            .with("/issuers/0/audience_missing", json!({"clients": ["gate"]})),
        case("an act that is a text", good().claim("act", "agent")),
        case("a scope in another case", Token::at(NOW).scope("Weather:Read")),
        case("just expired, or a clock that is wrong", good().claim("exp", NOW - 45)),
        case("a key that was rotated away", good().header("kid", "2026-01")),
        case("a tool named in another case", good()).calling("Get_Forecast"),
        case("a tool named as no rule is", good()).calling("get_forcast"),
        case("a scope misspelled at the issuer", Token::at(NOW).scope("weather:raed")),
        case("a row that narrows", good().claim("sub", "bob")).calling("delete_one"),
        case("an unlisted tool", good()).calling("reboot"),
        case("a pattern shadowed by an exact name", good()).calling("delete_all"),
    ]
}

fn explained(case: &Case) -> (i32, String) {
    let place = Place::new("misconfigurations");
    let mut configuration = configuration();
    if let Some((parent, member)) = case.changed.0.rsplit_once('/') {
        configuration.pointer_mut(parent).expect("an object")[member] = case.changed.1.clone();
    }
    if case.name.contains("not offered") {
        configuration["issuers"][0]["scope_map"] = json!([{"subjects": ["x"], "scopes": ["weather:read"]}]);
    }
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": case.tool}});
    place.file("toolgate.json", configuration.to_string()).file("call.json", call.to_string());
    place.file("jwks.json", key_set(&[Key::ed25519()]).to_string());
    place.file("token.txt", case.token.sign(&Key::ed25519()));
    let ran =
        place.run(&format!("explain toolgate.json --token token.txt --request call.json --keys jwks.json --at {NOW}"));
    assert_eq!(ran.err, "", "{}", case.name);
    assert!(!ran.out.contains("eyJ"), "a token is shown: {}", ran.out);
    (ran.code, ran.out)
}

#[test]
fn the_first_line_names_the_cause() {
    let mut table = String::new();
    for case in cases() {
        let (code, out) = explained(&case);
        assert_eq!(code, i32::from(case.name != "all is well"), "{}: {out}", case.name);
        let _ = writeln!(table, "{}\n  {}", case.name, out.lines().next().unwrap_or_default());
    }
    assert_snapshot("hosts/cli/tests/cli/misconfigurations.txt", &table);
}
