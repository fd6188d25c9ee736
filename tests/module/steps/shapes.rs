//! Inputs of hostile shapes, by their size.

/// Names for the members of one object, all different.
pub(super) fn names(n: usize, name: impl Fn(usize) -> String) -> String {
    filled(n, |number| format!("\"{}\":0", name(number)))
}

/// As many of the items, with commas between them, as fit into `n` bytes.
pub(super) fn filled(n: usize, item: impl Fn(usize) -> String) -> String {
    let mut out = String::with_capacity(n);
    for number in 0.. {
        let item = item(number);
        if out.len() + item.len() + 1 > n {
            break;
        }
        if number > 0 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out
}

pub(super) fn call(name: &str, arguments: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#)
}

pub(super) fn beside(level: &str, members: &str) -> String {
    let (envelope, params) = if level == "params" { ("", members) } else { (members, r#""x":0"#) };
    let envelope = if envelope.is_empty() { String::new() } else { format!(",{envelope}") };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo",{params}}}{envelope}}}"#)
}

/// A number in digits that cannot be seen: look-alikes of one name, all different.
pub(super) fn invisible(number: usize) -> String {
    (0..17).map(|bit| if number >> bit & 1 == 1 { '\u{200b}' } else { '\u{200c}' }).collect()
}

pub(super) type Shape = (&'static str, u16, fn(usize) -> String);

/// Requests that a client may send, and their answers.
pub(super) const REQUESTS: &[Shape] = &[
    ("many members in arguments", 200, |n| call("echo", &format!("{{{}}}", names(n, |k| format!("{k:06}"))))),
    ("many members in params", 200, |n| beside("params", &names(n, |k| format!("{k:06}")))),
    ("many members in the envelope", 200, |n| beside("envelope", &names(n, |k| format!("{k:06}")))),
    ("the last of many members is doubled", 400, |n| {
        call("echo", &format!("{{{},\"000000\":0}}", names(n, |k| format!("{k:06}"))))
    }),
    ("members in falling order", 200, |n| {
        call("echo", &format!("{{{}}}", names(n, |k| format!("{:06}", 999_999 - k))))
    }),
    ("members in an order that bores a sort", 200, |n| {
        call("echo", &format!("{{{}}}", names(n, |k| format!("{:06}", k * 7_919 % 1_000_003))))
    }),
    ("members that differ at their ends only", 200, |n| {
        call("echo", &format!("{{{}}}", names(n, |k| format!("{}{k:04}", "a".repeat(500)))))
    }),
    ("members written as escapes", 200, |n| {
        call(
            "echo",
            &format!("{{{}}}", names(n, |k| format!("\\u0061\\u{:04x}\\u{:04x}", 0x1000 + k / 999, 0x1000 + k % 999))),
        )
    }),
    ("look-alikes of name", 400, |n| beside("params", &names(n, |k| format!("name{}", invisible(k))))),
    ("look-alikes of method", 400, |n| beside("envelope", &names(n, |k| format!("METHOD{}", invisible(k))))),
    ("members with lone surrogates", 200, |n| beside("params", &names(n, |k| format!("x\\ud800{k:06}")))),
    ("members of white space", 200, |n| beside("params", &names(n, |k| format!("{}{k:06}", " ".repeat(100))))),
    ("one long member", 200, |n| call("echo", &format!("{{\"{}\":0}}", "x".repeat(n)))),
    ("a long name", 400, |n| call(&"x".repeat(n), "{}")),
    ("a long name of characters that cannot be seen", 400, |n| call(&"\u{200b}".repeat(n / 3), "{}")),
    ("a long method", 403, |n| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x/".repeat(n / 2))),
    ("a long method that a pattern nearly matches", 403, |n| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "ab".repeat(n / 2))
    }),
    ("a long id", 200, |n| format!(r#"{{"jsonrpc":"2.0","id":{},"method":"ping"}}"#, "7".repeat(n))),
    ("a long string of escapes", 200, |n| call("echo", &format!("\"{}\"", "\\u0061".repeat(n / 6)))),
    ("a long number", 200, |n| call("echo", &"7".repeat(n))),
    ("white space", 200, |n| call("echo", &format!("{}0", " \r\n\t".repeat(n / 4)))),
    ("arrays sixty deep", 200, |n| call("echo", &format!("[{}]", filled(n, |_| "[".repeat(60) + &"]".repeat(60))))),
    ("objects sixty deep", 200, |n| {
        call("echo", &format!("[{}]", filled(n, |_| format!("{}0{}", "{\"a\":".repeat(60), "}".repeat(60)))))
    }),
    ("objects in an object with many members", 200, |n| {
        call("echo", &format!("{{{}}}", filled(n, |k| format!("\"{k:06}\":{{\"a\":0,\"b\":{{}}}}"))))
    }),
    ("nothing but brackets", 400, |n| "[".repeat(n)),
    ("a batch of 32", 200, |n| {
        let element = |k| {
            call("echo", &format!("{{{}}}", names(n / 32, |j| format!("{j:06}"))))
                .replace("\"id\":1", &format!("\"id\":{k}"))
        };
        format!("[{}]", (0..32).map(element).collect::<Vec<_>>().join(","))
    }),
    ("a batch of 32 with long ids", 200, |n| {
        let element = |k| call("echo", "{}").replace("\"id\":1", &format!("\"id\":\"{}{k}\"", "x".repeat(n / 32)));
        format!("[{}]", (0..32).map(element).collect::<Vec<_>>().join(","))
    }),
    ("a batch of 32 with long methods", 403, |n| {
        let element = |k| format!(r#"{{"jsonrpc":"2.0","id":{k},"method":"{}"}}"#, "x".repeat(n / 32));
        format!("[{}]", (0..32).map(element).collect::<Vec<_>>().join(","))
    }),
    ("an endless batch", 400, |n| {
        format!("[{}]", filled(n, |k| format!(r#"{{"jsonrpc":"2.0","id":{k},"method":"ping"}}"#)))
    }),
    ("more subscriptions than anybody has", 400, |n| {
        let uris = filled(n, |k| format!("\"docs://public/{k}\""));
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":[{uris}]}}}}}}"#
        )
    }),
    ("hundreds of long subscriptions", 200, |n| subscriptions(n, &"%2F".repeat(n / 2_000))),
    ("hundreds of subscriptions that are encoded many times", 200, |n| {
        subscriptions(n, &format!("%{}2F", "25".repeat(n / 1_000)))
    }),
    ("hundreds of subscriptions with characters to encode", 200, |n| subscriptions(n, &"\u{e9}".repeat(n / 1_000))),
    ("hundreds of subscriptions of slashes", 200, |n| subscriptions(n, &"/".repeat(n / 1_000))),
    ("hundreds of subscriptions of marks", 200, |n| subscriptions(n, &"?#;".repeat(n / 3_000))),
];

pub(super) fn subscriptions(n: usize, end: &str) -> String {
    let uris = filled(n, |k| format!("\"docs://public/{k}/{end}\""));
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":[{uris}]}}}}}}"#
    )
}

pub(super) fn list(entries: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{entries}]}}}}"#)
}

/// Lists that a server may answer with, as JSON.
pub(super) const DOCUMENTS: &[Shape] = &[
    ("a list of which all goes", 200, |n| list(&filled(n, |k| format!(r#"{{"name":"t{k}"}}"#)))),
    ("a list of which all stays", 200, |n| list(&filled(n, |_| r#"{"name":"echo"}"#.to_owned()))),
    ("a list of which every other entry stays", 200, |n| {
        list(&filled(n, |k| format!(r#"{{"name":"{}"}}"#, if k % 2 == 0 { "echo" } else { "x" })))
    }),
    ("an entry with a long name", 200, |n| list(&format!(r#"{{"name":"{}"}}"#, "ab".repeat(n / 2)))),
    ("an entry with many members", 200, |n| list(&format!(r#"{{"name":"echo",{}}}"#, names(n, |k| format!("{k:06}"))))),
    ("a list of resources with long uris", 200, |n| {
        let uri = "%252F".repeat(40);
        list(&filled(n, |k| format!(r#"{{"uri":"docs://public/{k}{uri}"}}"#))).replace("tools", "resources")
    }),
    ("a list of one endless uri", 200, |n| {
        list(&format!(r#"{{"uri":"docs://public/%{}2F"}}"#, "25".repeat(n / 2))).replace("tools", "resources")
    }),
    ("a list of templates", 200, |n| {
        let entries = filled(n, |k| format!(r#"{{"uriTemplate":"docs://public/{k}{}"}}"#, "/{x}".repeat(40)));
        list(&entries).replace("tools", "resourceTemplates")
    }),
    ("a list of one endless template", 200, |n| {
        let entry = format!(r#"{{"uriTemplate":"docs://public/{}"}}"#, "{x}/".repeat(n / 4));
        list(&entry).replace("tools", "resourceTemplates")
    }),
    ("an array of many lists", 200, |n| {
        format!(
            "[{}]",
            filled(n, |_| r#"{"result":{"tools":[{"name":"x"}],"ttlMs":9,"cacheScope":"public"}}"#.to_owned())
        )
    }),
    ("a list in pieces", 502, |n| format!("{}{}", list("").trim_end_matches("]}}"), "0,".repeat(n / 2))),
];

/// As an event stream.
pub(super) const STREAMS: &[Shape] = &[
    ("one event of many data lines", 200, |n| {
        let entries = filled(n, |_| r#"{"name":"x"}"#.to_owned()).replace("},", "},\ndata:");
        format!("data:{}\n\n", list(&entries))
    }),
    ("one event of empty data lines", 200, |n| format!("{}\n\n", "data:\n".repeat(n / 6))),
    ("events of nothing", 200, |n| "\n".repeat(n)),
    ("events of nothing, by CR LF", 200, |n| "\r\n".repeat(n / 2)),
    ("many small lists", 200, |n| {
        "data: {\"result\":{\"tools\":[{\"name\":\"x\"},{\"name\":\"echo\"}]}}\r\n\r\n".repeat(n / 64)
    }),
    ("one long comment", 200, |n| format!(":{}\n\n", "x".repeat(n))),
    ("stray lines", 200, |n| " data: {\n".repeat(n / 9)),
    ("stray lines, each an event", 200, |n| "x{\"id\":1,\"result\":[]}\n\n".repeat(n / 24)),
    ("an event of lines of data that each begin a document", 200, |n| {
        format!("data: [0,\n{}data: 0]\n\n", "data: [],\n".repeat(n / 10))
    }),
    ("an event of lines that end in a CR", 200, |n| format!("data: [0,\n{}data: 0]\n\n", "data: 0,\r".repeat(n / 9))),
    ("answers that cannot be read", 200, |n| "data: {\"id\":1,\"result\":[}\n\n".repeat(n / 29)),
    ("an array of answers that cannot be read", 200, |n| {
        format!("data: [{}}}\n\n", "{\"id\":1,\"result\":[]},".repeat(n / 22))
    }),
    ("plain JSON", 200, |n| list(&filled(n, |k| format!(r#"{{"name":"t{k}"}}"#)))),
    ("white space before anything", 200, |n| " \t".repeat(n / 2)),
    ("blank lines before plain JSON", 200, |n| format!("{}[]", "\n".repeat(n))),
    ("an event that never ends", 200, |n| "data: x\r".repeat(n / 8)),
];
