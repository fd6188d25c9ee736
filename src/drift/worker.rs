//! How one worker shares drift state with the other workers of a host.

use super::Drift;
use super::findings::Report;
use super::shared::SharedDrift;
use crate::config::{Config, Resource};
use crate::manifest::Manifest;
use crate::time::UnixTime;
use crate::workers::{SharedData, SharedNames};

/// How often a record is read again because another worker was faster. After that, the news wait for the next tick.
const MAX_RACES: usize = 8;

/// The shared record of each resource, as last read.
#[derive(Debug)]
pub struct Told {
    names: Vec<String>,
    seen: Vec<Vec<u8>>,
}

impl Told {
    /// Prepares the records for the resources of a configuration.
    pub fn new(config: &Config, names: &SharedNames) -> Self {
        // Drift depends on the approved manifest, so its content is part of the name.
        let name = |resource: &Resource| {
            let approved = resource.manifest.as_ref().map(Manifest::tools_json).unwrap_or_default();
            names.of("drift", &[resource.identifier.as_str(), &approved])
        };
        let names: Vec<_> = config.resources.iter().map(name).collect();
        Self { seen: vec![Vec::new(); names.len()], names }
    }

    /// The names of the shared records.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Shares the news with the other workers immediately, because later they could overwrite newer observations. If
    /// other workers win every race, the news wait for the next tick and are reported then. Without shared data, each
    /// worker reports its own findings.
    pub fn report(&self, place: usize, drift: &mut Drift, shared: &dyn SharedData) -> Report {
        let news = drift.take(place);
        let Some(name) = self.names.get(place) else { return Report::default() };
        for _ in 0..MAX_RACES {
            let Ok(old) = shared.read(name) else { return SharedDrift::default().merge(&news) };
            let mut record = SharedDrift::decode(&old.bytes).unwrap_or_default();
            let report = record.merge(&news);
            let new = record.encode().into_bytes();
            if new == old.bytes {
                drift.is_told(place, &news);
                return report;
            }
            match shared.replace(name, &old, &new) {
                Ok(true) => {
                    drift.is_told(place, &news);
                    return report;
                }
                Ok(false) => {}
                Err(_) => return report,
            }
        }
        drift.give_back(place, news);
        Report::default()
    }

    /// Adopts the observations of other workers for every resource where they matter.
    pub fn adopt(&mut self, drift: &mut Drift, config: &Config, shared: &dyn SharedData, now: UnixTime) {
        for (place, (name, seen)) in self.names.iter().zip(&mut self.seen).enumerate() {
            if !drift.listens(place, config) {
                continue;
            }
            let Ok(record) = shared.read(name) else { continue };
            if *seen == record.bytes {
                continue;
            }
            let Some(told) = SharedDrift::decode(&record.bytes) else { continue };
            drift.adopt(place, config, &told, now);
            *seen = record.bytes;
        }
    }
}
