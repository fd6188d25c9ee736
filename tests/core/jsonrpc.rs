//! Messages: what is read is what any careful reader reads, what could be read
//! in two ways is refused, and lists lose what is denied and nothing else.

use crate::support::core::{NOW, minimal, set};
use crate::support::fake::{End, Outcome, Part, Stream, Worker};
use crate::support::keys::Key;
use crate::support::readers::Reader;
use crate::support::tokens::Token;
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate::jsonrpc::{self, MessageFault, MessageKind};
use toolgate::listing::{self, KnownLists, Private};
use toolgate::mcp::{ListKind, Operation};

/// The kind and method of `body`, or the code of its fault and the JSON-RPC
/// error.
fn read(body: &[u8]) -> Result<(MessageKind, String), (&'static str, i32)> {
    let message =
        jsonrpc::read(body, 64).map_err(|refused| (refused.fault.reason().as_str(), refused.fault.error_code()))?;
    Operation::of(&message).map_err(|fault| (fault.reason().as_str(), fault.error_code()))?;
    Ok((message.kind, message.method.to_string()))
}

#[test]
fn a_batch_repeats_no_id_however_it_is_written() {
    for (one, other, differ) in [
        ("1", "2", true),
        ("1", r#""1""#, true),
        ("1", "1.0", false),
        ("1", "10e-1", false),
        ("0", "-0", false),
        ("-0.0", "0", false),
        (r#""a""#, r#""\u0061""#, false),
    ] {
        let ping = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let body = format!("[{},{}]", ping(one), ping(other));
        let read = jsonrpc::read_body(body.as_bytes(), 64, Some(2)).map(|_| ()).map_err(|refused| refused.fault);
        assert_eq!(read, if differ { Ok(()) } else { Err(MessageFault::BatchElements) }, "{body}");
    }
}

#[test]
fn a_body_is_one_message_or_refused_with_its_error() {
    const PARSE: i32 = -32700;
    const INVALID: i32 = -32600;
    const PARAMS: i32 = -32602;
    let deep = |n: usize| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{}1{}}}}}"#, "[".repeat(n), "]".repeat(n))
    };
    let (fits, too_deep) = (deep(62), deep(63));
    let cases: Vec<(&str, Result<(MessageKind, &str), (&str, i32)>)> = vec![
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Ok((MessageKind::Request, "ping"))),
        (" \r\n\t{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"ping\"}\n", Ok((MessageKind::Request, "ping"))),
        (r#"{"method":"ping","id":-1,"jsonrpc":"2.0","extra":[null]}"#, Ok((MessageKind::Request, "ping"))),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            Ok((MessageKind::Notification, "notifications/initialized")),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Ok((MessageKind::Response, ""))),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#, Ok((MessageKind::Response, ""))),
        (r#"{"jsonrpc":"2.0","id":1,"m\u0065thod":"p\u0069ng"}"#, Ok((MessageKind::Request, "ping"))),
        (&fits, Ok((MessageKind::Request, "x"))),
        (&too_deep, Err(("json_too_deep", PARSE))),
        ("", Err(("json_syntax", PARSE))),
        ("{", Err(("json_syntax", PARSE))),
        ("nul", Err(("json_syntax", PARSE))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}}"#, Err(("json_trailing_bytes", PARSE))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}{}"#, Err(("json_trailing_bytes", PARSE))),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\u{0}", Err(("json_trailing_bytes", PARSE))),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", Err(("json_byte_order_mark", PARSE))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#, Err(("json_syntax", PARSE))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping" /* x */}"#, Err(("json_syntax", PARSE))),
        (r#"{'jsonrpc':'2.0','id':1,'method':'ping'}"#, Err(("json_syntax", PARSE))),
        (r#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#, Err(("json_syntax", PARSE))),
        (r#"{"jsonrpc":"2.0","id":NaN,"method":"ping"}"#, Err(("json_syntax", PARSE))),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\nng\"}", Err(("json_syntax", PARSE))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"x"}"#, Err(("json_duplicate_member", PARSE))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"x"}"#, Err(("json_duplicate_member", PARSE))),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":{"b":1,"b":2}}}"#,
            Err(("json_duplicate_member", PARSE)),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","extra":[{"b":1,"b":1}]}"#, Err(("json_duplicate_member", PARSE))),
        ("[]", Err(("batch_refused", INVALID))),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, Err(("batch_refused", INVALID))),
        ("\"ping\"", Err(("not_json_rpc", INVALID))),
        ("null", Err(("not_json_rpc", INVALID))),
        ("1", Err(("not_json_rpc", INVALID))),
        ("{}", Err(("not_json_rpc", INVALID))),
        (r#"{"id":1,"method":"ping"}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","result":{}}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":1}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#, Err(("params_malformed", PARAMS))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":null}"#, Ok((MessageKind::Request, "x"))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":null}}"#, Ok((MessageKind::Request, "x"))),
        (r#"{"jsonrpc":"2.0","id":1,"result":null,"error":null}"#, Ok((MessageKind::Response, ""))),
        (r#"{"jsonrpc":"2.0","id":1,"error":null}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":1,"method":null,"result":1}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":null,"id":1,"method":"x"}"#, Err(("not_json_rpc", INVALID))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#, Err(("target_missing", PARAMS))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["a"]}}"#, Err(("target_missing", PARAMS))),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a/%2e%2E/b"}}"#,
            Err(("uri_ambiguous", PARAMS)),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"FILE:///a"}}"#,
            Err(("uri_ambiguous", PARAMS)),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:\\b"}}"#,
            Err(("uri_ambiguous", PARAMS)),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a: b"}}"#,
            Err(("uri_ambiguous", PARAMS)),
        ),
    ];
    for (body, expected) in cases {
        let expected = expected.map(|(kind, method)| (kind, method.to_owned()));
        assert_eq!(read(body.as_bytes()), expected, "{body}");
    }
    for bytes in [
        &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}"[..],
        b"\xff\xfe{\0}\0",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"\xc0\xaf",
    ] {
        assert_eq!(read(bytes), Err(("json_not_utf8", PARSE)), "{bytes:?}");
    }
}

