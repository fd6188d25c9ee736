//! One worker: its state behind a lock, and the threads that use it in turn.
//!
//! # Who has a gate
//!
//! A gate is for one thread at a time, and Envoy's workers are threads. So there is a gate for each worker that has seen a
//! stream, and a lock around it. The worker's own thread takes the lock for each event of its streams, where nobody else
//! wants it.
//!
//! Envoy sends calls that outlive a stream from its main thread only, has no timers for filters, and lets no thread but a
//! stream's own go on with it. Therefore:
//!
//! ```text
//!  worker ── calls, metrics ──► outbox ──► main thread ──► Envoy
//!  worker ◄── mail: answers ──────────────────┘
//!  worker ◄── mail: ticks ◄── thread of the timer
//! ```
//!
//! Mail is opened on the worker's thread, which is called through any of its streams that wait or are watched. A worker
//! without such streams cannot be called, and need not: the main thread opens its mail. So audit lines, metrics, keys and
//! policies are looked after in an idle worker too.
//!
//! An action that may lead to the next event (a reply, the resumption or the end of a stream) waits until the lock is
//! released. No call to Envoy under the lock leads back into the module.

use std::sync::Arc;

use crate::abi::{Filter, Locked, Message};
use crate::clock::instant;
use crate::host::{fill_random, lend, now};
use crate::log::prints_info;
use crate::outbox::{Measure, Outbox};
use crate::state::{After, Mail, Reach, State};
use crate::step::Rest;
use crate::stream::Open;
use toolgate::audit::{self, Stamp};
use toolgate::config::Config;
use toolgate::exchange::{Event, Wants};
use toolgate::gate::{Effect, Gate, StreamId};
use toolgate::time::UnixTime;
use toolgate::workers::SharedNames;

/// Everything that the workers of one configuration have in common.
pub struct Settings {
    pub config: Config,
    pub names: SharedNames,
    pub outbox: Outbox,
}

impl Settings {
    fn gate(&self) -> (Gate, Vec<Effect>) {
        let host = lend(now(), &|| None);
        let (mut gate, effects) = Gate::new(self.config.clone(), &self.names, &fill_random, &host);
        gate.set_prints_info(prints_info());
        (gate, effects)
    }

    fn reach(&self, reach: Reach) {
        if reach == Reach::Main {
            self.outbox.call_main();
        }
    }
}

/// One worker of Envoy, as far as one configuration is concerned.
pub struct Worker {
    settings: Arc<Settings>,
    state: Locked<State>,
}

impl Worker {
    pub fn new(number: usize, settings: &Arc<Settings>) -> Self {
        let (gate, effects) = settings.gate();
        let mut state = State::new(number, gate, settings.config.audit.subject);
        // There are no streams yet.
        let (_, reach) = state.carry_out(effects, &settings.outbox);
        settings.reach(reach);
        Self { settings: settings.clone(), state: Locked::new(state) }
    }

    /// A stream begins, on the worker's thread, as do all its events.
    pub fn begin(&self, filter: Filter) -> (StreamId, Arc<Open>) {
        self.state.with(|state| state.begin(filter))
    }

    /// A stream is gone.
    pub fn end(&self, id: StreamId) {
        let reach = self.state.with(|state| state.end(id));
        self.settings.reach(reach);
    }

    /// The parts of the answer that a stream has to see.
    pub fn wants(&self, id: StreamId) -> Wants {
        self.state.with(|state| state.wants(id))
    }

    /// An event of a stream. Its reply remains to be sent. Nothing if the stream is not known.
    pub fn event(&self, id: StreamId, event: Event<'_>, message: Message, now: UnixTime) -> Option<Rest> {
        let (rest, reach) = self.state.with(|state| state.event(id, event, message, now, &self.settings.outbox))?;
        self.settings.reach(reach);
        Some(rest)
    }

    /// Leaves mail for the gate, from any thread.
    pub fn post(&self, mail: Mail) {
        let reach = self.state.with(|state| state.post(mail));
        self.settings.reach(reach);
    }

    /// Leaves a tick if it is time, and sets the clock to the next time.
    pub fn tick_if_due(&self) {
        let (due, reach) = self.state.with(State::tick_if_due);
        self.settings.outbox.clock.at(due);
        self.settings.reach(reach);
    }

    /// Opens all mail, on the worker's own thread or, `is_main`, on the main thread, which leaves it where streams wait.
    pub fn open_mail(&self, is_main: bool) {
        while let Some((after, reach)) = self.state.with(|state| state.open_mail(is_main, &self.settings.outbox)) {
            self.settings.reach(reach);
            carry_out(after);
        }
    }

    /// The gate panicked: another one takes its place. On any thread: what becomes of the streams is left to their own.
    pub fn recover(&self) {
        const PANIC: &str = "panic";
        let detail = "a panic refused a request and reset the state of its worker: please report it";
        log::error!("{}", audit::Event::new(PANIC, detail).line(&Stamp { now: now(), node: None }));
        self.settings.outbox.measure(Measure::Count("events", PANIC, 1));
        self.settings.outbox.call_main();
        let reach = self.state.with(|state| {
            let (gate, effects) = self.settings.gate();
            let rest = state.replace_gate(gate).release(&lend(now(), &|| None));
            state.carry_out(rest.into_iter().chain(effects).collect(), &self.settings.outbox).1
        });
        self.settings.reach(reach);
        self.settings.outbox.clock.at(instant());
    }

    /// The instance ends.
    pub fn release(&self) {
        self.state.with(|state| {
            let rest = state.gate().release(&lend(now(), &|| None));
            state.carry_out(rest, &self.settings.outbox);
        });
    }
}

/// Carries out what remains, on the thread of the streams.
fn carry_out(after: Vec<After>) {
    for action in after {
        match action {
            After::Reply(open, reply) => open.reply(&reply),
            After::Resume(open) => open.resume(),
            After::End(open) => open.end(),
            After::Refuse(open) => open.refuse(),
        }
    }
}
