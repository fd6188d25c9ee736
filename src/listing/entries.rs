//! The entries of a list, and lists that were parsed before.
//!
//! Servers often send the same list to every caller. The entries of an array follow from its bytes alone, so an array
//! with the same bytes need not be parsed again. What each caller may see is decided every time.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use crate::index::Index;
use crate::json::{JsonFault, Kind, Reader};
use crate::mcp::ListKind;
use crate::text::look_alike;

/// The maximum number of known lists, for all servers together. The least recently used one is dropped.
const MAX_LISTS: usize = 32;
/// The maximum size of known lists per worker, in bytes. It also bounds the cost of a lookup.
const MAX_BYTES: usize = 1 << 20;

/// The entries of one list, by position in its text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// The number of entries.
    count: usize,
    /// The entries with a usable name. The others are denied to everyone, and a megabyte has room for very many of
    /// them.
    named: Vec<Entry>,
    /// All names, concatenated.
    names: String,
    /// The names that occur more than once, computed on demand.
    repeated: OnceCell<Index>,
}

/// Positions have 32 bits on every host, so that a native host knows the same lists as a Wasm module.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// Relative to the first byte of the array.
    place: Range<u32>,
    /// The position of its name in `names`.
    name: Range<u32>,
}

impl Entries {
    fn read(reader: &mut Reader<'_>, key: &str) -> Result<Self, JsonFault> {
        let mut all = Self::default();
        let start = reader.position();
        reader.array(|reader| {
            let from = reader.position() - start;
            match entry_name(reader, key)? {
                Some(name) => all.push(&name, from..reader.offset() - start),
                None => all.count += 1,
            }
            Ok::<(), JsonFault>(())
        })?;
        all.named.shrink_to_fit();
        all.names.shrink_to_fit();
        Ok(all)
    }

    /// Entries with these names, for tests.
    #[cfg(test)]
    pub(crate) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Rc<Self> {
        let mut all = Self::default();
        names.for_each(|name| all.push(name, 0..0));
        Rc::new(all)
    }

    fn push(&mut self, name: &str, place: Range<usize>) {
        self.count += 1;
        let from = self.names.len();
        // No list has 4 GB. Entries beyond them would count as entries without a name.
        if let (Some(place), Some(name_at)) = (narrow(place), narrow(from..from + name.len())) {
            self.names.push_str(name);
            self.named.push(Entry { place, name: name_at });
        }
    }

    /// The number of entries, with or without a name.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The entries with a usable name: the name, and the position relative to the first byte of the array.
    pub fn named(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.named.iter().map(|entry| (self.names.get(wide(&entry.name)).unwrap_or_default(), wide(&entry.place)))
    }

    /// The names that occur more than once.
    pub fn repeated(&self) -> &Index {
        self.repeated.get_or_init(|| Index::of_repeated(&self.named().map(|(name, _)| name).collect::<Vec<_>>()))
    }

    /// The size in memory, in bytes.
    pub fn size(&self) -> usize {
        self.names.len() + self.named.len() * size_of::<Entry>()
    }
}

fn narrow(place: Range<usize>) -> Option<Range<u32>> {
    Some(u32::try_from(place.start).ok()?..u32::try_from(place.end).ok()?)
}

fn wide(place: &Range<u32>) -> Range<usize> {
    // An index has at least 32 bits on every host.
    place.start as usize..place.end as usize
}

/// Lists that were parsed before.
#[derive(Debug, Default)]
pub struct KnownLists {
    /// Least recently used first.
    lists: VecDeque<Known>,
}

#[derive(Debug)]
struct Known {
    kind: ListKind,
    /// The room for nesting when it was parsed. With less room, it might be too deep.
    room: usize,
    bytes: Box<[u8]>,
    entries: Rc<Entries>,
}

impl Known {
    fn size(&self) -> usize {
        self.bytes.len() + self.entries.size()
    }
}

impl KnownLists {
    /// The entries of the next array, whose names are under `key`.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        kind: ListKind,
        key: &str,
    ) -> Result<Rc<Entries>, JsonFault> {
        let room = reader.room();
        let is_it = |known: &Known| known.kind == kind && known.room <= room && reader.skip_known(&known.bytes);
        if let Some(known) = self.lists.iter().position(is_it).and_then(|place| self.lists.remove(place)) {
            let entries = Rc::clone(&known.entries);
            self.lists.push_back(known);
            return Ok(entries);
        }
        let start = reader.position();
        let entries = Rc::new(Entries::read(reader, key)?);
        let bytes = reader.since(start);
        if bytes.len() + entries.size() <= MAX_BYTES {
            self.lists.push_back(Known { kind, room, bytes: bytes.into(), entries: Rc::clone(&entries) });
            self.forget();
        }
        Ok(entries)
    }

    /// Drops the oldest lists until the limits hold.
    fn forget(&mut self) {
        while self.lists.len() > MAX_LISTS || self.lists.iter().map(Known::size).sum::<usize>() > MAX_BYTES {
            self.lists.pop_front();
        }
    }
}

