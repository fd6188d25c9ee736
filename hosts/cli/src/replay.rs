//! `toolgate replay`: which recorded decisions another policy would change.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use toolgate::caller::Caller;
use toolgate::config::{Config, Resource};
use toolgate::policy::{Authentication, Occasion, Revocation, Scenario};
use toolgate::reason::{Family, Reason};
use toolgate::time::UnixTime;

use crate::ask::{Target, ask};
use crate::output::{Report, Trouble, bad, columns, counted, good, read};
use crate::records::{Record, caller, safe, target};
use crate::source::ConfigArgument;

/// Decides recorded requests again, and shows which decisions change
#[derive(Args)]
#[command(after_help = "\
A record contains the caller's subject, client, issuer and scopes, but neither claims nor the message. If a scenario tests \
a claim, or a subject that was recorded as a digest, it is unknown whether it applies to the caller. Such records are \
only counted.

Example:
  toolgate replay toolgate.yaml envoy.log")]
pub struct Replay {
    #[command(flatten)]
    config: ConfigArgument,
    /// A log with `toolgate.audit` lines; other lines and prefixes are ignored; `-` for standard input
    log: PathBuf,
    /// Print the changes as JSON
    #[arg(long)]
    json: bool,
}

/// The result of replaying a record.
enum Replayed {
    /// The decision and its reason are the same.
    Same,
    Changed(Change),
    /// The request was decided before the policy: by its token, message or path.
    NotThePolicys,
    /// This configuration lacks the record's resource or issuer.
    Foreign,
    /// The record lacks information that the policy needs.
    Unknown,
    /// The record is truncated.
    Cut,
}

/// A change. Equal changes are counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    was: String,
    now: String,
    method: String,
    target: String,
    subject: String,
    client: String,
}

#[derive(Default)]
struct Counts {
    lines: usize,
    same: usize,
    not_the_policys: usize,
    foreign: usize,
    unknown: usize,
    cut: usize,
}

impl Replay {
    pub fn run(self) -> Result<Report, Trouble> {
        let config = self.config.load()?;
        let bytes = read(&self.log)?;
        let (mut counts, mut changes) = (Counts::default(), BTreeMap::<Change, usize>::new());
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let Some(record) = Record::of_line(&line) else { continue };
            counts.lines += 1;
            match record.map_or(Replayed::Cut, |record| replay(&config, record)) {
                Replayed::Same => counts.same += 1,
                Replayed::Changed(change) => *changes.entry(change).or_default() += 1,
                Replayed::NotThePolicys => counts.not_the_policys += 1,
                Replayed::Foreign => counts.foreign += 1,
                Replayed::Unknown => counts.unknown += 1,
                Replayed::Cut => counts.cut += 1,
            }
        }
        let text = if self.json { as_json(&counts, &changes) } else { words(&counts, &changes) };
        Ok(Report { text, notes: String::new(), is_well: changes.is_empty() })
    }
}

fn replay(config: &Config, record: Record) -> Replayed {
    let is_policys = match Reason::parse(&record.reason).map(Reason::family) {
        Some(Family::Allowed | Family::Policy) => record.scopes.is_some() || record.reason == Reason::Public.as_str(),
        // Claims, arguments and the approval state of tools are not recorded.
        Some(Family::Condition) => return Replayed::Unknown,
        Some(Family::Routing | Family::Credentials | Family::Token | Family::Proof | Family::Outage) => false,
        Some(Family::Request | Family::Message | Family::Host | Family::Answer) => false,
        // A reason of another version of toolgate.
        None => false,
    };
    if !is_policys {
        return Replayed::NotThePolicys;
    }
    let resource = config.resources.iter().find(|resource| resource.identifier.as_str() == record.resource);
    let (Some(resource), Some(caller)) = (resource, caller(config, &record)) else { return Replayed::Foreign };
    let target = target(&record);
    if depends_on_more(resource, &caller) || has_conditions(resource, &target) {
        return Replayed::Unknown;
    }
    let ruling = ask(config, resource, &caller, &target, &Occasion::at(UnixTime::default()));
    if ruling.decision.as_str() == record.decision && ruling.reason.as_str() == record.reason {
        return Replayed::Same;
    }
    Replayed::Changed(Change {
        was: format!("{} ({})", record.decision, record.reason),
        now: format!("{} ({})", ruling.decision.as_str(), ruling.reason),
        method: record.method,
        target: record.target.unwrap_or_default(),
        subject: record.subject.unwrap_or_default(),
        client: record.client.unwrap_or_default(),
    })
}

