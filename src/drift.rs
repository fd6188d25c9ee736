//! Drift: what a server's live list of tools tells, against the policy and the approved manifest.
//!
//! Lists are read as they pass, before they are trimmed. An entry is compared with what was approved; once one caller
//! has read all pages of a list, what is missing from it tells as well. A server may show each caller another list, so
//! nothing follows from what a part of one lacks.
//!
//! What follows is a set of findings, each reported once for all workers ([`shared`]), and, where the configuration
//! says so, the denial of the one tool that differs.

mod chain;
pub mod inventory;
mod lists;
mod scopes;
pub mod shared;

use std::hash::{DefaultHasher, Hasher};
use std::rc::{Rc, Weak};

use sha2::{Digest, Sha256};

use crate::config::{Config, OnDrift, Resource};
use crate::index::sorted;
use crate::listing::Entries;
use crate::manifest::{Change, Manifest, Tool};
use crate::node::Node;
use crate::pattern::Pattern;
use crate::policy::{Policy, Standing};
use crate::time::UnixTime;
use crate::token::AccessToken;
use chain::Chains;
use inventory::Listed;
use lists::Lists;
use scopes::Unseen;
use shared::SharedDrift;

/// As many findings are reported of one list. One that differs in more is another server's, and the first ones say so.
const MAX_FINDINGS: usize = 64;

/// With as many names a pattern is compared: it is one look of many, and a list may be long.
const MAX_COMPARED: usize = 1_000;

/// One thing found, to be reported once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The tool or the rule.
    pub about: String,
    /// What is the matter with it: a stable code.
    pub code: &'static str,
    /// What tells one state from another: of a change, the digest of what is live now.
    pub state: String,
}

/// What is known of the tools of every resource's server.
#[derive(Debug)]
pub struct Drift {
    servers: Vec<Server>,
    /// So that no server can make two entries of one hash.
    secret: u64,
}

/// What is known of one server.
#[derive(Debug, Default)]
struct Server {
    /// Those of the manifest that were seen, by name, sorted: what else a server lists takes no room from them.
    tools: Vec<(String, Seen)>,
    chains: Chains,
    unseen: Unseen,
    /// Scopes that were first seen since it was last asked.
    granted: Vec<String>,
    /// What is to be published.
    lists: Lists,
    /// Findings about tools, and those about the whole list, since it was last asked.
    found: Vec<Finding>,
    /// Tools that are now as approved, since it was last asked.
    settled: Vec<String>,
    /// A complete list that waits to be compared with policy and manifest.
    complete: Option<Vec<String>>,
    /// The hash of the last complete list, and what was found of it.
    list: Option<u64>,
    /// Its entries, if they came on one page, for as long as they are known: what is kept of lists is bounded there.
    page: Weak<Entries>,
    of_list: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    /// The hash of the entry's bytes: equal bytes are read once.
    hash: u64,
    /// What is live, if it differs from what was approved.
    differs: Option<Tool>,
    standing: Standing,
}

/// Whether an answer tells what the server's tools are: what is replayed, or no answer to this request, does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Learn {
    No,
    Yes,
}

/// One answer to `tools/list`.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Who asked: chains of different callers are not joined.
    pub caller: &'a str,
    /// The cursor that was asked with.
    pub cursor: Option<&'a str>,
    /// The cursor that the next page is asked with.
    pub next: Option<&'a str>,
    /// The tools on it.
    pub lists: &'a [Rc<Entries>],
}

impl<'a> Page<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.lists.iter().flat_map(|list| list.named()).map(|(name, _)| name)
    }
}

impl Drift {
    /// Nothing is known yet. `secret` is nobody's but this worker's.
    pub fn new(config: &Config, secret: u64) -> Self {
        let server = |resource: &Resource| Server { unseen: Unseen::new(&resource.policy), ..Server::default() };
        Self { servers: config.resources.iter().map(server).collect(), secret }
    }

    /// A verified token came to a resource: takes note of scopes that the policy needs and that were not granted before.
    pub fn saw(&mut self, resource: usize, config: &Config, token: &AccessToken, now: UnixTime) {
        let server = self.servers.get_mut(resource).filter(|server| !server.unseen.is_empty());
        let Some((server, settings)) = server.zip(config.resources.get(resource)) else { return };
        server.granted.extend(server.unseen.saw(&settings.policy, token, now));
        server.found.extend(server.unseen.overdue(now));
    }

