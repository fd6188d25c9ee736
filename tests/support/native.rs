//! The native module in the place of the Wasm module: with `TOOLGATE_HOST=native` every test on a real Envoy is a test of
//! it. A bootstrap is changed when it is written for Envoy, and statistics get the names that the tests know.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const NATIVE: &str = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";

/// The interface, as the start-up line tells it.
pub const ABI: &str = "dynamic modules v0.1.0, v0.2.0";

/// Whether the tests are about the native module.
pub fn is_it() -> bool {
    env::var_os("TOOLGATE_HOST").is_some_and(|host| host == "native")
}

/// The module: `TOOLGATE_NATIVE`, or the one that `make build-native` leaves beside the build of these tests.
pub fn module() -> PathBuf {
    let built = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../native/libtoolgate.so");
    env::var_os("TOOLGATE_NATIVE").map_or_else(built, PathBuf::from)
}

/// The same, with the native module in the place of each Wasm module.
pub fn hosted(mut bootstrap: Value) -> Value {
    if is_it() {
        replace(&mut bootstrap);
        // A test may have a runtime of its own.
        if bootstrap.get("static_resources").is_some() && bootstrap.get("layered_runtime").is_none() {
            let layer = json!({"envoy.reloadable_features.dynamic_modules_strip_custom_stat_prefix": true});
            bootstrap["layered_runtime"] = json!({"layers": [{"name": "static", "static_layer": layer}]});
        }
    }
    bootstrap
}

/// Puts the native filter in the place of each Wasm filter. A module `*.so` stays.
pub fn replace(value: &mut Value) {
    match value {
        Value::Object(object) if object.get("@type").is_some_and(|kind| kind == WASM) => {
            let plugin = &object["config"];
            let named = &plugin["vm_config"]["code"]["local"]["filename"];
            let is_native = named.as_str().is_some_and(|name| name.ends_with(".so"));
            let file = if is_native { named.clone() } else { json!(module()) };
            let mut filter = json!({
                "@type": NATIVE,
                "dynamic_module_config": {"module": {"local": {"filename": file}}, "do_not_close": true},
                "filter_name": plugin["name"],
            });
            if let Some(configuration) = plugin.get("configuration") {
                filter["filter_config"] = configuration.clone();
            }
            *value = filter;
        }
        Value::Object(object) => object.values_mut().for_each(replace),
        Value::Array(items) => items.iter_mut().for_each(replace),
        _ => {}
    }
}

/// The name of a statistic, as it is with the Wasm module. The native one has the outcome as a label, which Envoy writes
/// as `.label.outcome`.
pub fn statistic(name: &str) -> String {
    let Some(rest) = name.strip_prefix("dynamicmodulescustom.") else { return name.to_owned() };
    let labels = ["reason", "event", "outcome", "issuer"];
    let found = labels.iter().find_map(|label| rest.split_once(&format!(".{label}.")));
    let (metric, outcome) = found.unwrap_or((rest, ""));
    format!("wasmcustom.{metric}.{outcome}")
}
