//! Headers that repeat parts of the body (MCP 2026-07-28, Streamable HTTP). The body is the truth; a header that says
//! otherwise misleads whoever routes by it, so it refuses the message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Operation, is_decided_elsewhere, is_notification};
use crate::headers::{Headers, Single};
use crate::jsonrpc::{Member, Message, MessageKind};
use crate::policy::Access;

/// A protocol version: a date, compared as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(String);

impl Version {
    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))?;
            part.parse::<u16>().ok()
        };
        let (_, month, day) = (number(4)?, number(2)?, number(2)?);
        let whole = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
        whole.then(|| Self(text.to_owned()))
    }

    /// The version as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether requests carry their version and the mirrored headers.
    fn is_modern(&self) -> bool {
        self.0.as_str() >= "2026-07-28"
    }
}

/// Why headers are refused, with JSON-RPC error -32020.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// A header is there more than once.
    Doubled,
    /// A header says something else than the body.
    Mismatch,
    /// A header is missing that this version requires.
    Missing,
    /// A header is not text, or not of the form its definition says.
    Unreadable,
}

impl HeaderFault {
    /// The stable code of audit lines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Doubled => "mcp_header_doubled",
            Self::Mismatch => "mcp_header_mismatch",
            Self::Missing => "mcp_header_missing",
            Self::Unreadable => "mcp_header_unreadable",
        }
    }
}

/// The headers of one request that repeat its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpHeaders {
    /// `Mcp-Method`
    pub method: Option<String>,
    /// `Mcp-Name`, decoded.
    pub name: Option<String>,
    /// `MCP-Protocol-Version`
    pub version: Option<Version>,
}

/// Whether `text` holds a control character.
fn is_controlled(text: &str) -> bool {
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    !plain && text.chars().any(char::is_control)
}

impl McpHeaders {
    /// Reads them, and checks those that pass through: each once, each readable.
    pub fn read(headers: &Headers) -> Result<Self, HeaderFault> {
        let text = |name| match headers.single(name) {
            Single::None => Ok(None),
            Single::Many => Err(HeaderFault::Doubled),
            Single::One(value) => {
                let text = std::str::from_utf8(value).ok().filter(|text| !is_controlled(text));
                text.map(Some).ok_or(HeaderFault::Unreadable)
            }
        };
        let session = text("mcp-session-id")?;
        if session.is_some_and(|id| !id.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(HeaderFault::Unreadable);
        }
        text("last-event-id")?;
        let method = text("mcp-method")?.map(str::to_owned);
        let name = text("mcp-name")?.map(|name| decode(name).ok_or(HeaderFault::Unreadable)).transpose()?;
        let version = text("mcp-protocol-version")?;
        let version = version.map(|text| Version::parse(text).ok_or(HeaderFault::Unreadable)).transpose()?;
        Ok(Self { method, name, version })
    }

    /// Checks them against the message. Which era it belongs to is chosen for each message anew.
    pub fn check(&self, message: &Message<'_>, operation: &Operation<'_>) -> Result<(), HeaderFault> {
        let in_body = match &message.params.version {
            Member::Absent => None,
            Member::Is(text) => Some(Version::parse(text).ok_or(HeaderFault::Mismatch)?),
            Member::Unusable => return Err(HeaderFault::Mismatch),
        };
        let modern = self.version.iter().chain(&in_body).any(Version::is_modern);
        let required = modern && message.kind == MessageKind::Request;
        agree(self.version.as_ref(), in_body.as_ref(), required && (self.version.is_none() || in_body.is_none()))?;
        let method = Some(message.method.as_ref()).filter(|_| message.kind != MessageKind::Response);
        present(self.method.as_deref(), method, required)?;
        let name = mirrored_name(message, operation);
        present(self.name.as_deref(), name, required && name.is_some() && requires_name(&message.method))
    }

    /// Whether they say what a body does: where there is none, that is not so.
    pub fn declare_a_message(&self) -> bool {
        self.method.is_some() || self.name.is_some()
    }

    /// What `Mcp-Method` and `Mcp-Name` declare, where they say enough to decide it before the body comes.
    pub fn declared(&self) -> Option<Access<'_>> {
        let name = self.name.as_deref()?;
        match self.method.as_deref()? {
            "tools/call" => Some(Access::Tool(name)),
            "prompts/get" => Some(Access::Prompt(name)),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some(Access::Resources(vec![name])),
            // What these ask for only the body tells.
            method if is_decided_elsewhere(method) || is_notification(method) => None,
            method => Some(Access::Method(method)),
        }
    }
}

/// Two spellings of one thing: equal where both are there.
fn agree<T: PartialEq>(header: Option<&T>, body: Option<&T>, missing: bool) -> Result<(), HeaderFault> {
    match (header, body) {
        (Some(header), Some(body)) if header != body => Err(HeaderFault::Mismatch),
        _ if missing => Err(HeaderFault::Missing),
        _ => Ok(()),
    }
}

