//! Edits of a text, applied at the end.

use std::borrow::Cow;
use std::ops::Range;

/// The replacement for a part of the body.
pub(super) enum Edit {
    /// An array of the entries at these positions, or of what replaces them.
    Entries(Vec<(Range<usize>, Option<Vec<u8>>)>),
    /// Other text.
    Text(Vec<u8>),
}

/// `body` with `edits`, which are sorted by position.
pub(super) fn apply<'a>(body: &'a [u8], edits: &[(Range<usize>, Edit)]) -> Cow<'a, [u8]> {
    if edits.is_empty() {
        return Cow::Borrowed(body);
    }
    let part = |range: Range<usize>| body.get(range).unwrap_or_default();
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    for (range, edit) in edits {
        out.extend_from_slice(part(at..range.start));
        match edit {
            Edit::Text(text) => out.extend_from_slice(text),
            Edit::Entries(kept) => {
                for (n, (entry, changed)) in kept.iter().enumerate() {
                    out.push(if n == 0 { b'[' } else { b',' });
                    out.extend_from_slice(changed.as_deref().unwrap_or_else(|| part(entry.clone())));
                }
                out.extend_from_slice(if kept.is_empty() { b"[]" } else { b"]" });
            }
        }
        at = range.end;
    }
    out.extend_from_slice(body.get(at..).unwrap_or_default());
    Cow::Owned(out)
}
