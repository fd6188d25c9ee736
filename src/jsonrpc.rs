//! JSON-RPC 2.0 messages, read strictly: exactly what is forwarded, in one pass, without a tree.
//!
//! Only the members that decide are taken; everything else is checked and passed over. A member that a careless parser
//! would take for one of them (`Name`, `METHOD`) is a fault at the levels where the gate reads.

use std::borrow::Cow;

use crate::index::Index;
use crate::json::{self, JsonFault, Kind, Reader, Text};
use crate::text::{fold, look_alike};

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

    /// The stable code of audit lines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Batch => "batch_refused",
            Self::BatchElements => "batch_elements",
            Self::BatchTooLong => "batch_too_long",
            Self::Json(JsonFault::ByteOrderMark) => "json_byte_order_mark",
            Self::Json(JsonFault::DuplicateMember) => "json_duplicate_member",
            Self::Json(JsonFault::Syntax | JsonFault::UnexpectedType) => "json_syntax",
            Self::Json(JsonFault::TooDeep) => "json_too_deep",
            Self::Json(JsonFault::TrailingBytes) => "json_trailing_bytes",
            Self::Json(JsonFault::Utf8) => "json_not_utf8",
            Self::LookAlike => "json_look_alike",
            Self::NotJsonRpc => "not_json_rpc",
            Self::Params => "params_malformed",
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
        if reader.kind()? != Kind::String {
            reader.skip()?;
            return Ok(Self::Unusable);
        }
        Ok(reader.string()?.decode().map_or(Self::Unusable, Self::Is))
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

/// The members of `params` that decide.
#[derive(Clone, Debug, Default)]
pub struct Params<'a> {
    /// `name`
    pub name: Member<'a>,
    /// `uri`
    pub uri: Member<'a>,
    /// `taskId`
    pub task_id: Member<'a>,
    /// `ref.type`, `ref.name`, `ref.uri`
    pub reference: Option<Reference<'a>>,
    /// `notifications.resourceSubscriptions[]`
    pub subscriptions: Vec<Member<'a>>,
    /// `_meta["io.modelcontextprotocol/protocolVersion"]`
    pub version: Member<'a>,
    /// What is wrong with the members of [`READ`], by their names. Whether it matters depends on the method.
    faults: Vec<(&'static str, MessageFault)>,
}

/// `ref` of a completion.
#[derive(Clone, Debug, Default)]
pub struct Reference<'a> {
    /// `type`
    pub kind: Member<'a>,
    /// `name`
    pub name: Member<'a>,
    /// `uri`
    pub uri: Member<'a>,
}

/// The members of `params` that are read for some method.
const READ: [&str; 6] = ["_meta", "name", "notifications", "ref", "taskId", "uri"];
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
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

/// A batch opens no session (2025-03-26, Lifecycle), and answers must be told apart by their ids.
fn check_batch(messages: &[Message<'_>]) -> Result<(), MessageFault> {
    let ids =
        || messages.iter().filter(|message| message.kind == MessageKind::Request).filter_map(|message| message.id);
    let distinct = Index::new(ids().map(plain_id)).places().count();
    if messages.is_empty() {
        return Err(MessageFault::NotJsonRpc);
    }
    if distinct < ids().count() || messages.iter().any(|message| message.method == "initialize") {
        return Err(MessageFault::BatchElements);
    }
    Ok(())
}

/// An id as readers compare it: `1` and `1.0` are one number, `"a"` and `"\u0061"` one string.
fn plain_id(id: &str) -> String {
    let text = json::read::<_, JsonFault>(id.as_bytes(), 0, |reader| Ok(reader.string()?.decode()));
    match (text, id.parse::<f64>()) {
        (Ok(Some(text)), _) => ["\"", &text].concat(),
        (_, Ok(number)) => number.to_bits().to_string(),
        _ => id.to_owned(),
    }
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
                Name::Known(name) => {
                    *(if name == "error" { &mut envelope.errors } else { &mut envelope.results }) += 1;
                    reader.skip()?;
                }
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

impl Params<'_> {
    /// What is wrong with the members `names`, or with a look-alike of one.
    pub fn fault_of(&self, names: &[&str]) -> Option<MessageFault> {
        self.faults.iter().find(|(name, _)| names.contains(name)).map(|(_, fault)| *fault)
    }
}

/// Faults of JSON end the reading; others are kept, since the id and the method may still come.
fn read_params<'a>(reader: &mut Reader<'a>) -> Result<Result<Params<'a>, MessageFault>, JsonFault> {
    if reader.kind()? != Kind::Object {
        // Some clients write `null` for none.
        let none = reader.skip()? == "null";
        return Ok(if none { Ok(Params::default()) } else { Err(MessageFault::Params) });
    }
    let mut params = Params::default();
    reader.object(|reader, name| {
        let (name, part) = match known(name, &READ) {
            Name::Known(name) => (name, read_param(reader, name, &mut params)?),
            Name::LookAlike(name) => (name, reader.skip().map(|_| Err(MessageFault::LookAlike))?),
            Name::Other => return reader.skip().map(|_| ()),
        };
        params.faults.extend(part.err().map(|fault| (name, fault)));
        Ok::<(), JsonFault>(())
    })?;
    Ok(Ok(params))
}

