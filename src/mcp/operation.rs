//! Maps a message to the access it asks for.

use super::Access;
use super::methods::{Method, TargetKind, is_notification};
use crate::jsonrpc::{Member, Message, MessageFault, MessageKind, Params, Reference};
use crate::reason::Reason;
use crate::uri::{UriFault, check_template, check_uri};

/// The maximum length of a target. No server has longer names, and comparisons would take longer.
pub const MAX_TARGET: usize = 4096;

/// The maximum number of resources that one message may subscribe to. Each one needs a decision.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// The operation that a message asks for, ready to be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// The targets it would use.
    pub access: Access<'a>,
    /// The requested name or URI, for records and responses.
    pub target: Option<String>,
    /// The method, if it has its own handling.
    pub method: Option<&'static Method>,
}

/// Why a message has no target that can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationFault {
    /// A careless parser would take this member for the target.
    LookAlike,
    /// A member that affects the decision has the wrong type.
    Params,
    /// The target is missing or not a string.
    Target,
    /// The target is longer than 4096 bytes.
    TargetTooLong,
    /// Servers would normalise the URI to another one.
    Uri(UriFault),
}

impl OperationFault {
    /// The JSON-RPC error code.
    pub fn error_code(self) -> i32 {
        match self {
            Self::LookAlike => -32600,
            Self::Params | Self::Target | Self::TargetTooLong | Self::Uri(_) => -32602,
        }
    }

    /// The message in the error that the client gets.
    pub fn message(self) -> &'static str {
        match self {
            Self::LookAlike => "A member's name looks like another's",
            Self::Params => "The parameters are not of the expected types",
            Self::Target => "The name or uri is missing or not a string",
            Self::TargetTooLong => "The name or uri is too long",
            Self::Uri(_) => "The uri must be in its normal form",
        }
    }

    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::LookAlike => Reason::JsonLookAlike,
            Self::Params => Reason::ParamsMalformed,
            Self::Target => Reason::TargetMissing,
            Self::TargetTooLong => Reason::TargetTooLong,
            Self::Uri(_) => Reason::UriAmbiguous,
        }
    }
}

impl<'a> Operation<'a> {
    /// The operation that `message` asks for.
    pub fn of(message: &'a Message<'a>) -> Result<Self, OperationFault> {
        if message.kind == MessageKind::Response {
            return Ok(Self { access: Access::Open, target: None, method: None });
        }
        let name = message.method.as_ref();
        let method = Method::find(name);
        let decides = TargetKind::of_method(method, name);
        match message.params.fault_of(decides.members()) {
            Some(MessageFault::LookAlike) => return Err(OperationFault::LookAlike),
            Some(_) => return Err(OperationFault::Params),
            None => {}
        }
        let access = match decides {
            TargetKind::Method if message.kind == MessageKind::Notification && is_notification(name) => Access::Open,
            _ => access_of(name, decides, &message.params)?,
        };
        let target = match &access {
            Access::Tool(target) | Access::Prompt(target) | Access::Template(target) => Some((*target).to_owned()),
            Access::Resources(uris) | Access::ResourcesAndTasks(uris) if !uris.is_empty() => Some(uris.join(" ")),
            _ => None,
        };
        Ok(Self { access, target, method })
    }
}

fn access_of<'a>(name: &'a str, decides: TargetKind, params: &'a Params<'a>) -> Result<Access<'a>, OperationFault> {
    match decides {
        TargetKind::Completion => completion(params.reference.as_ref()),
        TargetKind::Method | TargetKind::Task => Ok(Access::Method(name)),
        TargetKind::Open => Ok(Access::Open),
        TargetKind::OptionalResource if params.uri == Member::Absent => Ok(Access::Method(name)),
        TargetKind::OptionalResource | TargetKind::Resource => uri(&params.uri).map(|uri| Access::Resources(vec![uri])),
        TargetKind::Prompt => target(&params.name).map(Access::Prompt),
        TargetKind::Subscriptions if params.subscriptions.len() > MAX_SUBSCRIPTIONS => {
            Err(OperationFault::TargetTooLong)
        }
        TargetKind::Subscriptions => {
            let uris: Result<Vec<_>, _> = params.subscriptions.iter().map(uri).collect();
            Ok(match uris? {
                uris if params.subscribes_to_tasks => Access::ResourcesAndTasks(uris),
                uris if uris.is_empty() => Access::Open,
                uris => Access::Resources(uris),
            })
        }
        TargetKind::Tool => target(&params.name).map(Access::Tool),
    }
}

