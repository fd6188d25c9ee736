//! Faults and unusual requests in a mesh. Each starts from a proxy that answers, and leaves the proxy as it was.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kubernetes::Kubernetes;
use crate::load::Load;
use crate::overlay::Overlay;
use crate::proxy::{Proxy, list};
use crate::report::Report;
use crate::support::answer::Answer;
use crate::support::client::{Client, Request};
use crate::world::{World, within};

/// How long a sender waits at most before it sends what it was not asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longer than toolgate waits for a body before it suspects the host.
const SLOW: Duration = Duration::from_secs(6);

/// How toolgate says that it does not run with a configuration.
const REFUSED: &str = "configuration refused";

/// A place where toolgate runs, and what it runs on.
pub struct Case<'a> {
    pub place: &'static str,
    pub world: &'a mut World,
    pub kubernetes: &'a Kubernetes,
    pub proxy: &'a mut dyn Proxy,
    pub overlay: Overlay,
}

impl Case<'_> {
    /// Bodies and senders that are out of the ordinary.
    pub fn senders(&mut self, report: &mut Report) {
        report.check(self.place, "list of 900 kB", || self.big_list());
        report.check(self.place, "Expect: 100-continue", || self.expectation());
        report.check(self.place, "slow sender", || self.slow_sender());
    }

    /// Changes that are good, bad, and untimely.
    pub fn changes(&mut self, report: &mut Report) {
        type Check<'a> = fn(&mut Case<'a>) -> String;
        let checks: [(&str, Check<'_>); 5] = [
            ("policy changes under load", Self::changes_under_load),
            ("policy change while the issuer is down", Self::change_without_issuer),
            ("bad configuration", Self::bad_configuration),
            ("restart with a bad configuration", Self::bad_start),
            ("registry away", Self::no_registry),
        ];
        for (name, check) in checks {
            if !report.check(self.place, name, || check(self)) {
                self.mend();
            }
        }
    }

    /// A check that failed may have left anything behind.
    fn mend(&mut self) {
        self.world.issuer_is_back();
        self.world.registry.restart();
        self.kubernetes.apply(&self.overlay.build());
        self.proxy.restart();
        self.proxy.wait_for_challenge();
    }

    fn big_list(&self) -> String {
        let tools: Vec<_> = (0..900)
            .map(|n| json!({"name": format!("get-{n}"), "description": "x".repeat(930), "inputSchema": {"type": "object"}}))
            .collect();
        let list_of_all = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}});
        let size = list_of_all.to_string().len();
        assert!((890_000..1_000_000).contains(&size), "{size}");
        let scenario = self.world.server.scenario(move |_| Answer::json(&list_of_all));
        let token = self.world.token("mcp:read");
        let response = Client::new(self.proxy.address()).send(&list().bearer(&token).scenario(&scenario));
        assert_eq!((response.status, response.complete), (200, true), "{}", response.body.len());
        let names = response.json()["result"]["tools"].as_array().map_or(0, Vec::len);
        assert_eq!(names, 900);
        format!("{size} bytes, whole")
    }

    fn expectation(&self) -> String {
        let token = self.world.token("mcp:read");
        let request = Request::call("get-sum").bearer(&token).header("expect", "100-continue").bytes();
        let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the end of the headers") + 4;
        let mut connection = Client::new(self.proxy.address()).raw();
        let start = Instant::now();
        connection.send(&request[..end]);
        let interim = connection.peek(PATIENCE);
        let waited = start.elapsed();
        let asked = interim.as_deref().is_some_and(|bytes| bytes.starts_with(b"HTTP/1.1 100"));
        if interim.is_none() || asked {
            connection.send(&request[end..]);
        }
        let status = connection.response().status;
        let told = match (&interim, asked) {
            (None, _) => "nothing",
            (_, true) => "100",
            (_, false) => "the answer",
        };
        assert!(waited < PATIENCE, "{told} within {PATIENCE:?}, then {status}");
        assert!(matches!(status, 200 | 417), "{status}");
        format!("{told} after {} ms, then {status}", waited.as_millis())
    }

    /// Right after a change, when toolgate has not seen yet whether its host holds headers.
    fn slow_sender(&mut self) -> String {
        self.change("mcp:write");
        let token = self.world.token("mcp:read");
        let request = Request::call("get-sum").bearer(&token).bytes();
        let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the end of the headers") + 4;
        let mut connection = Client::new(self.proxy.address()).raw();
        connection.send(&request[..end]);
        let early = connection.peek(SLOW);
        if early.is_none() {
            connection.send(&request[end..]);
        }
        let response = connection.response();
        let log = self.proxy.line(&["toolgate", "allow_on_headers_stop_iteration"]).unwrap_or_default();
        self.change("mcp:admin");
        assert_eq!(response.status, 200, "{}; {log}", response.text());
        format!("200, {} s between headers and body", SLOW.as_secs())
    }

    /// Applies the policy with another scope for `get-env`, and waits until it is in force.
    fn change(&mut self, scope: &str) -> Duration {
        self.overlay = self.overlay.clone().get_env_needs(scope);
        self.kubernetes.apply(&self.overlay.build());
        self.in_force(scope)
    }

    /// Waits until `get-env` is for who has this scope.
    fn in_force(&self, scope: &str) -> Duration {
        let start = Instant::now();
        let token = self.world.token("mcp:read");
        let request = Request::call("get-env").bearer(&token);
        within(30, "the new policy", || {
            let response = crate::proxy::try_send(self.proxy.address(), &request).ok()?;
            let wants = response.challenge().unwrap_or_default();
            let is_new = response.status == 200 && scope == "mcp:read" || wants.contains(scope);
            (is_new || response.status == 503).then_some(())
        });
        start.elapsed()
    }

    fn changes_under_load(&mut self) -> String {
        let load = Load::start(self.proxy.address(), &self.world.token("mcp:read"));
        let mut slowest = Duration::ZERO;
        for round in 0..6 {
            let scope = ["mcp:write", "mcp:read", "mcp:admin"][round % 3];
            slowest = slowest.max(self.change(scope));
        }
        let seen = load.stop();
        assert!(seen.failures.is_empty(), "{} of {}: {:?}", seen.failures.len(), seen.requests, seen.failures.first());
        assert!(seen.requests > 100, "{}", seen.requests);
        format!(
            "6 changes, {} requests, none failed, slowest {} ms, in force within {} ms",
            seen.requests,
            seen.slowest.as_millis(),
            slowest.as_millis()
        )
    }

    fn change_without_issuer(&mut self) -> String {
        let token = self.world.token("mcp:read");
        assert_eq!(self.proxy.call("get-sum", &token), Ok(200), "before");
        self.world.issuer_fails();
        self.change("mcp:write");
        let answers: Vec<_> = (0..10).map(|_| self.proxy.call("get-sum", &token)).collect();
        self.world.issuer_is_back();
        within(60, "the issuer's keys", || (self.proxy.call("get-sum", &token) == Ok(200)).then_some(()));
        self.change("mcp:admin");
        assert!(answers.iter().all(|answer| *answer == Ok(200)), "{answers:?}");
        "keys kept, 10 calls 200".to_owned()
    }

    fn bad_configuration(&mut self) -> String {
        let token = self.world.token("mcp:read");
        self.kubernetes.apply(&self.overlay.clone().misspelt().build());
        let seen = within(30, "a line of the log", || self.proxy.line(&[REFUSED]));
        let answers = [self.proxy.call("get-sum", &token), self.proxy.call("get-env", &token), self.proxy.answer()];
        let (status, ready) = (self.proxy.status(), self.proxy.is_ready());
        self.kubernetes.apply(&self.overlay.build());
        assert_eq!(answers, [Ok(200), Ok(403), Ok(401)], "the old policy");
        format!("the old one stays in force; status: {status}; ready: {ready}; log: {seen}")
    }

    fn bad_start(&mut self) -> String {
        self.kubernetes.apply(&self.overlay.clone().misspelt().build());
        self.proxy.restart();
        within(60, "a line of the log", || self.proxy.line(&[REFUSED]));
        let mut told = String::new();
        let start = Instant::now();
        // What it settles on.
        std::thread::sleep(Duration::from_secs(3));
        let _ = write!(
            told,
            "{:?}, ready: {}, status: {}",
            self.proxy.answer(),
            self.proxy.is_ready(),
            self.proxy.status()
        );
        self.kubernetes.apply(&self.overlay.build());
        let repaired = Instant::now();
        self.proxy.wait_for_challenge();
        let _ = write!(told, "; repaired {:.1} s after a good one", repaired.elapsed().as_secs_f64());
        assert!(start.elapsed() < Duration::from_secs(120), "{told}");
        told
    }

    /// The image in its other form has not been fetched before.
    fn no_registry(&mut self) -> String {
        self.world.registry.stop();
        let other = self.overlay.clone().image(&self.world.registry.artifact);
        self.kubernetes.apply(&other.build());
        let start = Instant::now();
        let answer = |proxy: &dyn Proxy| {
            while start.elapsed() < Duration::from_secs(15) {
                std::thread::sleep(Duration::from_millis(100));
                if proxy.answer() != Ok(401) {
                    break;
                }
            }
            proxy.answer()
        };
        let told = answer(self.proxy);
        let status = self.proxy.status();
        self.world.registry.restart();
        let back = Instant::now();
        let recovered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            within(30, "401", || (self.proxy.answer() == Ok(401)).then_some(()));
        }));
        let after = match recovered {
            Ok(()) => format!("401 again {:.1} s after it is back", back.elapsed().as_secs_f64()),
            Err(_) => format!("still {:?} 30 s after it is back", self.proxy.answer()),
        };
        self.kubernetes.apply(&self.overlay.build());
        self.proxy.wait_for_challenge();
        format!("a module that is not there yet: {told:?}; status: {status}; {after}")
    }
}
