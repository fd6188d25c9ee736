//! Time as the core sees it: an argument, in milliseconds since 1970, from the host's wall clock.
//!
//! There is no monotonic clock in the module, so time may step. [`UnixTime::since`] therefore gives no age for what
//! lies in the future, and each caller says what that means.

use std::time::Duration;

/// A moment of wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// Seconds since 1970, as a JWT's NumericDate (RFC 7519 section 2) counts them: fractions are legal.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_numeric_date(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// How long ago `earlier` was, or nothing if it lies in the future.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }

    /// The moment `length` later.
    pub fn plus(self, length: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Whether less than `length` has passed since `start`. A start in the future has no such length left: the clock
    /// was set back, and waiting for it would be waiting for ever.
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
