//! A newcomer's way: from a running server to a tested policy in five commands, and to a complete file for a proxy.

use std::process::Command;

use serde_json::{Value, json};

use crate::run::Place;
use crate::support::answer::Answer;
use crate::support::upstream::{Recorded, Upstream};

/// A server as FastMCP is: it wants a session, both media types, and answers with events.
fn fast_mcp(request: &Recorded) -> Answer {
    let header = |name: &str| request.headers.get(name).unwrap_or_default().to_owned();
    if request.method == "DELETE" {
        return Answer::new(200);
    }
    let accept = header("accept");
    if !accept.contains("application/json") || !accept.contains("text/event-stream") {
        return Answer::new(406);
    }
    let message = request.json();
    let method = message["method"].as_str().unwrap();
    if method != "initialize" && header("mcp-session-id") != "s1" {
        return Answer::new(400).body("Bad Request: Missing session ID");
    }
    let tool = |name: &str, reads: bool| json!({"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": reads}});
    let result = match method {
        "initialize" => {
            let capabilities = json!({"tools": {}, "prompts": {}, "resources": {}});
            json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": {}})
        }
        "notifications/initialized" => return Answer::new(202),
        "tools/list" if message["params"].get("cursor").is_none() => {
            let mut first = tool("read_note", true);
            first["securitySchemes"] = json!([{"type": "noauth"}]);
            json!({"tools": [first], "nextCursor": "2"})
        }
        "tools/list" => json!({"tools": [tool("write_note", false), tool("no", false)]}),
        "prompts/list" => json!({"prompts": [{"name": "brief"}]}),
        "resources/list" => json!({"resources": [{"uri": "note://a"}]}),
        _ => json!({}),
    };
    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    Answer::events([format!("event: message\ndata: {answer}\n\n")]).header("mcp-session-id", "s1")
}

#[test]
fn five_commands_lead_from_a_server_to_a_tested_policy() {
    let place = Place::new("newcomer");
    let server = Upstream::start_with(fast_mcp);
    // The first command is that of docs/cli.md, to this server.
    let text = include_str!("../../../../docs/cli.md");
    let first = text.split("```sh\ntoolgate init ").nth(1).unwrap().split("\n```").next().unwrap().replace("\\\n ", "");
    let url = format!("http://{}", server.address());
    assert!(first.contains("http://127.0.0.1:8000/mcp"), "{first}");
    let first = first.replace("http://127.0.0.1:8000", &url);
    let command = format!("{} init {first}", env!("CARGO_BIN_EXE_toolgate"));
    assert!(Command::new("sh").args(["-c", &command]).current_dir(&place.0).status().unwrap().success());
    let methods: Vec<_> = server.unclaimed().requests().iter().map(|own| own.method.clone()).collect();
    assert_eq!(methods.last().map(String::as_str), Some("DELETE"), "the session is ended");

    let configuration = place.read("first.yaml");
    assert!(configuration.contains("\"no\": {scopes: [mcp:write]}"), "{configuration}");
    let hinted = "read_note: {scopes: [mcp:read]}  # said to need no sign-in: {public: true}?";
    assert!(configuration.contains(hinted), "{configuration}");
    assert!(configuration.contains("      prompts:\n        brief: {scopes: [mcp:read]}\n"), "{configuration}");
    assert!(configuration.contains("      resources:\n        note://a: {scopes: [mcp:read]}\n"), "{configuration}");
    let checked = place.run("check first.yaml").well();
    assert!(checked.starts_with("first.yaml: no faults, no warnings\n"), "{checked}");
    let matrix = place.run("matrix first.yaml --tools tools.json").well();
    assert!(matrix.contains("tool read_note     yes       yes        mcp:read\n"), "{matrix}");
    let tested = place.run("test first.yaml first-cases.yaml").well();
    assert!(tested.ends_with("7 cases, 0 failed\n"), "{tested}");
}

