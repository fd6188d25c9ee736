//! What the streams of one plugin instance share in one worker.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::drift;
use super::host::{self, Buffer, Map};
use super::possession;
use super::signature::{self, VerifySignature};
use crate::audit::sink::{Cause, Outcome, Sink};
use crate::audit::{Decision, DecisionIds, LINE_PREFIX, Record, event_line};
use crate::config::{Config, Decisions};
use crate::dpop::Proofs;
use crate::drift::Drift;
use crate::drift::worker::Told;
use crate::exchange::{Awaited, Effect, Env, Exchange, Flow, Step};
use crate::introspection::Introspections;
use crate::jwks::IssuerKeys;
use crate::listing::KnownLists;
use crate::meter::{Meter, Payer, TURN};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::reason::Reason;
use crate::reply::Refusal;
use crate::signature::HostVerifier;
use crate::time::UnixTime;
use crate::token::TokenCache;
use crate::workers::{SharedData, SharedNames};

/// How often the root looks after keys and waits, in milliseconds.
const TICK: u32 = 500;
/// How often, while streams wait for what another worker fetches.
const POLL: u32 = 20;
/// The period that makes it look at once.
pub const AT_ONCE: u32 = 1;

/// A turn of those who waited for an answer.
const ANSWERED: Awaited = Awaited::Turn { answered: true };

/// What is shared once a body was seen while headers were held.
const SHOWN: &[u8] = b"shown";

/// The state of one plugin instance.
pub struct Shared {
    /// Only its policies ever change, between steps: each step goes by those that hold when it is taken.
    pub config: RefCell<Config>,
    pub keys: RefCell<IssuerKeys>,
    pub introspection: RefCell<Introspections>,
    pub drift: RefCell<Drift>,
    pub told: RefCell<Told>,
    pub metrics: RefCell<Metrics>,
    pub sink: RefCell<Option<Sink>>,
    lists: RefCell<KnownLists>,
    proofs: RefCell<Proofs>,
    tokens: RefCell<TokenCache>,
    verifier: HostVerifier<VerifySignature>,
    ids: RefCell<DecisionIds>,
    places: Places,
    meter: Meter,
    look_alikes: RefCell<crate::audit::LookAlikes>,
    /// Whether the host was seen to show a body while headers were held, by any worker under any configuration.
    host_shows_bodies: Cell<bool>,
    /// Under which name that is shared.
    bodies: String,
    /// Whether the host prints audit lines. It is asked at every tick: who changes its log level waits that long.
    prints_info: Cell<bool>,
    /// Whether the root was asked to look at once and has not yet done so.
    poked: Cell<bool>,
    /// When the streams that may end were last looked at.
    looked: Cell<UnixTime>,
    /// Streams that wait for keys or for time, by their context.
    waiting: RefCell<Vec<(u32, Weak<RefCell<Exchange>>)>>,
    /// Streams that end when what let them go on holds no more, by their context.
    long_lived: RefCell<Vec<(u32, Weak<RefCell<Exchange>>)>>,
}

/// What an effect's headers and body are.
#[derive(Clone, Copy)]
pub enum Side {
    Request,
    Response {
        /// The bytes that are buffered, which a replacement takes the place of.
        size: usize,
    },
}

impl Shared {
    pub fn new(config: Config, told: Told, names: &SharedNames) -> Self {
        let seed = host::random().map(u64::from_le_bytes).unwrap_or_else(|| {
            // Without randomness, the address of a local and the time still tell most workers apart.
            let now = host::now().as_numeric_date().to_bits();
            now ^ (std::ptr::from_ref(&now) as u64)
        });
        // Decision ids follow from the seed, and everybody sees them: this must not.
        let secret = host::random().map_or(seed.rotate_left(32), u64::from_le_bytes);
        Self {
            keys: RefCell::new(IssuerKeys::new(config.key_sources(), seed)),
            introspection: RefCell::new(Introspections::new(&config.issuers)),
            told: RefCell::new(told),
            metrics: RefCell::default(),
            sink: RefCell::new(config.audit.sink.as_ref().map(|endpoint| Sink::new(endpoint.timeout))),
            drift: RefCell::new(Drift::new(&config, secret)),
            lists: RefCell::default(),
            proofs: RefCell::new(possession::proofs(names)),
            tokens: RefCell::new(TokenCache::keyed(config.token_cache_entries, host::random())),
            places: Places::new(config.issuers.len()),
            meter: Meter::default(),
            config: RefCell::new(config),
            verifier: signature::verifier(),
            ids: RefCell::new(DecisionIds::new(seed)),
            look_alikes: RefCell::default(),
            host_shows_bodies: Cell::new(false),
            bodies: names.bodies(),
            prints_info: Cell::new(host::prints_info()),
            poked: Cell::new(false),
            looked: Cell::default(),
            waiting: RefCell::default(),
            long_lived: RefCell::default(),
        }
    }

