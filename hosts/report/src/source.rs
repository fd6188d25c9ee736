//! Configurations in JSON or YAML, alone or inside a proxy's configuration, with the line of every value.

mod advice;
mod clusters;
mod envoy;
mod json;
mod kubernetes;
mod other_jwt;
mod plugin;
mod spot;
mod surroundings;
mod yaml;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;

use toolgate::config::{Config, Fault};

use crate::output::Trouble;
use crate::provider;
use crate::summary::shadow_warnings;
pub use spot::{Member, Spot, Step, Text, Value};

/// Stands for a secret that is not set on this machine. It is long enough for any.
const UNSET: &str = "unset on this machine, where no request is";

/// The most faults, warnings and notes of a kind that are shown. The line of each is looked up in the whole file.
const MOST_REMARKS: usize = 500;

/// A plugin configuration in a file.
pub struct Found {
    /// A description of its place.
    pub place: String,
    /// The configuration.
    pub root: Spot,
    /// Conflicts with its surroundings.
    pub warnings: Vec<Remark>,
}

/// A fault or a warning, and where it is.
#[derive(Clone, Debug)]
pub struct Remark {
    /// The place of the file among the files.
    pub file: usize,
    /// The line.
    pub line: usize,
    /// The fault or the warning.
    pub fault: Fault,
}

/// A file, as it was read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The value of an environment variable, if it is set.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Reads the documents of a file.
fn documents(file: &File) -> Result<Vec<Spot>, Trouble> {
    let File { name, text } = file;
    let parsed = if name.ends_with(".json") || (text.trim_start().starts_with('{') && json::parse(text, 1).is_ok()) {
        json::parse(text, 1).map(|document| vec![document])
    } else {
        yaml::parse(text)
    };
    parsed.map_err(|(line, message)| Trouble(format!("{name}:{line}: {message}")))
}

/// The values in a text that is JSON or YAML.
///
/// # Errors
/// If it is neither.
pub fn spots(text: &str) -> Result<Vec<Spot>, Trouble> {
    documents(&File { name: String::new(), text: text.to_owned() })
}

/// Every plugin configuration in files that belong together, or the one with this number, counted from 1.
///
/// # Errors
/// If a file cannot be read, or holds no configuration, or none of this number.
pub fn find(files: &[File], number: Option<usize>) -> Result<Vec<Found>, Trouble> {
    let mut all = Vec::new();
    for (n, file) in files.iter().enumerate() {
        let mut own = documents(file)?;
        own.iter_mut().for_each(|document| document.set_file(n));
        all.append(&mut own);
    }
    let name = |file: usize| files.get(file).map(|file| file.name.as_str()).unwrap_or_default();
    let found = plugin::find(&kubernetes::unlisted(all));
    let mut found = found.map_err(|(file, line, message)| Trouble(format!("{}:{line}: {message}", name(file))))?;
    match number {
        None => Ok(found),
        Some(n) if (1..=found.len()).contains(&n) => Ok(vec![found.swap_remove(n - 1)]),
        Some(n) => Err(Trouble(format!("{}: there is no plugin configuration {n}, only {}", name(0), found.len()))),
    }
}

/// The only configuration among those that a file holds.
///
/// # Errors
/// If there are several, or it has faults.
pub fn only(name: &str, found: &[Found], environment: Environment<'_>) -> Result<Config, Trouble> {
    let [one] = found else {
        let places: Vec<_> = found.iter().map(|one| format!("line {}", one.root.line)).collect();
        let all = places.join(", ");
        return Err(Trouble(format!("{name}: several plugin configurations ({all}): choose one with --plugin N")));
    };
    let parsed = one.parse(environment);
    parsed.config.ok_or_else(|| {
        let faults: Vec<_> =
            parsed.faults.iter().map(|Remark { line, fault, .. }| format!("{name}:{line}: {fault}")).collect();
        Trouble(format!("the configuration is refused: {}", faults.join("\n  ")))
    })
}

/// The result of parsing a configuration.
pub struct Parsed {
    /// The configuration, if it has no fault.
    pub config: Option<Config>,
    /// Sorted by line.
    pub faults: Vec<Remark>,
    /// Sorted by line.
    pub warnings: Vec<Remark>,
    /// Known behaviour of the provider that a profile names. Sorted by line.
    pub notes: Vec<Remark>,
}

impl Remark {
    /// A remark on the field of a configuration that the fault names.
    fn inside(root: &Spot, fault: Fault) -> Self {
        Self { file: root.file, line: root.line_of(&fault.path), fault }
    }
}

