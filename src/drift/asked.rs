//! Requests for lists of tools: only an answer to one of them is good news.
//!
//! In Streamable HTTP the answer comes on the request's own response. In the transport of 2024-11-05 it comes on the
//! caller's GET stream, so that requests are kept here until the stream brings a message with their id.

use std::collections::VecDeque;
use std::time::Duration;

use super::tools::Moment;
use crate::manifest::canonical;
use crate::node::Node;
use crate::time::UnixTime;
use crate::token::AccessToken;

/// As many requests of one server may wait for a stream; the oldest gives way, and its answer is no news.
const MAX_ASKED: usize = 64;
/// A request waits so long, as clients do by default.
const WAIT: Duration = Duration::from_secs(60);

/// A request for a page of the list of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedList {
    /// Who asks.
    pub caller: String,
    /// The request's id, in canonical form.
    pub id: String,
    /// The cursor of the page.
    pub cursor: Option<String>,
    /// When it was asked for, in the order of what is learned.
    pub moment: Moment,
}

impl AskedList {
    /// A caller's request with this id.
    pub fn new(caller: &AccessToken, id: &str, cursor: Option<String>) -> Option<Self> {
        Some(Self { caller: name_of(caller), id: canonical_id(id)?, cursor, moment: 0 })
    }
}

/// One name for all requests of a caller.
pub fn name_of(caller: &AccessToken) -> String {
    [caller.issuer(), caller.subject().unwrap_or_default(), caller.client().unwrap_or_default()].join("\n")
}

/// One text for all spellings of a JSON-RPC id.
pub fn canonical_id(id: &str) -> Option<String> {
    canonical(&serde_json::from_str::<Node>(id).ok()?).ok()
}

/// The requests whose answer may come on a stream.
#[derive(Debug, Default)]
pub struct AskedLists {
    waiting: VecDeque<(UnixTime, AskedList)>,
}

impl AskedLists {
    /// A request is forwarded.
    pub fn push(&mut self, request: AskedList, now: UnixTime) {
        self.take(&request.caller, &request.id, now);
        if self.waiting.len() >= MAX_ASKED {
            self.waiting.pop_front();
        }
        self.waiting.push_back((now, request));
    }

    /// The request of this caller with this id, which is answered once.
    pub fn take(&mut self, caller: &str, id: &str, now: UnixTime) -> Option<AskedList> {
        // One from the future is of a clock that was set back.
        self.waiting.retain(|(since, _)| now.since(*since).is_some_and(|age| age < WAIT));
        let place = self.waiting.iter().position(|(_, own)| own.caller == caller && own.id == id)?;
        self.waiting.remove(place).map(|(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(caller: &str, id: &str) -> AskedList {
        AskedList { caller: caller.to_owned(), id: id.to_owned(), cursor: None, moment: 0 }
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
    fn an_id_may_be_spelled_in_several_ways() {
        for (one, other, same) in
            [("1", "1.0", true), (r#""a""#, r#""\u0061""#, true), ("1", r#""1""#, false), ("1", "2", false)]
        {
            assert_eq!(canonical_id(one) == canonical_id(other), same, "{one} {other}");
        }
        assert_eq!(canonical_id("nonsense"), None);
    }
}
