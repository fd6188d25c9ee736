//! Conditions on the arguments of a call.
//!
//! A condition that cannot be evaluated denies the call. This covers arguments that are missing, have another type, or
//! that the server may parse differently.

use crate::json::{self, JsonFault, Kind, Reader};
use crate::node::Node;
use crate::pattern::Pattern;
use crate::text::{look_alike, near};
use crate::token::Claims;

/// A double does not preserve more digits than this, so two parsers may see two numbers.
const MAX_DIGITS: usize = 15;

/// One condition on one argument.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgumentTest {
    /// The path to the argument within `params.arguments`, as the tokens of a JSON Pointer (RFC 6901).
    pub path: Vec<String>,
    /// The condition on its value.
    pub condition: Condition,
}

/// A condition on a value. Strings are compared byte for byte, numbers by value.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Equal to the caller's claim at this path.
    Claim(String),
    /// Equal to this value.
    Equals(Node),
    /// Equal to one of these values.
    In(Vec<Node>),
    /// A number not greater than this.
    Max(f64),
    /// A string that matches this pattern.
    Pattern(Pattern),
}

impl ArgumentTest {
    /// Whether `arguments`, the JSON of a call's arguments, satisfies the condition for a caller with these claims.
    /// Without claims, any value may be that of a claim: the caller is anonymous, and could sign in.
    pub fn holds(&self, arguments: Option<&[u8]>, claims: Option<&Claims>) -> bool {
        let Some(value) = arguments.and_then(|arguments| argument(arguments, &self.path)) else { return false };
        match &self.condition {
            // A null claim says nothing about the caller, and a server may read a null argument as "all".
            Condition::Claim(_) if value == Node::Null => false,
            Condition::Claim(path) => {
                claims.is_none_or(|claims| claims.at(path).is_some_and(|claim| is_scalar(claim) && *claim == value))
            }
            Condition::Equals(expected) => value == *expected,
            Condition::In(accepted) => accepted.contains(&value),
            Condition::Max(most) => matches!(value, Node::Number(number) if number.as_f64() <= *most),
            // C code ends a string at its NUL.
            Condition::Pattern(pattern) => {
                value.as_text().is_some_and(|text| pattern.matches(text) && !text.contains('\0'))
            }
        }
    }
}

fn is_scalar(node: &Node) -> bool {
    !matches!(node, Node::List(_) | Node::Object(_))
}

/// The scalar at `path`, if every parser finds the same one there.
fn argument(arguments: &[u8], path: &[String]) -> Option<Node> {
    let found = find(arguments, path).filter(|found| !found.is_doubtful)?;
    let digits = found.json.iter().filter(|byte| byte.is_ascii_digit()).count();
    let number = matches!(found.json.first(), Some(b'-' | b'0'..=b'9'));
    if number && digits > MAX_DIGITS { None } else { Node::from_json(found.json).ok() }
}

/// The JSON of the scalar at `path`, as a strict parser finds it.
pub fn scalar_at<'a>(arguments: &'a [u8], path: &[String]) -> Option<&'a str> {
    find(arguments, path).and_then(|found| std::str::from_utf8(found.json).ok())
}

/// A scalar.
struct Scalar<'a> {
    json: &'a [u8],
    /// Whether a server may read another value in its place.
    is_doubtful: bool,
}

fn find<'a>(arguments: &'a [u8], path: &[String]) -> Option<Scalar<'a>> {
    // The depth was checked when the body was parsed.
    json::read(arguments, usize::MAX, |reader| Ok::<_, JsonFault>(walk(reader, path))).ok()?.ok()?
}

type Walk<'a> = Result<Option<Scalar<'a>>, JsonFault>;

fn walk<'a>(reader: &mut Reader<'a>, path: &[String]) -> Walk<'a> {
    match (reader.kind()?, path.split_first()) {
        (Kind::Object, Some((step, rest))) => member(reader, step, rest),
        (Kind::Array, Some((step, rest))) => element(reader, step, rest),
        (Kind::String | Kind::Scalar, None) => {
            reader.skip().map(|json| Some(Scalar { json: json.trim_ascii(), is_doubtful: false }))
        }
        _ => reader.skip().map(|_| None),
    }
}

/// A server may read a look-alike member instead of the named one, so a look-alike makes the value doubtful.
fn member<'a>(reader: &mut Reader<'a>, step: &str, rest: &[String]) -> Walk<'a> {
    let (mut found, mut is_doubtful) = (None, false);
    reader.object(|reader, name| {
        let name = name.decode();
        if name.as_deref() == Some(step) {
            found = walk(reader, rest)?;
            return Ok::<(), JsonFault>(());
        }
        is_doubtful |= name.is_none_or(|name| near(&name) == near(step) || look_alike(&name, &[step]).is_some());
        reader.skip().map(|_| ())
    })?;
    Ok(found.map(|found| Scalar { is_doubtful: found.is_doubtful || is_doubtful, ..found }))
}

