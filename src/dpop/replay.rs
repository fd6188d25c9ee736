//! Used proofs, remembered by all workers until they expire, in bounded memory.
//!
//! ```text
//! bucket = version *( mark until account )     mark: 8 octets of the proof's digest; until: 4, in seconds since 1970;
//!                                              account: 2 octets of the digest of the proof's account
//! ```
//!
//! A digest belongs to one of [`BUCKETS`] shared values, so that a request copies a few kilobytes at most. Expired
//! entries are removed when a bucket is written. A full bucket refuses further proofs, because forgetting one would
//! allow its replay. No account can fill a bucket alone, even by choosing the ids of its proofs.

use super::Proof;
use crate::hash::sha256;
use crate::time::UnixTime;
use crate::token::AccessToken;
use crate::workers::{NotShared, SharedData, Updated, update};

/// The number of shared values.
pub const BUCKETS: usize = 256;
/// The maximum number of proofs per bucket: 262,144 in total, in 3.7 MB. Buckets fill unevenly. One proof in a thousand
/// finds its bucket full at 2,000 requests a second if all proofs last 120 seconds, the maximum for a proof with a
/// nonce, and at 4,000 if they last 60 seconds, as with a correct clock.
const MOST_PER_BUCKET: usize = 1024;
/// The maximum number of proofs per bucket and account: a quarter, so that it takes several accounts to fill a bucket,
/// while a single account still has 460 requests a second, or 900.
pub const MOST_PER_ACCOUNT: usize = MOST_PER_BUCKET / 4;
/// The version of the layout above. Another layout gets another number and other names, so a proof accepted by a module
/// with another layout may be accepted once more in the two minutes after an update. A value with another layout under
/// these names is neither read nor replaced, because it is unknown which proofs were used.
pub(super) const VERSION: u8 = 2;
/// In seconds. An entry that lasts longer was made with a wrong clock.
const LONGEST: u32 = 3600;

/// Why a proof cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFault {
    /// The proof was used before.
    Again,
    /// The bucket is full, and none of its proofs has expired.
    Full,
    /// The host shares no data, so proofs seen by other workers are unknown.
    NotShared,
    /// The account's share of the bucket is full, and none of its proofs has expired.
    Share,
}

impl From<NotShared> for ReplayFault {
    fn from(_: NotShared) -> Self {
        Self::NotShared
    }
}

/// The account whose proofs are counted together: a subject of an issuer. Tokens and keys cost a client nothing,
/// accounts do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account([u8; 32]);

impl Account {
    /// The account of `caller`. A token without a subject counts for its client. Tokens of an issuer without either count
    /// together, because only their keys differ.
    pub fn of(caller: &AccessToken) -> Self {
        let (kind, name) = match (caller.subject(), caller.client()) {
            (Some(subject), _) => (b"s", subject.as_bytes()),
            (None, Some(client)) => (b"c", client.as_bytes()),
            (None, None) => (b"n", b"".as_slice()),
        };
        let issuer = caller.issuer().as_bytes();
        let size = (issuer.len() as u64).to_be_bytes();
        Self(sha256(&[kind, &size, issuer, name]))
    }

    /// The mark of the account in a bucket. It differs per bucket, so that a name chosen to collide with another
    /// account's does so in one bucket only.
    fn mark(&self, bucket: u8) -> [u8; 2] {
        sha256(&[&[bucket], &self.0]).first_chunk().copied().unwrap_or_default()
    }
}

/// An entry of a bucket.
#[derive(Clone, Copy)]
struct Entry {
    mark: [u8; 8],
    until: u32,
    account: [u8; 2],
}

impl Entry {
    const SIZE: usize = 14;

    fn read(octets: [u8; Self::SIZE]) -> Self {
        let [mark @ .., a, b, c, d, y, z] = octets;
        Self { mark, until: u32::from_le_bytes([a, b, c, d]), account: [y, z] }
    }

    fn append_to(self, bucket: &mut Vec<u8>) {
        bucket.extend_from_slice(&self.mark);
        bucket.extend_from_slice(&self.until.to_le_bytes());
        bucket.extend_from_slice(&self.account);
    }
}

