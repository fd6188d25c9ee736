//! JSON-RPC 2.0 messages. A strict single-pass reader that checks exactly the bytes that are forwarded and builds no
//! tree.
//!
//! Only members that affect a decision are kept. Everything else is validated and skipped. At the levels where the gate
//! reads, a member that a careless parser would take for one of these (`Name`, `METHOD`) is a fault.

mod batch;
mod params;

pub use params::{Params, Reference};

use std::borrow::Cow;

use crate::json::{self, JsonFault, Kind, Reader, Text};
use crate::reason::Reason;
use crate::text::{fold, look_alike};

use batch::check_batch;
use params::read_params;

/// Why a body cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// The body is an array, and batches are not accepted.
    Batch,
    /// Two elements share an id, or one of them is `initialize`.
    BatchElements,
    /// The batch has too many elements.
    BatchTooLong,
    /// The body is not strict JSON.
    Json(JsonFault),
    /// A careless parser would take this member for one that the gate reads.
    LookAlike,
    /// The body is JSON, but not a JSON-RPC 2.0 request, notification or response.
    NotJsonRpc,
    /// `params` is not an object, or one of its members has the wrong type.
    Params,
}

impl From<JsonFault> for MessageFault {
    fn from(fault: JsonFault) -> Self {
        Self::Json(fault)
    }
}

impl MessageFault {
    /// The JSON-RPC error code (section 5.1).
    pub fn error_code(self) -> i32 {
        match self {
            Self::Json(_) => -32700,
            Self::Batch | Self::BatchElements | Self::BatchTooLong | Self::LookAlike | Self::NotJsonRpc => -32600,
            Self::Params => -32602,
        }
    }

    /// The message in the error that the client gets.
    pub fn message(self) -> &'static str {
        match self {
            Self::Batch => "Batches are not accepted",
            Self::BatchElements => "A batch may neither repeat an id nor initialize",
            Self::BatchTooLong => "The batch has too many elements",
            Self::Json(_) => "The body is not one strict JSON value",
            Self::LookAlike => "A member's name looks like another's",
            Self::NotJsonRpc => "The body is not a JSON-RPC 2.0 message",
            Self::Params => "The parameters are not of the expected types",
        }
    }

    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::Batch => Reason::BatchRefused,
            Self::BatchElements => Reason::BatchElements,
            Self::BatchTooLong => Reason::BatchTooLong,
            Self::Json(JsonFault::ByteOrderMark) => Reason::JsonByteOrderMark,
            Self::Json(JsonFault::DuplicateMember) => Reason::JsonDuplicateMember,
            Self::Json(JsonFault::Syntax | JsonFault::UnexpectedType) => Reason::JsonSyntax,
            Self::Json(JsonFault::TooDeep) => Reason::JsonTooDeep,
            Self::Json(JsonFault::TrailingBytes) => Reason::JsonTrailingBytes,
            Self::Json(JsonFault::Utf8) => Reason::JsonNotUtf8,
            Self::LookAlike => Reason::JsonLookAlike,
            Self::NotJsonRpc => Reason::NotJsonRpc,
            Self::Params => Reason::ParamsMalformed,
        }
    }
}

/// A string member that may be missing or have the wrong type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Member<'a> {
    /// The member is missing.
    #[default]
    Absent,
    /// The member is a string.
    Is(Cow<'a, str>),
    /// The member is not a string, or a string without a single meaning.
    Unusable,
}

impl<'a> Member<'a> {
    /// The string, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Absent | Self::Unusable => None,
        }
    }

    /// Takes the string, if there is one.
    pub fn take(&mut self) -> Option<Cow<'a, str>> {
        match std::mem::take(self) {
            Self::Is(text) => Some(text),
            Self::Absent | Self::Unusable => None,
        }
    }

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, JsonFault> {
        let member = Self::read_optional(reader)?;
        Ok(if member == Self::Absent { Self::Unusable } else { member })
    }

    /// Reads an optional member; `null` counts as absent.
    fn read_optional(reader: &mut Reader<'a>) -> Result<Self, JsonFault> {
        if reader.kind()? == Kind::String {
            return Ok(reader.string()?.decode().map_or(Self::Unusable, Self::Is));
        }
        Ok(if reader.skip()? == b"null" { Self::Absent } else { Self::Unusable })
    }
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A message with a method and no id.
    Notification,
    /// A message with a method and an id.
    Request,
    /// A message with a result or an error: the client's response to a server's request.
    Response,
}

