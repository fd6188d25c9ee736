//! `toolgate explain` of a policy in shadow mode.

use serde_json::json;

use crate::commands::{NOW, configuration, first_line, place};
use crate::support::keys::Key;
use crate::support::tokens::Token;

#[test]
fn a_denial_in_shadow_mode_is_explained_like_one_that_is_enforced() {
    let place = place("explain-shadow");
    let write = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "write"}});
    place.file("write.json", write.to_string());
    let explain = |mode: &str, scope: &str, more: &str| {
        let rules = json!({"tools": {"write": {"scopes": ["a:write"]}}, "mode": mode});
        place.file("toolgate.json", configuration(rules));
        let token = Token::at(NOW).scope(scope).sign(&Key::ed25519());
        let arguments =
            format!("explain toolgate.json --request write.json --keys jwks.json --token - --at {NOW} {more}");
        place.run_with(&arguments, &token)
    };
    const NEEDS: &str = "tool `write` needs `a:write`; missing: `a:write`";
    for (scope, hint) in [
        ("a:read", ""),
        ("A:write", ". `A:write` differs by upper and lower case only: scopes are compared byte for byte"),
        ("a:wrxte", ". The token has `a:wrxte`: is one of the two misspelled?"),
    ] {
        let [enforced, on_trial] = ["enforce", "shadow"].map(|mode| explain(mode, scope, ""));
        assert_eq!(first_line(&enforced.out), format!("403 insufficient_scope: {NEEDS}{hint}"));
        let recorded = "goes on to the server in shadow mode, where insufficient_scope is recorded only";
        assert_eq!((on_trial.code, first_line(&on_trial.out)), (0, &*format!("{recorded}: {NEEDS}{hint}")));
        let line = format!("- policy          would be denied (insufficient_scope), but is in shadow mode: {NEEDS}\n");
        assert!(on_trial.out.contains(&line), "{}", on_trial.out);
    }
    let json = explain("shadow", "a:read", "--json").json();
    let policy = json["checks"].as_array().unwrap().iter().find(|check| check["about"] == "policy").unwrap().clone();
    assert_eq!((&policy["passed"], &policy["code"]), (&json!(true), &json!("insufficient_scope")));
}
