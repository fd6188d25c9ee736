//! Drift of tools: compared and reported at each tick and after each event.

use super::Gate;
use super::effect::Host;
use crate::audit::drift_line;
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
                self.log_event("drift", drift_line("drift", &resource, finding.code, &finding.about));
            }
            for tool in &report.settled {
                self.log_event("drift_settled", drift_line("drift_settled", &resource, "as_approved", tool));
            }
        }
    }

    /// The identifier of `resource`, for logs.
    pub(super) fn resource_name(&self, resource: ResourceId) -> String {
        let resource = self.config.resources.get(resource);
        resource.map(|resource| resource.identifier.as_str().to_owned()).unwrap_or_default()
    }
}
