//! Envoy Gateway on the Kubernetes API, and its Envoy with the arguments and files that the pod of its Deployment would have.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::kubernetes::{Kubernetes, built};
use crate::pod::files_of;
use crate::proxy::{self, try_send};
use crate::support::client::Request;
use crate::support::process::{Process, Scratch};
use crate::support::raw::Raw;
use crate::world::{GATEWAY, within};

/// Where everything of Envoy Gateway's own lives.
const NAMESPACE: &str = "envoy-gateway-system";

/// The port of a gateway that ends TLS: a port below 1024 is moved up by 10000 in the pod.
pub const TLS_PORT: u16 = 10443;

/// Starts Envoy Gateway, which may patch what it makes and use backends that are no services, as `deploy/` needs.
pub fn control_plane(kubernetes: &Kubernetes) -> Process {
    let scratch = Scratch::new();
    let environment = |home: &str| {
        [("HOME", home), ("KUBECONFIG", &kubernetes.kubeconfig), ("ENVOY_GATEWAY_NAMESPACE", NAMESPACE)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    // That it finds none of its webhooks to put a certificate into, is a failure at the very end.
    let mut certificates =
        Process::start(Scratch::new(), &[&built("bin/envoy-gateway"), "certgen"], &environment(&scratch.path("")));
    within(60, "the certificates", || certificates.has_ended().then_some(()));
    let configuration = json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        "provider": {"type": "Kubernetes", "kubernetes": {"leaderElection": {"disable": true}}},
        "extensionApis": {"enableBackend": true, "enableEnvoyPatchPolicy": true},
    });
    let configuration = scratch.write("envoy-gateway.yaml", &configuration.to_string());
    let files = files_of(kubernetes, &scratch, NAMESPACE, ("secret", "envoy-gateway"));
    let home = scratch.path("");
    let command = [&*built("bin/envoy-gateway"), "server", "--config-path", &configuration];
    let command = [&mounted(&[(&files, "/certs")])[..], &command.map(str::to_owned)].concat();
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    Process::start(scratch, &command, &environment(&home))
}

/// A proxy; dropping it ends it.
pub struct Proxy<'a> {
    kubernetes: &'a Kubernetes,
    process: Option<Process>,
}

impl<'a> Proxy<'a> {
    /// Starts the proxy of the gateway as soon as Envoy Gateway has made its Deployment.
    pub fn start(kubernetes: &'a Kubernetes) -> Self {
        let mut proxy = Self { kubernetes, process: None };
        proxy::Proxy::restart(&mut proxy);
        proxy
    }
}

impl proxy::Proxy for Proxy<'_> {
    fn restart(&mut self) {
        self.process = None;
        within(20, "the end of the proxy", || Raw::try_connect(proxy::Proxy::address(self)).is_err().then_some(()));
        let scratch = Scratch::new();
        let deployment = within(60, "the proxy's Deployment", || deployment(self.kubernetes));
        let name = deployment["metadata"]["name"].as_str().expect("a name");
        let certificates = files_of(self.kubernetes, &scratch, NAMESPACE, ("secret", "envoy"));
        let discovery = files_of(self.kubernetes, &scratch, NAMESPACE, ("configmap", name));
        let mut command = mounted(&[(&certificates, "/certs"), (&discovery, "/sds")]);
        command.push(std::env::var("ENVOY_BIN").expect("ENVOY_BIN"));
        command.extend(arguments(&deployment));
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        self.process = Some(Process::start(scratch, &command, &[]));
    }

    fn log(&self) -> String {
        self.process.as_ref().map(|process| process.log() + &process.output()).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        let at = "127.0.0.1:19003".parse().expect("an address");
        try_send(at, &Request::get("/ready")).is_ok_and(|response| response.status == 200)
    }

    /// Moved up, as [`TLS_PORT`].
    fn address(&self) -> SocketAddr {
        format!("{GATEWAY}:10080").parse().expect("an address")
    }

    fn administration(&self) -> SocketAddr {
        "127.0.0.1:19100".parse().expect("an address")
    }

    fn refused_at_start(&self) -> u16 {
        503
    }

    fn without_module(&self) -> u16 {
        500
    }

    fn status(&self) -> String {
        let policy = self.kubernetes.get("envoyextensionpolicy", "mcp", "toolgate").unwrap_or_default();
        let conditions = policy["status"]["ancestors"][0]["conditions"].as_array().cloned().unwrap_or_default();
        let line = |condition: &Value| {
            let text = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
            format!("{}={}: {}", text("type"), text("status"), text("message"))
        };
        conditions.iter().map(line).collect::<Vec<_>>().join("; ")
    }
}

/// The Deployment that Envoy Gateway makes for the gateway.
pub fn deployment(kubernetes: &Kubernetes) -> Option<Value> {
    let label = "--selector=gateway.envoyproxy.io/owning-gateway-name=mcp";
    let found =
        kubernetes.try_kubectl(&["get", "deployments", "--namespace", NAMESPACE, label, "--output=json"]).ok()?;
    let list: Value = serde_json::from_str(&found).ok()?;
    list["items"].get(0).cloned()
}

/// The arguments of Envoy's container. Its administration and metrics have the ports of Envoy Gateway's own there, which is
/// another pod's business but not here.
fn arguments(deployment: &Value) -> Vec<String> {
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array().expect("containers");
    let envoy = containers.iter().find(|container| container["name"] == "envoy").expect("Envoy's container");
    let arguments = envoy["args"].as_array().expect("arguments").iter().filter_map(Value::as_str);
    let replaced = [
        ("$(ENVOY_POD_NAME)", "envoy-mcp-mcp-1"),
        ("$(ENVOY_POD_NAMESPACE)", NAMESPACE),
        ("$(ENVOY_SERVICE_ZONE)", "zone"),
        // A name that ends with a dot is not looked for in /etc/hosts.
        ("svc.cluster.local.\n", "svc.cluster.local\n"),
        ("port_value: 19000", "port_value: 19100"),
        ("port_value: 19001", "port_value: 19101"),
    ];
    let replace = |text: &str| replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    // Neither is there a limit on processors.
    arguments.filter(|argument| *argument != "--cpuset-threads").map(replace).collect()
}

/// The beginning of a command for a process that sees these folders at these places.
fn mounted(folders: &[(&str, &str)]) -> Vec<String> {
    let mounts =
        folders.iter().map(|(folder, place)| format!("mount --bind '{folder}' {place} && ")).collect::<String>();
    ["unshare", "--mount", "sh", "-c", &format!("{mounts}exec \"$@\""), "sh"].map(str::to_owned).to_vec()
}
