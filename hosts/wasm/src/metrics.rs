//! Metrics of the host, defined at their first use. They are best effort: no decision depends on them.

use crate::host::{self, HostFault, MetricKind};
use toolgate::metrics;

/// The host's ids of metrics, by name.
#[derive(Default)]
pub struct Defined {
    metrics: Vec<(String, u32)>,
}

impl Defined {
    fn id(&mut self, kind: MetricKind, name: String) -> Result<u32, HostFault> {
        if let Some((_, id)) = self.metrics.iter().find(|(own, _)| *own == name) {
            return Ok(*id);
        }
        let id = host::define_metric(kind, &name)?;
        self.metrics.push((name, id));
        Ok(id)
    }

    /// Adds to a counter.
    pub fn count(&mut self, thing: &str, outcome: &str, more: u64) {
        let id = self.id(MetricKind::Counter, metrics::counter(thing, outcome));
        if id.and_then(|id| host::increment_metric(id, i64::try_from(more).unwrap_or(i64::MAX))).is_err() {
            log::debug!("the host refused the metric toolgate.{thing}.{outcome}");
        }
    }

    /// Sets a gauge.
    pub fn set(&mut self, name: String, value: u64) {
        if self.id(MetricKind::Gauge, name).and_then(|id| host::record_metric(id, value)).is_err() {
            log::debug!("the host refused a gauge");
        }
    }
}
