//! Fetches of key sets: one for all workers, who share what they do and what they get through the host's shared data.
//!
//! ```text
//! tick ─► look at the shared record ─┬ others got a set ► adopt it
//!                                    ├ others fetch ► look again soon, if streams wait
//!                                    └ due ► take the lease ─┬ another was faster ► look again
//!                                                            └ fetch ► leave set and record to all
//! ```
//!
//! Nothing is fetched while the plugin is configured: the copy of the module that only checks a configuration would
//! take the lease with it when it ends. Its clock never ticks.

use super::callout;
use super::host::{self, HostFault};
use super::shared::Shared;
use crate::config::{Config, KeySource};
use crate::jwks::{Attempts, KeySetCache, MAX_BYTES, Progress, SharedNames, SharedSet, Source};
use crate::time::UnixTime;
use crate::url::Url;

/// How often a record is read again because another worker was faster. Each time one of them got on.
const MAX_RACES: usize = 16;
/// How often one look may lead to another at once: what a stream asks for after the first, it may get from the second.
const MAX_ROUNDS: usize = 4;

/// The fetches of one plugin instance in one worker.
pub struct KeyFetches {
    names: SharedNames,
    /// Where the keys of each issuer are; nothing if they are not fetched.
    sources: Vec<Option<Source>>,
    /// The issuer that each call under way is about, by the host's name for it.
    calls: Vec<(u32, usize)>,
    /// Whether time ever went by: not for the copy that only checks a configuration.
    ticked: bool,
}

/// What became of a look at the shared record.
struct Update {
    /// Streams that wait should look again.
    changed: bool,
    /// Something was written.
    written: bool,
}

impl KeyFetches {
    /// For a configuration, which is also given as the bytes that it was read from.
    pub fn new(config: &Config, bytes: &[u8]) -> Self {
        let property = |name| host::property(name).unwrap_or_default();
        let source = |keys: &KeySource| match keys {
            KeySource::Discovered { issuer, .. } => Some(Source::discovered(issuer.clone())),
            KeySource::Fetched { uri, .. } => Some(Source::at(uri.clone())),
            KeySource::Fixed(_) => None,
        };
        Self {
            names: SharedNames::new(&property("plugin_name"), &property("plugin_root_id"), bytes),
            sources: config.issuers.iter().map(|issuer| issuer.keys.as_ref().and_then(source)).collect(),
            calls: Vec::new(),
            ticked: false,
        }
    }

    /// Looks at what other workers did, without doing anything: the first request may need no fetch.
    pub fn look(&self, shared: &Shared) {
        for place in self.places() {
            // Where the host shares nothing, there is nothing to see.
            let _ = self.update(shared, place, |_, _| None);
        }
    }

    /// Time goes by: takes over what other workers did, and starts every fetch that is due. `wake` wakes the streams
    /// that wait for keys.
    ///
    /// An answer comes to the context that asked, so streams never ask themselves: with one of them the answer for all
    /// others would be lost.
    pub fn advance(&mut self, shared: &Shared, wake: impl Fn()) {
        self.ticked = true;
        let now = host::now();
        let lost = shared.keys.borrow_mut().tick(now);
        for place in &lost {
            // Should its answer come after all, it is nobody's.
            self.calls.retain(|(_, own)| own != place);
            self.leave(shared, *place, None, now);
        }
        let mut changed = !lost.is_empty();
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
        let now = host::now();
        let mut refetch = false;
        let start = |cache: &KeySetCache, _| {
            refetch = cache.is_refetch();
            cache.is_due(now).then(|| cache.starting(now))
        };
        let Update { changed, written } = self.update(shared, place, start).unwrap_or_else(|HostFault| {
            let mut keys = shared.keys.borrow_mut();
            let due = keys.cache(place).filter(|cache| cache.is_due(now));
            let started = due.map(|cache| {
                refetch = cache.is_refetch();
                cache.started(now);
            });
            Update { changed: false, written: started.is_some() }
        });
        if !written {
            return changed;
        }
        let first = self.sources.get_mut(place).and_then(Option::as_mut).map(|source| source.begin(refetch));
        changed | first.is_some_and(|first| self.proceed(shared, place, first, &[]))
    }

    /// Takes over the set that `record` tells of, if it is a newer one.
    fn adopt(&self, cache: &mut KeySetCache, place: usize, record: Attempts) {
        let now = host::now();
        if !cache.is_news(&record, now) {
            return;
        }
        let value = host::shared(&self.names.set(place)).unwrap_or_default();
        // One that cannot be read is none: this worker will fetch its own.
        if let Some(set) = SharedSet::decode(&value.bytes)
            && let Some(keys) = set.keys()
        {
            cache.adopt(keys, set.fetched_at, now);
        }
    }

