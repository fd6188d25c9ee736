//! The layouts in a real registry: `docker-registry` on loopback, pushed to and pulled from by `skopeo`.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use toolgate_dist::oci::{Form, write_layout};
use toolgate_dist::sums::sha256;
use toolgate_dist::{files, read};

/// Ends with its owner.
struct Registry {
    child: Child,
    port: u16,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = json!({
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": folder.join("registry")}},
            "http": {"addr": format!("127.0.0.1:{port}")},
        });
        std::fs::write(folder.join("registry.yml"), settings.to_string()).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.join("registry.yml")).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self { child: command.spawn().unwrap(), port };
        let listens = || {
            std::thread::sleep(Duration::from_millis(50));
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        };
        assert!((0..300).any(|_| listens()), "the registry does not listen");
        registry
    }

    fn image(&self, reference: &str) -> String {
        format!("docker://127.0.0.1:{}/toolgate{reference}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn skopeo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("skopeo").arg("--insecure-policy").args(arguments).output().unwrap();
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("registry-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_layout_is_pushed_and_pulled_by_its_digest_with_the_same_bytes() {
    if let Some(missing) = ["skopeo", "docker-registry"].into_iter().find(|program| !is_installed(program)) {
        // Past the capture of the test harness.
        let _ = writeln!(std::io::stderr(), "SKIPPED, nothing was pushed: {missing} is not installed");
        return;
    }
    // The packages that `make dist` made, if it did.
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/toolgate.wasm");
    let module = std::fs::read(made).unwrap_or_else(|_| b"\0asm\x01\0\0\0".to_vec());
    let folder = folder();
    let registry = Registry::start(&folder);
    for form in Form::ALL {
        let layout = folder.join(form.name());
        let annotations = json!({"org.opencontainers.image.title": "toolgate"});
        let digest = write_layout(&layout, form, &module, &annotations).unwrap();
        let source = format!("oci:{}:{}", layout.display(), form.name());
        let tag = registry.image(&format!(":{}", form.name()));
        skopeo(&["copy", "--preserve-digests", "--dest-tls-verify=false", &source, &tag]);

        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &tag]);
        assert_eq!(format!("sha256:{}", sha256(&raw)), digest, "{form:?}: the registry's digest is the layout's");
        let manifest: Value = serde_json::from_slice(&raw).unwrap();
        assert_eq!(manifest["layers"].as_array().unwrap().len(), if form == Form::Artifact { 2 } else { 1 });

        let pulled = folder.join(format!("{}-pulled", form.name()));
        let by_digest = registry.image(&format!("@{digest}"));
        let target = format!("oci:{}:{}", pulled.display(), form.name());
        skopeo(&["copy", "--preserve-digests", "--src-tls-verify=false", &by_digest, &target]);
        let blobs = |layout: &Path| {
            let root = layout.join("blobs/sha256");
            let of_one = |file: String| (read(&root.join(&file)).unwrap(), file);
            files(&root).unwrap().into_iter().map(of_one).collect::<Vec<_>>()
        };
        assert!(blobs(&layout) == blobs(&pulled), "{form:?}: other blobs came back");
        assert!(
            form == Form::Compat || blobs(&pulled).iter().any(|(bytes, _)| *bytes == module),
            "the module is a blob"
        );
    }
    drop(registry);
    std::fs::remove_dir_all(folder).unwrap();
}
