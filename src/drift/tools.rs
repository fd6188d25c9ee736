//! The approved tools of one server, as its lists show them.
//!
//! A difference counts at once, in any list. A match counts only in one caller's complete list, and only if no
//! difference was seen after that list was requested. So a second list, in the same response or on another stream,
//! cannot undo a difference.

use super::chain::{Moment, Whole};
use super::findings::{Finding, Settled};
use super::shared::SharedDrift;
use crate::manifest::{Manifest, Tool, changes};
use crate::node::Node;
use crate::time::UnixTime;

/// The approved tools, as lists showed them. Others are not stored, because a server can invent any number of them.
#[derive(Debug, Default)]
pub struct Tools {
    /// In manifest order.
    seen: Vec<Seen>,
    /// The moment of the latest difference.
    latest: Moment,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// The hash of the last entry that matched. Equal bytes are parsed once.
    approved: Option<u64>,
    off: Option<Off>,
}

/// A tool that differs from its approved definition.
#[derive(Clone, Debug)]
struct Off {
    /// The hash of the entry. `None` if this worker saw no entry or several.
    hash: Option<u64>,
    live: Tool,
    since: Moment,
    at: UnixTime,
    /// Whether the other workers know, so that one of them may settle it.
    is_told: bool,
}

impl Tools {
    /// No tool of `manifest` has been observed.
    pub fn new(manifest: &Manifest) -> Self {
        Self { seen: vec![Seen::default(); manifest.tools().len()], ..Self::default() }
    }

    /// The current moment. Differences recorded later have a greater one.
    pub fn moment(&self) -> Moment {
        self.latest
    }

    /// Whether the tool at this place of the manifest differs from it. An unknown place counts as different.
    pub fn is_off(&self, place: usize) -> bool {
        self.seen.get(place).is_none_or(|seen| seen.off.is_some())
    }

    /// The live tools that differ.
    pub fn live(&self) -> impl Iterator<Item = &Tool> {
        self.seen.iter().filter_map(|seen| seen.off.as_ref()).map(|off| &off.live)
    }

    /// Records a list entry for the tool at `place`. Returns whether it differs from `approved`, and the findings if
    /// this entry was not seen before.
    pub fn observe(
        &mut self,
        place: usize,
        approved: &Tool,
        entry: &[u8],
        hash: u64,
        now: UnixTime,
    ) -> (bool, Vec<Finding>) {
        let Some(seen) = self.seen.get_mut(place) else { return (true, Vec::new()) };
        if seen.approved == Some(hash) {
            return (false, Vec::new());
        }
        let since = self.latest + 1;
        if let Some(off) = seen.off.as_mut().filter(|off| off.hash == Some(hash)) {
            (off.since, off.at, self.latest) = (since, now, since);
            return (true, Vec::new());
        }
        // An unreadable entry counts as different.
        let live = read(entry).unwrap_or_else(|| Tool::unreadable(&approved.name));
        let found: Vec<_> =
            changes(approved, &live).into_iter().map(|drift| Finding::of(drift.change, &live)).collect();
        if found.is_empty() {
            seen.approved = Some(hash);
            return (false, found);
        }
        seen.off = Some(Off { hash: Some(hash), live: live.shortened(), since, at: now, is_told: false });
        self.latest = since;
        (true, found)
    }

    /// Records that a list has the name of the tool at `place` more than once: a call could reach either entry.
    pub fn repeated(&mut self, place: usize, name: &str, now: UnixTime) {
        self.latest += 1;
        let off = Off { hash: None, live: Tool::unreadable(name), since: self.latest, at: now, is_told: false };
        self.seen.get_mut(place).into_iter().for_each(|seen| seen.off = Some(off.clone()));
    }

    /// Applies a complete list. Returns the settled tools: those without a difference since the list was requested. So
    /// the list itself shows no difference either.
    pub fn settle(&mut self, manifest: &Manifest, list: &Whole) -> Vec<Settled> {
        let is_before = |off: &Off| match list.asked.moment {
            Some(moment) => off.since <= moment,
            None => off.at < list.asked.at,
        };
        let is_settled = |seen: &Seen| seen.off.as_ref().is_some_and(is_before);
        let tools = self.seen.iter_mut().zip(manifest.tools());
        let settled = tools.filter(|(seen, tool)| is_settled(seen) && list.has(&tool.name));
        settled
            .map(|(seen, tool)| {
                seen.off = None;
                Settled { tool: tool.name.clone(), at: list.asked.at }
            })
            .collect()
    }

    /// The other workers know which tools differ.
    pub fn told(&mut self) {
        self.seen.iter_mut().filter_map(|seen| seen.off.as_mut()).for_each(|off| off.is_told = true);
    }

    /// Adopts the differences of other workers; each is compared again. A tool that no longer differs for them is
    /// settled here too if their list was requested after this worker last saw a difference. Otherwise the order is
    /// unknown, as it is if that time is in the future: the tool still differs, and the returned findings are reported to
    /// the others again.
    pub fn adopt(&mut self, manifest: &Manifest, told: &SharedDrift, now: UnixTime) -> Vec<Finding> {
        let mut again = Vec::new();
        let settled = told.settled();
        for (seen, approved) in self.seen.iter_mut().zip(manifest.tools()) {
            let live = told.live.tool(&approved.name);
            if let Some(off) = seen.off.as_mut().filter(|off| off.is_told && live.is_none()) {
                if settled.at(&approved.name).is_some_and(|at| off.at < at && at <= now) {
                    seen.off = None;
                } else {
                    off.is_told = false;
                    again.extend(changes(approved, &off.live).iter().map(|drift| Finding::of(drift.change, &off.live)));
                }
            }
            let is_news = |tool: &&Tool| seen.off.as_ref().is_none_or(|own| own.live != **tool);
            let differs = |tool: &&Tool| !changes(approved, tool).is_empty();
            if let Some(live) = live.filter(is_news).filter(differs).cloned() {
                self.latest += 1;
                seen.off = Some(Off { hash: None, live, since: self.latest, at: now, is_told: true });
            }
        }
        again
    }
}

fn read(entry: &[u8]) -> Option<Tool> {
    let node = Node::from_json(entry).ok()?;
    Manifest::of_tools([&node]).ok()?.tools().first().cloned()
}
