//! The files in `deploy/` with an overlay of the test's own: its settings are those of `deploy/*/overlay` but for the image,
//! and its policy is the one there, unless a check changes them. No manifest is written twice.

use serde_json::{Value, json};

use crate::dist;
use crate::kubernetes::built;
use crate::support::at_root;
use crate::support::process::Scratch;
use crate::world::run;

/// Settings, a policy, and the components that are chosen.
#[derive(Clone)]
pub struct Overlay {
    platform: &'static str,
    components: &'static [&'static str],
    namespace: &'static str,
    /// The document in `toolgate.yaml`.
    pub settings: Value,
    /// The policy in `policy.yaml`.
    pub policy: Value,
}

impl Overlay {
    pub fn new(platform: &'static str, components: &'static [&'static str]) -> Self {
        let document = |name| {
            let path = at_root(&format!("deploy/{platform}/overlay/{name}"));
            let text = std::fs::read_to_string(&path).expect("a file of the project");
            serde_norway::from_str::<Value>(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
        };
        let policy = document("policy.yaml")["policy"].take();
        Self { platform, components, namespace: "mcp", settings: document("toolgate.yaml"), policy }
    }

    /// In the namespace of a gateway that was there before.
    pub fn in_namespace(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    pub fn is_istio(&self) -> bool {
        self.platform == "istio"
    }

    /// With the module from the image that `make dist` made in this form.
    pub fn image(mut self, form: &str) -> Self {
        let image = format!("registry.example.com/toolgate@{}", dist::digest(&format!("oci-{form}")));
        match self.platform {
            "istio" => self.settings["module"]["url"] = json!(format!("oci://{image}")),
            _ => self.settings["module"]["image"] = json!(image),
        }
        self
    }

    /// With the module from a web server.
    pub fn web(mut self) -> Self {
        let sha256 = dist::sum_of_module();
        self.settings["module"] = json!({"url": "https://example.com/toolgate.wasm", "sha256": sha256});
        self
    }

    /// With keys from another path of the issuer, which toolgate does not have yet.
    pub fn other_keys(mut self, path: &str) -> Self {
        self.settings["config"]["issuers"][0]["jwks"]["uri"] = json!(format!("https://auth.example.com/{path}"));
        self
    }

    /// With `get-env` for who has this scope.
    pub fn get_env_needs(mut self, scope: &str) -> Self {
        self.policy["tools"]["get-env"]["scopes"] = json!([scope]);
        self
    }

    /// With a configuration that toolgate refuses: the policy has a misspelt field.
    pub fn misspelt(mut self) -> Self {
        self.policy["tools"]["echo"] = json!({"scope": []});
        self
    }

    /// The objects, as kustomize builds them.
    pub fn build(&self) -> String {
        let folder = Scratch::new();
        // kustomize takes no absolute path.
        let up = "../".repeat(std::path::Path::new(&folder.path("")).components().count() - 1);
        let deploy = format!("{up}{}", at_root("deploy").join(self.platform).to_string_lossy().trim_start_matches('/'));
        let components = self.components.iter().map(|name| format!("{deploy}/components/{name}"));
        let kustomization = json!({
            "resources": [format!("{deploy}/base"), "toolgate.yaml", "policy.yaml"],
            "components": components.collect::<Vec<_>>(),
            "namespace": self.namespace,
        });
        let policy = json!({
            "apiVersion": "toolgate/v1",
            "kind": "Policy",
            "metadata": {"name": "toolgate", "annotations": {"config.kubernetes.io/local-config": "true"}},
            "policy": self.policy,
        });
        folder.write("kustomization.yaml", &kustomization.to_string());
        folder.write("toolgate.yaml", &self.settings.to_string());
        folder.write("policy.yaml", &policy.to_string());
        let objects = run(&built("bin/kubectl"), &["kustomize", &folder.path("")]);
        let _ = std::fs::remove_dir_all(folder.path(""));
        objects
    }
}
