//! Warns about the objects around a plugin in a mesh: a setting that its object cannot make, and what else it needs.

use toolgate::config::Fault;
use toolgate::routes::metadata_path;
use toolgate::url::Url;

use super::clusters::{in_envoy_gateway, in_istio, uses};
use super::kubernetes::{Object, at};
use super::{Remark, Spot, Value};

/// The kinds that hold a plugin. A file that has no other objects is a single plugin, and says nothing about the others.
const PLUGINS: [&str; 4] = ["EnvoyExtensionPolicy", "EnvoyFilter", "TrafficExtension", "WasmPlugin"];

/// The default of `limits.body` and `limits.list`, in bytes.
const DEFAULT_LIMIT: u64 = 1_000_000;

/// Warnings about the surroundings of the plugin that `owner` holds, whose configuration is `root`.
pub fn warnings(owner: &Object<'_>, objects: &[Object<'_>], root: &Spot) -> Vec<Remark> {
    let is_whole = objects.iter().any(|object| !PLUGINS.contains(&object.kind));
    let mut faults: Vec<_> = cannot_hold(owner, objects, root).into_iter().collect();
    let mut remarks = Vec::new();
    if owner.kind == "EnvoyExtensionPolicy" {
        remarks.extend(buffer(owner, objects, root));
        if is_whole {
            let routes = routes(owner, objects);
            let is_stray = routes.is_empty() && !owner.items("spec.targetRefs").is_empty();
            remarks.extend(is_stray.then(|| no_route(owner)));
            faults.extend(unmatched(&routes, root));
            remarks.extend(routes.iter().flat_map(|route| short_timeouts(route, root)));
        }
    }
    for own in uses(root).into_iter().filter(|_| is_whole) {
        let message = if owner.kind == "EnvoyExtensionPolicy" {
            in_envoy_gateway(&own, objects)
        } else {
            in_istio(&own, objects)
        };
        let cluster = own.cluster;
        faults.extend(message.map(|message| Fault { path: own.path, message: format!("`{cluster}`: {message}") }));
    }
    remarks.extend(faults.into_iter().map(|fault| Remark::inside(root, fault)));
    remarks
}

/// A warning if headers are to be held, but the object cannot set the flag for it.
fn cannot_hold(owner: &Object<'_>, objects: &[Object<'_>], root: &Spot) -> Option<Fault> {
    let holds = root.member("hold_request_headers").is_some_and(|own| own.value == Value::Bool(true));
    let patches = objects.iter().filter(|object| object.kind == "EnvoyPatchPolicy");
    let is_patched = patches.flat_map(|object| object.items("spec.jsonPatches")).any(sets_flag);
    let message = match (owner.kind, holds, is_patched) {
        ("EnvoyExtensionPolicy", true, false) => {
            "is true, but no EnvoyPatchPolicy here sets the plugin's `allow_on_headers_stop_iteration`: requests will wait, \
             and get 500. Add one, or leave this out"
        }
        ("EnvoyExtensionPolicy", false, true) => {
            "is not true, but an EnvoyPatchPolicy sets the plugin's `allow_on_headers_stop_iteration`: headers go ahead all \
             the same"
        }
        ("WasmPlugin" | "TrafficExtension", true, _) => {
            "is true, but this kind cannot set the plugin's `allow_on_headers_stop_iteration`: requests will wait, and get \
             500. Use an EnvoyFilter, or leave this out"
        }
        _ => return None,
    };
    Some(Fault { path: "hold_request_headers".to_owned(), message: message.to_owned() })
}

/// Whether a JSON patch sets `allow_on_headers_stop_iteration`.
fn sets_flag(patch: &Spot) -> bool {
    let path = at(patch, "operation.path").and_then(Spot::text).unwrap_or_default();
    let value = at(patch, "operation.value").map(|own| own.member("value").unwrap_or(own));
    path.contains("allow_on_headers_stop_iteration") && value.is_some_and(|own| own.value == Value::Bool(true))
}

/// A warning if Envoy Gateway buffers less than toolgate reads.
fn buffer(owner: &Object<'_>, objects: &[Object<'_>], root: &Spot) -> Option<Remark> {
    let policies = objects.iter().filter(|object| object.kind == "ClientTrafficPolicy");
    let set = policies.filter_map(|policy| Some((policy, policy.at("spec.connection.bufferLimit")?))).next();
    let least = largest_body(root);
    let remedy = "beyond it lists are cut, and calls refused by Envoy. Set it to 2Mi, or well above `limits`";
    let (file, line, path, message) = match set {
        None => {
            let message =
                format!("no ClientTrafficPolicy here sets `spec.connection.bufferLimit`, which is 32Ki then: {remedy}");
            (owner.spot.file, owner.spot.line, owner.to_string(), message)
        }
        Some((policy, limit)) if bytes(&limit.to_json()).is_some_and(|bytes| bytes <= least) => (
            limit.file,
            limit.line,
            format!("{policy}, spec.connection.bufferLimit"),
            format!("is too small: {remedy}"),
        ),
        Some(_) => return None,
    };
    Some(Remark { file, line, fault: Fault { path, message } })
}

