//! The module that `make build` left, from outside.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::at_root;
use crate::support::bootstrap::module_bytes;
use serde_json::{Value, json};
use toolgate::version;
use wasmi::{Engine, Module};

/// The text of every file in a folder and in the folders inside it.
fn sources(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![fs::read_to_string(&path).unwrap()] })
        .collect()
}

/// A host does not call what is not exported, and says nothing about it.
#[test]
fn every_callback_of_the_filter_is_exported() {
    let callbacks: BTreeSet<String> = sources(&at_root("hosts/wasm/src"))
        .iter()
        .flat_map(|source| {
            let names = source.lines().filter_map(|line| line.trim().strip_prefix("fn on_")?.split_once("(&mut self"));
            names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert!(callbacks.len() > 8, "{callbacks:?}");
    let module = Module::new(&Engine::default(), module_bytes()).expect("a module");
    let exports: BTreeSet<_> = module.exports().map(|export| export.name().to_owned()).collect();
    for callback in callbacks {
        // The SDK's names tell which protocol a callback is of, the host's do not; answers to calls are as they are.
        let of_stream = callback.strip_prefix("http_").filter(|name| *name != "call_response");
        let export = format!("proxy_on_{}", of_stream.unwrap_or(&callback));
        assert!(exports.contains(&export), "{export} of {exports:?}");
    }
}

#[test]
fn the_custom_section_tells_version_commit_and_abi() {
    let module = Module::new(&Engine::default(), module_bytes()).expect("a module");
    let own: Vec<_> = module.custom_sections().filter(|section| section.name() == version::SECTION).collect();
    let [section] = own.as_slice() else { panic!("{} sections", own.len()) };
    let told: Value = serde_json::from_slice(section.data()).expect("JSON");
    assert_eq!((&told["version"], &told["abi"]), (&json!(version::VERSION), &json!(version::ABI)));
    // That of the module: these tests are built without one.
    assert!(told["commit"].as_str().is_some_and(|commit| commit.len() >= 7), "{told}");
}