/// The parts of a message that affect a decision.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The kind of the message.
    pub kind: MessageKind,
    /// The bytes of the id.
    pub id: Option<&'a str>,
    /// The method; empty for a response.
    pub method: Cow<'a, str>,
    /// The members of `params`.
    pub params: Params<'a>,
}

const ENVELOPE: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];

/// The fault of a message, and its id if it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The fault.
    pub fault: MessageFault,
    /// The bytes of the id.
    pub id: Option<String>,
}

/// The content of a body.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Body<'a> {
    /// A batch of messages in their order; never empty.
    Batch(Vec<Message<'a>>),
    /// A single message. Nearly every body is one, so it is not allocated.
    Single(Message<'a>),
}

impl<'a> Body<'a> {
    /// The messages in their order.
    pub fn messages(&mut self) -> &mut [Message<'a>] {
        match self {
            Self::Batch(messages) => messages,
            Self::Single(message) => std::slice::from_mut(message),
        }
    }

    /// The form in which they were sent.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Batch(_) => Shape::Batch,
            Self::Single(_) => Shape::Single,
        }
    }
}

/// The form in which messages are sent, and so are their answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A batch: an array of messages.
    Batch,
    /// A single message.
    Single,
}

impl Shape {
    /// Joins `messages`, each a JSON document, into one document.
    pub fn document(self, messages: &[String]) -> String {
        match self {
            Self::Batch => format!("[{}]", messages.join(",")),
            Self::Single => messages.concat(),
        }
    }
}

/// Reads `bytes` as one message with a nesting depth of at most `depth`.
pub fn read(bytes: &[u8], depth: usize) -> Result<Message<'_>, Refused> {
    match read_body(bytes, depth, None)? {
        Body::Single(message) => Ok(message),
        Body::Batch(_) => Err(Refused { fault: MessageFault::Batch, id: None }),
    }
}

/// Reads `bytes` as one message, or as a batch of up to `batch` messages if batches are accepted.
pub fn read_body(bytes: &[u8], depth: usize, batch: Option<usize>) -> Result<Body<'_>, Refused> {
    let without_id = |fault| Refused { fault, id: None };
    let read = json::read(bytes, depth, |reader| match (reader.kind()?, batch) {
        (Kind::Object, _) => Envelope::read(reader).map(Envelopes::Single),
        (Kind::Array, Some(most)) => Envelope::read_all(reader, most).map(Envelopes::Batch),
        (Kind::Array, None) => Err(MessageFault::Batch),
        (Kind::String | Kind::Scalar, _) => reader.skip().map_err(Into::into).and(Err(MessageFault::NotJsonRpc)),
    });
    match read.map_err(without_id)? {
        Envelopes::Single(envelope) => envelope.into_message().map(Body::Single),
        Envelopes::Batch(envelopes) => {
            let messages: Vec<_> = envelopes.into_iter().map(Envelope::into_message).collect::<Result<_, _>>()?;
            check_batch(&messages).map_err(without_id)?;
            Ok(Body::Batch(messages))
        }
    }
}

/// The envelopes of a body. Their faults come after those of the JSON.
#[allow(clippy::large_enum_variant)]
enum Envelopes<'a> {
    Batch(Vec<Envelope<'a>>),
    Single(Envelope<'a>),
}

#[derive(Default)]
struct Envelope<'a> {
    version: Member<'a>,
    method: Member<'a>,
    id: Option<&'a str>,
    results: usize,
    errors: usize,
    params: Option<Result<Params<'a>, MessageFault>>,
    look_alike: bool,
}

