//! A fetched document in the host's shared data. Its readers validate it as if it came from its source.
//!
//! ```text
//! document = layout fetched_at *OCTET
//! ```

use super::LAYOUT;
use crate::time::UnixTime;

/// A document that one worker leaves for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedDocument<'a> {
    /// When it arrived.
    pub fetched_at: UnixTime,
    /// The document, unchanged.
    pub document: &'a [u8],
}

impl<'a> SharedDocument<'a> {
    /// The document in the layout of this module.
    pub fn encode(&self) -> Vec<u8> {
        [&[LAYOUT], self.fetched_at.as_millis().to_le_bytes().as_slice(), self.document].concat()
    }

    /// Decodes a document. `None` if it has another layout.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (layout, rest) = bytes.split_first()?;
        let (fetched_at, document) = rest.split_first_chunk()?;
        let fetched_at = UnixTime::from_millis(u64::from_le_bytes(*fetched_at));
        (*layout == LAYOUT).then_some(Self { fetched_at, document })
    }
}
