//! `deploy/compose/`: its Envoy is the one of `envoy/envoy.yaml`, its realm fits the policy, and its files exist.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::run::Place;
use crate::support::at_root;

fn read(path: &str) -> String {
    std::fs::read_to_string(at_root(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn yaml(path: &str) -> Value {
    serde_norway::from_str(&read(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

const COMPOSE: &str = "deploy/compose/compose.yaml";
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// The plugin of a bootstrap.
fn plugin(bootstrap: &mut Value) -> &mut Value {
    let filters = bootstrap.pointer_mut(MANAGER).unwrap()["http_filters"].as_array_mut().unwrap();
    let filter = filters.iter_mut().find(|filter| filter["name"] == "toolgate").unwrap();
    &mut filter["typed_config"]["config"]
}

fn configuration(bootstrap: &mut Value) -> &mut Value {
    &mut plugin(bootstrap)["configuration"]["value"]
}

#[test]
fn its_envoy_differs_in_addresses_issuer_and_resource_only() {
    let mut own = yaml("deploy/compose/envoy.yaml");
    let mut expected = yaml("envoy/envoy.yaml");
    let config = configuration(&mut own).clone();
    // The same members of the same objects may differ.
    let changed = configuration(&mut expected);
    changed["issuers"] = config["issuers"].clone();
    for member in ["resource", "origins", "challenge_scopes"] {
        changed["resources"][0][member] = config["resources"][0][member].clone();
    }
    let tools = &mut changed["resources"][0]["policy"]["tools"];
    tools["simulate-research-query"] = json!({"scopes": ["mcp:write"]});
    tools["get-env"] = json!({"scopes": ["mcp:admin"], "fresh": "0s"});
    let address = |host: &str, port: u16| json!({"socket_address": {"address": host, "port_value": port}});
    expected["static_resources"]["listeners"][0]["address"] = address("0.0.0.0", 10000);
    let clusters = expected["static_resources"]["clusters"].as_array_mut().unwrap();
    for (cluster, host, port) in [(0, "mcp-server", 3001), (1, "keycloak", 8080)] {
        let endpoint = &mut clusters[cluster]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        endpoint["address"] = address(host, port);
    }
    clusters[1].as_object_mut().unwrap().remove("transport_socket");
    assert_eq!(own, expected);
    let ran =
        Place::new("compose").file("envoy.yaml", read("deploy/compose/envoy.yaml")).run("check --strict envoy.yaml");
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn its_files_and_ports_are_those_that_the_services_name() {
    let compose = yaml(COMPOSE);
    let services = compose["services"].as_object().unwrap();
    let mut files = BTreeSet::new();
    for volume in services.values().flat_map(|service| service["volumes"].as_array().cloned().unwrap_or_default()) {
        let (file, _) = volume.as_str().unwrap().split_once(':').unwrap();
        files.insert(file.to_owned());
    }
    // The module is built.
    assert!(files.remove("../../target/wasm32-wasip1/release/toolgate.wasm"), "{files:?}");
    assert!(files.iter().all(|file| at_root("deploy/compose").join(file).is_file()), "{files:?}");
    let bootstrap = yaml("deploy/compose/envoy.yaml");
    let clusters = bootstrap["static_resources"]["clusters"].as_array().unwrap();
    for cluster in clusters {
        let endpoint = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"];
        let host = endpoint["socket_address"]["address"].as_str().unwrap();
        assert!(services.contains_key(host), "{host}");
    }
    assert_eq!(services["mcp-server"].get("ports"), None, "nobody goes round toolgate");
    assert_eq!(services["mcp-server"]["environment"]["PORT"], "3001");
    let published = services.values().flat_map(|service| service["ports"].as_array().cloned().unwrap_or_default());
    for port in published {
        assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{port}: the passwords are known");
    }
    // The server is the demo's.
    let demo: Value = serde_json::from_str(&read("demo/package.json")).unwrap();
    let server = "@modelcontextprotocol/server-everything";
    let version = demo["dependencies"].get(server).or(demo["devDependencies"].get(server)).unwrap();
    assert_eq!(services["mcp-server"]["command"][2], format!("{server}@{}", version.as_str().unwrap()));
}

#[test]
fn its_realm_issues_tokens_for_the_resource_with_the_scopes_of_the_policy() {
    let realm: Value = serde_json::from_str(&read("deploy/compose/mcp-realm.json")).unwrap();
    let mut bootstrap = yaml("deploy/compose/envoy.yaml");
    let config = configuration(&mut bootstrap);
    let (issuer, resource) = (&config["issuers"][0], &config["resources"][0]);
    let base = yaml(COMPOSE)["services"]["keycloak"]["environment"]["KC_HOSTNAME"].take();
    let name = realm["realm"].as_str().unwrap();
    assert_eq!(issuer["issuer"], format!("{}/realms/{name}", base.as_str().unwrap()));
    let mut policy = BTreeSet::new();
    collect_scopes(resource, &mut policy);
    let mut offered = BTreeSet::new();
    for scope in realm["clientScopes"].as_array().unwrap() {
        let name = scope["name"].as_str().unwrap();
        let audience = scope["protocolMappers"].as_array().unwrap().iter().find(|own| own["name"] == "audience");
        if name.starts_with("mcp:") {
            assert_eq!(audience.unwrap()["config"]["included.custom.audience"], resource["resource"], "{name}");
            offered.insert(name.to_owned());
        }
    }
    assert_eq!(policy, offered);
    let asks = realm["clients"].as_array().unwrap().iter().find(|client| client["clientId"] == resource["resource"]);
    let introspection = &issuer["introspection"];
    assert_eq!(
        (&asks.unwrap()["clientId"], &asks.unwrap()["secret"]),
        (&introspection["client_id"], &introspection["client_secret"])
    );
    let optional = realm["defaultOptionalClientScopes"].as_array().unwrap().iter();
    assert_eq!(optional.map(|name| name.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), offered);
}

/// Every scope that a resource names.
fn collect_scopes(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("mcp:") => _ = found.insert(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_scopes(item, found)),
        Value::Object(members) => members.values().for_each(|own| collect_scopes(own, found)),
        _ => {}
    }
}

#[test]
fn compose_reads_it() {
    let Ok(compose) = std::env::var("TOOLGATE_COMPOSE") else {
        eprintln!("SKIPPED: TOOLGATE_COMPOSE names no loader of compose files; make manifests builds one");
        return;
    };
    let output = Command::new(compose).arg(at_root(COMPOSE)).current_dir(at_root("deploy/compose")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("mcp-server:"), "{text}");
}
