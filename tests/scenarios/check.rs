//! Compares what happened with what a row expects; the same for both hosts.

use std::fmt::Debug;

use serde_json::{Value, json};
use toolgate::time::UnixTime;

use super::Scenario;
use super::expect::{Body, Challenge, Expected, Server};
use super::request::{Answer, Request};
use crate::support::gate::Mode;

type Fields = Vec<(String, Vec<u8>)>;

/// The observed outcome.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Nothing if no answer came.
    pub client: Option<Received>,
    /// Nothing if the server saw not even headers.
    pub server: Option<Seen>,
    /// Of the filter state.
    pub decision: String,
    pub reason: String,
    /// The audit lines.
    pub audit: Vec<Value>,
}

/// The answer as the client has it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Received {
    pub status: u16,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    /// Whether its end was seen.
    pub complete: bool,
}

impl Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
        write!(f, "{} {headers:?} {:?}, complete: {}", self.status, text(&self.body), self.complete)
    }
}

/// The request as the server has it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    pub complete: bool,
}

/// Every difference, one a line; empty: it is as expected.
pub fn differences(scenario: &Scenario, mode: Mode, outcome: &Outcome) -> Vec<String> {
    compare(&scenario.request, &scenario.answer, scenario.expected(mode), mode, outcome)
}

/// As [`differences`], of the parts of a row.
pub fn compare(request: &Request, answer: &Answer, expected: &Expected, mode: Mode, outcome: &Outcome) -> Vec<String> {
    let mut diff = Diff(Vec::new());
    diff.client(request, answer, expected, outcome);
    diff.server(request, expected, mode, outcome.server.as_ref());
    diff.records(expected, outcome);
    diff.0
}

/// As [`differences`], of a verdict alone: where the request goes on, there is no answer to look at yet.
pub fn verdict_differences(scenario: &Scenario, mode: Mode, outcome: &Outcome) -> Vec<String> {
    let expected = scenario.expected(mode);
    let mut diff = Diff(Vec::new());
    if outcome.client.is_some() || !matches!(expected.server, Server::Whole { .. }) {
        diff.client(&scenario.request, &scenario.answer, expected, outcome);
    }
    diff.server(&scenario.request, expected, mode, outcome.server.as_ref());
    diff.records(expected, outcome);
    diff.0
}

struct Diff(Vec<String>);

impl Diff {
    fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.0.push(format!("{what}\n      expected {expected:?}\n      found    {found:?}"));
        }
    }

    fn client(&mut self, request: &Request, answer: &Answer, expected: &Expected, outcome: &Outcome) {
        if matches!(expected.body, Body::CutOff) {
            let body = outcome.client.as_ref().filter(|client| client.complete || !client.body.is_empty());
            return self.equal("an answer that is cut off", &None, &body);
        }
        let Some(client) = &outcome.client else { return self.equal("an answer", &true, &false) };
        self.equal("status", &expected.status, &client.status);
        self.equal("the end of the answer", &true, &client.complete);
        let challenges = match &expected.challenge {
            Challenge::Several(texts) => texts.clone(),
            one => challenge(one, &request.host).into_iter().collect(),
        };
        self.equal("www-authenticate", &challenges, &values(&client.headers, "www-authenticate"));
        for (name, value) in &expected.headers {
            self.equal(name, &value.iter().cloned().collect(), &values(&client.headers, name));
        }
        for (name, value) in &expected.trailers {
            self.equal(&format!("trailer {name}"), &value.iter().cloned().collect(), &values(&client.trailers, name));
        }
        if request.method == "HEAD" || expected.status == 204 {
            return self.equal("body", &"", &&*text(&client.body));
        }
        self.body(&expected.body, answer, client, outcome);
    }

    fn body(&mut self, expected: &Body, answer: &Answer, client: &Received, outcome: &Outcome) {
        let found = || serde_json::from_slice::<Value>(&client.body).unwrap_or(Value::Null);
        match expected {
            Body::Any | Body::CutOff => {}
            Body::Bytes(bytes) => self.equal("body", &text(bytes), &text(&client.body)),
            Body::Hosts => {
                let held = text(&client.body).contains(&text(&answer.bytes()));
                self.equal("what the server said in the host's own answer", &false, &held);
            }
            Body::Servers => self.equal("body", &text(&answer.bytes()), &text(&client.body)),
            Body::Json(value) => self.equal("body", value, &found()),
            Body::Described(error) => {
                let mut found = found();
                let description = found.as_object_mut().and_then(|members| members.remove("error_description"));
                self.equal("body", &json!({ "error": error }), &found);
                self.equal("error_description", &true, &description.is_some_and(|text| text.is_string()));
            }
            Body::RpcError { id, code } => {
                let mut found = found();
                self.message(&mut found);
                let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": code}});
                self.equal("body", &error, &found);
            }
            Body::Denial { id, data } => {
                let mut found = found();
                let message =
                    found.get_mut("error").and_then(Value::as_object_mut).and_then(|all| all.remove("message"));
                self.equal("error.message", &Some(json!(denial(data))), &message);
                let mut data = data.clone();
                data["decision_id"] = outcome.audit.first().map_or(json!("the record's"), |a| a["decision_id"].clone());
                let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": 403, "data": data}});
                self.equal("body", &error, &found);
            }
        }
    }

    /// Takes the message out of a JSON-RPC error: any words will do, but some must be there.
    fn message(&mut self, found: &mut Value) {
        let members = found.get_mut("error").and_then(Value::as_object_mut);
        let message = members.and_then(|members| members.remove("message"));
        self.equal("error.message", &true, &message.is_some_and(|text| text.is_string()));
    }

    fn server(&mut self, request: &Request, expected: &Expected, mode: Mode, seen: Option<&Seen>) {
        let (fields, trailers) = match (&expected.server, mode) {
            (Server::Nothing, _) | (Server::HeadersAhead, Mode::Held) => {
                return self.equal("what the server saw", &None, &seen.map(|seen| (&seen.method, text(&seen.body))));
            }
            (Server::Headers, _) | (Server::HeadersAhead, Mode::Ahead) => {
                // A host that is refused at once may not have reached the server yet.
                let found = seen.map_or((false, String::new()), |seen| (seen.complete, text(&seen.body)));
                return self.equal("the body that the server saw", &(false, String::new()), &found);
            }
            (Server::Whole { fields, trailers }, _) => (fields, trailers),
        };
        let Some(seen) = seen else { return self.equal("a request at the server", &true, &false) };
        self.equal("method at the server", &request.method, &seen.method);
        self.equal("path at the server", expected.path.as_ref().unwrap_or(&request.path), &seen.target);
        self.equal("body at the server", &text(&request.bytes()), &text(&seen.body));
        self.equal("the end of the request at the server", &true, &seen.complete);
        for (name, expected) in fields {
            self.equal(&format!("{name} at the server"), expected, &values(&seen.headers, name));
        }
        for (name, expected) in trailers {
            self.equal(&format!("trailer {name} at the server"), expected, &values(&seen.trailers, name));
        }
    }

    fn records(&mut self, expected: &Expected, outcome: &Outcome) {
        self.equal("decision", &expected.decision, &outcome.decision.as_str());
        self.equal("reason", &expected.reason, &outcome.reason.as_str());
        self.equal("audit lines", &usize::from(expected.audited), &outcome.audit.len());
        for line in &outcome.audit {
            let time = line["time"].as_str().and_then(UnixTime::parse);
            self.equal("a time in the audit line", &true, &time.is_some());
        }
        let Some(line) = outcome.audit.first() else { return };
        self.equal("decision in the audit line", &json!(expected.decision), &line["decision"]);
        self.equal("reason in the audit line", &json!(expected.reason), &line["reason"]);
        let absent = expected.decision != "deny" && line.get("status").is_some();
        self.equal("status in the audit line of what goes on", &false, &absent);
        for (name, value) in &expected.audit {
            self.equal(&format!("{name} in the audit line"), value, &line[*name]);
        }
    }
}

