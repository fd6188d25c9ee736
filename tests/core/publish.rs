//! Publishing by several workers: once per change, again after failures, never what is older.

use crate::support::core::{NOW, accepted, at, first_resource, minimal, set};
use crate::support::shared_data::{Data, Fault};
use serde_json::json;
use toolgate::config::Config;
use toolgate::drift::{Asked, Drift, Page};
use toolgate::ids::ResourceId;
use toolgate::remote::{PublishNames, Publisher};
use toolgate::time::UnixTime;
use toolgate::workers::{SharedData, SharedNames, Timing};

fn configuration() -> Config {
    let publish = json!({"uri": "https://plane.example.com/m", "cluster": "plane"});
    accepted(&set(minimal(), "/resources/0/publish", publish))
}

/// Workers of one host: what each saw, and what they share.
struct Host {
    data: Data,
    names: PublishNames,
    timing: Timing,
    resource: ResourceId,
    drifts: Vec<Drift>,
    told: usize,
}

impl Host {
    fn new(workers: u64, fault: Fault) -> Self {
        let config = configuration();
        let (target, identifier) =
            (config.resources[0].publish.as_ref().unwrap(), config.resources[0].identifier.as_str());
        Self {
            data: Data::new(fault),
            names: PublishNames::new(&SharedNames::new(b"toolgate", b"root"), identifier, target),
            timing: target.timing(),
            resource: first_resource(&config),
            drifts: (0..workers).map(|n| Drift::new(&config, n)).collect(),
            told: 0,
        }
    }

    fn publisher(&self, n: usize) -> Publisher<'_> {
        Publisher { data: &self.data, names: &self.names, timing: self.timing, owner: n as u64 + 1 }
    }

    /// A caller reads a page at a worker.
    fn page(&mut self, now: UnixTime, n: usize, caller: &str, cursor: Option<&str>, next: Option<&str>, tools: &str) {
        let entry = |name: &str| json!({"name": name}).to_string().into_bytes();
        let names: Vec<_> = tools.split_whitespace().collect();
        let entries = names.iter().map(|name| entry(name)).collect();
        self.drifts[n].collect(
            self.resource,
            Page { caller, asked: Asked::default(), cursor, next, lists: &[] },
            entries,
            now,
        );
    }

    /// The root of a worker ticks: the tools that it is to publish, with their digest.
    fn tick(&mut self, n: usize, now: UnixTime) -> Option<(String, String)> {
        let current = self.publisher(n).current();
        let lists = self.drifts[n].take_lists(self.resource, current);
        let (changed, late) = self.publisher(n).merge(&lists, now);
        self.told += usize::from(changed.is_some());
        if late {
            self.drifts[n].forget_lists(self.resource);
        }
        let (digest, inventory) = self.publisher(n).due(now)?;
        let names: Vec<_> = inventory.manifest().tools().iter().map(|tool| tool.name.clone()).collect();
        Some((digest, names.join(" ")))
    }

    fn publishes(&mut self, n: usize, now: UnixTime) -> Option<String> {
        let (digest, tools) = self.tick(n, now)?;
        self.publisher(n).ended(&digest, true, now);
        Some(tools)
    }
}

fn after(seconds: i64) -> UnixTime {
    at(NOW + seconds)
}

