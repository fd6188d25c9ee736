//! Routes, and files that belong together.

use super::{FILTER, assert_rows, read, warnings};
use crate::run::Place;

const ROUTE: &str = "                        - match: {prefix: /}\n";

#[test]
fn each_route_around_the_filter_is_a_warning() {
    let off = "                        - match: {prefix: /}\n                          typed_per_filter_config: {toolgate: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}\n";
    let elsewhere = "                        - match: {prefix: /public}\n                          route: {cluster: other, timeout: 0s}\n                          typed_per_filter_config: {toolgate: {disabled: true}}\n                        - match: {prefix: /}\n";
    let enabled = "                  - disabled: true\n                    name: toolgate\n";
    assert_rows(
        "envoy/envoy.yaml",
        &[
            ("the filter is off", ROUTE, off, &["routes[0], typed_per_filter_config: turns toolgate off"]),
            ("the filter is off elsewhere", ROUTE, elsewhere, &[]),
            (
                "the filter is off everywhere",
                "domains: [\"*\"]",
                "domains: [\"*\"]\n                      typed_per_filter_config: {toolgate: {disabled: true}}",
                &["virtual host `mcp`, typed_per_filter_config"],
            ),
            (
                "calls are repeated",
                "timeout: 0s",
                "timeout: 0s\n                            retry_policy: {retry_on: \"connect-failure,5xx\"}",
                &["`5xx` sends a call again"],
            ),
            (
                "connections are repeated",
                "timeout: 0s",
                "timeout: 0s\n                            retry_policy: {retry_on: \"connect-failure,refused-stream\"}",
                &[],
            ),
            ("exchanges end after 15 s", "timeout: 0s", "priority: DEFAULT", &["route.timeout: is not set"]),
            (
                "a small body",
                ROUTE,
                "                        - per_request_buffer_limit_bytes: 1000\n                          match: {prefix: /}\n",
                &["is no more than `limits.body`"],
            ),
        ],
    );
    let disabled = read("envoy/envoy.yaml").replace(FILTER, enabled);
    let found = warnings(&[("envoy.yaml", &disabled)]);
    assert!(found.len() == 2 && found[0].contains("every request passes"), "{found:#?}");
    assert!(
        found[1].contains("no route turns toolgate on for `/.well-known/oauth-protected-resource/mcp`"),
        "{found:#?}"
    );
    let on = "typed_per_filter_config: {toolgate: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {}}}";
    let partly = disabled.replace(ROUTE, &format!("                        - match: {{prefix: /mcp}}\n                          route: {{cluster: mcp_server, timeout: 0s}}\n                          {on}\n{ROUTE}"));
    let found = warnings(&[("envoy.yaml", &partly)]);
    assert!(found.len() == 1 && found[0].contains("clients do not find the metadata"), "{found:#?}");
}

#[test]
fn a_listener_that_goes_round_the_gate_is_a_warning() {
    let sound = read("envoy/envoy.yaml");
    let other = "  listeners:
    - name: inside
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                http_filters: [{name: router}]
                route_config: {virtual_hosts: [{name: all, routes: [{match: {prefix: /}, route: {cluster: mcp_server}}]}]}
";
    let found = warnings(&[("envoy.yaml", &sound.replacen("  listeners:\n", other, 1))]);
    assert!(
        found.len() == 1 && found[0].contains("listener `inside`: reaches the cluster `mcp_server` without toolgate"),
        "{found:?}"
    );
}

/// The parts of a bootstrap as files of their own, as xDS has them, or as the admin interface prints them.
#[test]
fn files_that_belong_together_are_judged_together() {
    let sound: serde_json::Value = serde_norway::from_str(&read("envoy/envoy.yaml")).unwrap();
    let (listeners, clusters) = (&sound["static_resources"]["listeners"], &sound["static_resources"]["clusters"]);
    let typed = |kind: &str, all: &serde_json::Value| {
        let mut all = all.clone();
        for one in all.as_array_mut().unwrap() {
            one["@type"] = format!("type.googleapis.com/envoy.config.{kind}").into();
        }
        all
    };
    let lds = serde_json::json!({"resources": typed("listener.v3.Listener", listeners)}).to_string();
    let mut bare = typed("cluster.v3.Cluster", clusters);
    let cds = serde_json::json!({ "resources": bare }).to_string();
    let bootstrap =
        serde_json::json!({"dynamic_resources": {}, "stats_config": sound["stats_config"], "static_resources": {}})
            .to_string();
    let files = [("bootstrap.json", bootstrap.as_str()), ("lds.json", &lds), ("cds.json", &cds)];
    assert_eq!(warnings(&files), Vec::<String>::new());
    // A cluster of another file is found, and so is its fault.
    for cluster in bare.as_array_mut().unwrap() {
        cluster.as_object_mut().unwrap().remove("transport_socket");
    }
    let clear = format!("\n\n{}", serde_json::json!({ "resources": bare }));
    let found = warnings(&[("lds.json", &lds), ("cds.json", &clear)]);
    assert!(
        found.len() == 1 && found[0].starts_with("cds.json:3: cluster `auth`, transport_socket: is missing"),
        "{found:?}"
    );
    // One file alone says nothing about the others.
    assert_eq!(warnings(&[("lds.json", &lds)]), Vec::<String>::new());

    let mut started = sound.clone();
    started["static_resources"].as_object_mut().unwrap().remove("clusters");
    let dump = |clusters: &serde_json::Value| {
        let listeners: Vec<_> = listeners
            .as_array()
            .unwrap()
            .iter()
            .map(|own| serde_json::json!({"active_state": {"listener": own}}))
            .collect();
        let clusters: Vec<_> =
            clusters.as_array().unwrap().iter().map(|own| serde_json::json!({ "cluster": own })).collect();
        serde_json::json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": started},
            {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "dynamic_active_clusters": clusters},
            {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": listeners},
        ]})
        .to_string()
    };
    assert_eq!(warnings(&[("dump.json", &dump(clusters))]), Vec::<String>::new());
    // A static listener is in the dump twice.
    let ran = Place::new("dump").file("dump.json", dump(clusters)).run("check --json dump.json");
    assert_eq!(ran.json()["configurations"].as_array().unwrap().len(), 1, "{}", ran.out);
    let found = warnings(&[("dump.json", &dump(&serde_json::json!([clusters[0]])))]);
    assert!(found.len() == 1 && found[0].contains("`auth`: no cluster has this name"), "{found:?}");
}

