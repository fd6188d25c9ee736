//! Exact numbers. serde_json is at most one unit in the last place off without its own large tables, which would add
//! 24 kB to the module. The standard library, whose tables the module has anyway, reads the same text exactly.

use super::{Node, Number};

/// Replaces each double of `node` by the one nearest to its text in `json`, the valid document that `node` was read
/// from.
pub(super) fn correct(node: &mut Node, json: &[u8]) {
    if has_double(node) {
        replace(node, &mut Numbers { rest: json });
    }
}

fn has_double(node: &Node) -> bool {
    match node {
        Node::Number(Number::Double(_)) => true,
        Node::List(items) => items.iter().any(has_double),
        Node::Object(members) => members.iter().any(|(_, member)| has_double(member)),
        _ => false,
    }
}

fn replace(node: &mut Node, numbers: &mut Numbers<'_>) {
    match node {
        Node::Number(number) => {
            let exact = numbers.next().and_then(|text| text.parse().ok());
            if let (Number::Double(double), Some(exact)) = (number, exact) {
                *double = exact;
            }
        }
        Node::List(items) => items.iter_mut().for_each(|item| replace(item, numbers)),
        Node::Object(members) => members.iter_mut().for_each(|(_, member)| replace(member, numbers)),
        _ => {}
    }
}

/// The numbers of a valid JSON document, in their order.
struct Numbers<'j> {
    rest: &'j [u8],
}

impl<'j> Iterator for Numbers<'j> {
    type Item = &'j str;

    fn next(&mut self) -> Option<&'j str> {
        loop {
            let (first, rest) = self.rest.split_first()?;
            if matches!(first, b'-' | b'0'..=b'9') {
                let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let length = self.rest.iter().take_while(|byte| is_part(byte)).count();
                let (number, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                return std::str::from_utf8(number).ok();
            }
            self.rest = if *first == b'"' { after_string(rest) } else { rest };
        }
    }
}

/// The document after a string, whose opening quotation mark was read.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some((first, after)) = rest.split_first() {
        match first {
            b'"' => return after,
            b'\\' => rest = after.get(1..).unwrap_or_default(),
            _ => rest = after,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_the_nearest_double() {
        let numbers = [
            "333333333.33333329",
            "1E30",
            "0.1234567890123456",
            "5e-324",
            "2.2250738585072014E-308",
            "-0.0",
            "1.7976931348623157e308",
            "9007199254740993.5",
            "123456789012345678901234567890",
            "1e23",
            "8.5e-23",
        ];
        for number in numbers {
            let json = format!(
                r#"{{"a\"1.5\\":[7,"-2.5\u0031",{number},[]],"b":{{"c":-{},"c":1.5}}}}"#,
                number.trim_start_matches('-')
            );
            let node = Node::from_json(json.as_bytes()).unwrap();
            let Node::Object(members) = &node else { panic!("{json}") };
            let found = members[0].1.as_list().unwrap()[2].clone();
            let negated = members[1].1.member("c").unwrap();
            let exact: f64 = number.parse().unwrap();
            for (found, expected) in [(&found, exact), (negated, -exact.abs())] {
                let Node::Number(Number::Double(found)) = found else { panic!("{json}: {found:?}") };
                assert_eq!(found.to_bits(), expected.to_bits(), "{json}");
            }
        }
    }

    #[test]
    fn a_number_beyond_any_double_is_an_error() {
        assert!(Node::from_json(b"1e999").is_err());
    }
}
