//! Headers that mirror parts of the body (MCP 2026-07-28, Streamable HTTP). The body is authoritative. A message whose
//! headers disagree is refused, because the headers would mislead components that route by them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::methods::{TargetKind, is_notification};
use super::{Access, Operation};
use crate::bytes::is_printable;
use crate::headers::Headers;
use crate::jsonrpc::{Member, Message, MessageKind};
use crate::reason::Reason;

/// The headers that are checked. Repeated equal values count, and are forwarded, as one.
pub const CHECKED: [&str; 5] = ["last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"];

/// The maximum length of a version, three times that of any defined version.
const MAX_VERSION: usize = 32;

/// The value of `MCP-Protocol-Version`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The characters, and zeros behind them.
    bytes: [u8; MAX_VERSION],
    length: usize,
}

impl Version {
    /// Parses 1 to 32 visible ASCII characters. The server decides which versions it supports.
    #[inline]
    pub fn parse(text: &str) -> Option<Self> {
        let whole = (1..=MAX_VERSION).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let mut bytes = [0; MAX_VERSION];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
        whole.then_some(Self { bytes, length: text.len() })
    }

    /// The version as written.
    #[inline]
    pub fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Version").field(&self.as_str()).finish()
    }
}

/// Whether this protocol version requires the version in the body and the mirrored headers. A version that is not a
/// date counts as a later one.
fn is_modern(version: &str) -> bool {
    !is_date(version) || version >= "2026-07-28"
}

/// Whether `text` has the form `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let [a, b, c, d, b'-', month @ .., b'-', e, f] = text.as_bytes() else { return false };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + digit - b'0'))
    };
    let is_in = |digits: &[u8], most| {
        digits.len() == 2 && number(digits).is_some_and(|number: u8| (1..=most).contains(&number))
    };
    [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) && is_in(month, 12) && is_in(&[*e, *f], 31)
}

/// Why the headers are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// A header occurs several times with different values.
    Doubled,
    /// A header disagrees with the body.
    Mismatch,
    /// A header that this version requires is missing.
    Missing,
    /// A header is not text, or does not have its defined form.
    Unreadable,
    /// The header has a version, and the body has none.
    VersionNotInBody,
}

impl HeaderFault {
    /// The JSON-RPC error code: -32020 if a header is at fault.
    pub fn error_code(self) -> i32 {
        if self == Self::VersionNotInBody { -32602 } else { -32020 }
    }

    /// The message in the error that the client gets.
    pub fn message(self) -> &'static str {
        match self {
            Self::Doubled => "An MCP header is given with different values",
            Self::Mismatch => "An MCP header disagrees with the body",
            Self::Missing => "An MCP header is missing that this protocol version requires",
            Self::Unreadable => "An MCP header cannot be read",
            Self::VersionNotInBody => "The body lacks the protocol version that the header has",
        }
    }

    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::Doubled => Reason::McpHeaderDoubled,
            Self::Mismatch => Reason::McpHeaderMismatch,
            Self::Missing => Reason::McpHeaderMissing,
            Self::Unreadable => Reason::McpHeaderUnreadable,
            Self::VersionNotInBody => Reason::McpVersionNotInBody,
        }
    }
}

/// The headers of a request that mirror its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpHeaders {
    /// `Mcp-Method`
    pub method: Option<String>,
    /// `Mcp-Name`, decoded.
    pub name: Option<String>,
    /// `MCP-Protocol-Version`
    pub version: Option<Version>,
    /// Whether one of [`CHECKED`] occurs several times, with equal values.
    pub is_repeated: bool,
}

/// Whether `text` holds a control character.
fn is_controlled(text: &str) -> bool {
    !is_printable(text.as_bytes()) && text.chars().any(char::is_control)
}

impl McpHeaders {
    /// Reads the headers. Each must be readable and have one value, including those that are only forwarded.
    pub fn read(headers: &Headers) -> Result<Self, HeaderFault> {
        let mut is_repeated = false;
        let mut text = |name| {
            let mut values = headers.all(name);
            let Some(value) = values.next() else { return Ok(None) };
            for other in values {
                is_repeated = true;
                if other != value {
                    return Err(HeaderFault::Doubled);
                }
            }
            let text = std::str::from_utf8(value).ok().filter(|text| !is_controlled(text));
            text.map(Some).ok_or(HeaderFault::Unreadable)
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
        Ok(Self { method, name, version, is_repeated })
    }

    /// Checks the headers against the message. The protocol version is determined for each message.
    pub fn check(&self, message: &Message<'_>, operation: &Operation<'_>) -> Result<(), HeaderFault> {
        let in_header = self.version.as_ref().map(Version::as_str);
        let in_body = match &message.params.version {
            Member::Absent => None,
            Member::Is(text) => Some(text.as_ref()),
            Member::Unusable => return Err(HeaderFault::Mismatch),
        };
        let modern = in_header.into_iter().chain(in_body).any(is_modern);
        let required = modern && message.kind == MessageKind::Request;
        match (in_header, in_body) {
            (Some(_), None) if required => return Err(HeaderFault::VersionNotInBody),
            (None, Some(_)) if required => return Err(HeaderFault::Missing),
            (Some(header), Some(body)) if header != body => return Err(HeaderFault::Mismatch),
            _ => {}
        }
        let method = Some(message.method.as_ref()).filter(|_| message.kind != MessageKind::Response);
        present(self.method.as_deref(), method, required)?;
        let name = mirrored_name(message, operation);
        // For other methods, `Mcp-Name` is optional but must agree.
        let requires_name = operation.method.is_some_and(|method| method.requires_name);
        present(self.name.as_deref(), name, required && name.is_some() && requires_name)
    }

    /// Whether the headers describe a message, which is wrong for a request without a body.
    pub fn declare_a_message(&self) -> bool {
        self.method.is_some() || self.name.is_some()
    }

    /// The access that `Mcp-Method` and `Mcp-Name` declare, if it can be decided before the body arrives.
    pub fn declared(&self) -> Option<Access<'_>> {
        let (name, method) = (self.name.as_deref()?, self.method.as_deref()?);
        match TargetKind::of(method) {
            TargetKind::Tool => Some(Access::Tool(name)),
            TargetKind::Prompt => Some(Access::Prompt(name)),
            TargetKind::OptionalResource | TargetKind::Resource => Some(Access::Resources(vec![name])),
            // Only the body has the targets of these.
            TargetKind::Completion | TargetKind::Open | TargetKind::Subscriptions => None,
            TargetKind::Method | TargetKind::Task if is_notification(method) => None,
            TargetKind::Method | TargetKind::Task => Some(Access::Method(method)),
        }
    }
}

