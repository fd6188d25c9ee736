//! The key sets of all configured issuers.

use super::{KeyQuery, KeySet, KeySetCache, Lookup};
use crate::ids::{ById, IssuerId};
use crate::time::UnixTime;
use crate::url::Url;
use crate::workers::Timing;

/// The source of an issuer's keys.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Fetched from the `jwks_uri` in the issuer's metadata.
    Discovered {
        /// The issuer's identifier, from which the metadata URL is derived.
        issuer: Url,
        /// The host's cluster for the issuer and its keys.
        cluster: String,
        /// The timing of fetches.
        timing: Timing,
    },
    /// Fetched from a URL.
    Fetched {
        /// The URL of the set.
        uri: Url,
        /// The host's cluster for the URL.
        cluster: String,
        /// The timing of fetches.
        timing: Timing,
    },
    /// Given in the configuration.
    Fixed(KeySet),
}

impl KeySource {
    /// The location of a fetched set and its cluster. Sources with equal identities share one set.
    pub fn identity(&self) -> Option<(&str, &str)> {
        match self {
            Self::Discovered { cluster, .. } => Some(("discover", cluster)),
            Self::Fetched { uri, cluster, .. } => Some((uri.as_str(), cluster)),
            Self::Fixed(_) => None,
        }
    }
}

/// One cache per issuer, in configuration order. Keys are only used for their own issuer.
#[derive(Debug)]
pub struct IssuerKeys {
    caches: ById<IssuerId, Option<KeySetCache>>,
}

impl IssuerKeys {
    /// Caches for these sources, one per issuer. `worker` is a number unique to this worker.
    pub fn new(sources: ById<IssuerId, Option<&KeySource>>, worker: u64) -> Self {
        let cache = |source: Option<&KeySource>| match source? {
            KeySource::Fixed(set) => Some(KeySetCache::fixed(set.clone())),
            KeySource::Fetched { timing, .. } | KeySource::Discovered { timing, .. } => {
                Some(KeySetCache::fetched(*timing, worker))
            }
        };
        Self { caches: sources.into_iter().map(cache).collect() }
    }

    /// The keys of `issuer` for a token.
    pub fn find(&mut self, issuer: IssuerId, query: &KeyQuery, now: UnixTime) -> Lookup<'_> {
        match self.cache(issuer) {
            Some(cache) => cache.find(query, now),
            None => Lookup::Unavailable,
        }
    }

    /// The generation of the key set of `issuer`, if it is usable at `now`.
    #[inline]
    pub fn generation(&self, issuer: IssuerId, now: UnixTime) -> Option<u64> {
        self.caches.get(issuer)?.as_ref()?.generation(now)
    }

    /// The cache of `issuer`, if it has keys.
    pub fn cache(&mut self, issuer: IssuerId) -> Option<&mut KeySetCache> {
        self.caches.get_mut(issuer).and_then(Option::as_mut)
    }

    /// The issuers whose keys should be fetched at `now`.
    pub fn due(&self, now: UnixTime) -> Vec<IssuerId> {
        let due = |cache: &Option<KeySetCache>| cache.as_ref().is_some_and(|cache| cache.is_due(now));
        self.caches.with_ids().filter(|(_, cache)| due(cache)).map(|(issuer, _)| issuer).collect()
    }

    /// Whether streams wait for the record that workers share.
    pub fn need_look(&self, now: UnixTime) -> bool {
        self.caches.iter().flatten().any(|cache| cache.needs_look(now))
    }
}
