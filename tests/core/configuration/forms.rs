//! The two forms of a configuration, and values of wrong types, unknown members and repeated members in it.

use super::{full, text};
use crate::support::core::{faults, minimal, node, parse, to_struct};
use toolgate::node::{Node, Number};

/// Objects whose member names are the user's own.
const FREE_NAMES: &[&str] = &[
    "claims",
    "required_claims",
    "hierarchy",
    "headers",
    "policy.tools",
    "policy.prompts",
    "policy.resources",
    "policy.methods",
];

fn has_free_names(path: &str) -> bool {
    FREE_NAMES.iter().any(|name| path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Keys are read as one value each: members that a key's user does not know
/// are to be ignored (RFC 7517 section 4).
fn is_key(path: &str) -> bool {
    path.contains(".jwks.keys[")
}

/// Calls `visit` with the path of each value of the tree, and with what gives
/// the whole tree with another value in that place.
fn each_value(root: &Node, visit: &mut dyn FnMut(&str, &Node, &dyn Fn(Node) -> Node)) {
    walk("", root, &|node| node, visit);
}

fn walk(
    path: &str,
    node: &Node,
    replace: &dyn Fn(Node) -> Node,
    visit: &mut dyn FnMut(&str, &Node, &dyn Fn(Node) -> Node),
) {
    visit(path, node, replace);
    if is_key(path) {
        return;
    }
    match node {
        Node::Object(members) => {
            for (n, (name, inner)) in members.iter().enumerate() {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let replace = |new| {
                    let mut members = members.clone();
                    members[n].1 = new;
                    replace(Node::Object(members))
                };
                walk(&path, inner, &replace, visit);
            }
        }
        Node::List(items) => {
            for (n, inner) in items.iter().enumerate() {
                let replace = |new| {
                    let mut items = items.clone();
                    items[n] = new;
                    replace(Node::List(items))
                };
                walk(&format!("{path}[{n}]"), inner, &replace, visit);
            }
        }
        _ => {}
    }
}

#[test]
fn no_value_of_a_wrong_type_is_ignored() {
    let wrong = [
        Node::Null,
        Node::Bool(true),
        Node::Number(Number::Whole(3)),
        text("x"),
        Node::List(vec![]),
        Node::Object(vec![]),
    ];
    let mut tried = 0;
    each_value(&node(&full()), &mut |path, value, replace| {
        let is_claim = path.contains("claims.") && !path.contains("scope_claims") && !path.contains("client_claims");
        for other in &wrong {
            let scalar = |node: &Node| matches!(node, Node::Bool(_) | Node::Number(_) | Node::Text(_));
            if other.type_name() == value.type_name() || (is_claim && scalar(other)) {
                continue;
            }
            let found = faults(&replace(other.clone()));
            let told = found.iter().any(|(at, _)| at == path);
            assert!(told, "`{path}` as {}: {found:?}", other.type_name());
            tried += 1;
        }
    });
    assert!(tried > 500, "only {tried} replacements were tried");
}

#[test]
fn no_unknown_member_is_ignored() {
    let mut tried = 0;
    each_value(&node(&full()), &mut |path, value, replace| {
        let Node::Object(members) = value else { return };
        if has_free_names(path) || is_key(path) {
            return;
        }
        for name in ["surprise", "Name", "scopes ", "x.y"] {
            let mut members = members.clone();
            members.push((name.to_owned(), Node::Bool(true)));
            let expected = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            assert_eq!(
                faults(&replace(Node::Object(members))),
                [(expected, "unknown field".to_owned())],
                "in `{path}`"
            );
            tried += 1;
        }
    });
    assert!(tried >= 60, "only {tried} members were tried");
}

#[test]
fn no_member_given_twice_is_ignored() {
    let mut tried = 0;
    each_value(&node(&full()), &mut |path, value, replace| {
        let Node::Object(members) = value else { return };
        for (name, member) in members {
            let expected = match (is_key(path), path.is_empty()) {
                (true, _) => path.to_owned(),
                (false, true) => name.clone(),
                (false, false) => format!("{path}.{name}"),
            };
            for place in [0, members.len()] {
                let mut members = members.clone();
                members.insert(place, (name.clone(), member.clone()));
                let found = faults(&replace(Node::Object(members)));
                assert!(found.iter().any(|(at, _)| *at == expected), "`{name}` twice in `{path}`: {found:?}");
                tried += 1;
            }
        }
    });
    assert!(tried > 150, "only {tried} members were tried");
    let found = faults(
        &serde_json::from_slice(
            br#"{"issuers":[],"pass":[],"pass":[],"batches":"reject","batches":"reject","resources":[]}"#,
        )
        .unwrap(),
    );
    let twice: Vec<_> =
        found.iter().filter(|(_, message)| message.contains("twice")).map(|(path, _)| path.as_str()).collect();
    assert_eq!(twice, ["batches", "pass"], "every one of them is told");
}

#[test]
fn bytes_that_are_neither_form_are_refused() {
    let whole = to_struct(&node(&minimal()));
    let mut cases: Vec<Vec<u8>> =
        vec![vec![], b"{".to_vec(), b"null".to_vec(), b"[]".to_vec(), b"{} {}".to_vec(), vec![0xff; 8]];
    cases.extend((0..whole.len()).step_by(7).map(|end| whole[..end].to_vec()));
    for bytes in cases {
        assert!(parse(&bytes).is_err(), "{:?}", String::from_utf8_lossy(&bytes));
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(deep.as_bytes()).is_err(), "nesting is no way to end a worker");
    assert!(parse(format!("\n {} \r\n", minimal()).as_bytes()).is_ok(), "white space around JSON");
}
