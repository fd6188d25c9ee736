//! The five answers that show that toolgate runs: challenge, metadata, trimmed list, call, denial.

use std::time::Instant;

use serde_json::json;

use crate::proxy::{Proxy, list};
use crate::report::Report;
use crate::support::answer::Answer;
use crate::support::client::{Client, Request};
use crate::world::World;

/// Where the challenge points.
const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

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

/// Runs the five checks.
pub fn five(report: &mut Report, place: &str, world: &World, proxy: &dyn Proxy) {
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
}
