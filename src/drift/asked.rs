//! Requests for tool lists. Only a response to one of them can settle a difference.
//!
//! In Streamable HTTP the list arrives in the response to its request. In the 2024-11-05 transport it arrives on the
//! caller's GET stream, so requests are kept until the stream brings a message with their id. If another worker has the
//! stream, that worker keeps the list until it learns of the request.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::chain::Asked;
use crate::caller::Caller;
use crate::listing::Entries;
use crate::manifest::canonical;
use crate::node::Node;
use crate::time::UnixTime;

/// The maximum number of requests per server that wait for a stream. Beyond it the oldest is dropped, and its response
/// settles nothing.
const MAX_ASKED: usize = 64;
/// The maximum number of lists per server that wait for their request. Beyond it the oldest is dropped.
const MAX_UNCLAIMED: usize = 8;
/// Requests with a longer cursor are not shared with other workers.
const MAX_CURSOR: usize = 1024;
/// How long a request waits, the default timeout of clients.
const WAIT: Duration = Duration::from_secs(60);

/// A request for a page of the tool list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedList {
    /// The caller.
    pub caller: String,
    /// The request's id, in canonical form.
    pub id: String,
    /// The cursor of the page.
    pub cursor: Option<String>,
    /// The time of the request.
    pub asked: Asked,
}

/// A list that arrived on a stream of this worker without a known request.
#[derive(Clone, Debug)]
pub struct Unclaimed {
    /// The caller of the stream.
    pub caller: String,
    /// The id of the response, in canonical form.
    pub id: String,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// The tools.
    pub lists: Vec<Rc<Entries>>,
    /// When it arrived.
    pub at: UnixTime,
}

impl AskedList {
    /// A request of `caller` with this id.
    pub fn new(caller: &Caller, id: &str, cursor: Option<String>) -> Option<Self> {
        Some(Self { caller: name_of(caller), id: canonical_id(id)?, cursor, asked: Asked::default() })
    }

    /// The text that announces the request to other workers: key, time and cursor. The first page has no cursor.
    fn told(&self, since: UnixTime) -> Option<String> {
        let told = format!("{} {}", key(&self.caller, &self.id), since.as_millis());
        match &self.cursor {
            None => Some(told),
            Some(cursor) => (cursor.len() <= MAX_CURSOR).then(|| format!("{told} {cursor}")),
        }
    }
}

impl Unclaimed {
    /// If `told`, the announcement of another worker, is the request that this list answers: its time and cursor.
    pub fn claim<'t>(&self, told: &'t str) -> Option<(UnixTime, Option<&'t str>)> {
        let told = told.strip_prefix(&key(&self.caller, &self.id))?.strip_prefix(' ')?;
        let (since, cursor) = told.split_once(' ').map_or((told, None), |(since, cursor)| (since, Some(cursor)));
        let since = UnixTime::from_millis(since.parse().ok()?);
        self.at.since(since).filter(|age| *age < WAIT).map(|_| (since, cursor))
    }
}

