//! The bypass corpus: requests by which a caller who may call `echo` only tries
//! to use something else. What counts is what the server received: a complete
//! body that any reader takes for the denied use is a way around.
//!
//! One file a case, in `tests/corpus`. Members: `why` it is dangerous and `for`
//! which servers; `method`, `path`, `host`, `version`; `headers`, beside those
//! of any MCP client, which a member `null` leaves out; `body` or
//! `body_base64`, with `repeat` in place of `{REPEAT}`; `chunks`, `trailers`;
//! or `raw`, all of it as sent. `{TOKEN}` and `{SCENARIO}` are filled in.
//! `transport` says why the body alone is harmless; `known`, why a request that
//! some reader could be misled by goes on nevertheless.
//!
//! Every case is sent over HTTP/1.1, to a gate that refuses arrays and to one
//! that decides them element by element; and, where its frames can say the same,
//! over HTTP/2 to the latter, with each of the ways in which a request may end.

mod case;
mod native_chain;

use std::fs;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use self::case::{Case, Wire};
use super::weather::{permissive, token_for};
use crate::support::client::HOST;
use crate::support::gate::{Gate, Mode, configuration, setup, with_secrets};
use crate::support::http2::Http2;
use crate::support::native;
use crate::support::raw::{Raw, Response};
use crate::support::readers::{self, Reader, TOOL};
use crate::support::session_readers::SessionReader;
use crate::support::upstream::{HEADER, Recorded, Scenario, State, Upstream};

/// The second is of a resource where all that is not listed is open to any
/// token, the third of one with the older transport of two paths, the fourth of
/// one where a pattern opens what has no exact rule, the fifth of one where
/// such a pattern needs no token, the sixth of the same in shadow mode, the next
/// of one where a pattern opens all and only a row of the matrix denies the tool,
/// the last of one where sessions are bound to their caller.
const AUDIENCES: [&str; 8] = [
    "https://mcp.example.com/mcp",
    "https://open.example.com/mcp",
    "https://classic.example.com/sse",
    "https://patterns.example.com/mcp",
    "https://public.example.com/mcp",
    "https://public-shadow.example.com/mcp",
    "https://narrows.example.com/mcp",
    "https://sessions.example.com/mcp",
];

/// The variable of the secret for sessions.
const SECRET: &str = "SESSION_SECRET";

/// Needs no token.
const OPEN_PATH: &str = "/healthz";

/// The answers to a case, and the scenario that records its requests.
struct Run {
    name: String,
    answers: Vec<Response>,
    scenario: Scenario,
}

