//! A Kubernetes API without a cluster: etcd and kube-apiserver. The objects that nodes and controllers would make are
//! written by hand.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::at_root;
use crate::support::process::{Process, Scratch};
use crate::world::{try_run, within};

/// A program that `tools/mesh/build.sh` built, or a file beside them.
pub fn built(path: &str) -> String {
    cache().join(path).to_string_lossy().into_owned()
}

/// The folder of all of them.
pub fn cache() -> PathBuf {
    at_root(".cache/mesh")
}

/// The running API.
pub struct Kubernetes {
    files: Scratch,
    /// For the programs that speak to it.
    pub kubeconfig: String,
    _processes: [Process; 2],
}

impl Kubernetes {
    /// Starts it and waits until it serves with the kinds of both control planes.
    pub fn start() -> Self {
        let files = Scratch::new();
        let token = "for-a-namespace-that-ends-with-the-test";
        let tokens = files.write("tokens.csv", &format!("{token},admin,admin,system:masters\n"));
        let cluster = json!({"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": true});
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "mesh", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "mesh", "context": {"cluster": "mesh", "user": "admin"}}],
            "current-context": "mesh",
        });
        let kubeconfig = files.write("kubeconfig", &kubeconfig.to_string());
        let processes = [etcd(), api_server(&tokens)];
        let kubernetes = Self { files, kubeconfig, _processes: processes };
        within(180, "the Kubernetes API", || kubernetes.try_kubectl(&["get", "--raw", "/readyz"]).ok());
        kubernetes.define();
        kubernetes
    }

    fn define(&self) {
        for kinds in ["gateway-api", "istio", "envoy-gateway"] {
            self.kubectl(&["apply", "--server-side", "-f", &built(&format!("crds/{kinds}.yaml"))]);
        }
        self.kubectl(&["wait", "--for=condition=established", "--timeout=60s", "crd", "--all"]);
        for namespace in ["mcp", "istio-system", "envoy-gateway-system"] {
            self.kubectl(&["create", "namespace", namespace]);
            // As a controller would.
            if namespace != "envoy-gateway-system" {
                self.kubectl(&["create", "serviceaccount", "default", "--namespace", namespace]);
            }
        }
    }

    /// Runs kubectl; what it printed.
    ///
    /// # Panics
    /// Shows what it said if it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|fault| panic!("kubectl {}: {fault}", arguments.join(" ")))
    }

    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let all = [&["--kubeconfig", &self.kubeconfig], arguments].concat();
        try_run(&built("bin/kubectl"), &all)
    }

    /// Creates or updates these objects.
    pub fn apply(&self, manifests: &str) {
        self.kubectl(&["apply", "-f", &self.files.write("objects.yaml", manifests)]);
    }

    /// Changes an object in the namespace `mcp`.
    pub fn patch(&self, kind: &str, name: &str, patch: &Value) {
        self.kubectl(&["patch", kind, name, "--namespace", "mcp", "--type=merge", "--patch", &patch.to_string()]);
    }

    /// Has the API judge these objects, fields it does not know included.
    pub fn judge(&self, manifests: &str) -> Result<String, String> {
        let file = self.files.write("objects.yaml", manifests);
        self.try_kubectl(&["apply", "--dry-run=server", "--validate=strict", "-f", &file])
    }

    /// The object, as JSON.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let found = self.try_kubectl(&["get", kind, name, "--namespace", namespace, "--output=json"]).ok()?;
        serde_json::from_str(&found).ok()
    }

    /// Deletes all objects of these kinds in the namespace `mcp`.
    pub fn delete_all(&self, kinds: &str) {
        self.kubectl(&["delete", kinds, "--all", "--namespace", "mcp"]);
    }

    /// Waits until an object (its kind, namespace and name) has this text in it.
    pub fn wait_for(&self, (kind, namespace, name): (&str, &str, &str), text: &str) {
        within(60, text, || self.get(kind, namespace, name)?.to_string().contains(text).then_some(()));
    }

    /// A service with one pod at this address; its port, and the pod's.
    pub fn service(&self, name: &str, labels: &Value, address: &str, (port, target): (u16, u16)) {
        let ports = json!([{"name": "http", "port": port, "targetPort": target, "appProtocol": "http"}]);
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "mcp", "labels": labels},
            "spec": {"selector": labels, "ports": ports},
        });
        self.apply(&service.to_string());
        self.pod("mcp", name, labels, address, &[("http", target)]);
    }

    /// The one pod of a service, which is ready, at this address, with these ports.
    pub fn pod(&self, namespace: &str, service: &str, labels: &Value, address: &str, ports: &[(&str, u16)]) {
        let pod = format!("{service}-1");
        let port = |(name, port): &(&str, u16)| json!({"name": name, "port": port, "protocol": "TCP"});
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": pod, "namespace": namespace, "labels": labels},
                "spec": {"nodeName": "none", "containers": [{"name": "main", "image": "none"}]},
            },
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": pod,
                    "namespace": namespace,
                    "labels": {"kubernetes.io/service-name": service},
                },
                "addressType": "IPv4",
                "endpoints": [{
                    "addresses": [address],
                    "conditions": {"ready": true},
                    "targetRef": {"kind": "Pod", "name": pod, "namespace": namespace},
                }],
                "ports": ports.iter().map(port).collect::<Vec<_>>(),
            },
        ]});
        self.apply(&objects.to_string());
    }
}

fn etcd() -> Process {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    #[rustfmt::skip]
    let command = [
        &*built("bin/etcd"), "--data-dir", &data,
        "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
        "--listen-peer-urls", "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380",
        "--initial-cluster", "default=http://127.0.0.1:2380",
        "--unsafe-no-fsync", "--log-level", "warn",
    ];
    Process::start(scratch, &command, &[])
}

fn api_server(tokens: &str) -> Process {
    let scratch = Scratch::new();
    let key = fs::read_to_string(at_root("tests/keys/rsa_a.pem")).expect("a key");
    let (key, certificates) = (scratch.write("accounts.pem", &key), scratch.path("certificates"));
    #[rustfmt::skip]
    let command = [
        &*built("bin/kube-apiserver"), "--etcd-servers", "http://127.0.0.1:2379", "--cert-dir", &certificates,
        "--bind-address", "127.0.0.1", "--secure-port", "6443",
        "--advertise-address", "10.99.0.1", "--endpoint-reconciler-type", "none",
        "--service-cluster-ip-range", "10.98.0.0/24", "--authorization-mode", "RBAC",
        // No controller makes the accounts and certificates of pods.
        "--disable-admission-plugins", "ServiceAccount", "--token-auth-file", tokens,
        "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", &key,
        "--service-account-signing-key-file", &key, "--profiling=false",
    ];
    Process::start(scratch, &command, &[])
}
