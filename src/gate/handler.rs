//! The loop that carries out effects, for every host.

use log::Level;

use super::effect::{CallId, Effect, StreamId};
use crate::callout::Request;
use crate::exchange::Step;

/// The maximum number of rounds in which effects of one event cause more effects. A refused call can cause another
/// call, but the gate waits before it repeats one, so a few rounds are enough.
const MAX_ROUNDS: usize = 16;

/// The actions of a host. None of them runs while the gate is borrowed, because each may lead to the next event.
pub trait EffectHandler {
    /// Sends a request. Its answer goes to [`Gate::answered`] later. If it cannot be sent, calls [`Gate::call_refused`]
    /// at once, and returns the effects of that.
    ///
    /// [`Gate::answered`]: super::Gate::answered
    /// [`Gate::call_refused`]: super::Gate::call_refused
    fn call(&mut self, call: CallId, request: Request) -> Vec<Effect>;
    /// Carries out a step of a stream that waited, and resumes its request if the step requires it. The stream may have
    /// ended.
    fn wake(&mut self, stream: StreamId, step: Step);
    /// Ends a stream, in both directions.
    fn end(&mut self, stream: StreamId);
    /// Sets the period of the timer, in milliseconds.
    fn tick_in(&mut self, period: u32);
    /// Logs a line.
    fn log(&mut self, level: Level, line: String);
    /// Adds to the counter of this thing and outcome.
    fn count(&mut self, thing: &'static str, outcome: &'static str, more: u64);
    /// Sets the gauge of this name.
    fn gauge(&mut self, name: String, value: u64);
}

/// Carries out the effects of one event in order, and then the effects that they cause.
pub fn carry_out(mut effects: Vec<Effect>, handler: &mut impl EffectHandler) {
    let mut rounds = 0..MAX_ROUNDS;
    while !effects.is_empty() {
        let (may_call, mut more) = (rounds.next().is_some(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Call(call, request) if may_call => more.extend(handler.call(call, request)),
                // The gate gives it up at its deadline, like a call without an answer.
                Effect::Call(..) => handler.log(Level::Error, "a call was dropped: too many were refused".to_owned()),
                Effect::Wake(stream, step) => handler.wake(stream, step),
                Effect::End(stream) => handler.end(stream),
                Effect::TickIn(period) => handler.tick_in(period),
                Effect::Log(level, line) => handler.log(level, line),
                Effect::Count(thing, outcome, more) => handler.count(thing, outcome, more),
                Effect::Gauge(name, value) => handler.gauge(name, value),
            }
        }
        effects = more;
    }
}
