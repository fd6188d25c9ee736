//! Drift of tools: compared and reported at each tick and after each event.

use super::Gate;
use super::effect::Host;
use crate::audit::Event;
use crate::ids::ResourceId;

impl Gate {
    /// Compares new lists, reports the findings, and adopts those of other workers.
    pub(super) fn look_at_drift(&mut self, host: &Host<'_>) {
        self.known.drift.look(&self.config);
        self.report_drift(host);
        self.told.adopt(&mut self.known.drift, &self.config, host.shared, host.now);
    }

    /// Reports the findings.
    pub(super) fn report_drift(&mut self, host: &Host<'_>) {
        while let Some(id) = self.known.drift.has_news() {
            let report = self.told.report(id, &mut self.known.drift, host.shared, host.now);
            let resource = self.resource_name(id);
            for finding in &report.found {
                self.drift_event("drift", &resource, (finding.code, &finding.about), host);
            }
            for tool in &report.settled {
                self.drift_event("drift_settled", &resource, ("as_approved", tool), host);
            }
        }
    }

    fn drift_event(&mut self, name: &'static str, resource: &str, (code, about): (&str, &str), host: &Host<'_>) {
        let (resource, target) = (Some(resource.to_owned()), Some(about.to_owned()));
        self.event(&Event { resource, target, ..Event::new(name, code) }, host);
    }

    /// The identifier of `resource`, for logs.
    pub(super) fn resource_name(&self, resource: ResourceId) -> String {
        let resource = self.config.resources.get(resource);
        resource.map(|resource| resource.identifier.as_str().to_owned()).unwrap_or_default()
    }
}
