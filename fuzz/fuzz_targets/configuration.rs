//! A configuration is read alike from JSON text and from a protobuf `Struct`, whatever it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use toolgate::config::Config;
use toolgate::node::Node;

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

/// As `to_struct` of `tests/support/core.rs`: from the format's definition.
fn to_struct(node: &Node) -> Vec<u8> {
    let Node::Object(members) = node else { panic!("not an object") };
    let entry = |(name, node): &(String, Node)| field(1, &[field(1, name.as_bytes()), field(2, &value(node))].concat());
    members.iter().flat_map(entry).collect()
}

fn value(node: &Node) -> Vec<u8> {
    match node {
        Node::Null => vec![0x08, 0],
        Node::Number(number) => [&[0x11][..], &number.as_f64().to_le_bytes()].concat(),
        Node::Text(text) => field(3, text.as_bytes()),
        Node::Bool(flag) => vec![0x20, u8::from(*flag)],
        Node::Object(_) => field(5, &to_struct(node)),
        Node::List(items) => field(6, &items.iter().flat_map(|item| field(1, &value(item))).collect::<Vec<_>>()),
    }
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![(number << 3) | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}
