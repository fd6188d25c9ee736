//! A server's `tools/list` response.

use toolgate::manifest::Inventory;
use toolgate::node::Node;
use toolgate::sse;

use crate::output::Trouble;

/// The entries of one or more pages.
pub struct Tools {
    /// The entries, in the order of the server.
    pub entries: Vec<Node>,
    /// Partial if the last page has a `nextCursor`.
    pub inventory: Inventory,
}

impl Tools {
    /// The names, in the server's order.
    pub fn names(&self) -> Vec<&str> {
        self.entries.iter().filter_map(|tool| tool.member("name")?.as_text()).collect()
    }
}

/// Reads a response to `tools/list`: the JSON-RPC message, its result, a bare array of tools, an array of pages, or the
/// event stream that contains them. `name` is that of the file, for messages.
///
/// # Errors
/// If it is none of these.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Tools, Trouble> {
    let trouble = |what: &str| Trouble(format!("{name}: {what}"));
    let documents = match Node::from_json(bytes) {
        Ok(document) => vec![document],
        Err(fault) => {
            let events = events(bytes);
            if events.is_empty() {
                return Err(trouble(&format!("neither JSON nor an event stream: {fault}")));
            }
            events
        }
    };
    let mut pages = Vec::new();
    documents.iter().for_each(|document| collect(document, &mut pages));
    if pages.is_empty() && documents.iter().any(|document| document.member("tools").is_some_and(is_object)) {
        return Err(trouble("is a manifest, not a server's response to `tools/list`"));
    }
    if pages.is_empty() {
        let said = documents.iter().find_map(|document| document.member("error")?.member("message")?.as_text());
        let said = said.map(|said| format!(": the server says `{said}`")).unwrap_or_default();
        return Err(trouble(&format!("it contains no `tools`{said}")));
    }
    let more = pages.last().is_some_and(|page| page.next);
    Ok(Tools {
        inventory: if more { Inventory::Partial } else { Inventory::Complete },
        entries: pages.into_iter().flat_map(|page| page.tools).collect(),
    })
}

fn is_object(node: &Node) -> bool {
    node.as_list().is_none() && node.as_text().is_none()
}

/// The JSON in the events of a stream.
pub fn events<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Vec<T> {
    let mut reader = sse::EventReader::new(bytes.len());
    let mut messages = Vec::new();
    reader.feed(&[bytes, b"\n\n"].concat(), true, |piece| {
        if let sse::Piece::Event(event) = piece {
            messages.extend(event.data.and_then(|data| serde_json::from_slice(&data).ok()));
        }
    });
    messages
}

struct Page {
    tools: Vec<Node>,
    next: bool,
}

fn collect(document: &Node, pages: &mut Vec<Page>) {
    let result = document.member("result").unwrap_or(document);
    if let Some(tools) = result.member("tools").and_then(Node::as_list) {
        let next = result.optional("nextCursor").is_some();
        pages.push(Page { tools: tools.to_vec(), next });
        return;
    }
    if let Some(items) = document.as_list() {
        let bare = items.iter().all(|item| item.member("name").is_some());
        if bare && !items.is_empty() {
            pages.push(Page { tools: items.to_vec(), next: false });
        } else {
            items.iter().for_each(|item| collect(item, pages));
        }
    }
}
