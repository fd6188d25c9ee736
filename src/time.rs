//! Time as an argument of the core, in milliseconds since 1970, from the host's wall clock.
//!
//! The module has no monotonic clock, so time may jump. [`UnixTime::since`] returns no age for a time in the future,
//! and each caller defines what that means.

use std::time::Duration;

/// The days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;
/// 9999-12-31T23:59:59.999Z.
const LAST: u64 = 253_402_300_799_999;

/// A point in wall-clock time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(u64);

impl UnixTime {
    /// `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Parses a time in UTC from 1970 on (RFC 3339 section 5.6), such as `2026-11-28T12:00:00Z`. Seconds may have a
    /// fraction.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.strip_suffix('Z')?.split_at_checked(19)?;
        let fits = |(own, shape): (u8, u8)| if shape == b'0' { own.is_ascii_digit() } else { own == shape };
        let at = |from: usize, to: usize| whole.get(from..to)?.parse::<u64>().ok();
        let [year, month, day] = [at(0, 4)?, at(5, 7)?, at(8, 10)?];
        let [hour, minute, second] = [at(11, 13)?, at(14, 16)?, at(17, 19)?];
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_in_month = match month {
            2 => 28 + u64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        let is_sound = whole.bytes().zip(*b"0000-00-00T00:00:00").all(fits)
            && (1..=days_in_month).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let digits = fraction.strip_prefix('.').unwrap_or_default();
        let has_fraction = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_sound || !(fraction.is_empty() || has_fraction) {
            return None;
        }
        let millis = digits.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        // The year starts in March, so that the leap day is its last.
        let (year, month) = if month < 3 { (year.checked_sub(1)?, month + 9) } else { (year, month - 3) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
        let seconds = days.checked_sub(EPOCH)? * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Self(seconds * 1000 + millis))
    }

    /// The time in UTC with milliseconds (RFC 3339 section 5.6), such as `2026-11-28T12:00:00.000Z`. Years after 9999,
    /// which the format cannot express, become its last millisecond.
    pub fn rfc3339(self) -> String {
        let (seconds, millis) = (self.0.min(LAST) / 1000, self.0.min(LAST) % 1000);
        let (days, second) = (seconds / 86_400 + EPOCH, seconds % 86_400);
        // Eras of 400 years have the same number of days. The year starts in March, so that the leap day is its last.
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (year, month) = (era * 400 + year_of_era + month / 10, (month + 2) % 12 + 1);
        // Every audit line has a time, and `format!` takes many times the steps.
        let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year % 100));
        let ([m1, m2], [d1, d2]) = (two_digits(month), two_digits(day));
        let ([h1, h2], [n1, n2]) = (two_digits(second / 3600), two_digits(second / 60 % 60));
        let ([s1, s2], [_, f1], [f2, f3]) =
            (two_digits(second % 60), two_digits(millis / 100), two_digits(millis % 100));
        let date = [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2];
        let time = [b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1, f2, f3, b'Z'];
        String::from_utf8([date.as_slice(), &time].concat()).unwrap_or_default()
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

/// A number below 100, in decimal.
fn two_digits(number: u64) -> [u8; 2] {
    let number = number as u8;
    [b'0' + number / 10, b'0' + number % 10]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_if_it_is_in_utc_and_exists() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-28T12:00:00Z", Some(1_795_867_200_000)),
            ("2000-02-29T23:59:59.5Z", Some(951_868_799_500)),
            ("2024-02-29T00:00:00.123456789Z", Some(1_709_164_800_123)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400_000)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("1969-12-31T23:59:59Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("2100-02-29T00:00:00Z", None),
            ("2026-02-30T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-01-00T00:00:00Z", None),
            ("2026-11-31T00:00:00Z", None),
            ("2026-11-28T24:00:00Z", None),
            ("2026-11-28T12:60:00Z", None),
            ("2026-11-28T12:00:60Z", None),
            ("2026-11-28T12:00:00", None),
            ("2026-11-28T12:00:00+00:00", None),
            ("2026-11-28 12:00:00Z", None),
            ("2026-11-28t12:00:00z", None),
            ("2026-11-28T12:00:00.Z", None),
            ("2026-11-28T12:00:00.xZ", None),
            ("2026-11-28T12:00Z", None),
            ("2026-11-28", None),
            ("+026-11-28T12:00:00Z", None),
            ("2026-11-28T12:00:0\u{e9}Z", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(UnixTime::parse(text), expected.map(UnixTime::from_millis), "{text}");
        }
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "1999-12-31T23:59:59.999Z",
            "2000-02-29T12:34:56.007Z",
            "2000-03-01T00:00:00.000Z",
            "2023-02-28T23:59:59.000Z",
            "2024-02-29T00:00:00.120Z",
            "2026-11-28T12:00:00.000Z",
            "2100-02-28T01:02:03.004Z",
            "2100-03-01T00:00:00.000Z",
            "9999-12-31T23:59:59.999Z",
        ] {
            assert_eq!(UnixTime::parse(text).unwrap().rfc3339(), text);
        }
        for day in 0..80_000 {
            let noon = UnixTime::from_millis(day * 86_400_000 + 43_200_000);
            assert_eq!(UnixTime::parse(&noon.rfc3339()), Some(noon));
        }
        assert_eq!(UnixTime::from_millis(u64::MAX).rfc3339(), "9999-12-31T23:59:59.999Z");
    }

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
