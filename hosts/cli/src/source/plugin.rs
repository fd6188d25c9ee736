//! Finds the plugin's configuration inside a proxy's configuration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use toolgate::config::Fault as Warning;

use super::{Found, Spot, Value, json};

type Fault = (usize, String);

/// The plugin configurations in `documents`; never empty.
pub fn find(documents: Vec<Spot>) -> Result<Vec<Found>, Fault> {
    let mut candidates = Vec::new();
    for document in &documents {
        if is_bare(document) {
            candidates.push(Found::of("the file", document.clone()));
        } else {
            search(document, &mut candidates)?;
        }
    }
    // Other Wasm plugins have configurations too. Ours has at least one of these members.
    if candidates.iter().any(|found| looks_ours(&found.root)) {
        candidates.retain(|found| looks_ours(&found.root));
    }
    if candidates.is_empty() {
        // An incomplete configuration: the core reports what is missing.
        let carries =
            |document: &&Spot| ["apiVersion", "static_resources"].iter().all(|name| document.member(name).is_none());
        match documents.iter().find(carries) {
            Some(document) => candidates.push(Found::of("the file", document.clone())),
            None => return Err((1, "it contains no configuration of a Wasm plugin".to_owned())),
        }
    }
    Ok(candidates)
}

impl Found {
    fn of(place: &str, root: Spot) -> Self {
        Self { place: place.to_owned(), root, warnings: Vec::new() }
    }

    /// Warns if `hold_request_headers` differs from the plugin's `allow_on_headers_stop_iteration`.
    fn flagged(mut self, flag: bool) -> Self {
        let holds = self.root.member("hold_request_headers").is_some_and(|own| own.value == Value::Bool(true));
        let message = match (holds, flag) {
            (true, false) => {
                "is true, but the plugin's `allow_on_headers_stop_iteration` is not: requests will wait, and get 500"
            }
            (false, true) => {
                "is not true, but the plugin's `allow_on_headers_stop_iteration` is: headers go ahead all the same"
            }
            _ => return self,
        };
        self.warnings.push(Warning { path: "hold_request_headers".to_owned(), message: message.to_owned() });
        self
    }
}

/// `allow_on_headers_stop_iteration`, as a boolean or a wrapped boolean.
fn flag(plugin: &Spot) -> bool {
    let names = ["allow_on_headers_stop_iteration", "allowOnHeadersStopIteration"];
    let own = names.into_iter().find_map(|name| plugin.member(name));
    let own = own.map(|own| own.member("value").unwrap_or(own));
    own.is_some_and(|own| own.value == Value::Bool(true))
}

fn looks_ours(root: &Spot) -> bool {
    root.member("issuers").is_some() || root.member("resources").is_some()
}

/// Whether a document is the configuration itself. A bootstrap has `static_resources`, a Kubernetes object `kind`.
fn is_bare(document: &Spot) -> bool {
    looks_ours(document) && document.member("kind").is_none() && document.member("vm_config").is_none()
}

fn search(spot: &Spot, found: &mut Vec<Found>) -> Result<(), Fault> {
    let spec = spot.member("spec");
    match spot.member("kind").and_then(Spot::text) {
        Some("WasmPlugin") => {
            let own = spec.and_then(|spec| spec.member("pluginConfig"));
            found.extend(own.map(|own| Found::of("WasmPlugin, spec.pluginConfig", own.clone()).flagged(false)));
            return Ok(());
        }
        Some("EnvoyExtensionPolicy") => {
            let plugins = spec.and_then(|spec| spec.member("wasm")).map(Spot::items).unwrap_or_default();
            let own = plugins.iter().filter_map(|plugin| plugin.member("config"));
            let place = "EnvoyExtensionPolicy, spec.wasm[].config";
            found.extend(own.map(|own| Found::of(place, own.clone()).flagged(false)));
            return Ok(());
        }
        _ => {}
    }
    match &spot.value {
        Value::List(items) => items.iter().try_for_each(|item| search(item, found)),
        Value::Object(members) => {
            let carries_vm = spot.member("vm_config").is_some() || spot.member("vmConfig").is_some();
            if carries_vm && let Some(configuration) = spot.member("configuration") {
                let name = spot.member("name").and_then(Spot::text).unwrap_or("plugin");
                let one = Found::of(&format!("`{name}`, configuration"), unpacked(configuration)?);
                found.push(one.flagged(flag(spot)));
                return Ok(());
            }
            members.iter().try_for_each(|member| search(&member.value, found))
        }
        _ => Ok(()),
    }
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
        bytes.ok_or_else(|| (value.line, "not base64 of JSON text".to_owned()))?
    } else {
        text.text.clone()
    };
    let mut root = json::parse(&content, first_line)?;
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
