//! Tokens that come again: what is remembered of them, and what is checked each time all the same.

use std::time::Duration;

use crate::support::fake::{End, STAMP, Stream, Worker, ok};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{ISSUER, Token, tampered};
use serde_json::{Value, json};
use toolgate::config::SubjectForm;

const NOW: i64 = 1_800_000_000;
const OTHER_ISSUER: &str = "https://other.example.com";

/// Two issuers and three resources: one of either audience for the first issuer, one for the second.
fn configuration(entries: usize) -> Value {
    let resource = |host: &str, issuer: &str| json!({"resource": format!("https://{host}.example.com/mcp"), "issuers": [issuer], "policy": {}});
    let issuer = |issuer: &str, name: &str| json!({"issuer": issuer, "name": name, "jwks": {"uri": format!("{issuer}/jwks"), "cluster": "auth"}});
    json!({
        "issuers": [issuer(ISSUER, "main"), issuer(OTHER_ISSUER, "other")],
        "resources": [resource("a", "main"), resource("b", "main"), resource("c", "other")],
        "token_cache": {"entries": entries},
    })
}

struct Gate {
    worker: Worker,
    keys: Value,
}

impl Gate {
    fn new(entries: usize) -> Self {
        let mut gate = Self {
            worker: Worker::new(&configuration(entries), false, NOW),
            keys: key_set([&Key::ed25519(), &Key::p256()]),
        };
        gate.settle();
        gate
    }

    fn settle(&mut self) {
        let keys = ok(&self.keys);
        self.worker.settle(&|_| Some(keys.clone()));
    }

    /// The reason of the decision on a request with `token` to the resource at `host`.
    fn ask(&mut self, host: &str, token: &str) -> &'static str {
        let fields = [
            (":method", "GET".to_owned()),
            (":path", "/mcp".to_owned()),
            (":authority", format!("{host}.example.com")),
            ("authorization", format!("Bearer {token}")),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes())).into();
        let stream = Stream::open(&mut self.worker, fields, End::Last);
        self.settle();
        let records = stream.records();
        let record = records.last().expect("a decision");
        assert!(!record.line(SubjectForm::Plain, &STAMP).contains(token), "a token in a record");
        record.reason.as_str()
    }

    /// How often a token was known: as far as it was counted, and since.
    fn hits(&mut self) -> u64 {
        self.worker.counts.get("cache.hit").copied().unwrap_or_default() + self.worker.gate.known().tokens.hits
    }
}

fn token(audience: &str) -> Token {
    Token::at(NOW).audience(format!("https://{audience}.example.com/mcp"))
}

#[test]
fn a_token_that_comes_again_is_known() {
    let mut gate = Gate::new(16);
    let token = token("a").sign(&Key::ed25519());
    for n in 0..10 {
        assert_eq!((gate.ask("a", &token), gate.hits()), ("allowed", n));
    }
}

#[test]
fn without_room_every_token_is_verified_anew() {
    let mut gate = Gate::new(0);
    let token = token("a").sign(&Key::ed25519());
    for _ in 0..3 {
        assert_eq!((gate.ask("a", &token), gate.hits()), ("allowed", 0));
    }
}

#[test]
fn a_known_token_is_still_for_its_audience_only() {
    for entries in [0, 16] {
        let mut gate = Gate::new(entries);
        let own = token("a").sign(&Key::ed25519());
        let both = token("a").audience(json!(["https://a.example.com/mcp", "https://b.example.com/mcp"]));
        let both = both.sign(&Key::ed25519());
        for _ in 0..2 {
            assert_eq!(gate.ask("a", &own), "allowed");
            assert_eq!(gate.ask("b", &own), "audience_mismatch");
            assert_eq!((gate.ask("a", &both), gate.ask("b", &both)), ("allowed", "allowed"));
        }
    }
}

#[test]
fn a_known_token_is_still_for_resources_of_its_issuer_only() {
    for entries in [0, 16] {
        let mut gate = Gate::new(entries);
        let all = ["a", "b", "c"].map(|host| format!("https://{host}.example.com/mcp"));
        let token = Token::at(NOW).audience(json!(all)).sign(&Key::ed25519());
        for _ in 0..2 {
            assert_eq!(gate.ask("a", &token), "allowed");
            assert_eq!(gate.ask("c", &token), "issuer_mismatch");
        }
    }
}

