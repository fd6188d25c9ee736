//! How servers read a body: whether any of them would take it for a use that
//! the caller is denied. Each reader is a parser that some server has.

use serde_json::Value;

/// The tool, the prompt and the resources that the corpus is after, and what
/// only an administrator may do besides.
pub const TOOL: &str = "delete_all";
pub const PROMPT: &str = "secret_brief";
pub const RESOURCES: &str = "docs://private/";
pub const METHODS: &str = "tasks/";

/// Deeper documents are not read: no parser of the corpus' servers does.
const DEPTH: usize = 600;

/// A parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// `serde_json`.
    Strict,
    /// The first of several members of one name counts.
    FirstWins,
    /// The last of them counts.
    LastWins,
    /// Names are compared without case, Unicode's folding included.
    Caseless,
    /// Takes whatever can be made out: any encoding, any number of documents,
    /// garbage around them, comments, commas, quotes, positional parameters,
    /// JSON within texts, prototypes, stray slashes in methods.
    Lenient,
}

impl Reader {
    pub const ALL: [Self; 5] = [Self::Strict, Self::FirstWins, Self::LastWins, Self::Caseless, Self::Lenient];

    /// Whether this reader takes the body for a use that is denied.
    pub fn takes(self, body: &[u8]) -> bool {
        self.documents(body).iter().any(|document| self.denied(document))
    }

    /// Every method that this reader finds at the top of the body, with every
    /// text that it finds as this member of `params`.
    pub fn reads(self, body: &[u8], member: &str) -> Vec<(String, Vec<String>)> {
        let uses = |message: &Node| {
            let params = self.get(message, "params");
            let targets: Vec<_> = params.into_iter().flat_map(|params| self.texts(params, member)).collect();
            self.texts(message, "method").into_iter().map(|method| (method, targets.clone())).collect::<Vec<_>>()
        };
        self.documents(body).iter().flat_map(uses).collect()
    }

    fn documents(self, body: &[u8]) -> Vec<Node> {
        match self {
            Self::Strict => serde_json::from_slice(body).map(|value| vec![Node::of(&value)]).unwrap_or_default(),
            Self::FirstWins | Self::LastWins | Self::Caseless => {
                std::str::from_utf8(body).ok().and_then(Parser::whole).into_iter().collect()
            }
            Self::Lenient => {
                let read = |text: &String| Parser::documents(text).into_iter().chain(Parser::whole(text));
                texts(body).iter().flat_map(read).collect()
            }
        }
    }

    fn denied(self, node: &Node) -> bool {
        match node {
            Node::List(elements) => elements.iter().any(|element| self.denied(element)),
            Node::Members(_) => self.texts(node, "method").iter().any(|method| self.uses(node, method)),
            Node::Text(text) => self == Self::Lenient && Parser::documents(text).iter().any(|one| self.denied(one)),
            Node::Other => false,
        }
    }

