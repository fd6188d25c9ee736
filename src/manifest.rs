//! Manifests: the approved definitions of a server's tools, and how a live list differs from them.
//!
//! Descriptions, input schemas and all members without a field of their own are stored as digests. That is enough to
//! detect a change and small enough for a configuration. Any change counts, because a model or a client may read any
//! member.

mod canonical;
mod drift;

pub use canonical::{NotCanonical, canonical};
pub use drift::{Change, Drift, Inventory, changes};

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::index::{Index, sorted};
use crate::json::Object;
use crate::node::Node;
use crate::text::look_alike;

/// The maximum number of tools in a manifest.
pub const MAX_TOOLS: usize = 10_000;

/// The members of a list entry that are compared one by one. All others are compared together.
const READ: [&str; 5] = ["annotations", "description", "inputSchema", "name", "title"];

/// The tools of a server, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    tools: Vec<Tool>,
}

/// The compared parts of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The name.
    pub name: String,
    /// `title`, unchanged.
    pub title: Option<String>,
    /// `sha256:` and the digest of the description in UTF-8.
    pub description: Option<String>,
    /// `sha256:` and the digest of the input schema's canonical form (RFC 8785).
    pub input_schema: Option<String>,
    /// The annotations in canonical form.
    pub annotations: Option<String>,
    /// `sha256:` and the digest of the canonical form of an object with all other members. Missing in manifests of
    /// earlier versions.
    pub definition: Option<String>,
}

/// Why a document is not a manifest, or a list not a tool list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestFault {
    /// A member resembles this one: the tool and the member.
    LookAlike(String, &'static str),
    /// A member has the wrong type: the tool and the member.
    Member(String, &'static str),
    /// An entry without a usable name: its index.
    Name(usize),
    /// A schema or annotations have no canonical form.
    NotCanonical(String, NotCanonical),
    /// Two tools have this name, and a call could reach either.
    Repeated(String),
    /// The object `tools` is missing.
    Tools,
}

impl std::fmt::Display for ManifestFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LookAlike(tool, member) => write!(f, "a member of tool `{tool}` resembles its `{member}`"),
            Self::Member(tool, member) => write!(f, "`{member}` of tool `{tool}` has the wrong type"),
            Self::Name(place) => write!(f, "tool {place} has no name"),
            Self::NotCanonical(tool, fault) => write!(f, "tool `{tool}`: {fault}"),
            Self::Repeated(tool) => write!(f, "two tools are named `{tool}`"),
            Self::Tools => f.write_str("expected an object `tools`"),
        }
    }
}

impl Manifest {
    /// Summarises the entries of `result.tools` of one or more pages.
    pub fn of_tools<'n>(tools: impl IntoIterator<Item = &'n Node>) -> Result<Self, ManifestFault> {
        let read: Result<Vec<_>, _> = tools.into_iter().enumerate().map(|(n, tool)| Tool::of(n, tool)).collect();
        Self::sorted(read?)
    }

    /// A manifest of these tools. If two have one name, one is kept.
    pub fn of(tools: Vec<Tool>) -> Self {
        Self { tools: sorted(tools, |tool| tool.name.clone()) }
    }

    /// Keeps the first `most` tools.
    pub fn first(mut self, most: usize) -> Self {
        self.tools.truncate(most);
        self
    }

    /// Parses a manifest written by [`Manifest::json`].
    pub fn read(document: &Node) -> Result<Self, ManifestFault> {
        let Some(Node::Object(tools)) = document.member("tools") else { return Err(ManifestFault::Tools) };
        let read: Result<Vec<_>, _> = tools.iter().map(|(name, tool)| Tool::approved(name, tool)).collect();
        Self::sorted(read?)
    }

    fn sorted(tools: Vec<Tool>) -> Result<Self, ManifestFault> {
        let names = Index::new(tools.iter().map(|tool| tool.name.clone()));
        match tools.iter().enumerate().find(|(place, tool)| names.place(&tool.name) != Some(*place)) {
            Some((_, tool)) => Err(ManifestFault::Repeated(tool.name.clone())),
            None => Ok(Self::of(tools)),
        }
    }

    /// The tools, sorted by name.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The tool with this name.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.place(name).map(|(_, tool)| tool)
    }

    /// The tool with this name, and its index.
    pub fn place(&self, name: &str) -> Option<(usize, &Tool)> {
        let place = self.tools.binary_search_by(|tool| tool.name.as_str().cmp(name)).ok()?;
        Some((place, self.tools.get(place)?))
    }

    /// Whether a tool was approved without `definition`, so that a change of its other members is not detected.
    pub fn is_without_definition(&self) -> bool {
        self.tools.iter().any(|tool| tool.definition.is_none())
    }

    /// The document `{"tools": {name: {...}}}`, with one line per tool.
    pub fn json(&self) -> String {
        format!("{{\n  \"tools\": {}\n}}\n", self.tools_json())
    }

    /// The value of the document's `tools`.
    pub fn tools_json(&self) -> String {
        let entry = |tool: &Tool| {
            let mut member = Object::new();
            member.text("title", tool.title.as_deref());
            member.text("description", tool.description.as_deref());
            member.text("input_schema", tool.input_schema.as_deref());
            if let Some(annotations) = &tool.annotations {
                member.raw("annotations", annotations);
            }
            member.text("definition", tool.definition.as_deref());
            let mut named = Object::new();
            named.raw_of(&tool.name, &member.finish());
            let named = named.finish();
            // Strip the braces around the single member.
            named.get(1..named.len().saturating_sub(1)).map(|member| format!("    {member}")).unwrap_or_default()
        };
        let entries: Vec<_> = self.tools.iter().map(entry).collect();
        format!("{{\n{}\n  }}", entries.join(",\n"))
    }
}

