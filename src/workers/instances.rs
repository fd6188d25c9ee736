//! The plugin instances that share data, each with the values that it uses. A value is removed with the last of them.
//! Otherwise a host whose configuration changes for years would fill up.
//!
//! Instances of one plugin may be in different workers, have different configurations, and come from different versions
//! of the module, which know of each other only through this list.
//!
//! ```text
//! instances = *( number SP since *( SP mark ) LF )     number: random, one per instance; mark: a hash of a name, 8 digits
//!                                                     since: its beginning, in milliseconds, or 0 if it has ticked
//! ```
//!
//! Envoy also creates an instance that only checks a configuration. It never ticks, and its end goes unnoticed. So the
//! next instance that uses the same takes the place of one that has not ticked yet, which enters itself again when it
//! does; and one that does not tick within [`PROBATION`] counts as gone. An instance that dies later without notice stays
//! in the list, and what it uses stays with it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{SharedData, SharedNames, Updated, update};
use crate::index::Index;
use crate::time::UnixTime;

/// How long an instance counts before it has ticked: the first tick follows at once, unless the host is very busy.
const PROBATION: Duration = Duration::from_secs(60);
/// The maximum size of the list: hundreds of instances with a thousand values each. Beyond it, all are forgotten, and what
/// they use may be removed too early: it is fetched again.
const MAX_BYTES: usize = 4 << 20;

/// One plugin instance, and the names of the values that it uses.
#[derive(Debug)]
pub struct Instance {
    list: String,
    number: String,
    uses: Vec<String>,
    has_ticked: bool,
}

impl Instance {
    /// An instance begins. `number` is unique to it.
    pub fn begin(names: &SharedNames, number: u64, uses: Vec<String>, data: &dyn SharedData, now: UnixTime) -> Self {
        let own = Self { list: names.instances(), number: format!("{number:016x}"), uses, has_ticked: false };
        own.enter(data, now);
        own
    }

    /// The instance ticks.
    pub fn tick(&mut self, data: &dyn SharedData, now: UnixTime) {
        if !std::mem::replace(&mut self.has_ticked, true) {
            self.enter(data, now);
        }
    }

    /// Enters the instance into the list. Without its line, what it uses may be removed too early.
    fn enter(&self, data: &dyn SharedData, now: UnixTime) {
        let since = if self.has_ticked { 0 } else { now.as_millis() };
        let uses: String = self.uses.iter().flat_map(|name| [" ".to_owned(), mark(name)]).collect();
        let own = format!("{} {since}{uses}", self.number);
        let _ = update(data, &self.list, &mut |old| {
            let mut others = self.others(old, now);
            others.retain(|line| line.split(' ').nth(1) == Some("0") || !line.ends_with(&uses));
            Some(written(&others, &own))
        });
    }

    /// The instance ends. Returns the names that no other instance uses. One that never ticked leaves all to others.
    pub fn end(&self, data: &dyn SharedData, now: UnixTime) -> Vec<&str> {
        let mut in_use = Index::default();
        let updated = update(data, &self.list, &mut |old| {
            let others = self.others(old, now);
            // The workers use the same, by configuration.
            let mut marks: Vec<_> = others.iter().filter_map(|line| line.splitn(3, ' ').nth(2)).collect();
            marks.sort_unstable();
            marks.dedup();
            in_use = Index::new(marks.iter().flat_map(|all| all.split(' ')).map(str::to_owned));
            Some(written(&others, ""))
        });
        if !self.has_ticked || updated != Ok(Updated::Written) {
            return Vec::new();
        }
        self.uses.iter().map(String::as_str).filter(|name| !in_use.contains(&mark(name))).collect()
    }

    /// The lines of the other instances that count.
    fn others<'l>(&self, list: &'l [u8], now: UnixTime) -> Vec<&'l str> {
        let counts = |line: &&str| {
            let since = line.split(' ').nth(1).and_then(|since| since.parse().ok());
            let is_there = |since| since == 0 || now.within(PROBATION, UnixTime::from_millis(since));
            !line.starts_with(&self.number) && since.is_some_and(is_there)
        };
        std::str::from_utf8(list).unwrap_or_default().lines().filter(counts).collect()
    }
}

/// The list of these lines. One that would be too large begins anew.
fn written(others: &[&str], own: &str) -> Vec<u8> {
    let size: usize = others.iter().map(|line| line.len() + 1).sum();
    let others = if size > MAX_BYTES { &[] } else { others };
    let lines = others.iter().copied().chain(Some(own).filter(|own| !own.is_empty()));
    lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
}

/// Tells names apart. If two have the same mark, a value stays longer than it must.
fn mark(name: &str) -> String {
    Sha256::digest(name).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