    /// Whether what other workers saw matters here: of tools, or of scopes.
    pub fn listens(&self, resource: usize, config: &Config) -> bool {
        let has_manifest = config.resources.get(resource).is_some_and(|settings| settings.manifest.is_some());
        has_manifest || self.servers.get(resource).is_some_and(|server| !server.unseen.is_empty())
    }

    /// How the tool of a list's entry stands; if it is to be learned from, that is taken note of.
    pub fn observe(&mut self, resource: usize, config: &Config, name: &str, entry: &[u8], learn: Learn) -> Standing {
        let Some(settings) = config.resources.get(resource).filter(|settings| settings.manifest.is_some()) else {
            return Standing::Approved;
        };
        if settings.manifest.as_ref().is_none_or(|manifest| manifest.tool(name).is_none()) {
            return unseen(settings, name);
        }
        let hash = self.hash(entry);
        let Some(server) = self.servers.get_mut(resource) else { return Standing::Approved };
        let place = server.tools.binary_search_by(|(own, _)| own.as_str().cmp(name));
        let known = place.ok().and_then(|known| server.tools.get(known)).map(|(_, seen)| seen);
        if let Some(seen) = known.filter(|seen| seen.hash == hash) {
            return seen.standing;
        }
        let was_off = known.is_some_and(|seen| seen.differs.is_some());
        let seen = compare(settings, name, entry, hash);
        let standing = seen.standing;
        if learn == Learn::No {
            return standing;
        }
        server.note(settings, name, &seen, was_off);
        match place {
            Ok(known) => server.tools.get_mut(known).into_iter().for_each(|(_, old)| *old = seen.clone()),
            Err(free) => server.tools.insert(free, (name.to_owned(), seen)),
        }
        standing
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        hash(self.secret, bytes)
    }

    /// How a tool stood when it was last seen; one that was never seen stands as its manifest says.
    pub fn standing(&self, resource: usize, config: &Config, name: &str) -> Standing {
        let Some(settings) = config.resources.get(resource) else { return Standing::Approved };
        let seen = self.servers.get(resource).and_then(|server| {
            let place = server.tools.binary_search_by(|(own, _)| own.as_str().cmp(name)).ok()?;
            server.tools.get(place).map(|(_, seen)| seen.standing)
        });
        seen.unwrap_or_else(|| unseen(settings, name))
    }

    /// Takes note of a page. Once one caller's pages are complete, the whole list waits to be compared.
    pub fn page(&mut self, resource: usize, page: Page<'_>) {
        let secret = self.secret;
        let Some(server) = self.servers.get_mut(resource) else { return };
        let only = match (page.cursor, page.next, page.lists) {
            (None, None, [only]) => Some(only),
            _ => None,
        };
        // The very list that was last complete, whoever it was for: not even its names are looked at.
        if only.is_some_and(|only| server.page.ptr_eq(&Rc::downgrade(only))) {
            server.chains.begin_anew(page.caller);
            return;
        }
        let Some(names) = server.chains.extend(page) else { return };
        server.page = only.map(Rc::downgrade).unwrap_or_default();
        let hash = hash(secret, names.join("\n").as_bytes());
        // A list that is as it was tells nothing new, and comparing it costs as much as there are rules.
        if server.list == Some(hash) {
            return;
        }
        server.list = Some(hash);
        server.complete = Some(names);
    }

    /// Time goes by: complete lists that came are compared, which no answer has to wait for.
    pub fn look(&mut self, config: &Config) {
        for (server, settings) in self.servers.iter_mut().zip(&config.resources) {
            let Some(names) = server.complete.take() else { continue };
            let now = of_list(settings, &names);
            server.found.extend(now.iter().filter(|finding| !server.of_list.contains(finding)).cloned());
            server.of_list = now;
        }
    }

    /// Takes the entries of a page, for what is published.
    pub fn collect(&mut self, resource: usize, page: Page<'_>, entries: Vec<Vec<u8>>, now: UnixTime) {
        let secret = self.secret;
        // Callers are told apart by all workers alike, lists only by this one.
        let caller = Sha256::digest(page.caller).first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        let Some(server) = self.servers.get_mut(resource) else { return };
        server.lists.extend(caller, page, entries, now, &|bytes| hash(secret, bytes));
    }

    /// The complete lists since the last time; `current` is the digest of what workers share of them.
    pub fn take_lists(&mut self, resource: usize, current: Vec<u8>) -> Vec<Listed> {
        self.servers.get_mut(resource).map(|server| server.lists.take(current)).unwrap_or_default()
    }

