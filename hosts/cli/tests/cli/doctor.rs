//! `toolgate doctor` in front of a gate that does as it should, and of gates with one fault each.

use serde_json::{Value, json};

use crate::run::{Place, Ran};
use crate::support::answer::Answer;
use crate::support::keys::{Key, key_set};
use crate::support::server::{self, Server};
use crate::support::tls::Authority;
use crate::support::upstream::{Recorded, Upstream};
use crate::support::wire::Head;

const TOKEN: &str = "a-token-that-nobody-may-print";

fn json_answer(value: &Value) -> Answer {
    Answer::json(value).header("access-control-allow-origin", "*")
}

fn refused(status: u16, challenge: &str) -> Answer {
    let description = json!({"error": "invalid_token", "error_description": "The access token has expired"});
    let answer = Answer::new(status).header("content-type", "application/json").body(description.to_string());
    if challenge.is_empty() { answer } else { answer.header("www-authenticate", challenge) }
}

/// The answer of the endpoint to a caller with a token.
fn call(request: &Recorded) -> Answer {
    let message = request.json();
    let result = |result: Value| json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    match message["method"].as_str().unwrap() {
        "initialize" => {
            let result = result(json!({"protocolVersion": "2025-06-18", "capabilities": {}}));
            Answer::events([format!("event: message\ndata: {result}\n\n")]).header("mcp-session-id", "s1")
        }
        "notifications/initialized" => Answer::new(202),
        "tools/list" if message["params"]["cursor"] == "2" => json_answer(&result(json!({"tools": [{"name": "b"}]}))),
        "tools/list" => json_answer(&result(json!({"tools": [{"name": "a"}], "nextCursor": "2"}))),
        _ => refused(403, ""),
    }
}

/// The gate and its authorization server, with a fault.
fn gate(request: &Recorded, fault: &str) -> Answer {
    let base = format!("http://{}", request.headers.get("host").unwrap_or_default());
    let is = |own: &str| fault == own;
    let credentials = request.headers.get("authorization").unwrap_or_default().to_owned();
    match (request.method.as_str(), request.target.as_str()) {
        ("POST", "/mcp") if is("no route") => Answer::new(404),
        ("POST", "/mcp") if is("nothing protects it") && request.json()["method"] == "tools/call" => result(request),
        ("POST", "/mcp") if is("nothing protects it") => call(request),
        ("POST", "/mcp") if credentials.is_empty() => {
            let at = if is("metadata elsewhere") { "elsewhere" } else { "oauth-protected-resource/mcp" };
            let metadata = format!("resource_metadata=\"{base}/.well-known/{at}\"");
            match fault {
                "another challenge" => refused(401, "Bearer realm=\"x, y\", error=\"invalid_token\""),
                "no challenge" => refused(401, ""),
                "an error without a token" => refused(401, &format!("Bearer error=\"invalid_token\", {metadata}")),
                "public rules" if request.json()["method"] != "tools/call" => call(request),
                _ => refused(401, &format!("Bearer scope=\"mcp:read mcp:write\", {metadata}")),
            }
        }
        ("POST", "/mcp") if is("a bad token") => refused(401, ""),
        ("POST", "/mcp") if is("open tools") && request.json()["method"] == "tools/call" => result(request),
        ("DELETE", "/mcp") => Answer::new(204),
        ("POST", "/mcp") => {
            assert_eq!(credentials, format!("Bearer {TOKEN}"));
            call(request)
        }
        ("OPTIONS", "/mcp") if is("no origin") => Answer::new(403),
        ("OPTIONS", "/mcp") => {
            let allowed = Answer::new(204).header("access-control-allow-origin", "https://app.example.com");
            allowed.header("access-control-allow-headers", "authorization, content-type")
        }
        ("GET", "/.well-known/oauth-protected-resource/mcp") if is("no metadata") => Answer::new(404),
        ("GET", "/.well-known/oauth-protected-resource/mcp") if is("a page") => {
            Answer::new(200).header("content-type", "text/html").body("<html>")
        }
        ("GET", "/.well-known/oauth-protected-resource/mcp" | "/.well-known/elsewhere") => {
            let resource = match fault {
                "a slash" => format!("{base}/mcp/"),
                "another resource" => "https://mcp.example.com/mcp".to_owned(),
                "a parent" => format!("{base}/"),
                _ => format!("{base}/mcp"),
            };
            let servers = if is("no issuer") { json!([]) } else { json!([format!("{base}/idp")]) };
            json_answer(&json!({"resource": resource, "authorization_servers": servers}))
        }
        ("GET", "/.well-known/oauth-authorization-server/idp") if is("OpenID Connect") => Answer::new(404),
        ("GET", "/.well-known/oauth-authorization-server/idp" | "/idp/.well-known/openid-configuration")
            if !is("no server") =>
        {
            let mut metadata = json!({
                "issuer": format!("{base}/idp"), "jwks_uri": format!("{base}/idp/jwks"), "authorization_endpoint": "x",
                "token_endpoint": "x", "code_challenge_methods_supported": ["S256"], "registration_endpoint": "x",
            });
            match fault {
                "another issuer" => metadata["issuer"] = json!(format!("{base}/idp/")),
                "no PKCE" => metadata["code_challenge_methods_supported"] = json!(["plain"]),
                "no registration" => _ = metadata.as_object_mut().unwrap().remove("registration_endpoint"),
                "no endpoint" => _ = metadata.as_object_mut().unwrap().remove("authorization_endpoint"),
                "documents" => metadata["client_id_metadata_document_supported"] = json!(true),
                _ => {}
            }
            json_answer(&metadata)
        }
        ("GET", "/idp/jwks") if is("no keys") => json_answer(&json!({"keys": []})),
        ("GET", "/idp/jwks") if is("keys in HTML") => Answer::new(200).body("<html>"),
        ("GET", "/idp/jwks") => json_answer(&key_set(&[Key::ed25519()])),
        _ => Answer::new(404),
    }
}

