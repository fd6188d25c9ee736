//! `envoy/quotas.yaml`: Envoy's own rate limit filters behind toolgate count by caller and tool.

use serde_json::{Value, json};

use crate::support::at_root;
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::Key;
use crate::support::ratelimit::{Descriptor, RateLimit};
use crate::support::raw::Response;
use crate::support::tokens::Token;

const PAGE: &str = include_str!("../../docs/quotas.md");

/// The first block of the page in this language.
fn block(language: &str) -> &'static str {
    PAGE.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap()
}

/// The number of calls that each bucket of the tests has.
const LIMIT: u32 = 2;

/// A part of the file.
fn part(name: &str) -> Value {
    let text = std::fs::read_to_string(at_root("envoy/quotas.yaml")).unwrap();
    serde_norway::from_str::<Value>(&text).unwrap()[name].take()
}

/// Puts a filter between toolgate and the router, which is the last.
fn behind_toolgate(setup: Setup, filter: Value) -> Setup {
    setup.http_manager(|http| {
        let filters = http["http_filters"].as_array_mut().expect("a list of filters");
        filters.insert(filters.len() - 1, filter);
    })
}

/// The local filter, with small buckets that are not filled again while the test runs.
fn local() -> Value {
    let mut filter = part("local");
    let descriptors = filter["typed_config"]["descriptors"].as_array_mut().unwrap();
    for (descriptor, limit) in descriptors.iter_mut().zip([LIMIT, 1, LIMIT]) {
        descriptor["token_bucket"] = json!({"max_tokens": limit, "tokens_per_fill": 1, "fill_interval": "3600s"});
    }
    filter
}

/// A gate with tools for callers and for anyone.
fn start(mode: Mode, change: impl FnOnce(Setup) -> Setup) -> Gate {
    let mut configuration = configuration(&json!({
        "tools": {
            "get_help": {"public": true},
            "get_forecast": {"scopes": ["weather:read"]},
            "set_alert": {"scopes": ["weather:write"]},
            "simulate-research-query": {"scopes": ["weather:read"]},
        },
        "prompts": {"*": {"scopes": ["weather:read"]}},
    }));
    configuration["batches"] = json!("authorize_each");
    configuration["resources"][0]["origins"] = json!(["https://app.example.com"]);
    configuration["resources"][0]["forward"] = json!({"headers": {"x-mcp-subject": "sub"}});
    Gate::start_changed(mode, &configuration, change)
}

fn token(subject: &str) -> String {
    Token::new().subject(subject).scope("weather:read").sign(&Key::rsa_a())
}

/// The statuses of as many calls by `subject`.
fn calls<const N: usize>(gate: &Gate, subject: &str, request: &Request) -> [u16; N] {
    [(); N].map(|()| gate.envoy.client().send(&request.clone().bearer(&token(subject))).status)
}

fn limits(response: &Response) -> [Option<String>; 3] {
    ["limit", "remaining", "reset"].map(|name| response.header(&format!("x-ratelimit-{name}")))
}

#[test]
fn the_page_shows_the_numbers_of_the_file() {
    let shown: Value = serde_norway::from_str(block("yaml envoy")).unwrap();
    assert_eq!(shown["descriptors"], part("local")["typed_config"]["descriptors"]);
}

