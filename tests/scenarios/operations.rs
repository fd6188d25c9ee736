//! Everything but tools: prompts, resources, completions, subscriptions, other methods, and what is always open.

use serde_json::{Value, json};

use super::config::{OPEN, PATTERNS};
use super::expect::*;
use super::request::{Request, post, request, rpc, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let with = |method: &str, params: Value| rpc(method, params).bearer(token("weather:read"));
    let bare = |method: &str, params: Value| rpc(method, params).bearer(token(""));
    let allowed = |name, request: Request| row(name, request, forwarded());
    let lacks_read = |name, request: Request, method: &str, target: &str| {
        row(name, request, step_up(method, target, "weather:read", "weather:read", "weather:read"))
    };
    let unlisted =
        |name, request: Request, method: &str, target: Value| row(name, request, denied(method, target, "unlisted"));
    let ambiguous = |name, uri: &str| {
        row(name, with("resources/read", json!({ "uri": uri })), rpc_refusal(-32602, 1, "uri_ambiguous"))
    };
    let prompt =
        |name: &str| json!({"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": "a", "value": "b"}});
    let template = |uri: &str| json!({"ref": {"type": "ref/resource", "uri": uri}});
    let listen = |uris: &[&str]| json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": uris}});
    let always_open = |name, method: &str| row(name, bare(method, json!({})), forwarded().audit("method", method));
    vec![
        always_open("initialize is open", "initialize"),
        always_open("ping is open", "ping"),
        always_open("server/discover is open", "server/discover"),
        always_open("logging/setLevel is open", "logging/setLevel"),
        always_open("a list of prompts is open", "prompts/list"),
        always_open("a list of templates is open", "resources/templates/list"),
        allowed("metadata that is null is absent", bare("ping", json!({"_meta": null}))),
        allowed(
            "a protocol version that is null is absent",
            bare("ping", json!({"_meta": {"io.modelcontextprotocol/protocolVersion": null}})),
        ),
        allowed("a GET is open", request("GET").bearer(token(""))),
        allowed("a HEAD is open", request("HEAD").bearer(token(""))),
        allowed("a prompt is decided by its name", with("prompts/get", json!({"name": "brief_daily"}))),
        lacks_read(
            "a prompt wants its scope",
            bare("prompts/get", json!({"name": "brief_daily"})),
            "prompts/get",
            "brief_daily",
        ),
        unlisted(
            "an unlisted prompt is nobody's",
            with("prompts/get", json!({"name": "daily"})),
            "prompts/get",
            json!("daily"),
        ),
        allowed("a resource is decided by its uri", with("resources/read", json!({"uri": "weather://paris"}))),
        allowed("the closest pattern decides a uri", bare("resources/read", json!({"uri": "weather://public/paris"}))),
        lacks_read(
            "a resource wants its scope",
            bare("resources/read", json!({"uri": "weather://paris"})),
            "resources/read",
            "weather://paris",
        ),
        lacks_read(
            "a subscription is decided like a read",
            bare("resources/subscribe", json!({"uri": "weather://paris"})),
            "resources/subscribe",
            "weather://paris",
        ),
        lacks_read(
            "so is its end",
            bare("resources/unsubscribe", json!({"uri": "weather://paris"})),
            "resources/unsubscribe",
            "weather://paris",
        ),
        unlisted(
            "a subscription without a uri is decided as a method",
            bare("resources/subscribe", json!({})),
            "resources/subscribe",
            json!(null),
        ),
        row(
            "a subscription without a uri is another version's, and goes on where methods may",
            bare("resources/unsubscribe", json!({"x": 1})).at(OPEN),
            forwarded().audit("target", json!(null)),
        ),
        row(
            "a subscription to no text is refused",
            bare("resources/subscribe", json!({"uri": null})).at(OPEN),
            rpc_refusal(-32602, 1, "target_missing"),
        ),
        unlisted(
            "an unlisted uri is nobody's",
            with("resources/read", json!({"uri": "file:///etc/passwd"})),
            "resources/read",
            json!("file:///etc/passwd"),
        ),
        ambiguous("a uri with a dot segment is refused", "weather://public/../secret"),
        ambiguous("a uri with an encoded dot segment is refused", "weather://public/%252e%252E/secret"),
        ambiguous("a uri with a backslash is refused", "weather://public\\secret"),
        ambiguous("a uri with a space is refused", "weather://public/a b"),
        ambiguous("a uri with a control character is refused", "weather://public/a\u{7}"),
        ambiguous("a uri with an upper-case scheme is refused", "Weather://public/a"),
        allowed("a completion is decided by its prompt", with("completion/complete", prompt("brief"))),
        lacks_read(
            "a completion wants the prompt's scope",
            bare("completion/complete", prompt("brief")),
            "completion/complete",
            "brief",
        ),
        allowed(
            "a completion of a template is decided by all it covers",
            bare("completion/complete", template("weather://public/{city}")),
        ),
        lacks_read(
            "a template that covers more wants more",
            bare("completion/complete", template("weather://{city}")),
            "completion/complete",
            "weather://{city}",
        ),
        unlisted(
            "a template that no rule covers is nobody's",
            with("completion/complete", template("{+any}")),
            "completion/complete",
            json!("{+any}"),
        ),
        row(
            "a completion of nothing is refused",
            with("completion/complete", json!({})),
            rpc_refusal(-32602, 1, "target_missing"),
        ),
        row(
            "a completion of something else is refused",
            with("completion/complete", json!({"ref": {"type": "ref/tool", "name": "echo"}})),
            rpc_refusal(-32602, 1, "target_missing"),
        ),
        allowed(
            "a subscription to nothing is open",
            bare("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})),
        ),
        allowed(
            "a subscription is decided by every uri",
            with("subscriptions/listen", listen(&["weather://a", "weather://public/b"])),
        ),
        row(
            "a subscription to tasks wants what their state wants",
            with("subscriptions/listen", json!({"notifications": {"taskIds": ["7"]}})),
            step_up("subscriptions/listen", json!(null), "tasks:run", "tasks:run", "tasks:run weather:read"),
        ),
        row(
            "a subscription to tasks and resources wants both",
            bare(
                "subscriptions/listen",
                json!({"notifications": {"taskIds": ["7"], "resourceSubscriptions": ["weather://a"]}}),
            ),
            step_up(
                "subscriptions/listen",
                "weather://a",
                "tasks:run weather:read",
                "tasks:run weather:read",
                "tasks:run weather:read",
            ),
        ),
        row(
            "a subscription to tasks is open to whom their state is",
            rpc("subscriptions/listen", json!({"notifications": {"taskIds": ["7"]}})).bearer(token("tasks:run")),
            forwarded().audit("target", json!(null)),
        ),
        allowed(
            "a subscription to no tasks is open",
            bare("subscriptions/listen", json!({"notifications": {"taskIds": [], "resourceSubscriptions": null}})),
        ),
        row(
            "a subscription to tasks in another form is refused",
            bare("subscriptions/listen", json!({"notifications": {"taskIds": "7"}})),
            rpc_refusal(-32602, 1, "params_malformed"),
        ),
        unlisted(
            "a notification with an id is a request of that name",
            bare("notifications/cancelled", json!({})),
            "notifications/cancelled",
            json!(null),
        ),
        row(
            "and one that a rule of methods is about wants its scope",
            bare("notifications/tasks/run", json!({})).at(PATTERNS),
            step_up("notifications/tasks/run", json!(null), "tasks:run", "tasks:run", "tasks:run"),
        ),
        allowed(
            "a notification without one is open",
            post(json!({"jsonrpc": "2.0", "method": "notifications/tasks/run"}).to_string())
                .at(PATTERNS)
                .bearer(token("")),
        ),
        row(
            "one denied uri denies a subscription",
            with("subscriptions/listen", listen(&["weather://a", "file:///b"])),
            denied("subscriptions/listen", "weather://a file:///b", "unlisted"),
        ),
        row(
            "a subscription to a uri that servers would normalise is refused",
            with("subscriptions/listen", listen(&["weather://a/.."])),
            rpc_refusal(-32602, 1, "uri_ambiguous"),
        ),
        allowed(
            "another method is decided by its name",
            rpc("tasks/get", json!({"taskId": "1"})).bearer(token("tasks:run")),
        ),
        row(
            "another method wants its scope",
            with("tasks/get", json!({"taskId": "1"})),
            step_up("tasks/get", json!(null), "tasks:run", "tasks:run", "tasks:run weather:read"),
        ),
        unlisted("an unlisted method is nobody's", with("server/shutdown", json!({})), "server/shutdown", json!(null)),
        row(
            "a method that differs by case is another",
            with("Tools/call", json!({"name": "echo"})),
            denied("Tools/call", json!(null), "near_name"),
        ),
        allowed("an unlisted method is any caller's where that is said", bare("server/status", json!({})).at(OPEN)),
        row(
            "a method near a listed one is not",
            bare("Tasks/Cancel", json!({})).at(OPEN),
            denied("Tasks/Cancel", json!(null), "near_name"),
        ),
        row(
            "a method near one that is decided elsewhere is not",
            bare("Tools/Call", json!({"name": "delete_all"})).at(OPEN),
            denied("Tools/Call", json!(null), "near_name"),
        ),
        row(
            "a prompt near a listed one is not",
            bare("prompts/get", json!({"name": "BRIEF"})).at(OPEN),
            denied("prompts/get", "BRIEF", "near_name"),
        ),
        row(
            "a template that is unlisted is nobody's even there",
            bare("completion/complete", template("weather://{x}")).at(OPEN),
            denied("completion/complete", "weather://{x}", "unlisted"),
        ),
    ]
}