#[test]
fn a_member_that_looks_like_one_that_is_read_is_refused_at_its_level() {
    let call = r#""jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo""#;
    let read_uri = r#""jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:b""#;
    let complete =
        r#""jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p""#;
    let alike: &[(&str, &[&str])] = &[
        (
            call,
            &[
                "\"Name\":1}",
                "\"NAME\":1}",
                "\"na\u{200b}me\":1}",
                "\"n\\u0041ME\":1}",
                "\"name\\u0000\":1}",
                "\"\\ufeffname\":1}",
                "\"_META\":{}}",
                "\"na\u{ad}me\":1}",
            ],
        ),
        (
            call,
            &[
                "\"x\":1},\"Method\":\"ping\"",
                "\"x\":1},\"METHOD\":1",
                "\"x\":1},\"Params\":{}",
                "\"x\":1},\"param\u{17f}\":{}",
                "\"x\":1},\"ID\":2",
                "\"x\":1},\"JSONRPC\":1",
                "\"x\":1},\"m\u{200d}ethod\":1",
            ],
        ),
        (read_uri, &["\"URI\":1}", "\"Uri\":\"a:c\"}", "\"u\\u0072I\":1}", "\"\u{2060}uri\":1}"]),
        (complete, &["\"Name\":1}}", "\"TYPE\":1}}", "\"x\":1},\"Ref\":{}}"]),
    ];
    for (start, rests) in alike {
        for rest in *rests {
            let body = format!("{{{start},{rest}}}");
            assert_eq!(read(body.as_bytes()), Err(("json_look_alike", -32600)), "{body}");
        }
    }
    let other: &[(&str, &[&str])] = &[
        (
            call,
            &[
                "\"names\":1}",
                "\"arguments\":{\"Name\":1,\"METHOD\":2,\"uri\":3}}",
                "\"na me\":1}",
                "\"n\u{e4}me\":1}",
                "\"URI\":1}",
                "\"x\":{\"Name\":1}}",
            ],
        ),
        (read_uri, &["\"Name\":1}", "\"urii\":1}"]),
    ];
    for (start, rests) in other {
        for rest in *rests {
            let body = format!("{{{start},{rest}}}");
            assert!(read(body.as_bytes()).is_ok(), "{body}");
        }
    }
}