#[test]
fn each_caller_has_a_quota_for_each_tool() {
    let gate = start(Mode::Held, |setup| behind_toolgate(setup, local()).concurrency(2));
    let (client, forecast) = (gate.envoy.client(), Request::call("get_forecast"));

    assert_eq!(calls(&gate, "alice", &forecast), [200, 200, 429, 429]);
    assert_eq!(calls(&gate, "bob", &forecast), [200, 200, 429], "bob has his own");
    assert_eq!(calls(&gate, "alice", &Request::call("simulate-research-query")), [200, 429], "a tool with fewer");

    // Headers of the client count for nothing.
    for (name, value) in
        [("x-mcp-subject", "carol"), ("X-MCP-Subject", "carol"), ("mcp-name", "simulate-research-query")]
    {
        let forged = forecast.clone().header(name, value);
        assert_ne!(calls(&gate, "alice", &forged), [200], "{name}");
    }
    assert_eq!(calls(&gate, "carol", &forecast), [200, 200, 429], "none of carol's were used up");

    // A call that toolgate denies uses none, not even where the tool of the denied call is the same.
    assert_eq!(calls(&gate, "dave", &Request::call("set_alert")), [403; 4]);
    let expired = Token::new().subject("dave").scope("weather:read").expires_in(-300).sign(&Key::rsa_a());
    assert_eq!([(); 4].map(|()| client.send(&forecast.clone().bearer(&expired)).status), [401; 4]);
    let unparsed = Request::new("POST", "/mcp").header("content-type", "application/json").body(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_forecast","name":"get_forecast"}}"#,
    );
    assert_eq!(calls(&gate, "dave", &unparsed), [400; 4]);
    assert_eq!(calls(&gate, "dave", &forecast), [200, 200, 429]);

    // Nor does a request that calls no tool, though a prompt has a tool's name.
    assert_eq!(calls(&gate, "erin", &Request::rpc("ping", json!({}))), [200; 4]);
    assert_eq!(calls(&gate, "erin", &Request::rpc("prompts/get", json!({"name": "get_forecast"}))), [200; 4]);
    assert_eq!(calls(&gate, "erin", &forecast), [200, 200, 429]);

    // Of a batch, the last element counts. The documentation warns of it.
    let call =
        |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "get_forecast"}});
    let batch = Request::post("/mcp", &json!([call(1), call(2), call(3)]));
    assert_eq!(calls(&gate, "frank", &batch), [200, 200, 429]);
}

#[test]
fn anonymous_callers_have_a_quota_of_their_own() {
    let gate = start(Mode::Held, |setup| behind_toolgate(setup, local()));
    let help = Request::call("get_help");
    let anonymous = |request: &Request| gate.envoy.client().send(request).status;

    assert_eq!([(); 3].map(|()| anonymous(&help)), [200, 200, 429]);
    assert_eq!(anonymous(&help.clone().header("x-mcp-subject", "alice")), 429, "a forged subject");
    assert_eq!(anonymous(&help.clone().header("x-forwarded-for", "192.0.2.7")), 429, "a forged address");
    assert_eq!(anonymous(&Request::call("get_forecast")), 401, "a challenge, as ever");
    // A caller with a token has another bucket for the same tool, whatever the subject.
    for subject in ["alice", "none", "127.0.0.1"] {
        assert_eq!(calls(&gate, subject, &help), [200, 200, 429], "{subject}");
    }
    let nobody = Token::new().without_claim("sub").scope("weather:read").sign(&Key::rsa_a());
    let forecast = Request::call("get_forecast").bearer(&nobody);
    assert_eq!([(); 3].map(|()| anonymous(&forecast)), [200, 200, 429], "a token without a subject");
}

#[test]
fn a_429_tells_when_to_try_again_and_is_in_the_access_log() {
    let gate = start(Mode::Held, |setup| behind_toolgate(setup, local()));
    let forecast = Request::call("get_forecast").bearer(&token("alice")).header("origin", "https://app.example.com");
    let allowed = gate.envoy.client().send(&forecast);
    assert_eq!((allowed.status, limits(&allowed)), (200, ["2", "1", "0"].map(|value| Some(value.to_owned()))));
    gate.envoy.client().send(&forecast);
    let refused = gate.envoy.client().send(&forecast);
    assert_eq!((refused.status, refused.text().as_str()), (429, "local_rate_limited"));
    assert_eq!(refused.header("content-type").as_deref(), Some("text/plain"));
    assert_eq!(refused.header("retry-after").as_deref(), Some("60"));
    let [limit, remaining, _] = limits(&refused);
    assert_eq!([limit.as_deref(), remaining.as_deref()], [Some("2"), Some("0")]);
    for shown in block("http").lines().skip(1).take_while(|line| !line.is_empty()) {
        let (name, value) = shown.split_once(": ").unwrap();
        assert_eq!(refused.header(name).as_deref(), Some(value), "the page shows it");
    }
    let cors = refused.header("access-control-allow-origin");
    assert_eq!(cors.as_deref(), Some("https://app.example.com"), "a page may read it");

    let line = gate.envoy.wait_for_access(|line| line["status"] == 429);
    assert_eq!([&line["flags"], &line["details"]], ["RL", "local_rate_limited"]);
    assert_eq!([&line["decision"], &line["target"], &line["subject"]], ["allow", "get_forecast", "alice"]);
    let record = gate.envoy.wait_for_audit(|record| record["decision_id"] == line["decision_id"]);
    assert_eq!((&record["decision"], record.get("status")), (&json!("allow"), None), "toolgate allowed it");
    let shown: Value = serde_json::from_str(block("json")).unwrap();
    for (name, value) in shown.as_object().unwrap() {
        assert_eq!(line[name], *value, "the page shows it");
    }
    assert_eq!(gate.envoy.stat("quotas.http_local_rate_limit.rate_limited"), 1);
}

