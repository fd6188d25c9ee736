//! Routes a request: to a resource, to its metadata document, past the gate, or nowhere.
//!
//! Paths are compared byte for byte, as received. A path that merely resembles a protected one has no route, because
//! the server may take it for the protected one.

mod nearest;

pub use nearest::{Nearest, shown};

use std::fmt;

use crate::ids::{ById, ResourceId};
use crate::index::Index;
use crate::uri::{is_ambiguous_below, plain_readings, plain_segments};
use crate::url::{Authority, Scheme, Url};

/// The well-known path of metadata documents, to which the resource's path is appended (RFC 9728 section 3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The path of a resource's metadata: the well-known path and the resource's own, unless that is only `/`.
pub fn metadata_path(identifier: &Url) -> String {
    let own = identifier.path();
    format!("{WELL_KNOWN}{}", if own == "/" { "" } else { own })
}

/// A host pattern of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// Any host.
    Any,
    /// This host. With a port, only on that port.
    Named {
        /// Host and port, normalised.
        authority: Authority,
        /// Whether the port is the scheme's default and may be omitted.
        port_may_be_absent: bool,
    },
}

impl HostPattern {
    /// A host from the configuration, for requests of `scheme`.
    pub fn named(authority: Authority, scheme: Scheme) -> Self {
        let port_may_be_absent = authority.port == Some(scheme.default_port());
        Self::Named { authority, port_may_be_absent }
    }

    /// The authority of `url`, without the default port.
    pub fn of_url(url: &Url) -> Option<Self> {
        let mut authority = Authority::parse(url.authority())?;
        authority.port = authority.port.filter(|port| *port != url.scheme().default_port());
        Some(Self::named(authority, url.scheme()))
    }

    /// Whether some request matches both equally closely: same host and port, regardless of schemes.
    fn ties_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named { authority, .. }, Self::Named { authority: other, .. }) => authority == other,
            _ => self == other,
        }
    }

    /// How closely it matches `host`: a port is closer than none, a name closer than `*`.
    #[inline]
    fn rank(&self, host: &Authority) -> Option<u8> {
        match self {
            Self::Any => Some(0),
            Self::Named { authority, .. } if authority.host != host.host => None,
            Self::Named { authority: Authority { port: None, .. }, .. } => Some(1),
            Self::Named { authority, port_may_be_absent } => {
                (authority.port == host.port || (*port_may_be_absent && host.port.is_none())).then_some(2)
            }
        }
    }
}

/// A path, or all paths below one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern {
    /// The path. For a pattern, everything before the `*`.
    text: String,
    below: bool,
    /// The path as the most careless server reads it.
    plain: Vec<String>,
}

impl PathPattern {
    /// Parses `/path` or `/path/*`.
    pub fn parse(text: &str) -> Option<Self> {
        let stem = text.strip_suffix("/*").map(|stem| format!("{stem}/"));
        let below = stem.is_some();
        let stem = stem.unwrap_or_else(|| text.to_owned());
        let legal = stem.starts_with('/') && stem.bytes().all(|b| b.is_ascii_graphic() && !b"*?#".contains(&b));
        legal.then(|| Self { plain: plain_segments(&stem), text: stem, below })
    }

    /// The path of `url`.
    pub fn of_url(url: &Url) -> Self {
        let text = if url.path().is_empty() { "/" } else { url.path() }.to_owned();
        Self { plain: plain_segments(&text), text, below: false }
    }

    /// Whether it is a single path.
    pub fn is_exact(&self) -> bool {
        !self.below
    }

    /// Whether it distinguishes paths. `/*` does not.
    fn is_telling(&self) -> bool {
        !(self.below && self.plain.is_empty())
    }

    #[inline]
    fn matches(&self, path: &str) -> bool {
        if self.below { path.starts_with(&self.text) } else { path == self.text }
    }

