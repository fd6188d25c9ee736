//! Routes that turn the filter off, send a call twice, or go round it.

use toolgate::config::Fault;
use toolgate::routes::metadata_path;
use toolgate::url::Url;

use super::{Chain, Filter, called, remark};
use crate::source::surroundings::limit;
use crate::source::{Remark, Spot};

/// A place that may have settings for the filter: a route configuration, a virtual host or a route.
struct Place<'a> {
    path: String,
    spot: &'a Spot,
    /// Whether it is a route.
    is_route: bool,
}

/// Every place in the routes of the filter's connection manager.
fn places<'a>(filter: &'a Filter<'_>) -> Vec<Place<'a>> {
    let Some(chain) = &filter.chain else { return Vec::new() };
    let mut all = Vec::new();
    for own in filter.envoy.routes(&chain.manager) {
        let path = called("route_config", own);
        for host in own.list("virtual_hosts") {
            let path = format!("{path}, {}", called("virtual host", host));
            for (n, route) in host.list("routes").iter().enumerate() {
                all.push(Place { path: format!("{path}, routes[{n}]"), spot: route, is_route: true });
            }
            all.push(Place { path, spot: host, is_route: false });
        }
        all.push(Place { path, spot: own, is_route: false });
    }
    all
}

/// The paths of requests to the resources.
fn paths(root: &Spot) -> Vec<String> {
    let mut all = Vec::new();
    for resource in root.list("resources") {
        let own =
            resource.list("paths").iter().filter_map(Spot::text).map(|path| path.trim_end_matches('*').to_owned());
        let before = all.len();
        all.extend(own);
        if all.len() == before {
            let url = resource.member("resource").and_then(Spot::text).and_then(|url| Url::parse(url).ok());
            all.extend(url.map(|url| url.path().to_owned()));
        }
    }
    all
}

/// Whether a route may match a path. What cannot be told is taken for a match.
fn matches(route: &Spot, path: &str) -> bool {
    let Some(own) = route.field("match") else { return false };
    let text = |name| own.field(name).and_then(Spot::text);
    match (text("path"), text("prefix"), text("path_separated_prefix")) {
        (Some(exact), _, _) => exact == path,
        (_, Some(prefix), _) => path.starts_with(prefix),
        (_, _, Some(prefix)) => path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        _ => true,
    }
}

fn is_for_resource(filter: &Filter<'_>, place: &Place<'_>) -> bool {
    !place.is_route || paths(filter.root).iter().any(|path| matches(place.spot, path))
}

/// The settings for the filter at a place.
fn setting<'a>(filter: &Filter<'_>, place: &Place<'a>) -> Option<&'a Spot> {
    let name = filter.chain.as_ref().and_then(Chain::entry).and_then(|entry| entry.name())?;
    place.spot.field("typed_per_filter_config")?.member(name)
}

/// Routes at which the filter is off.
pub fn filter_is_off(filter: &Filter<'_>) -> Vec<Remark> {
    let entry = filter.chain.as_ref().and_then(Chain::entry);
    let places = places(filter);
    let is_disabled = |own: &Spot| own.field("disabled").is_some_and(Spot::is_true);
    let mut found = Vec::new();
    for place in places.iter().filter(|place| is_for_resource(filter, place)) {
        if let Some(own) = setting(filter, place).filter(|own| is_disabled(own)) {
            let message = "turns toolgate off: requests on this route need no token";
            found.push(remark(own, format!("{}, typed_per_filter_config", place.path), message));
        }
    }
    let is_on = |place: &Place<'_>| setting(filter, place).is_some_and(|own| !is_disabled(own));
    if let Some(entry) = entry.filter(|entry| is_disabled(entry) && !places.iter().any(is_on)) {
        let message = "is true, and no route turns the filter on: every request passes";
        let path = format!("http_filters, `{}`, disabled", entry.name().unwrap_or("toolgate"));
        found.push(remark(entry.field("disabled").unwrap_or(entry), path, message));
    }
    found
}

/// Retries that may send a call to the server twice.
pub fn retries(filter: &Filter<'_>) -> Vec<Remark> {
    /// Conditions under which the server may have begun.
    const AGAIN: [&str; 6] =
        ["5xx", "gateway-error", "reset", "retriable-4xx", "retriable-headers", "retriable-status-codes"];
    let mut found = Vec::new();
    for place in places(filter).iter().filter(|place| is_for_resource(filter, place)) {
        let policy =
            if place.is_route { place.spot.at("route.retry_policy") } else { place.spot.field("retry_policy") };
        let Some(on) = policy.and_then(|own| own.field("retry_on")) else { continue };
        let conditions = on.text().unwrap_or_default().split(',').map(str::trim);
        if let Some(condition) = conditions.into_iter().find(|own| AGAIN.contains(own)) {
            let message = format!(
                "`{condition}` sends a call again that the server may have carried out: keep `connect-failure` and \
                 `refused-stream`"
            );
            found.push(remark(on, format!("{}, retry_policy.retry_on", place.path), message));
        }
    }
    found
}

