//! Where a request belongs: to a resource, to its metadata document, past the gate, or nowhere.
//!
//! Paths are compared as received, byte for byte; a path that merely resembles a protected one belongs nowhere, since
//! the server behind may take it for that one.

use std::fmt;

use crate::index::Index;
use crate::uri::{is_ambiguous_below, plain_readings, plain_segments};
use crate::url::{Authority, Scheme, Url};

/// The path of metadata documents, to which the resource's own is appended (RFC 9728 section 3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The path of a resource's metadata: the well-known one before its own, of which a lone `/` is dropped.
pub fn metadata_path(identifier: &Url) -> String {
    let own = identifier.path();
    format!("{WELL_KNOWN}{}", if own == "/" { "" } else { own })
}

/// Hosts that a resource is reached by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// Any host.
    Any,
    /// This host; with a port, that one only.
    Named {
        /// Host and port, as compared.
        authority: Authority,
        /// The port is the scheme's default and may be left out.
        port_may_be_absent: bool,
    },
}

impl HostPattern {
    /// The host of the configuration, for requests of `scheme`.
    pub fn named(authority: Authority, scheme: Scheme) -> Self {
        let port_may_be_absent = authority.port == Some(scheme.default_port());
        Self::Named { authority, port_may_be_absent }
    }

    /// The authority of `url` without its scheme's default port.
    pub fn of_url(url: &Url) -> Option<Self> {
        let mut authority = Authority::parse(url.authority())?;
        authority.port = authority.port.filter(|port| *port != url.scheme().default_port());
        Some(Self::named(authority, url.scheme()))
    }

    /// Whether some request matches both equally closely: the same host and port, whatever the schemes.
    fn ties_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named { authority, .. }, Self::Named { authority: other, .. }) => authority == other,
            _ => self == other,
        }
    }

    /// How closely it matches `host`: with a port closer than without, a name closer than `*`.
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

/// A path, or all below one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern {
    /// The path; of a pattern, all but the `*`.
    text: String,
    below: bool,
    /// The path as the most careless server reads it.
    plain: Vec<String>,
}

impl PathPattern {
    /// Reads `/path` or `/path/*`.
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

    /// Whether it is one path, and nothing below.
    pub fn is_exact(&self) -> bool {
        !self.below
    }

    /// Whether it tells some paths from others: `/*` does not.
    fn is_telling(&self) -> bool {
        !(self.below && self.plain.is_empty())
    }

    fn matches(&self, path: &str) -> bool {
        if self.below { path.starts_with(&self.text) } else { path == self.text }
    }

    /// Whether a careless server may take a path for one of this pattern, by one of the path's readings.
    fn resembles(&self, readings: &[Vec<String>]) -> bool {
        readings.iter().any(|plain| if self.below { plain.starts_with(&self.plain) } else { *plain == self.plain })
    }
}

/// As the configuration writes it.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.below { "*" } else { "" })
    }
}

/// As the configuration writes it.
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

/// Where a request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the metadata document of this resource.
    Metadata(usize),
    /// Nowhere.
    Nothing,
    /// On to the server without a token.
    Pass,
    /// To this resource.
    Resource(usize),
}

/// A resource as its requests find it.
pub struct Protected<'p> {
    /// Its resource identifier.
    pub identifier: &'p Url,
    /// The hosts it is reached by.
    pub hosts: &'p [HostPattern],
    /// The paths it is reached by.
    pub paths: &'p [PathPattern],
}

/// The hosts under one path, each with its resource.
type Hosts = Vec<(HostPattern, usize)>;

/// All routes of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Each path or pattern, with its hosts.
    endpoints: Vec<(PathPattern, Hosts)>,
    /// The places of exact paths in `endpoints`.
    exact: Index,
    /// Each metadata document's path, with its hosts.
    metadata: Vec<(String, Hosts)>,
    pass: Vec<PathPattern>,
    conflicts: Vec<(usize, usize)>,
}

