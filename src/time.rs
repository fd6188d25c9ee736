//! Time as an argument of the core, in milliseconds since 1970, from the host's wall clock.
//!
//! The module has no monotonic clock, so time may jump. [`UnixTime::since`] returns no age for a time in the future,
//! and each caller defines what that means.

use std::time::Duration;

/// A point in wall-clock time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(u64);

impl UnixTime {
    /// `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// Seconds since 1970 as a NumericDate (RFC 7519 section 2), which may have fractions.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_numeric_date(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The time since `earlier`. `None` if that is in the future.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }

    /// The time `length` later.
    pub fn plus(self, length: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Whether less than `length` has passed since `start`. False if `start` is in the future: the clock was set back,
    /// and a wait could last for ever.
    pub fn within(self, length: Duration, start: Self) -> bool {
        self.since(start).is_some_and(|age| age < length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_in_the_future_is_never_within() {
        let at = UnixTime::from_millis;
        let minute = Duration::from_secs(60);
        assert!(at(60_000).within(minute, at(1)));
        assert!(!at(60_001).within(minute, at(1)));
        assert!(!at(1_000).within(minute, at(2_000)));
        assert_eq!(at(1_000).since(at(2_000)), None);
    }
}
