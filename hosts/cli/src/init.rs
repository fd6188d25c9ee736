//! `toolgate init`: a draft policy from a server's tools.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use toolgate::manifest::Inventory;
use toolgate::node::Node;
use toolgate::scope::Scope;
use toolgate::token::{GENERIC, PROFILES};
use toolgate::url::Url;

use crate::output::{Report, Trouble, counted};
use crate::tools::{Tools, read_tools};

/// Writes a draft configuration from a server's tools: read-only tools get a read scope, all others a write scope
#[derive(Args)]
#[command(after_help = "\
A server's annotations (`readOnlyHint`) are only hints: review every line.

Example:
  toolgate init tools.json --resource https://mcp.example.com/mcp --issuer https://auth.example.com > toolgate.yaml")]
pub struct Init {
    /// The server's response to `tools/list`, as JSON or an event stream; `-` for standard input
    tools: PathBuf,
    /// The URL of the server as clients use it, through Envoy
    #[arg(long, default_value = "https://mcp.example.com/mcp", value_name = "URL")]
    resource: String,
    /// The authorization server, exactly as in `iss` of its tokens
    #[arg(long, default_value = "https://auth.example.com", value_name = "URL")]
    issuer: String,
    /// The URL of the issuer's keys; by default from its metadata
    #[arg(long, value_name = "URL")]
    jwks: Option<String>,
    /// The Envoy cluster for the keys
    #[arg(long, default_value = "auth", value_name = "NAME")]
    cluster: String,
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

/// A tool as the server describes it.
struct Tool<'t> {
    name: &'t str,
    title: Option<&'t str>,
    reads: bool,
    destroys: bool,
    /// Whether the server says that it needs no sign-in.
    no_auth: bool,
}

impl Init {
    pub fn run(self) -> Result<Report, Trouble> {
        for (argument, url) in [("resource", &self.resource), ("issuer", &self.issuer)] {
            Url::parse(url).map_err(|fault| Trouble(format!("--{argument} {url}: {}", fault.message())))?;
        }
        for (argument, scope) in [("read", &self.read), ("write", &self.write)] {
            Scope::parse(scope).ok_or_else(|| Trouble(format!("--{argument} {scope}: no legal scope")))?;
        }
        let listed = read_tools(&self.tools)?;
        let tools = read(&listed);
        if tools.is_empty() {
            return Err(Trouble(format!("{}: there is no tool", self.tools.display())));
        }
        if let Some(path) = &self.cases {
            let written = std::fs::write(path, self.cases(&tools));
            written.map_err(|error| Trouble(format!("{}: {error}", path.display())))?;
        }
        let mut report = Report::well(self.configuration(&tools));
        if listed.inventory == Inventory::Partial {
            report.notes =
                "note: the last page names another (`nextCursor`): list that too, or its tools are denied\n".to_owned();
        }
        Ok(report)
    }

    /// Whether the issuer's URL is that of a Keycloak realm.
    fn is_keycloak(&self) -> bool {
        self.issuer.split_once("/realms/").is_some_and(|(_, realm)| !realm.is_empty() && !realm.contains('/'))
    }

    /// A proposal to map roles, for tokens that have no scopes.
    fn roles(&self) -> String {
        if !self.is_keycloak() {
            return String::new();
        }
        format!(
            "\
    # Where tokens have roles and no scopes, these grant them (and scopes_supported lists what clients may ask for):
    # scope_map:
    #   - {{claims: {{realm_access.roles: mcp-user}}, scopes: [{}]}}
    #   - {{claims: {{realm_access.roles: mcp-admin}}, scopes: [{}]}}
",
            quoted(&self.read),
            quoted(&self.write),
        )
    }

