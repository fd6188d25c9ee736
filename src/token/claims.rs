//! Reading claims: of the right type, or a fault.

use serde_json::Value;

use super::{Claims, TokenError};
use crate::config::Node;

/// The list of a claim that is a string with spaces (RFC 8693 section 4.2) or an array of strings.
pub fn scope_list(claims: &Claims, names: &[String]) -> Result<Vec<String>, TokenError> {
    let Some(value) = names.iter().find_map(|name| claims.get(name)) else {
        return Ok(Vec::new());
    };
    match value {
        Value::String(text) => Ok(text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()),
        _ => strings(value),
    }
}

/// `aud`: a string, or an array of strings (RFC 7519 section 4.1.3). Empty is absent.
pub fn audiences(claims: &Claims) -> Result<Vec<String>, TokenError> {
    match claims.get("aud") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(several) => strings(several),
    }
}

/// A claim that is a string where it is present.
pub fn text<'a>(claims: &'a Claims, name: &str) -> Result<Option<&'a str>, TokenError> {
    claims.get(name).map(|value| value.as_str().ok_or(TokenError::ClaimMalformed)).transpose()
}

/// The first of several claims that is present, which must be a string.
pub fn first_text<'a>(claims: &'a Claims, names: &[String]) -> Result<Option<&'a str>, TokenError> {
    names.iter().find(|name| claims.contains_key(*name)).map_or(Ok(None), |name| text(claims, name))
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, fractions included.
pub fn date(claims: &Claims, name: &str) -> Result<Option<f64>, TokenError> {
    claims.get(name).map(|value| value.as_f64().ok_or(TokenError::ClaimMalformed)).transpose()
}

fn strings(value: &Value) -> Result<Vec<String>, TokenError> {
    let items = value.as_array().ok_or(TokenError::ClaimMalformed)?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or(TokenError::ClaimMalformed)).collect()
}

/// A claim and the value it must have, or hold if it is an array.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimTest {
    /// The claim's name.
    pub name: String,
    /// The value.
    pub expected: Node,
}

impl ClaimTest {
    /// Whether the claims pass.
    pub fn holds(&self, claims: &Claims) -> bool {
        claims.get(&self.name).is_some_and(|actual| {
            let held = actual.as_array().is_some_and(|items| items.iter().any(|item| equal(item, &self.expected)));
            held || equal(actual, &self.expected)
        })
    }
}

fn equal(actual: &Value, expected: &Node) -> bool {
    match (actual, expected) {
        (Value::Null, Node::Null) => true,
        (Value::Bool(a), Node::Bool(b)) => a == b,
        #[allow(clippy::float_cmp)]
        (Value::Number(a), Node::Number(b)) => a.as_f64() == Some(*b),
        (Value::String(a), Node::Text(b)) => a == b,
        (Value::Array(a), Node::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Node::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(name, b)| a.get(name).is_some_and(|a| equal(a, b)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_first_present_scope_claim_counts_as_string_or_array() {
        let names = ["scope".to_owned(), "scp".to_owned()];
        let cases: &[(&str, Result<&[&str], TokenError>)] = &[
            (r#"{"scope":"a b"}"#, Ok(&["a", "b"])),
            (r#"{"scp":["a","b"]}"#, Ok(&["a", "b"])),
            (r#"{"scope":"a","scp":["b"]}"#, Ok(&["a"])),
            (r#"{"scope":"","scp":["b"]}"#, Ok(&[])),
            (r#"{"scope":" a  b "}"#, Ok(&["a", "b"])),
            (r#"{}"#, Ok(&[])),
            (r#"{"scope":1}"#, Err(TokenError::ClaimMalformed)),
            (r#"{"scope":["a",1]}"#, Err(TokenError::ClaimMalformed)),
            (r#"{"scope":null}"#, Err(TokenError::ClaimMalformed)),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|scopes| scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
            assert_eq!(scope_list(&claims(text), &names), expected, "{text}");
        }
    }

    #[test]
    fn a_claim_test_is_equality_or_membership() {
        let test = |expected| ClaimTest { name: "org".into(), expected };
        let acme = || Node::Text("acme".into());
        for (text, expected, holds) in [
            (r#"{"org":"acme"}"#, acme(), true),
            (r#"{"org":["x","acme"]}"#, acme(), true),
            (r#"{"org":"Acme"}"#, acme(), false),
            (r#"{"org":null}"#, acme(), false),
            (r#"{}"#, Node::Null, false),
            (r#"{"org":7}"#, Node::Number(7.0), true),
            (r#"{"org":true}"#, Node::Text("true".into()), false),
            (r#"{"org":["acme"]}"#, Node::List(vec![acme()]), true),
        ] {
            assert_eq!(test(expected).holds(&claims(text)), holds, "{text}");
        }
    }
}
