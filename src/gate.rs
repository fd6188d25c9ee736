//! The gate: one plugin instance in one worker, as a pure machine. It owns everything that outlives a stream. Events of
//! the host come in, effects on the host go out.
//!
//! ```text
//!             ┌ new(configuration) ─────────────┐        ┌ Call ─────► the host sends a request
//!             │ stream(stream, event) ──────────┤        ├ Wake ─────► a stream goes on, or is answered
//!  the host ──┤ tick() ─────────────────────────┼► Gate ─┼ End ──────► a watched stream is ended
//!             │ answered(call), call_refused() ─┤        ├ TickIn ───► the timer
//!             └ release() ──────────────────────┘        └ Log, Count, Gauge
//! ```
//!
//! # The events of a worker
//!
//! A host creates one [`Gate`] for each configuration in each worker, and one [`Stream`] for each HTTP stream. An event
//! of a stream ([`Gate::stream`]) runs its `Exchange` and returns the step for this stream,
//! beside effects for the worker. A token that cannot be verified at once makes the stream wait: the gate then asks for
//! a tick at once, and the tick sends the calls. When the answer arrives ([`Gate::answered`]), the gate runs the streams
//! that waited for it, and returns their steps ([`Effect::Wake`]).
//!
//! [`Gate::tick`] looks after everything that has a time: fetches of keys and policies, manifests to publish, calls that
//! were never answered, streams whose token has expired, audit lines, metrics. The gate sets the period of the timer
//! itself: [`TICK`], or shorter while streams wait.
//!
//! # Rules for a host
//!
//! - The gate calls nothing back. It reads the time, the shared data, signatures, and bodies through [`Host`] and
//!   [`Streams`], none of which may lead to another event.
//! - The host carries out effects in their order ([`carry_out`]), and only after it has released the gate: an answer to
//!   a client or the end of a stream may lead to the next event at once.
//! - Every [`Effect::Call`] is sent from the context that receives its answer, which is no stream: a stream may end
//!   before its call. Its answer goes to [`Gate::answered`], once; if it cannot be sent, [`Gate::call_refused`] says so.
//! - An answer that comes late, twice, or never is no harm: a call is ended once, and given up in time.
//! - A stream that the host drops waits no longer, and its place is free.
//!
//! # The parts
//!
//! | file | holds |
//! |---|---|
//! | `calls` | the one table of calls under way |
//! | `drift` | drift that workers tell each other |
//! | `effect` | the values that go in and out |
//! | `handler` | the loop that carries out effects for a host |
//! | `introspection` | calls to introspection endpoints |
//! | `keys` | fetches of key sets |
//! | `known` | the state that streams share |
//! | `policies` | policies of a control plane |
//! | `publish` | manifests for a control plane |
//! | `record` | log lines, counts, records of decisions |
//! | `sink` | audit lines for an endpoint |
//! | `streams` | events of streams; those that wait, and those that are watched |

mod calls;
mod drift;
mod effect;
mod handler;
mod introspection;
mod keys;
mod known;
mod policies;
mod publish;
mod record;
mod sink;
mod streams;

pub use effect::{Answer, CallId, Effect, Host, StreamId, Streams};
pub use handler::{EffectHandler, carry_out};
#[doc(hidden)]
pub use known::Known;
pub use log::Level;
pub use streams::Stream;

use calls::{Calls, Purpose};
use keys::KeySources;
use policies::PolicySources;
use publish::Publishing;
use streams::LookedAfter;

use crate::audit::sink::Sink;
use crate::audit::{DecisionIds, LookAlikes};
use crate::config::Config;
use crate::dpop::Proofs;
use crate::drift::Drift;
use crate::drift::worker::Told;
use crate::introspection::Introspections;
use crate::jwks::IssuerKeys;
use crate::listing::KnownLists;
use crate::meter::Meter;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::token::TokenCache;
use crate::workers::{InUse, SharedNames};

/// The period of the timer, in milliseconds.
pub const TICK: u32 = 500;
/// The period while streams wait for a fetch of another worker.
pub const POLL: u32 = 20;
/// The period that makes the host tick at once. A host sets it when a gate is new: the first tick fetches what is
/// missing.
pub const AT_ONCE: u32 = 1;

/// One plugin instance in one worker.
pub struct Gate {
    /// Only its policies ever change, between events.
    config: Config,
    /// Everything that streams come to know.
    known: Known,
    key_sources: KeySources,
    policies: PolicySources,
    publishing: Publishing,
    told: Told,
    bodies: Bodies,
    sink: Option<Sink>,
    metrics: Metrics,
    looked_after: LookedAfter,
    calls: Calls,
    /// Since they were last taken.
    effects: Vec<Effect>,
    /// Whether the host prints lines of the info level.
    prints_info: bool,
    /// The names of everything that this instance shares.
    names: Vec<String>,
    /// The name of the list of them.
    newest: String,
    /// Whether it has ticked. The copy that only checks a configuration never does, and leaves nothing to others.
    has_ticked: bool,
}

/// How workers tell each other that the host shows bodies while headers are held.
struct Bodies {
    name: String,
    is_told: bool,
}

