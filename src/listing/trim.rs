//! The filter: one pass over a response that notes its edits.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::caching::{PRIVATE, SCOPE, shorter_ttl};
use super::edits::{Edit, apply};
use super::entries::{Entries, KnownLists};
use super::schemes::with_schemes;
use super::{Keeps, ListFault, Schemes, Trimmed};
use crate::json::{self, Kind, Reader};
use crate::mcp::ListKind;
use crate::text::look_alike;

/// The results that become private to the caller: `cacheScope` and a shorter `ttlMs` are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Private {
    /// Results with a list. A shared cache would serve it to callers for whom it was not filtered.
    Lists,
    /// All results.
    All,
}

/// How a response is filtered.
#[derive(Clone, Copy)]
pub struct Filter<'k> {
    /// Decides each entry.
    pub keeps: Keeps<'k>,
    /// The `securitySchemes` of tools, if they get any.
    pub schemes: Option<Schemes<'k>>,
    /// The results that become private to the caller.
    pub private: Private,
    /// The remaining lifetime of the caller's token in milliseconds.
    pub ttl: u64,
}

/// Filters the message, or array of messages, in `body`. `keeps` decides each entry. `ttl` is the remaining lifetime of
/// the caller's token in milliseconds. Lists among `known` are not parsed again; others are added.
pub fn trim<'a>(
    body: &'a [u8],
    depth: usize,
    ttl: u64,
    private: Private,
    known: &mut KnownLists,
    keeps: Keeps<'_>,
) -> Result<Trimmed<'a>, ListFault> {
    trim_by(Filter { keeps, schemes: None, private, ttl }, body, depth, known)
}

/// Like [`trim`], by all of `filter`.
pub fn trim_by<'a>(
    filter: Filter<'_>,
    body: &'a [u8],
    depth: usize,
    known: &mut KnownLists,
) -> Result<Trimmed<'a>, ListFault> {
    let mut trimmer = Trimmer {
        filter,
        body,
        known,
        edits: Vec::new(),
        removed: 0,
        held_list: false,
        tells_of_denied: false,
        next_cursor: None,
        tools: Vec::new(),
        answers: Vec::new(),
        depth: 0,
    };
    let mut answers_one = None;
    json::read(body, depth, |reader| match reader.kind()? {
        Kind::Object => trimmer.message(reader).map(|id| answers_one = id),
        Kind::Array => reader.array(|reader| match reader.kind()? {
            Kind::Object => trimmer.message(reader).map(|_| ()),
            _ => Ok(reader.skip().map(|_| ())?),
        }),
        Kind::Scalar | Kind::String => Ok(reader.skip().map(|_| ())?),
    })?;
    let Trimmer { edits, removed, held_list, tells_of_denied, next_cursor, tools, answers, .. } = trimmer;
    let body = apply(body, &edits);
    Ok(Trimmed { body, removed, held_list, answers_one, tells_of_denied, next_cursor, tools, answers })
}

struct Trimmer<'a, 'k> {
    filter: Filter<'k>,
    body: &'a [u8],
    known: &'k mut KnownLists,
    next_cursor: Option<String>,
    /// Sorted by position, not nested.
    edits: Vec<(Range<usize>, Edit)>,
    removed: usize,
    held_list: bool,
    tells_of_denied: bool,
    tools: Vec<Rc<Entries>>,
    answers: Vec<&'a str>,
    /// The number of results around the current one.
    depth: usize,
}

/// The notification that names a resource.
const UPDATED: &str = "notifications/resources/updated";

const LISTS: [(&str, &str, ListKind); 4] = [
    ("prompts", "name", ListKind::Prompts),
    ("resourceTemplates", "uriTemplate", ListKind::Templates),
    ("resources", "uri", ListKind::Resources),
    ("tools", "name", ListKind::Tools),
];
const RESULT: [&str; 6] = ["cacheScope", "prompts", "resourceTemplates", "resources", "tools", "ttlMs"];

