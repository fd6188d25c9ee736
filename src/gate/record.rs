//! Log lines, counts, and the records of decisions.

use log::Level;

use super::Gate;
use super::effect::{Effect, Host};
use crate::audit::sink::Cause;
use crate::audit::{Decision, Event, LINE_PREFIX, Line, Record, Stamp};
use crate::config::Decisions;
use crate::exchange::{Effect as StreamEffect, Step};
use crate::metrics;

/// The event of an endpoint that fails, after it worked.
pub(super) const OUTAGE: &str = "outage";
/// The event of an endpoint that works again.
pub(super) const RECOVERED: &str = "recovered";

impl Gate {
    /// Counts an outcome of `thing`.
    pub(super) fn count(&mut self, thing: &'static str, outcome: &'static str) {
        self.metrics.count(thing, outcome);
    }

    /// Logs a line.
    pub(super) fn log(&mut self, level: Level, line: String) {
        self.effects.push(Effect::Log(level, line));
    }

    /// Counts an event that belongs to no request, and logs its line.
    pub(super) fn event(&mut self, event: &Event, host: &Host<'_>) {
        self.log_event(event.name, event.line(&host.stamp()));
    }

    /// Counts an event, and logs this line of it.
    pub(super) fn log_event(&mut self, event: &'static str, line: String) {
        self.count("events", event);
        self.log_change((event, line));
    }

    fn log_change(&mut self, (event, line): Line) {
        // Hosts of a mesh print no more than warnings.
        self.log(if event == OUTAGE { Level::Warn } else { Level::Info }, line);
    }

    /// Counts the beginning or the end of an outage of `what`, and logs it within the limit.
    pub(super) fn change(&mut self, what: &str, event: &Event, host: &Host<'_>) {
        self.count("events", event.name);
        let line = (event.name, event.line(&host.stamp()));
        let lines = self.known.limits.outages.take(what, line, host.now);
        lines.into_iter().for_each(|line| self.log_change(line));
    }

    /// Logs the changes that are held and due, or all that are held if `is_last`.
    pub(super) fn log_changes(&mut self, is_last: bool, host: &Host<'_>) {
        if !self.known.limits.outages.holds_any() {
            return;
        }
        self.forget_changes_of_keys();
        let outages = &mut self.known.limits.outages;
        let lines = if is_last { outages.rest() } else { outages.due(host.now) };
        lines.into_iter().for_each(|line| self.log_change(line));
    }

    /// Records an outage that began or ended with a call, which `told` is in words. `what`: the thing and its verb.
    #[inline(never)]
    pub(super) fn tell_outage(
        &mut self,
        what: &str,
        (was_failing, is_failing): (bool, bool),
        told: &dyn Fn() -> String,
        host: &Host<'_>,
    ) {
        let (event, word) = match (was_failing, is_failing) {
            (false, true) => (OUTAGE, " unavailable: "),
            (true, false) => (RECOVERED, " available again: "),
            _ => return,
        };
        let event = Event::new(event, [what, word, &told()].concat());
        self.change(what, &event, host);
    }

    /// Counts and records the effects of a step, and adds the lines that the host prints.
    pub(super) fn book(&mut self, step: &mut Step, host: &Host<'_>) {
        for effect in &mut step.effects {
            match effect {
                StreamEffect::Event(event, line) => {
                    self.count("events", event.name);
                    *line = Some(event.line(&host.stamp()));
                }
                StreamEffect::Listed(outcome) => self.count("lists", outcome),
                StreamEffect::Record(record, line) => *line = self.record(record, &host.stamp()),
                _ => {}
            }
        }
    }

    /// Whether someone reads the lines of decisions: the host's log, or the sink.
    pub(super) fn keeps_records(&self) -> bool {
        self.config.audit.decisions != Decisions::None && (self.prints_info || self.sink.is_some())
    }

    /// Records a decision. Returns its audit line if the host prints it. Records are best effort: a decision does not
    /// change because its record fails.
    fn record(&mut self, record: &Record, stamp: &Stamp<'_>) -> Option<String> {
        let counter = if record.decision == Decision::ShadowDeny { "shadow_denials" } else { "decisions" };
        self.count(counter, record.reason.as_str());
        let audit = &self.config.audit;
        let passes_unseen = audit.decisions == Decisions::Denied && record.decision == Decision::Allow;
        if passes_unseen || record.resource.is_none() || !self.keeps_records() {
            return None;
        }
        let line = record.line(audit.subject, stamp);
        if let Some(sink) = &mut self.sink {
            let cause = if record.caller.is_some() || record.is_known { Cause::Caller } else { Cause::Stranger };
            let lost = sink.push(line.strip_prefix(LINE_PREFIX).unwrap_or_default(), cause);
            self.count_lines(lost);
        }
        self.prints_info.then_some(line)
    }

    /// Passes all new counts and the ages of key sets to the host.
    pub(super) fn flush_metrics(&mut self, host: &Host<'_>) {
        let tokens = &mut self.known.tokens;
        self.metrics.add("cache", "hit", std::mem::take(&mut tokens.hits));
        self.metrics.add("cache", "miss", std::mem::take(&mut tokens.misses));
        let counts = self.metrics.take();
        self.effects.extend(counts.into_iter().map(|(thing, outcome, count)| Effect::Count(thing, outcome, count)));
        for (id, issuer) in self.config.issuers.with_ids() {
            let age = self.known.keys.cache(id).and_then(|cache| cache.age(host.now));
            let gauge = age.map(|age| Effect::Gauge(metrics::key_set_age(&issuer.name), age.as_secs()));
            self.effects.extend(gauge);
        }
    }
}