/// The documentation says so: without held headers there is no tool to count by.
#[test]
fn headers_that_go_ahead_are_in_no_bucket() {
    for mode in Mode::ALL {
        let gate = start(mode, |setup| behind_toolgate(setup, local()));
        let expected = if mode.holds() { [200, 200, 429] } else { [200; 3] };
        assert_eq!(calls(&gate, "alice", &Request::call("get_forecast")), expected, "{mode:?}");
    }
}

/// The documentation says so, and that a list by subject alone helps.
#[test]
fn a_bucket_that_made_room_is_full_again() {
    let mut filter = local();
    let settings = &mut filter["typed_config"];
    settings["max_dynamic_descriptors"] = json!(1);
    settings["rate_limits"].as_array_mut().unwrap().push(json!({
        "actions": [{"request_headers": {"header_name": "x-mcp-subject", "descriptor_key": "subject"}}],
    }));
    settings["descriptors"].as_array_mut().unwrap().push(json!({
        "entries": [{"key": "subject"}],
        "token_bucket": {"max_tokens": 6, "tokens_per_fill": 1, "fill_interval": "3600s"},
    }));
    let gate = start(Mode::Held, |setup| behind_toolgate(setup, filter));
    let turns = ["get_forecast", "get_help"].iter().cycle().take(7);
    let statuses: Vec<_> = turns.map(|tool| calls::<1>(&gate, "alice", &Request::call(tool))[0]).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429]);
}

#[test]
fn a_service_counts_by_caller_and_tool() {
    let service = RateLimit::start(LIMIT);
    let mut cluster = part("cluster");
    let (ip, port) = (service.address().ip().to_string(), service.address().port());
    cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
        json!({"address": ip, "port_value": port});
    let mut filter = part("global");
    // A busy machine is no outage.
    filter["typed_config"]["timeout"] = json!("5s");
    let gate = start(Mode::Held, |setup| {
        let setup = behind_toolgate(setup, filter);
        setup.edit(|bootstrap| bootstrap["static_resources"]["clusters"].as_array_mut().unwrap().push(cluster))
    });
    let (forecast, help) = (Request::call("get_forecast"), Request::call("get_help"));

    assert_eq!(calls(&gate, "alice", &forecast), [200, 200, 429]);
    assert_eq!(calls(&gate, "alice", &forecast.clone().header("x-mcp-subject", "bob")), [429]);
    assert_eq!(calls(&gate, "alice", &Request::call("set_alert")), [403; 3]);
    assert_eq!(calls(&gate, "bob", &forecast), [200]);
    assert_eq!([(); 3].map(|()| gate.envoy.client().send(&help).status), [200, 200, 429]);
    assert_eq!(gate.envoy.client().send(&forecast).status, 401);

    let refused = gate.envoy.client().send(&forecast.clone().bearer(&token("alice")));
    assert_eq!((refused.status, refused.text().as_str()), (429, ""));
    assert_eq!(limits(&refused), ["2, 2;w=60", "0", "60"].map(|value| Some(value.to_owned())));
    let line = gate.envoy.wait_for_access(|line| line["status"] == 429);
    assert_eq!([&line["flags"], &line["details"]], ["RL", "request_rate_limited"]);

    // The descriptors that the service was asked about.
    let of = |caller: &[(&str, &str)], tool: &str| -> Descriptor {
        let entries = [caller, &[("method", "tools/call"), ("tool", tool)]].concat();
        entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let subject = |name: &str| of(&[("subject", name)], "get_forecast");
    let anonymous = of(&[("caller", "without_subject"), ("remote_address", "127.0.0.1")], "get_help");
    let expected = [(subject("alice"), 4), (subject("bob"), 1), (anonymous, 3), (subject("alice"), 1)];
    let expected: Vec<_> = expected.into_iter().flat_map(|(one, times)| std::iter::repeat_n(one, times)).collect();
    assert_eq!(service.asked(), expected);

    drop(service);
    let failed = gate.envoy.client().send(&forecast.bearer(&token("carol")));
    assert_eq!(failed.status, 500, "nothing passes uncounted");
}
