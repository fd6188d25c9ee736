//! The list of tools that the caller of an explained request sees.

use serde_json::json;

use crate::commands::place;

const NOW: i64 = 1_800_000_000;

#[test]
fn the_tools_that_the_same_caller_sees_are_those_that_the_gate_leaves_in_its_list() {
    let place = place("explain-tools");
    let tools = json!([{"name": "write"}, {"name": "read"}, {"name": "rm\nrf"}, {"name": "read", "title": "twice"}]);
    place.file("tools.json", tools.to_string());
    let explain = format!("explain toolgate.json --request call.json --keys jwks.json --at {NOW} --tools tools.json");
    let ran = place.run(&format!("{explain} --token token.txt"));
    let list = ran.out.split_once("\ntools/list").unwrap().1;
    assert_eq!(
        list,
        ": this caller sees 2 of 4 tools\n+ read\n+ read\n- write           needs a:write\n- rm\\u000arf      unlisted\n"
    );
    let json = place.run(&format!("{explain} --token token.txt --json")).json();
    let hidden = json!([
        {"name": "write", "reason": "insufficient_scope", "missing": ["a:write"]},
        {"name": "rm\nrf", "reason": "unlisted", "missing": []},
    ]);
    assert_eq!(json["list"], json!({"shown": ["read", "read"], "hidden": hidden}));
    // Without a token there is no list.
    let ran = place.run(&explain);
    assert!(ran.out.ends_with("\ntools/list: 401 no_token, no list\n"), "{}", ran.out);
    // What the gate cannot read does not pass.
    place.file("tools.json", r#"[{"name": "read", "name": "write"}]"#);
    let ran = place.run(&format!("{explain} --token token.txt"));
    assert!(ran.out.ends_with("no list\n") || ran.out.contains("sees 0 of 1 tool"), "{}", ran.out);
}
