//! Judges what is around the filter in Envoy's own configuration: whatever makes it unsafe, or mute.
//!
//! A file may be a bootstrap, a file of listeners, routes or clusters, or a dump of the running configuration, and several
//! files may belong together. Their objects are told by their members, wherever they are.

mod cluster;
mod listener;
mod order;
mod plugin;
mod route;

use toolgate::config::Fault;

use super::{Remark, Spot, Value};

/// One thing that is judged. The warnings are those about the filter's surroundings.
type Judgement = fn(&Filter<'_>) -> Vec<Remark>;

/// Everything that is judged around a filter.
const JUDGEMENTS: &[Judgement] = &[
    plugin::failure,
    plugin::shared_data,
    plugin::module,
    plugin::secrets,
    plugin::metrics,
    listener::buffers,
    listener::paths,
    listener::header_names,
    listener::replies,
    order::entry,
    order::before,
    order::after,
    cluster::missing,
    cluster::transport,
    route::filter_is_off,
    route::retries,
    route::limits,
    route::metadata,
    route::other_ways,
];

/// The warnings about what is around the filter with this configuration.
pub fn remarks(filter: &Filter<'_>) -> Vec<Remark> {
    JUDGEMENTS.iter().flat_map(|judge| judge(filter)).collect()
}

/// The host of a filter.
#[derive(Clone, Copy, PartialEq)]
pub enum Host {
    Native,
    Wasm,
}

/// A filter of toolgate and what is around it.
pub struct Filter<'a> {
    pub envoy: &'a Envoy<'a>,
    pub host: Host,
    /// The plugin's settings: `vm_config` for Wasm, `dynamic_module_config` for a native module.
    pub plugin: &'a Spot,
    /// toolgate's configuration.
    pub root: &'a Spot,
    pub chain: Option<Chain<'a>>,
}

/// A filter's place among the filters of a connection manager.
#[derive(Clone, Copy)]
pub struct Chain<'a> {
    pub manager: Manager<'a>,
    pub filters: &'a [Spot],
    pub place: usize,
}

impl<'a> Chain<'a> {
    /// The entry of the filter itself.
    pub fn entry(&self) -> Option<&'a Spot> {
        self.filters.get(self.place)
    }
}

/// An HTTP connection manager.
#[derive(Clone, Copy)]
pub struct Manager<'d> {
    pub listener: Option<&'d Spot>,
    pub spot: &'d Spot,
}

/// Envoy's objects in some documents.
#[derive(Default)]
pub struct Envoy<'d> {
    managers: Vec<Manager<'d>>,
    clusters: Vec<&'d Spot>,
    /// Route configurations that a manager takes by name.
    routes: Vec<&'d Spot>,
    bootstraps: Vec<&'d Spot>,
    /// Filters that are delivered apart from their listener (ECDS). They have the members of an entry: `name` and
    /// `typed_config`.
    extensions: Vec<&'d Spot>,
    /// The settings of all Wasm plugins.
    plugins: Vec<&'d Spot>,
    /// Whether a cluster that is not here does not exist.
    has_all_clusters: bool,
}

impl<'d> Envoy<'d> {
    pub fn of(documents: &'d [Spot]) -> Self {
        let mut envoy = Self::default();
        documents.iter().for_each(|document| envoy.collect(document, "", None));
        // A control plane may have the others.
        let is_static = |own: &&Spot| own.field("dynamic_resources").is_none();
        let lists = |own: &&Spot| own.at("static_resources.clusters").is_some();
        let is_dump = documents.iter().any(|document| document.field("configs").is_some());
        let has_dumped = is_dump && !envoy.clusters.is_empty();
        envoy.has_all_clusters =
            has_dumped || (envoy.bootstraps.iter().any(lists) && envoy.bootstraps.iter().all(is_static));
        envoy
    }

    /// Collects the objects in `spot`, which is in a member `name`, or in a list there.
    fn collect(&mut self, spot: &'d Spot, name: &str, listener: Option<&'d Spot>) {
        let mut listener = listener;
        if let Value::Object(_) = spot.value {
            let has = |name| spot.field(name).is_some();
            let is_type = |end: &str| spot.field("@type").and_then(Spot::text).is_some_and(|own| own.ends_with(end));
            if has("filter_chains") || has("default_filter_chain") || is_type("listener.v3.Listener") {
                listener = Some(spot);
            }
            if has("http_filters") {
                self.managers.push(Manager { listener, spot });
            }
            if has("virtual_hosts") {
                self.routes.push(spot);
            }
            if has("static_resources") || name == "bootstrap" {
                self.bootstraps.push(spot);
            }
            if is_type("cluster.v3.Cluster") || (matches!(name, "clusters" | "cluster") && has("name")) {
                self.clusters.push(spot);
            }
            if has("vm_config") {
                self.plugins.push(spot);
            }
            if is_type("core.v3.TypedExtensionConfig") {
                self.extensions.push(spot);
            }
        }
        match &spot.value {
            Value::List(items) => items.iter().for_each(|item| self.collect(item, name, listener)),
            Value::Object(members) => {
                members.iter().for_each(|member| self.collect(&member.value, &member.name, listener));
            }
            _ => {}
        }
    }

    /// The place of a filter with these settings.
    pub fn chain(&self, plugin: &Spot) -> Option<Chain<'_>> {
        let is_it = |entry: &Spot| {
            let typed = self.delivered(entry).field("typed_config");
            let inner = typed.and_then(|typed| typed.field("value")).or(typed);
            [typed, inner, inner.and_then(|own| own.field("config"))]
                .into_iter()
                .flatten()
                .any(|own| std::ptr::eq(own, plugin))
        };
        let place = |manager: &Manager<'d>| {
            let filters = manager.spot.list("http_filters");
            let place = filters.iter().position(is_it)?;
            Some(Chain { manager: *manager, filters, place })
        };
        self.managers.iter().find_map(place)
    }

    /// The filter of an entry that names one which is delivered apart; else the entry.
    fn delivered<'a>(&'a self, entry: &'a Spot) -> &'a Spot {
        let is_it = |own: &&&Spot| own.name().is_some() && own.name() == entry.name();
        let found = entry.field("config_discovery").and_then(|_| self.extensions.iter().find(is_it));
        found.copied().unwrap_or(entry)
    }

    /// The route configurations of a connection manager.
    fn routes(&self, manager: &Manager<'d>) -> Vec<&'d Spot> {
        if let Some(own) = manager.spot.field("route_config") {
            return vec![own];
        }
        let name = manager.spot.at("rds.route_config_name").and_then(Spot::text);
        self.routes.iter().filter(|own| name.is_some() && own.name() == name).copied().collect()
    }
}

/// A warning at a value.
fn remark(spot: &Spot, path: impl Into<String>, message: impl Into<String>) -> Remark {
    Remark { file: spot.file, line: spot.line, fault: Fault { path: path.into(), message: message.into() } }
}

/// The name of an object in messages.
fn called(kind: &str, spot: &Spot) -> String {
    spot.name().map_or_else(|| kind.to_owned(), |name| format!("{kind} `{name}`"))
}
