//! The members of `params` that affect a decision.

use super::{Member, MessageFault, Name, known};
use crate::json::{JsonFault, Kind, Reader};

/// The members of `params` that some method reads.
const READ: [&str; 8] = ["_meta", "arguments", "cursor", "name", "notifications", "ref", "taskId", "uri"];
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// The members of `params` that affect a decision.
#[derive(Clone, Debug, Default)]
pub struct Params<'a> {
    /// `name`
    pub name: Member<'a>,
    /// `uri`
    pub uri: Member<'a>,
    /// The JSON of `arguments`.
    pub arguments: Option<&'a [u8]>,
    /// `cursor`, the page of a list
    pub cursor: Member<'a>,
    /// `taskId`
    pub task_id: Member<'a>,
    /// `ref.type`, `ref.name`, `ref.uri`
    pub reference: Option<Reference<'a>>,
    /// `notifications.resourceSubscriptions[]`
    pub subscriptions: Vec<Member<'a>>,
    /// Whether `notifications.taskIds[]` has any elements.
    pub subscribes_to_tasks: bool,
    /// `_meta["io.modelcontextprotocol/protocolVersion"]`
    pub version: Member<'a>,
    /// Faults in the members of [`READ`], by name. Whether a fault matters depends on the method.
    faults: Vec<(&'static str, MessageFault)>,
}

/// `ref` of a completion request.
#[derive(Clone, Debug, Default)]
pub struct Reference<'a> {
    /// `type`
    pub kind: Member<'a>,
    /// `name`
    pub name: Member<'a>,
    /// `uri`
    pub uri: Member<'a>,
}

impl Params<'_> {
    /// The fault of a member in `names`, or of a look-alike of one.
    pub fn fault_of(&self, names: &[&str]) -> Option<MessageFault> {
        self.faults.iter().find(|(name, _)| names.contains(name)).map(|(_, fault)| *fault)
    }
}

/// Reads `params`. A JSON fault ends the reading. Other faults are kept, because the id and the method may follow.
pub(super) fn read_params<'a>(reader: &mut Reader<'a>) -> Result<Result<Params<'a>, MessageFault>, JsonFault> {
    if reader.kind()? != Kind::Object {
        return null_or_fault(reader).map(|part| part.map(|()| Params::default()));
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
        "arguments" => reader.skip().map(|json| params.arguments = Some(json)).map(Ok),
        "cursor" => Member::read_optional(reader).map(|value| params.cursor = value).map(Ok),
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
        let value = Member::read_optional(reader)?;
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
    members(reader, &[VERSION], |reader, _| Member::read_optional(reader).map(|value| params.version = value).map(Ok))
}

fn read_notifications<'a>(reader: &mut Reader<'a>, params: &mut Params<'a>) -> Part {
    members(reader, &["resourceSubscriptions", "taskIds"], |reader, name| {
        if reader.kind()? != Kind::Array {
            return null_or_fault(reader);
        }
        reader.array(|reader| {
            let item = Member::read(reader)?;
            if name == "taskIds" {
                params.subscribes_to_tasks = true;
            } else {
                params.subscriptions.push(item);
            }
            Ok(())
        })?;
        Ok(Ok(()))
    })
}

/// Skips a value of another type. `null` is accepted, because many clients write it for optional members that are not
/// set.
fn null_or_fault(reader: &mut Reader<'_>) -> Part {
    Ok(if reader.skip()? == b"null" { Ok(()) } else { Err(MessageFault::Params) })
}

/// Reads an object and passes the members in `names` to `member`. A value that is neither an object nor `null`, or a
/// look-alike of a name, is a fault.
fn members<'a>(
    reader: &mut Reader<'a>,
    names: &[&'static str],
    mut member: impl FnMut(&mut Reader<'a>, &'static str) -> Part,
) -> Part {
    if reader.kind()? != Kind::Object {
        return null_or_fault(reader);
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
