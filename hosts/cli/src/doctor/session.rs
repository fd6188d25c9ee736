//! A session with a token: the tools that its caller sees, and a call that has to be denied.

use serde_json::{Value, json};
use toolgate::url::Url;

use super::Steps;
use super::challenge::NO_TOOL;
use super::claims::{Gate, mismatch};
use crate::client::Client;
use crate::mcp::{Answer, Session};
use crate::output::moment;

/// The remedy if this machine gets the keys, and Envoy does not.
const CLUSTER: &str = "the keys are available from here, but not to Envoy: look at the cluster's name, address, TLS, SNI and \
                       trusted CA, and at `outage` in Envoy's log";

pub fn look(client: &Client, url: &Url, token: &str, gate: &Gate<'_>, steps: &mut Steps) {
    let mut session = Session::new(client, url.as_str(), Some(token));
    let answer = match session.initialize() {
        Ok(answer) => answer,
        Err(fault) => return steps.failed("token", fault, "the server does not answer: see Envoy's log"),
    };
    if answer.response.status != 200 {
        let (said, remedy) = refused(&answer);
        let now = moment(None).ok().filter(|_| answer.response.status == 401);
        let mismatch = now.and_then(|now| mismatch(token, gate, now));
        let (detail, remedy) = match mismatch {
            Some((cause, cure)) => (format!("{said}: {cause}"), cure),
            None if answer.response.status == 503 && !gate.keys.is_empty() => (said, CLUSTER),
            None => (said, remedy),
        };
        return steps.failed("token", detail, remedy);
    }
    steps.passed("token", "accepted");
    match session.list("tools/list", "tools") {
        Ok(tools) if tools.is_empty() => {
            let remedy = "the token's scopes open no tool: see `toolgate matrix`; or the server has none";
            steps.warned("tools", "none for this caller", remedy);
        }
        Ok(tools) => steps.passed("tools", format!("{} for this caller", tools.len())),
        Err(fault) => steps.failed("tools", fault, "see the audit line and events in Envoy's log"),
    }
    match session.ask("tools/call", &json!({"name": NO_TOOL, "arguments": {}})) {
        Ok(answer) if answer.response.status == 403 => steps.passed("denied call", "403 for an unlisted tool"),
        Ok(answer) => {
            let detail = format!("HTTP {} for a call of an unlisted tool", answer.response.status);
            let remedy = "the policy is in shadow mode, or `unlisted` allows unlisted tools: use the mode `enforce` and the default `unlisted: {tools: deny}`";
            steps.warned("denied call", detail, remedy);
        }
        Err(fault) => steps.failed("denied call", fault, "see Envoy's log"),
    }
    session.end();
}

/// Why a token is refused, in the words of the answer.
fn refused(answer: &Answer) -> (String, &'static str) {
    let status = answer.response.status;
    let body = answer.response.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let said = match text("error_description") {
        said if said.is_empty() => text("error"),
        said => said,
    };
    let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default().to_owned();
    let said = if said.is_empty() { message } else { said };
    let remedy = match status {
        401 => "see `detail` of its audit line, or `toolgate explain` with this token",
        403 => "the token lacks the base scopes: sign in with those of the challenge",
        503 => "the issuer's keys or its introspection endpoint are not available: see `outage` in Envoy's log",
        _ => "see the audit line in Envoy's log",
    };
    (format!("HTTP {status}: {said}"), remedy)
}
