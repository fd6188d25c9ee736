//! Finds the requests that an unreadable text answers: one that is too long, or not strict JSON.
//!
//! It only tracks brackets and strings. Nothing is forwarded because of it: the ids are used in the errors that replace
//! the text.

use crate::bytes::count_unescaped;
use crate::json;

/// The maximum length of an id. Clients use shorter ones.
const MAX_ID: usize = 256;
/// The maximum number of ids per text, more than a batch may have by default.
const MAX_IDS: usize = 64;

/// The structure of a text, as far as it identifies messages.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// The number of open containers.
    open: usize,
    /// The number of containers around each message: one in a batch.
    around: usize,
    /// Whether there was any container. A text without one has no message.
    pub has_container: bool,
    in_string: bool,
    escaped: bool,
    /// The current string or scalar at message level.
    token: Vec<u8>,
    /// The name of the member whose value is next.
    name: Vec<u8>,
    id: Vec<u8>,
    is_answer: bool,
    is_request: bool,
    ids: Vec<String>,
}

impl Glance {
    /// Processes the next part of the text.
    pub fn feed(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            if !self.in_string {
                self.outside(*byte);
                continue;
            }
            self.note(*byte);
            match byte {
                _ if std::mem::take(&mut self.escaped) => {}
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                // Long strings are in results, where nothing is recorded.
                _ if !self.is_in_message() => rest = rest.get(count_unescaped(rest)..).unwrap_or_default(),
                _ => {}
            }
        }
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.in_string = true;
                self.note(byte);
            }
            b'{' | b'[' => {
                if self.open == 0 {
                    self.around = usize::from(byte == b'[');
                }
                self.has_container = true;
                self.open += 1;
            }
            b'}' | b']' => {
                if self.is_in_message() {
                    self.end_message();
                }
                self.open = self.open.saturating_sub(1);
            }
            b':' if self.is_in_message() => {
                self.name = std::mem::take(&mut self.token);
                self.is_answer |= matches!(self.name.as_slice(), b"\"result\"" | b"\"error\"");
                self.is_request |= self.name == b"\"method\"";
            }
            b',' => self.end_value(),
            _ if byte.is_ascii_whitespace() => {}
            _ => self.note(byte),
        }
    }

    fn is_in_message(&self) -> bool {
        self.open == self.around + 1
    }

    fn note(&mut self, byte: u8) {
        if self.is_in_message() && self.token.len() <= MAX_ID {
            self.token.push(byte);
        }
    }

    fn end_value(&mut self) {
        if self.is_in_message() {
            let value = std::mem::take(&mut self.token);
            if std::mem::take(&mut self.name) == b"\"id\"" {
                self.id = value;
            }
        }
    }

    fn end_message(&mut self) {
        self.end_value();
        let id = std::mem::take(&mut self.id);
        let (answers, asks) = (std::mem::take(&mut self.is_answer), std::mem::take(&mut self.is_request));
        let is_id = matches!(id.first(), Some(b'"' | b'-' | b'0'..=b'9')) && json::check(&id, 0).is_ok();
        if answers && !asks && is_id && id.len() <= MAX_ID && self.ids.len() < MAX_IDS {
            self.ids.extend(String::from_utf8(id));
        }
    }

    /// The ids of the requests that the text answers. The text may be truncated.
    pub fn finish(mut self) -> Vec<String> {
        if self.is_in_message() || self.open > 0 {
            self.open = self.around + 1;
            self.end_message();
        }
        self.ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(text: &str) -> Vec<String> {
        let whole = |chunk: usize| {
            let mut glance = Glance::default();
            text.as_bytes().chunks(chunk).for_each(|chunk| glance.feed(chunk));
            glance.finish()
        };
        assert_eq!(whole(1), whole(text.len().max(1)), "the place of a cut makes no difference");
        whole(1)
    }

    #[test]
    fn an_answer_that_cannot_be_read_still_names_its_request() {
        for (text, ids) in [
            (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","id":2,"name":"b"}]}}"#, &["1"][..]),
            (r#"{"result":{"tools":[{"x":"}{\"id\":3"}]},"jsonrpc":"2.0","id":"a\"b"}"#, &[r#""a\"b""#]),
            (r#"{"id" : -1.5 , "error":{"code":1}} trailing"#, &["-1.5"]),
            (r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"na"#, &["7"]),
            (r#"[{"id":1,"result":{}},{"id":2,"method":"ping"},{"id":3,"error":{}}]"#, &["1", "3"]),
            ("event: message\nid: 9\ndata: {\"result\":[],\ndata: \"id\":4}\n\n", &["4"]),
            (r#"{"id":1,"method":"x","params":{"result":1}}"#, &[]),
            (r#"{"id":1,"params":{"result":1}}"#, &[]),
            (r#"{"id":null,"result":{}}"#, &[]),
            (r#"{"id":{"id":1},"result":{}}"#, &[]),
            (r#"{"id":01,"result":{}}"#, &[]),
            (r#"{"result":{"id":1}}"#, &[]),
            ("ping", &[]),
            ("", &[]),
            ("}}]]", &[]),
        ] {
            assert_eq!(answered(text), ids, "{text}");
        }
    }

    #[test]
    fn what_is_kept_of_a_text_is_bounded() {
        let long = format!(r#"{{"id":{},"result":{{}}}}"#, "1".repeat(MAX_ID + 1));
        assert!(answered(&long).is_empty());
        let many = format!("[{}]", vec![r#"{"id":1,"result":{}}"#; 1_000].join(","));
        assert_eq!(answered(&many).len(), MAX_IDS);
    }
}
