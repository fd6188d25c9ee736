//! A gate with an endpoint and a remote policy that the test changes.

use super::*;

pub(super) fn active(_: &[u8]) -> (u16, String) {
    (200, json!({"active": true, "aud": AUDIENCE, "scope": "connect read"}).to_string())
}

pub(super) fn narrowed(_: &[u8]) -> (u16, String) {
    (200, json!({"active": true, "aud": AUDIENCE, "scope": "read"}).to_string())
}

pub(super) fn ending(_: &[u8]) -> (u16, String) {
    (200, json!({"active": true, "aud": AUDIENCE, "scope": "connect read", "exp": NOW + 100}).to_string())
}

pub(super) fn inactive(_: &[u8]) -> (u16, String) {
    (200, json!({"active": false}).to_string())
}

pub(super) fn for_others(_: &[u8]) -> (u16, String) {
    (200, json!({"active": true, "aud": "https://other.example.com", "scope": "connect read"}).to_string())
}

pub(super) fn fails(_: &[u8]) -> (u16, String) {
    (500, String::new())
}

/// The policy from the start.
pub(super) fn policy() -> Value {
    json!({"base_scopes": ["connect"], "resources": {"docs://*": {"scopes": ["read"]}}})
}

/// The same policy in another document.
pub(super) fn same_policy() -> Value {
    let mut policy = policy();
    policy["mode"] = json!("enforce");
    policy
}

/// An introspection endpoint: its answer to a form.
pub(super) type Endpoint = fn(&[u8]) -> (u16, String);

/// One worker whose only issuer is asked about opaque tokens, and what it calls.
pub(super) struct Gate {
    pub(super) worker: Worker,
    pub(super) endpoint: Endpoint,
    /// The policy of the control plane, which may be down.
    pub(super) policy: Option<Value>,
}

pub(super) fn worker(ttl: &str) -> Gate {
    worker_with(ttl, 64)
}

/// A worker that asks this often at a time.
pub(super) fn worker_with(ttl: &str, max_in_flight: usize) -> Gate {
    let introspection = json!({
        "uri": format!("{ISSUER}/introspect"), "cluster": "auth", "cache_ttl": ttl, "timeout": "2s",
        "max_in_flight": max_in_flight,
    });
    let source = json!({
        "uri": "https://plane.example.com/policy", "cluster": "plane", "interval": "1s", "max_stale": "1s",
    });
    let worker = Worker::new(
        &json!({
            "issuers": [{"issuer": ISSUER, "introspection": introspection, "leeway": "0s"}],
            "resources": [{"resource": AUDIENCE, "policy": policy(), "policy_source": source}],
            "hold_request_headers": true,
            "batches": "authorize_each",
        }),
        true,
        NOW,
    );
    let mut gate = Gate { worker, endpoint: active, policy: Some(policy()) };
    gate.answer_calls();
    gate
}

impl Gate {
    /// Everything that was asked is answered, and what that leads to as well.
    pub(super) fn answer_calls(&mut self) {
        let Self { worker, endpoint, policy } = self;
        worker.settle(&|request| answer(*endpoint, policy.as_ref(), request));
    }

    /// A second goes by. The control plane answers at once, and the endpoint at the end.
    pub(super) fn second(&mut self) {
        for _ in 0..2 {
            self.answer_policies();
            self.worker.wait(Duration::from_millis(500));
        }
    }

    /// The control plane answers.
    fn answer_policies(&mut self) {
        for sent in self.worker.take(|sent| sent.request.body.is_none()) {
            self.worker.answer(sent.call, self.policy.as_ref().map(ok).as_ref());
        }
    }

    /// The control plane has another policy, or is down. Time goes by until this takes effect, and not a moment longer.
    /// Until then `stream` does not end.
    pub(super) fn adopt(&mut self, policy: Option<&Value>, stream: &Stream) {
        self.policy = policy.cloned();
        let before = self.policy_version();
        for _ in 0..20 {
            self.answer_policies();
            if self.policy_version() != before {
                return;
            }
            assert!(!stream.is_reset(), "the policy has not changed yet");
            self.worker.wait(Duration::from_millis(500));
        }
        panic!("the policy never takes effect");
    }

    fn policy_version(&self) -> u64 {
        self.worker.gate.config().resources[0].policy_version
    }
}

pub(super) fn answer(endpoint: Endpoint, policy: Option<&Value>, request: &Request) -> Option<Response> {
    match &request.body {
        Some(form) => {
            let (status, body) = endpoint(form);
            Some((status, None, body))
        }
        None => policy.map(ok),
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Get,
    Listen(usize),
    /// To URIs that together are long.
    ListenLong,
}

/// A request comes.
pub(super) fn ask(gate: &mut Gate, kind: Kind, token: &str) -> Stream {
    let body = match kind {
        Kind::Get => None,
        Kind::Listen(_) | Kind::ListenLong => {
            let (count, end) = if let Kind::Listen(count) = kind { (count, "") } else { (200, &*"/x".repeat(100)) };
            let uris: Vec<_> = (0..count).map(|n| format!("docs://{n}{end}")).collect();
            let params = json!({"notifications": {"resourceSubscriptions": uris}});
            Some(json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}).to_string())
        }
    };
    send(gate, if body.is_some() { "POST" } else { "GET" }, body, token)
}

/// A request with this method of HTTP and this body comes.
pub(super) fn send(gate: &mut Gate, method: &str, body: Option<String>, token: &str) -> Stream {
    let url = toolgate::url::Url::parse(AUDIENCE).expect("a URL");
    let mut fields = vec![
        (":method", method.to_owned()),
        (":path", url.request_target()),
        (":authority", url.authority().to_owned()),
        ("authorization", format!("Bearer {token}")),
    ];
    if body.is_some() {
        fields.push(("content-type", "application/json".to_owned()));
    }
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    let stream = Stream::open(&mut gate.worker, fields, if body.is_some() { End::More } else { End::Last });
    if let Some(body) = body {
        stream.receive(&mut gate.worker, Part::Data(body.into_bytes(), End::Last));
    }
    stream
}

/// A request comes, and is allowed.
pub(super) fn open(gate: &mut Gate, kind: Kind, token: &str) -> Stream {
    let stream = ask(gate, kind, token);
    gate.answer_calls();
    let reasons: Vec<_> = stream.records().iter().map(|record| record.reason.as_str()).collect();
    assert_eq!(reasons, ["allowed"], "{kind:?}");
    stream
}

/// Seconds go by, and the endpoint answers as quickly as it is asked. Returns when and why the stream ended: in the
/// second of this number, or before time went by, which is 0.
pub(super) fn pass(gate: &mut Gate, stream: &Stream, seconds: u64) -> Option<(u64, String)> {
    for second in 0..=seconds {
        if second > 0 {
            gate.second();
            gate.answer_calls();
        }
        if stream.is_reset() {
            let events = stream.events();
            let event: Value = serde_json::from_str(events[0].strip_prefix("toolgate.event ").unwrap()).unwrap();
            assert_eq!((events.len(), &event["event"]), (1, &json!("stream_ended")));
            return Some((second, event["detail"].as_str().unwrap().to_owned()));
        }
    }
    None
}

pub(super) const KINDS: [Kind; 2] = [Kind::Get, Kind::Listen(2)];
