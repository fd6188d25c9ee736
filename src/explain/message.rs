//! The checks of the message: what the request would use.

use super::checks::Check;
use super::token::Places;
use super::{HttpRequest, Question, quoted, ruling};
use crate::config::{Batches, Resource};
use crate::headers::Headers;
use crate::jsonrpc::{self, Body, Message};
use crate::mcp::{HeaderFault, McpHeaders, Operation};
use crate::policy::{Access, Arguments, Occasion, Standing};
use crate::token::AccessToken;

/// Reads the request's messages, and asks the policy about each where the caller is known.
pub fn check(
    question: &Question<'_>,
    resource: &Resource,
    headers: &Headers,
    request: &HttpRequest,
    caller: Option<&AccessToken>,
    checks: &mut Vec<Check>,
) {
    let (config, now) = (question.config, question.now);
    let places = Places::of(headers);
    let mcp = match McpHeaders::read(headers) {
        Ok(mcp) => mcp,
        Err(fault) => return checks.push(header_fault(fault)),
    };
    let decide = |access: &Access<'_>, arguments: Arguments<'_>, checks: &mut Vec<Check>| match caller {
        // How a tool stands towards its approval a server's lists tell, which nobody reads here.
        Some(caller) => {
            if resource.manifest.is_some() && matches!(access, Access::Tool(_)) {
                let detail = "whether the tool is as approved, only the lists that pass the proxy tell";
                checks.push(Check::unknown("approval", detail));
            }
            let occasion = Occasion { now, arguments, standing: Standing::Approved };
            ruling::check(resource, caller, access, &occasion, &places, checks);
        }
        None => checks.push(Check::unknown("policy", "without a verified caller there is nobody to decide about")),
    };
    // Without a POST, an empty body is none.
    let is_body = |body: &&Vec<u8>| !body.is_empty() || headers.text(":method") == Some("POST");
    let Some(body) = request.body.as_ref().filter(is_body) else {
        if mcp.declare_a_message() {
            return checks.push(header_fault(HeaderFault::Mismatch));
        }
        checks.push(Check::passed("operation", "no message: the endpoint itself"));
        return decide(&Access::Open, Arguments::Open, checks);
    };
    let batch = (config.batches == Batches::AuthorizeEach).then_some(config.limits.batch);
    let messages = match jsonrpc::read_body(body, config.limits.depth, batch) {
        Ok(Body::Single(message)) => vec![*message],
        Ok(Body::Batch(messages)) => messages,
        Err(refused) => {
            let code = refused.fault.code();
            return checks.push(Check::refused("message", code, message_fault(code)));
        }
    };
    for message in &messages {
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
            checks.push(Check::refused(
                "operation",
                fault.code(),
                format!("{method}: {}", operation_fault(fault.code())),
            ));
            return None;
        }
    };
    let what = match &operation.access {
        Access::Open => format!("{method} is open to every valid token that has the base scopes"),
        Access::Method(_) => format!("{method}, decided by `methods`"),
        Access::Prompt(name) => format!("{method} of prompt {}", quoted(name)),
        Access::Resources(uris) => format!("{method} of {}", super::quoted_all(uris.iter().copied())),
        Access::ResourcesAndTasks(uris) => {
            format!("{method} of tasks, as `tasks/get`, and of {}", super::quoted_all(uris.iter().copied()))
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
    let detail = match fault {
        HeaderFault::Doubled => "one of MCP's headers is given more than once, with different values",
        HeaderFault::Mismatch => "`Mcp-Method`, `Mcp-Name` or `MCP-Protocol-Version` disagrees with the body",
        HeaderFault::Missing => {
            "this protocol version requires `MCP-Protocol-Version`, its repetition in `_meta`, `Mcp-Method` and `Mcp-Name`"
        }
        HeaderFault::Unreadable => "one of MCP's headers cannot be read",
        HeaderFault::VersionNotInBody => "the body's `_meta` lacks the version of `MCP-Protocol-Version`",
    };
    Check::refused("MCP headers", fault.code(), detail)
}

fn message_fault(code: &str) -> String {
    let known = match code {
        "batch_refused" => "an array of messages, and `batches` is `reject`",
        "batch_elements" => "an array that repeats an id, or initializes",
        "batch_too_long" => "an array longer than `limits.batch`",
        "json_byte_order_mark" => "the body begins with a byte order mark",
        "json_duplicate_member" => "a member is given twice, and servers differ in which one they take",
        "json_look_alike" => "the name of a member only looks like one that decides",
        "json_not_utf8" => "the body is not UTF-8",
        "json_syntax" => "the body is not JSON",
        "json_too_deep" => "the body is nested deeper than `limits.depth`",
        "json_trailing_bytes" => "something follows the JSON value",
        "not_json_rpc" => "JSON, but no JSON-RPC 2.0 message",
        "params_malformed" => "`params`, or a member of it that decides, is not of its type",
        other => return other.replace('_', " "),
    };
    known.to_owned()
}

fn operation_fault(code: &str) -> String {
    let known = match code {
        "target_missing" => "the name or uri that it asks for is missing, or no string",
        "target_too_long" => "the name or uri is longer than 4096 bytes",
        "uri_ambiguous" => "the uri is not in normal form: a server may take it for another",
        other => return message_fault(other),
    };
    known.to_owned()
}
