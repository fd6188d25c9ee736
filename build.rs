//! The commit of the sources, for `src/version.rs`: `TOOLGATE_COMMIT` as the Makefile sets it.

fn main() {
    println!("cargo::rerun-if-env-changed=TOOLGATE_COMMIT");
    let commit = std::env::var("TOOLGATE_COMMIT").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo::rustc-env=TOOLGATE_COMMIT={commit}");
}
