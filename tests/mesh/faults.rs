//! Faults and unusual requests in a mesh. Each starts from a proxy that answers, and leaves the proxy as it was.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kubernetes::Kubernetes;
use crate::load::Load;
use crate::overlay::Overlay;
use crate::proxy::{Proxy, list, try_send};
use crate::report::Report;
use crate::support::answer::Answer;
use crate::support::client::{Client, Request};
use crate::support::tls::Authority;
use crate::world::{World, within};

/// How long a sender waits at most before it sends what it was not asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longer than the 10 s that toolgate waits for a body before it suspects the host.
const SLOW: Duration = Duration::from_secs(12);

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
        let checks: [(&str, Check<'_>); 8] = [
            ("policy changes under load", Self::changes_under_load),
            ("policy change while the issuer is down", Self::change_without_issuer),
            ("an issuer with a wrong certificate", Self::wrong_certificate),
            ("bad configuration", Self::bad_configuration),
            ("restart with a bad configuration", Self::bad_start),
            ("the same, failing open", Self::fails_open),
            ("registry away", Self::no_registry),
            ("module with another digest", Self::other_digest),
        ];
        for (name, check) in checks {
            if !report.check(self.place, name, || check(self)) {
                self.mend();
            }
        }
    }

    /// A check that failed may have left anything behind.
    fn mend(&mut self) {
        self.world.issuer_returns();
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
            let response = try_send(self.proxy.address(), &request).ok()?;
            let wants = response.challenge().unwrap_or_default();
            let is_new = match scope {
                "mcp:read" => response.status == 200,
                _ => response.status == 403 && wants.contains(scope),
            };
            is_new.then_some(())
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

    /// Keys come from who proves to be the issuer, or not at all.
    fn wrong_certificate(&mut self) -> String {
        let (failures, mut told) = ("toolgate_jwks_failure{}", Vec::new());
        let stranger = Authority::new();
        for (what, stranger, name, count) in [
            ("another name", None, "other.example.com", "fail_verify_san"),
            ("another CA", Some(&stranger), "auth.example.com", "fail_verify_error"),
        ] {
            let request = Request::call("get-sum").bearer(&self.world.token("mcp:read"));
            self.world.impostor(stranger, name);
            let before = (self.refused_certificates(count), self.proxy.count(failures).unwrap_or_default());
            // Other keys than those that are there already.
            self.kubernetes.apply(&self.overlay.clone().other_keys(name).build());
            let response = within(30, "keys that are missed", || {
                let answer = try_send(self.proxy.address(), &request).ok()?;
                (answer.status != 200).then_some(answer)
            });
            assert_eq!(response.status, 503, "{}", response.text());
            assert!(response.header("retry-after").is_some(), "no Retry-After");
            assert_eq!(self.world.issuer.fetches(), 0, "a request that reached {what}");
            within(10, failures, || (self.proxy.count(failures)? > before.1).then_some(()));
            within(10, "a record", || self.proxy.line(&["toolgate.audit", r#""reason":"keys_unavailable""#]));
            // Istio has its proxies keep no such count.
            let counted = if self.overlay.is_istio() {
                String::new()
            } else {
                within(10, count, || (self.refused_certificates(count) > before.0).then_some(()));
                format!(", ssl.{count}")
            };
            self.world.issuer_returns();
            within(60, "the issuer's keys", || {
                (try_send(self.proxy.address(), &request).ok()?.status == 200).then_some(())
            });
            told.push(format!("{what}: 503 keys_unavailable; counted: {failures}{counted}"));
        }
        self.kubernetes.apply(&self.overlay.build());
        told.join("; ")
    }

    /// How many certificates Envoy has refused for this reason.
    fn refused_certificates(&self, count: &str) -> u64 {
        let stats = self.proxy.administer(&format!("/stats?filter=^cluster\\..*ssl\\.{count}$"));
        stats.lines().filter_map(|line| line.rsplit(": ").next()?.parse::<u64>().ok()).sum()
    }

    fn bad_configuration(&mut self) -> String {
        let token = self.world.token("mcp:read");
        self.kubernetes.apply(&self.overlay.clone().misspelt().build());
        let seen = within(30, "a line of the log", || self.proxy.line(&[REFUSED]));
        within(30, "Envoy's refusal", || self.proxy.line(&["rejected: ", "Unable to create Wasm"]));
        let answers = [self.proxy.call("get-sum", &token), self.proxy.call("get-env", &token), self.proxy.answer()];
        let (status, ready) = (self.proxy.status(), self.proxy.is_ready());
        self.kubernetes.apply(&self.overlay.build());
        assert_eq!(answers, [Ok(200), Ok(403), Ok(401)], "the old policy");
        assert!(ready, "a proxy that is ready");
        assert!(accepted(&status), "{status}");
        format!("the old one stays in force; status: {status}; ready: {ready}; log: {seen}")
    }

    /// Neither control plane reads toolgate's configuration, so nothing but the proxy's log shows that it is refused.
    fn bad_start(&mut self) -> String {
        let token = self.world.token("mcp:read");
        self.kubernetes.apply(&self.overlay.clone().misspelt().build());
        self.proxy.restart();
        within(60, "a line of the log", || self.proxy.line(&[REFUSED]));
        let refused = self.proxy.refused_at_start();
        within(30, "an answer", || (self.proxy.answer() == Ok(refused)).then_some(()));
        let answers = [self.proxy.answer(), self.proxy.call("get-sum", &token), self.proxy.call("get-env", &token)];
        let (status, ready) = (self.proxy.status(), self.proxy.is_ready());
        assert_eq!(answers, [Ok(refused), Ok(refused), Ok(refused)], "to everybody");
        assert!(ready, "a proxy that is ready all the same");
        assert!(accepted(&status), "{status}");
        let seconds = self.repair();
        format!("{refused} to everything, ready: {ready}, status: {status}; repaired {seconds:.1} s after a good one")
    }

    /// The setting that none of the files has, and that `toolgate check` warns of.
    fn fails_open(&mut self) -> String {
        self.kubernetes.apply(&self.overlay.clone().misspelt().build());
        let is_istio = self.overlay.is_istio();
        if is_istio {
            self.kubernetes.patch("wasmplugin", "toolgate", &json!({"spec": {"failStrategy": "FAIL_OPEN"}}));
        } else {
            let policy = self.kubernetes.get("envoyextensionpolicy", "mcp", "toolgate").expect("the policy");
            let mut wasm = policy["spec"]["wasm"].clone();
            wasm[0]["failOpen"] = json!(true);
            self.kubernetes.patch("envoyextensionpolicy", "toolgate", &json!({"spec": {"wasm": wasm}}));
        }
        self.proxy.restart();
        within(60, "a line of the log", || self.proxy.line(&[REFUSED]));
        if is_istio {
            // A refused configuration never gets so far as to fail open; a module that cannot be had does.
            within(30, "500", || (self.proxy.answer() == Ok(500)).then_some(()));
            self.kubernetes.patch("wasmplugin", "toolgate", &json!({"spec": other_module()}));
        }
        within(30, "an answer of the server", || (self.proxy.answer() == Ok(200)).then_some(()));
        assert_eq!(self.proxy.call("get-env", "no token"), Ok(200), "nobody decides");
        if is_istio {
            self.kubernetes.delete_all("wasmplugins");
        }
        let seconds = self.repair();
        let first = if is_istio { "500 for the configuration; for a module with another digest " } else { "" };
        format!("{first}the server answers everybody; repaired {seconds:.1} s after a good one")
    }

    /// The image in its other form has not been fetched before.
    fn no_registry(&mut self) -> String {
        self.world.registry.stop();
        let other = self.overlay.clone().image("artifact");
        self.kubernetes.apply(&other.build());
        let told = self.without_module("connection refused");
        self.world.registry.restart();
        // Nobody asks the registry again until something changes.
        std::thread::sleep(Duration::from_secs(30));
        let refused = self.proxy.without_module();
        assert_eq!(self.proxy.answer(), Ok(refused), "30 s after the registry is back");
        let seconds = self.repair();
        format!("{told}; still {refused} 30 s after it is back; repaired {seconds:.1} s after the next change")
    }

    /// The web server has a module with another digest than the one that is pinned.
    fn other_digest(&mut self) -> String {
        let (kind, patch) = if self.overlay.is_istio() {
            ("wasmplugin", json!({"spec": other_module()}))
        } else {
            let code = json!({"type": "HTTP", "http": other_module()});
            let policy = self.kubernetes.get("envoyextensionpolicy", "mcp", "toolgate").expect("the policy");
            let mut wasm = policy["spec"]["wasm"].clone();
            wasm[0]["code"] = code;
            ("envoyextensionpolicy", json!({"spec": {"wasm": wasm}}))
        };
        self.kubernetes.patch(kind, "toolgate", &patch);
        let told = self.without_module("does not match");
        // No manifest takes away a field that a patch added.
        self.kubernetes.kubectl(&["delete", kind, "toolgate", "--namespace", "mcp"]);
        let seconds = self.repair();
        format!("{told}; repaired {seconds:.1} s after a good one")
    }

    /// All are refused while the module cannot be had, and an operator is told of this fault.
    fn without_module(&self, fault: &str) -> String {
        let token = self.world.token("mcp:read");
        let refused = self.proxy.without_module();
        within(30, "the module to be missed", || (self.proxy.answer() == Ok(refused)).then_some(()));
        let response = try_send(self.proxy.address(), &list()).expect("an answer");
        let answers = [Ok(response.status), self.proxy.call("get-sum", &token), self.proxy.call("get-env", &token)];
        assert_eq!(answers, [Ok(refused), Ok(refused), Ok(refused)], "to everybody");
        assert_eq!(response.challenge(), None, "no challenge");
        assert!(self.proxy.is_ready(), "a proxy that is ready");
        let status = self.proxy.status();
        let told = if self.overlay.is_istio() {
            let line = self.proxy.line(&["error in converting the wasm config to local", fault]);
            line.unwrap_or_else(|| {
                panic!("no line of the agent with {fault:?}: {:?}", self.proxy.line(&["wasm config to local"]))
            })
        } else {
            assert!(status.starts_with("Accepted=False: Wasm: ") && status.contains(fault), "{status}");
            "see the status".to_owned()
        };
        format!("{refused} to everything, {:?}; status: {status}; log: {told}", response.text())
    }

    /// Applies the good configuration; how many seconds it takes.
    fn repair(&self) -> f64 {
        self.kubernetes.apply(&self.overlay.build());
        let start = Instant::now();
        self.proxy.wait_for_challenge();
        start.elapsed().as_secs_f64()
    }
}

/// The module from the web server, as if it had another digest.
fn other_module() -> Value {
    json!({"url": "https://example.com/toolgate.wasm", "sha256": "0".repeat(64)})
}

/// Whether the control plane has nothing against the object.
fn accepted(status: &str) -> bool {
    status == "no status" || status.starts_with("Accepted=True: Policy has been accepted.")
}