fn element<'a>(reader: &mut Reader<'a>, step: &str, rest: &[String]) -> Walk<'a> {
    let (mut found, mut place) = (None, 0_usize);
    reader.array(|reader| {
        let is_it = place.to_string() == step;
        place += 1;
        if is_it {
            found = walk(reader, rest)?;
            return Ok::<(), JsonFault>(());
        }
        reader.skip().map(|_| ())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: f64) -> Node {
        Node::Number(crate::node::Number::Double(n))
    }

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn a_condition_holds_only_where_every_reader_sees_that_it_does() {
        let tenant = || Condition::Claim("org.id".into());
        let small = || Condition::Max(100.0);
        let cases: Vec<(&str, Condition, &str, bool)> = vec![
            ("/a", Condition::Equals(text("x")), r#"{"a":"x"}"#, true),
            ("/a", Condition::Equals(text("x")), r#"{"\u0061":"\u0078"}"#, true),
            ("/a", Condition::Equals(text("x")), r#"{"a":"X"}"#, false),
            ("/a", Condition::Equals(text("x")), r#"{"b":"x"}"#, false),
            ("/a", Condition::Equals(text("x")), r#"{"a":["x"]}"#, false),
            ("/a", Condition::Equals(text("x")), r#"["x"]"#, false),
            ("/a", Condition::Equals(text("x")), r#""x""#, false),
            ("/a", Condition::Equals(text("1")), r#"{"a":1}"#, false),
            ("/a", Condition::Equals(number(1.0)), r#"{"a":1}"#, true),
            ("/a", Condition::Equals(number(1.0)), r#"{"a":10e-1}"#, true),
            ("/a", Condition::Equals(Node::Bool(true)), r#"{"a":true}"#, true),
            ("/a", Condition::Equals(Node::Bool(true)), r#"{"a":"true"}"#, false),
            ("/a", Condition::In(vec![text("x"), number(2.0)]), r#"{"a":2}"#, true),
            ("/a", Condition::In(vec![text("x"), number(2.0)]), r#"{"a":3}"#, false),
            ("/a", Condition::Pattern(Pattern::new("/tmp/*")), r#"{"a":"/tmp/x"}"#, true),
            ("/a", Condition::Pattern(Pattern::new("/tmp/*")), r#"{"a":"/etc/x"}"#, false),
            ("/a", Condition::Pattern(Pattern::new("*")), r#"{"a":1}"#, false),
            ("/a", Condition::Pattern(Pattern::new("*")), r#"{"a":"\ud800"}"#, false),
            ("/a", small(), r#"{"a":100}"#, true),
            ("/a", small(), r#"{"a":-5}"#, true),
            ("/a", small(), r#"{"a":100.5}"#, false),
            ("/a", small(), r#"{"a":"1"}"#, false),
            ("/a", small(), r#"{"a":1e999}"#, false),
            ("/a", small(), r#"{"a":100.0000000000000001}"#, false),
            ("/a/0/b", small(), r#"{"a":[{"b":1},{"b":1000}]}"#, true),
            ("/a/1/b", small(), r#"{"a":[{"b":1},{"b":1000}]}"#, false),
            ("/a/01/b", small(), r#"{"a":[{"b":1},{"b":1}]}"#, false),
            // A server that matches names loosely would read the other one.
            ("/a", small(), r#"{"a":1,"A":1000}"#, false),
            ("/a", small(), r#"{"A":1000,"a":1}"#, false),
            ("/a", small(), r#"{"a":1,"a\u0000x":1000}"#, false),
            ("/a", small(), r#"{"a":1,"a\u200b":1000}"#, false),
            ("/a", small(), r#"{"a":1,"a\ud800":1000}"#, false),
            ("/é", small(), r#"{"é":1,"É":1000}"#, false),
            ("/a/b", small(), r#"{"a":{"b":1},"A":{"b":1000}}"#, false),
            ("/a/b", small(), r#"{"a":{"b":1},"B":1000}"#, true),
            ("/tenant", tenant(), r#"{"tenant":"acme"}"#, true),
            ("/tenant", tenant(), r#"{"tenant":"other"}"#, false),
            ("/tenant", Condition::Claim("org".into()), r#"{"tenant":"acme"}"#, false),
            ("/tenant", Condition::Claim("absent".into()), r#"{"tenant":null}"#, false),
            ("/tenant", Condition::Claim("none".into()), r#"{"tenant":null}"#, false),
            ("/a", Condition::Pattern(Pattern::new("*@x")), r#"{"a":"evil\u0000@x"}"#, false),
        ];
        let claims = Claims::parse(br#"{"org":{"id":"acme"},"none":null}"#).unwrap();
        for (pointer, condition, arguments, holds) in cases {
            let path = pointer.split('/').skip(1).map(str::to_owned).collect();
            let test = ArgumentTest { path, condition };
            assert_eq!(test.holds(Some(arguments.as_bytes()), Some(&claims)), holds, "{test:?} of {arguments}");
            assert!(!test.holds(None, Some(&claims)), "a call without arguments");
        }
    }
}