/// Limits of a route that end exchanges, or refuse bodies, before toolgate's own do.
pub fn limits(filter: &Filter<'_>) -> Vec<Remark> {
    let mut found = Vec::new();
    let body = limit(filter.root, "body");
    for place in places(filter).iter().filter(|place| is_for_resource(filter, place)) {
        for name in ["per_request_buffer_limit_bytes", "request_body_buffer_limit"] {
            if let Some(own) = place.spot.field(name).filter(|own| own.number().is_some_and(|bytes| bytes <= body)) {
                let message = "is no more than `limits.body`: Envoy refuses calls before toolgate does. Raise it";
                found.push(remark(own, format!("{}, {name}", place.path), message));
            }
        }
        let action = place.spot.field("route").filter(|_| place.is_route);
        if let Some(action) = action.filter(|own| own.field("timeout").is_none()) {
            let message = "is not set: Envoy ends every exchange after 15 s, event streams too. Set it to 0s";
            found.push(remark(action, format!("{}, route.timeout", place.path), message));
        }
    }
    found
}

/// Where the filter is on at some routes only, the metadata needs one of them.
pub fn metadata(filter: &Filter<'_>) -> Vec<Remark> {
    let entry = filter.chain.as_ref().and_then(Chain::entry);
    if !entry.and_then(|entry| entry.field("disabled")).is_some_and(Spot::is_true) {
        return Vec::new();
    }
    let places = places(filter);
    // On for all routes of a virtual host.
    if places.iter().any(|place| !place.is_route && setting(filter, place).is_some()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (n, resource) in filter.root.list("resources").iter().enumerate() {
        let url = resource.member("resource").and_then(Spot::text).and_then(|url| Url::parse(url).ok());
        let Some(path) = url.map(|url| metadata_path(&url)) else { continue };
        let first = places.iter().filter(|place| place.is_route).find(|place| matches(place.spot, &path));
        if first.is_none_or(|place| setting(filter, place).is_none()) {
            let message = format!("no route turns toolgate on for `{path}`: clients do not find the metadata. Add one");
            let fault = Fault { path: format!("resources[{n}].resource"), message };
            found.push(Remark::inside(filter.root, fault));
        }
    }
    found
}

/// Other listeners that reach the same server without toolgate.
pub fn other_ways(filter: &Filter<'_>) -> Vec<Remark> {
    let Some(chain) = &filter.chain else { return Vec::new() };
    let clusters = |own: &'_ Spot| own.at("route.cluster").and_then(Spot::text).map(str::to_owned);
    let own: Vec<String> = places(filter)
        .iter()
        .filter(|place| place.is_route && is_for_resource(filter, place))
        .filter_map(|place| clusters(place.spot))
        .collect();
    let mut found = Vec::new();
    for manager in &filter.envoy.managers {
        let has_gate = manager.spot.list("http_filters").iter().any(is_gate);
        if std::ptr::eq(manager.spot, chain.manager.spot) || has_gate {
            continue;
        }
        let hosts = filter.envoy.routes(manager).into_iter().flat_map(|own| own.list("virtual_hosts"));
        let routes = hosts.flat_map(|host| host.list("routes"));
        let around = routes.filter_map(|route| Some((route, clusters(route)?))).find(|(_, name)| own.contains(name));
        if let Some((route, cluster)) = around {
            let listener = manager.listener.map_or_else(|| "a listener".to_owned(), |own| called("listener", own));
            let message = format!("reaches the cluster `{cluster}` without toolgate: close it, or add the filter");
            found.push(remark(route, listener, message));
        }
    }
    found
}

/// Whether an entry may be toolgate: another Wasm plugin may be too, or what a control plane delivers.
fn is_gate(entry: &Spot) -> bool {
    let kind = entry.at("typed_config.@type").and_then(Spot::text).unwrap_or_default();
    let is_host = ["wasm.v3.Wasm", "dynamic_modules.v3.DynamicModuleFilter"].iter().any(|own| kind.ends_with(own));
    is_host || entry.field("config_discovery").is_some()
}