#[test]
fn a_known_token_ends_and_begins_when_it_says() {
    let mut gate = Gate::new(16);
    let token = token("a").expires_in(60).claim("nbf", NOW).sign(&Key::ed25519());
    assert_eq!(gate.ask("a", &token), "allowed");
    gate.worker.wait(Duration::from_millis(89_500));
    assert_eq!(gate.ask("a", &token), "allowed", "within the leeway");
    gate.worker.wait(Duration::from_millis(500));
    assert_eq!(gate.ask("a", &token), "token_expired");
    gate.worker.set_clock(NOW - 31);
    assert_eq!(gate.ask("a", &token), "token_not_yet_valid", "the clock was set back");
}

#[test]
fn a_tampered_token_is_never_taken_for_a_known_one() {
    let mut gate = Gate::new(16);
    let token = token("a").sign(&Key::ed25519());
    assert_eq!(gate.ask("a", &token), "allowed");
    assert_eq!(gate.ask("a", &tampered(&token)), "bad_signature");
    assert_eq!(gate.ask("a", &format!("{token}=")), "token_malformed");
    assert_eq!(gate.ask("a", &token), "allowed");
}

#[test]
fn a_refused_token_is_verified_again() {
    let mut gate = Gate::new(16);
    let bad = tampered(&token("a").sign(&Key::ed25519()));
    for _ in 0..3 {
        assert_eq!((gate.ask("a", &bad), gate.hits()), ("bad_signature", 0));
    }
}

#[test]
fn a_key_that_leaves_the_set_ends_its_tokens() {
    let mut gate = Gate::new(16);
    let (leaves, stays) = (token("a").sign(&Key::ed25519()), token("a").sign(&Key::p256()));
    for token in [&leaves, &stays, &leaves, &stays] {
        assert_eq!(gate.ask("a", token), "allowed");
    }
    gate.keys = key_set([&Key::p256()]);
    let keys = ok(&gate.keys);
    gate.worker.run(Duration::from_secs(601), &|_| Some(keys.clone()));
    let long = |key| token("a").expires_in(2_000).sign(&key);
    assert_eq!(gate.ask("a", &long(Key::p256())), "allowed");
    let known = long(Key::ed25519());
    assert_eq!(gate.ask("a", &known), "key_unknown");
    assert_eq!(gate.ask("a", &leaves), "token_expired", "it is verified again, and over");
}

#[test]
fn a_set_that_may_not_be_used_any_more_vouches_for_nobody() {
    let mut gate = Gate::new(16);
    let token = token("a").expires_in(20_000).sign(&Key::ed25519());
    assert_eq!(gate.ask("a", &token), "allowed");
    gate.worker.run(Duration::from_secs(600 + 3_600), &|_| None);
    let fields = [
        (":method", "GET".to_owned()),
        (":path", "/mcp".to_owned()),
        (":authority", "a.example.com".to_owned()),
        ("authorization", format!("Bearer {token}")),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes())).into();
    let stream = Stream::open(&mut gate.worker, fields, End::Last);
    assert_eq!(stream.records().last().map(|record| record.reason.as_str()), Some("keys_unavailable"));
}

#[test]
fn tokens_of_many_small_claims_take_no_more_memory_than_there_is_for_tokens() {
    // Sixteen kilobytes of text each, and twenty times as much in memory: kept by their number alone, these would take
    // gigabytes.
    const MOST: usize = 16 << 20;
    let mut gate = Gate::new(4096);
    let many: Vec<u8> = vec![0; 5_000];
    for n in 0..300 {
        let token = token("a").claim("many", json!(many)).claim("jti", json!(n.to_string())).sign(&Key::ed25519());
        assert!(token.len() > 12_000, "{}", token.len());
        assert_eq!(gate.ask("a", &token), "allowed", "{n}");
        assert!(gate.worker.gate.known().tokens.bytes() <= MOST, "after {n}");
        assert_eq!(gate.ask("a", &token), "allowed", "{n}, whether it was kept or not");
    }
    assert!(gate.hits() > 290, "{}: the latest are kept all the same", gate.hits());
}
