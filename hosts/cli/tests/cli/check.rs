//! `toolgate check`: where configurations are found, and on which lines their faults are.

use serde_json::{Value, json};

use crate::run::Place;

/// Faults and warnings as `line path`.
fn findings(file: &str, content: &str) -> (i32, Vec<String>) {
    let place = Place::new(&format!("check-{}", file.replace('.', "-")));
    let ran = place.file(file, content).run(&format!("check --json {file}"));
    assert_eq!(ran.err, "", "{content}");
    let found = ran.json();
    let configurations = found["configurations"].as_array().unwrap().clone();
    let one = |fault: &Value| format!("{} {}", fault["line"], fault["path"].as_str().unwrap());
    let all = configurations.iter().flat_map(|own| {
        let (faults, warnings) = (own["faults"].as_array().unwrap(), own["warnings"].as_array().unwrap());
        faults.iter().chain(warnings).map(one).collect::<Vec<_>>()
    });
    (ran.code, all.collect())
}

/// A configuration with one fault, on its line 6.
const FAULTY: &str = "\
issuers:
  - {issuer: https://auth.example.com, jwks: {uri: https://auth.example.com/jwks, cluster: auth}}
resources:
  - resource: https://mcp.example.com/mcp
    policy:
      tools: {a.b: {scopes: [ok, not ok]}}
";

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

/// The configuration as JSON on lines of its own: the fault is on its line 21.
fn json_text() -> String {
    let value: Value = serde_norway::from_str(FAULTY).unwrap();
    format!("{value:#}")
}

fn line_in_json() -> usize {
    json_text().lines().position(|line| line.contains("not ok")).unwrap() + 1
}

const PATH: &str = "resources[0].policy.tools.a.b.scopes[1]";

#[test]
fn a_configuration_is_found_in_whatever_carries_it() {
    let struct_of = |content: &str| {
        format!(
            "name: toolgate\nvm_config: {{runtime: envoy.wasm.runtime.v8}}\nconfiguration:\n  \"@type\": type.googleapis.com/google.protobuf.Struct\n  value:\n{}",
            indented(content, 4)
        )
    };
    let filter = struct_of(FAULTY);
    let bootstrap = format!(
        "static_resources:\n  listeners:\n  - filter_chains:\n    - filters:\n      - typed_config:\n          config:\n{}",
        indented(&filter, 12)
    );
    let wasm_plugin = format!("kind: WasmPlugin\nspec:\n  pluginConfig:\n{}", indented(FAULTY, 4));
    let traffic = format!("kind: TrafficExtension\nspec:\n  wasm:\n    pluginConfig:\n{}", indented(FAULTY, 6));
    let listed = format!("kind: List\nitems:\n- kind: WasmPlugin\n  spec:\n    pluginConfig:\n{}", indented(FAULTY, 6));
    let extension = format!("kind: EnvoyExtensionPolicy\nspec:\n  wasm:\n  - config:\n{}", indented(FAULTY, 6));
    let native = format!(
        "typed_config:\n  dynamic_module_config: {{name: toolgate}}\n  filter_name: toolgate\n  filter_config:\n    value:\n{}",
        indented(FAULTY, 6)
    );
    let native_extension = extension.replace("wasm", "dynamicModule");
    let envoy_filter = format!(
        "kind: EnvoyFilter\nspec:\n  configPatches:\n  - patch:\n      value:\n        typed_config:\n          value:\n            config:\n{}",
        indented(&filter, 14)
    );
    let block = format!(
        "config:\n  vm_config: {{}}\n  configuration:\n    \"@type\": type.googleapis.com/google.protobuf.StringValue\n    value: |\n{}",
        indented(&json_text(), 6)
    );
    let one_line: Value = serde_norway::from_str(FAULTY).unwrap();
    let quoted = format!(
        "config:\n  vm_config: {{}}\n  configuration:\n    \"@type\": type.googleapis.com/google.protobuf.StringValue\n    value: '{one_line}'\n"
    );
    let in_json = json!({"kind": "WasmPlugin", "spec": {"pluginConfig": one_line}});
    for (name, file, content, line) in [
        ("bare", "a.yaml", FAULTY.to_owned(), 6),
        ("two documents", "b.yaml", format!("other: plain\n---\n{wasm_plugin}"), 11),
        ("JSON", "c.json", json_text(), line_in_json()),
        ("JSON of another name", "d.conf", json_text(), line_in_json()),
        ("a bootstrap", "e.yaml", bootstrap, 17),
        ("a WasmPlugin", "f.yaml", wasm_plugin, 9),
        ("a TrafficExtension", "l.yaml", traffic, 10),
        ("a list of objects", "m.yaml", listed, 11),
        ("an EnvoyExtensionPolicy", "g.yaml", extension, 10),
        ("a native module", "n.yaml", native, 11),
        ("a native module of Envoy Gateway", "o.yaml", native_extension, 10),
        ("an EnvoyFilter", "h.yaml", envoy_filter, 19),
        ("JSON in a block", "i.yaml", block, 5 + line_in_json()),
        ("JSON in quotes", "j.yaml", quoted, 5),
        ("a WasmPlugin in JSON", "k.json", format!("\n{in_json}"), 2),
    ] {
        // Warnings come after the fault.
        let (code, found) = findings(file, &content);
        assert_eq!((code, found.first()), (1, Some(&format!("{line} {PATH}"))), "{name}:\n{content}");
    }
}

#[test]
fn a_file_of_envoys_without_the_plugin_is_not_taken_for_a_configuration() {
    let lds = "resources:\n  - \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n    name: mcp\n";
    let dump = "configs: [{\"@type\": type.googleapis.com/envoy.admin.v3.BootstrapConfigDump, bootstrap: {}}]\n";
    for (name, content) in [("lds", lds), ("a dump", dump), ("a bootstrap", "static_resources: {}\n")] {
        let ran = Place::new("no-plugin").file("a.yaml", content).run("check a.yaml");
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (2, "error: a.yaml:1: it contains no configuration of a plugin\n"),
            "{name}"
        );
    }
}

