//! How one worker shares drift state with the other workers of a host.

use super::Drift;
use super::findings::Report;
use super::shared::SharedDrift;
use crate::config::{Config, Resource};
use crate::ids::{ById, ResourceId};
use crate::manifest::Manifest;
use crate::time::UnixTime;
use crate::workers::{SharedData, SharedNames, Updated, update};

/// The shared record of each resource, as last read.
#[derive(Debug)]
pub struct Told {
    names: ById<ResourceId, String>,
    seen: ById<ResourceId, Vec<u8>>,
}

impl Told {
    /// Prepares the records for the resources of a configuration.
    pub fn new(config: &Config, names: &SharedNames) -> Self {
        // Drift depends on the approved manifest, so its content is part of the name.
        let name = |resource: &Resource| {
            let approved = resource.manifest.as_ref().map(Manifest::tools_json).unwrap_or_default();
            names.of("drift", &[resource.identifier.as_str(), &approved])
        };
        let names = config.resources.map(name);
        Self { seen: names.map(|_| Vec::new()), names }
    }

    /// The names of the shared records.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Shares the news with the other workers immediately, because later they could overwrite newer observations. If
    /// other workers win every race, the news wait for the next tick and are reported then. Without shared data, each
    /// worker reports its own findings.
    pub fn report(&self, resource: ResourceId, drift: &mut Drift, shared: &dyn SharedData, now: UnixTime) -> Report {
        let news = drift.take(resource);
        let Some(name) = self.names.get(resource) else { return Report::default() };
        let mut report = None;
        let updated = update(shared, name, &mut |old| {
            let mut record = SharedDrift::decode(old).unwrap_or_default();
            report = Some(record.merge(&news, now));
            Some(record.encode().into_bytes()).filter(|new| new != old)
        });
        match updated {
            Ok(Updated::Written | Updated::Kept) => drift.is_told(resource, &news),
            Ok(Updated::Lost) => {
                drift.give_back(resource, news);
                return Report::default();
            }
            Err(_) => {}
        }
        report.unwrap_or_else(|| SharedDrift::default().merge(&news, now))
    }

    /// Adopts the observations of other workers for every resource where they matter.
    pub fn adopt(&mut self, drift: &mut Drift, config: &Config, shared: &dyn SharedData, now: UnixTime) {
        for ((resource, name), seen) in self.names.with_ids().zip(self.seen.iter_mut()) {
            if !drift.listens(resource, config) {
                continue;
            }
            let Ok(record) = shared.read(name) else { continue };
            if *seen == record.bytes {
                continue;
            }
            // An unreadable record counts as empty: what this worker told is not known any more.
            let told = SharedDrift::decode(&record.bytes).unwrap_or_default();
            drift.adopt(resource, config, &told, now);
            *seen = record.bytes;
        }
    }
}
