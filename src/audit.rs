//! Records: one audit line per decision, and the same facts for access logs.

pub mod sink;

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::config::SubjectForm;
use crate::json::Object;
use crate::text::printable;

/// Strings in records are cut here.
const MAX_TEXT: usize = 512;
/// Values for access logs are cut here.
const MAX_STATE: usize = 256;

/// Makes decision ids: 128 bits, different for every decision of every worker.
#[derive(Clone, Copy, Debug)]
pub struct DecisionIds {
    seed: u64,
    count: u64,
}

impl DecisionIds {
    /// Ids that follow from `seed`, which must differ between workers.
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    /// The next id.
    pub fn next_id(&mut self) -> String {
        self.count += 1;
        format!("{:016x}{:016x}", mix(self.seed), mix(self.seed ^ mix(self.count)))
    }
}

/// The finaliser of SplitMix64: spreads every bit over all.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request goes on.
    Allow,
    /// It does not.
    Deny,
    /// It goes on, but would not outside shadow mode.
    ShadowDeny,
}

impl Decision {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::ShadowDeny => "shadow_deny",
        }
    }
}

/// One decision, with all that is known of it. Never a token or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Record {
    pub decision_id: String,
    pub decision: Decision,
    /// A stable code.
    pub reason: &'static str,
    /// Of toolgate's own answer.
    pub status: Option<u16>,
    /// The resource's identifier; without one, there is no audit line.
    pub resource: Option<String>,
    /// The MCP method, or the HTTP method of a request without a message.
    pub method: Option<String>,
    pub target: Option<String>,
    pub subject: Option<String>,
    pub client: Option<String>,
    pub issuer: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub required: Vec<String>,
    pub missing: Vec<String>,
    pub matrix_row: Option<String>,
    pub jti: Option<String>,
    pub request_id: Option<String>,
    pub protocol_version: Option<String>,
}

impl Record {
    /// A record of nothing but the decision.
    pub fn new(decision_id: String, decision: Decision, reason: &'static str) -> Self {
        Self {
            decision_id,
            decision,
            reason,
            status: None,
            resource: None,
            method: None,
            target: None,
            subject: None,
            client: None,
            issuer: None,
            scopes: None,
            required: Vec::new(),
            missing: Vec::new(),
            matrix_row: None,
            jti: None,
            request_id: None,
            protocol_version: None,
        }
    }

    /// The audit line.
    pub fn line(&self, subject: SubjectForm) -> String {
        format!("toolgate.audit {}", self.json(subject))
    }

    /// The record as a JSON object on one line. What is not known is left out.
    pub fn json(&self, subject: SubjectForm) -> String {
        let mut line = Object::with_strings_cut_at(MAX_TEXT);
        line.text("decision_id", Some(&self.decision_id));
        line.text("decision", Some(self.decision.as_str()));
        line.text("reason", Some(self.reason));
        if let Some(status) = self.status {
            line.raw("status", &status.to_string());
        }
        line.text("resource", self.resource.as_deref());
        line.text("method", self.method.as_deref());
        line.text("target", self.target.as_deref());
        line.text("subject", self.subject_as(subject).as_deref());
        line.text("client", self.client.as_deref());
        line.text("issuer", self.issuer.as_deref());
        if let Some(scopes) = &self.scopes {
            line.list("scopes", scopes.iter().map(String::as_str));
        }
        if self.decision != Decision::Allow && self.scopes.is_some() {
            line.list("required", self.required.iter().map(String::as_str));
            line.list("missing", self.missing.iter().map(String::as_str));
        }
        line.text("matrix_row", self.matrix_row.as_deref());
        line.text("jti", self.jti.as_deref());
        line.text("request_id", self.request_id.as_deref());
        line.text("protocol_version", self.protocol_version.as_deref());
        line.finish()
    }

