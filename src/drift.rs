//! Drift: differences between a server's live tool list and the policy or the approved manifest.
//!
//! Lists are observed before they are filtered. Each entry is compared with its approved definition. A tool counts as
//! missing only after one caller has read all pages of a list. A server may show each caller a different list, so a
//! partial list proves nothing about what it lacks.
//!
//! The result is a set of findings, each reported once for all workers ([`shared`]). If configured, a tool that differs
//! is also denied.

pub mod asked;
mod chain;
mod findings;
pub mod inventory;
mod lists;
mod scopes;
mod server;
pub mod shared;
mod tools;
pub mod worker;

pub use chain::Asked;
pub use findings::{Finding, Report, Settled};

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};
use std::rc::{Rc, Weak};

use sha2::{Digest, Sha256};

use crate::config::{Config, OnDrift, Resource, UntilSeen};
use crate::ids::{ById, ResourceId};
use crate::index::Index;
use crate::listing::Entries;
use crate::manifest::Tool;
use crate::policy::{Policy, Standing};
use crate::time::UnixTime;
use crate::token::AccessToken;
use asked::{AskedList, Unclaimed, key};
use chain::Whole;
use findings::of_list;
use inventory::Listed;
use scopes::Unseen;
use server::Server;
use shared::SharedDrift;
use tools::Tools;

/// The drift state of every resource's server.
#[derive(Debug)]
pub struct Drift {
    servers: ById<ResourceId, Server>,
    /// Seed of the entry hashes, so that no server can construct two entries with the same hash.
    secret: u64,
}

/// A page of a tool list: the complete response of the server to the request for it.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The caller who asked. Pages of different callers are never joined.
    pub caller: &'a str,
    /// When the list was requested.
    pub asked: Asked,
    /// The cursor in the request.
    pub cursor: Option<&'a str>,
    /// The cursor of the next page.
    pub next: Option<&'a str>,
    /// The tools on the page.
    pub lists: &'a [Rc<Entries>],
}

impl Drift {
    /// Starts with no observations. `secret` must be private to this worker.
    pub fn new(config: &Config, secret: u64) -> Self {
        let server = |resource: &Resource| Server {
            tools: resource.manifest.as_ref().map(Tools::new).unwrap_or_default(),
            unseen: Unseen::new(&resource.policy),
            ..Server::default()
        };
        Self { servers: config.resources.map(server), secret }
    }

    /// Acts as if every server had shown a list that matches its manifest. For hypothetical decisions only.
    pub fn assume_listed(&mut self) {
        self.servers.iter_mut().for_each(|server| server.was_listed = true);
    }

    /// Records a verified token for a resource: which needed scopes it has that no earlier token had.
    pub fn saw(&mut self, resource: ResourceId, config: &Config, token: &AccessToken, now: UnixTime) {
        let server = self.servers.get_mut(resource).filter(|server| !server.unseen.is_empty());
        let Some((server, settings)) = server.zip(config.resources.get(resource)) else { return };
        server.granted.extend(server.unseen.saw(&settings.policy, token, now));
        server.found.extend(server.unseen.overdue(now));
    }

    /// Whether observations of other workers matter for this resource: on tools or on scopes.
    pub fn listens(&self, resource: ResourceId, config: &Config) -> bool {
        let has_manifest = config.resources.get(resource).is_some_and(|settings| settings.manifest.is_some());
        has_manifest || self.servers.get(resource).is_some_and(|server| !server.unseen.is_empty())
    }

    /// Records a list entry and returns the standing of its tool. A difference counts in any list.
    pub fn observe(
        &mut self,
        resource: ResourceId,
        config: &Config,
        name: &str,
        entry: &[u8],
        now: UnixTime,
    ) -> Standing {
        let Some(settings) = config.resources.get(resource) else { return Standing::Approved };
        let Some(manifest) = &settings.manifest else { return Standing::Approved };
        let Some((place, approved)) = manifest.place(name) else { return denied_if(settings, true) };
        let hash = hash(self.secret, entry);
        let Some(server) = self.servers.get_mut(resource) else { return denied_if(settings, true) };
        let (is_off, found) = server.tools.observe(place, approved, entry, hash, now);
        server.report(found);
        denied_if(settings, is_off)
    }

