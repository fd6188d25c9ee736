//! A limit on lines.

use std::time::Duration;

use crate::time::UnixTime;

/// Limits lines to a number per minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct PerMinute<const MOST: u32> {
    since: UnixTime,
    written: u32,
}

impl<const MOST: u32> PerMinute<MOST> {
    /// Whether another line may be written at `now`.
    pub fn take(&mut self, now: UnixTime) -> bool {
        if !now.within(Duration::from_secs(60), self.since) {
            *self = Self { since: now, written: 0 };
        }
        self.written = self.written.saturating_add(1);
        self.written <= MOST
    }
}
