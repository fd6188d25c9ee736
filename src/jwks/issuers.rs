//! The key sets of every configured issuer.

use super::{KeyQuery, KeySet, KeySetCache, Lookup};
use crate::time::UnixTime;
use crate::url::Url;
use crate::workers::Timing;

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Fetched by HTTP callout from the `jwks_uri` of the issuer's metadata.
    Discovered {
        /// The issuer's identifier, which leads to its metadata.
        issuer: Url,
        /// The host's cluster that reaches both the issuer and its keys.
        cluster: String,
        /// When to fetch.
        timing: Timing,
    },
    /// Fetched by HTTP callout.
    Fetched {
        /// The set's URL.
        uri: Url,
        /// The host's cluster that reaches it.
        cluster: String,
        /// When to fetch.
        timing: Timing,
    },
    /// Part of the configuration.
    Fixed(KeySet),
}

impl KeySource {
    /// The location of a set that is fetched, and the cluster that reaches it. Two sources with equal identities share
    /// one set.
    pub fn identity(&self) -> Option<(&str, &str)> {
        match self {
            Self::Discovered { cluster, .. } => Some(("discover", cluster)),
            Self::Fetched { uri, cluster, .. } => Some((uri.as_str(), cluster)),
            Self::Fixed(_) => None,
        }
    }
}

/// One cache per issuer, in the configuration's order: keys belong to their issuer only.
#[derive(Debug)]
pub struct IssuerKeys {
    caches: Vec<Option<KeySetCache>>,
}

impl IssuerKeys {
    /// Caches for these sources, one per issuer; `worker` is a number that no other worker has.
    pub fn new<'s>(sources: impl Iterator<Item = Option<&'s KeySource>>, worker: u64) -> Self {
        let cache = |source: Option<&KeySource>| match source? {
            KeySource::Fixed(set) => Some(KeySetCache::fixed(set.clone())),
            KeySource::Fetched { timing, .. } | KeySource::Discovered { timing, .. } => {
                Some(KeySetCache::fetched(*timing, worker))
            }
        };
        Self { caches: sources.map(cache).collect() }
    }

    /// The keys of the issuer at `place` for a token.
    pub fn find(&mut self, place: usize, query: &KeyQuery, now: UnixTime) -> Lookup<'_> {
        match self.cache(place) {
            Some(cache) => cache.find(query, now),
            None => Lookup::Unavailable,
        }
    }

    /// Which set the issuer at `place` has, if it has one that may be used at `now`.
    pub fn generation(&self, place: usize, now: UnixTime) -> Option<u64> {
        self.caches.get(place)?.as_ref()?.generation(now)
    }

    /// The cache of the issuer at `place`, if it has keys.
    pub fn cache(&mut self, place: usize) -> Option<&mut KeySetCache> {
        self.caches.get_mut(place).and_then(Option::as_mut)
    }

    /// The places of issuers whose keys should be fetched at `now`.
    pub fn due(&self, now: UnixTime) -> Vec<usize> {
        let due = |cache: &Option<KeySetCache>| cache.as_ref().is_some_and(|cache| cache.is_due(now));
        self.caches.iter().enumerate().filter(|(_, cache)| due(cache)).map(|(place, _)| place).collect()
    }

    /// Whether streams wait for a look at what other workers did.
    pub fn need_look(&self, now: UnixTime) -> bool {
        self.caches.iter().flatten().any(|cache| cache.needs_look(now))
    }
}
