//! Lists that show no more than a call would allow.

use super::*;

type Answers = Box<dyn Fn() -> Answer + Send + Sync>;

/// The name that a reader must not see: a call of it would be denied.
const HIDDEN: &str = "delete_city";

fn tool(name: &str) -> Value {
    json!({"name": name, "description": format!("what {name} does"), "inputSchema": {"type": "object"}, "x-odd": [1.0]})
}

fn list() -> Value {
    let tools: Vec<_> = ["get_forecast", HIDDEN, "echo", "unheard_of"].map(tool).into();
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "nextCursor": "2", "cacheScope": "public"}})
}

fn trimmed() -> Value {
    let tools: Vec<_> = ["get_forecast", "echo"].map(tool).into();
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "nextCursor": "2", "cacheScope": "private"}})
}

fn list_tools() -> Request {
    Request::rpc("tools/list", json!({})).bearer(&token("weather:read"))
}

#[test]
fn a_list_in_json_is_trimmed() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let text = list().to_string();
        let third = text.len() / 3;
        let whole = text.clone();
        let answers: [(&str, Answers); 3] = [
            ("with its length", Box::new(|| Answer::json(&list()))),
            ("in one chunk", Box::new(|| Answer::json(&list()).chunked())),
            (
                "in several chunks, as another 2xx",
                Box::new(move || {
                    Answer::new(201)
                        .header("content-type", "application/json; charset=utf-8")
                        .chunked()
                        .body(&whole.as_bytes()[..third])
                        .body(&whole.as_bytes()[third..2 * third])
                        .body(&whole.as_bytes()[2 * third..])
                }),
            ),
        ];
        for (name, answer) in answers {
            let scenario = gate.upstream.scenario(move |_| answer());
            let request = list_tools().header("accept-encoding", "gzip").header("range", "bytes=0-9");
            let response = gate.envoy.client().send(&request.header("if-none-match", "\"1\"").scenario(&scenario));
            assert!(response.complete, "{mode:?} {name}");
            assert_eq!(response.json(), trimmed(), "{mode:?} {name}");
            let recorded = scenario.request();
            for header in ["accept-encoding", "range", "if-none-match", "authorization"] {
                assert_eq!(recorded.headers.get(header), None, "{mode:?} {name}: {header}");
            }
            assert_eq!(recorded.json()["method"], "tools/list");
        }
    }
}

#[test]
fn a_list_in_events_is_trimmed_however_it_is_cut() {
    let lines = |separator: &str| {
        let pretty = serde_json::to_string_pretty(&list()).unwrap();
        let data: String = pretty.lines().map(|line| format!("data: {line}{separator}")).collect();
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}});
        format!(
            "id: 0{separator}data: {separator}{separator}: beat{separator}{separator}\
             event: message{separator}data: {progress}{separator}{separator}\
             event: message{separator}id: 7{separator}{data}{separator}"
        )
    };
    for mode in Mode::ALL {
        let gate = gate(mode);
        for separator in ["\n", "\r\n", "\r"] {
            for size in [1, 2, 7, 100, 100_000] {
                let text = lines(separator);
                let scenario = gate.upstream.scenario(move |_| {
                    let pieces: Vec<_> = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
                    Answer::events(pieces)
                });
                let response = gate.envoy.client().send(&list_tools().scenario(&scenario));
                let text = response.text();
                let case = format!("{mode:?} {separator:?} {size}: {text}");
                assert!(!text.contains(HIDDEN) && !text.contains("unheard_of"), "{case}");
                // Behind a CR, clients that end lines at LF only would read a comment as the value of a field.
                assert_eq!(text.contains(": beat"), separator != "\r", "{case}");
                assert!(response.complete && text.contains("id: 7"), "{case}");
                let (_, last) = text
                    .replace("\r\n", "\n")
                    .replace('\r', "\n")
                    .split_once("id: 7\n")
                    .map_or_else(|| panic!("{case}"), |(before, last)| (before.to_owned(), last.to_owned()));
                let data: String = last.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), trimmed(), "{case}");
                assert!(text.contains("notifications/progress"), "{case}");
            }
        }
    }
}

