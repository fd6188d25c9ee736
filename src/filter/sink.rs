//! Audit lines posted to an endpoint, batch by batch.

use super::callout;
use super::host;
use super::shared::Shared;

/// The calls under way, by the host's name and by the queue's.
#[derive(Default)]
pub struct Posts {
    calls: Vec<(u32, u64)>,
}

impl Posts {
    /// Time goes by: sends what waits, and gives up calls whose answer never came.
    pub fn advance(&mut self, shared: &Shared) {
        while let Some(post) = shared.sink.borrow().as_ref().and_then(|sink| sink.overdue(host::now())) {
            self.calls.retain(|(_, own)| *own != post);
            ended(shared, post, false);
        }
        loop {
            let due = shared.sink.borrow_mut().as_mut().and_then(|sink| sink.due(host::now()));
            let config = shared.config.borrow();
            let (Some((post, body)), Some(endpoint)) = (due, &config.audit.sink) else { return };
            let request =
                endpoint.request("POST").with("content-type", "application/x-ndjson").carrying(body.into_bytes());
            match callout::send(&request) {
                Ok(call) => self.calls.push((call, post)),
                Err(_) => ended(shared, post, false),
            }
        }
    }

    /// An answer came. Says whether it was about one of these.
    pub fn answered(&mut self, shared: &Shared, call: u32) -> bool {
        let Some(place) = self.calls.iter().position(|(own, _)| *own == call) else { return false };
        let (_, post) = self.calls.swap_remove(place);
        let status = callout::answer(0, 0).status.unwrap_or_default();
        ended(shared, post, (200..300).contains(&status));
        // More may have come meanwhile.
        self.advance(shared);
        true
    }
}

fn ended(shared: &Shared, post: u64, arrived: bool) {
    let outcome = shared.sink.borrow_mut().as_mut().map(|sink| sink.ended(post, arrived, host::now()));
    shared.count_lines(outcome.unwrap_or_default());
    shared.metrics.borrow_mut().add("audit", "failed_posts", u64::from(!arrived));
}
