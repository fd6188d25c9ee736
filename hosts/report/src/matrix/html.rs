//! The matrix as a self-contained page without scripts, fonts or images.

use std::fmt::Write;

use super::{Cell, Cells, Need, Row, Scenario, Table};
use crate::output::{counted, markup, visible};

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(table: &Table) -> String {
    let mut page = String::new();
    let title = escaped(&table.resource);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Scope matrix of {title}</title>\n\
         <style>\n{STYLE}{}</style>\n</head>\n<body>\n",
        switches(table.scenarios.len() + 1)
    );
    let _ = writeln!(page, "<h1>Scope matrix <small>{title}</small></h1>");
    page.push_str(&facts(table));
    let names = std::iter::once("All scenarios").chain(table.scenarios.iter().map(|own| own.name.as_str()));
    for n in 0..=table.scenarios.len() {
        let checked = if n == 0 { " checked" } else { "" };
        let _ = writeln!(page, "<input type=\"radio\" name=\"view\" id=\"v{n}\"{checked}>");
    }
    page.push_str("<nav>");
    for (n, name) in names.enumerate() {
        let _ = write!(page, "<label for=\"v{n}\">{}</label>", escaped(name));
    }
    page.push_str("</nav>\n");
    page.push_str(&overview(table));
    for (n, scenario) in table.scenarios.iter().enumerate() {
        page.push_str(&section(table, n, scenario));
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// Connects each radio button with its section and label.
fn switches(count: usize) -> String {
    let rule = |n| {
        format!(
            "#v{n}:checked~#s{n}{{display:block}}\
             #v{n}:checked~nav label[for=v{n}]{{background:var(--ink);color:var(--page)}}\
             #v{n}:focus-visible~nav label[for=v{n}]{{outline:2px solid var(--yes);outline-offset:2px}}\n"
        )
    };
    (0..count).map(rule).collect()
}

fn facts(table: &Table) -> String {
    let base = match table.base_scopes.as_slice() {
        [] => String::new(),
        base => format!(
            " Every request also needs <code>{}</code>.",
            base.iter().map(|s| escaped(s)).collect::<Vec<_>>().join("</code> <code>")
        ),
    };
    let shadow = if table.in_shadow { " In shadow mode: denials are recorded only." } else { "" };
    format!(
        "<p>{}, {}, {}.{base}{shadow}</p>\n<p class=\"key\">\
         <span class=\"yes\">\u{25cf}</span> opens it alone \u{2003}\
         <span class=\"part\">\u{25d0}</span> needed with others \u{2003}\
         <span class=\"no\">\u{2715}</span> denied here whatever the scopes \u{2003}\
         <span class=\"any\">\u{25cb}</span> open to any valid token \u{2003}\
         <span class=\"tint\">tinted</span> other than for everybody else</p>\n",
        counted(table.rows.len(), "name"),
        counted(table.scopes.len(), "scope"),
        counted(table.scenarios.len(), "scenario")
    )
}

/// Names by scenarios: the scopes that a caller needs.
fn overview(table: &Table) -> String {
    let mut text = "<section id=\"s0\"><p>What a caller needs, by scenario.</p>\n<div class=\"scroll\"><table class=\"wide\"><thead><tr><th></th>".to_owned();
    for scenario in &table.scenarios {
        let _ = write!(
            text,
            "<th scope=\"col\">{}<small>{}</small></th>",
            escaped(&scenario.name),
            escaped(&scenario.about)
        );
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for (n, row) in table.rows.iter().enumerate() {
        text.push_str(&group(table, n, table.scenarios.len()));
        let _ = write!(text, "<tr>{}", row_head(row));
        let first = row.cells.first().map(|cells| &cells.need);
        for (place, cells) in row.cells.iter().enumerate() {
            // Cells that a scenario does not change are dimmed.
            let same = if place > 0 && first == Some(&cells.need) { " same" } else { "" };
            let _ = match &cells.need {
                Need::NoToken | Need::Nothing | Need::Base => {
                    write!(text, "<td class=\"any\">{}</td>", cells.need.words())
                }
                Need::SignIn => write!(text, "<td class=\"needs\">{}</td>", cells.need.words()),
                Need::Scopes(sets) => {
                    let all = |set: &Vec<String>| {
                        let scopes = set.iter().map(|scope| format!("<code>{}</code>", escaped(scope)));
                        scopes.collect::<Vec<_>>().join(" + ")
                    };
                    let sets: Vec<_> = sets.iter().map(all).collect();
                    write!(text, "<td class=\"needs{same}\">{}</td>", sets.join("<br>or "))
                }
                Need::Closed(reason) => write!(text, "<td class=\"no{same}\" title=\"{}\">\u{2715}</td>", reason),
            };
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div></section>\n");
    text
}

/// A heading for each kind, if there are several.
fn group(table: &Table, n: usize, columns: usize) -> String {
    let Some(row) = table.rows.get(n) else { return String::new() };
    let before = n.checked_sub(1).and_then(|n| table.rows.get(n));
    let only_tools = table.rows.iter().all(|row| row.kind == "tools");
    if only_tools || before.is_some_and(|before| before.kind == row.kind) {
        return String::new();
    }
    format!("<tr class=\"kind\"><th scope=\"rowgroup\">{}</th><td colspan=\"{columns}\"></td></tr>\n", row.kind)
}

/// Names by scopes, in one scenario.
fn section(table: &Table, n: usize, scenario: &Scenario) -> String {
    let mut text = format!("<section id=\"s{}\"><h2>{}</h2>", n + 1, escaped(&scenario.name));
    if !scenario.about.is_empty() {
        let _ = write!(text, "<p>{}</p>", escaped(&scenario.about));
    }
    if !scenario.also.is_empty() {
        let also: Vec<_> = scenario.also.iter().map(|name| escaped(name)).collect();
        let _ = write!(text, "<p>Such a caller is also in: {}.</p>", also.join(", "));
    }
    text.push_str("\n<div class=\"scroll\"><table><thead><tr><th></th>");
    for scope in &table.scopes {
        let _ = write!(text, "<th scope=\"col\" class=\"slanted\"><div><span>{}</span></div></th>", escaped(scope));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for (place, row) in table.rows.iter().enumerate() {
        text.push_str(&group(table, place, table.scopes.len()));
        text.push_str(&line(table, row, n));
    }
    text.push_str("</tbody></table></div></section>\n");
    text
}

fn line(table: &Table, row: &Row, n: usize) -> String {
    let mut text = format!("<tr>{}", row_head(row));
    let Some(Cells { by_scope, need }) = row.cells.get(n) else { return String::new() };
    let everybody = row.cells.first();
    match need {
        Need::NoToken | Need::Nothing | Need::Base | Need::SignIn => {
            let columns = table.scopes.len().max(1);
            let words = match need {
                Need::Nothing => "any valid token".to_owned(),
                other => other.words(),
            };
            let class = if *need == Need::SignIn { "needs" } else { "any" };
            let _ = write!(text, "<td class=\"{class}\" colspan=\"{columns}\">\u{25cb} {words}</td>");
        }
        Need::Closed(reason) => {
            let columns = table.scopes.len().max(1);
            let _ = write!(text, "<td class=\"no\" colspan=\"{columns}\">\u{2715} {reason}</td>");
        }
        Need::Scopes(_) => {
            for (place, (cell, scope)) in by_scope.iter().zip(&table.scopes).enumerate() {
                let other = everybody.and_then(|cells| cells.by_scope.get(place)).is_some_and(|own| own != cell);
                let changed = if other { " changed" } else { "" };
                let (class, sign) = match cell {
                    Cell::Opens => ("yes", "\u{25cf}"),
                    Cell::Part => ("part", "\u{25d0}"),
                    Cell::Closed => ("no", "\u{2715}"),
                    Cell::Useless => ("", ""),
                };
                let (scope, name) = (escaped(scope), escaped(&row.name));
                let _ = write!(text, "<td class=\"{class}{changed}\" title=\"{name}: {scope}\">{sign}</td>");
            }
        }
    }
    text.push_str("</tr>\n");
    text
}

/// The name and its other requirements.
fn row_head(row: &Row) -> String {
    let conditions = match row.conditions.as_str() {
        "" => String::new(),
        conditions => format!("<small>{}</small>", escaped(conditions)),
    };
    format!("<th scope=\"row\">{}{conditions}</th>", escaped(&row.name))
}

fn escaped(text: &str) -> String {
    markup(&visible(text))
}