fn result(request: &Recorded) -> Answer {
    json_answer(&json!({"jsonrpc": "2.0", "id": request.json()["id"], "result": {}}))
}

fn doctor(fault: &'static str) -> Ran {
    let gate = Upstream::start_with(move |request: &Recorded| gate(request, fault));
    let place = Place::new("doctor");
    place.file("token.txt", format!("Bearer {TOKEN}\n"));
    let url = format!("http://{}/mcp", gate.address());
    let ran = place.run(&format!("doctor --json --url {url} --token token.txt --origin https://app.example.com"));
    assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{ran:?}");
    ran
}

/// The steps with this outcome: `step: detail / remedy`.
fn steps(ran: &Ran, outcome: &str) -> Vec<String> {
    let report = ran.json();
    let all = report["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] == outcome);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.map(|step| format!("{}: {} / {}", text(&step["step"]), text(&step["detail"]), text(&step["remedy"]))).collect()
}

#[test]
fn a_sound_gate_passes_every_step() {
    let ran = doctor("");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!((steps(&ran, "failed"), steps(&ran, "warning")), (Vec::new(), Vec::new()));
    let passed = steps(&ran, "passed");
    let names: Vec<_> = passed.iter().map(|step| step.split(':').next().unwrap()).collect();
    let expected = [
        "no token",
        "challenge",
        "metadata",
        "resource",
        "issuer",
        "keys",
        "endpoints",
        "pkce",
        "registration",
        "cors",
        "token",
        "tools",
        "denied call",
    ];
    assert_eq!(names, expected, "{passed:#?}");
    assert!(passed.iter().any(|step| step.starts_with("tools: 2 for this caller")), "{passed:#?}");
    for fault in ["public rules", "documents", "OpenID Connect"] {
        let ran = doctor(fault);
        assert_eq!((ran.code, steps(&ran, "warning")), (0, Vec::new()), "{fault}: {}", ran.out);
    }
}

#[test]
fn each_fault_is_told_with_its_remedy() {
    for (fault, outcome, said) in [
        (
            "no route",
            "failed",
            "no token: HTTP 404 instead of 401 / no resource in toolgate's configuration, or no route, has this host and path",
        ),
        (
            "nothing protects it",
            "failed",
            "no token: a call without a token reaches the server / toolgate is not in front",
        ),
        ("no challenge", "failed", "challenge: 0 `WWW-Authenticate` headers"),
        ("another challenge", "failed", "challenge: has no `resource_metadata`: Bearer realm=\"x, y\""),
        ("an error without a token", "warning", "challenge: Bearer with error `invalid_token`"),
        ("no metadata", "failed", "metadata: http://"),
        ("a page", "failed", "text/html instead of JSON"),
        ("metadata elsewhere", "warning", "some clients look at http://"),
        (
            "a slash",
            "failed",
            "differs by a trailing slash / clients compare byte for byte: set `resource` to `http://",
        ),
        ("another resource", "failed", "resource: `https://mcp.example.com/mcp` is another URL"),
        ("a parent", "warning", "is a parent of the URL"),
        ("no issuer", "failed", "issuers: no authorization server is named"),
        ("no server", "failed", "issuer: http://"),
        ("another issuer", "failed", "the two must be equal byte for byte: configure the issuer as `http://"),
        ("no PKCE", "failed", "pkce: `code_challenge_methods_supported` has no S256"),
        ("no registration", "warning", "registration: neither"),
        ("no endpoint", "failed", "endpoints: the metadata has no `authorization_endpoint`"),
        ("no keys", "failed", "no key that toolgate can use"),
        ("keys in HTML", "failed", "HTTP 200, no key set"),
        ("no origin", "failed", "cors: HTTP 403, which allows `` / add `https://app.example.com` to `origins`"),
        ("a bad token", "failed", "token: HTTP 401: The access token has expired / see `detail`"),
        ("open tools", "warning", "denied call: HTTP 200"),
    ] {
        let ran = doctor(fault);
        assert_eq!(ran.code, i32::from(outcome == "failed"), "{fault}: {}", ran.out);
        let found = steps(&ran, outcome);
        assert!(found.iter().any(|step| step.contains(said)), "{fault}: {found:#?}\n{}", ran.out);
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_told_by_its_cause() {
    let place = Place::new("doctor-reach");
    let authority = Authority::new();
    place.file("root.pem", authority.pem());
    let tls = Server::start(server::listen(), Some(authority.server("localhost")), |mut connection| {
        while let Ok(Some(_)) = Head::read(&mut connection) {
            if Answer::new(404).send(&mut connection).is_err() {
                break;
            }
        }
    });
    let plain = Server::start(server::listen(), None, |mut connection| {
        let _ = Answer::new(400).send(&mut connection);
    });
    let closed = server::listen().local_addr().unwrap().port();
    let port = tls.address().port();
    for (arguments, said) in [
        (format!("https://localhost:{port}/mcp --ca root.pem"), "tls: the certificate is good for localhost"),
        (format!("https://localhost:{port}/mcp"), "clients refuse this certificate"),
        (format!("https://127.0.0.1:{port}/mcp --ca root.pem"), "clients refuse this certificate"),
        (format!("https://{}/mcp", plain.address()), "nothing ends TLS here"),
        (format!("http://127.0.0.1:{closed}/mcp"), "reached: "),
        ("http://mcp.example.invalid/mcp".to_owned(), "tls: the URL has no TLS"),
    ] {
        let ran = place.run(&format!("doctor --json --url {arguments}"));
        assert_eq!(ran.code, 1, "{arguments}: {ran:?}");
        let all = [steps(&ran, "failed"), steps(&ran, "passed")].concat();
        assert!(all.iter().any(|step| step.contains(said)), "{arguments}: {all:#?}");
    }
    for (arguments, said) in
        [("--url nowhere", "--url nowhere: "), ("--url https://x.example --ca none", "none: "), ("", "--url <URL>")]
    {
        let ran = place.run(&format!("doctor {arguments}"));
        assert!(ran.code == 2 && ran.err.contains(said), "{arguments}: {ran:?}");
    }
}

#[test]
fn the_words_show_each_step_with_a_mark_and_its_remedy() {
    let gate = Upstream::start_with(|request: &Recorded| gate(request, "no PKCE"));
    let url = format!("http://{}/mcp", gate.address());
    let ran = Place::new("doctor-words").run(&format!("doctor --url {url}"));
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.starts_with(&format!("{url}: 1 fault, 0 warnings\n\n. tls           the URL is on loopback")),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains(
            "\n- pkce          `code_challenge_methods_supported` has no S256\n                MCP clients refuse"
        ),
        "{}",
        ran.out
    );
}
