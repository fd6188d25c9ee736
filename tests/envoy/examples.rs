//! The files of `examples/`, each in a real Envoy: they do what they say.

use serde_json::{Value, json};

use crate::support::at_root;
use crate::support::bootstrap::{Configuration, Setup};
use crate::support::client::{HOST, Request};
use crate::support::envoy::Envoy;
use crate::support::keys::{Key, key_set};
use crate::support::process::Scratch;
use crate::support::provider::{Behaviour, Provider};
use crate::support::tls::{Authority, TlsClient};
use crate::support::tokens::Token;
use crate::support::upstream::Upstream;
use crate::support::wait_until;

fn example(name: &str) -> Value {
    let text = std::fs::read_to_string(at_root(&format!("examples/{name}.yaml"))).unwrap();
    serde_norway::from_str(&text).unwrap()
}

/// Envoy's project file with this configuration of toolgate.
fn configured(upstream: &Upstream, configuration: &Value) -> Setup {
    Setup::new(upstream).configuration(&Configuration::Struct(configuration.clone()))
}

fn provider(key: &Key) -> Provider {
    Provider::start(Behaviour::Json(key_set([key])))
}

fn call(tool: &str, token: &str) -> Request {
    Request::call(tool).bearer(token)
}

fn status(envoy: &Envoy, request: &Request) -> u16 {
    envoy.client().send(request).status
}

#[test]
fn static_keys_verify_tokens_and_nobody_is_asked() {
    let upstream = Upstream::start();
    // The cluster `auth` refuses connections.
    let envoy = configured(&upstream, &example("static-keys")).start();
    let token = |key: &Key| Token::new().scope("weather:read").sign(key);
    assert_eq!(status(&envoy, &call("get_forecast", &token(&Key::p256()))), 200);
    assert_eq!(status(&envoy, &call("get_forecast", &token(&Key::rsa_a()))), 401, "another key");
    assert_eq!(status(&envoy, &call("get_forecast", &Token::new().sign(&Key::p256()))), 403, "no scope");
}

