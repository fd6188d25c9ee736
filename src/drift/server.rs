//! The drift state of one server.

use std::rc::Weak;

use super::asked::AskedLists;
use super::chain::{Chains, Complete, Whole};
use super::findings::{Finding, MAX_FINDINGS, Settled};
use super::lists::Lists;
use super::scopes::Unseen;
use super::tools::Tools;
use crate::config::{Resource, UntilSeen};
use crate::listing::Entries;
use crate::manifest::{Change, Manifest};
use crate::time::UnixTime;

#[derive(Debug, Default)]
pub struct Server {
    pub tools: Tools,
    pub chains: Chains,
    pub asked: AskedLists,
    /// Announced requests of other workers, requests to announce, and requests that were answered here.
    pub told_asked: Vec<String>,
    pub tells_asked: Vec<String>,
    pub tells_answered: Vec<String>,
    pub unseen: Unseen,
    /// Scopes first seen since the last call of `take`.
    pub granted: Vec<String>,
    /// Lists to publish.
    pub lists: Lists,
    /// Findings since the last call of `take`.
    pub found: Vec<Finding>,
    /// Tools settled since the last call of `take`.
    pub settled: Vec<Settled>,
    /// A complete list to compare with policy and manifest.
    pub complete: Option<Complete>,
    /// The hash of the last complete list that was compared.
    pub list: Option<u64>,
    /// The entries of that list if it had one page. Weak, because the list cache bounds what is kept.
    pub page: Weak<Entries>,
    pub of_list: Vec<Finding>,
    /// Whether any worker has seen a complete list, and whether to tell the others that this one has.
    pub was_listed: bool,
    pub tells_listed: bool,
    /// Whether the news wait for the next tick because other workers won every race.
    pub is_postponed: bool,
}

impl Server {
    /// Adds findings that are not pending yet.
    pub fn report(&mut self, found: Vec<Finding>) {
        for finding in found {
            if self.found.len() < MAX_FINDINGS && !self.found.contains(&finding) {
                self.found.push(finding);
            }
        }
    }

    /// Applies a complete list that answers the requests for its pages.
    pub fn learn(&mut self, settings: &Resource, list: &Complete, now: UnixTime) {
        if settings.until_seen == UntilSeen::Deny && !self.was_listed {
            (self.was_listed, self.tells_listed) = (true, true);
        }
        let Some(manifest) = &settings.manifest else { return };
        let list = &Whole::of(list);
        list.repeated.iter().for_each(|name| self.repeated(manifest, name, now));
        self.settled.extend(self.tools.settle(manifest, list));
    }

    /// Records that a list has this name more than once.
    pub fn repeated(&mut self, manifest: &Manifest, name: &str, now: UnixTime) {
        if let Some((place, _)) = manifest.place(name) {
            self.tools.repeated(place, name, now);
            self.report(vec![Finding::new(name, Change::Repeated.code())]);
        }
    }
}
