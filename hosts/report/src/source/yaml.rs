//! YAML with the line of every value, read as proxies read it.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Member, Spot, Text, Value};

/// The maximum number of values, because aliases can multiply the size of a file. No configuration has as many.
const MOST_VALUES: usize = 1_000_000;
/// The maximum depth, which is that of serde_json: each level takes some of the stack. No configuration is as deep.
const MOST_LEVELS: usize = 128;

type Fault = (usize, String);
type Events<'t> = Box<dyn Iterator<Item = Result<(Event<'t>, Span), saphyr_parser::ScanError>> + 't>;

/// Parses the documents of `text`. A fault has its line and a message.
pub fn parse(text: &str) -> Result<Vec<Spot>, Fault> {
    let mut reader =
        Reader { events: Box::new(Parser::new_from_str(text)), anchors: HashMap::new(), values: 0, levels: 0 };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        if let Event::DocumentStart(_) = event {
            let Some((event, span)) = reader.next()? else { break };
            documents.push(reader.value(event, span)?);
        } else if matches!(event, Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..)) {
            documents.push(reader.value(event, span)?);
        }
    }
    documents.retain(|document| document.value != Value::Null);
    if documents.is_empty() { Err((1, "holds nothing".to_owned())) } else { Ok(documents) }
}

struct Reader<'t> {
    events: Events<'t>,
    anchors: HashMap<usize, Spot>,
    values: usize,
    /// The collections around the value that is read.
    levels: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Fault> {
        let next = self.events.next().transpose();
        next.map_err(|fault| (fault.marker().line(), format!("not YAML: {}", fault.info())))
    }

    fn expect(&mut self) -> Result<(Event<'t>, Span), Fault> {
        self.next()?.ok_or_else(|| (1, "not YAML: it ends too early".to_owned()))
    }

    /// Parses the value that starts with `event`.
    fn value(&mut self, event: Event<'t>, span: Span) -> Result<Spot, Fault> {
        let line = span.start.line();
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err((line, "too many values".to_owned()));
        }
        let (anchor, value) = match event {
            Event::Alias(anchor) => {
                let spot = self.anchors.get(&anchor).cloned();
                let spot = spot.ok_or_else(|| (line, "an alias of what is not complete".to_owned()))?;
                self.values += size(&spot);
                return Ok(spot);
            }
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(&text, style, tag.as_ref(), line)),
            Event::SequenceStart(anchor, _) => (anchor, Value::List(self.deeper(line, Self::items)?)),
            Event::MappingStart(anchor, _) => (anchor, Value::Object(self.deeper(line, Self::members)?)),
            _ => return Err((line, "not YAML: a value is missing".to_owned())),
        };
        let spot = Spot { file: 0, line, value };
        if anchor > 0 {
            self.anchors.insert(anchor, spot.clone());
        }
        Ok(spot)
    }

    /// Reads the inside of a collection.
    fn deeper<T>(&mut self, line: usize, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.levels == MOST_LEVELS {
            return Err((line, format!("not YAML: nested deeper than {MOST_LEVELS} levels")));
        }
        self.levels += 1;
        let inside = read(self);
        self.levels -= 1;
        inside
    }

    fn items(&mut self) -> Result<Vec<Spot>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.expect()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.value(event, span)?),
            }
        }
    }

    fn members(&mut self) -> Result<Vec<Member>, Fault> {
        let mut members = Vec::new();
        loop {
            let (event, span) = self.expect()?;
            let line = span.start.line();
            let name = match event {
                Event::MappingEnd => return Ok(members),
                // Names are always strings, even if the scalar would be another type as a value.
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err((line, "the name of a member must be plain text".to_owned())),
            };
            let (event, span) = self.expect()?;
            members.push(Member { name, line, value: self.value(event, span)? });
        }
    }
}

fn size(spot: &Spot) -> usize {
    match &spot.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.iter().map(|member| size(&member.value)).sum::<usize>(),
        _ => 1,
    }
}

/// The value of a scalar. `yes`, `on` and the like are booleans, as in Envoy and Kubernetes.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>, line: usize) -> Value {
    let is_text = tag.is_some_and(|tag| tag.suffix == "str" || (tag.handle.is_empty() && tag.suffix == "!"));
    if style != ScalarStyle::Plain || is_text {
        // The position of a block scalar is that of its text, below the indicator.
        let line_by_line = style == ScalarStyle::Literal;
        return Value::Text(Text { text: text.to_owned(), first_line: line, line_by_line });
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        _ => {}
    }
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" => Value::Bool(true),
        "false" | "no" | "n" | "off" => Value::Bool(false),
        _ if is_json_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(Text { text: text.to_owned(), first_line: line, line_by_line: false }),
    }
}

fn is_json_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_knows_its_line() {
        let text = "# first\na: &one\n  - x\n  - {b: 1,\n     b: no}\nc: *one\nd: |\n  {\n  }\n\"e.f\": 'g'\n";
        let root = &parse(text).unwrap()[0];
        for (path, line) in
            [("a", 2), ("a[0]", 3), ("a[1]", 4), ("a[1].b", 5), ("c", 6), ("c[0]", 3), ("d", 7), ("e.f", 10)]
        {
            assert_eq!(root.line_of(path), line, "{path}");
        }
        assert_eq!(
            root.to_json(),
            r#"{"a":["x",{"b":1,"b":false}],"c":["x",{"b":1,"b":false}],"d":"{\n}\n","e.f":"g"}"#
        );
        let Some(Value::Text(block)) = root.member("d").map(|spot| &spot.value) else { panic!("no text") };
        assert_eq!((block.first_line, block.line_by_line), (8, true));
    }

    #[test]
    fn scalars_are_what_proxies_take_them_for() {
        let of = |text: &str| parse(&format!("a: {text}\n")).unwrap()[0].member("a").unwrap().to_json();
        for (text, json) in [
            ("1", "1"),
            ("-1.5", "-1.5"),
            ("1_000", "\"1_000\""),
            ("0x1F", "\"0x1F\""),
            ("30s", "\"30s\""),
            ("~", "null"),
            ("yes", "true"),
            ("Off", "false"),
            ("\"yes\"", "\"yes\""),
            ("!!str 1", "\"1\""),
            (">-\n  a\n  b", "\"a b\""),
        ] {
            assert_eq!(of(text), json, "{text}");
        }
    }

    #[test]
    fn several_documents_are_told_apart_and_faults_by_their_line() {
        assert_eq!(parse("---\na: 1\n---\n---\nb: 2\n").unwrap().len(), 2);
        assert_eq!(parse("a: 1\nb: [\n").unwrap_err().0, 3);
        assert_eq!(parse("# nothing\n").unwrap_err(), (1, "holds nothing".to_owned()));
        assert!(parse("a: &a [*a]\n").is_err());
    }

    #[test]
    fn no_depth_fills_the_stack() {
        let nested = |levels: usize| parse(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
        assert!(nested(MOST_LEVELS).is_ok());
        assert!(nested(MOST_LEVELS + 1).unwrap_err().1.contains("nested deeper"));
        assert!(parse(&"{a: ".repeat(100_000)).is_err() && parse(&"- ".repeat(100_000)).is_err());
    }
}