/// Whether a rule tests something that is not recorded: arguments, or the user's authentication.
fn has_conditions(resource: &Resource, target: &Target) -> bool {
    let rules = crate::summary::rules_for(&resource.policy, target);
    rules.iter().any(|rule| !rule.arguments.is_empty() || rule.authentication != Authentication::default())
}

/// Whether a scenario may apply to this caller, depending on something that is not recorded.
fn depends_on_more(resource: &Resource, caller: &Caller) -> bool {
    let Some(caller) = caller.token() else { return false };
    let is_hashed = |subject: Option<&str>| subject.is_some_and(|subject| subject.starts_with("sha256:"));
    // The time of issue is not recorded.
    let by_time = |entry: &Revocation| entry.issued_before.is_some() && entry.who.selects(caller, Some(""));
    if resource.policy.revoked.iter().any(by_time) {
        return true;
    }
    let hashed = is_hashed(caller.subject()) || is_hashed(caller.actors().next());
    resource.policy.matrix.iter().any(|scenario| {
        let hides = !scenario.claims.is_empty()
            || (hashed && (scenario.who.subjects.is_some() || scenario.who.actors.is_some()));
        let mut visible = Scenario { claims: Vec::new(), ..scenario.clone() };
        if hashed {
            (visible.who.subjects, visible.who.actors) = (None, None);
        }
        hides && visible.selects(&caller.into())
    })
}

fn words(counts: &Counts, changes: &BTreeMap<Change, usize>) -> String {
    let mut text = String::new();
    let mut sorted: Vec<_> = changes.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    if !sorted.is_empty() {
        let titles = ["times", "recorded", "now", "what", "who"].map(str::to_owned).to_vec();
        let row = |(change, count): &(&Change, &usize)| {
            let what = format!("{} {}", change.method, change.target).trim_end().to_owned();
            let client = if change.client.is_empty() { String::new() } else { format!(" through {}", change.client) };
            let who = format!("{}{client}", change.subject);
            vec![count.to_string(), change.was.clone(), change.now.clone(), safe(&what), safe(&who)]
        };
        let rows: Vec<_> = std::iter::once(titles).chain(sorted.iter().map(row)).collect();
        text.push_str(&columns(&rows, |row, column, cell| match column {
            2 if row > 0 && cell.starts_with("allow") => good(cell),
            2 if row > 0 => bad(cell),
            _ => cell.to_owned(),
        }));
        text.push('\n');
    }
    let changed: usize = changes.values().sum();
    let _ = write!(text, "{}: {} the same, {changed} changed", counted(counts.lines, "record"), counts.same);
    for (count, what) in [
        (counts.not_the_policys, "decided before the policy"),
        (counts.foreign, "of other resources or issuers"),
        (counts.unknown, "not told by the record"),
        (counts.cut, "cut"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text.push('\n');
    text
}

fn as_json(counts: &Counts, changes: &BTreeMap<Change, usize>) -> String {
    let change = |(change, count): (&Change, &usize)| {
        json!({
            "count": count, "was": change.was, "now": change.now, "method": change.method, "target": change.target,
            "subject": change.subject, "client": change.client,
        })
    };
    let document = json!({
        "records": counts.lines, "same": counts.same, "changed": changes.values().sum::<usize>(),
        "before_the_policy": counts.not_the_policys, "foreign": counts.foreign, "unknown": counts.unknown,
        "cut": counts.cut, "changes": changes.iter().map(change).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}
