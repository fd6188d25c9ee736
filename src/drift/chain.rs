//! Joins the pages of one caller's list by their cursors.

use std::rc::Rc;

use super::Page;
use crate::index::Index;
use crate::listing::Entries;
use crate::time::UnixTime;

/// The maximum number of callers whose pages are followed at once. Beyond it, the oldest chain is dropped.
const MAX_CHAINS: usize = 16;
/// The maximum size in bytes of the pages in one chain, so that endless pages are not followed. It has room for 10,000
/// tools, the largest manifest, with names of 70 bytes.
const MAX_BYTES: usize = 1 << 20;

/// A position in the order in which differences were seen. It is not a time, because clocks may be set back.
pub type Moment = u64;

/// The moment of the request for a list. The list can settle differences that were seen before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// In the order of this worker, if it received the request.
    pub moment: Option<Moment>,
    /// The time, which all workers of a host read from one clock.
    pub at: UnixTime,
}

/// A list that one caller was shown completely, by its pages.
#[derive(Clone, Debug)]
pub struct Complete {
    /// When its first page was requested.
    pub asked: Asked,
    /// The lists on its pages.
    pub lists: Vec<Rc<Entries>>,
}

/// The names of a complete list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// When its first page was requested.
    pub asked: Asked,
    /// The names, sorted, without duplicates.
    pub names: Vec<String>,
    /// The names that occur more than once.
    pub repeated: Vec<String>,
}

impl Whole {
    /// Sorts the names of `list`.
    pub fn of(list: &Complete) -> Self {
        let names = || list.lists.iter().flat_map(|list| list.named()).map(|(name, _)| name);
        let index = Index::new(names().map(str::to_owned));
        let repeated = index.repeated(names()).map(str::to_owned).collect();
        Self { asked: list.asked, names: index.into_names(), repeated }
    }

    /// Whether the list contains this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.binary_search_by(|own| own.as_str().cmp(name)).is_ok()
    }
}

/// The lists that are being read.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    /// Oldest first.
    open: Vec<Chain>,
}

#[derive(Clone, Debug)]
struct Chain {
    caller: String,
    /// When its first page was requested.
    asked: Asked,
    /// The cursor of the next page.
    next: String,
    lists: Vec<Rc<Entries>>,
}

impl Chains {
    /// The caller starts to read the list again.
    pub fn begin_anew(&mut self, caller: &str) {
        self.open.retain(|chain| chain.caller != caller);
    }

    /// Adds a page. Returns the list if this completes one caller's unbroken chain.
    pub fn extend(&mut self, page: Page<'_>) -> Option<Complete> {
        let own = self.open.iter().position(|chain| chain.caller == page.caller);
        let before = own.map(|place| self.open.remove(place));
        let (asked, mut lists) = match (page.cursor, before) {
            (None, _) => (page.asked, Vec::new()),
            (Some(cursor), Some(chain)) if chain.next == cursor => (chain.asked, chain.lists),
            // Continues a chain that was never started.
            (Some(_), _) => return None,
        };
        lists.extend_from_slice(page.lists);
        let Some(next) = page.next else { return Some(Complete { asked, lists }) };
        if size(&lists) <= MAX_BYTES {
            if self.open.len() >= MAX_CHAINS {
                self.open.remove(0);
            }
            self.open.push(Chain { caller: page.caller.to_owned(), asked, next: next.to_owned(), lists });
        }
        None
    }
}

fn size(lists: &[Rc<Entries>]) -> usize {
    lists.iter().map(|list| size_of::<Rc<Entries>>() + list.size()).sum()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::listing::Entries;

    fn page<'a>(caller: &'a str, cursor: Option<&'a str>, lists: &'a [Rc<Entries>], next: Option<&'a str>) -> Page<'a> {
        Page { caller, asked: Asked::default(), cursor, next, lists }
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
                assert_eq!(found.map(|list| Whole::of(&list).names), complete.map(names), "{name}");
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
        let nameless = [Entries::of(std::iter::repeat_n("", 10_000))];
        for n in 0..10 {
            let (cursor, next) = (n.to_string(), (n + 1).to_string());
            chains.extend(page("nameless", Some(&*cursor).filter(|_| n > 0), &nameless, Some(&next)));
        }
        assert!(chains.open.iter().all(|chain| size(&chain.lists) <= MAX_BYTES));
    }

    #[test]
    fn a_name_on_two_pages_is_given_twice_and_the_list_is_as_old_as_its_first_page() {
        let at = |moment| Asked { moment: Some(moment), ..Asked::default() };
        let mut chains = Chains::default();
        let (first, second) = ([Entries::of(["b", "a"].into_iter())], [Entries::of(["a", "c"].into_iter())]);
        assert!(chains.extend(Page { asked: at(5), ..page("a", None, &first, Some("1")) }).is_none());
        let list = chains.extend(Page { asked: at(7), ..page("a", Some("1"), &second, None) });
        assert_eq!(
            list.as_ref().map(Whole::of),
            Some(Whole { asked: at(5), names: names("a b c"), repeated: names("a") })
        );
    }
}