    /// The approved tools that one of these lists names more than once. Each is recorded as drift.
    pub fn repeated(&mut self, resource: ResourceId, config: &Config, lists: &[Rc<Entries>], now: UnixTime) -> Index {
        let manifest = config.resources.get(resource).and_then(|settings| settings.manifest.as_ref());
        let Some((manifest, server)) = manifest.zip(self.servers.get_mut(resource)) else { return Index::default() };
        let names = lists.iter().flat_map(|list| list.repeated().names());
        let approved: Vec<_> = names.filter(|name| manifest.tool(name).is_some()).map(str::to_owned).collect();
        approved.iter().for_each(|name| server.repeated(manifest, name, now));
        Index::new(approved.into_iter())
    }

    /// Records a request for a page of the tool list. Returns it with the time of the request.
    pub fn asked(&mut self, resource: ResourceId, request: AskedList, now: UnixTime) -> AskedList {
        let Some(server) = self.servers.get_mut(resource) else { return request };
        let request = AskedList { asked: Asked { moment: Some(server.tools.moment()), at: now }, ..request };
        server.asked.push(request.clone(), now);
        request
    }

    /// Forgets a request that will not be answered on a stream.
    pub fn withdraw(&mut self, resource: ResourceId, request: &AskedList, now: UnixTime) {
        let Some(server) = self.servers.get_mut(resource) else { return };
        server.asked.take(&request.caller, &request.id, now);
    }

    /// Records that the server accepted a request whose response arrives on a stream, of this worker or another.
    pub fn accepted(&mut self, resource: ResourceId, request: &AskedList) {
        let Some(server) = self.servers.get_mut(resource) else { return };
        server.tells_asked.extend(server.asked.accepted(request));
    }

    /// Takes the request of this caller with this id that a message on a stream answers. Each is answered once.
    pub fn answered(&mut self, resource: ResourceId, caller: &str, id: &str, now: UnixTime) -> Option<AskedList> {
        let server = self.servers.get_mut(resource)?;
        let request = server.asked.take(caller, id, now)?;
        server.tells_answered.push(key(caller, id));
        Some(request)
    }

    /// Keeps a list that arrived on a stream without a known request, because another worker may know the request.
    pub fn unclaimed(&mut self, resource: ResourceId, config: &Config, list: Unclaimed, now: UnixTime) {
        let Some(server) = self.servers.get_mut(resource) else { return };
        server.asked.keep(list);
        self.claim(resource, config, now);
    }

    /// Processes kept lists whose request another worker has announced.
    fn claim(&mut self, resource: ResourceId, config: &Config, now: UnixTime) {
        let Some(server) = self.servers.get_mut(resource) else { return };
        let (asked, unclaimed) = (std::mem::take(&mut server.told_asked), std::mem::take(&mut server.asked.unclaimed));
        let (mut kept, mut claimed) = (VecDeque::new(), Vec::new());
        for list in unclaimed {
            let request = asked.iter().find_map(|told| list.claim(told).map(|(at, cursor)| (told, at, cursor)));
            match request {
                Some((told, at, cursor)) => claimed.push((list, told.clone(), at, cursor.map(str::to_owned))),
                None => kept.push_back(list),
            }
        }
        let is_open = |told: &String| !claimed.iter().any(|(_, own, ..)| own == told);
        server.told_asked = asked.iter().filter(|told| is_open(told)).cloned().collect();
        server.asked.unclaimed = kept;
        for (list, _, at, cursor) in claimed {
            let Some(server) = self.servers.get_mut(resource) else { return };
            server.tells_answered.push(key(&list.caller, &list.id));
            let asked = Asked { moment: None, at };
            let (caller, cursor, next) = (list.caller.as_str(), cursor.as_deref(), list.next.as_deref());
            self.page(resource, config, Page { caller, asked, cursor, next, lists: &list.lists }, now);
        }
    }

