//! `issuers[].jwks`: the source of an issuer's keys.

use crate::jwks::{self, JwkFault, KeySet, KeySource};
use crate::loader::endpoint::timeout;
use crate::loader::fields::{At, Fields, Findings, Zero, join};
use crate::url::Url;
use crate::workers::Timing;

pub(super) fn read(at: &At<'_>, issuer: Option<&str>, found: &mut Findings) -> Option<KeySource> {
    let mut fields = at.fields(found)?;
    let discovers = fields.take("discover").and_then(|at| at.flag(found)).unwrap_or(false);
    let keys = fields.take("keys");
    let source = match keys {
        Some(keys) if discovers => found.fault(&keys.path, "cannot be combined with `discover`"),
        Some(keys) => {
            for name in ["uri", "cluster", "timeout", "max_age", "cooldown", "max_stale"] {
                if let Some(at) = fields.take(name) {
                    found.fault::<()>(&at.path, "cannot be combined with `keys`");
                }
            }
            fixed_keys(&keys, found)
        }
        None if discovers => discovered_keys(&mut fields, issuer, found),
        None => {
            let uri = fields.require("uri", found).and_then(|at| at.url(found));
            let (cluster, timing) = cluster_and_timing(&mut fields, found);
            uri.zip(cluster).map(|(uri, cluster)| KeySource::Fetched { uri, cluster, timing })
        }
    };
    fields.finish(found);
    source
}

fn cluster_and_timing(fields: &mut Fields<'_>, found: &mut Findings) -> (Option<String>, Timing) {
    let cluster = fields.require("cluster", found).and_then(|at| at.text(found)).map(str::to_owned);
    let timing = Timing {
        timeout: timeout(fields, found),
        max_age: fields.duration("max_age", 600, Zero::Refuse, found),
        cooldown: fields.duration("cooldown", 30, Zero::Refuse, found),
        max_stale: fields.duration("max_stale", 3600, Zero::Allow, found),
    };
    (cluster, timing)
}

fn discovered_keys(fields: &mut Fields<'_>, issuer: Option<&str>, found: &mut Findings) -> Option<KeySource> {
    if let Some(at) = fields.take("uri") {
        found.fault::<()>(&at.path, "cannot be combined with `discover`");
    }
    let (cluster, timing) = cluster_and_timing(fields, found);
    let issuer = Url::parse(issuer?).ok().filter(|issuer| jwks::documents(issuer).is_some());
    let Some(issuer) = issuer else {
        return found.fault(&join(&fields.path, "discover"), "needs an `issuer` that is a URL without a query");
    };
    Some(KeySource::Discovered { issuer, cluster: cluster?, timing })
}

fn fixed_keys(at: &At<'_>, found: &mut Findings) -> Option<KeySource> {
    let keys = at.list(Zero::Refuse, found, |at, _| Some(at.node.clone()))?;
    let Ok(set) = KeySet::from_nodes(&keys) else {
        return found.fault(&at.path, "has too many keys");
    };
    if set.is_empty() {
        found.fault::<()>(&at.path, "contains no usable key");
    }
    for (place, fault) in &set.skipped {
        let path = format!("{}[{place}]", at.path);
        match fault {
            // In a configuration this is a mistake, so it is not ignored.
            JwkFault::Malformed => found.fault(&path, "is not a well-formed key").unwrap_or_default(),
            JwkFault::Algorithm | JwkFault::Private | JwkFault::Size | JwkFault::Type | JwkFault::Use => {
                found.warn(&path, format!("is left out: {}", fault.code()));
            }
        }
    }
    Some(KeySource::Fixed(set))
}
