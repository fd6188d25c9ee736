//! Publishes the manifest of a server's live tools: once per change for all workers, with retries until it succeeds.
//!
//! ```text
//! complete list ► merged into the shared inventory ─ digest changed ► logged
//! digest differs from the published one ► one worker takes the lease ► PUT ─┬ 2xx ► published
//!                                                                          └ else ► retry in 1 s, 2 s, 4 s … 5 min
//! ```

use crate::config::ControlPlane;
use crate::drift::inventory::{Inventory, Late, Listed};
use crate::time::UnixTime;
use crate::workers::{Attempts, NotShared, SharedData, SharedNames, Timing, Updated, agree, update};

/// The names under which workers share the state of publishing, for one resource.
#[derive(Clone, Debug)]
pub struct PublishNames {
    attempts: String,
    inventory: String,
    /// The digest of the last published inventory.
    published: String,
}

impl PublishNames {
    /// The names for the manifest of this resource at this target.
    pub fn new(names: &SharedNames, resource: &str, target: &ControlPlane) -> Self {
        let of = |kind| names.of(kind, &target.identity(resource));
        Self {
            attempts: of("publish/attempts"),
            inventory: of("publish/inventory"),
            published: of("publish/published"),
        }
    }

    /// All names.
    pub fn all(&self) -> [String; 3] {
        [&self.attempts, &self.inventory, &self.published].map(String::clone)
    }
}

/// Publishing of one resource's manifest, in one of several workers. It requires a host with shared data.
pub struct Publisher<'a> {
    /// The data that the workers share.
    pub data: &'a dyn SharedData,
    /// The names of the shared values.
    pub names: &'a PublishNames,
    /// The timing of attempts.
    pub timing: Timing,
    /// A number unique to this worker.
    pub owner: u64,
}

impl Publisher<'_> {
    /// The digest of the shared inventory. Empty if there is none.
    pub fn current(&self) -> Vec<u8> {
        let shared = self.data.read(&self.names.inventory).unwrap_or_default();
        Inventory::digest_of(&shared.bytes).to_vec()
    }

    /// Merges complete lists into the inventory. Returns the inventory if this worker was the first to change its
    /// tools, and whether a list arrived too late.
    pub fn merge(&self, lists: &[Listed], now: UnixTime) -> (Option<Inventory>, Late) {
        let (mut changed, mut late) = (None, false);
        let updated = update(self.data, &self.names.inventory, &mut |old| {
            let mut inventory = Inventory::decode(old);
            late = lists.iter().filter(|list| inventory.merge(list, now)).count() > 0;
            let new = inventory.encode().into_bytes();
            let is_new = new != old;
            changed = (Inventory::digest_of(&new) != Inventory::digest_of(old)).then_some(inventory);
            is_new.then_some(new)
        });
        match updated {
            Ok(Updated::Written | Updated::Kept) => (changed, late),
            Ok(Updated::Lost) => (None, true),
            Err(NotShared) => (None, false),
        }
    }

    /// The inventory and its digest, if this worker must publish it now. An inventory without tools is never published.
    pub fn due(&self, now: UnixTime) -> Option<(String, Inventory)> {
        let current = self.current();
        if current.is_empty() || current == self.data.read(&self.names.published).ok()?.bytes {
            return None;
        }
        let start = |record: Attempts| {
            let waits = record.fetcher(self.timing, now).is_some() || record.is_backing_off(self.timing, now);
            (!waits).then(|| record.started(self.owner, false, self.timing, now))
        };
        agree(self.data, &self.names.attempts, &mut { start }).ok()??;
        let inventory = Inventory::decode(&self.data.read(&self.names.inventory).unwrap_or_default().bytes);
        let due = inventory.digest().map(|digest| (digest, inventory));
        if due.is_none() {
            // It has become empty, or cannot be read. The next list replaces it.
            self.release();
        }
        due
    }

    /// Whether this worker's request can no longer be answered.
    pub fn is_lost(&self, now: UnixTime) -> bool {
        let Ok(record) = self.data.read(&self.names.attempts) else { return false };
        let record = Attempts::decode(&record.bytes).unwrap_or_default();
        record.fetcher(self.timing, now) != Some(self.owner)
    }

    /// Ends this worker and its request, so that another worker may publish at once.
    pub fn release(&self) {
        let _ = agree(self.data, &self.names.attempts, &mut |record| Some(record.released(self.owner)));
    }

    /// Ends this worker's request. `arrived`: the inventory with this digest was accepted. Returns whether the attempt
    /// before had failed.
    pub fn ended(&self, digest: &str, arrived: bool, now: UnixTime) -> bool {
        if arrived {
            let _ = self.data.overwrite(&self.names.published, digest.as_bytes());
        }
        let mut was_failing = false;
        let mut end = |record: Attempts| {
            was_failing = record.failures > 0;
            Some(record.ended(self.owner, arrived, now))
        };
        // If the record cannot be written, the lease expires.
        let _: Result<_, NotShared> = agree(self.data, &self.names.attempts, &mut end);
        was_failing
    }
}