    /// Whether a careless server may take a path, by one of its `readings`, for one that matches this pattern.
    fn resembles(&self, readings: &[Vec<String>]) -> bool {
        readings.iter().any(|plain| if self.below { plain.starts_with(&self.plain) } else { *plain == self.plain })
    }
}

/// The pattern in configuration syntax.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.below { "*" } else { "" })
    }
}

/// The pattern in configuration syntax.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Named { authority, .. } => match authority.port {
                Some(port) => write!(f, "{}:{port}", authority.host),
                None => f.write_str(&authority.host),
            },
        }
    }
}

/// The route of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The metadata document of this resource.
    Metadata(ResourceId),
    /// No route.
    Nothing,
    /// Forwarded to the server without a token.
    Pass,
    /// This resource.
    Resource(ResourceId),
}

/// The properties of a resource by which requests find it.
pub struct Protected<'p> {
    /// The resource identifier.
    pub identifier: &'p Url,
    /// The hosts of the resource.
    pub hosts: &'p [HostPattern],
    /// The paths of the resource.
    pub paths: &'p [PathPattern],
}

/// The hosts for one path, each with its resource.
type Hosts = Vec<(HostPattern, ResourceId)>;

/// All routes of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Each path or pattern, with its hosts.
    endpoints: Vec<(PathPattern, Hosts)>,
    /// The positions of exact paths in `endpoints`.
    exact: Index,
    /// The path of each metadata document, with its hosts.
    metadata: Vec<(String, Hosts)>,
    pass: Vec<PathPattern>,
    conflicts: Vec<(ResourceId, ResourceId)>,
}

impl Routes {
    /// The routes to `resources`, and past the gate for `pass`.
    pub fn new(resources: &ById<ResourceId, Protected<'_>>, pass: Vec<PathPattern>) -> Self {
        let mut routes = Self { pass, ..Self::default() };
        for (id, resource) in resources.with_ids() {
            let metadata = metadata_path(resource.identifier);
            for host in resource.hosts {
                insert(&mut routes.metadata, &metadata, host, id, &mut routes.conflicts);
                for path in resource.paths {
                    insert(&mut routes.endpoints, path, host, id, &mut routes.conflicts);
                }
            }
        }
        // Exclude patterns from the index of exact paths.
        let name = |(path, _): &(PathPattern, Hosts)| if path.below { String::new() } else { path.text.clone() };
        routes.exact = Index::new(routes.endpoints.iter().map(name));
        routes
    }

    /// The paths that need no token if no resource matches.
    pub fn passing(&self) -> &[PathPattern] {
        &self.pass
    }

    /// Pairs of resources that match the same requests.
    pub fn conflicts(&self) -> &[(ResourceId, ResourceId)] {
        &self.conflicts
    }

    /// The route of a request to `host` (as in `:authority`) for `target` (as in `:path`).
    pub fn find(&self, host: &str, target: &str) -> Route {
        let (path, host) = (path_of(target), Authority::parse(host));
        let metadata = self.metadata.iter().find(|(own, _)| own == path);
        if let Some((_, resource)) = metadata.and_then(|(_, hosts)| closest(hosts, host.as_ref())) {
            return Route::Metadata(resource);
        }
        let exact =
            self.exact.place(path).and_then(|place| self.endpoints.get(place)).filter(|(own, _)| own.matches(path));
        let exact = exact.and_then(|(_, hosts)| closest(hosts, host.as_ref()));
        let exact = exact.map(|(rank, resource)| (rank, usize::MAX, resource));
        let below = self.endpoints.iter().filter(|(own, _)| own.below && own.matches(path));
        let below = below.filter_map(|(own, hosts)| {
            closest(hosts, host.as_ref()).map(|(rank, resource)| (rank, own.text.len(), resource))
        });
        match below.chain(exact).max_by_key(|(rank, length, _)| (*rank, *length)) {
            Some((_, usize::MAX, resource)) => Route::Resource(resource),
            Some((_, _, resource)) if !is_ambiguous_below(path) && !self.is_look_alike(path) => {
                Route::Resource(resource)
            }
            Some(_) => Route::Nothing,
            None => self.pass(path),
        }
    }

