//! The recorded arguments of a call (`audit.arguments`).

use crate::config::{Audit, Pointer};
use crate::json::Object;
use crate::node::Node;
use crate::policy::scalar_at;
use crate::text::truncate;

/// The maximum length of a value.
const MAX_VALUE: usize = 128;

impl Audit {
    /// The recorded arguments of a call of `tool`, as a JSON object. `None` if none is recorded.
    pub fn recorded(&self, tool: &str, arguments: Option<&[u8]>) -> Option<String> {
        let arguments = arguments?;
        let pointers = self.arguments.iter().filter(|(tools, _)| tools.matches(tool)).flat_map(|(_, all)| all);
        let mut named: Vec<&Pointer> = Vec::new();
        let mut object = Object::new();
        for pointer in pointers {
            if named.contains(&pointer) {
                continue;
            }
            let Some(json) = scalar_at(arguments, &pointer.path) else { continue };
            named.push(pointer);
            let text = json.strip_prefix('"').map(|_| Node::from_json(json.as_bytes()).ok());
            match text {
                Some(node) => {
                    let text = node.as_ref().and_then(Node::as_text).unwrap_or_default();
                    object.text_of(&pointer.text, truncate(text, MAX_VALUE))
                }
                // A number may be written with any number of digits.
                None if json.len() > MAX_VALUE => object.text_of(&pointer.text, truncate(json, MAX_VALUE)),
                None => object.raw_of(&pointer.text, json),
            };
        }
        (!named.is_empty()).then(|| object.finish())
    }
}
