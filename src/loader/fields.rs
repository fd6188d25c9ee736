//! Walks the configuration tree. Records every fault with its path and continues, so that a user sees all faults at
//! once.

use std::time::Duration;

use crate::config::Fault;
use crate::node::Node;
use crate::scope::Scope;
use crate::url::{Scheme, Url};

/// The findings so far. Faults refuse the configuration, warnings do not.
#[derive(Debug, Default)]
pub struct Findings {
    /// Reasons to refuse the configuration.
    pub faults: Vec<Fault>,
    /// Reasons for a log line.
    pub warnings: Vec<Fault>,
}

impl Findings {
    /// Records a fault. Returns `None`, so that a reader can return it.
    pub fn fault<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        self.faults.push(Fault { path: path.to_owned(), message: message.into() });
        None
    }

    /// Records a warning.
    pub fn warn(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Fault { path: path.to_owned(), message: message.into() });
    }
}

/// A value and its path.
#[derive(Clone, Debug)]
pub struct At<'a> {
    /// Its path.
    pub path: String,
    /// The value.
    pub node: &'a Node,
}

impl<'a> At<'a> {
    fn wrong_type<T>(&self, expected: &str, found: &mut Findings) -> Option<T> {
        found.fault(&self.path, format!("expected {expected}, got {}", self.node.type_name()))
    }

    /// A non-empty string.
    pub fn text(&self, found: &mut Findings) -> Option<&'a str> {
        match self.node {
            Node::Text(text) if text.is_empty() => found.fault(&self.path, "may not be empty"),
            Node::Text(text) => Some(text),
            _ => self.wrong_type("a string", found),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, found: &mut Findings) -> Option<bool> {
        match self.node {
            Node::Bool(flag) => Some(*flag),
            _ => self.wrong_type("a boolean", found),
        }
    }

    /// An integer from `least` to `most`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
    pub fn whole(&self, least: usize, most: usize, found: &mut Findings) -> Option<usize> {
        match self.node {
            Node::Number(n) if n.as_f64().fract() == 0.0 && (least as f64..=most as f64).contains(&n.as_f64()) => {
                Some(n.as_f64() as usize)
            }
            Node::Number(_) => found.fault(&self.path, format!("must be a whole number from {least} to {most}")),
            _ => self.wrong_type("a number", found),
        }
    }

    /// A duration such as `500ms`, `30s`, `10m` or `1h`. `0s` is only accepted if `zero` allows it.
    pub fn duration(&self, zero: Zero, found: &mut Findings) -> Option<Duration> {
        let text = self.text(found)?;
        let Some(duration) = parse_duration(text) else {
            return found
                .fault(&self.path, "must be a duration such as `500ms`, `30s` or `10m`, not negative, at most a year");
        };
        match zero {
            Zero::Refuse if duration.is_zero() => found.fault(&self.path, "must be greater than zero"),
            _ => Some(duration),
        }
    }

