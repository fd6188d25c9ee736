//! A server's `tools/list` response, as saved in a file.

use std::path::Path;

pub use toolgate_report::tools::events;
use toolgate_report::tools::{Tools, parse};

use crate::output::{Trouble, read};

/// Reads a response to `tools/list`, in any form in which it may be saved.
pub fn read_tools(path: &Path) -> Result<Tools, Trouble> {
    parse(&path.display().to_string(), &read(path)?)
}