/// Checks a header that mirrors the body. Its value must be in the body.
fn present(header: Option<&str>, body: Option<&str>, required: bool) -> Result<(), HeaderFault> {
    match header {
        Some(header) if body != Some(header) => Err(HeaderFault::Mismatch),
        None if required => Err(HeaderFault::Missing),
        _ => Ok(()),
    }
}

/// The value that `Mcp-Name` mirrors.
fn mirrored_name<'a>(message: &'a Message<'_>, operation: &'a Operation<'_>) -> Option<&'a str> {
    match &operation.access {
        Access::Tool(name) | Access::Prompt(name) | Access::Template(name) => Some(name),
        Access::Resources(uris) if uris.len() == 1 => uris.first().copied(),
        Access::Method(method) if TargetKind::of(method) == TargetKind::Task => message.params.task_id.text(),
        Access::Method(_) | Access::Open | Access::Resources(_) | Access::ResourcesAndTasks(_) => None,
    }
}

/// Decodes `=?base64?{base64 of UTF-8}?=`. Any other value stands for itself.
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
        let code = |fault: HeaderFault| fault.reason().as_str();
        let headers = Headers::new(headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect());
        let mcp = McpHeaders::read(&headers).map_err(code)?;
        let body = format!("{{\"jsonrpc\":\"2.0\",{body}}}");
        let message = jsonrpc::read(body.as_bytes(), 64).unwrap();
        mcp.check(&message, &Operation::of(&message).unwrap()).map_err(code)
    }

    #[test]
    fn headers_repeat_the_body_or_refuse_it() {
        const CALL: &str = r#""id":1,"method":"tools/call","params":{"name":"echo"}"#;
        const MODERN: &str = r#""id":1,"method":"tools/call","params":{"name":"écho","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        const LIST: &str = r#""id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01"}}"#;
        const OTHER: &str =
            r#""id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"v9"}}"#;
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
            (&[v], CALL, Err("mcp_version_not_in_body")),
            (&[("mcp-protocol-version", "draft")], CALL, Err("mcp_version_not_in_body")),
            (&[("mcp-protocol-version", "2025-13-01")], CALL, Err("mcp_version_not_in_body")),
            (&[("mcp-protocol-version", "2025-00-01")], CALL, Err("mcp_version_not_in_body")),
            (&[("mcp-protocol-version", "0000-01-01")], CALL, Ok(())),
            (&[v, method, name], MODERN, Ok(())),
            (&[method, name], MODERN, Err("mcp_header_missing")),
            (&[v, name], MODERN, Err("mcp_header_missing")),
            (&[v, method], MODERN, Err("mcp_header_missing")),
            (&[("mcp-protocol-version", "2025-11-25"), method, name], MODERN, Err("mcp_header_mismatch")),
            (&[v, v, method, name, method], MODERN, Ok(())),
            (&[v, ("mcp-protocol-version", "2025-11-25"), method, name], MODERN, Err("mcp_header_doubled")),
            (&[("mcp-protocol-version", "v9"), ("mcp-method", "tools/list")], OTHER, Ok(())),
            (&[("mcp-method", "tools/list")], OTHER, Err("mcp_header_missing")),
            (&[("mcp-protocol-version", "v9")], OTHER, Err("mcp_header_missing")),
            (&[v, ("mcp-method", "tools/list")], OTHER, Err("mcp_header_mismatch")),
            (&[v, method, ("mcp-name", "=?base64?*?=")], MODERN, Err("mcp_header_unreadable")),
            (&[("mcp-protocol-version", "")], CALL, Err("mcp_header_unreadable")),
            (&[("mcp-protocol-version", "a b")], CALL, Err("mcp_header_unreadable")),
            (&[("mcp-protocol-version", "version-of-more-than-32-characters")], CALL, Err("mcp_header_unreadable")),
            (&[("mcp-session-id", "a"), ("mcp-session-id", "a")], CALL, Ok(())),
            (&[("mcp-session-id", "a"), ("mcp-session-id", "A")], CALL, Err("mcp_header_doubled")),
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
