//! One attempt of the corpus, as its file writes it.

use super::*;

/// How a case is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Http1,
    Http2(Last),
}

/// The frame that ends a request in HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Data,
    EmptyData,
    Trailers,
}

impl Wire {
    pub(super) const ALL: [Self; 4] =
        [Self::Http1, Self::Http2(Last::Data), Self::Http2(Last::EmptyData), Self::Http2(Last::Trailers)];
}

pub(super) struct Case {
    pub(super) name: String,
    pub(super) file: Value,
}

impl Case {
    pub(super) fn all() -> Vec<Self> {
        let read = |path: &std::path::PathBuf| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(path).expect("a case");
            let file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            for member in ["why", "for"] {
                assert!(file[member].is_string(), "{name} does not say `{member}`");
            }
            Self { name, file }
        };
        crate::support::corpus().iter().map(read).collect()
    }

    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.file[member].as_str()
    }

    pub(super) fn body(&self) -> Vec<u8> {
        if let Some(encoded) = self.text("body_base64") {
            return STANDARD.decode(encoded).expect("base64");
        }
        let repeat = &self.file["repeat"];
        let times = repeat["times"].as_u64().unwrap_or(1).try_into().expect("a number");
        let repeated = repeat["text"].as_str().unwrap_or_default().repeat(times);
        self.text("body").unwrap_or_default().replace("{REPEAT}", &repeated).into_bytes()
    }

    /// Pairs of a name and a value.
    fn fields(&self, member: &str) -> Vec<(&str, Option<&str>)> {
        let pairs = self.file[member].as_array().into_iter().flatten();
        pairs.map(|pair| (pair[0].as_str().expect("a name"), pair[1].as_str())).collect()
    }

    /// The header fields: those of any MCP client, and the case's own.
    fn head(&self, token: &str, scenario: &str) -> Vec<(String, String)> {
        let own = self.fields("headers");
        let authorization = format!("Bearer {token}");
        let usual = [
            ("host", self.text("host").unwrap_or(HOST)),
            (HEADER, scenario),
            ("authorization", &authorization),
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
        ];
        let usual = usual.into_iter().filter(|(name, _)| *name != "authorization" || !token.is_empty());
        let usual = usual.filter(|(name, _)| !own.iter().any(|(o, _)| o.eq_ignore_ascii_case(name)));
        let all = usual.map(|(name, value)| (name, Some(value))).chain(own.iter().copied());
        all.filter_map(|(name, value)| Some((name.to_owned(), fill(value?, token, scenario)))).collect()
    }

    /// The case in HTTP/1.1.
    pub(super) fn bytes(&self, token: &str, scenario: &str) -> Vec<u8> {
        if let Some(raw) = self.text("raw") {
            return fill(raw, token, scenario).into_bytes();
        }
        let (method, path) = (self.text("method").unwrap_or("POST"), self.text("path").unwrap_or("/mcp"));
        let path = fill(path, token, scenario);
        let mut head = format!("{method} {path} {}\r\n", self.text("version").unwrap_or("HTTP/1.1"));
        let fields = self.head(token, scenario);
        for (name, value) in &fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = self.body();
        let framed = fields.iter().any(|(name, _)| {
            ["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing))
        });
        if !self.file["chunks"].is_array() && !self.file["trailers"].is_array() {
            let length = if framed { String::new() } else { format!("content-length: {}\r\n", body.len()) };
            return [head.as_bytes(), length.as_bytes(), b"\r\n", &body].concat();
        }
        let mut bytes = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
        let sizes = self.file["chunks"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        let mut left = body.as_slice();
        for size in sizes.map(|size| size.try_into().expect("a size")).chain([usize::MAX]) {
            let (chunk, rest) = left.split_at(left.len().min(size));
            if !chunk.is_empty() {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend([chunk, b"\r\n"].concat());
            }
            left = rest;
        }
        bytes.extend(b"0\r\n");
        for (name, value) in self.fields("trailers") {
            let value = fill(value.unwrap_or_default(), token, scenario);
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes
    }

    /// The case in HTTP/2, if its frames can say the same.
    pub(super) fn frames(&self, token: &str, scenario: &str, last: Last) -> Option<Http2> {
        if self.file["raw"].is_string() || self.file["version"].is_string() {
            return None;
        }
        let fields = self.head(token, scenario);
        let host = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map_or("", |(_, host)| host);
        let path = fill(self.text("path").unwrap_or("/mcp"), token, scenario);
        let path = path
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .map_or(path.clone(), |(_, path)| format!("/{path}"));
        let mut request = Http2::new(self.text("method").unwrap_or("POST"), &format!("http://{host}{path}"));
        // A header that frames a message in HTTP/1.1 has no place in HTTP/2 (RFC 9113 section 8.2.2).
        let of_connection = |name: &str| {
            let own = ["connection", "expect", "keep-alive", "transfer-encoding", "upgrade"];
            own.iter().any(|own| name.eq_ignore_ascii_case(own))
        };
        for (name, value) in fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            if of_connection(name) {
                return None;
            }
            request = request.header(name, value);
        }
        let body = self.body();
        let sizes = self.file["chunks"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        let mut left = body.as_slice();
        for size in sizes.map(|size| size.try_into().expect("a size")).chain([usize::MAX]) {
            let (piece, rest) = left.split_at(left.len().min(size));
            request = if piece.is_empty() { request } else { request.piece(piece) };
            left = rest;
        }
        if last == Last::EmptyData {
            request = request.piece("");
        }
        let mut trailers = self.fields("trailers");
        if trailers.is_empty() && last == Last::Trailers {
            trailers.push(("x-end", Some("1")));
        }
        for (name, value) in trailers {
            if of_connection(name) {
                return None;
            }
            request = request.trailer(name, &fill(value.unwrap_or_default(), token, scenario));
        }
        request.is_valid().then_some(request)
    }
}

fn fill(text: &str, token: &str, scenario: &str) -> String {
    text.replace("{TOKEN}", token).replace("{SCENARIO}", scenario)
}
