//! Fetches of key sets. One worker fetches for all; the workers share their attempts and their key sets.
//!
//! Nothing is fetched while the plugin is configured: the copy of the module that only checks a configuration would
//! still hold the lease when it ends. Its timer never ticks.

use log::Level;

use super::effect::{Answer, Host, Streams};
use super::record::OUTAGE;
use super::sent::{Sent, late};
use super::{Gate, Purpose};
use crate::callout::Request;
use crate::config::{Config, Issuer};
use crate::exchange::Awaited;
use crate::ids::{ById, IssuerId};
use crate::jwks::{KeyNames, KeySet, KeySource, Look, MAX_BYTES, Progress, Source, Worker};
use crate::url::Url;
use crate::workers::{SharedData, SharedNames};

/// The maximum number of rounds in one tick. A stream that is tried again may need another fetch.
const MAX_ROUNDS: usize = 4;

/// The source of each issuer's keys, and the names under which they are shared. `None` if they are not fetched.
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

    /// The names of all shared values.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flatten().flat_map(|(names, _)| [names.attempts.clone(), names.set.clone()])
    }

    fn source(&mut self, issuer: IssuerId) -> Option<&mut Source> {
        self.0.get_mut(issuer)?.as_mut().map(|(_, source)| source)
    }
}

impl Gate {
    /// This worker's part in fetching the keys of `issuer`.
    fn key_worker<'g>(&'g mut self, issuer: IssuerId, shared: &'g dyn SharedData) -> Option<Worker<'g>> {
        let (names, _) = self.key_sources.0.get(issuer)?.as_ref()?;
        Some(Worker { data: shared, names, cache: self.known.keys.cache(issuer)? })
    }

    /// Adopts the key sets of other workers, so that the first request may need no fetch. Starts no fetch.
    pub(super) fn look_at_keys(&mut self, host: &Host<'_>) {
        for issuer in self.key_sources.0.present() {
            if let Some(mut worker) = self.key_worker(issuer, host.shared) {
                worker.look(host.now);
            }
        }
    }

