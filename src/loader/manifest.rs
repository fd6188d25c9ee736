//! `resources[].manifest`: the approved tools of a server.

use super::fields::{At, Findings};
use crate::manifest::{MAX_TOOLS, Manifest, Tool, canonical};
use crate::node::Node;

/// Reads a manifest written by the command line.
pub fn read(at: &At<'_>, found: &mut Findings) -> Option<Manifest> {
    let mut fields = at.fields(found)?;
    let tools = fields.require("tools", found).and_then(|at| at.entries(found));
    fields.finish(found);
    let tools = tools?;
    if tools.len() > MAX_TOOLS {
        return found.fault(&at.path, format!("approves more than {MAX_TOOLS} tools"));
    }
    let tools = tools.into_iter().filter_map(|(name, at)| read_tool(name, &at, found)).collect();
    let manifest = Manifest::of(tools);
    if manifest.is_without_definition() {
        let lacks = "has tools without `definition`, so changes of `outputSchema`, `icons`, `_meta` and the like are not \
                     detected: write it again with `toolgate manifest`";
        found.warn(&at.path, lacks);
    }
    Some(manifest)
}

fn read_tool(name: &str, at: &At<'_>, found: &mut Findings) -> Option<Tool> {
    let mut fields = at.fields(found)?;
    let title = fields.take("title").and_then(|at| text(&at, found));
    let [description, input_schema, definition] =
        ["description", "input_schema", "definition"].map(|name| fields.take(name).and_then(|at| digest(&at, found)));
    let annotations = fields.take("annotations").and_then(|at| annotations(&at, found));
    fields.finish(found);
    Some(Tool { name: name.to_owned(), title, description, input_schema, annotations, definition })
}

fn text(at: &At<'_>, found: &mut Findings) -> Option<String> {
    match at.node {
        // A server may have an empty title.
        Node::Text(text) => Some(text.clone()),
        _ => found.fault(&at.path, format!("expected a string, got {}", at.node.type_name())),
    }
}

fn digest(at: &At<'_>, found: &mut Findings) -> Option<String> {
    let text = at.text(found)?;
    let hex = |digits: &str| digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if text.strip_prefix("sha256:").is_some_and(hex) {
        return Some(text.to_owned());
    }
    found.fault(&at.path, "must be `sha256:` and 64 hexadecimal digits in lower case")
}

fn annotations(at: &At<'_>, found: &mut Findings) -> Option<String> {
    match canonical(at.node) {
        _ if !matches!(at.node, Node::Object(_)) => {
            found.fault(&at.path, format!("expected an object, got {}", at.node.type_name()))
        }
        Ok(text) => Some(text),
        Err(fault) => found.fault(&at.path, fault.to_string()),
    }
}
