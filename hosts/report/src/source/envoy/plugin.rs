//! The settings of the plugin itself.

use super::{Filter, Host, remark};
use crate::source::{Remark, Spot};

/// The fate of requests when the plugin fails.
pub fn failure(filter: &Filter<'_>) -> Vec<Remark> {
    if filter.host == Host::Native {
        return Vec::new();
    }
    let plugin = filter.plugin;
    let open = "lets every request through where the plugin fails: set it to";
    if let Some(own) = plugin.field("fail_open").filter(|own| own.is_true()) {
        return vec![remark(own, "fail_open", format!("{open} false"))];
    }
    match plugin.field("failure_policy") {
        Some(own) if own.text() == Some("FAIL_OPEN") => {
            vec![remark(own, "failure_policy", format!("{open} FAIL_RELOAD"))]
        }
        Some(own) if own.text() == Some("FAIL_RELOAD") => Vec::new(),
        other => {
            let message = "is not FAIL_RELOAD: a worker whose module failed once refuses everything until a restart";
            vec![remark(other.unwrap_or(plugin), "failure_policy", message)]
        }
    }
}

/// Whether another plugin can read and overwrite the keys that workers share.
pub fn shared_data(filter: &Filter<'_>) -> Vec<Remark> {
    if filter.host == Host::Native {
        return Vec::new();
    }
    let id = |plugin: &Spot| plugin.at("vm_config.vm_id").and_then(Spot::text).unwrap_or_default().to_owned();
    let own = id(filter.plugin);
    let at = filter.plugin.at("vm_config.vm_id").unwrap_or(filter.plugin);
    if own.is_empty() {
        let message =
            "is empty: every plugin without one shares data with this one, its keys too. Set it to `toolgate`";
        return vec![remark(at, "vm_config.vm_id", message)];
    }
    let is_other = |plugin: &&&Spot| {
        let holds = |word: &str| plugin.at(word).is_some();
        let is_ours = holds("configuration.value.resources") || holds("configuration.value.issuers");
        let is_text = plugin.at("configuration.value").and_then(Spot::text).is_some();
        !std::ptr::eq(**plugin, filter.plugin) && !is_ours && !is_text && id(plugin) == own
    };
    let other = filter.envoy.plugins.iter().find(is_other);
    let warn = |other: &&Spot| {
        let name = other.name().unwrap_or("another");
        remark(at, "vm_config.vm_id", format!("is that of the plugin `{name}` too, which can replace toolgate's keys"))
    };
    other.map(warn).into_iter().collect()
}

/// Where the module comes from.
pub fn module(filter: &Filter<'_>) -> Vec<Remark> {
    let mut found = Vec::new();
    if filter.host == Host::Native {
        let config = filter.plugin;
        if let Some(remote) = config.at("module.remote") {
            let message = "Envoy lets every request through while it cannot fetch the module: use a local file";
            found.push(remark(remote, "dynamic_module_config.module.remote", message));
        }
        if !config.field("do_not_close").is_some_and(Spot::is_true) {
            let message = "is not true: Envoy may unload the module while its threads run, and crash";
            found.push(remark(config, "dynamic_module_config.do_not_close", message));
        }
        return found;
    }
    let Some(remote) = filter.plugin.at("vm_config.code.remote") else { return found };
    let uri = remote.at("http_uri.uri").and_then(Spot::text).unwrap_or_default();
    if uri.starts_with("http") && remote.field("sha256").and_then(Spot::text).is_none_or(str::is_empty) {
        let message = "is missing: anyone who can impersonate that server decides who gets access";
        found.push(remark(remote, "vm_config.code.remote.sha256", message));
    }
    found
}

/// Whether the plugin gets the variables that its configuration names.
pub fn secrets(filter: &Filter<'_>) -> Vec<Remark> {
    if filter.host == Host::Native {
        return Vec::new();
    }
    let variables = filter.plugin.at("vm_config.environment_variables");
    let keys = variables.map(|own| own.list("host_env_keys")).unwrap_or_default();
    let has = |name: &str| {
        keys.iter().any(|key| key.text() == Some(name))
            || variables.and_then(|own| own.field("key_values")).is_some_and(|own| own.member(name).is_some())
    };
    let mut found = Vec::new();
    filter.root.variables(String::new(), &mut |path, name| {
        if !has(name) {
            let message =
                format!("`{name}` is not in `vm_config.environment_variables` of the plugin, which is refused then");
            found.push(Remark::inside(filter.root, toolgate::config::Fault { path, message }));
        }
    });
    found
}

/// Whether outcomes become labels of metrics.
pub fn metrics(filter: &Filter<'_>) -> Vec<Remark> {
    let is_around = |bootstrap: &&&Spot| filter.chain.is_none() || filter.root.file == bootstrap.file;
    let Some(bootstrap) = filter.envoy.bootstraps.iter().find(is_around) else { return Vec::new() };
    let tags = bootstrap.at("stats_config").map(|own| own.list("stats_tags")).unwrap_or_default();
    let is_ours = |tag: &Spot| tag.field("regex").and_then(Spot::text).is_some_and(|own| own.contains("toolgate"));
    if filter.host == Host::Native || tags.iter().any(is_ours) {
        return Vec::new();
    }
    let message = "has no tags for toolgate: each outcome is a separate metric, but dashboards expect labels. \
                   Copy them from envoy/envoy.yaml";
    vec![remark(bootstrap, "stats_config.stats_tags", message)]
}
