//! Istio: a real istiod, and a real pilot-agent with Envoy as its proxy, as in the pod of a gateway or of a server.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::kubernetes::{Kubernetes, built};
use crate::pod;
use crate::proxy;
use crate::support::process::{Process, Scratch};
use crate::support::raw::Raw;
use crate::world::{GATEWAY, SERVER_PORT, SIDECAR, within};

/// The port of a gateway that ends TLS, behind port 443 of its Service.
pub const TLS_PORT: u16 = 8443;

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
    templates(&scratch);
    let folder = scratch.path("");
    #[rustfmt::skip]
    let command = [
        "env", "--chdir", &folder,
        &*built("bin/pilot-discovery"), "discovery", "--kubeconfig", &kubernetes.kubeconfig, "--registries", "Kubernetes",
        "--meshConfig", &mesh, "--grpcAddr", "127.0.0.1:15010", "--secureGRPCAddr", "", "--httpsAddr", "",
        "--httpAddr", "127.0.0.1:18080", "--monitoringAddr", "127.0.0.1:15014", "--ctrlz_port", "0",
    ];
    let environment = [
        ("POD_NAME", "istiod"),
        ("POD_NAMESPACE", "istio-system"),
        ("ENABLE_CA_SERVER", "false"),
        // Certificates of gateways are for who proves his account, here without TLS.
        ("XDS_AUTH_PLAINTEXT", "true"),
        // These filters are in Istio's own build of Envoy only.
        ("PILOT_ENABLE_ALPN_FILTER", "false"),
        ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
    ];
    let process = Process::start(scratch, &command, &owned(&environment));
    within(60, "istiod", || is_ready("127.0.0.1:18080", "/ready").then_some(()));
    process
}

/// Writes Istio's template for the Deployments of gateways, and its values, as its chart gives them to istiod.
fn templates(scratch: &Scratch) {
    let read = |name: &str| std::fs::read_to_string(built(&format!("istio/{name}"))).expect("a file of Istio");
    let mut values: Value = serde_norway::from_str(&read("values.yaml")).expect("YAML");
    let values = values["_internal_defaults_do_not_set"].take();
    let values = json!({
        "global": values["global"],
        "sidecarInjectorWebhook": values["sidecarInjectorWebhook"],
        "revision": values["revision"],
        "pilot": {"cni": values["cni"], "env": values["env"]},
        "gateways": values["gateways"],
    });
    let configuration = json!({
        "policy": "enabled",
        "defaultTemplates": [],
        "templates": {"kube-gateway": read("kube-gateway.yaml")},
    });
    std::fs::create_dir_all(scratch.path("var/lib/istio/inject")).expect("a folder");
    scratch.write("var/lib/istio/inject/config", &configuration.to_string());
    scratch.write("var/lib/istio/inject/values", &values.to_string());
}

/// A proxy with its agent; dropping it ends both.
pub struct Proxy<'a> {
    kubernetes: &'a Kubernetes,
    process: Option<Process>,
    place: Place,
}

/// Whose proxy it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Of the Gateway `mcp`, with the Deployment that Istio makes for it.
    Gateway,
    /// Of an ingress gateway that was there before.
    Ingress,
    Sidecar,
}

impl<'a> Proxy<'a> {
    /// Starts the proxy of this place.
    pub fn start(kubernetes: &'a Kubernetes, place: Place) -> Self {
        Self { kubernetes, process: Some(agent(kubernetes, place)), place }
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

impl proxy::Proxy for Proxy<'_> {
    /// Without the modules that it had fetched.
    fn restart(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all("/var/lib/istio/data");
        std::fs::create_dir_all("/var/lib/istio/data").expect("a namespace with folders of its own: run `make mesh`");
        self.process = Some(agent(self.kubernetes, self.place));
    }

    fn log(&self) -> String {
        self.process.as_ref().map(|process| process.log() + &process.output()).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        is_ready("127.0.0.1:15021", "/healthz/ready")
    }

    fn address(&self) -> SocketAddr {
        match self.place {
            Place::Gateway | Place::Ingress => address(&format!("{GATEWAY}:80")),
            Place::Sidecar => address(&format!("{SIDECAR}:3000")),
        }
    }

    fn administration(&self) -> SocketAddr {
        address("127.0.0.1:15000")
    }

    /// Istio writes none.
    fn status(&self) -> String {
        let object = self.kubernetes.get("wasmplugin", "mcp", "toolgate").unwrap_or_default();
        assert_eq!(object.get("status"), None);
        "no status".to_owned()
    }

    fn refused_at_start(&self) -> u16 {
        500
    }

    fn without_module(&self) -> u16 {
        403
    }
}

impl Drop for Proxy<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes the ingress gateway that a user has already, with a route to the MCP server.
pub fn ingress_gateway(kubernetes: &Kubernetes) {
    let labels = json!({"istio": "ingressgateway"});
    kubernetes.pod("istio-system", "istio-ingressgateway", &labels, GATEWAY, &[("http", 80)]);
    let metadata = json!({"name": "ingress", "namespace": "istio-system"});
    let hosts = json!(["mcp.example.com"]);
    let destination = json!({"host": "mcp-server.mcp.svc.cluster.local", "port": {"number": 3000}});
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "istio-ingressgateway", "namespace": "istio-system", "labels": labels},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80}]},
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": metadata,
            "spec": {
                "selector": labels,
                "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}],
            },
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata,
            "spec": {
                "hosts": hosts,
                "gateways": ["ingress"],
                "http": [{"route": [{"destination": destination}]}],
            },
        },
    ]});
    kubernetes.apply(&objects.to_string());
}

