//! The page of the documentation.

use std::fmt::Write;

use crate::lines::{Lines, Place};
use crate::table::Mistake;

const HEAD: &str = "\
# Mistakes and what they look like

**Task:** you have an error message. Find the mistake behind it.

A test makes each of these mistakes with a real Envoy, and records the first line that each tool prints. `check` reads the Envoy bootstrap.
`explain` has the token and the request; for the first nine mistakes it has the issuer's keys, too. `doctor` looks from outside, with the
token. Names, addresses and times are replaced.

";

/// The page for these mistakes.
pub fn of(mistakes: &[Mistake], found: &[Lines]) -> String {
    let mut text = HEAD.to_owned();
    for (mistake, lines) in mistakes.iter().zip(found) {
        let _ = write!(text, "## {}\n\n{}\n\n| where | first line |\n|---|---|\n", mistake.name, mistake.how);
        for place in Place::ALL {
            let line = &lines[&place];
            let line = if line.is_empty() { "nothing".to_owned() } else { cell(line) };
            let _ = writeln!(text, "| {} | {line} |", place.title());
        }
        text.push('\n');
    }
    format!("{}\n", text.trim_end())
}

/// A line as code in a cell. It has backticks of its own.
fn cell(line: &str) -> String {
    format!("`` {} ``", line.replace('|', "\\|"))
}
