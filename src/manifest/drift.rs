//! What a live list of tools differs in from the approved manifest.

use super::{Manifest, Tool};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The tool's name.
    pub tool: String,
    /// What is another.
    pub change: Change,
}

/// What may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new: nobody has approved it.
    Added,
    /// Its annotations are others.
    Annotations,
    /// Another member of it differs: its output schema, its icons, `_meta`, ...
    Definition,
    /// Its description is another.
    Description,
    /// Its input schema is another.
    InputSchema,
    /// It is gone.
    Removed,
    /// Two entries have its name.
    Repeated,
    /// Its title is another.
    Title,
}

impl Change {
    /// The stable code of records.
    pub fn code(self) -> &'static str {
        match self {
            Self::Added => "tool_added",
            Self::Annotations => "annotations_changed",
            Self::Definition => "definition_changed",
            Self::Description => "description_changed",
            Self::InputSchema => "input_schema_changed",
            Self::Removed => "tool_removed",
            Self::Repeated => "tool_repeated",
            Self::Title => "title_changed",
        }
    }
}

/// Whether a live list is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inventory {
    /// All pages were read: what is not in them is gone.
    Complete,
    /// A part: what is not in it may stand elsewhere.
    Partial,
}

impl Manifest {
    /// What `live` differs in from this approved manifest, sorted by the tools' names.
    pub fn drift(&self, live: &Self, inventory: Inventory) -> Vec<Drift> {
        let mut found: Vec<Drift> = live
            .tools
            .iter()
            .flat_map(|tool| match self.tool(&tool.name) {
                Some(approved) => changes(approved, tool),
                None => vec![Drift { tool: tool.name.clone(), change: Change::Added }],
            })
            .collect();
        if inventory == Inventory::Complete {
            let gone = self.tools.iter().filter(|tool| live.tool(&tool.name).is_none());
            found.extend(gone.map(|tool| Drift { tool: tool.name.clone(), change: Change::Removed }));
        }
        found.sort_by(|a, b| a.tool.cmp(&b.tool));
        found
    }
}

/// What `live` differs in from what was approved of the same tool.
pub fn changes(approved: &Tool, live: &Tool) -> Vec<Drift> {
    let differs = [
        (Change::Title, approved.title != live.title),
        (Change::Description, approved.description != live.description),
        (Change::InputSchema, approved.input_schema != live.input_schema),
        (Change::Annotations, approved.annotations != live.annotations),
        // A manifest that was written before there was this member does not tell.
        (Change::Definition, approved.definition.is_some() && approved.definition != live.definition),
    ];
    let changed = differs.into_iter().filter(|(_, differs)| *differs);
    changed.map(|(change, _)| Drift { tool: live.name.clone(), change }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;

    fn manifest(tools: &str) -> Manifest {
        Manifest::of_tools(serde_json::from_str::<Node>(tools).unwrap().as_list().unwrap()).unwrap()
    }

    #[test]
    fn each_difference_is_told_apart() {
        let approved =
            manifest(r#"[{"name":"a","description":"x","inputSchema":{},"annotations":{"readOnlyHint":true}}]"#);
        let cases: &[(&str, &[&str])] = &[
            (r#"[{"name":"a","description":"x","inputSchema":{},"annotations":{"readOnlyHint":true}}]"#, &[]),
            (
                r#"[{"name":"a","description":"y","inputSchema":{},"annotations":{"readOnlyHint":true}}]"#,
                &["description_changed"],
            ),
            (
                r#"[{"name":"a","inputSchema":{"x":1},"annotations":{"readOnlyHint":true}}]"#,
                &["description_changed", "input_schema_changed"],
            ),
            (
                r#"[{"name":"a","title":"A","description":"x","inputSchema":{}}]"#,
                &["title_changed", "annotations_changed"],
            ),
            (
                r#"[{"name":"a","description":"x","inputSchema":{},"annotations":{"readOnlyHint":true},"_meta":{}}]"#,
                &["definition_changed"],
            ),
            (r#"[{"name":"b"}]"#, &["tool_removed", "tool_added"]),
            ("[]", &["tool_removed"]),
        ];
        for (live, expected) in cases {
            let drift = approved.drift(&manifest(live), Inventory::Complete);
            assert_eq!(drift.iter().map(|drift| drift.change.code()).collect::<Vec<_>>(), *expected, "{live}");
        }
        assert_eq!(approved.drift(&manifest("[]"), Inventory::Partial), []);
    }
}