/// A key for a caller's request with this id that reveals neither.
pub fn key(caller: &str, id: &str) -> String {
    let digest = Sha256::digest(format!("{caller}\n{id}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A key for all requests of a caller. The lengths tell callers apart whose names contain line feeds. Anonymous callers
/// share one, which no caller with a token has.
pub fn name_of(caller: &Caller) -> String {
    let Some(caller) = caller.token() else { return String::new() };
    let parts = [caller.issuer(), caller.subject().unwrap_or_default(), caller.client().unwrap_or_default()];
    parts.map(|part| format!("{} {part}\n", part.len())).concat()
}

/// The canonical form of a JSON-RPC id.
pub fn canonical_id(id: &str) -> Option<String> {
    canonical(&Node::from_json(id.as_bytes()).ok()?).ok()
}

/// Requests whose responses may arrive on a stream.
#[derive(Debug, Default)]
pub struct AskedLists {
    waiting: VecDeque<(UnixTime, AskedList)>,
    /// Lists without a known request.
    pub unclaimed: VecDeque<Unclaimed>,
}

impl AskedLists {
    /// Records a request that is forwarded.
    pub fn push(&mut self, request: AskedList, now: UnixTime) {
        self.take(&request.caller, &request.id, now);
        if self.waiting.len() >= MAX_ASKED {
            self.waiting.pop_front();
        }
        self.waiting.push_back((now, request));
    }

    /// Records that the server accepted the request and responds on a stream. Returns the announcement for other
    /// workers, or `None` if the response has arrived.
    pub fn accepted(&self, request: &AskedList) -> Option<String> {
        let is_it = |own: &&(UnixTime, AskedList)| own.1.caller == request.caller && own.1.id == request.id;
        self.waiting.iter().find(is_it).and_then(|(since, own)| own.told(*since))
    }

    /// Keeps a list until a worker announces its request. Of several lists with one id, the first is the response.
    pub fn keep(&mut self, list: Unclaimed) {
        let age = |own: &Unclaimed| list.at.since(own.at);
        self.unclaimed.retain(|own| age(own).is_some_and(|age| age < WAIT));
        if self.unclaimed.iter().any(|own| own.caller == list.caller && own.id == list.id) {
            return;
        }
        if self.unclaimed.len() >= MAX_UNCLAIMED {
            self.unclaimed.pop_front();
        }
        self.unclaimed.push_back(list);
    }

    /// Takes the request of this caller with this id. Each is answered once.
    pub fn take(&mut self, caller: &str, id: &str, now: UnixTime) -> Option<AskedList> {
        // A time in the future means that the clock was set back.
        self.waiting.retain(|(since, _)| now.since(*since).is_some_and(|age| age < WAIT));
        let place = self.waiting.iter().position(|(_, own)| own.caller == caller && own.id == id)?;
        self.waiting.remove(place).map(|(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(caller: &str, id: &str) -> AskedList {
        AskedList { caller: caller.to_owned(), id: id.to_owned(), cursor: None, asked: Asked::default() }
    }

    #[test]
    fn a_request_is_answered_once_in_time_and_by_its_own_id() {
        let start = UnixTime::from_millis(1_000_000);
        let after = |seconds| start.plus(Duration::from_secs(seconds));
        let mut lists = AskedLists::default();
        lists.push(asked("a", "1"), start);
        for (caller, id, now, is_it) in [
            ("b", "1", start, false),
            ("a", "2", start, false),
            ("a", "1", after(59), true),
            ("a", "1", after(59), false),
        ] {
            assert_eq!(lists.take(caller, id, now).is_some(), is_it, "{caller} {id} {now:?}");
        }
        for now in [after(60), UnixTime::from_millis(999_999)] {
            lists.push(asked("a", "1"), start);
            assert_eq!(lists.take("a", "1", now), None, "{now:?}");
        }
    }

    #[test]
    fn requests_that_nobody_answers_are_bounded() {
        let mut lists = AskedLists::default();
        for n in 0..1_000 {
            lists.push(asked("a", &n.to_string()), UnixTime::from_millis(1));
            lists.push(asked("b", "1"), UnixTime::from_millis(1));
        }
        assert_eq!(lists.waiting.len(), MAX_ASKED);
        assert!(lists.take("b", "1", UnixTime::from_millis(1)).is_some());
        assert!(lists.take("b", "1", UnixTime::from_millis(1)).is_none());
    }

    #[test]
    fn a_list_is_claimed_by_the_request_that_came_before_it() {
        let list = |id: &str, at| Unclaimed {
            caller: "a".to_owned(),
            id: id.to_owned(),
            next: None,
            lists: Vec::new(),
            at: UnixTime::from_millis(at),
        };
        let mut lists = AskedLists::default();
        lists.push(AskedList { cursor: Some("to be".to_owned()), ..asked("a", "1") }, UnixTime::from_millis(5_000));
        lists.push(asked("a", "2"), UnixTime::from_millis(5_000));
        lists.push(AskedList { cursor: Some("x".repeat(2_000)), ..asked("a", "3") }, UnixTime::from_millis(5_000));
        let [one, two] = ["1", "2"].map(|id| lists.accepted(&asked("a", id)).unwrap());
        assert_eq!(lists.accepted(&asked("a", "3")), None, "its cursor is too long");
        assert_eq!(lists.accepted(&asked("b", "1")), None);
        let since = UnixTime::from_millis(5_000);
        assert_eq!(list("1", 6_000).claim(&one), Some((since, Some("to be"))));
        assert_eq!(list("2", 6_000).claim(&two), Some((since, None)));
        for (list, told) in [(list("2", 6_000), &one), (list("2", 4_999), &two), (list("2", 65_000), &two)] {
            assert_eq!(list.claim(told), None, "{list:?}");
        }
        for n in 0..100 {
            lists.keep(list(&n.to_string(), 6_000));
            lists.keep(list("99", 6_000));
        }
        assert_eq!(lists.unclaimed.len(), MAX_UNCLAIMED);
    }

    #[test]
    fn callers_differ_whatever_is_in_their_names() {
        let names =
            [("a", "b"), ("a\nb", ""), ("a", "b\n0 "), ("a\n1 b", ""), ("", "a\nb"), ("1 a", "b"), ("a", "b\n")];
        let names =
            names.map(|(issuer, subject)| name_of(&Caller::from(crate::token::AccessToken::of(issuer, subject, &[]))));
        let keys: std::collections::HashSet<_> = names.iter().map(|name| key(name, "1")).collect();
        assert_eq!(keys.len(), names.len(), "{names:?}");
    }

    #[test]
    fn an_id_may_be_spelled_in_several_ways() {
        for (one, other, same) in
            [("1", "1.0", true), (r#""a""#, r#""\u0061""#, true), ("1", r#""1""#, false), ("1", "2", false)]
        {
            assert_eq!(canonical_id(one) == canonical_id(other), same, "{one} {other}");
        }
        assert_eq!(canonical_id("nonsense"), None);
    }
}
