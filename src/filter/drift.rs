//! What the workers of a host tell each other of drift: found by one, reported once, known to all.

use super::host;
use super::shared::Shared;
use crate::audit::drift_line;
use crate::config::{Config, Resource};
use crate::drift::shared::SharedDrift;
use crate::manifest::Manifest;
use crate::workers::{SharedData, SharedNames};

/// How often a record is read again because another worker was faster.
const MAX_RACES: usize = 8;

/// The shared record of each resource as it was last seen.
pub struct Told {
    names: Vec<String>,
    seen: Vec<Vec<u8>>,
}

impl Told {
    /// For the resources of a configuration.
    pub fn new(config: &Config, names: &SharedNames) -> Self {
        // What differs depends on what was approved.
        let name = |resource: &Resource| {
            let approved = resource.manifest.as_ref().map(Manifest::tools_json).unwrap_or_default();
            names.of("drift", &[resource.identifier.as_str(), &approved])
        };
        let names: Vec<_> = config.resources.iter().map(name).collect();
        Self { seen: vec![Vec::new(); names.len()], names }
    }

    /// Time goes by: compares what came, reports it, and takes over what others found.
    pub fn look(&mut self, shared: &Shared) {
        shared.drift.borrow_mut().look(&shared.config.borrow());
        for place in 0..self.names.len() {
            if shared.drift.borrow().has_news() == Some(place) {
                self.report(shared, place);
            }
        }
        (0..self.names.len()).for_each(|place| self.adopt(shared, place));
    }

    /// Reports what was found, at once: later, it could take the place of what another worker saw since. Where nothing is
    /// shared, each worker reports for itself.
    pub fn report(&self, shared: &Shared, place: usize) {
        let news = shared.drift.borrow_mut().take(place);
        let Some(name) = self.names.get(place) else { return };
        let mut reported = SharedDrift::default().merge(&news);
        for _ in 0..MAX_RACES {
            let Ok(old) = host::Shared.read(name) else { break };
            let mut record = SharedDrift::decode(&old.bytes).unwrap_or_default();
            reported = record.merge(&news);
            let new = record.encode().into_bytes();
            if new == old.bytes || !matches!(host::Shared.replace(name, &old, &new), Ok(false)) {
                break;
            }
        }
        let config = shared.config.borrow();
        let resource = config.resources.get(place).map(|resource| resource.identifier.as_str()).unwrap_or_default();
        let (found, settled) = reported;
        for finding in &found {
            shared.log_event("drift", &drift_line("drift", resource, finding.code, &finding.about));
        }
        for tool in &settled {
            shared.log_event("drift_settled", &drift_line("drift_settled", resource, "as_approved", tool));
        }
    }

    /// The names of what is shared.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn adopt(&mut self, shared: &Shared, place: usize) {
        let config = shared.config.borrow();
        let listens = shared.drift.borrow().listens(place, &config);
        let (Some(name), true) = (self.names.get(place), listens) else { return };
        let Ok(record) = host::Shared.read(name) else { return };
        if self.seen.get(place).is_some_and(|seen| *seen == record.bytes) {
            return;
        }
        let Some(told) = SharedDrift::decode(&record.bytes) else { return };
        shared.drift.borrow_mut().adopt(place, &config, &told, host::now());
        self.seen.get_mut(place).into_iter().for_each(|seen| seen.clone_from(&record.bytes));
    }
}
