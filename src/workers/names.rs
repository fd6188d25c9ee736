//! The names of shared values.

use sha2::{Digest, Sha256};

use super::LAYOUT;

/// The names under which the instances of one plugin share data, in all workers and across configurations. A name
/// covers everything its value depends on, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedNames {
    prefix: String,
}

impl SharedNames {
    /// The names for the plugin with this name and root id.
    pub fn new(plugin: &[u8], root_id: &[u8]) -> Self {
        Self { prefix: format!("toolgate/{LAYOUT}/{}", hash(&[plugin, root_id])) }
    }

    /// The name of a value of this `kind` that depends on these parts of the configuration.
    pub fn of(&self, kind: &str, parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        format!("{}/{kind}/{}", self.prefix, hash(&parts))
    }

    /// The name of one part of the memory of proofs of possession.
    pub fn proofs(&self, part: &str) -> String {
        format!("{}/proofs/{part}", self.prefix)
    }

    /// The name of the list of instances ([`Instance`](super::Instance)).
    pub fn instances(&self) -> String {
        format!("{}/instances", self.prefix)
    }

    /// The name of the record that the host passes on bodies while it holds headers.
    pub fn bodies(&self) -> String {
        format!("{}/bodies", self.prefix)
    }
}

/// A hash that includes the length of each part, so that different lists of parts never collide by concatenation.
fn hash(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{:x}", digest.finalize())
}
