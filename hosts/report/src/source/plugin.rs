//! Finds the plugin's configuration inside a proxy's configuration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use toolgate::config::Fault as Warning;

use super::envoy::{Envoy, Filter, Host, remarks};
use super::kubernetes::Object;
use super::{Found, Remark, Spot, Value, json, other_jwt, surroundings};

/// A file, a line in it, and a message.
type Fault = (usize, usize, String);

/// The plugin configurations in `documents`; never empty.
pub fn find(documents: &[Spot]) -> Result<Vec<Found>, Fault> {
    let envoy = Envoy::of(documents);
    let objects: Vec<_> = documents.iter().filter_map(Object::of).collect();
    let mut candidates = Vec::new();
    for document in documents {
        if is_bare(document) {
            candidates.push(Found::of("the file", document.clone()));
            continue;
        }
        let mut found = Vec::new();
        search(document, &envoy, &mut found)?;
        if let Some(owner) = Object::of(document) {
            for one in &mut found {
                if !one.place.starts_with(owner.kind) {
                    one.place = format!("{owner}, {}", one.place);
                }
                one.warnings.extend(surroundings::warnings(&owner, &objects, &one.root));
                one.warnings.extend(other_jwt::warnings(&owner, &objects, &one.root));
            }
        }
        // A dump has what is static twice: as it was given, and as it runs.
        if document.member("configs").is_some() {
            let all: Vec<_> = found.iter().map(|one| one.root.to_json()).collect();
            let mut places = 0..;
            found.retain(|_| places.next().is_some_and(|n| !all.iter().skip(n + 1).any(|own| Some(own) == all.get(n))));
        }
        candidates.append(&mut found);
    }
    // Other Wasm plugins have configurations too. Ours has at least one of these members.
    if candidates.iter().any(|found| looks_ours(&found.root)) {
        candidates.retain(|found| looks_ours(&found.root));
    }
    if candidates.is_empty() {
        // An incomplete configuration: the core reports what is missing.
        let carries = ["apiVersion", "static_resources", "dynamic_resources", "configs"];
        let is_own = |document: &&Spot| {
            carries.iter().all(|name| document.member(name).is_none())
                && !document.member("resources").is_some_and(has_types)
        };
        match documents.iter().find(is_own) {
            Some(document) => candidates.push(Found::of("the file", document.clone())),
            None => return Err((0, 1, "it contains no configuration of a plugin".to_owned())),
        }
    }
    Ok(candidates)
}

impl Found {
    fn of(place: &str, root: Spot) -> Self {
        Self { place: place.to_owned(), root, warnings: Vec::new() }
    }

    /// Warns if `hold_request_headers` differs from the plugin's `allow_on_headers_stop_iteration`, and if a failure of
    /// the plugin lets requests through.
    fn in_plugin(mut self, plugin: &Spot) -> Self {
        let holds = self.root.member("hold_request_headers").is_some_and(|own| own.value == Value::Bool(true));
        let message = match (holds, flag(plugin)) {
            (true, false) => Some(
                "is true, but the plugin's `allow_on_headers_stop_iteration` is not: requests will wait, and get 500",
            ),
            (false, true) => Some(
                "is not true, but the plugin's `allow_on_headers_stop_iteration` is: headers go ahead all the same",
            ),
            _ => None,
        };
        let warning = |message: &str| Warning { path: "hold_request_headers".to_owned(), message: message.to_owned() };
        self.warnings.extend(message.map(|message| Remark::inside(&self.root, warning(message))));
        self
    }

    /// Adds what is judged around the filter, if this is toolgate's.
    fn judged(mut self, envoy: &Envoy<'_>, host: Host, plugin: &Spot, filter: &Spot) -> Self {
        if looks_ours(&self.root) {
            let filter = Filter { envoy, host, plugin, root: &self.root, chain: envoy.chain(filter) };
            let remarks = remarks(&filter);
            self.warnings.extend(remarks);
        }
        self
    }

    /// Warns if a failure of the plugin lets requests through.
    fn must_not_fail_open(&mut self, setting: Option<&Spot>, path: &str, remedy: &str) {
        if let Some(own) = setting.filter(|own| own.text() == Some("FAIL_OPEN") || own.value == Value::Bool(true)) {
            let message = format!("lets every request through where the plugin fails: set it to {remedy}");
            self.warnings.push(Remark {
                file: own.file,
                line: own.line,
                fault: Warning { path: path.to_owned(), message },
            });
        }
    }
}

/// `allow_on_headers_stop_iteration`, as a boolean or a wrapped boolean.
fn flag(plugin: &Spot) -> bool {
    plugin.field("allow_on_headers_stop_iteration").is_some_and(Spot::is_true)
}

fn looks_ours(root: &Spot) -> bool {
    root.member("issuers").is_some() || root.member("resources").is_some_and(|own| !has_types(own))
}

