//! Records: one audit line per decision, and the same values as filter state for access logs.

mod arguments;
mod event;
mod ids;
mod limits;
mod outages;
mod per_minute;
pub mod sink;

pub use event::{Event, manifest_line};
pub use ids::{DecisionId, DecisionIds};
pub use limits::Limits;
pub use outages::Line;

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bytes::{holds, is_printable};
use crate::config::{FilterState, SubjectForm};
use crate::json::Object;
use crate::reason::Reason;
use crate::text::{printable, push_visible, truncate};
use crate::time::UnixTime;
use crate::token::AccessToken;

/// The prefix of an audit line.
pub const LINE_PREFIX: &str = "toolgate.audit ";
/// The prefix of an event line.
const EVENT_PREFIX: &str = "toolgate.event ";
/// The maximum length of other log lines. A name in a configuration or a response may be as long as its document.
const MAX_LINE: usize = 4096;
/// The maximum length of strings in records.
const MAX_TEXT: usize = 512;
/// The maximum number of prior actors in records. A token has at most seven.
const MAX_ACTORS: usize = 4;
/// The maximum length of filter state values.
const MAX_STATE: usize = 256;

/// When and where a line was made.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The time.
    pub now: UnixTime,
    /// The host's name for itself, such as Envoy's node id, if it tells.
    pub node: Option<&'a str>,
}

impl Stamp<'_> {
    /// Adds the members `time` and `node`.
    fn add(&self, line: &mut Object) {
        line.text("time", Some(&self.now.rfc3339()));
        line.text("node", self.node);
    }
}

/// The outcome of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request is forwarded.
    Allow,
    /// The request is refused.
    Deny,
    /// The request is forwarded, but would be refused outside shadow mode.
    ShadowDeny,
}

impl Decision {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::ShadowDeny => "shadow_deny",
        }
    }
}

/// A refused token. Nobody vouches for any of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedToken {
    /// The claimed `iss`, `aud` and `client`, a JSON object. None if the token cannot be read.
    pub claimed: Option<String>,
    /// The error: what was expected, and what came.
    pub detail: String,
}

/// A decision and its circumstances. Never contains a token or a part of one.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Record {
    pub decision_id: DecisionId,
    pub decision: Decision,
    pub reason: Reason,
    /// The status of toolgate's own response.
    pub status: Option<u16>,
    /// Whether the response is the result of a call.
    pub in_band: bool,
    /// The resource's identifier. Without one, no audit line is written.
    pub resource: Option<Arc<str>>,
    /// The MCP method, or the HTTP method of a request without a message.
    pub method: Option<Cow<'static, str>>,
    pub target: Option<String>,
    /// The caller, once verified. None of an anonymous one.
    pub caller: Option<AccessToken>,
    pub required: Vec<String>,
    pub missing: Vec<String>,
    pub matrix_row: Option<String>,
    /// This and the next two are there if someone reads the line: the filter state has none of them.
    pub request_id: Option<String>,
    pub trace_id: Option<String>,
    pub protocol_version: Option<String>,
    /// The recorded arguments of a call, a JSON object.
    pub arguments: Option<String>,
    /// The token, if it was refused.
    pub refused: Option<Box<RefusedToken>>,
    /// Whether the token was verified and is in force, although it is not good for this request.
    pub is_known: bool,
    /// The part that is put into the filter state.
    pub shown: FilterState,
}

impl Record {
    /// A record with only the decision.
    pub fn new(decision_id: DecisionId, decision: Decision, reason: Reason) -> Self {
        Self {
            decision_id,
            decision,
            reason,
            status: None,
            in_band: false,
            resource: None,
            method: None,
            target: None,
            caller: None,
            required: Vec::new(),
            missing: Vec::new(),
            matrix_row: None,
            request_id: None,
            trace_id: None,
            protocol_version: None,
            arguments: None,
            refused: None,
            is_known: false,
            shown: FilterState::All,
        }
    }