    fn uses(self, message: &Node, method: &str) -> bool {
        let mut params = self.get(message, "params");
        let decoded: Vec<_> = self.texts(message, "params").iter().flat_map(|text| Parser::documents(text)).collect();
        params.extend(decoded.iter().filter(|_| self == Self::Lenient));
        let texts = |name| params.iter().flat_map(|params| self.texts(params, name)).collect::<Vec<_>>();
        let listed = |list: &Node| self.strings(list).iter().any(|uri| is_denied_uri(uri));
        let positional = |test: &dyn Fn(&str) -> bool| {
            self == Self::Lenient && params.iter().any(|p| matches!(p, Node::List(all) if all.iter().any(|one| self.strings(one).iter().any(|s| test(s)) || self.texts(one, "name").iter().any(|s| test(s)))))
        };
        let mut method = self.value(method);
        if self == Self::Lenient {
            method = method.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        }
        match method.as_str() {
            "tools/call" => {
                let is = |name: &str| self.value(name) == TOOL;
                texts("name").iter().any(|name| is(name)) || positional(&is)
            }
            "prompts/get" => {
                let is = |name: &str| self.value(name) == PROMPT;
                texts("name").iter().any(|name| is(name)) || positional(&is)
            }
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                texts("uri").iter().any(|uri| is_denied_uri(uri)) || positional(&is_denied_uri)
            }
            "completion/complete" => params.iter().flat_map(|params| self.get(params, "ref")).any(|reference| {
                let names = self.texts(reference, "name");
                let uris = self.texts(reference, "uri");
                names.iter().any(|name| self.value(name) == PROMPT) || uris.iter().any(|uri| is_denied_uri(uri))
            }),
            "subscriptions/listen" => {
                let filters: Vec<_> = params.iter().flat_map(|params| self.get(params, "notifications")).collect();
                let mut lists = filters.iter().flat_map(|filter| self.get(filter, "resourceSubscriptions"));
                let mut tasks = filters.iter().flat_map(|filter| self.get(filter, "taskIds"));
                let names_some = |tasks: &Node| matches!(tasks, Node::List(all) if !all.is_empty());
                lists.any(listed) || tasks.any(names_some)
            }
            method => method.starts_with(METHODS),
        }
    }

    /// The members of this name that the reader sees.
    fn get<'n>(self, node: &'n Node, name: &str) -> Vec<&'n Node> {
        let Node::Members(members) = node else { return Vec::new() };
        let exact = |(own, _): &&(String, Node)| own == name;
        let folded = |(own, _): &&(String, Node)| fold(own) == fold(name);
        match self {
            Self::FirstWins => members.iter().find(exact).map(|(_, node)| node).into_iter().collect(),
            Self::Strict | Self::LastWins => {
                members.iter().rev().find(exact).map(|(_, node)| node).into_iter().collect()
            }
            Self::Caseless => members.iter().filter(folded).map(|(_, node)| node).collect(),
            Self::Lenient => {
                let inherited = members.iter().filter(|(own, _)| own == "__proto__");
                let inherited = inherited.flat_map(|(_, node)| self.get(node, name));
                members.iter().filter(folded).map(|(_, node)| node).chain(inherited).collect()
            }
        }
    }

    fn texts(self, node: &Node, name: &str) -> Vec<String> {
        self.get(node, name).into_iter().flat_map(|node| self.strings(node)).collect()
    }

    /// A string; for a lenient reader also one in a list, as languages that
    /// coerce make of it.
    fn strings(self, node: &Node) -> Vec<String> {
        match node {
            Node::Text(text) => vec![text.clone()],
            Node::List(all) if self == Self::Lenient || all.len() > 1 => {
                all.iter().flat_map(|one| self.strings(one)).collect()
            }
            Node::List(all) => all
                .iter()
                .filter_map(|one| match one {
                    Node::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            Node::Members(_) | Node::Other => Vec::new(),
        }
    }

    /// A name as it is compared.
    fn value(self, text: &str) -> String {
        match self {
            Self::Lenient | Self::Caseless => fold(text),
            _ => text.to_owned(),
        }
    }
}

/// Without case, invisible characters, what follows a NUL, white space at the
/// ends, and the width of letters.
pub fn fold(text: &str) -> String {
    let text = text.split('\0').next().unwrap_or_default();
    let invisible = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fffd}');
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let visible: String = text.chars().filter(|c| !invisible(*c)).map(narrow).collect();
    visible.trim_matches(|c: char| c.is_whitespace() || c.is_control()).to_uppercase().to_lowercase()
}