impl Found {
    /// Parses the configuration. Environment variables that are not set on this machine cause only a warning, because
    /// the proxy has its own.
    pub fn parse(&self, environment: Environment<'_>) -> Parsed {
        let unset = RefCell::new(BTreeSet::new());
        let environment = |name: &str| {
            let value = environment(name).filter(|value| !value.is_empty());
            Some(value.unwrap_or_else(|| {
                unset.borrow_mut().insert(name.to_owned());
                UNSET.to_owned()
            }))
        };
        let schema = OnceCell::new();
        let document = || schema.get_or_init(advice::schema);
        let (config, faults) = match Config::parse(self.root.to_json().as_bytes(), &environment) {
            Ok(config) => (Some(config), Vec::new()),
            Err(mut faults) => {
                limit(&mut faults);
                (None, faults.into_iter().map(|fault| advice::completed(&self.root, &document, fault)).collect())
            }
        };
        let mut warnings = config.as_ref().map(|config| config.warnings.clone()).unwrap_or_default();
        warnings.extend(config.as_ref().map(advice::likely_scopes).unwrap_or_default());
        warnings.extend(config.as_ref().map(shadow_warnings).unwrap_or_default());
        self.root.variables(String::new(), &mut |path, name| {
            // What is judged around the filter says more.
            if unset.borrow().contains(name) && !self.warnings.iter().any(|own| own.fault.path == path) {
                let message = format!("`{name}` is not set here: it must be in the plugin's `environment_variables`");
                warnings.push(Fault { path, message });
            }
        });
        let sorted = |mut faults: Vec<Fault>, others: Vec<Remark>| {
            limit(&mut faults);
            let mut all: Vec<_> = faults.into_iter().map(|fault| Remark::inside(&self.root, fault)).collect();
            all.extend(others);
            all.sort_by_key(|remark| (remark.file, remark.line));
            all
        };
        let warnings = sorted(warnings, self.warnings.clone());
        let faults = causes_first(sorted(faults, Vec::new()));
        let notes = sorted(config.as_ref().map(provider::notes).unwrap_or_default(), Vec::new());
        Parsed { config, faults, warnings, notes }
    }
}

/// The faults, with those of a value after those of its members: a rule lacks what one of its members misspells.
fn causes_first(mut faults: Vec<Remark>) -> Vec<Remark> {
    let is_inside = |inner: &Remark, outer: &Remark| {
        let rest = inner.fault.path.strip_prefix(&outer.fault.path);
        rest.is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    for n in (0..faults.len()).rev() {
        let Some(own) = faults.get(n).cloned() else { continue };
        let last = faults.iter().skip(n).rposition(|other| is_inside(other, &own));
        if let Some(part) = last.and_then(|last| faults.get_mut(n..=n + last)) {
            part.rotate_left(1);
        }
    }
    faults
}

/// Counts what is beyond the limit.
fn limit(faults: &mut Vec<Fault>) {
    if faults.len() > MOST_REMARKS {
        // One makes room for the count, so that a limited list is within the limit.
        let more = faults.len() - (MOST_REMARKS - 1);
        faults.truncate(MOST_REMARKS - 1);
        faults.push(Fault { path: String::new(), message: format!("{more} more are not shown") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_a_member_comes_before_that_of_what_holds_it() {
        let remark =
            |path: &str| Remark { file: 0, line: 1, fault: Fault { path: path.to_owned(), message: String::new() } };
        let sorted = |paths: &[&str]| {
            let found = causes_first(paths.iter().map(|path| remark(path)).collect());
            found.into_iter().map(|own| own.fault.path).collect::<Vec<_>>()
        };
        assert_eq!(sorted(&["a", "a.b", "a.b.c", "d"]), ["a.b.c", "a.b", "a", "d"]);
        assert_eq!(sorted(&["a.b", "a", "ab", "a[0]"]), ["a.b", "ab", "a[0]", "a"]);
        assert_eq!(sorted(&[]), Vec::<String>::new());
    }

    #[test]
    fn many_faults_are_counted() {
        let text = (0..3000).map(|n| format!("f{n}: 1\n")).collect::<String>() + "issuers: []\nresources: []\n";
        let found = find(&[File { name: "a.yaml".to_owned(), text }], None).unwrap();
        let faults = found[0].parse(&|_| None).faults;
        assert_eq!(faults.len(), MOST_REMARKS);
        assert!(faults.iter().any(|own| own.fault.message == "2503 more are not shown"), "{:?}", faults.first());
    }
}
