//! Which proofs were used: remembered by all workers for as long as a proof could be taken again, in bounded memory.
//!
//! ```text
//! bucket = version *( mark until )     mark: 8 octets of the proof's digest; until: 4, in seconds since 1970
//! ```
//!
//! A digest belongs to one of [`BUCKETS`] shared values, so that a request copies a few kilobytes at most. What is over
//! goes when a bucket is written. A bucket that is full refuses further proofs: to forget one would let it in again.

use super::Proof;
use crate::jwks::{NotShared, SharedData};
use crate::time::UnixTime;

/// As many shared values there are.
pub const BUCKETS: usize = 256;
/// As many proofs are remembered in each: 262,144 in all, in 3 MB, which is 2,180 requests a second for the 120 seconds
/// that a proof with a nonce may last.
pub const MOST_PER_BUCKET: usize = 1024;
/// The layout above.
const VERSION: u8 = 1;
/// How often a bucket is read again because another worker was faster. Each time one of them got on.
const MAX_RACES: usize = 32;
/// In seconds: an entry that lasts longer than this was made by a clock that was wrong.
const LONGEST: u32 = 3600;

/// Why a proof cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFault {
    /// It was used before.
    Again,
    /// As many are remembered as can be, and none may be forgotten yet.
    Full,
    /// The host does not share, so that nobody knows what other workers saw.
    NotShared,
}

impl From<NotShared> for ReplayFault {
    fn from(_: NotShared) -> Self {
        Self::NotShared
    }
}

/// Uses `proof` up: at most one caller ever gets `Ok` for it. `name` names a bucket.
pub fn spend(
    data: &dyn SharedData,
    name: impl Fn(usize) -> String,
    proof: &Proof,
    now: UnixTime,
) -> Result<(), ReplayFault> {
    let [bucket, mark @ ..] = proof.mark;
    let name = name(usize::from(bucket));
    for _ in 0..MAX_RACES {
        let old = data.read(&name)?;
        let new = with(&old.bytes, mark, seconds(proof.until).saturating_add(1), seconds(now))?;
        if data.replace(&name, &old, &new)? {
            return Ok(());
        }
    }
    Err(ReplayFault::NotShared)
}

/// `bucket` with one entry more, and without those that are over.
fn with(bucket: &[u8], mark: [u8; 8], until: u32, now: u32) -> Result<Vec<u8>, ReplayFault> {
    const ENTRY: usize = 12;
    let entries = match bucket.split_first() {
        None => &[],
        Some((&VERSION, entries)) => entries,
        // Nobody knows what was used.
        Some(_) => return Err(ReplayFault::NotShared),
    };
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(ReplayFault::NotShared);
    }
    let mut new = Vec::with_capacity(bucket.len() + 1 + ENTRY);
    new.push(VERSION);
    let mut count = 0;
    for entry in entries {
        let [a, b, c, d, e, f, g, h, ends @ ..] = *entry;
        let ends = u32::from_le_bytes(ends);
        if ends <= now || ends > now.saturating_add(LONGEST) {
            continue;
        }
        if [a, b, c, d, e, f, g, h] == mark {
            return Err(ReplayFault::Again);
        }
        new.extend_from_slice(entry);
        count += 1;
    }
    if count >= MOST_PER_BUCKET {
        return Err(ReplayFault::Full);
    }
    new.extend_from_slice(&mark);
    new.extend_from_slice(&until.to_le_bytes());
    Ok(new)
}

fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.as_millis() / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_800_000_000;

    fn mark(n: u64) -> [u8; 8] {
        n.to_le_bytes()
    }

    #[test]
    fn an_entry_lasts_until_its_end_and_then_makes_room() {
        let one = with(&[], mark(1), NOW + 90, NOW).unwrap();
        assert_eq!(with(&one, mark(1), NOW + 90, NOW + 89), Err(ReplayFault::Again));
        let two = with(&one, mark(2), NOW + 100, NOW + 10).unwrap();
        assert_eq!(two.len(), 1 + 2 * 12);
        let later = with(&two, mark(3), NOW + 180, NOW + 90).unwrap();
        assert_eq!(later.len(), 1 + 2 * 12, "the first is over");
        assert_eq!(with(&later, mark(2), NOW + 180, NOW + 90), Err(ReplayFault::Again));
        assert_eq!(with(&two, mark(1), NOW + 90, NOW - 20), Err(ReplayFault::Again), "a clock that was set back");
        let after = with(&two, mark(4), NOW + 90, NOW - 2 * LONGEST).unwrap();
        assert_eq!(after.len(), 1 + 12, "one that was set back far");
    }

    #[test]
    fn a_full_bucket_refuses_rather_than_forgets() {
        let mut bucket = Vec::new();
        for n in 0..MOST_PER_BUCKET as u64 {
            bucket = with(&bucket, mark(n), NOW + 90, NOW).unwrap();
        }
        assert_eq!(with(&bucket, mark(9999), NOW + 90, NOW), Err(ReplayFault::Full));
        assert_eq!(with(&bucket, mark(0), NOW + 90, NOW + 89), Err(ReplayFault::Again));
        assert!(with(&bucket, mark(9999), NOW + 180, NOW + 90).is_ok());
    }

    #[test]
    fn what_is_none_of_ours_is_not_believed() {
        for bad in [&[0][..], &[2], &[VERSION, 1], &[VERSION; 14]] {
            assert_eq!(with(bad, mark(1), NOW, NOW), Err(ReplayFault::NotShared), "{bad:?}");
        }
    }
}