    /// The audit line: [`LINE_PREFIX`] and a JSON object. Unknown values are omitted.
    pub fn line(&self, subject: SubjectForm, stamp: &Stamp<'_>) -> String {
        let mut line = Object::line(LINE_PREFIX, MAX_TEXT);
        line.text("decision_id", Some(self.decision_id.as_str()));
        line.text("decision", Some(self.decision.as_str()));
        line.text("reason", Some(self.reason.as_str()));
        if let Some(status) = self.status {
            line.raw("status", &status.to_string());
        }
        if self.in_band {
            line.raw("in_band", "true");
        }
        line.text("resource", self.resource.as_deref());
        line.text("method", self.method.as_deref());
        line.text("target", self.target.as_deref());
        line.text("subject", self.subject_as(subject).as_deref());
        if let Some(caller) = &self.caller {
            let mut actors = caller.actors().map(|actor| shown(actor, caller, subject));
            line.text("actor", actors.next().as_deref());
            let prior: Vec<_> = actors.take(MAX_ACTORS).collect();
            if !prior.is_empty() {
                line.list("actors", prior.iter().map(|actor| &**actor));
            }
            line.text("client", caller.client());
            line.text("issuer", Some(caller.issuer()));
            line.list("scopes", caller.scopes().iter().map(String::as_str));
        }
        if self.decision != Decision::Allow && (self.caller.is_some() || !self.required.is_empty()) {
            line.list("required", self.required.iter().map(String::as_str));
            line.list("missing", self.missing.iter().map(String::as_str));
        }
        if let Some(refused) = &self.refused {
            line.text("detail", Some(&refused.detail));
            if let Some(claimed) = &refused.claimed {
                line.raw("claimed", claimed);
            }
        }
        line.text("matrix_row", self.matrix_row.as_deref());
        line.text("jti", self.caller.as_ref().and_then(AccessToken::id));
        if let Some(arguments) = &self.arguments {
            line.raw("arguments", arguments);
        }
        line.text("request_id", self.request_id.as_deref());
        line.text("trace_id", self.trace_id.as_deref());
        line.text("protocol_version", self.protocol_version.as_deref());
        stamp.add(&mut line);
        line.finish()
    }

    /// The filter state for access logs, as names and values.
    pub fn filter_state(&self, subject: SubjectForm) -> impl DoubleEndedIterator<Item = (&'static str, Cow<'_, str>)> {
        fn plain(value: &str) -> Cow<'_, str> {
            printable(value, MAX_STATE)
        }
        let all = self.shown == FilterState::All;
        let subject = self.subject_as(subject).filter(|_| all).map(|subject| match subject {
            Cow::Borrowed(subject) => plain(subject),
            Cow::Owned(subject) => Cow::Owned(plain(&subject).into_owned()),
        });
        let values = [
            ("toolgate_decision", Some(plain(self.decision.as_str()))),
            ("toolgate_reason", Some(plain(self.reason.as_str()))),
            ("toolgate_method", self.method.as_deref().map(plain)),
            ("toolgate_target", self.target.as_deref().map(plain)),
            ("toolgate_subject", subject),
            ("toolgate_client", self.caller.as_ref().and_then(AccessToken::client).map(plain)),
            ("toolgate_decision_id", Some(plain(self.decision_id.as_str()))),
        ];
        let most = match self.shown {
            FilterState::All => values.len(),
            FilterState::Decision => 1,
            FilterState::None => 0,
        };
        values.into_iter().take(most).filter_map(|(name, value)| Some((name, value?)))
    }

    fn subject_as(&self, form: SubjectForm) -> Option<Cow<'_, str>> {
        let caller = self.caller.as_ref()?;
        Some(shown(caller.subject()?, caller, form))
    }
}

/// A subject of the issuer of `caller`, in this form.
fn shown<'s>(subject: &'s str, caller: &AccessToken, form: SubjectForm) -> Cow<'s, str> {
    match form {
        SubjectForm::Plain => Cow::Borrowed(subject),
        SubjectForm::Hash => {
            let issuer = caller.issuer();
            // Neither value can contain the separator, so two different pairs never have the same text.
            let digest = Sha256::digest(format!("{issuer}\u{0}{subject}"));
            let hex = digest.iter().take(16).fold("sha256:".to_owned(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            Cow::Owned(hex)
        }
    }
}

/// Escapes `text` for one log line. Everything that is logged passes through here, so that text from a caller, a
/// server, a control plane or an issuer cannot end the line, control a terminal, or imitate a record.
///
/// In a record, escaped characters are inside JSON strings, and the escapes are valid JSON.
pub fn log_line(text: &str) -> Cow<'_, str> {
    let prefix = [LINE_PREFIX, EVENT_PREFIX].into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or_default();
    let rest = text.get(prefix.len()..).unwrap_or_default();
    if !prefix.is_empty() && is_printable(rest.as_bytes()) && !holds(rest.as_bytes(), b"toolgate", b'.') {
        return Cow::Borrowed(text);
    }
    let rest = if prefix.is_empty() { truncate(rest, MAX_LINE) } else { rest };
    Cow::Owned(escaped(prefix, rest))
}

