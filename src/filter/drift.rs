//! Drift, at each tick and after each event.

use super::host;
use crate::audit::drift_line;
use crate::config::Config;
use crate::drift::Drift;
use crate::drift::worker::Told;

/// An event and its line.
type Event = (&'static str, String);

/// Compares the lists that came, reports the findings, and takes over those of other workers. Gives the events.
pub fn look(told: &mut Told, drift: &mut Drift, config: &Config) -> Vec<Event> {
    drift.look(config);
    let events = report(told, drift, config);
    told.adopt(drift, config, &host::Shared, host::now());
    events
}

/// Reports the findings. Gives the events.
pub fn report(told: &Told, drift: &mut Drift, config: &Config) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(place) = drift.has_news() {
        let report = told.report(place, drift, &host::Shared);
        let resource = config.resources.get(place).map(|resource| resource.identifier.as_str()).unwrap_or_default();
        let line = |event, code: &str, about: &str| (event, drift_line(event, resource, code, about));
        events.extend(report.found.iter().map(|finding| line("drift", finding.code, &finding.about)));
        events.extend(report.settled.iter().map(|tool| line("drift_settled", "as_approved", tool)));
    }
    events
}
