//! Whatever a client may take for a list on a stream, however loosely it reads, holds no entry that is denied.

use crate::support::fake::{End, Part, Stream, Worker};
use crate::support::keys::{Key, key_set};
use crate::support::lenient;
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const STREAMS: usize = 4_000;

/// The pieces of streams.
const FRAGMENTS: &[&str] = &[
    "\n",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\r\n\r\n",
    "\r\r",
    " ",
    "\t",
    ":",
    ",",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "1",
    "\0",
    "\u{b}",
    "\u{c}",
    "\u{1e}",
    "\u{85}",
    "\u{2028}",
    "\u{2028}\u{2028}",
    "\u{feff}",
    "\u{c5}",
    ": ",
    ": c",
    "data: ",
    "data:",
    "data",
    "DATA: ",
    " data: ",
    "data : ",
    "id: 1",
    "id: ",
    "event: message",
    "event: endpoint\n",
    "retry: 5",
    "retry: ",
    "data: ping\n\n",
    "\"x\":",
    ",\"x\":",
    "{\"x\":",
    "{\"x\":\"",
    "\"}",
    "}\n\n",
    "data: }\n\n",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\"",
    ": {\"tools\":[{\"name\":\"denied\"}]}",
    "\"tools\":[{\"name\":\"denied\"}]",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"},{\"name\":\"echo\"}]}}",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"prompts\":[{\"name\":\"denied\"}]}}",
    "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}}\n\n",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n",
];

/// Streams by which some client would be misled, if they passed as they are. Others are made of them.
const ATTEMPTS: &[&str] = &[
    "{\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}}",
    "id: 1\n data: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}}\n\n",
    ": x\u{2028}data: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}}\n\n",
    "id: \u{c5}data: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}}\n\n",
    // Lines of data, each by itself.
    "data: {\"x\":\ndata: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}}\ndata: }\n\n",
    "data: [1,\r\ndata: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}},2]\r\n\r\n",
    // Lines that end at LF only.
    "data: {\"id\":1,\"result\"\r: {\"tools\":[{\"name\":\"denied\"}]},\"x\"\ndata: :{}}\n\n",
    "data: {\"id\":1,\"result\"\r: {\"tools\":[{\"name\":\"denied\"}]}}\rdata: :{}}\r\r\n",
    "data\r\rdata: {\n\n: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"denied\"}]}}\n\n",
    "data: {\"id\":1,\"result\"\r\r: {\"tools\":[{\"name\":\"denied\"}]}}\n\n",
];

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % limit
    }
}

/// A stream of fragments, or an attempt with some of them in it.
fn stream(numbers: &mut Numbers) -> String {
    let fragments = |numbers: &mut Numbers, most: usize| -> String {
        let count = numbers.below(most);
        (0..count).map(|_| FRAGMENTS[numbers.below(FRAGMENTS.len())]).collect()
    };
    if numbers.below(2) == 0 {
        return fragments(numbers, 14);
    }
    let attempt = ATTEMPTS[numbers.below(ATTEMPTS.len())];
    let places: Vec<_> = attempt.char_indices().map(|(place, _)| place).collect();
    let (before, after) = attempt.split_at(places[numbers.below(places.len())]);
    [fragments(numbers, 2), before.to_owned(), fragments(numbers, 3), after.to_owned()].concat()
}

/// The bytes that a client gets if the server answers with `stream`, this status and content type, in chunks of this size.
fn answered(
    worker: &mut Worker,
    token: &str,
    method: &str,
    (status, kind): (u16, &str),
    stream: &[u8],
    chunk: usize,
) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":path", "/mcp"),
        (":authority", "mcp.example.com"),
        ("content-type", "application/json"),
        ("authorization", token),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    let exchange = Stream::open(worker, fields, if method == "GET" { End::Last } else { End::More });
    if method != "GET" {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
        exchange.receive(worker, Part::Data(body.into_bytes(), End::Last));
    }
    assert!(exchange.wants_answer(false), "{method} goes on");
    let mut parts: Vec<_> = stream.chunks(chunk).map(|chunk| Part::Data(chunk.to_vec(), End::More)).collect();
    parts.push(Part::Data(Vec::new(), End::Last));
    let kind = ("content-type".to_owned(), kind.as_bytes().to_vec());
    exchange.answer(worker, status, vec![kind], parts, End::More);
    exchange.client().expect("an answer").body
}

fn worker() -> (Worker, String) {
    let configuration = json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"keys": key_set(&[Key::ed25519()])["keys"]}}],
        "resources": [{"resource": AUDIENCE, "policy": {"tools": {"echo": {"scopes": []}}}}],
        "hold_request_headers": true,
    });
    (Worker::new(&configuration, true, NOW), format!("Bearer {}", Token::at(NOW).sign(&Key::ed25519())))
}

#[test]
fn no_body_passes_where_the_status_has_none() {
    let (mut worker, token) = worker();
    for status in [204, 205, 304] {
        for (method, kind) in [("GET", "text/event-stream"), ("GET", "text/plain"), ("POST", "application/json")] {
            let body = answered(&mut worker, &token, method, (status, kind), ATTEMPTS[0].as_bytes(), 7);
            assert!(body.is_empty(), "{method}, {status}, {kind}: {:?}", String::from_utf8_lossy(&body));
        }
    }
}

#[test]
fn no_client_finds_a_denied_entry_on_a_stream() {
    let (mut worker, token) = worker();
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut hostile = 0;
    let made = (0..STREAMS).map(|_| stream(&mut numbers)).collect::<Vec<_>>();
    for stream in ATTEMPTS.iter().map(|attempt| (*attempt).to_owned()).chain(made) {
        hostile += usize::from(lenient::listed(stream.as_bytes()).iter().any(|name| name == "denied"));
        let chunk = 1 + numbers.below(60);
        for (method, kind) in [
            ("GET", "text/event-stream"),
            ("GET", "text/event-streams"),
            ("GET", "text/plain"),
            ("POST", "text/event-stream"),
        ] {
            let body = answered(&mut worker, &token, method, (200, kind), stream.as_bytes(), chunk);
            let found = lenient::listed(&body);
            let text = String::from_utf8_lossy(&body);
            assert!(!found.iter().any(|name| name == "denied"), "{method}, {kind}: {stream:?} became {text:?}");
        }
    }
    assert!(hostile > STREAMS / 4, "{hostile} streams would have shown a denied entry");
}
