//! The state that streams of one worker share.

use super::step::Env;
use crate::audit::{DecisionIds, LookAlikes};
use crate::config::Config;
use crate::dpop::Proofs;
use crate::drift::Drift;
use crate::introspection::Introspections;
use crate::jwks::IssuerKeys;
use crate::listing::KnownLists;
use crate::meter::Meter;
use crate::places::Places;
use crate::signature::SignatureVerifier;
use crate::time::UnixTime;
use crate::token::TokenCache;
use crate::workers::{NotShared, SharedData, SharedNames, Versioned};

/// The parts of [`Env`] that outlive an event.
#[allow(missing_docs)]
pub struct Instance {
    pub keys: IssuerKeys,
    pub tokens: TokenCache,
    pub introspection: Introspections,
    pub drift: Drift,
    pub lists: KnownLists,
    pub proofs: Proofs,
    pub ids: DecisionIds,
    pub look_alikes: LookAlikes,
    pub host_shows_bodies: bool,
    pub places: Places,
    pub meter: Meter,
}

impl Instance {
    /// An instance without history. Nothing in it is random: a host replaces the parts that have to be.
    pub fn new(config: &Config) -> Self {
        Self {
            keys: IssuerKeys::new(config.key_sources(), 1),
            tokens: TokenCache::new(config.token_cache_entries),
            introspection: Introspections::new(&config.issuers),
            drift: Drift::new(config, 1),
            lists: KnownLists::default(),
            proofs: Proofs::new(SharedNames::new(&[], &[]), None),
            ids: DecisionIds::new(1),
            look_alikes: LookAlikes::default(),
            host_shows_bodies: false,
            places: Places::new(config.issuers.len()),
            meter: Meter::default(),
        }
    }

    /// The environment of an event at `now`, on a host without shared data and client certificates.
    pub fn env<'a>(&'a mut self, config: &'a Config, verifier: &'a dyn SignatureVerifier, now: UnixTime) -> Env<'a> {
        Env {
            config,
            keys: &mut self.keys,
            tokens: &mut self.tokens,
            introspection: &mut self.introspection,
            drift: &mut self.drift,
            lists: &mut self.lists,
            proofs: &mut self.proofs,
            shared: &Nothing,
            peer_certificate: &|| None,
            verifier,
            now,
            ids: &mut self.ids,
            look_alikes: &mut self.look_alikes,
            host_shows_bodies: &mut self.host_shows_bodies,
            places: &self.places,
            meter: &self.meter,
        }
    }
}

/// The shared data of a host that has none.
struct Nothing;

impl SharedData for Nothing {
    fn read(&self, _: &str) -> Result<Versioned, NotShared> {
        Err(NotShared)
    }

    fn replace(&self, _: &str, _: &Versioned, _: &[u8]) -> Result<bool, NotShared> {
        Err(NotShared)
    }

    fn overwrite(&self, _: &str, _: &[u8]) -> Result<(), NotShared> {
        Err(NotShared)
    }
}
