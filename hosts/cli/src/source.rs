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

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use toolgate::config::{Config, Fault};

use crate::output::{Trouble, read_text};
use crate::provider;
use crate::summary::shadow_warnings;
pub use spot::{Member, Spot, Step, Text, Value};

/// Stands for a secret that is not set on this machine. It is long enough for any.
const UNSET: &str = "unset on this machine, where no request is";

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

/// A fault or a warning, and where it is.
#[derive(Clone, Debug)]
pub struct Remark {
    pub file: usize,
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
        find(std::slice::from_ref(&self.config), self.plugin)
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
                parsed.faults.iter().map(|Remark { line, fault, .. }| format!("\n  {path}:{line}: {fault}")).collect();
            Trouble(format!("the configuration is refused:{}", lines.concat()))
        })
    }
}

/// Every plugin configuration in files that belong together, or the one with this number.
pub fn find(paths: &[PathBuf], number: Option<usize>) -> Result<Vec<Found>, Trouble> {
    let mut all = Vec::new();
    for (file, path) in paths.iter().enumerate() {
        let mut own = documents(path)?;
        own.iter_mut().for_each(|document| document.set_file(file));
        all.append(&mut own);
    }
    let name = |file: usize| paths.get(file).map(|path| path.display().to_string()).unwrap_or_default();
    let found = plugin::find(&kubernetes::unlisted(all));
    let mut found = found.map_err(|(file, line, message)| Trouble(format!("{}:{line}: {message}", name(file))))?;
    match number {
        None => Ok(found),
        Some(n) if (1..=found.len()).contains(&n) => Ok(vec![found.swap_remove(n - 1)]),
        Some(n) => Err(Trouble(format!("{}: there is no plugin configuration {n}, only {}", name(0), found.len()))),
    }
}

/// The result of parsing a configuration.
pub struct Parsed {
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
        warnings.extend(config.as_ref().map(shadow_warnings).unwrap_or_default());
        self.root.variables(String::new(), &mut |path, name| {
            // What is judged around the filter says more.
            if unset.borrow().contains(name) && !self.warnings.iter().any(|own| own.fault.path == path) {
                let message = format!("`{name}` is not set here: it must be in the plugin's `environment_variables`");
                warnings.push(Fault { path, message });
            }
        });
        let sorted = |faults: Vec<Fault>, others: Vec<Remark>| {
            let mut all: Vec<_> = faults.into_iter().map(|fault| Remark::inside(&self.root, fault)).collect();
            all.extend(others);
            all.sort_by_key(|remark| (remark.file, remark.line));
            all
        };
        let warnings = sorted(warnings, self.warnings.clone());
        let faults = sorted(faults, Vec::new());
        let notes = sorted(config.as_ref().map(provider::notes).unwrap_or_default(), Vec::new());
        Parsed { config, faults, warnings, notes }
    }
}
