//! `toolgate check` on Envoy's own configuration: a warning for each setting around the filter that makes it unsafe or mute.

mod order;
mod routes;

use crate::run::Place;
use crate::support::at_root;

fn read(path: &str) -> String {
    std::fs::read_to_string(at_root(path)).unwrap()
}

/// The warnings for some files, as `file:line: path: message`.
fn warnings(files: &[(&str, &str)]) -> Vec<String> {
    let place = Place::new("around");
    files.iter().for_each(|(name, content)| _ = place.file(name, content));
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    let ran = place.run(&format!("check --json {}", names.join(" ")));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let found = ran.json();
    let all = found["configurations"].as_array().unwrap().iter().flat_map(|own| own["warnings"].as_array().unwrap());
    let text = |own: &serde_json::Value, name: &str| own[name].as_str().unwrap().to_owned();
    all.map(|own| format!("{}:{}: {}: {}", text(own, "file"), own["line"], text(own, "path"), text(own, "message")))
        .collect()
}

/// A change of a sound bootstrap: its name, a text and what takes its place, and words of the only warning, if there is one.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// Holds each change to its warning, and to its line: that of the text which takes the place, or as told by `+n` lines.
fn assert_rows(file: &str, rows: &[Row]) {
    let sound = read(file);
    assert_eq!(warnings(&[("envoy.yaml", &sound)]), Vec::<String>::new(), "{file}");
    for (name, old, new, words) in rows {
        assert!(sound.contains(old), "{name}: `{old}` is not in {file}");
        let found = warnings(&[("envoy.yaml", &sound.replacen(old, new, 1))]);
        if words.is_empty() {
            assert_eq!(found, Vec::<String>::new(), "{name}");
            continue;
        }
        let [one] = found.as_slice() else { panic!("{name}: {found:#?}") };
        assert!(words.iter().all(|word| one.contains(word)), "{name}: {one}");
        let line: usize = one.split(':').nth(1).unwrap().parse().unwrap();
        assert!((1..=sound.lines().count() + 20).contains(&line), "{name}: {one}");
    }
}

const FILTER: &str = "                  - name: toolgate\n";

#[test]
fn each_fault_of_the_plugins_own_settings_is_a_warning() {
    assert_rows(
        "envoy/envoy.yaml",
        &[
            (
                "a failure lets requests through",
                "failure_policy: FAIL_RELOAD",
                "failure_policy: FAIL_OPEN",
                &["failure_policy: lets every request through"],
            ),
            (
                "an older word for it",
                "failure_policy: FAIL_RELOAD",
                "fail_open: true",
                &["fail_open: lets every request through"],
            ),
            (
                "a failure is for ever",
                "failure_policy: FAIL_RELOAD",
                "failure_policy: FAIL_CLOSED",
                &["is not FAIL_RELOAD"],
            ),
            ("camel case", "failure_policy: FAIL_RELOAD", "failurePolicy: FAIL_RELOAD", &[]),
            ("no failure policy", "failure_policy: FAIL_RELOAD", "root_id: x", &["is not FAIL_RELOAD"]),
            ("no vm_id", "vm_id: toolgate", "vm_id: \"\"", &["vm_config.vm_id: is empty"]),
            (
                "another plugin with the vm_id",
                FILTER,
                concat!(
                    "                  - name: other\n                    typed_config: {\"@type\": x/wasm.v3.Wasm, config: {name: other, vm_config: {vm_id: toolgate}, configuration: {}}}\n",
                    "                  - name: toolgate\n"
                ),
                &["is that of the plugin `other` too"],
            ),
            (
                "a module that anybody can replace",
                "code: {local: {filename: /etc/envoy/toolgate.wasm}}",
                "code: {remote: {http_uri: {uri: \"https://example.com/toolgate.wasm\"}}}",
                &["vm_config.code.remote.sha256: is missing"],
            ),
            ("no labels", "toolgate\\.", "other\\.", &[]),
            ("no tags at all", "stats_tags:", "other_tags:", &["stats_config.stats_tags: has no tags for toolgate"]),
            (
                "a flag against the option",
                "allow_on_headers_stop_iteration: true",
                "root_id: x",
                &["hold_request_headers: is true, but"],
            ),
        ],
    );
    let sound = read("envoy/envoy.yaml");
    let sessions = "sessions: {bind: true, secret_env: SESSION_SECRET}";
    let policy = "                                policy:\n";
    let named = sound.replacen(policy, &format!("                                {sessions}\n{policy}"), 1);
    assert_ne!(named, sound);
    let found = warnings(&[("envoy.yaml", &named)]);
    assert!(
        found.len() == 1 && found[0].contains("`SESSION_SECRET` is not in `vm_config.environment_variables`"),
        "{found:?}"
    );
    let given = named.replace(
        "# environment_variables: {host_env_keys: [TOOLGATE_CLIENT_SECRET]}",
        "environment_variables: {host_env_keys: [SESSION_SECRET]}",
    );
    let found = warnings(&[("envoy.yaml", &given)]);
    assert!(found.len() == 1 && found[0].contains("is not set here"), "{found:?}");
}

