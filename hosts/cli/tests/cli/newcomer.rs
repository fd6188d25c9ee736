//! A newcomer's way: from a running server to a tested policy in five commands.

use std::process::Command;

use serde_json::{Value, json};

use crate::run::Place;
use crate::support::answer::Answer;
use crate::support::upstream::Upstream;

/// The response of the server as an event, the form that most MCP servers use.
fn list() -> Answer {
    let tool = |name: &str, reads: bool| json!({"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": reads}});
    let mut tools = [tool("read_note", true), tool("write_note", false), tool("no", false)];
    tools[0]["securitySchemes"] = json!([{"type": "noauth"}]);
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}});
    Answer::new(200).header("content-type", "text/event-stream").body(format!("event: message\ndata: {message}\n\n"))
}

#[test]
fn five_commands_lead_from_a_server_to_a_tested_policy() {
    let place = Place::new("newcomer");
    let server = Upstream::start();
    let scenario = server.scenario(|_| list());
    // The first command is that of the documentation, to this server.
    let text = std::fs::read_to_string(crate::support::at_root("docs/cli.md")).unwrap();
    let curl = text.split("```sh\ncurl ").nth(1).unwrap().split("\n```").next().unwrap().replace("\\\n ", "");
    let curl = curl.replace("http://127.0.0.1:8000", &format!("http://{}", server.address()));
    let header = format!("{}: {}", crate::support::upstream::HEADER, scenario.id());
    // The rest of the line goes where the documentation sends it.
    let fetched = Command::new("sh").args(["-c", &format!("curl -H '{header}' {curl}")]).current_dir(&place.0).status();
    assert!(fetched.unwrap().success());
    let asked: Value = serde_json::from_slice(&scenario.requests()[0].body).unwrap();
    assert_eq!(asked["method"], "tools/list");

    let configuration = place.run("init tools.json --cases cases.yaml --resource https://notes.example.com/mcp").well();
    assert!(configuration.contains("\"no\": {scopes: [mcp:write]}"), "{configuration}");
    let hinted = "read_note: {scopes: [mcp:read]}  # said to need no sign-in: {public: true}?";
    assert!(configuration.contains(hinted), "{configuration}");
    place.file("toolgate.yaml", configuration);
    let checked = place.run("check toolgate.yaml").well();
    assert!(checked.starts_with("toolgate.yaml: no fault, no warning\n"), "{checked}");
    let matrix = place.run("matrix toolgate.yaml --tools tools.json").well();
    assert!(matrix.contains("read_note   yes       yes        mcp:read\n"), "{matrix}");
    let tested = place.run("test toolgate.yaml cases.yaml").well();
    assert!(tested.ends_with("7 cases, 0 failed\n"), "{tested}");
}