    /// The standing of a tool as of its last observation. A tool not observed yet is approved, unless the configuration
    /// requires a list first.
    #[inline]
    pub fn standing(&self, resource: ResourceId, config: &Config, name: &str) -> Standing {
        let Some(settings) = config.resources.get(resource) else { return Standing::Approved };
        let Some(manifest) = &settings.manifest else { return Standing::Approved };
        let place = manifest.place(name).map(|(place, _)| place);
        let server = self.servers.get(resource);
        let is_off = server.zip(place).is_none_or(|(server, place)| server.tools.is_off(place));
        let waits = settings.until_seen == UntilSeen::Deny && server.is_none_or(|server| !server.was_listed);
        denied_if(settings, is_off || waits)
    }

    /// Records a page. Once one caller's pages are complete, tools that the list shows as approved are settled, and the
    /// list is queued for comparison.
    pub fn page(&mut self, resource: ResourceId, config: &Config, page: Page<'_>, now: UnixTime) {
        let Some((server, settings)) = self.servers.get_mut(resource).zip(config.resources.get(resource)) else {
            return;
        };
        let only = match (page.cursor, page.next, page.lists) {
            (None, None, [only]) => Some(only),
            _ => None,
        };
        // Fast path: this is the list that was last complete, for whichever caller. If no tool is pending, it changes
        // nothing.
        if server.tools.live().next().is_none() && only.is_some_and(|only| server.page.ptr_eq(&Rc::downgrade(only))) {
            server.chains.begin_anew(page.caller);
            return;
        }
        let Some(list) = server.chains.extend(page) else { return };
        server.page = only.map(Rc::downgrade).unwrap_or_default();
        server.learn(settings, &list, now);
        server.complete = Some(list);
    }

    /// Compares the queued lists. Called on a tick, so that no response waits for it.
    pub fn look(&mut self, config: &Config) {
        for (server, settings) in self.servers.iter_mut().zip(config.resources.iter()) {
            server.is_postponed = false;
            let Some(list) = server.complete.take().map(|list| Whole::of(&list)) else { continue };
            let mut hash = hasher(self.secret);
            list.names.iter().chain(&list.repeated).for_each(|name| {
                hash.write(name.as_bytes());
                hash.write_u8(0xff);
            });
            let hash = Some(hash.finish());
            // An unchanged list has no new findings, and a comparison costs as much as there are rules.
            if std::mem::replace(&mut server.list, hash) == hash {
                continue;
            }
            let now = of_list(settings, &list);
            server.found.extend(now.iter().filter(|finding| !server.of_list.contains(finding)).cloned());
            server.of_list = now;
        }
    }

    /// Collects the entries of a page for publishing.
    pub fn collect(&mut self, resource: ResourceId, page: Page<'_>, entries: Vec<Vec<u8>>, now: UnixTime) {
        let secret = self.secret;
        // All workers hash callers alike, but each hashes lists with its own secret.
        let caller = Sha256::digest(page.caller).first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        let Some(server) = self.servers.get_mut(resource) else { return };
        server.lists.extend(caller, page, entries, now, &|bytes| hash(secret, bytes));
    }

    /// The complete lists since the last call. `current` is the digest of the shared inventory.
    pub fn take_lists(&mut self, resource: ResourceId, current: Vec<u8>) -> Vec<Listed> {
        self.servers.get_mut(resource).map(|server| server.lists.take(current)).unwrap_or_default()
    }

    /// Some of these lists arrived too late to be merged. The next lists of the same callers are merged again.
    pub fn forget_lists(&mut self, resource: ResourceId) {
        self.servers.get_mut(resource).into_iter().for_each(|server| server.lists.forget());
    }

    /// The policy of a resource was replaced. The next complete list is compared with it, and its scopes are awaited.
    pub fn policy_changed(&mut self, resource: ResourceId, policy: &Policy) {
        if let Some(server) = self.servers.get_mut(resource) {
            (server.list, server.page) = (None, Weak::new());
            server.unseen = Unseen::new(policy);
        }
    }

