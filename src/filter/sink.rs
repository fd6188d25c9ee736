//! Audit lines posted to an endpoint, batch by batch.

use super::callout;
use super::host;
use super::shared::Shared;
use crate::audit::sink::Outcome;

/// The call under way, if there is one.
#[derive(Default)]
pub struct Posts {
    call: Option<u32>,
}

impl Posts {
    /// Time goes by: sends what waits, and gives up a call whose answer never came.
    pub fn advance(&mut self, shared: &Shared) {
        if shared.sink.borrow().as_ref().is_some_and(|sink| sink.is_overdue(host::now())) {
            self.call = None;
            ended(shared, false);
        }
        let body = shared.sink.borrow_mut().as_mut().and_then(|sink| sink.due(host::now()));
        let (Some(body), Some(endpoint)) = (body, &shared.config.audit.sink) else { return };
        let request = callout::Request {
            cluster: &endpoint.cluster,
            method: "POST",
            uri: &endpoint.uri,
            headers: vec![("content-type", "application/x-ndjson")],
            body: Some(body.as_bytes()),
            timeout: endpoint.timeout,
        };
        self.call = callout::send(request).ok();
        if self.call.is_none() {
            ended(shared, false);
        }
    }

    /// An answer came. Says whether it was about this.
    pub fn answered(&mut self, shared: &Shared, call: u32) -> bool {
        if self.call != Some(call) {
            return false;
        }
        self.call = None;
        let status = callout::answer(0, 0).status.unwrap_or_default();
        ended(shared, (200..300).contains(&status));
        // More may have come meanwhile.
        self.advance(shared);
        true
    }
}

fn ended(shared: &Shared, arrived: bool) {
    let outcome = shared.sink.borrow_mut().as_mut().map(|sink| sink.ended(arrived, host::now()));
    let Outcome { delivered, dropped } = outcome.unwrap_or_default();
    let mut metrics = shared.metrics.borrow_mut();
    metrics.add("audit", "delivered", delivered);
    metrics.add("audit", "dropped", dropped);
    metrics.add("audit", "failed_posts", u64::from(!arrived));
}
