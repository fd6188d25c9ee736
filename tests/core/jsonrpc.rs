//! Messages: what is read is what any careful reader reads, what could be read
//! in two ways is refused, and lists lose what is denied and nothing else.

mod properties;
mod streams;

use toolgate::jsonrpc::{self, MessageFault, MessageKind};
use toolgate::mcp::Operation;

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
