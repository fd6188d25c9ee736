//! Complete lists as they come, until they are merged into the inventory.

use std::collections::VecDeque;

use super::Page;
use super::inventory::{Listed, MAX_BYTES};
use crate::time::UnixTime;

/// As many callers may be reading pages at once, and as many lists wait to be merged; the oldest gives way.
const MAX_LISTS: usize = 16;
/// As many lists that were merged are known again by their hash. One forgotten is merged once more.
const MAX_KNOWN: usize = 64;

/// The lists of one server.
#[derive(Debug, Default)]
pub struct Lists {
    /// With the cursor of the page that continues each.
    open: VecDeque<(String, Listed)>,
    complete: VecDeque<Listed>,
    /// Caller and hash of those that were merged.
    known: VecDeque<(u64, u64)>,
    /// The digest of the inventory that they were merged into.
    current: Vec<u8>,
}

impl Lists {
    /// Takes a page with its entries, of a caller with this hash. `hash` gives that of bytes.
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
            // It continues what nobody began.
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

    /// The complete lists that came since the last time. `current` is the digest of what workers share: if it is another
    /// than the last time, lists that were merged before may tell something new.
    pub fn take(&mut self, current: Vec<u8>) -> Vec<Listed> {
        if self.current != current {
            self.known.clear();
            self.current = current;
        }
        std::mem::take(&mut self.complete).into()
    }

    /// Some that were taken came too late: none is known any more.
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
