//! Complete lists that wait to be merged into the inventory.

use std::collections::VecDeque;

use super::Page;
use super::inventory::{Listed, MAX_BYTES};
use crate::time::UnixTime;

/// The maximum number of callers whose pages are collected at once, and of lists that wait. Beyond it the oldest is
/// dropped.
const MAX_LISTS: usize = 16;
/// The maximum number of merged lists that are recognised by hash. A forgotten list is merged again.
const MAX_KNOWN: usize = 64;

/// The lists of one server.
#[derive(Debug, Default)]
pub struct Lists {
    /// Incomplete lists, each with the cursor of its next page.
    open: VecDeque<(String, Listed)>,
    complete: VecDeque<Listed>,
    /// Caller and hash of each merged list.
    known: VecDeque<(u64, u64)>,
    /// The digest of the inventory after the merge.
    current: Vec<u8>,
}

impl Lists {
    /// Adds a page with its entries. `caller` is the hash of the caller; `hash` hashes bytes.
    pub fn extend(
        &mut self,
        caller: u64,
        page: Page<'_>,
        entries: Vec<Vec<u8>>,
        now: UnixTime,
        hash: &dyn Fn(&[u8]) -> u64,
    ) {
        let own = self.open.iter().position(|(_, list)| list.caller == caller);
        let before = own.and_then(|place| self.open.remove(place));
        let mut list = match (page.cursor, before) {
            (None, _) => Listed { caller, seen: now, entries: Vec::new() },
            (Some(cursor), Some((next, list))) if next == cursor => list,
            // Continues a list that was never started.
            (Some(_), _) => return,
        };
        list.seen = now;
        list.entries.extend(entries);
        if list.entries.iter().map(Vec::len).sum::<usize>() > MAX_BYTES {
            return;
        }
        match page.next {
            Some(next) => push(&mut self.open, MAX_LISTS, (next.to_owned(), list)),
            None => {
                let known = (caller, hash(&list.entries.join(&b"\n"[..])));
                if !self.known.contains(&known) {
                    push(&mut self.known, MAX_KNOWN, known);
                    self.complete.retain(|own| own.caller != caller);
                    push(&mut self.complete, MAX_LISTS, list);
                }
            }
        }
    }

    /// The complete lists since the last call. `current` is the digest of the shared inventory. If it changed, lists
    /// that were merged before may matter again.
    pub fn take(&mut self, current: Vec<u8>) -> Vec<Listed> {
        if self.current != current {
            self.known.clear();
            self.current = current;
        }
        std::mem::take(&mut self.complete).into()
    }

    /// Some of the taken lists arrived too late, so no list counts as merged.
    pub fn forget(&mut self) {
        self.known.clear();
    }
}

fn push<T>(queue: &mut VecDeque<T>, most: usize, item: T) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}
