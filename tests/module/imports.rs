//! The module that `make build` left, from outside.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wasmi::{Engine, Module};

/// A host does not call what is not exported, and says nothing about it.
#[test]
fn every_callback_of_the_filter_is_exported() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = fs::read_dir(root.join("hosts/wasm/src")).unwrap();
    let sources = sources.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let callbacks: BTreeSet<String> = sources
        .flat_map(|source| {
            let names = source.lines().filter_map(|line| line.trim().strip_prefix("fn on_")?.split_once("(&mut self"));
            names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert!(callbacks.len() > 8, "{callbacks:?}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../wasm32-wasip1/release/toolgate.wasm");
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `make build`", path.display()));
    let module = Module::new(&Engine::default(), bytes).expect("a module");
    let exports: BTreeSet<_> = module.exports().map(|export| export.name().to_owned()).collect();
    for callback in callbacks {
        // The SDK's names tell which protocol a callback is of, the host's do not; answers to calls are as they are.
        let of_stream = callback.strip_prefix("http_").filter(|name| *name != "call_response");
        let export = format!("proxy_on_{}", of_stream.unwrap_or(&callback));
        assert!(exports.contains(&export), "{export} of {exports:?}");
    }
}