    /// One of the words in `choices`.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)], found: &mut Findings) -> Option<T> {
        let text = self.text(found)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        found.fault(&self.path, format!("must be one of {}", words.join(", ")))
    }

    /// An absolute URL. Warns about `http` to another machine.
    pub fn url(&self, found: &mut Findings) -> Option<Url> {
        match Url::parse(self.text(found)?) {
            Ok(url) => {
                if url.scheme() == Scheme::Http && !url.is_loopback() {
                    found.warn(&self.path, "`http` to a host that is not loopback can be read and changed in transit");
                }
                Some(url)
            }
            Err(fault) => found.fault(&self.path, fault.message()),
        }
    }

    /// A valid scope token.
    pub fn scope(&self, found: &mut Findings) -> Option<Scope> {
        let text = self.text(found)?;
        match Scope::parse(text) {
            Some(scope) => Some(scope),
            None => {
                found.fault(&self.path, "a scope must not contain spaces, quotes, backslashes or non-ASCII characters")
            }
        }
    }

    /// A list whose items `item` reads. Faulty items are recorded and skipped.
    pub fn list<T>(
        &self,
        empty: Zero,
        found: &mut Findings,
        mut item: impl FnMut(At<'a>, &mut Findings) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Node::List(nodes) = self.node else {
            return self.wrong_type("a list", found);
        };
        if nodes.is_empty() && matches!(empty, Zero::Refuse) {
            return found.fault(&self.path, "may not be empty");
        }
        let at = |(n, node)| At { path: format!("{}[{n}]", self.path), node };
        Some(nodes.iter().enumerate().map(at).filter_map(|at| item(at, found)).collect())
    }

    /// A list of non-empty strings.
    pub fn texts(&self, empty: Zero, found: &mut Findings) -> Option<Vec<String>> {
        self.list(empty, found, |at, found| at.text(found).map(str::to_owned))
    }

    /// An object with arbitrary, non-empty member names.
    pub fn entries(&self, found: &mut Findings) -> Option<Vec<(&'a str, At<'a>)>> {
        let Node::Object(members) = self.node else {
            return self.wrong_type("an object", found);
        };
        self.no_repeats(found);
        let mut entries = Vec::new();
        for (name, node) in members {
            if name.is_empty() {
                found.fault::<()>(&self.path, "a name may not be empty");
            }
            entries.push((name.as_str(), At { path: join(&self.path, name), node }));
        }
        Some(entries)
    }

    /// An object with a fixed set of members.
    pub fn fields(&self, found: &mut Findings) -> Option<Fields<'a>> {
        let Node::Object(members) = self.node else {
            return self.wrong_type("an object", found);
        };
        self.no_repeats(found);
        Some(Fields { path: self.path.clone(), members, known: Vec::new() })
    }

    fn no_repeats(&self, found: &mut Findings) {
        for name in self.node.repeated_members() {
            found.fault::<()>(&join(&self.path, &name), "is given twice");
        }
    }
}

/// Whether an empty list or a zero duration is accepted.
#[derive(Clone, Copy, Debug)]
pub enum Zero {
    /// Accepted.
    Allow,
    /// A fault.
    Refuse,
}

/// The members of an object. Members that are never taken become faults.
pub struct Fields<'a> {
    /// The object's path.
    pub path: String,
    members: &'a [(String, Node)],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The member `name`, if it is present.
    pub fn take(&mut self, name: &'static str) -> Option<At<'a>> {
        self.known.push(name);
        let (_, node) = self.members.iter().find(|(key, _)| key == name)?;
        Some(At { path: join(&self.path, name), node })
    }

    /// The member `name`. Its absence is a fault.
    pub fn require(&mut self, name: &'static str, found: &mut Findings) -> Option<At<'a>> {
        let at = self.take(name);
        if at.is_none() {
            found.fault::<()>(&join(&self.path, name), "is required");
        }
        at
    }

    /// The duration `name`, or `seconds` if it is absent.
    pub fn duration(&mut self, name: &'static str, seconds: u64, zero: Zero, found: &mut Findings) -> Duration {
        let given = self.take(name).and_then(|at| at.duration(zero, found));
        given.unwrap_or(Duration::from_secs(seconds))
    }

    /// Records every member that was not taken as a fault.
    pub fn finish(self, found: &mut Findings) {
        for (name, _) in self.members {
            if !self.known.contains(&name.as_str()) {
                found.fault::<()>(&join(&self.path, name), "unknown field");
            }
        }
    }
}

/// The path of member `name` in the object at `path`.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The maximum duration. No option needs more than a year, and sums of durations cannot overflow.
const MAX_DURATION: Duration = Duration::from_secs(366 * 86_400);

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(factor)?;
    Some(Duration::from_millis(millis)).filter(|duration| *duration <= MAX_DURATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let ms = Duration::from_millis;
        let cases = [
            ("500ms", Some(ms(500))),
            ("30s", Some(ms(30_000))),
            ("10m", Some(ms(600_000))),
            ("1h", Some(ms(3_600_000))),
            ("0s", Some(ms(0))),
            ("-1s", None),
            ("1", None),
            ("s", None),
            ("1.5s", None),
            ("5 s", None),
            ("5 mins ago", None),
            ("99999999999999999999s", None),
            ("9999999999999999999h", None),
            ("8785h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }
}
