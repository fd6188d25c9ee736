//! The plugin configuration as a host hands it over: in either form, refused
//! whole where anything in it is wrong, and what Envoy adds to it: variables
//! of the environment, and the TLS settings of a cluster.

use serde_json::{Value, json};

use super::weather::{METADATA, asked_scope, policy, token};
use crate::support::bootstrap::{Configuration, Setup, module, project_configuration};
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Gate, Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::native;
use crate::support::provider::{Behaviour, Provider};
use crate::support::tls::Authority;
use crate::support::tokens::{ISSUER, Token};
use crate::support::upstream::Upstream;

fn provider() -> Provider {
    Provider::start(Behaviour::Json(key_set([&Key::rsa_a()])))
}

/// Everything that a client can learn of how an Envoy is configured.
fn behaviour(envoy: &Envoy) -> Vec<(u16, Option<String>, String)> {
    let requests = [
        Request::get("/.well-known/oauth-protected-resource/mcp"),
        Request::get("/mcp"),
        Request::get("/elsewhere"),
        Request::get("/healthy/now"),
        Request::call("echo").bearer("garbage"),
        Request::call("get_forecast").bearer(&token("weather:read")),
        Request::call("get_forecast").bearer(&token("weather:admin")),
        Request::call("set_alert").bearer(&token("weather:write")),
        Request::call("set_alert").bearer(&token("weather:read")),
        Request::call("unheard_of").bearer(&token("weather:admin")),
        Request::call("echo").bearer(&token("")),
        // One byte over `limits.body`.
        Request::call(&"a".repeat(3_000)).bearer(&token("")),
        Request::get("/mcp").header("origin", "https://evil.example.com").bearer(&token("")),
    ];
    let without_id = |text: String| match text.split_once("\"decision_id\":\"") {
        Some((before, after)) => format!("{before}{}", &after[32..]),
        None => text,
    };
    let ask = |request: &Request| {
        let response = envoy.client().send(request);
        (response.status, response.challenge(), without_id(response.text()))
    };
    requests.iter().map(ask).collect()
}

/// As much of the schema as fits, with numbers of every kind.
fn rich() -> Value {
    let mut all = configuration(&policy());
    all["issuers"][0]["profile"] = json!("rfc9068");
    all["issuers"][0]["leeway"] = json!("1m");
    all["resources"][0]["name"] = json!("Wetter \u{1f327} \"heute\"");
    all["resources"][0]["origins"] = json!(["https://app.example.com"]);
    all["resources"][0]["challenge_scopes"] = json!(["weather:write", "weather:read"]);
    all["resources"][0]["policy"]["hierarchy"] = json!({"weather:admin": ["weather:write", "weather:read"]});
    all["resources"][0]["policy"]["tools"]["set_alert"] = json!({"any_of": [["weather:write"], ["alerts:write"]]});
    all["limits"] = json!({"body": 2000, "depth": 32});
    all["pass"] = json!(["/healthy/*"]);
    all["audit"] = json!({"decisions": "denied", "subject": "hash"});
    all
}

#[test]
fn both_forms_load_and_behave_alike() {
    let (upstream, provider) = (Upstream::start(), provider());
    let text = serde_json::to_string_pretty(&rich()).unwrap();
    let native = Setup::new(&upstream).configuration(&Configuration::Struct(rich())).host_flag(false);
    // As Istio loads it: JSON, an id of its own making, a name that is not ours.
    let istio = Setup::new(&upstream).configuration(&Configuration::Text(text)).host_flag(false).plugin(|plugin| {
        plugin["name"] = json!("default.weather gate \u{e4}");
        plugin["root_id"] = json!("anything");
        plugin["vm_config"]["vm_id"] = json!("");
    });
    let [native, istio] = [native, istio].map(|setup| setup.provider(&provider).start());

    let expected = behaviour(&native);
    assert_eq!(behaviour(&istio), expected);
    let statuses: Vec<_> = expected.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [200, 401, 404, 200, 401, 200, 200, 200, 403, 403, 200, 413, 403]);
    let document: Value = serde_json::from_str(&expected[0].2).unwrap();
    assert_eq!(document["resource_name"], "Wetter \u{1f327} \"heute\"");
    assert_eq!(
        expected[1].1,
        Some(format!("Bearer scope=\"weather:write weather:read\", resource_metadata=\"{METADATA}\""))
    );
}

