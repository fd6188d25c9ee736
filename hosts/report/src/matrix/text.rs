//! The matrix as text for terminals and as Markdown.

use std::fmt::Write;

use super::{Row, Scenario, Table};
use crate::output::{bad, columns, doubtful, faint, good, heading};

/// The maximum width for terminals. In a wider table, scopes are numbered.
const MOST_COLUMNS: usize = 100;

/// For a terminal.
pub fn terminal(table: &Table) -> String {
    let mut text = format!("{}\n", heading(&table.resource));
    if !table.base_scopes.is_empty() {
        let _ = writeln!(text, "always required: {}", table.base_scopes.join(", "));
    }
    if table.in_shadow {
        let _ = writeln!(text, "{}", doubtful("in shadow mode: denials are recorded only"));
    }
    let names = table.rows.iter().map(|row| label(table, row).chars().count()).max().unwrap_or_default();
    let width: usize = names + table.scopes.iter().map(|scope| scope.chars().count() + 2).sum::<usize>();
    let numbered = width > MOST_COLUMNS;
    if numbered {
        text.push('\n');
        for (n, scope) in table.scopes.iter().enumerate() {
            let _ = writeln!(text, "{:>4} {scope}", n + 1);
        }
    }
    for (n, scenario) in table.scenarios.iter().enumerate() {
        let about = [scenario.about.clone(), also(scenario)].into_iter().filter(|part| !part.is_empty());
        let about = about.collect::<Vec<_>>().join("; ");
        let about = if about.is_empty() { String::new() } else { faint(&format!(" ({about})")) };
        let _ = writeln!(text, "\n{}{about}", heading(&scenario.name));
        let title = |(n, scope): (usize, &String)| if numbered { (n + 1).to_string() } else { scope.clone() };
        let titles = table.scopes.iter().enumerate().map(title);
        let last = || std::iter::once("needs".to_owned());
        let mut lines = vec![std::iter::once(String::new()).chain(titles).chain(last()).collect::<Vec<_>>()];
        for row in &table.rows {
            let Some(cells) = row.cells.get(n) else { continue };
            let words = cells.words().map(str::to_owned).chain([cells.need.words()]);
            lines.push(std::iter::once(label(table, row)).chain(words).collect());
        }
        let needs = table.scopes.len() + 1;
        text.push_str(&columns(&lines, |row, column, cell| match cell {
            _ if row == 0 || column == 0 || column == needs => cell.to_owned(),
            "yes" | "any" | "base" | "open" => good(cell),
            "part" => doubtful(cell),
            "no" => bad(cell),
            _ => faint(cell),
        }));
    }
    if !table.without_effect.is_empty() {
        let _ = writeln!(text, "\nno effect on these: {}", table.without_effect.join(", "));
    }
    let conditional: Vec<_> = table.rows.iter().filter(|row| !row.conditions.is_empty()).collect();
    if !conditional.is_empty() {
        text.push_str("\nfurther conditions:\n");
        let rows: Vec<_> = conditional.iter().map(|row| vec![label(table, row), row.conditions.clone()]).collect();
        text.push_str(&columns(&rows, |_, _, cell| cell.to_owned()));
    }
    text
}

fn also(scenario: &Scenario) -> String {
    if scenario.also.is_empty() { String::new() } else { format!("also in {}", scenario.also.join(", ")) }
}

/// The name, with its kind if the table has more than tools.
fn label(table: &Table, row: &Row) -> String {
    if table.rows.iter().all(|row| row.kind == "tools") {
        row.name.clone()
    } else {
        format!("{} {}", row.kind.strip_suffix('s').unwrap_or(row.kind), row.name)
    }
}

/// As Markdown, with one table per scenario.
pub fn markdown(table: &Table) -> String {
    let mut text = format!("# {}\n", escaped(&table.resource));
    if !table.base_scopes.is_empty() {
        let _ = writeln!(text, "\nAlways required: `{}`.", table.base_scopes.join("`, `"));
    }
    if table.in_shadow {
        text.push_str("\nIn shadow mode: denials are recorded only.\n");
    }
    for (n, scenario) in table.scenarios.iter().enumerate() {
        let _ = writeln!(text, "\n## {}\n", escaped(&scenario.name));
        let about = [scenario.about.clone(), also(scenario)].into_iter().filter(|part| !part.is_empty());
        for part in about {
            let _ = writeln!(text, "{}\n", escaped(&part));
        }
        let titles: String = table.scopes.iter().map(|scope| format!(" `{}` |", escaped(scope))).collect();
        let _ = writeln!(text, "| |{titles} needs |");
        let _ = writeln!(text, "|---|{}---|", "---|".repeat(table.scopes.len()));
        for row in &table.rows {
            let Some(cells) = row.cells.get(n) else { continue };
            let words: String = cells.words().map(|word| format!(" {word} |")).collect();
            let name = escaped(&label(table, row));
            let parts = [cells.need.words(), row.conditions.clone()];
            let needs = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "| `{name}` |{words} {} |", escaped(&needs));
        }
    }
    if !table.without_effect.is_empty() {
        let names: Vec<_> = table.without_effect.iter().map(|scope| format!("`{}`", escaped(scope))).collect();
        let _ = writeln!(text, "\nNo effect on these: {}.", names.join(", "));
    }
    text
}

fn escaped(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().replace('|', "\\|")
}
