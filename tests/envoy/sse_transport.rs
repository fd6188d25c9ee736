//! The transport of 2024-11-05, HTTP+SSE: a GET opens a stream whose first event
//! names the path for messages, and every answer comes on that stream.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use serde_json::{Value, json};

use super::weather::token;
use crate::support::answer::{Answer, Latch};
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration, with_secrets};
use crate::support::keys::Key;
use crate::support::process::{Process, Scratch};
use crate::support::raw::Streaming;
use crate::support::tokens::Token;
use crate::support::upstream::State;
use crate::support::wait_until;

const ENDPOINT: &str = "event: endpoint\ndata: /message?sessionId=s1\n\n";

/// Both paths are the resource's.
fn config(policy: &Value) -> Value {
    let mut config = configuration(policy);
    config["resources"][0]["paths"] = json!(["/sse", "/message"]);
    config
}

fn open(token: &str) -> Request {
    Request::get("/sse").header("accept", "text/event-stream").bearer(token)
}

fn message(path: &str, id: u64, method: &str, params: Value) -> Request {
    Request::post(path, &json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

#[test]
fn answers_on_the_stream_are_trimmed_and_denied_calls_are_refused_where_they_are_posted() {
    let policy = json!({"tools": {"echo": {"scopes": []}, "delete_city": {"scopes": ["weather:admin"]}}});
    for mode in Mode::ALL {
        let gate = Gate::start(mode, &config(&policy));
        let latch = Latch::new();
        let script = {
            let latch = latch.clone();
            move |_: &_| {
                let tools = json!([{"name": "delete_city"}, {"name": "echo"}]);
                let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}});
                Answer::events([ENDPOINT]).wait(&latch).body(format!("event: message\ndata: {list}\n\n"))
            }
        };
        let scenario = gate.upstream.scenario(script);
        let mut stream = gate.envoy.client().open(&open(&token("")).scenario(&scenario));
        assert_eq!(stream.read_until("\n\n"), ENDPOINT, "{mode:?}: it comes at once and as it is");

        let post = |id, method, params| {
            let scenario = gate.upstream.scenario(|_| Answer::new(202).body("Accepted"));
            let request = message("/message?sessionId=s1", id, method, params).bearer(&token("")).scenario(&scenario);
            (gate.envoy.client().send(&request), scenario)
        };
        let (listed, _) = post(1, "tools/list", json!({}));
        assert_eq!((listed.status, listed.text().as_str()), (202, ""), "{mode:?}");
        let (called, scenario) = post(2, "tools/call", json!({"name": "echo"}));
        assert_eq!((called.status, called.text().as_str()), (202, "Accepted"), "{mode:?}");
        assert_eq!(scenario.request().target, "/message?sessionId=s1", "{mode:?}");
        let (denied, scenario) = post(3, "tools/call", json!({"name": "delete_city"}));
        assert_eq!((denied.status, &denied.json()["id"]), (403, &json!(3)), "{mode:?}");
        assert!(scenario.requests().iter().all(|r| r.body_state != State::Complete), "{mode:?}");

        latch.open();
        let expected = r#"event: message
data: {"id":1,"jsonrpc":"2.0","result":{"tools":[{"name":"echo"}]}}

"#;
        assert_eq!(String::from_utf8(stream.rest().bytes).unwrap(), expected, "{mode:?}");
    }
}

/// The server of the demo, in the mode of that transport.
struct Everything {
    _process: Process,
    address: SocketAddr,
}