impl Tool {
    /// Replaces long values with digests, for storage. They still differ from the approved values.
    pub fn shortened(mut self) -> Self {
        const MOST: usize = 256;
        for text in [&mut self.title, &mut self.annotations] {
            *text = text.take().map(|text| if text.len() > MOST { format!("\"{}\"", digest(&text)) } else { text });
        }
        self
    }

    /// A tool of which only the name is readable. It differs from every other tool.
    pub fn unreadable(name: &str) -> Self {
        let description = Some("unreadable".to_owned());
        let name = name.to_owned();
        Self { name, title: None, description, input_schema: None, annotations: None, definition: None }
    }

    /// Summarises the list entry at `place`.
    fn of(place: usize, tool: &Node) -> Result<Self, ManifestFault> {
        let name = tool.member("name").and_then(Node::as_text).filter(|name| !name.is_empty());
        let name = name.ok_or(ManifestFault::Name(place))?.to_owned();
        // A careless client would show the look-alike member to a model.
        if let Some(member) = tool.member_names().find_map(|member| look_alike(member, &READ)) {
            return Err(ManifestFault::LookAlike(name, member));
        }
        let form = |value| canonical(value).map_err(|fault| ManifestFault::NotCanonical(name.clone(), fault));
        let member = |name| tool.member(name).filter(|value| **value != Node::Null).map(form).transpose();
        let description = text(&name, tool, "description")?;
        let (schema, annotations) = (member("inputSchema")?, member("annotations")?);
        let Node::Object(members) = tool else { return Err(ManifestFault::Name(place)) };
        let is_other = |(name, value): &&(String, Node)| !READ.contains(&name.as_str()) && *value != Node::Null;
        let others = form(&Node::Object(members.iter().filter(is_other).cloned().collect()))?;
        Ok(Self {
            title: text(&name, tool, "title")?,
            description: description.map(|text| digest(&text)),
            input_schema: schema.map(|text| digest(&text)),
            annotations,
            definition: Some(digest(&others)),
            name,
        })
    }

    /// Reads an entry of a manifest.
    fn approved(name: &str, tool: &Node) -> Result<Self, ManifestFault> {
        let annotations = tool.member("annotations").map(canonical).transpose();
        let annotations = annotations.map_err(|fault| ManifestFault::NotCanonical(name.to_owned(), fault))?;
        Ok(Self {
            name: name.to_owned(),
            title: text(name, tool, "title")?,
            description: text(name, tool, "description")?,
            input_schema: text(name, tool, "input_schema")?,
            annotations,
            definition: text(name, tool, "definition")?,
        })
    }
}

fn text(tool: &str, node: &Node, member: &'static str) -> Result<Option<String>, ManifestFault> {
    match node.member(member) {
        None | Some(Node::Null) => Ok(None),
        Some(Node::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ManifestFault::Member(tool.to_owned(), member)),
    }
}

/// `sha256:` and the digest in hexadecimal.
pub fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold("sha256:".to_owned(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        serde_json::from_str(text).unwrap()
    }

    fn manifest(tools: &str) -> Result<Manifest, ManifestFault> {
        Manifest::of_tools(node(tools).as_list().unwrap())
    }

    #[test]
    fn a_digest_is_that_of_the_bytes() {
        // The example of FIPS 180-4.
        assert_eq!(digest("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_written_reads_back() {
        let tools = r#"[
            {"name":"b","title":"B \"quoted\"","description":"é","inputSchema":{"type":"object"},"annotations":{"z":1,"a":true}},
            {"name":"a.[0]"}
        ]"#;
        let manifest = manifest(tools).unwrap();
        assert_eq!(manifest.tools().iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a.[0]", "b"]);
        assert_eq!(manifest.tool("b").unwrap().annotations.as_deref(), Some(r#"{"a":true,"z":1}"#));
        assert_eq!(Manifest::read(&node(&manifest.json())), Ok(manifest));
    }

    #[test]
    fn the_order_and_the_spelling_of_members_do_not_count() {
        let one = r#"[{"name":"a","inputSchema":{"type":"object","properties":{"n":{"maximum":1e2}}}}]"#;
        let other = r#"[{"inputSchema":{"properties":{"n":{"maximum":100.0}},"ty\u0070e":"object"},"name":"a"}]"#;
        assert_eq!(manifest(one), manifest(other));
    }

    #[test]
    fn what_is_no_list_of_tools_is_a_fault() {
        for (tools, fault) in [
            (r#"[{"name":"a"},{"name":"a"}]"#, ManifestFault::Repeated("a".into())),
            (r#"[{"name":"a"},{"name":1}]"#, ManifestFault::Name(1)),
            (r#"[{"name":""}]"#, ManifestFault::Name(0)),
            (r#"[{"name":"a","Title":"x"}]"#, ManifestFault::LookAlike("a".into(), "title")),
            (r#"[{"name":"a","inputschema":{}}]"#, ManifestFault::LookAlike("a".into(), "inputSchema")),
            (r#"[{"name":"a","title":1}]"#, ManifestFault::Member("a".into(), "title")),
            (
                r#"[{"name":"a","inputSchema":{"x":1,"x":2}}]"#,
                ManifestFault::NotCanonical("a".into(), NotCanonical::Repeated("x".into())),
            ),
        ] {
            assert_eq!(manifest(tools), Err(fault), "{tools}");
        }
        assert_eq!(Manifest::read(&node("[]")), Err(ManifestFault::Tools));
    }
}
