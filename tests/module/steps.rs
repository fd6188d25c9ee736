//! Work is at most n log n in what comes: the instructions that the module runs
//! are counted, for inputs of every hostile shape and of growing size.
//!
//! `make build` first. `cargo test --test module steps -- --nocapture` prints the counts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::support::core::{NOW, minimal, set};
use crate::support::interpreter::{Fate, Fields, Worker};
use crate::support::keys::Key;
use crate::support::tokens::Token;
use serde_json::{Value, json};

/// Bytes of the smallest and of the largest input; `limits.body` and
/// `limits.list` are a little more than the largest.
const SMALL: usize = 1 << 16;
const LARGE: usize = 1 << 19;
/// Less is enough to see it where each entry is compared with all patterns, and
/// where the module is called for each byte.
const FEWER_ENTRIES: usize = 16;
const FEWER_CALLS: usize = 64;

/// From the smallest to the largest input, the work may grow as n log n does,
/// and a quarter more. Where it grew as the square, it would be seven times that.
const GROWTH: f64 = 1.25;
/// Instructions for each byte and each doubling of n: a bound on what one
/// message can cost a worker. The dearest shape takes about two thirds of it.
const PER_BYTE: f64 = 120.0;
/// A call of the module from outside, with all that it does besides reading.
const PER_CALL: f64 = 15_000.0;

/// To decide on an entry of a list that has a rule by its exact name.
const PER_LISTED_NAME: u64 = 4_100;
/// To trim a list of 1,000 tools, and to trim it again.
const NEW_LIST: u64 = 11_300_000;
const KNOWN_LIST: u64 = 4_550_000;
/// To decide on a short call with a token that was verified before.
const KNOWN_CALL: u64 = 113_500;
/// The same where the host verifies the token each time.
const VERIFIED_CALL: u64 = 214_500;

/// To decide on a plain URI by 200 exact rules and 200 patterns that begin alike, and on one in all its forms.
const PER_URI: u64 = 60_000;
const PER_MANY_FORMS: u64 = 1_400_000;
/// To decide on a template of 4 kB by those rules, or to leave out one that is far longer.
const PER_TEMPLATE: u64 = 26_000_000;

/// Names for the members of one object, all different.
fn names(n: usize, name: impl Fn(usize) -> String) -> String {
    filled(n, |number| format!("\"{}\":0", name(number)))
}

/// As many of the items, with commas between them, as fit into `n` bytes.
fn filled(n: usize, item: impl Fn(usize) -> String) -> String {
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

fn call(name: &str, arguments: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#)
}

fn beside(level: &str, members: &str) -> String {
    let (envelope, params) = if level == "params" { ("", members) } else { (members, r#""x":0"#) };
    let envelope = if envelope.is_empty() { String::new() } else { format!(",{envelope}") };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo",{params}}}{envelope}}}"#)
}

/// A number in digits that cannot be seen: look-alikes of one name, all different.
fn invisible(number: usize) -> String {
    (0..17).map(|bit| if number >> bit & 1 == 1 { '\u{200b}' } else { '\u{200c}' }).collect()
}

type Shape = (&'static str, u16, fn(usize) -> String);

/// Requests that a client may send, and their answers.
const REQUESTS: &[Shape] = &[
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

fn subscriptions(n: usize, end: &str) -> String {
    let uris = filled(n, |k| format!("\"docs://public/{k}/{end}\""));
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":[{uris}]}}}}}}"#
    )
}

fn list(entries: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{entries}]}}}}"#)
}

