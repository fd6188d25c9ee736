//! How the workers of a host agree which of them fetches, and share the result.
//!
//! ```text
//! look at the shared record ─┬ others got a set ► adopt it
//!                            ├ others fetch ► wait
//!                            └ due ► take the lease ─┬ another was faster ► look again
//!                                                    └ fetch ► leave the set, then the record, to all
//! ```

use super::{KeySet, KeySetCache};
use crate::time::UnixTime;
use crate::workers::{Attempts, NotShared, SharedData, SharedDocument, SharedNames, agree};

/// The names under which workers share the keys of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNames {
    /// The record of attempts.
    pub attempts: String,
    /// The key set.
    pub set: String,
}

impl KeyNames {
    /// The names for an issuer whose set is fetched from this location through this cluster.
    pub fn new(names: &SharedNames, issuer: &str, (from, cluster): (&str, &str)) -> Self {
        let [attempts, set] = ["attempts", "set"].map(|kind| names.of(kind, &[issuer, from, cluster]));
        Self { attempts, set }
    }
}

/// The result of reading the shared record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether waiting streams should repeat their lookup.
    pub changed: bool,
    /// Whether this worker must fetch now, and if so, whether for an unknown `kid`.
    pub fetch: Option<Refetch>,
}

/// Whether a fetch is for an unknown `kid`.
pub type Refetch = bool;

/// The keys of one issuer, in one of several workers.
pub struct Worker<'a> {
    /// The data that the workers share.
    pub data: &'a dyn SharedData,
    /// The names of the shared values.
    pub names: &'a KeyNames,
    /// The keys of this worker.
    pub cache: &'a mut KeySetCache,
}

impl Worker<'_> {
    /// Adopts the results of other workers.
    pub fn look(&mut self, now: UnixTime) {
        // Without shared data there is nothing to adopt.
        let _ = self.update(now, &mut |_, _| None);
    }

    /// Adopts the results of other workers, and takes the lease if a fetch is due. Without shared data, each worker
    /// fetches for itself.
    pub fn advance(&mut self, now: UnixTime) -> Look {
        let mut refetch = false;
        let mut start = |cache: &KeySetCache, _| {
            refetch = cache.is_refetch();
            cache.is_due(now).then(|| cache.starting(now))
        };
        match self.update(now, &mut start) {
            Ok((changed, started)) => Look { changed, fetch: started.then_some(refetch) },
            Err(NotShared) => {
                let changed = self.cache.unshared();
                let fetch = self.cache.is_due(now).then_some(self.cache.is_refetch());
                if fetch.is_some() {
                    self.cache.started(now);
                }
                Look { changed, fetch }
            }
        }
    }

    /// Renews the lease for a further request of the fetch. Otherwise other workers would fetch too.
    pub fn renew(&mut self, now: UnixTime) {
        let _ = self.update(now, &mut |cache, record| Some(cache.renewed(record, now)));
    }

    /// Ends this worker's fetch, with a set and the `document` it was parsed from, or without. A set that comes after that
    /// of another worker may be older, with keys that the issuer has removed since: it is dropped.
    pub fn finish(&mut self, fetched: Option<(KeySet, &[u8])>, now: UnixTime) {
        let fetched = fetched.filter(|_| !Attempts::are_done(self.data, &self.names.attempts));
        let document = fetched.as_ref().map(|(_, document)| *document);
        self.cache.finished(fetched.map(|(set, _)| set), now);
        if let Some(document) = document {
            // Write the set before the record, so that readers of the record find it. If the host does not store it,
            // the other workers fetch for themselves.
            let set = SharedDocument { fetched_at: now, document };
            let _ = self.data.overwrite(&self.names.set, &set.encode());
        }
        let _ = self.update(now, &mut |cache, record| Some(cache.ended(record, document.is_some(), now)));
    }

    /// Ends this worker and its fetch, so that another worker may fetch at once.
    pub fn release(&mut self, now: UnixTime) {
        let _ = self.update(now, &mut |cache, record| Some(cache.released(record)));
    }

    /// Ends an overdue fetch of this worker as failed and returns whether there was one. Called on a tick.
    pub fn tick(&mut self, now: UnixTime) -> bool {
        self.cache.want_what_is_awaited(now);
        let lost = self.cache.is_lost(now);
        if lost {
            self.finish(None, now);
        }
        lost
    }

    /// Reads the record, adopts its news, and writes the result of `change`. Retries after a lost race. Returns whether
    /// streams should repeat their lookup, and whether something was written.
    fn update(
        &mut self,
        now: UnixTime,
        change: &mut dyn FnMut(&KeySetCache, Attempts) -> Option<Attempts>,
    ) -> Result<(bool, bool), NotShared> {
        let (data, name) = (self.data, &self.names.attempts);
        let mut changed = false;
        let written = agree(data, name, &mut |record| {
            self.adopt(&record, now);
            changed |= self.cache.observe(record, now);
            change(self.cache, record)
        })?;
        if let Some(new) = written {
            self.cache.observe(new, now);
        }
        Ok((changed, written.is_some()))
    }

    /// Adopts the set that `record` announces. If it is unreadable, this worker fetches its own.
    fn adopt(&mut self, record: &Attempts, now: UnixTime) {
        if !self.cache.is_news(record, now) {
            return;
        }
        let value = self.data.read(&self.names.set).unwrap_or_default();
        if let Some(set) = SharedDocument::decode(&value.bytes)
            && let Ok(keys) = KeySet::parse(set.document)
        {
            self.cache.adopt(keys, set.fetched_at, record, now);
        }
    }
}
