//! The verified identity as request headers for the server.

use crate::config::{IdentityValue, Resource};
use crate::node::Node;
use crate::token::AccessToken;

/// The maximum length of a value. Servers limit their headers, and longer values are not identities.
const MAX_VALUE: usize = 1024;

/// A value that a header cannot carry unchanged. The request is denied, because an omitted or truncated identity could
/// be taken for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unforwardable;

/// The headers that `resource` forwards for `caller`. Headers of absent claims are omitted.
pub fn headers(resource: &Resource, caller: &AccessToken) -> Result<Vec<(String, String)>, Unforwardable> {
    let mut headers = Vec::new();
    for header in &resource.forwarded {
        let value = match &header.value {
            IdentityValue::Subject => caller.subject().map(str::to_owned),
            IdentityValue::Issuer => Some(caller.issuer().to_owned()),
            IdentityValue::Client => caller.client().map(str::to_owned),
            IdentityValue::Actor => caller.actors().next().map(str::to_owned),
            IdentityValue::Scope => Some(caller.scopes()).filter(|s| !s.is_empty()).map(joined).transpose()?,
            IdentityValue::Claim(path) => caller.claims().at(path).map(render).transpose()?,
        };
        if let Some(value) = value {
            headers.push((header.name.clone(), checked(value)?));
        }
    }
    Ok(headers)
}

fn render(value: &Node) -> Result<String, Unforwardable> {
    match value {
        Node::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(scalar).collect();
            joined(&items?)
        }
        _ => scalar(value),
    }
}

fn scalar(value: &Node) -> Result<String, Unforwardable> {
    match value {
        Node::Text(text) => Ok(text.clone()),
        Node::Number(number) => Ok(number.to_string()),
        Node::Bool(flag) => Ok(flag.to_string()),
        Node::List(_) | Node::Null | Node::Object(_) => Err(Unforwardable),
    }
}

/// Joins the items with spaces. An item with a space or comma could be read as two.
fn joined(items: &[String]) -> Result<String, Unforwardable> {
    if items.iter().any(|item| item.is_empty() || item.contains([' ', ','])) {
        return Err(Unforwardable);
    }
    Ok(items.join(" "))
}

/// Leading and trailing white space would be lost in transit.
fn checked(value: String) -> Result<String, Unforwardable> {
    let sound = (1..=MAX_VALUE).contains(&value.len()) && !value.chars().any(char::is_control) && value.trim() == value;
    if sound { Ok(value) } else { Err(Unforwardable) }
}
