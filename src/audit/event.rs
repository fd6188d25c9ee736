//! Events: what happens after a decision, or without one.

use super::{EVENT_PREFIX, MAX_TEXT, Stamp};
use crate::json::Object;
use crate::manifest::Manifest;

/// An event, for a line of the log and a count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The stable name.
    pub name: &'static str,
    /// The decision before it.
    pub decision_id: Option<String>,
    /// The identifier of its resource.
    pub resource: Option<String>,
    /// Its cause: a sentence, or a stable code.
    pub detail: String,
    /// The tool or other thing that it is about.
    pub target: Option<String>,
}

impl Event {
    /// An event that belongs to no request.
    pub fn new(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, detail: detail.into(), ..Self::default() }
    }

    /// The line: `toolgate.event ` and a JSON object. Unknown values are omitted.
    pub fn line(&self, stamp: &Stamp<'_>) -> String {
        let mut line = Object::line(EVENT_PREFIX, MAX_TEXT);
        line.text("event", Some(self.name));
        line.text("decision_id", self.decision_id.as_deref());
        line.text("resource", self.resource.as_deref());
        line.text("detail", Some(&self.detail));
        line.text("target", self.target.as_deref());
        stamp.add(&mut line);
        line.finish()
    }
}

/// An event line with the complete manifest of a server's live tools.
pub fn manifest_line(resource: &str, manifest: &Manifest, stamp: &Stamp<'_>) -> String {
    // Line feeds inside strings are escaped.
    let tools: String = manifest.tools_json().lines().map(str::trim_start).collect();
    let mut document = Object::new();
    document.raw("tools", &tools);
    let mut line = Object::new();
    line.text("event", Some("manifest"));
    line.text("resource", Some(resource));
    line.raw("manifest", &document.finish());
    stamp.add(&mut line);
    format!("{EVENT_PREFIX}{}", line.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::log_line;
    use crate::node::Node;
    use crate::time::UnixTime;

    const AT: Stamp<'_> = Stamp { now: UnixTime::from_millis(1_795_867_200_007), node: None };

    fn read(line: &str) -> serde_json::Value {
        serde_json::from_str(line.strip_prefix(EVENT_PREFIX).unwrap()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_with_its_time_and_without_what_is_unknown() {
        let drift = Event {
            resource: Some("https://m/mcp".into()),
            target: Some("a\nb".into()),
            ..Event::new("drift", "added")
        };
        let line = drift.line(&AT);
        assert!(line.is_ascii() && !line.contains('\n'), "{line}");
        let expected = serde_json::json!({
            "event": "drift", "resource": "https://m/mcp", "detail": "added", "target": "a\nb",
            "time": "2026-11-28T12:00:00.007Z",
        });
        assert_eq!(read(&line), expected);
        let node = Stamp { node: Some("edge-1"), ..AT };
        assert_eq!(read(&Event::new("outage", "no answer").line(&node))["node"], "edge-1");
    }

    #[test]
    fn a_manifest_is_one_line_whatever_it_holds() {
        let text = "a\nb\u{202e}\u{2028}";
        let tool = serde_json::json!({"name": text, "description": text, "annotations": {text: text}});
        let node: Node = serde_json::from_value(tool).unwrap();
        let line = manifest_line(text, &Manifest::of_tools([&node]).unwrap(), &AT);
        let line = log_line(&line);
        assert!(line.is_ascii() && !line.contains('\n'), "{line}");
        let json = read(&line);
        assert_eq!(json["manifest"]["tools"][text]["annotations"][text], text);
        assert_eq!(json["time"], "2026-11-28T12:00:00.007Z");
    }
}
