//! Event streams and documents, cut at every byte.

use crate::support::core::{NOW, minimal, set};
use crate::support::fake::{End, Outcome, Part, Stream, Worker};
use crate::support::keys::Key;
use crate::support::tokens::Token;
use proptest::prelude::*;
use serde_json::json;

/// One worker with a policy that allows `read*` to a token without scope.
struct Gate(Worker);

impl Gate {
    fn new() -> Self {
        let policy = json!({
            "tools": {"read*": {"scopes": []}, "write": {"scopes": ["w"]}},
            "prompts": {"read*": {"scopes": []}},
        });
        Self(Worker::new(&set(minimal(), "/resources/0/policy", policy), false, NOW))
    }

    /// A `POST` of `body` up to its verdict.
    fn ask(&mut self, token: &str, body: &str) -> Stream {
        let fields = [
            (":method", "POST"),
            (":path", "/mcp"),
            (":authority", "mcp.example.com"),
            ("content-type", "application/json"),
        ];
        let mut fields: Vec<_> = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into();
        fields.push(("authorization".to_owned(), format!("Bearer {token}").into_bytes()));
        let stream = Stream::open(&mut self.0, fields, End::More);
        assert_eq!(stream.outcome(), Outcome::Forwarded, "headers go ahead");
        stream.receive(&mut self.0, Part::Data(body.as_bytes().to_vec(), End::Last));
        stream
    }

    /// The answer to a list, in `chunks` of a content type, as the client sees it.
    fn answer(&mut self, token: &str, content_type: &str, chunks: &[&[u8]]) -> Vec<u8> {
        let stream = self.ask(token, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        assert!(stream.wants_answer(false), "it is allowed");
        let headers = vec![("content-type".to_owned(), content_type.as_bytes().to_vec())];
        let end = |n: usize| if n + 1 == chunks.len() { End::Last } else { End::More };
        let parts = chunks.iter().enumerate().map(|(n, chunk)| Part::Data(chunk.to_vec(), end(n)));
        stream.answer(&mut self.0, 200, headers, parts.collect(), End::More);
        let answer = stream.client().expect("an answer");
        assert!(answer.complete, "the end lets everything go");
        answer.body
    }
}

const STREAM: &str = "\u{feff}: hello\n\nid: 0\ndata:\nretry: 3000\n\n\
id: 1\r\nevent: message\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\r\ndata:  \"result\":{\"tools\":[{\"name\":\"read\"},\r\ndata: {\"name\":\"write\"}]}}\r\n\r\n\
data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\r\r\
event: message\rdata:{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"prompts\":[{\"name\":\"é\"},{\"name\":\"read_é\"}]}}\r\r\n\
:keep-alive\n\ndata: {\"result\":{\"tools\":[]}}\n\ndata: tail {\n\ndata: {\"result\":{\"tools\":[{\"name\":\"write\"}]}}";

#[test]
fn an_event_stream_cut_at_every_byte_gives_the_same_output() {
    let mut gate = Gate::new();
    let token = Token::at(NOW).sign(&Key::ed25519());
    let whole = gate.answer(&token, "text/event-stream", &[STREAM.as_bytes()]);
    let text = String::from_utf8(whole.clone()).unwrap();
    assert!(!text.contains("write") && !text.contains("\"é\"") && !text.contains("tail"), "{text}");
    for kept in [
        "{\"name\":\"read\"}",
        "{\"name\":\"read_é\"}",
        "notifications/progress",
        "retry: 3000",
        ":keep-alive",
        "id: 1\r\n",
    ] {
        assert!(text.contains(kept), "`{kept}` is missing in {text}");
    }
    for cut in 0..=STREAM.len() {
        let (first, second) = STREAM.as_bytes().split_at(cut);
        assert_eq!(gate.answer(&token, "text/event-stream", &[first, second]), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
    assert_eq!(gate.answer(&token, "text/event-stream", &bytes), whole, "byte by byte");
}

/// Streams with lists that are to be trimmed, things beside them, and every line end.
fn stream() -> impl Strategy<Value = String> {
    let end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let line = prop::sample::select(vec![
        "data: {\"result\":{\"tools\":[{\"name\":\"read\"},{\"name\":\"write\"}]}}",
        "data:{\"result\":{\"prompts\":[{\"name\":\"write\"}]}}",
        "data: {\"method\":\"x\"}",
        "data: {\"id\":1,",
        "data:\"result\":{\"tools\":[{\"name\":\"write\"}]}}",
        "data",
        "data: é{",
        ": x",
        "id: 1",
        "event: message",
        "",
        "",
        "",
    ]);
    let lines = prop::collection::vec((line, end), 1..9);
    let mark = prop::sample::select(vec!["", "", "\u{feff}"]);
    (mark, lines).prop_map(|(mark, lines)| {
        lines.iter().fold(mark.to_owned(), |text, (line, end)| [text.as_str(), line, end].concat())
    })
}

proptest! {
    // Each case is as many exchanges as its stream has bytes.
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_stream_cut_at_every_byte_gives_the_same_output(stream in stream()) {
        let mut gate = Gate::new();
        let token = Token::at(NOW).sign(&Key::ed25519());
        let whole = gate.answer(&token, "text/event-stream", &[stream.as_bytes()]);
        prop_assert!(!String::from_utf8_lossy(&whole).contains("write"), "{stream:?}");
        for cut in 0..=stream.len() {
            let (first, second) = stream.as_bytes().split_at(cut);
            let out = gate.answer(&token, "text/event-stream", &[first, second]);
            prop_assert_eq!(&out, &whole, "{:?} cut at {}", stream, cut);
        }
    }
}

#[test]
fn a_document_cut_at_every_byte_gives_the_same_output() {
    let mut gate = Gate::new();
    let token = Token::at(NOW).sign(&Key::ed25519());
    let document =
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"write"}, {"name":"read","x":1.0}],"nextCursor":"c"}}"#;
    let expected = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read","x":1.0}],"nextCursor":"c"}}"#;
    for cut in 0..=document.len() {
        let (first, second) = document.as_bytes().split_at(cut);
        let out = gate.answer(&token, "application/json", &[first, second]);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "cut at {cut}");
    }
}

#[test]
fn a_list_shows_exactly_what_a_call_is_allowed() {
    let mut gate = Gate::new();
    const NAMES: &[&str] =
        &["read", "reader", "write", "Read", "read ", "wr\\u0069te", "r\\u0065ad", "\\u200bread", "other"];
    for scopes in ["", "w", "W", "w x"] {
        let token = Token::at(NOW).scope(scopes).sign(&Key::ed25519());
        for name in NAMES {
            let list = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"{name}"}}]}}}}"#);
            let shown = gate.answer(&token, "application/json", &[list.as_bytes()]) == list.as_bytes();
            let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
            assert_eq!(shown, gate.ask(&token, &call).wants_answer(false), "`{name}` with `{scopes}`");
        }
    }
}
