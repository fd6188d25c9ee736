//! How the workers of a host agree who fetches, and take over what another fetched.
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
    /// For an issuer whose set is fetched from there, through this cluster.
    pub fn new(names: &SharedNames, issuer: &str, (from, cluster): (&str, &str)) -> Self {
        let [attempts, set] = ["attempts", "set"].map(|kind| names.of(kind, &[issuer, from, cluster]));
        Self { attempts, set }
    }
}

/// The result of a look at the shared record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Streams that wait for keys should try again.
    pub changed: bool,
    /// This worker is to fetch now, and whether for an unknown `kid`.
    pub fetch: Option<Refetch>,
}

/// Whether a fetch is for an unknown `kid`.
pub type Refetch = bool;

/// The keys of one issuer, in one of several workers.
pub struct Worker<'a, S> {
    /// The data that the workers share.
    pub data: &'a S,
    /// The names of the shared values.
    pub names: &'a KeyNames,
    /// The keys of this worker.
    pub cache: &'a mut KeySetCache,
}

impl<S: SharedData> Worker<'_, S> {
    /// Takes over what others did, and nothing more.
    pub fn look(&mut self, now: UnixTime) {
        // Where nothing is shared, there is nothing to see.
        let _ = self.update(now, &mut |_, _| None);
    }

    /// Takes over what others did, and the lease if a fetch is due. Where nothing is shared, each worker fetches for
    /// itself.
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

    /// The fetch goes on with another request. The lease lasts for one; without it others would fetch too.
    pub fn renew(&mut self, now: UnixTime) {
        let _ = self.update(now, &mut |cache, record| Some(cache.renewed(record, now)));
    }

    /// This worker's fetch has ended, with a set and the `document` that it was read from, or without.
    pub fn finish(&mut self, fetched: Option<(KeySet, &[u8])>, now: UnixTime) {
        let document = fetched.as_ref().map(|(_, document)| *document);
        self.cache.finished(fetched.map(|(set, _)| set), now);
        if let Some(document) = document {
            // The set comes first: whoever reads of it in the record finds it. If the host does not take it, the others
            // fetch for themselves.
            let set = SharedDocument { fetched_at: now, document };
            let _ = self.data.overwrite(&self.names.set, &set.encode());
        }
        let _ = self.update(now, &mut |cache, record| Some(cache.ended(record, document.is_some(), now)));
    }

    /// This worker ends, and a fetch of its with it: another may start one at once.
    pub fn release(&mut self, now: UnixTime) {
        let _ = self.update(now, &mut |cache, record| Some(cache.released(record)));
    }

    /// Time goes by: a fetch of this worker whose answer never came has failed. Says whether that was so.
    pub fn tick(&mut self, now: UnixTime) -> bool {
        self.cache.want_what_is_awaited(now);
        let lost = self.cache.is_lost(now);
        if lost {
            self.finish(None, now);
        }
        lost
    }

    /// Reads the record, takes over what it tells of, and writes what `change` makes of it; a race that is lost is run
    /// again. Says whether streams should try again, and whether something was written.
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

    /// Takes over the set that `record` tells of. One that cannot be read is none: this worker will fetch its own.
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
