//! The resource that a request without a route was probably meant for. It is for the log only: a URL is mistyped, lacks
//! its path or its port, or has a slash too many.

use std::fmt;

use super::{HostPattern, PathPattern, Routes, path_of};
use crate::ids::ResourceId;
use crate::text::truncate;
use crate::url::Authority;

/// The maximum length of the host and of the path in the words for a request.
const MAX_SHOWN: usize = 100;
/// The maximum length of a segment of the path. A client that puts a token into the path must not put it into the log.
const MAX_SEGMENT: usize = 40;

/// The resource that is nearest to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearest<'r> {
    /// The resource.
    pub resource: ResourceId,
    /// Its host, if that is not the request's.
    host: Option<&'r HostPattern>,
    /// Its path, if that is not the request's.
    path: Option<&'r PathPattern>,
}

/// The difference to the request, in words.
impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "with";
        if let Some(host) = self.host {
            write!(f, "{before} the host {host}")?;
            before = " and";
        }
        match self.path {
            Some(path) => write!(f, "{before} the path {path}"),
            None if self.host.is_some() => Ok(()),
            None => f.write_str("but a server may read this path as another one"),
        }
    }
}

impl Routes {
    /// The resource that is nearest to a request to `host` for `target`. Equal ones: the first in the configuration.
    #[inline(never)]
    pub fn nearest(&self, host: &str, target: &str) -> Option<Nearest<'_>> {
        let (path, authority) = (path_of(target), Authority::parse(host));
        let mut nearest = None;
        for (own_path, hosts) in &self.endpoints {
            let is_path = own_path.matches(path);
            let off_path = if is_path { 0 } else { 1 + difference(path, &own_path.text) };
            for (own_host, resource) in hosts {
                let is_host = authority.as_ref().is_some_and(|authority| own_host.rank(authority).is_some());
                let off_host = match own_host {
                    HostPattern::Named { authority, .. } if !is_host => 1 + difference(host, &authority.host),
                    _ => 0,
                };
                let off = off_path + off_host;
                if nearest.as_ref().is_none_or(|(least, _)| off < *least) {
                    let (host, path) = (Some(own_host).filter(|_| !is_host), Some(own_path).filter(|_| !is_path));
                    nearest = Some((off, Nearest { resource: *resource, host, path }));
                }
            }
        }
        nearest.map(|(_, nearest)| nearest)
    }
}

/// The host and the path of a request, for a log line. Without the query and long segments, which may contain a token.
#[inline(never)]
pub fn shown(host: &str, target: &str) -> String {
    let mut shown = truncate(host, MAX_SHOWN).to_owned();
    let most = shown.len() + MAX_SHOWN;
    for (n, segment) in path_of(target).split('/').enumerate() {
        // A query whose question mark is escaped is a part of the path.
        let may_be_secret = segment.len() > MAX_SEGMENT || segment.contains('=');
        let segment = if may_be_secret { "..." } else { segment };
        if shown.len() + segment.len() >= most {
            break;
        }
        if n > 0 {
            shown.push('/');
        }
        shown.push_str(segment);
    }
    shown
}

/// The length of the part in which two texts differ, ignoring case: what is left of the longer one without their common
/// beginning and end.
#[inline(never)]
fn difference(one: &str, other: &str) -> usize {
    let is_same = |(a, b): &(u8, u8)| a.eq_ignore_ascii_case(b);
    let (short, long) = (one.len().min(other.len()), one.len().max(other.len()));
    let start = one.bytes().zip(other.bytes()).take_while(is_same).count();
    let end = one.bytes().rev().zip(other.bytes().rev()).take(short - start).take_while(is_same).count();
    long - start - end
}