    /// Some of those lists came too late to be merged: what the same callers are shown next is.
    pub fn forget_lists(&mut self, resource: usize) {
        self.servers.get_mut(resource).into_iter().for_each(|server| server.lists.forget());
    }

    /// The policy of a resource is another now: the next complete list is compared with it, and its scopes are waited for.
    pub fn policy_changed(&mut self, resource: usize, policy: &Policy) {
        if let Some(server) = self.servers.get_mut(resource) {
            (server.list, server.page) = (None, Weak::new());
            server.unseen = Unseen::new(policy);
        }
    }

    /// Takes over what other workers saw of tools that differ. It is compared again. What differs no more for them was
    /// seen as approved after this worker saw it.
    pub fn adopt(&mut self, resource: usize, config: &Config, told: &SharedDrift) {
        let live = &told.live;
        let Some(server) = self.servers.get_mut(resource) else { return };
        server.unseen.others_saw(&told.granted);
        let Some(settings) = config.resources.get(resource) else { return };
        server.tools.retain(|(name, seen)| seen.differs.is_none() || live.tool(name).is_some());
        let in_manifest = |name: &str| settings.manifest.as_ref().is_some_and(|manifest| manifest.tool(name).is_some());
        for tool in live.tools().iter().filter(|tool| in_manifest(&tool.name)) {
            let (differs, standing) = judge(settings, tool.clone());
            // A hash that no entry has: when this worker sees the tool itself, it reads it.
            let seen = Seen { hash: 0, differs, standing };
            match server.tools.binary_search_by(|(own, _)| own.as_str().cmp(&tool.name)) {
                Ok(known) => {
                    if let Some((_, own)) = server.tools.get_mut(known)
                        && own.differs.as_ref() != Some(tool)
                    {
                        *own = seen;
                    }
                }
                Err(free) => server.tools.insert(free, (tool.name.clone(), seen)),
            }
        }
    }

    /// What was found since it was last asked, and which tools are as approved again.
    pub fn take(&mut self, resource: usize) -> News {
        let Some(server) = self.servers.get_mut(resource) else { return News::default() };
        let (mut found, mut settled) = (std::mem::take(&mut server.found), std::mem::take(&mut server.settled));
        // A tool that went back and forth meanwhile is as it is now.
        let is_off = |name: &str| {
            let place = server.tools.binary_search_by(|(own, _)| own.as_str().cmp(name));
            place.ok().and_then(|place| server.tools.get(place)).map(|(_, seen)| seen.differs.is_some())
        };
        found.retain(|finding| !settled.contains(&finding.about) || is_off(&finding.about) != Some(false));
        settled.retain(|tool| is_off(tool) == Some(false));
        let differs = server.tools.iter().filter_map(|(_, seen)| seen.differs.clone());
        let live = if found.is_empty() { Vec::new() } else { differs.collect() };
        News { found, settled, live, granted: std::mem::take(&mut server.granted) }
    }

    /// A resource of which there is anything to take.
    pub fn has_news(&self) -> Option<usize> {
        let has =
            |server: &Server| !server.found.is_empty() || !server.settled.is_empty() || !server.granted.is_empty();
        self.servers.iter().position(has)
    }
}

/// What was found since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// New findings.
    pub found: Vec<Finding>,
    /// Tools that are as approved again.
    pub settled: Vec<String>,
    /// The live tools that differ, for other workers.
    pub live: Vec<Tool>,
    /// Scopes that were granted for the first time.
    pub granted: Vec<String>,
}

fn hash(secret: u64, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(secret);
    hasher.write(bytes);
    hasher.finish()
}

impl Server {
    fn note(&mut self, settings: &Resource, name: &str, seen: &Seen, was_off: bool) {
        match &seen.differs {
            Some(live) if self.found.len() < MAX_FINDINGS => self.found.extend(changes(settings, live)),
            Some(_) => {}
            None if was_off => self.settled.push(name.to_owned()),
            None => {}
        }
    }
}

/// How an entry of a list compares with what was approved. One that cannot be read is as one that differs.
fn compare(settings: &Resource, name: &str, entry: &[u8], hash: u64) -> Seen {
    let read = serde_json::from_slice::<Node>(entry).ok();
    let tool = read.and_then(|node| Manifest::of_tools([&node]).ok()).and_then(|one| one.tools().first().cloned());
    let (differs, standing) = match tool {
        Some(tool) => judge(settings, tool),
        None if settings.manifest.is_some() => (Some(Tool::unreadable(name)), denied_if(settings, true)),
        None => (None, Standing::Approved),
    };
    Seen { hash, differs, standing }
}

