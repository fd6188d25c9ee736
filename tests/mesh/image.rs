//! The module as an OCI image, in the two forms that loaders of Wasm read.

use std::fs;

use serde_json::{Value, json};

use crate::support::bootstrap::{module, module_bytes};
use crate::support::keys::sha256;
use crate::support::process::Scratch;
use crate::world::run;

/// Pushes the image in this form; the digest of its manifest.
pub fn push(form: &str) -> String {
    let layout = Scratch::new();
    let digest = write(form, &layout);
    let source = format!("oci:{}:latest", layout.path(""));
    let target = format!("docker://registry.example.com/toolgate:{form}");
    run("skopeo", &["copy", "--quiet", "--insecure-policy", "--preserve-digests", &source, &target]);
    let _ = fs::remove_dir_all(layout.path(""));
    digest
}

fn write(form: &str, layout: &Scratch) -> String {
    fs::create_dir_all(layout.path("blobs/sha256")).expect("a folder");
    let (config, layers) = if form == "compat" { compat(layout) } else { artifact(layout) };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": layers,
    });
    let manifest = blob(layout, "application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
    let digest = manifest["digest"].as_str().expect("a digest").to_owned();
    let mut manifest = manifest;
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    layout.write("index.json", &json!({"schemaVersion": 2, "manifests": [manifest]}).to_string());
    layout.write("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    digest
}

/// An image whose one layer holds `plugin.wasm`.
fn compat(layout: &Scratch) -> (Value, Vec<Value>) {
    let folder = Scratch::new();
    fs::copy(module(), folder.path("plugin.wasm")).expect("the module");
    let (tar, of) = (folder.path("layer.tar"), folder.path(""));
    run(
        "tar",
        &["--create", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-f", &tar, "-C", &of, "plugin.wasm"],
    );
    let plain = hex(&fs::read(&tar).expect("a file"));
    run("gzip", &["--no-name", &tar]);
    let layer = fs::read(format!("{tar}.gz")).expect("a file");
    let _ = fs::remove_dir_all(of);
    let config = json!({"architecture": "wasm", "os": "wasip1", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{plain}")]}});
    let config = blob(layout, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    (config, vec![blob(layout, "application/vnd.oci.image.layer.v1.tar+gzip", &layer)])
}

/// A Wasm artifact, which has exactly two layers.
fn artifact(layout: &Scratch) -> (Value, Vec<Value>) {
    let config = json!({"architecture": "wasm", "os": "wasip1", "config": {},
        "rootfs": {"type": "layers", "diff_ids": []}});
    let kind = json!({"type": "envoy_proxy", "abiVersions": ["v0-2-1"], "config": {"rootIds": ["toolgate"]}});
    let config = blob(layout, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let kind = blob(layout, "application/vnd.module.wasm.config.v1+json", kind.to_string().as_bytes());
    (config, vec![kind, blob(layout, "application/vnd.module.wasm.content.layer.v1+wasm", &module_bytes())])
}

/// Writes a blob; the descriptor that refers to it.
fn blob(layout: &Scratch, media_type: &str, bytes: &[u8]) -> Value {
    let digest = hex(bytes);
    fs::write(layout.path(&format!("blobs/sha256/{digest}")), bytes).expect("a file");
    json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
}

/// The SHA-256 in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
