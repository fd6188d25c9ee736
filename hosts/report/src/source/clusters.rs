//! Warns about Envoy clusters that nothing in a file makes, or that are not protected by TLS.

use super::kubernetes::{Object, at};
use super::{Spot, Value};

/// A use of a cluster in a configuration.
pub struct Use {
    /// The path of the cluster's name.
    pub path: String,
    pub cluster: String,
    /// Whether what it reaches is `https`.
    pub is_https: bool,
}

/// The uses of clusters in a configuration: each is beside the URL that it reaches, or beside `discover`.
pub fn uses(root: &Spot) -> Vec<Use> {
    let mut found = Vec::new();
    collect(root, "", "", &mut found);
    found
}

/// Collects the uses in a value. `issuer` is the issuer that it belongs to, whose metadata `discover` reads.
fn collect(spot: &Spot, path: &str, issuer: &str, found: &mut Vec<Use>) {
    let text = |name| spot.member(name).and_then(Spot::text);
    let is_reached = text("uri").is_some() || spot.member("discover").is_some();
    if let Some(cluster) = text("cluster").filter(|_| is_reached) {
        let is_https = text("uri").unwrap_or(issuer).starts_with("https://");
        found.push(Use { path: format!("{path}.cluster"), cluster: cluster.to_owned(), is_https });
    }
    let issuer = text("issuer").unwrap_or(issuer);
    match &spot.value {
        Value::List(items) => {
            items.iter().enumerate().for_each(|(n, item)| collect(item, &format!("{path}[{n}]"), issuer, found));
        }
        Value::Object(members) => members.iter().for_each(|member| {
            let dot = if path.is_empty() { "" } else { "." };
            collect(&member.value, &format!("{path}{dot}{}", member.name), issuer, found);
        }),
        _ => {}
    }
}

/// A message if nothing makes this cluster of Istio's.
pub fn in_istio(own: &Use, objects: &[Object<'_>]) -> Option<String> {
    let parts: Vec<_> = own.cluster.split('|').collect();
    let [_, port, _, host] = parts.as_slice() else {
        let patches =
            |object: &Object<'_>| object.kind == "EnvoyFilter" && !object.items("spec.configPatches").is_empty();
        let adds = |patch: &Spot| patch.member("applyTo").and_then(Spot::text) == Some("CLUSTER");
        let is_added =
            objects.iter().filter(|one| patches(one)).any(|one| one.items("spec.configPatches").iter().any(adds));
        return (!is_added).then(|| "Istio's clusters are named `outbound|<port>||<host>`".to_owned());
    };
    // A Service of the cluster is rarely in the same file.
    if host.ends_with(".svc.cluster.local") {
        return None;
    }
    let is_entry = |object: &&Object<'_>| {
        let has_host = object.items("spec.hosts").iter().any(|own| own.text() == Some(host));
        let is_port = |own: &Spot| own.member("number").is_some_and(|number| number.to_json() == *port);
        object.kind == "ServiceEntry" && has_host && object.items("spec.ports").iter().any(is_port)
    };
    if !objects.iter().any(|object| is_entry(&object)) {
        return Some(format!("no ServiceEntry here has the host `{host}` and the port {port}: add one"));
    }
    let rules = |object: &&Object<'_>| {
        object.kind == "DestinationRule" && object.at("spec.host").and_then(Spot::text) == Some(host)
    };
    let policies: Vec<_> = objects.iter().filter(rules).filter_map(|rule| rule.at("spec.trafficPolicy")).collect();
    let mode = |policy: &&Spot| at(policy, "tls.mode").and_then(Spot::text).is_some_and(|mode| mode != "DISABLE");
    let is_secured = |policy: &&Spot| mode(policy) || policy.member("portLevelSettings").is_some();
    let unverified =
        |policy: &&Spot| at(policy, "tls.insecureSkipVerify").is_some_and(|own| own.value == Value::Bool(true));
    if !own.is_https {
        None
    } else if !policies.iter().any(is_secured) {
        Some(format!("no DestinationRule here sets TLS for `{host}`: it would be asked in the clear"))
    } else if policies.iter().any(unverified) {
        Some(format!("the DestinationRule for `{host}` verifies no certificate: remove `insecureSkipVerify`"))
    } else {
        None
    }
}

/// A message if nothing makes this cluster of Envoy Gateway's.
pub fn in_envoy_gateway(own: &Use, objects: &[Object<'_>]) -> Option<String> {
    let parts: Vec<_> = own.cluster.split('/').collect();
    let ["httproute", namespace, name, "rule", n] = parts.as_slice() else {
        // Other policies make clusters of other names.
        let message = "Envoy Gateway's clusters are named `httproute/<namespace>/<route>/rule/<n>`";
        return (parts.len() == 1).then(|| message.to_owned());
    };
    let is_route =
        |object: &&Object<'_>| object.kind == "HTTPRoute" && object.namespace == *namespace && object.name == *name;
    let route = objects.iter().find(is_route);
    let rule = route.and_then(|route| route.items("spec.rules").get(n.parse::<usize>().ok()?));
    if let Some(route) = route.filter(|route| !attaches(route, objects)) {
        return Some(format!("no listener of a gateway here has a hostname of {route}, which makes no cluster then"));
    }
    let Some(rule) = rule else {
        return Some(format!(
            "no HTTPRoute {namespace}/{name} with a rule {n} is here, and only a route makes a cluster"
        ));
    };
    let backends = rule.member("backendRefs").map(Spot::items).unwrap_or_default();
    let is_secured = |backend: &Spot| {
        let name = backend.member("name").and_then(Spot::text).unwrap_or_default();
        let kind = backend.member("kind").and_then(Spot::text).unwrap_or("Service");
        objects.iter().any(|object| match object.kind {
            "BackendTLSPolicy" => object.refers("spec.targetRefs", kind, namespace, name),
            "Backend" => object.name == name && object.at("spec.tls").is_some(),
            _ => false,
        })
    };
    let in_the_clear = own.is_https && !backends.iter().all(is_secured);
    in_the_clear.then(|| {
        format!("no BackendTLSPolicy here is for the backend of {namespace}/{name}: it would be asked in the clear")
    })
}

/// Whether a route has a hostname in common with a listener of each of its gateways, as far as they are here.
fn attaches(route: &Object<'_>, objects: &[Object<'_>]) -> bool {
    let names: Vec<_> = route.items("spec.hostnames").iter().filter_map(Spot::text).collect();
    let fits = |listener: &Spot| {
        let own = listener.member("hostname").and_then(Spot::text);
        names.is_empty() || own.is_none_or(|own| names.iter().any(|name| meet(own, name)))
    };
    let is_parent = |object: &&Object<'_>| {
        object.kind == "Gateway" && route.refers("spec.parentRefs", "Gateway", object.namespace, object.name)
    };
    let lists = objects.iter().filter(is_parent).map(|gateway| gateway.items("spec.listeners"));
    lists.filter(|listeners| !listeners.is_empty()).all(|listeners| listeners.iter().any(fits))
}

/// Whether two hostnames have a name in common; `*.example.com` has those below it.
fn meet(one: &str, other: &str) -> bool {
    let covers = |pattern: &str, name: &str| {
        pattern.strip_prefix('*').is_some_and(|end| name.len() > end.len() && name.ends_with(end))
    };
    one == other || covers(one, other) || covers(other, one)
}
