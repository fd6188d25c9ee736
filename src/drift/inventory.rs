//! The live tools of one server, collected from complete lists of all callers, to be published.
//!
//! A server may show each caller a different list. A missing tool counts as removed only if the same caller saw it
//! before.
//!
//! ```text
//! inventory = latest SP digest LF *( callers LF name LF tool LF )      shared by the workers, sorted by name
//! latest    = *DIGIT                               when the latest list that changed it arrived, in milliseconds
//! callers   = hash *( "," hash )                   the callers who saw the tool, latest first
//! ```
//!
//! `name` is a JSON string, and `tool` an object, in the canonical form of RFC 8785, which has no line feed.

use sha2::{Digest, Sha256};

use crate::index::{Index, sorted};
use crate::json::Object;
use crate::manifest::{Manifest, Tool, canonical};
use crate::node::Node;
use crate::policy::Policy;
use crate::scope::Scope;
use crate::time::UnixTime;

/// The maximum size of a published inventory. Workers share it, and control planes refuse larger ones.
pub const MAX_BYTES: usize = 4 << 20;
/// The maximum size of a shared inventory: the tools, their names again, and callers.
const MAX_SHARED: usize = 3 * MAX_BYTES;
/// The maximum number of published tools.
const MAX_TOOLS: usize = 10_000;
/// The maximum number of callers remembered per tool.
const MAX_CALLERS: usize = 8;
/// Whether a list arrived too late to be merged.
pub type Late = bool;

/// One caller's complete list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The hash of the caller.
    pub caller: u64,
    /// When the list was complete.
    pub seen: UnixTime,
    /// The raw entries.
    pub entries: Vec<Vec<u8>>,
}

/// The tools of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    latest: UnixTime,
    /// Sorted by name.
    tools: Vec<Live>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Live {
    callers: Vec<u64>,
    name: String,
    tool: String,
}

