//! Introspection responses: which are cached, for how long, and how often an endpoint is called.

use std::time::Duration;

use crate::support::core::{NOW, accepted, at, at_millis, first_issuer, minimal, set};
use crate::support::tokens::AUDIENCE;
use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate::ids::IssuerId;
use toolgate::introspection::{Change, Fresh, Introspections, Lookup};
use toolgate::places::Standing;
use toolgate::time::UnixTime;
use toolgate::token::{Answer, TokenDigest};

fn config(more: &Value) -> Config {
    let mut endpoint = json!({"uri": "https://auth.example.com/introspect", "cluster": "auth"});
    endpoint.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    accepted(&set(minimal(), "/issuers/0/introspection", endpoint))
}

/// One endpoint, and what it is asked.
struct Asked {
    introspections: Introspections,
    issuer: IssuerId,
    calls: usize,
}

/// The result of a lookup by a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finds {
    Active,
    Inactive,
    Unavailable,
    Wait,
}

impl Asked {
    fn new(more: &Value) -> Self {
        let config = config(more);
        let introspections = Introspections::new(&config.issuers);
        Self { introspections, issuer: first_issuer(&config), calls: 0 }
    }

    fn find(&mut self, token: &str, now: UnixTime) -> Finds {
        self.find_fresh(token, None, now)
    }

    fn find_fresh(&mut self, token: &str, fresh: Option<Fresh>, now: UnixTime) -> Finds {
        let digest = TokenDigest::of(token);
        let standing = match self.introspections.find(self.issuer, &digest, fresh, now) {
            Lookup::Active(_) => return Finds::Active,
            Lookup::Inactive => return Finds::Inactive,
            Lookup::Unavailable => return Finds::Unavailable,
            Lookup::Unknown { was_active: true } => Standing::Verified,
            Lookup::Unknown { was_active: false } => Standing::Stranger,
        };
        self.ask_as(standing, token, now)
    }

    fn ask_as(&mut self, standing: Standing, token: &str, now: UnixTime) -> Finds {
        let waits = self.introspections.ask(self.issuer, (TokenDigest::of(token), token), standing, now);
        if waits { Finds::Wait } else { Finds::Unavailable }
    }

    fn send(&mut self) -> Vec<String> {
        let calls = self.introspections.due();
        self.calls += calls.len();
        calls.into_iter().map(|call| call.token).collect()
    }

    /// The endpoint answers; what one that waited finds.
    fn answer(&mut self, token: &str, body: Option<&Value>, now: UnixTime) -> (Finds, Option<Change>) {
        let answer = body.map(|body| Answer::parse(body.to_string().as_bytes()).unwrap());
        let change = self.introspections.finished(self.issuer, TokenDigest::of(token), answer, now);
        let found = self.find(token, now);
        self.introspections.handed_out(false);
        (found, change)
    }

    /// Asks and answers; what one that waited finds.
    fn ask(&mut self, token: &str, body: Option<&Value>, now: UnixTime) -> Finds {
        assert_eq!(self.find(token, now), Finds::Wait, "{token} is asked about");
        assert_eq!(self.send(), [token]);
        self.answer(token, body, now).0
    }
}

fn active(more: &Value) -> Value {
    let mut answer = json!({"active": true, "aud": AUDIENCE});
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer
}

#[test]
fn an_answer_is_kept_for_its_time_and_never_beyond_the_tokens_end() {
    let good = active(&json!({}));
    let ends = |seconds: i64| active(&json!({"exp": NOW + seconds}));
    let inactive = json!({"active": false});
    // The answer, `cache_ttl`, and for how many milliseconds it is kept.
    let cases = [
        ("an active answer", &good, "30s", 30_000),
        ("one whose token lives longer", &ends(300), "30s", 30_000),
        ("one whose token ends before", &ends(10), "30s", 10_000),
        ("one whose token is over, but for the leeway", &ends(-5), "30s", 0),
        ("one with a fraction", &active(&json!({"exp": 1_800_000_000.25})), "30s", 250),
        ("none is kept", &good, "0s", 0),
        ("an inactive answer is kept five seconds", &inactive, "30s", 5_000),
        ("or less", &inactive, "2s", 2_000),
        ("or not at all", &inactive, "0s", 0),
    ];
    for (name, body, ttl, kept) in cases {
        let mut asked = Asked::new(&json!({"cache_ttl": ttl}));
        let found = asked.ask("t", Some(body), at(NOW));
        assert_eq!(found, if *body == inactive { Finds::Inactive } else { Finds::Active }, "{name}: who waited has it");
        if kept > 0 {
            assert_eq!(asked.find("t", at_millis(NOW * 1000 + kept - 1)), found, "{name}: kept {kept} ms");
        }
        assert_eq!(asked.find("t", at_millis(NOW * 1000 + kept)), Finds::Wait, "{name}: asked again after {kept} ms");
    }
}

