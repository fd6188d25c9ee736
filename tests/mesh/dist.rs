//! The packages of `make dist`: the same bytes that a release has.

use std::fs;
use std::path::PathBuf;

use crate::support::at_root;

/// The folder.
pub fn folder() -> PathBuf {
    at_root("dist")
}

/// The module.
pub fn module() -> Vec<u8> {
    fs::read(folder().join("toolgate.wasm")).expect("a module: run `make mesh`")
}

/// The digest of the image in this layout, as `OCI_DIGESTS` tells it.
pub fn digest(layout: &str) -> String {
    first_word("OCI_DIGESTS", layout)
}

/// The SHA-256 of the module, as `SHA256SUMS` tells it.
pub fn sum_of_module() -> String {
    first_word("SHA256SUMS", "toolgate.wasm")
}

fn first_word(list: &str, file: &str) -> String {
    let text = fs::read_to_string(folder().join(list)).expect("what `make dist` makes: run `make mesh`");
    let line = text.lines().find_map(|line| line.strip_suffix(file)?.strip_suffix("  "));
    line.unwrap_or_else(|| panic!("{list} names no {file}")).to_owned()
}
