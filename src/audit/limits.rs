//! Limits on lines that anyone can cause.

use std::time::Duration;

use crate::time::UnixTime;

/// The maximum number of audit lines per worker and minute about paths that resemble a resource's. Anyone can send such
/// requests, and this many are enough to identify the sender.
const LOOK_ALIKES: u32 = 100;
/// The maximum number of warnings per worker and minute about requests for no resource. Scanners send such requests all
/// day, and a client that is configured wrongly repeats itself.
const STRAYS: u32 = 5;

/// Limits the audit lines about look-alike paths.
pub type LookAlikes = PerMinute<LOOK_ALIKES>;
/// Limits the warnings about requests for no resource.
pub type Strays = PerMinute<STRAYS>;

/// The limits on lines about requests without a route.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Of audit lines about look-alike paths.
    pub look_alikes: LookAlikes,
    /// Of warnings about requests for no resource.
    pub strays: Strays,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_written_in_a_minute_and_as_many_in_the_next() {
        let at = |seconds: u64| UnixTime::from_millis(1_800_000_000_000 + seconds * 1000);
        let mut strays = Strays::default();
        let mut written = |now| (0..100).filter(|_| strays.take(at(now))).count();
        assert_eq!([written(0), written(59), written(60), written(61), written(200)], [5, 0, 5, 0, 5]);
        // The clock was set back.
        assert_eq!(written(10), 5);
    }
}
