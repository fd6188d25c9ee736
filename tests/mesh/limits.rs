//! The limits of Envoy Gateway's defaults, which the files in `deploy/` raise.

use serde_json::json;

use crate::kubernetes::Kubernetes;
use crate::proxy::{Proxy, list};
use crate::report::Report;
use crate::support::answer::Answer;
use crate::support::client::{Client, Request};
use crate::world::{World, within};

/// Checks the answers that clients get with the default buffer of 32 KiB, and that toolgate tells of it.
pub fn small_buffer(
    report: &mut Report,
    place: &str,
    world: &World,
    kubernetes: &Kubernetes,
    proxy: &dyn Proxy,
    is_held: bool,
) {
    report.check(place, "a list beyond the default buffer", || {
        let token = world.token_of(place, "mcp:read");
        let (subject, counted) = (format!("\"subject\":\"{place}\""), "toolgate_events_buffer_exceeded{}");
        let events = || proxy.count(counted).unwrap_or_default();
        let description = "x".repeat(60_000);
        let tools = json!([{"name": "get-sum", "description": description, "inputSchema": {"type": "object"}}]);
        let list_of_all = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}});
        let scenario = world.server.scenario(move |_| Answer::json(&list_of_all));
        let request = list().bearer(&token).scenario(&scenario);
        let client = Client::new(proxy.address());
        assert_eq!(client.send(&request).status, 200, "with the buffer of the files");
        let before = events();
        let connection = |limit| json!({"spec": {"connection": {"bufferLimit": limit}}});
        kubernetes.patch("clienttrafficpolicy", "mcp", &connection(json!(null)));
        let (status, body) = within(30, "a list that is cut", || {
            let answer = crate::proxy::try_send(proxy.address(), &request).ok()?;
            (answer.body.len() < 60_000).then(|| (answer.status, answer.text()))
        });
        let line = within(10, "an event", || proxy.line(&["toolgate.event", "buffer_exceeded"]));
        within(10, counted, || (events() > before).then_some(()));
        let call = Request::rpc("tools/call", json!({"name": "get-sum", "arguments": {"a": "x".repeat(60_000)}}));
        let refused = client.send(&call.bearer(&token)).status;
        let record = within(10, "a record", || proxy.line(&["toolgate.audit", "ended_by_host", &subject]));
        kubernetes.patch("clienttrafficpolicy", "mcp", &connection(json!("2Mi")));
        within(30, "a whole list", || (client.send(&request).body.len() > 60_000).then_some(()));
        let wanted = if is_held { (500, "Internal Server Error") } else { (200, "") };
        assert_eq!((status, body.as_str()), wanted);
        assert_eq!(refused, 413, "a call beyond it");
        format!("list: {status} {body:?}, {line}; call: {refused}, {record}")
    });
}
