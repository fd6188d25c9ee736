//! `toolgate suggest`: the smallest change of a policy that would have allowed what was recorded as denied.

mod change;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

pub use change::{Change, suggest};

use crate::output::{Report, Trouble, bad, counted, faint, good, read, visible};
use crate::records::Record;
use crate::source::ConfigArgument;

/// Suggests the smallest change of a policy that would have allowed the calls that a shadow run recorded
#[derive(Args)]
#[command(after_help = "\
A rule is suggested for each denied name. It asks for every scope that all of its callers had, so that it allows no more \
than what was recorded. Read each line: what was denied may have been meant to be.

Examples:
  toolgate suggest toolgate.yaml envoy.log
  toolgate suggest toolgate.yaml envoy.log --write changed.yaml && toolgate replay changed.yaml envoy.log")]
pub struct Suggest {
    #[command(flatten)]
    config: ConfigArgument,
    /// A log with `toolgate.audit` lines; other lines and prefixes are ignored; `-` for standard input
    log: PathBuf,
    /// Also what was denied, not only what would have been (`shadow_deny`)
    #[arg(long)]
    denied: bool,
    /// Write the changed configuration, without its comments
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Print the changes as JSON
    #[arg(long)]
    json: bool,
}

impl Suggest {
    pub fn run(self) -> Result<Report, Trouble> {
        let config = self.config.load()?;
        let bytes = read(&self.log)?;
        let lines = bytes.split(|byte| *byte == b'\n');
        let records = lines.filter_map(|line| Record::of_line(&String::from_utf8_lossy(line))?.ok());
        let is_wanted =
            |record: &Record| record.decision == "shadow_deny" || (self.denied && record.decision == "deny");
        let records: Vec<_> = records.filter(is_wanted).collect();
        let (changes, others) = suggest(&config, &records);
        if let Some(path) = &self.write {
            let found = self.config.find()?;
            let [one] = found.as_slice() else { return Err(Trouble("several plugin configurations".to_owned())) };
            let changed = change::applied(&one.root.to_json(), &changes)?;
            std::fs::write(path, changed).map_err(|error| Trouble(format!("{}: {error}", path.display())))?;
        }
        let text = if self.json { as_json(&changes, others) } else { words(&changes, others) };
        Ok(Report::well(text))
    }
}

/// The changes, as a diff.
pub fn words(changes: &[Change], others: usize) -> String {
    let mut text = String::new();
    let mut section = String::new();
    for change in changes {
        let own = format!("{}, policy.{}", change.resource, change.kind);
        if own != section {
            text += &format!("{own}\n");
            section = own;
        }
        let name = serde_json::Value::from(change.name.as_str());
        if let Some(before) = &change.before {
            text += &format!("{}\n", bad(&visible(&format!("- {name}: {before}"))));
        }
        let calls = format!("# {} by {}", counted(change.calls, "call"), change.callers.join(", "));
        text += &format!("{}  {}\n", good(&visible(&format!("+ {name}: {}", change.after))), faint(&visible(&calls)));
    }
    if !changes.is_empty() {
        text.push('\n');
    }
    let said = if others == 0 { String::new() } else { format!("; {others} cannot be allowed by a rule") };
    text + &format!("{}{said}\n", counted(changes.len(), "rule"))
}

fn as_json(changes: &[Change], others: usize) -> String {
    let one = |change: &Change| {
        json!({
            "resource": change.resource, "kind": change.kind, "name": change.name, "before": change.before,
            "after": change.after, "calls": change.calls, "callers": change.callers,
        })
    };
    format!("{:#}\n", json!({"changes": changes.iter().map(one).collect::<Vec<_>>(), "others": others}))
}
