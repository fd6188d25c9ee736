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
    if own.is_https { unsecured_in_istio(&parts, objects) } else { None }
}

/// A message if the TLS that Istio makes for a cluster is missing, or verifies no name. Istio trusts the roots of the system
/// where no `caCertificates` are set, and takes SNI and name from the request where neither is set.
fn unsecured_in_istio(parts: &[&str], objects: &[Object<'_>]) -> Option<String> {
    let [_, port, subset, host] = parts else { return None };
    let rules = |object: &&Object<'_>| {
        object.kind == "DestinationRule"
            && object.at("spec.host").and_then(Spot::text).is_some_and(|own| meet(own, host))
    };
    let settings = objects.iter().filter(rules).filter_map(|rule| Some((rule, tls_settings(rule, subset, port)?)));
    let in_use =
        |(_, tls): &(&Object<'_>, &Spot)| tls.member("mode").and_then(Spot::text).is_some_and(|mode| mode != "DISABLE");
    let Some((rule, tls)) = settings.into_iter().find(in_use) else {
        return Some(format!("no DestinationRule here sets TLS for `{host}`: it would be asked in the clear"));
    };
    let text = |name| tls.member(name).and_then(Spot::text).filter(|text| !text.is_empty());
    let has_names = |spot: Option<&Spot>| spot.is_some_and(|own| !own.items().is_empty());
    let entry_has_names = || {
        objects.iter().any(|object| {
            object.kind == "ServiceEntry"
                && object.items("spec.hosts").iter().any(|own| own.text() == Some(host))
                && has_names(object.at("spec.subjectAltNames"))
        })
    };
    if tls.member("insecureSkipVerify").is_some_and(|own| own.value == Value::Bool(true)) {
        Some(format!("the DestinationRule for `{host}` verifies no certificate: remove `insecureSkipVerify`"))
    } else if text("credentialName").is_some_and(|name| !name.starts_with("configmap://"))
        && rule.at("spec.workloadSelector").is_none()
    {
        Some(format!(
            "the DestinationRule for `{host}` has a `credentialName` without a `workloadSelector`, which sidecars ignore: \
             they ask in the clear. Add one, or use `caCertificates`"
        ))
    } else if text("sni").is_some() && !has_names(tls.member("subjectAltNames")) && !entry_has_names() {
        Some(format!(
            "the DestinationRule for `{host}` sets `sni` without `subjectAltNames`: the certificate of any name is accepted. \
             List the server's name"
        ))
    } else {
        None
    }
}

/// The TLS settings of a DestinationRule for a port. Those of a subset come before the others, and what is set for a port
/// replaces what is set for all.
fn tls_settings<'d>(rule: &Object<'d>, subset: &str, port: &str) -> Option<&'d Spot> {
    let is_subset = |own: &&Spot| own.member("name").and_then(Spot::text) == Some(subset);
    let subset = rule.items("spec.subsets").iter().find(is_subset).and_then(|own| own.member("trafficPolicy"));
    let of_policy = |policy: &'d Spot| {
        let is_port = |own: &&Spot| at(own, "port.number").is_some_and(|number| number.to_json() == port);
        let ports = policy.member("portLevelSettings").map(Spot::items).unwrap_or_default();
        ports.iter().find(is_port).unwrap_or(policy).member("tls")
    };
    subset.and_then(of_policy).or_else(|| rule.at("spec.trafficPolicy").and_then(of_policy))
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