#[test]
fn every_fault_is_named_at_once_and_envoy_refuses_to_start() {
    let mut wrong = configuration(&policy());
    let mut expected = Vec::new();
    let mut set = |pointer: &str, value: Value, path: &'static str| {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        wrong.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}"))[member] = value;
        expected.push(path);
    };
    set("/colour", json!("red"), "colour");
    set("/hold_request_headers", json!("yes"), "hold_request_headers");
    set("/limits", json!({"body": 1.5}), "limits.body");
    set("/audit", json!({"decisions": "some"}), "audit.decisions");
    set("/pass", json!(["healthz"]), "pass[0]");
    set("/issuers/0/profile", json!("nobody"), "issuers[0].profile");
    set("/issuers/0/algorithms", json!(["RS256", "HS256"]), "issuers[0].algorithms[1]");
    set("/issuers/0/leeway", json!("-1s"), "issuers[0].leeway");
    set("/issuers/0/dpop", json!({}), "issuers[0].dpop");
    set("/issuers/0/jwks/uri", json!("ftp://auth.example.com/jwks"), "issuers[0].jwks.uri");
    set("/issuers/0/jwks/cluster", json!(""), "issuers[0].jwks.cluster");
    set("/issuers/0/jwks/timeout", json!("soon"), "issuers[0].jwks.timeout");
    let introspection =
        json!({"uri": "https://auth.example.com/i", "cluster": "auth", "client_id": "g", "client_secret_env": "UNSET"});
    set("/issuers/0/introspection", introspection, "issuers[0].introspection.client_secret_env");
    set("/resources/0/issuers", json!(["main", "nobody"]), "resources[0].issuers[1]");
    set("/resources/0/audiences", json!([]), "resources[0].audiences");
    set("/resources/0/origins", json!(["https://app.example.com/x"]), "resources[0].origins[0]");
    set("/resources/0/forward", json!({"headers": {"mcp-name": "sub"}}), "resources[0].forward.headers.mcp-name");
    set("/resources/0/manifest", json!({}), "resources[0].manifest");
    set("/resources/0/policy/hierarchy", json!({"a": ["b"], "b": ["a"]}), "resources[0].policy.hierarchy.");
    set(
        "/resources/0/policy/tools/delete_*",
        json!({"scopes": ["ok", "not ok"]}),
        "resources[0].policy.tools.delete_*.scopes[1]",
    );
    set("/resources/0/policy/tools/open", json!({}), "resources[0].policy.tools.open");
    set("/resources/0/policy/resources/x:a%2F%2F", json!({"scopes": [7]}), "resources[0].policy.resources.x:a%2F%2F");
    set("/resources/0/policy/unlisted", json!({"tools": "allow"}), "resources[0].policy.unlisted.tools");

    let upstream = Upstream::start();
    let setup = |form: Configuration| Setup::new(&upstream).configuration(&form);
    let logs = [
        setup(Configuration::Struct(wrong.clone())).start_expecting_refusal(),
        setup(Configuration::Text(wrong.to_string())).validate().expect_err("a refusal"),
    ];
    for log in logs {
        let lines: Vec<_> =
            log.lines().filter_map(|line| Some(line.split_once("configuration refused: ")?.1)).collect();
        for path in &expected {
            let named = lines.iter().filter(|line| line.starts_with(path));
            assert_eq!(named.count(), 1, "`{path}` in {lines:#?}");
        }
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    }
}

#[test]
fn what_only_the_text_form_can_get_wrong_is_refused() {
    let upstream = Upstream::start();
    let good = configuration(&policy()).to_string();
    let cases = [
        ("a member twice", good.replacen('{', "{\"pass\":[],\"pass\":[],", 1), "pass"),
        ("two values", format!("{good}{good}"), ""),
    ];
    for (name, text, path) in cases {
        let log = Setup::new(&upstream).configuration(&Configuration::Text(text)).validate().expect_err(name);
        assert!(log.contains(&format!("configuration refused: {path}")), "{name}: {log}");
    }
}

#[test]
fn envoy_validates_the_projects_file() {
    // Addresses and the module's path apart, it is the file that users copy; names are not resolved here.
    assert_eq!(Setup::new(&Upstream::start()).validate(), Ok(()));
    assert!(native::is_it() || module().exists());
    assert_eq!(project_configuration()["hold_request_headers"], true);
}

#[test]
fn a_secret_comes_from_a_variable_that_envoy_passes_on() {
    let upstream = Upstream::start();
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["introspection"] = json!({
        "uri": "https://auth.example.com/introspect",
        "cluster": "auth",
        "client_id": "gateway",
        "client_secret_env": "TOOLGATE_CLIENT_SECRET",
    });
    let plain = Setup::new(&upstream).configuration(&Configuration::Struct(configuration)).host_flag(false);
    let passed_on = plain.clone().plugin(|plugin| {
        plugin["vm_config"]["environment_variables"] = json!({"host_env_keys": ["TOOLGATE_CLIENT_SECRET"]});
    });
    let refused = "configuration refused: issuers[0].introspection.client_secret_env: ";
    let provider = provider();

    let envoy =
        passed_on.clone().environment("TOOLGATE_CLIENT_SECRET", "s3cret-of-the-test").provider(&provider).start();
    // It cannot be used yet, and until then nothing passes on a signature alone.
    let response = envoy.client().send(&Request::call("echo").bearer(&token("")));
    assert_eq!((response.status, response.json()), (503, json!({"error": "temporarily_unavailable"})));
    assert!(!envoy.log().contains("s3cret"), "a secret is not logged");

    assert!(passed_on.start_expecting_refusal().contains(refused), "not set");
    if native::is_it() {
        // Nothing stands between it and Envoy's environment.
        return;
    }
    let log = plain.environment("TOOLGATE_CLIENT_SECRET", "s3cret").start_expecting_refusal();
    assert!(log.contains(refused), "set, but not passed on: {log}");
}

