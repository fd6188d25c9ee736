//! The gate: one plugin instance in one worker, as a pure state machine. It owns everything that outlives a stream. It
//! takes events of the host and returns effects for the host.
//!
//! ```text
//!             ┌ new(configuration) ─────────────┐        ┌ Call ─────► the host sends a request
//!             │ stream(stream, event) ──────────┤        ├ Wake ─────► a stream continues, or is answered
//!  the host ──┤ tick() ─────────────────────────┼► Gate ─┼ End ──────► a watched stream is ended
//!             │ answered(call), call_refused() ─┤        ├ TickIn ───► the timer
//!             └ release() ──────────────────────┘        └ Log, Count, Gauge
//! ```
//!
//! # The events of a worker
//!
//! A host creates one [`Gate`] for each configuration in each worker, and one [`Stream`] for each HTTP stream. An event
//! of a stream ([`Gate::stream`]) runs its `Exchange` and returns the step for this stream, and effects for the worker.
//! If a token cannot be verified at once, the stream waits. The gate then requests an immediate tick, and the tick
//! sends the calls. When the answer arrives ([`Gate::answered`]), the gate runs the streams that waited for it, and
//! returns their steps ([`Effect::Wake`]).
//!
//! [`Gate::tick`] does everything that depends on time: fetches of keys and policies, manifests to publish, calls
//! without an answer, streams whose token has expired, audit lines, metrics. The gate sets the period of the timer
//! itself: [`TICK`], or shorter while streams wait.
//!
//! # Rules for a host
//!
//! - The gate has no callbacks. It reads the time, the shared data, signatures, and bodies through [`Host`] and
//!   [`Streams`], none of which may lead to another event.
//! - The host carries out effects in order ([`carry_out`]), and only after it has released the gate: an answer to a
//!   client or the end of a stream may cause the next event immediately.
//! - The context that receives the answer sends every [`Effect::Call`]. It is not a stream, because a stream may end
//!   before its call. The answer goes to [`Gate::answered`], once. If the call cannot be sent, the host calls
//!   [`Gate::call_refused`].
//! - A late, repeated or missing answer is harmless: a call ends once, and has a deadline.
//! - A stream that the host drops stops waiting, and its place is free.
//!
//! # The parts
//!
//! | file | holds |
//! |---|---|
//! | `calls` | the table of calls under way |
//! | `drift` | drift that workers share |
//! | `effect` | the types of input and output |
//! | `handler` | the loop that carries out effects for a host |
//! | `introspection` | calls to introspection endpoints |
//! | `keys` | fetches of key sets |
//! | `known` | the state that streams share |
//! | `policies` | policies from a control plane |
//! | `publish` | manifests to a control plane |
//! | `quote` | the beginning of an answer, without secrets |
//! | `record` | log lines, counts, records of decisions |
//! | `sent` | calls and their failures in words |
//! | `sink` | audit lines for an endpoint |
//! | `streams` | events of streams; waiting and watched streams |

mod calls;
mod drift;
mod effect;
mod handler;
mod introspection;
mod keys;
mod known;
mod policies;
mod publish;
mod quote;
mod record;
mod sent;
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
use crate::audit::{DecisionIds, Limits};
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
use crate::workers::{Instance, SharedNames};

/// The period of the timer, in milliseconds.
pub const TICK: u32 = 500;
/// The period while streams wait for a fetch of another worker.
pub const POLL: u32 = 20;
/// The period for an immediate tick. A host sets it when a gate is new: the first tick fetches missing keys and
/// policies.
pub const AT_ONCE: u32 = 1;

/// One plugin instance in one worker.
pub struct Gate {
    /// Only its policies change, between events.
    config: Config,
    /// The state that streams share.
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
    /// The effects of the current event.
    effects: Vec<Effect>,
    /// Whether the host prints lines of the info level.
    prints_info: bool,
    /// This instance among those that share data.
    instance: Instance,
}

/// The shared fact that the host shows bodies while headers are held.
struct Bodies {
    name: String,
    is_told: bool,
}

