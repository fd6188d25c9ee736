//! The state of drift for one server.

use std::rc::Weak;

use super::asked::AskedLists;
use super::chain::{Chains, Whole};
use super::findings::{Finding, MAX_FINDINGS, Settled};
use super::lists::Lists;
use super::scopes::Unseen;
use super::tools::Tools;
use crate::config::{Resource, UntilSeen};
use crate::listing::Entries;
use crate::manifest::{Change, Manifest};
use crate::time::UnixTime;

/// The state of one server.
#[derive(Debug, Default)]
pub struct Server {
    pub tools: Tools,
    pub chains: Chains,
    pub asked: AskedLists,
    /// Requests that other workers told of, those that this worker tells of, and those that were answered here.
    pub told_asked: Vec<String>,
    pub tells_asked: Vec<String>,
    pub tells_answered: Vec<String>,
    pub unseen: Unseen,
    /// Scopes that were first seen since it was last asked.
    pub granted: Vec<String>,
    /// Lists to be published.
    pub lists: Lists,
    /// Findings about tools, and those about the whole list, since it was last asked.
    pub found: Vec<Finding>,
    /// Tools that are now as approved, since it was last asked.
    pub settled: Vec<Settled>,
    /// A complete list that waits to be compared with policy and manifest.
    pub complete: Option<Whole>,
    /// The hash of the last complete list, and what was found of it.
    pub list: Option<u64>,
    /// Its entries, if they came on one page, for as long as they are known: what is kept of lists is bounded there.
    pub page: Weak<Entries>,
    pub of_list: Vec<Finding>,
    /// Whether any worker saw a complete list, and whether others are to be told that this one did.
    pub was_listed: bool,
    pub tells_listed: bool,
    /// Whether what was found waits for the next tick, since other workers were faster.
    pub is_postponed: bool,
}

impl Server {
    /// Adds findings, each once, until they are taken.
    pub fn report(&mut self, found: Vec<Finding>) {
        for finding in found {
            if self.found.len() < MAX_FINDINGS && !self.found.contains(&finding) {
                self.found.push(finding);
            }
        }
    }

    /// A complete list came, in answer to the requests for its pages.
    pub fn learn(&mut self, settings: &Resource, list: &Whole, now: UnixTime) {
        if settings.until_seen == UntilSeen::Deny && !self.was_listed {
            (self.was_listed, self.tells_listed) = (true, true);
        }
        let Some(manifest) = &settings.manifest else { return };
        list.repeated.iter().for_each(|name| self.repeated(manifest, name, now));
        self.settled.extend(self.tools.settle(manifest, list));
    }

    /// A list gives this name more than once.
    pub fn repeated(&mut self, manifest: &Manifest, name: &str, now: UnixTime) {
        if let Some((place, _)) = manifest.place(name) {
            self.tools.repeated(place, name, now);
            self.report(vec![Finding::new(name, Change::Repeated.code())]);
        }
    }
}