impl Inventory {
    /// Reads what another worker wrote. Invalid data yields an empty inventory, as do tools that are not those of the
    /// digest before them: they could never be published under it.
    pub fn decode(bytes: &[u8]) -> Self {
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_SHARED) else {
            return Self::default();
        };
        let mut lines = text.lines();
        let head = lines.next().and_then(|head| head.split_once(' '));
        let Some((Ok(latest), digest)) = head.map(|(latest, digest)| (latest.parse(), digest)) else {
            return Self::default();
        };
        let mut tools = Vec::new();
        while let (Some(callers), Some(name), Some(tool)) = (lines.next(), lines.next(), lines.next()) {
            let callers =
                callers.split(',').take(MAX_CALLERS).filter_map(|hash| u64::from_str_radix(hash, 16).ok()).collect();
            tools.push(Live { callers, name: name.to_owned(), tool: tool.to_owned() });
        }
        let read = Self { latest: UnixTime::from_millis(latest), tools };
        let is_sorted = read.tools.is_sorted_by(|one, other| one.name < other.name);
        let is_good = is_sorted && read.tools.len() <= MAX_TOOLS && read.digest().unwrap_or_default() == digest;
        if is_good { read } else { Self::default() }
    }

    /// The digest in the first line of an encoded inventory. Empty if there are no tools.
    pub fn digest_of(bytes: &[u8]) -> &[u8] {
        let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        head.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default()
    }

    /// Encodes the inventory for other workers.
    pub fn encode(&self) -> String {
        let mut out = format!("{} {}\n", self.latest.as_millis(), self.digest().unwrap_or_default());
        for live in &self.tools {
            let callers: Vec<_> = live.callers.iter().map(|hash| format!("{hash:x}")).collect();
            for line in [&callers.join(","), &live.name, &live.tool] {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }

    /// Merges one caller's complete list, unless the inventory would become too large. Returns true if a later list of
    /// any caller was merged before. Then this list is outdated, and the caller's next list replaces it.
    pub fn merge(&mut self, list: &Listed, now: UnixTime) -> Late {
        // A time in the future is ignored: the clock was set back.
        if list.seen < self.latest && self.latest <= now {
            return true;
        }
        let mut read: Vec<Live> = list.entries.iter().filter_map(|entry| read(entry)).collect();
        let names = Index::new(read.iter().map(|live| live.name.clone()));
        let repeated = Index::new(names.repeated(read.iter().map(|live| live.name.as_str())).map(str::to_owned));
        // With two entries of one name, a call could reach either, so only the name is kept.
        read.iter_mut().filter(|live| repeated.contains(&live.name)).for_each(|live| live.tool = of_name(&live.name));
        let mut merged = sorted(read, |live| live.name.clone());
        for live in &mut merged {
            let known = self.tools.binary_search_by(|own| own.name.cmp(&live.name)).ok();
            let before = known.and_then(|place| self.tools.get(place)).into_iter().flat_map(|own| &own.callers);
            let others = before.filter(|caller| **caller != list.caller);
            live.callers = std::iter::once(&list.caller).chain(others).take(MAX_CALLERS).copied().collect();
        }
        let shown = |own: &Live| merged.binary_search_by(|live| live.name.cmp(&own.name)).is_ok();
        let hidden = self.tools.iter().filter(|own| !shown(own) && !own.callers.contains(&list.caller));
        let mut all: Vec<Live> = hidden.cloned().collect();
        all.append(&mut merged);
        let all = sorted(all, |live| live.name.clone());
        let bytes: usize = all.iter().map(|live| live.tool.len()).sum();
        if all.len() <= MAX_TOOLS && bytes <= MAX_BYTES && all != self.tools {
            (self.tools, self.latest) = (all, list.seen);
        }
        false
    }

    /// The digest of the tools, independent of callers. `None` without tools.
    pub fn digest(&self) -> Option<String> {
        let mut digest = Sha256::new();
        self.tools.iter().for_each(|live| digest.update(&live.tool));
        (!self.tools.is_empty()).then(|| format!("{:x}", digest.finalize()))
    }

    fn nodes(&self) -> Vec<Node> {
        self.tools.iter().filter_map(|live| Node::from_json(live.tool.as_bytes()).ok()).collect()
    }

    /// The inventory as a manifest, as the command line summarises a list.
    pub fn manifest(&self) -> Manifest {
        let summary = |node: &Node| {
            let name = node.member("name").and_then(Node::as_text)?;
            let read = Manifest::of_tools([node]).ok().and_then(|one| one.tools().first().cloned());
            Some(read.unwrap_or_else(|| Tool::unreadable(name)))
        };
        Manifest::of(self.nodes().iter().filter_map(summary).collect())
    }

    /// The inventory in the format of AuthSec's `sdk-manifest`. The scopes that `policy` requires become the suggested
    /// scopes.
    pub fn authsec(&self, policy: &Policy) -> String {
        let tools: Vec<_> = self.nodes().iter().filter_map(|node| authsec_tool(node, policy)).collect();
        format!("{{\"tools\":[{}]}}", tools.join(","))
    }
}

/// The parts of an entry to keep. For an unreadable entry only its name, if it has one.
fn read(entry: &[u8]) -> Option<Live> {
    let node = Node::from_json(entry).ok()?;
    let name = node.member("name").filter(|name| matches!(name, Node::Text(text) if !text.is_empty()))?;
    let name = canonical(name).ok()?;
    let tool = canonical(&node).unwrap_or_else(|_| of_name(&name));
    Some(Live { callers: Vec::new(), name, tool })
}

/// An entry with only a name, given in canonical form.
fn of_name(name: &str) -> String {
    format!("{{\"name\":{name}}}")
}

fn authsec_tool(node: &Node, policy: &Policy) -> Option<String> {
    let name = node.member("name").and_then(Node::as_text)?;
    let mut tool = Object::new();
    tool.text("name", Some(name));
    tool.text("title", node.member("title").and_then(Node::as_text));
    tool.text("description", node.member("description").and_then(Node::as_text));
    for (theirs, own) in [("input_schema", "inputSchema"), ("annotations", "annotations")] {
        if let Some(value) = node.member(own).and_then(|value| canonical(value).ok()) {
            tool.raw(theirs, &value);
        }
    }
    let scopes = policy.tools.scopes_for(name);
    tool.list("suggested_scopes", scopes.iter().map(Scope::as_str));
    Some(tool.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: UnixTime = UnixTime::from_millis(1_000_000);

    fn list(caller: u64, tools: &str) -> Listed {
        let entry = |text: &str| {
            let (name, description) = text.split_once('=').unwrap_or((text, ""));
            format!(r#"{{"description": "{description}", "name": "{name}", "_meta": {{"x": 1}}}}"#).into_bytes()
        };
        Listed { caller, seen: NOW, entries: tools.split_whitespace().map(entry).collect() }
    }

    fn names(inventory: &Inventory) -> String {
        inventory.manifest().tools().iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_tool_goes_only_when_somebody_is_not_shown_it_any_more_who_was() {
        let steps: &[(u64, &str, &str)] = &[
            (1, "b a", "a b"),
            (2, "a", "a b"),
            (2, "a c", "a b c"),
            (1, "a b", "a b c"),
            (1, "a", "a c"),
            (2, "a", "a"),
            (3, "", "a"),
            (1, "", ""),
        ];
        let mut inventory = Inventory::default();
        for (n, (caller, shown, expected)) in steps.iter().enumerate() {
            // Another worker reads what the last one wrote.
            inventory = Inventory::decode(inventory.encode().as_bytes());
            assert!(!inventory.merge(&list(*caller, shown), NOW));
            assert_eq!(names(&inventory), *expected, "step {n}");
        }
        assert_eq!(inventory.digest(), None);
    }

    #[test]
    fn all_of_an_entry_is_published_and_of_a_name_given_twice_nothing_else() {
        let of = |entries: &[&str]| {
            let entries = entries.iter().map(|entry| entry.as_bytes().to_vec()).collect();
            let mut inventory = Inventory::default();
            inventory.merge(&Listed { caller: 1, seen: NOW, entries }, NOW);
            (inventory.manifest().tools().first().cloned().unwrap(), inventory.digest())
        };
        let [plain, meta, evil] =
            [r#"{"name":"a"}"#, r#"{"name":"a","_meta":{"x":1}}"#, r#"{"description":"evil","n\u0061me":"a"}"#];
        assert_ne!(of(&[plain]), of(&[meta]));
        assert_ne!(of(&[plain]).0.definition, of(&[meta]).0.definition);
        for twice in [[meta, evil], [evil, meta]] {
            assert_eq!(of(&twice), of(&[plain]), "{twice:?}");
        }
    }

    #[test]
    fn what_is_older_than_the_latest_comes_too_late() {
        let mut inventory = Inventory::default();
        let minute = Duration::from_secs(60);
        for (seen, tools, now, late, expected) in [
            (NOW, "a", NOW, false, "a"),
            (UnixTime::from_millis(999_999), "b", NOW, true, "a"),
            (NOW.plus(minute), "a", NOW.plus(minute), false, "a"),
            (NOW, "b", NOW.plus(minute), false, "b"),
            (UnixTime::from_millis(1), "c", UnixTime::from_millis(2), false, "c"),
        ] {
            let list = Listed { seen, ..list(1, tools) };
            assert_eq!(inventory.merge(&list, now), late, "{tools} at {seen:?}");
            assert_eq!(names(&inventory), expected);
        }
        let written = inventory.encode();
        assert_eq!(Inventory::digest_of(written.as_bytes()), inventory.digest().unwrap().as_bytes());
        assert_eq!(Inventory::digest_of(Inventory::default().encode().as_bytes()), b"");
    }

    #[test]
    fn the_digest_is_that_of_the_tools_whoever_was_shown_them() {
        let of = |lists: &[(u64, &str)]| {
            let mut inventory = Inventory::default();
            lists.iter().for_each(|(caller, tools)| assert!(!inventory.merge(&list(*caller, tools), NOW)));
            inventory.digest()
        };
        assert_eq!(of(&[(1, "a b")]), of(&[(2, "b a"), (1, "a")]));
        assert_ne!(of(&[(1, "a=x")]), of(&[(1, "a=y")]));
        assert_eq!(of(&[(1, "a=x"), (2, "a=y")]), of(&[(1, "a=y")]), "the latest holds");
    }

    #[test]
    fn what_is_too_much_or_cannot_be_read_is_left_out() {
        let mut inventory = Inventory::default();
        inventory.merge(&list(1, "a"), NOW);
        let large = format!(r#"{{"name":"l","description":"{}"}}"#, "x".repeat(MAX_BYTES)).into_bytes();
        inventory.merge(&Listed { caller: 1, seen: NOW, entries: vec![large] }, NOW);
        assert_eq!(names(&inventory), "a");
        let odd =
            [r#"{"name":1}"#, "[]", "nonsense", r#"{"name":"s","inputSchema":{"x":1,"x":2}}"#, r#"{"name":"a\nb"}"#];
        inventory
            .merge(&Listed { caller: 1, seen: NOW, entries: odd.map(|entry| entry.as_bytes().to_vec()).to_vec() }, NOW);
        assert_eq!(names(&inventory), "a\nb s");
        for bytes in [&b"\xff"[..], b"x", b"1\n\"a\"\n"] {
            assert_eq!(Inventory::decode(bytes), Inventory::default());
        }
    }
}
