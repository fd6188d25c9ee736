//! A reader for the wire format of `google.protobuf.Struct`.
//!
//! ```text
//! Struct    { map<string, Value> fields = 1 }          an entry is { key = 1, value = 2 }
//! Value     { null = 1 | number = 2 | string = 3 | bool = 4 | struct = 5 | list = 6 }
//! ListValue { repeated Value values = 1 }
//! ```

use crate::node::{MAX_DEPTH, Node, Number};
use crate::protobuf::{Wire, for_each_field};

/// Decodes a `Struct`. `None` if the bytes are not one, or are nested deeper than JSON may be: both formats accept the same
/// configurations.
pub fn decode_struct(bytes: &[u8]) -> Option<Node> {
    read_struct(bytes, MAX_DEPTH)
}

fn read_struct(bytes: &[u8], depth: usize) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    let mut members = Vec::new();
    for_each_field(bytes, |number, wire| {
        let (1, Wire::Bytes(entry)) = (number, wire) else { return None };
        let mut name = String::new();
        let mut value = Node::Null;
        for_each_field(entry, |number, wire| {
            match (number, wire) {
                (1, Wire::Bytes(key)) => name = std::str::from_utf8(key).ok()?.to_owned(),
                (2, Wire::Bytes(content)) => value = read_value(content, depth)?,
                _ => return None,
            }
            Some(())
        })?;
        members.push((name, value));
        Some(())
    })?;
    Some(Node::Object(members))
}

fn read_value(bytes: &[u8], depth: usize) -> Option<Node> {
    let mut value = Node::Null;
    for_each_field(bytes, |number, wire| {
        value = match (number, wire) {
            (1, Wire::Varint(_)) => Node::Null,
            (2, Wire::Fixed64(bits)) => Node::Number(Number::Double(f64::from_bits(bits))),
            (3, Wire::Bytes(text)) => Node::Text(std::str::from_utf8(text).ok()?.to_owned()),
            (4, Wire::Varint(flag)) => Node::Bool(flag != 0),
            (5, Wire::Bytes(content)) => read_struct(content, depth)?,
            (6, Wire::Bytes(content)) => read_list(content, depth)?,
            _ => return None,
        };
        Some(())
    })?;
    Some(value)
}

fn read_list(bytes: &[u8], depth: usize) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    let mut items = Vec::new();
    for_each_field(bytes, |number, wire| {
        let (1, Wire::Bytes(content)) = (number, wire) else { return None };
        items.push(read_value(content, depth)?);
        Some(())
    })?;
    Some(Node::List(items))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The inverse of [`decode_struct`].
    pub fn encode_struct(node: &Node) -> Vec<u8> {
        let Node::Object(members) = node else { panic!("not an object") };
        members
            .iter()
            .flat_map(|(name, value)| {
                let mut entry = field(1, name.as_bytes());
                entry.extend(field(2, &encode_value(value)));
                field(1, &entry)
            })
            .collect()
    }

    fn encode_value(node: &Node) -> Vec<u8> {
        match node {
            Node::Null => vec![1 << 3, 0],
            Node::Number(n) => [&[2 << 3 | 1][..], &n.as_f64().to_le_bytes()].concat(),
            Node::Text(text) => field(3, text.as_bytes()),
            Node::Bool(flag) => vec![4 << 3, u8::from(*flag)],
            Node::Object(_) => field(5, &encode_struct(node)),
            Node::List(items) => {
                field(6, &items.iter().flat_map(|item| field(1, &encode_value(item))).collect::<Vec<_>>())
            }
        }
    }

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        [out, content.to_vec()].concat()
    }

    #[test]
    fn truncated_and_foreign_bytes_are_no_struct() {
        let whole = encode_struct(&Node::Object(vec![("a".into(), Node::List(vec![Node::Number(Number::Whole(1))]))]));
        assert!(decode_struct(&whole).is_some());
        for end in 1..whole.len() {
            assert_eq!(decode_struct(&whole[..end]), None, "cut at {end}");
        }
        for bytes in [&b"\x12\x00"[..], b"\x0b", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0a\x02\x0a\xff"] {
            assert_eq!(decode_struct(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let deep = |n| (0..n).fold(Node::Null, |inner, _| Node::Object(vec![("a".into(), inner)]));
        assert!(decode_struct(&encode_struct(&deep(MAX_DEPTH))).is_some());
        assert!(decode_struct(&encode_struct(&deep(MAX_DEPTH + 1))).is_none());
    }
}