    /// Adopts what other workers observed.
    pub fn adopt(&mut self, resource: ResourceId, config: &Config, told: &SharedDrift, now: UnixTime) {
        let Some(server) = self.servers.get_mut(resource) else { return };
        server.unseen.others_saw(&told.granted);
        server.was_listed |= told.listed;
        if let Some(manifest) = config.resources.get(resource).and_then(|settings| settings.manifest.as_ref()) {
            let again = server.tools.adopt(manifest, told, now);
            server.report(again);
        }
        server.told_asked.clone_from(&told.asked);
        let is_answered = |told: &String| server.tells_answered.iter().any(|key| told.starts_with(key));
        server.told_asked.retain(|told| !is_answered(told));
        self.claim(resource, config, now);
    }

    /// Takes the findings and the settled tools since the last call.
    pub fn take(&mut self, resource: ResourceId) -> News {
        let Some(server) = self.servers.get_mut(resource) else { return News::default() };
        let (mut found, mut settled) = (std::mem::take(&mut server.found), std::mem::take(&mut server.settled));
        // Only the current state of a tool that changed back and forth counts.
        if !settled.is_empty() {
            let off = Index::new(server.tools.live().map(|live| live.name.clone()));
            settled.retain(|settled| !off.contains(&settled.tool));
            let is_settled = Index::new(settled.iter().map(|settled| settled.tool.clone()));
            found.retain(|finding| !is_settled.contains(&finding.about));
        }
        let live = if found.is_empty() { Vec::new() } else { server.tools.live().cloned().collect() };
        News {
            found,
            settled,
            live,
            granted: std::mem::take(&mut server.granted),
            listed: std::mem::take(&mut server.tells_listed),
            asked: std::mem::take(&mut server.tells_asked),
            answered: std::mem::take(&mut server.tells_answered),
        }
    }

    /// These news were shared with the other workers.
    pub fn is_told(&mut self, resource: ResourceId, news: &News) {
        // If there are findings, the news contain every tool that differs.
        let server = self.servers.get_mut(resource).filter(|_| !news.found.is_empty());
        server.into_iter().for_each(|server| server.tools.told());
    }

    /// These news could not be shared. They are kept until the next tick.
    pub fn give_back(&mut self, resource: ResourceId, news: News) {
        let Some(server) = self.servers.get_mut(resource) else { return };
        let News { found, settled, live: _, granted, listed, asked, answered } = news;
        (server.found, server.settled, server.granted) = (found, settled, granted);
        (server.tells_listed, server.tells_asked, server.tells_answered) = (listed, asked, answered);
        server.is_postponed = true;
    }

    /// A resource with news to take.
    pub fn has_news(&self) -> Option<ResourceId> {
        let has = |server: &Server| {
            let of_tools = !server.found.is_empty() || !server.settled.is_empty() || server.tells_listed;
            let of_requests = !server.tells_asked.is_empty() || !server.tells_answered.is_empty();
            !server.is_postponed && (of_tools || of_requests || !server.granted.is_empty())
        };
        self.servers.find(has)
    }
}

/// The news since the last call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// New findings.
    pub found: Vec<Finding>,
    /// Tools that match their approved definition again.
    pub settled: Vec<Settled>,
    /// The live tools that differ, for other workers.
    pub live: Vec<Tool>,
    /// Scopes that were granted for the first time.
    pub granted: Vec<String>,
    /// Whether this worker was the first to see a complete list.
    pub listed: bool,
    /// Requests whose responses arrive on a stream.
    pub asked: Vec<String>,
    /// The keys of the requests that were answered.
    pub answered: Vec<String>,
}

fn hasher(secret: u64) -> DefaultHasher {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(secret);
    hasher
}

fn hash(secret: u64, bytes: &[u8]) -> u64 {
    let mut hasher = hasher(secret);
    hasher.write(bytes);
    hasher.finish()
}

fn denied_if(settings: &Resource, off: bool) -> Standing {
    if off && settings.on_drift == OnDrift::Deny { Standing::Drifted } else { Standing::Approved }
}
