//! The state of one worker: its gate, its streams, its mail. It has no lock and no thread of its own.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::abi::{Filter, Message, StreamScheduler};
use crate::clock::instant;
use crate::host::{lend, now, peer_certificate};
use crate::log::prints_info;
use crate::outbox::{Call, Measure, Outbox, Ticket};
use crate::step::{self, Rest};
use crate::stream::Open;
use toolgate::callout::Request;
use toolgate::config::SubjectForm;
use toolgate::exchange::{Event, Flow, FollowUp, Step, Wants};
use toolgate::gate::{
    AT_ONCE, Answer, CallId, Effect, EffectHandler, Gate, Level, Stream, StreamId, Streams, carry_out,
};
use toolgate::reply::Reply;
use toolgate::time::UnixTime;

/// Something for the gate that comes from another thread.
pub enum Mail {
    Tick,
    Answer(Ticket, Received),
    /// Envoy did not send a call, and gave this status.
    Refused(Ticket, u32),
}

/// An answer to a call, copied.
#[derive(Default)]
pub struct Received {
    pub status: Option<u16>,
    pub etag: Option<String>,
    pub size: usize,
    /// Nothing, if the answer is larger than any that the gate would read.
    pub body: Option<Vec<u8>>,
}

/// An action that may lead to the next event at once. It waits until the state is free.
pub enum After {
    Reply(Arc<Open>, Reply),
    Resume(Arc<Open>),
    End(Arc<Open>),
    Refuse(Arc<Open>),
}

/// How to reach the thread that has to look at the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody has to, or the worker was called through one of its streams.
    Nobody,
    /// The main thread.
    Main,
}

/// A stream that exists in Envoy.
struct Slot {
    stream: Stream,
    open: Arc<Open>,
    /// Of a stream that waits, or is watched.
    scheduler: Option<StreamScheduler>,
}

/// A map by stream. The ids are numbers of this module, so that nobody can choose ones that collide.
type ByStream<T> = HashMap<StreamId, T, BuildHasherDefault<Spread>>;

/// Spreads the number of a stream over all bits, some of which the map compares first.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        // The golden ratio.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub struct State {
    /// The number of this worker.
    number: usize,
    gate: Gate,
    /// The number of gates before this one, each of which panicked.
    replaced: u32,
    streams: ByStream<Slot>,
    last: u32,
    mail: VecDeque<Mail>,
    /// Actions for the worker's own thread that another thread came upon.
    left: Vec<After>,
    /// Whether a thread was called for the mail and has not come yet.
    is_called: bool,
    period: Duration,
    due: Instant,
    subject: SubjectForm,
}

/// The open streams of a worker, for its gate.
struct Current<'s> {
    streams: &'s ByStream<Slot>,
    current: Cell<Option<Filter>>,
}

impl Streams for Current<'_> {
    fn enter(&self, stream: StreamId) -> bool {
        self.current.set(self.streams.get(&stream).map(|slot| slot.open.filter));
        self.current.get().is_some()
    }

    fn request_body(&self, max: usize) -> Option<Vec<u8>> {
        self.current.get()?.body(Message::Request, max)
    }
}

impl State {
    pub fn new(number: usize, gate: Gate, subject: SubjectForm) -> Self {
        Self {
            number,
            gate,
            replaced: 0,
            streams: HashMap::default(),
            last: 0,
            mail: VecDeque::new(),
            left: Vec::new(),
            is_called: false,
            period: Duration::from_millis(AT_ONCE.into()),
            due: instant(),
            subject,
        }
    }

    /// A stream begins.
    pub fn begin(&mut self, filter: Filter) -> (StreamId, Arc<Open>) {
        self.last = self.last.wrapping_add(1);
        let (id, open) = (StreamId(self.last), Arc::new(Open::new(filter)));
        self.streams.insert(id, Slot { stream: Stream::new(id), open: open.clone(), scheduler: None });
        (id, open)
    }

