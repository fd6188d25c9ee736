//! `toolgate diff`: what a live server differs in from what was approved.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use toolgate::manifest::{Change, Drift, Inventory, Manifest};

use crate::output::{Report, Trouble, bad, columns, counted, good, read};
use crate::tools::read_tools;

/// Compares a server's tools with the approved manifest; exit code 1 tells a difference
#[derive(Args)]
#[command(after_help = "\
Example:
  toolgate diff manifest.json tools.json")]
pub struct Diff {
    /// The approved manifest, as `toolgate manifest` wrote it
    manifest: PathBuf,
    /// The server's answer to `tools/list` now; `-` for standard input
    tools: PathBuf,
    /// The differences as JSON
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub fn run(self) -> Result<Report, Trouble> {
        let trouble = |fault: String| Trouble(format!("{}: {fault}", self.manifest.display()));
        let document = serde_json::from_slice(&read(&self.manifest)?).map_err(|fault| trouble(fault.to_string()))?;
        let approved = Manifest::read(&document).map_err(|fault| trouble(fault.to_string()))?;
        let tools = read_tools(&self.tools)?;
        let live = Manifest::of_tools(&tools.entries);
        let live = live.map_err(|fault| Trouble(format!("{}: {fault}", self.tools.display())))?;
        let drift = approved.drift(&live, tools.inventory);
        let text = if self.json { as_json(&drift) } else { words(&drift, live.tools().len()) };
        let mut report = Report { text, notes: String::new(), is_well: drift.is_empty() };
        if tools.inventory == Inventory::Partial {
            report.notes =
                "note: the last page names another (`nextCursor`), so what is gone cannot be told\n".to_owned();
        }
        Ok(report)
    }
}

fn words(drift: &[Drift], live: usize) -> String {
    if drift.is_empty() {
        return format!("{}\n", good(&format!("{}, as approved", counted(live, "tool"))));
    }
    let told = |change| match change {
        Change::Added => "is new: nobody approved it",
        Change::Annotations => "has other annotations",
        Change::Description => "has another description",
        Change::InputSchema => "has another input schema",
        Change::Removed => "is gone",
        Change::Title => "has another title",
    };
    let rows: Vec<_> = drift.iter().map(|one| vec![one.tool.clone(), told(one.change).to_owned()]).collect();
    columns(&rows, |_, column, cell| if column == 0 { bad(cell) } else { cell.to_owned() })
}

fn as_json(drift: &[Drift]) -> String {
    let drift: Vec<_> = drift.iter().map(|one| json!({"tool": one.tool, "change": one.change.code()})).collect();
    format!("{:#}\n", json!({ "drift": drift }))
}