/// A filter that is delivered apart from its listener (ECDS): in a file of its own, or in a dump.
#[test]
fn a_filter_that_is_delivered_apart_is_judged_where_its_listener_names_it() {
    let sound: serde_json::Value = serde_norway::from_str(&read("envoy/envoy.yaml")).unwrap();
    const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let all = sound.pointer(FILTERS).unwrap().as_array().unwrap();
    let place = all.iter().position(|own| own["name"] == "toolgate").unwrap();
    let discovery = serde_json::json!({"config_source": {"path_config_source": {"path": "ecds.yaml"}}, "type_urls": ["x/wasm.v3.Wasm"]});
    let mut bootstrap = sound.clone();
    bootstrap.pointer_mut(FILTERS).unwrap()[place] =
        serde_json::json!({"name": "toolgate", "config_discovery": discovery});
    let kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    let gate = serde_json::json!({"@type": kind, "name": "toolgate", "typed_config": all[place]["typed_config"]});
    let ecds = serde_json::json!({ "resources": [gate] }).to_string();
    let found = |bootstrap: &serde_json::Value, ecds: &str| {
        warnings(&[("bootstrap.json", &bootstrap.to_string()), ("ecds.json", ecds)])
    };
    assert_eq!(found(&bootstrap, &ecds), Vec::<String>::new());
    // What is around it, where it is named.
    let manager = FILTERS.strip_suffix("/http_filters").unwrap();
    let mut unsafe_paths = bootstrap.clone();
    unsafe_paths.pointer_mut(manager).unwrap()["normalize_path"] = false.into();
    let remarks = found(&unsafe_paths, &ecds);
    assert!(
        remarks.len() == 1 && remarks[0].starts_with("bootstrap.json:1: listener `mcp`, normalize_path"),
        "{remarks:?}"
    );
    // Its own settings, where it is.
    let remarks = found(&bootstrap, &format!("\n{}", ecds.replace("FAIL_RELOAD", "FAIL_OPEN")));
    assert!(
        remarks.len() == 1 && remarks[0].starts_with("ecds.json:2: failure_policy: lets every request"),
        "{remarks:?}"
    );
    let remarks = found(&bootstrap, &ecds.replace("\"cluster\":\"auth\"", "\"cluster\":\"auht\""));
    assert!(remarks.len() == 1 && remarks[0].contains("did you mean `auth`?"), "{remarks:?}");
    // Another filter that is delivered, in a wrong place.
    let mut after = bootstrap.clone();
    let other = serde_json::json!({"name": "zip", "config_discovery": discovery});
    after.pointer_mut(FILTERS).unwrap().as_array_mut().unwrap().insert(place + 1, other);
    let zip =
        serde_json::json!({"@type": kind, "name": "zip", "typed_config": {"@type": "x/compressor.v3.Compressor"}});
    let remarks = found(&after, &serde_json::json!({ "resources": [gate, zip] }).to_string());
    assert!(remarks.len() == 1 && remarks[0].contains("`zip`: compresses lists before"), "{remarks:?}");
    // What is in force until it comes.
    let mut open = bootstrap.clone();
    let default = &mut open.pointer_mut(FILTERS).unwrap()[place]["config_discovery"]["default_config"];
    *default = serde_json::json!({"@type": "x/health_check.v3.HealthCheck"});
    let remarks = found(&open, &ecds);
    assert!(remarks.len() == 1 && remarks[0].contains("default_config: takes toolgate's place"), "{remarks:?}");
    // The same in a dump.
    let dump = serde_json::json!({"configs": [
        {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": unsafe_paths},
        {"@type": "type.googleapis.com/envoy.admin.v3.EcdsConfigDump", "ecds_filters": [{"ecds_filter": gate}]},
    ]});
    let remarks = warnings(&[("dump.json", &dump.to_string())]);
    assert!(remarks.len() == 1 && remarks[0].contains("normalize_path"), "{remarks:?}");
}
