//! JSON with the line of every value. serde_json decides what is valid, as the module's own reader does: a test of the core
//! compares them. Its messages are for people.

use jsonc_parser::ast;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use toolgate::node::Node;

use super::{Member, Spot, Text, Value};

/// Parses `text`, whose first line has the number `first_line`. A fault has its line and a message.
pub fn parse(text: &str, first_line: usize) -> Result<Spot, (usize, String)> {
    if let Err(fault) = serde_json::from_str::<Node>(text) {
        let line = first_line + fault.line().saturating_sub(1);
        let message = fault.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        return Err((line, format!("not JSON: {message}, in column {}", fault.column())));
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    let value = parsed.map_err(|fault| (first_line, format!("not JSON: {fault}")))?.value;
    let lines = Lines { starts: line_starts(text), first_line };
    value.map(|value| lines.spot(&value)).ok_or_else(|| (first_line, "empty".to_owned()))
}

struct Lines {
    /// The offset at which each line starts.
    starts: Vec<usize>,
    first_line: usize,
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

impl Lines {
    fn of(&self, byte: usize) -> usize {
        self.first_line + self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    fn spot(&self, value: &ast::Value<'_>) -> Spot {
        let line = self.of(jsonc_parser::common::Ranged::start(value));
        let value = match value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(flag) => Value::Bool(flag.value),
            ast::Value::NumberLit(number) => Value::Number(number.value.to_owned()),
            ast::Value::StringLit(text) => {
                Value::Text(Text { text: text.value.clone().into_owned(), first_line: line, line_by_line: false })
            }
            ast::Value::Array(array) => Value::List(array.elements.iter().map(|item| self.spot(item)).collect()),
            ast::Value::Object(object) => Value::Object(object.properties.iter().map(|own| self.member(own)).collect()),
        };
        Spot { file: 0, line, value }
    }

    fn member(&self, member: &ast::ObjectProp<'_>) -> Member {
        let line = self.of(member.range.start);
        Member { name: member.name.as_str().to_owned(), line, value: self.spot(&member.value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_knows_its_line() {
        let root =
            parse("{\n \"a\": [\n  1,\n  {\"b.c\": 2,\n   \"b.c\": 3}],\n \"d\":\n  \"x\\ud83d\\ude00\"}", 10).unwrap();
        for (path, line) in
            [("", 10), ("a", 11), ("a[0]", 12), ("a[1].b.c", 14), ("a[1].x", 13), ("d", 15), ("e.f", 10)]
        {
            assert_eq!(root.line_of(path), line, "{path}");
        }
        assert_eq!(root.member("d").and_then(Spot::text), Some("x😀"));
        assert_eq!(root.to_json(), r#"{"a":[1,{"b.c":2,"b.c":3}],"d":"x😀"}"#);
    }

    #[test]
    fn what_is_no_json_is_told_by_its_line() {
        for (text, line) in [("{\n\"a\": 1,\n}", 3), ("{'a': 1}", 1), ("// no\n{}", 1), ("{}\n{}", 2)] {
            assert_eq!(parse(text, 1).unwrap_err().0, line, "{text}");
        }
    }
}
