//! `toolgate matrix`: the scope matrix as a table.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use toolgate_report::matrix::{as_json, build, markdown, page, terminal, unknown_tools};

use crate::ask::resource;
use crate::output::{Report, Trouble};
use crate::source::ConfigArgument;
use crate::tools::read_tools;

/// Shows the scope matrix: tools by scopes, for each scenario
#[derive(Args)]
#[command(after_help = "\
A cell shows the effect of its column's scope for a caller who otherwise has only the base scopes:
  yes   it allows the tool      part  more scopes are needed with it
  .     it has no effect        no    denied regardless of scopes
  any   any token is enough     base  the base scopes are enough
  open  no token is needed
The last column names the scopes that such a caller needs.

Examples:
  toolgate matrix toolgate.yaml
  toolgate matrix toolgate.yaml --tools tools.json --format html > matrix.html")]
pub struct Matrix {
    #[command(flatten)]
    config: ConfigArgument,
    /// The resource, if there are several
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// The server's response to `tools/list`, to show its tools instead of the rules' names and patterns
    #[arg(long, value_name = "FILE")]
    tools: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Terminal,
    Markdown,
    /// A self-contained page
    Html,
    Json,
}

impl Matrix {
    pub fn run(self) -> Result<Report, Trouble> {
        let config = self.config.load()?;
        let resource = resource(&config, self.resource.as_deref())?;
        let tools = self.tools.as_deref().map(read_tools).transpose()?;
        let tools: Option<Vec<String>> =
            tools.as_ref().map(|tools| tools.names().into_iter().map(str::to_owned).collect());
        let notes = tools.as_ref().map(|tools| unknown_tools(resource, tools)).unwrap_or_default();
        let table = build(&config, resource, tools);
        if table.rows.is_empty() {
            return Err(Trouble("the policy has no rule, so there is nothing to show".to_owned()));
        }
        let text = match self.format {
            Format::Terminal => terminal(&table),
            Format::Markdown => markdown(&table),
            Format::Html => page(&table),
            Format::Json => as_json(&table),
        };
        Ok(Report { text, notes, is_well: true })
    }
}
