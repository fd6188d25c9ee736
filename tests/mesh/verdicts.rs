//! The five answers that show that toolgate runs: challenge, metadata, trimmed list, call, denial; and how it tells of them.

use std::time::Instant;

use serde_json::json;

use crate::proxy::{Proxy, list};
use crate::report::Report;
use crate::support::answer::Answer;
use crate::support::client::{Client, Request};
use crate::world::{World, within};

/// Where the challenge points.
pub const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

/// Waits until toolgate answers; how many seconds that took is the remark.
pub fn answers(report: &mut Report, place: &str, proxy: &dyn Proxy) -> bool {
    let start = Instant::now();
    let answered = report.check(place, "answers", || {
        proxy.wait_for_challenge();
        format!("401 after {:.1} s", start.elapsed().as_secs_f64())
    });
    if !answered {
        let log = proxy.log();
        let lines: Vec<_> = log.lines().rev().take(8).collect();
        report.say(&format!("it answers {:?}, and its log ends, backwards:\n  {}", proxy.answer(), lines.join("\n  ")));
    }
    answered
}

/// Runs them, and looks for the record and the count of the denial.
pub fn all(report: &mut Report, place: &str, world: &World, proxy: &dyn Proxy) {
    let client = Client::new(proxy.address());
    let token = world.token("mcp:read");
    report.check(place, "challenge", || {
        let response = client.send(&list());
        let challenge = response.challenge().unwrap_or_default();
        assert_eq!(response.status, 401, "{}", response.text());
        assert!(challenge.contains(&format!("resource_metadata=\"{METADATA}\"")), "{challenge}");
        String::new()
    });
    report.check(place, "metadata", || {
        let response = client.get("/.well-known/oauth-protected-resource/mcp");
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.json()["authorization_servers"], json!(["https://auth.example.com"]));
        String::new()
    });
    report.check(place, "trimmed list", || {
        let response = client.send(&list().bearer(&token));
        assert_eq!(response.status, 200, "{}", response.text());
        let tools = response.json()["result"]["tools"].clone();
        let names: Vec<_> = tools.as_array().into_iter().flatten().map(|tool| tool["name"].clone()).collect();
        assert_eq!(names, ["echo", "get-sum"]);
        String::new()
    });
    report.check(place, "call, identity forwarded", || {
        let scenario = world.server.scenario(|_| Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
        let response = client.send(&Request::call("get-sum").bearer(&token).scenario(&scenario));
        assert_eq!(response.status, 200, "{}", response.text());
        let headers = scenario.request().headers;
        assert_eq!(headers.get("x-mcp-subject").as_deref(), Some("alice"));
        assert_eq!(headers.get("authorization"), None, "the server sees no token");
        String::new()
    });
    report.check(place, "denial, step-up scope", || {
        let response = client.send(&Request::call("get-env").bearer(&token));
        let challenge = response.challenge().unwrap_or_default();
        assert_eq!(response.status, 403, "{}", response.text());
        for part in ["error=\"insufficient_scope\"", "mcp:admin"] {
            assert!(challenge.contains(part), "{challenge}");
        }
        String::new()
    });
    report.check(place, "record in the log", || {
        assert_eq!(client.send(&Request::call("get-env").bearer(&world.token_of(place, "mcp:read"))).status, 403);
        let subject = format!("\"subject\":\"{place}\"");
        let parts =
            ["toolgate.audit", r#""decision":"deny","reason":"insufficient_scope""#, r#""target":"get-env""#, &subject];
        within(10, "a record", || proxy.line(&parts));
        String::new()
    });
    report.check(place, "count", || {
        let metric = "toolgate_decisions_insufficient_scope{}";
        let count = within(10, metric, || proxy.count(metric).filter(|count| *count > 0));
        format!("{metric} {count}")
    });
}

/// With the component `metrics`: labels take the place of the ends of names.
pub fn labels(report: &mut Report, place: &str, world: &World, proxy: &dyn Proxy) {
    if !answers(report, place, proxy) {
        return;
    }
    report.check(place, "labels", || {
        let client = Client::new(proxy.address());
        assert_eq!(client.send(&Request::call("get-sum").bearer(&world.token("mcp:read"))).status, 200);
        let metrics = [
            r#"toolgate_decisions{reason="no_token"}"#,
            r#"toolgate_decisions{reason="allowed"}"#,
            r#"toolgate_jwks{outcome="success"}"#,
            r#"toolgate_cache{outcome="miss"}"#,
        ];
        let told = metrics.map(|metric| {
            let count = within(10, metric, || proxy.count(metric).filter(|count| *count > 0));
            format!("{metric} {count}")
        });
        assert_eq!(proxy.count("toolgate_decisions_no_token{}"), None, "the name without a label");
        told.join(", ")
    });
}