    /// Runs one event of an exchange.
    pub fn run_at(&self, now: UnixTime, event: impl FnOnce(&mut Env<'_>) -> Step) -> Step {
        let mut shows = self.host_shows_bodies.get();
        let step = event(&mut Env {
            config: &self.config.borrow(),
            keys: &mut self.keys.borrow_mut(),
            tokens: &mut self.tokens.borrow_mut(),
            introspection: &mut self.introspection.borrow_mut(),
            drift: &mut self.drift.borrow_mut(),
            lists: &mut self.lists.borrow_mut(),
            proofs: &mut self.proofs.borrow_mut(),
            shared: &host::Shared,
            peer_certificate: &possession::peer_certificate,
            verifier: &self.verifier,
            now,
            ids: &mut self.ids.borrow_mut(),
            look_alikes: &mut self.look_alikes.borrow_mut(),
            host_shows_bodies: &mut shows,
            places: &self.places,
            meter: &self.meter,
        });
        if shows && !self.host_shows_bodies.replace(true) {
            // Where nothing is shared, each worker finds out for itself.
            let _ = host::Shared.overwrite(&self.bodies, SHOWN);
        }
        let told = drift::report(&self.told.borrow(), &mut self.drift.borrow_mut(), &self.config.borrow());
        told.iter().for_each(|(event, line)| self.log_event(event, line));
        step
    }

    /// Carries out a step's effects. Where the host refuses one, nothing may go on.
    pub fn apply(&self, step: Step, side: Side) -> Flow {
        let flow = step.flow;
        let done = step.effects.into_iter().all(|effect| self.apply_one(effect, side).is_ok());
        if done {
            return flow;
        }
        log::error!("the host refused a call; the stream is ended");
        let refusal = Refusal::BadGateway(Reason::HostCallFailed).render(None, None);
        if host::reply(&refusal).is_err() {
            log::error!("the host refused a reply");
        }
        Flow::Pause
    }

    fn apply_one(&self, effect: Effect, side: Side) -> Result<(), host::HostFault> {
        match (effect, side) {
            (Effect::EditHeaders(edits), Side::Request) => all(&edits, Map::RequestHeaders),
            (Effect::EditHeaders(edits), Side::Response { .. }) => all(&edits, Map::ResponseHeaders),
            (Effect::EditTrailers(edits), _) => all(&edits, Map::RequestTrailers),
            (Effect::Event(event, line), _) => {
                self.log_event(event, &line);
                Ok(())
            }
            (Effect::Listed(outcome), _) => {
                self.count("lists", outcome);
                Ok(())
            }
            (Effect::Warn(line), _) => {
                log::warn!("{line}");
                Ok(())
            }
            (Effect::Record(record), _) => {
                self.record(&record);
                Ok(())
            }
            (Effect::ReplaceBody(bytes), Side::Response { size }) => {
                host::replace_buffer(Buffer::ResponseBody, size, &bytes)
            }
            (Effect::ReplaceBody(_), Side::Request) => Err(host::HostFault),
            (Effect::Reply(reply), _) => host::reply(&reply),
        }
    }

    /// One more of `thing` had this outcome.
    pub fn count(&self, thing: &'static str, outcome: &'static str) {
        self.metrics.borrow_mut().count(thing, outcome);
    }

    /// Counts what became of audit lines on their way to the endpoint.
    pub fn count_lines(&self, became: Outcome) {
        let mut metrics = self.metrics.borrow_mut();
        metrics.add("audit", "delivered", became.delivered);
        metrics.add("audit", "dropped", became.dropped);
        metrics.add("audit", "sampled_out", became.sampled_out);
    }

    /// Records what happened apart from any request.
    pub fn event(&self, event: &'static str, detail: &str) {
        self.log_event(event, &event_line(event, None, detail));
    }

    /// Logs the line of an event.
    pub fn log_event(&self, event: &'static str, line: &str) {
        self.count("events", event);
        log::info!("{line}");
    }

    /// How often a token was known, and how often not, since the last time.
    pub fn take_cache_counts(&self) -> (u64, u64) {
        let mut tokens = self.tokens.borrow_mut();
        (std::mem::take(&mut tokens.hits), std::mem::take(&mut tokens.misses))
    }

    /// Records are best effort: a decision does not change because its record fails.
    fn record(&self, record: &Record) {
        let counter = if record.decision == Decision::ShadowDeny { "shadow_denials" } else { "decisions" };
        self.count(counter, record.reason.as_str());
        let config = self.config.borrow();
        let audit = &config.audit;
        let wanted = match audit.decisions {
            Decisions::All => true,
            Decisions::Denied => record.decision != Decision::Allow,
            Decisions::None => false,
        };
        if wanted && record.resource.is_some() && (self.prints_info.get() || self.sink.borrow().is_some()) {
            let line = record.line(audit.subject);
            if self.prints_info.get() {
                log::info!("{line}");
            }
            let json = line.strip_prefix(LINE_PREFIX).unwrap_or_default();
            let cause = if record.caller.is_some() { Cause::Caller } else { Cause::Stranger };
            let lost = self.sink.borrow_mut().as_mut().map(|sink| sink.push(json, cause));
            self.count_lines(lost.unwrap_or_default());
        }
        for (name, value) in record.filter_state(audit.subject) {
            if host::set_filter_state(name, &value).is_err() {
                log::debug!("the host refused the filter state {name}");
            }
        }
    }

    /// Whether a waiting stream needs the root: for what verifies its token, or for the time when its waiting ends.
    fn needs_root(&self, exchange: &Exchange) -> bool {
        exchange.awaits().is_some() || (exchange.is_waiting() && !self.host_shows_bodies.get())
    }

    /// Notes that a stream waits, and has the root look after it at once if somebody is to be asked. Waiting for a body
    /// needs no root once it is known that the host shows bodies. `again`: it waited before, for time.
    pub fn wait(&self, id: u32, exchange: &Rc<RefCell<Exchange>>, again: bool) {
        if !self.needs_root(&exchange.borrow()) {
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        // One that waited for time may now wait for somebody's word.
        if again {
            waiting.retain(|(own, _)| *own != id);
        }
        waiting.push((id, Rc::downgrade(exchange)));
        drop(waiting);
        let is_of_use = match exchange.borrow().awaits() {
            Some(Awaited::Keys) => {
                let (keys, now) = (self.keys.borrow(), host::now());
                keys.need_look(now) || !keys.due(now).is_empty()
            }
            Some(Awaited::Answer(_)) => self.introspection.borrow().is_due(),
            Some(Awaited::Turn { .. }) => true,
            None => false,
        };
        if is_of_use {
            self.poke();
        }
    }

    /// Has the root look at once. Once is enough: every further call would start the period anew.
    fn poke(&self) {
        if !self.poked.replace(true) && host::set_tick_period(AT_ONCE).is_err() {
            log::error!("the host refused a timer; the issuers are asked at the next tick");
        }
    }

    /// Takes over what other workers saw of the host.
    pub fn look_at_host(&self) {
        if !self.host_shows_bodies.get() {
            self.host_shows_bodies.set(host::Shared.read(&self.bodies).is_ok_and(|value| value.bytes == SHOWN));
        }
    }

    /// Whether any stream waits for this.
    fn is_awaited(&self, what: Awaited) -> bool {
        let awaits = |exchange: Rc<RefCell<Exchange>>| exchange.borrow().awaits() == Some(what);
        self.waiting.borrow().iter().any(|(_, stream)| stream.upgrade().is_some_and(awaits))
    }

    /// Whether anything waits for its turn.
    fn turns_are_awaited(&self) -> bool {
        [Payer::Strangers, Payer::Callers, Payer::Streams].into_iter().any(|payer| self.meter.is_awaited(payer))
    }

    /// Notes that a stream goes on for as long as the server likes.
    pub fn watch(&self, id: u32, exchange: &Rc<RefCell<Exchange>>) {
        self.long_lived.borrow_mut().push((id, Rc::downgrade(exchange)));
    }

    /// Ends the streams for which what let them go on holds no more, from the root context `root`.
    pub fn end_outlived(&self, root: u32) {
        let mut ended = Vec::new();
        let now = host::now();
        // While streams wait for a turn there are many ticks, and thousands of streams may be watched.
        if now.within(Duration::from_millis(u64::from(TICK / 2)), self.looked.get())
            && !self.meter.is_awaited(Payer::Streams)
        {
            return;
        }
        self.looked.set(now);
        let watched = self.long_lived.take();
        let mut kept = Vec::with_capacity(watched.len());
        for (id, stream) in watched {
            let Some(exchange) = stream.upgrade() else { continue };
            let mut event = None;
            self.run_at(now, |env| {
                event = exchange.borrow_mut().ends(env);
                Step::hold()
            });
            match event {
                Some(event) => ended.push((id, event)),
                None => kept.push((id, stream)),
            }
        }
        self.long_lived.borrow_mut().append(&mut kept);
        for (id, event) in &ended {
            if let Effect::Event(event, line) = event {
                self.log_event(event, line);
            }
            if host::set_effective_context(*id).and_then(|()| host::close_stream()).is_err() {
                log::error!("the host refused to end a stream");
            }
        }
        if !ended.is_empty() && host::set_effective_context(root).is_err() {
            log::error!("the host refused to return to the root context");
        }
    }

    /// The root has looked after everything. Nobody tells it when another worker's fetch ends.
    pub fn ticked(&self) {
        self.prints_info.set(host::prints_info());
        let period = if self.turns_are_awaited() {
            u32::try_from(TURN.as_millis()).unwrap_or(POLL)
        } else if self.keys.borrow().need_look(host::now()) && self.is_awaited(Awaited::Keys) {
            POLL
        } else {
            TICK
        };
        self.poked.set(period != TICK);
        if host::set_tick_period(period).is_err() {
            log::error!("the host refused a timer");
        }
    }

    /// Tries the token of every waiting stream again that is `concerned`, from the root context `root`: what it waited
    /// for is there. Answers of introspection endpoints are kept for those whose turn comes later.
    pub fn try_again(&self, root: u32, concerned: &dyn Fn(&Exchange) -> bool) {
        let body = |size| host::buffer(Buffer::RequestBody, size);
        self.wake(root, concerned, &|exchange, env| exchange.try_again(&body, env));
        self.introspection.borrow_mut().handed_out(self.is_awaited(ANSWERED));
    }

    /// Wakes the streams whose turn it is. An answer is for those only who waited for it.
    pub fn take_turns(&self, root: u32) {
        for awaited in [ANSWERED, Awaited::Turn { answered: false }] {
            if self.is_awaited(awaited) {
                if awaited == ANSWERED {
                    self.introspection.borrow_mut().hand_out();
                }
                self.try_again(root, &|exchange| exchange.awaits() == Some(awaited));
            }
        }
    }

    /// Runs an event of every waiting stream that is `concerned`, from the root context `root`, as far as the work for
    /// one wake-up goes: the others wait for their turn.
    pub fn wake(
        &self,
        root: u32,
        concerned: &dyn Fn(&Exchange) -> bool,
        event: &dyn Fn(&mut Exchange, &mut Env<'_>) -> Step,
    ) {
        let (waiting, now) = (self.waiting.take(), host::now());
        for (id, stream) in waiting {
            let Some(exchange) = stream.upgrade() else { continue };
            if !concerned(&exchange.borrow()) {
                self.waiting.borrow_mut().push((id, stream));
                continue;
            }
            if exchange.borrow_mut().waits_for_turn(&self.meter, now) {
                self.waiting.borrow_mut().push((id, stream));
                continue;
            }
            // A stream that is gone for the host is gone for good.
            if host::set_effective_context(id).is_err() {
                continue;
            }
            // One time for all: the meter's goes on only.
            let step = self.run_at(now, |env| event(&mut exchange.borrow_mut(), env));
            let flow = self.apply(step, Side::Request);
            if flow == Flow::Continue && host::resume_request().is_err() {
                log::error!("the host refused to resume a request");
            }
            if self.needs_root(&exchange.borrow()) {
                self.waiting.borrow_mut().push((id, stream));
            }
            // What waited did not go on before.
            if exchange.borrow().is_long_lived() {
                self.watch(id, &exchange);
            }
        }
        if host::set_effective_context(root).is_err() {
            log::error!("the host refused to return to the root context");
        }
        if self.turns_are_awaited() {
            self.poke();
        }
    }
}

fn all(edits: &[crate::exchange::HeaderEdit], map: Map) -> Result<(), host::HostFault> {
    edits.iter().try_for_each(|edit| host::edit(map, edit))
}
