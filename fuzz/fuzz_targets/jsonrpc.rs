//! A body that the strict reader accepts is read alike by serde_json and by a reader that ignores case.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use toolgate::jsonrpc::{self, Member};
use toolgate::mcp::Operation;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = jsonrpc::read(bytes, 64) else { return };
    let _ = Operation::of(&message);
    serde_json::from_slice::<IgnoredAny>(bytes).expect("what is accepted is JSON");
    // serde_json has no value for a lone surrogate or for a number too large.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let at = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let agrees = |pointer: &str, member: &Member<'_>| assert_eq!(at(pointer), member.text(), "{pointer}");
    assert_eq!(at("/jsonrpc"), Some("2.0"));
    assert_eq!(at("/method").unwrap_or_default(), message.method);
    // An answer to a request whose id could not be read has the id `null`, which is none to the gate.
    assert_eq!(
        value.get("id").cloned().filter(|id| !id.is_null()),
        message.id.map(|id| serde_json::from_str(id).expect("an id"))
    );
    let params = &message.params;
    agrees("/params/name", &params.name);
    agrees("/params/uri", &params.uri);
    agrees("/params/taskId", &params.task_id);
    if params.fault_of(&["_meta"]).is_none() {
        agrees("/params/_meta/io.modelcontextprotocol~1protocolVersion", &params.version);
    }
    if let Some(reference) = params.reference.as_ref().filter(|_| params.fault_of(&["ref"]).is_none()) {
        agrees("/params/ref/type", &reference.kind);
        agrees("/params/ref/name", &reference.name);
        agrees("/params/ref/uri", &reference.uri);
    }
    let loosely = |object: &Value, name: &str| {
        object.as_object().map_or(0, |members| members.keys().filter(|own| own.eq_ignore_ascii_case(name)).count())
    };
    assert!(["jsonrpc", "id", "method", "params"].iter().all(|name| loosely(&value, name) <= 1));
    for name in ["name", "uri", "taskId"] {
        assert!(loosely(&value["params"], name) <= 1 || params.fault_of(&[name]).is_some(), "two of {name}");
    }
});
