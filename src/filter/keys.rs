//! Fetches of key sets: one for all workers, which share what they do and what they get through the host.
//!
//! Nothing is fetched while the plugin is configured: the copy of the module that only checks a configuration would
//! take the lease with it when it ends. Its clock never ticks.

use super::callout;
use super::host;
use super::shared::Shared;
use crate::callout::Request;
use crate::config::{Config, Issuer};
use crate::jwks::{KeyNames, KeySource, Look, MAX_BYTES, Progress, Source, Worker};
use crate::url::Url;
use crate::workers::SharedNames;

/// How often one look may lead to another at once: what a stream asks for after the first, it may get from the second.
const MAX_ROUNDS: usize = 4;

/// The fetches of one plugin instance in one worker.
pub struct KeyFetches {
    /// Where the keys of each issuer are, and under which names they are shared; nothing if they are not fetched.
    sources: Vec<Option<(KeyNames, Source)>>,
    /// The issuer that each call under way is about, by the host's name for it.
    calls: Vec<(u32, usize)>,
}

impl KeyFetches {
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
        Self { sources: config.issuers.iter().map(source).collect(), calls: Vec::new() }
    }

    /// The names of what is shared.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let names = self.sources.iter().flatten().map(|(names, _)| names);
        names.flat_map(|names| [names.attempts.clone(), names.set.clone()])
    }

    /// Looks at what other workers did, without doing anything: the first request may need no fetch.
    pub fn look(&self, shared: &Shared) {
        for place in self.places() {
            self.share(shared, place, |mut worker| worker.look(host::now()));
        }
    }

    /// Does something with the keys of the issuer at `place`, as one worker of several.
    fn share<T: Default>(&self, shared: &Shared, place: usize, act: impl FnOnce(Worker<'_, host::Shared>) -> T) -> T {
        let mut keys = shared.keys.borrow_mut();
        let names = self.sources.get(place).and_then(|source| Some(&source.as_ref()?.0));
        let worker = |(names, cache)| Worker { data: &host::Shared, names, cache };
        names.zip(keys.cache(place)).map(worker).map(act).unwrap_or_default()
    }

    /// Time goes by: takes over what other workers did, and starts every fetch that is due. `wake` wakes the streams
    /// that wait for keys.
    ///
    /// An answer comes to the context that asked, so streams never ask themselves: with one of them the answer for all
    /// others would be lost.
    pub fn advance(&mut self, shared: &Shared, wake: impl Fn()) {
        let mut changed = false;
        for place in self.places() {
            if self.share(shared, place, |mut worker| worker.tick(host::now())) {
                // Should its answer come after all, it is nobody's.
                self.calls.retain(|(_, own)| *own != place);
                changed = true;
            }
        }
        for _ in 0..MAX_ROUNDS {
            for place in self.places() {
                changed |= self.advance_one(shared, place);
            }
            if !std::mem::take(&mut changed) {
                return;
            }
            wake();
        }
    }

    fn places(&self) -> Vec<usize> {
        let fetched = self.sources.iter().enumerate().filter(|(_, source)| source.is_some());
        fetched.map(|(place, _)| place).collect()
    }

    /// Says whether streams that wait should look again.
    fn advance_one(&mut self, shared: &Shared, place: usize) -> bool {
        let Look { changed, fetch } = self.share(shared, place, |mut worker| worker.advance(host::now()));
        let source = self.sources.get_mut(place).and_then(Option::as_mut);
        let first = source.zip(fetch).map(|((_, source), refetch)| source.begin(refetch));
        changed | first.is_some_and(|first| self.proceed(shared, place, first, &[]))
    }

    /// An answer came. Says whether it ended an attempt, so that streams that wait for keys should look again.
    pub fn answered(&mut self, shared: &Shared, call: u32, body_size: usize) -> bool {
        let Some(at) = self.calls.iter().position(|(own, _)| *own == call) else { return false };
        let (_, place) = self.calls.swap_remove(at);
        let answer = callout::answer(body_size, MAX_BYTES);
        let body = answer.body.unwrap_or_default();
        let Some((_, source)) = self.sources.get_mut(place).and_then(Option::as_mut) else { return false };
        let progress = source.answered(answer.status, (body_size <= MAX_BYTES).then_some(&*body));
        if matches!(progress, Progress::Ask(_)) {
            self.share(shared, place, |mut worker| worker.renew(host::now()));
        }
        self.proceed(shared, place, progress, &body)
    }

    /// Carries an attempt on; `body` is what its last answer brought. Says whether the attempt has ended.
    fn proceed(&mut self, shared: &Shared, place: usize, progress: Progress, body: &[u8]) -> bool {
        let config = shared.config.borrow();
        let issuer = config.issuers.get(place);
        let name = issuer.map(|issuer| issuer.name.as_str()).unwrap_or_default();
        let set = match progress {
            Progress::Ask(uri) => {
                if self.ask(shared, place, &uri) {
                    return false;
                }
                None
            }
            Progress::Done(set) => {
                for (place, fault) in &set.skipped {
                    log::warn!("key {place} of issuer {name} is left out: {}", fault.code());
                }
                shared.count("jwks", "success");
                Some(set)
            }
            Progress::Failed(fault) => {
                shared.count("jwks", "failure");
                log::warn!("the keys of issuer {name} were not delivered: {}", fault.message());
                None
            }
        };
        let fetched = set.map(|set| (set, body));
        let (failed, fails) = self.share(shared, place, |mut worker| {
            let before = worker.cache.is_failing();
            worker.finish(fetched, host::now());
            (before, worker.cache.is_failing())
        });
        match (failed, fails) {
            (false, true) => shared.event("outage", &format!("the keys of issuer {name} cannot be had")),
            (true, false) => shared.event("recovered", &format!("the keys of issuer {name} are there again")),
            _ => {}
        }
        true
    }

    /// Sends a request of an attempt, whose lease lasts for one request. Says whether an answer will come.
    fn ask(&mut self, shared: &Shared, place: usize, uri: &Url) -> bool {
        let config = shared.config.borrow();
        let Some(issuer) = config.issuers.get(place) else { return false };
        let Some(KeySource::Discovered { cluster, timing, .. } | KeySource::Fetched { cluster, timing, .. }) =
            &issuer.keys
        else {
            return false;
        };
        let request = Request::new("GET", uri, cluster, timing.timeout)
            .with("accept", "application/json, application/jwk-set+json");
        match callout::send(&request) {
            Ok(call) => {
                self.calls.push((call, place));
                true
            }
            Err(status) => {
                let name = &issuer.name;
                shared.count("jwks", "failure");
                log::warn!(
                    "the keys of issuer {name} cannot be fetched: the host refused a call to its cluster {cluster} ({status}); \
                     is it defined?"
                );
                false
            }
        }
    }

    /// The configuration is gone from this worker, and the calls under way with it.
    pub fn release(&self, shared: &Shared) {
        for (_, place) in &self.calls {
            self.share(shared, *place, |mut worker| worker.release(host::now()));
        }
    }
}