/// A completion is for an argument of a prompt or a variable of a template.
fn completion<'a>(reference: Option<&'a Reference<'a>>) -> Result<Access<'a>, OperationFault> {
    let reference = reference.ok_or(OperationFault::Target)?;
    // A server that ignores the type might use the other one.
    if reference.name != Member::Absent && reference.uri != Member::Absent {
        return Err(OperationFault::Params);
    }
    match reference.kind.text() {
        Some("ref/prompt") => target(&reference.name).map(Access::Prompt),
        Some("ref/resource") => {
            let template = target(&reference.uri)?;
            if !template.contains(['{', '}']) {
                return uri(&reference.uri).map(|uri| Access::Resources(vec![uri]));
            }
            check_template(template).map_err(OperationFault::Uri)?;
            Ok(Access::Template(template))
        }
        _ => Err(OperationFault::Target),
    }
}

fn target<'a>(member: &'a Member<'a>) -> Result<&'a str, OperationFault> {
    match member.text() {
        Some(text) if text.len() > MAX_TARGET => Err(OperationFault::TargetTooLong),
        Some(text) => Ok(text),
        None => Err(OperationFault::Target),
    }
}

fn uri<'a>(member: &'a Member<'a>) -> Result<&'a str, OperationFault> {
    let uri = target(member)?;
    check_uri(uri).map_err(OperationFault::Uri)?;
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc;
    use crate::mcp::ListKind;

    fn of(body: &str) -> Result<(String, Option<String>, Option<ListKind>), String> {
        let message = jsonrpc::read(body.as_bytes(), 64).map_err(|refused| refused.fault.reason().to_string())?;
        let operation = Operation::of(&message).map_err(|fault| fault.reason().to_string())?;
        let list = operation.method.and_then(|method| method.answer.list());
        Ok((format!("{:?}", operation.access), operation.target, list))
    }

    fn access(body: &str) -> String {
        of(body).map_or_else(|fault| fault, |(access, ..)| access)
    }

    #[test]
    fn every_method_is_decided_by_what_it_asks_for() {
        let cases = [
            (r#"{"method":"tools/call","params":{"name":"echo"}"#, "Tool(\"echo\")"),
            (r#"{"method":"tools/call","params":{"n\u0061me":"ec\u0068o"}"#, "Tool(\"echo\")"),
            (
                r#"{"params":{"arguments":{"Name":"x","name":"y","Uri":1},"name":"echo"},"method":"tools/call""#,
                "Tool(\"echo\")",
            ),
            (r#"{"method":"prompts/get","params":{"name":"brief"}"#, "Prompt(\"brief\")"),
            (r#"{"method":"resources/read","params":{"uri":"docs://a"}"#, "Resources([\"docs://a\"])"),
            (r#"{"method":"resources/subscribe","params":{"uri":"docs://a"}"#, "Resources([\"docs://a\"])"),
            (r#"{"method":"resources/unsubscribe","params":{"uri":"docs://a"}"#, "Resources([\"docs://a\"])"),
            (r#"{"method":"resources/subscribe","params":{}"#, "Method(\"resources/subscribe\")"),
            (r#"{"method":"resources/unsubscribe""#, "Method(\"resources/unsubscribe\")"),
            (r#"{"method":"resources/subscribe","params":{"uri":null}"#, "target_missing"),
            (r#"{"method":"resources/subscribe","params":{"URI":"docs://a"}"#, "json_look_alike"),
            (r#"{"method":"resources/read","params":{}"#, "target_missing"),
            (r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"}}"#, "Prompt(\"p\")"),
            (
                r#"{"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"d://{x}"}}"#,
                "Template(\"d://{x}\")",
            ),
            (
                r#"{"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"d://x"}}"#,
                "Resources([\"d://x\"])",
            ),
            (r#"{"method":"completion/complete","params":{"ref":{"type":"ref/other","name":"p"}}"#, "target_missing"),
            (r#"{"method":"completion/complete""#, "target_missing"),
            (r#"{"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}"#, "Open"),
            (
                r#"{"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["d://a","d://b"]}}"#,
                "Resources([\"d://a\", \"d://b\"])",
            ),
            (
                r#"{"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":[1]}}"#,
                "target_missing",
            ),
            (
                r#"{"method":"subscriptions/listen","params":{"notifications":{"taskIds":["7"]}}"#,
                "ResourcesAndTasks([])",
            ),
            (
                r#"{"method":"subscriptions/listen","params":{"notifications":{"taskIds":[{}]}}"#,
                "ResourcesAndTasks([])",
            ),
            (
                r#"{"method":"subscriptions/listen","params":{"notifications":{"taskIds":["7"],"resourceSubscriptions":["d://a"]}}"#,
                "ResourcesAndTasks([\"d://a\"])",
            ),
            (r#"{"method":"subscriptions/listen","params":{"notifications":{"taskIds":[]}}"#, "Open"),
            (r#"{"method":"subscriptions/listen","params":{"notifications":{"taskIds":null}}"#, "Open"),
            (r#"{"method":"subscriptions/listen","params":{"notifications":{"taskIds":"7"}}"#, "params_malformed"),
            (r#"{"method":"subscriptions/listen","params":{"notifications":{"taskids":["7"]}}"#, "json_look_alike"),
            (r#"{"method":"tasks/cancel","params":{"taskId":"7"}"#, "Method(\"tasks/cancel\")"),
            (r#"{"method":"initialize""#, "Open"),
            (r#"{"method":"notifications/initialized""#, "Method(\"notifications/initialized\")"),
            (r#"{"method":" notifications/initialized""#, "Method(\" notifications/initialized\")"),
            (r#"{"method":"Tools/Call","params":{"name":"echo"}"#, "Method(\"Tools/Call\")"),
            (r#"{"result":{}"#, "Open"),
            (r#"{"method":"tools/call","params":{"name":1}"#, "target_missing"),
            (r#"{"method":"tools/call","params":{"name":"\ud800"}"#, "target_missing"),
            (r#"{"method":"tools/call","params":{}"#, "target_missing"),
            (r#"{"method":"tools/call""#, "target_missing"),
            (r#"{"method":"tools/call","params":["echo"]"#, "params_malformed"),
            (r#"{"method":"tools/call","params":{"name":"a","Name":"b"}"#, "json_look_alike"),
            (r#"{"method":"tools/call","params":{"Name":"b"}"#, "json_look_alike"),
            (r#"{"method":"tools/call","params":{"name":"a","name\ud800":"b"}"#, "json_look_alike"),
            (r#"{"method":"tools/call","params":{"name":"a"},"Params":{"name":"b"}"#, "json_look_alike"),
            (r#"{"method":"tools/call","METHOD":"ping","params":{"name":"a"}"#, "json_look_alike"),
            (r#"{"method":"resources/read","params":{"uri":"d://a","URI":"d://b"}"#, "json_look_alike"),
            (
                r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p","Name":"q"}}"#,
                "json_look_alike",
            ),
            (r#"{"method":"custom","params":{"Name":"b"}"#, "Method(\"custom\")"),
            (r#"{"method":"git/checkout","params":{"ref":"main","notifications":true}"#, "Method(\"git/checkout\")"),
            (r#"{"method":"completion/complete","params":{"ref":"main"}"#, "params_malformed"),
            (r#"{"method":"custom","params":{"_meta":1}"#, "params_malformed"),
            (r#"{"method":"custom","params":{"_meta":null}"#, "Method(\"custom\")"),
            (r#"{"method":"tools/call","params":{"name":null}"#, "target_missing"),
            (r#"{"method":"resources/subscribe","params":{"uri":null}"#, "target_missing"),
            (r#"{"method":"subscriptions/listen","params":{"notifications":null}"#, "Open"),
            (r#"{"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":null}}"#, "Open"),
            (
                r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p","uri":null}}"#,
                "Prompt(\"p\")",
            ),
            (r#"{"method":"completion/complete","params":{"ref":null}"#, "target_missing"),
            (r#"{"method":"resources/read","params":{"uri":"file:///a/../b"}"#, "uri_ambiguous"),
        ];
        for (start, expected) in cases {
            assert_eq!(access(&format!("{start},\"jsonrpc\":\"2.0\",\"id\":1}}")), expected, "{start}");
        }
    }

    #[test]
    fn a_call_without_id_is_a_call() {
        assert_eq!(access(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#), "Tool(\"echo\")");
    }

    #[test]
    fn a_notification_without_id_is_open() {
        for method in ["notifications/initialized", "notifications/x", "initialize"] {
            assert_eq!(access(&format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#)), "Open");
        }
        assert_eq!(access(r#"{"jsonrpc":"2.0","method":"notifications"}"#), "Method(\"notifications\")");
    }

    #[test]
    fn a_target_has_at_most_4096_bytes() {
        let call =
            |n| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{}"}}}}"#, "x".repeat(n));
        assert!(access(&call(4096)).starts_with("Tool"));
        assert_eq!(access(&call(4097)), "target_too_long");
    }

    #[test]
    fn lists_are_known_by_their_method() {
        for (method, kind) in [
            ("tools/list", Some(ListKind::Tools)),
            ("prompts/list", Some(ListKind::Prompts)),
            ("resources/list", Some(ListKind::Resources)),
            ("resources/templates/list", Some(ListKind::Templates)),
            ("tasks/list", None),
        ] {
            assert_eq!(of(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#)).unwrap().2, kind, "{method}");
        }
    }
}