/// Whether a server that normalises URIs finds a private resource by this one.
pub fn is_denied_uri(uri: &str) -> bool {
    let mut uri: String = uri.split('\0').next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    // Some take it apart before they decode.
    let authority = uri.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    if let Some((user, _)) = authority.and_then(|authority| authority.rsplit_once('@')) {
        uri = uri.replacen(&format!("{user}@"), "", 1);
    }
    for _ in 0..4 {
        uri = String::from_utf8_lossy(&percent_decoded(uri.as_bytes())).into_owned();
    }
    uri.retain(|c| !c.is_control() && !matches!(c, '\u{ad}' | '\u{200b}'));
    let uri = uri.trim().replace('\\', "/").to_lowercase();
    // Some print an empty authority as none, and drop an empty user name and port.
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let rest = rest.trim_start_matches('/').trim_start_matches([':', '@']).replacen(":/", "/", 1);
    let mut segments = Vec::new();
    for segment in rest.split(['?', '#']).next().unwrap_or_default().split('/') {
        // And what a careless server leaves out of a host.
        let host = segment.rsplit('@').next().and_then(|place| place.split(':').next()).unwrap_or_default();
        let segment = if segments.is_empty() && !segment.contains('{') { host } else { segment };
        let segment = segment.split(';').next().unwrap_or_default().trim();
        match if segments.is_empty() { segment.trim_end_matches(|c| c == '.' && segment.len() > 2) } else { segment } {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let plain = format!("{scheme}://{}", segments.join("/"));
    match plain.split_once('{') {
        Some((stem, _)) => stem.starts_with(RESOURCES) || RESOURCES.starts_with(stem),
        None => plain.starts_with(RESOURCES),
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| text[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

/// Every text that the bytes may stand for.
fn texts(body: &[u8]) -> Vec<String> {
    let mut texts = vec![careless_utf8(body)];
    if body.contains(&0) || body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        for width in [2, 4] {
            for skip in 0..width {
                let bytes = body.get(skip..).unwrap_or_default();
                for little in [true, false] {
                    let unit = |unit: &[u8]| {
                        let fold = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
                        if little { unit.iter().rev().fold(0, fold) } else { unit.iter().fold(0, fold) }
                    };
                    let chars = bytes.chunks(width).map(|one| char::from_u32(unit(one)).unwrap_or('\u{fffd}'));
                    texts.push(chars.collect());
                }
            }
        }
    }
    if texts[0].contains("+A") {
        texts.push(utf7(&texts[0]));
    }
    if !texts[0].contains('{') {
        texts.push(String::from_utf8_lossy(&percent_decoded(&texts[0].replace('+', " ").into_bytes())).into_owned());
    }
    texts
}

/// UTF-8 as decoders read it that check neither for overlong forms nor for
/// surrogates.
fn careless_utf8(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let (length, bits) = match bytes[at] {
            byte @ 0xc0..0xe0 => (2, byte & 0x1f),
            byte @ 0xe0..0xf0 => (3, byte & 0xf),
            byte @ 0xf0..0xf8 => (4, byte & 7),
            byte @ 0..0x80 => (1, byte),
            _ => (1, 0),
        };
        let rest = bytes.get(at + 1..at + length).filter(|rest| rest.iter().all(|byte| byte & 0xc0 == 0x80));
        let valid = rest.filter(|_| length > 1 || bytes[at] < 0x80);
        let code = valid.map(|rest| rest.iter().fold(u32::from(bits), |code, byte| code << 6 | u32::from(byte & 0x3f)));
        text.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
        at += if rest.is_some() { length } else { 1 };
    }
    text
}

/// UTF-7 (RFC 2152) of characters up to U+FFFF.
fn utf7(text: &str) -> String {
    use base64::Engine;
    let engine = base64::engine::general_purpose::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let mut parts = text.split('+');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '/').unwrap_or(part.len());
        let units = engine.decode(&part[..end]).unwrap_or_default();
        out.extend(
            units.chunks(2).filter_map(|unit| char::from_u32(unit.iter().fold(0, |c, b| c << 8 | u32::from(*b)))),
        );
        out.push_str(part[end..].strip_prefix('-').unwrap_or(&part[end..]));
    }
    out
}

/// A value; members keep their order and their doubles.
#[derive(Clone, Debug)]
enum Node {
    Text(String),
    List(Vec<Self>),
    Members(Vec<(String, Self)>),
    Other,
}

impl Node {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(all) => Self::List(all.iter().map(Self::of).collect()),
            Value::Object(all) => {
                Self::Members(all.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
            _ => Self::Other,
        }
    }
}

/// Reads JSON and, where it is lenient, what people take for it.
struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    lenient: bool,
}

impl<'t> Parser<'t> {
    /// One document and nothing else.
    fn whole(text: &'t str) -> Option<Node> {
        let mut parser = Self { text: text.as_bytes(), at: 0, lenient: false };
        let node = parser.value(0)?;
        parser.space();
        (parser.at == parser.text.len()).then_some(node)
    }

