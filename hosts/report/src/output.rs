//! The formatting of text and tables, and the reading of small values.

use std::fmt;

use anstyle::{AnsiColor, Style};
use toolgate::text::push_visible;
use toolgate::time::UnixTime;

/// The error message of a command that failed.
#[derive(Debug)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The token in a text: alone, or in a header that was copied from a request. `None` if there is none.
pub fn token(text: &str) -> Option<&str> {
    let token = text.trim();
    let token = token.strip_prefix("Authorization:").unwrap_or(token).trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    (!token.is_empty()).then_some(token)
}

/// A time in RFC 3339 or seconds since 1970.
///
/// # Errors
/// If it is neither.
pub fn moment(at: &str) -> Result<UnixTime, Trouble> {
    let millis = match at.parse::<u64>() {
        Ok(seconds) => seconds.checked_mul(1000),
        Err(_) => at.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok()),
    };
    let wrong = || Trouble(format!("`{at}` is neither RFC 3339 nor seconds since 1970"));
    millis.map(UnixTime::from_millis).ok_or_else(wrong)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// For positive results.
pub fn good(text: &str) -> String {
    styled(AnsiColor::Green.on_default(), text)
}

/// For negative results.
pub fn bad(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

/// For warnings.
pub fn doubtful(text: &str) -> String {
    styled(AnsiColor::Yellow.on_default(), text)
}

/// A heading.
pub fn heading(text: &str) -> String {
    styled(Style::new().bold(), text)
}

/// For less important text.
pub fn faint(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

/// `1 fault`, `2 faults`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Escapes `text` so that it stays on one line. A tool's name may contain line breaks.
pub fn visible(text: &str) -> String {
    let mut out = String::new();
    text.chars().for_each(|c| push_visible(&mut out, c));
    out
}

/// Escapes `text` for HTML and XML.
pub fn markup(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Escapes `text` for a terminal. Line breaks and colours stay; other control sequences are escaped.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = rest.strip_prefix("\u{1b}[").and_then(|after| after.split_once('m'));
        match colour.filter(|(code, _)| code.bytes().all(|b| b.is_ascii_digit() || b == b';')) {
            Some((code, after)) => {
                out.extend(["\u{1b}[", code, "m"]);
                rest = after;
                continue;
            }
            None if matches!(c, '\n' | '\t') => out.push(c),
            None => push_visible(&mut out, c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// Formats rows as columns of equal width, two spaces apart. `style` formats a cell, given its row, column and padded
/// text.
pub fn columns(rows: &[Vec<String>], style: impl Fn(usize, usize, &str) -> String) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let last = column + 1 == row.len();
            let padding = if last { 0 } else { width(column).unwrap_or_default() - cell.chars().count() };
            format!("{}{}", style(n, column, cell), " ".repeat(padding))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
