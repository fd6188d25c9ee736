//! `toolgate diff`: the differences between a live server and its approved manifest.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use toolgate::manifest::{Change, Drift, Inventory, Manifest};
use toolgate::node::Node;

use crate::output::{Report, Trouble, bad, columns, counted, good, read};
use crate::tools::read_tools;

/// Compares a server's tools with the approved manifest; exits with 1 if they differ
#[derive(Args)]
#[command(after_help = "\
Example:
  toolgate diff manifest.json tools.json")]
pub struct Diff {
    /// The approved manifest, written by `toolgate manifest`
    manifest: PathBuf,
    /// The server's current response to `tools/list`; `-` for standard input
    tools: PathBuf,
    /// Print the differences as JSON
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub fn run(self) -> Result<Report, Trouble> {
        let trouble = |fault: String| Trouble(format!("{}: {fault}", self.manifest.display()));
        let document = Node::from_json(&read(&self.manifest)?).map_err(|fault| trouble(fault.to_string()))?;
        if is_list(&document) {
            let swapped = "is a response to `tools/list`, not a manifest: the manifest comes first".to_owned();
            return Err(trouble(swapped));
        }
        let approved = Manifest::read(&document).map_err(|fault| trouble(fault.to_string()))?;
        let tools = read_tools(&self.tools)?;
        let (entries, repeated) = once_each(&tools.entries);
        let live = Manifest::of_tools(entries);
        let live = live.map_err(|fault| Trouble(format!("{}: {fault}", self.tools.display())))?;
        let mut drift = approved.drift(&live, tools.inventory);
        drift.extend(repeated.into_iter().map(|tool| Drift { tool, change: Change::Repeated }));
        drift.sort_by(|a, b| a.tool.cmp(&b.tool));
        let text = if self.json { as_json(&drift) } else { words(&drift, live.tools().len()) };
        let mut report = Report { text, notes: String::new(), is_well: drift.is_empty() };
        if tools.inventory == Inventory::Partial {
            report.notes += "note: the last page names another (`nextCursor`), so what is gone cannot be told\n";
        }
        if approved.is_without_definition() {
            report.notes += "note: the manifest has tools without `definition`, so changes of `outputSchema`, `icons`, \
                             `_meta` and the like cannot be told\n";
        }
        Ok(report)
    }
}

/// Whether a document is a server's response: in a manifest, `tools` is an object.
fn is_list(document: &Node) -> bool {
    let result = document.member("result").unwrap_or(document);
    document.as_list().is_some() || result.member("tools").and_then(Node::as_list).is_some()
}

/// The first entry of each name, and the names that occur again.
fn once_each(entries: &[Node]) -> (Vec<&Node>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut repeated = BTreeSet::new();
    let first = entries.iter().filter(|entry| match entry.member("name").and_then(Node::as_text) {
        Some(name) if !seen.insert(name) => {
            repeated.insert(name.to_owned());
            false
        }
        _ => true,
    });
    (first.collect(), repeated.into_iter().collect())
}

fn words(drift: &[Drift], live: usize) -> String {
    if drift.is_empty() {
        return format!("{}\n", good(&format!("{}, as approved", counted(live, "tool"))));
    }
    let told = |change| match change {
        Change::Added => "is new and not approved",
        Change::Annotations => "has other annotations",
        Change::Definition => "has other members, such as `outputSchema`, `icons` or `_meta`",
        Change::Description => "has another description",
        Change::InputSchema => "has another input schema",
        Change::Removed => "is gone",
        Change::Repeated => "is listed more than once",
        Change::Title => "has another title",
    };
    let rows: Vec<_> = drift.iter().map(|one| vec![one.tool.clone(), told(one.change).to_owned()]).collect();
    columns(&rows, |_, column, cell| if column == 0 { bad(cell) } else { cell.to_owned() })
}

fn as_json(drift: &[Drift]) -> String {
    let drift: Vec<_> = drift.iter().map(|one| json!({"tool": one.tool, "change": one.change.code()})).collect();
    format!("{:#}\n", json!({ "drift": drift }))
}
