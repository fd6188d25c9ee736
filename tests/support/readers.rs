//! How servers read a body: whether any of them would take it for a use that
//! the caller is denied. Each reader is a parser that some server has.

mod json;
mod text;

use serde_json::Value;

use self::json::{Node, Parser};
use self::text::{percent_decoded, texts};

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
