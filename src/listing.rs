//! Lists in responses: an entry is kept exactly if its use would be allowed.
//!
//! Lists are recognised by their shape, so that a list replayed on another stream is filtered as well. Kept entries are
//! unchanged: others are cut out of the text, and nothing is serialised again. A list that was parsed before is
//! recognised by its bytes, and only its entries are decided again.

mod caching;
mod edits;
mod entries;
mod glance;
mod schemes;
mod trim;

pub use caching::PrivateResults;
pub use entries::{Entries, KnownLists};
pub use glance::Glance;
pub use trim::{Filter, Private, trim, trim_by};

use std::borrow::Cow;
use std::rc::Rc;

use crate::json::JsonFault;
use crate::mcp::ListKind;

/// Why a response cannot be filtered and must not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFault {
    /// The response is not strict JSON.
    Json(JsonFault),
    /// A careless client would take this member for a list.
    LookAlike,
    /// A list is not an array.
    Shape,
}

impl From<JsonFault> for ListFault {
    fn from(fault: JsonFault) -> Self {
        Self::Json(fault)
    }
}

/// A filtered response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trimmed<'a> {
    /// The bytes.
    pub body: Cow<'a, [u8]>,
    /// The number of removed entries.
    pub removed: usize,
    /// Whether it had a list.
    pub held_list: bool,
    /// The id, as written, of the single request it answers: it is not an array, and has no members besides the result.
    pub answers_one: Option<&'a str>,
    /// The `nextCursor` of the last result, if it is a string. Other values lead to no page.
    pub next_cursor: Option<String>,
    /// Whether it is a notification about a resource that the caller may not use. Then it is dropped.
    pub tells_of_denied: bool,
    /// Its lists of tools, unfiltered.
    pub tools: Vec<Rc<Entries>>,
    /// The ids, as written, of the requests it answers.
    pub answers: Vec<&'a str>,
}

/// Decides whether to keep an entry, given its kind, its name or URI, and its bytes. Without bytes, it decides on a
/// notification about the resource.
pub type Keeps<'k> = &'k dyn Fn(ListKind, &str, &[u8]) -> bool;