/// Whether these are Envoy's resources, as a file of listeners, routes or clusters holds them.
fn has_types(resources: &Spot) -> bool {
    resources.items().iter().any(|own| own.member("@type").is_some())
}

/// Whether a document is the configuration itself. A bootstrap has `static_resources`, a Kubernetes object `kind`.
fn is_bare(document: &Spot) -> bool {
    looks_ours(document) && document.member("kind").is_none() && document.field("vm_config").is_none()
}

fn search(spot: &Spot, envoy: &Envoy<'_>, found: &mut Vec<Found>) -> Result<(), Fault> {
    if let Some(object) = Object::of(spot) {
        let own: Option<Vec<_>> = match object.kind {
            "WasmPlugin" => Some(of_istio(&object, "spec").into_iter().collect()),
            "TrafficExtension" => Some(of_istio(&object, "spec.wasm").into_iter().collect()),
            "EnvoyExtensionPolicy" => Some(of_envoy_gateway(&object)),
            _ => None,
        };
        if let Some(own) = own {
            found.extend(own);
            return Ok(());
        }
    }
    match &spot.value {
        Value::List(items) => items.iter().try_for_each(|item| search(item, envoy, found)),
        Value::Object(members) => {
            if let (Some(_), Some(configuration)) = (spot.field("vm_config"), spot.field("configuration")) {
                let name = spot.name().unwrap_or("plugin");
                let one = Found::of(&format!("`{name}`, configuration"), unpacked(configuration)?);
                found.push(one.in_plugin(spot).judged(envoy, Host::Wasm, spot, spot));
                return Ok(());
            }
            if let (Some(module), Some(configuration)) =
                (spot.field("dynamic_module_config"), spot.field("filter_config"))
            {
                let name = spot.field("filter_name").and_then(Spot::text).unwrap_or("filter");
                let one = Found::of(&format!("`{name}`, filter_config"), unpacked(configuration)?);
                found.push(one.judged(envoy, Host::Native, module, spot));
                return Ok(());
            }
            members.iter().try_for_each(|member| search(&member.value, envoy, found))
        }
        _ => Ok(()),
    }
}

/// The plugin of an object of Istio's, at a path.
fn of_istio(object: &Object<'_>, path: &str) -> Option<Found> {
    let plugin = object.at(path)?;
    let mut found = Found::of(&format!("{object}, {path}.pluginConfig"), plugin.member("pluginConfig")?.clone());
    let setting = format!("{object}, {path}.failStrategy");
    found.must_not_fail_open(plugin.member("failStrategy"), &setting, "FAIL_RELOAD");
    Some(found)
}

/// The plugins of an EnvoyExtensionPolicy, Wasm and native ones.
fn of_envoy_gateway(object: &Object<'_>) -> Vec<Found> {
    let native = |(n, module): (usize, &Spot)| {
        Some(Found::of(&format!("{object}, spec.dynamicModule[{n}].config"), module.member("config")?.clone()))
    };
    let native = object.items("spec.dynamicModule").iter().enumerate().filter_map(native);
    let one = |(n, plugin): (usize, &Spot)| {
        let mut found = Found::of(&format!("{object}, spec.wasm[{n}].config"), plugin.member("config")?.clone());
        let setting = format!("{object}, spec.wasm[{n}].failOpen");
        found.must_not_fail_open(plugin.member("failOpen"), &setting, "false");
        Some(found)
    };
    object.items("spec.wasm").iter().enumerate().filter_map(one).chain(native).collect()
}

/// The content of a `google.protobuf.Any`: a Struct in YAML, or a string of JSON.
fn unpacked(configuration: &Spot) -> Result<Spot, Fault> {
    let kind = configuration.member("@type").and_then(Spot::text).unwrap_or_default();
    let Some(value) = configuration.member("value") else {
        // Without a type it is the value itself, as in Istio's plugin configurations.
        return Ok(configuration.clone());
    };
    let Value::Text(text) = &value.value else { return Ok(value.clone()) };
    let first_line = if text.line_by_line { text.first_line } else { value.line };
    let content = if kind.ends_with("BytesValue") {
        let bytes = STANDARD.decode(text.text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        bytes.ok_or_else(|| (value.file, value.line, "not base64 of JSON text".to_owned()))?
    } else {
        text.text.clone()
    };
    let mut root = json::parse(&content, first_line).map_err(|(line, message)| (value.file, line, message))?;
    root.set_file(value.file);
    if !text.line_by_line {
        all_on(&mut root, value.line);
    }
    Ok(root)
}

/// Sets all lines to that of a single-line string that contains JSON.
fn all_on(spot: &mut Spot, line: usize) {
    spot.line = line;
    match &mut spot.value {
        Value::List(items) => items.iter_mut().for_each(|item| all_on(item, line)),
        Value::Object(members) => members.iter_mut().for_each(|member| {
            member.line = line;
            all_on(&mut member.value, line);
        }),
        _ => {}
    }
}
