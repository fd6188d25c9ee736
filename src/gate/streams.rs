//! The streams of a worker: their events, the waiting streams, and the watched streams.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::effect::{Effect, Host, StreamId, Streams};
use super::{AT_ONCE, Gate, POLL, TICK};
use crate::exchange::{Awaited, Effect as StreamEffect, Env, Event, Exchange, Flow, FollowUp, Step, Wants};
use crate::meter::{Payer, TURN};
use crate::time::UnixTime;

/// A turn of the streams that waited for an answer.
const ANSWERED: Awaited = Awaited::Turn { answered: true };
/// The minimum time between two checks of the watched streams. There may be thousands of them, and the gate ticks more
/// often while streams wait for a turn.
const WATCH: Duration = Duration::from_millis(TICK as u64 / 2);

/// The shared value after a body was seen while headers were held.
const SHOWN: &[u8] = b"shown";

/// One stream. The host keeps it as long as the stream exists. The gate has only weak references, so that a dropped
/// stream stops waiting, and its place is free.
pub struct Stream {
    id: StreamId,
    exchange: Rc<RefCell<Exchange>>,
}

impl Stream {
    /// A stream before its first event.
    pub fn new(id: StreamId) -> Self {
        Self { id, exchange: Rc::default() }
    }

    /// The parts of the answer that it needs from now on.
    pub fn wants(&self) -> Wants {
        self.exchange.borrow().wants()
    }

    /// The service that the stream needs of its gate.
    #[inline]
    pub fn follow_up(&self) -> FollowUp {
        self.exchange.borrow().follow_up()
    }

    fn weak(&self) -> WeakStream {
        (self.id, Rc::downgrade(&self.exchange))
    }
}

type WeakStream = (StreamId, Weak<RefCell<Exchange>>);

/// The streams that need a tick.
#[derive(Default)]
pub(super) struct LookedAfter {
    /// Streams that wait for the root context: for keys, an answer, their turn, or a time.
    waiting: Vec<WeakStream>,
    /// Streams that end when their caller is no longer allowed.
    watched: Vec<WeakStream>,
    /// Whether an immediate tick was requested and has not happened yet.
    poked: bool,
    /// When the watched streams were last looked at.
    looked: UnixTime,
}

impl Gate {
    /// Handles an event of a stream. The host carries out the effects first, then the step.
    pub fn stream(&mut self, stream: &Stream, event: Event<'_>, host: &Host<'_>) -> (Vec<Effect>, Step) {
        let before = stream.follow_up();
        let step = self.run(&stream.exchange, event, host);
        self.look_after(stream, before, host);
        (std::mem::take(&mut self.effects), step)
    }

    /// Records the stream's need after an event. `before` is its need before the event.
    fn look_after(&mut self, stream: &Stream, before: FollowUp, host: &Host<'_>) {
        match (before, stream.follow_up()) {
            (_, FollowUp::Nothing)
            | (FollowUp::Watch, FollowUp::Watch)
            | (FollowUp::Tick, FollowUp::Tick)
            | (FollowUp::TryAgain(_), FollowUp::Tick | FollowUp::TryAgain(_)) => {}
            (_, FollowUp::Watch) => self.looked_after.watched.push(stream.weak()),
            (_, after) => self.wait(stream, (before, after), host),
        }
    }

    fn run(&mut self, exchange: &RefCell<Exchange>, event: Event<'_>, host: &Host<'_>) -> Step {
        let mut step = exchange.borrow_mut().handle(event, &mut self.env(host));
        self.share_news(host);
        self.book(&mut step, host);
        step
    }

    fn env<'e>(&'e mut self, host: &Host<'e>) -> Env<'e> {
        let keeps_records = self.keeps_records();
        self.known.env(&self.config, host, keeps_records)
    }

    /// Shares the discoveries of an event with other workers immediately.
    fn share_news(&mut self, host: &Host<'_>) {
        if self.known.host_shows_bodies && !self.bodies.is_told {
            self.bodies.is_told = true;
            // Without shared data, each worker finds out for itself.
            let _ = host.shared.overwrite(&self.bodies.name, SHOWN);
        }
        self.report_drift(host);
    }

    /// Adopts the observations of other workers about the host.
    pub(super) fn look_at_host(&mut self, host: &Host<'_>) {
        if !self.known.host_shows_bodies {
            let is_told = host.shared.read(&self.bodies.name).is_ok_and(|value| value.bytes == SHOWN);
            (self.known.host_shows_bodies, self.bodies.is_told) = (is_told, is_told);
        }
    }

    /// Whether the gate may wake or end the stream on its own, so that the host has to be able to reach it.
    pub fn looks_after(&self, stream: &Stream) -> bool {
        let follow_up = stream.follow_up();
        follow_up == FollowUp::Watch || self.needs_root(follow_up)
    }

    /// Whether a waiting stream needs the root context: to get what verifies its token, or to end its waiting in time.
    /// A stream that waits for a body does not need it once it is known that the host shows bodies.
    fn needs_root(&self, follow_up: FollowUp) -> bool {
        match follow_up {
            FollowUp::TryAgain(_) => true,
            FollowUp::Tick => !self.known.host_shows_bodies,
            FollowUp::Nothing | FollowUp::Watch => false,
        }
    }

