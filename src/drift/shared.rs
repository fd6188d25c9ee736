//! Drift state that the workers of a host share, so that each finding is reported once.
//!
//! ```text
//! {"tools": {<the live tools that differ, as a manifest>}, "told": ["<finding> <when>", ...], "granted": ["<scope>", ...],
//!  "settled": ["<tool> <when the list that shows it as approved was asked for>", ...],
//!  "asked": ["<request for a list, to be answered on a stream>", ...],
//!  "listed": <whether any worker saw a complete list>}
//! ```
//!
//! Another version of the module may have written it, or a worker whose clock was wrong. It is parsed as strictly as a
//! manifest, each worker compares the tools itself, and a time in the future settles nothing.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::findings::{Report, Settled};
use super::{Finding, News};
use crate::index::Index;
use crate::json::Object;
use crate::manifest::Manifest;
use crate::node::Node;
use crate::time::UnixTime;

/// The maximum number of shared tools: all of the largest manifest.
const MAX_TOOLS: usize = crate::manifest::MAX_TOOLS;
/// The maximum number of scopes and of reported findings. Beyond it, the oldest may be reported again.
const MAX_TOLD: usize = 1024;
/// A finding that is new to a worker is not reported again for this long. It may have been gone in between: lists of
/// different callers may show it in turn, and the log must not fill with it.
const QUIET: Duration = Duration::from_secs(3600);
/// The maximum number of settled tools. Beyond it, the oldest may be reported again.
const MAX_SETTLED: usize = 1024;
/// The maximum number of announced requests. Beyond it, the oldest is not announced.
const MAX_ASKED: usize = 64;

/// Shared state of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedDrift {
    /// Live tools that differ from the manifest.
    pub live: Manifest,
    /// Scopes that a token had.
    pub granted: Vec<String>,
    /// Reported findings: a hash of the subject, a hash of the finding, and the time in milliseconds.
    pub told: Vec<String>,
    /// Settled tools: a hash of the name, then the time in milliseconds.
    pub settled: Vec<String>,
    /// Announced requests for lists, whose responses may arrive on another worker's stream.
    pub asked: Vec<String>,
    /// Whether any worker has seen a complete list.
    pub listed: bool,
}

impl SharedDrift {
    /// Reads what another worker wrote. Invalid or missing data says nothing; in particular not that no tool differs.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let node = Node::from_json(bytes).ok()?;
        let texts = |name: &str| {
            let items = node.member(name).and_then(Node::as_list).unwrap_or_default();
            items.iter().filter_map(Node::as_text).map(str::to_owned).take(MAX_TOLD).collect::<Vec<_>>()
        };
        let settled = texts("settled");
        let live = Manifest::read(&node).ok()?.first(MAX_TOOLS);
        let listed = node.member("listed") == Some(&Node::Bool(true));
        Some(Self { live, granted: texts("granted"), told: texts("told"), settled, asked: texts("asked"), listed })
    }

    /// Encodes the state for other workers.
    pub fn encode(&self) -> String {
        let tools = self.live.tools_json();
        let mut out = Object::new();
        out.raw("tools", &tools);
        out.list("told", self.told.iter().map(String::as_str));
        out.list("settled", self.settled.iter().map(String::as_str));
        out.list("granted", self.granted.iter().map(String::as_str));
        out.list("asked", self.asked.iter().map(String::as_str));
        out.raw("listed", if self.listed { "true" } else { "false" });
        out.finish()
    }

    /// Merges a worker's news. Returns the findings that no worker has reported lately, and the settled tools.
    pub fn merge(&mut self, news: &News, now: UnixTime) -> Report {
        self.listed |= news.listed;
        self.asked.extend(news.asked.iter().cloned());
        self.asked.retain(|own| !news.answered.iter().any(|key| own.starts_with(key)));
        self.asked.drain(..self.asked.len().saturating_sub(MAX_ASKED));
        let settled = self.settle(&news.settled);
        for scope in &news.granted {
            if self.granted.len() < MAX_TOLD && !self.granted.contains(scope) {
                self.granted.push(scope.clone());
            }
        }
        let mut new = Vec::new();
        for finding in &news.found {
            let id = id(finding);
            let own = |told: &String| told.strip_prefix(&id).map(|at| at.trim_start().parse().unwrap_or_default());
            let place = self.told.iter().position(|told| own(told).is_some());
            let at = place.and_then(|place| own(self.told.get(place)?));
            // A time in the future means that the clock was set back.
            if at.is_some_and(|at| now.within(QUIET, UnixTime::from_millis(at))) {
                continue;
            }
            if let Some(place) = place.or((self.told.len() >= MAX_TOLD).then_some(0)) {
                self.told.remove(place);
            }
            self.told.push(format!("{id} {}", now.as_millis()));
            new.push(finding.clone());
        }
        // If two tools have one name, the first, newer one wins.
        let all = news.live.iter().take(MAX_TOOLS).chain(self.live.tools()).cloned().collect();
        self.live = Manifest::of(all).first(MAX_TOOLS);
        Report { found: new, settled }
    }

    /// Records settled tools, so that another change of one is reported. Returns those that had been reported.
    fn settle(&mut self, tools: &[Settled]) -> Vec<String> {
        if tools.is_empty() {
            return Vec::new();
        }
        // In one pass, because a large manifest may settle at once.
        let about = Index::new(tools.iter().map(|settled| hash(&settled.tool)));
        let of = |id: &String| id.get(..HASH).and_then(|about_one| about.place(about_one));
        let mut told = vec![false; tools.len()];
        self.told.retain(|id| {
            of(id).and_then(|place| told.get_mut(place)).is_none_or(|told| {
                *told = true;
                false
            })
        });
        self.settled.retain(|id| of(id).is_none());
        self.settled.extend(tools.iter().map(|settled| format!("{} {}", hash(&settled.tool), settled.at.as_millis())));
        self.settled.drain(..self.settled.len().saturating_sub(MAX_SETTLED));
        let names = Index::new(tools.iter().map(|settled| settled.tool.clone()));
        let rest = self.live.tools().iter().filter(|own| !names.contains(&own.name)).cloned().collect();
        self.live = Manifest::of(rest);
        tools.iter().zip(told).filter(|(_, told)| *told).map(|(settled, _)| settled.tool.clone()).collect()
    }

    /// For each settled tool, when the list that settled it was requested.
    pub fn settled(&self) -> SettledAt {
        let read = |id: &String| Some((id.get(..HASH)?.to_owned(), id.get(HASH + 1..)?.parse::<u64>().ok()?));
        let (names, times) = self.settled.iter().filter_map(read).unzip::<_, _, Vec<_>, _>();
        SettledAt { places: Index::new(names.into_iter()), times }
    }
}

