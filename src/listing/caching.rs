//! Results that a cache must not serve to another caller. They may be large and are not buffered: `cacheScope` and
//! `ttlMs` are changed as the bytes pass.

use crate::bytes::count_unescaped;
use crate::json;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Names and numbers that matter are not longer than this.
const MAX_TOKEN: usize = 64;

/// A body, JSON or an event stream, whose results become private to one caller.
#[derive(Debug)]
pub struct PrivateResults {
    /// The maximum cache lifetime of a result, in milliseconds.
    ttl: u64,
    is_json: bool,
    is_stream: bool,
    /// Whether a byte other than white space and a byte order mark has arrived. It distinguishes a document from a
    /// stream.
    begun: bool,
    /// The number of open containers.
    open: usize,
    /// The number of containers around each message: one in a batch.
    around: usize,
    in_result: bool,
    /// Whether the current result has `ttlMs`, and `cacheScope`.
    has_ttl: bool,
    has_scope: bool,
    in_string: bool,
    escaped: bool,
    line_is_empty: bool,
    skips_line: bool,
    after_cr: bool,
    /// The last string at this level, or the value being replaced.
    token: Vec<u8>,
    value: Value,
}

/// The kind of the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Any,
    Scope,
    Ttl,
}

impl PrivateResults {
    /// A body for a caller whose token has `ttl` milliseconds left. `is_json`: its content type is JSON. Any other body
    /// is treated as the document or stream for which a client may take it.
    pub fn new(ttl: u64, is_json: bool) -> Self {
        Self {
            ttl,
            is_json,
            is_stream: false,
            begun: false,
            open: 0,
            around: 0,
            in_result: false,
            has_ttl: false,
            has_scope: false,
            in_string: false,
            escaped: false,
            line_is_empty: true,
            skips_line: false,
            after_cr: false,
            token: Vec::new(),
            value: Value::Any,
        }
    }

    /// Returns the bytes to forward for the next chunk.
    pub fn feed(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len() + 1);
        let mut rest = chunk;
        while let Some((byte, after)) = rest.split_first() {
            // Fast path for long strings, such as the contents of a resource.
            let plain = if self.in_string && !self.notes() { count_unescaped(rest) } else { 0 };
            if plain > 0 && !self.escaped {
                let (text, after) = rest.split_at(plain);
                out.extend_from_slice(text);
                rest = after;
                continue;
            }
            rest = after;
            if !self.begun {
                self.begun = !byte.is_ascii_whitespace() && !BYTE_ORDER_MARK.contains(byte);
                self.is_stream = self.begun && !self.is_json && !matches!(byte, b'{' | b'[');
                if !self.begun {
                    out.push(*byte);
                    continue;
                }
            }
            let ends_line = matches!(byte, b'\n' | b'\r');
            if self.is_stream && ends_line {
                (self.in_string, self.escaped) = (false, false);
            }
            // In a stream, only data lines matter.
            self.skips_line =
                self.is_stream && !ends_line && if self.line_is_empty { *byte != b'd' } else { self.skips_line };
            self.line_is_empty &= ends_line;
            self.after_cr &= ends_line;
            match self.in_string {
                _ if self.skips_line => out.push(*byte),
                true => self.within_string(*byte, &mut out),
                false => self.outside(*byte, &mut out),
            }
        }
        out
    }

    /// Whether strings matter here: as member names of a message or result, or as values to change.
    fn notes(&self) -> bool {
        self.open == self.around + 1 || (self.open == self.around + 2 && self.in_result)
    }

    fn within_string(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.take(byte, out);
        match byte {
            _ if std::mem::take(&mut self.escaped) => {}
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                self.end_value(out);
            }
            _ => {}
        }
    }

    fn outside(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'\n' | b'\r' => self.end_line(byte, out),
            b'"' if self.open > 0 => {
                self.in_string = true;
                self.token.clear();
                self.take(byte, out);
            }
            b'{' | b'[' => {
                self.value = Value::Any;
                if self.open == 0 {
                    self.around = usize::from(byte == b'[');
                }
                self.open += 1;
                out.push(byte);
            }
            b'}' | b']' => {
                self.end_value(out);
                if byte == b'}' && self.in_result && self.open == self.around + 2 {
                    self.end_result(out);
                }
                self.open = self.open.saturating_sub(1);
                out.push(byte);
            }
            b':' => {
                self.begin_value();
                out.push(byte);
            }
            b',' | b' ' | b'\t' => {
                self.end_value(out);
                out.push(byte);
            }
            _ => self.take(byte, out),
        }
    }

    /// Forwards a byte, unless it belongs to a value being replaced.
    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.notes() && self.token.len() <= MAX_TOKEN {
            self.token.push(byte);
        }
        if self.value == Value::Any {
            out.push(byte);
        }
    }

    /// In a stream, no value that matters spans lines, and no message spans events.
    fn end_line(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.end_value(out);
        self.token.clear();
        if self.is_stream {
            self.value = Value::Any;
            if self.line_is_empty && !(self.after_cr && byte == b'\n') {
                self.open = 0;
            }
        }
        self.line_is_empty = true;
        self.after_cr = byte == b'\r';
        out.push(byte);
    }

    fn begin_value(&mut self) {
        let token = std::mem::take(&mut self.token);
        let name = json::read(&token, 0, |reader| reader.string()).ok().and_then(|name| name.decode());
        if self.open == self.around + 1 {
            self.in_result = name.as_deref() == Some("result");
            (self.has_ttl, self.has_scope) = (false, false);
        } else if self.notes() {
            self.value = match name.as_deref() {
                Some("cacheScope") => Value::Scope,
                Some("ttlMs") => Value::Ttl,
                _ => Value::Any,
            };
            self.has_scope |= self.value == Value::Scope;
            self.has_ttl |= self.value == Value::Ttl;
        }
    }

    fn end_result(&mut self, out: &mut Vec<u8>) {
        if self.has_ttl && !self.has_scope {
            out.extend_from_slice(SCOPE);
        }
        (self.has_ttl, self.has_scope) = (false, false);
    }

    fn end_value(&mut self, out: &mut Vec<u8>) {
        if self.value == Value::Any || self.token.is_empty() {
            return;
        }
        let written = std::mem::take(&mut self.token);
        match std::mem::replace(&mut self.value, Value::Any) {
            Value::Scope => out.extend_from_slice(PRIVATE),
            _ => out.extend(shorter_ttl(&written, self.ttl)),
        }
    }
}