#[test]
fn an_escaped_spelling_of_a_true_name_is_that_name() {
    for name in ["name", "n\\u0061me", "\\u006e\\u0061\\u006d\\u0065"] {
        for tool in ["echo", "\\u0065cho", "ec\\u0068o"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{{"{name}":"{tool}"}}}}"#);
            let message = jsonrpc::read(body.as_bytes(), 64).unwrap();
            assert_eq!((message.method.as_ref(), message.params.name.text()), ("tools/call", Some("echo")), "{body}");
        }
    }
}

#[test]
fn a_refused_message_still_gives_its_id_where_it_was_read() {
    const CASES: &[(&str, Option<&str>)] = &[
        (r#"{"jsonrpc":"2.0","id":"a\u0062","method":"x","params":[]}"#, Some(r#""a\u0062""#)),
        (r#"{"jsonrpc":"2.0","params":[],"method":"x","id":-1.50e1}"#, Some("-1.50e1")),
        (r#"{"jsonrpc":"1.0","id":7,"method":"x"}"#, Some("7")),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, None),
        (r#"{"jsonrpc":"2.0","id":7,"method":"x""#, None),
        ("[]", None),
    ];
    for (body, expected) in CASES {
        let refused = jsonrpc::read(body.as_bytes(), 64).unwrap_err();
        assert_eq!(refused.id.as_deref(), *expected, "{body}");
    }
}

/// Text that is a message, or nearly one.
fn near_message() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "jsonrpc",
        "method",
        "id",
        "params",
        "name",
        "uri",
        "_meta",
        "ref",
        "arguments",
        "result",
        "n\\u0061me",
        "Name",
        "x",
        "taskId",
        "m\\u0065thod",
        "",
        "é",
        "\\ud83d\\ude00",
    ]);
    let scalar = prop::sample::select(vec![
        "\"2.0\"",
        "\"tools/call\"",
        "\"tools\\/list\"",
        "\"echo\"",
        "1",
        "-0.5e3",
        "true",
        "null",
        "\"\"",
        "\"a\\n\\u00e9é\"",
        "\"\\ud83d\\ude00\"",
        "12345678901234567890",
        "{}",
        "[]",
    ]);
    let leaf = scalar.prop_map(str::to_owned);
    let value = leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec((name.clone(), inner.clone()), 0..5).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
        ]
    });
    let method = prop::sample::select(vec!["tools/call", "ping", "resources/read", "p\\u0069ng"]);
    let id = prop::sample::select(vec!["1", "\"x\"", "-0.5e1", "18446744073709551615", "\"\\u0031\"", "null"]);
    let envelope = (method, prop::option::of(id), prop::option::of(value.clone()), value.clone(), 0usize..3);
    let message = envelope.prop_map(|(method, id, more, params, order)| {
        let mut parts = vec!["\"jsonrpc\":\"2.0\"".to_owned(), format!("\"method\":\"{method}\"")];
        parts.extend(id.map(|id| format!("\"id\":{id}")));
        parts.push(format!("\"params\":{{\"name\":\"{method}\",\"arguments\":{params}}}"));
        parts.extend(more.map(|more| format!("\"more\":{more}")));
        parts.rotate_left(order);
        format!("{{{}}}", parts.join(","))
    });
    prop_oneof![3 => message, 1 => value]
}

