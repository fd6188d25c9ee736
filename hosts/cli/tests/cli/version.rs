//! `toolgate version`: the constants of the program, and the custom section of a module.

use serde_json::{Value, json};
use toolgate::version::{ABI, COMMIT, DESCRIPTION, VERSION};

use crate::run::Place;

/// A module of one custom section.
fn module(name: &str, content: &str) -> Vec<u8> {
    let byte = |length: usize| u8::try_from(length).unwrap();
    let mut module = b"\0asm\x01\0\0\0\0".to_vec();
    let length = 1 + name.len() + content.len();
    assert!(length < 1 << 14, "a length of two bytes");
    module.extend([byte(length & 0x7f) | 0x80, byte(length >> 7), byte(name.len())]);
    module.extend([name.as_bytes(), content.as_bytes()].concat());
    module
}

#[test]
fn the_program_tells_its_version_commit_and_abi() {
    let place = Place::new("version");
    let lines = format!("version  {VERSION}\ncommit   {COMMIT}\nabi      {ABI}\n");
    assert_eq!(place.run("version").well(), lines);
    assert_eq!(place.run("version --json").json(), json!({"version": VERSION, "commit": COMMIT, "abi": ABI}));
    assert_eq!(place.run("--version").well(), format!("toolgate {VERSION} (commit {COMMIT}, {ABI})\n"));
    assert_eq!(serde_json::from_str::<Value>(DESCRIPTION).unwrap(), place.run("version --json").json());
}

#[test]
fn a_module_tells_its_own() {
    let place = Place::new("version-module");
    place.file("old.wasm", module("toolgate", r#"{"version":"0.0.9","commit":"abc-dirty","abi":"proxy-wasm 0.2.1"}"#));
    let lines = "version  0.0.9\ncommit   abc-dirty\nabi      proxy-wasm 0.2.1\n";
    assert_eq!(place.run("version old.wasm").well(), lines);
}

#[test]
fn a_file_that_tells_nothing_is_an_error_that_names_it() {
    let place = Place::new("version-other");
    place.file("other.wasm", module("producers", "")).file("text.wasm", "(module)");
    place.file("broken.wasm", module("toolgate", "{"));
    for (file, fault) in [
        ("other.wasm", "no custom section `toolgate`"),
        ("text.wasm", "not a WebAssembly module"),
        ("broken.wasm", "the section `toolgate`"),
        ("nowhere.wasm", "No such file"),
    ] {
        let ran = place.run(&format!("version {file}"));
        assert_eq!(ran.code, 2, "{file}: {ran:?}");
        assert!(ran.err.contains(file) && ran.err.contains(fault), "{file}: {ran:?}");
    }
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let place = Place::new("manual");
    let first = place.run("man").well();
    let commands: Vec<_> =
        first.lines().filter_map(|line| line.strip_prefix("toolgate\\-")?.strip_suffix("(1)")).collect();
    assert!(commands.contains(&"check") && commands.contains(&"man"), "{commands:?}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        let page = place.run(&format!("man {command}")).well();
        assert!(page.contains(&format!(".TH toolgate-{command} 1")), "{command}: {page}");
    }
    let unknown = place.run("man nothing");
    assert_eq!((unknown.code, unknown.err.contains("no command `nothing`")), (2, true), "{unknown:?}");
}