/// Lists that a server may answer with, as JSON.
const DOCUMENTS: &[Shape] = &[
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
const STREAMS: &[Shape] = &[
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

/// Rules with patterns, none of which is quick to fail. Every entry of a list
/// is compared with all of them.
fn configuration(held: bool, patterns: usize) -> Value {
    let pattern = |k: usize| format!("*ab*ab*ab*{k:03}");
    let rules: Value = (0..patterns).map(|k| (pattern(k), json!({"scopes": ["x"]}))).collect();
    let mut tools = rules.clone();
    tools["echo"] = json!({"scopes": []});
    let policy = json!({"tools": tools, "methods": rules, "resources": {"docs://public/*": {"scopes": []}}});
    let config = set(minimal(), "/resources/0/policy", policy);
    let config = set(config, "/hold_request_headers", json!(held));
    let config = set(config, "/limits", json!({"body": LARGE * 2, "list": LARGE * 2}));
    set(config, "/batches", json!("authorize_each"))
}

fn head(length: usize) -> Fields {
    static TOKEN: LazyLock<String> = LazyLock::new(|| Token::at(NOW).sign(&Key::ed25519()));
    head_with(&TOKEN, length)
}

fn head_with(token: &str, length: usize) -> Fields {
    let fields = [
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "mcp.example.com"),
        ("content-type", "application/json"),
        ("authorization", &format!("Bearer {token}")),
        ("content-length", &length.to_string()),
    ];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn answer_head(kind: &str) -> Fields {
    [(":status", "200"), ("content-type", kind)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// How an input comes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    /// Cut into so many bytes each.
    Pieces(usize),
}

impl Way {
    fn cut(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![bytes],
            Self::Pieces(size) => bytes.chunks(size).collect(),
        }
    }
}

/// The cost of a shape's input of `n` bytes. Also checks its outcome.
fn steps_of(worker: &mut Worker, kind: &str, shape: &Shape, n: usize, way: Way) -> (usize, usize, u64) {
    let (name, expected, make) = shape;
    let input = make(n);
    let pieces = way.cut(input.as_bytes());
    let status = |fate: Fate| match fate {
        Fate::GoesOn(_) => 200,
        Fate::Answered(status) => status,
    };
    let (before, found);
    if kind == "request" {
        before = worker.steps();
        found = status(worker.request(head(input.len()), &pieces));
    } else {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(status(worker.request(head(question.len()), &[question])), 200);
        before = worker.steps();
        found = status(worker.answer(answer_head(kind), &pieces));
    }
    let steps = worker.steps() - before;
    assert_eq!(found, *expected, "{name}: {n} bytes");
    (input.len(), pieces.len(), steps)
}

/// Counts each shape at both sizes and gives a line for each that costs too much.
fn too_dear(kind: &str, shapes: &[Shape], way: Way, held: bool) -> Vec<String> {
    let fewer = match (way, kind) {
        (Way::Pieces(1), _) => FEWER_CALLS,
        (_, "request") => 1,
        _ => FEWER_ENTRIES,
    };
    let sizes = [SMALL, LARGE].map(|n| n / fewer);
    let patterns = if kind == "request" { 200 } else { 20 };
    let mut worker = Worker::start(&configuration(held, patterns), NOW);
    // The first time, memory grows.
    steps_of(&mut worker, kind, &shapes[0], sizes[1], way);
    // The fixed cost of a request, its token above all, does not grow.
    let least: Shape = ("the least", 200, |_| call("echo", "{}"));
    let fixed = if kind == "request" { steps_of(&mut worker, kind, &least, 0, Way::Whole).2 } else { 0 };
    let mut found = Vec::new();
    for shape in shapes {
        let [small, large] = sizes.map(|n| {
            let (bytes, pieces, steps) = steps_of(&mut worker, kind, shape, n, way);
            (bytes, pieces, steps.saturating_sub(fixed))
        });
        let n_log_n = |n: usize| n as f64 * (n as f64).log2();
        let may_grow = n_log_n(large.0) / n_log_n(small.0) * GROWTH;
        // A body that is refused before it is read costs a few steps a byte, which proves nothing.
        let grows = large.2 as f64 / small.2.max(10 * small.0 as u64) as f64;
        let may_cost = n_log_n(large.0) * PER_BYTE + large.1 as f64 * PER_CALL;
        let line = format!(
            "{kind}, {way:?}: {}: {} bytes {} steps, {} bytes {} steps: {:.1} a byte, grows {grows:.1} of {may_grow:.1}",
            shape.0,
            small.0,
            small.2,
            large.0,
            large.2,
            large.2 as f64 / large.0 as f64
        );
        println!("{line}");
        if grows > may_grow || large.2 as f64 > may_cost {
            found.push(line);
        }
    }
    found
}

#[test]
fn a_request_costs_n_log_n_in_either_host_mode() {
    for held in [false, true] {
        let dear = too_dear("request", REQUESTS, Way::Whole, held);
        assert!(dear.is_empty(), "{dear:#?}");
    }
}

#[test]
fn a_request_costs_no_more_for_coming_byte_by_byte() {
    let dear = too_dear("request", &REQUESTS[..4], Way::Pieces(1), true);
    assert!(dear.is_empty(), "{dear:#?}");
}

#[test]
fn a_list_costs_n_log_n() {
    for way in [Way::Whole, Way::Pieces(100)] {
        let dear = too_dear("application/json", DOCUMENTS, way, true);
        assert!(dear.is_empty(), "{dear:#?}");
    }
}

#[test]
fn an_event_stream_costs_n_log_n_wherever_it_is_cut() {
    for way in [Way::Whole, Way::Pieces(100), Way::Pieces(1)] {
        let dear = too_dear("text/event-stream", STREAMS, way, true);
        assert!(dear.is_empty(), "{dear:#?}");
    }
}

/// Instructions for a list of `rules` tools, of which each has a rule by its exact name.
fn listed(mode: &str, rules: usize) -> u64 {
    let tools: Value = (0..rules).map(|k| (format!("tool_{k}"), json!({"scopes": []}))).collect();
    let policy = json!({"mode": mode, "tools": tools});
    let config = set(configuration(true, 0), "/resources/0/policy", policy);
    let mut worker = Worker::start(&config, NOW);
    let entries: Vec<_> = (0..rules).map(|k| format!(r#"{{"name":"tool_{k}"}}"#)).collect();
    let mut steps = || {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(worker.request(head(question.len()), &[question]), Fate::GoesOn(question.to_vec()));
        let before = worker.steps();
        let whole = list(&entries.join(","));
        let fate = worker.answer(answer_head("application/json"), &[whole.as_bytes()]);
        assert_eq!(fate, Fate::GoesOn(whole.into_bytes()), "all stays");
        worker.steps() - before
    };
    // The first time, memory grows.
    steps();
    steps()
}

#[test]
fn a_policy_on_trial_costs_little_more_than_one_that_enforces() {
    let [enforced, on_trial] = ["enforce", "shadow"].map(|mode| listed(mode, 1000));
    println!("a list of 1,000 tools with 1,000 rules: {enforced} steps, in shadow mode {on_trial}");
    assert!(enforced < 1_000 * PER_LISTED_NAME, "{enforced} steps");
    assert!(on_trial < enforced * 3, "{on_trial} steps where enforcing takes {enforced}");
}

/// A policy of exact URIs and of patterns that all begin alike.
fn uri_rules(mode: &str) -> Value {
    let exact = (0..200).map(|n| format!("docs://area/{n}/document"));
    let rules: Value =
        exact.chain((0..200).map(|n| format!("docs://*/{n}/*"))).map(|uri| (uri, json!({"scopes": []}))).collect();
    set(configuration(true, 0), "/resources/0/policy", json!({"mode": mode, "resources": rules}))
}

#[test]
fn a_uri_costs_little_whatever_forms_it_has() {
    const URIS: usize = 500;
    let mut worker = Worker::start(&uri_rules("enforce"), NOW);
    let mut dear = Vec::new();
    for (uri, most) in [
        ("docs://a/1/b", PER_URI),
        ("docs://a:1@b:2/1/%25%20x?a#b<k>", PER_MANY_FORMS),
        ("docs://u%2F@b:2/1/a;p%2F/%2F;q?a#b\u{e9}", PER_MANY_FORMS),
        ("docs:a/1/b;c", PER_MANY_FORMS),
    ] {
        let uris: Vec<_> = (0..URIS).map(|n| format!("\"{uri}{n}\"")).collect();
        let listen = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":[{}]}}}}}}"#,
            uris.join(",")
        );
        let entries: Vec<_> = uris.iter().map(|uri| format!("{{\"uri\":{uri}}}")).collect();
        let resources = list(&entries.join(",")).replace("tools", "resources");
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#;
        let mut run = || {
            let before = worker.steps();
            worker.request(head(listen.len()), &[listen.as_bytes()]);
            let asked = worker.steps();
            worker.request(head(question.len()), &[question]);
            let listed = worker.steps();
            worker.answer(answer_head("application/json"), &[resources.as_bytes()]);
            [asked - before, worker.steps() - listed].map(|steps| steps / URIS as u64)
        };
        // The first time, memory grows.
        run();
        let steps = run();
        println!("{uri}: {} steps to subscribe to it, {} in a list", steps[0], steps[1]);
        if steps.iter().any(|steps| *steps > most) {
            dear.push((uri, steps));
        }
    }
    assert!(dear.is_empty(), "{dear:?}");
}

#[test]
fn a_template_costs_little_however_many_expressions_it_has() {
    let mut dear = Vec::new();
    for mode in ["enforce", "shadow"] {
        let mut worker = Worker::start(&uri_rules(mode), NOW);
        for piece in ["{}", "{a}{b}x", "{a}/", "{a}%2A", "{a}*", "{}a;"] {
            let template = |n: usize| piece.repeat(n / piece.len());
            let complete = json!({"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": {
                "ref": {"type": "ref/resource", "uri": template(4_000)}, "argument": {"name": "a", "value": ""}}})
            .to_string();
            let entry = format!("{{\"uriTemplate\":\"{}\"}}", template(400_000));
            let templates = list(&entry).replace("tools", "resourceTemplates");
            let question = br#"{"jsonrpc":"2.0","id":1,"method":"resources/templates/list"}"#;
            let mut run = || {
                let before = worker.steps();
                worker.request(head(complete.len()), &[complete.as_bytes()]);
                let asked = worker.steps();
                worker.request(head(question.len()), &[question]);
                let listed = worker.steps();
                worker.answer(answer_head("application/json"), &[templates.as_bytes()]);
                [asked - before, worker.steps() - listed]
            };
            // The first time, memory grows.
            run();
            let [asked, listed] = run();
            println!("{mode}, {piece}: {asked} steps to complete it, {listed} in a list");
            if asked > PER_TEMPLATE || listed > PER_TEMPLATE {
                dear.push((mode, piece, asked, listed));
            }
        }
    }
    assert!(dear.is_empty(), "{dear:?}");
}

/// One of some thousand scopes, so short that a token of the usual limit holds them all.
fn scope(number: usize) -> String {
    [number / 64, number % 64]
        .map(|digit| char::from(b'?' + u8::try_from(digit).unwrap()))
        .iter()
        .collect::<String>()
        .replace('\\', "!")
}

fn scopes(count: usize) -> String {
    (0..count).map(scope).collect::<Vec<_>>().join(" ")
}

/// Instructions for a list of 2,000 tools, by the number of its entries that stay, for a caller of so many scopes.
fn listed_to(policy: &Value, granted: usize) -> (usize, u64) {
    const TOOLS: usize = 2_000;
    let config = set(configuration(true, 0), "/resources/0/policy", policy.clone());
    let mut worker = Worker::start(&config, NOW);
    let token = Token::at(NOW).scope(&scopes(granted)).sign(&Key::ed25519());
    let entries: Vec<_> = (0..TOOLS).map(|k| format!(r#"{{"name":"tool_{k}"}}"#)).collect();
    let mut run = || {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(worker.request(head_with(&token, question.len()), &[question]), Fate::GoesOn(question.to_vec()));
        let before = worker.steps();
        let fate = worker.answer(answer_head("application/json"), &[list(&entries.join(",")).as_bytes()]);
        let Fate::GoesOn(body) = fate else { panic!("{fate:?}") };
        let kept = String::from_utf8(body).unwrap().matches("tool_").count();
        (kept, worker.steps() - before)
    };
    // The first time, memory grows.
    run();
    run()
}

#[test]
fn a_list_costs_the_same_however_many_scopes_the_caller_has() {
    const MANY: usize = 3_700;
    // Each tool needs a scope of its own, which a scope of the token implies, or which nobody has.
    let tools: Value = (0..2_000)
        .map(|k| (format!("tool_{k}"), json!({"any_of": [[format!("nobody:{k}")], [format!("use:{k}"), "z"]]})))
        .collect();
    let hierarchy: Value = (0..200)
        .map(|k| (scope(k), (0..10).map(|n| Value::from(format!("use:{}", k * 10 + n))).collect::<Value>()))
        .chain([(scope(0), json!(["use:0", "z"]))])
        .collect::<serde_json::Map<_, _>>()
        .into();
    let rows = json!([{"subjects": ["alice"], "scopes": scopes(MANY).split(' ').collect::<Vec<_>>()}]);
    for (lists, mode, rows) in
        [("hide", "enforce", rows.clone()), ("offer", "enforce", rows.clone()), ("hide", "shadow", rows)]
    {
        let policy = json!({"lists": lists, "mode": mode, "tools": tools, "hierarchy": hierarchy, "matrix": rows});
        let (kept_of_few, few) = listed_to(&policy, 200);
        let (kept, many) = listed_to(&policy, MANY);
        println!("2,000 tools, {lists}, {mode}: {few} steps for 200 scopes, {many} for {MANY}");
        assert_eq!(kept, kept_of_few);
        assert!(kept >= 1_900, "{kept}");
        assert!(many < few * 2, "{many} steps where 200 scopes take {few}");
    }
}

/// Instructions until a token is refused with 401.
fn refused(worker: &mut Worker, token: &str) -> u64 {
    let body = call("echo", "{}");
    let before = worker.steps();
    let fate = worker.request(head_with(token, body.len()), &[body.as_bytes()]);
    assert_eq!(fate, Fate::Answered(401));
    worker.steps() - before
}

#[test]
fn nobody_chooses_the_dearest_signature() {
    // Many keys of each kind; the RSA keys do not name their algorithm.
    let keys = (0..8).flat_map(|n| {
        let mut any = Key::rsa_b().named(&format!("rsa-{n}")).jwk();
        any.as_object_mut().unwrap().remove("alg");
        any["e"] = json!(["AQAB", "Aw", "BQ", "Bw", "Cw", "DQ", "EQ", "Ew"][n]);
        let other = if n == 0 { Key::ed25519() } else { Key::ed25519().named(&format!("ed-{n}")) };
        [any, other.jwk()]
    });
    let config = set(minimal(), "/issuers/0/jwks/keys", keys.collect());
    let mut worker = Worker::start(&config, NOW);
    let forged = |alg: &'static str, kid: Option<&str>| {
        let token = Token::at(NOW).scope("x");
        let token = if let Some(kid) = kid { token.header("kid", kid) } else { token.without_header("kid") };
        // Signed by a key that the issuer does not have.
        let key = if alg == "EdDSA" { Key::ed25519() } else { Key::rsa_a().with_alg(alg) };
        crate::support::tokens::tampered(&token.sign(&key))
    };
    // The first time, memory grows.
    refused(&mut worker, &forged("EdDSA", Some("ed25519")));
    let one = refused(&mut worker, &forged("EdDSA", Some("ed25519")));
    let rsa = refused(&mut worker, &forged("RS256", Some("rsa-0")));
    println!("a forged token: {one} steps by EdDSA, {rsa} by RS256");
    for (name, token, most) in [
        ("EdDSA without kid", forged("EdDSA", None), one * 5 / 4),
        ("RS256 without kid", forged("RS256", None), rsa * 5 / 4),
        ("PS512 by a key that does not name it", forged("PS512", Some("rsa-0")), one / 2),
        ("PS512 without kid", forged("PS512", None), one / 2),
    ] {
        let steps = refused(&mut worker, &token);
        println!("{name}: {steps} steps");
        assert!(steps <= most, "{name}: {steps} steps, not {most}");
    }
}

/// Instructions for a list of 1,000 tools that was not read before, and for the same list again. An exact rule decides
/// on each, or one of two patterns, which denies every other.
fn trimmed(tools: &Value, name: impl Fn(usize) -> String) -> [u64; 2] {
    let config = set(configuration(true, 0), "/resources/0/policy", json!({"tools": tools}));
    let mut worker = Worker::start(&config, NOW);
    let token = Token::at(NOW).scope("x").sign(&Key::ed25519());
    let mut steps = |version: usize| {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(worker.request(head_with(&token, question.len()), &[question]), Fate::GoesOn(question.to_vec()));
        let entries: Vec<_> = (0..1_000).map(|k| format!(r#"{{"name":"{}","title":"{version}"}}"#, name(k))).collect();
        let before = worker.steps();
        let fate = worker.answer(answer_head("application/json"), &[list(&entries.join(",")).as_bytes()]);
        assert!(matches!(fate, Fate::GoesOn(_)), "{fate:?}");
        worker.steps() - before
    };
    // The first time, memory grows.
    steps(0);
    [steps(1), steps(1)]
}

#[test]
fn a_list_costs_little_and_less_if_it_was_read_before() {
    let exact: Value = (0..1_000).map(|k| (format!("tool_{k}"), json!({"scopes": ["x"]}))).collect();
    let patterns = json!({"read_*": {"scopes": ["x"]}, "write_*": {"scopes": ["y"]}, "a": {"scopes": []}});
    let by_pattern = |k: usize| format!("{}_{k}", if k.is_multiple_of(2) { "read" } else { "write" });
    for (rules, [new, known]) in
        [("exact rules", trimmed(&exact, |k| format!("tool_{k}"))), ("patterns", trimmed(&patterns, by_pattern))]
    {
        println!("1,000 tools, {rules}: {new} steps for a new list, {known} for a known one");
        assert!(new < NEW_LIST, "{rules}: {new} steps for a new list");
        assert!(known < KNOWN_LIST, "{rules}: {known} steps for a known list");
    }
}

/// The configuration of calls of the usual kind, which `echo` answers.
fn usual(more: &[(&str, Value)]) -> Value {
    let tools = json!({"echo": {"scopes": ["x"]}, "admin": {"scopes": ["y"]}, "read_*": {"scopes": ["x"]}});
    let config = set(minimal(), "/hold_request_headers", json!(true));
    let config = set(config, "/resources/0/policy", json!({"tools": tools}));
    more.iter().fold(config, |config, (path, value)| set(config, path, value.clone()))
}

/// Instructions for a call by `token` after the first one, its answer and its end, and the calls between host and module.
fn usual_call(mut worker: Worker, token: &str) -> (u64, u64, BTreeMap<String, u64>) {
    let body = call("echo", r#"{"city":"Bern","note":"xxxxxxxxxxxxxx"}"#);
    let mut steps = || {
        let before = worker.steps();
        worker.take_calls();
        // As Envoy shows a body of HTTP/1: its bytes, then its end.
        let fate = worker.request(head_with(token, body.len()), &[body.as_bytes(), b""]);
        assert_eq!(fate, Fate::GoesOn(body.clone().into_bytes()));
        let asked = worker.steps();
        let answer = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(worker.answer(answer_head("application/json"), &[answer, b""]), Fate::GoesOn(answer.to_vec()));
        worker.end();
        worker.delete();
        (asked - before, worker.steps() - asked, worker.take_calls())
    };
    // The first time, its signature is verified.
    steps();
    steps()
}

#[test]
fn a_call_costs_little_if_its_token_is_known() {
    let token = Token::at(NOW).scope("x").sign(&Key::ed25519());
    let (known, after, calls) = usual_call(Worker::start(&usual(&[]), NOW), &token);
    println!("a call with a known token: {known} steps, {after} for its answer; {calls:#?}");
    assert!(known < KNOWN_CALL, "{known} steps");
}

#[test]
fn a_call_costs_little_if_its_token_is_verified_by_the_host() {
    let token = Token::at(NOW).scope("x").sign(&Key::rsa_a());
    let changes = [("/issuers/0/jwks/keys", json!([Key::rsa_a().jwk()])), ("/token_cache", json!({"entries": 0}))];
    let worker = Worker::start_with_crypto(&usual(&changes), NOW);
    let (verified, after, calls) = usual_call(worker, &token);
    println!("a call whose token the host verifies: {verified} steps, {after} for its answer; {calls:#?}");
    assert!(verified < VERIFIED_CALL, "{verified} steps");
}
