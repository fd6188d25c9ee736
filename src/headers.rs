//! Header fields as the host passes them: names in lower case, values as bytes, each entry separate.

use std::ops::Range;

use crate::bytes::is_lower;

/// The header fields of a message, in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Whether a name contains an underscore. This is rare, and such requests are checked more closely.
    has_underscore: bool,
    /// The first field of each [`slot`], as its number plus one.
    slots: [u32; SLOTS],
}

/// The number of slots. Lookups are for about thirty names, most of which are absent.
const SLOTS: usize = 32;

/// The slot of a name, by its length and three of its bytes. The factors keep most of the names apart that occur.
#[inline(always)]
fn slot(name: &[u8]) -> usize {
    let byte = |at: usize| usize::from(name.get(at).copied().unwrap_or_default());
    let length = name.len();
    (byte(0) + byte(length / 2) * 17 + byte(length.wrapping_sub(1)) * 15 + length * 7) % SLOTS
}

/// The position of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: Range<usize>,
    value: Range<usize>,
    /// The next field of the same slot, as its number plus one.
    next: u32,
}

/// How often a field occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single<'a> {
    /// More than once.
    Many,
    /// Never.
    None,
    /// Once.
    One(&'a [u8]),
}

impl Headers {
    /// The fields `entries`, with names in lower case.
    pub fn new(entries: Vec<(String, Vec<u8>)>) -> Self {
        Self::copied(entries.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())))
    }

    /// A copy of the names and values `fields`.
    pub fn copied<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) -> Self {
        let mut headers = Self::default();
        headers.bytes.reserve_exact(fields.clone().map(|(name, value)| name.len() + value.len()).sum());
        headers.entries.reserve_exact(fields.size_hint().0);
        for (name, value) in fields {
            let at = headers.bytes.len();
            headers.bytes.extend_from_slice(name);
            headers.bytes.extend_from_slice(value);
            let between = at + name.len();
            headers.entries.push(Entry { name: at..between, value: between..between + value.len(), next: 0 });
        }
        headers.index_names();
        headers
    }

    /// Parses the proxy-wasm ABI's layout of a map: the count, the sizes of each name and value, then each name and
    /// value followed by a NUL. Numbers have four bytes in little endian. `None` if the layout is invalid.
    pub fn from_pairs(bytes: Vec<u8>) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (count, sizes) = bytes.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let mut at = count.checked_mul(8)?.checked_add(4)?;
        let sizes = sizes.as_chunks().0.get(..count)?;
        let mut entries = Vec::with_capacity(count);
        for pair in sizes {
            let pair = u64::from_le_bytes(*pair);
            let between = at.checked_add((pair & u64::from(u32::MAX)) as usize)?;
            let end = between.checked_add(1)?.checked_add((pair >> 32) as usize)?;
            entries.push(Entry { name: at..between, value: between + 1..end, next: 0 });
            at = end.checked_add(1)?;
        }
        let whole = entries.last().is_none_or(|last| last.value.end <= bytes.len());
        let mut headers = Self { bytes, entries, ..Self::default() };
        headers.index_names();
        whole.then_some(headers)
    }

    /// Brings the names into lower case and notes their places: the only pass over all fields.
    fn index_names(&mut self) {
        // From the last, so that the first field of a slot comes first.
        for (place, entry) in self.entries.iter_mut().enumerate().rev() {
            let name = self.bytes.get_mut(entry.name.clone()).unwrap_or_default();
            if !is_lower(name) {
                name.make_ascii_lowercase();
                self.has_underscore |= name.contains(&b'_');
            }
            if let Some(first) = self.slots.get_mut(slot(name)) {
                entry.next = std::mem::replace(first, u32::try_from(place + 1).unwrap_or_default());
            }
        }
    }

    /// The field with this number, counted from one.
    fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get((number as usize).checked_sub(1)?)
    }

    /// The size in memory, in bytes.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The number of the first field with the slot of `name`. Inlined, so that the slot of a constant is constant: most
    /// of the names that are looked up are absent, and cost one comparison.
    #[inline(always)]
    fn first(&self, name: &str) -> u32 {
        self.slots.get(slot(name.as_bytes())).copied().unwrap_or_default()
    }

    /// The first value of `name` from the field with this number on, and the number of the next field.
    #[inline(never)]
    fn value_from(&self, mut number: u32, name: &str) -> Option<(&[u8], u32)> {
        while let Some(entry) = self.entry(number) {
            if self.slice(&entry.name) == name.as_bytes() {
                return Some((self.slice(&entry.value), entry.next));
            }
            number = entry.next;
        }
        None
    }

    /// All values of `name`.
    #[inline(always)]
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let mut number = self.first(name);
        std::iter::from_fn(move || {
            let (value, next) = if number == 0 { None } else { self.value_from(number, name) }?;
            number = next;
            Some(value)
        })
    }

    /// The value of `name`, if there is exactly one.
    #[inline(always)]
    pub fn single<'h>(&'h self, name: &'h str) -> Single<'h> {
        match self.first(name) {
            0 => Single::None,
            number => self.single_from(number, name),
        }
    }

    #[inline(never)]
    fn single_from(&self, number: u32, name: &str) -> Single<'_> {
        match self.value_from(number, name) {
            None => Single::None,
            Some((_, next)) if self.value_from(next, name).is_some() => Single::Many,
            Some((value, _)) => Single::One(value),
        }
    }

    /// The first value of `name`.
    #[inline(always)]
    pub fn bytes<'h>(&'h self, name: &'h str) -> Option<&'h [u8]> {
        self.all(name).next()
    }

    /// The first value of `name`, if it is UTF-8.
    #[inline(always)]
    pub fn text<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        match self.first(name) {
            0 => None,
            number => self.text_from(number, name),
        }
    }

    #[inline(never)]
    fn text_from(&self, number: u32, name: &str) -> Option<&str> {
        self.value_from(number, name).and_then(|(value, _)| std::str::from_utf8(value).ok())
    }

    /// Whether the content is encoded. `identity` does not count (RFC 9110 section 8.4.1).
    pub fn has_encoding(&self) -> bool {
        let mut codings = self.all("content-encoding").flat_map(|value| value.split(|byte| *byte == b','));
        codings.any(|coding| !coding.trim_ascii().eq_ignore_ascii_case(b"identity"))
    }

    /// Whether `name` is present.
    #[inline(always)]
    pub fn has(&self, name: &str) -> bool {
        match self.first(name) {
            0 => false,
            number => self.value_from(number, name).is_some(),
        }
    }

    /// Whether a name contains an underscore, which many servers read as `-`.
    pub fn has_underscore(&self) -> bool {
        self.has_underscore
    }

    /// All names, including duplicates. A name that is not UTF-8 is returned as an empty string, because it is never
    /// looked up.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| std::str::from_utf8(self.slice(&entry.name)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout as written by the host.
    fn pairs(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
        let number = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let mut out = number(fields.len()).to_vec();
        for (name, value) in fields {
            out.extend(number(name.len()));
            out.extend(number(value.len()));
        }
        for text in fields.iter().flat_map(|(name, value)| [name, value]) {
            out.extend_from_slice(text);
            out.push(0);
        }
        out
    }

    #[test]
    fn fields_are_found_where_they_stand() {
        let fields: &[(&[u8], &[u8])] =
            &[(b":path", b"/mcp"), (b"Accept", b"a"), (b"accept", b"\xff"), (b"x\xff", b"")];
        let headers = Headers::from_pairs(pairs(fields)).unwrap();
        let built = Headers::new(vec![(":path".into(), b"/mcp".to_vec()), ("Accept".into(), b"a".to_vec())]);
        for headers in [&headers, &built] {
            assert_eq!(headers.text(":path"), Some("/mcp"));
            assert_eq!(headers.text("accept"), Some("a"));
            assert_eq!(headers.single("pat"), Single::None);
        }
        assert_eq!(headers.single("accept"), Single::Many);
        assert_eq!(headers.all("accept").collect::<Vec<_>>(), [b"a".as_slice(), b"\xff"]);
        assert_eq!(headers.names().collect::<Vec<_>>(), [":path", "accept", "accept", ""]);
        assert_eq!(Headers::from_pairs(Vec::new()), Some(Headers::default()));
    }

    #[test]
    fn a_map_that_is_cut_or_lies_about_its_sizes_is_none() {
        let whole = pairs(&[(b"a", b"1"), (b"b", b"2")]);
        for length in 1..whole.len() - 1 {
            assert_eq!(Headers::from_pairs(whole[..length].to_vec()), None, "{length} of {}", whole.len());
        }
        for at in (0..20).step_by(4) {
            let mut lying = whole.clone();
            lying[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert_eq!(Headers::from_pairs(lying), None, "the number at {at}");
        }
    }
}