impl<'a> Envelope<'a> {
    fn read_all(reader: &mut Reader<'a>, most: usize) -> Result<Vec<Self>, MessageFault> {
        let mut envelopes = Vec::new();
        reader.array(|reader| {
            if envelopes.len() == most {
                return Err(MessageFault::BatchTooLong);
            }
            if reader.kind()? != Kind::Object {
                reader.skip()?;
                return Err(MessageFault::NotJsonRpc);
            }
            envelopes.push(Self::read(reader)?);
            Ok(())
        })?;
        Ok(envelopes)
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, MessageFault> {
        let mut envelope = Self::default();
        reader.object(|reader, name| {
            match known(name, &ENVELOPE) {
                Name::Known("jsonrpc") => envelope.version = Member::read(reader)?,
                Name::Known("method") => envelope.method = Member::read(reader)?,
                Name::Known("id") => envelope.id = Some(reader.skip_text()?),
                Name::Known("params") => envelope.params = Some(read_params(reader)?),
                Name::Known("result") => {
                    envelope.results += 1;
                    reader.skip()?;
                }
                // Some libraries write the unused one of `result` and `error` as `null`.
                Name::Known(_) => envelope.errors += usize::from(reader.skip()? != b"null"),
                Name::LookAlike(_) => {
                    envelope.look_alike = true;
                    reader.skip()?;
                }
                Name::Other => {
                    reader.skip()?;
                }
            }
            Ok::<(), MessageFault>(())
        })?;
        Ok(envelope)
    }

    /// Derives the kind from the members present. Any other combination is not a message.
    fn into_message(self) -> Result<Message<'a>, Refused> {
        let is_id = |id: &str| id.starts_with(['"', '-']) || id.starts_with(|c: char| c.is_ascii_digit());
        // Section 5.1: an error about a request whose id could not be read has the id `null`.
        let null_id = self.id == Some("null") && self.errors == 1;
        let valid_id = null_id || self.id.is_none_or(is_id);
        let id = self.id.filter(|id| is_id(id));
        let refuse = |fault| Refused { fault, id: id.map(str::to_owned) };
        if self.look_alike {
            return Err(refuse(MessageFault::LookAlike));
        }
        let kind = match (&self.method, self.id, self.results + self.errors) {
            (Member::Is(_), Some(_), 0) => MessageKind::Request,
            (Member::Is(_), None, 0) => MessageKind::Notification,
            (Member::Absent, Some(_), 1) => MessageKind::Response,
            _ => return Err(refuse(MessageFault::NotJsonRpc)),
        };
        if !valid_id || self.version.text() != Some("2.0") {
            return Err(refuse(MessageFault::NotJsonRpc));
        }
        let params = self.params.unwrap_or(Ok(Params::default())).map_err(refuse)?;
        let method = match self.method {
            Member::Is(method) => method,
            Member::Absent | Member::Unusable => Cow::Borrowed(""),
        };
        Ok(Message { kind, id, method, params })
    }
}

enum Name {
    Known(&'static str),
    LookAlike(&'static str),
    Other,
}

fn known(name: &Text<'_>, names: &[&'static str]) -> Name {
    // Nearly every name is written without escapes.
    if let Some(known) = names.iter().find(|known| known.as_bytes() == name.raw()) {
        return Name::Known(known);
    }
    let Some(text) = name.decode() else {
        return lone_surrogate_look_alike(name, names);
    };
    if let Some(known) = names.iter().find(|known| **known == text) {
        return Name::Known(known);
    }
    // JavaScript code that copies members one by one would merge the members of `__proto__` into the object.
    if text == "__proto__" {
        return names.first().map_or(Name::Other, |known| Name::LookAlike(known));
    }
    look_alike(&text, names).map_or(Name::Other, Name::LookAlike)
}

/// Handles a name with a lone surrogate. Some parsers drop the surrogate, so the rest of the name is compared.
fn lone_surrogate_look_alike(name: &Text<'_>, names: &[&'static str]) -> Name {
    let text = fold(&name.bytes().utf8_chunks().map(|chunk| chunk.valid()).collect::<String>());
    let left = names.iter().copied().find(|known| known.eq_ignore_ascii_case(&text));
    left.map_or(Name::Other, Name::LookAlike)
}