#[test]
fn an_answer_from_the_future_is_asked_for_again() {
    for body in [active(&json!({})), json!({"active": false})] {
        let mut asked = Asked::new(&json!({}));
        asked.ask("t", Some(&body), at(NOW));
        assert_eq!(asked.find("t", at(NOW - 1)), Finds::Wait, "the clock was set back: {body}");
    }
}

#[test]
fn identical_tokens_in_flight_share_one_call() {
    let mut asked = Asked::new(&json!({"cache_ttl": "0s"}));
    for _ in 0..100 {
        assert_eq!(asked.find("t", at(NOW)), Finds::Wait);
    }
    assert_eq!(asked.send(), ["t"]);
    assert_eq!(asked.find("t", at(NOW)), Finds::Wait, "a late one waits as well");
    assert!(asked.send().is_empty(), "nothing more is asked");
    assert_eq!(asked.answer("t", Some(&active(&json!({}))), at(NOW)).0, Finds::Active);
    assert_eq!(asked.find("t", at(NOW)), Finds::Wait, "with `cache_ttl: 0s`, the next one asks anew");
}

#[test]
fn no_more_calls_run_at_once_than_allowed_and_known_tokens_need_none() {
    let mut asked = Asked::new(&json!({"max_in_flight": 3}));
    asked.ask("good", Some(&active(&json!({}))), at(NOW));
    for n in 0..3 {
        assert_eq!(asked.find(&format!("garbage {n}"), at(NOW)), Finds::Wait);
    }
    for n in 3..1000 {
        assert_eq!(asked.find(&format!("garbage {n}"), at(NOW)), Finds::Unavailable);
    }
    assert_eq!(asked.find("garbage 1", at(NOW)), Finds::Wait, "who asks the same waits with the first");
    assert_eq!(asked.send().len(), 3);
    assert_eq!(asked.find("good", at(NOW)), Finds::Active, "what is known goes on");
    asked.answer("garbage 0", Some(&json!({"active": false})), at(NOW));
    assert_eq!(asked.find("garbage 3", at(NOW)), Finds::Wait, "there is room again");
}

#[test]
fn a_flood_of_bad_tokens_pushes_out_no_good_one() {
    let mut asked = Asked::new(&json!({}));
    asked.ask("good", Some(&active(&json!({}))), at(NOW));
    for n in 0..20_000 {
        asked.ask(&format!("garbage {n}"), Some(&json!({"active": false})), at(NOW));
    }
    assert_eq!(asked.find("good", at(NOW)), Finds::Active);
}

#[test]
fn an_outage_is_for_those_who_waited_and_is_told_once() {
    let mut asked = Asked::new(&json!({}));
    let good = active(&json!({}));
    for (body, found, change) in [
        (Some(&good), Finds::Active, None),
        (None, Finds::Unavailable, Some(Change::Fails)),
        (None, Finds::Unavailable, None),
        (Some(&good), Finds::Active, Some(Change::Recovers)),
        (Some(&good), Finds::Active, None),
    ] {
        let token = format!("token {}", asked.calls);
        assert_eq!(asked.find(&token, at(NOW)), Finds::Wait);
        asked.send();
        assert_eq!(asked.answer(&token, body, at(NOW)), (found, change));
    }
    let failed = "token 1";
    assert_eq!(asked.find(failed, at(NOW)), Finds::Wait, "an outage is not remembered: the next one asks");
}

