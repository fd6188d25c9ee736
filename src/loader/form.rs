//! The two formats in which hosts pass the configuration: JSON, or the wire format of a protobuf `Struct`.

use super::protobuf;
use crate::node::Node;

/// Reads the plugin configuration in either format.
///
/// A `Struct` begins with byte 0x0a, which is white space in JSON, so the first byte does not distinguish them. JSON is
/// tried first, because no `Struct` is JSON.
pub fn read(bytes: &[u8]) -> Result<Node, String> {
    // A `Struct` without fields and a missing configuration are both empty.
    if bytes.is_empty() {
        return Ok(Node::Object(Vec::new()));
    }
    Node::from_json(bytes).or_else(|fault| {
        protobuf::decode_struct(bytes).ok_or_else(|| format!("neither a JSON object nor a protobuf Struct: {fault}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Number;

    #[test]
    fn both_forms_give_the_same_tree() {
        let expected = read(br#" {"a": [1, "x", true, null, {"b": 0.5}]}"#).unwrap();
        assert_eq!(read(&protobuf::tests::encode_struct(&expected)).unwrap(), expected);
    }

    #[test]
    fn both_forms_are_read_to_the_same_depth() {
        let text = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let tree = |depth| (1..depth).fold(Node::Number(Number::Whole(1)), |inner, _| Node::List(vec![inner]));
        for (depth, is_read) in [(65, true), (127, true), (128, false)] {
            let node = Node::Object(vec![("a".into(), tree(depth))]);
            assert_eq!(read(text(depth).as_bytes()).is_ok(), is_read, "JSON, {depth} deep");
            assert_eq!(read(&protobuf::tests::encode_struct(&node)).is_ok(), is_read, "Struct, {depth} deep");
        }
    }

    #[test]
    fn a_struct_whose_first_length_looks_like_a_brace_is_still_a_struct() {
        for pad in 90..130 {
            let node = Node::Object(vec![("issuers".into(), Node::Text("x".repeat(pad)))]);
            assert_eq!(read(&protobuf::tests::encode_struct(&node)), Ok(node));
        }
    }

    #[test]
    fn no_bytes_are_a_struct_without_fields() {
        assert_eq!(read(b""), read(b"{\r}"));
    }

    #[test]
    fn other_bytes_are_a_fault() {
        for bytes in [&b"\xff\xff"[..], b"{\"a\":", b"\n\x05abc"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
