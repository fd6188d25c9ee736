//! A configuration is read alike from JSON text and from a protobuf `Struct`, whatever it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use toolgate::config::Config;
use toolgate::node::Node;

#[path = "../../tests/support/protobuf_struct.rs"]
mod protobuf_struct;

use protobuf_struct::to_struct;

fuzz_target!(|bytes: &[u8]| {
    let from_bytes = read(bytes);
    let Ok(node @ Node::Object(_)) = serde_json::from_slice::<Node>(bytes) else { return };
    let from_struct = read(&to_struct(&node));
    assert_eq!(from_bytes.is_ok(), from_struct.is_ok(), "{from_bytes:?} {from_struct:?}");
    // A `Struct` knows doubles only: JSON that is written with those must be the same in everything.
    assert_eq!(read(to_json(&node).as_bytes()), from_struct);
});

/// The configuration, or its faults in an order of their own.
fn read(bytes: &[u8]) -> Result<String, Vec<String>> {
    let config = Config::parse(bytes, &|name| (name == "SECRET").then(|| "from-env".to_owned()));
    config.map(|config| format!("{config:?}")).map_err(|faults| {
        let mut faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        faults.sort();
        faults
    })
}

fn to_json(node: &Node) -> String {
    let join = |items: Vec<String>| items.join(",");
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Number(number) => format!("{:?}", number.as_f64()),
        Node::Text(text) => Value::from(text.as_str()).to_string(),
        Node::List(items) => format!("[{}]", join(items.iter().map(to_json).collect())),
        Node::Object(members) => {
            let member = |(name, node): &(String, Node)| format!("{}:{}", Value::from(name.as_str()), to_json(node));
            format!("{{{}}}", join(members.iter().map(member).collect()))
        }
    }
}
