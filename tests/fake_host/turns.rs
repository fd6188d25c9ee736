//! Signatures that senders choose are verified in turns: forged tokens delay no caller that is known.

use std::time::Duration;

use crate::support::fake::{End, Stream, Worker, ok};
use crate::support::keys::{Key, base64url, key_set};
use crate::support::proofs::{Proof, thumbprint};
use crate::support::tokens::{AUDIENCE, ISSUER, Token, tampered};
use serde_json::{Value, json};
use toolgate::exchange::Awaited;
use toolgate::meter::TURN;
use toolgate::token::TokenDigest;

const NOW: i64 = 1_800_000_000;
const OTHER: &str = "https://other.example.com";

/// Of each kind and issuer, as many requests wait.
const PLACES: usize = 1024;
const OWN_TURN: Option<Awaited> = Some(Awaited::Turn { answered: false });

/// One worker of two issuers with keys of their own.
fn worker() -> Worker {
    worker_of(&json!({"keys": key_set([&Key::ed25519()])["keys"]}))
}

fn worker_of(keys: &Value) -> Worker {
    let other = json!({"keys": key_set([&Key::p256()])["keys"]});
    metered(&json!({
        "issuers": [
            {"issuer": ISSUER, "name": "main", "dpop": "optional", "jwks": keys},
            {"issuer": OTHER, "name": "other", "jwks": other},
        ],
        "resources": [{"resource": AUDIENCE, "policy": {}}],
        "hold_request_headers": true,
    }))
}

fn metered(configuration: &Value) -> Worker {
    let mut worker = Worker::new(configuration, true, NOW);
    worker.metered = true;
    worker
}

fn open(worker: &mut Worker, fields: &[(&str, &str)]) -> Stream {
    let pseudo = [(":method", "GET"), (":path", "/mcp"), (":authority", "mcp.example.com")];
    let fields = pseudo.iter().chain(fields);
    let fields = fields.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    Stream::open(worker, fields, End::Last)
}

fn get(worker: &mut Worker, token: &str) -> Stream {
    open(worker, &[("authorization", &format!("Bearer {token}"))])
}

fn good(subject: &str) -> String {
    Token::at(NOW).subject(subject).sign(&Key::ed25519())
}

/// All different, by a key of the issuer's, as they say.
fn forged(number: usize) -> String {
    let good = good("mallory");
    let (signed, _) = good.rsplit_once('.').unwrap();
    let mut signature = [1; 64];
    signature[..8].copy_from_slice(&(number as u64).to_be_bytes());
    format!("{signed}.{}", base64url(signature))
}

/// Forged tokens come until one waits, with the number of those that were refused at once.
fn flood(worker: &mut Worker) -> (usize, Stream) {
    for number in 0..1_000 {
        let stream = get(worker, &forged(number));
        if stream.awaits() == OWN_TURN {
            return (number, stream);
        }
        assert_eq!(reasons(&stream), ["bad_signature"]);
    }
    panic!("a thousand signatures were verified at once");
}

fn reasons(stream: &Stream) -> Vec<&'static str> {
    stream.records().iter().map(|record| record.reason.as_str()).collect()
}

/// Time goes by, after which the timer ticks.
fn take_turns(worker: &mut Worker, after: Duration) {
    worker.now += u64::try_from(after.as_millis()).unwrap();
    worker.tick();
}

#[test]
fn forged_tokens_use_up_the_share_of_strangers_and_a_known_token_passes_at_once() {
    let mut worker = worker();
    let known = good("alice");
    assert_eq!(reasons(&get(&mut worker, &known)), ["allowed"]);
    worker.wait(Duration::from_secs(1));
    let (verified, forged) = flood(&mut worker);
    assert!((10..=16).contains(&verified), "{verified}");
    assert_eq!(reasons(&get(&mut worker, &known)), ["allowed"], "it costs no signature");

    let new = get(&mut worker, &good("bob"));
    assert_eq!((new.awaits(), reasons(&new)), (OWN_TURN, vec![]), "it waits behind the other");
    take_turns(&mut worker, Duration::ZERO);
    assert_eq!((forged.awaits(), new.awaits()), (OWN_TURN, OWN_TURN), "no time went by");
    take_turns(&mut worker, TURN);
    assert_eq!((reasons(&forged), reasons(&new)), (vec!["bad_signature"], vec!["allowed"]));
    assert_eq!(worker.gate.known().places.taken(), 0);
    worker.wait(Duration::from_secs(1));
    assert_eq!(reasons(&get(&mut worker, &good("carol"))), ["allowed"], "after a quiet time nobody waits");
}

