//! Selects configurations in files.

use std::path::{Path, PathBuf};

use clap::Args;
use toolgate::config::Config;
use toolgate_report::source;
pub use toolgate_report::source::Found;

use crate::output::{Trouble, read_text};

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

impl ConfigArgument {
    /// Every plugin configuration in the file, or the chosen one.
    pub fn find(&self) -> Result<Vec<Found>, Trouble> {
        find(std::slice::from_ref(&self.config), self.plugin)
    }

    /// Loads the only configuration. Faults are errors.
    pub fn load(&self) -> Result<Config, Trouble> {
        source::only(&self.config.display().to_string(), &self.find()?, &environment)
    }
}

/// A variable of this machine.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Every plugin configuration in files that belong together, or the one with this number.
pub fn find(paths: &[PathBuf], number: Option<usize>) -> Result<Vec<Found>, Trouble> {
    let files: Vec<_> = paths.iter().map(|path| file(path)).collect::<Result<_, _>>()?;
    source::find(&files, number)
}

fn file(path: &Path) -> Result<source::File, Trouble> {
    Ok(source::File { name: path.display().to_string(), text: read_text(path)? })
}
