//! Pages of one caller's list, joined by their cursors.

use super::Page;
use crate::index::sorted;

/// As many callers may be reading pages at once; the one that began longest ago gives way.
const MAX_CHAINS: usize = 16;
/// As many bytes the names of one chain may have: a server that never ends its pages is not followed.
const MAX_BYTES: usize = 512 << 10;

/// The lists that are being read.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    /// The one that began longest ago first.
    open: Vec<Chain>,
}

#[derive(Clone, Debug)]
struct Chain {
    caller: String,
    /// The cursor of the page that continues it.
    next: String,
    names: Vec<String>,
}

impl Chains {
    /// The caller reads the list from its beginning again.
    pub fn begin_anew(&mut self, caller: &str) {
        self.open.retain(|chain| chain.caller != caller);
    }

    /// Takes a page. Gives all names, sorted, once the last of one caller's unbroken chain has come.
    pub fn extend(&mut self, page: Page<'_>) -> Option<Vec<String>> {
        let own = self.open.iter().position(|chain| chain.caller == page.caller);
        let before = own.map(|place| self.open.remove(place));
        let mut names = match (page.cursor, before) {
            (None, _) => Vec::new(),
            (Some(cursor), Some(chain)) if chain.next == cursor => chain.names,
            // It continues what nobody began.
            (Some(_), _) => return None,
        };
        names.extend(page.names().map(str::to_owned));
        let Some(next) = page.next else {
            return Some(sorted(names, String::clone));
        };
        if names.iter().map(String::len).sum::<usize>() <= MAX_BYTES {
            if self.open.len() >= MAX_CHAINS {
                self.open.remove(0);
            }
            self.open.push(Chain { caller: page.caller.to_owned(), next: next.to_owned(), names });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::listing::Entries;

    fn page<'a>(caller: &'a str, cursor: Option<&'a str>, lists: &'a [Rc<Entries>], next: Option<&'a str>) -> Page<'a> {
        Page { caller, cursor, next, lists }
    }

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_list_is_complete_only_from_one_callers_unbroken_chain() {
        type Row = (&'static str, Option<&'static str>, &'static str, Option<&'static str>, Option<&'static str>);
        let cases: &[(&str, &[Row])] = &[
            ("one page", &[("a", None, "y x", None, Some("x y"))]),
            ("two pages", &[("a", None, "x", Some("1"), None), ("a", Some("1"), "y x", None, Some("x y"))]),
            ("another caller's page", &[("a", None, "x", Some("1"), None), ("b", Some("1"), "y", None, None)]),
            ("a page that is left out", &[("a", None, "x", Some("1"), None), ("a", Some("2"), "y", None, None)]),
            ("no beginning", &[("a", Some("1"), "x", None, None)]),
            (
                "a page that comes again",
                &[
                    ("a", None, "x", Some("1"), None),
                    ("a", Some("1"), "y", Some("2"), None),
                    ("a", Some("1"), "y", Some("2"), None),
                    ("a", Some("2"), "z", None, None),
                ],
            ),
            (
                "a new beginning",
                &[
                    ("a", None, "old", Some("1"), None),
                    ("a", None, "x", Some("1"), None),
                    ("a", Some("1"), "y", None, Some("x y")),
                ],
            ),
            (
                "two callers at once",
                &[
                    ("a", None, "x", Some("1"), None),
                    ("b", None, "p", Some("1"), None),
                    ("a", Some("1"), "y", None, Some("x y")),
                    ("b", Some("1"), "q", None, Some("p q")),
                ],
            ),
        ];
        for (name, rows) in cases {
            let mut chains = Chains::default();
            for (caller, cursor, on_page, next, complete) in *rows {
                let on_page = Entries::of(on_page.split_whitespace());
                let found = chains.extend(page(caller, *cursor, &[on_page], *next));
                assert_eq!(found, complete.map(names), "{name}");
            }
        }
    }

    #[test]
    fn what_is_kept_of_callers_that_never_finish_is_bounded() {
        let mut chains = Chains::default();
        let names: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
        let many = [Entries::of(names.iter().map(String::as_str))];
        for n in 0..1_000 {
            chains.extend(page(&n.to_string(), None, &many, Some("1")));
        }
        assert_eq!(chains.open.len(), MAX_CHAINS);
        let mut cursor = None;
        for n in 0..1_000 {
            let next = n.to_string();
            chains.extend(page("endless", cursor.as_deref(), &many, Some(&next)));
            cursor = Some(next);
        }
        let bytes = |chain: &Chain| chain.names.iter().map(String::len).sum::<usize>();
        assert!(chains.open.iter().all(|chain| bytes(chain) <= MAX_BYTES));
    }
}
