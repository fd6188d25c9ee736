//! Limits on lines that anyone can cause.

use super::outages::Outages;
use super::per_minute::PerMinute;

/// The maximum number of audit lines per worker and minute about paths that resemble a resource's. Anyone can send such
/// requests, and this many are enough to identify the sender.
const LOOK_ALIKES: u32 = 100;
/// The maximum number of warnings per worker and minute about requests for no resource. Scanners send such requests all
/// day, and a client that is configured wrongly repeats itself.
const STRAYS: u32 = 5;

/// The limits on lines about requests without a route, and about outages.
#[derive(Debug, Default)]
pub struct Limits {
    /// Of audit lines about look-alike paths.
    pub look_alikes: PerMinute<LOOK_ALIKES>,
    /// Of warnings about requests for no resource.
    pub strays: PerMinute<STRAYS>,
    /// Of lines about outages.
    pub outages: Outages,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    #[test]
    fn so_many_lines_are_written_in_a_minute_and_as_many_in_the_next() {
        let at = |seconds: u64| UnixTime::from_millis(1_800_000_000_000 + seconds * 1000);
        let mut limits = Limits::default();
        let mut look_alikes = |now| (0..200).filter(|_| limits.look_alikes.take(at(now))).count();
        assert_eq!([0, 59, 60, 119, 120].map(&mut look_alikes), [100, 0, 100, 0, 100]);
        assert_eq!(look_alikes(0), 100, "the clock was set back");
        let mut strays = |now| (0..100).filter(|_| limits.strays.take(at(now))).count();
        assert_eq!([0, 59, 60, 61, 200].map(&mut strays), [5, 0, 5, 0, 5]);
        assert_eq!(strays(10), 5, "the clock was set back");
    }
}
