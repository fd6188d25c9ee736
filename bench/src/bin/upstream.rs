//! The MCP server of the benchmark: the same small answer to every call, so that what is measured is the gate. A header
//! asks for a list instead; at `/introspect` every token is active.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write;
use std::process::ExitCode;

use http::Response;
use hyper::body::Bytes;
use toolgate_bench::server;

/// `json:1000` or `events:1000`: a list of that many tools, in that form; with `:changing`, another one each time.
const ANSWER: &str = "x-bench-answer";
/// As many lists of 1,000 tools take turns: more than toolgate knows by their bytes.
const VERSIONS: usize = 4;
const CALLED: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"sunny, 24 degrees"}],"isError":false}}"#;
const ACTIVE: &str = r#"{"active":true,"scope":"tools:read tools:call","client_id":"bench","sub":"alice","aud":"https://m.test/mcp","exp":32503680000}"#;

fn main() -> ExitCode {
    let Some(port) = server::port_argument() else {
        eprintln!("usage: upstream PORT");
        return ExitCode::FAILURE;
    };
    let lists = RefCell::new(HashMap::new());
    let answered = Cell::new(0);
    let served = server::serve(port, move |request| {
        if request.uri().path() == "/introspect" {
            return answer("application/json", Bytes::from_static(ACTIVE.as_bytes()));
        }
        let Some(wanted) = request.headers().get(ANSWER).and_then(|value| value.to_str().ok()) else {
            return answer("application/json", Bytes::from_static(CALLED.as_bytes()));
        };
        let mut parts = wanted.split(':');
        let (form, count) = (parts.next().unwrap_or_default(), parts.next().and_then(|count| count.parse().ok()));
        let version = parts.next().map_or(0, |_| answered.replace(answered.get() + 1) % VERSIONS);
        let media = if form == "events" { "text/event-stream" } else { "application/json" };
        let mut lists = lists.borrow_mut();
        let body = lists.entry((wanted.to_owned(), version));
        answer(media, body.or_insert_with(|| list(form, count.unwrap_or(0), version)).clone())
    });
    served.map_or_else(
        |error| {
            eprintln!("port {port}: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn answer(media: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(media));
    response
}

/// Tools of 400 bytes each, every other one of a name that the policy of the benchmark denies.
fn list(form: &str, count: usize, version: usize) -> Bytes {
    let mut tools = String::new();
    for n in 0..count {
        let kind = if n % 2 == 0 { "read" } else { "write" };
        let comma = if n == 0 { "" } else { "," };
        let start = format!(
            r#"{comma}{{"name":"{kind}_{n:05}","title":"Tool {n} of version {version}","inputSchema":{{"type":"object","properties":{{"city":{{"type":"string","description":"The name of a city"}},"days":{{"type":"integer","minimum":1}}}},"required":["city"]}},"description":""#
        );
        let filler = 398_usize.saturating_sub(start.len());
        let text = "What it does, told to a model in plain words, and \\\"when\\\" to use it. ";
        let _ = write!(
            tools,
            "{start}{}\"}}",
            text.chars().cycle().take(filler).collect::<String>().trim_end_matches('\\')
        );
    }
    let document = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#);
    Bytes::from(if form == "events" { format!("event: message\ndata: {document}\n\n") } else { document })
}