#[test]
fn every_fault_has_the_line_of_what_it_is_about() {
    let content = "\
issuers:
  - issuer: https://auth.example.com
    jwks: {uri: https://auth.example.com/jwks}
    leeway: soon
resources:
  - resource: https://mcp.example.com/mcp
    policy:
      tools:
        a:
          scopes: [x]
          scopes: [y]
      tols: {}
      mode: yes
surprise: 1
";
    let expected = [
        "3 issuers[0].jwks.cluster",
        "4 issuers[0].leeway",
        "11 resources[0].policy.tools.a.scopes",
        "12 resources[0].policy.tols",
        "13 resources[0].policy.mode",
        "14 surprise",
    ];
    assert_eq!(findings("faults.yaml", content), (1, expected.map(str::to_owned).to_vec()));
}

#[test]
fn a_variable_that_is_unset_here_is_a_warning() {
    let content = "\
issuers:
  - issuer: https://auth.example.com
    validation: introspection
    introspection:
      uri: https://auth.example.com/introspect
      cluster: auth
      client_id: gate
      client_secret_env: A_VARIABLE_THAT_NOBODY_SETS
resources:
  - resource: https://mcp.example.com/mcp
    policy: {}
    sessions: {bind: true, secret_env: ANOTHER_THAT_NOBODY_SETS}
    publish: {uri: \"https://p.example.com\", cluster: p, client_id: g, client_secret_env: A_THIRD_THAT_NOBODY_SETS}
";
    let (code, found) = findings("unset.yaml", content);
    assert_eq!(code, 0);
    for place in [
        "8 issuers[0].introspection.client_secret_env",
        "12 resources[0].sessions.secret_env",
        "13 resources[0].publish.client_secret_env",
    ] {
        assert!(found.contains(&place.to_owned()), "{found:?}");
    }
    let place = Place::new("check-strict");
    place.file("unset.yaml", content);
    assert_eq!(place.run("check --strict unset.yaml").code, 1);
}

#[test]
fn what_keycloak_is_known_to_do_is_a_note() {
    let content = "\
issuers:
  - issuer: https://auth.example.com/realms/mcp
    profile: keycloak
    jwks: {discover: true, cluster: auth}
    validation: jwt
    introspection:
      uri: https://auth.example.com/realms/mcp/protocol/openid-connect/token/introspect
      cluster: auth
      client_id: gate
      client_secret: s3cret
    scope_map:
      - {claims: {realm_access.roles: boss}, scopes: [mcp:admin]}
resources:
  - resource: https://mcp.example.com/mcp
    challenge_scopes: [mcp:read]
    scopes_supported: [mcp:admin, mcp:read, mcp:write]
    policy:
      tools: {get: {scopes: [mcp:read]}, set: {scopes: [mcp:write]}, drop: {scopes: [mcp:admin]}}
";
    let notes = |content: &str| {
        let place = Place::new("check-notes");
        let ran = place.file("keycloak.yaml", content).run("check --strict --json keycloak.yaml");
        assert_eq!(ran.code, 0, "a note is no failure: {}", ran.out);
        let notes = ran.json()["configurations"][0]["notes"].as_array().unwrap().clone();
        let one = |note: &Value| format!("{} {}", note["line"], note["path"].as_str().unwrap());
        notes.iter().map(one).collect::<Vec<_>>()
    };
    let expected = [
        "9 issuers[0].introspection.client_id",
        "15 resources[0].challenge_scopes",
        "16 resources[0].scopes_supported",
    ];
    assert_eq!(notes(content), expected);
    assert_eq!(notes(&content.replace("profile: keycloak", "profile: generic")), [""; 0]);
    let sound = content.replace("client_id: gate", "client_id: https://mcp.example.com/mcp");
    let sound = sound.replace("challenge_scopes: [mcp:read]", "challenge_scopes: [mcp:read, mcp:write]");
    assert_eq!(notes(&sound.replace("[mcp:admin, mcp:read, mcp:write]", "[mcp:read, mcp:write]")), [""; 0]);

    let shown = Place::new("check-notes").file("keycloak.yaml", content).run("check --quiet keycloak.yaml").out;
    assert!(
        shown.contains("keycloak.yaml:15: note: resources[0].challenge_scopes: lacks `mcp:admin`, `mcp:write`."),
        "{shown}"
    );
}

#[test]
fn a_setting_that_the_plugins_flag_contradicts_is_a_warning() {
    let sound = FAULTY.replace(", not ok", "");
    let plugin = |flag: &str, setting: &str| {
        let configuration = format!("{sound}{setting}\n");
        format!(
            "config:\n  vm_config: {{vm_id: toolgate}}\n  failure_policy: FAIL_RELOAD\n  {flag}\n  configuration:\n    \"@type\": x/google.protobuf.Struct\n    value:\n{}",
            indented(&configuration, 6)
        )
    };
    for (n, (flag, setting, warns)) in [
        ("allow_on_headers_stop_iteration: true", "hold_request_headers: true", false),
        ("allow_on_headers_stop_iteration: {value: true}", "hold_request_headers: true", false),
        ("allow_on_headers_stop_iteration: true", "", true),
        ("", "hold_request_headers: true", true),
        ("", "", false),
    ]
    .into_iter()
    .enumerate()
    {
        let (code, found) = findings(&format!("flag{n}.yaml"), &plugin(flag, setting));
        assert_eq!((code, found.len()), (0, usize::from(warns)), "{flag} {setting}: {found:?}");
    }
}

#[test]
fn a_listener_whose_buffer_is_too_small_for_the_limits_is_a_warning() {
    let listener = |buffer: &str, limits: &str| {
        let configuration = indented(&format!("{}{limits}\n", FAULTY.replace(", not ok", "")), 14);
        format!(
            "static_resources:\n  listeners:\n  - {buffer}\n    filter_chains:\n    - http_filters:\n      - typed_config:\n       \
             \x20  config:\n            vm_config: {{}}\n            configuration:\n{configuration}  clusters: \
             [{{per_connection_buffer_limit_bytes: 32768}}]\n"
        )
    };
    let (name, camel) = ("per_connection_buffer_limit_bytes", "perConnectionBufferLimitBytes");
    for (n, (buffer, limits, warning)) in [
        (format!("{name}: 32768"), "", Some(name)),
        (format!("{name}: 1000000"), "", Some(name)),
        (format!("{name}: 2097152"), "", None),
        (format!("{name}: 2097152"), "limits: {list: 3000000}", Some(name)),
        (format!("{name}: 32768"), "limits: {body: 9000, list: 9000}", None),
        (format!("{name}: {{value: 32768}}"), "", Some(name)),
        (format!("{camel}: 32768"), "", Some(name)),
        ("reuse_port: true".to_owned(), "", None),
    ]
    .into_iter()
    .enumerate()
    {
        let (code, found) = findings(&format!("buffer{n}.yaml"), &listener(&buffer, limits));
        let expected: Vec<_> = warning.map(|path| format!("3 listener, {path}")).into_iter().collect();
        let found: Vec<_> = found.into_iter().filter(|found| found.to_lowercase().contains("buffer")).collect();
        assert_eq!((code, found), (0, expected), "{buffer} {limits}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_line_and_code_2() {
    let place = Place::new("check-unreadable");
    place
        .file("a.yaml", "a: 1\nb: [\n")
        .file("b.json", "{\n\"a\": 1,\n}")
        .file("c.yaml", "kind: Service\napiVersion: v1\n");
    for (arguments, said) in [
        ("check a.yaml", "error: a.yaml:3: not YAML"),
        ("check b.json", "error: b.json:3: not JSON"),
        ("check c.yaml", "error: c.yaml:1: it contains no configuration of a plugin"),
        ("check nowhere.yaml", "error: nowhere.yaml: No such file"),
        ("check c.yaml b.json", "error: b.json:3: not JSON"),
        ("check", "error: the following required arguments"),
    ] {
        let ran = place.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments}");
        assert!(ran.err.starts_with(said), "{arguments}: {}", ran.err);
    }
}

#[test]
fn several_plugins_are_all_checked_and_one_can_be_chosen() {
    let place = Place::new("check-several");
    let sound = FAULTY.replace(", not ok", "");
    let plugin = |content: &str| format!("kind: WasmPlugin\nspec:\n  pluginConfig:\n{}", indented(content, 4));
    place.file("both.yaml", format!("{}---\n{}", plugin(&sound), plugin(FAULTY)));
    assert_eq!(place.run("check both.yaml").code, 1);
    assert_eq!(place.run("check both.yaml --plugin 1").code, 0);
    let ran = place.run("matrix both.yaml");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("(line 4, line 14): choose one with --plugin N"), "{}", ran.err);
    assert_eq!(place.run("matrix both.yaml --plugin 1").code, 0);
    assert_eq!(place.run("matrix both.yaml --plugin 3").code, 2);
    // It comes from a pipe as well.
    assert_eq!(place.run_with("check -", &sound).code, 0);
}

#[test]
fn recorded_arguments_and_the_age_of_proofs_are_shown() {
    let place = crate::commands::place("recorded");
    let mut configuration: Value = serde_json::from_str(&place.read("toolgate.json")).unwrap();
    configuration["audit"] = json!({"arguments": {"re*": ["/amount", "/a~1b"], "write": ["/to"]}});
    configuration["issuers"][0]["dpop"] = json!("optional");
    configuration["issuers"][0]["dpop_window"] = json!("90s");
    place.file("records.json", configuration.to_string());
    let checked = place.run("check records.json").well();
    for line in [
        "records      all decisions",
        "of calls of `re*` the arguments `/amount`, `/a~1b`",
        "of calls of `write` the arguments `/to`",
        "bound to a key (DPoP), with a proof of the last 90 s or with a nonce; others as ever",
    ] {
        assert!(checked.contains(line), "{line}\n{checked}");
    }
    let arguments = json!({"amount": 12, "a/b": "x\n", "secret": "s"});
    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read", "arguments": arguments}});
    place.file("call.json", call.to_string());
    let explain = "explain records.json --token token.txt --keys jwks.json --at 1800000000 --request call.json";
    let explained = place.run(explain).well();
    let line = r#"the audit line has the arguments {"/amount":12,"/a~1b":"x\u000a"}"#;
    assert!(explained.contains(line) && !explained.contains("secret"), "{explained}");
}

#[test]
fn many_thousand_patterns_take_no_quadratic_time() {
    let rules: String = (0..40_000).map(|n| format!("        p{n}_*: {{scopes: [ok]}}\n")).collect();
    let content = FAULTY.replace("      tools: {a.b: {scopes: [ok, not ok]}}\n", &format!("      tools:\n{rules}"));
    let place = Place::new("check-patterns");
    // A limit on CPU time, which a busy machine does not change. To look up each pattern among the others takes more
    // than a minute of it.
    let limited = ["-c", "ulimit -t 20 && exec \"$0\" check a.yaml", env!("CARGO_BIN_EXE_toolgate")];
    let ran =
        std::process::Command::new("sh").args(limited).current_dir(&place.file("a.yaml", content).0).output().unwrap();
    assert!(ran.status.success(), "{}", ran.status);
    assert_eq!(String::from_utf8(ran.stdout).unwrap().matches("`: ok\n").count(), 40_000);
}
