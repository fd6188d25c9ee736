//! Fetches of key sets: one for all workers, which share what they do and what they get.
//!
//! Nothing is fetched while the plugin is configured: the copy of the module that only checks a configuration would
//! take the lease with it when it ends. Its clock never ticks.

use log::Level;

use super::effect::{Answer, Host, Streams};
use super::{Gate, Purpose};
use crate::callout::Request;
use crate::config::{Config, Issuer};
use crate::exchange::Awaited;
use crate::ids::{ById, IssuerId};
use crate::jwks::{KeyNames, KeySet, KeySource, Look, MAX_BYTES, Progress, Source, Worker};
use crate::url::Url;
use crate::workers::{SharedData, SharedNames};

/// How often one look may lead to another at once: what a stream asks for after the first, it may get from the second.
const MAX_ROUNDS: usize = 4;

/// Where the keys of each issuer are, and under which names they are shared; nothing if they are not fetched.
pub(super) struct KeySources(ById<IssuerId, Option<(KeyNames, Source)>>);

impl KeySources {
    /// For a configuration.
    pub fn new(config: &Config, names: &SharedNames) -> Self {
        let source = |issuer: &Issuer| {
            let keys = issuer.keys.as_ref()?;
            let source = match keys {
                KeySource::Discovered { issuer, .. } => Source::discovered(issuer.clone()),
                KeySource::Fetched { uri, .. } => Source::at(uri.clone()),
                KeySource::Fixed(_) => return None,
            };
            Some((KeyNames::new(names, &issuer.identifier, keys.identity()?), source))
        };
        Self(config.issuers.map(source))
    }

    /// The names of what is shared.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flatten().flat_map(|(names, _)| [names.attempts.clone(), names.set.clone()])
    }

    /// The issuers whose keys are fetched.
    fn issuers(&self) -> Vec<IssuerId> {
        let fetched = self.0.with_ids().filter(|(_, source)| source.is_some());
        fetched.map(|(issuer, _)| issuer).collect()
    }

    fn source(&mut self, issuer: IssuerId) -> Option<&mut Source> {
        self.0.get_mut(issuer)?.as_mut().map(|(_, source)| source)
    }
}

impl Gate {
    /// The keys of `issuer`, as one worker of several has them.
    fn key_worker<'g>(&'g mut self, issuer: IssuerId, shared: &'g dyn SharedData) -> Option<Worker<'g>> {
        let (names, _) = self.key_sources.0.get(issuer)?.as_ref()?;
        Some(Worker { data: shared, names, cache: self.known.keys.cache(issuer)? })
    }

    /// Looks at what other workers did, without doing anything: the first request may need no fetch.
    pub(super) fn look_at_keys(&mut self, host: &Host<'_>) {
        for issuer in self.key_sources.issuers() {
            if let Some(mut worker) = self.key_worker(issuer, host.shared) {
                worker.look(host.now);
            }
        }
    }

    /// Time goes by: takes over what other workers did, and starts every fetch that is due. Then the endpoints are asked
    /// that tokens need besides.
    pub(super) fn advance_keys(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        let (issuers, mut changed) = (self.key_sources.issuers(), false);
        for issuer in &issuers {
            let was_failing = self.keys_fail(*issuer);
            if self.key_worker(*issuer, host.shared).is_some_and(|mut worker| worker.tick(host.now)) {
                self.calls.give_up(|purpose| *purpose == Purpose::Keys(*issuer));
                self.keys_not_delivered(*issuer, "no answer in time");
                self.tell_outage(*issuer, was_failing);
                changed = true;
            }
        }
        for _ in 0..MAX_ROUNDS {
            for issuer in &issuers {
                changed |= self.advance_keys_of(*issuer, host);
            }
            if !std::mem::take(&mut changed) {
                break;
            }
            self.try_again(Awaited::Keys, host, streams);
        }
        self.ask_endpoints(host, streams);
    }

    /// Says whether streams that wait should look again.
    fn advance_keys_of(&mut self, issuer: IssuerId, host: &Host<'_>) -> bool {
        let look = self.key_worker(issuer, host.shared).map(|mut worker| worker.advance(host.now));
        let Look { changed, fetch } = look.unwrap_or_default();
        if fetch.is_some() {
            // The answer to an older request must not be read as one to this attempt.
            self.calls.give_up(|purpose| *purpose == Purpose::Keys(issuer));
        }
        let first = self.key_sources.source(issuer).zip(fetch).map(|(source, refetch)| source.begin(refetch));
        changed | first.is_some_and(|first| self.proceed_with_keys(issuer, first, &[], host))
    }