impl Gate {
    /// A gate for `config`. It shares data under `names`, of which `in_use` knows those of all instances in one VM.
    /// `random` fills a slice with random bytes, and says whether it could.
    pub fn new(
        config: Config,
        names: &SharedNames,
        in_use: &mut InUse,
        random: &dyn Fn(&mut [u8]) -> bool,
        host: &Host<'_>,
    ) -> (Self, Vec<Effect>) {
        // Without randomness, the address of a local and the time still tell most workers apart.
        let other = host.now.as_numeric_date().to_bits() ^ (std::ptr::from_ref(&config) as u64);
        let seed = bytes(random).map_or(other, u64::from_le_bytes);
        // Decision ids follow from the seed, and everybody sees them: this must not.
        let secret = bytes(random).map_or(seed.rotate_left(32), u64::from_le_bytes);
        let number = || bytes(random).map_or(host.now.as_millis(), u64::from_le_bytes);
        let mut gate = Self {
            known: Known {
                keys: IssuerKeys::new(config.key_sources(), seed),
                tokens: TokenCache::keyed(config.token_cache_entries, bytes(random)),
                introspection: Introspections::new(&config.issuers),
                drift: Drift::new(&config, secret),
                lists: KnownLists::default(),
                proofs: Proofs::new(names.clone(), bytes(random)),
                ids: DecisionIds::new(seed),
                look_alikes: LookAlikes::default(),
                host_shows_bodies: false,
                places: Places::new(&config.issuers),
                meter: Meter::default(),
            },
            key_sources: KeySources::new(&config, names),
            policies: PolicySources::new(&config, names, number()),
            publishing: Publishing::new(&config, names, number()),
            told: Told::new(&config, names),
            bodies: Bodies { name: names.bodies(), is_told: false },
            sink: config.audit.sink.as_ref().map(|endpoint| Sink::new(endpoint.timeout)),
            metrics: Metrics::default(),
            looked_after: LookedAfter::default(),
            calls: Calls::default(),
            effects: Vec::new(),
            prints_info: true,
            names: Vec::new(),
            newest: names.newest(),
            has_ticked: false,
            config,
        };
        gate.names = gate
            .told
            .names()
            .iter()
            .cloned()
            .chain(gate.key_sources.names())
            .chain(gate.policies.names())
            .chain(gate.publishing.names())
            .collect();
        in_use.begin(&gate.names);
        // Before an older instance ends, which may be at once.
        let _ = host.shared.overwrite(&gate.newest, gate.names.join("\n").as_bytes());
        gate.look_at_host(host);
        gate.look_at_keys(host);
        gate.look_at_policies(host);
        let effects = std::mem::take(&mut gate.effects);
        (gate, effects)
    }

    /// Time goes by.
    pub fn tick(&mut self, host: &Host<'_>, streams: &dyn Streams) -> Vec<Effect> {
        self.has_ticked = true;
        self.look_at_host(host);
        self.advance_policies(host);
        self.advance_publishing(host);
        self.give_up_endpoints(host, streams);
        self.advance_keys(host, streams);
        self.take_turns(host, streams);
        self.wake(None, host, streams);
        self.end_outlived(host);
        // The issuers of some watched streams are asked again.
        self.ask_endpoints(host, streams);
        self.look_at_drift(host);
        self.advance_sink(host);
        self.flush_metrics(host);
        self.set_timer(host);
        std::mem::take(&mut self.effects)
    }

    /// The answer to a call came.
    pub fn answered(
        &mut self,
        call: CallId,
        answer: &Answer<'_>,
        host: &Host<'_>,
        streams: &dyn Streams,
    ) -> Vec<Effect> {
        match self.calls.end(call) {
            Some(Purpose::Keys(issuer)) => self.keys_answered(issuer, answer, host, streams),
            Some(Purpose::Introspection(issuer, digest)) => {
                self.introspection_answered((issuer, digest), answer, host, streams);
            }
            Some(Purpose::Policy(id)) => self.policy_answered(id, answer, host),
            Some(Purpose::Manifest(id, digest)) => self.manifest_answered(id, &digest, answer, host),
            Some(Purpose::Audit(post)) => {
                self.post_ended(post, answer.is_success(), host);
                // More may have come meanwhile.
                self.advance_sink(host);
            }
            None => {}
        }
        std::mem::take(&mut self.effects)
    }

    /// The host could not send a call, and gave this status: no answer will come.
    pub fn call_refused(&mut self, call: CallId, status: u32, host: &Host<'_>, streams: &dyn Streams) -> Vec<Effect> {
        match self.calls.end(call) {
            Some(Purpose::Keys(issuer)) => self.keys_refused(issuer, status, host, streams),
            Some(Purpose::Introspection(issuer, digest)) => {
                self.introspection_refused((issuer, digest), status, host, streams);
            }
            Some(Purpose::Policy(id)) => self.policy_refused(id, status, host),
            Some(Purpose::Manifest(id, digest)) => self.manifest_refused(id, &digest, status, host),
            Some(Purpose::Audit(post)) => self.post_ended(post, false, host),
            None => {}
        }
        std::mem::take(&mut self.effects)
    }

    /// The instance ends: its fetches under way end with it, and what it shares goes unless another instance uses it.
    pub fn release(&mut self, in_use: &mut InUse, host: &Host<'_>) {
        self.release_keys(host);
        let newest = host.shared.read(&self.newest).unwrap_or_default().bytes;
        for name in in_use.end(&self.names, &newest).into_iter().filter(|_| self.has_ticked) {
            let _ = host.shared.overwrite(name, &[]);
        }
    }

    /// Whether the host prints lines of the info level; if not, no audit line is written for it. A host looks at each
    /// tick.
    pub fn set_prints_info(&mut self, prints: bool) {
        self.prints_info = prints;
    }

    /// The state that streams depend on. For hosts of a single request: the command line and benchmarks.
    #[doc(hidden)]
    pub fn known(&mut self) -> &mut Known {
        &mut self.known
    }

    /// The configuration, with the policies that are in force.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// Random bytes, if there are any.
fn bytes<const N: usize>(random: &dyn Fn(&mut [u8]) -> bool) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    random(&mut bytes).then_some(bytes)
}
