//! `toolgate manifest`: the manifest of a server's tools, for approval.

use std::path::PathBuf;

use clap::Args;
use toolgate::manifest::{Inventory, Manifest as Document};

use crate::output::{Report, Trouble, counted};
use crate::tools::read_tools;

/// Writes the manifest of a server's tools, with digests of their definitions
#[derive(Args)]
#[command(after_help = "\
Descriptions are digested as UTF-8, input schemas in their canonical form (RFC 8785); titles and annotations are kept \
unchanged. `definition` is the digest of an object with all other members, in canonical form.

Example:
  toolgate manifest tools.json > manifest.json")]
pub struct Manifest {
    /// The server's response to `tools/list`, as JSON or an event stream; `-` for standard input
    tools: PathBuf,
}

impl Manifest {
    pub fn run(self) -> Result<Report, Trouble> {
        let tools = read_tools(&self.tools)?;
        let document = Document::of_tools(&tools.entries);
        let document = document.map_err(|fault| Trouble(format!("{}: {fault}", self.tools.display())))?;
        let mut report = Report::well(document.json());
        if tools.inventory == Inventory::Partial {
            let count = counted(document.tools().len(), "tool");
            report.notes = format!("note: {count}, but the last page names another (`nextCursor`): list that too\n");
        }
        Ok(report)
    }
}