/// Settled tools with times.
#[derive(Debug)]
pub struct SettledAt {
    places: Index,
    times: Vec<u64>,
}

impl SettledAt {
    /// The time for the tool with this name.
    pub fn at(&self, tool: &str) -> Option<UnixTime> {
        let place = self.places.place(&hash(tool))?;
        self.times.get(place).copied().map(UnixTime::from_millis)
    }
}

/// Hexadecimal digits per hash.
const HASH: usize = 16;

fn id(finding: &Finding) -> String {
    hash(&finding.about) + &hash(&format!("{} {}", finding.code, finding.state))
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(HASH / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Tool;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(seconds * 1000)
    }

    fn news(found: &[(&str, &'static str, &str)], settled: &[&str]) -> News {
        let finding = |(about, code, state): &(&str, &'static str, &str)| Finding {
            about: (*about).to_owned(),
            code,
            state: (*state).to_owned(),
        };
        let live = found.iter().map(|(about, ..)| Tool::unreadable(about)).collect();
        News {
            found: found.iter().map(finding).collect(),
            settled: settled
                .iter()
                .map(|tool| Settled { tool: (*tool).to_owned(), at: UnixTime::from_millis(7) })
                .collect(),
            live,
            ..News::default()
        }
    }

    #[test]
    fn each_change_is_news_once_and_again_after_it_was_settled() {
        let mut shared = SharedDrift::default();
        let changed = [("a", "description_changed", "sha256:1")];
        let steps = [
            (news(&changed, &[]), 1, 0),
            (news(&changed, &[]), 0, 0),
            (news(&[("a", "description_changed", "sha256:2")], &[]), 1, 0),
            (news(&[("b", "description_changed", "sha256:1")], &[]), 1, 0),
            (news(&[], &["a", "never seen"]), 0, 1),
            (news(&changed, &[]), 1, 0),
        ];
        for (n, (news, found, settled)) in steps.into_iter().enumerate() {
            // Another worker reads what the last one wrote.
            shared = SharedDrift::decode(shared.encode().as_bytes()).unwrap();
            let report = shared.merge(&news, at(n as u64));
            assert_eq!((report.found.len(), report.settled.len()), (found, settled), "step {n}");
        }
        assert_eq!(shared.live.tools().iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_finding_that_comes_back_is_news_after_an_hour_and_whenever_the_clock_was_set_back() {
        let finding = news(&[("a", "rule_without_tool", "")], &[]);
        let mut shared = SharedDrift::default();
        for (seconds, is_news) in [
            (5_000, true),
            (5_001, false),
            (8_599, false),
            (8_600, true),
            (8_601, false),
            (8_000, true),
            (8_001, false),
        ] {
            shared = SharedDrift::decode(shared.encode().as_bytes()).unwrap();
            assert_eq!(shared.merge(&finding, at(seconds)).found.len(), usize::from(is_news), "{seconds}");
            assert_eq!(shared.told.len(), 1);
        }
        for left in ["", " ", " x", "1", " 99999999999999999999"] {
            shared.told[0].truncate(2 * HASH);
            shared.told[0].push_str(left);
            assert_eq!(shared.merge(&finding, at(9_000)).found.len(), 1, "{left:?}");
        }
    }

    #[test]
    fn a_request_is_shared_until_it_is_answered() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut shared = SharedDrift::default();
        shared.merge(&News { asked: texts(&["a 1", "b 1 x"]), ..News::default() }, at(0));
        shared = SharedDrift::decode(shared.encode().as_bytes()).unwrap();
        shared.merge(&News { asked: texts(&["c 1"]), answered: texts(&["a"]), ..News::default() }, at(0));
        assert_eq!(shared.asked, ["b 1 x", "c 1"]);
        (0..100).for_each(|n| drop(shared.merge(&News { asked: vec![n.to_string()], ..News::default() }, at(0))));
        assert_eq!((shared.asked.len(), shared.asked.last().unwrap().as_str()), (MAX_ASKED, "99"));
    }

    #[test]
    fn what_cannot_be_read_says_nothing_and_what_is_kept_is_bounded() {
        for bytes in ["", "{", "[]", "{}", r#"{"told":[1,"x"]}"#, r#"{"tools":[],"told":null}"#] {
            assert_eq!(SharedDrift::decode(bytes.as_bytes()), None, "{bytes}");
        }
        let mut shared = SharedDrift::default();
        for n in 0..2_000 {
            shared.merge(&news(&[(&n.to_string(), "tool_added", "")], &[]), at(0));
        }
        assert_eq!(shared.told.len(), MAX_TOLD);
    }
}
