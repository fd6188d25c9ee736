//! Istio: a real istiod, and a real pilot-agent with Envoy as its proxy, as in the pod of a gateway or of a server.

use std::net::SocketAddr;

use serde_json::json;

use crate::kubernetes::{Kubernetes, built};
use crate::proxy;
use crate::support::process::{Process, Scratch};
use crate::support::raw::Raw;
use crate::world::{GATEWAY, SERVER_PORT, SIDECAR, within};

/// Starts istiod and waits until it is ready.
pub fn control_plane(kubernetes: &Kubernetes) -> Process {
    let scratch = Scratch::new();
    let mesh = json!({
        "enablePrometheusMerge": false,
        // Istio's own filter for metrics is in its own build of Envoy only, and there are no workload certificates.
        "defaultProviders": {"metrics": []},
        "enableAutoMtls": false,
        "defaultConfig": {"discoveryAddress": "127.0.0.1:15010"},
    });
    let mesh = scratch.write("mesh.yaml", &mesh.to_string());
    #[rustfmt::skip]
    let command = [
        &*built("bin/pilot-discovery"), "discovery", "--kubeconfig", &kubernetes.kubeconfig, "--registries", "Kubernetes",
        "--meshConfig", &mesh, "--grpcAddr", "127.0.0.1:15010", "--secureGRPCAddr", "", "--httpsAddr", "",
        "--httpAddr", "127.0.0.1:18080", "--monitoringAddr", "127.0.0.1:15014", "--ctrlz_port", "0",
    ];
    let environment = [
        ("POD_NAME", "istiod"),
        ("POD_NAMESPACE", "istio-system"),
        ("ENABLE_CA_SERVER", "false"),
        // These filters are in Istio's own build of Envoy only.
        ("PILOT_ENABLE_ALPN_FILTER", "false"),
        ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
        // Without nodes a Deployment makes no pod: the test starts the gateway itself.
        ("PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER", "false"),
    ];
    let process = Process::start(scratch, &command, &owned(&environment));
    within(60, "istiod", || is_ready("127.0.0.1:18080", "/ready").then_some(()));
    process
}

/// A proxy with its agent; dropping it ends both.
pub struct Proxy {
    process: Option<Process>,
    place: Place,
    log_levels: String,
}

/// Whose proxy it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Gateway,
    Sidecar,
}

impl Proxy {
    /// Starts the proxy of this place. `log_levels` are those that the gateway's annotation asks for.
    pub fn start(place: Place, log_levels: &str) -> Self {
        Self { process: Some(agent(place, log_levels)), place, log_levels: log_levels.to_owned() }
    }

    fn stop(&mut self) {
        let Some(process) = self.process.take() else { return };
        let envoy = envoy_of(process.pid());
        drop(process);
        // The agent was killed, and could not end its Envoy.
        if let Some(pid) = envoy {
            let _ = crate::world::try_run("kill", &["-KILL", &pid.to_string()]);
        }
        within(20, "the end of the proxy", || Raw::try_connect(address("127.0.0.1:15000")).is_err().then_some(()));
    }
}

impl proxy::Proxy for Proxy {
    /// Without the modules that it had fetched.
    fn restart(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all("/var/lib/istio/data");
        std::fs::create_dir_all("/var/lib/istio/data").expect("a namespace with folders of its own: run `make mesh`");
        self.process = Some(agent(self.place, &self.log_levels));
    }

    fn log(&self) -> String {
        self.process.as_ref().map(|process| process.log() + &process.output()).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        is_ready("127.0.0.1:15021", "/healthz/ready")
    }

    fn address(&self) -> SocketAddr {
        match self.place {
            Place::Gateway => address(&format!("{GATEWAY}:80")),
            Place::Sidecar => address(&format!("{SIDECAR}:3000")),
        }
    }

