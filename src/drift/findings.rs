//! Findings about a server's tools, and the comparison of a complete list.

use super::chain::Whole;
use crate::config::Resource;
use crate::index::sorted;
use crate::manifest::{Change, Tool};
use crate::pattern::Pattern;
use crate::time::UnixTime;

/// The maximum number of findings per list. A list with more differences belongs to another server, and the first
/// findings show that.
pub const MAX_FINDINGS: usize = 64;

/// The maximum number of names that a pattern is compared with. A list may be long, and there are many patterns.
const MAX_COMPARED: usize = 1_000;

/// A finding, to be reported once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The name of the tool or rule.
    pub about: String,
    /// The stable code.
    pub code: &'static str,
    /// Distinguishes states of one finding. For a change, the digest of the live value.
    pub state: String,
}

impl Finding {
    /// A finding with a single state.
    pub fn new(about: &str, code: &'static str) -> Self {
        Self { about: about.to_owned(), code, state: String::new() }
    }

    /// A change of a live tool.
    pub fn of(change: Change, live: &Tool) -> Self {
        let state = match change {
            Change::Title => &live.title,
            Change::Description => &live.description,
            Change::InputSchema => &live.input_schema,
            Change::Annotations => &live.annotations,
            Change::Definition => &live.definition,
            Change::Added | Change::Removed | Change::Repeated => &None,
        };
        Self { state: state.clone().unwrap_or_default(), ..Self::new(&live.name, change.code()) }
    }
}

/// A tool that matches its approved definition again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The name of the tool.
    pub tool: String,
    /// When the list that settles the tool was requested. A worker that saw the tool differ after this time cannot know
    /// which observation is newer.
    pub at: UnixTime,
}

/// The findings about one resource to log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Findings that no worker has reported.
    pub found: Vec<Finding>,
    /// Tools that match their approved definition again.
    pub settled: Vec<String>,
}

/// Compares a complete list: repeated names, tools without a rule, rules without a tool, added and removed tools.
pub fn of_list(settings: &Resource, list: &Whole) -> Vec<Finding> {
    let rules = &settings.policy.tools;
    let names = &list.names;
    let without_rule =
        names.iter().filter(|name| !rules.lists(name)).map(|name| Finding::new(name, "tool_without_rule"));
    // A list may be long, and each lookup of a rule costs time, so stop at the number that is reported.
    let without_rule = without_rule.take(MAX_FINDINGS);
    let has_tool = |rule: &Pattern| match rule.is_exact() {
        true => list.has(rule.as_str()),
        // The names are sorted, so names with the pattern's prefix are adjacent.
        false => {
            let first = names.partition_point(|name| name.as_str() < rule.prefix());
            let mut alike = names.iter().skip(first).take_while(|name| name.starts_with(rule.prefix()));
            let found = alike.by_ref().take(MAX_COMPARED).any(|name| rule.matches(name));
            // A name that was not compared might match.
            found || alike.next().is_some()
        }
    };
    let without_tool = rules.names().filter(|rule| !has_tool(rule));
    let without_tool = without_tool.map(|rule| Finding::new(rule.as_str(), "rule_without_tool"));
    let of = |name: &String, change: Change| Finding::new(name, change.code());
    let approved = settings.manifest.iter().flat_map(|manifest| manifest.tools());
    let is_new = |name: &&String| settings.manifest.as_ref().is_some_and(|manifest| manifest.tool(name).is_none());
    let added = names.iter().filter(is_new).map(|name| of(name, Change::Added)).take(MAX_FINDINGS);
    let gone = approved.filter(|tool| !list.has(&tool.name)).map(|tool| of(&tool.name, Change::Removed));
    // For approved tools, repetition is reported at once.
    let unknown = |name: &&String| settings.manifest.as_ref().is_none_or(|manifest| manifest.tool(name).is_none());
    let repeated = list.repeated.iter().filter(unknown).map(|name| of(name, Change::Repeated)).take(MAX_FINDINGS);
    let found = without_rule.chain(without_tool).chain(added).chain(gone).chain(repeated).collect();
    let mut found = sorted(found, |finding: &Finding| format!("{}\n{}", finding.about, finding.code));
    found.truncate(MAX_FINDINGS);
    found
}