#[test]
fn a_list_that_cannot_be_read_or_trimmed_never_passes() {
    let text = || list().to_string();
    let json = || Answer::new(200).header("content-type", "application/json");
    type Case = (&'static str, Answers);
    let cases: Vec<Case> = vec![
        ("compressed", Box::new(move || json().header("content-encoding", "gzip").body(text()))),
        ("compressed twice", Box::new(move || json().header("content-encoding", "identity, gzip").body(text()))),
        (
            "compressed events",
            Box::new(move || Answer::events([format!("data: {}\n\n", list())]).header("content-encoding", "br")),
        ),
        ("not JSON", Box::new(move || json().body(format!("{},", list())))),
        ("two documents", Box::new(move || json().body(format!("{0}{0}", list())))),
        ("a byte order mark", Box::new(move || json().body([b"\xef\xbb\xbf", text().as_bytes()].concat()))),
        ("not UTF-8", Box::new(move || json().body([text().as_bytes(), b"\xff"].concat()))),
        ("a member twice", Box::new(move || json().body(text().replace("{\"id\":1", "{\"result\":{},\"id\":1")))),
        (
            "a list twice",
            Box::new(move || json().body(text().replace("\"nextCursor\":", "\"tools\":[],\"nextCursor\":"))),
        ),
        ("a look-alike", Box::new(move || json().body(text().replace("\"tools\"", "\"Tools\"")))),
        (
            "a list that is an object",
            Box::new(move || {
                json().body(json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": {"0": tool(HIDDEN)}}}).to_string())
            }),
        ),
        ("too large, declared", Box::new(move || json().body(text() + &" ".repeat(1_000_001)))),
        (
            "too large, in chunks",
            Box::new(move || {
                let chunks = vec![" ".repeat(100_000); 11];
                chunks.into_iter().fold(json().chunked().body(text()), |answer, chunk| answer.body(chunk))
            }),
        ),
        (
            "too deep",
            Box::new(move || {
                json().body(
                    text().replace(
                        "\"nextCursor\":",
                        &format!("\"x\":{}{},\"nextCursor\":", "[".repeat(90), "]".repeat(90)),
                    ),
                )
            }),
        ),
        ("in two content types", Box::new(move || json().header("content-type", "text/plain").body(text()))),
        ("as text", Box::new(move || Answer::new(200).header("content-type", "text/plain").body(text()))),
        ("as nothing in particular", Box::new(move || Answer::new(200).body(text()))),
        (
            "in another charset",
            Box::new(move || Answer::new(200).header("content-type", "application/json; charset=utf-16").body(text())),
        ),
        ("in part", Box::new(move || json().status(206).header("content-range", "bytes 0-9/10").body(text()))),
        ("cut in the middle, by length", Box::new(move || json().body(&text()[..text().len() - 9]).cut())),
        ("cut in the middle, in chunks", Box::new(move || json().chunked().body(&text()[..text().len() - 9]).cut())),
        ("cut after the last byte but before the end", Box::new(move || json().chunked().body(text()).cut())),
        ("ended early, as if whole", Box::new(move || json().body(&text()[..text().len() - 9]))),
        (
            "an event too large",
            Box::new(move || Answer::events([format!("data: {}\ndata: {}\n\n", list(), " ".repeat(1_000_001))])),
        ),
        ("an event that is not JSON", Box::new(move || Answer::events([format!("data: {},\n\n", list())]))),
        ("an event without its end", Box::new(move || Answer::events([format!("data: {}\n", list())]))),
        ("an event cut in the middle", Box::new(move || Answer::events([format!("data: {}", list())]).cut())),
        (
            "an event with a byte order mark",
            Box::new(move || Answer::events([format!("\u{feff}data: {}\n\n", list())])),
        ),
        (
            "a name that is not a string",
            Box::new(move || {
                json().body(
                    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": ["echo"], "x": HIDDEN}]}})
                        .to_string(),
                )
            }),
        ),
        (
            "in a batch",
            Box::new(move || json().body(format!("[{},{}]", list(), json!({"jsonrpc": "2.0", "id": 2, "result": {}})))),
        ),
    ];
    for mode in Mode::ALL {
        let gate = gate(mode);
        for (name, answer) in &cases {
            let answer = answer();
            let scenario = gate.upstream.scenario(move |_| answer.clone());
            let mut connection = gate.envoy.client().raw();
            let response = connection.send(list_tools().scenario(&scenario).bytes()).try_response();
            let Ok(response) = response else { continue };
            let text = response.text();
            assert!(!text.contains(HIDDEN), "{mode:?} {name}: {} {text}", response.status);
            // Envoy's own 500: its buffer was full before toolgate was shown that the limit is passed.
            let overflow = response.status == 500 && *name == "too large, in chunks";
            assert!(overflow || [200, 502].contains(&response.status), "{mode:?} {name}: {} {text}", response.status);
        }
    }
}

/// A list that ends in trailers is trimmed, as far as the host mode allows.
#[test]
fn a_list_that_ends_in_trailers_is_trimmed() {
    for mode in Mode::ALL {
        let gate = gate(mode);
        let scenario = gate.upstream.scenario(|_| Answer::json(&list()).chunked().trailer("x-sum", "1"));
        let response = gate.envoy.client().send(&list_tools().scenario(&scenario));
        assert_eq!((response.status, response.complete), (200, true), "{mode:?}");
        assert_eq!(response.json(), trimmed(), "{mode:?}");
        assert_eq!(response.trailers.get("x-sum").as_deref(), Some("1"), "{mode:?}: Envoy passed them to toolgate");
    }
}

#[test]
fn in_place_of_an_unreadable_list_comes_a_502_or_an_error_message() {
    let json = || Answer::new(200).header("content-type", "application/json");
    for mode in Mode::ALL {
        let gate = gate(mode);
        let ask = |answer: Answer| {
            let scenario = gate.upstream.scenario(move |_| answer.clone());
            gate.envoy.client().send(&list_tools().scenario(&scenario))
        };
        let on_headers = [
            json().header("content-encoding", "gzip").body(list().to_string()),
            Answer::new(200).header("content-type", "text/plain").body(list().to_string()),
            json().status(206).body(list().to_string()),
            json().body(list().to_string() + &" ".repeat(1_000_001)),
        ];
        for answer in on_headers {
            let response = ask(answer.clone());
            assert_eq!(response.status, 502, "{mode:?} {answer:?}");
            assert_eq!(response.json(), json!({"error": "bad_gateway"}));
        }
        let on_body = [json().body("{"), json().chunked().body("[".repeat(1_000_001))];
        for answer in on_body {
            let response = ask(answer);
            match mode {
                Mode::Held => {
                    assert_eq!((response.status, response.json()), (502, json!({"error": "bad_gateway"})));
                }
                Mode::Ahead => {
                    assert_eq!(response.status, 200);
                    let error = response.json();
                    assert_eq!((&error["id"], &error["error"]["code"]), (&json!(1), &json!(502)));
                    assert_eq!(error["error"]["data"]["error"], "bad_gateway");
                }
            }
        }
        let events = format!("data: {},\n\ndata: {}\n\n", list(), list());
        let response = ask(Answer::events([events]));
        assert_eq!(response.status, 200, "{mode:?}");
        let text = response.text();
        let messages: Vec<Value> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let [error, whole] = messages.as_slice() else { panic!("{mode:?}: only the bad event goes: {text}") };
        assert_eq!((&error["id"], &error["error"]["code"]), (&json!(1), &json!(502)), "{mode:?}: {text}");
        assert!(whole["result"]["tools"].is_array(), "{mode:?}: {text}");
    }
}
