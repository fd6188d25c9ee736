//! Findings about a server's tools, and the comparison of a complete list.

use super::chain::Whole;
use crate::config::Resource;
use crate::index::sorted;
use crate::manifest::{Change, Tool};
use crate::pattern::Pattern;
use crate::time::UnixTime;

/// As many findings are reported of one list. One that differs in more is another server's, and the first ones say so.
pub const MAX_FINDINGS: usize = 64;

/// With as many names a pattern is compared: it is one look of many, and a list may be long.
const MAX_COMPARED: usize = 1_000;

/// One thing found, to be reported once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The tool or the rule.
    pub about: String,
    /// A stable code.
    pub code: &'static str,
    /// Tells one state from another: of a change, the digest of what is live now.
    pub state: String,
}

impl Finding {
    /// A finding that has one state only.
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

/// A tool that is as approved again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its name.
    pub tool: String,
    /// When the list that shows it so was asked for. Whoever saw the tool differ later than that does not know which
    /// came first.
    pub at: UnixTime,
}

/// The findings about one resource that are to be logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Findings that no worker reported before.
    pub found: Vec<Finding>,
    /// The tools that are as approved again.
    pub settled: Vec<String>,
}

/// The findings about a complete list: names given twice, tools without a rule, rules without a tool, tools that are gone.
pub fn of_list(settings: &Resource, list: &Whole) -> Vec<Finding> {
    let rules = &settings.policy.tools;
    let names = &list.names;
    let without_rule =
        names.iter().filter(|name| !rules.lists(name)).map(|name| Finding::new(name, "tool_without_rule"));
    // No more than can be told: a list may be long, and each look at the rules costs.
    let without_rule = without_rule.take(MAX_FINDINGS);
    let has_tool = |rule: &Pattern| match rule.is_exact() {
        true => list.has(rule.as_str()),
        // The names are sorted: those that begin as the pattern does stand together.
        false => {
            let first = names.partition_point(|name| name.as_str() < rule.prefix());
            let mut alike = names.iter().skip(first).take_while(|name| name.starts_with(rule.prefix()));
            let found = alike.by_ref().take(MAX_COMPARED).any(|name| rule.matches(name));
            // A name that was not compared may match.
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
    // Of an approved tool that is told at once.
    let unknown = |name: &&String| settings.manifest.as_ref().is_none_or(|manifest| manifest.tool(name).is_none());
    let repeated = list.repeated.iter().filter(unknown).map(|name| of(name, Change::Repeated)).take(MAX_FINDINGS);
    let found = without_rule.chain(without_tool).chain(added).chain(gone).chain(repeated).collect();
    let mut found = sorted(found, |finding: &Finding| format!("{}\n{}", finding.about, finding.code));
    found.truncate(MAX_FINDINGS);
    found
}
