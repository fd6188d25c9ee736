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
mod image;
mod istio;
mod kubernetes;
mod overlay;
mod report;
mod verdicts;
mod world;

use std::process::ExitCode;

use istio::{Place, Proxy};
use kubernetes::Kubernetes;
use overlay::Overlay;
use report::Report;
use serde_json::json;
use world::World;

fn main() -> ExitCode {
    let mut report = Report::new();
    let world = World::start();
    report.say("the registry has both images");
    let kubernetes = Kubernetes::start();
    report.say("the Kubernetes API serves");
    kubernetes.service("mcp-server", &json!({"app": "server"}), world::SERVER, 3000, "10.98.0.60");
    let wanted = std::env::args().nth(1);
    let wants = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    if wants("istio") {
        istio(&mut report, &world, &kubernetes);
    }
    if wants("envoy-gateway") {
        envoy_gateway(&mut report, &world, &kubernetes);
    }
    let scratch = support::at_root("target/tmp/processes");
    if report.finish(&[&scratch, &kubernetes::cache()]) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn istio(report: &mut Report, world: &World, kubernetes: &Kubernetes) {
    let gateway = json!({"gateway.networking.k8s.io/gateway-name": "mcp"});
    kubernetes.service("mcp-istio", &gateway, world::GATEWAY, 80, "10.98.0.50");
    let _istiod = istio::control_plane(kubernetes);
    report.say("istiod is ready");
    let place = "Istio WasmPlugin";
    let overlay = Overlay::new("istio", &["gateway", "wasm-plugin"]).image(&world.registry.compat);
    let objects = overlay.build();
    kubernetes.apply(&objects);
    let proxy = Proxy::start(Place::Gateway, "misc:error,wasm:info");
    verdicts::wait_for_challenge(report, place, proxy.address(), || proxy.log());
    verdicts::five(report, place, world, proxy.address());
    kubernetes.delete(&objects);
}

fn envoy_gateway(report: &mut Report, world: &World, kubernetes: &Kubernetes) {
    let _control_plane = envoy_gateway::control_plane(kubernetes);
    report.say("Envoy Gateway runs");
    let place = "Envoy Gateway image";
    let overlay = Overlay::new("envoy-gateway", &["configuration", "image"]).image(&world.registry.compat);
    let objects = overlay.build();
    kubernetes.apply(&objects);
    let proxy = envoy_gateway::Proxy::start(kubernetes);
    verdicts::wait_for_challenge(report, place, proxy.address(), || proxy.log());
    report.say(&envoy_gateway::status(kubernetes, "envoyextensionpolicy"));
    verdicts::five(report, place, world, proxy.address());
    kubernetes.delete(&objects);
}
