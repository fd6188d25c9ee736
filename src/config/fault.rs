//! Faults of a configuration.

use std::fmt;

/// A fault of a configuration, or a reason for a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field, such as `resources[0].policy.tools.delete_*.scopes[1]`.
    pub path: String,
    /// The fault, in one line.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}