#[test]
fn plain_http_gets_a_warning_unless_it_stays_on_this_machine() {
    let (upstream, provider) = (Upstream::start(), provider());
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["jwks"]["uri"] = json!("http://auth.example.com/jwks");
    let near =
        json!({"issuer": "http://localhost:9400", "jwks": {"uri": "http://127.0.0.1:9400/jwks", "cluster": "auth"}});
    configuration["issuers"].as_array_mut().unwrap().push(near);
    let envoy = setup(&upstream, Mode::Ahead, &configuration).provider(&provider).start();
    envoy.wait_for_log("configuration: issuers[0].jwks.uri: ");
    assert_eq!(envoy.client().send(&Request::call("echo").bearer(&token(""))).status, 200);
    assert!(!envoy.log().contains("configuration: issuers[1]"), "{}", envoy.log());
}

#[test]
fn a_fixed_key_set_needs_no_provider() {
    let mut configuration = configuration(&policy());
    configuration["issuers"][0]["jwks"] = key_set([&Key::ed25519(), &Key::rsa_a()]);
    let upstream = Upstream::start();
    let envoy = setup(&upstream, Mode::Ahead, &configuration).start();
    let ask = |key: &Key| {
        let token = Token::new().scope("weather:read").sign(key);
        envoy.client().send(&Request::call("get_forecast").bearer(&token)).status
    };
    assert_eq!([&Key::rsa_a(), &Key::ed25519(), &Key::rsa_b()].map(ask), [200, 200, 401]);
}

#[test]
fn a_provider_is_believed_only_with_its_own_certificate() {
    let (upstream, authority, stranger) = (Upstream::start(), Authority::new(), Authority::new());
    let cases = [
        ("all as it should be", &authority, "auth.example.com", 200),
        ("another name", &authority, "evil.example.com", 503),
        ("another root", &stranger, "auth.example.com", 503),
    ];
    std::thread::scope(|scope| {
        for (name, issuer, host, status) in cases {
            let (upstream, authority) = (&upstream, &authority);
            scope.spawn(move || {
                let provider = Provider::start_tls(issuer, host, Behaviour::Json(key_set([&Key::rsa_a()])));
                let setup = setup(upstream, Mode::Held, &configuration(&policy()));
                let envoy = setup.provider_tls(&provider, authority).start();
                let unknown = Token::new().sign(&Key::rsa_b());
                let response = envoy.client().send(&Request::call("get_forecast").bearer(&unknown));
                // Nobody's token, but that cannot be known without keys.
                assert_eq!(response.status, if status == 200 { 401 } else { 503 }, "{name}");
                let response = envoy.client().send(&Request::call("get_forecast").bearer(&token("weather:read")));
                assert_eq!(response.status, status, "{name}: {}", response.text());
                assert_eq!(response.header("retry-after").is_some(), status == 503, "{name}");
                let refused = envoy.client().send(&Request::call("get_forecast").bearer("garbage"));
                assert_eq!(refused.status, 401, "{name}: no keys are needed to know that");
                if status == 200 {
                    let asked = &provider.requests()[0];
                    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/jwks"));
                    assert_eq!(format!("https://{}", asked.headers.get("host").unwrap()), ISSUER);
                    let response = envoy.client().send(&Request::call("get_forecast").bearer(&token("")));
                    assert_eq!(asked_scope(&response).as_deref(), Some("weather:read"), "{name}");
                } else {
                    assert_eq!(provider.fetches(), 0, "{name}: it was not even asked");
                }
            });
        }
    });
}

#[test]
fn the_first_line_of_the_log_tells_what_runs_where_and_what_is_enforced() {
    let mut configuration = configuration(&policy());
    configuration["resources"][0]["policy"]["tools"]["trial"] = json!({"scopes": ["x"], "mode": "shadow"});
    for mode in Mode::ALL {
        let held = if mode.holds() { "held" } else { "not held" };
        let gate = Gate::start(mode, &configuration);
        // `<commit>/<version>/...`
        let server = gate.envoy.admin().get("/server_info").json();
        let version = server["version"].as_str().and_then(|version| version.split('/').nth(1)).expect("a version");
        let line = gate.envoy.wait_for_log("started: toolgate ");
        let (build, rest) =
            line.split_once("started: toolgate ").and_then(|(_, rest)| rest.split_once(" on ")).unwrap();
        let host = if native::is_it() { "Envoy, as a native module".to_owned() } else { format!("envoy {version}") };
        let told = format!(
            "{host}; issuers: 1; resources: 1 enforced, 0 in shadow mode; \
             rules and scenarios: 5 enforced, 1 in shadow mode; request headers {held}"
        );
        assert_eq!(rest, told);
        let abi = if native::is_it() { native::ABI } else { toolgate::version::ABI };
        // The commit is that of the module.
        assert!(build.starts_with(&format!("{} (commit ", toolgate::version::VERSION)), "{build}");
        assert!(build.ends_with(&format!(", {abi})")), "{build}");
    }
}