impl<'a> Trimmer<'a, '_> {
    /// Reads a message. Returns the id of the request it answers, if it has a result and is neither an error nor a
    /// request.
    fn message(&mut self, reader: &mut Reader<'a>) -> Result<Option<&'a str>, ListFault> {
        let mut method = None;
        let mut uri = None;
        let (mut id, mut is_answer, mut is_plain) = (None, false, true);
        reader.object(|reader, name| {
            let name = name.decode().ok_or(ListFault::LookAlike)?;
            is_answer |= matches!(name.as_ref(), "error" | "result");
            match (name.as_ref(), reader.kind()?) {
                ("id", _) => id = Some(reader.skip_text()?),
                ("result", Kind::Object) => return self.result(reader),
                ("method", Kind::String) => method = reader.string()?.decode(),
                ("params", Kind::Object) => uri = self.params(reader)?,
                (name, _) if look_alike(name, &["method", "params", "result"]).is_some() => {
                    return Err(ListFault::LookAlike);
                }
                (name, _) => {
                    // No client takes a message for a list if it is also an error or a request.
                    is_plain &= !matches!(name, "error" | "method");
                    reader.skip()?;
                }
            }
            Ok(())
        })?;
        self.answers.extend(id.filter(|_| is_answer && method.is_none()));
        if method.as_deref() == Some(UPDATED) {
            self.tells_of_denied |= !uri.is_some_and(|uri| (self.filter.keeps)(ListKind::Resources, &uri, &[]));
        }
        Ok(id.filter(|_| is_plain && method.is_none()))
    }

    /// Returns the `uri` in `params`, if it is unambiguous. `params` may also contain the result of a task.
    fn params(&mut self, reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, ListFault> {
        let (mut uri, mut doubtful) = (None, false);
        reader.object(|reader, name| {
            let name = name.decode();
            match (name.as_deref(), reader.kind()?) {
                (Some("uri"), Kind::String) => uri = reader.string()?.decode(),
                (Some("result"), Kind::Object) => return self.inner_result(reader),
                (name, _) => {
                    doubtful |= name.is_none_or(|name| look_alike(name, &["uri"]).is_some());
                    reader.skip()?;
                }
            }
            Ok::<(), ListFault>(())
        })?;
        Ok(uri.filter(|_| !doubtful))
    }

    /// Reads the result of a task. It is not a page of the requested list.
    fn inner_result(&mut self, reader: &mut Reader<'a>) -> Result<(), ListFault> {
        let (cursor, tools) = (self.next_cursor.take(), std::mem::take(&mut self.tools));
        self.depth += 1;
        let read = self.result(reader);
        self.depth -= 1;
        (self.next_cursor, self.tools) = (cursor, tools);
        read
    }

    fn result(&mut self, reader: &mut Reader<'a>) -> Result<(), ListFault> {
        let (mut caching, mut is_scoped) = (Vec::new(), false);
        let first = self.edits.len();
        let held_before = std::mem::take(&mut self.held_list);
        reader.object(|reader, name| {
            let name = name.decode().ok_or(ListFault::LookAlike)?;
            if let Some((_, key, kind)) = LISTS.iter().find(|(list, ..)| *list == name) {
                return self.list(reader, *kind, key);
            }
            // A task's result is not itself a task.
            if name == "result" && self.depth == 0 && reader.kind()? == Kind::Object {
                return self.inner_result(reader);
            }
            if look_alike(&name, &RESULT).is_some() {
                return Err(ListFault::LookAlike);
            }
            if name == "nextCursor" && reader.kind()? == Kind::String {
                self.next_cursor = reader.string()?.decode().map(Cow::into_owned);
                return Ok(());
            }
            let start = reader.position();
            let value = reader.skip()?;
            let range = start..start + value.len();
            match name.as_ref() {
                // No client can request that page, so the list never becomes complete.
                "nextCursor" if value != b"null" => self.next_cursor = Some(String::from("\0")),
                "cacheScope" => {
                    is_scoped = true;
                    caching.push((range, Edit::Text(PRIVATE.to_vec())));
                }
                "ttlMs" => caching.push((range, Edit::Text(shorter_ttl(value, self.filter.ttl)))),
                _ => {}
            }
            Ok::<(), ListFault>(())
        })?;
        if self.held_list || self.filter.private == Private::All {
            if let [(_, Edit::Text(ttl))] = caching.as_mut_slice()
                && !is_scoped
            {
                ttl.extend_from_slice(SCOPE);
            }
            // At most two, sorted into this result's edits. Sorting all edits for each element of a long array would be
            // quadratic.
            for edit in caching {
                let own = self.edits.get(first..).unwrap_or_default();
                let place = first + own.partition_point(|(range, _)| range.start < edit.0.start);
                self.edits.insert(place, edit);
            }
        }
        self.held_list |= held_before;
        Ok(())
    }

    fn list(&mut self, reader: &mut Reader<'a>, kind: ListKind, key: &str) -> Result<(), ListFault> {
        if reader.kind()? != Kind::Array {
            // `null` is not a list, so there is nothing to remove.
            return if reader.skip()? == b"null" { Ok(()) } else { Err(ListFault::Shape) };
        }
        self.held_list = true;
        let start = reader.position();
        let entries = self.known.read(reader, kind, key)?;
        let mut kept = Vec::new();
        for (name, place) in entries.named() {
            let place = start + place.start..start + place.end;
            let entry = self.body.get(place.clone()).unwrap_or_default();
            if !(self.filter.keeps)(kind, name, entry) {
                continue;
            }
            let schemes = self.filter.schemes.filter(|_| kind == ListKind::Tools);
            let changed = schemes.map(|schemes| with_schemes(entry, &schemes(name))).transpose()?;
            kept.push((place, changed));
        }
        let removed = entries.count() - kept.len();
        if removed > 0 {
            self.edits.push((start..reader.offset(), Edit::Entries(kept)));
        } else {
            let changed = kept.into_iter().filter_map(|(place, changed)| Some((place, Edit::Text(changed?))));
            self.edits.extend(changed);
        }
        self.removed += removed;
        if kind == ListKind::Tools {
            self.tools.push(entries);
        }
        Ok(())
    }
}