#[test]
fn each_fault_of_the_listener_is_a_warning() {
    assert_rows(
        "envoy/envoy.yaml",
        &[
            (
                "paths of two spellings",
                "normalize_path: true",
                "normalize_path: false",
                &["listener `mcp`, normalize_path: is not true"],
            ),
            ("slashes", "merge_slashes: true", "codec_type: AUTO", &["merge_slashes: is not true"]),
            (
                "escaped slashes",
                "path_with_escaped_slashes_action: REJECT_REQUEST",
                "path_with_escaped_slashes_action: KEEP_UNCHANGED",
                &["path_with_escaped_slashes_action: leaves `%2F`"],
            ),
            (
                "slashes that are unescaped",
                "path_with_escaped_slashes_action: REJECT_REQUEST",
                "path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD",
                &[],
            ),
            (
                "underscores",
                "headers_with_underscores_action: REJECT_REQUEST",
                "headers_with_underscores_action: ALLOW",
                &["lets `x_mcp_subject` through"],
            ),
            (
                "headers with underscores are dropped",
                "headers_with_underscores_action: REJECT_REQUEST",
                "headers_with_underscores_action: DROP_HEADER",
                &[],
            ),
            (
                "a small buffer",
                "per_connection_buffer_limit_bytes: 2097152",
                "per_connection_buffer_limit_bytes: 65536",
                &["per_connection_buffer_limit_bytes: is too small"],
            ),
            (
                "Envoy's own buffer is enough",
                "per_connection_buffer_limit_bytes: 2097152",
                "traffic_direction: INBOUND",
                &[],
            ),
            (
                "a small window",
                "initial_stream_window_size: 2097152",
                "initial_stream_window_size: 65536",
                &["initial_stream_window_size: is too small"],
            ),
            (
                "another body for all answers",
                "codec_type: AUTO",
                "codec_type: AUTO\n                local_reply_config: {body_format: {text_format: no}}",
                &["gives toolgate's answers another body"],
            ),
        ],
    );
}

#[test]
fn each_fault_of_a_cluster_is_a_warning() {
    assert_rows(
        "envoy/envoy.yaml",
        &[
            (
                "a name that is misspelled",
                "cluster: auth\n",
                "cluster: auht\n",
                &["issuers[0].jwks.cluster: `auht`: no cluster has this name; did you mean `auth`?"],
            ),
            (
                "in the clear",
                "      transport_socket:\n",
                "      other:\n",
                &["cluster `auth`, transport_socket: is missing: issuers[0].jwks.cluster has an `https` URL"],
            ),
            (
                "any certificate",
                "trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}",
                "only_verify_leaf_cert_crl: false",
                &["any certificate is good enough"],
            ),
            (
                "the roots of the system",
                "trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}",
                "system_root_certs: {}",
                &[],
            ),
            ("no SNI", "sni: auth.example.com", "max_session_keys: 1", &["cluster `auth`, sni: is missing"]),
            ("SNI of the host", "sni: auth.example.com", "auto_host_sni: true", &[]),
            ("any name", "match_typed_subject_alt_names:", "other:", &["the certificate of any name is accepted"]),
            (
                "certificates that nobody trusts",
                "trusted_ca:",
                "trust_chain_verification: ACCEPT_UNTRUSTED\n              trusted_ca:",
                &["accepts any certificate"],
            ),
            (
                "a cluster that a control plane may have",
                "    - name: auth\n",
                "    - name: other\n",
                &["no cluster has this name"],
            ),
        ],
    );
    // An issuer on loopback, whose metadata is read in the clear.
    let plain = read("envoy/envoy.yaml").replace("issuer: https://auth.example.com", "issuer: http://127.0.0.1:9");
    let plain = plain.replace("uri: https://auth.example.com/jwks", "discover: true");
    let plain = plain.replace("      transport_socket:\n", "      other:\n");
    assert_eq!(warnings(&[("envoy.yaml", &plain)]), Vec::<String>::new());
    let sound = read("envoy/envoy.yaml").replace("    - name: auth\n", "    - name: other\n");
    let dynamic = format!("{sound}\ndynamic_resources: {{cds_config: {{ads: {{}}}}}}\n");
    assert_eq!(warnings(&[("envoy.yaml", &dynamic)]), Vec::<String>::new());
}

#[test]
fn a_policy_in_shadow_mode_is_a_warning_and_heads_its_resource() {
    let policy =
        |text: &str| read("docs/cli/toolgate.yaml").replacen("    policy:\n", &format!("    policy:\n{text}"), 1);
    let shadow = policy("      mode: shadow\n");
    let found = warnings(&[("a.yaml", &shadow)]);
    assert!(found.len() == 1 && found[0].contains("resources[0].policy.mode: is shadow"), "{found:?}");
    let ran = Place::new("shadow").file("a.yaml", &shadow).run("check a.yaml");
    let words: Vec<_> = ran.out.lines().skip_while(|line| !line.starts_with("https://")).collect();
    assert!(words[1].starts_with("  SHADOW       only rules that enforce deny"), "{}", ran.out);
    let exit = |text: &str, arguments: &str| Place::new("shadow").file("a.yaml", text).run(arguments).code;
    assert_eq!(exit(&shadow, "check --strict a.yaml"), 1);
    assert_eq!(exit(&shadow, "check --strict --allow shadow a.yaml"), 0, "a rollout that is meant");
    let other = shadow.replacen("https://auth.example.com/jwks", "http://auth.example.com/jwks", 1);
    assert_ne!(other, shadow);
    assert_eq!(exit(&other, "check --strict --allow shadow a.yaml"), 1, "another warning fails all the same");
    assert_eq!(exit(&shadow, "check --allow shadow a.yaml"), 2, "there is nothing to allow");
    let rule = read("docs/cli/toolgate.yaml").replacen("get_forecast: {", "get_forecast: {mode: shadow, ", 1);
    let found = warnings(&[("a.yaml", &rule)]);
    assert!(found.len() == 1 && found[0].contains("policy.tools.get_forecast.mode: is shadow"), "{found:?}");
}
