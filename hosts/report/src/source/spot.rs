//! Values of JSON and YAML with their places, and paths into them.

use serde_json::json;

/// A value, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// The number of the file among those that were given.
    pub file: usize,
    /// Counted from 1.
    pub line: usize,
    /// The value itself.
    pub value: Value,
}

/// A value that preserves the order of members, and duplicates.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Spot>),
    /// `null`, or nothing.
    Null,
    /// In JSON syntax.
    Number(String),
    /// A map, with duplicate members.
    Object(Vec<Member>),
    /// A string.
    Text(Text),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The name.
    pub name: String,
    /// The line of the name.
    pub line: usize,
    /// The value.
    pub value: Spot,
}

/// A string, and the line where its text starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// The line where it starts.
    pub first_line: usize,
    /// Whether each line of the string is a line of the source.
    pub line_by_line: bool,
}

impl Spot {
    /// The member `name` of a map.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(members) => members.iter().find(|member| member.name == name).map(|member| &member.value),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    /// The member of a message of Envoy's, under either of its two spellings: `vm_config` or `vmConfig`.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(members) => {
                members.iter().find(|member| Self::is_spelled(&member.name, name)).map(|member| &member.value)
            }
            _ => None,
        }
    }

    /// Whether `written` is the field `name` of a message, in snake case or in camel case.
    pub fn is_spelled(written: &str, name: &str) -> bool {
        let mut rest = name.chars();
        let mut same = true;
        for c in written.chars() {
            match rest.next() {
                Some('_') if c != '_' => same &= rest.next().is_some_and(|next| next.to_ascii_uppercase() == c),
                next => same &= next == Some(c),
            }
        }
        same && rest.next().is_none()
    }

    /// The field at a path of names, such as `vm_config.vm_id`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |spot, name| spot.field(name))
    }

    /// The items of a list in a field. Without one, none.
    pub fn list(&self, name: &str) -> &[Self] {
        self.field(name).map(Self::items).unwrap_or_default()
    }

    /// The value of its `name`, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.field("name").and_then(Self::text).filter(|name| !name.is_empty())
    }

    /// Whether it is `true`, also inside a message that wraps it.
    pub fn is_true(&self) -> bool {
        self.field("value").unwrap_or(self).value == Value::Bool(true)
    }

    /// A number that is whole and not negative, also inside a message that wraps it.
    pub fn number(&self) -> Option<u64> {
        match &self.field("value").unwrap_or(self).value {
            Value::Number(number) => number.parse().ok(),
            _ => None,
        }
    }

    /// Whether something holds of the value or of any value in it.
    pub fn any(&self, holds: &mut impl FnMut(&Self) -> bool) -> bool {
        if holds(self) {
            return true;
        }
        match &self.value {
            Value::List(items) => items.iter().any(|item| item.any(holds)),
            Value::Object(members) => members.iter().any(|member| member.value.any(holds)),
            _ => false,
        }
    }

    /// Says from which file the value is.
    pub fn set_file(&mut self, file: usize) {
        self.file = file;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.set_file(file)),
            Value::Object(members) => members.iter_mut().for_each(|member| member.value.set_file(file)),
            _ => {}
        }
    }

    /// The value as JSON, with duplicate members, so that the core sees and refuses them.
    pub fn to_json(&self) -> String {
        let quote = |text: &str| json!(text).to_string();
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.clone(),
            Value::Text(text) => quote(&text.text),
            Value::List(items) => format!("[{}]", items.iter().map(Self::to_json).collect::<Vec<_>>().join(",")),
            Value::Object(members) => {
                let member = |member: &Member| format!("{}:{}", quote(&member.name), member.value.to_json());
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }

    /// Passes the path of each field that names an environment variable, and that name.
    pub fn variables(&self, path: String, each: &mut impl FnMut(String, &str)) {
        match &self.value {
            Value::Object(members) => {
                for Member { name, value, .. } in members {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    match value.text().filter(|_| name.ends_with("secret_env")) {
                        Some(variable) => each(path, variable),
                        None => value.variables(path, each),
                    }
                }
            }
            Value::List(items) => {
                items.iter().enumerate().for_each(|(n, item)| item.variables(format!("{path}[{n}]"), each));
            }
            _ => {}
        }
    }

    /// The line of the value at a fault's path, or of the innermost value around it that exists.
    pub fn line_of(&self, path: &str) -> usize {
        self.resolved(path).2
    }

    /// The steps to the value at a fault's path, as far as they exist.
    pub fn steps(&self, path: &str) -> Vec<Step> {
        self.resolved(path).0
    }

    /// The value at a fault's path, or the innermost one around it that exists.
    pub fn found(&self, path: &str) -> &Self {
        self.resolved(path).1
    }

    /// Follows a path, whose names may contain dots and brackets: it is matched against the names that exist. Gives the
    /// steps, the value, and the line of its name, or of the value without one.
    fn resolved(&self, path: &str) -> (Vec<Step>, &Self, usize) {
        let (mut steps, mut spot, mut line, mut path) = (Vec::new(), self, self.line, path);
        loop {
            let rest = path.strip_prefix('.').unwrap_or(path);
            let next = match &spot.value {
                Value::Object(members) => {
                    let ends = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
                    let named =
                        members.iter().filter_map(|member| Some((member, rest.strip_prefix(member.name.as_str())?)));
                    // Prefer the longest name that matches. Of duplicates, prefer the last one.
                    let named = named.filter(|(_, rest)| ends(rest)).max_by_key(|(member, _)| member.name.len());
                    named.map(|(member, rest)| (Step::Member(member.name.clone()), &member.value, member.line, rest))
                }
                Value::List(items) => {
                    let indexed = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                    indexed.and_then(|(place, rest)| {
                        let place = place.parse().ok()?;
                        let item = items.get(place)?;
                        Some((Step::Item(place), item, item.line, rest))
                    })
                }
                _ => None,
            };
            let Some((step, value, own, rest)) = next else {
                // Something is missing here: it is told at the start of what should have it.
                return (steps, spot, if path.is_empty() { line } else { spot.line });
            };
            steps.push(step);
            (spot, line, path) = (value, own, rest);
        }
    }
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The item of a list at this place.
    Item(usize),
    /// The member of a map with this name.
    Member(String),
}