#[test]
fn a_caller_whose_token_is_not_kept_does_not_wait_behind_forged_ones_and_has_a_share_that_ends() {
    let mut worker = metered(&json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"keys": key_set([&Key::ed25519()])["keys"]}}],
        "resources": [{"resource": AUDIENCE, "policy": {}}],
        "hold_request_headers": true,
        "token_cache": {"entries": 0},
    }));
    let known = good("alice");
    assert_eq!(reasons(&get(&mut worker, &known)), ["allowed"]);
    worker.wait(Duration::from_secs(1));
    let (_, forged) = flood(&mut worker);
    assert_eq!(reasons(&get(&mut worker, &known)), ["allowed"], "it was verified before");
    assert_eq!(get(&mut worker, &good("bob")).awaits(), OWN_TURN, "nobody knows it");
    let at_once = (0..1_000).take_while(|_| get(&mut worker, &known).awaits().is_none()).count();
    assert!((5..=16).contains(&at_once), "each costs a signature: {at_once}");
    assert_eq!(forged.awaits(), OWN_TURN);
}

#[test]
fn a_kept_token_is_known_however_many_were_verified_since() {
    let mut worker = worker();
    let known = good("alice");
    assert_eq!(reasons(&get(&mut worker, &known)), ["allowed"]);
    for round in 0..20 {
        assert_eq!(reasons(&get(&mut worker, &known)), ["allowed"], "it is used, so it stays in the cache");
        let tokens = &mut worker.gate.known().tokens;
        let digest = tokens.digest(known.as_bytes());
        let (issuer, token) = tokens.find(&digest, |_| Some(0)).expect("a token of generation 0");
        for number in 0..1_000 {
            tokens.insert(TokenDigest::of(&format!("{round} {number}")), issuer, 0, token.clone());
        }
    }
    let tokens = &mut worker.gate.known().tokens;
    let digest = tokens.digest(known.as_bytes());
    assert!(tokens.find(&digest, |_| Some(0)).is_some(), "it is kept");
    assert!(tokens.was_verified(&digest), "with other keys, its caller would be a stranger");
}

#[test]
fn tokens_that_are_refused_unverified_do_not_delay_new_callers() {
    let mut worker = worker();
    assert_eq!(reasons(&get(&mut worker, &forged(0))), ["bad_signature"]);
    let garbage = "a".repeat(16_000);
    for _ in 0..400 {
        assert_eq!(reasons(&get(&mut worker, &garbage)), ["token_malformed"]);
    }
    let new = get(&mut worker, &good("bob"));
    for _ in 0..1_000 {
        // 400 a second: an eighth of a worker's time, as it is counted.
        (0..4).for_each(|_| drop(get(&mut worker, &garbage)));
        take_turns(&mut worker, Duration::from_millis(10));
    }
    assert_eq!((new.awaits(), reasons(&new)), (None, vec!["allowed"]), "after ten seconds");
}

#[test]
fn turns_are_taken_in_the_order_of_arrival_a_share_at_a_time() {
    let mut worker = worker();
    let (_, first) = flood(&mut worker);
    let waiting: Vec<_> =
        std::iter::once(first).chain((1..40).map(|n| get(&mut worker, &good(&n.to_string())))).collect();
    let mut answered = 0;
    for tick in 1..=10 {
        take_turns(&mut worker, TURN);
        let done = waiting.iter().take_while(|stream| stream.awaits().is_none()).count();
        assert!(waiting[done..].iter().all(|stream| stream.awaits() == OWN_TURN), "in order");
        assert!((1..=16).contains(&(done - answered)), "{} at tick {tick}", done - answered);
        answered = done;
        // Who comes now does not come first.
        if done < waiting.len() {
            let late = get(&mut worker, &good("late"));
            assert_eq!(late.awaits(), OWN_TURN);
        } else {
            assert!(tick <= 4, "{tick} ticks");
            return;
        }
    }
    panic!("{answered} of {}", waiting.len());
}