/// Marks the `proof` of `account` as used. At most one caller ever gets `Ok` for it. `name` returns the name of a
/// bucket.
pub(super) fn spend(
    data: &dyn SharedData,
    name: impl Fn(usize) -> String,
    proof: &Proof,
    account: &Account,
    now: UnixTime,
) -> Result<(), ReplayFault> {
    let [bucket, mark @ ..] = proof.mark;
    let until = seconds(proof.until).saturating_add(1);
    let entry = Entry { mark, until, account: account.mark(bucket) };
    let mut fault = ReplayFault::NotShared;
    let updated = update(data, &name(usize::from(bucket)), &mut |old| {
        with(old, entry, seconds(now)).map_err(|own| fault = own).ok()
    })?;
    // Only what was written is known to all workers.
    if updated == Updated::Written { Ok(()) } else { Err(fault) }
}

/// `bucket` with another entry and without expired ones.
fn with(bucket: &[u8], more: Entry, now: u32) -> Result<Vec<u8>, ReplayFault> {
    let entries = match bucket.split_first() {
        None => &[],
        Some((&VERSION, entries)) => entries,
        Some(_) => return Err(ReplayFault::NotShared),
    };
    let (entries, rest) = entries.as_chunks();
    if !rest.is_empty() {
        return Err(ReplayFault::NotShared);
    }
    let mut new = Vec::with_capacity(bucket.len() + 1 + Entry::SIZE);
    new.push(VERSION);
    let (mut count, mut own) = (0, 0);
    for entry in entries.iter().copied().map(Entry::read) {
        if entry.until <= now || entry.until > now.saturating_add(LONGEST) {
            continue;
        }
        if entry.mark == more.mark {
            return Err(ReplayFault::Again);
        }
        entry.append_to(&mut new);
        count += 1;
        own += usize::from(entry.account == more.account);
    }
    if own >= MOST_PER_ACCOUNT {
        return Err(ReplayFault::Share);
    }
    if count >= MOST_PER_BUCKET {
        return Err(ReplayFault::Full);
    }
    more.append_to(&mut new);
    Ok(new)
}

fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.as_millis() / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_800_000_000;

    /// The proof `n` of one of 65,536 accounts.
    fn entry(n: u64, account: u16, until: u32) -> Entry {
        Entry { mark: n.to_le_bytes(), until, account: account.to_le_bytes() }
    }

    #[test]
    fn an_entry_lasts_until_its_end_and_then_makes_room() {
        let put = |bucket: &[u8], n, until, now| with(bucket, entry(n, 1, until), now);
        let size = |bucket: &[u8]| (bucket.len() - 1) / Entry::SIZE;
        let one = put(&[], 1, NOW + 90, NOW).unwrap();
        assert_eq!(put(&one, 1, NOW + 90, NOW + 89), Err(ReplayFault::Again));
        let two = put(&one, 2, NOW + 100, NOW + 10).unwrap();
        assert_eq!(size(&two), 2);
        let later = put(&two, 3, NOW + 180, NOW + 90).unwrap();
        assert_eq!(size(&later), 2, "the first is over");
        assert_eq!(put(&later, 2, NOW + 180, NOW + 90), Err(ReplayFault::Again));
        assert_eq!(put(&two, 1, NOW + 90, NOW - 20), Err(ReplayFault::Again), "a clock that was set back");
        let after = put(&two, 4, NOW + 90, NOW - 2 * LONGEST).unwrap();
        assert_eq!(size(&after), 1, "one that was set back far");
    }

    #[test]
    fn a_full_bucket_refuses_rather_than_forgets() {
        let mut bucket = Vec::new();
        for n in 0..MOST_PER_BUCKET {
            bucket = with(&bucket, entry(n as u64, (n / MOST_PER_ACCOUNT) as u16, NOW + 90), NOW).unwrap();
        }
        let fault = |n, account, now| with(&bucket, entry(n, account, now + 90), now).err();
        assert_eq!(fault(9999, 9, NOW), Some(ReplayFault::Full));
        assert_eq!(fault(9999, 1, NOW), Some(ReplayFault::Share), "whose fault it is comes first");
        assert_eq!(fault(0, 9, NOW + 89), Some(ReplayFault::Again));
        assert_eq!(fault(9999, 9, NOW + 90), None);
    }

    #[test]
    fn no_account_has_more_than_its_share_of_a_bucket() {
        let mut bucket = Vec::new();
        for n in 0..MOST_PER_ACCOUNT {
            bucket = with(&bucket, entry(n as u64, 1, NOW + 90), NOW).unwrap();
        }
        let fault = |n, account, now| with(&bucket, entry(n, account, now + 90), now).err();
        assert_eq!(fault(9999, 1, NOW + 89), Some(ReplayFault::Share));
        assert_eq!(fault(0, 1, NOW), Some(ReplayFault::Again), "used up is used up");
        assert_eq!(fault(9999, 2, NOW), None, "others go on");
        assert_eq!(fault(9999, 1, NOW + 90), None, "what is over makes room");
    }

    #[test]
    fn an_account_is_known_by_something_else_in_each_bucket() {
        let [first, second] = [Account([1; 32]), Account([2; 32])];
        let marks: std::collections::HashSet<_> = (0..=255).map(|bucket| first.mark(bucket)).collect();
        assert!(marks.len() > 250, "{}", marks.len());
        let alike = (0..=255).filter(|bucket| first.mark(*bucket) == second.mark(*bucket)).count();
        assert!(alike <= 1, "{alike}");
    }

    #[test]
    fn a_value_that_another_left_lets_no_proof_in_again() {
        let now = UnixTime::from_millis(u64::from(NOW) * 1000);
        let proof = Proof::marked([7, 1, 2, 3, 4, 5, 6, 7, 8], now.plus(std::time::Duration::from_secs(90)));
        let (one, other) = (Account([1; 32]), Account([2; 32]));
        let bucket = |entries: &[Entry]| {
            let mut bucket = vec![VERSION];
            entries.iter().for_each(|entry| entry.append_to(&mut bucket));
            bucket
        };
        let mine = |until| Entry { mark: [1, 2, 3, 4, 5, 6, 7, 8], until, account: [0; 2] };
        let many: Vec<_> = (0..100_000).map(|n| entry(n, u16::try_from(n % 60_000).unwrap(), NOW + 90)).collect();
        let cut = |mut bucket: Vec<u8>| {
            bucket.pop();
            bucket
        };
        let cases = [
            ("nothing", Vec::new(), Ok(())),
            ("an empty bucket", bucket(&[]), Ok(())),
            ("others", bucket(&[entry(1, 1, NOW + 90)]), Ok(())),
            ("this proof", bucket(&[mine(NOW + 90)]), Err(ReplayFault::Again)),
            ("this proof, for as long as can be", bucket(&[mine(NOW + LONGEST)]), Err(ReplayFault::Again)),
            ("this proof, which is over", bucket(&[mine(NOW)]), Ok(())),
            ("one of a wrong clock", bucket(&[mine(NOW + LONGEST + 1)]), Ok(())),
            ("far too many", bucket(&many), Err(ReplayFault::Full)),
            ("far too many of a wrong clock", bucket(&vec![entry(1, 1, u32::MAX); 100_000]), Ok(())),
            ("one cut short", cut(bucket(&[mine(NOW + 90)])), Err(ReplayFault::NotShared)),
            ("another layout", vec![VERSION + 1; 15], Err(ReplayFault::NotShared)),
            ("text", b"[]".to_vec(), Err(ReplayFault::NotShared)),
        ];
        for (what, left, expected) in cases {
            let data = crate::workers::Alone::default();
            data.overwrite("7", &left).unwrap();
            let spend = |account| spend(&data, |bucket| bucket.to_string(), &proof, account, now);
            assert_eq!(spend(&one), expected, "{what}");
            let again = expected.err().unwrap_or(ReplayFault::Again);
            assert_eq!(spend(&other), Err(again), "{what}, again");
            if expected.is_err() {
                assert_eq!(data.read("7").unwrap().bytes, left, "{what}: it stays, as nobody knows what it held");
            }
        }
    }

    #[test]
    fn what_is_none_of_ours_is_not_believed() {
        // The second has the previous layout.
        for bad in [&[0][..], &[1; 13], &[3], &[VERSION, 1], &[VERSION; 16]] {
            assert_eq!(with(bad, entry(1, 1, NOW), NOW), Err(ReplayFault::NotShared), "{bad:?}");
        }
    }
}
