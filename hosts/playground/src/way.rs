//! The way of a decision: its checks in a few steps, for the picture.

use serde::Serialize;
use toolgate::explain::{Check, Finding};
use toolgate::reason::Family;
use toolgate_report::explain::Explained;

/// The steps in order. The last one is the server.
const STEPS: [&str; 7] = ["Route", "Credentials", "Token", "Signature", "Message", "Policy", "Server"];
const SIGNATURE: usize = 3;

/// A step of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    name: &'static str,
    state: State,
    /// The check that refused, in a word or two.
    about: Option<&'static str>,
}

/// The state of a step. Of its checks, the last in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The request does not come here, or needs no check here.
    Skipped,
    /// All its checks passed.
    Passed,
    /// It could not be checked here.
    Unchecked,
    /// It denied the request, which goes on in shadow mode.
    Recorded,
    /// It refused the request.
    Refused,
}

/// The place of the step of a check. `before` is that of the check before.
fn place(check: &Check, before: usize) -> usize {
    match check.about {
        "route" => 0,
        // A refusal of the request as such, which comes early or after the token.
        "request" if before == 0 => 0,
        "credentials" => 1,
        "token" | "iss" | "header" | "kind" | "client" | "claims" | "aud" | "time" | "required claims" | "subject"
        | "scopes" | "introspection" | "revoked" => 2,
        "key" | "signature" => SIGNATURE,
        "request" | "session" | "MCP headers" | "message" | "operation" => 4,
        _ => 5,
    }
}

/// The steps of an explained request.
pub fn of(explained: &Explained) -> Vec<Step> {
    let answered = &explained.explanation.answered;
    let goes_on = answered.reply.is_none() && !answered.waits;
    let mut steps = STEPS.map(|name| Step { name, state: State::Skipped, about: None });
    let mut at = 0;
    for check in &explained.explanation.checks {
        at = place(check, at);
        let is_unverified = at == SIGNATURE && !explained.is_verified();
        let (state, about) = match &check.finding {
            Finding::Passed(_) if is_unverified => (State::Unchecked, None),
            Finding::Passed(_) => (State::Passed, None),
            Finding::Unknown(_) => (State::Unchecked, None),
            Finding::Recorded(_) => (State::Recorded, Some("shadow mode")),
            Finding::Refused(_) => (State::Refused, Some(check.about)),
        };
        if let Some(step) = steps.get_mut(at).filter(|step| step.state < state) {
            (step.state, step.about) = (state, about);
        }
    }
    // Checks after the refusal were made to explain it, but the request did not come there.
    let refused = steps.iter().position(|step| step.state == State::Refused);
    for step in steps.iter_mut().skip(refused.map_or(STEPS.len(), |n| n + 1)) {
        (step.state, step.about) = (State::Skipped, None);
    }
    let is_denied = answered.reason().is_some_and(|reason| reason.family() != Family::Allowed);
    if let [.., policy, server] = &mut steps
        && goes_on
    {
        server.state = State::Passed;
        if is_denied {
            (policy.state, policy.about) = (State::Recorded, Some("shadow mode"));
        }
    }
    steps.into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::{Case, answer};

    /// Without a key set, its signature is not checked.
    const TOKEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2EiLCJhdWQiOiJodHRwczovL20vbWNwIiwiZXhwIjoyMDAwLCJzY29wZSI6InJlYWQifQ.c2lnbmF0dXJl";

    fn way(request: &str, token: &str, policy: &str, now: &str) -> String {
        let config = format!(
            "issuers: [{{issuer: https://a, jwks: {{uri: https://a/k, cluster: a}}}}]\n\
             resources: [{{resource: https://m/mcp, policy: {{tools: {{read: {{scopes: [read]}}, write: {{scopes: [write]}}}}{policy}}}}}]"
        );
        let case = Case { config, request: request.into(), token: token.into(), now: now.into(), ..Case::default() };
        let answers = answer(case);
        let steps = answers.pointer("/explain/way").and_then(Value::as_array).unwrap_or_else(|| panic!("{answers:#}"));
        let step = |step: &Value| match (step["state"].as_str(), step["about"].as_str()) {
            (state, Some(about)) => format!("{} ({about})", state.unwrap()),
            (state, None) => state.unwrap().to_owned(),
        };
        steps.iter().map(step).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_way_ends_at_the_step_that_refuses() {
        let call =
            |tool: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
        let gone = "skipped";
        for (request, token, policy, now, expected) in [
            (call("read"), TOKEN, "", "1000", "passed, passed, passed, unchecked, passed, passed, passed".to_owned()),
            (
                call("write"),
                TOKEN,
                "",
                "1000",
                format!("passed, passed, passed, unchecked, passed, refused (policy), {gone}"),
            ),
            (
                call("write"),
                TOKEN,
                ", mode: shadow",
                "1000",
                "passed, passed, passed, unchecked, passed, recorded (shadow mode), passed".to_owned(),
            ),
            (
                call("read"),
                TOKEN,
                "",
                "3000",
                format!("passed, passed, refused (time), {gone}, {gone}, {gone}, {gone}"),
            ),
            (
                call("read"),
                "",
                "",
                "1000",
                format!("passed, refused (credentials), {gone}, {gone}, {gone}, {gone}, {gone}"),
            ),
            (
                "{}".to_owned(),
                TOKEN,
                "",
                "1000",
                format!("passed, passed, passed, unchecked, refused (message), {gone}, {gone}"),
            ),
            (
                "GET /other HTTP/1.1\nHost: m\n".to_owned(),
                "",
                "",
                "1000",
                format!("refused (route), {gone}, {gone}, {gone}, {gone}, {gone}, {gone}"),
            ),
            (
                "GET /mcp HTTP/1.1\nHost: m\nUpgrade: websocket\n".to_owned(),
                TOKEN,
                "",
                "1000",
                format!("refused (request), {gone}, {gone}, {gone}, {gone}, {gone}, {gone}"),
            ),
            (
                "PUT /mcp HTTP/1.1\nHost: m\n".to_owned(),
                TOKEN,
                "",
                "1000",
                format!("passed, passed, passed, unchecked, refused (request), {gone}, {gone}"),
            ),
        ] {
            assert_eq!(way(&request, token, policy, now), expected, "{request} {policy} {now}");
        }
    }
}