    /// Records that a stream waits, and requests an immediate tick if a call is to be sent.
    fn wait(&mut self, stream: &Stream, (before, after): (FollowUp, FollowUp), host: &Host<'_>) {
        if !self.needs_root(after) {
            return;
        }
        // A stream that waited for a time may now wait for its issuer.
        if before == FollowUp::Tick {
            self.looked_after.waiting.retain(|(own, _)| *own != stream.id);
        }
        self.looked_after.waiting.push(stream.weak());
        let is_of_use = match after.awaited() {
            Some(Awaited::Keys) => self.known.keys.need_look(host.now) || !self.known.keys.due(host.now).is_empty(),
            Some(Awaited::Answer(_)) => self.known.introspection.is_due(),
            Some(Awaited::Turn { .. }) => true,
            None => false,
        };
        if is_of_use {
            self.poke();
        }
    }

    /// Requests an immediate tick, once: another request would restart the period.
    fn poke(&mut self) {
        if !std::mem::replace(&mut self.looked_after.poked, true) {
            self.effects.push(Effect::TickIn(AT_ONCE));
        }
    }

    /// Whether a stream waits for `what`.
    fn is_awaited(&self, what: Awaited) -> bool {
        let awaits = |exchange: Rc<RefCell<Exchange>>| exchange.borrow().follow_up() == FollowUp::TryAgain(what);
        self.looked_after.waiting.iter().any(|(_, stream)| stream.upgrade().is_some_and(awaits))
    }

    /// Whether a stream waits for its turn.
    fn turns_are_awaited(&self) -> bool {
        [Payer::Strangers, Payer::Callers, Payer::Streams].into_iter().any(|payer| self.known.meter.is_awaited(payer))
    }

    /// Retries the token of every stream that waits for `what`, which has arrived. Introspection responses are kept for
    /// streams whose turn comes later.
    pub(super) fn try_again(&mut self, what: Awaited, host: &Host<'_>, streams: &dyn Streams) {
        self.wake(Some(what), host, streams);
        let for_others = self.is_awaited(ANSWERED);
        self.known.introspection.handed_out(for_others);
    }

    /// Wakes the streams whose turn it is. Only streams that waited for an answer get it.
    pub(super) fn take_turns(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        for awaited in [ANSWERED, Awaited::Turn { answered: false }] {
            if self.is_awaited(awaited) {
                if awaited == ANSWERED {
                    self.known.introspection.hand_out();
                }
                self.try_again(awaited, host, streams);
            }
        }
    }

    /// Runs an event of every stream that waits for `what`, or only for a time, within the limit of work for one
    /// wake-up. The others wait for their turn.
    pub(super) fn wake(&mut self, what: Option<Awaited>, host: &Host<'_>, streams: &dyn Streams) {
        let read = |max| streams.request_body(max);
        for (id, stream) in std::mem::take(&mut self.looked_after.waiting) {
            let Some(exchange) = stream.upgrade() else { continue };
            if exchange.borrow().follow_up().awaited() != what {
                self.looked_after.waiting.push((id, stream));
                continue;
            }
            if exchange.borrow_mut().waits_for_turn(&self.known.meter, host.now) {
                self.looked_after.waiting.push((id, stream));
                continue;
            }
            if !streams.enter(id) {
                // The host has ended it.
                continue;
            }
            let event = if what.is_some() { Event::TryAgain { read: &read } } else { Event::Tick };
            let step = self.run(&exchange, event, host);
            if step.flow != Flow::Pause || !step.effects.is_empty() {
                self.effects.push(Effect::Wake(id, step));
            }
            match exchange.borrow().follow_up() {
                // A waiting stream was not watched before.
                FollowUp::Watch => self.looked_after.watched.push((id, stream)),
                after if self.needs_root(after) => self.looked_after.waiting.push((id, stream)),
                _ => {}
            }
        }
        if self.turns_are_awaited() {
            self.poke();
        }
    }

    /// Ends the watched streams whose caller is no longer allowed.
    pub(super) fn end_outlived(&mut self, host: &Host<'_>) {
        if host.now.within(WATCH, self.looked_after.looked) && !self.known.meter.is_awaited(Payer::Streams) {
            return;
        }
        self.looked_after.looked = host.now;
        let watched = std::mem::take(&mut self.looked_after.watched);
        let mut kept = Vec::with_capacity(watched.len());
        for (id, stream) in watched {
            let Some(exchange) = stream.upgrade() else { continue };
            let ends = exchange.borrow_mut().ends(&mut self.env(host));
            self.share_news(host);
            let Some(ends) = ends else {
                kept.push((id, stream));
                continue;
            };
            if let StreamEffect::Event(event, _) = ends {
                self.event(&event, host);
            }
            self.effects.push(Effect::End(id));
        }
        self.looked_after.watched = kept;
    }

    /// Sets the period of the timer, at the end of a tick. A worker is not notified when another worker's fetch ends,
    /// so it polls meanwhile.
    pub(super) fn set_timer(&mut self, host: &Host<'_>) {
        let period = if self.turns_are_awaited() {
            u32::try_from(TURN.as_millis()).unwrap_or(POLL)
        } else if self.known.keys.need_look(host.now) && self.is_awaited(Awaited::Keys) {
            POLL
        } else {
            TICK
        };
        self.looked_after.poked = period != TICK;
        // Inserted first, because a later effect may request an earlier tick.
        self.effects.insert(0, Effect::TickIn(period));
    }
}