/// Sends a case; nothing if it cannot be said in this way.
fn run(case: &Case, wire: Wire, to: std::net::SocketAddr, upstream: &Upstream, token: &str) -> Option<Run> {
    let scenario =
        upstream.scenario(|_| crate::support::answer::Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
    let answers = match wire {
        Wire::Http1 => {
            let mut connection = Raw::connect(to).patience(Duration::from_secs(2));
            connection.send(case.bytes(token, scenario.id()));
            let mut answers: Vec<_> = connection.try_response().into_iter().collect();
            let more = if case.file["raw"].is_string() { 3 } else { 0 };
            let mut connection = connection.patience(Duration::from_millis(150));
            for _ in 0..more {
                answers.extend(connection.try_response());
            }
            answers
        }
        // A stream that is reset has no answer.
        Wire::Http2(last) => case.frames(token, scenario.id(), last)?.send(to).into_iter().collect(),
    };
    Some(Run { name: case.name.clone(), answers, scenario })
}

/// The requests of a scenario once none is on its way any more. One that never
/// ends never was complete.
fn settled(scenario: &Scenario) -> Vec<Recorded> {
    let start = Instant::now();
    loop {
        let requests = scenario.requests();
        let pending = requests.iter().any(|request| request.body_state == State::Pending);
        if !pending || start.elapsed() > Duration::from_secs(1) {
            return requests;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Why a request that reached the server is a way around; `None`: it is none.
fn way_around(request: &Recorded) -> Option<String> {
    if request.body_state != State::Complete {
        return None;
    }
    // Headers on which a server that takes its path from them would act.
    let folded = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    for (name, _) in request.headers.0.iter().chain(&request.trailers.0) {
        if ["x-original-url", "x-rewrite-url"].contains(&&*folded(name)) {
            return Some(format!("`{name}` changes the path"));
        }
    }
    let path = request.target.split('?').next().unwrap_or_default();
    if path == OPEN_PATH {
        return None;
    }
    let readers: Vec<_> = Reader::ALL.into_iter().filter(|reader| reader.takes(&request.body)).collect();
    if !readers.is_empty() {
        return Some(format!("read as the denied use by {readers:?}"));
    }
    if !["/mcp", "/sse", "/message"].contains(&path) {
        return Some(format!("`{path}` was never decided on"));
    }
    // No caller of the corpus has a session.
    let is_bound = request.headers.all("host").iter().any(|host| host == "sessions.example.com");
    if is_bound && let Some(session) = sessions(request).first() {
        return Some(format!("read as a message of session `{session}`"));
    }
    // Headers on which a server that trusts its gateway would act.
    let overrides = ["x-http-method-override", "x-http-method", "x-method-override"];
    for (name, value) in request.headers.0.iter().chain(&request.trailers.0) {
        let value = String::from_utf8_lossy(value);
        if overrides.contains(&&*folded(name)) {
            return Some(format!("`{name}` changes the method"));
        }
        if folded(name) == "mcp-name" && readers::fold(&value) == TOOL {
            return Some(format!("`{name}: {value}` names the tool"));
        }
    }
    None
}

/// The session ids that a server may find in a request.
fn sessions(request: &Recorded) -> Vec<String> {
    let is_session = |name: &str| name.to_ascii_lowercase().replace('_', "-") == "mcp-session-id";
    let fields = request.headers.0.iter().chain(&request.trailers.0).filter(|(name, _)| is_session(name));
    let in_fields = fields.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    in_fields.chain(SessionReader::ALL.into_iter().flat_map(|reader| reader.read(&request.target))).collect()
}

fn config() -> Value {
    let rules = json!({
        "tools": {"echo": {"scopes": []}, TOOL: {"scopes": ["admin"]}},
        "prompts": {"brief": {"scopes": []}, readers::PROMPT: {"scopes": ["admin"]}},
        "resources": {"docs://public/*": {"scopes": []}, format!("{}*", readers::RESOURCES): {"scopes": ["admin"]}},
        "methods": {format!("{}*", readers::METHODS): {"scopes": ["admin"]}},
    });
    let mut open = rules.clone();
    open["unlisted"] =
        ["tools", "prompts", "resources", "methods"].iter().map(|kind| (*kind, "authenticated")).collect();
    let mut patterns = rules.clone();
    for kind in ["tools", "prompts"] {
        patterns[kind]["*"] = json!({"scopes": []});
    }
    patterns["resources"]["docs:*"] = json!({"scopes": []});
    let mut narrows = patterns.clone();
    narrows["tools"].as_object_mut().expect("rules").remove(TOOL);
    narrows["matrix"] = json!([{"name": "contractors", "subjects": ["*"], "scopes": ["read"], "deny_tools": [TOOL]}]);
    let mut config = configuration(&rules);
    config["pass"] = json!([OPEN_PATH, "/assets/*"]);
    let resources = config["resources"].as_array_mut().expect("a list");
    resources.push(json!({"resource": AUDIENCES[1], "policy": open}));
    resources.push(json!({"resource": AUDIENCES[2], "paths": ["/sse", "/message"], "policy": rules}));
    resources.push(json!({"resource": AUDIENCES[3], "policy": patterns}));
    let mut public = without_tokens(&patterns);
    resources.push(json!({"resource": AUDIENCES[4], "policy": public}));
    public["mode"] = json!("shadow");
    public["unlisted"] = resources[1]["policy"]["unlisted"].clone();
    resources.push(json!({"resource": AUDIENCES[5], "policy": public}));
    let sessions = json!({"bind": true, "secret_env": SECRET});
    resources.push(json!({"resource": AUDIENCES[7], "policy": rules, "sessions": sessions}));
    resources.push(json!({"resource": AUDIENCES[6], "policy": narrows}));
    config
}

/// `policy`, where what needs any token needs none.
fn without_tokens(policy: &Value) -> Value {
    let text = policy.to_string().replace(r#"{"scopes":[]}"#, r#"{"public":true}"#);
    serde_json::from_str(&text).expect("a policy")
}

fn corpus(mode: Mode, batches: &str, wires: &[Wire]) {
    if native::is_it() && !mode.holds() {
        return;
    }
    let mut config = config();
    config["batches"] = json!(batches);
    attempt(mode, &config, &token_for(&AUDIENCES, ""), wires);
}

/// Every case without a token, where all that any token may do needs none, in shadow mode.
fn anonymous_corpus(mode: Mode) {
    let mut config = config();
    config["batches"] = json!("authorize_each");
    let resources = config["resources"].as_array_mut().expect("a list");
    // In shadow mode no row denies, and all else is open there.
    resources.pop();
    for resource in resources {
        resource["policy"] = without_tokens(&resource["policy"]);
        resource["policy"]["mode"] = json!("shadow");
    }
    attempt(mode, &config, "", &[Wire::Http1]);
}

fn attempt(mode: Mode, config: &Value, caller: &str, wires: &[Wire]) {
    let batches = &config["batches"];
    let gate = Gate::start_changed(mode, config, |setup| with_secrets(permissive(setup).unnormalised(), &[SECRET]));
    let administrator = token_for(&AUDIENCES, "admin");
    let cases = Case::all();
    for wire in wires {
        controls(&gate, *wire, &administrator);
        let run = |case| Some((case, run(case, *wire, gate.envoy.address(), &gate.upstream, caller)?));
        let runs: Vec<(&Case, Run)> = cases.iter().filter_map(run).collect();
        assert!(runs.len() >= 120, "{wire:?}: {} cases", runs.len());
        let mut through = Vec::new();
        let mut listed = 0;
        for (case, run) in &runs {
            let statuses: Vec<_> = run.answers.iter().map(|answer| answer.status).collect();
            let ways: Vec<_> = settled(&run.scenario).iter().filter_map(way_around).collect();
            if let Some(known) = case.text("known") {
                // Without a token, shadow mode opens nothing.
                assert!(
                    *wire != Wire::Http1 || caller.is_empty() || !ways.is_empty(),
                    "{}: no longer reaches the server: {known}",
                    run.name
                );
                listed += 1;
            } else if !ways.is_empty() {
                through.push(format!("{}: {statuses:?}: {ways:?}", run.name));
            }
        }
        // Requests that hid in another, and so belong to no case.
        for request in settled(&gate.upstream.unclaimed()) {
            if let Some(way) = way_around(&request) {
                through.push(format!("a hidden request: {way}: {request:?}"));
            }
        }
        println!(
            "{mode:?}, {batches}, {wire:?}: {} of {} reached the server; {listed} more are listed as known",
            through.len(),
            runs.len() - listed
        );
        assert!(through.is_empty(), "{mode:?}, {batches}, {wire:?}:\n{}", through.join("\n"));
    }
}

/// That the runner can fail: what an administrator may call reaches the server,
/// and is recognised there by every reader.
fn controls(gate: &Gate, wire: Wire, administrator: &str) {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"secret_brief"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"docs://private/key"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tasks/cancel","params":{"taskId":"7"}}"#,
    ] {
        let case = Case { name: "control".to_owned(), file: json!({"body": body}) };
        let run = run(&case, wire, gate.envoy.address(), &gate.upstream, administrator).expect("a request");
        assert_eq!(run.answers.first().map(|answer| answer.status), Some(200), "{body}");
        let request = run.scenario.request();
        for reader in Reader::ALL {
            assert!(reader.takes(&request.body), "{reader:?} does not recognise {body}");
        }
        assert!(way_around(&request).is_some(), "{body}");
    }
}

#[test]
fn nothing_of_the_corpus_reaches_the_server_when_headers_go_ahead() {
    corpus(Mode::Ahead, "reject", &[Wire::Http1]);
}

#[test]
fn nothing_of_the_corpus_reaches_the_server_when_headers_are_held() {
    corpus(Mode::Held, "reject", &[Wire::Http1]);
}

#[test]
fn nothing_reaches_it_where_arrays_are_decided_and_headers_go_ahead_over_either_http() {
    corpus(Mode::Ahead, "authorize_each", &Wire::ALL);
}

#[test]
fn nothing_reaches_it_where_arrays_are_decided_and_headers_are_held_over_either_http() {
    corpus(Mode::Held, "authorize_each", &Wire::ALL);
}

#[test]
fn nothing_of_the_corpus_reaches_the_server_without_a_token_when_headers_go_ahead() {
    anonymous_corpus(Mode::Ahead);
}

#[test]
fn nothing_of_the_corpus_reaches_the_server_without_a_token_when_headers_are_held() {
    anonymous_corpus(Mode::Held);
}

/// Each case is dangerous: some reader takes its body for the denied use, or
/// it says what else is the matter.
#[test]
fn each_case_of_the_corpus_means_what_it_says() {
    let cases = Case::all();
    assert!(cases.len() >= 120, "{} cases", cases.len());
    let harmless: Vec<_> = cases
        .iter()
        .filter(|case| case.text("transport").is_none() && case.text("raw").is_none())
        .filter(|case| !Reader::ALL.into_iter().any(|reader| reader.takes(&case.body())))
        .map(|case| case.name.clone())
        .collect();
    assert!(harmless.is_empty(), "no reader takes these for the denied use: {harmless:#?}");
}

#[test]
fn readers_take_nothing_else_for_the_denied_use() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"name":"delete_all"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":[{"method":"tools/call","params":{"name":"delete_all"}}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"delete_all"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"docs://public/private/key"}}"#,
        "",
    ] {
        for reader in Reader::ALL {
            assert!(!reader.takes(body.as_bytes()), "{reader:?} sees a denied use in {body}");
        }
    }
}