/// The size of the largest body that the configuration `root` allows, in bytes.
pub fn largest_body(root: &Spot) -> u64 {
    limit(root, "body").max(limit(root, "list"))
}

/// The limit of this name, in bytes: of `body` or `list`.
pub fn limit(root: &Spot, name: &str) -> u64 {
    at(root, "limits").and_then(|limits| limits.member(name)).and_then(Spot::number).unwrap_or(DEFAULT_LIMIT)
}

/// The bytes of a Kubernetes quantity in JSON, such as `"2Mi"`.
fn bytes(quantity: &str) -> Option<u64> {
    let quantity = quantity.trim_matches('"');
    let digits = quantity.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match quantity.strip_prefix(digits)? {
        "" => 1,
        "k" => 1_000,
        "Ki" => 1 << 10,
        "M" => 1_000_000,
        "Mi" => 1 << 20,
        "G" => 1_000_000_000,
        "Gi" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// The routes that the policy is attached to, itself or by their gateway.
fn routes<'d>(policy: &Object<'_>, objects: &[Object<'d>]) -> Vec<Object<'d>> {
    let is_target = |object: &Object<'_>| policy.refers("spec.targetRefs", object.kind, object.namespace, object.name);
    let is_attached = |route: &&Object<'d>| {
        let by_gateway = |gateway: &Object<'_>| {
            gateway.kind == "Gateway"
                && is_target(gateway)
                && route.refers("spec.parentRefs", "Gateway", gateway.namespace, gateway.name)
        };
        route.kind == "HTTPRoute" && (is_target(route) || objects.iter().any(by_gateway))
    };
    objects.iter().filter(is_attached).copied().collect()
}

fn no_route(owner: &Object<'_>) -> Remark {
    let message = "attaches to no HTTPRoute that is here: what it should protect is open".to_owned();
    Remark {
        file: owner.spot.file,
        line: owner.spot.line,
        fault: Fault { path: format!("{owner}, spec.targetRefs"), message },
    }
}

/// Warnings about resources whose metadata no route matches.
fn unmatched(routes: &[Object<'_>], root: &Spot) -> Vec<Fault> {
    let resources = root.member("resources").map(Spot::items).unwrap_or_default();
    let warning = |(n, resource): (usize, &Spot)| {
        let path = metadata_path(&Url::parse(resource.member("resource")?.text()?).ok()?);
        let mut rules = routes.iter().flat_map(|route| route.items("spec.rules"));
        let first = routes.first().filter(|_| !rules.any(|rule| matches(rule, &path)))?;
        let message = format!("{first} matches no path `{path}`: clients do not find the metadata. Add a match for it");
        Some(Fault { path: format!("resources[{n}].resource"), message })
    };
    resources.iter().enumerate().filter_map(warning).collect()
}

/// Warnings about rules that end the exchanges of a resource after Envoy Gateway's default time.
fn short_timeouts(route: &Object<'_>, root: &Spot) -> Vec<Remark> {
    let resources = root.member("resources").map(Spot::items).unwrap_or_default();
    let paths: Vec<_> = resources
        .iter()
        .filter_map(|resource| Url::parse(resource.member("resource")?.text()?).ok())
        .map(|url| url.path().to_owned())
        .collect();
    let is_short = |rule: &Spot| at(rule, "timeouts.request").is_none() && paths.iter().any(|path| matches(rule, path));
    let warning = |(n, rule): (usize, &Spot)| Remark {
        file: rule.file,
        line: rule.line,
        fault: Fault {
            path: format!("{route}, spec.rules[{n}].timeouts.request"),
            message: "is not set: Envoy Gateway ends every exchange after 15 s, event streams too. Set it to 0s"
                .to_owned(),
        },
    };
    route.items("spec.rules").iter().enumerate().filter(|(_, rule)| is_short(rule)).map(warning).collect()
}

/// Whether a rule of an HTTPRoute matches a path.
fn matches(rule: &Spot, path: &str) -> bool {
    let all = rule.member("matches").map(Spot::items).unwrap_or_default();
    let matches = |own: &Spot| {
        let text = |name| at(own, name).and_then(Spot::text);
        let value = text("path.value").unwrap_or("/");
        match text("path.type").unwrap_or("PathPrefix") {
            "Exact" => path == value,
            "PathPrefix" => {
                let rest = path.strip_prefix(value.trim_end_matches('/'));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            _ => true,
        }
    };
    all.is_empty() || all.iter().any(matches)
}
