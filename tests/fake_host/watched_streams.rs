//! Streams that go on for as long as the server likes: when they end, and why.

mod gate;

use self::gate::*;
use std::time::Duration;

use crate::support::fake::{End, Part, Response, Stream, Worker, ok};
use crate::support::tokens::{AUDIENCE, ISSUER};
use serde_json::{Value, json};
use toolgate::callout::Request;

const NOW: i64 = 1_800_000_000;

#[test]
fn a_stream_whose_token_is_revoked_ends_at_the_cache_ttl() {
    let cases: [(&str, Endpoint, &str, std::ops::RangeInclusive<u64>); 8] = [
        ("30s", inactive, "token_inactive", 30..=31),
        ("1s", inactive, "token_inactive", 1..=2),
        ("0s", inactive, "token_inactive", 1..=2),
        ("30s", for_others, "audience_mismatch", 30..=31),
        ("0s", for_others, "audience_mismatch", 1..=3),
        ("30s", narrowed, "policy_denies", 30..=31),
        ("0s", narrowed, "policy_denies", 1..=3),
        ("30s", ending, "token_expired", 100..=100),
    ];
    for (ttl, answer, detail, after) in cases {
        for kind in KINDS {
            let mut gate = worker(ttl);
            let stream = open(&mut gate, kind, "opaque");
            gate.endpoint = answer;
            let (second, why) = pass(&mut gate, &stream, 200).expect("an end");
            assert_eq!(why, detail, "{ttl} {kind:?}");
            assert!(after.contains(&second), "{ttl} {kind:?} {detail}: after {second} s");
        }
    }
}

#[test]
fn an_outage_shorter_than_twice_the_cache_ttl_cuts_no_stream_and_a_longer_one_does() {
    for (ttl, within, after) in [("30s", 50, 62..=63), ("5s", 5, 12..=13), ("0s", 2, 4..=5)] {
        let mut gate = worker(ttl);
        let stream = open(&mut gate, Kind::Get, "opaque");
        gate.endpoint = fails;
        assert_eq!(pass(&mut gate, &stream, within), None, "{ttl}");
        gate.endpoint = active;
        assert_eq!(pass(&mut gate, &stream, 600), None, "{ttl}: it answers again");
        drop(stream);

        let stream = open(&mut gate, Kind::Get, "another");
        gate.endpoint = fails;
        gate.worker.asked = 0;
        let (second, why) = pass(&mut gate, &stream, 600).expect("an end");
        assert_eq!(why, "introspection_unavailable", "{ttl}");
        assert!(after.contains(&second), "{ttl}: after {second} s");
        assert!(gate.worker.asked <= 17, "{ttl}: not at every tick, but {} times", gate.worker.asked);
    }
}

#[test]
fn a_stream_without_an_end_is_asked_about_once_in_each_cache_ttl_and_ends_after_its_longest_time() {
    let mut gate = worker("30s");
    let (first, second) = (open(&mut gate, Kind::Get, "opaque"), open(&mut gate, Kind::Get, "opaque"));
    assert_eq!(gate.worker.asked, 1, "one token, one call");
    for _ in 0..3_599 {
        gate.second();
        gate.answer_calls();
    }
    assert!((115..=121).contains(&gate.worker.asked), "{}", gate.worker.asked);
    assert!(!first.is_reset() && !second.is_reset());
    assert_eq!(pass(&mut gate, &first, 2), Some((1, "stream_limit".to_owned())));
}

#[test]
fn a_stream_is_decided_anew_when_the_policy_changes_and_only_then() {
    let same = same_policy();
    let base = json!({"base_scopes": ["connect", "admin"], "resources": {"docs://*": {"scopes": ["read"]}}});
    let rules = json!({"base_scopes": ["connect"], "resources": {"docs://1": {"scopes": ["admin"]}, "docs://*": {"scopes": ["read"]}}});
    let shadow = json!({"mode": "shadow", "base_scopes": ["admin"]});
    for (name, document, get, listen) in [
        ("the same", &same, false, false),
        ("another base scope", &base, true, true),
        ("a rule for what is listened to", &rules, false, true),
        ("one that only tells", &shadow, false, false),
    ] {
        for (kind, ends) in [(Kind::Get, get), (Kind::Listen(2), listen), (Kind::Listen(1), listen && get)] {
            let mut gate = worker("30s");
            let stream = open(&mut gate, kind, "opaque");
            assert_eq!(pass(&mut gate, &stream, 2), None);
            gate.adopt(Some(document), &stream);
            let expected = ends.then(|| (1, "policy_denies".to_owned()));
            assert_eq!(pass(&mut gate, &stream, 2), expected, "{name} {kind:?}");
        }
    }
}

