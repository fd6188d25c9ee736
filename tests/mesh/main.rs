//! toolgate in Istio and in Envoy Gateway: real control planes on a real Kubernetes API, with the files of `deploy/`.
//!
//! `make mesh` builds what this needs and runs it in a namespace of its own.

// Checks fail loudly, and they run in real time.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[path = "../support/mod.rs"]
mod support;

mod envoy_gateway;
mod faults;
mod image;
mod istio;
mod kubernetes;
mod load;
mod overlay;
mod proxy;
mod report;
mod verdicts;
mod world;

use std::path::Path;
use std::process::ExitCode;

use faults::Case;
use kubernetes::Kubernetes;
use overlay::Overlay;
use report::Report;
use serde_json::json;
use world::World;

fn main() -> ExitCode {
    let mut report = Report::new();
    let mut world = World::start();
    report.say("the registry has both images");
    let kubernetes = Kubernetes::start();
    report.say("the Kubernetes API serves");
    kubernetes.service(
        "mcp-server",
        &json!({"app": "server"}),
        world::SERVER,
        (3000, world::SERVER_PORT),
        "10.98.0.60",
    );
    let wanted = std::env::args().nth(1);
    let wants = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    if wants("istio") {
        istio(&mut report, &mut world, &kubernetes);
    }
    if wants("envoy-gateway") {
        envoy_gateway(&mut report, &mut world, &kubernetes);
    }
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("processes");
    let passed = report.finish(&[&scratch, &kubernetes::cache()]);
    drop((world, kubernetes));
    clear(&scratch);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Removes the files of this run: the namespace ends before the watchmen of its processes could.
fn clear(scratch: &Path) {
    let own = format!("{}-", std::process::id());
    let folders = std::fs::read_dir(scratch).into_iter().flatten().flatten();
    for folder in folders.filter(|folder| folder.file_name().to_string_lossy().starts_with(&own)) {
        if std::env::var_os("TOOLGATE_KEEP_LOGS").is_none() {
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

/// A way to load toolgate: what it is called, and its components.
type Way = (&'static str, &'static [&'static str]);

const ISTIO: [Way; 3] = [
    ("Istio WasmPlugin", &["gateway", "wasm-plugin"]),
    ("Istio TrafficExtension", &["gateway", "traffic-extension"]),
    ("Istio EnvoyFilter, headers held", &["gateway", "held"]),
];
const SIDECAR: Way = ("Istio sidecar", &["wasm-plugin", "sidecar"]);
const ENVOY_GATEWAY: [Way; 3] = [
    ("Envoy Gateway image", &["configuration", "image"]),
    ("Envoy Gateway HTTP source", &["configuration", "http"]),
    ("Envoy Gateway image, headers held", &["configuration", "image", "held"]),
];

fn istio(report: &mut Report, world: &mut World, kubernetes: &Kubernetes) {
    let gateway = json!({"gateway.networking.k8s.io/gateway-name": "mcp"});
    kubernetes.service("mcp-istio", &gateway, world::GATEWAY, (80, 80), "10.98.0.50");
    let _istiod = istio::control_plane(kubernetes);
    report.say("istiod is ready");
    let mut proxy = None;
    for (place, components) in ISTIO {
        let overlay = Overlay::new("istio", components).image(digest(world, components));
        let objects = judged(report, place, kubernetes, &overlay);
        kubernetes.apply(&objects);
        let proxy = proxy.get_or_insert_with(|| istio::Proxy::start(istio::Place::Gateway, &log_levels(kubernetes)));
        let first = place == ISTIO[0].0;
        run(report, Case { place, world, kubernetes, proxy, overlay }, first);
        remove(kubernetes, proxy, "wasmplugins,trafficextensions,envoyfilters");
    }
    let levels = log_levels(kubernetes);
    drop(proxy);
    // Envoy Gateway's have the same names.
    kubernetes.kubectl(&["delete", "gateways,httproutes", "--all", "--namespace", "mcp"]);
    let (place, components) = SIDECAR;
    let overlay = Overlay::new("istio", components).image(digest(world, components));
    kubernetes.apply(&judged(report, place, kubernetes, &overlay));
    istio::sidecar(kubernetes);
    let mut proxy = istio::Proxy::start(istio::Place::Sidecar, &levels);
    run(report, Case { place, world, kubernetes, proxy: &mut proxy, overlay }, false);
}

fn envoy_gateway(report: &mut Report, world: &mut World, kubernetes: &Kubernetes) {
    let _control_plane = envoy_gateway::control_plane(kubernetes);
    report.say("Envoy Gateway runs");
    let mut proxy = None;
    for (place, components) in ENVOY_GATEWAY {
        let overlay = Overlay::new("envoy-gateway", components);
        let overlay = if components.contains(&"http") {
            overlay.web(&image::hex(&support::bootstrap::module_bytes()))
        } else {
            overlay.image(digest(world, components))
        };
        let objects = judged(report, place, kubernetes, &overlay);
        kubernetes.apply(&objects);
        let proxy = proxy.get_or_insert_with(|| envoy_gateway::Proxy::start(kubernetes));
        let first = place == ENVOY_GATEWAY[0].0;
        run(report, Case { place, world, kubernetes, proxy, overlay }, first);
        remove(kubernetes, proxy, "envoyextensionpolicies,envoypatchpolicies");
    }
}

/// The image's forms share the ways out among them.
fn digest<'a>(world: &'a World, components: &[&str]) -> &'a str {
    let is_artifact = components.iter().any(|name| ["traffic-extension", "held"].contains(name));
    if is_artifact { &world.registry.artifact } else { &world.registry.compat }
}

/// Removes toolgate, and waits until it is gone: the next to answer is another.
fn remove(kubernetes: &Kubernetes, proxy: &dyn proxy::Proxy, kinds: &str) {
    kubernetes.kubectl(&["delete", kinds, "--all", "--namespace", "mcp"]);
    world::within(30, "a proxy without toolgate", || (proxy.answer() == Ok(200)).then_some(()));
}

/// The levels of Envoy's log that the gateway's annotation sets, as Istio's template for its pod passes them on.
fn log_levels(kubernetes: &Kubernetes) -> String {
    let gateway = kubernetes.get("gateway", "mcp", "mcp").expect("the gateway");
    let annotations = &gateway["spec"]["infrastructure"]["annotations"];
    annotations["sidecar.istio.io/componentLogLevel"].as_str().expect("levels").to_owned()
}

/// Runs the checks of a place; at the first of a control plane also what goes wrong.
fn run(report: &mut Report, mut case: Case, first: bool) {
    if !verdicts::answers(report, case.place, case.proxy) {
        return;
    }
    verdicts::five(report, case.place, case.world, case.proxy);
    case.senders(report);
    if first {
        case.changes(report);
    }
}

/// The objects of an overlay, after the API has judged them strictly.
fn judged(report: &mut Report, place: &str, kubernetes: &Kubernetes, overlay: &Overlay) -> String {
    let objects = overlay.build();
    report.check(place, "the API accepts the files", || {
        let told = kubernetes.judge(&objects).unwrap_or_else(|fault| panic!("{fault}"));
        format!("{} objects", told.lines().count())
    });
    objects
}
