//! One resource's remote policy in several workers that share data.

use super::{configuration, ready};
use crate::support::core::{NOW, accepted, at, at_millis, first_resource};
use crate::support::shared_data::{Data, Fault};
use serde_json::json;
use toolgate::config::{Config, Live};
use toolgate::remote::{Answered, Names, PolicyWorker, RemotePolicy, State};
use toolgate::time::UnixTime;
use toolgate::workers::{Attempts, Lease, SharedDocument, SharedNames, first_to_say};

/// Workers of one host, and their control plane.
struct Host {
    data: Data,
    names: Names,
    config: Config,
    policies: Vec<RemotePolicy>,
    /// The tool that the policy of each worker opens, as far as it got one.
    opens: Vec<Option<String>>,
    told: Vec<String>,
}

impl Host {
    fn new(workers: u64, format: &str, fault: Fault) -> Self {
        let config = accepted(&configuration(format));
        let source = config.resources[0].policy_source.as_ref().unwrap();
        let (timing, identifier) = (source.timing(), config.resources[0].identifier.as_str());
        Self {
            data: Data::new(fault),
            names: Names::new(&SharedNames::new(b"toolgate", b"root"), identifier, source),
            policies: (0..workers).map(|n| RemotePolicy::new(timing, n << 8)).collect(),
            opens: (0..workers).map(|_| None).collect(),
            told: Vec::new(),
            config,
        }
    }

