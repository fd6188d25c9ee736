//! Nonces (RFC 9449 section 8) that any worker can verify without state: each is the HMAC of a time span.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::hash::hmac;
use crate::time::UnixTime;
use crate::workers::{NotShared, SharedData, Updated, update};

/// In milliseconds: a nonce is issued during one span, and accepted during the same and the next.
const SPAN: u64 = 60_000;
/// The size of a nonce in octets, too large to guess within its lifetime.
const SIZE: usize = 16;
/// The layout of the shared value: this octet, then the key.
const VERSION: u8 = 1;

/// The secret key for nonces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NonceKey([u8; 32]);

/// Omits the secret.
impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKey(..)")
    }
}

impl NonceKey {
    /// A key with this secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The key that the workers share under `name`: the `candidate` of the first one.
    pub fn shared(data: &dyn SharedData, name: &str, candidate: Option<[u8; 32]>) -> Result<Self, NotShared> {
        let mut key = None;
        let updated = update(data, name, &mut |old| {
            let shared = old.split_first().filter(|(version, _)| **version == VERSION);
            let shared = shared.and_then(|(_, secret)| secret.try_into().ok());
            key = shared.or(candidate);
            candidate.filter(|_| shared.is_none()).map(|secret| [&[VERSION], secret.as_slice()].concat())
        })?;
        key.filter(|_| updated != Updated::Lost).map(Self).ok_or(NotShared)
    }

    /// The current nonce.
    pub fn nonce(&self, now: UnixTime) -> String {
        self.of_span(now.as_millis() / SPAN)
    }

    /// When `nonce` expires, if it is accepted now.
    pub fn taken_until(&self, nonce: &str, now: UnixTime) -> Option<UnixTime> {
        let span = now.as_millis() / SPAN;
        let given = [span, span.saturating_sub(1)].into_iter().find(|span| self.of_span(*span) == nonce)?;
        Some(UnixTime::from_millis((given + 2) * SPAN))
    }

    fn of_span(&self, span: u64) -> String {
        let tag = hmac(&self.0, &span.to_be_bytes());
        URL_SAFE_NO_PAD.encode(tag.first_chunk::<SIZE>().unwrap_or(&[0; SIZE]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_taken_for_its_span_and_the_next_by_whoever_has_the_key() {
        let (key, same, other) = (NonceKey::new([1; 32]), NonceKey::new([1; 32]), NonceKey::new([2; 32]));
        let at = UnixTime::from_millis;
        let start = 1_800_000_000_000;
        let nonce = key.nonce(at(start + 59_999));
        assert_eq!(nonce.len(), 22);
        assert_eq!(nonce, same.nonce(at(start)), "one for a span");
        for (now, taken) in [
            (start, true),
            (start + 59_999, true),
            (start + 60_000, true),
            (start + 119_999, true),
            (start + 120_000, false),
            (start - 1, false),
        ] {
            let until = taken.then(|| at(start + 120_000));
            assert_eq!(same.taken_until(&nonce, at(now)), until, "{}", now - start);
            assert_eq!(other.taken_until(&nonce, at(now)), None);
        }
        for bad in ["", "x", &format!("{nonce}="), &nonce.to_lowercase()] {
            assert_eq!(key.taken_until(bad, at(start)), None, "{bad}");
        }
        assert_eq!(format!("{key:?}"), "NonceKey(..)");
    }
}
