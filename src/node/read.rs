//! Reading a tree from JSON text.

use std::fmt;

use super::{Node, Number};
use crate::json::{self, JsonFault, Kind, Reader};

/// The maximum nesting depth of containers in a document. Reading and dropping a tree recurse as deep.
pub const MAX_DEPTH: usize = 127;

/// Why bytes are not a JSON document that a tree can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    fault: JsonFault,
    line: usize,
    column: usize,
}

impl NotJson {
    /// A fault after the first `at` bytes of `json`.
    fn new(fault: JsonFault, json: &[u8], at: usize) -> Self {
        let before = json.get(..at).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        Self { fault, line, column }
    }
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.fault.message(), self.line, self.column)
    }
}

/// Reads a document.
pub(super) fn document(json: &[u8]) -> Result<Node, NotJson> {
    let mut at = 0;
    let node = json::read(json, MAX_DEPTH, |reader| {
        let node = value(reader, Duplicates::Kept);
        at = reader.offset();
        node
    });
    node.map_err(|fault| NotJson::new(fault, json, at))
}

/// Reads a document of which every reader reads the same.
pub(super) fn strict(json: &[u8], depth: usize) -> Result<Node, JsonFault> {
    json::read(json, depth, |reader| value(reader, Duplicates::Refused))
}

/// The treatment of members that occur twice in an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Duplicates {
    /// Who asks for the tree decides on them.
    Kept,
    /// They are a fault.
    Refused,
}

fn value(reader: &mut Reader<'_>, duplicates: Duplicates) -> Result<Node, JsonFault> {
    Ok(match reader.kind()? {
        Kind::Array => Node::List(list(reader, duplicates)?),
        Kind::Object => Node::Object(members(reader, duplicates)?),
        Kind::Scalar => scalar(reader.skip_text()?)?,
        Kind::String => Node::Text(text(&reader.string()?)?),
    })
}

fn list(reader: &mut Reader<'_>, duplicates: Duplicates) -> Result<Vec<Node>, JsonFault> {
    let mut list = Vec::new();
    reader.array(|reader| {
        list.push(value(reader, duplicates)?);
        Ok::<_, JsonFault>(())
    })?;
    Ok(list)
}

fn members(reader: &mut Reader<'_>, duplicates: Duplicates) -> Result<Vec<(String, Node)>, JsonFault> {
    let mut members = Vec::new();
    let end = reader.object(|reader, name| {
        members.push((text(name)?, value(reader, duplicates)?));
        Ok::<_, JsonFault>(())
    });
    match end {
        // Names are compared at the end of an object, so the reader is behind it. Objects inside are not meant: here
        // they have returned their members.
        Err(JsonFault::DuplicateMember) if duplicates == Duplicates::Kept => Ok(members),
        end => end.map(|()| members),
    }
}

/// A string. A lone surrogate is in no string of Rust.
#[inline]
fn text(text: &json::Text<'_>) -> Result<String, JsonFault> {
    text.decode().map(Into::into).ok_or(JsonFault::Utf8)
}

fn scalar(text: &str) -> Result<Node, JsonFault> {
    Ok(match text {
        "null" => Node::Null,
        "true" => Node::Bool(true),
        "false" => Node::Bool(false),
        _ => Node::Number(number(text).ok_or(JsonFault::Syntax)?),
    })
}