    /// Reads the shared record, takes over what it tells of, and writes what `change` makes of it; a race that is lost is run again.
    fn update(
        &self,
        shared: &Shared,
        place: usize,
        mut change: impl FnMut(&KeySetCache, Attempts) -> Option<Attempts>,
    ) -> Result<Update, HostFault> {
        let name = self.names.attempts(place);
        let mut keys = shared.keys.borrow_mut();
        let cache = keys.cache(place).ok_or(HostFault)?;
        let mut changed = false;
        for _ in 0..MAX_RACES {
            let old = host::shared(&name)?;
            // What cannot be read is as good as nothing, and is replaced.
            let record = Attempts::decode(&old.bytes).unwrap_or_default();
            self.adopt(cache, place, record);
            changed |= cache.observe(record, host::now());
            let Some(new) = change(cache, record) else { return Ok(Update { changed, written: false }) };
            if host::replace_shared(&name, &old, &new.encode())? {
                cache.observe(new, host::now());
                return Ok(Update { changed, written: true });
            }
        }
        Err(HostFault)
    }

    /// An answer came. Says whether it was one of these.
    pub fn answered(&mut self, shared: &Shared, call: u32, body_size: usize, wake: impl Fn()) -> bool {
        let Some(at) = self.calls.iter().position(|(own, _)| *own == call) else { return false };
        let (_, place) = self.calls.swap_remove(at);
        let answer = callout::answer(body_size, MAX_BYTES);
        let body = answer.body.unwrap_or_default();
        let Some(source) = self.sources.get_mut(place).and_then(Option::as_mut) else { return true };
        let progress = source.answered(answer.status, (body_size <= MAX_BYTES).then_some(&*body));
        if matches!(progress, Progress::Ask(_)) {
            // The lease lasts for one request. Without one the others would fetch too, and nothing worse.
            let now = host::now();
            let _ = self.update(shared, place, |cache, record| Some(cache.renewed(record, now)));
        }
        if self.proceed(shared, place, progress, &body) {
            wake();
            // A waiting token may have asked for yet another fetch.
            self.advance(shared, wake);
        }
        true
    }

    /// Carries an attempt on; `body` is what its last answer brought. Says whether the attempt has ended.
    fn proceed(&mut self, shared: &Shared, place: usize, progress: Progress, body: &[u8]) -> bool {
        let issuer = shared.config.issuers.get(place);
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
                Some(set)
            }
            Progress::Failed(fault) => {
                log::warn!("the keys of issuer {name} were not delivered: {}", fault.message());
                None
            }
        };
        let document = set.is_some().then_some(body);
        let now = host::now();
        if let Some(cache) = shared.keys.borrow_mut().cache(place) {
            cache.finished(set, now);
        }
        self.leave(shared, place, document, now);
        true
    }

    /// Sends a request of an attempt, whose lease lasts for one request. Says whether an answer will come.
    fn ask(&mut self, shared: &Shared, place: usize, uri: &Url) -> bool {
        let Some(issuer) = shared.config.issuers.get(place) else { return false };
        let Some(KeySource::Discovered { cluster, timing, .. } | KeySource::Fetched { cluster, timing, .. }) =
            &issuer.keys
        else {
            return false;
        };
        let request = callout::Request {
            cluster,
            method: "GET",
            uri,
            headers: vec![("accept", "application/json, application/jwk-set+json")],
            body: None,
            timeout: timing.timeout,
        };
        match callout::send(request) {
            Ok(call) => {
                self.calls.push((call, place));
                true
            }
            Err(status) => {
                let name = &issuer.name;
                log::warn!(
                    "the keys of issuer {name} cannot be fetched: the host refused a call to its cluster {cluster} ({status}); \
                     is it defined?"
                );
                false
            }
        }
    }

    /// Leaves to the other workers that an attempt ended at `now`, and the `document` that it brought.
    fn leave(&self, shared: &Shared, place: usize, document: Option<&[u8]>, now: UnixTime) {
        if let Some(document) = document {
            // The set comes first: whoever reads of it in the record finds it. If the host does not take it, the
            // others fetch for themselves.
            let set = SharedSet { fetched_at: now, document };
            let _ = host::overwrite_shared(&self.names.set(place), &set.encode());
        }
        let _ = self.update(shared, place, |cache, record| Some(cache.ended(record, document.is_some(), now)));
    }

    /// The configuration is gone from this worker: what it left to others goes too, so that a host whose configuration
    /// changes for years does not fill up. Workers that still have it keep their sets, and begin a new record.
    pub fn forget(&self) {
        if self.ticked {
            for place in self.places() {
                let _ = host::overwrite_shared(&self.names.set(place), &[]);
                let _ = host::overwrite_shared(&self.names.attempts(place), &[]);
            }
        }
    }
}