/// `text` with some of its bytes changed, doubled or gone.
fn damaged(text: &str, damage: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, kind, byte) in damage {
        let at = place.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match kind % 4 {
            0 if !bytes.is_empty() => bytes[at] = *byte,
            1 if !bytes.is_empty() => drop(bytes.remove(at)),
            2 => bytes.insert(at, *byte),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_as_a_message_any_careful_reader_reads_alike(
        text in near_message(),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>(), prop::sample::select(b"{}[]\",:\\u0 \n\x00\xffeE+-.1a".to_vec())), 0..3),
    ) {
        let bytes = damaged(&text, &damage);
        let Ok(message) = jsonrpc::read(&bytes, 64) else { return Ok(()) };
        let value: Value = match serde_json::from_slice(&bytes) {
            Ok(value) => value,
            // The one text that is JSON and that serde_json has no value for: a lone surrogate, a number too large.
            Err(error) if ["surrogate", "hex escape", "out of range"].iter().any(|why| error.to_string().contains(why)) => {
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(&bytes)))),
        };
        prop_assert_eq!(&value["jsonrpc"], "2.0");
        prop_assert_eq!(value.get("method").and_then(Value::as_str).unwrap_or_default(), message.method.as_ref());
        prop_assert_eq!(value["params"].get("name").and_then(Value::as_str), message.params.name.text());
        prop_assert_eq!(value["params"].get("uri").and_then(Value::as_str), message.params.uri.text());
        let id = message.id.map(|id| serde_json::from_str::<Value>(id).unwrap());
        prop_assert_eq!(value.get("id").cloned(), id);
        if message.kind == MessageKind::Response || Operation::of(&message).is_err() {
            return Ok(());
        }
        // Readers that make more of it make nothing else of it.
        for reader in Reader::ALL {
            let (member, target) = match message.method.as_ref() {
                "tools/call" => ("name", message.params.name.text()),
                "resources/read" => ("uri", message.params.uri.text()),
                _ => ("none", None),
            };
            let mut found = reader.reads(&bytes, member);
            // The lenient one tries several decodings, which may all say the same.
            found.dedup();
            let expected = (message.method.to_string(), target.into_iter().map(str::to_owned).collect::<Vec<_>>());
            prop_assert_eq!(found, vec![expected], "{:?} of {}", reader, String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_trimmed_list_is_the_list_parsed_and_filtered(
        entries in prop::collection::vec((
            prop::sample::select(vec!["read", "write", "reading", "R\u{e9}ad", "", "re\"ad\\", "\u{1f600}read"]),
            any::<bool>(), 0u8..4,
        ), 0..8),
        list in prop::sample::select(vec![
            ("tools", "name"), ("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")]),
        extra in any::<bool>(), spaced in any::<bool>(),
    ) {
        let (list, key) = list;
        let items: Vec<Value> = entries.iter().map(|(name, titled, shape)| {
            let mut entry = json!({"z": [1.0, {"name": "read"}], "b": null});
            match shape {
                0 => {}
                1 => entry[key] = json!(7),
                _ => entry[key] = json!(name),
            }
            if *titled {
                entry["title"] = json!("read");
            }
            entry
        }).collect();
        let mut body = json!({"jsonrpc": "2.0", "id": "x", "result": {"nextCursor": "c", "before": [1], list: items}});
        if extra {
            body["result"]["cacheScope"] = json!("public");
            body["result"]["ttlMs"] = json!(999_999);
        }
        let text = if spaced { serde_json::to_string_pretty(&body).unwrap() } else { body.to_string() };
        let allowed = |name: &str| name.contains("read");
        let keeps = |_: ListKind, name: &str, _: &[u8]| allowed(name);
        let mut known = KnownLists::default();
        let trimmed = listing::trim(text.as_bytes(), 64, 5_000, Private::Lists, &mut known, &keeps).unwrap();
        let again = listing::trim(text.as_bytes(), 64, 5_000, Private::Lists, &mut known, &keeps).unwrap();
        prop_assert_eq!(&again, &trimmed, "a list that is known is as one that is read");
        let mut expected = body.clone();
        let kept = items.iter().filter(|entry| entry[key].as_str().is_some_and(allowed)).cloned();
        expected["result"][list] = kept.collect();
        if extra {
            expected["result"]["cacheScope"] = json!("private");
            expected["result"]["ttlMs"] = json!(5_000);
        }
        let printed: Value = serde_json::from_slice(&trimmed.body).unwrap();
        prop_assert_eq!(&printed, &expected);
        prop_assert!(trimmed.held_list);
        let kept = expected["result"][list].as_array().unwrap().len();
        prop_assert_eq!(trimmed.removed, items.len() - kept);
        if kept == items.len() && !extra {
            prop_assert_eq!(trimmed.body.as_ref(), text.as_bytes(), "nothing goes, nothing changes");
        }
    }

    #[test]
    fn no_bytes_make_reading_or_trimming_panic(
        bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\u0d8 \n\x00\xff\xc3\xa9tfn1e-.name".to_vec()), 0..40),
    ) {
        let _ = jsonrpc::read(&bytes, 8);
        let keeps = |_: ListKind, _: &str, _: &[u8]| true;
        let _ = listing::trim(&bytes, 8, 1, Private::All, &mut KnownLists::default(), &keeps);
    }
}

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