    /// Adopts the key sets of other workers, and starts every fetch that is due. Then calls the introspection endpoints
    /// that tokens need.
    pub(super) fn advance_keys(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        let (issuers, mut changed) = (self.key_sources.0.present(), false);
        for issuer in &issuers {
            let was_failing = self.keys_fail(*issuer);
            if self.key_worker(*issuer, host.shared).is_some_and(|mut worker| worker.tick(host.now)) {
                let sent = self.calls.give_up(&|purpose| *purpose == Purpose::Keys(*issuer));
                let told = late(sent.as_ref());
                self.fetch_failed(*issuer, &told);
                self.tell_keys(*issuer, was_failing, &|| told.clone(), host);
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

    /// Returns whether waiting streams should look again.
    fn advance_keys_of(&mut self, issuer: IssuerId, host: &Host<'_>) -> bool {
        let look = self.key_worker(issuer, host.shared).map(|mut worker| worker.advance(host.now));
        let Look { changed, fetch } = look.unwrap_or_default();
        if fetch.is_some() {
            // The answer to an older request must not be read as one to this attempt.
            self.calls.give_up(&|purpose| *purpose == Purpose::Keys(issuer));
        }
        let first = self.key_sources.source(issuer).zip(fetch).map(|(source, refetch)| source.begin(refetch));
        changed | first.is_some_and(|first| self.proceed_with_keys(issuer, first, (&Sent::default(), &[]), host))
    }

    /// The answer to a request of an attempt came.
    pub(super) fn keys_answered(
        &mut self,
        issuer: IssuerId,
        (sent, answer): (&Sent, &Answer<'_>),
        host: &Host<'_>,
        streams: &dyn Streams,
    ) {
        let body = answer.body(MAX_BYTES).unwrap_or_default();
        let Some(source) = self.key_sources.source(issuer) else { return };
        let describe = |fault: &str| sent.answered(answer, fault);
        let progress = source.answered(answer.status, (answer.size <= MAX_BYTES).then_some(&*body), &describe);
        if matches!(progress, Progress::Ask(_))
            && let Some(mut worker) = self.key_worker(issuer, host.shared)
        {
            worker.renew(host.now);
        }
        if self.proceed_with_keys(issuer, progress, (sent, &body), host) {
            self.keys_changed(host, streams);
        }
    }

    /// The host could not send a request of an attempt, which `told` is in words.
    pub(super) fn keys_refused(&mut self, issuer: IssuerId, told: &str, host: &Host<'_>, streams: &dyn Streams) {
        self.fetch_failed(issuer, told);
        self.attempt_ended(issuer, None, &|| told.to_owned(), host);
        self.keys_changed(host, streams);
    }

    fn keys_changed(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        self.try_again(Awaited::Keys, host, streams);
        // A waiting token may have asked for yet another fetch.
        self.advance_keys(host, streams);
    }

    /// Continues an attempt after an answer with `body`. Returns whether the attempt has ended, so that streams that wait
    /// for keys should look again.
    fn proceed_with_keys(
        &mut self,
        issuer: IssuerId,
        progress: Progress,
        (sent, body): (&Sent, &[u8]),
        host: &Host<'_>,
    ) -> bool {
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
                self.attempt_ended(issuer, Some((set, body)), &|| sent.with_status(Some(200), ""), host);
            }
            Progress::Failed(_, told) => {
                self.fetch_failed(issuer, &told);
                self.attempt_ended(issuer, None, &|| told.clone(), host);
            }
        }
        true
    }

    /// Sends a request of an attempt. The lease lasts for one request. The answer comes to the root context, for all
    /// streams: if a stream sent it, the answer would be lost with that stream.
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

    #[inline(never)]
    fn attempt_ended(
        &mut self,
        issuer: IssuerId,
        fetched: Option<(KeySet, &[u8])>,
        told: &dyn Fn() -> String,
        host: &Host<'_>,
    ) {
        let was_failing = self.keys_fail(issuer);
        if let Some(mut worker) = self.key_worker(issuer, host.shared) {
            worker.finish(fetched, host.now);
        }
        self.tell_keys(issuer, was_failing, told, host);
    }

    #[inline(never)]
    fn fetch_failed(&mut self, issuer: IssuerId, fault: &str) {
        let name = self.issuer_name(issuer);
        self.count("jwks", "failure");
        self.log(Level::Warn, format!("the keys of issuer {name} could not be fetched: {fault}"));
    }

    fn keys_fail(&mut self, issuer: IssuerId) -> bool {
        self.known.keys.cache(issuer).is_some_and(|cache| cache.is_failing())
    }

    /// Records an outage that began or ended with an attempt.
    #[inline(never)]
    fn tell_keys(&mut self, issuer: IssuerId, was_failing: bool, told: &dyn Fn() -> String, host: &Host<'_>) {
        let what = self.keys_are(issuer);
        let is_failing = self.keys_fail(issuer);
        self.tell_outage(&what, (was_failing, is_failing), told, host);
    }

    /// Forgets the held changes that are not so any more: another worker has told the last one.
    pub(super) fn forget_changes_of_keys(&mut self) {
        for issuer in self.key_sources.0.present() {
            let (what, is_failing) = (self.keys_are(issuer), self.keys_fail(issuer));
            self.known.limits.outages.forget(&what, &|event| (event == OUTAGE) != is_failing);
        }
    }

    fn keys_are(&self, issuer: IssuerId) -> String {
        format!("the keys of issuer {} are", self.issuer_name(issuer))
    }

    /// Releases the lease of a fetch of these keys, because the instance ends.
    pub(super) fn release_keys(&mut self, issuer: IssuerId, host: &Host<'_>) {
        if let Some(mut worker) = self.key_worker(issuer, host.shared) {
            worker.release(host.now);
        }
    }

    /// The name of `issuer` in logs.
    pub(super) fn issuer_name(&self, issuer: IssuerId) -> String {
        self.config.issuers.get(issuer).map(|issuer| issuer.name.clone()).unwrap_or_default()
    }
}
