//! The URL of a proof (`htu`): as the client knows the resource, whatever a proxy before this one made of the request.

use crate::config::Resource;
use crate::routes::HostPattern;
use crate::url::{Authority, Scheme, Url};

/// Whether `htu` is the URL of a request to `path` of `resource`, query and fragment ignored (RFC 9449 section 4.3).
///
/// Scheme and host are the configuration's: those of the identifier, or a host that is named for the resource. What the
/// request calls its host is not asked, since whoever forwards a stolen proof chooses it.
pub fn is_for(htu: &str, resource: &Resource, path: &str) -> bool {
    let bare = htu.split(['?', '#']).next().unwrap_or_default();
    let Ok(url) = Url::parse(bare) else { return false };
    let own = &resource.identifier;
    let scheme = own.scheme();
    let meant = Authority::parse(url.authority()).map(|authority| effective(authority, scheme));
    let is_meant = |host: Authority| Some(effective(host, scheme)) == meant;
    let is_host = Authority::parse(own.authority()).is_some_and(is_meant)
        || resource.hosts.iter().any(|host| match host {
            HostPattern::Any => false,
            HostPattern::Named { authority, .. } => is_meant(authority.clone()),
        });
    // Where the resource has one path, a proxy before this one may have mapped its public path to that.
    let mapped = matches!(resource.paths.as_slice(), [only] if only.is_exact()).then(|| rooted(own.path()));
    let is_path = rooted(url.path()) == path || Some(rooted(url.path())) == mapped;
    url.scheme() == scheme && is_path && is_host
}

/// With the scheme's port where none is written.
fn effective(authority: Authority, scheme: Scheme) -> Authority {
    Authority { port: authority.port.or(Some(scheme.default_port())), ..authority }
}

fn rooted(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}
