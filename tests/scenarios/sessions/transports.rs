//! Ids in the older transport's URLs, and other queries.

use super::*;

/// HTTP+SSE (MCP 2024-11-05): the id is in the query.
pub(super) fn older_transport() -> Vec<Scenario> {
    let stream = || request("GET").path("/sse").header("accept", "text/event-stream").at(SESSIONS).bearer(token(""));
    let opens = |name, from: &[&str], to: &str| row(name, stream(), forwarded().text(to)).answered(answer_events(from));
    let message = |query: &str| echo().path(&format!("/messages?{query}"));
    let sends = |name, query: &str, server: &str| {
        row(name, message(query), forwarded().server_gets_path(&format!("/messages?{server}")))
    };
    let refuses = |name, query: &str, expected: Expected| row(name, message(query), expected);
    let id = alices();
    let event = |data: &str| format!("event: endpoint\ndata: {data}\n\n");
    let tagged = event(&format!("/messages?sessionId={id}"));
    let whole = event("/messages?sessionId=abc");
    let split: Vec<_> = whole.as_bytes().chunks(5).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    vec![
        opens("the endpoint of the older transport is tagged", &[&whole], &tagged),
        opens("an endpoint in pieces is tagged", &split, &tagged),
        opens(
            "an endpoint with lines in CR LF is tagged",
            &["event: endpoint\r\ndata: /messages?sessionId=abc\r\n\r\n"],
            &format!("event: endpoint\r\ndata: /messages?sessionId={id}\r\n\r\n"),
        ),
        opens(
            "an endpoint whose data come first is tagged",
            &["data:/messages?sessionId=abc\nevent:endpoint\n\n"],
            &format!("data: /messages?sessionId={id}\nevent:endpoint\n\n"),
        ),
        opens(
            "an endpoint at the end of a stream is tagged",
            &["event: endpoint\ndata: /messages?sessionId=abc\n"],
            &format!("event: endpoint\ndata: /messages?sessionId={id}\n"),
        ),
        opens(
            "messages after the endpoint pass",
            &[&whole, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"],
            &format!("{tagged}data: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{}}}}\n\n"),
        ),
        opens(
            "an endpoint with an absolute URL is tagged",
            &[&event("https://x.example/m?a=1&session_id=abc&b#c")],
            &event(&format!("https://x.example/m?a=1&session_id={id}&b#c")),
        ),
        opens("an endpoint is tagged as clients parse it", &[&event("/messages?session\tId=a\tbc \t")], &tagged),
        opens(
            "an endpoint on several lines is tagged as clients parse it",
            &["event: endpoint\ndata: /messages?sessionId=\ndata: abc\n\n"],
            &tagged,
        ),
        opens(
            "an endpoint with a second session behind a tab passes",
            &[&event("/messages?session\tId=victim&sessionId=abc")],
            &event("/messages?session\tId=victim&sessionId=abc"),
        ),
        opens("an endpoint without a session passes", &[&event("/messages?key=abc")], &event("/messages?key=abc")),
        opens(
            "an endpoint that no request may use passes",
            &[&event("/messages?SESSIONID=abc")],
            &event("/messages?SESSIONID=abc"),
        ),
        opens(
            "a URL in another event passes as it is",
            &["event: ping\ndata: /messages?sessionId=abc\n\n"],
            "event: ping\n:\n\n",
        ),
        row(
            "the endpoint for nobody is tagged so",
            stream().authorization(&[]),
            forwarded().reason("public").text(&event(&format!("/messages?sessionId={}", seen(NOBODY)))),
        )
        .answered(answer_events(&[&whole])),
        sends("a message of the older transport gets the server's own id", &format!("sessionId={id}"), "sessionId=abc"),
        sends("a message with the other name of the parameter too", &format!("session_id={id}"), "session_id=abc"),
        sends(
            "other parameters of a message stay",
            &format!("a=%41&sessionId={id}&b=+;c"),
            "a=%41&sessionId=abc&b=+;c",
        ),
        sends("a message without a session goes on", "key=abc", "key=abc"),
        row(
            "a header and a query may both hold the session",
            message(&format!("sessionId={id}")).header(ID, id.as_str()),
            own().server_gets_path("/messages?sessionId=abc"),
        ),
        row("a good header does not save a bad query", message("sessionId=abc").header(ID, id.as_str()), untagged()),
        row(
            "a good query does not save a bad header",
            message(&format!("sessionId={id}")).header(ID, "abc"),
            untagged(),
        ),
        refuses("a message of another's session is not found", &format!("sessionId={}", seen(NOBODY)), mismatch()),
        refuses("a message without a tag is not found", "sessionId=abc", untagged()),
        refuses("a message with an empty session is not found", "sessionId=", untagged()),
        row(
            "a stream for a session without a tag is not found",
            stream().path("/sse?sessionId=abc"),
            not_found("session_untagged"),
        ),
        row(
            "a session in a query in shadow mode is not softened",
            call("echo").at(SESSIONS_SHADOW).bearer(token("")).path("/mcp?sessionId=abc"),
            untagged(),
        ),
    ]
}

/// Parameters that a server may take for the session.
pub(super) fn other_queries() -> Vec<Scenario> {
    let id = alices();
    let refuses = |name, query: String| row(name, echo().path(&format!("/messages?{query}")), mismatch());
    vec![
        refuses("two equal sessions in the query are not found", format!("sessionId={id}&sessionId={id}")),
        refuses("a session in both spellings is not found", format!("sessionId={id}&session_id={id}")),
        refuses("a session beside one in other case is not found", format!("sessionId={id}&SessionID=victim")),
        refuses("a session in lower case is not found", format!("sessionid={id}")),
        refuses("a session with more underscores is not found", format!("session__id={id}")),
        refuses("a session whose name is encoded is not found", format!("session%49d={id}")),
        refuses("a session whose name is encoded twice is not found", format!("session%2549d={id}")),
        refuses("a session in a list is not found", format!("sessionId[]={id}")),
        refuses("a session in an encoded list is not found", format!("sessionId%5B0%5D={id}")),
        refuses("a session beside one after a semicolon is not found", format!("sessionId={id};sessionId=victim")),
        refuses("a session with an open bracket in its name is not found", format!("session[id={id}")),
        refuses("a session with a dot in its name is not found", format!("session.id={id}")),
        refuses("a session whose name ends at a NUL is not found", format!("sessionId%00={id}")),
        refuses("a session with a letter that looks like another is not found", format!("%C5%BFessionId={id}")),
    ]
}
