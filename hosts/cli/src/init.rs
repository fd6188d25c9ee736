//! `toolgate init`: a draft policy from a server's tools.

mod carrier;
mod draft;
mod server;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use toolgate::manifest::Inventory;
use toolgate::node::Node;
use toolgate::scope::Scope;
use toolgate::url::Url;

use crate::client::{Client, Reach};
use crate::output::{Report, Trouble, read_token};
use crate::tools::read_tools;
use carrier::Carrier;
use draft::Draft;

/// Writes a draft configuration from a server's tools: read-only tools get a read scope, all others a write scope
#[derive(Args)]
#[command(after_help = "\
A server's annotations (`readOnlyHint`) are only hints: review every line.

Examples:
  toolgate init --url http://127.0.0.1:8000/mcp --save tools.json > toolgate.yaml
  toolgate init --url http://127.0.0.1:8000/mcp --format envoy --issuer https://auth.example.com > envoy.yaml
  toolgate init tools.json --resource https://mcp.example.com/mcp --issuer https://auth.example.com > toolgate.yaml")]
pub struct Init {
    /// The server's response to `tools/list`, as JSON or an event stream; `-` for standard input
    #[arg(required_unless_present = "server", conflicts_with = "server")]
    tools: Option<PathBuf>,
    /// The MCP server itself, which is asked for its lists
    #[arg(long = "url", value_name = "URL", id = "server")]
    server: Option<String>,
    /// A file with an access token for the server, or `-` for standard input; by default the variable TOOLGATE_TOKEN
    #[arg(long, value_name = "FILE", requires = "server")]
    token: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
    /// Also write the server's tools, for `toolgate matrix --tools` and `toolgate manifest`
    #[arg(long, value_name = "FILE", requires = "server")]
    save: Option<PathBuf>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Policy)]
    format: Format,
    /// The URL of the server as clients use it, through Envoy
    #[arg(long, default_value = "https://mcp.example.com/mcp", value_name = "URL")]
    resource: String,
    /// The authorization server, exactly as in `iss` of its tokens
    #[arg(long, default_value = "https://auth.example.com", value_name = "URL")]
    issuer: String,
    /// The URL of the issuer's keys; by default from its metadata
    #[arg(long, value_name = "URL")]
    jwks: Option<String>,
    /// The Envoy cluster for the keys; by default the one that the format makes, or `auth`
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The scope for read-only tools
    #[arg(long, default_value = "mcp:read", value_name = "SCOPE")]
    read: String,
    /// The scope for all other tools
    #[arg(long, default_value = "mcp:write", value_name = "SCOPE")]
    write: String,
    /// Also write a file of cases for `toolgate test`
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Format {
    /// The configuration alone
    Policy,
    /// A complete bootstrap of Envoy
    Envoy,
    /// The objects of Istio: WasmPlugin, gateway, route, and the way to the authorization server
    Istio,
    /// The objects of Envoy Gateway: EnvoyExtensionPolicy, gateway, route, and the way to the authorization server
    Gateway,
}

impl Init {
    pub fn run(self) -> Result<Report, Trouble> {
        for (argument, url) in [("resource", &self.resource), ("issuer", &self.issuer)] {
            Url::parse(url).map_err(|fault| Trouble(format!("--{argument} {url}: {}", fault.message())))?;
        }
        for (argument, scope) in [("read", &self.read), ("write", &self.write)] {
            Scope::parse(scope).ok_or_else(|| Trouble(format!("--{argument} {scope}: no legal scope")))?;
        }
        let lists = self.lists()?;
        let carrier = Carrier {
            format: self.format,
            resource: &self.resource,
            keys: self.jwks.as_deref().unwrap_or(&self.issuer),
            server: self.server.as_deref(),
        };
        let cluster = self.cluster.clone().map_or_else(|| carrier.cluster(), Ok)?;
        let draft = Draft {
            issuer: &self.issuer,
            jwks: self.jwks.as_deref(),
            cluster: &cluster,
            resource: &self.resource,
            read: &self.read,
            write: &self.write,
            tools: draft::tools(&lists.tools),
            prompts: lists.prompts,
            resources: lists.resources,
        };
        if draft.tools.is_empty() {
            return Err(Trouble(format!("{}: there is no tool", self.source())));
        }
        if let Some(path) = &self.cases {
            write(path, &draft.cases(path))?;
        }
        let mut report = Report::well(carrier.file(&draft.configuration(), &cluster)?);
        report.notes = lists.notes;
        Ok(report)
    }

    /// The name of what is read.
    fn source(&self) -> String {
        let file = self.tools.as_ref().map(|path| path.display().to_string());
        file.or(self.server.clone()).unwrap_or_default()
    }

    fn lists(&self) -> Result<Lists, Trouble> {
        let Some(url) = &self.server else {
            let path = self.tools.clone().unwrap_or_default();
            let listed = read_tools(&path)?;
            let note = "note: the last page names another (`nextCursor`): list that too, or its tools are denied\n";
            let is_partial = listed.inventory == Inventory::Partial;
            let notes = if is_partial { note.to_owned() } else { String::new() };
            return Ok(Lists { tools: listed.entries, prompts: Vec::new(), resources: Vec::new(), notes });
        };
        Url::parse(url).map_err(|fault| Trouble(format!("--url {url}: {}", fault.message())))?;
        let token = match &self.token {
            Some(path) => Some(read_token(path)?),
            None => std::env::var("TOOLGATE_TOKEN").ok().map(|own| own.trim().to_owned()).filter(|own| !own.is_empty()),
        };
        let lists = server::lists(&Client::new(&self.reach)?, url, token.as_deref());
        let lists = lists.map_err(|fault| Trouble(format!("{url}: {fault}")))?;
        if let Some(path) = &self.save {
            write(path, &format!("{:#}\n", serde_json::json!({ "tools": lists.tools })))?;
        }
        let tools = lists.tools.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
        let tools = tools.map_err(|fault: serde_json::Error| Trouble(format!("{url}: {fault}")))?;
        Ok(Lists { tools, prompts: lists.prompts, resources: lists.resources, notes: lists.notes })
    }
}

/// The lists of a server.
struct Lists {
    tools: Vec<Node>,
    prompts: Vec<String>,
    resources: Vec<String>,
    notes: String,
}

fn write(path: &Path, text: &str) -> Result<(), Trouble> {
    std::fs::write(path, text).map_err(|error| Trouble(format!("{}: {error}", path.display())))
}
