//! The turns of requests that wait.

use super::request::Request;
use super::step::Env;
use super::validation::Waiting;
use super::verified::Body;
use super::{Exchange, State};
use crate::meter::Meter;
use crate::time::UnixTime;

impl Exchange {
    /// Whether a request that could be tried again has to wait for its turn first. [`Self::try_again`] checks this too;
    /// a gate with many streams checks it before, to save the event.
    pub fn waits_for_turn(&mut self, meter: &Meter, now: UnixTime) -> bool {
        let waiting = match &mut self.state {
            State::AwaitingToken(asking) => &mut asking.waiting,
            State::AwaitingFreshness(_, waiting) => waiting,
            _ => return false,
        };
        let waits = !meter.has_left(waiting.payer(), now);
        if waits {
            waiting.postpone(meter);
        }
        waits
    }
}

impl Request {
    /// Counts the work of another try: reading the headers, and the body if it is complete.
    pub(super) fn turn_came(&self, body: Body, waiting: &Waiting, env: &Env<'_>) {
        self.admitted.set(true);
        env.meter.read(waiting.payer(), self.head.weight() + if body.ended.is_some() { body.size } else { 0 });
    }
}
