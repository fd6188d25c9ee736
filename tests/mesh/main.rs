//! toolgate in Istio and in Envoy Gateway: real control planes on a real Kubernetes API, with the files of `deploy/`.
//!
//! `make mesh` builds what this needs and runs it in a namespace of its own. Arguments choose parts of it: the platforms
//! `istio` and `envoy-gateway`, and of each `page`, `ways`, `metrics`, `beside`, and Istio's `ingress`.

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

mod beside;
mod dist;
mod envoy_gateway;
mod faults;
mod istio;
mod kubernetes;
mod limits;
mod load;
mod mesh;
mod overlay;
mod pages;
mod pod;
mod proxy;
mod report;
mod verdicts;
mod world;

use std::path::Path;
use std::process::ExitCode;

use kubernetes::Kubernetes;
use mesh::Mesh;
use report::Report;
use serde_json::json;
use world::World;

fn main() -> ExitCode {
    let mut report = Report::new();
    let mut world = World::start();
    report.say("the registry serves");
    let kubernetes = Kubernetes::start();
    report.say("the Kubernetes API serves");
    kubernetes.service("mcp-server", &json!({"app": "server"}), world::SERVER, (3000, world::SERVER_PORT));
    let words = std::env::args().skip(1).collect();
    let user = pages::User::new(&world, &kubernetes);
    let mut mesh = Mesh { report: &mut report, world: &mut world, kubernetes: &kubernetes, user, words };
    mesh.run();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("processes");
    let passed = report.finish(&scratch, &kubernetes::cache());
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
