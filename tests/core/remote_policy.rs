//! The policy of a control plane: what its documents mean, what holds in which state, and how workers share it.

use crate::support::core::{
    NOW, accepted, alice, at, at_millis, first_resource, minimal, occasion, paths, set, without,
};
use crate::support::shared_data::{Data, Fault};
use serde_json::{Value, json};
use toolgate::config::{Config, Live};
use toolgate::mcp::Access;
use toolgate::policy::Policy;
use toolgate::remote::{Answered, Names, PolicyWorker, RemotePolicy, State};
use toolgate::time::UnixTime;
use toolgate::workers::{Attempts, Lease, SharedDocument, SharedNames, first_to_say};

/// One resource, whose policy comes from a control plane that speaks `format`.
fn configuration(format: &str) -> Value {
    let source = json!({"uri": "https://plane.example.com/p", "cluster": "plane", "format": format});
    without(set(minimal(), "/resources/0/policy_source", source), "/resources/0/policy")
}

fn read(format: &str, document: &Value) -> Result<Live, Vec<String>> {
    let config = accepted(&configuration(format));
    config.read_policy(first_resource(&config), document.to_string().as_bytes()).map_err(|faults| paths(&faults))
}

/// Why alice, with these scopes, may not call the tool; nothing if she may.
fn denied(policy: &Policy, tool: &str, scopes: &str) -> Option<&'static str> {
    policy.decide(&alice(scopes), &Access::Tool(tool), &occasion()).denial().map(|denial| denial.reason().as_str())
}

fn ready(rest: Value) -> Value {
    let mut document = json!({"state": "ready", "policy_complete": true, "generation": 7, "rs_id": "x", "reason": "",
        "fetched_at": "2026-11-25T12:00:00Z", "tool_metadata": {"a": {"annotations": {}}}});
    document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    document
}

#[test]
fn without_a_policy_of_its_own_a_resource_denies_everything_until_one_comes() {
    let config = accepted(&configuration("toolgate"));
    let resource = &config.resources[0];
    for access in [Access::Open, Access::Tool("echo"), Access::Method("x"), Access::Prompt("p")] {
        let verdict = resource.policy.decide(&alice("a b"), &access, &occasion());
        assert_eq!(verdict.denial().map(|denial| denial.reason().as_str()), Some("policy_unavailable"), "{access:?}");
    }
    assert!(resource.scopes_supported.is_empty() && resource.challenge_scopes.is_empty());

    let own = set(configuration("toolgate"), "/resources/0/policy", json!({"tools": {"echo": {"scopes": []}}}));
    assert_eq!(denied(&accepted(&own).resources[0].policy, "echo", ""), None);
}

#[test]
fn what_is_published_follows_the_policy_unless_it_is_configured() {
    let document = json!({"base_scopes": ["mcp"], "tools": {"a": {"scopes": ["r", "offline_access"]}}});
    let cases = [
        (configuration("toolgate"), vec!["mcp", "r"], vec!["mcp"]),
        (
            set(
                set(configuration("toolgate"), "/resources/0/scopes_supported", json!(["s"])),
                "/resources/0/challenge_scopes",
                json!(["c"]),
            ),
            vec!["s"],
            vec!["c"],
        ),
    ];
    for (configuration, supported, challenge) in cases {
        let mut config = accepted(&configuration);
        let Ok(Live::InForce { policy, supported: said, .. }) =
            config.read_policy(first_resource(&config), document.to_string().as_bytes())
        else {
            panic!("a policy")
        };
        config.resources[0].adopt(*policy, said);
        assert_eq!(config.resources[0].scopes_supported, supported);
        assert_eq!(config.resources[0].challenge_scopes, challenge);
    }
}