fn read_param<'a>(reader: &mut Reader<'a>, name: &str, params: &mut Params<'a>) -> Part {
    match name {
        "_meta" => read_meta(reader, params),
        "name" => Member::read(reader).map(|value| params.name = value).map(Ok),
        "notifications" => read_notifications(reader, params),
        "ref" => read_reference(reader, params),
        "taskId" => Member::read(reader).map(|value| params.task_id = value).map(Ok),
        _ => Member::read(reader).map(|value| params.uri = value).map(Ok),
    }
}

type Part = Result<Result<(), MessageFault>, JsonFault>;

fn read_reference<'a>(reader: &mut Reader<'a>, params: &mut Params<'a>) -> Part {
    let mut reference = Reference::default();
    let part = members(reader, &["name", "type", "uri"], |reader, name| {
        let value = Member::read(reader)?;
        match name {
            "name" => reference.name = value,
            "type" => reference.kind = value,
            _ => reference.uri = value,
        }
        Ok(Ok(()))
    });
    params.reference = Some(reference);
    part
}

fn read_meta<'a>(reader: &mut Reader<'a>, params: &mut Params<'a>) -> Part {
    members(reader, &[VERSION], |reader, _| Member::read(reader).map(|value| params.version = value).map(Ok))
}

fn read_notifications<'a>(reader: &mut Reader<'a>, params: &mut Params<'a>) -> Part {
    members(reader, &["resourceSubscriptions"], |reader, _| {
        if reader.kind()? != Kind::Array {
            reader.skip()?;
            return Ok(Err(MessageFault::Params));
        }
        reader.array(|reader| Member::read(reader).map(|uri| params.subscriptions.push(uri)))?;
        Ok(Ok(()))
    })
}

/// Reads an object of which only `names` matter. Anything but an object, and a look-alike of a name, is a fault.
fn members<'a>(
    reader: &mut Reader<'a>,
    names: &[&'static str],
    mut member: impl FnMut(&mut Reader<'a>, &'static str) -> Part,
) -> Part {
    if reader.kind()? != Kind::Object {
        reader.skip()?;
        return Ok(Err(MessageFault::Params));
    }
    let mut fault = None;
    reader.object(|reader, name| {
        let part = match known(name, names) {
            Name::Known(name) => member(reader, name)?,
            Name::LookAlike(_) => reader.skip().map(|_| Err(MessageFault::LookAlike))?,
            Name::Other => reader.skip().map(|_| Ok(()))?,
        };
        fault = fault.or(part.err());
        Ok::<(), JsonFault>(())
    })?;
    Ok(fault.map_or(Ok(()), Err))
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
    look_alike(&text, names).map_or(Name::Other, Name::LookAlike)
}

/// A name with a lone surrogate: some readers drop it, so what is left counts.
fn lone_surrogate_look_alike(name: &Text<'_>, names: &[&'static str]) -> Name {
    let text = String::from_utf8_lossy(&name.bytes()).replace('\u{fffd}', "");
    let left = names.iter().copied().find(|known| known.eq_ignore_ascii_case(&fold(&text)));
    left.map_or(Name::Other, Name::LookAlike)
}