    /// The filter state for access logs: names and values.
    pub fn filter_state(&self, subject: SubjectForm) -> Vec<(&'static str, String)> {
        let subject = self.subject_as(subject);
        let values = [
            ("toolgate_decision", Some(self.decision.as_str())),
            ("toolgate_reason", Some(self.reason)),
            ("toolgate_method", self.method.as_deref()),
            ("toolgate_target", self.target.as_deref()),
            ("toolgate_subject", subject.as_deref()),
            ("toolgate_client", self.client.as_deref()),
            ("toolgate_decision_id", Some(self.decision_id.as_str())),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name, printable(value?, MAX_STATE)))).collect()
    }

    fn subject_as(&self, form: SubjectForm) -> Option<String> {
        let subject = self.subject.as_ref()?;
        Some(match form {
            SubjectForm::Plain => subject.clone(),
            SubjectForm::Hash => {
                let issuer = self.issuer.as_deref().unwrap_or_default();
                // The separator can stand in neither, so that two pairs never give one text.
                let digest = Sha256::digest(format!("{issuer}\u{0}{subject}"));
                digest.iter().take(16).fold("sha256:".to_owned(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02x}");
                    hex
                })
            }
        })
    }
}

/// A line for what happens after the decision.
pub fn event_line(event: &str, decision_id: Option<&str>, detail: &str) -> String {
    let mut line = Object::with_strings_cut_at(MAX_TEXT);
    line.text("event", Some(event));
    line.text("decision_id", decision_id);
    line.text("detail", Some(detail));
    format!("toolgate.event {}", line.finish())
}

/// A line for what was found of a server's tools.
pub fn drift_line(event: &str, resource: &str, code: &str, about: &str) -> String {
    let mut line = Object::with_strings_cut_at(MAX_TEXT);
    line.text("event", Some(event));
    line.text("resource", Some(resource));
    line.text("detail", Some(code));
    line.text("target", Some(about));
    format!("toolgate.event {}", line.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            resource: Some("https://m/mcp".into()),
            target: Some("a\nb\u{202e}\"\u{2028}\u{e0041}".into()),
            subject: Some("alice".into()),
            issuer: Some("https://as".into()),
            scopes: Some(vec!["a".into()]),
            ..Record::new("id".into(), Decision::Deny, "unlisted")
        }
    }

    #[test]
    fn a_line_is_one_json_object_on_one_line() {
        let line = record().line(SubjectForm::Plain);
        let json: serde_json::Value = serde_json::from_str(line.strip_prefix("toolgate.audit ").unwrap()).unwrap();
        assert_eq!(json["target"], "a\nb\u{202e}\"\u{2028}\u{e0041}");
        assert_eq!(json["required"], serde_json::json!([]));
        assert!(json.get("status").is_none() && json.get("jti").is_none());
        assert!(line.is_ascii() && !line.contains('\n'), "{line}");
    }

    #[test]
    fn strings_are_cut() {
        let long = Record { target: Some("é".repeat(1000)), ..record() };
        assert!(long.line(SubjectForm::Plain).len() < 800);
        assert!(long.filter_state(SubjectForm::Plain).iter().all(|(_, value)| value.len() <= 256 && value.is_ascii()));
    }

    #[test]
    fn a_hashed_subject_is_equal_for_equal_subjects_only() {
        let hashed = |subject: &str| Record { subject: Some(subject.into()), ..record() }.subject_as(SubjectForm::Hash);
        assert_eq!(hashed("alice"), hashed("alice"));
        assert_ne!(hashed("alice"), hashed("bob"));
        assert!(!record().line(SubjectForm::Hash).contains("alice"));
    }

    #[test]
    fn decision_ids_differ_within_and_between_workers() {
        let ids: std::collections::BTreeSet<_> = [1, 2]
            .into_iter()
            .flat_map(|seed| std::iter::repeat_n(DecisionIds::new(seed), 1))
            .flat_map(|mut ids| (0..100).map(move |_| ids.next_id()))
            .collect();
        assert_eq!(ids.len(), 200);
    }
}
