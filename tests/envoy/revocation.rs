//! A control plane revokes tokens: what is open ends on every worker, and what comes is refused.

use serde_json::json;

use super::remote_policy::{keys, remote, start};
use crate::support::answer::{Answer, Latch};
use crate::support::client::Request;
use crate::support::keys::Key;
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::Token;
use crate::support::upstream::Upstream;
use crate::support::wait_until;

fn token(subject: &str) -> String {
    Token::new().subject(subject).scope("weather:read").sign(&Key::rsa_a())
}

#[test]
fn streams_of_a_revoked_token_end_on_every_worker_and_those_of_others_go_on() {
    let (upstream, keys, late) = (Upstream::start(), keys(), Latch::new());
    let policy = |revoked: &[&str]| {
        let entries: Vec<_> = revoked.iter().map(|subject| json!({"subjects": [subject]})).collect();
        Behaviour::Json(json!({"tools": {"get_forecast": {"scopes": ["weather:read"]}}, "revoked": entries}))
    };
    let plane = Provider::start(policy(&[]));
    let envoy = start(&upstream, &keys, &plane, 4, &remote(&json!({})));
    let (alice, bob) = (token("alice"), token("bob"));
    let answer = late.clone();
    let scenario = upstream.scenario(move |_| Answer::events([": hello\n\n"]).wait(&answer).body(": late\n\n"));
    let get = Request::get("/mcp").header("accept", "text/event-stream");
    let requests = [get, Request::call("get_forecast")].map(|request| request.scenario(&scenario));
    let call = |token: &str| envoy.client().send(&Request::call("get_forecast").bearer(token)).status;
    wait_until("the policy everywhere", || (0..20).all(|_| call(&alice) == 200));
    let open = |token: &str| {
        let streams = requests.iter().cycle().take(8).map(|request| {
            let mut stream = envoy.client().open(&request.clone().bearer(token));
            assert_eq!((stream.status, stream.read_until("\n\n").as_str()), (200, ": hello\n\n"));
            stream
        });
        streams.collect::<Vec<_>>()
    };
    let (revoked, others) = (open(&alice), open(&bob));

    plane.set(policy(&["alice"]));
    for stream in revoked {
        assert!(!stream.rest().complete, "it breaks off");
    }
    assert_eq!(call(&alice), 401);
    let ended = || envoy.events().iter().filter(|event| event["detail"] == "token_revoked").count();
    wait_until("a line for each", || ended() == 8);
    let line = envoy.wait_for_audit(|line| line["reason"] == "token_revoked");
    assert_eq!((&line["decision"], &line["status"], &line["subject"]), (&json!("deny"), &json!(401), &json!(null)));

    late.open();
    for stream in others {
        let rest = stream.rest();
        assert!(rest.complete, "it goes on to its end");
    }
    assert_eq!(call(&bob), 200);
}