/// The new value of `cacheScope`.
pub(super) const PRIVATE: &[u8] = b"\"private\"";
/// The member that a result with `ttlMs` gets if it has no `cacheScope`, after another one. A client that caches by
/// `ttlMs` alone may have a cache for all its users.
pub(super) const SCOPE: &[u8] = b",\"cacheScope\":\"private\"";

/// The written `ttlMs`, or `ttl` if that is shorter.
pub(super) fn shorter_ttl(written: &[u8], ttl: u64) -> Vec<u8> {
    let number = std::str::from_utf8(written).unwrap_or_default().parse::<f64>();
    let keep = number.is_ok_and(|written| {
        #[allow(clippy::cast_precision_loss)]
        let ttl = ttl as f64;
        (0.0..=ttl).contains(&written)
    });
    if keep { written.to_vec() } else { ttl.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(body: &str, is_json: bool) -> String {
        let by = |size: usize| {
            let mut results = PrivateResults::new(5_000, is_json);
            let out: Vec<_> = body.as_bytes().chunks(size).map(|chunk| results.feed(chunk)).collect();
            String::from_utf8(out.concat()).unwrap()
        };
        assert_eq!(by(1), by(1_000), "the place of a cut makes no difference to {body}");
        by(3)
    }

    #[test]
    fn results_become_private_and_do_not_outlive_the_token() {
        for (body, expected) in [
            (
                r#"{"id":1,"result":{"cacheScope":"public","ttlMs":9000,"contents":[]}}"#,
                r#"{"id":1,"result":{"cacheScope":"private","ttlMs":5000,"contents":[]}}"#,
            ),
            (
                r#"{"result": { "ttlMs" : 10 , "cacheScope" : "public" } }"#,
                r#"{"result": { "ttlMs" : 10 , "cacheScope" : "private" } }"#,
            ),
            (r#"{"result":{"ttlMs":5001}}"#, r#"{"result":{"ttlMs":5000,"cacheScope":"private"}}"#),
            (r#"{"result":{"ttlMs":5e3}}"#, r#"{"result":{"ttlMs":5e3,"cacheScope":"private"}}"#),
            (
                r#"{"result":{"ttlMs":1,"contents":[{"cacheScope":"public","ttlMs":2}] } ,"id":1}"#,
                r#"{"result":{"ttlMs":1,"contents":[{"cacheScope":"public","ttlMs":2}] ,"cacheScope":"private"} ,"id":1}"#,
            ),
            (r#"{"result":{"ttlMs":-1,"cacheScope":null}}"#, r#"{"result":{"ttlMs":5000,"cacheScope":"private"}}"#),
            (r#"{"result":{"ttlMs":"9000"}}"#, r#"{"result":{"ttlMs":5000,"cacheScope":"private"}}"#),
            (
                r#"{"result":{"cache\u0053cope":"public","cacheScope":"pub\"lic"}}"#,
                r#"{"result":{"cache\u0053cope":"private","cacheScope":"private"}}"#,
            ),
            (
                r#"[{"result":{"cacheScope":"public"}},{"result":{"ttlMs":9000}}]"#,
                r#"[{"result":{"cacheScope":"private"}},{"result":{"ttlMs":5000,"cacheScope":"private"}}]"#,
            ),
            (
                "{\n \"result\": {\n  \"cacheScope\":\n   \"public\"\n\n }\n}",
                "{\n \"result\": {\n  \"cacheScope\":\n   \"private\"\n\n }\n}",
            ),
        ] {
            assert_eq!(private(body, true), expected, "{body}");
        }
    }

    #[test]
    fn every_other_byte_passes_as_it_is() {
        for body in [
            r#"{"result":{"contents":[{"text":"\"cacheScope\":\"public\"","cacheScope":"public","ttlMs":1e9}]}}"#,
            r#"{"cacheScope":"public","params":{"cacheScope":"public"},"result":{"x":"result","y":["cacheScope"]}}"#,
            r#"{"result":{"cacheScope":{"a":"public"},"ttlMs":[9000]}}"#,
            r#"{"ttlMs":1,"params":{"ttlMs":1},"result":{"x":"ttlMs","y":["ttlMs",1],"z":{"ttlMs":1}}}"#,
            r#"{"error":{"ttlMs":1},"result":1}"#,
            r#"{"result":["cacheScope","public"]}"#,
            r#"{"result":"a\\","error":{"cacheScope":"public"}}"#,
            "\u{feff}<p class=\"x\">:{}]]",
            "",
        ] {
            assert_eq!(private(body, true), body);
        }
    }

    #[test]
    fn what_is_no_json_by_its_type_is_read_as_what_it_is() {
        let public = r#"{"result":{"cacheScope":"public"}}"#;
        let private_result = r#"{"result":{"cacheScope":"private"}}"#;
        for before in
            ["", "\u{feff}", " \n", "\u{feff}\n ", "data: ", "\u{feff}data: ", "\u{feff}: x\ndata:", "id: {\ndata:"]
        {
            assert_eq!(private(&format!("{before}{public}"), false), format!("{before}{private_result}"), "{before:?}");
        }
        for other in ["", "\u{feff}", "<p class=\"x\">:{}]]", "\u{fefe}data"] {
            assert_eq!(private(other, false), other);
        }
    }

    #[test]
    fn the_results_of_a_stream_become_private() {
        for (body, expected) in [
            (
                "id: \"[{\n: \"x\ndata: {\"method\":\"x\"}\n\nevent: message\ndata: {\"result\":{\"cacheScope\":\"public\"}}\n\n",
                "id: \"[{\n: \"x\ndata: {\"method\":\"x\"}\n\nevent: message\ndata: {\"result\":{\"cacheScope\":\"private\"}}\n\n",
            ),
            (
                "data: {\"result\":{\ndata: \"x\":\"result\",\ndata: \"ttlMs\":9000,\ndata: \"cacheScope\":\"public\"\ndata: }}\n\n",
                "data: {\"result\":{\ndata: \"x\":\"result\",\ndata: \"ttlMs\":5000,\ndata: \"cacheScope\":\"private\"\ndata: }}\n\n",
            ),
        ] {
            for end in ["\n", "\r\n", "\r"] {
                let (body, expected) = (body.replace('\n', end), expected.replace('\n', end));
                assert_eq!(private(&body, false), expected, "{body}");
            }
        }
    }
}