#[test]
fn those_who_wait_have_places_per_issuer_and_beyond_them_a_503() {
    let mut worker = worker();
    let (verified, first) = flood(&mut worker);
    let mut waiting: Vec<_> =
        std::iter::once(first).chain((1..PLACES).map(|number| get(&mut worker, &forged(verified + number)))).collect();
    assert!(waiting.iter().all(|stream| stream.awaits() == OWN_TURN));
    assert_eq!(worker.gate.known().places.taken(), PLACES);
    assert_eq!(reasons(&get(&mut worker, &good("bob"))), ["keys_unavailable"]);
    let other = Token::at(NOW).issuer(OTHER).sign(&Key::p256());
    assert_eq!(get(&mut worker, &other).awaits(), OWN_TURN, "another issuer's places are its own");

    let left = waiting.pop().unwrap();
    left.leave(&mut worker);
    assert_eq!(reasons(&left), ["ended_by_client"], "once");
    let taken = worker.gate.known().places.taken();
    assert_eq!(taken, PLACES - 1, "its place is free, and so is that of who was asked after");
    take_turns(&mut worker, TURN);
    assert_eq!(reasons(&left), ["ended_by_client"], "once");
    let answered = waiting.iter().filter(|stream| stream.awaits().is_none()).count();
    assert_eq!(worker.gate.known().places.taken(), PLACES - 1 - answered);
    drop(waiting);
    assert_eq!(worker.gate.known().places.taken(), 0);
}

#[test]
fn proofs_of_known_callers_are_not_delayed_by_strangers_nor_strangers_by_proofs() {
    let mut worker = worker();
    let token = Token::at(NOW).claim("cnf", json!({"jkt": thumbprint(&Key::p256())})).sign(&Key::ed25519());
    let send = |worker: &mut Worker, tampers: bool| {
        let proof = Proof::new(Key::p256(), AUDIENCE, &token, NOW).claim("htm", "GET").sign();
        let proof = if tampers { tampered(&proof) } else { proof };
        open(worker, &[("authorization", &format!("DPoP {token}")), ("dpop", &proof)])
    };
    assert_eq!(reasons(&send(&mut worker, false)), ["allowed"]);
    worker.wait(Duration::from_secs(1));
    let (_, _forged) = flood(&mut worker);
    assert_eq!(reasons(&send(&mut worker, false)), ["allowed"], "its token is known");
    let proofs: Vec<_> = (0..10).map(|_| send(&mut worker, true)).collect();
    let at_once = proofs.iter().filter(|stream| reasons(stream) == ["dpop_signature"]).count();
    assert!((1..=4).contains(&at_once), "{at_once}");
    let good = send(&mut worker, false);
    assert_eq!(good.awaits(), OWN_TURN);
    for _ in 0..10 {
        take_turns(&mut worker, TURN);
    }
    assert!(proofs.iter().all(|stream| reasons(stream) == ["dpop_signature"]));
    assert_eq!(reasons(&good), ["allowed"], "its proof is used once, and when its turn comes");
}

#[test]
fn tokens_that_are_verified_again_with_new_keys_do_not_wait_for_strangers() {
    let keys = json!({"uri": "https://issuer.example.com/keys", "cluster": "auth", "max_age": "60s"});
    let mut worker = worker_of(&keys);
    let known = good("alice");
    let new = key_set([&Key::ed25519(), &Key::p256()]);
    let first = get(&mut worker, &known);
    worker.settle(&|_| Some(ok(&key_set([&Key::ed25519()]))));
    assert_eq!(reasons(&first), ["allowed"]);
    while worker.network.is_empty() {
        worker.wait(Duration::from_secs(1));
    }
    let [fetch] = worker.take(|_| true).try_into().unwrap();
    let (_, _forged) = flood(&mut worker);
    worker.answer(fetch.call, Some(&ok(&new)));
    let hits = worker.gate.known().tokens.hits;
    assert_eq!(reasons(&get(&mut worker, &known)), ["allowed"]);
    assert_eq!(worker.gate.known().tokens.hits, hits, "it was verified again");
}
