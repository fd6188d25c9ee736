//! Reading claims. A claim of the wrong type is an error.

use super::TokenError;
use crate::index::Index;
use crate::node::Node;

/// A token's claims set or header: a JSON object without duplicate names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Vec<(String, Node)>);

impl Claims {
    /// Parses strict JSON. `None` if it is not an object.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match Node::from_strict_json(bytes, MAX_DEPTH).ok()? {
            Node::Object(members) => Some(Self(members)),
            _ => None,
        }
    }

    /// Unverified claims.
    #[cfg(feature = "explain")]
    pub(super) fn assumed(claims: Vec<(String, Node)>) -> Self {
        Self(claims)
    }

    /// The claim `name`. `null` counts as absent, because many providers serialise unknown values so.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(own, value)| own == name && *value != Node::Null).map(|(_, value)| value)
    }

    /// The claim at `path`. The whole path is tried as one name first, because namespaced names contain dots.
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.get(path).or_else(|| {
            let (first, rest) = path.split_once('.')?;
            rest.split('.').try_fold(self.get(first)?, |value, name| value.optional(name))
        })
    }

    /// Adds the members of `others` whose names are missing. The names are indexed, because both sets may be long.
    pub fn add_missing(&mut self, others: &Self) {
        let present = self.0.iter().filter(|(_, value)| *value != Node::Null);
        let present = Index::new(present.map(|(name, _)| name.clone()));
        self.0.extend(others.0.iter().filter(|(name, _)| !present.contains(name)).cloned());
    }

    /// The size in memory, in bytes.
    pub fn weight(&self) -> usize {
        Node::members_heap(&self.0)
    }

    /// Whether the claim `name` has a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the header requires an extension: `crit` (RFC 7515 section 4.1.11) or `b64` (RFC 7797). Both count as
    /// present even if `null`, because other parsers may differ on that.
    pub fn asks_for_extension(&self) -> bool {
        self.0.iter().any(|(name, _)| matches!(name.as_str(), "crit" | "b64"))
    }
}

/// The maximum nesting depth of a header or claims set. Real tokens have four or five levels.
const MAX_DEPTH: usize = 32;

/// The first claim present, by name or path: a space-separated string (RFC 8693 section 4.2) or an array of strings.
pub fn scope_list(claims: &Claims, names: &[String]) -> Result<Vec<String>, TokenError> {
    let Some(value) = names.iter().find_map(|name| claims.at(name)) else {
        return Ok(Vec::new());
    };
    match value {
        Node::Text(text) => Ok(text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()),
        _ => strings(value),
    }
}

/// `aud`: a string or an array of strings (RFC 7519 section 4.1.3). Empty if absent.
pub fn audiences(claims: &Claims) -> Result<Box<[Box<str>]>, TokenError> {
    match claims.get("aud") {
        None => Ok(Box::default()),
        Some(Node::Text(one)) => Ok(Box::new([one.as_str().into()])),
        Some(several) => strings(several),
    }
}

/// A claim that must be a string if present.
#[inline]
pub fn text<'a>(claims: &'a Claims, name: &str) -> Result<Option<&'a str>, TokenError> {
    claims.get(name).map(|value| value.as_text().ok_or(TokenError::ClaimMalformed)).transpose()
}

/// The first of several claims that is present. It must be a string.
pub fn first_text<'a>(claims: &'a Claims, names: &[String]) -> Result<Option<&'a str>, TokenError> {
    names.iter().find(|name| claims.has(name)).map_or(Ok(None), |name| text(claims, name))
}

/// The maximum number of actors. Each is a service that forwards a call of the previous one.
const MAX_ACTORS: usize = 8;

/// Checks `act` (RFC 8693 section 4.1): at each level, an object whose `sub` is a string. A caller whose actor cannot be
/// read could be taken for one who acts for himself.
pub fn check_actors(claims: &Claims) -> Result<(), TokenError> {
    let is_actor = |act: &Node| act.optional("sub").and_then(Node::as_text).is_some();
    let is_sound = acts(claims).all(is_actor) && acts(claims).count() <= MAX_ACTORS;
    if is_sound { Ok(()) } else { Err(TokenError::ActMalformed) }
}

/// The subjects in `act`, from the outermost to the innermost.
pub fn actors(claims: &Claims) -> impl Iterator<Item = &str> {
    acts(claims).filter_map(|act| act.optional("sub")?.as_text())
}

fn acts(claims: &Claims) -> impl Iterator<Item = &Node> {
    std::iter::successors(claims.get("act"), |act| act.optional("act"))
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, fractions included.
#[inline]
pub fn date(claims: &Claims, name: &str) -> Result<Option<f64>, TokenError> {
    let number = |value: &Node| match value {
        Node::Number(number) => Ok(number.as_f64()),
        _ => Err(TokenError::ClaimMalformed),
    };
    claims.get(name).map(number).transpose()
}

fn strings<T: for<'t> From<&'t str>, L: FromIterator<T>>(value: &Node) -> Result<L, TokenError> {
    let items = value.as_list().ok_or(TokenError::ClaimMalformed)?;
    items.iter().map(|item| item.as_text().map(T::from).ok_or(TokenError::ClaimMalformed)).collect()
}

/// A test on a claim: its value equals the expected one, or is an array that contains it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimTest {
    /// The name of the claim.
    pub name: String,
    /// The expected value.
    pub expected: Node,
}

impl ClaimTest {
    /// Whether the claims pass the test.
    pub fn holds(&self, claims: &Claims) -> bool {
        self.accepts(claims.get(&self.name))
    }

    /// Like [`Self::holds`], but the name may be a path ([`Claims::at`]).
    pub fn holds_at_path(&self, claims: &Claims) -> bool {
        self.accepts(claims.at(&self.name))
    }

    fn accepts(&self, actual: Option<&Node>) -> bool {
        actual.is_some_and(|actual| {
            *actual == self.expected || actual.as_list().is_some_and(|items| items.contains(&self.expected))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::parse(text.as_bytes()).unwrap()
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
            (r#"{"scope":null}"#, Ok(&[])),
            (r#"{"scope":null,"scp":["b"]}"#, Ok(&["b"])),
            (r#"{"scope":[null]}"#, Err(TokenError::ClaimMalformed)),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|scopes| scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
            assert_eq!(scope_list(&claims(text), &names), expected, "{text}");
        }
    }

    #[test]
    fn claims_of_another_source_are_added_where_there_are_none() {
        let mut own = claims(r#"{"a":1,"b":null}"#);
        own.add_missing(&claims(r#"{"a":2,"b":3,"c":4}"#));
        let number = |n| Some(Node::Number(crate::node::Number::Whole(n)));
        assert_eq!(["a", "b", "c", "d"].map(|name| own.get(name).cloned()), [number(1), number(3), number(4), None]);
    }

    #[test]
    fn many_claims_are_added_in_less_than_quadratic_time() {
        let many = |first: usize| Claims((first..first + 100_000).map(|n| (n.to_string(), Node::Bool(true))).collect());
        let (mut own, others) = (many(0), many(50_000));
        // A comparison of each with each would take minutes.
        own.add_missing(&others);
        assert_eq!(own.0.len(), 150_000);
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
            (r#"{"org":7}"#, Node::Number(crate::node::Number::Double(7.0)), true),
            (r#"{"org":true}"#, Node::Text("true".into()), false),
            (r#"{"org":["acme"]}"#, Node::List(vec![acme()]), true),
        ] {
            assert_eq!(test(expected).holds(&claims(text)), holds, "{text}");
        }
    }
}