#[test]
fn a_policy_that_is_closed_ends_every_stream() {
    for kind in KINDS {
        let mut gate = worker("30s");
        let stream = open(&mut gate, kind, "opaque");
        assert_eq!(pass(&mut gate, &stream, 1), None, "{kind:?}: it was not closed before");
        gate.adopt(None, &stream);
        // The tick that closes the policy also ends the streams.
        assert_eq!(pass(&mut gate, &stream, 1), Some((0, "policy_denies".to_owned())), "{kind:?}");
    }
}

#[test]
fn what_was_too_long_to_be_kept_cannot_be_decided_anew() {
    for (kind, expected) in [(Kind::Listen(1_000), None), (Kind::ListenLong, Some((1, "policy_denies".to_owned())))] {
        let mut gate = worker("30s");
        let stream = open(&mut gate, kind, "opaque");
        assert_eq!(pass(&mut gate, &stream, 2), None, "{kind:?}");
        gate.adopt(Some(&same_policy()), &stream);
        assert_eq!(pass(&mut gate, &stream, 1), expected, "{kind:?}");
    }
}

#[test]
fn tokens_of_strangers_end_no_stream_however_many_are_asked_about() {
    fn knows_one(form: &[u8]) -> (u16, String) {
        let is_known = String::from_utf8_lossy(form).contains("token=opaque");
        if is_known { active(form) } else { inactive(form) }
    }
    let mut gate = worker("30s");
    let stream = open(&mut gate, Kind::Get, "opaque");
    gate.endpoint = knows_one;
    for second in 0..100 {
        let strangers: Vec<_> = (0..100).map(|n| ask(&mut gate, Kind::Get, &format!("garbage-{second}-{n}"))).collect();
        gate.worker.tick();
        gate.second();
        gate.answer_calls();
        assert!(!stream.is_reset(), "after {second} s: {:?}", stream.events());
        drop(strangers);
    }
}

#[test]
fn nothing_passes_on_a_stream_that_has_ended_even_if_the_host_goes_on() {
    let mut gate = worker("30s");
    let stream = open(&mut gate, Kind::Get, "opaque");
    gate.adopt(None, &stream);
    assert!(pass(&mut gate, &stream, 1).is_some());
    stream.revive();
    let headers = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
    let list = b"data: {\"result\":{\"resources\":[{\"uri\":\"secret://a\"}]},\"id\":1}\n\n".to_vec();
    stream.answer(&mut gate.worker, 200, headers, vec![Part::Data(list, End::Last)], End::More);
    let body = stream.client().map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
    assert!(body.is_some_and(|body| body.contains("bad_gateway")), "{:?}", stream.client());
}

#[test]
fn a_stream_of_nothing_that_may_pass_does_not_fill_the_log() {
    let mut gate = worker("30s");
    let stream = open(&mut gate, Kind::Get, "opaque");
    let headers = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
    let denied = "data: {\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"x:\"}}\n\n";
    let parts = ["data: {\n\n", "x\n\n", denied].map(|event| Part::Data(event.repeat(1_000).into_bytes(), End::More));
    stream.answer(&mut gate.worker, 200, headers, parts.to_vec(), End::More);
    assert_eq!(stream.events().len(), 100);
}