impl Routes {
    /// The routes to `resources`, and past the gate for `pass`.
    pub fn new<'p>(resources: impl Iterator<Item = Protected<'p>>, pass: Vec<PathPattern>) -> Self {
        let mut routes = Self { pass, ..Self::default() };
        for (place, resource) in resources.enumerate() {
            let metadata = metadata_path(resource.identifier);
            for host in resource.hosts {
                insert(&mut routes.metadata, &metadata, host, place, &mut routes.conflicts);
                for path in resource.paths {
                    insert(&mut routes.endpoints, path, host, place, &mut routes.conflicts);
                }
            }
        }
        // A pattern's text ends with a slash that is not its path's: only exact paths may be found by it.
        let name = |(path, _): &(PathPattern, Hosts)| if path.below { String::new() } else { path.text.clone() };
        routes.exact = Index::new(routes.endpoints.iter().map(name));
        routes
    }

    /// The paths that need no token where no resource matches.
    pub fn passing(&self) -> &[PathPattern] {
        &self.pass
    }

    /// Pairs of resources that match the same requests.
    pub fn conflicts(&self) -> &[(usize, usize)] {
        &self.conflicts
    }

    /// The route of a request to `host` (as in `:authority`) for `target` (as in `:path`).
    pub fn find(&self, host: &str, target: &str) -> Route {
        let path = target.split('?').next().unwrap_or_default();
        let host = Authority::parse(host);
        let metadata = self.metadata.iter().find(|(own, _)| own == path);
        if let Some((_, place)) = metadata.and_then(|(_, hosts)| closest(hosts, host.as_ref())) {
            return Route::Metadata(place);
        }
        let exact =
            self.exact.place(path).and_then(|place| self.endpoints.get(place)).filter(|(own, _)| own.matches(path));
        let exact = exact.and_then(|(_, hosts)| closest(hosts, host.as_ref()));
        let exact = exact.map(|(rank, place)| (rank, usize::MAX, place));
        let below = self.endpoints.iter().filter(|(own, _)| own.below && own.matches(path));
        let below = below.filter_map(|(own, hosts)| {
            closest(hosts, host.as_ref()).map(|(rank, place)| (rank, own.text.len(), place))
        });
        match below.chain(exact).max_by_key(|(rank, length, _)| (*rank, *length)) {
            Some((_, usize::MAX, place)) => Route::Resource(place),
            Some((_, _, place)) if !is_ambiguous_below(path) && !self.is_look_alike(path) => Route::Resource(place),
            Some(_) => Route::Nothing,
            None => self.pass(path),
        }
    }

    /// Past the gate goes only what `pass` names and what no server could take for a resource's path, even where the
    /// host is another: servers seldom look at it. A resource at `/*` is told by its host alone.
    fn pass(&self, path: &str) -> Route {
        let readings = plain_readings(path);
        let protected = self.endpoints.iter().any(|(own, _)| own.is_telling() && own.resembles(&readings));
        let passes = self.pass.iter().any(|own| own.matches(path) && !(own.below && is_ambiguous_below(path)));
        if passes && !protected { Route::Pass } else { Route::Nothing }
    }

    /// Whether `path`, which a pattern matched, resembles a resource's path without being one, be it another host's.
    fn is_look_alike(&self, path: &str) -> bool {
        if self.endpoints.iter().any(|(own, _)| !own.below && own.matches(path)) {
            return false;
        }
        let readings = plain_readings(path);
        self.endpoints.iter().any(|(own, _)| own.resembles(&readings) && !own.matches(path))
    }

    /// The resource for which a careless server may take `target`, which belongs nowhere. The same path at another host
    /// is no attempt to mislead.
    pub fn resembling(&self, host: &str, target: &str) -> Option<usize> {
        let path = target.split('?').next().unwrap_or_default();
        let (readings, host) = (plain_readings(path), Authority::parse(host));
        let is_elsewhere = self.endpoints.iter().any(|(own, _)| !own.below && own.matches(path));
        let reaches = |hosts: &Hosts| closest(hosts, host.as_ref()).map(|(_, place)| place);
        let is_near = |(own, hosts): &&(PathPattern, Hosts)| match own.matches(path) {
            true => own.below && is_ambiguous_below(path) && reaches(hosts).is_some(),
            false => own.is_telling() && own.resembles(&readings) && (!is_elsewhere || reaches(hosts).is_some()),
        };
        let (_, hosts) = self.endpoints.iter().find(is_near)?;
        reaches(hosts).or_else(|| hosts.first().map(|(_, place)| *place))
    }

    /// Whether `host` is one that a resource is reached by.
    pub fn knows_host(&self, host: &str) -> bool {
        let Some(host) = Authority::parse(host) else { return false };
        self.endpoints.iter().flat_map(|(_, hosts)| hosts).any(|(pattern, _)| pattern.rank(&host).is_some())
    }
}

/// Adds a host under `key`, or notes that another resource has it already.
fn insert<K: Clone + PartialEq>(
    entries: &mut Vec<(K, Hosts)>,
    key: &K,
    host: &HostPattern,
    place: usize,
    conflicts: &mut Vec<(usize, usize)>,
) {
    let Some((_, hosts)) = entries.iter_mut().find(|(own, _)| own == key) else {
        entries.push((key.clone(), vec![(host.clone(), place)]));
        return;
    };
    match hosts.iter().find(|(other, _)| other.ties_with(host)) {
        Some((_, other)) if *other != place && !conflicts.contains(&(*other, place)) => conflicts.push((*other, place)),
        Some(_) => {}
        None => hosts.push((host.clone(), place)),
    }
}

/// The resource whose host pattern matches closest, with that pattern's rank.
fn closest(hosts: &Hosts, host: Option<&Authority>) -> Option<(u8, usize)> {
    let host = host?;
    let ranked = hosts.iter().filter_map(|(pattern, place)| Some((pattern.rank(host)?, *place)));
    ranked.max_by_key(|(rank, _)| *rank)
}