/// What of a live tool differs, and how it stands.
fn judge(settings: &Resource, tool: Tool) -> (Option<Tool>, Standing) {
    let Some(manifest) = &settings.manifest else { return (None, Standing::Approved) };
    let approved = manifest.tool(&tool.name);
    let changes = approved.map(|approved| crate::manifest::changes(approved, &tool));
    let matters = |changes: &Vec<crate::manifest::Drift>| changes.iter().any(|drift| drift.change != Change::Title);
    let off = changes.as_ref().is_none_or(matters);
    let differs = changes.is_none_or(|changes| !changes.is_empty());
    (differs.then(|| tool.shortened()), denied_if(settings, off))
}

/// A tool of which no list was seen yet: what was never approved is not approved.
fn unseen(settings: &Resource, name: &str) -> Standing {
    let unknown = settings.manifest.as_ref().is_some_and(|manifest| manifest.tool(name).is_none());
    denied_if(settings, unknown)
}

fn denied_if(settings: &Resource, off: bool) -> Standing {
    if off && settings.on_drift == OnDrift::Deny { Standing::Drifted } else { Standing::Approved }
}

/// What a live tool that differs is reported for.
fn changes(settings: &Resource, live: &Tool) -> Vec<Finding> {
    let finding = |change: Change| Finding {
        about: live.name.clone(),
        code: change.code(),
        state: match change {
            Change::Title => live.title.clone().unwrap_or_default(),
            Change::Description => live.description.clone().unwrap_or_default(),
            Change::InputSchema => live.input_schema.clone().unwrap_or_default(),
            Change::Annotations => live.annotations.clone().unwrap_or_default(),
            Change::Added | Change::Removed => String::new(),
        },
    };
    match settings.manifest.as_ref().map(|manifest| manifest.tool(&live.name)) {
        Some(Some(approved)) => {
            crate::manifest::changes(approved, live).into_iter().map(|drift| finding(drift.change)).collect()
        }
        Some(None) => vec![finding(Change::Added)],
        None => Vec::new(),
    }
}

/// What a complete list tells: tools without a rule, rules without a tool, tools that are gone.
fn of_list(settings: &Resource, names: &[String]) -> Vec<Finding> {
    let finding = |about: &str, code| Finding { about: about.to_owned(), code, state: String::new() };
    let rules = &settings.policy.tools;
    let has = |wanted: &str| names.binary_search_by(|name| name.as_str().cmp(wanted)).is_ok();
    let without_rule = names.iter().filter(|name| !rules.lists(name)).map(|name| finding(name, "tool_without_rule"));
    // No more than can be told: a list may be long, and each look at the rules costs.
    let without_rule = without_rule.take(MAX_FINDINGS);
    let has_tool = |rule: &Pattern| match rule.is_exact() {
        true => has(rule.as_str()),
        // The names are sorted: those that begin as the pattern does stand together.
        false => {
            let first = names.partition_point(|name| name.as_str() < rule.prefix());
            let mut alike = names.iter().skip(first).take_while(|name| name.starts_with(rule.prefix()));
            let found = alike.by_ref().take(MAX_COMPARED).any(|name| rule.matches(name));
            // What was not looked at may match.
            found || alike.next().is_some()
        }
    };
    let without_tool = rules.names().filter(|rule| !has_tool(rule));
    let without_tool = without_tool.map(|rule| finding(rule.as_str(), "rule_without_tool"));
    let approved = settings.manifest.iter().flat_map(|manifest| manifest.tools());
    let is_new = |name: &&String| settings.manifest.as_ref().is_some_and(|manifest| manifest.tool(name).is_none());
    let added = names.iter().filter(is_new).map(|name| finding(name, Change::Added.code())).take(MAX_FINDINGS);
    let gone = approved.filter(|tool| !has(&tool.name));
    let gone = gone.map(|tool| finding(&tool.name, Change::Removed.code()));
    let found = without_rule.chain(without_tool).chain(added).chain(gone).collect();
    let mut found = sorted(found, |finding: &Finding| format!("{}\n{}", finding.about, finding.code));
    found.truncate(MAX_FINDINGS);
    found
}
