//! Results in JUnit's XML format, which CI systems read.

use std::fmt::Write;

use super::Outcome;
use crate::output::markup;

/// The report about `outcomes`.
pub fn report(outcomes: &[Outcome]) -> String {
    let failures = outcomes.iter().filter(|outcome| !outcome.differences.is_empty()).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites tests=\"{}\" failures=\"{failures}\">", outcomes.len());
    let _ = writeln!(xml, "  <testsuite name=\"toolgate\" tests=\"{}\" failures=\"{failures}\">", outcomes.len());
    for outcome in outcomes {
        let name = escaped(&outcome.name);
        if outcome.differences.is_empty() {
            let _ = writeln!(xml, "    <testcase classname=\"policy\" name=\"{name}\"/>");
        } else {
            let message = escaped(&outcome.differences.join("; "));
            let _ = writeln!(xml, "    <testcase classname=\"policy\" name=\"{name}\">");
            let _ = writeln!(xml, "      <failure message=\"{message}\"/>");
            let _ = writeln!(xml, "    </testcase>");
        }
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// Escapes text for an attribute. XML 1.0 does not allow control characters.
fn escaped(text: &str) -> String {
    markup(&text.replace(char::is_control, " "))
}