/// Makes the pod of an MCP server with a sidecar, which listens itself: nothing redirects connections to it here. Nor are there
/// certificates for workloads.
pub fn sidecar(kubernetes: &Kubernetes) {
    let labels = json!({"app": "mcp-server"});
    kubernetes.service("mcp-sidecar", &labels, SIDECAR, (3000, 3000));
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

/// Makes the pod of the Gateway's Service, with the ports of its listeners.
fn gateway_pod(kubernetes: &Kubernetes) {
    let numbers = |list: &Value| {
        let ports = list.as_array().into_iter().flatten().filter_map(|port| port["port"].as_u64());
        ports.map(|port| u16::try_from(port).expect("a port")).collect::<Vec<_>>()
    };
    let gateway = kubernetes.get("gateways.gateway.networking.k8s.io", "mcp", "mcp").expect("the Gateway");
    let wanted = numbers(&gateway["spec"]["listeners"]);
    within(60, "the Gateway's Service", || {
        let service = kubernetes.get("service", "mcp", "mcp-istio")?;
        wanted.iter().all(|port| numbers(&service["spec"]["ports"]).contains(port)).then_some(())
    });
    let target = |port: &u16| ("mcp", if *port == 443 { TLS_PORT } else { *port });
    if wanted.contains(&443) {
        // Other machines of the test listen on 443, which a pod would not see.
        let ports = json!({"spec": {"ports": [{"port": 443, "targetPort": TLS_PORT}]}}).to_string();
        kubernetes.kubectl(&["patch", "service", "mcp-istio", "--namespace", "mcp", "--patch", &ports]);
    }
    let ports: Vec<_> = wanted.iter().map(target).collect();
    let labels = json!({"gateway.networking.k8s.io/gateway-name": "mcp"});
    kubernetes.pod("mcp", "mcp-istio", &labels, GATEWAY, &ports);
}

fn agent(kubernetes: &Kubernetes, place: Place) -> Process {
    let scratch = Scratch::new();
    let (role, namespace, name, account, address, labels) = match place {
        Place::Gateway => {
            let labels = json!({"gateway.networking.k8s.io/gateway-name": "mcp"});
            ("router", "mcp", "mcp-istio-1", "mcp-istio", GATEWAY, labels)
        }
        Place::Ingress => {
            let labels = json!({"istio": "ingressgateway"});
            ("router", "istio-system", "ingress-1", "default", GATEWAY, labels)
        }
        Place::Sidecar => ("sidecar", "mcp", "mcp-sidecar-1", "default", SIDECAR, json!({"app": "mcp-server"})),
    };
    let container = (place == Place::Gateway).then(|| {
        gateway_pod(kubernetes);
        pod::container(kubernetes, &scratch, "mcp", "mcp-istio")
    });
    let configuration = json!({
        "binaryPath": std::env::var("ENVOY_BIN").expect("ENVOY_BIN"),
        "proxyBootstrapTemplatePath": built("istio/envoy_bootstrap.json"),
        "configPath": scratch.path("proxy"),
        "discoveryAddress": "127.0.0.1:15010",
        "controlPlaneAuthPolicy": "NONE",
        "statusPort": 15020,
        "concurrency": 2,
    });
    let domain = format!("{namespace}.svc.cluster.local");
    #[rustfmt::skip]
    let (arguments, mut environment) = container.unwrap_or_else(|| {
        // With the level of the annotation that docs/istio.md tells to set on such pods.
        let arguments = [
            "proxy", role, "--domain", &domain,
            "--proxyLogLevel", "warning", "--proxyComponentLogLevel", "misc:error,wasm:info",
        ];
        (arguments.map(str::to_owned).to_vec(), Vec::new())
    });
    // The files that a pod would have of its node, and the differences here: no certificates of workloads, and nothing that redirects a
    // pod's connections, so that the listeners are on the pod's address.
    environment.extend(owned(&[
        ("PROXY_CONFIG", &configuration.to_string()),
        ("POD_NAME", name),
        ("POD_NAMESPACE", namespace),
        ("INSTANCE_IP", address),
        ("SERVICE_ACCOUNT", account),
        ("ISTIO_META_CLUSTER_ID", "Kubernetes"),
        ("ISTIO_META_WORKLOAD_NAME", name),
        ("ISTIO_METAJSON_LABELS", &labels.to_string()),
        ("ISTIO_META_INTERCEPTION_MODE", "NONE"),
        ("ISTIO_META_DNS_CAPTURE", "false"),
        ("CA_PROVIDER", "Citadel"),
        ("JWT_POLICY", "third-party-jwt"),
        ("FILE_MOUNTED_CERTS", "true"),
    ]));
    // The agent looks for it below its folder, which must also be one that it may write to.
    std::fs::create_dir_all(scratch.path("var/run/secrets/tokens")).expect("a folder");
    let token = ["create", "token", account, "--namespace", namespace, "--audience", "istio-ca"];
    scratch.write("var/run/secrets/tokens/istio-token", kubernetes.kubectl(&token).trim());
    let folder = scratch.path("");
    let agent = built("bin/pilot-agent");
    let command = ["env", "--chdir", &folder, &agent].into_iter().chain(arguments.iter().map(String::as_str));
    let command: Vec<_> = command.collect();
    Process::start(scratch, &command, &environment)
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
