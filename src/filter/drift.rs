//! What the workers of a host tell each other of drift: found by one, reported once, known to all.

use super::host;
use crate::audit::drift_line;
use crate::config::{Config, Resource};
use crate::drift::Drift;
use crate::drift::shared::SharedDrift;
use crate::manifest::Manifest;
use crate::workers::{SharedData, SharedNames};

/// How often a record is read again because another worker was faster.
const MAX_RACES: usize = 8;

/// An event and its line.
type Event = (&'static str, String);

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

    /// Compares the lists that came, reports the findings, and takes over those of other workers. Gives the events.
    pub fn look(&mut self, drift: &mut Drift, config: &Config) -> Vec<Event> {
        drift.look(config);
        let mut events = Vec::new();
        for place in 0..self.names.len() {
            if drift.has_news() == Some(place) {
                events.extend(self.report(drift, config, place));
            }
        }
        (0..self.names.len()).for_each(|place| self.adopt(drift, config, place));
        events
    }

    /// Reports findings at once: a later report could replace what another worker has seen since. Where nothing is shared,
    /// each worker reports for itself. Gives the events.
    pub fn report(&self, drift: &mut Drift, config: &Config, place: usize) -> Vec<Event> {
        let news = drift.take(place);
        let Some(name) = self.names.get(place) else { return Vec::new() };
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
        let resource = config.resources.get(place).map(|resource| resource.identifier.as_str()).unwrap_or_default();
        let line = |event, code: &str, about: &str| (event, drift_line(event, resource, code, about));
        let (found, settled) = reported;
        let found = found.iter().map(|finding| line("drift", finding.code, &finding.about));
        found.chain(settled.iter().map(|tool| line("drift_settled", "as_approved", tool))).collect()
    }

    /// The names of what is shared.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn adopt(&mut self, drift: &mut Drift, config: &Config, place: usize) {
        let (Some(name), true) = (self.names.get(place), drift.listens(place, config)) else { return };
        let Ok(record) = host::Shared.read(name) else { return };
        if self.seen.get(place).is_some_and(|seen| *seen == record.bytes) {
            return;
        }
        let Some(told) = SharedDrift::decode(&record.bytes) else { return };
        drift.adopt(place, config, &told, host::now());
        self.seen.get_mut(place).into_iter().for_each(|seen| seen.clone_from(&record.bytes));
    }
}