    /// A stream is gone. If the worker was called through it, it is called again.
    pub fn end(&mut self, id: StreamId) -> Reach {
        let slot = self.streams.remove(&id);
        let is_due = !self.mail.is_empty() || !self.left.is_empty();
        if slot.is_some_and(|slot| slot.scheduler.is_some()) && is_due {
            self.is_called = false;
            return self.call();
        }
        Reach::Nobody
    }

    /// The parts of the answer that a stream has to see.
    pub fn wants(&self, id: StreamId) -> Wants {
        self.streams.get(&id).map_or(Wants::Nothing, |slot| slot.stream.wants())
    }

    /// An event of a stream. Nothing if the stream is not known.
    pub fn event(
        &mut self,
        id: StreamId,
        event: Event<'_>,
        message: Message,
        now: UnixTime,
        outbox: &Outbox,
    ) -> Option<(Rest, Reach)> {
        let slot = self.streams.get_mut(&id)?;
        let filter = slot.open.filter;
        #[cfg(feature = "panic-hook")]
        crate::panics::in_event(&event, filter);
        let (effects, step) = self.gate.stream(&slot.stream, event, &lend(now, &|| peer_certificate(filter)));
        if slot.scheduler.is_none() && self.gate.looks_after(&slot.stream) {
            slot.scheduler = Some(filter.scheduler()?);
        }
        let (after, reach) = self.carry_out(effects, outbox);
        self.leave(after);
        Some((step::apply(step, message, filter, self.subject), reach))
    }

    /// Leaves mail for the gate.
    pub fn post(&mut self, mail: Mail) -> Reach {
        let is_known = matches!(mail, Mail::Tick) && self.mail.iter().any(|mail| matches!(mail, Mail::Tick));
        if !is_known {
            self.mail.push_back(mail);
        }
        self.call()
    }

    /// Calls a thread for the mail: through a stream that waits or is watched, since only its own thread may go on with
    /// it. Without such a stream, any thread will do.
    fn call(&mut self) -> Reach {
        if std::mem::replace(&mut self.is_called, true) {
            return Reach::Nobody;
        }
        match self.streams.values().find_map(|slot| slot.scheduler.as_ref()) {
            Some(scheduler) => {
                scheduler.commit();
                Reach::Nobody
            }
            None => Reach::Main,
        }
    }

    /// Puts a tick into the mail if it is time. Returns the time of the next one.
    pub fn tick_if_due(&mut self) -> (Instant, Reach) {
        let now = instant();
        if now < self.due {
            return (self.due, Reach::Nobody);
        }
        self.due = now + self.period;
        (self.due, self.post(Mail::Tick))
    }

    /// Leaves actions for the worker's own thread, which is called through one of the streams that they are about.
    fn leave(&mut self, after: Vec<After>) {
        if !after.is_empty() {
            self.left.extend(after);
            self.call();
        }
    }

    /// Hands one piece of mail to the gate. The main thread leaves it where streams wait.
    pub fn open_mail(&mut self, is_main: bool, outbox: &Outbox) -> Option<(Vec<After>, Reach)> {
        self.is_called = false;
        if !is_main && !self.left.is_empty() {
            return Some((std::mem::take(&mut self.left), Reach::Nobody));
        }
        if self.mail.is_empty() {
            return None;
        }
        if is_main && self.streams.values().any(|slot| slot.scheduler.is_some()) {
            self.call();
            return None;
        }
        let mail = self.mail.pop_front()?;
        #[cfg(feature = "panic-hook")]
        crate::panics::MAIL.reach();
        let streams = Current { streams: &self.streams, current: Cell::new(None) };
        let certificate = || streams.current.get().and_then(peer_certificate);
        let host = lend(now(), &certificate);
        let effects = match mail {
            Mail::Tick => {
                self.gate.set_prints_info(prints_info());
                self.gate.tick(&host, &streams)
            }
            // An answer to a gate that is no more would be taken for one to a call of the same name.
            Mail::Answer(ticket, _) | Mail::Refused(ticket, _) if ticket.gate != self.replaced => Vec::new(),
            Mail::Answer(Ticket { call, .. }, Received { status, etag, size, body }) => {
                let read = |max: usize| body.as_deref().map(|body| body.get(..max).unwrap_or(body).to_vec());
                let answer = Answer { status, etag: etag.as_deref(), size, read: &read };
                self.gate.answered(call, &answer, &host, &streams)
            }
            Mail::Refused(Ticket { call, .. }, status) => self.gate.call_refused(call, status, &host, &streams),
        };
        let (after, reach) = self.carry_out(effects, outbox);
        if is_main {
            self.leave(after);
            return Some((Vec::new(), reach));
        }
        Some((after, reach))
    }

