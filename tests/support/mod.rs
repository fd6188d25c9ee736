//! The base of the integration tests: a test issuer, a real Envoy with the
//! real module, a recording server behind it, a provider that fails on
//! command, and well-behaved and broken clients.
//!
//! Everything is blocking and on threads: a test reads from top to bottom.
//! Servers take free ports and Envoy tells its own, so tests run in parallel.
//! Nothing sleeps to wait for another part: [`wait_for`] polls with a deadline.

// Each test binary compiles this module and uses a part of it. A failing
// helper fails the test, so it panics like one, and it reads the real clock.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

pub mod answer;
pub mod bootstrap;
pub mod client;
pub mod core;
pub mod envoy;
pub mod fake;
pub mod forgeries;
pub mod gate;
pub mod http2;
pub mod hydra;
pub mod interpreter;
pub mod keys;
pub mod lenient;
pub mod native;
pub mod oidc;
pub mod process;
pub mod proofs;
pub mod protobuf_struct;
pub mod provider;
pub mod ratelimit;
pub mod raw;
pub mod readers;
pub mod ring_host;
pub mod server;
pub mod session_readers;
pub mod shared_data;
pub mod tls;
pub mod tokens;
pub mod upstream;
pub mod wire;
pub mod world;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file or folder at `path` in the repository, whichever member's test asks.
pub fn at_root(path: &str) -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = member.ancestors().find(|folder| folder.join("Cargo.lock").exists());
    root.expect("the workspace").join(path)
}

/// The files of the corpus, by name: `tests/corpus/<kind>/<name>.json`.
pub fn corpus() -> Vec<PathBuf> {
    let entries =
        |folder: PathBuf| std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path());
    let mut files: Vec<_> = entries(at_root("tests/corpus")).flat_map(entries).collect();
    assert!(files.iter().all(|file| file.extension().is_some_and(|kind| kind == "json")), "{files:?}");
    files.sort_by_key(|file| file.file_name().map(std::ffi::OsStr::to_owned));
    files
}

/// The share of each process in [`deadline`]. It leaves 5 seconds for an answer
/// that a timeout of 10 seconds in the module delays.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long anything may take that should happen at once. Only a test that
/// fails reaches it. Each process that this test binary runs adds its share:
/// they all compete for the cores, and an Envoy compiles the module at its start.
pub fn deadline() -> Duration {
    DEADLINE * (1 + process::running())
}

/// Polls until `attempt` gives a value.
///
/// # Panics
/// Names `what` if that does not happen within [`deadline`].
pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        // Others may start while this waits.
        assert!(start.elapsed() < deadline(), "waited {:?} in vain for {what}", start.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As [`wait_for`], for a condition.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