impl Gate {
    /// A gate for `config`. It shares data under `names`. `random` fills a slice with random bytes, and returns whether it
    /// succeeded.
    pub fn new(
        config: Config,
        names: &SharedNames,
        random: &dyn Fn(&mut [u8]) -> bool,
        host: &Host<'_>,
    ) -> (Self, Vec<Effect>) {
        // Without randomness, the address of a local and the time still distinguish most workers.
        let other = host.now.as_numeric_date().to_bits() ^ (std::ptr::from_ref(&config) as u64);
        let seed = bytes(random).map_or(other, u64::from_le_bytes);
        // Decision ids are derived from the seed and are public. The secret must not be derivable from them.
        let secret = bytes(random).map_or(seed.rotate_left(32), u64::from_le_bytes);
        let number = || bytes(random).map_or(host.now.as_millis(), u64::from_le_bytes);
        let (key_sources, told) = (KeySources::new(&config, names), Told::new(&config, names));
        let policies = PolicySources::new(&config, names, number());
        let publishing = Publishing::new(&config, names, number());
        let uses = told.names().iter().cloned().chain(key_sources.names()).chain(publishing.names());
        let uses = uses.chain(policies.names()).collect();
        // Before an older instance ends, which may be at once.
        let instance = Instance::begin(names, seed, uses, host.shared, host.now);
        let mut gate = Self {
            known: Known {
                keys: IssuerKeys::new(config.key_sources(), seed),
                tokens: TokenCache::keyed(config.token_cache_entries, bytes(random)),
                introspection: Introspections::new(&config.issuers),
                drift: Drift::new(&config, secret),
                lists: KnownLists::default(),
                proofs: Proofs::new(names.clone(), bytes(random)),
                ids: DecisionIds::new(seed),
                limits: Limits::default(),
                host_shows_bodies: false,
                places: Places::new(&config.issuers),
                meter: Meter::default(),
            },
            key_sources,
            policies,
            publishing,
            told,
            bodies: Bodies { name: names.bodies(), is_told: false },
            sink: config.audit.sink.as_ref().map(|endpoint| Sink::new(endpoint.timeout)),
            metrics: Metrics::default(),
            looked_after: LookedAfter::default(),
            calls: Calls::default(),
            effects: Vec::new(),
            prints_info: true,
            instance,
            config,
        };
        // Drift that other workers know applies to the first request, which may come before the first tick.
        gate.look_at_host(host);
        gate.look_at_keys(host);
        gate.look_at_policies(host);
        gate.told.adopt(&mut gate.known.drift, &gate.config, host.shared, host.now);
        let effects = std::mem::take(&mut gate.effects);
        (gate, effects)
    }

    /// Does everything that is due.
    pub fn tick(&mut self, host: &Host<'_>, streams: &dyn Streams) -> Vec<Effect> {
        self.instance.tick(host.shared, host.now);
        self.look_at_host(host);
        self.advance_policies(host);
        self.advance_publishing(host);
        self.give_up_endpoints(host, streams);
        self.advance_keys(host, streams);
        self.take_turns(host, streams);
        self.wake(None, host, streams);
        self.end_outlived(host);
        // Some watched streams need another introspection.
        self.ask_endpoints(host, streams);
        self.look_at_drift(host);
        self.advance_sink(host);
        self.log_changes(false, host);
        self.flush_metrics(host);
        self.set_timer(host);
        std::mem::take(&mut self.effects)
    }

    /// Handles the answer to a call.
    pub fn answered(
        &mut self,
        call: CallId,
        answer: &Answer<'_>,
        host: &Host<'_>,
        streams: &dyn Streams,
    ) -> Vec<Effect> {
        let Some((purpose, sent)) = self.calls.end(call) else { return Vec::new() };
        match purpose {
            Purpose::Keys(issuer) => self.keys_answered(issuer, (&sent, answer), host, streams),
            Purpose::Introspection(issuer, digest) => {
                self.introspection_answered((issuer, digest), (&sent, answer), host, streams);
            }
            Purpose::Policy(id) => self.policy_answered(id, (&sent, answer), host),
            Purpose::Manifest(id, digest) => self.manifest_answered(id, &digest, (&sent, answer), host),
            Purpose::Audit(post) => {
                let told = || {
                    if answer.is_success() { sent.with_status(answer.status, "") } else { sent.answered(answer, "") }
                };
                self.post_ended(post, answer.is_success(), &told, host);
                // More lines may be waiting.
                self.advance_sink(host);
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Handles a call that the host refused with this status. No answer will come.
    pub fn call_refused(&mut self, call: CallId, status: u32, host: &Host<'_>, streams: &dyn Streams) -> Vec<Effect> {
        let Some((purpose, sent)) = self.calls.end(call) else { return Vec::new() };
        let told = || sent.refused(status);
        match purpose {
            Purpose::Keys(issuer) => self.keys_refused(issuer, &told(), host, streams),
            Purpose::Introspection(issuer, digest) => {
                self.endpoint_answered((issuer, digest), None, &told, host, streams);
            }
            Purpose::Policy(id) => self.policy_refused(id, told(), host),
            Purpose::Manifest(id, digest) => self.publishing_failed(id, &digest, &told(), host),
            Purpose::Audit(post) => self.post_ended(post, false, &told, host),
        }
        std::mem::take(&mut self.effects)
    }

    /// Ends the instance and its calls. Removes its shared values, unless another instance uses them. The effects are
    /// lines that remain to be logged.
    #[must_use]
    pub fn release(&mut self, host: &Host<'_>) -> Vec<Effect> {
        // A panic may have left effects of its event.
        self.effects.clear();
        self.release_calls(host);
        self.log_changes(true, host);
        for name in self.instance.end(host.shared, host.now) {
            let _ = host.shared.overwrite(name, &[]);
        }
        std::mem::take(&mut self.effects)
    }

    /// Sets whether the host prints lines of the info level. If not, no audit line is written for it. A host calls this
    /// at each tick.
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