    fn act<T>(&mut self, n: usize, act: impl FnOnce(&mut PolicyWorker<'_>) -> T) -> T {
        let read = |document: &[u8]| self.config.read_policy(first_resource(&self.config), document);
        let policy = &mut self.policies[n];
        act(&mut PolicyWorker { data: &self.data, names: &self.names, policy, read: &read })
    }

    fn take_over(&mut self, n: usize, live: Option<Live>) {
        match live {
            Some(Live::InForce { policy, .. }) => {
                let tool = policy.tools.names().next().map(|name| name.as_str().to_owned());
                self.opens[n] = Some(tool.unwrap_or_default());
            }
            Some(Live::Withheld { .. }) => self.opens[n] = None,
            None => {}
        }
    }

    /// The root of a worker ticks: whether it asks.
    fn tick(&mut self, n: usize, now: UnixTime) -> bool {
        self.act(n, |worker| worker.tick(now));
        let (live, asks) = self.act(n, |worker| worker.advance(now));
        self.take_over(n, live);
        let state = self.policies[n].state(now);
        if first_to_say(&self.data, &self.names.state, state.as_str()).is_some() {
            self.told.push(state.as_str().to_owned());
        }
        asks
    }

    fn answer(&mut self, n: usize, status: u16, etag: Option<&str>, body: &str, now: UnixTime) -> Answered {
        match self.act(n, |worker| worker.answered(Some(status), etag, Some(body.as_bytes()), now)) {
            Answered::New(live) => {
                self.take_over(n, Some(live.clone()));
                Answered::New(live)
            }
            other => other,
        }
    }
}

fn opening(tool: &str) -> String {
    json!({"tools": {tool: {"scopes": []}}}).to_string()
}

/// The moment `seconds` after the start.
fn after(seconds: i64) -> UnixTime {
    at(NOW + seconds)
}

#[test]
fn a_policy_lives_through_these_states() {
    #[derive(Debug)]
    enum Plane {
        Document(&'static str),
        Incomplete,
        NotModified,
        Bad(&'static str),
        Status(u16),
        Silent,
    }
    use Plane::{Bad, Document, Incomplete, NotModified, Silent, Status};
    // When, what the control plane answers where it is asked then, the state after it, and the tool that is open.
    type Row = (i64, Option<Plane>, State, Option<&'static str>);
    let cases: Vec<(&str, Vec<Row>)> = vec![
        (
            "fresh, and then not modified for longer than it could be stale",
            vec![
                (0, Some(Document("a")), State::Live, Some("a")),
                (20, None, State::Live, Some("a")),
                (30, Some(NotModified), State::Live, Some("a")),
                (600, Some(NotModified), State::Live, Some("a")),
                (1200, Some(NotModified), State::Live, Some("a")),
                (1230, Some(Document("b")), State::Live, Some("b")),
            ],
        ),
        (
            "nothing came yet",
            vec![(0, Some(Status(500)), State::Failing, None), (2, Some(Document("a")), State::Live, Some("a"))],
        ),
        (
            "a bad document is a failed attempt",
            vec![
                (0, Some(Document("a")), State::Live, Some("a")),
                (30, Some(Bad("{\"tools\":1}")), State::Failing, Some("a")),
                (32, Some(Bad("nonsense")), State::Failing, Some("a")),
                (40, Some(Document("a")), State::Live, Some("a")),
            ],
        ),
        (
            "dead: the last good one, nothing after max_stale, and again when it is back",
            vec![
                (0, Some(Document("a")), State::Live, Some("a")),
                (30, Some(Silent), State::Live, Some("a")),
                (38, None, State::Failing, Some("a")),
                (39, Some(Status(503)), State::Failing, Some("a")),
                (100, Some(Status(301)), State::Failing, Some("a")),
                (629, Some(Status(401)), State::Failing, Some("a")),
                (630, None, State::Stale, Some("a")),
                (700, Some(Status(404)), State::Stale, Some("a")),
                (740, Some(NotModified), State::Live, Some("a")),
            ],
        ),
        (
            "incomplete: closed at once, whatever was there",
            vec![
                (0, Some(Document("a")), State::Live, Some("a")),
                (30, Some(Incomplete), State::Withheld, None),
                (60, Some(NotModified), State::Withheld, None),
                (90, Some(Status(500)), State::Withheld, None),
                (100, Some(Document("a")), State::Live, Some("a")),
            ],
        ),
        (
            "the clock is set back: what is there has no age, and is asked for anew",
            vec![
                (0, Some(Document("a")), State::Live, Some("a")),
                (-1000, Some(Status(500)), State::Stale, Some("a")),
                (-998, Some(NotModified), State::Live, Some("a")),
            ],
        ),
        (
            "the clock is set forward: as if it had not answered for all that time",
            vec![
                (0, Some(Document("a")), State::Live, Some("a")),
                (100_000, Some(NotModified), State::Live, Some("a")),
            ],
        ),
    ];
    for (name, rows) in cases {
        for fault in [Fault::None, Fault::Absent] {
            let mut host = Host::new(1, "authsec", fault);
            for (seconds, plane, state, open) in &rows {
                let (now, case) = (after(*seconds), format!("{name}, {fault:?}, at {seconds}: {plane:?}"));
                assert_eq!(host.tick(0, now), plane.is_some(), "{case}");
                let document =
                    |tool: &str| ready(json!({"tool_policy": [{"name": tool, "is_public": true}]})).to_string();
                match plane {
                    None | Some(Silent) => {}
                    Some(Document(tool)) => {
                        host.answer(0, 200, Some("\"e\""), &document(tool), now);
                    }
                    Some(Incomplete) => {
                        let document = json!({"state": "ready", "policy_complete": false}).to_string();
                        host.answer(0, 200, Some("\"i\""), &document, now);
                    }
                    Some(NotModified) => {
                        host.answer(0, 304, None, "", now);
                    }
                    Some(Bad(document)) => {
                        assert!(matches!(host.answer(0, 200, None, document, now), Answered::Refused(_)), "{case}");
                    }
                    Some(Status(status)) => {
                        let answered = host.answer(0, *status, None, &document("evil"), now);
                        assert!(matches!(answered, Answered::Failed(_)), "{case}");
                    }
                }
                assert_eq!(host.policies[0].state(now), *state, "{case}");
                assert_eq!(host.opens[0].as_deref(), *open, "{case}");
            }
        }
    }
}

#[test]
fn a_304_without_a_document_is_a_failed_attempt_and_faults_are_told_once() {
    let mut host = Host::new(1, "toolgate", Fault::None);
    assert!(host.tick(0, after(0)));
    assert!(matches!(host.answer(0, 304, None, "", after(0)), Answered::Failed(_)));
    let mut told = Vec::new();
    for (seconds, body) in [(10, "[]"), (20, "[]"), (40, "{"), (80, "[]")] {
        assert!(host.tick(0, after(seconds)));
        match host.answer(0, 200, Some("\"x\""), body, after(seconds)) {
            Answered::Refused(faults) => told.push(faults.len()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, [1, 0, 1, 1]);
    assert_eq!(host.policies[0].etag(), None, "a bad document is asked for again");
}

#[test]
fn one_of_four_workers_asks_and_all_take_it_over() {
    let mut host = Host::new(4, "toolgate", Fault::None);
    let asked: Vec<_> = (0..4).map(|n| host.tick(n, after(0))).collect();
    assert_eq!(asked, [true, false, false, false]);
    host.answer(0, 200, Some("\"1\""), &opening("a"), after(1));
    (0..4).for_each(|n| assert!(!host.tick(n, after(1))));
    assert!(host.opens.iter().all(|open| open.as_deref() == Some("a")), "{:?}", host.opens);

    // Another asks the next time, with the tag of what it never fetched, and its word counts for all.
    assert!(host.tick(2, after(28)));
    assert_eq!(host.policies[2].etag(), Some("\"1\""));
    host.answer(2, 304, None, "", after(28));
    (0..4).for_each(|n| assert!(!host.tick(n, after(40)), "worker {n}"));

    // Whoever comes later finds it, and needs no request.
    let timing = host.config.resources[0].policy_source.as_ref().unwrap().timing();
    host.policies.push(RemotePolicy::new(timing, 99));
    host.opens.push(None);
    let live = host.act(4, |worker| worker.look(after(41)));
    host.take_over(4, live);
    assert_eq!(host.opens[4].as_deref(), Some("a"));

    // Each change of state is said once, whoever sees it.
    for seconds in [28 + 630, 28 + 631] {
        for n in 0..5 {
            host.tick(n, after(seconds));
        }
    }
    assert_eq!(host.told, ["waiting", "live", "stale"]);
}

#[test]
fn two_workers_that_race_ask_once_and_one_that_dies_is_replaced() {
    let mut host = Host::new(2, "toolgate", Fault::None);
    assert!(host.tick(0, after(0)));
    // Its answer never comes, and neither does it.
    for seconds in 1..7 {
        assert!(!host.tick(1, after(seconds)), "the lease lasts, at {seconds}");
    }
    assert!(host.tick(1, after(8)));
    host.answer(1, 200, None, &opening("a"), after(8));
    assert!(!host.tick(0, after(9)));
    assert_eq!(host.opens[0].as_deref(), Some("a"));
}

#[test]
fn what_another_left_is_validated_again_and_broken_data_is_as_none() {
    for left in [b"".as_slice(), b"\x01garbage", &[1; 200], b"\x01\0\0\0\0\0\0\0\0\"1\"\n[]", b"\x01\0\0\0\0\0\0\0\0{}"]
    {
        let mut host = Host::new(2, "toolgate", Fault::None);
        assert!(host.tick(0, after(0)));
        host.answer(0, 200, None, &opening("a"), after(0));
        let names: Vec<String> = host.data.values.borrow().keys().cloned().collect();
        let document = names.iter().find(|name| name.contains("/document/")).expect("a document");
        host.data.put(document, left.to_vec());
        assert!(host.tick(1, after(1)), "it asks itself: {left:?}");
        assert_eq!(host.opens[1], None, "{left:?}");
    }
}

#[test]
fn a_record_that_another_left_brings_no_policy_into_force_and_holds_nobody_up() {
    let good = Attempts { fetched_at: Some(after(0)), started_at: Some(after(0)), ..Attempts::default() };
    let far = UnixTime::from_millis(u64::MAX);
    let lease = |since| Some(Lease { owner: 7, since });
    let cases = [
        ("a good one", good.encode(), false, Some("a"), State::Live),
        ("nothing", Vec::new(), true, None, State::Waiting),
        ("one cut short", good.encode()[..40].to_vec(), true, None, State::Waiting),
        ("another layout", [&[9], &good.encode()[1..]].concat(), true, None, State::Waiting),
        ("too much", vec![1; 1 << 20], true, None, State::Waiting),
        (
            "a document of the future",
            Attempts { fetched_at: Some(after(2)), ..good }.encode(),
            true,
            None,
            State::Waiting,
        ),
        ("one of the far future", Attempts { fetched_at: Some(far), ..good }.encode(), true, None, State::Waiting),
        (
            "a lease",
            Attempts { lease: lease(after(1)), fetched_at: None, ..good }.encode(),
            false,
            None,
            State::Waiting,
        ),
        (
            "a lease for ever",
            Attempts { lease: lease(far), fetched_at: None, ..good }.encode(),
            true,
            None,
            State::Failing,
        ),
        ("a lease that is over", Attempts { lease: lease(after(-8)), ..good }.encode(), false, Some("a"), State::Live),
        ("failures", Attempts { failures: u32::MAX, ..good }.encode(), false, Some("a"), State::Failing),
        (
            "failures of the future",
            Attempts { failures: 9, started_at: Some(far), ..good }.encode(),
            true,
            Some("a"),
            State::Failing,
        ),
        (
            "a document that is too old",
            Attempts { fetched_at: Some(after(-1_000)), ..good }.encode(),
            true,
            Some("a"),
            State::Stale,
        ),
    ];
    for (what, left, asks, opens, state) in cases {
        let mut host = Host::new(2, "toolgate", Fault::None);
        assert!(host.tick(0, after(0)));
        host.answer(0, 200, None, &opening("a"), after(0));
        let names: Vec<String> = host.data.values.borrow().keys().cloned().collect();
        let record = names.iter().find(|name| name.contains("policy/attempts")).expect("a record");
        host.data.put(record, left);
        assert_eq!(host.tick(1, after(1)), asks, "{what}");
        assert_eq!((host.opens[1].as_deref(), host.policies[1].state(after(1))), (opens, state), "{what}");
        if asks {
            host.answer(1, 200, None, &opening("b"), after(1));
            assert_eq!(host.opens[1].as_deref(), Some("b"), "{what}");
            assert!(!host.tick(0, after(2)), "{what}");
            assert_eq!(host.opens[0].as_deref(), Some("b"), "{what}: it is replaced");
        }
    }
}

#[test]
fn an_entity_tag_that_another_left_is_sent_back_only_if_it_can_be_one() {
    let long = "x".repeat(2_000);
    let cases = [
        ("\"1\"", Some("\"1\"")),
        ("W/\"1\"", Some("W/\"1\"")),
        ("\"1\"\rx-forged: 1", None),
        ("\"1\"\0", None),
        ("\"1 \"", None),
        ("\"\u{e9}\"", None),
        (&long, None),
        ("", None),
    ];
    for (left, expected) in cases {
        let mut host = Host::new(2, "toolgate", Fault::None);
        assert!(host.tick(0, after(0)));
        host.answer(0, 200, Some(left), &opening("a"), after(0));
        assert_eq!(host.policies[0].etag(), expected, "{left:?} of the control plane");
        let names: Vec<String> = host.data.values.borrow().keys().cloned().collect();
        let document = names.iter().find(|name| name.contains("/document/")).expect("a document");
        let body = [left, "\n", &opening("a")].concat();
        let forged = SharedDocument { fetched_at: after(0), document: body.as_bytes() }.encode();
        host.data.put(document, forged);
        assert!(!host.tick(1, after(1)));
        assert_eq!(host.policies[1].etag(), expected, "{left:?} in the shared data");
    }
}

#[test]
fn a_document_may_ask_to_be_fetched_more_often_and_never_less() {
    for (ttl, due_at) in [(0, 1), (1, 1), (10, 10), (30, 30), (86_400, 30)] {
        let mut host = Host::new(1, "authsec", Fault::None);
        assert!(host.tick(0, after(0)));
        host.answer(0, 200, None, &ready(json!({"ttl_seconds": ttl})).to_string(), after(0));
        let millis = |millis: i64| at_millis(NOW * 1000 + millis);
        assert!(!host.policies[0].is_due(millis(due_at * 1000 * 79 / 100)), "{ttl}");
        assert!(host.policies[0].is_due(millis(due_at * 1000 * 91 / 100)), "{ttl}");
    }
}
