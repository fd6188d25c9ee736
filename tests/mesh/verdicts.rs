//! The five answers that show that toolgate runs: challenge, metadata, trimmed list, call, denial.

use std::net::SocketAddr;

use serde_json::json;

use crate::report::Report;
use crate::support::client::{Client, Request};
use crate::support::raw::{Raw, Response};
use crate::world::{World, within};

/// Where the challenge points.
const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

/// The status of a request without a token, or why there is none.
pub fn status(address: SocketAddr) -> Result<u16, String> {
    try_send(address, &list()).map(|response| response.status).map_err(|fault| fault.to_string())
}

/// Sends a request to who may not be there.
pub fn try_send(address: SocketAddr, request: &Request) -> std::io::Result<Response> {
    Raw::try_connect(address)?.send(request.bytes()).try_response()
}

/// Waits until toolgate answers; how many seconds that took is the remark.
pub fn wait_for_challenge(report: &mut Report, place: &str, address: SocketAddr, log: impl Fn() -> String) -> bool {
    report.check(place, "answers", || {
        let start = std::time::Instant::now();
        let mut last = Err(String::new());
        let mut asked = || {
            last = status(address);
            (last == Ok(401)).then_some(())
        };
        let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| within(60, "401", &mut asked)));
        if answered.is_err() {
            let log = log();
            let lines: Vec<_> = log.lines().rev().take(6).collect();
            panic!("no 401 but {last:?}; {}", lines.join(" / "));
        }
        format!("401 after {:.1} s", start.elapsed().as_secs_f64())
    })
}

/// Runs the five checks.
pub fn five(report: &mut Report, place: &str, world: &World, address: SocketAddr) {
    let client = Client::new(address);
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
        let scenario = world
            .server
            .scenario(|_| crate::support::answer::Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
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

/// A `tools/list`.
pub fn list() -> Request {
    Request::rpc("tools/list", json!({}))
}