    /// The answer to a request of an attempt came.
    pub(super) fn keys_answered(
        &mut self,
        issuer: IssuerId,
        answer: &Answer<'_>,
        host: &Host<'_>,
        streams: &dyn Streams,
    ) {
        let body = answer.body(MAX_BYTES).unwrap_or_default();
        let Some(source) = self.key_sources.source(issuer) else { return };
        let progress = source.answered(answer.status, (answer.size <= MAX_BYTES).then_some(&*body));
        if matches!(progress, Progress::Ask(_))
            && let Some(mut worker) = self.key_worker(issuer, host.shared)
        {
            worker.renew(host.now);
        }
        if self.proceed_with_keys(issuer, progress, &body, host) {
            self.keys_changed(host, streams);
        }
    }

    /// The host could not send a request of an attempt.
    pub(super) fn keys_refused(&mut self, issuer: IssuerId, status: u32, host: &Host<'_>, streams: &dyn Streams) {
        let name = self.issuer_name(issuer);
        let cluster = match self.config.issuers.get(issuer).and_then(|issuer| issuer.keys.as_ref()) {
            Some(KeySource::Discovered { cluster, .. } | KeySource::Fetched { cluster, .. }) => cluster.as_str(),
            _ => "",
        };
        let line = format!(
            "the keys of issuer {name} cannot be fetched: the host refused a call to its cluster {cluster} ({status}); \
             is it defined?"
        );
        self.count("jwks", "failure");
        self.log(Level::Warn, line);
        self.attempt_ended(issuer, None, host);
        self.keys_changed(host, streams);
    }

    fn keys_changed(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        self.try_again(Awaited::Keys, host, streams);
        // A waiting token may have asked for yet another fetch.
        self.advance_keys(host, streams);
    }

    /// Carries an attempt on; `body` is the last answer's. Says whether the attempt has ended, so that streams that wait
    /// for keys should look again.
    fn proceed_with_keys(&mut self, issuer: IssuerId, progress: Progress, body: &[u8], host: &Host<'_>) -> bool {
        match progress {
            Progress::Ask(uri) => {
                self.ask_for_keys(issuer, &uri);
                return false;
            }
            Progress::Done(set) => {
                for (key, fault) in &set.skipped {
                    let name = self.issuer_name(issuer);
                    self.log(Level::Warn, format!("key {key} of issuer {name} is left out: {}", fault.code()));
                }
                self.count("jwks", "success");
                self.attempt_ended(issuer, Some((set, body)), host);
            }
            Progress::Failed(fault) => {
                self.keys_not_delivered(issuer, &fault.message());
                self.attempt_ended(issuer, None, host);
            }
        }
        true
    }

    /// Sends a request of an attempt, whose lease lasts for one request. Its answer comes to the root context, which
    /// asks for all streams: with one of them the answer for all others would be lost.
    fn ask_for_keys(&mut self, issuer: IssuerId, uri: &Url) {
        let keys = self.config.issuers.get(issuer).and_then(|issuer| issuer.keys.as_ref());
        let Some(KeySource::Discovered { cluster, timing, .. } | KeySource::Fetched { cluster, timing, .. }) = keys
        else {
            return;
        };
        let request = Request::new("GET", uri, cluster, timing.timeout)
            .with("accept", "application/json, application/jwk-set+json");
        self.call(Purpose::Keys(issuer), request);
    }

    fn attempt_ended(&mut self, issuer: IssuerId, fetched: Option<(KeySet, &[u8])>, host: &Host<'_>) {
        let was_failing = self.keys_fail(issuer);
        if let Some(mut worker) = self.key_worker(issuer, host.shared) {
            worker.finish(fetched, host.now);
        }
        self.tell_outage(issuer, was_failing);
    }

    fn keys_not_delivered(&mut self, issuer: IssuerId, fault: &str) {
        let name = self.issuer_name(issuer);
        self.count("jwks", "failure");
        self.log(Level::Warn, format!("the keys of issuer {name} were not delivered: {fault}"));
    }

    fn keys_fail(&mut self, issuer: IssuerId) -> bool {
        self.known.keys.cache(issuer).is_some_and(|cache| cache.is_failing())
    }

    /// An attempt has ended: tells of an outage that began or ended with it.
    fn tell_outage(&mut self, issuer: IssuerId, was_failing: bool) {
        let name = self.issuer_name(issuer);
        match (was_failing, self.keys_fail(issuer)) {
            (false, true) => self.event("outage", &format!("the keys of issuer {name} cannot be had")),
            (true, false) => self.event("recovered", &format!("the keys of issuer {name} are there again")),
            _ => {}
        }
    }

    /// The instance ends, and its fetches under way with it.
    pub(super) fn release_keys(&mut self, host: &Host<'_>) {
        let issuers: Vec<_> = self.calls.purposes().filter_map(Purpose::of_keys).collect();
        for issuer in issuers {
            if let Some(mut worker) = self.key_worker(issuer, host.shared) {
                worker.release(host.now);
            }
        }
    }

    /// The name of `issuer` in logs.
    pub(super) fn issuer_name(&self, issuer: IssuerId) -> String {
        self.config.issuers.get(issuer).map(|issuer| issuer.name.clone()).unwrap_or_default()
    }
}