    /// A request passes only if `pass` matches and no server could take its path for a resource's, even on another
    /// host, because servers often ignore the host. A resource at `/*` is distinguished by its host alone.
    fn pass(&self, path: &str) -> Route {
        let readings = plain_readings(path);
        let protected = self.endpoints.iter().any(|(own, _)| own.is_telling() && own.resembles(&readings));
        let passes = self.pass.iter().any(|own| own.matches(path) && !(own.below && is_ambiguous_below(path)));
        if passes && !protected { Route::Pass } else { Route::Nothing }
    }

    /// Whether `path`, which matches a pattern, resembles another resource path without being equal to it, on any host.
    fn is_look_alike(&self, path: &str) -> bool {
        if self.endpoints.iter().any(|(own, _)| !own.below && own.matches(path)) {
            return false;
        }
        let readings = plain_readings(path);
        self.endpoints.iter().any(|(own, _)| own.resembles(&readings) && !own.matches(path))
    }

    /// The resource for which a careless server may take `target`, which has no route. The same path on another host is
    /// not an attempt to mislead.
    pub fn resembling(&self, host: &str, target: &str) -> Option<ResourceId> {
        let path = path_of(target);
        let (readings, host) = (plain_readings(path), Authority::parse(host));
        let is_elsewhere = self.endpoints.iter().any(|(own, _)| !own.below && own.matches(path));
        let reaches = |hosts: &Hosts| closest(hosts, host.as_ref()).map(|(_, resource)| resource);
        let is_near = |(own, hosts): &&(PathPattern, Hosts)| match own.matches(path) {
            true => own.below && is_ambiguous_below(path) && reaches(hosts).is_some(),
            false => own.is_telling() && own.resembles(&readings) && (!is_elsewhere || reaches(hosts).is_some()),
        };
        let (_, hosts) = self.endpoints.iter().find(is_near)?;
        reaches(hosts).or_else(|| hosts.first().map(|(_, resource)| *resource))
    }

    /// Whether a resource has this host.
    pub fn knows_host(&self, host: &str) -> bool {
        let Some(host) = Authority::parse(host) else { return false };
        self.endpoints.iter().flat_map(|(_, hosts)| hosts).any(|(pattern, _)| pattern.rank(&host).is_some())
    }
}

/// The part of `target` before its query.
#[inline]
fn path_of(target: &str) -> &str {
    let end = target.bytes().position(|byte| byte == b'?');
    end.and_then(|end| target.get(..end)).unwrap_or(target)
}

/// Adds a host under `key`, or records a conflict with another resource.
fn insert<K: Clone + PartialEq>(
    entries: &mut Vec<(K, Hosts)>,
    key: &K,
    host: &HostPattern,
    resource: ResourceId,
    conflicts: &mut Vec<(ResourceId, ResourceId)>,
) {
    let Some((_, hosts)) = entries.iter_mut().find(|(own, _)| own == key) else {
        entries.push((key.clone(), vec![(host.clone(), resource)]));
        return;
    };
    match hosts.iter().find(|(other, _)| other.ties_with(host)) {
        Some((_, other)) if *other != resource && !conflicts.contains(&(*other, resource)) => {
            conflicts.push((*other, resource));
        }
        Some(_) => {}
        None => hosts.push((host.clone(), resource)),
    }
}

/// The resource with the closest matching host pattern, and the pattern's rank.
fn closest(hosts: &Hosts, host: Option<&Authority>) -> Option<(u8, ResourceId)> {
    let host = host?;
    let ranked = hosts.iter().filter_map(|(pattern, resource)| Some((pattern.rank(host)?, *resource)));
    ranked.max_by_key(|(rank, _)| *rank)
}
