//! `google.protobuf.Struct` on the wire. The fuzz target of configurations
//! includes this file too.

use toolgate::node::Node;

/// The wire bytes of `node`, an object, as a `google.protobuf.Struct`. Written
/// from the format's definition, so that it shares nothing with the reader.
pub fn to_struct(node: &Node) -> Vec<u8> {
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
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("seven bits"));
    out.extend_from_slice(content);
    out
}