    fn configuration(&self, tools: &[Tool<'_>]) -> String {
        let jwks = match &self.jwks {
            Some(uri) => format!("uri: {}", quoted(uri)),
            None => "discover: true".to_owned(),
        };
        let (read, write) = (quoted(&self.read), quoted(&self.write));
        let mut text = format!(
            "\
# yaml-language-server: $schema=toolgate.schema.json
# A first policy for {count}: edit it. The schema for your editor: toolgate schema > toolgate.schema.json
issuers:
  - issuer: {issuer}  # exactly as `iss` in its tokens, a trailing slash included
    name: main
{profile}
    jwks: {{{jwks}, cluster: {cluster}}}  # an Envoy cluster, with its TLS
{roles}resources:
  - resource: {resource}  # tokens must be for this audience
    policy:
      hierarchy: {{{write}: [{read}]}}  # who may write may read
      tools:
",
            count = counted(tools.len(), "tool"),
            profile = match self.is_keycloak() {
                true => "    profile: keycloak".to_owned(),
                false => format!("    # profile: keycloak  # what its tokens look like: {}", profiles()),
            },
            roles = self.roles(),
            issuer = quoted(&self.issuer),
            cluster = quoted(&self.cluster),
            resource = quoted(&self.resource),
            write = serde_json::Value::from(self.write.as_str()),
        );
        for (heading, reads) in [("said to be read-only", true), ("all others: they may change something", false)] {
            let group: Vec<_> = tools.iter().filter(|tool| tool.reads == reads).collect();
            if group.is_empty() {
                continue;
            }
            let _ = writeln!(text, "        # {heading}");
            for tool in group {
                let scope = if reads { &read } else { &write };
                let title = tool.title.map(|title| format!("  # {}", one_line(title))).unwrap_or_default();
                let warning = if tool.destroys { "  # destructive: a scope of its own?" } else { "" };
                let no_auth = if tool.no_auth { "  # said to need no sign-in: {public: true}?" } else { "" };
                let _ = writeln!(text, "        {}: {{scopes: [{scope}]}}{title}{warning}{no_auth}", quoted(tool.name));
            }
        }
        text.push_str(
            "      # What is not listed is denied. Prompts, resources and other methods get rules in the same way:\n",
        );
        text.push_str("      # prompts: {\"brief*\": {scopes: [mcp:read]}}\n");
        text
    }

    /// For each tool, one case that is allowed and one that is denied.
    fn cases(&self, tools: &[Tool<'_>]) -> String {
        let (read, write) = (quoted(&self.read), quoted(&self.write));
        let mut text = format!(
            "\
# Who may do what: toolgate test toolgate.yaml {}
callers:
  nobody: {{subject: nobody, scopes: []}}
  reader: {{subject: reader, scopes: [{read}]}}
  writer: {{subject: writer, scopes: [{write}]}}
cases:
",
            self.cases.as_ref().and_then(|path| path.file_name()).unwrap_or_default().to_string_lossy()
        );
        for tool in tools {
            let name = quoted(tool.name);
            let (may, may_not, missing) =
                if tool.reads { ("reader", "nobody", &read) } else { ("writer", "reader", &write) };
            let _ = writeln!(text, "  - {{as: {may}, tool: {name}, expect: allow}}");
            let _ = writeln!(text, "  - {{as: {may_not}, tool: {name}, expect: deny, missing: [{missing}]}}");
        }
        text.push_str("  - {as: writer, tool: a_tool_that_nobody_listed, expect: deny, reason: unlisted}\n");
        text
    }
}

/// The names of the profiles.
fn profiles() -> String {
    let mut names: Vec<_> = PROFILES.iter().map(|profile| profile.name).filter(|name| *name != GENERIC.name).collect();
    names.sort_unstable();
    names.join(", ")
}

fn read(tools: &Tools) -> Vec<Tool<'_>> {
    let hint = |tool: &Node, name: &str| tool.member("annotations").and_then(|hints| hints.member(name)).cloned();
    let one = |tool: &'_ Node| (hint(tool, "readOnlyHint"), hint(tool, "destructiveHint"));
    let named = tools.entries.iter().filter_map(|tool| Some((tool, tool.member("name")?.as_text()?)));
    let mut read: Vec<_> = named
        .map(|(tool, name)| {
            let (reads, destroys) = one(tool);
            let reads = reads == Some(Node::Bool(true));
            let title = tool.member("title").and_then(Node::as_text);
            let destroys = !reads && destroys == Some(Node::Bool(true));
            Tool { name, title, reads, destroys, no_auth: needs_no_auth(tool) }
        })
        .collect();
    read.sort_by_key(|tool| tool.name);
    read.dedup_by_key(|tool| tool.name);
    read
}

/// Whether one of the tool's `securitySchemes` is `noauth`.
fn needs_no_auth(tool: &Node) -> bool {
    let is_it = |scheme: &Node| scheme.member("type").and_then(Node::as_text) == Some("noauth");
    matches!(tool.member("securitySchemes"), Some(Node::List(schemes)) if schemes.iter().any(is_it))
}

/// A string in YAML: plain if that is unambiguous, else quoted as in JSON.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:".contains(c))
        && !text.ends_with(':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
        );
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect()
}