#[test]
fn a_token_of_one_tenant_does_not_open_the_server_of_the_other() {
    let upstream = Upstream::start();
    let (acme, globex) = (provider(&Key::rsa_a()), provider(&Key::rsa_b()));
    let setup = configured(&upstream, &example("two-tenants")).provider(&acme).edit(|bootstrap| {
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
        let auth = clusters.iter().find(|cluster| cluster["name"] == "auth").unwrap().clone();
        for (name, provider) in [("acme", &acme), ("globex", &globex)] {
            let mut own = auth.clone();
            own["name"] = json!(name);
            own["load_assignment"]["cluster_name"] = json!(name);
            own["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
                json!({"address": "127.0.0.1", "port_value": provider.address().port()});
            clusters.push(own);
        }
    });
    let envoy = setup.start();
    let tenants = [("acme", Key::rsa_a()), ("globex", Key::rsa_b())];
    for (of, key) in &tenants {
        for (at, _) in &tenants {
            let token = Token::new().issuer(&format!("https://login.{of}.example")).scope("weather:read");
            let token = token.audience(format!("https://{at}.example.com/mcp")).sign(key);
            let request = call("get_forecast", &token).host(&format!("{at}.example.com"));
            assert_eq!(status(&envoy, &request), if of == at { 200 } else { 401 }, "a token of {of} at {at}");
        }
    }
}

#[test]
fn in_a_shadow_rollout_denials_are_recorded_and_one_rule_enforces() {
    let upstream = Upstream::start();
    let provider = provider(&Key::rsa_a());
    let envoy = configured(&upstream, &example("shadow-rollout")).provider(&provider).start();
    let token = Token::new().scope("weather:read").sign(&Key::rsa_a());
    let found = ["get_forecast", "set_alert", "reboot", "delete_city"].map(|tool| status(&envoy, &call(tool, &token)));
    assert_eq!(found, [200, 200, 200, 403]);
    assert_eq!(status(&envoy, &call("get_forecast", "garbage")), 401, "tokens are checked all the same");
    wait_until("all records", || envoy.audit().len() >= 5);
    let decisions: Vec<_> = envoy.audit().iter().map(|line| line["decision"].as_str().unwrap().to_owned()).collect();
    assert_eq!(decisions, ["allow", "shadow_deny", "shadow_deny", "deny", "deny"]);
}

#[test]
fn tls_with_client_certificates_lets_bound_tokens_in_with_theirs() {
    let upstream = Upstream::start();
    let provider = provider(&Key::rsa_a());
    let authority = Authority::new();
    let (server, own) = (authority.identity(HOST), authority.identity("alice.example.com"));
    let scratch = Scratch::new();
    let mut text = example("mtls")["transport_socket"].to_string();
    let files =
        [("tls.crt", &server.certificate_pem), ("tls.key", &server.key_pem), ("clients-ca.crt", &authority.pem())];
    for (name, pem) in files {
        let named = format!("/etc/envoy/{name}");
        assert!(text.contains(&named), "{name}");
        text = text.replace(&named, &scratch.write(name, pem));
    }
    let socket: Value = serde_json::from_str(&text).unwrap();
    let mut configuration = example("shadow-rollout");
    configuration["resources"][0]["policy"]["mode"] = json!("enforce");
    let setup = configured(&upstream, &configuration).provider(&provider).edit(|bootstrap| {
        bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"] = socket;
    });
    let envoy = setup.start();
    let bound = Token::new().scope("weather:read").claim("cnf", json!({"x5t#S256": own.thumbprint()}));
    let request = call("get_forecast", &bound.sign(&Key::rsa_a()));
    let status = |identity| TlsClient::new(envoy.address(), &authority, identity).send(&request).status;
    assert_eq!([status(Some(&own)), status(None), status(Some(&server))], [200, 401, 401]);
}

#[test]
fn listeners_from_a_file_change_without_a_restart() {
    let upstream = Upstream::start();
    let provider = provider(&Key::rsa_a());
    let scratch = Scratch::new();
    let mut reload = example("reload");
    let path = &mut reload["dynamic_resources"]["lds_config"]["path_config_source"]["path"];
    assert_eq!(*path, json!("/etc/envoy/listeners.yaml"));
    *path = json!(scratch.path("listeners.yaml"));
    // The listeners of this policy, moved into their place as the file says.
    let place = |policy: Value| {
        let mut configuration = example("shadow-rollout");
        configuration["resources"][0]["policy"] = policy;
        let mut setup = configured(&upstream, &configuration).provider(&provider);
        setup = setup.edit(|bootstrap| {
            let mut listener = bootstrap["static_resources"]["listeners"][0].take();
            listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
            let new = scratch.write("new", &json!({"resources": [listener]}).to_string());
            std::fs::rename(new, scratch.path("listeners.yaml")).unwrap();
            bootstrap["static_resources"]["listeners"] = json!([]);
            bootstrap.as_object_mut().unwrap().extend(reload.as_object().unwrap().clone());
        });
        setup
    };
    let rule = |scope: &str| json!({"tools": {"get_forecast": {"scopes": [scope]}}});
    let envoy = place(rule("weather:read")).start();
    let request = call("get_forecast", &Token::new().scope("weather:read").sign(&Key::rsa_a()));
    assert_eq!(status(&envoy, &request), 200);
    place(rule("weather:admin"));
    wait_until("the new policy", || status(&envoy, &request) == 403);
    place(json!({"tools": {"get_forecast": {"scope": "weather:read"}}}));
    envoy.wait_for_log("configuration refused");
    assert_eq!(status(&envoy, &request), 403, "the old one stays in force");
}

#[test]
fn every_example_has_a_row_and_a_test() {
    let page = std::fs::read_to_string(at_root("examples/README.md")).unwrap();
    let own = include_str!("examples.rs");
    for entry in std::fs::read_dir(at_root("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".yaml") else { continue };
        assert!(page.contains(&format!("[`{name}.yaml`]({name}.yaml)")), "{name}: a row in examples/README.md");
        assert!(own.contains(&format!("example(\"{name}\")")), "{name}: a test");
    }
}