/// The name of a list entry, if it has a usable one.
pub(super) fn entry_name<'a>(reader: &mut Reader<'a>, key: &str) -> Result<Option<Cow<'a, str>>, JsonFault> {
    if reader.kind()? != Kind::Object {
        reader.skip()?;
        return Ok(None);
    }
    let mut found = None;
    let mut doubtful = false;
    reader.object(|reader, name| {
        let name = name.decode();
        if name.as_deref() == Some(key) && reader.kind()? == Kind::String {
            found = reader.string()?.decode();
            return Ok(());
        }
        doubtful |= name.is_none_or(|name| look_alike(&name, &[key]).is_some());
        reader.skip().map(|_| ())
    })?;
    Ok(found.filter(|_| !doubtful))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(known: &mut KnownLists, array: &str, depth: usize, kind: ListKind) -> Result<Rc<Entries>, JsonFault> {
        json::read(array.as_bytes(), depth, |reader| known.read(reader, kind, "name"))
    }

    fn tools(known: &mut KnownLists, array: &str) -> Result<Rc<Entries>, JsonFault> {
        read(known, array, 8, ListKind::Tools)
    }

    const LIST: &str = r#"[{"name":"a"}, 1,{"x":{"y":[]},"name":"b"}]"#;

    #[test]
    fn an_array_is_known_by_all_of_its_bytes() {
        let mut known = KnownLists::default();
        let first = tools(&mut known, LIST).unwrap();
        let places: Vec<_> = first.named().map(|(name, place)| (name, LIST.get(place).unwrap())).collect();
        assert_eq!(places, [("a", r#"{"name":"a"}"#), ("b", r#"{"x":{"y":[]},"name":"b"}"#)]);
        assert_eq!(first.count(), 3);
        for again in [LIST.to_owned(), format!(" {LIST}\n")] {
            assert!(Rc::ptr_eq(&first, &tools(&mut known, &again).unwrap()), "{again}");
        }
        for other in [LIST.replace('b', "c"), LIST.replace(" 1", "1"), LIST.replace(']', " ]"), LIST.replace('1', "12")]
        {
            assert!(!Rc::ptr_eq(&first, &tools(&mut known, &other).unwrap()), "{other}");
        }
        assert_eq!(tools(&mut known, LIST.strip_suffix(']').unwrap()), Err(JsonFault::Syntax));
        assert_eq!(tools(&mut known, &format!("{LIST}]")), Err(JsonFault::TrailingBytes));
    }

    #[test]
    fn the_same_bytes_may_be_another_list_or_too_deep() {
        let mut known = KnownLists::default();
        let first = tools(&mut known, LIST).unwrap();
        assert!(!Rc::ptr_eq(&first, &read(&mut known, LIST, 8, ListKind::Prompts).unwrap()));
        assert!(Rc::ptr_eq(&first, &read(&mut known, LIST, 9, ListKind::Tools).unwrap()));
        // With less room than before, it is parsed again.
        assert_eq!(read(&mut known, LIST, 4, ListKind::Tools).as_deref(), Ok(&*first));
        assert_eq!(read(&mut known, LIST, 3, ListKind::Tools), Err(JsonFault::TooDeep));
    }

    #[test]
    fn a_list_of_nearly_a_megabyte_is_known() {
        let entry = |n| format!(r#"{{"name":"tool_{n:04}","description":"{}"}}"#, "x".repeat(365));
        let array = format!("[{}]", (0..2400).map(entry).collect::<Vec<_>>().join(","));
        let mut known = KnownLists::default();
        let first = tools(&mut known, &array).unwrap();
        assert!(Rc::ptr_eq(&first, &tools(&mut known, &array).unwrap()), "{} bytes, {}", array.len(), first.size());
    }

    #[test]
    fn what_could_not_be_read_is_not_known() {
        let mut known = KnownLists::default();
        for array in [r#"[{"name":"a","name":"b"}]"#, "[1,]", "{}"] {
            assert!(tools(&mut known, array).is_err(), "{array}");
        }
        assert!(known.lists.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_was_seen_last_stays() {
        let mut known = KnownLists::default();
        for n in 0..1_000 {
            tools(&mut known, &format!(r#"[{{"name":"{n}"}}]"#)).unwrap();
            let first = tools(&mut known, LIST).unwrap();
            assert!(n == 0 || Rc::strong_count(&first) == 2, "still known at {n}");
            assert!(known.lists.len() <= MAX_LISTS);
        }
        let (tool, numbers) =
            (r#"{"name":"a","x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"#.repeat(4_000), "1,".repeat(40_000));
        for n in 0..20 {
            for long in [&tool, &numbers] {
                tools(&mut known, &format!("[{long}{n}]")).unwrap();
                assert!(known.lists.iter().map(Known::size).sum::<usize>() <= MAX_BYTES);
            }
        }
        let long = format!("[{}1]", "1,".repeat(MAX_BYTES));
        assert_eq!(tools(&mut known, &long).unwrap().size(), 0, "what has no name takes no room");
        assert!(!known.lists.is_empty() && known.lists.iter().all(|known| known.bytes.len() < long.len()));
    }
}
