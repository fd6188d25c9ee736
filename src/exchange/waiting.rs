//! The turns of requests that wait.

use super::request::Request;
use super::step::Env;
use super::validation::Waiting;
use super::verified::Body;
use super::{Exchange, State};
use crate::meter::Meter;
use crate::time::UnixTime;

impl Exchange {
    /// Whether a request whose token may be tried again has to wait for its turn first. [`Self::try_again`] asks
    /// this; a host with many streams asks it before, to spare itself the event.
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
    /// Its token is tried again: its headers are read, and its body if that is whole.
    pub(super) fn turn_came(&self, body: Body, waiting: &Waiting, env: &Env<'_>) {
        self.admitted.set(true);
        env.meter.read(waiting.payer(), self.head.weight() + if body.ended.is_some() { body.size } else { 0 });
    }
}