#[test]
fn a_document_is_checked_as_a_configuration_is() {
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("one that may be", br#"{"tools":{"a":{"scopes":[]}}}"#, &[]),
        ("an empty one", b"{}", &[]),
        ("not JSON", b"<html>", &["is not one strict JSON value: Syntax"]),
        ("nothing", b"", &["is not one strict JSON value: Syntax"]),
        ("something after it", b"{} {}", &["is not one strict JSON value: TrailingBytes"]),
        ("a member twice", br#"{"tools":{},"tools":{}}"#, &["is not one strict JSON value: DuplicateMember"]),
        ("a list", b"[]", &["expected an object, got a list"]),
        (
            "all faults at once",
            br#"{"tool":{},"tools":{"a":{},"b":{"scopes":["x y"]}},"hierarchy":{"s":["s"]}}"#,
            &[
                "hierarchy.s: implies itself",
                "tools.a: needs `scopes` or `any_of`, or `public: true` to need no token",
                "tools.b.scopes[0]: a scope must not contain spaces, quotes, backslashes or non-ASCII characters",
                "tool: unknown field",
            ],
        ),
        (
            "an issuer that is none",
            br#"{"matrix":[{"issuers":["x"],"deny_tools":["a"]}]}"#,
            &["matrix[0].issuers[0]: no issuer has this name"],
        ),
    ];
    let config = accepted(&configuration("toolgate"));
    for (name, document, expected) in cases {
        let found = config.read_policy(first_resource(&config), document).err().unwrap_or_default();
        assert_eq!(paths(&found), *expected, "{name}");
    }
    let large = [b"{".as_slice(), &vec![b' '; 1_000_000], b"}"].concat();
    assert_eq!(paths(&config.read_policy(first_resource(&config), &large).unwrap_err()), ["is over 1000000 bytes"]);
}

#[test]
fn authsecs_policy_opens_what_it_says_and_never_more() {
    // The tool, the scopes of the caller, and why it is denied.
    type Case = (&'static str, Value, &'static str, &'static str, Option<&'static str>);
    let one = |tool: Value| json!({"tool_policy": [tool]});
    let cases: Vec<Case> = vec![
        ("public", one(json!({"name": "a", "is_public": true, "required_scopes": []})), "a", "", None),
        ("public, scopes left out", one(json!({"name": "a", "is_public": true})), "a", "", None),
        (
            "neither public nor scopes",
            one(json!({"name": "a", "is_public": false, "required_scopes": []})),
            "a",
            "x",
            Some("unlisted"),
        ),
        ("nothing but a name", one(json!({"name": "a"})), "a", "x", Some("unlisted")),
        ("no scopes, null", one(json!({"name": "a", "required_scopes": null})), "a", "x", Some("unlisted")),
        ("any one scope", one(json!({"name": "a", "required_scopes": ["r", "w"]})), "a", "w", None),
        (
            "none of them",
            one(json!({"name": "a", "required_scopes": ["r", "w"]})),
            "a",
            "x",
            Some("insufficient_scope"),
        ),
        (
            "public and scopes: they are needed",
            one(json!({"name": "a", "is_public": true, "required_scopes": ["r"]})),
            "a",
            "",
            Some("insufficient_scope"),
        ),
        ("absent", one(json!({"name": "a", "is_public": true})), "b", "x", Some("unlisted")),
        ("a star is no pattern", one(json!({"name": "*", "is_public": true})), "a", "", Some("unlisted")),
        ("older form", json!({"tools": {"a": ["r"]}}), "a", "r", None),
        ("older form, empty list", json!({"tools": {"a": []}}), "a", "r", Some("unlisted")),
        ("older form, null", json!({"tools": {"a": null}}), "a", "r", Some("unlisted")),
        ("older form, a star", json!({"tools": {"*": ["r"]}}), "a", "r", Some("unlisted")),
        (
            "the newer form wins",
            json!({"tools": {"a": ["r"]}, "tool_policy": [{"name": "b", "is_public": true}]}),
            "a",
            "r",
            Some("unlisted"),
        ),
        ("no tools at all", json!({}), "a", "x", Some("unlisted")),
    ];
    for (name, rest, tool, scopes, expected) in cases {
        match read("authsec", &ready(rest)) {
            Ok(Live::InForce { policy, .. }) => assert_eq!(denied(&policy, tool, scopes), expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn authsecs_policy_decides_only_when_it_is_ready_and_complete() {
    for (state, complete, withheld) in [
        ("ready", true, None),
        ("ready", false, Some("ready, not complete")),
        ("needs_setup", true, Some("needs_setup")),
        ("scan_failed", true, Some("scan_failed")),
        ("pending_scan", false, Some("pending_scan, not complete")),
        ("Ready", true, Some("Ready")),
    ] {
        let document = json!({"state": state, "policy_complete": complete, "tool_policy": "not looked at yet"});
        let document = if withheld.is_some() { document } else { ready(json!({})) };
        match read("authsec", &document) {
            Ok(Live::InForce { .. }) => assert_eq!(withheld, None, "{state}"),
            Ok(Live::Withheld { state: said }) => assert_eq!(withheld, Some(said.as_str())),
            Err(faults) => panic!("{state}: {faults:?}"),
        }
    }
}

#[test]
fn what_authsec_would_not_say_is_refused() {
    for (name, document, expected) in [
        ("another document", json!({"error": "internal"}), vec!["state: is required", "policy_complete: is required"]),
        (
            "types",
            json!({"state": 1, "policy_complete": "true"}),
            vec!["state: expected a string, got a number", "policy_complete: expected a boolean, got a string"],
        ),
        (
            "a tool twice",
            ready(json!({"tool_policy": [{"name": "a", "is_public": true}, {"name": "a", "is_public": true}]})),
            vec!["tools.a: is given twice"],
        ),
        ("no name", ready(json!({"tool_policy": [{"is_public": true}]})), vec!["tool_policy[0]: needs a `name`"]),
        (
            "public in words",
            ready(json!({"tool_policy": [{"name": "a", "is_public": "yes"}]})),
            vec!["tool_policy[0].is_public: expected a boolean, got a string"],
        ),
        (
            "a scope of two words",
            ready(json!({"tool_policy": [{"name": "a", "required_scopes": ["x y"]}]})),
            vec!["tools.a.any_of[0][0]: a scope must not contain spaces, quotes, backslashes or non-ASCII characters"],
        ),
        (
            "a fraction of a second",
            ready(json!({"ttl_seconds": 0.5})),
            vec!["ttl_seconds: must be a whole number from 0 to 31622400"],
        ),
    ] {
        assert_eq!(read("authsec", &document).unwrap_err(), expected, "{name}");
    }
}

#[test]
fn authsecs_scopes_are_published() {
    let document =
        ready(json!({"scopes_supported": ["b", "a"], "tool_policy": [{"name": "t", "required_scopes": ["r"]}]}));
    let mut config = accepted(&configuration("authsec"));
    let Ok(Live::InForce { policy, supported, .. }) =
        config.read_policy(first_resource(&config), document.to_string().as_bytes())
    else {
        panic!("a policy")
    };
    config.resources[0].adopt(*policy, supported);
    assert_eq!(config.resources[0].scopes_supported, ["b", "a"]);
}

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
