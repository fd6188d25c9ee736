//! Clients that read event streams more loosely than their definition says: the lists that any of them may find.

use serde_json::{Deserializer, Value};

/// The lists of the protocol, and what names their entries.
const LISTS: [(&str, &str); 4] =
    [("tools", "name"), ("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")];

/// Everything that ends a line for Python's `str.splitlines` and its kin.
const SEPARATORS: [char; 9] = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{2028}', '\u{2029}'];

/// The names of all entries of all lists that some client may find in a stream.
pub fn listed(stream: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let latin1: String = stream.iter().copied().map(char::from).collect();
    for text in [String::from_utf8_lossy(stream).into_owned(), latin1] {
        let texts = [text.clone(), text.trim_start_matches('\u{feff}').to_owned(), text.replace('\r', "\n")];
        for text in &texts {
            document(text, &mut found);
            lines(text.split('\n'), &mut found);
            lines(text.split(|c| SEPARATORS.contains(&c) || c == '\u{85}'), &mut found);
        }
    }
    found
}

/// A client of lines: each by itself, and the data of an event together.
fn lines<'t>(lines: impl Iterator<Item = &'t str>, found: &mut Vec<String>) {
    let (mut strict, mut loose) = (Vec::new(), Vec::new());
    for line in lines.chain(["", ""]) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            document(&strict.join("\n"), found);
            strict.clear();
        }
        if let Some(data) = line.strip_prefix("data:") {
            strict.push(data.strip_prefix(' ').unwrap_or(data));
        }
        // One that trims lines and ignores case.
        let blank = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
        let line = line.trim_matches(blank);
        document(line, found);
        if line.is_empty() {
            document(&loose.join("\n"), found);
            loose.clear();
        }
        if let Some((field, value)) = line.split_once(':')
            && field.trim_matches(blank).eq_ignore_ascii_case("data")
        {
            document(value, found);
            loose.push(value.trim_matches(blank));
        }
    }
}

/// The document that a text begins with, whatever follows it.
fn document(text: &str, found: &mut Vec<String>) {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if text.starts_with(['{', '['])
        && let Some(Ok(value)) = Deserializer::from_str(text).into_iter::<Value>().next()
    {
        match value {
            Value::Array(messages) => messages.iter().for_each(|message| entries(message, found)),
            message => entries(&message, found),
        }
    }
}

fn entries(message: &Value, found: &mut Vec<String>) {
    for (list, name) in LISTS {
        let all = message["result"][list].as_array().into_iter().flatten();
        found.extend(all.filter_map(|entry| Some(entry[name].as_str()?.to_owned())));
    }
}
