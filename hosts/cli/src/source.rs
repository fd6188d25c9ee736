//! Configurations in JSON or YAML, alone or inside a proxy's configuration, with the line of every value.

mod advice;
mod clusters;
mod json;
mod kubernetes;
mod plugin;
mod surroundings;
mod yaml;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use toolgate::config::{Config, Fault};

use crate::output::{Trouble, read_text};

/// Stands for a secret that is not set on this machine. It is long enough for any.
const UNSET: &str = "unset on this machine, where no request is";

/// A value and its line, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    pub line: usize,
    pub value: Value,
}

/// A value that preserves the order of members, and duplicates.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    List(Vec<Spot>),
    Null,
    /// In JSON syntax.
    Number(String),
    Object(Vec<Member>),
    Text(Text),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub name: String,
    /// The line of the name.
    pub line: usize,
    pub value: Spot,
}

/// A string, and the line where its text starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub text: String,
    pub first_line: usize,
    /// Whether each line of the string is a line of the source.
    pub line_by_line: bool,
}

impl Spot {
    pub fn member(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(members) => members.iter().find(|member| member.name == name).map(|member| &member.value),
            _ => None,
        }
    }

    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(&text.text),
            _ => None,
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
    fn variables(&self, path: String, each: &mut impl FnMut(String, &str)) {
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
    Item(usize),
    Member(String),
}

/// Selects a configuration.
#[derive(Args)]
pub struct ConfigArgument {
    /// The configuration: JSON or YAML, alone or inside an Envoy bootstrap, an Istio WasmPlugin, a TrafficExtension, an
    /// EnvoyFilter or an EnvoyExtensionPolicy; `-` for standard input
    pub config: PathBuf,
    /// The number of the plugin configuration if the file has several, counted from 1
    #[arg(long, value_name = "N")]
    pub plugin: Option<usize>,
}

/// A plugin configuration in a file.
pub struct Found {
    /// A description of its place.
    pub place: String,
    pub root: Spot,
    /// Conflicts with its surroundings.
    pub warnings: Vec<Remark>,
}

/// A fault or a warning, with its line in the file.
#[derive(Clone)]
pub struct Remark {
    pub line: usize,
    pub fault: Fault,
}

/// Reads the documents of a file.
pub fn documents(path: &Path) -> Result<Vec<Spot>, Trouble> {
    let text = read_text(path)?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let parsed = if is_json || (text.trim_start().starts_with('{') && json::parse(&text, 1).is_ok()) {
        json::parse(&text, 1).map(|document| vec![document])
    } else {
        yaml::parse(&text)
    };
    parsed.map_err(|(line, message)| Trouble(format!("{}:{line}: {message}", path.display())))
}

impl ConfigArgument {
    /// Every plugin configuration in the file, or the chosen one.
    pub fn find(&self) -> Result<Vec<Found>, Trouble> {
        let path = self.config.display();
        let mut found = plugin::find(documents(&self.config)?)
            .map_err(|(line, message)| Trouble(format!("{path}:{line}: {message}")))?;
        match self.plugin {
            None => Ok(found),
            Some(n) if (1..=found.len()).contains(&n) => Ok(vec![found.swap_remove(n - 1)]),
            Some(n) => Err(Trouble(format!("{path}: there is no plugin configuration {n}, only {}", found.len()))),
        }
    }

    /// Loads the only configuration. Faults are errors.
    pub fn load(&self) -> Result<Config, Trouble> {
        let path = self.config.display();
        let found = self.find()?;
        let [one] = found.as_slice() else {
            let places: Vec<_> = found.iter().map(|one| format!("line {}", one.root.line)).collect();
            let all = places.join(", ");
            return Err(Trouble(format!("{path}: several plugin configurations ({all}): choose one with --plugin N")));
        };
        let parsed = one.parse();
        parsed.config.ok_or_else(|| {
            let lines: Vec<_> =
                parsed.faults.iter().map(|Remark { line, fault }| format!("\n  {path}:{line}: {fault}")).collect();
            Trouble(format!("the configuration is refused:{}", lines.concat()))
        })
    }
}

/// The result of parsing a configuration.
pub struct Parsed {
    pub config: Option<Config>,
    /// Sorted by line.
    pub faults: Vec<Remark>,
    /// Sorted by line.
    pub warnings: Vec<Remark>,
}

impl Remark {
    /// A remark on the field of a configuration that the fault names.
    fn inside(root: &Spot, fault: Fault) -> Self {
        Self { line: root.line_of(&fault.path), fault }
    }
}

impl Found {
    /// Parses the configuration. Environment variables that are not set on this machine cause only a warning, because
    /// the proxy has its own.
    pub fn parse(&self) -> Parsed {
        let unset = RefCell::new(BTreeSet::new());
        let environment = |name: &str| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            Some(value.unwrap_or_else(|| {
                unset.borrow_mut().insert(name.to_owned());
                UNSET.to_owned()
            }))
        };
        let (config, faults) = match Config::parse(self.root.to_json().as_bytes(), &environment) {
            Ok(config) => (Some(config), Vec::new()),
            Err(faults) => (None, faults.into_iter().map(|fault| advice::completed(&self.root, fault)).collect()),
        };
        let mut warnings = config.as_ref().map(|config| config.warnings.clone()).unwrap_or_default();
        warnings.extend(config.as_ref().map(advice::likely_scopes).unwrap_or_default());
        self.root.variables(String::new(), &mut |path, name| {
            if unset.borrow().contains(name) {
                let message = format!("`{name}` is not set here: it must be in the plugin's `environment_variables`");
                warnings.push(Fault { path, message });
            }
        });
        let sorted = |faults: Vec<Fault>, others: Vec<Remark>| {
            let mut all: Vec<_> = faults.into_iter().map(|fault| Remark::inside(&self.root, fault)).collect();
            all.extend(others);
            all.sort_by_key(|remark| remark.line);
            all
        };
        let warnings = sorted(warnings, self.warnings.clone());
        let faults = sorted(faults, Vec::new());
        Parsed { config, faults, warnings }
    }
}
