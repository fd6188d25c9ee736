//! Coordination between the workers of a host, through the data that they share: who fetches a document for all, what the
//! others take over, and who reports a change. A verdict is never shared.
//!
//! In the binary layouts below, the first octet is `LAYOUT`. Every number has eight octets in little endian; times are
//! milliseconds since 1970.

mod alone;
mod attempts;
mod document;
mod instances;
mod names;

pub use alone::Alone;
pub use attempts::{Attempts, Lease, Timing};
pub use document::SharedDocument;
pub use instances::Instance;
pub use names::SharedNames;

/// The number of the layouts. Another layout gets another number, and thereby other names.
const LAYOUT: u8 = 1;
/// How often a record is read again after another worker was faster. Each lost race means that another worker succeeded.
const MAX_RACES: usize = 32;

/// The data that a host's workers share.
pub trait SharedData {
    /// Reads the value of this name. Without a value, returns empty bytes and no version.
    fn read(&self, name: &str) -> Result<Versioned, NotShared>;
    /// Replaces `old` with `value`. Returns `false` if another worker was faster.
    fn replace(&self, name: &str, old: &Versioned, value: &[u8]) -> Result<bool, NotShared>;
    /// Writes a value unconditionally.
    fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared>;
}

/// A shared value at one of its versions.
#[derive(Clone, Debug, Default)]
pub struct Versioned {
    /// The value.
    pub bytes: Vec<u8>,
    /// `None` if there is no value yet.
    pub version: Option<u32>,
}

/// The host shares no data, or not at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotShared;

/// The result of an [`update`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// The result of the change was written.
    Written,
    /// The change kept the value.
    Kept,
    /// Other workers were faster each time.
    Lost,
}

/// Reads the value `name` and replaces it with the result of `change`, or keeps it if there is none. Starts again after a
/// lost race.
pub fn update(
    data: &dyn SharedData,
    name: &str,
    change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<Updated, NotShared> {
    for _ in 0..MAX_RACES {
        let old = data.read(name)?;
        let Some(new) = change(&old.bytes) else { return Ok(Updated::Kept) };
        if data.replace(name, &old, &new)? {
            return Ok(Updated::Written);
        }
    }
    Ok(Updated::Lost)
}

/// An [`update`] of the record `name`. Returns the record that was written, or `None` if `change` wants no write.
pub fn agree(
    data: &dyn SharedData,
    name: &str,
    change: &mut dyn FnMut(Attempts) -> Option<Attempts>,
) -> Result<Option<Attempts>, NotShared> {
    let mut record = None;
    let updated = update(data, name, &mut |old| {
        // An unreadable record counts as absent and is replaced.
        record = change(Attempts::decode(old).unwrap_or_default());
        record.map(|record| record.encode())
    })?;
    if updated == Updated::Lost { Err(NotShared) } else { Ok(record) }
}

/// Claims the announcement of `word`, the new value of `name`. Returns the previous value if this worker is the first to
/// announce it, so that each change is announced once. Where nothing is shared, each worker announces it.
pub fn first_to_say(data: &dyn SharedData, name: &str, word: &str) -> Option<String> {
    let Ok(old) = data.read(name) else { return Some(String::new()) };
    if old.bytes == word.as_bytes() {
        return None;
    }
    let last = String::from_utf8_lossy(&old.bytes).into_owned();
    match data.replace(name, &old, word.as_bytes()) {
        Ok(false) => None,
        Ok(true) | Err(NotShared) => Some(last),
    }
}
