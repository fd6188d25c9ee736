//! Metrics of Envoy. Their names are those of the other host; the outcome is a label.

use crate::abi::{Filter, Kind, Metric, Plugin};
use crate::outbox::Measure;

/// The things that are counted, and the label of their outcomes.
const COUNTERS: [(&str, &str); 10] = [
    ("decisions", "reason"),
    ("shadow_denials", "reason"),
    ("events", "event"),
    ("audit", "outcome"),
    ("cache", "outcome"),
    ("introspection", "outcome"),
    ("jwks", "outcome"),
    ("lists", "outcome"),
    ("policy", "outcome"),
    ("publish", "outcome"),
];
/// The gauges' names begin so, and end in the value of their label.
const AGE: &str = "toolgate.key_set_age.";

/// The metrics of one configuration.
pub struct Metrics {
    plugin: Plugin,
    counters: Vec<(&'static str, Metric)>,
    age: Option<Metric>,
}

impl Metrics {
    /// Defines them all. They are best effort: no decision depends on them.
    pub fn define(plugin: Plugin) -> Self {
        let define = |(thing, label): (&'static str, &str)| {
            let metric = plugin.define(Kind::Counter, &format!("toolgate.{thing}"), label);
            metric.ok().map(|metric| (thing, metric))
        };
        let counters: Vec<_> = COUNTERS.into_iter().filter_map(define).collect();
        let age = plugin.define(Kind::Gauge, AGE.trim_end_matches('.'), "issuer").ok();
        if counters.len() < COUNTERS.len() || age.is_none() {
            log::warn!("Envoy refused metrics; some are missing");
        }
        Self { plugin, counters, age }
    }

    /// Whether no stream is needed for them.
    pub fn need_no_stream(&self) -> bool {
        self.plugin.can_measure()
    }

    /// Takes over changes, through a stream if there is one.
    pub fn take(&self, changes: Vec<Measure>, stream: Option<Filter>) {
        for change in changes {
            let (metric, label, value) = match &change {
                Measure::Count(thing, outcome, more) => (self.counter(thing), *outcome, *more),
                Measure::Gauge(name, value) => (self.age, name.strip_prefix(AGE).unwrap_or_default(), *value),
            };
            let measure = |metric| match stream {
                Some(filter) => filter.measure(metric, label, value),
                None => self.plugin.measure(metric, label, value),
            };
            if metric.is_none_or(|metric| measure(metric).is_err()) {
                log::debug!("Envoy refused a metric");
            }
        }
    }

    fn counter(&self, thing: &str) -> Option<Metric> {
        self.counters.iter().find(|(own, _)| *own == thing).map(|(_, metric)| *metric)
    }
}
