//! `toolgate check`: faults and warnings by line, and a summary of the configuration.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use toolgate_report::check::Checked;
use toolgate_report::source::{Parsed, Remark};
use toolgate_report::summary::is_shadow_warning;

use crate::output::{Report, Trouble};
use crate::source::{environment, find};

/// Checks a configuration: faults, warnings and notes by line, then a summary of what is verified and what is open
#[derive(Args)]
#[command(after_help = "\
Examples:
  toolgate check toolgate.yaml
  toolgate check --strict envoy.yaml
  toolgate check --strict --allow shadow envoy.yaml
  toolgate check bootstrap.yaml lds.yaml cds.yaml
  curl -s http://127.0.0.1:9901/config_dump | toolgate check -
  kubectl kustomize deploy/istio/overlay | toolgate check -
  kubectl get wasmplugin toolgate -o yaml | toolgate check -")]
pub struct Check {
    /// Files that belong together: a configuration in JSON or YAML, an Envoy bootstrap, files of its listeners, routes
    /// or clusters, a dump of the running configuration, or Kubernetes objects of Istio or Envoy Gateway; `-` for
    /// standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The number of the plugin configuration if there are several, counted from 1
    #[arg(long, value_name = "N")]
    plugin: Option<usize>,
    /// Only print faults, warnings and notes
    #[arg(long, short)]
    quiet: bool,
    /// Treat warnings as failures
    #[arg(long)]
    strict: bool,
    /// With `--strict`, warnings that are no failure: `shadow`, for a rollout in shadow mode
    #[arg(long, value_name = "KIND", requires = "strict", hide_possible_values = true)]
    allow: Vec<Allowed>,
    /// Print faults, warnings and notes as JSON
    #[arg(long)]
    json: bool,
}

/// A kind of warnings that `--strict` may let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Allowed {
    /// A policy, a rule or a scenario in shadow mode.
    Shadow,
}

impl Check {
    pub fn run(self) -> Result<Report, Trouble> {
        let found = find(&self.files, self.plugin)?;
        let parsed: Vec<_> = found.iter().map(|found| (found, found.parse(&environment))).collect();
        let passes = |parsed: &Parsed| {
            let fails = |warning: &Remark| self.strict && !self.allows(warning);
            parsed.config.is_some() && !parsed.warnings.iter().any(fails)
        };
        let is_well = parsed.iter().all(|(_, parsed)| passes(parsed));
        let files: Vec<_> = self.files.iter().map(|path| path.display().to_string()).collect();
        let checked = parsed.iter().map(|(found, parsed)| Checked { files: &files, found, parsed });
        let text = if self.json {
            let all: Vec<_> = checked.map(|checked| checked.json()).collect();
            format!("{:#}\n", json!({ "configurations": all }))
        } else {
            checked.map(|checked| checked.words(self.quiet)).collect()
        };
        Ok(Report { text, notes: String::new(), is_well })
    }

    fn allows(&self, warning: &Remark) -> bool {
        self.allow.contains(&Allowed::Shadow) && is_shadow_warning(&warning.fault)
    }
}