/// `prefix` and the escaped `rest`.
#[inline(never)]
fn escaped(prefix: &str, rest: &str) -> String {
    let mut line = String::with_capacity(prefix.len() + rest.len());
    line.push_str(prefix);
    for (at, c) in rest.char_indices() {
        // Log processors search for these prefixes anywhere in a line.
        let is_prefix = || {
            let after = rest.get(at + 1..).unwrap_or_default();
            line.ends_with("toolgate") && ["audit", "event"].iter().any(|kind| after.starts_with(kind))
        };
        if c == '.' && is_prefix() {
            line.push_str("\\u002e");
        } else {
            push_visible(&mut line, c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;
    use crate::token::Assumed;

    const AT: Stamp<'_> = Stamp { now: UnixTime::from_millis(1_795_867_200_007), node: Some("edge-1") };

    fn record() -> Record {
        Record {
            resource: Some("https://m/mcp".into()),
            target: Some("a\nb\u{202e}\"\u{2028}\u{e0041}".into()),
            caller: Some(AccessToken::of("https://as", "alice", &["a"])),
            ..Record::new(DecisionIds::new(1).next_id(), Decision::Deny, Reason::Unlisted)
        }
    }

    #[test]
    fn a_line_is_one_json_object_on_one_line() {
        let line = record().line(SubjectForm::Plain, &AT);
        let json: serde_json::Value = serde_json::from_str(line.strip_prefix("toolgate.audit ").unwrap()).unwrap();
        assert_eq!(json["target"], "a\nb\u{202e}\"\u{2028}\u{e0041}");
        assert_eq!(json["required"], serde_json::json!([]));
        assert!(json.get("status").is_none() && json.get("jti").is_none());
        assert_eq!((&json["time"], &json["node"]), (&"2026-11-28T12:00:00.007Z".into(), &"edge-1".into()));
        assert!(line.is_ascii() && !line.contains('\n'), "{line}");
    }

    #[test]
    fn no_text_ends_its_line_or_looks_like_a_record() {
        const CASES: &[(&str, &str)] = &[
            ("configuration: plain", "configuration: plain"),
            ("state x\ntoolgate.audit {\"a\":1}", "state x\\u000atoolgate\\u002eaudit {\"a\":1}"),
            ("state toolgate.audit {}", "state toolgate\\u002eaudit {}"),
            ("state tool\u{200b}gate.event {}", "state tool\\u200bgate.event {}"),
            ("toolgate.event {\"a\":\"toolgate.audit {}\"}", "toolgate.event {\"a\":\"toolgate\\u002eaudit {}\"}"),
            ("toolgate.audit {\"a\":\"toolgate.event\"}", "toolgate.audit {\"a\":\"toolgate\\u002eevent\"}"),
            ("toolgate.audit {\"a\":\"\\\\toolgate.audit\"}", "toolgate.audit {\"a\":\"\\\\toolgate\\u002eaudit\"}"),
            ("toolgate.audit {\"a\":\"toolgate.example\"}", "toolgate.audit {\"a\":\"toolgate.example\"}"),
            ("toolgate.event {\"a\":\"\u{202e}\u{2028}\u{85}\"}", "toolgate.event {\"a\":\"\\u202e\\u2028\\u0085\"}"),
            ("\r\u{7f}\u{9b}31m\u{1b}[2J\u{2066}\u{e0001}", "\\u000d\\u007f\\u009b31m\\u001b[2J\\u2066\\udb40\\udc01"),
        ];
        for (text, expected) in CASES {
            assert_eq!(log_line(text), *expected);
        }
        assert!(log_line(&"\n".repeat(10_000)).len() <= 6 * MAX_LINE);
    }

    #[test]
    fn strings_are_cut() {
        let long = Record { target: Some("é".repeat(1000)), ..record() };
        assert!(long.line(SubjectForm::Plain, &AT).len() < 800);
        assert!(long.filter_state(SubjectForm::Plain).all(|(_, value)| value.len() <= 256 && value.is_ascii()));
    }

    #[test]
    fn a_hashed_subject_is_equal_for_equal_subjects_only() {
        let hashed = |subject: &str| {
            let caller = Some(AccessToken::of("https://as", subject, &[]));
            Record { caller, ..record() }.subject_as(SubjectForm::Hash).map(Cow::into_owned)
        };
        assert_eq!(hashed("alice"), hashed("alice"));
        assert_ne!(hashed("alice"), hashed("bob"));
        assert!(!record().line(SubjectForm::Hash, &AT).contains("alice"));
    }

    #[test]
    fn actors_are_hashed_as_subjects_are() {
        let claims: Node =
            serde_json::from_str(r#"{"sub":"agent","act":{"sub":"alice","act":{"sub":"bob"}}}"#).unwrap();
        let caller =
            Assumed { subject: Some("alice".into()), claims: vec![("act".into(), claims)], ..Assumed::default() };
        let record = Record { caller: Some(AccessToken::assumed(caller)), ..record() };
        let read = |form| {
            let line = record.line(form, &AT);
            serde_json::from_str::<serde_json::Value>(line.strip_prefix(LINE_PREFIX).unwrap()).unwrap()
        };
        let (plain, hashed) = (read(SubjectForm::Plain), read(SubjectForm::Hash));
        assert_eq!((&plain["actor"], &plain["actors"]), (&"agent".into(), &serde_json::json!(["alice", "bob"])));
        assert_eq!(hashed["actors"][0], hashed["subject"], "equal for equal subjects of the issuer");
        let texts = [&hashed["actor"], &hashed["actors"][0], &hashed["actors"][1]];
        assert!(texts.iter().all(|text| text.as_str().is_some_and(|text| text.starts_with("sha256:"))), "{hashed}");
    }
}
