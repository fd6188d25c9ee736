//! Audit records in a log.

use serde::Deserialize;
use toolgate::bearer::NoCredentials;
use toolgate::caller::Caller;
use toolgate::config::Config;
use toolgate::mcp::TargetKind;
use toolgate::node::Node;
use toolgate::reason::Reason;
use toolgate::token::{AccessToken, Assumed, acting};

use crate::ask::Target;

/// The parts of a record that affect a decision.
#[derive(Clone, Deserialize)]
pub struct Record {
    pub time: Option<String>,
    pub decision: String,
    pub reason: String,
    pub resource: String,
    pub method: String,
    pub target: Option<String>,
    pub subject: Option<String>,
    pub client: Option<String>,
    pub actor: Option<String>,
    pub jti: Option<String>,
    pub issuer: Option<String>,
    pub scopes: Option<Vec<String>>,
}

/// A record that is truncated.
pub struct Cut;

impl Record {
    /// The record in a line of a log, or in a line that a sink gets. `None` for another line.
    pub fn of_line(line: &str) -> Option<Result<Self, Cut>> {
        /// Longer strings are truncated in records, at a character boundary.
        const WHOLE: usize = 508;
        let json = match line.split_once("toolgate.audit ") {
            Some((_, json)) => json,
            None if line.starts_with("{\"") && line.contains("\"decision\"") => line,
            None => return None,
        };
        // Other text may follow the object on its line.
        let Some(Ok(record)) = serde_json::Deserializer::from_str(json).into_iter::<Self>().next() else {
            return Some(Err(Cut));
        };
        let is_cut = record.target.as_ref().is_some_and(|target| target.len() > WHOLE);
        Some(if is_cut { Err(Cut) } else { Ok(record) })
    }

    /// The caller, in a table.
    pub fn who(&self) -> String {
        let subject = self.subject.as_deref().unwrap_or("(nobody)");
        let client = self.client.as_ref().map(|client| format!(" through {client}")).unwrap_or_default();
        safe(&format!("{subject}{client}"))
    }

    /// The method and target, in a table.
    pub fn what(&self) -> String {
        safe(format!("{} {}", self.method, self.target.as_deref().unwrap_or_default()).trim_end())
    }
}

/// The recorded caller.
pub fn caller(config: &Config, record: &Record) -> Option<Caller> {
    if record.reason == Reason::Public.as_str() {
        return Some(Caller::Anonymous(NoCredentials::assumed()));
    }
    let issuer = config.issuers.iter().find(|issuer| Some(&issuer.identifier) == record.issuer.as_ref())?;
    let id = record.jti.iter().map(|id| ("jti".to_owned(), Node::Text(id.clone())));
    let token = AccessToken::assumed(Assumed {
        issuer: issuer.identifier.clone(),
        issuer_name: issuer.name.clone(),
        subject: record.subject.clone(),
        client: record.client.clone(),
        scopes: record.scopes.clone()?,
        claims: record.actor.iter().map(|actor| acting(actor)).chain(id).collect(),
    });
    Some(token.into())
}

/// The recorded target.
pub fn target(record: &Record) -> Target {
    let target = record.target.clone().unwrap_or_default();
    match (TargetKind::of(&record.method), record.method.as_str()) {
        (TargetKind::Tool, _) => Target::Tool(target),
        (TargetKind::Prompt, _) => Target::Prompt(target),
        (TargetKind::OptionalResource | TargetKind::Resource, _) => Target::Resource(target),
        (TargetKind::Completion, _) => Target::Completion(target),
        // A URI contains no space.
        (TargetKind::Subscriptions, _) => Target::Subscriptions(target.split_whitespace().map(str::to_owned).collect()),
        (TargetKind::Method, "GET" | "HEAD" | "DELETE" | "response") => Target::Endpoint,
        (TargetKind::Method | TargetKind::Open | TargetKind::Task, method) => Target::Method(method.to_owned()),
    }
}

/// Replaces invisible characters for output to a terminal, because clients choose the text in records.
pub fn safe(text: &str) -> String {
    text.chars().map(|c| if toolgate::text::is_invisible(c) { '\u{fffd}' } else { c }).collect()
}