impl Everything {
    fn start() -> Self {
        let demo = |file: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(file).display().to_string();
        let script = demo("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        assert!(Path::new(&script).exists(), "{script} is missing: run `node demo/setup.mjs`");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let command = ["node", "--import", &demo("loopback.mjs"), &script, "sse"];
        let process = Process::start(Scratch::new(), &command, &[("PORT".to_owned(), free.port().to_string())]);
        wait_until("the server", || TcpStream::connect(free).is_ok());
        Self { _process: process, address: free }
    }
}

#[test]
fn a_real_server_of_that_transport_works_through_the_gate() {
    let policy = json!({
        "tools": {"echo": {"scopes": []}, "get-sum": {"scopes": []}, "get-env": {"scopes": ["admin"]}},
        "resources": {},
    });
    let mut bound = config(&policy);
    bound["resources"][0]["sessions"] = json!({"bind": true, "secret_env": "SESSION_SECRET"});
    for (mode, config) in Mode::ALL.into_iter().flat_map(|mode| [(mode, config(&policy)), (mode, bound.clone())]) {
        let server = Everything::start();
        let change = |setup: Setup| with_secrets(setup.server(server.address), &["SESSION_SECRET"]);
        let gate = Gate::start_changed(mode, &config, change);
        let token = token("");
        let stream = gate.envoy.client().open(&open(&token));
        let mut stream = Events { stream, read: String::new() };
        let endpoint = stream.next();
        let path = endpoint.lines().find_map(|line| line.strip_prefix("data: ")).expect("an endpoint").to_owned();
        assert!(path.starts_with("/message?sessionId="), "{mode:?} {endpoint}");

        let post = |request: Request| gate.envoy.client().send(&request.bearer(&token)).status;
        if let Some((untagged, _)) = path.split_once('.') {
            let ping = |path: &str| message(path, 0, "ping", json!({}));
            let other = Token::new().subject("bob").sign(&Key::rsa_a());
            assert_eq!(gate.envoy.client().send(&ping(&path).bearer(&other)).status, 404, "{mode:?}: another caller");
            assert_eq!(post(ping(untagged)), 404, "{mode:?}: the id of the server");
        }
        assert_eq!(path.contains('.'), config == bound, "{mode:?} {path}");
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client});
        assert_eq!(post(message(&path, 1, "initialize", hello)), 202, "{mode:?}");
        assert_eq!(stream.answer(1)["result"]["protocolVersion"], "2024-11-05", "{mode:?}");
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(post(Request::post(&path, &initialized)), 202, "{mode:?}");

        assert_eq!(post(message(&path, 2, "tools/list", json!({}))), 202, "{mode:?}");
        let list = stream.answer(2);
        let names: Vec<_> =
            list["result"]["tools"].as_array().expect("a list").iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, ["echo", "get-sum"], "{mode:?}");
        assert_eq!(post(message(&path, 3, "resources/list", json!({}))), 202, "{mode:?}");
        assert_eq!(stream.answer(3)["result"]["resources"], json!([]), "{mode:?}");

        assert_eq!(post(message(&path, 4, "tools/call", json!({"name": "get-env", "arguments": {}}))), 403, "{mode:?}");
        let echo = json!({"name": "echo", "arguments": {"message": "still here"}});
        assert_eq!(post(message(&path, 5, "tools/call", echo)), 202, "{mode:?}");
        let echoed = stream.answer(5);
        assert!(echoed["result"]["content"][0]["text"].as_str().expect("a text").contains("still here"), "{mode:?}");
    }
}

/// The stream, event by event.
struct Events {
    stream: Streaming,
    read: String,
}

impl Events {
    fn next(&mut self) -> String {
        while !self.read.contains("\n\n") {
            self.read.push_str(&String::from_utf8(self.stream.piece().expect("an event")).expect("ASCII"));
        }
        let end = self.read.find("\n\n").expect("its end") + 2;
        self.read.drain(..end).collect()
    }

    /// The answer with this id. Whatever the server says besides is passed
    /// over; an answer that comes ahead of it is one that nobody was to get.
    fn answer(&mut self, id: u64) -> Value {
        loop {
            let event = self.next();
            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
            let message: Value = serde_json::from_str(data).unwrap_or_default();
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
            assert!(message["result"].is_null() && message["error"].is_null(), "an answer to nothing: {message}");
        }
    }
}
