//! The canonical form of JSON (RFC 8785): equal values have equal texts.

use std::fmt::{self, Write};

use crate::index::sorted;
use crate::node::Node;

/// Why a value has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCanonical {
    /// A number is outside the range of a double.
    Number,
    /// An object has a duplicate member (RFC 7493 section 2.3).
    Repeated(String),
}

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => f.write_str("a number is outside the range of a double"),
            Self::Repeated(name) => write!(f, "`{name}` is given twice"),
        }
    }
}

/// The canonical form of `value`.
pub fn canonical(value: &Node) -> Result<String, NotCanonical> {
    let mut out = String::new();
    write_value(value, &mut out)?;
    Ok(out)
}

fn write_value(value: &Node, out: &mut String) -> Result<(), NotCanonical> {
    match value {
        Node::Null => out.push_str("null"),
        Node::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Node::Number(number) => {
            let number = number.as_f64();
            if !number.is_finite() {
                return Err(NotCanonical::Number);
            }
            // Section 3.2.2.3: numbers are written as in ECMAScript, so -0 is written as 0.
            out.push_str(ryu_js::Buffer::new().format_finite(number));
        }
        Node::Text(text) => write_string(text, out),
        Node::List(items) => {
            for (n, item) in items.iter().enumerate() {
                out.push(if n == 0 { '[' } else { ',' });
                write_value(item, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Node::Object(members) => write_object(value, members, out)?,
    }
    Ok(())
}

fn write_object(value: &Node, members: &[(String, Node)], out: &mut String) -> Result<(), NotCanonical> {
    if let Some(name) = value.repeated_members().first() {
        return Err(NotCanonical::Repeated((*name).to_owned()));
    }
    // Section 3.2.3: sort by UTF-16 code units, which differs from the order of UTF-8 bytes. Mapping each unit to its
    // own character outside the surrogates keeps the order.
    let units =
        |name: &str| name.encode_utf16().filter_map(|unit| char::from_u32(0x1_0000 + u32::from(unit))).collect();
    let members = sorted(members.iter().collect(), |(name, _)| units(name));
    out.push('{');
    for (n, (name, member)) in members.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write_value(member, out)?;
    }
    out.push('}');
    Ok(())
}

/// Section 3.2.2.2: escapes only the characters that require it.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<String, NotCanonical> {
        canonical(&Node::from_json(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_examples_of_the_rfc_come_out_as_printed() {
        // Section 3.2.2, and the order of section 3.2.3.
        let text = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(form(text).unwrap(), expected);
        let order = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(form(order).unwrap(), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}");
    }

    #[test]
    fn numbers_are_written_as_ecmascript_does() {
        // Appendix B.
        for (text, expected) in [
            ("-0", "0"),
            ("0.0", "0"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740992", "9007199254740992"),
            ("295147905179352830000", "295147905179352830000"),
            ("9.999999999999997e22", "9.999999999999997e+22"),
            ("1e+21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("18446744073709551615", "18446744073709552000"),
            ("-7", "-7"),
        ] {
            assert_eq!(form(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn empty_and_nested_containers_keep_their_kind() {
        assert_eq!(form(" [ [], {} , [1 , {\"a\" : [ ] }] ] ").unwrap(), "[[],{},[1,{\"a\":[]}]]");
    }

    #[test]
    fn a_member_given_twice_has_no_form() {
        assert_eq!(form(r#"{"a":[{"b":1,"b":1}]}"#), Err(NotCanonical::Repeated("b".into())));
    }
}
