//! The state that streams of one worker share.

use crate::audit::{DecisionIds, Limits};
use crate::config::Config;
use crate::dpop::Proofs;
use crate::drift::Drift;
use crate::exchange::Env;
use crate::introspection::Introspections;
use crate::jwks::IssuerKeys;
use crate::listing::KnownLists;
use crate::meter::Meter;
use crate::places::Places;
use crate::token::TokenCache;

use super::effect::Host;

/// The parts of the environment of an event that outlive it.
#[allow(missing_docs)]
pub struct Known {
    pub keys: IssuerKeys,
    pub tokens: TokenCache,
    pub introspection: Introspections,
    pub drift: Drift,
    pub lists: KnownLists,
    pub proofs: Proofs,
    pub ids: DecisionIds,
    pub limits: Limits,
    pub host_shows_bodies: bool,
    pub places: Places,
    pub meter: Meter,
}

impl Known {
    /// The environment of an event. `keeps_records`: someone reads the lines of decisions.
    pub(super) fn env<'e>(&'e mut self, config: &'e Config, host: &Host<'e>, keeps_records: bool) -> Env<'e> {
        Env {
            config,
            keys: &mut self.keys,
            tokens: &mut self.tokens,
            introspection: &mut self.introspection,
            drift: &mut self.drift,
            lists: &mut self.lists,
            proofs: &mut self.proofs,
            shared: host.shared,
            peer_certificate: host.peer_certificate,
            verifier: host.verifier,
            now: host.now,
            keeps_records,
            ids: &mut self.ids,
            limits: &mut self.limits,
            host_shows_bodies: &mut self.host_shows_bodies,
            places: &self.places,
            meter: &self.meter,
        }
    }
}
