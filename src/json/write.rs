//! A writer for JSON objects on one line, with members in the given order.

use crate::bytes::is_plain;
use crate::text::{push_visible, truncate};

/// An object under construction.
pub struct Object {
    text: String,
    /// Where the members start.
    start: usize,
    max_string: usize,
}

impl Object {
    /// An object with strings of any length.
    #[inline]
    pub fn new() -> Self {
        Self { text: "{".into(), start: 1, max_string: usize::MAX }
    }

    /// An object after `prefix` on a log line, with strings truncated to `max_string` bytes.
    pub fn line(prefix: &str, max_string: usize) -> Self {
        let mut text = String::with_capacity(LINE);
        text.push_str(prefix);
        text.push('{');
        Self { start: text.len(), text, max_string }
    }

    /// Adds a member whose value is JSON.
    pub fn raw(&mut self, name: &'static str, json: &str) -> &mut Self {
        self.name(name).push_str(json);
        self
    }

    /// [`Self::raw`], with any name.
    pub fn raw_of(&mut self, name: &str, json: &str) -> &mut Self {
        self.any_name(name).push_str(json);
        self
    }

    /// Adds a string member with any name.
    pub fn text_of(&mut self, name: &str, value: &str) -> &mut Self {
        let max = self.max_string;
        push_quoted(self.any_name(name), truncate(value, max));
        self
    }

    /// Adds a string member. `None` is omitted.
    pub fn text(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        let Some(value) = value else { return self };
        let value = truncate(value, self.max_string);
        if is_plain(value.as_bytes()) {
            // Nearly every string. A line has two dozen, and each piece is a call.
            self.open(name);
            self.text.push_str("\":\"");
            self.text.push_str(value);
            self.text.push('"');
        } else {
            push_quoted(self.name(name), value);
        }
        self
    }

    /// Adds a string member. `None` becomes `null`.
    pub fn text_or_null(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        if value.is_some() { self.text(name, value) } else { self.raw(name, "null") }
    }

    /// Adds an array of strings.
    pub fn list<'i>(&mut self, name: &'static str, items: impl Iterator<Item = &'i str>) -> &mut Self {
        let max = self.max_string;
        let text = self.name(name);
        text.push('[');
        for (n, item) in items.enumerate() {
            if n > 0 {
                text.push(',');
            }
            push_quoted(text, truncate(item, max));
        }
        text.push(']');
        self
    }

    /// Returns the prefix and the object.
    pub fn finish(&mut self) -> String {
        let mut text = std::mem::take(&mut self.text);
        text.push('}');
        text
    }

    /// Starts a member. The names in this program need no escapes.
    fn name(&mut self, name: &'static str) -> &mut String {
        self.open(name);
        self.text.push_str("\":");
        &mut self.text
    }

    /// Starts a member, up to the quote that ends its name.
    fn open(&mut self, name: &'static str) {
        if self.text.len() > self.start {
            self.text.push_str(",\"");
        } else {
            self.text.push('"');
        }
        self.text.push_str(name);
    }

    /// Starts a member with any name.
    fn any_name(&mut self, name: &str) -> &mut String {
        self.separate();
        push_quoted(&mut self.text, name);
        self.text.push(':');
        &mut self.text
    }

    fn separate(&mut self) {
        if self.text.len() > self.start {
            self.text.push(',');
        }
    }
}

/// Enough capacity for most lines.
const LINE: usize = 512;

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends a JSON string that is safe for terminals and log processors: control, bidirectional and line-separator
/// characters are escaped.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    if is_plain(text.as_bytes()) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c => push_visible(out, c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let text = "a\"b\\c\n\u{202e}\u{2028}\u{e0041}é😀\u{0}";
        let mut object = Object::new();
        object
            .text("t", Some(text))
            .text("left out", None)
            .text_or_null("n", None)
            .raw("r", "1")
            .raw_of(text, "2")
            .text_of("\"", text)
            .list("l", [text, ""].into_iter());
        let json = object.finish();
        let expected = serde_json::json!({ "t": text, "n": null, "r": 1, text: 2, "\"": text, "l": [text, ""] });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), expected);
        assert!(!json.contains(['\n', '\u{202e}', '\u{2028}', '\u{e0041}']), "{json}");
    }
}
