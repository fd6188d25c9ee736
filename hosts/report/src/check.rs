//! Faults and warnings of a configuration by line, and its summary.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::output::{bad, counted, doubtful, faint, good, visible};
use crate::source::{Found, Parsed, Remark};
use crate::summary;

/// A checked configuration, for people and for programs.
pub struct Checked<'c> {
    /// The names of the files.
    pub files: &'c [String],
    /// Where the configuration is.
    pub found: &'c Found,
    /// Its faults, warnings and notes.
    pub parsed: &'c Parsed,
}

impl Checked<'_> {
    /// The name of a file.
    fn name(&self, file: usize) -> &str {
        self.files.get(file).map(String::as_str).unwrap_or_default()
    }

    /// As text. `quiet`: without the summary.
    pub fn words(&self, quiet: bool) -> String {
        let Self { found, parsed, .. } = self;
        let path = self.name(found.root.file);
        let inside = found.place != "the file";
        let mut text = String::new();
        let place = if inside { format!(" ({}, line {})", found.place, found.root.line) } else { String::new() };
        let counts = match (parsed.faults.len(), parsed.warnings.len()) {
            (0, 0) => good("no faults, no warnings"),
            (0, warnings) => format!("{}, {}", good("no faults"), doubtful(&counted(warnings, "warning"))),
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
        if let Some(config) = parsed.config.as_ref().filter(|_| !quiet) {
            text.push_str(&summary::of(config));
        }
        text
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let Self { found, parsed, .. } = self;
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