    fn status(&self) -> String {
        "no status".to_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes the pod of an MCP server with a sidecar, which listens itself: nothing redirects connections to it here. Nor are there
/// certificates for workloads.
pub fn sidecar(kubernetes: &Kubernetes) {
    let labels = json!({"app": "mcp-server"});
    kubernetes.service("mcp-sidecar", &labels, SIDECAR, (3000, 3000), "10.98.0.70");
    let metadata = json!({"name": "mcp-sidecar", "namespace": "mcp"});
    let listener = json!({
        "port": {"number": 3000, "protocol": "HTTP", "name": "http"},
        "bind": SIDECAR,
        "captureMode": "NONE",
        "defaultEndpoint": format!("127.0.0.1:{SERVER_PORT}"),
    });
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Sidecar",
            "metadata": metadata,
            "spec": {"workloadSelector": {"labels": labels}, "ingress": [listener], "egress": [{"hosts": ["./*"]}]},
        },
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": metadata,
            "spec": {"mtls": {"mode": "DISABLE"}},
        },
    ]});
    kubernetes.apply(&objects.to_string());
}

fn agent(place: Place, log_levels: &str) -> Process {
    let scratch = Scratch::new();
    let configuration = json!({
        "binaryPath": std::env::var("ENVOY_BIN").expect("ENVOY_BIN"),
        "proxyBootstrapTemplatePath": built("envoy_bootstrap.json"),
        "configPath": scratch.path("proxy"),
        "discoveryAddress": "127.0.0.1:15010",
        "controlPlaneAuthPolicy": "NONE",
        "statusPort": 15020,
        "concurrency": 2,
    });
    let (role, name, address, labels) = match place {
        Place::Gateway => ("router", "mcp-istio-1", GATEWAY, json!({"gateway.networking.k8s.io/gateway-name": "mcp"})),
        Place::Sidecar => ("sidecar", "mcp-sidecar-1", SIDECAR, json!({"app": "mcp-server"})),
    };
    let (configuration, labels) = (configuration.to_string(), labels.to_string());
    let environment = [
        ("PROXY_CONFIG", &*configuration),
        ("POD_NAME", name),
        ("POD_NAMESPACE", "mcp"),
        ("INSTANCE_IP", address),
        ("SERVICE_ACCOUNT", "default"),
        ("ISTIO_META_CLUSTER_ID", "Kubernetes"),
        ("ISTIO_META_WORKLOAD_NAME", name),
        ("ISTIO_METAJSON_LABELS", &*labels),
        // Nothing redirects a pod's connections here: the listeners are on the pod's address.
        ("ISTIO_META_INTERCEPTION_MODE", "NONE"),
        ("ISTIO_META_DNS_CAPTURE", "false"),
        ("CA_PROVIDER", "Citadel"),
        ("JWT_POLICY", "none"),
        ("FILE_MOUNTED_CERTS", "true"),
    ];
    #[rustfmt::skip]
    let command = [
        &*built("bin/pilot-agent"), "proxy", role, "--domain", "mcp.svc.cluster.local",
        "--proxyLogLevel", "warning", "--proxyComponentLogLevel", log_levels,
        "--log_output_level", "default:info,wasm:debug",
    ];
    // Its folder must be one that it may write to.
    let folder = scratch.path("");
    let command = [&["env", "--chdir", &folder][..], &command].concat();
    Process::start(scratch, &command, &owned(&environment))
}

/// The Envoy under an agent, which any thread of it may have started.
fn envoy_of(agent: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{agent}/task")).ok()?;
    let children =
        |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    let children = threads.flatten().map(children).collect::<Vec<_>>().join(" ");
    let is_envoy =
        |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "envoy");
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_envoy)
}

fn is_ready(at: &str, path: &str) -> bool {
    let request = crate::support::client::Request::get(path).bytes();
    let asked = Raw::try_connect(address(at)).and_then(|mut connection| connection.send(request).try_response());
    asked.is_ok_and(|response| response.status == 200)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn owned(environment: &[(&str, &str)]) -> Vec<(String, String)> {
    environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