#[test]
fn an_answer_that_is_kept_outlives_an_outage() {
    let mut asked = Asked::new(&json!({}));
    asked.ask("good", Some(&active(&json!({}))), at(NOW));
    asked.ask("other", None, at(NOW));
    assert_eq!(asked.find("good", at(NOW + 29)), Finds::Active);
}

#[test]
fn a_call_whose_answer_never_comes_is_given_up() {
    let mut asked = Asked::new(&json!({"timeout": "2s"}));
    asked.find("t", at(NOW));
    asked.send();
    assert!(asked.introspections.overdue(at_millis(NOW * 1000 + 3_999)).is_empty());
    assert_eq!(asked.introspections.overdue(at(NOW + 4)), [(asked.issuer, TokenDigest::of("t"))]);
    assert_eq!(asked.introspections.overdue(at(NOW - 1)).len(), 1, "the clock was set back: nobody waits for ever");
}

#[test]
fn strangers_calls_keep_no_verified_token_from_being_asked_about_next() {
    let good = active(&json!({}));
    for (max, ttl) in [(1, "30s"), (3, "30s"), (3, "0s")] {
        let mut asked = Asked::new(&json!({"max_in_flight": max, "cache_ttl": ttl}));
        asked.ask("known", Some(&good), at(NOW));
        let garbage = |n: usize| format!("garbage {n}");
        (0..max).for_each(|n| assert_eq!(asked.find(&garbage(n), at(NOW + 31)), Finds::Wait));
        assert_eq!(asked.find(&garbage(max), at(NOW + 31)), Finds::Unavailable, "beyond it, no stranger's");
        assert_eq!(asked.send().len(), max);
        assert_eq!(asked.find("known", at(NOW + 31)), Finds::Wait, "one that was active waits for the next call");
        (1..max).for_each(|n| {
            assert_eq!(asked.ask_as(Standing::Verified, &format!("signed {n}"), at(NOW + 31)), Finds::Wait);
        });
        assert_eq!(asked.ask_as(Standing::Verified, "signed", at(NOW + 31)), Finds::Unavailable, "beyond it, none");
        assert!(!asked.introspections.is_due(), "no more run at once than allowed");
        assert_eq!(asked.find(&garbage(max), at(NOW + 31)), Finds::Unavailable, "no stranger comes between");
        asked.answer(&garbage(0), Some(&json!({"active": false})), at(NOW + 31));
        assert_eq!(asked.send(), ["known"]);
        assert_eq!(asked.answer("known", Some(&good), at(NOW + 31)).0, Finds::Active);
    }
}

#[test]
fn a_token_whose_answer_was_that_it_is_not_active_is_a_strangers_again() {
    let mut asked = Asked::new(&json!({}));
    asked.ask("t", Some(&active(&json!({}))), at(NOW));
    asked.ask_as(Standing::Verified, "t", at(NOW + 31));
    asked.answer("t", Some(&json!({"active": false})), at(NOW + 31));
    let found = asked.introspections.find(asked.issuer, &TokenDigest::of("t"), None, at(NOW + 40));
    assert_eq!(found, Lookup::Unknown { was_active: false });
}

#[test]
fn an_answer_is_fresh_by_its_age_or_because_it_was_asked_for_since() {
    let within = |seconds, call| Some(Fresh { within: Duration::from_secs(seconds), call });
    let mut asked = Asked::new(&json!({"cache_ttl": "60s"}));
    asked.find("t", at(NOW));
    let sent_at = at(NOW);
    asked.send();
    assert_eq!(asked.answer("t", Some(&active(&json!({}))), at(NOW + 5)).0, Finds::Active);
    let next = asked.introspections.next_call();
    // Its age counts from the question: what happened since the endpoint may not have known.
    for (name, fresh, now, found) in [
        ("any will do", None, at(NOW + 64), Finds::Active),
        ("young enough", within(30, next), at_millis(NOW * 1000 + 29_999), Finds::Active),
        ("asked for since", within(0, 1), at(NOW + 60), Finds::Active),
        ("its time is over", within(300, 1), at(NOW + 65), Finds::Wait),
    ] {
        assert_eq!(asked.find_fresh("t", fresh, now), found, "{name}, sent at {sent_at:?}");
    }
}