/// The number that `text` is: exactly, or the nearest double. `None` if it is beyond every double.
fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse() {
        return Some(Number::Whole(whole));
    }
    match text.parse() {
        // Minus zero is a double.
        Ok(negative @ ..0) => Some(Number::Negative(negative)),
        _ => text.parse().ok().filter(|double: &f64| double.is_finite()).map(Number::Double),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that are nearly JSON.
    fn nearly_json() -> impl Strategy<Value = String> {
        const PIECES: &str = r#"{ } [ ] , : " "a" "b": "\u0061": "\ud83d\ude00" "\ud800" é \ null true false 0 -0 - 1
            -7 01 1. 1.5 1e5 -2.50E-3 1e999 1e-999 18446744073709551615 18446744073709551616 -9223372036854775808
            -9223372036854775809 0.1234567890123456"#;
        let white = [" ", "\n", "\t\r", "\u{a0}", "\u{feff}", "\u{1}", "\u{7f}"];
        let pieces: Vec<_> = PIECES.split_ascii_whitespace().chain(white).collect();
        let piece = prop::sample::select(pieces);
        let soup = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
        let leaf = prop_oneof![
            soup.clone(),
            prop::sample::select(vec!["1", "-1.5", "\"x\\n\"", "null", "{}", "[]"]).prop_map(str::to_owned),
        ];
        let tree = leaf.prop_recursive(4, 32, 4, |inner| {
            let members = prop::collection::vec(("[ab]", inner.clone()), 0..4).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
                format!("{{{}}}", members.join(" ,"))
            });
            prop_oneof![members, prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(",")))]
        });
        prop_oneof![soup, tree]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn serde_json_reads_the_same_tree(text in nearly_json()) {
            let theirs = serde_json::from_str::<Node>(&text);
            // Its doubles are at most one unit in the last place off.
            prop_assert_eq!(rounded(document(text.as_bytes()).ok()), rounded(theirs.ok()), "{}", text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_strict_tree_is_that_of_a_text_without_faults(text in nearly_json()) {
            let expected = json::check(text.as_bytes(), 4).ok().and_then(|()| document(text.as_bytes()).ok());
            prop_assert_eq!(strict(text.as_bytes(), 4).ok(), expected, "{}", text);
        }
    }

    fn rounded(node: Option<Node>) -> Option<String> {
        fn round(node: &mut Node) {
            match node {
                Node::List(items) => items.iter_mut().for_each(round),
                Node::Object(members) => members.iter_mut().for_each(|(_, member)| round(member)),
                Node::Number(Number::Double(double)) => *double = format!("{double:.10e}").parse().unwrap(),
                _ => {}
            }
        }
        node.map(|mut node| {
            round(&mut node);
            format!("{node:?}")
        })
    }

    #[test]
    fn every_number_is_the_nearest_double() {
        let numbers = [
            "333333333.33333329",
            "1E30",
            "0.1234567890123456",
            "5e-324",
            "2.2250738585072014E-308",
            "-0.0",
            "-0",
            "1.7976931348623157e308",
            "9007199254740993.5",
            "123456789012345678901234567890",
            "1e23",
            "8.5e-23",
        ];
        for number in numbers {
            let Ok(Node::Number(Number::Double(found))) = document(number.as_bytes()) else { panic!("{number}") };
            assert_eq!(found.to_bits(), number.parse::<f64>().unwrap().to_bits(), "{number}");
        }
    }

    #[test]
    fn bytes_that_are_no_document_have_their_fault_and_its_position() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        let cases: &[(&[u8], &str)] = &[
            (b"", "a syntax error at line 1, column 1"),
            (b"{\"a\": 1,\n \"b\": x}", "a syntax error at line 2, column 7"),
            (b"[1e999]", "a syntax error at line 1, column 7"),
            (b"\n\n{} {}", "more text after the value at line 3, column 3"),
            (b"\"\\ud800\"", "invalid UTF-8 at line 1, column 9"),
            (b"\"\xff\"", "invalid UTF-8 at line 1, column 1"),
            (b"\xef\xbb\xbf{}", "a byte order mark at line 1, column 1"),
            (deep.as_bytes(), "too many levels at line 1, column 128"),
        ];
        for (json, fault) in cases {
            assert_eq!(document(json).unwrap_err().to_string(), *fault);
        }
    }

    #[test]
    fn members_stay_in_order_and_so_do_duplicates() {
        let json = br#"{"b":{"x":1,"x":2},"a":[{"y":1,"y":{}}],"b":null}"#;
        let Ok(Node::Object(members)) = document(json) else { panic!() };
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "b"]);
        assert_eq!(members[0].1.repeated_members(), ["x"]);
        assert_eq!(members[1].1.as_list().unwrap()[0].repeated_members(), ["y"]);
        assert_eq!(members[2].1, Node::Null);
    }
}
