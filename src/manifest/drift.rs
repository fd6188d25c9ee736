//! Differences between a live tool list and the approved manifest.

use super::{Manifest, Tool};

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The name of the tool.
    pub tool: String,
    /// The kind of change.
    pub change: Change,
}

/// Kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The tool is new and not approved.
    Added,
    /// The annotations differ.
    Annotations,
    /// Another member differs, such as the output schema, the icons or `_meta`.
    Definition,
    /// The description differs.
    Description,
    /// The input schema differs.
    InputSchema,
    /// The tool was removed.
    Removed,
    /// Two entries have the tool's name.
    Repeated,
    /// The title differs.
    Title,
}

impl Change {
    /// The stable code in records.
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

/// Whether a live list is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inventory {
    /// All pages were read, so a missing tool was removed.
    Complete,
    /// Only some pages were read, so a missing tool may be on another.
    Partial,
}

impl Manifest {
    /// The differences of `live` from this approved manifest, sorted by tool name.
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

/// The differences of `live` from the approved definition of the same tool.
pub fn changes(approved: &Tool, live: &Tool) -> Vec<Drift> {
    let differs = [
        (Change::Title, approved.title != live.title),
        (Change::Description, approved.description != live.description),
        (Change::InputSchema, approved.input_schema != live.input_schema),
        (Change::Annotations, approved.annotations != live.annotations),
        // Manifests of earlier versions have no `definition`.
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