#[test]
fn an_answer_that_is_too_old_for_one_request_still_serves_others() {
    let now = Some(Fresh { within: Duration::ZERO, call: u64::MAX });
    let mut asked = Asked::new(&json!({"cache_ttl": "60s"}));
    asked.ask("t", Some(&active(&json!({}))), at(NOW));
    assert_eq!(asked.find_fresh("t", now, at(NOW)), Finds::Wait, "not even one of this very moment");
    assert_eq!(asked.find("t", at(NOW)), Finds::Active, "while it is asked about");
    assert_eq!(asked.send(), ["t"]);
    asked.answer("t", Some(&json!({"active": false})), at(NOW));
    assert_eq!(asked.find("t", at(NOW)), Finds::Inactive, "a revocation that one learns of, all know");
}

#[test]
fn who_joins_a_call_that_was_on_its_way_asks_anew_where_it_must() {
    let mut asked = Asked::new(&json!({}));
    let good = active(&json!({}));
    asked.find("t", at(NOW));
    asked.send();
    let fresh = Some(Fresh { within: Duration::ZERO, call: asked.introspections.next_call() });
    assert_eq!(asked.find_fresh("t", fresh, at(NOW)), Finds::Wait);
    assert!(asked.send().is_empty(), "one call at a time");
    let answer = Answer::parse(good.to_string().as_bytes()).unwrap();
    asked.introspections.finished(asked.issuer, TokenDigest::of("t"), Some(answer.clone()), at(NOW));
    assert_eq!(asked.find("t", at(NOW)), Finds::Active, "the first has its answer");
    assert_eq!(asked.find_fresh("t", fresh, at(NOW)), Finds::Wait, "the second does not take it");
    asked.introspections.handed_out(false);
    assert_eq!(asked.send(), ["t"]);
    asked.introspections.finished(asked.issuer, TokenDigest::of("t"), Some(answer), at(NOW));
    assert_eq!(asked.find_fresh("t", fresh, at(NOW)), Finds::Active, "its own it does");
}

#[test]
fn answers_of_many_small_members_take_no_more_memory_than_there_is_for_answers() {
    const MOST: usize = 16 << 20;
    let mut asked = Asked::new(&json!({"cache_ttl": "1h"}));
    let many = active(&json!({"many": vec![0; 30_000]}));
    for n in 0..100 {
        assert_eq!(asked.ask(&n.to_string(), Some(&many), at(NOW)), Finds::Active);
        assert!(asked.introspections.bytes() <= MOST, "after {n}");
        assert_eq!(asked.find(&n.to_string(), at(NOW)), Finds::Active, "the latest is kept");
    }
    assert_eq!(asked.find("0", at(NOW)), Finds::Wait, "what gave way is asked for again");
}

#[test]
fn answers_that_wait_for_somebodys_turn_are_few_and_do_not_last() {
    let mut asked = Asked::new(&json!({"cache_ttl": "0s", "max_in_flight": 1_000, "timeout": "2s"}));
    let names: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
    names.iter().for_each(|name| assert_eq!(asked.find(name, at(NOW)), Finds::Wait));
    asked.send();
    for name in &names {
        let answer = Answer::parse(active(&json!({})).to_string().as_bytes()).unwrap();
        asked.introspections.finished(asked.issuer, TokenDigest::of(name), Some(answer), at(NOW));
        asked.introspections.handed_out(true);
    }
    asked.introspections.hand_out();
    let mut found = |name: &str, now| {
        let found = asked.introspections.find(asked.issuer, &TokenDigest::of(name), None, now);
        matches!(found, Lookup::Active(_))
    };
    assert_eq!(names.iter().filter(|name| found(name, at(NOW + 5))).count(), 256);
    assert!(found("999", at(NOW + 5)) && !found("999", at(NOW + 6)) && !found("0", at(NOW)));
}