    /// All that begin with a brace or a bracket.
    fn documents(text: &'t str) -> Vec<Node> {
        let mut parser = Self { text: text.as_bytes(), at: 0, lenient: true };
        let mut found = Vec::new();
        while let Some(skip) = parser.text[parser.at..].iter().position(|byte| b"{[".contains(byte)) {
            parser.at += skip;
            let start = parser.at;
            match parser.value(0) {
                Some(node) => found.push(node),
                None => parser.at = start + 1,
            }
            // Garbage that hides no document within a sensible number of attempts hides none.
            if found.len() > 1000 || parser.at > 5_000_000 {
                break;
            }
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.members(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map(Node::Text),
            b'\'' | b'`' if self.lenient => self.string().map(Node::Text),
            _ => self.word().map(|_| Node::Other),
        }
    }

    fn members(&mut self, depth: usize) -> Option<Node> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Some(Node::Members(members));
                }
                // The end, as parsers that repair what was cut take it.
                None if self.lenient => return Some(Node::Members(members)),
                Some(b',') if !members.is_empty() || self.lenient => self.at += 1,
                _ if members.is_empty() || self.lenient => {}
                _ => return None,
            }
            self.space();
            let name = match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'\'' | b'`') if self.lenient => self.string()?,
                Some(b'}' | b',') | None if self.lenient => continue,
                _ if self.lenient => self.word()?,
                _ => return None,
            };
            self.space();
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(b'=') if self.lenient => self.at += 1,
                _ => return None,
            }
            let value = match self.value(depth + 1) {
                None if self.lenient && self.at >= self.text.len() => Node::Other,
                value => value?,
            };
            members.push((name, value));
        }
    }

    fn list(&mut self, depth: usize) -> Option<Node> {
        self.at += 1;
        let mut all = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return Some(Node::List(all));
                }
                None if self.lenient => return Some(Node::List(all)),
                Some(b',') if !all.is_empty() || self.lenient => self.at += 1,
                _ if all.is_empty() || self.lenient => {}
                _ => return None,
            }
            self.space();
            if self.lenient && matches!(self.peek(), Some(b']' | b',') | None) {
                continue;
            }
            all.push(self.value(depth + 1)?);
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek()?;
        self.at += 1;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let rest = std::str::from_utf8(&self.text[self.at..self.text.len().min(self.at + 4)]);
            let valid = match rest {
                Ok(rest) => rest,
                Err(error) => {
                    std::str::from_utf8(&self.text[self.at..self.at + error.valid_up_to()]).unwrap_or_default()
                }
            };
            let next = valid.chars().next()?;
            self.at += next.len_utf8();
            match next {
                c if c == char::from(quote) => return Some(String::from_utf16_lossy(&units)),
                '\\' => {
                    let escape = self.peek()?;
                    self.at += 1;
                    let digits = match escape {
                        b'u' => 4,
                        b'x' if self.lenient => 2,
                        _ => 0,
                    };
                    units.push(match escape {
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        _ if digits > 0 => {
                            let hex = std::str::from_utf8(self.text.get(self.at..self.at + digits)?).ok()?;
                            self.at += digits;
                            u16::from_str_radix(hex, 16).ok()?
                        }
                        b'\n' if self.lenient => continue,
                        other => u16::from(other),
                    });
                }
                c if c < ' ' && !self.lenient => return None,
                c => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
            }
        }
    }

    /// A number, a literal, or a name without quotes.
    fn word(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let end = rest.iter().position(|byte| b" \t\r\n,:=[]{}\"'/".contains(byte)).unwrap_or(rest.len());
        let word = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.at += end;
        let literal = self.lenient || serde_json::from_str::<Value>(&word).is_ok();
        (literal && !word.is_empty()).then_some(word)
    }

    fn space(&mut self) {
        while let Some(byte) = self.peek() {
            let rest = &self.text[self.at..];
            let skip = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => 1,
                0 | 11 | 12 if self.lenient => 1,
                _ if self.lenient && (rest.starts_with(b"\xc2\xa0") || rest.starts_with(b"\xc2\x85")) => 2,
                _ if self.lenient && rest.starts_with("\u{feff}".as_bytes()) => 3,
                _ if self.lenient && rest.starts_with("\u{2028}".as_bytes()) => 3,
                b'#' if self.lenient => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
                _ if self.lenient && rest.starts_with(b"//") => {
                    rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
                }
                _ if self.lenient && rest.starts_with(b"/*") => {
                    rest.windows(2).skip(2).position(|two| two == b"*/").map_or(rest.len(), |end| end + 4)
                }
                _ => return,
            };
            self.at += skip;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}