#[test]
fn the_rules_of_all_messages_of_a_batch_apply_to_its_answer() {
    let message =
        |id: u64, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let listen =
        || message(1, "subscriptions/listen", json!({"notifications": {"resourceSubscriptions": ["docs://a"]}}));
    let list = || message(2, "tools/list", json!({}));
    let read = || message(3, "resources/read", json!({"uri": "docs://a"}));
    let update =
        |uri: &str| json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}});
    let listed = |tools: Value| json!({"jsonrpc": "2.0", "id": 2, "result": {"tools": tools}});
    let contents = |scope: &str| json!({"jsonrpc": "2.0", "id": 3, "result": {"cacheScope": scope, "contents": []}});
    let event = |data: &Value| format!("data: {data}\n\n");
    let tool = || listed(json!([{"name": "x"}]));
    let none = || listed(json!([]));
    let failed = |id: u64| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":502,\"message\":\"The server's answer could not be read\",\"data\":{{\"error\":\"bad_gateway\"}}}}}}\n\n"
        )
    };
    let (events, document) = ("text/event-stream", "application/json");
    for (batch, media, answer, status, expected) in [
        (json!([list(), listen()]), events, event(&update("other://x")) + &event(&tool()), 200, event(&none())),
        (json!([listen(), list()]), events, event(&update("docs://a")), 200, event(&update("docs://a"))),
        (json!([listen(), list()]), events, event(&json!([tool(), update("other://x")])), 200, failed(2) + &failed(1)),
        (
            json!([listen(), list()]),
            document,
            json!([update("other://x")]).to_string(),
            502,
            r#"{"error":"bad_gateway"}"#.to_owned(),
        ),
        (json!([list(), listen()]), "text/plain", tool().to_string(), 502, r#"{"error":"bad_gateway"}"#.to_owned()),
        (
            json!([list(), read()]),
            document,
            json!([tool(), contents("public")]).to_string(),
            200,
            json!([none(), contents("private")]).to_string(),
        ),
        (json!([list(), read()]), events, event(&contents("public")), 200, event(&contents("private"))),
        (json!([listen(), read()]), events, event(&contents("public")), 200, event(&contents("private"))),
    ] {
        let mut gate = worker("30s");
        let stream = send(&mut gate, "POST", Some(batch.to_string()), "opaque");
        gate.answer_calls();
        let headers = vec![("content-type".to_owned(), media.as_bytes().to_vec())];
        stream.answer(&mut gate.worker, 200, headers, vec![Part::Data(answer.into_bytes(), End::Last)], End::More);
        let client = stream.client().unwrap();
        let status_of = client.headers.iter().find(|(name, _)| name == ":status").map(|(_, value)| value.clone());
        let body = String::from_utf8(client.body).unwrap();
        assert_eq!((status_of, body), (Some(status.to_string().into_bytes()), expected), "{batch} {media}");
    }
}

#[test]
fn many_streams_are_decided_anew_a_share_at_a_tick_and_nothing_passes_on_the_others_before() {
    let stricter = json!({"base_scopes": ["connect", "admin"]});
    let mut gate = worker("30s");
    gate.endpoint = ending;
    let streams: Vec<_> = (0..40).map(|_| open(&mut gate, Kind::Listen(1_000), "opaque")).collect();
    gate.worker.metered = true;
    let ended = |streams: &[Stream]| streams.iter().filter(|stream| stream.is_reset()).count();
    gate.policy = Some(stricter);
    while ended(&streams) == 0 {
        let waits = Duration::from_millis(gate.worker.until_tick());
        let Gate { worker, endpoint, policy } = &mut gate;
        worker.answer_all(&|request| answer(*endpoint, policy.as_ref(), request));
        worker.wait(waits);
    }
    let at_once = ended(&streams);
    assert!((2..=20).contains(&at_once), "{at_once} of {}", streams.len());
    assert!(streams[..at_once].iter().all(Stream::is_reset), "in order");

    // The server sends something on one that is not decided yet, and on which it may pass no more.
    let headers = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
    let event = b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n".to_vec();
    let last = streams.len() - 1;
    streams[last].answer(&mut gate.worker, 200, headers, vec![Part::Data(event, End::More)], End::More);
    streams[last].revive();
    assert_eq!(streams[last].client().map(|answer| answer.body), Some(Vec::new()));

    for _ in 0..10 {
        gate.second();
    }
    assert_eq!(ended(&streams), streams.len());
    assert!(streams.iter().all(|stream| stream.events().len() == 1), "each is told of once");
}

#[test]
fn streams_that_outrun_the_endpoint_end_and_those_that_stay_are_vouched_for() {
    // The endpoint answers a few calls a second, and each of the tokens wants one every five.
    let mut gate = worker_with("5s", 4);
    let streams: Vec<_> = (0..60).map(|n| open(&mut gate, Kind::Get, &format!("opaque-{n}"))).collect();
    let pass = |gate: &mut Gate, seconds: u64| {
        for _ in 0..seconds {
            gate.second();
            for sent in gate.worker.take(|_| true) {
                let response = answer(gate.endpoint, gate.policy.as_ref(), &sent.request);
                gate.worker.answer(sent.call, response.as_ref());
            }
        }
        streams.iter().filter(|stream| !stream.is_reset()).count()
    };
    let left = pass(&mut gate, 100);
    assert!((5..=30).contains(&left), "{left} of {}", streams.len());
    assert_eq!(pass(&mut gate, 100), left, "those that can be renewed go on");
    let ended = streams.iter().filter(|stream| stream.is_reset());
    assert!(ended.flat_map(Stream::events).all(|event| event.contains("introspection_unavailable")));
    gate.endpoint = inactive;
    assert_eq!(pass(&mut gate, 14), 0, "none outlives twice the time and a timeout");
}