#[test]
fn a_server_that_asks_for_a_token_gets_it_from_the_environment_or_a_file() {
    let server = Upstream::start_with(|request: &Recorded| {
        let has = request.headers.get("authorization").as_deref() == Some("Bearer good");
        if has { fast_mcp(request) } else { Answer::new(401) }
    });
    let url = format!("http://{}/mcp", server.address());
    let place = Place::new("init-token");
    place.file("token.txt", "good\n").file("bad.txt", "bad\n");
    place.run(&format!("init --url {url} --token token.txt")).well();
    place.run_in(&format!("init --url {url}"), &[("TOOLGATE_TOKEN", "good")]).well();
    for (arguments, said) in [
        (format!("--url {url}"), "401: it asks for a token: give one by --token or TOOLGATE_TOKEN"),
        (format!("--url {url} --token bad.txt"), "401: the token is refused"),
        (format!("--url {url}x --token token.txt tools.json"), "cannot be used with"),
        ("--url nowhere".to_owned(), "--url nowhere: "),
        (String::new(), "required arguments"),
    ] {
        let ran = place.run(&format!("init {arguments}"));
        assert!(ran.code == 2 && ran.err.contains(said), "{arguments}: {ran:?}");
    }
}

/// The files that are written for each proxy, from the same lists.
fn written(place: &Place, arguments: &str) -> String {
    place.file("tools.json", json!({"tools": [{"name": "echo"}, {"name": "add"}]}).to_string());
    place.run(&format!("init tools.json {arguments}")).well()
}

#[test]
fn each_format_is_a_complete_file_that_check_accepts_without_a_warning() {
    let place = Place::new("init-formats");
    for format in ["policy", "envoy", "istio", "gateway"] {
        for (name, more, words) in [
            ("as it is", "", "https://auth.example.com"),
            (
                "other names",
                "--resource https://tools.example.org/a/mcp --issuer https://id.example.org:8443/realms/x --jwks https://keys.example.org/k",
                "keys.example.org",
            ),
        ] {
            let text = written(&place, &format!("--format {format} {more}"));
            assert!(text.contains(words) && text.contains("echo: {scopes: [mcp:write]}"), "{format}, {name}: {text}");
            let ran = place.file("written.yaml", &text).run("check --strict --quiet written.yaml");
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{format}, {name}: {}", ran.out);
            let others = ["auth.example.com", "mcp.example.com"].iter().filter(|own| text.contains(**own));
            assert!(name == "as it is" || others.count() == 0 || format == "envoy", "{format}, {name}: {text}");
        }
    }
    let envoy =
        written(&place, "--format envoy --resource https://tools.example.org/mcp --issuer https://id.example.org");
    let parsed: Value = serde_norway::from_str(&envoy).unwrap();
    let auth = &parsed["static_resources"]["clusters"][1];
    let address = &auth["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"];
    assert_eq!((&address["address"], &address["port_value"]), (&json!("id.example.org"), &json!(443)));
    assert_eq!(auth["transport_socket"]["typed_config"]["sni"], "id.example.org");
    assert!(!envoy.contains("make demo"), "{envoy}");
}

#[test]
fn the_clusters_of_a_bootstrap_are_those_of_the_urls() {
    let server = Upstream::start_with(fast_mcp);
    let place = Place::new("init-clusters");
    let port = server.address().port();
    let url = format!("http://{}/mcp", server.address());
    let text =
        place.run(&format!("init --url {url} --format envoy --issuer http://127.0.0.1:9/idp --cluster keys")).well();
    let parsed: Value = serde_norway::from_str(&text).unwrap();
    let clusters = &parsed["static_resources"]["clusters"];
    let socket = |n: usize| {
        clusters[n]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
            .clone()
    };
    assert_eq!((&clusters[0]["name"], socket(0)["port_value"].as_u64()), (&json!("mcp_server"), Some(u64::from(port))));
    assert_eq!((&clusters[1]["name"], socket(1)["port_value"].as_u64()), (&json!("keys"), Some(9)));
    assert!(clusters.as_array().unwrap().iter().all(|own| own.get("transport_socket").is_none()), "{text}");
}

#[test]
fn envoy_accepts_the_bootstrap() {
    let (Some(envoy), Some(module)) = (std::env::var_os("ENVOY_BIN"), std::env::var("TOOLGATE_WASM").ok()) else {
        eprintln!("SKIPPED: ENVOY_BIN and TOOLGATE_WASM name no Envoy and no module");
        return;
    };
    let place = Place::new("init-envoy");
    let text = written(&place, "--format envoy").replace("/etc/envoy/toolgate.wasm", &module);
    place.file("envoy.yaml", text);
    let ran = Command::new(envoy)
        .args(["--mode", "validate", "-c", "envoy.yaml", "--disable-hot-restart"])
        .current_dir(&place.0)
        .output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
