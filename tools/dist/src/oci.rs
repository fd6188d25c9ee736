//! OCI image layouts that hold a module, in the two forms that loaders of proxy-wasm modules read.
//!
//! See the OCI image specification 1.1 and the "Wasm Image Specification" of Solo.io, variants `compat` and `oci`.

use std::path::Path;

use serde_json::{Value, json};

use crate::archive::{Entry, gzip, tar};
use crate::sums::sha256;
use crate::{Result, write};

/// The form of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An ordinary image, whose last layer is an archive with `plugin.wasm`.
    Compat,
    /// A Wasm artifact: exactly two layers, which are its configuration and the module.
    Artifact,
}

impl Form {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Compat, Self::Artifact];

    /// The name, which is that of the folder and of the tag.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Artifact => "artifact",
        }
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const WASM_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
const WASM_CONTENT: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// Writes the layout into a folder, and returns the digest of its manifest.
pub fn write_layout(folder: &Path, form: Form, module: &[u8], annotations: &Value) -> Result<String> {
    let blob = |bytes: &[u8], media_type: &str| -> Result<Value> {
        let digest = sha256(bytes);
        write(&folder.join("blobs/sha256").join(&digest), bytes)?;
        Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()}))
    };
    let config = |diff_ids: &[String]| {
        let config = json!({
            "architecture": "wasm",
            "os": "wasip1",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        blob(config.to_string().as_bytes(), CONFIG)
    };
    let (config, layers) = match form {
        Form::Compat => {
            let plugin = Entry { path: "plugin.wasm".to_owned(), bytes: module.to_vec(), is_executable: false };
            let archive = tar(vec![plugin])?;
            (config(&[format!("sha256:{}", sha256(&archive))])?, vec![blob(&gzip(&archive)?, LAYER)?])
        }
        Form::Artifact => {
            let about = json!({"type": "envoy_proxy", "abiVersions": ["v0-2-1"], "config": {"rootIds": ["toolgate"]}});
            let about = blob(about.to_string().as_bytes(), WASM_CONFIG)?;
            (config(&[])?, vec![about, blob(module, WASM_CONTENT)?])
        }
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": layers,
        "annotations": annotations,
    });
    let mut manifest = blob(manifest.to_string().as_bytes(), MANIFEST)?;
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": form.name()});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    write(&folder.join("index.json"), index.to_string().as_bytes())?;
    write(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(digest)
}
