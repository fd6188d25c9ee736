//! The URL in a proof (`htu`): as the client knows the resource, even if a proxy in front rewrote the request.

use crate::config::Resource;
use crate::routes::HostPattern;
use crate::url::{Authority, Scheme, Url};

/// Whether `htu` is the URL of a request to `path` of `resource`, ignoring query and fragment (RFC 9449 section 4.3).
///
/// Scheme and host come from the configuration: those of the identifier, or a host configured for the resource. The
/// request's own host is not used, because someone who forwards a stolen proof can choose it.
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
    // If the resource has a single path, a proxy in front may have mapped its public path to it.
    let mapped = matches!(resource.paths.as_slice(), [only] if only.is_exact()).then(|| rooted(own.path()));
    let is_path = rooted(url.path()) == path || Some(rooted(url.path())) == mapped;
    url.scheme() == scheme && is_path && is_host
}

/// The authority with the scheme's default port if it has none.
fn effective(authority: Authority, scheme: Scheme) -> Authority {
    Authority { port: authority.port.or(Some(scheme.default_port())), ..authority }
}

fn rooted(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}
