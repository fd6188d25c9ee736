//! The names of shared values, and which of them are still in use.

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

    /// The name of the list of names that the newest instance uses.
    pub fn newest(&self) -> String {
        format!("{}/newest", self.prefix)
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

/// The names in use by the plugin instances of one VM. When an instance ends, the values of names that no other
/// instance uses are removed. Otherwise a host whose configuration changes for years would fill up.
///
/// An instance in another VM, such as one with another version of the module, is unknown here. Therefore the newest
/// instance of a plugin shares the list of its names ([`SharedNames::newest`]), and their values stay. If the plugin
/// itself is removed, those of its last configuration remain.
#[derive(Debug, Default)]
pub struct InUse {
    /// One entry per use.
    names: Vec<String>,
}

impl InUse {
    /// Records that an instance starts to use these names.
    pub fn begin(&mut self, names: &[String]) {
        self.names.extend_from_slice(names);
    }

    /// Records that an instance no longer uses these names. Returns those that no instance uses now, the `newest` one
    /// neither.
    pub fn end<'n>(&mut self, names: &'n [String], newest: &[u8]) -> Vec<&'n String> {
        for name in names {
            if let Some(at) = self.names.iter().position(|own| own == name) {
                self.names.swap_remove(at);
            }
        }
        let newest: Vec<_> = newest.split(|byte| *byte == b'\n').collect();
        names.iter().filter(|name| !self.names.contains(name) && !newest.contains(&name.as_bytes())).collect()
    }
}