/// A header that repeats the body: what it says must be there.
fn present(header: Option<&str>, body: Option<&str>, required: bool) -> Result<(), HeaderFault> {
    match header {
        Some(header) if body != Some(header) => Err(HeaderFault::Mismatch),
        None if required => Err(HeaderFault::Missing),
        _ => Ok(()),
    }
}

/// What `Mcp-Name` repeats.
fn mirrored_name<'a>(message: &'a Message<'_>, operation: &'a Operation<'_>) -> Option<&'a str> {
    match &operation.access {
        Access::Tool(name) | Access::Prompt(name) | Access::Template(name) => Some(name),
        Access::Resources(uris) if uris.len() == 1 => uris.first().copied(),
        Access::Method(method) if method.starts_with("tasks/") => message.params.task_id.text(),
        Access::Method(_) | Access::Open | Access::Resources(_) | Access::ResourcesAndTasks(_) => None,
    }
}

/// The methods for which 2026-07-28 and its tasks extension define `Mcp-Name`. Elsewhere, in other `tasks/*` too, it may
/// be there, and then agrees.
fn requires_name(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read" | "tasks/get" | "tasks/update" | "tasks/cancel")
}

/// `=?base64?{base64 of UTF-8}?=` carries what a header cannot; anything else is itself.
fn decode(text: &str) -> Option<String> {
    match text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc;

    fn verdict(headers: &[(&str, &str)], body: &str) -> Result<(), &'static str> {
        let headers = Headers::new(headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect());
        let mcp = McpHeaders::read(&headers).map_err(HeaderFault::code)?;
        let body = format!("{{\"jsonrpc\":\"2.0\",{body}}}");
        let message = jsonrpc::read(body.as_bytes(), 64).unwrap();
        mcp.check(&message, &Operation::of(&message).unwrap()).map_err(HeaderFault::code)
    }

    #[test]
    fn headers_repeat_the_body_or_refuse_it() {
        const CALL: &str = r#""id":1,"method":"tools/call","params":{"name":"echo"}"#;
        const MODERN: &str = r#""id":1,"method":"tools/call","params":{"name":"écho","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        const LIST: &str = r#""id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01"}}"#;
        let v = ("mcp-protocol-version", "2026-07-28");
        let method = ("mcp-method", "tools/call");
        let name = ("mcp-name", "=?base64?w6ljaG8=?=");
        type Case<'c> = (&'c [(&'c str, &'c str)], &'c str, Result<(), &'c str>);
        let cases: &[Case<'_>] = &[
            (&[], CALL, Ok(())),
            (&[("mcp-protocol-version", "2025-11-25")], CALL, Ok(())),
            (&[("mcp-method", "tools/call"), ("mcp-name", "echo")], CALL, Ok(())),
            (&[("mcp-method", "tools/list")], CALL, Err("mcp_header_mismatch")),
            (&[("mcp-name", "Echo")], CALL, Err("mcp_header_mismatch")),
            (&[("mcp-name", "echo")], r#""id":1,"method":"ping""#, Err("mcp_header_mismatch")),
            (&[v], CALL, Err("mcp_header_missing")),
            (&[v, method, name], MODERN, Ok(())),
            (&[method, name], MODERN, Err("mcp_header_missing")),
            (&[v, name], MODERN, Err("mcp_header_missing")),
            (&[v, method], MODERN, Err("mcp_header_missing")),
            (&[("mcp-protocol-version", "2025-11-25"), method, name], MODERN, Err("mcp_header_mismatch")),
            (&[v, v, method, name], MODERN, Err("mcp_header_doubled")),
            (&[v, method, ("mcp-name", "=?base64?*?=")], MODERN, Err("mcp_header_unreadable")),
            (&[("mcp-protocol-version", "draft")], CALL, Err("mcp_header_unreadable")),
            (&[("mcp-protocol-version", "2025-13-01")], CALL, Err("mcp_header_unreadable")),
            (&[("mcp-session-id", "a"), ("mcp-session-id", "a")], CALL, Err("mcp_header_doubled")),
            (&[("last-event-id", "1"), ("last-event-id", "2")], CALL, Err("mcp_header_doubled")),
            (&[("mcp-session-id", "a b")], CALL, Err("mcp_header_unreadable")),
            (&[("mcp-protocol-version", "2027-01-01"), ("mcp-method", "tools/list")], LIST, Ok(())),
            (&[v], r#""method":"notifications/cancelled","params":{}"#, Ok(())),
            (&[v], r#""id":1,"result":{}"#, Ok(())),
            (&[("mcp-method", "ping")], r#""id":1,"result":{}"#, Err("mcp_header_mismatch")),
        ];
        for (headers, body, expected) in cases {
            assert_eq!(verdict(headers, body), *expected, "{headers:?} with {body}");
        }
    }
}