/// The `securitySchemes` of a kept tool, as JSON.
pub type Schemes<'k> = &'k dyn Fn(&str) -> String;

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(body: &str) -> Result<String, ListFault> {
        let keeps = |_: ListKind, name: &str, _: &[u8]| name.starts_with("read");
        let trimmed = trim(body.as_bytes(), 64, 5000, Private::Lists, &mut KnownLists::default(), &keeps)?;
        Ok(String::from_utf8(trimmed.body.into_owned()).unwrap())
    }

    #[test]
    fn what_stays_keeps_its_bytes() {
        let cases = [
            (
                r#"{"result":{"tools":[ {"name":"read","x":1.0} , {"name":"write"} ]},"id":1}"#,
                r#"{"result":{"tools":[{"name":"read","x":1.0}]},"id":1}"#,
            ),
            (
                r#"{"result":{"tools":[ {"name":"read"} ],"nextCursor":"c"}}"#,
                r#"{"result":{"tools":[ {"name":"read"} ],"nextCursor":"c"}}"#,
            ),
            (
                r#"{"result":{"tools":[{"name":"write"}],"nextCursor":"c"}}"#,
                r#"{"result":{"tools":[],"nextCursor":"c"}}"#,
            ),
            (
                r#"{"result":{"prompts":[{"name":"write"},{"name":"read"}]}}"#,
                r#"{"result":{"prompts":[{"name":"read"}]}}"#,
            ),
            (
                r#"{"result":{"resources":[{"uri":"write","name":"read"},{"uri":"read://"}]}}"#,
                r#"{"result":{"resources":[{"uri":"read://"}]}}"#,
            ),
            (
                r#"{"result":{"resourceTemplates":[{"uriTemplate":"write"},{"uriTemplate":"read{x}"}]}}"#,
                r#"{"result":{"resourceTemplates":[{"uriTemplate":"read{x}"}]}}"#,
            ),
            (
                r#"[{"result":{"tools":[{"name":"write"}]}},{"result":{"tools":[{"name":"read"}]}}]"#,
                r#"[{"result":{"tools":[]}},{"result":{"tools":[{"name":"read"}]}}]"#,
            ),
            (
                r#"{"result":{"cacheScope":"public","ttlMs":9000,"tools":[],"resultType":"complete"}}"#,
                r#"{"result":{"cacheScope":"private","ttlMs":5000,"tools":[],"resultType":"complete"}}"#,
            ),
            (
                r#"{"result":{"tools":[{"name":"write"}],"ttlMs":10,"cacheScope":"private"}}"#,
                r#"{"result":{"tools":[],"ttlMs":10,"cacheScope":"private"}}"#,
            ),
            (
                r#"{"result":{"cacheScope":"public","contents":[]}}"#,
                r#"{"result":{"cacheScope":"public","contents":[]}}"#,
            ),
            (
                r#"{"method":"notifications/message","params":{"tools":[{"name":"write"}]}}"#,
                r#"{"method":"notifications/message","params":{"tools":[{"name":"write"}]}}"#,
            ),
            (
                r#"{"result":{"status":"completed","result":{"ttlMs":9000,"tools":[{"name":"write"}],"result":{"tools":[{"name":"write"}]}},"cacheScope":"public"}}"#,
                r#"{"result":{"status":"completed","result":{"ttlMs":5000,"cacheScope":"private","tools":[],"result":{"tools":[{"name":"write"}]}},"cacheScope":"private"}}"#,
            ),
            (
                r#"{"method":"notifications/tasks","params":{"taskId":"1","result":{"prompts":[{"name":"write"},{"name":"read"}]}}}"#,
                r#"{"method":"notifications/tasks","params":{"taskId":"1","result":{"prompts":[{"name":"read"}]}}}"#,
            ),
            (r#"{"error":{"code":1,"message":"x"}}"#, r#"{"error":{"code":1,"message":"x"}}"#),
            (r#"{"result":{"tools": null ,"ttlMs":9000}}"#, r#"{"result":{"tools": null ,"ttlMs":9000}}"#),
            (
                r#"{"result":{"tools":[],"ttlMs":9000,"x":1}}"#,
                r#"{"result":{"tools":[],"ttlMs":5000,"cacheScope":"private","x":1}}"#,
            ),
            (
                r#"[{"result":{"ttlMs":10,"tools":[{"name":"write"}]}},{"result":{"tools":[]}}]"#,
                r#"[{"result":{"ttlMs":10,"cacheScope":"private","tools":[]}},{"result":{"tools":[]}}]"#,
            ),
            (
                r#"[{"result":{"ttlMs":9000,"tools":[{"name":"write"}],"cacheScope":"public"}},{"result":{"cacheScope":"public","tools":[{"name":"write"}]}}]"#,
                r#"[{"result":{"ttlMs":5000,"tools":[],"cacheScope":"private"}},{"result":{"cacheScope":"private","tools":[]}}]"#,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(trimmed(body).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn an_entry_without_a_usable_name_goes() {
        for entry in [
            "1",
            "null",
            "[]",
            "{}",
            r#"{"name":1}"#,
            r#"{"Name":"read"}"#,
            r#"{"name":"read","NAME":"write"}"#,
            r#"{"name":"\ud800"}"#,
            r#"{"name":"read","nam\ud800e":1}"#,
        ] {
            let body = format!(r#"{{"result":{{"tools":[{entry},{{"name":"read2"}}]}}}}"#);
            assert_eq!(trimmed(&body).as_deref(), Ok(r#"{"result":{"tools":[{"name":"read2"}]}}"#), "{entry}");
        }
    }

    #[test]
    fn news_of_a_resource_are_for_those_who_may_use_it() {
        for (params, denied) in [
            (r#"{"uri":"read"}"#, false),
            (r#"{"uri":"write"}"#, true),
            (r#"{"uri":1}"#, true),
            (r#"{"uri":"read","URI":"write"}"#, true),
            ("[]", true),
        ] {
            let body = format!(r#"{{"method":"notifications/resources/updated","params":{params}}}"#);
            let keeps = |_: ListKind, name: &str, _: &[u8]| name.starts_with("read");
            let trimmed = trim(body.as_bytes(), 64, 0, Private::Lists, &mut KnownLists::default(), &keeps).unwrap();
            assert_eq!(trimmed.tells_of_denied, denied, "{params}");
        }
    }

    #[test]
    fn what_cannot_be_read_does_not_pass() {
        for (body, fault) in [
            ("", ListFault::Json(JsonFault::Syntax)),
            (r#"{"result":{"tools":[{"name":"read"}"#, ListFault::Json(JsonFault::Syntax)),
            (r#"{"result":{"tools":{"name":"write"}}}"#, ListFault::Shape),
            (r#"{"result":{"Tools":[{"name":"write"}]}}"#, ListFault::LookAlike),
            (r#"{"Result":{"tools":[{"name":"write"}]}}"#, ListFault::LookAlike),
            (r#"{"result":{"tools":[],"tools":[{"name":"write"}]}}"#, ListFault::Json(JsonFault::DuplicateMember)),
            (r#"{"result":{"tools":[]}} {"#, ListFault::Json(JsonFault::TrailingBytes)),
            ("\u{feff}{}", ListFault::Json(JsonFault::ByteOrderMark)),
        ] {
            assert_eq!(trimmed(body), Err(fault), "{body}");
        }
    }
}
