//! The checks of the message: which operation the request asks for.

use super::check::Check;
use super::places::Places;
use super::words::{quoted, quoted_all};
use super::{HttpRequest, Question, ruling};
use crate::caller::Caller;
use crate::config::{Batches, Resource};
use crate::headers::Headers;
use crate::jsonrpc::{self, Message};
use crate::mcp::{Access, HeaderFault, McpHeaders, Operation};
use crate::policy::{Arguments, Occasion, Standing};

/// Reads the request's messages. If the caller is known, asks the policy about each.
pub fn check(
    question: &Question<'_>,
    resource: &Resource,
    headers: &Headers,
    request: &HttpRequest,
    caller: Option<&Caller>,
    checks: &mut Vec<Check>,
) {
    let (config, now) = (question.config, question.now);
    let places = Places::of(headers);
    let mcp = match McpHeaders::read(headers) {
        Ok(mcp) => mcp,
        Err(fault) => return checks.push(header_fault(fault)),
    };
    let decide = |access: &Access<'_>, arguments: Arguments<'_>, checks: &mut Vec<Check>| match caller {
        // Only a server's lists show whether a tool has drifted, and they are not read here.
        Some(caller) => {
            if resource.manifest.is_some() && matches!(access, Access::Tool(_)) {
                let detail =
                    "only the lists that pass through the proxy show whether the tool matches its approved definition";
                checks.push(Check::unknown("approval", detail));
            }
            let occasion = Occasion { now, arguments, standing: Standing::Approved };
            ruling::check(resource, caller, access, &occasion, &places, checks);
        }
        None => checks.push(Check::unknown("policy", "the policy needs a known caller")),
    };
    // Except for a POST, an empty body counts as none.
    let is_body = |body: &&Vec<u8>| !body.is_empty() || headers.text(":method") == Some("POST");
    let Some(body) = request.body.as_ref().filter(is_body) else {
        if mcp.declare_a_message() {
            return checks.push(header_fault(HeaderFault::Mismatch));
        }
        checks.push(Check::passed("operation", "no message: the endpoint itself"));
        return decide(&Access::Open, Arguments::Open, checks);
    };
    let batch = (config.batches == Batches::AuthorizeEach).then_some(config.limits.batch);
    let mut body = match jsonrpc::read_body(body, config.limits.depth, batch) {
        Ok(body) => body,
        Err(refused) => return checks.push(Check::refused_for("message", refused.fault.reason())),
    };
    for message in &*body.messages() {
        if let Some(operation) = operation(message, &mcp, checks) {
            decide(&operation.access, Arguments::Given(message.params.arguments), checks);
        }
    }
}

fn operation<'m>(message: &'m Message<'m>, mcp: &McpHeaders, checks: &mut Vec<Check>) -> Option<Operation<'m>> {
    let method = quoted(&message.method);
    let operation = match Operation::of(message) {
        Ok(operation) => operation,
        Err(fault) => {
            let reason = fault.reason();
            checks.push(Check::refused("operation", reason, format!("{method}: {}", reason.meaning())));
            return None;
        }
    };
    let what = match &operation.access {
        Access::Open => format!("{method} is open to every caller that has the base scopes"),
        Access::Method(_) => format!("{method}, decided by `methods`"),
        Access::Prompt(name) => format!("{method} of prompt {}", quoted(name)),
        Access::Resources(uris) => format!("{method} of {}", quoted_all(uris.iter().copied())),
        Access::ResourcesAndTasks(uris) => {
            format!("{method} of tasks, as `tasks/get`, and of {}", quoted_all(uris.iter().copied()))
        }
        Access::Template(template) => format!("{method} of all that {} can expand to", quoted(template)),
        Access::Tool(name) => format!("{method} of tool {}", quoted(name)),
    };
    checks.push(Check::passed("operation", what));
    if let Err(fault) = mcp.check(message, &operation) {
        checks.push(header_fault(fault));
        return None;
    }
    Some(operation)
}

fn header_fault(fault: HeaderFault) -> Check {
    Check::refused_for("MCP headers", fault.reason())
}