#[test]
fn only_complete_lists_of_one_caller_count() {
    type Row = (&'static str, Option<&'static str>, Option<&'static str>, &'static str, Option<&'static str>);
    let cases: &[(&str, &[Row])] = &[
        ("one page", &[("a", None, None, "x y", Some("x y"))]),
        ("no tools", &[("a", None, None, "", None)]),
        ("two pages", &[("a", None, Some("2"), "x", None), ("a", Some("2"), None, "y", Some("x y"))]),
        ("the second page only", &[("a", Some("2"), None, "y", None)]),
        ("another's second page", &[("a", None, Some("2"), "x", None), ("b", Some("2"), None, "y", None)]),
        ("another cursor", &[("a", None, Some("2"), "x", None), ("a", Some("3"), None, "y", None)]),
        (
            "it starts over",
            &[
                ("a", None, Some("2"), "x", None),
                ("a", None, Some("2"), "z", None),
                ("a", Some("2"), None, "y", Some("y z")),
            ],
        ),
        ("shown to one, not to another", &[("a", None, None, "x y", Some("x y")), ("b", None, None, "x", None)]),
        ("gone", &[("a", None, None, "x y", Some("x y")), ("a", None, None, "x", Some("x"))]),
        (
            "back and forth",
            &[
                ("a", None, None, "x", Some("x")),
                ("a", None, None, "y", Some("y")),
                ("a", None, None, "x", Some("x")),
                ("a", None, None, "x", None),
            ],
        ),
    ];
    for (name, rows) in cases {
        let mut host = Host::new(1, Fault::None);
        for (n, (caller, cursor, next, tools, published)) in rows.iter().enumerate() {
            let seconds = i64::try_from(n).unwrap();
            host.page(after(seconds), 0, caller, *cursor, *next, tools);
            assert_eq!(host.publishes(0, after(seconds)).as_deref(), *published, "{name}, row {n}");
        }
    }
}

#[test]
fn four_workers_publish_a_change_once_and_none_brings_back_what_is_older() {
    let mut host = Host::new(4, Fault::None);
    (0..4).for_each(|n| host.page(after(0), n, "alice", None, None, "x"));
    let due: Vec<_> = (0..4).map(|n| host.tick(n, after(0)).map(|(_, tools)| tools)).collect();
    assert_eq!(due, [Some("x".to_owned()), None, None, None]);
    let digest = String::from_utf8(host.publisher(0).current()).unwrap();
    host.publisher(0).ended(&digest, true, after(1));
    assert!((0..4).all(|n| host.tick(n, after(1)).is_none()));

    host.page(after(2), 2, "alice", None, None, "x y");
    assert_eq!(host.publishes(2, after(2)).as_deref(), Some("x y"));
    assert!((0..4).all(|n| host.tick(n, after(3)).is_none()), "what they saw before is older");
    host.page(after(4), 1, "alice", None, None, "x");
    assert_eq!(host.publishes(1, after(4)).as_deref(), Some("x"), "what one sees again is newer");
    assert_eq!(host.told, 3);
}

#[test]
fn a_list_that_waited_for_its_tick_does_not_undo_a_later_one() {
    let mut host = Host::new(2, Fault::None);
    host.page(after(0), 0, "alice", None, None, "x");
    host.page(after(0), 0, "bob", None, None, "z");
    host.page(after(1), 1, "alice", None, None, "x y");
    assert_eq!(host.publishes(1, after(1)).as_deref(), Some("x y"));
    assert_eq!(host.tick(0, after(1)), None);
    host.page(after(2), 0, "bob", None, None, "z");
    assert_eq!(host.publishes(0, after(2)).as_deref(), Some("x y z"), "what came too late is not known");
}

#[test]
fn failures_are_repeated_ever_more_seldom_and_a_worker_that_dies_is_replaced() {
    let mut host = Host::new(2, Fault::None);
    host.page(after(0), 0, "a", None, None, "x");
    let mut tried = Vec::new();
    for seconds in 0..1_200 {
        for n in 0..2 {
            if let Some((digest, _)) = host.tick(n, after(seconds)) {
                host.publisher(n).ended(&digest, false, after(seconds));
                tried.push(seconds);
            }
        }
    }
    assert_eq!(tried, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]);

    let mut host = Host::new(2, Fault::None);
    host.page(after(0), 0, "a", None, None, "x");
    assert!(host.tick(0, after(0)).is_some(), "and then it is gone");
    assert!((1..7).all(|seconds| host.tick(1, after(seconds)).is_none()));
    assert_eq!(host.publishes(1, after(8)).as_deref(), Some("x"));
    assert_eq!(host.told, 1);
}

#[test]
fn an_inventory_that_another_left_is_published_only_if_it_is_whole_and_the_next_list_replaces_it() {
    let mut host = Host::new(1, Fault::None);
    host.page(after(0), 0, "bob", None, None, "a b");
    assert_eq!(host.publishes(0, after(0)).as_deref(), Some("a b"));
    let names: Vec<String> = host.data.values.borrow().keys().cloned().collect();
    let name = |part: &str| names.iter().find(|name| name.contains(part)).unwrap().clone();
    let good = String::from_utf8(host.data.read(&name("/inventory/")).unwrap().bytes).unwrap();
    let (head, rest) = good.split_once('\n').unwrap();
    let (latest, digest) = head.split_once(' ').unwrap();
    let lines: Vec<_> = rest.lines().collect();
    let swapped = [&lines[3..], &lines[..3]].concat().join("\n");
    let huge = format!("{head}\n{}", "x".repeat(13 << 20));
    let cases = [
        ("as it was", good.clone(), Some("a b"), "a b x"),
        ("of the far future", format!("{} {digest}\n{rest}", u64::MAX), Some("a b"), "a b x"),
        ("of a time that is none", format!("-1 {digest}\n{rest}"), None, "x"),
        ("of a time too large", format!("{latest}0000000000000000 {digest}\n{rest}"), None, "x"),
        ("with the digest of others", format!("{latest} {}\n{rest}", "0".repeat(64)), None, "x"),
        ("with a changed tool", good.replace(r#"{"name":"b"}"#, r#"{"name":"b","title":"B"}"#), None, "x"),
        ("with a tool that is none", good.replace(r#"{"name":"b"}"#, "b"), None, "x"),
        ("in another order", format!("{head}\n{swapped}\n"), None, "x"),
        ("cut short", good[..good.len() - 2].to_owned(), None, "x"),
        ("without its last tool", format!("{head}\n{}\n", lines[..3].join("\n")), None, "x"),
        ("its first line only", head.to_owned(), None, "x"),
        ("too large", huge, None, "x"),
        ("nothing", String::new(), None, "x"),
        ("other text", r#"{"tools":{}}"#.to_owned(), None, "x"),
    ];
    for (what, left, published, then) in cases {
        let mut host = Host::new(1, Fault::None);
        host.data.put(&name("/inventory/"), left.into_bytes());
        for seconds in 0..3 {
            let expected = published.filter(|_| seconds == 0);
            assert_eq!(host.publishes(0, after(seconds)).as_deref(), expected, "{what}");
        }
        host.page(after(4), 0, "alice", None, None, "x");
        assert_eq!(host.publishes(0, after(4)).as_deref(), Some(then), "{what}");
        assert_eq!(host.publishes(0, after(5)), None, "{what}");
    }
}

#[test]
fn where_nothing_is_shared_nothing_is_published() {
    for fault in [Fault::Absent, Fault::ReadOnly, Fault::Raced] {
        let mut host = Host::new(1, fault);
        host.page(after(0), 0, "a", None, None, "x");
        assert_eq!((host.tick(0, after(0)), host.told), (None, 0), "{fault:?}");
    }
}