/// The message of a denial with this data: the missing scopes by name, because many clients show nothing else.
fn denial(data: &Value) -> String {
    let missing: Vec<_> = data["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let thing = match data["method"].as_str() {
        Some("tools/call") => "tool",
        Some("prompts/get") => "prompt",
        Some("resources/read" | "resources/subscribe" | "resources/unsubscribe") => "resource",
        _ => "operation",
    };
    match missing.as_slice() {
        [] => "This operation is not allowed".to_owned(),
        [scope] => format!("This {thing} needs the scope {scope}"),
        [one, other] => format!("This {thing} needs the scopes {one} and {other}"),
        [one, another, other] => format!("This {thing} needs the scopes {one}, {another} and {other}"),
        _ => "a row with more scopes".to_owned(),
    }
}

fn challenge(expected: &Challenge, host: &str) -> Option<String> {
    let (error, scope, description) = match expected {
        Challenge::None | Challenge::Several(_) => return None,
        Challenge::Text(text) => return Some((*text).to_owned()),
        Challenge::Of { error, scope, description } => (*error, scope.as_deref(), *description),
    };
    let url = format!("https://{host}/.well-known/oauth-protected-resource/mcp");
    let parameters = [
        ("error", error),
        ("scope", scope),
        ("resource_metadata", Some(url.as_str())),
        ("error_description", description),
    ];
    let given = parameters.iter().filter_map(|(name, value)| Some(format!("{name}=\"{}\"", (*value)?)));
    Some(format!("Bearer {}", given.collect::<Vec<_>>().join(", ")))
}

fn values(fields: &Fields, name: &str) -> Vec<String> {
    fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| text(value)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An answer as far as two equal requests must get the same: all but a 403's decision id, and what the host itself
/// adds. It closes the connection of a client whose body it has not read, which is a matter of time.
pub fn repeatable(received: &Received) -> Received {
    let mut same = received.clone();
    same.headers.retain(|(name, _)| name != "date" && name != "connection");
    let body = text(&same.body);
    if let Some((start, rest)) = body.split_once(r#""decision_id":""#) {
        let end = rest.find('"').unwrap_or_default();
        same.body = format!("{start}{}", &rest[end..]).into_bytes();
    }
    same
}

/// Shows failures: the row's name, and its differences below.
pub fn report(failures: &[(String, Vec<String>)]) -> String {
    let each = |(name, differences): &(String, Vec<String>)| format!("\n  {name}\n    {}", differences.join("\n    "));
    failures.iter().map(each).collect()
}
