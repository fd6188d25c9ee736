//! JSON-RPC 2.0 messages, read strictly: exactly what is forwarded, in one pass, without a tree.
//!
//! Only the members that decide are taken; everything else is checked and passed over. A member that a careless parser
//! would take for one of them (`Name`, `METHOD`) is a fault at the levels where the gate reads.

mod batch;
mod params;

pub use params::{Params, Reference};

use std::borrow::Cow;

use crate::json::{self, JsonFault, Kind, Reader, Text};
use crate::reason::Reason;
use crate::text::{fold, look_alike};

use batch::check_batch;
use params::read_params;

/// Why bytes are not a message that can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// An array, and arrays are refused.
    Batch,
    /// Two elements with one id, or `initialize` among them.
    BatchElements,
    /// More elements than allowed.
    BatchTooLong,
    /// Not strict JSON.
    Json(JsonFault),
    /// A member that a careless parser would take for one the gate reads.
    LookAlike,
    /// JSON, but no JSON-RPC 2.0 request, notification or response.
    NotJsonRpc,
    /// `params` is not an object, or a member of it is not of the type that decides.
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

/// A string that may be missing or of the wrong type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Member<'a> {
    /// Not there.
    #[default]
    Absent,
    /// A string.
    Is(Cow<'a, str>),
    /// There, but not a string with one meaning.
    Unusable,
}

impl<'a> Member<'a> {
    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Absent | Self::Unusable => None,
        }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, JsonFault> {
        let member = Self::read_optional(reader)?;
        Ok(if member == Self::Absent { Self::Unusable } else { member })
    }

    /// Reads an optional member: one that is `null` is absent.
    fn read_optional(reader: &mut Reader<'a>) -> Result<Self, JsonFault> {
        if reader.kind()? == Kind::String {
            return Ok(reader.string()?.decode().map_or(Self::Unusable, Self::Is));
        }
        Ok(if reader.skip()? == "null" { Self::Absent } else { Self::Unusable })
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// With a method, without an id.
    Notification,
    /// With a method and an id.
    Request,
    /// With a result or an error: a client's answer to a server's request.
    Response,
}

/// What decides, of one message.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// What it is.
    pub kind: MessageKind,
    /// The id's bytes.
    pub id: Option<&'a str>,
    /// The method, empty for a response.
    pub method: Cow<'a, str>,
    /// Of `params`.
    pub params: Params<'a>,
}

const ENVELOPE: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];

/// A message's fault, and its id as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub fault: MessageFault,
    /// The id's bytes.
    pub id: Option<String>,
}

/// What a body holds.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// Several messages; never none.
    Batch(Vec<Message<'a>>),
    /// One message.
    Single(Box<Message<'a>>),
}

/// Reads `bytes` as one message; `depth` limits its nesting.
pub fn read(bytes: &[u8], depth: usize) -> Result<Message<'_>, Refused> {
    match read_body(bytes, depth, None)? {
        Body::Single(message) => Ok(*message),
        Body::Batch(_) => Err(Refused { fault: MessageFault::Batch, id: None }),
    }
}

/// Reads `bytes` as one message, or as an array of up to `batch` messages where arrays are accepted.
pub fn read_body(bytes: &[u8], depth: usize, batch: Option<usize>) -> Result<Body<'_>, Refused> {
    let without_id = |fault| Refused { fault, id: None };
    let envelopes = json::read(bytes, depth, |reader| match (reader.kind()?, batch) {
        (Kind::Object, _) => Envelope::read(reader).map(|envelope| (vec![envelope], false)),
        (Kind::Array, Some(most)) => Envelope::read_all(reader, most).map(|envelopes| (envelopes, true)),
        (Kind::Array, None) => Err(MessageFault::Batch),
        (Kind::String | Kind::Scalar, _) => reader.skip().map_err(Into::into).and(Err(MessageFault::NotJsonRpc)),
    });
    let (envelopes, is_batch) = envelopes.map_err(without_id)?;
    let mut messages: Vec<_> = envelopes.into_iter().map(Envelope::into_message).collect::<Result<_, _>>()?;
    if is_batch {
        return check_batch(&messages).map_err(without_id).map(|()| Body::Batch(messages));
    }
    messages.pop().map(|message| Body::Single(Box::new(message))).ok_or(without_id(MessageFault::NotJsonRpc))
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
                Name::Known("id") => envelope.id = Some(reader.skip()?),
                Name::Known("params") => envelope.params = Some(read_params(reader)?),
                Name::Known("result") => {
                    envelope.results += 1;
                    reader.skip()?;
                }
                // Some libraries write the one that a response does not have.
                Name::Known(_) => envelope.errors += usize::from(reader.skip()? != "null"),
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

    /// The kind follows from the members that are there; any other set of them is no message.
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
    let Some(text) = name.decode() else {
        return lone_surrogate_look_alike(name, names);
    };
    if let Some(known) = names.iter().find(|known| **known == text) {
        return Name::Known(known);
    }
    // JavaScript that copies members one by one makes this one's members its own.
    if text == "__proto__" {
        return names.first().map_or(Name::Other, |known| Name::LookAlike(known));
    }
    look_alike(&text, names).map_or(Name::Other, Name::LookAlike)
}

/// A name with a lone surrogate: some readers drop it, so what is left counts.
fn lone_surrogate_look_alike(name: &Text<'_>, names: &[&'static str]) -> Name {
    let text = fold(&name.bytes().utf8_chunks().map(|chunk| chunk.valid()).collect::<String>());
    let left = names.iter().copied().find(|known| known.eq_ignore_ascii_case(&text));
    left.map_or(Name::Other, Name::LookAlike)
}
