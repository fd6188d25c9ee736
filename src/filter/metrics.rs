//! Metrics of the host: defined when they are first needed, and fed at each tick.

use super::host::{self, MetricKind};
use super::shared::Shared;
use crate::metrics;

/// The host's numbers for metrics, by their names.
#[derive(Default)]
pub struct Defined {
    metrics: Vec<(String, u32)>,
}

impl Defined {
    fn id(&mut self, kind: MetricKind, name: String) -> Option<u32> {
        if let Some((_, id)) = self.metrics.iter().find(|(own, _)| *own == name) {
            return Some(*id);
        }
        let id = host::define_metric(kind, &name).ok()?;
        self.metrics.push((name, id));
        Some(id)
    }
}

/// Hands over what was counted since the last time. Metrics are best effort: no decision depends on them.
pub fn flush(shared: &Shared, defined: &mut Defined) {
    let (hits, misses) = shared.take_cache_counts();
    let counts = {
        let mut counts = shared.metrics.borrow_mut();
        counts.add("cache", "hit", hits);
        counts.add("cache", "miss", misses);
        counts.take()
    };
    for (thing, outcome, count) in counts {
        let id = defined.id(MetricKind::Counter, metrics::counter(thing, outcome));
        let done = id.map(|id| host::increment_metric(id, i64::try_from(count).unwrap_or(i64::MAX)));
        if !matches!(done, Some(Ok(()))) {
            log::debug!("the host refused the metric toolgate.{thing}.{outcome}");
        }
    }
    for (place, issuer) in shared.config.issuers.iter().enumerate() {
        let age = shared.keys.borrow_mut().cache(place).and_then(|cache| cache.age(host::now()));
        let Some(age) = age else { continue };
        let id = defined.id(MetricKind::Gauge, metrics::key_set_age(&issuer.name));
        if id.map(|id| host::record_metric(id, age.as_secs())).is_none_or(|done| done.is_err()) {
            log::debug!("the host refused the age of the keys of {}", issuer.name);
        }
    }
}
