//! `toolgate check`: faults and warnings by line, and a summary of the configuration.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::output::{Report, Trouble, bad, counted, doubtful, faint, good, visible};
use crate::source::{Found, Parsed, Remark, find};
use crate::summary;

/// Checks a configuration: faults, warnings and notes by line, then a summary of what is verified and what is open
#[derive(Args)]
#[command(after_help = "\
Examples:
  toolgate check toolgate.yaml
  toolgate check --strict envoy.yaml
  toolgate check bootstrap.yaml lds.yaml cds.yaml
  curl -s http://127.0.0.1:9901/config_dump | toolgate check -
  kubectl kustomize deploy/istio/overlay | toolgate check -
  kubectl get wasmplugin toolgate -o yaml | toolgate check -")]
pub struct Check {
    /// Files that belong together: a configuration in JSON or YAML, an Envoy bootstrap, files of its listeners, routes
    /// or clusters, a dump of the running configuration, or Kubernetes objects of Istio or Envoy Gateway; `-` for
    /// standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The number of the plugin configuration if there are several, counted from 1
    #[arg(long, value_name = "N")]
    plugin: Option<usize>,
    /// Only print faults, warnings and notes
    #[arg(long, short)]
    quiet: bool,
    /// Treat warnings as failures
    #[arg(long)]
    strict: bool,
    /// Print faults, warnings and notes as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub fn run(self) -> Result<Report, Trouble> {
        let found = find(&self.files, self.plugin)?;
        let parsed: Vec<_> = found.iter().map(|found| (found, found.parse())).collect();
        let passes = |parsed: &Parsed| parsed.config.is_some() && (!self.strict || parsed.warnings.is_empty());
        let is_well = parsed.iter().all(|(_, parsed)| passes(parsed));
        let text = if self.json {
            let all: Vec<_> = parsed.iter().map(|(found, parsed)| self.as_json(found, parsed)).collect();
            format!("{:#}\n", json!({ "configurations": all }))
        } else {
            parsed.iter().map(|(found, parsed)| self.words(found, parsed, found.place != "the file")).collect()
        };
        Ok(Report { text, notes: String::new(), is_well })
    }

    /// The name of a file.
    fn name(&self, file: usize) -> String {
        self.files.get(file).map(|path| path.display().to_string()).unwrap_or_default()
    }

    fn words(&self, found: &Found, parsed: &Parsed, inside: bool) -> String {
        let path = self.name(found.root.file);
        let mut text = String::new();
        let place = if inside { format!(" ({}, line {})", found.place, found.root.line) } else { String::new() };
        let counts = match (parsed.faults.len(), parsed.warnings.len()) {
            (0, 0) => good("no fault, no warning"),
            (0, warnings) => format!("{}, {}", good("no fault"), doubtful(&counted(warnings, "warning"))),
            (faults, 0) => bad(&counted(faults, "fault")),
            (faults, warnings) => format!("{}, {}", bad(&counted(faults, "fault")), counted(warnings, "warning")),
        };
        let _ = writeln!(text, "{path}{place}: {counts}");
        let kinds =
            [(bad("fault"), &parsed.faults), (doubtful("warning"), &parsed.warnings), (faint("note"), &parsed.notes)];
        for (kind, faults) in kinds {
            for Remark { file, line, fault } in faults {
                let _ = writeln!(text, "{}:{line}: {kind}: {}", self.name(*file), visible(&fault.to_string()));
            }
        }
        if let Some(config) = parsed.config.as_ref().filter(|_| !self.quiet) {
            text.push_str(&summary::of(config));
        }
        text
    }

    fn as_json(&self, found: &Found, parsed: &Parsed) -> serde_json::Value {
        let one = |Remark { file, line, fault }: &Remark| json!({"file": self.name(*file), "line": line, "path": fault.path, "message": fault.message});
        json!({
            "place": found.place,
            "file": self.name(found.root.file),
            "line": found.root.line,
            "accepted": parsed.config.is_some(),
            "faults": parsed.faults.iter().map(one).collect::<Vec<_>>(),
            "warnings": parsed.warnings.iter().map(one).collect::<Vec<_>>(),
            "notes": parsed.notes.iter().map(one).collect::<Vec<_>>(),
        })
    }
}
