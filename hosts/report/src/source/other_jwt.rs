//! Filters of a mesh that verify tokens too. In the wrong order they answer before toolgate, or get no token.

use toolgate::config::Fault;

use super::kubernetes::{Object, at};
use super::{Remark, Spot, Value};

const CHALLENGE: &str = "which answers without `resource_metadata`, so that clients do not find where to sign in";
const KEEP: &str = "gets no token, because toolgate removes it: set `forward: {authorization: keep}`";

/// Warnings about filters that verify tokens beside the plugin of `owner`.
pub fn warnings(owner: &Object<'_>, objects: &[Object<'_>], root: &Spot) -> Vec<Remark> {
    match owner.kind {
        "WasmPlugin" | "TrafficExtension" => in_istio(owner, objects, root),
        "EnvoyExtensionPolicy" => in_envoy_gateway(objects, root),
        _ => Vec::new(),
    }
}

fn in_istio(owner: &Object<'_>, objects: &[Object<'_>], root: &Spot) -> Vec<Remark> {
    let Some(other) = objects.iter().find(|object| object.kind == "RequestAuthentication") else { return Vec::new() };
    let phase = owner.at("spec.phase");
    if phase.and_then(Spot::text) != Some("AUTHN") {
        let message = format!("is not AUTHN, so that {other} comes before toolgate, {CHALLENGE}: set it to AUTHN");
        return vec![remark(phase.unwrap_or(owner.spot), format!("{owner}, spec.phase"), message)];
    }
    // Without a policy that wants a principal, a missing token is no matter.
    let wants = |object: &&Object<'_>| {
        object.kind == "AuthorizationPolicy" && object.spot.any(&mut |own| own.member("requestPrincipals").is_some())
    };
    let policy = objects.iter().find(wants).filter(|_| !keeps_token(root));
    let warn = |policy: &Object<'_>| remark(other.spot, other.to_string(), format!("{KEEP}, which {policy} needs"));
    policy.map(warn).into_iter().collect()
}

fn in_envoy_gateway(objects: &[Object<'_>], root: &Spot) -> Vec<Remark> {
    let verifies = |object: &&Object<'_>| object.kind == "SecurityPolicy" && object.at("spec.jwt").is_some();
    let Some(other) = objects.iter().find(verifies) else { return Vec::new() };
    let is_before = |entry: &Spot| {
        let text = |name| at(entry, name).and_then(Spot::text).unwrap_or_default();
        text("name") == "envoy.filters.http.wasm" && text("before") == "envoy.filters.http.jwt_authn"
    };
    let orders = objects.iter().filter(|object| object.kind == "EnvoyProxy");
    if !orders.flat_map(|proxy| proxy.items("spec.filterOrder")).any(is_before) {
        let message = format!(
            "`spec.jwt` makes a filter before toolgate, {CHALLENGE}: set `filterOrder: [{{name: envoy.filters.http.wasm, \
             before: envoy.filters.http.jwt_authn}}]` in the EnvoyProxy"
        );
        return vec![remark(other.spot, other.to_string(), message)];
    }
    if keeps_token(root) { Vec::new() } else { vec![remark(other.spot, other.to_string(), KEEP)] }
}

fn keeps_token(root: &Spot) -> bool {
    let keeps = |own: &Spot| at(own, "forward.authorization").and_then(Spot::text) == Some("keep");
    matches!(root.member("resources").map(|own| &own.value), Some(Value::List(all)) if all.iter().all(keeps))
}

fn remark(spot: &Spot, path: String, message: impl Into<String>) -> Remark {
    Remark { file: spot.file, line: spot.line, fault: Fault { path, message: message.into() } }
}
