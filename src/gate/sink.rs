//! Audit lines posted to an endpoint, batch by batch.

use super::effect::Host;
use super::sent::late;
use super::{Gate, Purpose};
use crate::audit::sink::{Outcome, Sink};

impl Gate {
    /// Posts the waiting lines, and gives up calls whose answers did not arrive in time.
    pub(super) fn advance_sink(&mut self, host: &Host<'_>) {
        while let Some(post) = self.sink.as_ref().and_then(|sink| sink.overdue(host.now)) {
            let sent = self.calls.give_up(&|purpose| *purpose == Purpose::Audit(post));
            self.post_ended(post, false, &|| late(sent.as_ref()), host);
        }
        while let Some((post, body)) = self.sink.as_mut().and_then(|sink| sink.due(host.now)) {
            let Some(endpoint) = &self.config.audit.sink else { return };
            let request = endpoint.request("POST").with("content-type", "application/x-ndjson");
            self.call(Purpose::Audit(post), request.carrying(body.into_bytes()));
        }
    }

    /// A call has ended, which `told` is in words.
    pub(super) fn post_ended(&mut self, post: u64, arrived: bool, told: &dyn Fn() -> String, host: &Host<'_>) {
        let was_failing = self.sink.as_ref().is_some_and(Sink::is_failing);
        let outcome = self.sink.as_mut().map(|sink| sink.ended(post, arrived, host.now));
        let is_failing = self.sink.as_ref().is_some_and(Sink::is_failing);
        self.tell_outage("the audit sink is", (was_failing, is_failing), told, host);
        self.count_lines(outcome.unwrap_or_default());
        self.metrics.add("audit", "failed_posts", u64::from(!arrived));
    }

    /// Counts the outcomes of lines.
    pub(super) fn count_lines(&mut self, became: Outcome) {
        self.metrics.add("audit", "delivered", became.delivered);
        self.metrics.add("audit", "dropped", became.dropped);
        self.metrics.add("audit", "sampled_out", became.sampled_out);
    }
}
