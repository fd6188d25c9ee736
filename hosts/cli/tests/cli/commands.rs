//! The output of the commands, beyond the examples in the documentation.

use serde_json::{Value, json};

use crate::run::Place;
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};

pub const NOW: i64 = 1_800_000_000;

pub fn configuration(policy: Value) -> String {
    let jwks = json!({"uri": format!("{ISSUER}/jwks"), "cluster": "auth"});
    let issuers = json!([{"issuer": ISSUER, "name": "main", "jwks": jwks}]);
    json!({"issuers": issuers, "resources": [{"resource": AUDIENCE, "policy": policy}]}).to_string()
}

pub fn place(name: &str) -> Place {
    let place = Place::new(name);
    let matrix = json!([{"name": "acme reads", "claims": {"org": "acme"}, "scopes": ["a:read"]}]);
    let tools = json!({"read": {"scopes": ["a:read"]}, "write": {"scopes": ["a:write"]}});
    place.file("toolgate.json", configuration(json!({"tools": tools, "matrix": matrix})));
    place.file("jwks.json", key_set(&[Key::ed25519()]).to_string());
    place.file("call.json", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#);
    place.file("token.txt", token());
    place
}

fn token() -> String {
    Token::at(NOW).scope("a:read").sign(&Key::ed25519())
}

pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[test]
fn a_token_comes_from_a_file_or_standard_input_and_is_never_shown() {
    let place = place("explain-token");
    let explain = format!("explain toolgate.json --request call.json --keys jwks.json --at {NOW}");
    for form in [token(), format!("{}\n", token()), format!("Authorization: Bearer {}\n", token())] {
        let ran = place.run_with(&format!("{explain} --token -"), &form);
        assert_eq!((ran.code, first_line(&ran.out)), (0, "goes on to the server: allowed"));
        assert!(!ran.out.contains(&token()) && !ran.out.contains(token().rsplit('.').next().unwrap()));
    }
    let without = place.run(&explain);
    assert_eq!(without.code, 1);
    assert!(first_line(&without.out).starts_with("401 no_token:"), "{}", without.out);
    // Nor where a client puts it into the query.
    let leaked = format!("GET /mcp?access_token={} HTTP/1.1\nHost: mcp.example.com\n", token());
    let leaked = place.file("leaked.http", leaked).run("explain toolgate.json --request leaked.http --json");
    assert_eq!((leaked.code, leaked.json()["reason"].clone()), (1, json!("token_in_query")));
    assert!(!leaked.out.contains(&token()[..20]), "{}", leaked.out);
    // As an argument it would be in the process list: it is taken for a file's name, and that is not repeated.
    let argument = place.run(&format!("{explain} --token {}", token()));
    assert_eq!(argument.code, 2);
    assert!(!argument.err.contains(&token()), "{}", argument.err);
}

#[test]
fn without_keys_the_signature_is_not_checked_and_the_answer_says_so() {
    let place = place("explain-keys");
    let explain = format!("explain toolgate.json --request call.json --token token.txt --at {NOW}");
    let ran = place.run(&explain);
    assert_eq!(
        (ran.code, first_line(&ran.out)),
        (0, "goes on to the server: allowed, if the signature is good: it was not checked")
    );
    assert!(
        ran.out.contains("? signature       not checked: the issuer's keys are not here (see --keys)"),
        "{}",
        ran.out
    );
    for key in [Key::p256(), Key::rsa_a()] {
        let token = Token::at(NOW).scope("a:read").sign(&key);
        assert_eq!(place.run_with(&explain.replace("token.txt", "-"), &token).code, 0, "{token}");
    }
    let keys = place.run(&format!("{explain} --keys main=jwks.json --json")).json();
    assert_eq!((&keys["signature_checked"], &keys["reason"]), (&json!(true), &json!("allowed")));
    let stranger = Token::at(NOW).scope("a:read").sign(&Key::rsa_b().named("ed25519"));
    let ran = place.run_with(&format!("{} --keys jwks.json", explain.replace("token.txt", "-")), &stranger);
    assert!(first_line(&ran.out).starts_with("401 key_unknown"), "{}", ran.out);
}

#[test]
fn a_request_is_an_http_message_too() {
    let place = place("explain-http");
    let head = "POST /mcp HTTP/1.1\nHost: mcp.example.com\nContent-Type: application/json\n";
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#;
    let explain = |request: &str| {
        place.file("request.http", request);
        let arguments = format!(
            "explain toolgate.json --token token.txt --request request.http --keys jwks.json --at {NOW} --json"
        );
        place.run(&arguments).json()
    };
    for (request, reason) in [
        (format!("{head}\n{call}\n"), "allowed"),
        (format!("{head}Mcp-Name: write\n\n{call}\n"), "mcp_header_mismatch"),
        (format!("{head}\n[{call}]"), "batch_refused"),
        (head.replace("POST", "PUT"), "method_not_allowed"),
        (format!("{}\n{call}", head.replace("/json", "/xml")), "unsupported_media_type"),
        (format!("{}\n{call}", head.replace("/mcp", "/mcp/")), "not_found"),
        ("GET /mcp HTTP/1.1\nHost: mcp.example.com\n".to_owned(), "allowed"),
        ("GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\nHost: mcp.example.com\n".to_owned(), "metadata"),
    ] {
        assert_eq!(explain(&request)["reason"], reason, "{request}");
    }
}

#[test]
fn a_session_that_is_not_the_callers_is_explained() {
    let place = place("explain-session");
    let mut configuration: Value = serde_json::from_str(&place.read("toolgate.json")).unwrap();
    configuration["resources"][0]["sessions"] = json!({"bind": true, "secret_env": "A_SECRET_THAT_NOBODY_SETS"});
    place.file("bound.json", configuration.to_string());
    let explain = format!("explain bound.json --token token.txt --keys jwks.json --at {NOW} --request request.http");
    for (session, reason, hint) in [
        ("abc", "session_untagged", "clients get ids with a tag through this gate"),
        ("abc.AAAAAAAAAAAAAAAAAAAAAA", "session_mismatch", "`secret_env` needs the proxy's value here too"),
    ] {
        let head = format!("GET /mcp HTTP/1.1\nHost: mcp.example.com\nMcp-Session-Id: {session}\n");
        let out = place.file("request.http", head).run(&explain).out;
        assert!(first_line(&out).starts_with(&format!("404 {reason}: ")) && out.contains(hint), "{out}");
    }
}

#[test]
fn a_failed_case_fails_the_run_and_is_told_to_ci() {
    let place = place("test-junit");
    let cases = "\
callers:
  reader: {subject: r, scopes: \"a:read\"}
  acme: {scopes: [a:write], claims: {org: acme}}
cases:
  - {as: reader, tool: read, expect: allow}
  - {name: \"<writes>\", as: reader, tool: write, expect: allow}
  - {as: acme, tool: write, expect: deny, reason: matrix_narrows_scopes, row: acme reads}
  - {as: reader, method: tools/list, expect: allow}
  - {as: reader, resource: \"file:///a/../b\", expect: deny, reason: uri_ambiguous}
";
    let ran = place.file("cases.yaml", cases).run("test toolgate.json cases.yaml --junit report.xml");
    assert_eq!((ran.code, ran.out.lines().last()), (1, Some("5 cases, 1 failed")), "{}", ran.out);
    let failed = "FAIL  reader  tool write               deny (insufficient_scope)\n      <writes>: decision: expected allow, got deny\n";
    assert!(ran.out.contains(failed), "{}", ran.out);
    let report = place.read("report.xml");
    assert!(report.contains("<testsuite name=\"toolgate\" tests=\"5\" failures=\"1\">"), "{report}");
    assert!(
        report.contains("name=\"&lt;writes&gt;\">\n      <failure message=\"decision: expected allow, got deny\"/>"),
        "{report}"
    );
    for (wrong, said) in [
        ("cases: []", "there is no case"),
        ("cases: [{as: {}, tool: a, expect: maybe}]", "unknown variant `maybe`"),
        ("cases: [{as: eve, tool: a, expect: allow}]", "no caller is named `eve`"),
        ("cases: [{as: {}, expect: allow}]", "case 1: needs one of `tool`, `prompt`, `resource` and `method`"),
        ("cases: [{as: {issuer: x}, tool: a, expect: allow}]", "no issuer of the resource is named `x`"),
        ("cases: [{as: {}, tool: a, expect: allow, scopes: []}]", "unknown field `scopes`"),
    ] {
        let ran = place.file("wrong.yaml", wrong).run("test toolgate.json wrong.yaml");
        assert!(ran.code == 2 && ran.err.contains(said), "{wrong}: {}", ran.err);
    }
}

#[test]
fn conditions_and_sign_ins_are_tested_and_shown() {
    let place = place("conditions");
    let tools = json!({
        "pay": {"scopes": ["a:write"], "arguments": {"/amount": {"max": 10}}},
        "erase": {"scopes": ["a:write"], "acr": "urn:x:mfa", "max_auth_age": "5m"},
    });
    place.file("toolgate.json", configuration(json!({"tools": tools})));
    let cases = "\
time: 2026-11-25T15:00:00Z
callers:
  plain: {scopes: [a:write]}
  signed_in: {scopes: [a:write], claims: {acr: \"urn:x:mfa\", auth_time: 1795618700}}
cases:
  - {as: plain, tool: pay, arguments: {amount: 10}, expect: allow}
  - {as: plain, tool: pay, arguments: {amount: 11}, expect: deny, reason: arguments_refused}
  - {as: plain, tool: pay, expect: deny, reason: arguments_refused}
  - {as: plain, tool: erase, expect: deny, reason: insufficient_user_authentication}
  - {as: signed_in, tool: erase, expect: allow}
";
    place.file("cases.yaml", cases).run("test toolgate.json cases.yaml").well();
    let matrix = place.run("matrix toolgate.json").well();
    let expected = "\
erase  yes      a:write
pay    yes      a:write

further conditions:
erase  signed in at level urn:x:mfa, signed in at most 300 s ago
pay    with conditions on /amount
";
    assert!(matrix.ends_with(expected), "{matrix}");
}

#[test]
fn what_an_endpoint_says_of_a_token_comes_from_a_file() {
    let place = place("explain-introspection");
    let introspection = json!({"uri": format!("{ISSUER}/introspect"), "cluster": "auth"});
    let issuers = json!([{"issuer": ISSUER, "introspection": introspection}]);
    let resources = json!([{"resource": AUDIENCE, "policy": {"tools": {"read": {"scopes": ["a:read"]}}}}]);
    place.file("toolgate.json", json!({"issuers": issuers, "resources": resources}).to_string());
    let explain = |more: &str| {
        place.run_with(&format!("explain toolgate.json --request call.json --token - --at {NOW} {more}"), "opaque-1")
    };
    let waits = explain("");
    assert_eq!(
        (waits.code, first_line(&waits.out)),
        (1, "waits for what its issuer says of the token: see --introspection")
    );
    for (said, line) in [
        (json!({"active": true, "aud": AUDIENCE, "scope": "a:read"}), "goes on to the server: allowed"),
        (json!({"active": false}), "401 token_inactive: the endpoint reports the token as inactive"),
        (json!({"error": "x"}), "503 introspection_unavailable: the endpoint gives no answer that can be read"),
    ] {
        place.file("said.json", said.to_string());
        assert_eq!(first_line(&explain("--introspection said.json").out), line);
    }

    let mut issuers = issuers;
    issuers[0]["profile"] = json!("keycloak");
    place.file("toolgate.json", json!({"issuers": issuers, "resources": resources}).to_string());
    place.file("said.json", json!({"active": false}).to_string());
    let hint = "Keycloak says so to a client that is not in the token's `aud`";
    let out = explain("--introspection said.json").out;
    assert!(first_line(&out).contains(hint), "{out}");
}

#[test]
fn a_replay_counts_what_it_cannot_decide_and_guesses_nothing() {
    let place = place("replay");
    let record = |change: Value| {
        let mut record = json!({
            "decision_id": "1", "decision": "allow", "reason": "allowed", "resource": AUDIENCE, "method": "tools/call",
            "target": "read", "subject": "alice", "client": "c", "issuer": ISSUER, "scopes": ["a:read"],
        });
        record.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        format!("[info] toolgate.audit {record}")
    };
    let lines = [
        record(json!({})),
        record(json!({"target": "write"})),
        record(json!({"resource": "https://other.example.com/mcp"})),
        record(json!({"reason": "token_expired", "decision": "deny"})),
        record(json!({"target": "x".repeat(512)})),
        record(json!({}))[..120].to_owned(),
        record(json!({"method": "GET", "target": null})),
        "toolgate.event {\"event\":\"x\"}".to_owned(),
    ];
    place.file("log", lines.join("\n"));
    // Whether the caller is of `acme` no record tells.
    let counts = |place: &Place| place.run("replay toolgate.json log --json").json();
    assert_eq!((counts(&place)["unknown"].clone(), counts(&place)["changed"].clone()), (json!(3), json!(0)));
    place.file(
        "toolgate.json",
        configuration(json!({"tools": {"read": {"scopes": ["a:read"]}, "write": {"scopes": ["a:write"]}}})),
    );
    let counted = counts(&place);
    for (name, count) in
        [("records", 7), ("same", 2), ("changed", 1), ("before_the_policy", 1), ("foreign", 1), ("cut", 2)]
    {
        assert_eq!(counted[name], count, "{name}: {counted}");
    }
    assert_eq!(counted["changes"][0]["now"], "deny (insufficient_scope)");
    assert_eq!(place.run("replay toolgate.json log").code, 1);
}

#[test]
fn a_list_of_tools_is_read_in_every_form_that_it_is_saved_in() {
    let place = place("lists");
    let tools = r#"[{"name":"b","description":"x"},{"name":"a"}]"#;
    let result = format!(r#"{{"tools":{tools}}}"#);
    let event = format!("event: message\nid: 1\ndata: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{result}}}\n\n");
    let paged = r#"[{"tools":[{"name":"b","description":"x"}],"nextCursor":"2"},{"result":{"tools":[{"name":"a"}]}}]"#;
    let mut manifests = Vec::new();
    for form in [tools, &result, &event, paged] {
        manifests.push(place.file("tools", form).run("manifest tools").well());
    }
    manifests.dedup();
    assert_eq!(manifests.len(), 1, "{manifests:?}");
    assert_eq!(place.file("manifest", &manifests[0]).run("diff manifest tools").well(), "2 tools, as approved\n");

    let partial = r#"{"tools":[{"name":"b","description":"x"}],"nextCursor":"2"}"#;
    let ran = place.file("tools", partial).run("diff manifest tools");
    assert_eq!((ran.code, ran.out.as_str()), (0, "1 tool, as approved\n"));
    assert!(ran.err.contains("nextCursor"), "{}", ran.err);
    // A manifest that an earlier version approved lacks some parts.
    let old = manifests[0].lines().map(|line| match line.split_once(r#""definition":""#) {
        Some((before, _)) => format!("{}}},\n", before.trim_end_matches(',')),
        None => format!("{line}\n"),
    });
    let old: String = old.collect::<String>().replace("},\n  }", "}\n  }");
    let meta = r#"[{"name":"b","description":"x","_meta":{"x":1}},{"name":"a"},{"name":"a"}]"#;
    let ran = place.file("manifest", &old).file("tools", meta).run("diff manifest tools");
    assert_eq!((ran.code, ran.out.as_str()), (1, "a  is listed more than once\n"));
    assert!(ran.err.contains("without `definition`"), "{}", ran.err);
    let ran = place.file("manifest", &manifests[0]).run("diff manifest tools --json");
    let changes: Vec<_> = ran.json()["drift"].as_array().unwrap().iter().map(|one| one["change"].clone()).collect();
    assert_eq!(changes, ["tool_repeated", "definition_changed"]);
    for (wrong, said) in [
        (r#"{"error":{"message":"no session"}}"#, "the server says `no session`"),
        (r#"{"tools":[{"name":"a"},{"name":"a"}]}"#, "two tools are named `a`"),
        ("<html>", "neither JSON nor an event stream"),
    ] {
        let ran = place.file("tools", wrong).run("manifest tools");
        assert!(ran.code == 2 && ran.err.contains(said), "{wrong}: {}", ran.err);
    }
}

#[test]
fn colours_are_for_terminals_and_those_who_ask() {
    let place = place("colours");
    assert!(!place.run("check toolgate.json").out.contains('\u{1b}'));
    assert!(place.run("check toolgate.json --color always").out.contains("\u{1b}[32m"));
    assert!(!place.run("check toolgate.json --color never").out.contains('\u{1b}'));
}

#[test]
fn every_command_has_help_with_an_example_and_shells_complete_it() {
    let place = place("help");
    let help = place.run("--help").well();
    assert!(help.contains("Exit codes: 0"), "{help}");
    for command in ["check", "explain", "test", "matrix", "replay", "init", "manifest", "diff", "schema"] {
        assert!(help.contains(&format!("  {command} ")), "{command}");
        let own = place.run(&format!("{command} --help")).well();
        assert!(own.contains("Example"), "{own}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&format!("completions {shell}")).well();
        assert!(script.contains("replay") && script.contains("--junit") || shell == "fish", "{shell}");
    }
}

#[test]
fn a_page_escapes_what_the_policy_says() {
    let place = place("page");
    let tools = json!({"<b>": {"scopes": ["a&b"]}, "open": {"scopes": []}});
    let matrix = json!([{"name": "</style><script>", "clients": ["\"x\""], "deny_tools": ["open"]}]);
    place.file("toolgate.json", configuration(json!({"tools": tools, "matrix": matrix})));
    let page = place.run("matrix toolgate.json --format html").well();
    assert!(page.contains("&lt;b&gt;") && page.contains("a&amp;b") && page.contains("&quot;x&quot;"), "{page}");
    assert!(
        !page.contains("<script") && !page.contains("<b>") && !page.contains("src=") && !page.contains("href="),
        "{page}"
    );
    let markdown = place.run("matrix toolgate.json --format markdown").well();
    assert!(
        markdown.contains("| `open` | any | any token |\n")
            && markdown.contains("| `open` | no | no: matrix_denies_tool |\n"),
        "{markdown}"
    );
    let table = place.run("matrix toolgate.json --format json").json();
    assert_eq!(table["rows"][0]["scenarios"][0]["scopes"], json!({"a&b": "yes"}));
}

#[test]
fn no_name_of_a_server_or_a_file_steers_the_terminal_or_writes_lines_of_its_own() {
    let place = place("forged");
    let name = "x\nall is well\u{1b}[2J\u{9b}1A\u{202e}\u{2028}\u{1b}[31m";
    let tools = json!({"tools": [{"name": name, "title": name, "description": name, "inputSchema": {}}]});
    place.file("tools.json", json!({"result": tools}).to_string());
    place.file("manifest.json", r#"{"tools": {}}"#);
    place.file("open.json", configuration(json!({"tools": {"*": {"scopes": []}, name: {"scopes": []}}})));
    place.file("wrong.json", configuration(json!({name: {}})));
    let record = json!({
        "decision": "deny", "reason": "unlisted", "resource": AUDIENCE, "issuer": ISSUER, "method": "tools/call",
        "target": name, "subject": name, "client": name, "scopes": [],
    });
    place.file("log", format!("toolgate.audit {record}\n"));
    for command in [
        "matrix open.json --tools tools.json",
        "matrix open.json --tools tools.json --format json",
        "matrix open.json --tools tools.json --format markdown",
        "matrix open.json --tools tools.json --format html",
        "diff manifest.json tools.json",
        "diff manifest.json tools.json --json",
        "init tools.json --resource https://mcp.example.com/mcp --issuer https://auth.example.com",
        "check wrong.json",
        "check open.json",
        "replay open.json log",
    ] {
        let ran = place.run(&format!("--color always {command}"));
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains('x'), "{command}: {said:?}");
        let steers = ["\u{1b}[2J", "\u{9b}", "\u{202e}", "\u{2028}"].iter().any(|text| said.contains(text));
        let own_line = said.lines().any(|line| line.starts_with("all is well"));
        assert!(!steers && !own_line, "{command}: {said:?}");
    }
}