    /// Puts a new gate into the place of one that failed. Streams that waited for the old one are refused, those that it
    /// watched are ended, and the others need it no more.
    pub fn replace_gate(&mut self, gate: Gate) -> Gate {
        let is_left = |slot: &&Slot| slot.scheduler.is_some() && slot.stream.follow_up() != FollowUp::Nothing;
        let left = self.streams.values().filter(is_left).map(|slot| After::Refuse(slot.open.clone())).collect();
        self.mail.clear();
        self.replaced = self.replaced.wrapping_add(1);
        self.is_called = false;
        self.leave(left);
        std::mem::replace(&mut self.gate, gate)
    }

    /// The instance ends.
    pub fn gate(&mut self) -> &mut Gate {
        &mut self.gate
    }

    /// Carries out effects, and returns the actions that remain.
    pub fn carry_out(&mut self, effects: Vec<Effect>, outbox: &Outbox) -> (Vec<After>, Reach) {
        if effects.is_empty() {
            return (Vec::new(), Reach::Nobody);
        }
        let mut hands = Hands { state: self, outbox, after: Vec::new(), reach: Reach::Nobody };
        carry_out(effects, &mut hands);
        (hands.after, hands.reach)
    }
}

/// Carries out effects, all but what may lead to the next event.
struct Hands<'s> {
    state: &'s mut State,
    outbox: &'s Outbox,
    after: Vec<After>,
    reach: Reach,
}

impl EffectHandler for Hands<'_> {
    fn call(&mut self, call: CallId, request: Request) -> Vec<Effect> {
        let ticket = Ticket { worker: self.state.number, gate: self.state.replaced, call };
        self.outbox.send(Call { ticket, request });
        Vec::new()
    }

    fn wake(&mut self, stream: StreamId, step: Step) {
        let Some(slot) = self.state.streams.get(&stream) else {
            // Its decision is recorded all the same.
            return step.effects.iter().for_each(step::log_line);
        };
        let Rest { reply, flow } = step::apply(step, Message::Request, slot.open.filter, self.state.subject);
        self.after.extend(reply.map(|reply| After::Reply(slot.open.clone(), reply)));
        if flow == Flow::Continue {
            self.after.push(After::Resume(slot.open.clone()));
        }
    }

    fn end(&mut self, stream: StreamId) {
        self.after.extend(self.state.streams.get(&stream).map(|slot| After::End(slot.open.clone())));
    }

    fn tick_in(&mut self, period: u32) {
        self.state.period = Duration::from_millis(period.into());
        self.state.due = instant() + self.state.period;
        if period <= AT_ONCE {
            if self.state.post(Mail::Tick) == Reach::Main {
                self.reach = Reach::Main;
            }
        } else {
            self.outbox.clock.at(self.state.due);
        }
    }

    fn log(&mut self, level: Level, line: String) {
        log::log!(level, "{line}");
    }

    fn count(&mut self, thing: &'static str, outcome: &'static str, more: u64) {
        self.outbox.measure(Measure::Count(thing, outcome, more));
        self.reach = Reach::Main;
    }

    fn gauge(&mut self, name: String, value: u64) {
        self.outbox.measure(Measure::Gauge(name, value));
        self.reach = Reach::Main;
    }
}
