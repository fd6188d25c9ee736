//! What workers tell each other of an issuer's keys, through the host's shared data: the record of attempts, and the
//! last set as it was fetched. Never a verdict; and what is read is validated as if it came from the provider.
//!
//! ```text
//! attempts = version fetched_at started_at failures owner since refetch refetch    0: none
//! set      = version fetched_at *OCTET                                             the JWKS document
//! ```
//!
//! `version` is one octet, every other number eight in little endian, times in milliseconds since 1970.

use sha2::{Digest, Sha256};

use super::{Attempts, KeySet, Lease};
use crate::time::UnixTime;

/// The layout above. Another layout gets another number, and other names.
const VERSION: u8 = 1;

/// The names under which the instances of one plugin find what they share, in all workers and whatever changes of their
/// configuration: each name says what its value depends on, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedNames {
    prefix: String,
}

impl SharedNames {
    /// For the plugin of this name and root id.
    pub fn new(plugin: &[u8], root_id: &[u8]) -> Self {
        Self { prefix: format!("toolgate/{VERSION}/{}", hash(&[plugin, root_id])) }
    }

    /// The name of a value of this `kind` that depends on these parts of the configuration.
    pub fn of(&self, kind: &str, parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        format!("{}/{kind}/{}", self.prefix, hash(&parts))
    }

    /// A part of what is known of proofs of possession.
    pub fn proofs(&self, part: &str) -> String {
        format!("{}/proofs/{part}", self.prefix)
    }

    /// Whether the host was seen to show a body while headers were held.
    pub fn bodies(&self) -> String {
        format!("{}/bodies", self.prefix)
    }
}

/// One that tells any parts from any others.
fn hash(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{:x}", digest.finalize())
}

/// The names under which workers share the keys of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNames {
    /// The record of attempts.
    pub attempts: String,
    /// The key set.
    pub set: String,
}

impl KeyNames {
    /// For an issuer whose set is fetched from there, through this cluster.
    pub fn new(names: &SharedNames, issuer: &str, (from, cluster): (&str, &str)) -> Self {
        let [attempts, set] = ["attempts", "set"].map(|kind| names.of(kind, &[issuer, from, cluster]));
        Self { attempts, set }
    }
}

/// The names that plugin instances use which live in one VM. Those of an instance that ends may be another's as well,
/// which has its configuration in all but what was changed: then what they name stays. Otherwise it goes, so that a host
/// whose configuration changes for years does not fill up.
#[derive(Debug, Default)]
pub struct InUse {
    /// Each as often as it is used.
    names: Vec<String>,
}

impl InUse {
    /// An instance begins to use these.
    pub fn begin(&mut self, names: &[String]) {
        self.names.extend_from_slice(names);
    }

    /// An instance uses these no more. Gives those that nobody uses now.
    pub fn end<'n>(&mut self, names: &'n [String]) -> Vec<&'n String> {
        for name in names {
            if let Some(at) = self.names.iter().position(|own| own == name) {
                self.names.swap_remove(at);
            }
        }
        names.iter().filter(|name| !self.names.contains(name)).collect()
    }
}

impl Attempts {
    /// The record in the layout above.
    pub fn encode(&self) -> Vec<u8> {
        let time = |at: Option<UnixTime>| at.map_or(0, UnixTime::as_millis);
        let [first, second] = self.refetches;
        let lease = self.lease.map_or((0, 0), |lease| (lease.owner, lease.since.as_millis()));
        let numbers = [
            time(self.fetched_at),
            time(self.started_at),
            u64::from(self.failures),
            lease.0,
            lease.1,
            time(first),
            time(second),
        ];
        std::iter::once(VERSION).chain(numbers.into_iter().flat_map(u64::to_le_bytes)).collect()
    }

    /// Reads a record; nothing if it is none of this layout.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (numbers, rest) = rest.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().copied().map(u64::from_le_bytes).collect();
        let [fetched_at, started_at, failures, owner, since, first, second] = *numbers.as_slice() else { return None };
        let time = |millis: u64| (millis > 0).then(|| UnixTime::from_millis(millis));
        (*version == VERSION && rest.is_empty()).then_some(Self {
            fetched_at: time(fetched_at),
            started_at: time(started_at),
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            lease: time(since).map(|since| Lease { owner, since }),
            refetches: [time(first), time(second)],
        })
    }
}

/// A key set as one worker leaves it for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedSet<'a> {
    /// When it came.
    pub fetched_at: UnixTime,
    /// The document as it came.
    pub document: &'a [u8],
}

impl<'a> SharedSet<'a> {
    /// The set in the layout above.
    pub fn encode(&self) -> Vec<u8> {
        [&[VERSION], self.fetched_at.as_millis().to_le_bytes().as_slice(), self.document].concat()
    }

    /// Reads a set; nothing if it is none of this layout.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (fetched_at, document) = rest.split_first_chunk()?;
        let fetched_at = UnixTime::from_millis(u64::from_le_bytes(*fetched_at));
        (*version == VERSION).then_some(Self { fetched_at, document })
    }

    /// The keys in it, if it is a key set.
    pub fn keys(&self) -> Option<KeySet> {
        KeySet::parse(self.document).ok()
    }
}
